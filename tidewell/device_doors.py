"""Keeps the broker of a small site told which devices may sign in.

The database says who may; the broker has a list of its own, which follows. It promises: a change is
at the broker within a few seconds, whoever made it and from whichever process, also after the
database was away meanwhile. A notification makes it prompt; looking again and again makes it sure.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from typing import Final

import psycopg

from tidewell.database import Connection, Role, connect
from tidewell.device_credentials import (
    QUERIES,
    devices_without_credential,
    fingerprint,
    verifiers_for_brokers,
)
from tidewell.errors import ServerUnavailableError
from tidewell.logs import get_logger

LOOK_EVERY_S: Final = 2.0
"""A revoked device has this long at most where the notification was lost; looking costs 10 ms for
10,000 devices."""
RETRY_S: Final = 2.0
"""A restart of the database takes seconds; until then the broker goes on with the list it has."""

LetIn = Callable[[Mapping[str, str]], None]


async def keep_the_list(database_url: str, let_in: LetIn) -> None:
    """Tell `let_in` what each device is compared with, at each change, until cancelled."""
    log = get_logger()
    while True:
        try:
            async with await connect(
                database_url, Role.ENROL, "tidewell devices", autocommit=True
            ) as connection:
                await _follow(connection, let_in)
        except (psycopg.Error, OSError, ServerUnavailableError) as error:
            log.warning("the list of devices stays as it is", why=str(error).strip())
        await asyncio.sleep(RETRY_S)


async def _follow(connection: Connection, let_in: LetIn) -> None:
    """Look at once, then at each notification and every few seconds."""
    await connection.execute(QUERIES["listen"])
    told = ""
    while True:
        if (present := await fingerprint(connection)) != told:
            verifiers = await verifiers_for_brokers(connection)
            await asyncio.to_thread(let_in, {name: one.bcrypt for name, one in verifiers.items()})
            get_logger().info("devices that may sign in", devices=len(verifiers))
            told = present
        async for _ in connection.notifies(timeout=LOOK_EVERY_S, stop_after=1):
            pass


async def log_who_is_left_out(database_url: str) -> None:
    """Say how many real devices have no secret of their own, as after an older version."""
    async with await connect(database_url, Role.ENROL, "tidewell devices") as connection:
        count = await devices_without_credential(connection)
    if count:
        get_logger().warning(
            "devices cannot sign in until each has a secret of its own: `tidewell device rotate`",
            devices=count,
        )
