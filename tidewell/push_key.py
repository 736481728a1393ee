"""The key that signs notifications to phones: made once, private here, public to each browser.

A browser ties its subscription to the public half. Who changes the key makes every phone switch its
notifications on again. The private half is never shown.
"""

from __future__ import annotations

import base64
from typing import Final

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)
from py_vapid import Vapid02

from tidewell.errors import SettingsError

_NOT_A_KEY: Final = (
    "TIDEWELL_PUSH_KEY is not the private key of notifications; `tidewell push keys` makes one, and"
    " TIDEWELL_PUSH_KEY_FILE names its file"
)


def new_push_key() -> str:
    """Return a new private key as a file has it."""
    key = ec.generate_private_key(ec.SECP256R1())
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()


def load_push_key(text: str) -> Vapid02:
    """Return the key of a file's text.

    Raises:
        SettingsError: it is not such a key.
    """
    try:
        key = load_pem_private_key(text.strip().encode(), password=None)
    except (ValueError, TypeError):
        raise SettingsError(_NOT_A_KEY) from None
    if not isinstance(key, ec.EllipticCurvePrivateKey) or not isinstance(key.curve, ec.SECP256R1):
        raise SettingsError(_NOT_A_KEY)
    return Vapid02(key)


def public_half(key: Vapid02) -> str:
    """Return what a browser needs of a key, in the form that it takes."""
    point = key.public_key.public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
    return base64.urlsafe_b64encode(point).rstrip(b"=").decode()
