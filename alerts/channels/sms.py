"""Text messages through GOV.UK Notify, with its own client library.

A template at Notify says `((message))` and nothing else; it gets one fixed sentence with a link.
The idempotency key goes along as the reference, by which a receipt finds its message; Notify does
not drop repeats by it. The client waits in a thread of its own and never holds up anything else.
Errors never repeat what Notify says: it may name the number.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from notifications_python_client.errors import APIError, InvalidResponse
from notifications_python_client.notifications import NotificationsAPIClient

from alerts.channels.posting import WORTH_A_RETRY, retry_after_s
from alerts.channels.threads import Threads
from tidewell.contact_addresses import is_this_machine
from tidewell.errors import (
    ChannelError,
    ChannelSettingsError,
    ChannelUnavailableError,
    SettingsError,
)

if TYPE_CHECKING:
    from alerts.deliveries import Message
    from tidewell.settings import Settings

TIMEOUT_S: Final = 8.0
"""For connecting, and for each wait for bytes; the whole is cut off by the sender."""

WITHIN_S: Final = 12.0
"""For one text as a whole, below the cut-off of the sender: the thread is left to end by itself."""

THREADS_MOST: Final = 8
"""As many texts as are under way at once."""

KEY_CHARACTERS_LEAST: Final = 74
"""A name, then the numbers of the service and of the secret, 36 characters each, with dashes."""

logging.getLogger("notifications_python_client").setLevel(logging.CRITICAL)


@dataclass(frozen=True, slots=True)
class NotifyAccount:
    """An account at GOV.UK Notify."""

    key: str
    template: str
    url: str


def notify_account_of(settings: Settings) -> NotifyAccount | None:
    """Return the account of a site, or None where it has none.

    Raises:
        SettingsError: a setting is missing or cannot be used.
    """
    if settings.notify_key is None:
        return None
    key = settings.notify_key.get_secret_value()
    if len(key) < KEY_CHARACTERS_LEAST:
        raise SettingsError(
            "TIDEWELL_NOTIFY_KEY is too short to be an API key of GOV.UK Notify; copy it whole"
        )
    if settings.notify_template is None:
        raise SettingsError(
            "TIDEWELL_NOTIFY_KEY is set; set TIDEWELL_NOTIFY_TEMPLATE too: docs/channels.md"
        )
    parts = urlsplit(settings.notify_url)
    if parts.scheme != "https" and not is_this_machine(parts.hostname or ""):
        raise SettingsError("TIDEWELL_NOTIFY_URL is not encrypted; use https://")
    return NotifyAccount(key, settings.notify_template, settings.notify_url)


class Sms:
    """Hands texts to GOV.UK Notify."""

    def __init__(
        self, account: NotifyAccount, timeout_s: float = TIMEOUT_S, within_s: float = WITHIN_S
    ) -> None:
        self._account = account
        self._timeout_s = timeout_s
        self._threads = Threads("notify", "GOV.UK Notify", THREADS_MOST, within_s)

    async def send(self, message: Message) -> None:
        """Hand a text over; what an answer of Notify means is in `judge`."""
        await self._threads.hand_over(self._hand_over, message)

    async def close(self) -> None:
        """Begin no further text; those under way end by themselves."""
        self._threads.close()

    def _hand_over(self, message: Message) -> None:
        client = NotificationsAPIClient(  # type: ignore[no-untyped-call]  # it has no types
            self._account.key, base_url=self._account.url, timeout=self._timeout_s
        )
        # A proxy or a .netrc of the account that we run under has no say in where a secret goes.
        client.request_session.trust_env = False
        client.request_session.max_redirects = 0
        try:
            client.send_sms_notification(  # type: ignore[no-untyped-call]  # it has no types
                message.address,
                self._account.template,
                personalisation={"message": message.text},
                reference=message.idempotency_key,
            )
        except InvalidResponse:
            raise ChannelUnavailableError("GOV.UK Notify took it in words we cannot read") from None
        except APIError as error:
            raise judge(error) from None
        finally:
            client.request_session.close()


def judge(error: APIError) -> ChannelError:
    """Return what an error of Notify means."""
    response = error.response
    if response is None:
        return ChannelUnavailableError("GOV.UK Notify could not be reached")
    status, said = response.status_code, f"GOV.UK Notify answered {response.status_code}"
    if status >= 500 or status in WORTH_A_RETRY:
        wait_s = retry_after_s(response.headers.get("Retry-After"))
        return ChannelUnavailableError(said, retry_after_s=wait_s)
    if status in {401, 403}:
        return ChannelSettingsError(
            f"{said}: it refuses our key; correct TIDEWELL_NOTIFY_KEY, and the clock if it is wrong"
        )
    if status == 404 or (status == 400 and _is_about_us(error)):
        return ChannelSettingsError(
            f"{said}: it refuses our template or our account; compare them with docs/channels.md"
        )
    return ChannelError(f"{said}; check the number, and the template with docs/channels.md")


def _is_about_us(error: APIError) -> bool:
    """Return whether a refusal is about the template, the trial or the account, not the number."""
    said = str(error.message).lower()
    return any(word in said for word in ("template", "team-only", "trial", "service", "personalis"))
