"""Young people who are enrolled: the list, enrolling one, and the page of one.

Promises: the list holds labels and no names; a look at one of them is written down before anything
is shown, and the young person can read it. Whatever cannot be done is said on the same page.
"""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import Any, Final

from aiohttp import web

from portal.admin.agreement_rows import (
    DECISION_WORDS,
    OUTCOME_WORDS,
    SAID_BY_WORDS,
    SHARE_WORDS,
    FactsRow,
    SaidRow,
)
from portal.admin.agreements import STANDING_WORDS, needs_parent
from portal.admin.changes import ChangeKind, record_change
from portal.admin.door import administration
from portal.admin.forms import Errors
from portal.admin.people import (
    READING_LEVELS,
    AssignmentLine,
    BirthForm,
    ColleagueLine,
    DeviceLine,
    EnrolForm,
    PersonFacts,
    PersonLine,
    birth_problem,
    may_have_a_device,
)
from portal.context import SETTINGS, first_row, now_of, rows, transaction, viewer_of
from portal.forms import read_form
from portal.people import LookedAt, log_look
from portal.rendering import page
from portal.security import Refusal, not_found
from portal.words import local_day
from tidewell.database import Connection, Queries
from tidewell.enrolment import assign, enrol_person

PEOPLE_MOST: Final = 2_000
"""Far more than one site has; a longer list is for the command line."""

PAST_ASSIGNMENTS: Final = timedelta(days=90)
SITE_ZONE: Final = "Europe/London"
"""Whose calendar counts for ages and days of agreements."""

_QUERIES: Final = Queries("portal.admin", "people.sql")
_AGREEMENTS: Final = Queries("portal.admin", "agreements.sql")


def today_of(request: web.Request) -> date:
    """Return today, as a calendar on the wall of the service shows it."""
    return local_day(now_of(request), SITE_ZONE)


def to_person(person_id: int) -> web.HTTPSeeOther:
    """Return the way back to the page of a young person."""
    return web.HTTPSeeOther(f"/service/people/{person_id}")


async def show_people(request: web.Request) -> web.Response:
    """Show everybody who is enrolled, by label."""
    now, today = now_of(request), today_of(request)
    async with administration(request) as connection:
        people, agreements = await read_people(connection, now)
    standing = {one.person_id: one.standing(today) for one in agreements}
    without = [one for one in people if one.device and not standing[one.person_id].holds]
    values = {
        "people": people,
        "standing": standing,
        "words": STANDING_WORDS,
        "without": without,
        "rule": request.app[SETTINGS].without_agreement,
        "most": PEOPLE_MOST,
    }
    return page(request, "admin/people.jinja", values)


async def read_people(
    connection: Connection, now: datetime
) -> tuple[list[PersonLine], list[FactsRow]]:
    """Return everybody who is enrolled, by label, and what is known of their agreements."""
    values = {"now": now, "limit": PEOPLE_MOST}
    people = await rows(connection, PersonLine, _QUERIES["people"], values)
    return people, await rows(connection, FactsRow, _AGREEMENTS["facts"], {"person_id": None})


async def show_enrol(request: web.Request) -> web.Response:
    """Ask for what is needed to enrol somebody."""
    return await _enrol_page(request, EnrolForm(), {})


async def enrol(request: web.Request) -> web.Response:
    """Enrol a young person with their key worker."""
    form = await read_form(request, EnrolForm)
    if form is None:
        raise web.HTTPBadRequest
    errors = form.errors(today_of(request))
    person_id = 0
    if not errors:
        async with administration(request) as connection:
            person_id = await write_enrolment(connection, request, form, errors)
    if errors:
        return await _enrol_page(request, form, errors, status=422)
    raise to_person(person_id)


async def write_enrolment(
    connection: Connection, request: web.Request, form: EnrolForm, errors: Errors
) -> int:
    """Enrol somebody and return their number, or add to `errors` why that cannot be done."""
    now = now_of(request)
    if form.key_worker_id not in {
        one.staff_id for one in await colleagues(connection, "practitioner", now)
    }:
        errors["key_worker"] = "That colleague does not work here as a practitioner. Choose another"
        return 0
    person = await enrol_person(
        connection,
        form.label,
        now,
        preferred_name=form.name,
        timezone=form.timezone,
        reading_level=form.level_on(today_of(request)),
    )
    if not person.is_new:
        errors["label"] = "Somebody is enrolled under this code already. Choose another"
        return 0
    born = {"person_id": person.person_id, "birth_month": form.born}
    await connection.execute(_QUERIES["set_birth_month"], born)
    await assign(connection, form.key_worker_id, person.person_id, "key_worker", now)
    kind, who = ChangeKind.PERSON_ENROLLED, form.key_worker_id
    await record_change(connection, request, kind, person_id=person.person_id, about_staff_id=who)
    return person.person_id


async def _enrol_page(
    request: web.Request, form: EnrolForm, errors: Errors, status: int = 200
) -> web.Response:
    async with administration(request) as connection:
        workers = await colleagues(connection, "practitioner", now_of(request))
    values = {"form": form, "errors": errors, "workers": workers, "levels": READING_LEVELS}
    return page(request, "admin/enrol.jinja", values, status=status)


async def show_person(request: web.Request) -> web.Response:
    """Show one young person: devices, who works with them, what was agreed."""
    return await person_page(request, await find_enrolled(request), {})


async def set_birth_month(request: web.Request) -> web.Response:
    """Write down the month of birth of somebody of whom it is missing or wrong."""
    person, form = await find_enrolled(request), await read_form(request, BirthForm)
    if form is None:
        raise web.HTTPBadRequest
    if problem := birth_problem(form.born, today_of(request)):
        return await person_page(request, person, {"birth_month": problem}, status=422)
    async with administration(request) as connection:
        await write_birth_month(connection, request, person.person_id, form)
    raise to_person(person.person_id)


async def write_birth_month(
    connection: Connection, request: web.Request, person_id: int, form: BirthForm
) -> None:
    """Write a month of birth down, of a form without problem."""
    born = {"person_id": person_id, "birth_month": form.born}
    await connection.execute(_QUERIES["set_birth_month"], born)
    await record_change(connection, request, ChangeKind.BIRTH_MONTH_SET, person_id=person_id)


async def find_enrolled(request: web.Request) -> PersonFacts:
    """Return the young person in the address.

    Raises:
        HTTPNotFound: nobody is enrolled under that number.
    """
    async with administration(request) as connection:
        return await enrolled_of(connection, request)


async def enrolled_of(
    connection: Connection, request: web.Request, person_id: int | None = None
) -> PersonFacts:
    """Return a young person, the one in the address where no other is meant.

    Raises:
        HTTPNotFound: nobody is enrolled under that number.
    """
    asked = int(request.match_info["person_id"]) if person_id is None else person_id
    which = {"person_id": asked}
    found = await first_row(connection, PersonFacts, _QUERIES["person"], which)
    if found is None:
        raise not_found(request, Refusal.NOT_FOUND)
    return found


async def agreement_of(connection: Connection, person_id: int) -> FactsRow:
    """Return what is known of somebody's agreement."""
    which = {"person_id": person_id}
    found = await first_row(connection, FactsRow, _AGREEMENTS["facts"], which)
    assert found is not None  # the person was just found
    return found


async def colleagues(connection: Connection, role: str, now: datetime) -> list[ColleagueLine]:
    """Return those who work here in a role."""
    values = {"role": role, "now": now}
    return await rows(connection, ColleagueLine, _QUERIES["colleagues"], values)


async def person_page(
    request: web.Request, person: PersonFacts, errors: Errors, status: int = 200
) -> web.Response:
    """Return the page of a young person, with what could not be done."""
    staff_id, now = viewer_of(request).known_staff_id, now_of(request)
    async with transaction(request) as connection:
        await log_look(connection, staff_id, person.person_id, LookedAt.ENROLMENT, now)
    async with administration(request) as connection:
        values = await read_person(connection, person, now, today_of(request))
    rule = request.app[SETTINGS].without_agreement
    values |= {
        "person": person,
        "errors": errors,
        "rule": rule,
        "may_pair": may_have_a_device(values["standing"], rule),
        "today": today_of(request),
    }
    return page(request, "admin/person.jinja", values, status=status)


async def read_person(
    connection: Connection, person: PersonFacts, now: datetime, today: date
) -> dict[str, Any]:
    """Return devices, who works with a young person, and what was agreed."""
    which = {"person_id": person.person_id, "now": now, "since": now - PAST_ASSIGNMENTS}
    agreement = await agreement_of(connection, person.person_id)
    return {
        "devices": await rows(connection, DeviceLine, _QUERIES["devices_of"], which),
        "assignments": await rows(connection, AssignmentLine, _QUERIES["assignments_of"], which),
        "workers": await colleagues(connection, "practitioner", now),
        "clinicians": await colleagues(connection, "clinician", now),
        "agreement": agreement,
        "history": await rows(connection, SaidRow, _AGREEMENTS["history"], which),
        "standing": agreement.standing(today),
        "standing_words": STANDING_WORDS[agreement.standing(today)],
        "with_parent": needs_parent(agreement.facts, today),
        "said_by": SAID_BY_WORDS,
        "decisions": DECISION_WORDS,
        "outcomes": OUTCOME_WORDS,
        "shares": SHARE_WORDS,
    }
