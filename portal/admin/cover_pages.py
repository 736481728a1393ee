"""Cover that an administrator arranges for somebody who cannot do it themselves.

Promises: as on the practitioners' own page, nothing changes hands before the one who covers
accepts.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from aiohttp import web

from portal.admin.changes import ChangeKind, record_change
from portal.admin.door import administration
from portal.admin.forms import Errors, day_of, number_of
from portal.admin.people_pages import SITE_ZONE, colleagues
from portal.admin.staff import CoverForm, CoverLine
from portal.away import ANSWER_WORDS, CoverAnswer
from portal.context import first_row, now_of, rows
from portal.forms import read_form
from portal.rendering import page
from portal.security import Refusal, not_found
from tidewell.database import Queries
from tidewell.rota import local_moment_of

_QUERIES: Final = Queries("portal.admin", "staff.sql")
_AWAY: Final = Queries("portal", "away.sql")

_FIELD_OF: Final = {
    CoverAnswer.DAYS_DO_NOT_FIT: "first_day",
    CoverAnswer.ARRANGED_ALREADY: "giver",
}
_WORDS: Final = ANSWER_WORDS | {
    CoverAnswer.ARRANGED_ALREADY: "There is cover for some of these days already. End that first, or choose other days.",  # noqa: E501 -- a sentence
}


@dataclass(frozen=True, slots=True)
class AnswerRow:
    """A single word out of the database."""

    name: str


@dataclass(frozen=True, slots=True)
class NumberRow:
    """A single number out of the database."""

    number: int


async def show_cover(request: web.Request) -> web.Response:
    """Show who covers for whom, now and in days to come."""
    return await _cover_page(request, CoverForm(), {})


async def arrange(request: web.Request) -> web.Response:
    """Ask somebody to cover for a colleague."""
    form = await read_form(request, CoverForm)
    if form is None:
        raise web.HTTPBadRequest
    if errors := form.errors():
        return await _cover_page(request, form, errors, status=422)
    first_day = day_of(form.first_day)
    last_day = day_of(form.last_day) or first_day
    assert first_day is not None  # `errors` asked for it
    assert last_day is not None
    values = {
        "staff_id": number_of(form.giver),
        "receiver": number_of(form.receiver),
        "first": local_moment_of(SITE_ZONE, first_day, 0),
        "end": local_moment_of(SITE_ZONE, last_day + timedelta(days=1), 0),
        "now": now_of(request),
    }
    async with administration(request) as connection:
        givers = {
            one.staff_id for one in await colleagues(connection, "practitioner", now_of(request))
        }
        answer = CoverAnswer.RECEIVER_CANNOT
        if values["staff_id"] in givers:
            await connection.execute(_AWAY["lock_both"], values)
            row = await first_row(connection, AnswerRow, _AWAY["arrange"], values)
            answer = CoverAnswer(row.name) if row else answer
        if answer.is_done:
            who, kind = number_of(form.giver), ChangeKind.COVER_ARRANGED
            await record_change(connection, request, kind, about_staff_id=who)
    if not answer.is_done:
        errors = {_FIELD_OF.get(answer, "receiver"): _WORDS[answer]}
        return await _cover_page(request, form, errors, status=409)
    raise web.HTTPSeeOther("/service/cover")


async def end(request: web.Request) -> web.Response:
    """End a cover, as the one who is away would."""
    which = {"cover_id": int(request.match_info["cover_id"]), "now": now_of(request)}
    async with administration(request) as connection:
        giver = await first_row(connection, NumberRow, _QUERIES["cover_giver"], which)
        if giver is not None:
            await connection.execute(_AWAY["end"], which | {"staff_id": giver.number})
            kind = ChangeKind.COVER_ENDED
            await record_change(connection, request, kind, about_staff_id=giver.number)
    if giver is None:
        raise not_found(request, Refusal.NOT_FOUND)
    raise web.HTTPSeeOther("/service/cover")


async def _cover_page(
    request: web.Request, form: CoverForm, errors: Errors, status: int = 200
) -> web.Response:
    now = now_of(request)
    async with administration(request) as connection:
        values = {
            "covers": await rows(connection, CoverLine, _QUERIES["covers"], {"now": now}),
            "workers": await colleagues(connection, "practitioner", now),
            "form": form,
            "errors": errors,
            "zone": SITE_ZONE,
        }
    return page(request, "admin/cover.jinja", values, status=status)
