"""How a client of ours and a broker know each other: the broker's certificate, the client's id.

It promises: at an address that is `mqtts://` no connection without a certificate that was checked,
and nothing older than TLS 1.2. It must never offer a way to leave the check out.
"""

from __future__ import annotations

import hashlib
import ipaddress
import ssl
from pathlib import Path
from typing import Final

from tidewell.errors import SettingsError

CLIENT_ID_LETTERS: Final = 22
"""With the letter before them 23, which every MQTT broker has to accept; 88 bits of chance."""


def client_context(host: str, authority: Path | None) -> ssl.SSLContext:
    """Return how to encrypt a connection to a broker.

    Args:
        host: as in its address.
        authority: a file with the certificate that the broker's own has to come from, or with the
            broker's own; None for the authorities that this machine trusts.

    Raises:
        SettingsError: the file cannot be used.
    """
    try:
        context = ssl.create_default_context(cafile=None if authority is None else str(authority))
    except (OSError, ssl.SSLError) as error:
        raise SettingsError(
            f"TIDEWELL_BROKER_CA: {authority} holds no certificate that can be read: "
            f"{error.strerror or error}; give a file in PEM form"
        ) from error
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    if authority is not None:
        # The certificate of the broker itself may stand in the file: then it and no other is taken.
        context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
        # On this machine nobody is in between, and the certificate names the site for the devices.
        context.check_hostname = not is_loopback(host)
    return context


def client_id_of(secret: str) -> str:
    """Return the MQTT client id of the device with this secret.

    Whoever knows the client id of a session can take it over at some brokers. This one follows from
    the secret, so no other device can know it; and it stays, so that a device which comes back
    takes its own half-open connection over.

    Example:
        >>> client_id_of("a secret")
        'db51b8bd7695b16ec649ea3'
    """
    digest = hashlib.sha256(b"tidewell client id " + secret.encode()).hexdigest()
    return "d" + digest[:CLIENT_ID_LETTERS]


def is_loopback(host: str) -> bool:
    """Return whether this is an address of this machine itself.

    Example:
        >>> is_loopback("127.0.0.1"), is_loopback("broker.example"), is_loopback("0.0.0.0")
        (True, False, False)
    """
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
