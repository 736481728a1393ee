"""Passwords: turned into a hash that is slow to guess, and checked without telling who exists.

A password that does not fit and a name that nobody has take the same path and the same time.
Never keeps, logs or compares a password in the clear.
"""

from __future__ import annotations

import asyncio
from enum import StrEnum
from typing import Final

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

CHECKS_AT_ONCE: Final = 2
"""Each check takes 64 MiB and some 50 ms of all cores; two leave room for everything else."""

CHECKS_WAITING: Final = 20
"""Some two seconds of work; more waiting would only make everybody's sign-in slow."""

PASSWORD_CHARACTERS_MAX: Final = 256
"""Longer than any passphrase, short enough that hashing it costs no more than usual."""

_HASHER: Final = PasswordHasher()


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
        self._permits = asyncio.Semaphore(CHECKS_AT_ONCE)
        self._inside = 0
        self._nobodys_hash = hash_password("a password that nobody has")

    async def check(self, password: str, password_hash: str | None) -> PasswordAnswer:
        """Compare a password with a hash; with None for a name that nobody has, it never fits."""
        if self._inside >= CHECKS_AT_ONCE + CHECKS_WAITING:
            return PasswordAnswer.TOO_BUSY
        self._inside += 1
        try:
            async with self._permits:
                fits = await asyncio.to_thread(_fits, password, password_hash or self._nobodys_hash)
        finally:
            self._inside -= 1
        if fits and password_hash is not None:
            return PasswordAnswer.FITS
        return PasswordAnswer.DOES_NOT_FIT


def _fits(password: str, password_hash: str) -> bool:
    try:
        return _HASHER.verify(password_hash, password)
    except (VerificationError, InvalidHashError):
        return False
