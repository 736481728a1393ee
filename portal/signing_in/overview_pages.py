"""Signing in, as its owner sees it: what is set up, and where somebody is signed in.

Everybody sees and ends their own sessions only, and with them the tokens of their programs.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from aiohttp import web

from portal.api.tokens import list_tokens
from portal.context import Audience, now_of, rows, transaction, viewer_of
from portal.forms import read_form
from portal.rendering import page
from portal.sessions import IDLE_AFTER, OLD_AFTER
from portal.signing_in.second_factors import factors_of
from portal.signing_in.set_up_pages import WhichForm
from tidewell.database import Queries

_QUERIES: Final = Queries("portal.signing_in", "signing_in.sql")

_DONE_WORDS: Final = {
    "added": "It is set up.",
    "removed": "It is removed.",
    "password": (
        "Your password is changed. You are signed out everywhere else, and your tokens hold no"
        " longer."
    ),
    "ended": "That place is signed out.",
    "others": "You are signed out everywhere else, and your tokens hold no longer.",
}


@dataclass(frozen=True, slots=True)
class SessionLine:
    """A place where somebody is signed in."""

    session_id: int
    device_label: str
    created_at: datetime
    seen_at: datetime


async def show_overview(request: web.Request) -> web.Response:
    """Show what is set up, and where somebody is signed in."""
    viewer, now = viewer_of(request), now_of(request)
    who = {"username": viewer.username, "idle_since": now - IDLE_AFTER, "oldest": now - OLD_AFTER}
    async with transaction(request) as connection:
        factors = await factors_of(connection, viewer.username)
        places = await rows(connection, SessionLine, _QUERIES["sessions_of"], who)
        tokens = await list_tokens(connection, viewer.username, now)
    values = {
        "factors": factors,
        "places": places,
        "programs": len(tokens),
        "is_young": viewer.audience is Audience.YOUNG_PERSON,
        "done": _DONE_WORDS.get(request.query.get("done", "")),
    }
    return page(request, "security.jinja", values)


async def end_place(request: web.Request) -> web.Response:
    """End one session of somebody's own."""
    form = await read_form(request, WhichForm)
    if form is None:
        raise web.HTTPBadRequest
    what = {
        "which": form.which,
        "username": viewer_of(request).username,
        "now": now_of(request),
    }
    async with transaction(request) as connection:
        await connection.execute(_QUERIES["end_one_session"], what)
    raise web.HTTPSeeOther("/security?done=ended")


async def end_other_places(request: web.Request) -> web.Response:
    """End every session of somebody's own but this one, and every program of theirs."""
    viewer = viewer_of(request)
    what = {
        "username": viewer.username,
        "token_hash": viewer.token_hash,
        "now": now_of(request),
    }
    async with transaction(request) as connection:
        await connection.execute(_QUERIES["end_other_sessions"], what)
        await connection.execute(_QUERIES["end_programs"], what)
    raise web.HTTPSeeOther("/security?done=others")
