"""A young person takes a copy of everything with them: the page, and the zip as it is made.

Promises: the copy is of whoever is signed in and of nobody else; that it was taken is written down
before the first byte leaves. What other people may be named in is not in it, and it says so.
"""

from __future__ import annotations

import asyncio
from contextlib import aclosing
from typing import Final

from aiohttp import web

from portal.context import now_of, transaction, viewer_of
from portal.people import LookedAt, log_look
from portal.security import Refusal, log_refusal
from portal.signing_in.proof import require_recent_proof
from portal.words import local_day
from portal.young_person_pages import my_page, read_mine
from tidewell.lawful.exporting import FOR_THEMSELVES, export_of
from tidewell.logs import get_logger

AT_ONCE_MOST: Final = 2
"""Each holds a connection to the database for seconds; the pages of others must not wait."""
WITHIN_S: Final = 300.0
"""A year of readings takes a slow telephone a minute."""

DOWNLOADS: Final = web.AppKey("downloads", asyncio.Semaphore)


async def show_download(request: web.Request) -> web.Response:
    """Show what the copy holds, and the button."""
    require_recent_proof(request)
    return await _page(request)


async def _page(request: web.Request, *, is_busy: bool = False) -> web.Response:
    async with transaction(request) as connection:
        mine = await read_mine(connection, request)
    status = 503 if is_busy else 200
    return my_page(request, "download.jinja", mine, {"is_busy": is_busy}, status)


async def download(request: web.Request) -> web.StreamResponse:
    """Send the copy."""
    require_recent_proof(request)
    places = request.app[DOWNLOADS]
    if places.locked():
        log_refusal(request, Refusal.TOO_BUSY)
        return await _page(request, is_busy=True)
    async with places:
        return await _send(request)


async def _send(request: web.Request) -> web.StreamResponse:
    now, person_id = now_of(request), viewer_of(request).known_person_id
    async with transaction(request) as connection:
        mine = await read_mine(connection, request)
        await log_look(connection, None, person_id, LookedAt.DOWNLOAD, now)
    day = local_day(now, mine.myself.timezone)
    response = web.StreamResponse()
    response.content_type = "application/zip"
    response.headers["Content-Disposition"] = f'attachment; filename="tidewell-{day}.zip"'
    await response.prepare(request)
    try:
        async with (
            asyncio.timeout(WITHIN_S),
            transaction(request) as connection,
            aclosing(export_of(connection, person_id, FOR_THEMSELVES, now)) as parts,
        ):
            async for part in parts:
                await response.write(part)
        await response.write_eof()
    except Exception:  # noqa: BLE001 -- half a copy is cut off, so that nobody takes it for a whole one
        get_logger().warning("a copy was cut off", exc_info=True)
        if request.transport is not None:
            request.transport.abort()
    return response
