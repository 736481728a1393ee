"""Passkeys: what a browser is asked to sign, and whether what it signed is right.

A challenge lives in the database for five minutes, for one purpose and one person, and is taken
before it is looked at, so that a wrong answer uses it up too. The origin, the site, the presence
and the verification of the user are checked each time. A counter that runs backwards is written to
the log and refuses nobody: passkeys that are synchronised between devices do that.
"""

from __future__ import annotations

import hashlib
import json
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from ipaddress import ip_address
from typing import Final
from urllib.parse import urlsplit

from webauthn import (
    generate_authentication_options,
    generate_registration_options,
    options_to_json,
    verify_authentication_response,
    verify_registration_response,
)
from webauthn.helpers import base64url_to_bytes, parse_client_data_json
from webauthn.helpers.exceptions import WebAuthnException
from webauthn.helpers.structs import (
    AuthenticatorSelectionCriteria,
    PublicKeyCredentialDescriptor,
    ResidentKeyRequirement,
    UserVerificationRequirement,
)

from portal.context import first_row
from portal.signing_in.second_factors import PasskeyRow
from tidewell.database import Connection, Queries
from tidewell.logs import get_logger

CHALLENGE_BYTES: Final = 32
CHALLENGE_HOLDS: Final = timedelta(minutes=5)
"""Long enough to fetch a key from a bag; what is asked for later is asked for anew."""

CHALLENGES_MAX: Final = 20_000
"""That wait at one time and that nobody gave a name for, about 3 MB; 130 networks could fill it."""

ASK_MS: Final = 120_000
"""How long a browser shows its question."""

_QUERIES: Final = Queries("portal.signing_in", "signing_in.sql")

_UNREADABLE: Final = (
    WebAuthnException,
    ValueError,
    TypeError,
    KeyError,
    IndexError,
    AttributeError,
    OverflowError,
    RecursionError,
)
"""How a library may trip over what somebody made up; each of them means that it is not right."""


class ChallengeFor(StrEnum):
    """What a challenge may be used for."""

    SIGN_IN = "sign_in"
    SECOND_FACTOR = "second_factor"
    PROOF = "proof"
    SET_UP = "set_up"


@dataclass(frozen=True, slots=True)
class RelyingParty:
    """This site, as a browser knows it."""

    name: str
    origin: str


@dataclass(frozen=True, slots=True)
class NewPasskey:
    """A passkey that a browser made and that was checked."""

    credential_id: bytes
    public_key: bytes
    sign_count: int


@dataclass(frozen=True, slots=True)
class KnownPasskey:
    """A passkey as the database has it, to check a signature."""

    passkey_id: int
    username: str
    user_handle: bytes
    public_key: bytes
    sign_count: int


@dataclass(frozen=True, slots=True)
class TakenRow:
    """Whether a challenge that was there was the right one."""

    is_right: bool


def relying_party(public_url: str | None, host: str) -> RelyingParty | None:
    """Return this site for browsers, or None where browsers would refuse passkeys.

    They work over https under a name, and on this machine under the name localhost; an address in
    digits has none.

    Example:
        >>> relying_party("https://tidewell.example/", "x").name
        'tidewell.example'
        >>> relying_party(None, "127.0.0.1:8470") is None
        True
    """
    parts = urlsplit(public_url or f"http://{host}")
    name = (parts.hostname or "").lower()
    if not name or _is_digits(name):
        return None
    if parts.scheme != "https" and name != "localhost":
        return None
    if public_url is None and name != "localhost":
        return None
    return RelyingParty(name, f"{parts.scheme}://{parts.netloc.lower()}")


def _is_digits(name: str) -> bool:
    try:
        ip_address(name)
    except ValueError:
        return False
    return True


async def new_challenge(
    connection: Connection, purpose: ChallengeFor, username: str | None, now: datetime
) -> bytes | None:
    """Make a challenge and remember it; None when far too many wait already."""
    challenge = secrets.token_bytes(CHALLENGE_BYTES)
    await connection.execute(_QUERIES["forget_challenges"], {"since": now - CHALLENGE_HOLDS})
    what = {
        "challenge_hash": hashlib.sha256(challenge).digest(),
        "purpose": purpose,
        "username": username,
        "now": now,
        "most": CHALLENGES_MAX,
    }
    added = (await connection.execute(_QUERIES["add_challenge"], what)).rowcount
    return challenge if added else None


async def take_challenge(
    connection: Connection,
    credential: str,
    purpose: ChallengeFor,
    username: str | None,
    now: datetime,
) -> bytes | None:
    """Take the challenge that an answer was made for; None when it was not ours for this."""
    challenge = _challenge_in(credential)
    if challenge is None:
        return None
    what = {
        "challenge_hash": hashlib.sha256(challenge).digest(),
        "purpose": purpose,
        "username": username,
        "since": now - CHALLENGE_HOLDS,
    }
    taken = await first_row(connection, TakenRow, _QUERIES["take_challenge"], what)
    return challenge if taken is not None and taken.is_right else None


def _challenge_in(credential: str) -> bytes | None:
    try:
        client_data = json.loads(credential)["response"]["clientDataJSON"]
        return parse_client_data_json(base64url_to_bytes(client_data)).challenge
    except _UNREADABLE:
        return None


def user_handle_of(known: Sequence[PasskeyRow], challenge: bytes) -> bytes:
    """Return the number by which an authenticator knows the user: random, and one for each user."""
    if known:
        return bytes(known[0].user_handle)
    return hashlib.sha256(b"user handle " + challenge).digest()


def creation_options(
    party: RelyingParty, username: str, challenge: bytes, known: Sequence[PasskeyRow]
) -> str:
    """Return what a browser needs to make a passkey, as JSON."""
    options = generate_registration_options(
        rp_id=party.name,
        rp_name="Tidewell",
        user_name=username,
        user_id=user_handle_of(known, challenge),
        challenge=challenge,
        timeout=ASK_MS,
        authenticator_selection=AuthenticatorSelectionCriteria(
            resident_key=ResidentKeyRequirement.PREFERRED,
            user_verification=UserVerificationRequirement.REQUIRED,
        ),
        exclude_credentials=[
            PublicKeyCredentialDescriptor(id=bytes(one.credential_id)) for one in known
        ],
    )
    return options_to_json(options)


def request_options(party: RelyingParty, challenge: bytes, known: Sequence[PasskeyRow]) -> str:
    """Return what a browser needs to use a passkey; with none known, it offers those it has."""
    options = generate_authentication_options(
        rp_id=party.name,
        challenge=challenge,
        timeout=ASK_MS,
        allow_credentials=[
            PublicKeyCredentialDescriptor(id=bytes(one.credential_id)) for one in known
        ],
        user_verification=UserVerificationRequirement.REQUIRED,
    )
    return options_to_json(options)


def checked_creation(party: RelyingParty, credential: str, challenge: bytes) -> NewPasskey | None:
    """Return a passkey that a browser made, or None when anything about it is wrong."""
    try:
        made = verify_registration_response(
            credential=credential,
            expected_challenge=challenge,
            expected_rp_id=party.name,
            expected_origin=party.origin,
            require_user_verification=True,
        )
    except _UNREADABLE as error:
        get_logger().info("a passkey was not taken", why=type(error).__name__)
        return None
    return NewPasskey(made.credential_id, made.credential_public_key, made.sign_count)


async def checked_signature(
    connection: Connection, party: RelyingParty, credential: str, challenge: bytes, now: datetime
) -> str | None:
    """Return who signed a challenge with a passkey of theirs, or None when anything is wrong."""
    credential_id, user_handle = _ids_in(credential)
    which = {"credential_id": credential_id, "now": now}
    known = await first_row(connection, KnownPasskey, _QUERIES["find_passkey"], which)
    if known is None or user_handle not in (None, bytes(known.user_handle)):
        return None
    try:
        signed = verify_authentication_response(
            credential=credential,
            expected_challenge=challenge,
            expected_rp_id=party.name,
            expected_origin=party.origin,
            credential_public_key=bytes(known.public_key),
            # The library refuses a counter that runs backwards; we only write that down.
            credential_current_sign_count=0,
            require_user_verification=True,
        )
    except _UNREADABLE as error:
        get_logger().info("a passkey was not taken", why=type(error).__name__)
        return None
    if signed.new_sign_count <= known.sign_count and (signed.new_sign_count or known.sign_count):
        get_logger().warning("the counter of a passkey ran backwards", passkey=known.passkey_id)
    use = {"passkey_id": known.passkey_id, "sign_count": signed.new_sign_count, "now": now}
    await connection.execute(_QUERIES["use_passkey"], use)
    return known.username


def _ids_in(credential: str) -> tuple[bytes, bytes | None]:
    """Return the numbers of a passkey and of its owner, as a browser sent them."""
    try:
        given = json.loads(credential)
        handle = given["response"].get("userHandle")
        return base64url_to_bytes(given["rawId"]), base64url_to_bytes(handle) if handle else None
    except _UNREADABLE:
        return b"", None


async def add_passkey(
    connection: Connection,
    username: str,
    made: NewPasskey,
    user_handle: bytes,
    device_label: str,
    now: datetime,
) -> bool:
    """Keep a passkey; False when it is somebody's already."""
    what = {
        "username": username,
        "credential_id": made.credential_id,
        "user_handle": user_handle,
        "public_key": made.public_key,
        "sign_count": made.sign_count,
        "device_label": device_label,
        "now": now,
    }
    return (await connection.execute(_QUERIES["add_passkey"], what)).rowcount == 1
