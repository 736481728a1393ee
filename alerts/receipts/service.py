"""Looks every few seconds for receipts, on its own connection: they must hold up no alert."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING, Final

from alerts.receipts.store import receipts_not_taken, take_receipt
from alerts.store import Desk, Site
from tidewell import clock
from tidewell.logs import get_logger

if TYPE_CHECKING:
    from tidewell.database import Connection

LOOK_EVERY_S: Final = 2.0
"""A receipt takes seconds to come, and up to three days for a phone that is off."""


class Receipts:
    """Takes receipts in."""

    def __init__(self, site: Site) -> None:
        self._site = site

    async def work(self, connection: Connection, stop: asyncio.Event) -> None:
        """Look until told to stop; raises what the database raises."""
        while not stop.is_set():
            await self.look_once(connection)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(stop.wait(), LOOK_EVERY_S)

    async def look_once(self, connection: Connection) -> None:
        """Take in what is there."""
        for receipt in await receipts_not_taken(self._desk(connection)):
            reason = await take_receipt(self._desk(connection), receipt)
            if reason is not None:
                get_logger().info(
                    "a receipt was taken in", channel=receipt.channel, reason=reason.value
                )

    def _desk(self, connection: Connection) -> Desk:
        return Desk(connection, self._site, clock.now_utc())
