"""The webhook: a signed POST to an address of the site, such as an on-call tool.

The body is a CloudEvent in structured JSON, the same bytes for every repeat of a message. A
receiver checks `Tidewell-Signature` (`v1=` and the HMAC-SHA256, in hex, of
`Tidewell-Timestamp` + "." + body) and drops what it has seen under the same `Idempotency-Key`.
Any 2xx means handed over. Answers are never read for content, and redirects are never followed:
a signature is meant for one address.
"""

from __future__ import annotations

import hashlib
import hmac
import json
from typing import TYPE_CHECKING, Final

from alerts.channels.posting import TIMEOUT_S, Answer, Poster
from tidewell import clock
from tidewell.errors import ChannelError, ChannelUnavailableError

if TYPE_CHECKING:
    from alerts.deliveries import Message

CONTENT_TYPE: Final = "application/cloudevents+json; charset=utf-8"
EVENT_TYPE: Final = "tidewell.alert.notification"
EVENT_SOURCE: Final = "urn:tidewell:alerts"


def body_of(message: Message) -> bytes:
    """Return what is posted: CloudEvents attributes around the text and where it leads."""
    event = {
        "specversion": "1.0",
        "id": message.idempotency_key,
        "source": EVENT_SOURCE,
        "type": EVENT_TYPE,
        "subject": message.public_id,
        "time": message.raised_at.isoformat(),
        "datacontenttype": "application/json",
        "data": {
            "staff_id": message.staff_id,
            "level": message.level.value,
            "text": message.text,
            "link": message.link,
        },
    }
    return json.dumps(event, separators=(",", ":")).encode()


def signature_of(secret: str, timestamp: str, body: bytes) -> str:
    """Return the signature that a receiver computes too."""
    signed = timestamp.encode() + b"." + body
    return "v1=" + hmac.new(secret.encode(), signed, hashlib.sha256).hexdigest()


class Webhook:
    """Posts messages to their address."""

    def __init__(self, secret: str, timeout_s: float = TIMEOUT_S) -> None:
        self._secret = secret
        self._poster = Poster("the webhook", timeout_s)

    async def send(self, message: Message) -> None:
        """Post a message; what the status means is in `judge`."""
        body = body_of(message)
        judge(await self._poster.post(message.address, body, self._headers(message, body)))

    async def close(self) -> None:
        """Close the connections."""
        await self._poster.close()

    def _headers(self, message: Message, body: bytes) -> dict[str, str]:
        timestamp = str(int(clock.now_utc().timestamp()))
        return {
            "Content-Type": CONTENT_TYPE,
            "Idempotency-Key": message.idempotency_key,
            "Tidewell-Timestamp": timestamp,
            "Tidewell-Signature": signature_of(self._secret, timestamp, body),
        }


def judge(answer: Answer) -> None:
    """Return for 2xx, else raise: `ChannelUnavailableError` where the same may pass later."""
    if answer.is_taken:
        return
    if answer.may_pass:
        raise ChannelUnavailableError(
            f"the webhook answered {answer.status}", retry_after_s=answer.retry_after_s
        )
    raise ChannelError(f"the webhook refused the message with {answer.status}; check its address")
