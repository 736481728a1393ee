"""Frames that came and wait for their transaction.

Promises: the order in which they came; no more than `MOST_WAITING` and what one read of each
connection brings. Full, it lets the connections read nothing until half of it is taken out.
Never: drops a frame. One that its device sends too fast is confirmed and not kept
(`ingest.flood`); one that is abandoned was never confirmed, so it comes again.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Sequence
from contextlib import suppress
from typing import Final

from ingest.batch import Arrival
from ingest.flood import FloodGate
from ingest.reasons import Passage
from ingest.waiting import Waiting, WayBack
from tidewell.clock import monotonic_s

MOST_WAITING: Final = 16_384
"""Frames in memory: twice what a broker sends unconfirmed; at 16 KiB each, 256 MiB."""


class Inbox:
    """The frames of all connections of one process, in one line."""

    def __init__(self) -> None:
        self._flood = FloodGate()
        self._waiting: deque[Waiting] = deque()
        self._held: set[WayBack] = set()
        self._came = asyncio.Event()

    def __len__(self) -> int:
        return len(self._waiting)

    @property
    def turned_away(self) -> int:
        """Return how many frames came faster than their devices may send."""
        return self._flood.turned_away

    def take_in(self, arrivals: Sequence[Arrival], way_back: WayBack) -> None:
        """Put frames at the end of the line."""
        now_s, too_fast = monotonic_s(), []
        for one in arrivals:
            waiting = len(self._waiting)
            verdict = self._flood.passage(one.topic, one.payload, now_s, waiting=waiting)
            if verdict is Passage.TOO_FAST:
                too_fast.append(one.receipt)
            else:
                self._waiting.append(Waiting(one, way_back, now_s))
        if too_fast:  # the broker forgets them; their device is told nothing and sends them later
            way_back.confirm(too_fast)
        if len(self._waiting) >= MOST_WAITING:
            self._held.add(way_back)
            way_back.hold(on=True)
        self._came.set()

    def take(self, most: int) -> list[Waiting]:
        """Take out those that have waited longest."""
        taken = [self._waiting.popleft() for _ in range(min(most, len(self._waiting)))]
        if self._held and len(self._waiting) <= MOST_WAITING // 2:
            for one in self._held:
                one.hold(on=False)
            self._held.clear()
        return taken

    async def wait(self, within_s: float) -> bool:
        """Wait for the first one; return whether there is any."""
        if not self._waiting:
            self._came.clear()
            with suppress(TimeoutError):
                async with asyncio.timeout(within_s):
                    await self._came.wait()
        return bool(self._waiting)
