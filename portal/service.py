"""The portal as a process: opens the database pool, serves the pages, stops when told to.

Promises: pages are served only once the database has answered; stopping ends open streams, lets
running requests finish for a short time and leaves no connection behind.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Final

from aiohttp import web
from psycopg_pool import AsyncConnectionPool, PoolTimeout

from portal.application import STATIC_FOLDER, build_application
from portal.context import DemoSignIn, Pool
from tidewell.database import Connection, Queries, Role, conninfo
from tidewell.errors import ServerUnavailableError, UsageError
from tidewell.logs import get_logger
from tidewell.settings import Settings

POOL_MIN: Final = 1
POOL_MAX: Final = 10
"""A page holds a connection for a few milliseconds; ten serve hundreds of pages a second."""

POOL_WAITING_MAX: Final = 200
"""Beyond this, waiting would only make everybody slow; the page says that we cannot right now."""

POOL_WAIT_S: Final = 5.0
OPEN_WAIT_S: Final = 30.0
"""A database that starts at the same time as the pages may still be recovering."""

STATEMENT_MAX_MS: Final = 5_000
"""No page needs a query this long; one that runs away must not hold a connection."""

STOP_WAIT_S: Final = 5.0
"""Requests finish within milliseconds, and streams are told to end."""

REQUEST_LINE_MAX: Final = 4_096
"""Our longest address has some 300 characters."""

_QUERIES: Final = Queries("portal", "service.sql")


async def run_portal(
    settings: Settings,
    database_url: str,
    *,
    stop: asyncio.Event,
    on_ready: Callable[[str], None],
    demo_sign_ins: Sequence[DemoSignIn] = (),
) -> None:
    """Serve the pages until `stop` is set; `on_ready` gets the address once they are there.

    Raises:
        UsageError: the front-end files are not built, or the address cannot be listened on.
        ServerUnavailableError: the database did not answer.
    """
    check_front_end_files()
    pool = make_pool(database_url)
    try:
        try:
            await pool.open(wait=True, timeout=OPEN_WAIT_S)
        except PoolTimeout as error:
            raise ServerUnavailableError(f"the database did not answer: {error}") from error
        application = build_application(
            settings, database_url, pool, demo_sign_ins=tuple(demo_sign_ins)
        )
        await _serve(application, settings, stop, on_ready)
    finally:
        await pool.close()


def check_front_end_files() -> None:
    """Refuse to start without the style sheet: pages without it are hard to read.

    Raises:
        UsageError: the front-end files are not built.
    """
    if not (STATIC_FOLDER / "vendor" / "nhsuk-frontend.css").is_file():
        raise UsageError(
            "the front-end files of the pages are missing; run `npm ci && npm run build`"
        )


def make_pool(database_url: str) -> Pool:
    """Return a pool whose connections work as the portal's role; it is not open yet."""
    return AsyncConnectionPool(
        conninfo(database_url, Role.PORTAL, "tidewell portal"),
        min_size=POOL_MIN,
        max_size=POOL_MAX,
        max_waiting=POOL_WAITING_MAX,
        timeout=POOL_WAIT_S,
        configure=_configure,
        check=AsyncConnectionPool.check_connection,
        open=False,
    )


async def _configure(connection: Connection) -> None:
    await connection.set_autocommit(True)
    await connection.execute(_QUERIES["limit_statements"], {"limit": f"{STATEMENT_MAX_MS}ms"})
    await connection.set_autocommit(False)


async def _serve(
    application: web.Application,
    settings: Settings,
    stop: asyncio.Event,
    on_ready: Callable[[str], None],
) -> None:
    runner = web.AppRunner(
        application,
        access_log=None,
        handle_signals=False,
        shutdown_timeout=STOP_WAIT_S,
        max_line_size=REQUEST_LINE_MAX,
    )
    await runner.setup()
    try:
        site = web.TCPSite(runner, settings.portal_host, settings.portal_port)
        try:
            await site.start()
        except OSError as error:
            raise UsageError(
                f"cannot listen on {settings.portal_host}:{settings.portal_port}: "
                f"{error.strerror or error}; set TIDEWELL_PORTAL_PORT to a free port"
            ) from error
        port = runner.addresses[0][1]
        address = f"http://{settings.portal_host}:{port}"
        get_logger().info("pages are served", address=address)
        on_ready(address)
        await stop.wait()
    finally:
        await runner.cleanup()
