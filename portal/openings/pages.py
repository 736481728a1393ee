"""Opening somebody's pages in need, finishing with them, and looking at it afterwards.

Promises: nothing is opened without a reason, a confirmation and a proof within ten minutes of who
asks; it is written down in the transaction that opens, before anything is shown. A name that is not
here and one that several people have get the same answer. An administrator reads no reason.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Final

from aiohttp import web

from portal.context import Audience, first_row, now_of, rows, transaction, viewer_of
from portal.forms import read_form
from portal.openings.rows import (
    ANSWER_WORDS,
    CALLED_CHARACTERS_MOST,
    OPEN_FOR,
    OPENINGS_A_DAY,
    REASON_CHARACTERS_MOST,
    VERDICT_WORDS,
    AnswerRow,
    FlagRow,
    OpeningAnswer,
    OpeningForm,
    OpeningRow,
    ReviewForm,
)
from portal.rendering import page
from portal.security import Refusal, log_refusal, not_found
from portal.signing_in.proof import require_recent_proof
from tidewell.database import Connection, Queries
from tidewell.logs import get_logger

SHOWN_FOR: Final = timedelta(days=90)
"""A school term; what nobody reviewed stays until somebody does."""
SHOWN_MOST: Final = 200
"""Two a day for a term; a service with more of them has another trouble."""

_QUERIES: Final = Queries("portal.openings", "openings.sql")
_WRONG_STATUS: Final = {OpeningAnswer.NOBODY_FOUND: 422}


async def show_openings(request: web.Request) -> web.Response:
    """Show openings as far as the viewer may know of them, what nobody reviewed first."""
    viewer, now = viewer_of(request), now_of(request)
    async with transaction(request) as connection:
        found = await read_openings(connection, request)
    values = {
        "running": [one for one in found if one.is_own and one.is_running(now)],
        "openings": [one for one in found if not (one.is_own and one.is_running(now))],
        "may_open": viewer.audience is not Audience.ADMIN,
        "may_review": viewer.is_service_manager and viewer.audience is not Audience.ADMIN,
        "verdicts": VERDICT_WORDS,
    }
    return page(request, "openings/list.jinja", values)


async def read_openings(connection: Connection, request: web.Request) -> list[OpeningRow]:
    """Return openings as far as the viewer may know of them, what nobody reviewed first."""
    now = now_of(request)
    values = {"since": now - SHOWN_FOR, "now": now, "limit": SHOWN_MOST}
    return await rows(connection, OpeningRow, _QUERIES["shown"], values)


async def show_new(request: web.Request) -> web.Response:
    """Ask whom to open, and why."""
    require_recent_proof(request)
    return _new_page(request, OpeningForm(), {})


async def open_pages(request: web.Request) -> web.Response:
    """Open somebody's pages to the viewer for some hours."""
    require_recent_proof(request)
    form = await read_form(request, OpeningForm)
    if form is None:
        raise web.HTTPBadRequest
    if errors := form.errors():
        return _new_page(request, form, errors, status=422)
    values = {"called": form.called, "reason": form.reason, "now": now_of(request)}
    async with transaction(request) as connection:
        row = await first_row(connection, AnswerRow, _QUERIES["open"], values)
    if row is None:
        raise AssertionError("a function that always answers")
    answer = OpeningAnswer(row.answer)
    get_logger().warning("pages were opened in need, or not", reason=answer.value)
    if answer is OpeningAnswer.NOT_FOR_YOU:
        raise not_found(request, Refusal.NOT_FOR_THIS_AUDIENCE)
    if row.opened_person_id is None:
        log_refusal(request, Refusal.NOT_OPENED)
        status = _WRONG_STATUS.get(answer, 429)
        return _new_page(request, form, {"called": ANSWER_WORDS[answer]}, status=status)
    raise web.HTTPSeeOther(f"/people/{row.opened_person_id}")


async def finish(request: web.Request) -> web.Response:
    """End an opening of the viewer's own, now."""
    await _done(request, "finish", {})
    raise web.HTTPSeeOther("/openings")


async def review(request: web.Request) -> web.Response:
    """Write down what a service manager thinks of an opening."""
    form = await read_form(request, ReviewForm)
    if form is None:
        raise web.HTTPBadRequest
    await _done(request, "review", {"verdict": form.verdict.value})
    raise web.HTTPSeeOther("/openings")


async def _done(request: web.Request, query: str, more: dict[str, object]) -> None:
    which = {"opening_id": int(request.match_info["opening_id"]), "now": now_of(request)}
    async with transaction(request) as connection:
        row = await first_row(connection, FlagRow, _QUERIES[query], which | more)
    if row is None or not row.is_done:
        raise not_found(request, Refusal.NOT_FOUND)


def _new_page(
    request: web.Request, form: OpeningForm, errors: dict[str, str], status: int = 200
) -> web.Response:
    values = {
        "form": form,
        "errors": errors,
        "hours": OPEN_FOR // timedelta(hours=1),
        "a_day": OPENINGS_A_DAY,
        "reason_characters_most": REASON_CHARACTERS_MOST,
        "called_characters_most": CALLED_CHARACTERS_MOST,
    }
    return page(request, "openings/new.jinja", values, status=status)
