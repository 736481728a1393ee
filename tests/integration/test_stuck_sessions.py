"""A worker that froze while it wrote: its session is ended, and others take its shards."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack

import psycopg
import pytest
from psycopg import sql
from psycopg.conninfo import make_conninfo

from ingest.leasing.store import APPLICATION
from ingest.store import Store
from tidewell.clock import monotonic_s
from tidewell.database import Connection, Role, connect
from tidewell.vocabulary import SHARD_COUNT

LEASE_S = 1
WITHIN_S = 30.0
LOGIN = "stuck_login"


@pytest.fixture
async def plain_login(
    database_url: str, owner: psycopg.AsyncConnection[tuple[object, ...]]
) -> AsyncIterator[str]:
    """The address for a login that may do nothing but work as ingest, as on a real site."""
    name = sql.Identifier(LOGIN)
    await owner.execute(sql.SQL("DROP ROLE IF EXISTS {}").format(name))
    await owner.execute(sql.SQL("CREATE ROLE {} LOGIN NOINHERIT PASSWORD 'p'").format(name))
    role = sql.Identifier(Role.INGEST.value)
    await owner.execute(sql.SQL("GRANT {} TO {}").format(role, name))
    yield make_conninfo(database_url, user=LOGIN, password="p")
    await owner.execute(sql.SQL("DROP ROLE {}").format(name))


async def take_within(store: Store, count: int) -> float:
    """Take shards until there are so many; return how long that took."""
    began_s = monotonic_s()
    while len(store.epochs) < count:
        assert monotonic_s() - began_s < WITHIN_S, f"only {len(store.epochs)} shards were free"
        await store.leases.take()
        await asyncio.sleep(0.05)
    return monotonic_s() - began_s


async def stop_in_a_copy(connection: Connection) -> None:
    """Hold every shard and begin a COPY that never ends."""
    await connection.execute("BEGIN")
    held = (
        "UPDATE shard SET lease_until = clock_timestamp() + %s * interval '1 second', owner = 'x'"
    )
    await connection.execute(held, [LEASE_S])
    await connection.execute("COMMIT")
    await connection.execute("BEGIN")
    await connection.execute("SELECT FROM shard FOR UPDATE")
    connection.pgconn.send_query(b"COPY dead_letter FROM STDIN")
    connection.pgconn.flush()


@pytest.mark.parametrize("application", [APPLICATION, "somebody else"])
async def test_only_a_worker_that_waits_in_a_copy_for_longer_than_a_lease_is_ended(
    plain_login: str, application: str
) -> None:
    async with AsyncExitStack() as stack:
        frozen = await connect(plain_login, Role.INGEST, application, autocommit=True)
        stack.push_async_callback(frozen.close)
        await stop_in_a_copy(frozen)
        store = await Store.open(plain_login, "two", LEASE_S)
        stack.push_async_callback(store.close)
        if application == APPLICATION:
            assert await take_within(store, SHARD_COUNT) >= LEASE_S / 2
            return
        for _ in range(round(3 * LEASE_S / 0.1)):
            assert await store.leases.take() == []
            await asyncio.sleep(0.1)
