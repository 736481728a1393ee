"""The page "I'll be away": cover for days to come, and handing over what is in hand.

Promises: nothing changes hands before its receiver accepts, and both pages say so. A GET changes
nothing. The portal has no right to the table of covers: three functions of the database, which ask
who is who, are all it can do.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from aiohttp import web

from portal.alert_words import level_shape
from portal.away import (
    ANSWER_WORDS,
    AwayForm,
    Colleague,
    CoverAnswer,
    CoverRow,
    InHandRow,
    handing_over_words,
)
from portal.context import first_row, now_of, rows, transaction, viewer_of
from portal.forms import read_form
from portal.people import log_list_look
from portal.rendering import page
from portal.security import Refusal, not_found
from tidewell.database import Connection, Queries

IN_HAND_MOST: Final = 200
"""More than anybody has in hand at once."""

_QUERIES: Final = Queries("portal", "away.sql")
_ALERTS: Final = Queries("portal", "alerts.sql")


@dataclass(frozen=True, slots=True)
class NameRow:
    """A single word out of the database."""

    name: str


@dataclass(frozen=True, slots=True)
class NumberRow:
    """A single number out of the database."""

    number: int


@dataclass(frozen=True, slots=True)
class AwayView:
    """What the page shows."""

    timezone: str
    covers: list[CoverRow]
    colleagues: list[Colleague]
    alerts: list[InHandRow]


async def show_away(request: web.Request) -> web.Response:
    """Show covers, what is in hand, and what is offered."""
    return await _away_page(request, AwayForm(), {})


async def arrange_cover(request: web.Request) -> web.Response:
    """Ask a colleague to cover for some days."""
    form = await read_form(request, AwayForm)
    if form is None:
        raise web.HTTPBadRequest
    if errors := form.errors():
        return await _away_page(request, form, errors, status=422)
    async with transaction(request) as connection:
        answer = await arrange(connection, request, form)
    return await _answered(request, answer, form)


async def arrange(connection: Connection, request: web.Request, form: AwayForm) -> CoverAnswer:
    """Ask a colleague to cover, as a form without errors says; return what became of it."""
    first, end = form.span(await _timezone(connection, request))
    values = {
        "staff_id": viewer_of(request).known_staff_id,
        "receiver": form.receiver,
        "first": first,
        "end": end,
        "now": now_of(request),
    }
    await connection.execute(_QUERIES["lock_both"], values)
    return await _ask(connection, "arrange", values)


async def accept_cover(request: web.Request) -> web.Response:
    """Say that one covers."""
    return await _change(request, "accept")


async def end_cover(request: web.Request) -> web.Response:
    """Take back what one arranged, or say that one cannot cover."""
    return await _change(request, "end")


async def hand_over(request: web.Request) -> web.Response:
    """Offer everything in hand to the one who covers; each stays until they take it."""
    async with transaction(request) as connection:
        await hand_all_over(connection, request)
    raise web.HTTPSeeOther("/away")


async def hand_all_over(connection: Connection, request: web.Request) -> int:
    """Offer everything in hand to the one of the cover in the address; return how much it was."""
    viewer, now = viewer_of(request), now_of(request)
    staff_id = viewer.known_staff_id
    which = {"cover_id": _cover_id(request), "staff_id": staff_id, "now": now}
    receiver = await first_row(connection, NumberRow, _QUERIES["receiver"], which)
    if receiver is None:
        raise not_found(request, Refusal.NOT_FOUND)
    offered = 0
    for alert in await _in_hand(connection, request):
        if alert.accepted_by == staff_id and alert.offered_to is None:
            offered += await _offer(connection, alert, staff_id, receiver.number, request)
    return offered


async def _offer(
    connection: Connection, alert: InHandRow, staff_id: int, to: int, request: web.Request
) -> bool:
    values = {
        "alert_id": alert.alert_id,
        "staff_id": staff_id,
        "kind": "hand_over",
        "outcome": None,
        "note": "",
        "seen_level": alert.level,
        "to_staff_id": to,
        "snooze_reason": None,
        "snooze_until": None,
        "now": now_of(request),
    }
    cursor = await connection.execute(_ALERTS["ask_of_alert"], values)
    written = await cursor.fetchone()
    if written is not None:
        await connection.execute(_ALERTS["tell_alerts"], {"alert_action_id": written[0]})
    return written is not None


async def _change(request: web.Request, query: str) -> web.Response:
    async with transaction(request) as connection:
        answer = await change_cover(connection, request, query)
    return await _answered(request, answer, AwayForm())


async def change_cover(connection: Connection, request: web.Request, query: str) -> CoverAnswer:
    """Accept or end the cover in the address; return what became of it."""
    values = {
        "cover_id": _cover_id(request),
        "staff_id": viewer_of(request).known_staff_id,
        "now": now_of(request),
    }
    return await _ask(connection, query, values)


async def _ask(connection: Connection, query: str, values: dict[str, object]) -> CoverAnswer:
    row = await first_row(connection, NameRow, _QUERIES[query], values)
    if row is None:
        raise AssertionError("a function without an answer")
    return CoverAnswer(row.name)


async def _answered(request: web.Request, answer: CoverAnswer, form: AwayForm) -> web.Response:
    if answer.is_done:
        raise web.HTTPSeeOther("/away")
    field = "first_day" if answer in _ABOUT_DAYS else "receiver"
    field = "covers" if answer is CoverAnswer.NOTHING_WAITS else field
    return await _away_page(request, form, {field: ANSWER_WORDS[answer]}, status=409)


_ABOUT_DAYS: Final = frozenset({CoverAnswer.DAYS_DO_NOT_FIT, CoverAnswer.ARRANGED_ALREADY})


async def _away_page(
    request: web.Request, form: AwayForm, errors: dict[str, str], status: int = 200
) -> web.Response:
    staff_id = viewer_of(request).known_staff_id
    async with transaction(request) as connection:
        view = await read_away(connection, request)
    given = [one for one in view.covers if one.away_staff_id == staff_id]
    mine = [one for one in view.alerts if one.accepted_by == staff_id]
    return page(
        request,
        "away.jinja",
        {
            "given": given,
            "asked": [one for one in view.covers if one.cover_staff_id == staff_id],
            "receivers": [one for one in given if one.ended_at is None],
            "colleagues": view.colleagues,
            "mine": mine,
            "offered": [one for one in view.alerts if one.accepted_by != staff_id],
            "handing_over": handing_over_words(mine),
            "shape": level_shape,
            "timezone": view.timezone,
            "form": form,
            "errors": errors,
        },
        status,
    )


async def read_away(connection: Connection, request: web.Request) -> AwayView:
    """Read covers, who could cover, and what is in hand; its people count as looked at."""
    staff_id, now = viewer_of(request).known_staff_id, now_of(request)
    who = {"staff_id": staff_id, "now": now}
    alerts = await _in_hand(connection, request)
    await log_list_look(connection, staff_id, [one.person_id for one in alerts], now)
    return AwayView(
        timezone=await _timezone(connection, request),
        covers=await rows(connection, CoverRow, _QUERIES["covers"], who),
        colleagues=await rows(connection, Colleague, _QUERIES["who_could_cover"], who),
        alerts=alerts,
    )


async def _in_hand(connection: Connection, request: web.Request) -> list[InHandRow]:
    values = {
        "staff_id": viewer_of(request).known_staff_id,
        "now": now_of(request),
        "limit": IN_HAND_MOST,
    }
    return await rows(connection, InHandRow, _QUERIES["in_hand"], values)


async def _timezone(connection: Connection, request: web.Request) -> str:
    row = await first_row(connection, NameRow, _QUERIES["site_timezone"], {"now": now_of(request)})
    if row is None:
        raise AssertionError("a SELECT without FROM has a row")
    return row.name


def _cover_id(request: web.Request) -> int:
    return int(request.match_info["cover_id"])
