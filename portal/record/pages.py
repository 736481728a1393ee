"""The pages of a person's record: the timeline, a contact in two taps, a correction, three columns.

Every look is written down before anything is shown. A form only adds; nothing here changes or
removes what somebody wrote.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Final

from aiohttp import web

from portal.alert_rows import ConcernRow
from portal.context import first_row, now_of, rows, transaction, viewer_of
from portal.context_notes import NoteRow
from portal.forms import read_form
from portal.people import LookedAt, PersonRow, find_person, log_look
from portal.record.contacts import has_enough, keep_contact
from portal.record.forms import (
    COLUMN_CHARACTERS_MOST,
    COLUMNS,
    NOTE_CHARACTERS_MOST,
    SCALE,
    ColumnsForm,
    ContactForm,
    ContactKind,
    CorrectionForm,
    earliest_day,
)
from portal.record.support_notes import SupportNote, Writer, keep_columns, read_versions
from portal.record.timeline import (
    AlertEventRow,
    ContactRow,
    GapRow,
    Happened,
    Theme,
    timeline,
)
from portal.rendering import page
from portal.security import Refusal, not_found
from portal.words import local_day, zone_of
from tidewell.database import Connection, Queries

WINDOW_DAYS: Final = 90
"""A school term: what a review looks back on. Earlier terms are one tap away."""
LINES_MOST: Final = 500
"""Of each kind in a window; five a day for a term, far more than a person can read."""
TOO_MANY: Final = "That is enough for one day. Come back tomorrow"

_EARLIEST: Final = date(2015, 1, 1)
_DAY: Final = timedelta(days=1)
_QUERIES: Final = Queries("portal.record", "record.sql")


@dataclass(frozen=True, slots=True)
class _NumberRow:
    number: int


@dataclass(frozen=True, slots=True)
class TimelineSpan:
    """The days that a timeline shows."""

    first_day: date
    last_day: date
    is_current: bool


async def show_timeline(request: web.Request) -> web.Response:
    """Show everything that happened around a person, to somebody who may see them."""
    return await _timeline_page(request, ContactForm(), {})


async def add_contact(request: web.Request) -> web.Response:
    """Keep a contact: who did what, and when."""
    form = await read_form(request, ContactForm)
    if form is None:
        raise web.HTTPBadRequest
    async with transaction(request) as connection:
        person, errors = await write_contact(connection, request, form)
    if errors:
        return await _timeline_page(request, form, errors, status=422)
    raise web.HTTPSeeOther(f"/people/{person.person_id}/timeline?done={form.kind}")


async def write_contact(
    connection: Connection, request: web.Request, form: ContactForm
) -> tuple[PersonRow, dict[str, str]]:
    """Keep a contact with the person in the address; return them and what is wrong with it."""
    staff_id, now = viewer_of(request).known_staff_id, now_of(request)
    person = await find_person(connection, request, staff_id, now)
    errors = form.errors(now, person.timezone)
    if not errors and await has_enough(connection, person.person_id, staff_id, now):
        errors = {"kind": TOO_MANY}
    if not errors:
        await keep_contact(connection, person, staff_id, form, now)
    return person, errors


async def show_correction(request: web.Request) -> web.Response:
    """Show the form that puts an earlier line right."""
    form = CorrectionForm(
        contact=_number(request.query.get("contact", "")), alert=_public_id(request.query)
    )
    return await _correction_page(request, form, {})


async def add_correction(request: web.Request) -> web.Response:
    """Keep a correction beside what it puts right."""
    form = await read_form(request, CorrectionForm)
    if form is None:
        raise web.HTTPBadRequest
    if errors := form.errors():
        return await _correction_page(request, form, errors, status=422)
    async with transaction(request) as connection:
        person = await write_correction(connection, request, form)
    raise web.HTTPSeeOther(f"/people/{person.person_id}/timeline?done=correction")


async def write_correction(
    connection: Connection, request: web.Request, form: CorrectionForm
) -> PersonRow:
    """Keep a correction, of a form without errors, about the person in the address."""
    staff_id, now = viewer_of(request).known_staff_id, now_of(request)
    person = await find_person(connection, request, staff_id, now)
    contact_id, alert_id = await _corrected(connection, request, person.person_id, form)
    values = {
        "person_id": person.person_id,
        "staff_id": staff_id,
        "note": form.note,
        "corrects": contact_id,
        "corrects_alert_id": alert_id,
        "now": now,
    }
    await connection.execute(_QUERIES["add_correction"], values)
    return person


async def show_columns(request: web.Request) -> web.Response:
    """Show the three columns, their earlier versions and the form for a new one."""
    return await _columns_page(request, None, {})


async def add_columns(request: web.Request) -> web.Response:
    """Keep a new version of the three columns."""
    form = await read_form(request, ColumnsForm)
    if form is None:
        raise web.HTTPBadRequest
    if errors := form.errors():
        return await _columns_page(request, form, errors, status=422)
    staff_id, now = viewer_of(request).known_staff_id, now_of(request)
    async with transaction(request) as connection:
        person = await find_person(connection, request, staff_id, now)
        await keep_columns(connection, Writer(person.person_id, staff_id, now), form)
    raise web.HTTPSeeOther(f"/people/{person.person_id}/three-columns")


async def _corrected(
    connection: Connection, request: web.Request, person_id: int, form: CorrectionForm
) -> tuple[int | None, int | None]:
    """Return the contact or the alert that is put right; one of somebody else is not there."""
    values = {"contact_id": form.contact, "public_id": form.alert, "person_id": person_id}
    query = _QUERIES["closed_alert"] if form.alert else _QUERIES["contact"]
    found = await first_row(connection, _NumberRow, query, values)
    if found is None:
        raise not_found(request, Refusal.NOT_FOUND)
    return (None, found.number) if form.alert else (found.number, None)


async def _timeline_page(
    request: web.Request, form: ContactForm, errors: dict[str, str], status: int = 200
) -> web.Response:
    staff_id, now = viewer_of(request).known_staff_id, now_of(request)
    async with transaction(request) as connection:
        person = await find_person(connection, request, staff_id, now)
        await log_look(connection, staff_id, person.person_id, LookedAt.RECORD, now)
        span = _read_span(request.query, local_day(now, person.timezone))
        happened = await read_happened(connection, person, span, staff_id, now)
        versions = await read_versions(connection, person.person_id, staff_id, now)
    only = _read_theme(request.query.get("show", ""))
    values = {
        "person": person,
        "days": timeline(happened, person.name, person.timezone, now, only),
        "only": only,
        "themes": list(Theme),
        "span": span,
        "earlier": span.first_day - timedelta(days=1),
        "later": span.last_day + timedelta(days=WINDOW_DAYS),
        "newest": versions[0] if versions else None,
        "kinds": list(ContactKind),
        "form": form,
        "errors": errors,
        "done": _DONE.get(request.query.get("done", ""), ""),
        "earliest": earliest_day(now, person.timezone).isoformat(),
        "latest": local_day(now, person.timezone).isoformat(),
        "note_characters_most": NOTE_CHARACTERS_MOST,
        "own_address": request.path,
    }
    return page(request, "timeline.jinja", values, status)


_DONE: Final = {
    "spoke": "Written down: you spoke to them.",
    "tried": "Written down: you tried to reach them.",
    "visited": "Written down: you visited them.",
    "correction": "The correction stands under the line that it is about.",
}


def _window(
    person: PersonRow, span: TimelineSpan, staff_id: int, now: datetime
) -> dict[str, object]:
    zone = zone_of(person.timezone)
    return {
        "person_id": person.person_id,
        "staff_id": staff_id,
        "now": now,
        "since": datetime.combine(span.first_day, time(), zone).astimezone(UTC),
        "until": datetime.combine(span.last_day + _DAY, time(), zone).astimezone(UTC),
        "limit": LINES_MOST,
    }


async def read_contacts(
    connection: Connection, person: PersonRow, span: TimelineSpan, staff_id: int, now: datetime
) -> list[ContactRow]:
    """Return contacts of these days, the newest first, and every correction."""
    values = _window(person, span, staff_id, now)
    return await rows(connection, ContactRow, _QUERIES["contacts"], values)


async def read_happened(
    connection: Connection, person: PersonRow, span: TimelineSpan, staff_id: int, now: datetime
) -> Happened:
    """Return everything that happened in these days."""
    values = _window(person, span, staff_id, now)
    return Happened(
        events=await rows(connection, AlertEventRow, _QUERIES["alert_events"], values),
        concerns=await rows(connection, ConcernRow, _QUERIES["concerns"], values),
        notes=await rows(connection, NoteRow, _QUERIES["notes"], values),
        contacts=await read_contacts(connection, person, span, staff_id, now),
        columns=await rows(connection, SupportNote, _QUERIES["support_notes_between"], values),
        gaps=await rows(connection, GapRow, _QUERIES["gaps"], values),
    )


async def _correction_page(
    request: web.Request, form: CorrectionForm, errors: dict[str, str], status: int = 200
) -> web.Response:
    staff_id, now = viewer_of(request).known_staff_id, now_of(request)
    async with transaction(request) as connection:
        person = await find_person(connection, request, staff_id, now)
        await _corrected(connection, request, person.person_id, form)
        await log_look(connection, staff_id, person.person_id, LookedAt.RECORD, now)
    values = {
        "person": person,
        "form": form,
        "errors": errors,
        "note_characters_most": NOTE_CHARACTERS_MOST,
    }
    return page(request, "correction.jinja", values, status)


async def _columns_page(
    request: web.Request, form: ColumnsForm | None, errors: dict[str, str], status: int = 200
) -> web.Response:
    staff_id, now = viewer_of(request).known_staff_id, now_of(request)
    async with transaction(request) as connection:
        person = await find_person(connection, request, staff_id, now)
        await log_look(connection, staff_id, person.person_id, LookedAt.RECORD, now)
        versions = await read_versions(connection, person.person_id, staff_id, now)
    begun = versions[0].as_form() if versions else ColumnsForm()
    values = {
        "person": person,
        "versions": versions,
        "form": begun if form is None else form,
        "errors": errors,
        "columns": COLUMNS,
        "scale": SCALE,
        "column_characters_most": COLUMN_CHARACTERS_MOST,
    }
    return page(request, "three_columns.jinja", values, status)


def _read_span(query: Mapping[str, str], today: date) -> TimelineSpan:
    """Return the days that an address asks for; what it says wrongly counts as not said."""
    try:
        until = date.fromisoformat(query.get("until", ""))
    except ValueError:
        until = today
    return span_until(until, today)


def span_until(until: date, today: date) -> TimelineSpan:
    """Return the days of a timeline that ends with a day, or today where that is to come."""
    last_day = min(max(until, _EARLIEST), today)
    return TimelineSpan(last_day - timedelta(days=WINDOW_DAYS - 1), last_day, last_day == today)


def _read_theme(text: str) -> Theme | None:
    return next((theme for theme in Theme if theme.value == text), None)


def _number(text: str) -> int:
    return int(text) if text.isascii() and text.isdigit() and len(text) <= 18 else 0


def _public_id(query: Mapping[str, str]) -> str:
    text = query.get("alert", "")
    plain = all(one.isascii() and (one.isalnum() or one in "_-") for one in text)
    return text if plain and len(text) <= 64 else ""
