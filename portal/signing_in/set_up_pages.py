"""Setting up a second factor, and taking one away.

Whoever has none yet may set one up right after the password. Whoever has one proves first that it
is them: otherwise a password alone would be enough to add another way in.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

from aiohttp import web
from pydantic import BaseModel, Field, StringConstraints

from portal.context import Audience, SessionLevel, now_of, transaction, viewer_of
from portal.forms import read_form
from portal.notification_pages import device_label
from portal.rendering import page
from portal.security import Refusal, log_refusal, safe_next
from portal.signing_in.codes import app_address, qr_picture, spaced
from portal.signing_in.entering import Entry, give, prove
from portal.signing_in.passkey_asking import (
    PasskeyForm,
    as_json,
    challenge_for,
    party_here,
    party_of,
)
from portal.signing_in.passkeys import (
    ChallengeFor,
    add_passkey,
    checked_creation,
    creation_options,
    take_challenge,
    user_handle_of,
)
from portal.signing_in.proof import require_recent_proof
from portal.signing_in.second_factors import (
    PASSKEYS_MAX,
    confirm_app,
    factors_of,
    make_recovery_codes,
    offer_app,
    remove_app,
    remove_passkey,
)
from portal.signing_in.steps import STEP
from tidewell.database import Connection
from tidewell.logs import get_logger


class DigitsForm(BaseModel):
    """What an app shows."""

    code: Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=20)]


class WhichForm(BaseModel):
    """Which passkey."""

    which: Annotated[int, Field(ge=1, le=2**63 - 1)]


async def show_set_up(request: web.Request) -> web.Response:
    """Offer the ways to set up a second factor."""
    _may_set_up(request)
    return await _set_up_page(request)


async def ask_new_passkey(request: web.Request) -> web.Response:
    """Answer a script with what the browser needs to make a passkey."""
    _may_set_up(request)
    party, username = party_here(request), viewer_of(request).username
    async with transaction(request) as connection:
        known = (await factors_of(connection, username)).passkeys
    challenge = await challenge_for(request, ChallengeFor.SET_UP, username)
    return as_json(creation_options(party, username, challenge, known))


async def add_new_passkey(request: web.Request) -> web.Response:
    """Keep a passkey that the browser made."""
    _may_set_up(request)
    form = await read_form(request, PasskeyForm)
    party, username, now = party_here(request), viewer_of(request).username, now_of(request)
    challenge = None
    if form is not None:
        async with transaction(request) as connection:
            challenge = await take_challenge(
                connection, form.credential, ChallengeFor.SET_UP, username, now
            )
    made = checked_creation(party, form.credential, challenge) if form and challenge else None
    if made is None or challenge is None:
        log_refusal(request, Refusal.WRONG_PASSKEY)
        return await _set_up_page(request, "The passkey was not made. Please try again", 422)
    async with transaction(request) as connection:
        known = (await factors_of(connection, username)).passkeys
        if len(known) < PASSKEYS_MAX:
            handle = user_handle_of(known, challenge)
            label = device_label(request.headers)
            await add_passkey(connection, username, made, handle, label, now)
            return await _done(request, connection)
    log_refusal(request, Refusal.TOO_MANY_FACTORS)
    words = f"You have {PASSKEYS_MAX} passkeys. Remove one that you do not use any more"
    return await _set_up_page(request, words, 422)


async def show_app(request: web.Request) -> web.Response:
    """Show the picture that an app reads."""
    _may_set_up(request)
    return await _app_page(request)


async def confirm_new_app(request: web.Request) -> web.Response:
    """Set an app up, once its digits fit."""
    _may_set_up(request)
    form = await read_form(request, DigitsForm)
    username, now = viewer_of(request).username, now_of(request)
    if form is not None:
        async with transaction(request) as connection:
            if await confirm_app(connection, username, form.code, now):
                return await _done(request, connection)
    log_refusal(request, Refusal.WRONG_CODE)
    words = "Those digits do not fit. Enter the six digits that the app shows now"
    return await _app_page(request, words, 422)


async def make_codes(request: web.Request) -> web.Response:
    """Make recovery codes and show them this once; earlier ones are void."""
    require_recent_proof(request)
    username = viewer_of(request).username
    async with transaction(request) as connection:
        if not (await factors_of(connection, username)).has_any:
            raise web.HTTPSeeOther("/security")
        codes = await make_recovery_codes(connection, username, now_of(request))
    return _codes_page(request, codes)


async def take_passkey_away(request: web.Request) -> web.Response:
    """Let one of somebody's own passkeys no longer be good."""
    require_recent_proof(request)
    form = await read_form(request, WhichForm)
    if form is not None:
        async with transaction(request) as connection:
            username = viewer_of(request).username
            await remove_passkey(connection, username, form.which, now_of(request))
        get_logger().info("second factor removed", role=viewer_of(request).audience.value)
    raise web.HTTPSeeOther("/security?done=removed")


async def take_app_away(request: web.Request) -> web.Response:
    """Let somebody's app no longer be good."""
    require_recent_proof(request)
    async with transaction(request) as connection:
        await remove_app(connection, viewer_of(request).username, now_of(request))
    get_logger().info("second factor removed", role=viewer_of(request).audience.value)
    raise web.HTTPSeeOther("/security?done=removed")


def _may_set_up(request: web.Request) -> None:
    # The gate lets nobody come here who still has to give a factor that they have.
    require_recent_proof(request)


async def _done(request: web.Request, connection: Connection) -> web.Response:
    """Renew the session; staff without recovery codes get them at once."""
    viewer, now = viewer_of(request), now_of(request)
    is_staff = viewer.audience is not Audience.YOUNG_PERSON
    level = SessionLevel.SECOND_FACTOR if is_staff else viewer.level
    entry = await prove(request, connection, level)
    get_logger().info("second factor set up", role=viewer.audience.value)
    factors = await factors_of(connection, viewer.username)
    if is_staff and not factors.codes_left:
        codes = await make_recovery_codes(connection, viewer.username, now)
        return _given(request, _codes_page(request, codes), entry)
    # Returned and not raised: what is raised undoes what was written.
    lead_back = web.Response(status=303, headers={"Location": "/security?done=added"})
    return _given(request, lead_back, entry)


def _given(request: web.Request, response: web.Response, entry: Entry) -> web.Response:
    give(request, response, entry)
    return response


def _codes_page(request: web.Request, codes: Sequence[str]) -> web.Response:
    return page(request, "recovery_codes.jinja", {"codes": codes})


async def _set_up_page(
    request: web.Request, error: str | None = None, status: int = 200
) -> web.Response:
    async with transaction(request) as connection:
        factors = await factors_of(connection, viewer_of(request).username)
    values = {
        "error": error,
        "factors": factors,
        "is_first": STEP in request,
        "has_passkeys": party_of(request) is not None,
        "next_path": safe_next(request.query.get("next", "/")),
    }
    return page(request, "set_up.jinja", values, status=status)


async def _app_page(
    request: web.Request, error: str | None = None, status: int = 200
) -> web.Response:
    username = viewer_of(request).username
    async with transaction(request) as connection:
        app = await offer_app(connection, username, now_of(request))
    values: dict[str, object] = {"error": error, "is_first": STEP in request}
    if app is not None:
        values["picture"] = qr_picture(app_address(app.secret, username))
        values["typed"] = spaced(app.secret)
        values["username"] = username
    return page(request, "set_up_app.jinja", values, status=status)
