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

import aiohttp

from tidewell import clock
from tidewell.errors import ChannelError, ChannelUnavailableError

if TYPE_CHECKING:
    from alerts.deliveries import Message

TIMEOUT_S: Final = 10
"""A gateway that thinks for longer is as good as down; the lease of a delivery is longer still."""

CONNECTIONS_MOST: Final = 8
"""As many as are sent at once; a small receiver is not flooded after an outage."""

ANSWER_BYTES_MOST: Final = 8_190
"""For a line or a header of the answer; its body is not read at all."""

WORTH_A_RETRY: Final = frozenset({408, 429})
"""The only refusals of the 4xx kind that speak of the moment and not of the message."""

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
        self._timeout = aiohttp.ClientTimeout(total=timeout_s)
        self._session: aiohttp.ClientSession | None = None

    async def send(self, message: Message) -> None:
        """Post a message; what the status means is in `judge`."""
        body = body_of(message)
        try:
            async with self._open().post(
                message.address,
                data=body,
                headers=self._headers(message, body),
                allow_redirects=False,
            ) as answer:
                judge(answer.status)
        except aiohttp.InvalidURL as error:
            raise ChannelError(
                "the address of the webhook is not an http address; correct it"
            ) from error
        except TimeoutError as error:
            raise ChannelUnavailableError("the webhook did not answer in time") from error
        except (aiohttp.ClientError, OSError) as error:
            raise ChannelUnavailableError(
                f"the webhook could not be reached: {type(error).__name__}"
            ) from error

    async def close(self) -> None:
        """Close the connections."""
        if self._session is not None:
            await self._session.close()
            self._session = None

    def _open(self) -> aiohttp.ClientSession:
        if self._session is None:
            self._session = aiohttp.ClientSession(
                timeout=self._timeout,
                connector=aiohttp.TCPConnector(limit=CONNECTIONS_MOST),
                cookie_jar=aiohttp.DummyCookieJar(),
                max_line_size=ANSWER_BYTES_MOST,
                max_field_size=ANSWER_BYTES_MOST,
            )
        return self._session

    def _headers(self, message: Message, body: bytes) -> dict[str, str]:
        timestamp = str(int(clock.now_utc().timestamp()))
        return {
            "Content-Type": CONTENT_TYPE,
            "Idempotency-Key": message.idempotency_key,
            "Tidewell-Timestamp": timestamp,
            "Tidewell-Signature": signature_of(self._secret, timestamp, body),
        }


def judge(status: int) -> None:
    """Return for 2xx, else raise: `ChannelUnavailableError` where the same may pass later."""
    if 200 <= status < 300:
        return
    if status >= 500 or status in WORTH_A_RETRY:
        raise ChannelUnavailableError(f"the webhook answered {status}")
    raise ChannelError(f"the webhook refused the message with {status}; check its address")
