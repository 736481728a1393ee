"""Signing in and out.

A wrong name and a wrong password get the same answer after the same work. Mistakes cost a growing
delay, never the account. Signing in always starts a new session and ends the one that the browser
had before.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil
from typing import Annotated, Final

from aiohttp import web
from pydantic import BaseModel, StringConstraints

from portal.context import (
    DEMO_SIGN_INS,
    SETTINGS,
    VIEWER,
    Audience,
    first_row,
    now_of,
    transaction,
    viewer_of,
)
from portal.forms import read_form
from portal.passwords import PASSWORD_CHARACTERS_MAX, PasswordAnswer, PasswordChecker
from portal.rendering import page
from portal.security import Refusal, log_refusal, safe_next
from portal.sessions import drop_cookie, end_session, open_session, set_cookie, token_of
from portal.sign_in_delay import SignInDelay
from portal.words import counted
from tidewell.clock import monotonic_s
from tidewell.database import Queries

CHECKER: Final = web.AppKey("checker", PasswordChecker)
DELAY: Final = web.AppKey("delay", SignInDelay)

HOMES: Final[dict[Audience, str]] = {
    Audience.PRACTITIONER: "/alerts",
    Audience.CLINICIAN: "/people",
    Audience.YOUNG_PERSON: "/me",
    Audience.ADMIN: "/service",
}

_QUERIES: Final = Queries("portal", "sign_in.sql")


class SignInForm(BaseModel):
    """What somebody types to sign in."""

    username: Annotated[
        str, StringConstraints(strip_whitespace=True, to_lower=True, min_length=1, max_length=63)
    ]
    password: Annotated[str, StringConstraints(min_length=1, max_length=PASSWORD_CHARACTERS_MAX)]
    next: Annotated[str, StringConstraints(max_length=200)] = "/"


@dataclass(frozen=True, slots=True)
class SignInRow:
    """The sign-in that a name belongs to."""

    username: str
    password_hash: str


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
    delay, address = request.app[DELAY], request.remote or ""
    wait_s = delay.wait_s(form.username, address, monotonic_s())
    if wait_s > 0:
        log_refusal(request, Refusal.WAIT_BEFORE_NEXT_TRY)
        words = f"Please wait {counted(ceil(wait_s), 'second')}, then try again"
        return _refused(request, form, words, 429)
    # Counted before the check, so that many tries at the same time do not slip past the delay.
    delay.failed(form.username, address, monotonic_s())
    answer = await _check(request, form)
    if answer is PasswordAnswer.TOO_BUSY:
        log_refusal(request, Refusal.TOO_BUSY)
        return _refused(request, form, "Many people are signing in. Please try again", 503)
    if answer is PasswordAnswer.DOES_NOT_FIT:
        log_refusal(request, Refusal.WRONG_PASSWORD)
        return _refused(request, form, "That name and password do not belong together", 401)
    delay.succeeded(form.username, address)
    return await _start_session(request, form)


async def sign_out(request: web.Request) -> web.Response:
    """End the session, here and wherever its token might be."""
    viewer = request.get(VIEWER)
    if viewer is not None:
        async with transaction(request) as connection:
            await end_session(connection, viewer.token_hash, now_of(request))
    response = web.HTTPSeeOther("/sign-in")
    drop_cookie(response, request.app[SETTINGS])
    raise response


async def _check(request: web.Request, form: SignInForm) -> PasswordAnswer:
    async with transaction(request) as connection:
        known = await first_row(
            connection, SignInRow, _QUERIES["find_sign_in"], {"username": form.username}
        )
    password_hash = known.password_hash if known else None
    return await request.app[CHECKER].check(form.password, password_hash)


async def _start_session(request: web.Request, form: SignInForm) -> web.Response:
    now = now_of(request)
    earlier = token_of(request)
    async with transaction(request) as connection:
        if earlier is not None:
            await end_session(connection, earlier, now)
        token = await open_session(connection, form.username, now)
    response = web.HTTPSeeOther(safe_next(form.next))
    set_cookie(response, request.app[SETTINGS], token)
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
        "demo_sign_ins": request.app[DEMO_SIGN_INS] if demo else (),
    }
    return page(request, "sign_in.jinja", values, status=status)
