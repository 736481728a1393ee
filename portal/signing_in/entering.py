"""Letting somebody in: a session, a browser that is known from then on, and where to go.

A session is never raised in place: whatever somebody proves gives them a new token, and the one
before is void. A browser counts as known only once its owner proved everything that is asked.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final
from urllib.parse import quote

from aiohttp import web

from portal.context import (
    SETTINGS,
    Audience,
    SessionLevel,
    now_of,
    transaction,
    viewer_of,
)
from portal.notification_pages import device_label
from portal.security import safe_next, set_viewer
from portal.sessions import (
    end_session,
    find_viewer,
    open_session,
    renew_session,
    set_cookie,
    token_of,
)
from portal.signing_in.attempts import Attempts
from portal.signing_in.known_devices import remember_device, set_device_cookie
from portal.signing_in.steps import STEP, STEP_PAGES, is_open_during, step_of
from tidewell.database import Connection
from tidewell.logs import get_logger
from tidewell.secret_tokens import token_hash

ATTEMPTS: Final = web.AppKey("attempts", Attempts)

HOMES: Final[dict[Audience, str]] = {
    Audience.PRACTITIONER: "/alerts",
    Audience.CLINICIAN: "/people",
    Audience.YOUNG_PERSON: "/me",
    Audience.ADMIN: "/service",
}


@dataclass(frozen=True, slots=True)
class Entry:
    """What a browser gets when somebody was let in, or proved more."""

    token: str
    device_token: str | None


async def enter(
    request: web.Request, username: str, level: SessionLevel, next_path: str
) -> web.Response:
    """Start a session, end the one that this browser had, and lead on.

    It leads to the page that was asked for, or to what is missing first.
    """
    now = now_of(request)
    earlier = token_of(request)
    async with transaction(request) as connection:
        if earlier is not None:
            await end_session(connection, earlier, now)
        token = await open_session(
            connection, username, now, level=level, device_label=device_label(request.headers)
        )
        entry = await _entry(request, connection, token)
    return _lead_on(request, entry, next_path)


async def prove(request: web.Request, connection: Connection, level: SessionLevel) -> Entry:
    """Renew the session of somebody who proved who they are; their browser is known from now on."""
    token = await renew_session(connection, viewer_of(request), now_of(request), level)
    return await _entry(request, connection, token)


async def prove_and_lead_on(
    request: web.Request, level: SessionLevel, next_path: str
) -> web.Response:
    """Renew the session and lead on."""
    async with transaction(request) as connection:
        entry = await prove(request, connection, level)
    return _lead_on(request, entry, next_path)


def give(request: web.Request, response: web.StreamResponse, entry: Entry) -> None:
    """Give a browser its new cookies."""
    settings = request.app[SETTINGS]
    set_cookie(response, settings, entry.token)
    if entry.device_token is not None:
        set_device_cookie(response, settings, entry.device_token)


async def _entry(request: web.Request, connection: Connection, token: str) -> Entry:
    now = now_of(request)
    viewer = await find_viewer(connection, token_hash(token), now, keep_alive=False)
    if viewer is None:
        raise web.HTTPSeeOther("/sign-in")
    set_viewer(request, viewer)
    get_logger().info("session opened", role=viewer.audience.value, level=viewer.level.value)
    if step_of(viewer, demo=request.app[SETTINGS].demo) is not None:
        return Entry(token, None)
    return Entry(token, await remember_device(request, connection, viewer.username, now))


def _lead_on(request: web.Request, entry: Entry, next_path: str) -> web.Response:
    step = request.get(STEP)
    target = safe_next(next_path)
    if step is not None and not is_open_during(step, target.partition("?")[0]):
        target = f"{STEP_PAGES[step]}?next={quote(target, safe='')}"
    response = web.Response(status=303, headers={"Location": target})
    give(request, response, entry)
    return response
