"""Seals the looks that were written down, a few seconds after them.

A look does not wait for its seal, and looks do not wait for one another. Promises: whatever is
written is sealed once, in one order, however many portals run; a database that does not answer is
asked again. Never changes a look.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Final

import psycopg
from aiohttp import web
from psycopg_pool import PoolTimeout, TooManyRequests

from portal.context import POOL
from tidewell.database import Queries
from tidewell.logs import get_logger

SEAL_EVERY_S: Final = 5.0
"""As long as somebody who owns the database could change a look unseen."""

AT_ONCE_MOST: Final = 1_000
"""Some hundredths of a second; the rest comes in the next round."""

_QUERIES: Final = Queries("portal", "sealing.sql")


async def seal_looks(application: web.Application) -> int:
    """Seal what waits, and return how many there were."""
    async with application[POOL].connection() as connection:
        row = await (
            await connection.execute(_QUERIES["seal_looks"], {"limit": AT_ONCE_MOST})
        ).fetchone()
    return int(row[0]) if row else 0


async def keep_sealing(application: web.Application) -> AsyncIterator[None]:
    """Seal looks while the application runs."""
    task = asyncio.create_task(_seal_for_ever(application), name="sealing")
    yield
    task.cancel()
    await asyncio.wait({task}, timeout=SEAL_EVERY_S)


async def _seal_for_ever(application: web.Application) -> None:
    while True:
        await asyncio.sleep(SEAL_EVERY_S)
        try:
            await seal_looks(application)
        except (psycopg.Error, PoolTimeout, TooManyRequests, OSError) as error:
            get_logger().warning("looks wait for their seals", error=str(error).strip())
