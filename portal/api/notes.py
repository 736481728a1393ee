"""Notes about days for programs: those of staff about a person, and a young person's own.

Both see all notes about the person and take back only their own, as on the pages. What answers a
new note never holds one: it is kept for a day, longer than a note that is taken back.
"""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated

from pydantic import Field

from portal.api.operations import Answer, Call, Day, Request, Text, Written, broken_rules
from portal.api.problems import ProblemError, ProblemKind
from portal.context_notes import (
    OWN_WORDS_CHARACTERS_MOST,
    NoteForm,
    NoteKind,
    NoteRow,
    Reader,
)
from portal.note_pages import Told, add_note, my_notes, notes_for_staff, remove_note
from portal.people import LookedAt, PersonRow, find_person, log_look
from portal.words import local_day
from portal.young_person_pages import read_mine


class Note(Answer):
    """What was different about some days."""

    note_id: int
    kind: str
    kind_words: str
    first_day: date
    last_day: date
    own_words: str
    written_by: str | None = Field(description="The member of staff; null: the young person.")
    is_own: bool = Field(description="Whoever asks wrote it, and may take it back.")
    created_at: datetime


class Notes(Answer):
    """Notes about somebody's days, the newest first."""

    items: list[Note]


class NoteRequest(Request):
    """A note about one day or several."""

    kind: NoteKind
    first_day: Day
    last_day: Day | None = None
    own_words: Annotated[Text, Field(max_length=OWN_WORDS_CHARACTERS_MOST)] = ""


async def list_person_notes(call: Call) -> Notes:
    """Return the notes about a person, for staff."""
    staff_id = call.viewer.known_staff_id
    person = await _person(call)
    await log_look(call.connection, staff_id, person.person_id, LookedAt.NOTES, call.now)
    found = await notes_for_staff(
        call.connection, person.person_id, staff_id, call.now, date.min, date.max
    )
    return Notes(items=[_note(one, Reader.STAFF, staff_id) for one in found])


async def add_person_note(call: Call) -> Written:
    """Keep a note of a practitioner."""
    person, staff_id = await _person(call), call.viewer.known_staff_id
    today = local_day(call.now, person.timezone)
    return await _add(call, Told(person.person_id, staff_id, call.now, today))


async def remove_person_note(call: Call) -> None:
    """Take back a note that this practitioner wrote."""
    person, staff_id = await _person(call), call.viewer.known_staff_id
    if not await remove_note(call.connection, call.request, person.person_id, staff_id):
        raise ProblemError(ProblemKind.NOT_FOUND)


async def list_my_notes(call: Call) -> Notes:
    """Return the notes about a young person, for themselves."""
    found = await my_notes(call.connection, call.viewer.known_person_id)
    return Notes(items=[_note(one, Reader.YOUNG_PERSON, None) for one in found])


async def add_my_note(call: Call) -> Written:
    """Keep a note of a young person."""
    myself = (await read_mine(call.connection, call.request)).myself
    today = local_day(call.now, myself.timezone)
    return await _add(call, Told(myself.person_id, None, call.now, today))


async def remove_my_note(call: Call) -> None:
    """Take back a note that the young person wrote."""
    person_id = call.viewer.known_person_id
    if not await remove_note(call.connection, call.request, person_id, None):
        raise ProblemError(ProblemKind.NOT_FOUND)


async def _person(call: Call) -> PersonRow:
    return await find_person(call.connection, call.request, call.viewer.known_staff_id, call.now)


async def _add(call: Call, told: Told) -> Written:
    """Keep a note; the answer, which is kept for a repeated request, holds none."""
    said = call.body_as(NoteRequest)
    form = NoteForm(
        kind=said.kind,
        first_day=said.first_day.isoformat(),
        last_day=said.last_day.isoformat() if said.last_day else "",
        own_words=said.own_words,
    )
    if errors := await add_note(call.connection, told, form):
        raise broken_rules(errors)
    return Written(is_new=True)


def _note(row: NoteRow, reader: Reader, staff_id: int | None) -> Note:
    return Note(
        note_id=row.context_note_id,
        kind=row.kind,
        kind_words=row.kind_words(reader),
        first_day=row.first_day,
        last_day=row.last_day,
        own_words=row.own_words,
        written_by=row.staff_name,
        is_own=row.staff_id == staff_id,
        created_at=row.created_at,
    )
