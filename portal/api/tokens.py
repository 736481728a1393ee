"""Tokens of programs: from the token in a request to the person whose program it is.

A token belongs to a sign-in and sees what its owner sees, never more: whoever leaves or is switched
off takes their programs along. It is 256 random bits; the database keeps only its hash. Nothing
here makes a token last longer.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from aiohttp import web

from portal.context import Audience, Scope, SessionLevel, Viewer, first_row, now_of, rows
from tidewell.database import Connection, Queries
from tidewell.secret_tokens import new_token, token_hash

TOKEN_PREFIX: Final = "tidewell_"  # noqa: S105 -- what every token begins with
"""So that programs that look for leaked secrets know one when they see it."""

LONGEST: Final = timedelta(days=365)
"""A year: whoever still needs it says so again."""

TOKENS_MOST: Final = 10
"""One for each program of somebody; who has more has forgotten some."""

NAME_CHARACTERS_MAX: Final = 60
USED_STEP: Final = timedelta(minutes=1)
"""When a token was used last is known to the minute, without a write for each request."""

NEVER_PROVED: Final = datetime.min.replace(tzinfo=UTC)
"""No program takes a step for which people have to prove again who they are."""

_TOKEN: Final = re.compile(r"Bearer (tidewell_[A-Za-z0-9_-]{43})", re.IGNORECASE)
_QUERIES: Final = Queries("portal.api", "tokens.sql")


@dataclass(frozen=True, slots=True)
class TokenRow:
    """A token that holds, with its owner."""

    api_token_id: int
    token_hash: bytes
    username: str
    may_act: bool
    used_at: datetime | None
    staff_id: int | None
    person_id: int | None
    staff_role: str | None
    is_service_manager: bool
    name: str


@dataclass(frozen=True, slots=True)
class ListedToken:
    """A token as its owner sees it."""

    api_token_id: int
    username: str
    name: str
    may_act: bool
    made_at: datetime
    expires_at: datetime
    used_at: datetime | None

    @property
    def scope_words(self) -> str:
        """Return what it may do."""
        return "may read and act" if self.may_act else "may read"


async def find_token_viewer(connection: Connection, request: web.Request) -> Viewer | None:
    """Return whose token a request carries, or None where it carries none that holds."""
    match = _TOKEN.fullmatch(request.headers.get("Authorization", ""))
    if match is None:
        return None
    return await viewer_of_hash(connection, token_hash(match[1]), now_of(request))


async def viewer_of_hash(connection: Connection, hashed: bytes, now: datetime) -> Viewer | None:
    """Return whose token has this hash, as long as it holds, and note that it was used."""
    which = {"token_hash": hashed, "now": now}
    row = await first_row(connection, TokenRow, _QUERIES["find"], which)
    if row is None:
        return None
    if row.used_at is None or now - row.used_at >= USED_STEP:
        await connection.execute(_QUERIES["note_use"], which)
    return Viewer(
        token_hash=bytes(row.token_hash),
        username=row.username,
        audience=Audience(row.staff_role) if row.staff_role else Audience.YOUNG_PERSON,
        name=row.name,
        staff_id=row.staff_id,
        person_id=row.person_id,
        session_id=0,
        level=SessionLevel.SECOND_FACTOR,  # its owner had it when they made the token
        proved_at=NEVER_PROVED,
        has_second_factor=True,
        is_service_manager=row.is_service_manager,
        scopes=frozenset(Scope) if row.may_act else frozenset({Scope.READ}),
        is_program=True,
    )


async def make_token(
    connection: Connection,
    username: str,
    name: str,
    *,
    may_act: bool,
    lasts: timedelta,
    now: datetime,
) -> str | None:
    """Return a new token, which is not kept and cannot be shown again; None if there are too many.

    `lasts` is at most LONGEST.
    """
    token = TOKEN_PREFIX + new_token()
    values = {
        "token_hash": token_hash(token),
        "username": username,
        "name": name,
        "may_act": may_act,
        "now": now,
        "expires_at": now + min(lasts, LONGEST),
        "most": TOKENS_MOST,
    }
    await connection.execute(_QUERIES["lock"], values)
    cursor = await connection.execute(_QUERIES["make"], values)
    return token if cursor.rowcount else None


async def list_tokens(
    connection: Connection, username: str | None, now: datetime
) -> list[ListedToken]:
    """Return the tokens of somebody that hold, or those of all."""
    which = {"username": username, "now": now}
    return await rows(connection, ListedToken, _QUERIES["list"], which)


async def revoke_token(
    connection: Connection, token_id: int, username: str | None, now: datetime
) -> bool:
    """Let a token hold no longer, if it is theirs; return whether it held until then."""
    values = {"api_token_id": token_id, "username": username, "now": now}
    cursor = await connection.execute(_QUERIES["revoke"], values)
    return bool(cursor.rowcount)


async def has_sign_in(connection: Connection, username: str) -> bool:
    """Return whether somebody signs in with this name."""
    cursor = await connection.execute(_QUERIES["has_sign_in"], {"username": username})
    return await cursor.fetchone() is not None
