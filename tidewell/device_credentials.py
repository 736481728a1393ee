"""The credential of a device: made here, shown once, kept only as what a broker compares with.

It promises: every device has a secret of its own; no secret is stored, logged or put on a command
line; a device that was revoked is in no list for a broker any more. It must never let one device
stand for another: the name in the topics is the name that signs in.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import secrets
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from typing import Final

import bcrypt

from tidewell.database import Connection, Queries
from tidewell.errors import UsageError

QUERIES: Final = Queries("tidewell", "device_credentials.sql")

SECRET_BYTES: Final = 32
"""256 random bits, 43 letters: nobody finds them by trying, however fast the hash is."""
BCRYPT_ROUNDS: Final = 4
"""The least that bcrypt has, a millisecond. The usual cost of 12 takes a quarter of a second of a
processor a connection: after an outage 10,000 devices would wait 20 minutes for each other."""
PBKDF2_ROUNDS: Final = 101
"""What Mosquitto's own tool takes."""
SALT_BYTES: Final = 12
PBKDF2_BYTES: Final = 64
HASHERS: Final = 4
"""bcrypt lets other threads run meanwhile; more of them than processors help nobody."""


@dataclass(frozen=True, slots=True)
class Verifiers:
    """What the two kinds of brokers compare a secret with."""

    bcrypt: str
    pbkdf2: str


@dataclass(frozen=True, slots=True)
class ListedDevice:
    """A device as an operator sees it; `person_label` is empty where nobody wears it."""

    name: str
    person_label: str
    model: str
    credential_set_at: datetime | None
    revoked_at: datetime | None


def new_secret() -> str:
    """Return a secret for one device, in letters that need no quoting in an address."""
    return secrets.token_urlsafe(SECRET_BYTES)


def verifiers_of(secret: str) -> Verifiers:
    """Return what brokers compare this secret with."""
    salt = secrets.token_bytes(SALT_BYTES)
    digest = hashlib.pbkdf2_hmac("sha512", secret.encode(), salt, PBKDF2_ROUNDS, PBKDF2_BYTES)
    salted = (base64.b64encode(part).decode() for part in (salt, digest))
    return Verifiers(
        bcrypt.hashpw(secret.encode(), bcrypt.gensalt(BCRYPT_ROUNDS)).decode(),
        "$".join(["", "7", str(PBKDF2_ROUNDS), *salted]),
    )


async def give_secrets(
    connection: Connection, device_names: Sequence[str], now: datetime
) -> dict[str, str]:
    """Give each of these devices a secret, in place of the one it had, and return the secrets.

    Raises:
        UsageError: a device is not enrolled, or was revoked.
    """
    given = {name: new_secret() for name in device_names}
    verifiers = await asyncio.to_thread(_hash_all, list(given.values()))
    for name, made in zip(given, verifiers, strict=True):
        values = {"name": name, "bcrypt": made.bcrypt, "pbkdf2": made.pbkdf2, "now": now}
        cursor = await connection.execute(QUERIES["set_credential"], values)
        if not cursor.rowcount:
            raise UsageError(await _why_not(connection, name))
    await connection.execute(QUERIES["announce"])
    return given


async def revoke_device(connection: Connection, name: str, now: datetime) -> None:
    """Take a device out of use: it can sign in no longer, and what it sent is refused.

    Raises:
        UsageError: it is not enrolled, or was revoked before.
    """
    cursor = await connection.execute(QUERIES["revoke_device"], {"name": name, "now": now})
    if not cursor.rowcount:
        raise UsageError(await _why_not(connection, name))
    await connection.execute(QUERIES["delete_credential"], {"name": name})
    await connection.execute(QUERIES["announce"])


async def verifiers_for_brokers(connection: Connection) -> dict[str, Verifiers]:
    """Return, by name, every device that may sign in."""
    rows = await (await connection.execute(QUERIES["verifiers"])).fetchall()
    return {name: Verifiers(for_nats, for_mosquitto) for name, for_nats, for_mosquitto in rows}


async def fingerprint(connection: Connection) -> str:
    """Return a short text that changes whenever somebody may sign in, or may not any more."""
    row = await (await connection.execute(QUERIES["fingerprint"])).fetchone()
    assert row is not None  # an aggregate always answers
    return str(row[0])


async def listed_devices(connection: Connection) -> list[ListedDevice]:
    """Return every device, in the order of their names."""
    rows = await (await connection.execute(QUERIES["devices"])).fetchall()
    return [ListedDevice(*row) for row in rows]


async def devices_without_credential(connection: Connection) -> int:
    """Return how many real devices cannot sign in, because they never got a secret of their own."""
    row = await (await connection.execute(QUERIES["without_credential"])).fetchone()
    assert row is not None  # an aggregate always answers
    return int(row[0])


def password_lines(verifiers: Mapping[str, Verifiers]) -> str:
    """Return the lines of these devices in the password file of Mosquitto."""
    return "".join(f"{name}:{one.pbkdf2}\n" for name, one in sorted(verifiers.items()))


def _hash_all(given: Sequence[str]) -> list[Verifiers]:
    with ThreadPoolExecutor(HASHERS) as pool:
        return list(pool.map(verifiers_of, given))


async def _why_not(connection: Connection, name: str) -> str:
    row = await (await connection.execute(QUERIES["find_device"], {"name": name})).fetchone()
    if row is None:
        return f"no device {name!r} is enrolled; `tidewell device list` shows those that are"
    return (
        f"device {name} was revoked on {row[0]:%Y-%m-%d} and stays so; "
        "give a device that comes back another name with `tidewell device add`"
    )
