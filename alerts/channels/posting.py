"""One POST over HTTP, as the webhook and web push send it: short, bounded, never redirected.

It returns what was answered and judges nothing. The body of an answer is never read: what a
stranger says there is nothing that we act on. It never retries.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Final

import aiohttp

from tidewell import clock
from tidewell.errors import ChannelError, ChannelUnavailableError

if TYPE_CHECKING:
    from collections.abc import Mapping

TIMEOUT_S: Final = 10
"""A gateway that thinks for longer is as good as down; the lease of a delivery is longer still."""

CONNECTIONS_MOST: Final = 8
"""As many as are sent at once; a small receiver is not flooded after an outage."""

ANSWER_BYTES_MOST: Final = 8_190
"""For a line or a header of the answer; its body is not read at all."""

WORTH_A_RETRY: Final = frozenset({408, 425, 429})
"""The only refusals of the 4xx kind that speak of the moment and not of the message."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What was answered, and how long we were asked to wait."""

    status: int
    retry_after_s: float | None = None

    @property
    def is_taken(self) -> bool:
        """Return whether the message was handed over: any 2xx."""
        return 200 <= self.status < 300

    @property
    def may_pass(self) -> bool:
        """Return whether the same message may be taken later."""
        return self.status >= 500 or self.status in WORTH_A_RETRY


class Poster:
    """Posts to whatever address it is given; `what` is what errors call the other side."""

    def __init__(self, what: str, timeout_s: float = TIMEOUT_S) -> None:
        self._what = what
        self._timeout = aiohttp.ClientTimeout(total=timeout_s)
        self._session: aiohttp.ClientSession | None = None

    async def post(self, address: str, body: bytes, headers: Mapping[str, str]) -> Answer:
        """Post a body and return what was answered.

        Raises:
            ChannelError: the address cannot be posted to.
            ChannelUnavailableError: there was no whole answer in time.
        """
        try:
            async with self._open().post(
                address, data=body, headers=headers, allow_redirects=False
            ) as answer:
                return Answer(answer.status, retry_after_s(answer.headers.get("Retry-After")))
        except aiohttp.InvalidURL as error:
            raise ChannelError(
                f"the address of {self._what} is not an http address; correct it"
            ) from error
        except TimeoutError as error:
            raise ChannelUnavailableError(f"{self._what} did not answer in time") from error
        except (aiohttp.ClientError, OSError, UnicodeError) as error:
            raise ChannelUnavailableError(
                f"{self._what} could not be reached: {type(error).__name__}"
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


def retry_after_s(header: str | None) -> float | None:
    """Return the seconds that a Retry-After header asks for: a number of them, or a moment.

    Example:
        >>> retry_after_s("120"), retry_after_s("soon")
        (120.0, None)
    """
    text = (header or "").strip()
    if text.isascii() and text.isdigit():
        return float(text[:9])
    try:
        moment = parsedate_to_datetime(text)
    except (ValueError, OverflowError):
        return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return max(0.0, (moment - clock.now_utc()).total_seconds())
