"""Which passwords are refused when somebody chooses one. Pure but for its list, read once.

Length counts and nothing else is prescribed: no kinds of characters, no change after some weeks.
Refused is what a guesser tries first: the own name, the names of this service, what many people
take, and a few characters over and over.
"""

from __future__ import annotations

from enum import StrEnum
from functools import lru_cache
from pathlib import Path
from typing import Final

from portal.passwords import PASSWORD_CHARACTERS_MAX

PASSWORD_CHARACTERS_MIN: Final = 12
"""Three words; long enough that the slow hash holds against a stolen table."""

DISTINCT_MIN: Final = 5
"""Fewer different characters are a pattern and no password."""

NAME_CHARACTERS_MIN: Final = 4
"""A shorter name is part of too many words to refuse every password that holds it."""

_LIST: Final = Path(__file__).parent / "common_passwords.txt"


class PasswordProblem(StrEnum):
    """Why a password that somebody chose is refused."""

    TOO_SHORT = "too_short"
    TOO_LONG = "too_long"
    HOLDS_THE_NAME = "holds_the_name"
    TOO_COMMON = "too_common"
    TOO_REGULAR = "too_regular"


PROBLEM_WORDS: Final[dict[PasswordProblem, str]] = {
    PasswordProblem.TOO_SHORT: f"Use {PASSWORD_CHARACTERS_MIN} characters or more. "
    "Three words that do not belong together are easy to remember",
    PasswordProblem.TOO_LONG: f"Use {PASSWORD_CHARACTERS_MAX} characters or fewer",
    PasswordProblem.HOLDS_THE_NAME: "Do not use the name that you sign in with, or the name of "
    "this service",
    PasswordProblem.TOO_COMMON: "Many people use this password, so it is guessed first. "
    "Choose another one",
    PasswordProblem.TOO_REGULAR: "This repeats a few characters. Choose one that does not",
}


@lru_cache(maxsize=1)
def common_passwords() -> frozenset[str]:
    """Return what is refused because many people use it; shorter ones are too short anyway."""
    lines = _LIST.read_text(encoding="utf-8").splitlines()
    return frozenset(line for line in lines if line and not line.startswith("#"))


def password_problem(password: str, username: str) -> PasswordProblem | None:
    """Return why a password cannot be taken, or None when it can.

    Example:
        >>> password_problem("three small boats", "jo") is None
        True
        >>> password_problem("Password1234", "jo").value
        'too_common'
    """
    if len(password) < PASSWORD_CHARACTERS_MIN:
        return PasswordProblem.TOO_SHORT
    if len(password) > PASSWORD_CHARACTERS_MAX:
        return PasswordProblem.TOO_LONG
    lower = password.lower()
    if _holds_name(lower, username.lower()):
        return PasswordProblem.HOLDS_THE_NAME
    if lower in common_passwords() or _bare(lower) in common_passwords():
        return PasswordProblem.TOO_COMMON
    if len(set(lower)) < DISTINCT_MIN:
        return PasswordProblem.TOO_REGULAR
    return None


def _holds_name(lower: str, username: str) -> bool:
    holds_own = len(username) >= NAME_CHARACTERS_MIN and username in lower
    return holds_own or _bare(lower).strip("0123456789") in {username, "tidewell"}


def _bare(lower: str) -> str:
    """Return a password without what people put between words and at its end."""
    return "".join(one for one in lower if one.isalnum())
