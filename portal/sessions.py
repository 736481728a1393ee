"""Sessions: from the token in a cookie to the person who is looking.

A token is 256 random bits; the database keeps only its hash, so that who reads the table cannot
sign in. A session ends when it is idle, when it is old, when its owner signs out or ends it from
elsewhere, when the password changes, and when the sign-in is disabled. Whatever somebody proves
anew gives them a new token; how old a session may grow counts from its beginning all the same. A
page that refreshes itself does not keep a session alive.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from aiohttp import web

from portal.context import SETTINGS, Audience, SessionLevel, Viewer, first_row
from tidewell.database import Connection, Queries
from tidewell.secret_tokens import new_token, token_hash
from tidewell.settings import Settings

IDLE_AFTER: Final = timedelta(minutes=30)
"""Long enough for a phone call about an alert, short enough for a screen left open in an office."""

OLD_AFTER: Final = timedelta(hours=12)
"""A long working day; tomorrow starts with a password."""

SEEN_STEP: Final = timedelta(minutes=1)
"""Noting every page view to the second would write for each picture; a minute is exact enough."""

SESSIONS_MAX: Final = 20
"""Every device of a person several times over; the oldest end, so that nobody piles them up."""

_QUERIES: Final = Queries("portal", "sessions.sql")


@dataclass(frozen=True, slots=True)
class SessionRow:
    """A session that still holds, with its owner."""

    token_hash: bytes
    username: str
    seen_at: datetime
    staff_id: int | None
    person_id: int | None
    session_id: int
    level: str
    proved_at: datetime
    has_second_factor: bool
    staff_role: str | None
    is_service_manager: bool
    name: str


def served_securely(settings: Settings) -> bool:
    """Return whether people reach the pages over https."""
    return (settings.public_url or "").startswith("https://")


def cookie_name(settings: Settings) -> str:
    """Return the cookie's name; the prefix makes browsers refuse it from anywhere else."""
    return "__Host-tidewell" if served_securely(settings) else "tidewell"


def set_cookie(response: web.StreamResponse, settings: Settings, token: str) -> None:
    """Give the browser its token; scripts cannot read it and other sites cannot send it."""
    response.set_cookie(
        cookie_name(settings),
        token,
        path="/",
        httponly=True,
        samesite="Lax",
        secure=served_securely(settings),
    )


def drop_cookie(response: web.StreamResponse, settings: Settings) -> None:
    """Take the token back."""
    response.del_cookie(
        cookie_name(settings),
        path="/",
        httponly=True,
        samesite="Lax",
        secure=served_securely(settings),
    )


async def open_session(
    connection: Connection,
    username: str,
    now: datetime,
    *,
    level: SessionLevel = SessionLevel.PASSWORD,
    device_label: str = "A device",
) -> str:
    """Start a session and return its token; the oldest beyond a limit end."""
    token = new_token()
    what = {
        "token_hash": token_hash(token),
        "username": username,
        "now": now,
        "level": level,
        "device_label": device_label,
    }
    await connection.execute(_QUERIES["open_session"], what)
    surplus = {"username": username, "now": now, "most": SESSIONS_MAX}
    await connection.execute(_QUERIES["end_surplus"], surplus)
    return token


async def renew_session(
    connection: Connection, viewer: Viewer, now: datetime, level: SessionLevel
) -> str:
    """Give a session a new token, because its owner proved who they are; the old one is void."""
    token = new_token()
    what = {
        "old_hash": viewer.token_hash,
        "token_hash": token_hash(token),
        "now": now,
        "level": level,
    }
    await connection.execute(_QUERIES["renew_session"], what)
    await end_session(connection, viewer.token_hash, now)
    return token


async def end_session(connection: Connection, hashed: bytes, now: datetime) -> None:
    """End a session; its token is worth nothing from now on."""
    await connection.execute(_QUERIES["end_session"], {"token_hash": hashed, "now": now})


async def find_viewer(
    connection: Connection, hashed: bytes, now: datetime, *, keep_alive: bool
) -> Viewer | None:
    """Return who holds this token, or None when the session does not hold any more."""
    row = await first_row(
        connection,
        SessionRow,
        _QUERIES["find_session"],
        {
            "token_hash": hashed,
            "idle_since": now - IDLE_AFTER,
            "oldest": now - OLD_AFTER,
            "now": now,
        },
    )
    if row is None:
        return None
    if keep_alive and now - row.seen_at >= SEEN_STEP:
        await connection.execute(_QUERIES["see_session"], {"token_hash": hashed, "now": now})
    audience = Audience(row.staff_role) if row.staff_role else Audience.YOUNG_PERSON
    return Viewer(
        token_hash=bytes(row.token_hash),
        username=row.username,
        audience=audience,
        name=row.name,
        staff_id=row.staff_id,
        person_id=row.person_id,
        session_id=row.session_id,
        level=SessionLevel(row.level),
        proved_at=row.proved_at,
        has_second_factor=row.has_second_factor,
        is_service_manager=row.is_service_manager,
    )


def token_of(request: web.Request) -> bytes | None:
    """Return the hash of the token that a browser sent, or None."""
    token = request.cookies.get(cookie_name(request.app[SETTINGS]))
    return token_hash(token) if token else None
