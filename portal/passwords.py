"""Passwords: turned into a hash that is slow to guess, and checked without telling who exists.

A password that does not fit and a name that nobody has take the same path and the same time.
Never keeps, logs or compares a password in the clear.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from enum import StrEnum
from typing import Final

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

CHECKS_AT_ONCE: Final = 2
"""Each check takes 64 MiB and some 50 ms of all cores; two leave room for everything else. One is
for browsers in which their owner signed in before, so that strangers cannot take both."""

CHECKS_WAITING: Final = 20
"""For each of the two: some two seconds of work; more would only make everybody's sign-in slow."""

CHECKS_A_SOURCE: Final = 5
"""How many of those one network may take; five at the same moment is a large office."""

PASSWORD_CHARACTERS_MAX: Final = 256
"""Longer than any passphrase, short enough that hashing it costs no more than usual."""

_HASHER: Final = PasswordHasher()


FindHash = Callable[[], Awaitable[str | None]]
"""Asks the database for the hash of a sign-in."""


def hash_password(password: str) -> str:
    """Return what the table sign_in keeps instead of the password.

    Example:
        >>> hash_password("three small boats").startswith("$argon2id$")
        True
    """
    return _HASHER.hash(password)


class PasswordAnswer(StrEnum):
    """What became of a check."""

    FITS = "fits"
    DOES_NOT_FIT = "does_not_fit"
    TOO_BUSY = "too_busy"


class PasswordChecker:
    """Checks passwords in threads, few at once, so that the pages of others stay quick."""

    def __init__(self) -> None:
        self._permits = {
            is_known: asyncio.Semaphore(CHECKS_AT_ONCE // 2) for is_known in (False, True)
        }
        self._inside: Counter[bool] = Counter()
        self._from: Counter[str] = Counter()
        self._nobodys_hash = hash_password("a password that nobody has")

    async def check(
        self, password: str, find_hash: FindHash, *, source: str, is_known: bool
    ) -> tuple[PasswordAnswer, str]:
        """Compare a password with a hash, and return that too when it fits.

        The hash is looked for in the same place of the queue, so that strangers do not fill the
        way to the database either. None, for a name that nobody has, never fits. Whoever comes
        from a known browser waits only behind others of their kind.
        """
        if (
            self._inside[is_known] >= CHECKS_AT_ONCE // 2 + CHECKS_WAITING
            or self._from[source] >= CHECKS_A_SOURCE
        ):
            return PasswordAnswer.TOO_BUSY, ""
        async with self._place(source, is_known=is_known):
            password_hash = await find_hash()
            # A sign-in without a password yet takes as long as every other.
            compared = password_hash or self._nobodys_hash
            fits = await asyncio.to_thread(_fits, password, compared)
        if fits and password_hash:
            return PasswordAnswer.FITS, password_hash
        return PasswordAnswer.DOES_NOT_FIT, ""

    async def hash_new(self, password: str, *, source: str) -> str:
        """Return the hash of a password that somebody chose, in a thread."""
        async with self._place(source, is_known=True):
            return await asyncio.to_thread(hash_password, password)

    @asynccontextmanager
    async def _place(self, source: str, *, is_known: bool) -> AsyncIterator[None]:
        self._inside[is_known] += 1
        self._from[source] += 1
        try:
            async with self._permits[is_known]:
                yield
        finally:
            self._inside[is_known] -= 1
            self._from[source] -= 1
            if not self._from[source]:
                del self._from[source]


def needs_rehash(password_hash: str) -> bool:
    """Return whether a hash was made with other parameters than those of today."""
    return _HASHER.check_needs_rehash(password_hash)


def _fits(password: str, password_hash: str) -> bool:
    try:
        return _HASHER.verify(password_hash, password)
    except (VerificationError, InvalidHashError):
        return False
