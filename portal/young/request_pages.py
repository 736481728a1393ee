"""Asking about one's own information, and answering that: pages of young people and of staff.

What a young person writes here is told to somebody like every free text of theirs. Staff answer
what is about people whose pages open to them, not what is about those of whom they were only asked
about an alert, and their look is written down; an administrator sees what is due.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from aiohttp import web

from portal.context import first_row, now_of, rows, transaction, viewer_of
from portal.forms import read_form
from portal.people import LookedAt, log_looks
from portal.rendering import page
from portal.security import Refusal, not_found
from portal.young.requests import (
    WORDS_CHARACTERS_MOST,
    AdminRequestRow,
    AnswerForm,
    MyRequestRow,
    RequestForm,
    RequestKind,
    RequestOutcome,
    StaffRequestRow,
)
from portal.young.telling import tell_words
from portal.young.texts import say
from portal.young.today_rows import LEVEL_OF_OTHER_WORDS
from portal.young_person_pages import my_page, read_mine
from tidewell.database import Connection, Queries

SHOWN_MOST: Final = 50
"""More than a person asks in years, and than a worker has open."""
ASKED_A_DAY_MOST: Final = 20
"""More than anybody has to ask in a day; a script ends here."""
ANSWERED_SHOWN_FOR: Final = timedelta(days=30)

_QUERIES: Final = Queries("portal.young", "requests.sql")


@dataclass(frozen=True, slots=True)
class _Number:
    number: int


async def show_my_requests(request: web.Request) -> web.Response:
    """Show what was asked and answered, and the form to ask."""
    return await _my_requests_page(request, RequestForm())


async def ask_about_me(request: web.Request) -> web.Response:
    """Keep what somebody asks about their own information."""
    form = await read_form(request, RequestForm)
    if form is None:
        raise web.HTTPBadRequest
    if error := form.error():
        return await _my_requests_page(request, form, error=error, status=422)
    async with transaction(request) as connection:
        has_room = await write_request(connection, request, form)
    if not has_room:
        return await _my_requests_page(request, form, error="requests.too_many", status=429)
    raise web.HTTPSeeOther("/me/requests#yours")


async def write_request(connection: Connection, request: web.Request, form: RequestForm) -> bool:
    """Keep what somebody asks, of a form without errors; return whether there was room for it."""
    now, person_id = now_of(request), viewer_of(request).known_person_id
    since = {"person_id": person_id, "since": now - timedelta(days=1)}
    lately = await first_row(connection, _Number, _QUERIES["asked_lately"], since)
    if lately is not None and lately.number >= ASKED_A_DAY_MOST:
        return False
    values = {"person_id": person_id, "kind": form.kind, "words": form.words, "now": now}
    cursor = await connection.execute(_QUERIES["ask"], values)
    for (number,) in await cursor.fetchall():
        if form.words:
            level = LEVEL_OF_OTHER_WORDS
            await tell_words(connection, person_id, level, now, data_request_id=number)
    return True


async def read_my_requests(connection: Connection, person_id: int) -> list[MyRequestRow]:
    """Return what somebody asked about their own information, the latest first."""
    which = {"person_id": person_id, "limit": SHOWN_MOST}
    return await rows(connection, MyRequestRow, _QUERIES["my_requests"], which)


async def take_back_request(request: web.Request) -> web.Response:
    """Note that somebody does not need an answer any more."""
    async with transaction(request) as connection:
        await write_take_back(connection, request)
    raise web.HTTPSeeOther("/me/requests#yours")


async def write_take_back(connection: Connection, request: web.Request) -> bool:
    """Take the request in the address back, if it is theirs; return whether it was open."""
    values = {
        "data_request_id": int(request.match_info["data_request_id"]),
        "person_id": viewer_of(request).known_person_id,
        "now": now_of(request),
    }
    cursor = await connection.execute(_QUERIES["take_back"], values)
    return bool(cursor.rowcount)


async def show_requests(request: web.Request) -> web.Response:
    """Show staff what their people asked about their information."""
    return await _requests_page(request, {}, None, AnswerForm())


async def answer_request(request: web.Request) -> web.Response:
    """Keep the answer to a request, which its young person reads."""
    form = await read_form(request, AnswerForm)
    if form is None:
        raise web.HTTPBadRequest
    number = int(request.match_info["data_request_id"])
    if errors := form.errors():
        return await _requests_page(request, errors, number, form, status=422)
    async with transaction(request) as connection:
        await write_answer(connection, request, form)
    raise web.HTTPSeeOther("/requests")


async def write_answer(connection: Connection, request: web.Request, form: AnswerForm) -> None:
    """Keep the answer to the request in the address, of a form without errors.

    Raises:
        HTTPNotFound: there is none that waits, or it is about somebody who is not theirs to see.
    """
    values = {
        "data_request_id": int(request.match_info["data_request_id"]),
        "staff_id": viewer_of(request).known_staff_id,
        "outcome": form.outcome,
        "answer": form.answer,
        "now": now_of(request),
    }
    cursor = await connection.execute(_QUERIES["answer"], values)
    if not await cursor.fetchall():
        raise not_found(request, Refusal.NOT_ASSIGNED)


async def show_requests_due(request: web.Request) -> web.Response:
    """Show an administrator which requests are open and until when."""
    async with transaction(request) as connection:
        found = await rows(
            connection, AdminRequestRow, _QUERIES["requests_for_admin"], {"limit": SHOWN_MOST}
        )
    return page(request, "young/requests_due.jinja", {"requests": found})


async def _my_requests_page(
    request: web.Request, form: RequestForm, *, error: str = "", status: int = 200
) -> web.Response:
    async with transaction(request) as connection:
        mine = await read_mine(connection, request)
        found = await read_my_requests(connection, mine.myself.person_id)
    values: dict[str, object] = {
        "form": form,
        "error": say(error, mine.level, most=WORDS_CHARACTERS_MOST) if error else "",
        "requests": found,
        "kinds": list(RequestKind),
        "characters_most": WORDS_CHARACTERS_MOST,
    }
    return my_page(request, "young/my_requests.jinja", mine, values, status)


async def _requests_page(
    request: web.Request,
    errors: dict[str, str],
    wrong: int | None,
    form: AnswerForm,
    status: int = 200,
) -> web.Response:
    async with transaction(request) as connection:
        found = await look_at_requests(connection, request)
    shown: dict[str, object] = {
        "requests": found,
        "outcomes": list(RequestOutcome),
        "errors": errors,
        "wrong": wrong,
        "form": form,
        "characters_most": WORDS_CHARACTERS_MOST,
    }
    return page(request, "young/requests.jinja", shown, status)


async def look_at_requests(connection: Connection, request: web.Request) -> list[StaffRequestRow]:
    """Return what their people asked; a look at each of these is written down."""
    staff_id, now = viewer_of(request).known_staff_id, now_of(request)
    values = {
        "staff_id": staff_id,
        "now": now,
        "since": now - ANSWERED_SHOWN_FOR,
        "limit": SHOWN_MOST,
    }
    found = await rows(connection, StaffRequestRow, _QUERIES["requests_for_staff"], values)
    people = sorted({one.person_id for one in found})
    await log_looks(connection, staff_id, people, LookedAt.REQUESTS, now)
    return found
