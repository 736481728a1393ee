"""The page that asks again, by password or passkey, and leads back to the risky step."""

from __future__ import annotations

from typing import Annotated

from aiohttp import web
from pydantic import BaseModel, StringConstraints

from portal.context import transaction, viewer_of
from portal.forms import read_form
from portal.passwords import PASSWORD_CHARACTERS_MAX
from portal.rendering import page
from portal.security import safe_next
from portal.sign_in_pages import refusal_words
from portal.signing_in.checking import TryAnswer, try_password
from portal.signing_in.entering import prove_and_lead_on
from portal.signing_in.passkey_asking import (
    PasskeyForm,
    ask_for_signature,
    party_of,
    signer_of,
)
from portal.signing_in.passkeys import ChallengeFor
from portal.signing_in.second_factors import factors_of


class AgainForm(BaseModel):
    """Somebody's password, and where to go then."""

    password: Annotated[str, StringConstraints(min_length=1, max_length=PASSWORD_CHARACTERS_MAX)]
    next: Annotated[str, StringConstraints(max_length=200)] = "/"


async def show_again(request: web.Request) -> web.Response:
    """Ask again."""
    return await _again_page(request, next_path=request.query.get("next", "/"))


async def give_password(request: web.Request) -> web.Response:
    """Take a password as proof."""
    form = await read_form(request, AgainForm)
    if form is None:
        return await _again_page(request, error="Enter your password", status=422)
    viewer = viewer_of(request)
    tried = await try_password(request, viewer.username, form.password)
    if tried.answer is not TryAnswer.FITS:
        error, status = refusal_words(tried, "That is not your password")
        return await _again_page(request, error=error, next_path=form.next, status=status)
    return await prove_and_lead_on(request, viewer.level, form.next)


async def ask_passkey(request: web.Request) -> web.Response:
    """Answer a script with what the browser needs to use a passkey."""
    username = viewer_of(request).username
    async with transaction(request) as connection:
        factors = await factors_of(connection, username)
    return await ask_for_signature(request, ChallengeFor.PROOF, username, factors.passkeys)


async def give_passkey(request: web.Request) -> web.Response:
    """Take what a passkey signed as proof."""
    form = await read_form(request, PasskeyForm)
    viewer = viewer_of(request)
    if form is None or not await signer_of(
        request, form.credential, ChallengeFor.PROOF, viewer.username
    ):
        words = "The passkey did not work. Try again, or use your password"
        next_path = form.next if form else "/"
        return await _again_page(request, error=words, next_path=next_path, status=401)
    return await prove_and_lead_on(request, viewer.level, form.next)


async def _again_page(
    request: web.Request, *, error: str | None = None, next_path: str = "/", status: int = 200
) -> web.Response:
    async with transaction(request) as connection:
        factors = await factors_of(connection, viewer_of(request).username)
    values = {
        "error": error,
        "next_path": safe_next(next_path),
        "has_passkeys": bool(factors.passkeys) and party_of(request) is not None,
    }
    return page(request, "ask_again.jinja", values, status=status)
