"""Asking a browser for a passkey, and who answered: the same for every page that does.

A question is asked by POST, because it writes a challenge down. The answer comes back as a form
like any other.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Final

from aiohttp import web
from pydantic import BaseModel, StringConstraints

from portal.context import SETTINGS, now_of, transaction
from portal.security import Refusal, log_refusal, not_found
from portal.signing_in.entering import ATTEMPTS
from portal.signing_in.known_devices import network_of_request
from portal.signing_in.passkeys import (
    ChallengeFor,
    RelyingParty,
    checked_signature,
    new_challenge,
    relying_party,
    request_options,
    take_challenge,
)
from portal.signing_in.second_factors import PasskeyRow
from tidewell.clock import monotonic_s

CREDENTIAL_CHARACTERS_MAX: Final = 12_000
"""What a browser sends has some thousand; a form of ours has no more room."""


class PasskeyForm(BaseModel):
    """What a browser answers, and where to go then."""

    credential: Annotated[
        str, StringConstraints(min_length=2, max_length=CREDENTIAL_CHARACTERS_MAX)
    ]
    next: Annotated[str, StringConstraints(max_length=200)] = "/"


def party_of(request: web.Request) -> RelyingParty | None:
    """Return this site as browsers know it, or None where passkeys cannot work."""
    return relying_party(request.app[SETTINGS].public_url, request.host)


def party_here(request: web.Request) -> RelyingParty:
    """Return this site as browsers know it.

    Raises:
        HTTPNotFound: passkeys cannot work under this address.
    """
    party = party_of(request)
    if party is None:
        raise not_found(request, Refusal.NO_PASSKEYS_HERE)
    return party


async def ask_for_signature(
    request: web.Request,
    purpose: ChallengeFor,
    username: str | None,
    known: Sequence[PasskeyRow] = (),
) -> web.Response:
    """Answer with what a browser needs to use a passkey."""
    party = party_here(request)
    challenge = await challenge_for(request, purpose, username)
    return as_json(request_options(party, challenge, known))


async def challenge_for(request: web.Request, purpose: ChallengeFor, username: str | None) -> bytes:
    """Return a new challenge.

    Raises:
        HTTPServiceUnavailable: this person or network asked for too many, or far too many wait.
    """
    who = username or network_of_request(request)
    if not request.app[ATTEMPTS].may_ask_for_challenge(who, monotonic_s()):
        log_refusal(request, Refusal.TOO_BUSY)
        raise web.HTTPServiceUnavailable
    async with transaction(request) as connection:
        challenge = await new_challenge(connection, purpose, username, now_of(request))
    if challenge is None:
        log_refusal(request, Refusal.TOO_BUSY)
        raise web.HTTPServiceUnavailable
    return challenge


async def signer_of(
    request: web.Request, credential: str, purpose: ChallengeFor, username: str | None
) -> str | None:
    """Return who signed our challenge with a passkey of theirs; None when anything is wrong.

    With a name, it has to be them.
    """
    party, now = party_here(request), now_of(request)
    # Taken in a transaction of its own: a challenge is used up even when its answer is wrong.
    async with transaction(request) as connection:
        challenge = await take_challenge(connection, credential, purpose, username, now)
    if challenge is None:
        log_refusal(request, Refusal.WRONG_PASSKEY)
        return None
    async with transaction(request) as connection:
        signer = await checked_signature(connection, party, credential, challenge, now)
    if signer is None or (username is not None and signer != username):
        log_refusal(request, Refusal.WRONG_PASSKEY)
        return None
    return signer


def as_json(text: str) -> web.Response:
    """Return an answer that a script reads."""
    return web.Response(text=text, content_type="application/json", charset="utf-8")
