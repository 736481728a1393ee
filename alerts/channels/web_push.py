"""Web push: an encrypted notification to a browser that asked for it, signed with the site's key.

The payload is one fixed sentence and a link, readable by that browser only; the push service sees
when and how much, and an urgency. Only services of browsers' makers are called. An answer of 404 or
410 says that the phone is gone, and nothing is sent there again. Tapping it opens the alert's page;
opening accepts nothing. It never retries by itself.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from py_vapid import Vapid02, VapidException
from pywebpush import WebPusher, WebPushException

from alerts.channels.posting import TIMEOUT_S, Answer, Poster
from tidewell import clock
from tidewell.contact_addresses import is_this_machine, push_endpoint_problem
from tidewell.errors import (
    ChannelError,
    ChannelSettingsError,
    ChannelUnavailableError,
    DeadAddressError,
    SettingsError,
)
from tidewell.push_key import load_push_key
from tidewell.vocabulary import Level

if TYPE_CHECKING:
    from alerts.deliveries import Message
    from tidewell.settings import Settings

HOUR_S: Final = 3_600

LIFETIME_S: Final = {
    Level.CHECK_NOW: HOUR_S,
    Level.CHECK_TODAY: 12 * HOUR_S,
    Level.FOR_REVIEW: 72 * HOUR_S,
}
"""How long a push service keeps it for a phone that is off: beyond that somebody else was asked."""

URGENCY: Final = {Level.CHECK_NOW: "high", Level.CHECK_TODAY: "normal", Level.FOR_REVIEW: "low"}
"""Whether it may wake a phone that saves its battery."""

SIGNATURE_LIFETIME_S: Final = 12 * HOUR_S
"""Push services refuse more than a day; half of it allows for clocks that differ."""

TOPIC_CHARACTERS: Final = 32
"""As many as a topic may have: a message that waits is replaced by its own repeat."""


@dataclass(frozen=True, slots=True)
class PushSender:
    """Who signs notifications; `test_service` is a push service on this machine."""

    key: Vapid02
    contact: str
    test_service: str | None = None


def push_sender_of(settings: Settings) -> PushSender | None:
    """Return who signs notifications, or None where the site has no key.

    Raises:
        SettingsError: a setting is missing or cannot be used.
    """
    test_service = settings.push_test_service
    if test_service and not is_this_machine(urlsplit(test_service).hostname or ""):
        raise SettingsError(
            "TIDEWELL_PUSH_TEST_SERVICE is for tests, on this machine only; unset it"
        )
    if settings.push_key is None:
        return None
    if settings.push_contact is None:
        raise SettingsError(
            "TIDEWELL_PUSH_KEY is set; set TIDEWELL_PUSH_CONTACT too, to an address such as"
            " mailto:it@council.example, or push services refuse us"
        )
    key = load_push_key(settings.push_key.get_secret_value())
    return PushSender(key, settings.push_contact, test_service)


def payload_of(message: Message) -> bytes:
    """Return what the phone shows and opens, the same for every repeat of a message."""
    text = message.text.partition(" Open: ")[0]
    shown = {"title": "Tidewell", "body": text, "link": message.link, "tag": _topic(message)}
    return json.dumps(shown, separators=(",", ":")).encode()


def _topic(message: Message) -> str:
    digest = hashlib.sha256(message.idempotency_key.encode()).digest()
    return base64.urlsafe_b64encode(digest).decode()[:TOPIC_CHARACTERS]


class WebPush:
    """Posts notifications to the push services of browsers."""

    def __init__(self, sender: PushSender, timeout_s: float = TIMEOUT_S) -> None:
        self._sender = sender
        self._poster = Poster("the push service", timeout_s)

    async def send(self, message: Message) -> None:
        """Encrypt, sign and post a notification; what the status means is in `judge`."""
        endpoint, body = self._encrypted(message)
        judge(await self._poster.post(endpoint, body, self._headers(message, endpoint)))

    async def close(self) -> None:
        """Close the connections."""
        await self._poster.close()

    def _encrypted(self, message: Message) -> tuple[str, bytes]:
        try:
            subscription = json.loads(message.address)
            endpoint = str(subscription["endpoint"])
            problem = push_endpoint_problem(endpoint, self._sender.test_service)
            if problem is not None:
                raise DeadAddressError(f"the address of this phone {problem}; switch it on again")
            encoded = WebPusher(subscription).encode(payload_of(message), "aes128gcm")
        except (ValueError, TypeError, KeyError, IndexError, binascii.Error, WebPushException):
            raise DeadAddressError(
                "the keys of this phone cannot be read; switch notifications on again on it"
            ) from None
        return endpoint, bytes(encoded["body"])

    def _headers(self, message: Message, endpoint: str) -> dict[str, str]:
        parts = urlsplit(endpoint)
        claims = {
            "aud": f"{parts.scheme}://{parts.netloc}",
            "sub": self._sender.contact,
            "exp": int(clock.now_utc().timestamp()) + SIGNATURE_LIFETIME_S,
        }
        try:
            signed: dict[str, str] = self._sender.key.sign(claims)
        except VapidException as error:
            raise ChannelSettingsError(
                "notifications cannot be signed; correct TIDEWELL_PUSH_CONTACT"
            ) from error
        return {
            **signed,
            "Content-Encoding": "aes128gcm",
            "Content-Type": "application/octet-stream",
            "TTL": str(LIFETIME_S[message.level]),
            "Urgency": URGENCY[message.level],
            "Topic": _topic(message),
        }


def judge(answer: Answer) -> None:
    """Return for 2xx, else raise what the answer of a push service means."""
    if answer.is_taken:
        return
    said = f"the push service answered {answer.status}"
    if answer.status in {404, 410}:
        raise DeadAddressError(f"{said}: this phone takes no notifications any more")
    if answer.may_pass:
        raise ChannelUnavailableError(said, retry_after_s=answer.retry_after_s)
    if answer.status in {401, 403}:
        raise ChannelSettingsError(
            f"{said}: it does not know our key; was TIDEWELL_PUSH_KEY changed?"
            " Phones switch notifications on again after that"
        )
    raise ChannelError(f"{said} and refused this notification; switch it on again on the phone")
