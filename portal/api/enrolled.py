"""Young people who are enrolled, for programs of administrators: list, enrolling, one of them.

In the list a person is a label and not a name; a look at one of them is written down before
anything is told, and the young person can read it. Nothing here says how anybody is. What answers a
change holds nothing about the person: it is kept for when the request comes again.
"""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated

from pydantic import Field

from portal.admin.agreements import AgreementStanding
from portal.admin.people import (
    AssignmentLine,
    BirthForm,
    DeviceLine,
    EnrolForm,
    PersonFacts,
    PersonLine,
    birth_problem,
)
from portal.admin.people_pages import (
    enrolled_of,
    read_people,
    read_person,
    today_of,
    write_birth_month,
    write_enrolment,
)
from portal.api.alerts import MOST_INTEGER
from portal.api.operations import Answer, Call, Request, Text, Written, broken_rules
from portal.api.paging import PageQuery, page_of
from portal.api.saying import ReadingLevel
from portal.context import transaction
from portal.people import LookedAt, log_look
from tidewell.errors import UsageError

Month = Annotated[str, Field(pattern=r"^(19|20)[0-9]{2}-(0[1-9]|1[0-2])$", description="2012-04.")]


class EnrolledLine(Answer):
    """A young person in the list, by their label."""

    person_id: int
    label: str
    key_worker: str | None
    device: str | None
    heard_at: datetime | None
    agreement: AgreementStanding


class EnrolledPeople(Answer):
    """A page of everybody who is enrolled."""

    items: list[EnrolledLine]
    next: str | None


class Device(Answer):
    """A device that a young person wears or wore. Its secret is told nowhere."""

    device_id: int
    name: str
    model: str
    is_worn: bool
    worn_from: datetime
    worn_until: datetime | None
    revoked_at: datetime | None
    has_secret_since: datetime | None
    heard_at: datetime | None
    code_holds_until: datetime | None = Field(description="Of a code that pairs it.")


class Assigned(Answer):
    """Somebody who works with a young person."""

    assignment_id: int
    staff_id: int
    name: str
    kind: str
    valid_from: datetime
    valid_until: datetime | None


class Saying(Answer):
    """What somebody said to a text, as it was written down."""

    said_by: str
    decision: str
    decided_on: date
    version: int
    recorded_at: datetime
    recorded_by: str


class EnrolledPerson(Answer):
    """One young person: devices, who works with them, what was agreed."""

    person_id: int
    label: str
    name: str
    timezone: str
    reading_level: str
    birth_month: str | None
    created_at: datetime
    agreement: AgreementStanding
    needs_parent: bool
    shares_with: list[str] | None = Field(description="Null: not asked yet.")
    said: list[Saying]
    devices: list[Device]
    assignments: list[Assigned]


class Enrolled(Answer):
    """The number of the young person who was enrolled."""

    person_id: int


class EnrolRequest(Request):
    """Who is enrolled, with their key worker: without one nobody is told."""

    label: Annotated[Text, Field(max_length=63, description="A code that is not a name.")]
    name: Annotated[Text, Field(max_length=80, description="What they like to be called.")]
    birth_month: Month
    key_worker: Annotated[int, Field(ge=1, le=MOST_INTEGER, description="A `staff_id`.")]
    timezone: Annotated[Text, Field(max_length=80)] = "Europe/London"
    reading_level: Annotated[
        ReadingLevel | None, Field(description="Left out: it follows from the age.")
    ] = None


class BirthMonthRequest(Request):
    """A month of birth that was missing or wrong."""

    birth_month: Month


async def list_enrolled(call: Call) -> EnrolledPeople:
    """Return everybody who is enrolled."""
    people, agreements = await read_people(call.connection, call.now)
    today = today_of(call.request)
    standing = {one.person_id: one.standing(today) for one in agreements}
    shown, following = page_of(people, lambda one: str(one.person_id), call.query_as(PageQuery))
    items = [_line(one, standing[one.person_id]) for one in shown]
    return EnrolledPeople(items=items, next=following)


async def enrol(call: Call) -> Enrolled:
    """Enrol a young person."""
    said = call.body_as(EnrolRequest)
    year, month = said.birth_month.split("-")
    form = EnrolForm(
        label=said.label,
        name=said.name,
        birth_month=month,
        birth_year=year,
        timezone=said.timezone,
        reading_level=said.reading_level or "",
        key_worker=str(said.key_worker),
    )
    errors, person_id = form.errors(today_of(call.request)), 0
    if not errors:
        try:
            person_id = await write_enrolment(call.connection, call.request, form, errors)
        except UsageError as error:
            raise broken_rules({"timezone": str(error)}) from None
    if errors:
        raise broken_rules(errors)
    return Enrolled(person_id=person_id)


async def show_enrolled(call: Call) -> EnrolledPerson:
    """Return one young person."""
    return await _told(call, await looked_at(call))


async def set_birth_month(call: Call) -> Written:
    """Write down a month of birth."""
    person = await looked_at(call)
    year, month = call.body_as(BirthMonthRequest).birth_month.split("-")
    form = BirthForm(birth_month=month, birth_year=year)
    if problem := birth_problem(form.born, today_of(call.request)):
        raise broken_rules({"birth_month": problem})
    await write_birth_month(call.connection, call.request, person.person_id, form)
    return Written(is_new=True)


async def looked_at(call: Call) -> PersonFacts:
    """Return the young person in the address, once the look is written down.

    Looks are written in the portal's own role, so this is a transaction of its own. It comes before
    anything is changed: it would wait for ever for a row that this request has locked.
    """
    person = await enrolled_of(call.connection, call.request)
    async with transaction(call.request) as portal:
        staff_id, kind = call.viewer.known_staff_id, LookedAt.ENROLMENT
        await log_look(portal, staff_id, person.person_id, kind, call.now)
    return person


async def _told(call: Call, person: PersonFacts) -> EnrolledPerson:
    """Return everything about a young person; whoever asks has written the look down."""
    today = today_of(call.request)
    found = await read_person(call.connection, person, call.now, today)
    return EnrolledPerson(
        person_id=person.person_id,
        label=person.label,
        name=person.name,
        timezone=person.timezone,
        reading_level=person.reading_level,
        birth_month=f"{person.birth_month:%Y-%m}" if person.birth_month else None,
        created_at=person.created_at,
        agreement=found["standing"],
        needs_parent=found["with_parent"],
        shares_with=found["agreement"].shares_with,
        said=[
            Saying(
                said_by=one.said_by,
                decision=one.decision,
                decided_on=one.decided_on,
                version=one.version,
                recorded_at=one.recorded_at,
                recorded_by=one.recorded_by,
            )
            for one in found["history"]
        ],
        devices=[_device(one) for one in found["devices"]],
        assignments=[_assigned(one) for one in found["assignments"]],
    )


def _line(row: PersonLine, standing: AgreementStanding) -> EnrolledLine:
    return EnrolledLine(
        person_id=row.person_id,
        label=row.label,
        key_worker=row.key_worker,
        device=row.device,
        heard_at=row.heard_at,
        agreement=standing,
    )


def _device(row: DeviceLine) -> Device:
    return Device(
        device_id=row.device_id,
        name=row.name,
        model=row.model,
        is_worn=row.is_worn,
        worn_from=row.valid_from,
        worn_until=row.valid_until,
        revoked_at=row.revoked_at,
        has_secret_since=row.set_at,
        heard_at=row.heard_at,
        code_holds_until=row.code_until,
    )


def _assigned(row: AssignmentLine) -> Assigned:
    return Assigned(
        assignment_id=row.assignment_id,
        staff_id=row.staff_id,
        name=row.name,
        kind=row.kind,
        valid_from=row.valid_from,
        valid_until=row.valid_until,
    )
