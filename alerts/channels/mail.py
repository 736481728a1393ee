"""E-mail: a plain text of one fixed sentence, handed to the site's own mail server.

Neither the subject nor the body names anybody or says anything about health. A repeat carries the
same Message-ID and the same `Idempotency-Key`, so that a mailbox that saw both shows one. The way
to the server is encrypted and its certificate is checked, except on this machine. What the server
says is judged by `judge`; it never retries by itself.
"""

from __future__ import annotations

import re
import ssl
from dataclasses import dataclass
from email.message import EmailMessage
from email.utils import format_datetime
from typing import TYPE_CHECKING, Final

import aiosmtplib

from tidewell.contact_addresses import EMAIL, checked_address, is_this_machine
from tidewell.errors import (
    ChannelError,
    ChannelSettingsError,
    ChannelUnavailableError,
    DeadAddressError,
    SettingsError,
    UsageError,
)

if TYPE_CHECKING:
    from alerts.deliveries import Message
    from tidewell.settings import Settings

TIMEOUT_S: Final = 5.0
"""For each answer of the server; the whole, which needs several, is cut off by the sender."""

SUBJECT: Final = "Wellbeing: please look at your list"

FOOTER: Final = (
    "Sign in to read more. Opening the link accepts nothing.\n"
    "Tidewell is not an emergency service. If someone is in danger, call 999.\n"
)

_OURS: Final = frozenset({530, 534, 535, 538})
"""The server refuses our account or our encryption: no recipient can help that."""

_ENHANCED: Final = re.compile(r"\b([245])\.(\d{1,3})\.(\d{1,3})\b")
_NOBODY_THERE: Final = frozenset({"5.1.1", "5.1.6", "5.1.10", "5.2.1"})
"""No such mailbox, moved without a new one, a domain that takes no mail, or switched off."""
_MAY_PASS: Final = frozenset({"5.2.2", "5.3.1", "5.3.2", "5.4.4", "5.4.5", "5.4.7"})
"""Said with 5xx by some servers and true for a while only: a full mailbox or system, no route."""


_CANNOT_DO_IT: Final = (aiosmtplib.SMTPNotSupported, aiosmtplib.SMTPException)
"""What the library raises, these very classes, when a server does not offer what we ask of it."""


@dataclass(frozen=True, slots=True)
class MailServer:
    """Where mail is handed over, and as whom."""

    host: str
    port: int
    security: str
    sender: str
    user: str | None
    password: str | None
    tls: ssl.SSLContext | None


def mail_server_of(settings: Settings) -> MailServer | None:
    """Return the mail server of a site, or None where it has none.

    Raises:
        SettingsError: a setting is missing, or goes together badly with another one.
    """
    if settings.smtp_host is None:
        return None
    if settings.smtp_from is None:
        raise SettingsError("TIDEWELL_SMTP_HOST is set; set TIDEWELL_SMTP_FROM too")
    try:
        sender = checked_address(EMAIL, settings.smtp_from)
    except UsageError as error:
        raise SettingsError(f"TIDEWELL_SMTP_FROM: {error}") from None
    if (settings.smtp_user is None) != (settings.smtp_password is None):
        raise SettingsError("set both of TIDEWELL_SMTP_USER and TIDEWELL_SMTP_PASSWORD, or neither")
    if settings.smtp_security == "none" and not is_this_machine(settings.smtp_host):
        raise SettingsError(
            "TIDEWELL_SMTP_SECURITY=none is for a mail server on this machine; use starttls or tls"
        )
    password = settings.smtp_password
    return MailServer(
        settings.smtp_host,
        settings.smtp_port,
        settings.smtp_security,
        sender,
        settings.smtp_user,
        None if password is None else password.get_secret_value(),
        None if settings.smtp_security == "none" else _tls(settings),
    )


def _tls(settings: Settings) -> ssl.SSLContext:
    try:
        return ssl.create_default_context(cafile=settings.smtp_ca)
    except (OSError, ssl.SSLError) as error:
        raise SettingsError(
            f"TIDEWELL_SMTP_CA: the certificate cannot be read: {type(error).__name__}"
        ) from None


def mail_of(message: Message, sender: str) -> EmailMessage:
    """Return what is sent, the same for every repeat of a message."""
    mail = EmailMessage()
    mail["From"] = f"Tidewell <{sender}>"
    mail["To"] = message.address
    mail["Subject"] = SUBJECT
    mail["Date"] = format_datetime(message.raised_at)
    mail["Message-ID"] = f"<{message.idempotency_key}@{sender.rpartition('@')[2]}>"
    mail["Idempotency-Key"] = message.idempotency_key
    mail["Auto-Submitted"] = "auto-generated"
    mail["X-Auto-Response-Suppress"] = "All"
    mail.set_content(f"{message.text}\n\n-- \n{FOOTER}")
    return mail


class Mail:
    """Hands messages to a mail server, each over a connection of its own."""

    def __init__(self, server: MailServer, timeout_s: float = TIMEOUT_S) -> None:
        self._server = server
        self._timeout_s = timeout_s

    async def send(self, message: Message) -> None:
        """Hand a message over; what an answer of the server means is in `judge`."""
        try:
            await self._hand_over(message)
        except aiosmtplib.SMTPRecipientsRefused as error:
            raise judge(error.recipients[0].code, error.recipients[0].message) from None
        except aiosmtplib.SMTPAuthenticationError as error:
            raise _of_account(error.code) from None
        except aiosmtplib.SMTPSenderRefused as error:
            raise _of_sender(error.code) from None
        except aiosmtplib.SMTPResponseException as error:
            raise judge(error.code, error.message) from None
        except ssl.SSLCertVerificationError:
            raise _certificate() from None
        except (aiosmtplib.SMTPException, OSError) as error:
            if isinstance(error.__cause__, ssl.SSLCertVerificationError):
                raise _certificate() from None
            if type(error) in _CANNOT_DO_IT:
                raise _ours("encryption or signing in", "SMTP_SECURITY") from None
            raise ChannelUnavailableError(
                f"the mail server could not be reached: {type(error).__name__}"
            ) from None

    async def close(self) -> None:
        """Do nothing: each message closes its own connection."""

    async def _hand_over(self, message: Message) -> None:
        server = self._server
        client = aiosmtplib.SMTP(
            hostname=server.host,
            port=server.port,
            username=server.user,
            password=server.password,
            use_tls=server.security == "tls",
            start_tls=server.security == "starttls",
            tls_context=server.tls,
            timeout=self._timeout_s,
            # Else the name of this machine would be asked of the network, and told to the server.
            local_hostname=server.sender.rpartition("@")[2],
        )
        try:
            await client.connect()
            await client.send_message(
                mail_of(message, server.sender), sender=server.sender, recipients=[message.address]
            )
        finally:
            # The message was taken or was not: a goodbye that hangs would only put that in doubt.
            client.close()


def judge(code: int, words: str) -> ChannelError:
    """Return what an answer of a mail server means; it never repeats the server's own words.

    Example:
        >>> type(judge(550, "5.1.1 no such user")).__name__, judge(451, "later").worth_a_retry
        ('DeadAddressError', True)
    """
    found = _ENHANCED.search(words)
    status = ".".join(found.groups()) if found else ""
    said = f"the mail server answered {code} {status}".rstrip()
    if code in _OURS:
        return ChannelSettingsError(f"{said}; check the account and the encryption of our mail")
    if 400 <= code < 500 or status in _MAY_PASS or status.startswith("4."):
        return ChannelUnavailableError(said)
    if status.startswith("5.7.") or status in {"5.1.7", "5.1.8"}:
        return ChannelSettingsError(f"{said}; it does not let us send: ask whoever runs it")
    if status in _NOBODY_THERE:
        return DeadAddressError(f"{said}: nobody has this address; write down another")
    if code < 400:
        return ChannelUnavailableError(f"{said}, which is no answer to a message")
    return ChannelError(f"{said}; check the address")


def _of_account(code: int) -> ChannelError:
    if 400 <= code < 500:
        return ChannelUnavailableError(f"the mail server does not sign us in now ({code})")
    return _ours(f"our user name or password ({code})", "SMTP_PASSWORD")


def _of_sender(code: int) -> ChannelError:
    if 400 <= code < 500:
        return ChannelUnavailableError(f"the mail server does not take our sender now ({code})")
    return _ours(f"the address that we send from ({code})", "SMTP_FROM")


def _ours(what: str, setting: str) -> ChannelSettingsError:
    return ChannelSettingsError(f"the mail server refuses {what}; correct TIDEWELL_{setting}")


def _certificate() -> ChannelSettingsError:
    return ChannelSettingsError(
        "the mail server shows a certificate that we do not trust;"
        " correct TIDEWELL_SMTP_HOST or set TIDEWELL_SMTP_CA"
    )
