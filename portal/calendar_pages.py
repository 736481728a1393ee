"""Shifts in somebody's own calendar: the page that makes and revokes the address, and the feed.

The address holds 256 random bits and is shown once; the database keeps their hash, so neither who
reads the table nor who measures how long an answer takes can find one. An address that is unknown,
revoked, or of somebody who left gets the same answer as a page that does not exist.
"""

from __future__ import annotations

import hmac
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from aiohttp import web

from portal.calendar_feed import BEHIND, FeedCover, calendar_of, etag_of
from portal.context import SETTINGS, first_row, now_of, rows, transaction, viewer_of
from portal.rendering import page
from portal.security import FEED_PATH, Refusal, not_found
from tidewell.database import Queries
from tidewell.rota_store import read_rotas
from tidewell.secret_tokens import new_token, token_hash

_QUERIES: Final = Queries("portal", "calendar.sql")


@dataclass(frozen=True, slots=True)
class FeedRow:
    """A feed that holds."""

    token_hash: bytes
    staff_id: int


@dataclass(frozen=True, slots=True)
class MadeRow:
    """When somebody's address was made."""

    made_at: datetime


async def show_calendar(request: web.Request) -> web.Response:
    """Show whether there is an address; never the address itself."""
    values = {"staff_id": viewer_of(request).known_staff_id}
    async with transaction(request) as connection:
        made = await first_row(connection, MadeRow, _QUERIES["feed_of"], values)
    return page(request, "calendar.jinja", {"made": made, "address": None})


async def make_feed(request: web.Request) -> web.Response:
    """Make an address and show it this once; an earlier one no longer works."""
    token, now = new_token(), now_of(request)
    who = {"staff_id": viewer_of(request).known_staff_id, "now": now}
    async with transaction(request) as connection:
        await connection.execute(_QUERIES["revoke"], who)
        await connection.execute(_QUERIES["make"], who | {"token_hash": token_hash(token)})
    address = f"{_base(request)}{FEED_PATH}{token}.ics"
    return page(request, "calendar.jinja", {"made": MadeRow(now), "address": address})


async def revoke_feed(request: web.Request) -> web.Response:
    """Let an address no longer work."""
    who = {"staff_id": viewer_of(request).known_staff_id, "now": now_of(request)}
    async with transaction(request) as connection:
        await connection.execute(_QUERIES["revoke"], who)
    raise web.HTTPSeeOther("/calendar")


async def show_feed(request: web.Request) -> web.Response:
    """Give a calendar to whoever holds its address."""
    now = now_of(request)
    hashed = token_hash(request.match_info["token"])
    async with transaction(request) as connection:
        which = {"token_hash": hashed, "now": now}
        feed = await first_row(connection, FeedRow, _QUERIES["find_feed"], which)
        if feed is None or not hmac.compare_digest(bytes(feed.token_hash), hashed):
            raise not_found(request, Refusal.NOT_FOUND)
        since = now - BEHIND
        rotas = await read_rotas(connection, since)
        values = {"staff_id": feed.staff_id, "since": since}
        covers = await rows(connection, FeedCover, _QUERIES["covers"], values)
    content = calendar_of(feed.staff_id, rotas.values(), covers, f"{_base(request)}/away", now)
    etag = etag_of(content)
    asked = request.if_none_match
    if asked is not None and any(one.value in (etag, "*") for one in asked):
        return web.Response(status=304, headers={"ETag": f'"{etag}"'})
    return web.Response(
        body=content, content_type="text/calendar", charset="utf-8", headers={"ETag": f'"{etag}"'}
    )


def _base(request: web.Request) -> str:
    return request.app[SETTINGS].public_url or f"http://{request.host}"
