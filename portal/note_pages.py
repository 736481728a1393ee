"""Pages for notes about days: a young person's own, and those of a practitioner.

Both see all notes about the person and take back only their own. A young person's page takes the
person from the session and from nowhere else; staff pass the same door as everywhere, and their
look is written down. Adding a note twice writes it once.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Final

from aiohttp import web

from portal.context import (
    Audience,
    first_row,
    now_of,
    rows,
    transaction,
    viewer_of,
)
from portal.context_notes import (
    DAYS_AHEAD_MOST,
    DAYS_BACK_MOST,
    OWN_WORDS_CHARACTERS_MOST,
    NoteForm,
    NoteRow,
    Reader,
    note_choices,
)
from portal.forms import read_form
from portal.people import LookedAt, find_person, log_look
from portal.rendering import page
from portal.words import local_day
from portal.young.telling import tell_words
from portal.young.today_rows import LEVEL_OF_OTHER_WORDS
from portal.young_person_pages import my_page, read_mine
from tidewell.database import Connection, Queries

NOTES_SHOWN_MOST: Final = 100
"""More than anybody scrolls through; older ones are in the record."""

NOTES_A_DAY_MOST: Final = 20
"""More than a person has to say in a day; a stuck key or a script ends here."""

TOO_MANY: Final = "That is enough for today. Remove a note, or come back tomorrow"

_DAY: Final = timedelta(days=1)
_QUERIES: Final = Queries("portal", "context_notes.sql")


@dataclass(frozen=True, slots=True)
class _NumberRow:
    number: int


@dataclass(frozen=True, slots=True)
class Told:
    """Who says something about whom, and when."""

    person_id: int
    staff_id: int | None
    now: datetime
    today: date


async def show_my_notes(request: web.Request) -> web.Response:
    """Show the young person the notes about their days, and the form for another one."""
    return await _my_notes_page(request, NoteForm(), {})


async def add_my_note(request: web.Request) -> web.Response:
    """Keep a note of the young person about their own days."""
    form = await _form_of(request)
    async with transaction(request) as connection:
        mine = await read_mine(connection, request)
        now = now_of(request)
        told = Told(mine.myself.person_id, None, now, local_day(now, mine.myself.timezone))
        errors = await add_note(connection, told, form)
    if errors:
        return await _my_notes_page(request, form, errors, status=422)
    raise web.HTTPSeeOther("/me/notes?sent=words" if form.own_words else "/me/notes")


async def remove_my_note(request: web.Request) -> web.Response:
    """Take back a note that the young person wrote."""
    async with transaction(request) as connection:
        await remove_note(connection, request, viewer_of(request).known_person_id, None)
    raise web.HTTPSeeOther("/me/notes")


async def show_person_notes(request: web.Request) -> web.Response:
    """Show staff the notes about a person's days; practitioners can add one."""
    return await _person_notes_page(request, NoteForm(), {})


async def add_person_note(request: web.Request) -> web.Response:
    """Keep a note of a practitioner about a person's days."""
    form = await _form_of(request)
    staff_id, now = viewer_of(request).known_staff_id, now_of(request)
    async with transaction(request) as connection:
        person = await find_person(connection, request, staff_id, now)
        told = Told(person.person_id, staff_id, now, local_day(now, person.timezone))
        errors = await add_note(connection, told, form)
    if errors:
        return await _person_notes_page(request, form, errors, status=422)
    raise web.HTTPSeeOther(f"/people/{person.person_id}/notes")


async def remove_person_note(request: web.Request) -> web.Response:
    """Take back a note that this practitioner wrote."""
    staff_id, now = viewer_of(request).known_staff_id, now_of(request)
    async with transaction(request) as connection:
        person = await find_person(connection, request, staff_id, now)
        await remove_note(connection, request, person.person_id, staff_id)
    raise web.HTTPSeeOther(f"/people/{person.person_id}/notes")


async def notes_for_staff(
    connection: Connection,
    person_id: int,
    staff_id: int,
    now: datetime,
    first_day: date,
    last_day: date,
) -> list[NoteRow]:
    """Return the notes that touch these days, for somebody who may see the person."""
    values = {
        "person_id": person_id,
        "viewer_staff_id": staff_id,
        "now": now,
        "first_day": first_day,
        "last_day": last_day,
        "limit": NOTES_SHOWN_MOST,
    }
    return await rows(connection, NoteRow, _QUERIES["notes_for_staff"], values)


async def my_notes(connection: Connection, person_id: int) -> list[NoteRow]:
    """Return the notes about somebody's days, for themselves."""
    values = {"person_id": person_id, "limit": NOTES_SHOWN_MOST}
    return await rows(connection, NoteRow, _QUERIES["my_notes"], values)


async def _form_of(request: web.Request) -> NoteForm:
    form = await read_form(request, NoteForm)
    if form is None:
        raise web.HTTPBadRequest
    return form


async def add_note(connection: Connection, told: Told, form: NoteForm) -> dict[str, str]:
    """Write a note down, or return what is wrong with it."""
    if errors := form.errors(told.today):
        return errors
    since = {"person_id": told.person_id, "since": told.now - _DAY}
    written = await first_row(connection, _NumberRow, _QUERIES["notes_written_since"], since)
    if written is not None and written.number >= NOTES_A_DAY_MOST:
        return {"kind": TOO_MANY}
    days = form.days()
    values = {
        "person_id": told.person_id,
        "kind": days.kind,
        "first_day": days.first_day,
        "last_day": days.last_day,
        "own_words": form.own_words,
        "staff_id": told.staff_id,
        "now": told.now,
    }
    cursor = await connection.execute(_QUERIES["add_note"], values)
    for (context_note_id,) in await cursor.fetchall():
        if told.staff_id is None and form.own_words:
            level = LEVEL_OF_OTHER_WORDS
            await tell_words(
                connection, told.person_id, level, told.now, context_note_id=context_note_id
            )
    return {}


async def remove_note(
    connection: Connection, request: web.Request, person_id: int, staff_id: int | None
) -> bool:
    """Take back the note in the address, if it is theirs; return whether there was one."""
    values = {
        "context_note_id": int(request.match_info["context_note_id"]),
        "person_id": person_id,
        "staff_id": staff_id,
        "now": now_of(request),
    }
    cursor = await connection.execute(_QUERIES["remove_note"], values)
    return bool(cursor.rowcount)


async def _my_notes_page(
    request: web.Request, form: NoteForm, errors: dict[str, str], status: int = 200
) -> web.Response:
    async with transaction(request) as connection:
        mine = await read_mine(connection, request)
        notes = await my_notes(connection, mine.myself.person_id)
    today = local_day(now_of(request), mine.myself.timezone)
    shared = _form_values(form, errors, today, Reader.YOUNG_PERSON)
    shown: dict[str, object] = {"notes": notes, "is_sent": "sent" in request.query}
    return my_page(request, "my_notes.jinja", mine, {**shared, **shown}, status)


async def _person_notes_page(
    request: web.Request, form: NoteForm, errors: dict[str, str], status: int = 200
) -> web.Response:
    viewer, now = viewer_of(request), now_of(request)
    staff_id = viewer.known_staff_id
    async with transaction(request) as connection:
        person = await find_person(connection, request, staff_id, now)
        await log_look(connection, staff_id, person.person_id, LookedAt.NOTES, now)
        notes = await notes_for_staff(
            connection, person.person_id, staff_id, now, date.min, date.max
        )
    shared = _form_values(form, errors, local_day(now, person.timezone), Reader.STAFF)
    may_write = viewer.audience is Audience.PRACTITIONER
    values: dict[str, object] = {"person": person, "notes": notes, "may_write": may_write}
    return page(request, "person_notes.jinja", {**shared, **values}, status)


def _form_values(
    form: NoteForm, errors: dict[str, str], today: date, reader: Reader
) -> dict[str, object]:
    return {
        "form": form,
        "errors": errors,
        "reader": reader,
        "choices": note_choices(reader),
        "earliest": (today - timedelta(days=DAYS_BACK_MOST)).isoformat(),
        "latest": (today + timedelta(days=DAYS_AHEAD_MOST)).isoformat(),
        "own_words_most": OWN_WORDS_CHARACTERS_MOST,
    }
