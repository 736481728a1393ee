"""Second factors of a sign-in as the database has them: passkeys, an app, recovery codes.

A row that is removed stays, with its date. Whatever is good once is taken by the statement that
finds it, so that two requests at once cannot both have it.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from portal.context import first_row, rows
from portal.signing_in.codes import (
    new_app_secret,
    new_recovery_codes,
    plain_code,
    recovery_hash,
    step_of_digits,
)
from tidewell.database import Connection, Queries

PASSKEYS_MAX: Final = 10
"""A phone, a computer and a key, for some years."""

OFFER_HOLDS: Final = timedelta(minutes=30)
"""A picture that was shown longer ago may have been seen by others; a new one is made."""

_QUERIES: Final = Queries("portal.signing_in", "signing_in.sql")


@dataclass(frozen=True, slots=True)
class PasskeyRow:
    """A passkey, for its owner's list."""

    passkey_id: int
    credential_id: bytes
    user_handle: bytes
    device_label: str
    created_at: datetime
    used_at: datetime | None


@dataclass(frozen=True, slots=True)
class AppRow:
    """An app that shows digits, confirmed or only offered."""

    authenticator_app_id: int
    secret: str
    made_at: datetime
    confirmed_at: datetime | None


@dataclass(frozen=True, slots=True)
class CountRow:
    """How many there are."""

    count: int


@dataclass(frozen=True, slots=True)
class Factors:
    """What somebody has set up."""

    passkeys: tuple[PasskeyRow, ...]
    app: AppRow | None
    codes_left: int

    @property
    def has_app(self) -> bool:
        """Return whether digits can be asked for."""
        return self.app is not None and self.app.confirmed_at is not None

    @property
    def has_any(self) -> bool:
        """Return whether anything is set up that can be asked for."""
        return self.has_app or bool(self.passkeys)


async def factors_of(connection: Connection, username: str) -> Factors:
    """Return what somebody has set up."""
    who = {"username": username}
    passkeys = await rows(connection, PasskeyRow, _QUERIES["passkeys_of"], who)
    app = await first_row(connection, AppRow, _QUERIES["app_of"], who)
    codes = await first_row(connection, CountRow, _QUERIES["codes_left"], who)
    return Factors(tuple(passkeys), app, codes.count if codes else 0)


async def offer_app(connection: Connection, username: str, now: datetime) -> AppRow | None:
    """Return an app to set up, or None where one is set up already."""
    who = {"username": username}
    known = await first_row(connection, AppRow, _QUERIES["app_of"], who)
    if known is not None and known.confirmed_at is not None:
        return None
    if known is None or now - known.made_at > OFFER_HOLDS:
        offer = who | {"secret": new_app_secret(), "now": now}
        await connection.execute(_QUERIES["offer_app"], offer)
        known = await first_row(connection, AppRow, _QUERIES["app_of"], who)
    return known


async def confirm_app(connection: Connection, username: str, typed: str, now: datetime) -> bool:
    """Set an app up that was offered, when its digits fit; they are used up by that."""
    known = await first_row(connection, AppRow, _QUERIES["app_of"], {"username": username})
    if known is None or known.confirmed_at is not None or now - known.made_at > OFFER_HOLDS:
        return False
    step = step_of_digits(known.secret, plain_code(typed), now)
    if step is None:
        return False
    what = {"username": username, "now": now, "step": step, "secret": known.secret}
    return (await connection.execute(_QUERIES["confirm_app"], what)).rowcount == 1


async def take_digits(connection: Connection, username: str, digits: str, now: datetime) -> bool:
    """Take the digits of an app, once."""
    known = await first_row(connection, AppRow, _QUERIES["app_of"], {"username": username})
    if known is None or known.confirmed_at is None:
        return False
    step = step_of_digits(known.secret, digits, now)
    if step is None:
        return False
    what = {"username": username, "step": step}
    return (await connection.execute(_QUERIES["use_app"], what)).rowcount == 1


async def take_recovery_code(
    connection: Connection, username: str, code: str, now: datetime
) -> bool:
    """Take a recovery code, once."""
    what = {"username": username, "code_hash": recovery_hash(username, code), "now": now}
    return (await connection.execute(_QUERIES["use_code"], what)).rowcount == 1


async def make_recovery_codes(connection: Connection, username: str, now: datetime) -> list[str]:
    """Make codes to print; earlier ones are void."""
    codes = new_recovery_codes()
    await connection.execute(_QUERIES["replace_codes"], {"username": username, "now": now})
    what = {
        "username": username,
        "code_hashes": [recovery_hash(username, code) for code in codes],
        "now": now,
    }
    await connection.execute(_QUERIES["add_codes"], what)
    return codes


async def remove_passkey(
    connection: Connection, username: str, passkey_id: int, now: datetime
) -> None:
    """Let a passkey of somebody's own no longer be good."""
    what = {"which": passkey_id, "username": username, "now": now}
    await connection.execute(_QUERIES["remove_passkey"], what)


async def remove_app(connection: Connection, username: str, now: datetime) -> None:
    """Let an app no longer be good."""
    await connection.execute(_QUERIES["remove_app"], {"username": username, "now": now})
