"""Signing in and out.

A wrong name and a wrong password get the same answer after the same work. Mistakes cost a growing
delay, never the account, and those of a stranger do not slow a browser that is known. Signing in
always starts a new session and ends the one that the browser had before.
"""

from __future__ import annotations

from math import ceil
from typing import Annotated

from aiohttp import web
from pydantic import BaseModel, StringConstraints

from portal.context import (
    DEMO_SIGN_INS,
    SETTINGS,
    VIEWER,
    SessionLevel,
    now_of,
    transaction,
    viewer_of,
)
from portal.forms import read_form
from portal.passwords import PASSWORD_CHARACTERS_MAX
from portal.rendering import page
from portal.security import safe_next
from portal.sessions import drop_cookie, end_session
from portal.signing_in.checking import PasswordTry, TryAnswer, try_password
from portal.signing_in.entering import HOMES, enter
from portal.signing_in.passkey_asking import (
    PasskeyForm,
    ask_for_signature,
    party_of,
    signer_of,
)
from portal.signing_in.passkeys import ChallengeFor
from portal.words import counted


class SignInForm(BaseModel):
    """What somebody types to sign in."""

    username: Annotated[
        str, StringConstraints(strip_whitespace=True, to_lower=True, min_length=1, max_length=63)
    ]
    password: Annotated[str, StringConstraints(min_length=1, max_length=PASSWORD_CHARACTERS_MAX)]
    next: Annotated[str, StringConstraints(max_length=200)] = "/"


async def go_home(request: web.Request) -> web.Response:
    """Lead everybody to their own first page."""
    raise web.HTTPSeeOther(HOMES[viewer_of(request).audience])


async def show_sign_in(request: web.Request) -> web.Response:
    """Ask who is there; somebody who is signed in already goes on."""
    if VIEWER in request:
        raise web.HTTPSeeOther(safe_next(request.query.get("next", "/")))
    return _sign_in_page(request, next_path=request.query.get("next", "/"))


async def sign_in(request: web.Request) -> web.Response:
    """Check a name and a password and start a session."""
    form = await read_form(request, SignInForm)
    if form is None:
        return _sign_in_page(request, error="Enter your name and your password", status=422)
    tried = await try_password(request, form.username, form.password)
    if tried.answer is not TryAnswer.FITS:
        error, status = refusal_words(tried, "That name and password do not belong together")
        return _refused(request, form, error, status)
    return await enter(request, form.username, SessionLevel.PASSWORD, form.next)


async def ask_passkey(request: web.Request) -> web.Response:
    """Answer a script with what the browser needs to offer its passkeys."""
    return await ask_for_signature(request, ChallengeFor.SIGN_IN, None)


async def sign_in_by_passkey(request: web.Request) -> web.Response:
    """Let in whoever signed our challenge with a passkey that verified them."""
    form = await read_form(request, PasskeyForm)
    username = None
    if form is not None:
        username = await signer_of(request, form.credential, ChallengeFor.SIGN_IN, None)
    if form is None or username is None:
        error = "That passkey is not known here. Sign in with your name and your password"
        return _sign_in_page(request, error=error, status=401)
    return await enter(request, username, SessionLevel.SECOND_FACTOR, form.next)


def refusal_words(tried: PasswordTry, wrong: str) -> tuple[str, int]:
    """Return what somebody reads whose password was not taken, and the status of the answer."""
    match tried.answer:
        case TryAnswer.WAIT:
            seconds = counted(ceil(tried.wait_s), "second")
            return f"Please wait {seconds}, then try again", 429
        case TryAnswer.TOO_BUSY:
            return "Many people are signing in. Please try again", 503
        case _:
            return wrong, 401


async def sign_out(request: web.Request) -> web.Response:
    """End the session, here and wherever its token might be."""
    viewer = request.get(VIEWER)
    if viewer is not None:
        async with transaction(request) as connection:
            await end_session(connection, viewer.token_hash, now_of(request))
    response = web.HTTPSeeOther("/sign-in")
    drop_cookie(response, request.app[SETTINGS])
    raise response


def _refused(request: web.Request, form: SignInForm, error: str, status: int) -> web.Response:
    return _sign_in_page(
        request, error=error, username=form.username, next_path=form.next, status=status
    )


def _sign_in_page(
    request: web.Request,
    *,
    error: str | None = None,
    username: str = "",
    next_path: str = "/",
    status: int = 200,
) -> web.Response:
    demo = request.app[SETTINGS].demo
    values = {
        "error": error,
        "username": username,
        "next_path": safe_next(next_path),
        "has_passkeys": party_of(request) is not None,
        "demo_sign_ins": request.app[DEMO_SIGN_INS] if demo else (),
    }
    return page(request, "sign_in.jinja", values, status=status)
