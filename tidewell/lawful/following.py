"""What the process of a small site does beside its servers: the broker after an erasure, age daily.

Promises: neither ends the site. What fails is said in the log and tried again; a database that is
away is waited for. On a larger site nobody runs this: `tidewell retention run` goes by a timer.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Final

import psycopg

from tidewell.clock import now_utc
from tidewell.database import connect
from tidewell.errors import TidewellError
from tidewell.lawful import retention
from tidewell.lawful.erasing import QUERIES
from tidewell.logs import get_logger
from tidewell.settings import Settings

LOOK_EVERY_S: Final = 2.0
"""Whoever erases somebody waits for it."""
FIRST_LOOK_S: Final = 60.0
"""A site that starts has better things to do."""
AGE_LOOK_EVERY_S: Final = 900.0
"""Whether a day has passed; also after a machine slept."""
RUN_EVERY: Final = timedelta(days=1)

EmptyBroker = Callable[[], bool]
"""Removes all that the broker keeps, where it is ours; returns whether it is."""


async def follow_erasures(database_url: str, empty: EmptyBroker) -> None:
    """Empty the broker after each erasure, until cancelled."""
    while True:
        await asyncio.sleep(LOOK_EVERY_S)
        try:
            await empty_if_asked(database_url, empty)
        except (psycopg.Error, OSError, TidewellError) as error:
            get_logger().warning("the broker is emptied later", why=str(error).strip())


async def empty_if_asked(database_url: str, empty: EmptyBroker) -> bool:
    """Empty the broker where an erasure waits for it; return whether one did."""
    async with await connect(
        database_url, None, "tidewell erasures", autocommit=True
    ) as connection:
        rows = await (await connection.execute(QUERIES["broker_waits"])).fetchall()
        if not rows or not await asyncio.to_thread(empty):
            return False
        which = {"erasures": [number for (number,) in rows], "now": now_utc()}
        await connection.execute(QUERIES["broker_emptied"], which)
    get_logger().info("the broker was emptied after an erasure", erasures=len(rows))
    return True


async def keep_to_the_schedule(database_url: str, settings: Settings) -> None:
    """Let go once a day of what is older than the settings say, until cancelled."""
    await asyncio.sleep(FIRST_LOOK_S)
    while True:
        try:
            if is_due(await retention.last_run(database_url), now_utc()):
                await retention.run(database_url, settings, now_utc())
        except (psycopg.Error, OSError, TidewellError) as error:
            get_logger().warning("what is too old goes later", why=str(error).strip())
        await asyncio.sleep(AGE_LOOK_EVERY_S)


def is_due(last: datetime | None, now: datetime) -> bool:
    """Return whether a day has passed; a run in the future is one of a clock that was ahead."""
    return last is None or now - last >= RUN_EVERY or last > now
