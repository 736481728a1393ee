"""Who works with a young person, from a day on and until another.

Promises: a change of key worker leaves no gap: the former one stops at the moment at which the next
one begins. A clinician is not assigned where the young person does not share with one.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from aiohttp import web

from portal.admin.changes import ChangeKind, record_change
from portal.admin.door import administration
from portal.admin.forms import day_of
from portal.admin.people import AssignForm, ColleagueLine, PersonFacts
from portal.admin.people_pages import (
    SITE_ZONE,
    agreement_of,
    colleagues,
    find_enrolled,
    person_page,
    to_person,
    today_of,
)
from portal.context import first_row, now_of
from portal.forms import read_form
from tidewell.database import Connection, Queries
from tidewell.enrolment import change_key_worker
from tidewell.errors import UsageError
from tidewell.rota import local_moment_of

NOT_SHARED: Final = (
    "They do not share with a clinician. Speak with them first, and write down what they want"
)
NOT_ENDED: Final = "That assignment is over already, has not begun, or is the key worker's"
NOT_HERE: Final = "That colleague does not work here in this role. Choose somebody else"

_QUERIES: Final = Queries("portal.admin", "people.sql")


@dataclass(frozen=True, slots=True)
class FlagRow:
    """Whether something is so."""

    number: bool


@dataclass(frozen=True, slots=True)
class EndedRow:
    """Whose assignment was ended."""

    staff_id: int


async def change_worker(request: web.Request) -> web.Response:
    """Give a young person another key worker, today or from a day on."""
    return await _assigned(request, "key_worker")


async def assign_clinician(request: web.Request) -> web.Response:
    """Let a clinician see a young person, in the days that were given."""
    return await _assigned(request, "clinician")


async def end_assignment(request: web.Request) -> web.Response:
    """End the assignment of a clinician now."""
    person = await find_enrolled(request)
    async with administration(request) as connection:
        is_ended = await write_end(connection, request, person.person_id)
    if not is_ended:
        return await person_page(request, person, {"assignments": NOT_ENDED}, status=409)
    raise to_person(person.person_id)


async def write_end(connection: Connection, request: web.Request, person_id: int) -> bool:
    """End the assignment in the address now; return whether it was one that can be ended."""
    which = {
        "assignment_id": int(request.match_info["assignment_id"]),
        "person_id": person_id,
        "now": now_of(request),
    }
    ended = await first_row(connection, EndedRow, _QUERIES["end_assignment"], which)
    if ended is not None:
        kind, who = ChangeKind.ASSIGNMENT_ENDED, ended.staff_id
        await record_change(connection, request, kind, person_id=person_id, about_staff_id=who)
    return ended is not None


async def _assigned(request: web.Request, kind: str) -> web.Response:
    person, form = await find_enrolled(request), await read_form(request, AssignForm)
    if form is None:
        raise web.HTTPBadRequest
    if problem := form.problem(today_of(request)):
        return await person_page(request, person, {kind: problem}, status=422)
    async with administration(request) as connection:
        refused = await write_assignment(connection, request, person, form, kind)
    if refused:
        return await person_page(request, person, {kind: refused}, status=409)
    raise to_person(person.person_id)


async def write_assignment(
    connection: Connection, request: web.Request, person: PersonFacts, form: AssignForm, kind: str
) -> str | None:
    """Write an assignment; return why it was not, or None."""
    first, end = _span(form, now_of(request))
    role = "practitioner" if kind == "key_worker" else "clinician"
    who = _named(await colleagues(connection, role, first), form.staff_id)
    if who is None:
        return NOT_HERE
    if kind == "key_worker":
        try:
            await change_key_worker(connection, who.staff_id, person.person_id, first)
        except UsageError:
            return "Another change of key worker is planned for a later day. Choose a day after it"
        change = ChangeKind.KEY_WORKER_CHANGED
    else:
        if refused := await _clinician_problem(connection, person, who, first, end):
            return refused
        await connection.execute(
            _QUERIES["assign"],
            {
                "staff_id": who.staff_id,
                "person_id": person.person_id,
                "kind": kind,
                "valid_from": first,
                "valid_until": end,
            },
        )
        change = ChangeKind.CLINICIAN_ASSIGNED
    detail = f"from {form.first_day or 'today'}" + (f" to {form.last_day}" if end else "")
    await record_change(
        connection,
        request,
        change,
        person_id=person.person_id,
        about_staff_id=who.staff_id,
        detail=detail,
    )
    return None


async def _clinician_problem(
    connection: Connection,
    person: PersonFacts,
    who: ColleagueLine,
    first: datetime,
    end: datetime | None,
) -> str | None:
    shares = (await agreement_of(connection, person.person_id)).shares_with
    if shares is not None and "clinician" not in shares:
        return NOT_SHARED
    which = {
        "staff_id": who.staff_id,
        "person_id": person.person_id,
        "kind": "clinician",
        "valid_from": first,
        "valid_until": end,
    }
    is_assigned = await first_row(connection, FlagRow, _QUERIES["is_assigned"], which)
    if is_assigned is not None and is_assigned.number:
        return f"{who.name} is assigned in these days already"
    return None


def _named(known: list[ColleagueLine], staff_id: int) -> ColleagueLine | None:
    return next((one for one in known if one.staff_id == staff_id), None)


def _span(form: AssignForm, now: datetime) -> tuple[datetime, datetime | None]:
    """Return from when until when an assignment holds, by the midnights of the service."""
    first_day, last_day = day_of(form.first_day), day_of(form.last_day)
    first = now if first_day is None else max(now, local_moment_of(SITE_ZONE, first_day, 0))
    if last_day is None:
        return first, None
    return first, local_moment_of(SITE_ZONE, last_day + timedelta(days=1), 0)
