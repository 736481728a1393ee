"""The database is stopped, or killed, while messages of alerts are under way: nothing is lost, and
as long as the process of alerts lives nothing is said twice, however long the database was away.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import secrets
import signal
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import psycopg
import pytest

from tests.integration.alert_processes import (
    MAIL_DOMAIN,
    Receivers,
    alerts_process,
    both_receivers,
)
from tests.integration.test_alert_intake import World, make_world
from tests.integration.test_no_lost_alert import HANDED_OVER, SETTLED, WITHIN_S, raise_many
from tests.integration.test_no_lost_alert import until_true as until_true_of
from tidewell.embedded.postgres import PostgresServer
from tidewell.schema import migrate

MANY = 60
UNTIL_CUT = 5
"""Messages that arrived at each receiver's site before the database goes."""

AWAY_S = 60.0
"""Two leases: whatever was claimed has come free when the database is back."""

KILLED_FOR_S = 5.0
"""What a killed server leaves behind ends by itself before another one starts in its place."""

MAIL_ADDRESS = (
    "INSERT INTO contact_method (staff_id, channel, address, created_at)"
    " VALUES (%s, 'email', %s, '2026-01-01Z')"
)


@pytest.fixture
async def server(server_folder: Path) -> AsyncIterator[PostgresServer]:
    """A database server of its own, that may be stopped."""
    own = PostgresServer(server_folder / f"postgres-{secrets.token_hex(4)}")
    await asyncio.to_thread(own.start)
    try:
        await migrate(own.url, "plain")
        yield own
    finally:
        with contextlib.suppress(ProcessLookupError):
            await asyncio.to_thread(own.stop)


@pytest.fixture
async def receivers() -> AsyncIterator[Receivers]:
    async with both_receivers() as heard:
        yield heard


async def connected(url: str) -> psycopg.AsyncConnection[Any]:
    return await psycopg.AsyncConnection.connect(url, autocommit=True)


async def raise_until_some_left(world: World, receivers: Receivers) -> None:
    heard = len(receivers.keys) + UNTIL_CUT
    await raise_many(world, MANY)
    async with asyncio.timeout(WITHIN_S):
        while len(receivers.keys) < heard:
            await asyncio.sleep(0.002)


async def everything_was_told_once(world: World, receivers: Receivers, alerts: int) -> None:
    async with asyncio.timeout(2 * WITHIN_S):
        await until_true_of(world, f"{SETTLED} AND (SELECT count(*) FROM alert_intake) = {alerts}")
    assert set(await world.values(HANDED_OVER)) == set(receivers.keys)
    for one in (receivers.webhook.keys, receivers.mail.keys):
        assert len(one) == len(set(one)) == alerts
    assert await world.value("SELECT count(*) FROM alert WHERE person_id <> 0") == alerts
    sent = "SELECT count(*) FROM alert_event WHERE kind = 'notification_sent' AND detail = 'email'"
    assert await world.value(sent) == alerts


@pytest.mark.parametrize(
    ("is_killed", "away_s"),
    [(False, 0.0), (True, KILLED_FOR_S), (False, AWAY_S)],
    ids=["restarted", "killed", "away for a minute"],
)
async def test_a_database_that_goes_while_messages_are_under_way_loses_none_and_repeats_none(
    server: PostgresServer, receivers: Receivers, *, is_killed: bool, away_s: float
) -> None:
    async with await connected(server.url) as owner:
        world = await make_world(server.url, owner)
        key_worker = world.people.key_worker
        await world.do(MAIL_ADDRESS, key_worker, f"key.worker@{MAIL_DOMAIN}")
    async with alerts_process(server.url, receivers) as running:
        async with await connected(server.url) as owner:
            await raise_until_some_left(World(server.url, owner, world.people), receivers)
        under_way = len(receivers.keys)
        if is_killed:
            os.kill(server.pid, signal.SIGKILL)
        else:
            await asyncio.to_thread(server.stop)
        assert under_way < 2 * MANY, "all had left before the database went"
        await asyncio.sleep(away_s)
        await asyncio.to_thread(server.start)
        async with await connected(server.url) as owner:
            world = World(server.url, owner, world.people)
            await everything_was_told_once(world, receivers, MANY)
            await world.do("UPDATE person SET label = 'before-' || label")
            await raise_many(world, 3)
            await everything_was_told_once(world, receivers, MANY + 3)
        assert running.returncode is None
