"""The second step: after the password, a passkey, six digits, or a recovery code.

Wrong codes cost a growing delay. Who has come this far knows the password, so the delay counts by
the name over all networks, except for a browser that is known.
"""

from __future__ import annotations

from math import ceil
from typing import Annotated, Final

from aiohttp import web
from pydantic import BaseModel, StringConstraints

from portal.context import SessionLevel, now_of, transaction, viewer_of
from portal.forms import read_form
from portal.rendering import page
from portal.security import Refusal, log_refusal, safe_next
from portal.signing_in.codes import plain_code
from portal.signing_in.entering import ATTEMPTS, prove_and_lead_on
from portal.signing_in.known_devices import attempt_of
from portal.signing_in.passkey_asking import (
    PasskeyForm,
    ask_for_signature,
    party_of,
    signer_of,
)
from portal.signing_in.passkeys import ChallengeFor
from portal.signing_in.second_factors import factors_of, take_digits, take_recovery_code
from portal.signing_in.steps import STEP, Step
from portal.words import counted
from tidewell.clock import monotonic_s

DIGITS: Final = 6


class CodeForm(BaseModel):
    """Six digits, or a recovery code."""

    code: Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=64)]
    next: Annotated[str, StringConstraints(max_length=200)] = "/"


async def show_second_step(request: web.Request) -> web.Response:
    """Ask for the second factor."""
    _only_during_this_step(request)
    return await _second_page(request, next_path=request.query.get("next", "/"))


async def give_code(request: web.Request) -> web.Response:
    """Take six digits or a recovery code."""
    _only_during_this_step(request)
    form = await read_form(request, CodeForm)
    if form is None:
        return await _second_page(request, error="Enter the code", status=422)
    username, attempts = viewer_of(request).username, request.app[ATTEMPTS]
    attempt = await attempt_of(request, username)
    wait_s = attempts.code_wait_s(attempt, monotonic_s())
    if wait_s > 0:
        log_refusal(request, Refusal.WAIT_BEFORE_NEXT_TRY)
        words = f"Please wait {counted(ceil(wait_s), 'second')}, then try again"
        return await _second_page(request, error=words, next_path=form.next, status=429)
    attempts.begin_code(attempt, monotonic_s())
    if not await _take(request, username, form.code):
        log_refusal(request, Refusal.WRONG_CODE)
        words = "That code is wrong or was used before. Wait for the next one and enter it"
        return await _second_page(request, error=words, next_path=form.next, status=401)
    attempts.code_succeeded(attempt)
    return await prove_and_lead_on(request, SessionLevel.SECOND_FACTOR, form.next)


async def ask_passkey(request: web.Request) -> web.Response:
    """Answer a script with what the browser needs to use a passkey."""
    _only_during_this_step(request)
    username = viewer_of(request).username
    async with transaction(request) as connection:
        factors = await factors_of(connection, username)
    return await ask_for_signature(request, ChallengeFor.SECOND_FACTOR, username, factors.passkeys)


async def give_passkey(request: web.Request) -> web.Response:
    """Take what a passkey signed."""
    _only_during_this_step(request)
    form = await read_form(request, PasskeyForm)
    username = viewer_of(request).username
    if form is None or not await signer_of(
        request, form.credential, ChallengeFor.SECOND_FACTOR, username
    ):
        words = "The passkey did not work. Try again, or use another way below"
        next_path = form.next if form else "/"
        return await _second_page(request, error=words, next_path=next_path, status=401)
    return await prove_and_lead_on(request, SessionLevel.SECOND_FACTOR, form.next)


def _only_during_this_step(request: web.Request) -> None:
    if request.get(STEP) is not Step.SECOND_FACTOR:
        raise web.HTTPSeeOther("/")


async def _take(request: web.Request, username: str, typed: str) -> bool:
    code, now = plain_code(typed), now_of(request)
    async with transaction(request) as connection:
        if len(code) == DIGITS and code.isascii() and code.isdigit():
            return await take_digits(connection, username, code, now)
        return await take_recovery_code(connection, username, code, now)


async def _second_page(
    request: web.Request, *, error: str | None = None, next_path: str = "/", status: int = 200
) -> web.Response:
    async with transaction(request) as connection:
        factors = await factors_of(connection, viewer_of(request).username)
    values = {
        "error": error,
        "factors": factors,
        "next_path": safe_next(next_path),
        "has_passkeys": bool(factors.passkeys) and party_of(request) is not None,
    }
    return page(request, "second_step.jinja", values, status=status)
