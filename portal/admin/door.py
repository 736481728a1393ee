"""The administrator's way to the database: a pool of its own, in the role that enrols.

The portal's own role may not write who is here; the command line and these pages work as
`tidewell_enrol`. Promises: a page gets such a connection only for a signed-in administrator, and
whatever it changes is written down in the same transaction (`changes.record_change`). A device that
pairs has no sign-in; it gets one through `pairing_transaction` and nothing else does.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

from aiohttp import web
from psycopg_pool import AsyncConnectionPool

from portal.context import Audience, Pool, viewer_of
from tidewell.database import Connection, Queries, Role, conninfo

POOL_MAX: Final = 3
"""A few administrators at most are at work at once, and a page takes milliseconds."""

POOL_WAITING_MAX: Final = 50
POOL_WAIT_S: Final = 5.0
STATEMENT_MAX_MS: Final = 5_000

ENROL_POOL: Final = web.AppKey("enrol_pool", Pool)

_QUERIES: Final = Queries("portal", "service.sql")


def make_enrol_pool(database_url: str) -> Pool:
    """Return a pool whose connections work as the role that enrols; it is not open yet."""
    return AsyncConnectionPool(
        conninfo(database_url, Role.ENROL, "tidewell administration"),
        min_size=0,
        max_size=POOL_MAX,
        max_waiting=POOL_WAITING_MAX,
        timeout=POOL_WAIT_S,
        configure=_configure,
        check=AsyncConnectionPool.check_connection,
        open=False,
    )


async def keep_enrol_pool(application: web.Application) -> AsyncIterator[None]:
    """Open the pool while the application runs; its first connection waits for the first need."""
    async with application[ENROL_POOL]:
        yield


async def _configure(connection: Connection) -> None:
    await connection.set_autocommit(True)
    await connection.execute(_QUERIES["limit_statements"], {"limit": f"{STATEMENT_MAX_MS}ms"})
    await connection.set_autocommit(False)


@asynccontextmanager
async def administration(request: web.Request) -> AsyncIterator[Connection]:
    """Lend an administrator a connection for one transaction: all of it holds, or nothing."""
    if viewer_of(request).audience is not Audience.ADMIN:
        raise AssertionError("a page for administrators was opened by somebody else")
    async with request.app[ENROL_POOL].connection() as connection:
        yield connection


@asynccontextmanager
async def pairing_transaction(request: web.Request) -> AsyncIterator[Connection]:
    """Lend a connection to a device that showed a code; only `pairing_pages` may ask."""
    async with request.app[ENROL_POOL].connection() as connection:
        yield connection
