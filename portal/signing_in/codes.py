"""Six digits of an app, recovery codes, and the picture that an app reads. No clock, no database.

Recovery codes have 120 random bits each, so that a plain hash keeps them safe. Six digits are worth
something for one and a half minutes, so that a clock may be a little wrong; the caller sees to it
that none is taken twice.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from dataclasses import dataclass
from datetime import datetime
from typing import Final

import pyotp
import segno

STEP_S: Final = 30
STEPS_AROUND: Final = 1
"""A clock that is half a minute wrong, and a person who types slowly."""

RECOVERY_CODES: Final = 8
"""A phone that is lost or broken once a year, with some to spare; fewer would be an errand."""

_ALPHABET: Final = "ABCDEFGHJKLMNPQRSTUVWXYZ23456789"
"""Thirty-two characters that nobody mistakes for each other on paper."""

_GROUPS: Final = 6
_GROUP_CHARACTERS: Final = 4
_QUIET_ZONE: Final = 4
"""Empty modules around the picture, as its standard asks."""


@dataclass(frozen=True, slots=True)
class QrPicture:
    """A QR code as one path of an SVG."""

    size: int
    path: str


def new_app_secret() -> str:
    """Return what an app and we share: 160 random bits."""
    return pyotp.random_base32()


def app_address(secret: str, username: str) -> str:
    """Return what the picture says to an app."""
    return pyotp.TOTP(secret).provisioning_uri(name=username, issuer_name="Tidewell")


def spaced(secret: str) -> str:
    """Return a secret so that a person can type it.

    Example:
        >>> spaced("ABCDEFGH")
        'ABCD EFGH'
    """
    return " ".join(secret[at : at + 4] for at in range(0, len(secret), 4))


def step_of_digits(secret: str, digits: str, now: datetime) -> int | None:
    """Return the half minute that these digits belong to, or None when they do not fit now."""
    if not (digits.isascii() and digits.isdigit()):
        return None
    app = pyotp.TOTP(secret)
    present = int(now.timestamp()) // STEP_S
    found = None
    for step in range(present - STEPS_AROUND, present + STEPS_AROUND + 1):
        if hmac.compare_digest(app.generate_otp(step), digits):
            found = step
    return found


def new_recovery_codes() -> list[str]:
    """Return codes to print, each good once."""
    return [_new_code() for _ in range(RECOVERY_CODES)]


def _new_code() -> str:
    groups = (
        "".join(secrets.choice(_ALPHABET) for _ in range(_GROUP_CHARACTERS)) for _ in range(_GROUPS)
    )
    return "-".join(groups)


def plain_code(typed: str) -> str:
    """Return a code as it was made, however it was typed.

    Example:
        >>> plain_code(" 123 456 "), plain_code("abcd-efgh")
        ('123456', 'ABCDEFGH')
    """
    return "".join(one for one in typed.upper() if one.isalnum())


def recovery_hash(username: str, code: str) -> bytes:
    """Return what is kept of a recovery code."""
    return hashlib.sha256(f"{username} {plain_code(code)}".encode()).digest()


def qr_picture(text: str) -> QrPicture:
    """Return a text as a picture that a camera reads; it needs no style and no other file."""
    matrix = segno.make(text, error="m", micro=False).matrix
    parts = []
    for down, row in enumerate(matrix):
        for across, dark in enumerate(row):
            if dark:
                parts.append(f"M{across + _QUIET_ZONE} {down + _QUIET_ZONE}h1v1h-1z")
    return QrPicture(len(matrix) + 2 * _QUIET_ZONE, "".join(parts))
