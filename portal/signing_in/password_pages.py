"""Choosing a password: with the one before, or the first time with a link that was made for it.

A changed password ends every session but the one that changed it, and every token of a program: who
had the password before may have made one. A link opens nothing when it is
looked at, because programs that scan messages do that; only the form uses it up.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Final

from aiohttp import web
from pydantic import BaseModel, StringConstraints

from portal.context import SessionLevel, first_row, now_of, transaction, viewer_of
from portal.forms import read_form
from portal.passwords import PASSWORD_CHARACTERS_MAX
from portal.rendering import page
from portal.security import Refusal, log_refusal
from portal.sign_in_pages import refusal_words
from portal.signing_in.checking import (
    TryAnswer,
    new_hash_of,
    replace_password,
    try_password,
)
from portal.signing_in.entering import enter, give, prove
from portal.signing_in.password_rules import (
    PASSWORD_CHARACTERS_MIN,
    PROBLEM_WORDS,
    PasswordProblem,
    password_problem,
)
from tidewell.database import Queries
from tidewell.logs import get_logger
from tidewell.secret_tokens import token_hash

_QUERIES: Final = Queries("portal.signing_in", "signing_in.sql")

_TYPED_MAX: Final = 4 * PASSWORD_CHARACTERS_MAX
"""Room for one that is too long, so that the page can say so."""


class ChangeForm(BaseModel):
    """The password now, and the one to be."""

    present: Annotated[str, StringConstraints(max_length=PASSWORD_CHARACTERS_MAX)] = ""
    chosen: Annotated[str, StringConstraints(max_length=_TYPED_MAX)] = ""


class ChooseForm(BaseModel):
    """The password to be."""

    chosen: Annotated[str, StringConstraints(max_length=_TYPED_MAX)] = ""


@dataclass(frozen=True, slots=True)
class LinkRow:
    """Whose link it is."""

    username: str


@dataclass(frozen=True, slots=True)
class TakenRow:
    """Whose link was taken, if it was still good."""

    username: str | None


async def show_change(request: web.Request) -> web.Response:
    """Show how to change the password."""
    return _change_page(request, {})


async def change_password(request: web.Request) -> web.Response:
    """Change the password and end every other session and every program."""
    form = await read_form(request, ChangeForm)
    viewer = viewer_of(request)
    if form is None:
        return _change_page(request, {"chosen": "Enter both passwords"}, 422)
    problem = password_problem(form.chosen, viewer.username)
    if problem is not None:
        return _change_page(request, {"chosen": _words(request, problem)}, 422)
    tried = await try_password(request, viewer.username, form.present)
    if tried.answer is not TryAnswer.FITS:
        error, status = refusal_words(tried, "That is not your password now")
        return _change_page(request, {"present": error}, status)
    new_hash = await new_hash_of(request, viewer.username, form.chosen)
    if not await replace_password(request, viewer.username, tried.password_hash, new_hash):
        return _change_page(request, {"present": "It was changed elsewhere just now"}, 409)
    async with transaction(request) as connection:
        entry = await prove(request, connection, viewer.level)
        others = {
            "username": viewer.username,
            "now": now_of(request),
            "token_hash": token_hash(entry.token),
        }
        await connection.execute(_QUERIES["end_other_sessions"], others)
        await connection.execute(_QUERIES["end_programs"], others)
    get_logger().info("password changed", role=viewer.audience.value)
    response = web.Response(status=303, headers={"Location": "/security?done=password"})
    give(request, response, entry)
    return response


async def show_link(request: web.Request) -> web.Response:
    """Show the form of a link; looking at it uses nothing up."""
    link = await _find_link(request)
    return _link_page(request, link, None, 200 if link else 404)


async def take_link(request: web.Request) -> web.Response:
    """Choose a password with a link, which is then used up, and sign in."""
    form = await read_form(request, ChooseForm)
    link = await _find_link(request)
    if link is None:
        log_refusal(request, Refusal.WRONG_LINK)
        return _link_page(request, None, None, 404)
    problem = password_problem(form.chosen if form else "", link.username)
    if form is None or problem is not None:
        return _link_page(request, link, _words(request, problem), 422)
    what = {
        "link_hash": token_hash(request.match_info["token"]),
        "new_hash": await new_hash_of(request, link.username, form.chosen),
        "now": now_of(request),
    }
    async with transaction(request) as connection:
        taken = await first_row(connection, TakenRow, _QUERIES["take_link"], what)
        if taken is not None and taken.username is not None:
            others = {"username": taken.username, "now": what["now"], "token_hash": b""}
            await connection.execute(_QUERIES["end_other_sessions"], others)
            await connection.execute(_QUERIES["end_programs"], others)
    if taken is None or taken.username is None:
        log_refusal(request, Refusal.WRONG_LINK)
        return _link_page(request, None, None, 404)
    return await enter(request, taken.username, SessionLevel.PASSWORD, "/")


def _words(request: web.Request, problem: PasswordProblem | None) -> str:
    log_refusal(request, Refusal.UNUSABLE_PASSWORD)
    return PROBLEM_WORDS[problem or PasswordProblem.TOO_LONG]


async def _find_link(request: web.Request) -> LinkRow | None:
    which = {"link_hash": token_hash(request.match_info["token"]), "now": now_of(request)}
    async with transaction(request) as connection:
        return await first_row(connection, LinkRow, _QUERIES["find_link"], which)


def _change_page(request: web.Request, errors: dict[str, str], status: int = 200) -> web.Response:
    values = {"errors": errors, "characters_min": PASSWORD_CHARACTERS_MIN}
    return page(request, "password.jinja", values, status=status)


def _link_page(
    request: web.Request, link: LinkRow | None, error: str | None, status: int
) -> web.Response:
    values = {"link": link, "error": error, "characters_min": PASSWORD_CHARACTERS_MIN}
    return page(request, "sign_in_link.jinja", values, status=status)
