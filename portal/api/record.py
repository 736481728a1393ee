"""The record of a person for programs of staff: timeline, contacts, three columns, check-ins.

Nothing is typed twice and nothing is overwritten, as on the pages: a mistake is put right by
another line, and both are told. Every look is written down. What answers a new line never holds
one: the answer is kept under its writer's name for when the request comes again.
"""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated, Final

from pydantic import Field

from portal.api.operations import Answer, Call, Day, Request, Text, Written, broken_rules
from portal.people import LookedAt, PersonRow, find_person, log_look
from portal.record.forms import (
    COLUMN_CHARACTERS_MOST,
    NOTE_CHARACTERS_MOST,
    ColumnsForm,
    ContactForm,
    ContactKind,
    CorrectionForm,
)
from portal.record.pages import (
    TimelineSpan,
    read_contacts,
    read_happened,
    span_until,
    write_contact,
    write_correction,
)
from portal.record.support_notes import SupportNote, Writer, keep_columns, read_versions
from portal.record.timeline import (
    ContactRow,
    Correction,
    Line,
    Theme,
    contact_words,
    timeline,
)
from portal.words import local_day
from portal.young.staff_pages import look_at_check_ins
from portal.young.today_rows import CheckInRow, Face

NUMBER_MOST: Final = 2**53 - 1
"""Every language reads an integer up to here without loss."""
ONE_OF_TWO: Final = "Say which contact or which alert is put right: one of the two"


class TimelineQuery(Request):
    """Which ninety days, and what about."""

    until: Annotated[Day | None, Field(description="The last day; today where it is left out.")] = (
        None
    )
    theme: Annotated[Theme | None, Field(description="Lines about this alone.")] = None


class ContactsQuery(Request):
    """Which ninety days."""

    until: Annotated[Day | None, Field(description="The last day; today where it is left out.")] = (
        None
    )


class PutRight(Answer):
    """What somebody put right, beside what it is about."""

    words: str
    note: str


class TimelineLine(Answer):
    """One thing that happened."""

    at: datetime
    time: str = Field(description="The time of day where the person lives; empty: a whole day.")
    theme: Theme
    words: str
    note: str
    by: str
    public_id: str | None = Field(description="The alert that it is about.")
    columns: dict[str, str] = Field(description="What stands in the three columns, by heading.")
    corrections: list[PutRight]


class TimelineDay(Answer):
    """A day on which something happened."""

    day: date
    lines: list[TimelineLine]


class TimelineAnswer(Answer):
    """Everything that happened around a person in ninety days, the newest day first."""

    first_day: date
    last_day: date
    items: list[TimelineDay]


class Contact(Answer):
    """Somebody spoke to them, tried to, or visited them."""

    contact_id: int
    kind: str
    words: str
    at: datetime
    is_whole_day: bool = Field(description="Only the day is known; `at` is its noon.")
    note: str
    written_by: str
    written_at: datetime
    corrections: list[PutRight]


class Contacts(Answer):
    """Contacts in ninety days, the newest first."""

    first_day: date
    last_day: date
    items: list[Contact]


class ContactRequest(Request):
    """What somebody did."""

    kind: ContactKind
    day: Annotated[Day | None, Field(description="Left out: it is just over.")] = None
    note: Annotated[Text, Field(max_length=NOTE_CHARACTERS_MOST)] = ""


class CorrectionRequest(Request):
    """What is right, and which contact or which closed alert says otherwise: one of the two."""

    contact_id: Annotated[int | None, Field(ge=1, le=NUMBER_MOST)] = None
    public_id: Annotated[str | None, Field(pattern=r"^[A-Za-z0-9_-]{1,64}$")] = None
    note: Annotated[Text, Field(max_length=NOTE_CHARACTERS_MOST)]


class ColumnsVersion(Answer):
    """The three columns as somebody wrote them."""

    version_id: int
    worried: str
    working_well: str
    needs: str
    scale: int | None = Field(description="How things are, 0 to 10; said and never reckoned with.")
    written_at: datetime
    written_by: str


class ThreeColumns(Answer):
    """Worried about, working well, needs to happen: the newest version first, which holds."""

    items: list[ColumnsVersion]


class ColumnsRequest(Request):
    """The three columns, each of which may stay empty."""

    worried: Annotated[Text, Field(max_length=COLUMN_CHARACTERS_MOST)] = ""
    working_well: Annotated[Text, Field(max_length=COLUMN_CHARACTERS_MOST)] = ""
    needs: Annotated[Text, Field(max_length=COLUMN_CHARACTERS_MOST)] = ""
    scale: Annotated[int | None, Field(ge=0, le=10)] = None

    def as_form(self) -> ColumnsForm:
        """Return it as the form of the pages."""
        return ColumnsForm(
            worried=self.worried,
            working_well=self.working_well,
            needs=self.needs,
            scale="" if self.scale is None else str(self.scale),
        )


class CheckIn(Answer):
    """How a young person said that they are. No score is made of it."""

    day: date
    at: datetime
    face: Face | None
    is_skipped: bool
    going_well: str
    worries: str
    hopes: str
    read_soon: bool


class CheckIns(Answer):
    """What a young person said lately, the latest first."""

    items: list[CheckIn]


async def show_timeline(call: Call) -> TimelineAnswer:
    """Return everything that happened."""
    query, staff_id = call.query_as(TimelineQuery), call.viewer.known_staff_id
    person = await _looked_at(call)
    span = _span(call, person, query.until)
    happened = await read_happened(call.connection, person, span, staff_id, call.now)
    days = timeline(happened, person.name, person.timezone, call.now, query.theme)
    items = [TimelineDay(day=one.day, lines=[_line(line) for line in one.lines]) for one in days]
    return TimelineAnswer(first_day=span.first_day, last_day=span.last_day, items=items)


async def list_contacts(call: Call) -> Contacts:
    """Return contacts with what was put right about them."""
    person = await _looked_at(call)
    return await _contacts(call, person, call.query_as(ContactsQuery).until)


async def add_contact(call: Call) -> Written:
    """Write down what somebody did."""
    said = call.body_as(ContactRequest)
    form = ContactForm(
        kind=said.kind.value, day=said.day.isoformat() if said.day else "", note=said.note
    )
    _, errors = await write_contact(call.connection, call.request, form)
    if errors:
        raise broken_rules(errors)
    return Written(is_new=True)


async def correct(call: Call) -> Written:
    """Write down what is right, beside what it puts right."""
    said = call.body_as(CorrectionRequest)
    if (said.contact_id is None) == (said.public_id is None):
        raise broken_rules({"contact_id": ONE_OF_TWO})
    form = CorrectionForm(contact=said.contact_id or 0, alert=said.public_id or "", note=said.note)
    if errors := form.errors():
        raise broken_rules(errors)
    await write_correction(call.connection, call.request, form)
    return Written(is_new=True)


async def list_columns(call: Call) -> ThreeColumns:
    """Return the versions of the three columns."""
    return await _columns(call, await _looked_at(call))


async def add_columns(call: Call) -> Written:
    """Keep a new version of the three columns."""
    form = call.body_as(ColumnsRequest).as_form()
    if errors := form.errors():
        raise broken_rules(errors)
    staff_id = call.viewer.known_staff_id
    person = await find_person(call.connection, call.request, staff_id, call.now)
    writer = Writer(person.person_id, staff_id, call.now)
    await keep_columns(call.connection, writer, form)
    return Written(is_new=True)


async def list_check_ins(call: Call) -> CheckIns:
    """Return what the young person said."""
    _, said = await look_at_check_ins(call.connection, call.request)
    return CheckIns(items=[check_in(one) for one in said])


def check_in(row: CheckInRow) -> CheckIn:
    """Return what somebody said on a day."""
    return CheckIn(
        day=row.day,
        at=row.at,
        face=Face(row.face) if row.face else None,
        is_skipped=row.is_skipped,
        going_well=row.going_well,
        worries=row.worries,
        hopes=row.hopes,
        read_soon=row.read_soon,
    )


async def _looked_at(call: Call) -> PersonRow:
    """Return the person in the address, and write down that their record was looked at."""
    staff_id = call.viewer.known_staff_id
    person = await find_person(call.connection, call.request, staff_id, call.now)
    await log_look(call.connection, staff_id, person.person_id, LookedAt.RECORD, call.now)
    return person


def _span(call: Call, person: PersonRow, until: date | None) -> TimelineSpan:
    today = local_day(call.now, person.timezone)
    return span_until(until or today, today)


async def _contacts(call: Call, person: PersonRow, until: date | None) -> Contacts:
    span, staff_id = _span(call, person, until), call.viewer.known_staff_id
    found = await read_contacts(call.connection, person, span, staff_id, call.now)
    corrections = [one for one in found if one.kind == "correction"]
    items = [_contact(one, corrections, person.name) for one in found if one.kind != "correction"]
    return Contacts(first_day=span.first_day, last_day=span.last_day, items=items)


async def _columns(call: Call, person: PersonRow) -> ThreeColumns:
    staff_id = call.viewer.known_staff_id
    versions = await read_versions(call.connection, person.person_id, staff_id, call.now)
    return ThreeColumns(items=[_version(one) for one in versions])


def _line(line: Line) -> TimelineLine:
    return TimelineLine(
        at=line.at,
        time=line.time,
        theme=line.theme,
        words=line.words,
        note=line.note,
        by=line.by,
        public_id=line.public_id or None,
        columns=dict(line.parts),
        corrections=[_put_right(one) for one in line.corrections],
    )


def _put_right(one: Correction) -> PutRight:
    return PutRight(words=one.words, note=one.note)


def _contact(row: ContactRow, corrections: list[ContactRow], name: str) -> Contact:
    about = sorted(
        (one for one in corrections if one.corrects == row.contact_id),
        key=lambda one: one.contact_id,
    )
    return Contact(
        contact_id=row.contact_id,
        kind=row.kind,
        words=contact_words(row.kind, row.staff_name, name),
        at=row.at,
        is_whole_day=row.is_whole_day,
        note=row.note,
        written_by=row.staff_name,
        written_at=row.written_at,
        corrections=[
            PutRight(words=f"Put right by {one.staff_name}", note=one.note) for one in about
        ],
    )


def _version(one: SupportNote) -> ColumnsVersion:
    return ColumnsVersion(
        version_id=one.support_note_id,
        worried=one.worried,
        working_well=one.working_well,
        needs=one.needs,
        scale=one.scale,
        written_at=one.written_at,
        written_by=one.staff_name,
    )
