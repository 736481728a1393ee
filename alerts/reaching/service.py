"""Looks ahead once an hour and keeps what it finds for the pages and for `tidewell doctor`.

It works beside the decider, on its own connection and thread: looking ahead holds up no alert.
"""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING, Final

from alerts.reaching.store import gather, is_due, keep
from alerts.store import Desk, Site
from tidewell import clock
from tidewell.logs import get_logger

if TYPE_CHECKING:
    from alerts.reaching.words import Told
    from tidewell.database import Connection

ASK_EVERY_S: Final = 60.0
"""Whether an hour is over; small beside it."""


class Reaching:
    """Looks who would not be reached."""

    def __init__(self, site: Site) -> None:
        self._site = site

    async def work(self, connection: Connection, stop: asyncio.Event) -> None:
        """Look until told to stop; raises what the database raises."""
        while not stop.is_set():
            await self.look_once(connection)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(stop.wait(), ASK_EVERY_S)

    async def look_once(self, connection: Connection) -> list[Told] | None:
        """Look ahead, unless somebody did within the hour."""
        desk = Desk(connection, self._site, clock.now_utc())
        async with connection.transaction():
            if not await is_due(desk):
                return None
            gathered = await gather(desk)
            found = gathered.told(await asyncio.to_thread(gathered.look))
            await keep(desk, gathered, found)
        if found:
            get_logger().warning("somebody would not be reached this week", findings=len(found))
        return found
