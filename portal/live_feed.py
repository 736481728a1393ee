"""One feed of alert events for the whole process: listens, asks again, and hands on.

The notification is a hint and may be lost; asking every few seconds is the guarantee. While the
database cannot be reached the feed says so, because a page that quietly stands still is worse than
one that says that it does. Holds no more than a window of numbers and one short queue a stream.
"""

from __future__ import annotations

import asyncio
from collections import Counter, deque
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Final

import psycopg
from aiohttp import web

from portal.context import NowFunction, rows
from tidewell.database import Connection, Queries, Role, connect
from tidewell.errors import ServerUnavailableError
from tidewell.logs import get_logger

POLL_S: Final = 5.0
"""How long a lost notification may delay a page; the work behind it takes minutes."""

RECONNECT_S: Final = 2.0
"""A restarting database answers within seconds; asking more often would not help it."""

LOOK_BACK: Final = 200
"""Events that may be committed out of order at the same time; the alerts process writes few."""

EVENTS_AT_ONCE: Final = 500
QUEUE_MAX: Final = 100
"""A page that is this far behind reconnects and catches up from the table."""

STREAMS_MAX: Final = 500
"""A connection and a small queue each; a large service runs several portals."""

STREAMS_A_SESSION_MAX: Final = 5
"""Browsers open six connections to a site; the sixth stays free for the pages themselves."""

STREAMS_A_SIGN_IN_MAX: Final = 15
"""A phone, a desk and one more; whoever signs in a hundred times takes no more than this."""


class FeedState(StrEnum):
    """Whether what a page shows can be trusted to be up to date."""

    LIVE = "live"
    BEHIND = "behind"
    SIGNED_OUT = "signed_out"
    CATCH_UP = "catch_up"
    CLOSING = "closing"


@dataclass(frozen=True, slots=True)
class FeedEvent:
    """Something happened to an alert; it names the alert and the kind, nothing else."""

    alert_event_id: int
    public_id: str
    kind: str
    staff_ids: list[int]


@dataclass(eq=False, slots=True)
class Stream:
    """One open page."""

    session: bytes
    username: str
    staff_id: int
    queue: asyncio.Queue[FeedEvent | FeedState] = field(
        default_factory=lambda: asyncio.Queue(maxsize=QUEUE_MAX)
    )


_QUERIES: Final = Queries("portal", "live.sql")


class LiveFeed:
    """Reads events once and hands each to the open pages that may see it."""

    def __init__(self, database_url: str, now: NowFunction) -> None:
        self._database_url = database_url
        self._now = now
        self._streams: set[Stream] = set()
        self._open: Counter[bytes | str] = Counter()
        self._newest = -1
        self._sent: deque[int] = deque(maxlen=LOOK_BACK + EVENTS_AT_ONCE)
        self.state = FeedState.BEHIND

    @property
    def newest(self) -> int:
        """Return the newest event that was handed on, or -1 before the first look."""
        return self._newest

    def late_after(self, number: int) -> list[int]:
        """Return lower numbers that were handed on after this one.

        A number is given out before its event is committed, so whoever heard this one may have
        missed them.
        """
        if number not in self._sent:
            return []
        handed_on = list(self._sent)
        return [one for one in handed_on[handed_on.index(number) + 1 :] if one < number]

    def open_stream(self, session: bytes, username: str, staff_id: int) -> Stream | None:
        """Add an open page, or return None when there are too many."""
        if (
            len(self._streams) >= STREAMS_MAX
            or self._open[session] >= STREAMS_A_SESSION_MAX
            or self._open[username] >= STREAMS_A_SIGN_IN_MAX
        ):
            return None
        stream = Stream(session, username, staff_id)
        self._streams.add(stream)
        self._open.update((session, username))
        return stream

    def close_stream(self, stream: Stream) -> None:
        """Forget a page that was closed."""
        if stream in self._streams:
            self._streams.discard(stream)
            for one in (stream.session, stream.username):
                self._open[one] -= 1
                if not self._open[one]:
                    del self._open[one]

    def close_all(self) -> None:
        """Tell every open page that the service stops."""
        self._tell_all(FeedState.CLOSING)

    async def run(self) -> None:
        """Follow the events until cancelled; a lost database is waited for."""
        while True:
            try:
                await self._follow()
            except (psycopg.Error, ServerUnavailableError, OSError, TimeoutError) as error:
                get_logger().warning("live feed lost the database", error=str(error).strip())
            self._set_state(FeedState.BEHIND)
            await asyncio.sleep(RECONNECT_S)

    async def _follow(self) -> None:
        async with await connect(
            self._database_url, Role.PORTAL, "tidewell portal live", autocommit=True
        ) as connection:
            await connection.execute(_QUERIES["listen"])
            if self._newest < 0:
                self._newest = await _newest_event(connection)
                await self._unseen(connection)
            while True:
                async with asyncio.timeout(POLL_S):
                    unseen = await self._unseen(connection)
                for event in unseen:
                    self._give(event)
                self._set_state(FeedState.LIVE)
                async for _ in connection.notifies(timeout=POLL_S, stop_after=1):
                    pass

    async def _unseen(self, connection: Connection) -> list[FeedEvent]:
        """Return what was not handed on before, and remember it."""
        values = {
            "after": max(0, self._newest - LOOK_BACK),
            "now": self._now(),
            "limit": EVENTS_AT_ONCE,
        }
        found = await rows(connection, FeedEvent, _QUERIES["events_after"], values)
        unseen = [event for event in found if event.alert_event_id not in self._sent]
        for event in unseen:
            self._sent.append(event.alert_event_id)
            self._newest = max(self._newest, event.alert_event_id)
        return unseen

    def _give(self, event: FeedEvent) -> None:
        for stream in tuple(self._streams):
            if stream.staff_id in event.staff_ids:
                _put(stream, event)

    def _set_state(self, state: FeedState) -> None:
        if state is not self.state:
            self.state = state
            self._tell_all(state)

    def _tell_all(self, state: FeedState) -> None:
        for stream in tuple(self._streams):
            _put(stream, state)


FEED: Final = web.AppKey("feed", LiveFeed)


async def missed_events(
    connection: Connection, staff_id: int, after: int, late: list[int], now: datetime
) -> list[FeedEvent]:
    """Return what a page missed while its connection was away: later numbers, and these."""
    values = {
        "staff_id": staff_id,
        "after": after,
        "late": late,
        "now": now,
        "limit": EVENTS_AT_ONCE,
    }
    return await rows(connection, FeedEvent, _QUERIES["missed_events"], values)


def _put(stream: Stream, item: FeedEvent | FeedState) -> None:
    """Give a page something to send; one that is too far behind is told to catch up."""
    try:
        stream.queue.put_nowait(item)
    except asyncio.QueueFull:
        _empty(stream.queue)
        stream.queue.put_nowait(FeedState.CATCH_UP)


def _empty(queue: asyncio.Queue[FeedEvent | FeedState]) -> None:
    while not queue.empty():
        queue.get_nowait()


async def _newest_event(connection: Connection) -> int:
    cursor = await connection.execute(_QUERIES["newest_event"])
    row = await cursor.fetchone()
    return int(row[0]) if row else 0
