"""Codes that pair a device: short enough to type, gone in minutes, good for one use.

Promises: eight letters that nobody mixes up and that spell no word; the database keeps only a hash;
a code works once and for a quarter of an hour. Guessing is slowed down in `pairing_pages`. Never
logs a code.
"""

from __future__ import annotations

import hashlib
import secrets
from datetime import timedelta
from typing import Final

import segno
from markupsafe import Markup

LETTERS: Final = "BCDFGHJKMNPQRTVWXY"
"""Without vowels there are no words; I, L, O, S and Z look like digits or each other."""

CODE_LETTERS: Final = 8
"""33 random bits. With twenty codes open and a guess a second for their whole life, one guesser in
six hundred thousand finds one."""

CODE_HOLDS: Final = timedelta(minutes=15)
"""Long enough to fetch the device from the next room."""

PAIR_PATH: Final = "/pair"


def new_code() -> str:
    """Return a code that was not thought of by anybody."""
    return "".join(secrets.choice(LETTERS) for _ in range(CODE_LETTERS))


def plain_code(typed: str) -> str | None:
    """Return a typed code as it was made, or None where it cannot be one.

    Example:
        >>> plain_code("bcdf-ghjk "), plain_code("12")
        ('BCDFGHJK', None)
    """
    letters = typed.upper().replace("-", "").replace(" ", "").strip()
    fits = len(letters) == CODE_LETTERS and set(letters) <= set(LETTERS)
    return letters if fits else None


def code_hash(code: str) -> bytes:
    """Return what the database keeps of a code."""
    return hashlib.sha256(f"tidewell pairing {code}".encode()).digest()


def shown_code(code: str) -> str:
    """Return a code as it is read aloud.

    Example:
        >>> shown_code("BCDFGHJK")
        'BCDF-GHJK'
    """
    return f"{code[:4]}-{code[4:]}"


def pairing_address(site: str, code: str) -> str:
    """Return what the picture says: where to pair, and the code where no server log sees it."""
    return f"{site.rstrip('/')}{PAIR_PATH}#{code}"


def picture(address: str) -> Markup:
    """Return a QR code as a drawing inside the page: no script, no style, no other request."""
    drawn = segno.make(address, error="m", micro=False)
    text = drawn.svg_inline(scale=6, border=4, svgclass="tw-qr", lineclass=None, omitsize=False)
    return Markup(text)  # noqa: S704 -- drawn from squares; the address itself is not in it
