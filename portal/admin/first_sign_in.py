"""How somebody who was just added gets in: the one place to change when that changes.

A password is made here, shown once to the administrator, and kept only as a hash.
"""

from __future__ import annotations

import asyncio
import secrets
from dataclasses import dataclass
from typing import Final

from portal.passwords import hash_password

PASSWORD_BYTES: Final = 15
"""120 random bits: 20 characters to type once."""


@dataclass(frozen=True, slots=True)
class FirstSignIn:
    """What is handed over, and what is kept."""

    password: str
    password_hash: str


async def make_first_sign_in() -> FirstSignIn:
    """Return a way in for somebody; hashing waits in a thread."""
    password = secrets.token_urlsafe(PASSWORD_BYTES)
    return FirstSignIn(password, await asyncio.to_thread(hash_password, password))
