"""One way to check a password, for signing in, for asking again and for changing it.

Every check passes the same delays. A hash that was made with other parameters than those of today
is made anew while its password is at hand.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from aiohttp import web

from portal.context import first_row, now_of, transaction
from portal.passwords import PasswordAnswer, PasswordChecker, needs_rehash
from portal.security import Refusal, log_refusal
from portal.signing_in.attempts import Attempt
from portal.signing_in.entering import ATTEMPTS
from portal.signing_in.known_devices import attempt_of
from tidewell.clock import monotonic_s
from tidewell.database import Queries

CHECKER: Final = web.AppKey("checker", PasswordChecker)

_QUERIES: Final = Queries("portal.signing_in", "signing_in.sql")


class TryAnswer(StrEnum):
    """What became of a password that somebody typed."""

    FITS = "fits"
    WRONG = "wrong"
    WAIT = "wait"
    TOO_BUSY = "too_busy"


@dataclass(frozen=True, slots=True)
class PasswordTry:
    """What became of a try, and how long the next one has to wait."""

    answer: TryAnswer
    wait_s: float = 0.0
    password_hash: str = ""
    """The hash that it was compared with, when it fits."""


@dataclass(frozen=True, slots=True)
class SignInRow:
    """The sign-in that a name belongs to."""

    username: str
    password_hash: str


async def try_password(request: web.Request, username: str, password: str) -> PasswordTry:
    """Check somebody's password, unless they have to wait."""
    attempt = await attempt_of(request, username)
    attempts = request.app[ATTEMPTS]
    wait_s = attempts.wait_s(attempt, monotonic_s())
    if wait_s > 0:
        log_refusal(request, Refusal.WAIT_BEFORE_NEXT_TRY)
        return PasswordTry(TryAnswer.WAIT, wait_s)
    attempts.begin(attempt, monotonic_s())
    answer, known_hash = await request.app[CHECKER].check(
        password,
        lambda: _hash_of(request, username),
        source=attempt.source,
        is_known=attempt.known_device is not None,
    )
    if answer is PasswordAnswer.TOO_BUSY:
        # Nothing was checked, so nothing was wrong.
        attempts.not_checked(attempt)
        log_refusal(request, Refusal.TOO_BUSY)
        return PasswordTry(TryAnswer.TOO_BUSY)
    if answer is PasswordAnswer.DOES_NOT_FIT:
        log_refusal(request, Refusal.WRONG_PASSWORD)
        return PasswordTry(TryAnswer.WRONG)
    attempts.succeeded(attempt)
    if needs_rehash(known_hash):
        known_hash = await _rehash(request, attempt, password, known_hash)
    return PasswordTry(TryAnswer.FITS, password_hash=known_hash)


async def new_hash_of(request: web.Request, username: str, password: str) -> str:
    """Return the hash of a password that somebody chose."""
    source = (await attempt_of(request, username)).source
    return await request.app[CHECKER].hash_new(password, source=source)


async def replace_password(
    request: web.Request, username: str, earlier_hash: str, new_hash: str
) -> bool:
    """Keep another hash, if the one that was checked is still there."""
    what = {"username": username, "earlier_hash": earlier_hash, "new_hash": new_hash}
    async with transaction(request) as connection:
        row = await (await connection.execute(_QUERIES["replace_password"], what)).fetchone()
    return bool(row and row[0])


async def _hash_of(request: web.Request, username: str) -> str | None:
    which = {"username": username, "now": now_of(request)}
    async with transaction(request) as connection:
        known = await first_row(connection, SignInRow, _QUERIES["find_sign_in"], which)
    return known.password_hash if known and known.password_hash else None


async def _rehash(request: web.Request, attempt: Attempt, password: str, earlier: str) -> str:
    renewed = await request.app[CHECKER].hash_new(password, source=attempt.source)
    replaced = await replace_password(request, attempt.username, earlier, renewed)
    return renewed if replaced else earlier
