"""Requests that come again: under one key, something is done once and answered the same each time.

The key, what was done and the answer are in one transaction, so a crash leaves all of them or none.
So administrators have keys of their own: what they do is written in another role of the database.
Two that come at once wait for each other. Only what was done is kept; a refusal is decided anew.
Never keeps a secret that an answer shows once.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from aiohttp import web

from portal.api.problems import FieldError, ProblemError, ProblemKind
from portal.context import first_row
from tidewell.database import Connection, Queries

KEY_HEADER: Final = "Idempotency-Key"
KEPT_FOR: Final = timedelta(hours=24)
"""A program that was away for a day reads how things are instead of repeating itself."""

FORGOTTEN_AT_ONCE_MOST: Final = 1_000
"""Ten milliseconds of work; what is left is forgotten with the next request."""

_KEY: Final = re.compile(r"[\x21-\x7e]{1,200}")
KEYS: Final = {
    False: Queries("portal.api", "repeats.sql"),
    True: Queries("portal.api", "repeats_of_administrators.sql"),
}
"""Where keys are, by whether the operation is an administrator's."""


@dataclass(frozen=True, slots=True)
class KeptAnswer:
    """What was answered to the request before."""

    fingerprint: bytes
    status: int
    body: str


@dataclass(frozen=True, slots=True)
class Repeatable:
    """A request that may come again."""

    username: str
    key: str
    fingerprint: bytes
    now: datetime


def repeatable(
    request: web.Request, username: str, body: bytes, now: datetime
) -> Repeatable | None:
    """Return what names a request, or None where its sender did not ask for that.

    Raises:
        ProblemError: the key cannot be used.
    """
    key = request.headers.get(KEY_HEADER)
    if key is None:
        return None
    if not _KEY.fullmatch(key):
        remedy = "Send 1 to 200 printable characters without spaces, such as a UUID."
        raise ProblemError(
            ProblemKind.UNUSABLE_REQUEST, errors=[FieldError(field=KEY_HEADER, remedy=remedy)]
        )
    what = f"{request.method} {request.path}\n".encode() + body
    return Repeatable(username, key, hashlib.sha256(what).digest(), now)


async def answered_before(
    connection: Connection, keys: Queries, one: Repeatable
) -> KeptAnswer | None:
    """Take the key, or return what was answered under it.

    Raises:
        ProblemError: the key belongs to another request.
    """
    values = {
        "username": one.username,
        "key": one.key,
        "fingerprint": one.fingerprint,
        "now": one.now,
        "before": one.now - KEPT_FOR,
    }
    await connection.execute(keys["forget"], values | {"limit": FORGOTTEN_AT_ONCE_MOST})
    cursor = await connection.execute(keys["take"], values)
    if cursor.rowcount:
        return None
    kept = await first_row(connection, KeptAnswer, keys["find"], values)
    if kept is None:
        raise AssertionError("a key that is taken has no answer")
    if bytes(kept.fingerprint) != one.fingerprint:
        raise ProblemError(ProblemKind.KEY_USED_DIFFERENTLY)
    return kept


async def keep_answer(
    connection: Connection, keys: Queries, one: Repeatable, status: int, body: str
) -> None:
    """Keep what is answered, for when the request comes again."""
    values = {"username": one.username, "key": one.key, "status": status, "body": body}
    await connection.execute(keys["keep"], values)
