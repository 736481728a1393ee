"""A practitioner or clinician is worried, or writes down that a carer is: it needs no measurement.

The note is for colleagues; it never leaves the building. What is sent is taken in by the alerts
process, and until it is, the page says "being saved".
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Annotated, Final

from aiohttp import web
from pydantic import BaseModel, StringConstraints

from portal.alert_forms import NOTE_CHARACTERS_MAX
from portal.alert_rows import SLOW_AFTER
from portal.check_in_pages import write_concern
from portal.context import SETTINGS, Audience, now_of, rows, transaction, viewer_of
from portal.forms import read_form
from portal.people import LookedAt, find_person, log_look, person_card
from portal.rendering import page
from tidewell.database import Connection, Queries
from tidewell.vocabulary import Level, Source

LEVELS: Final = (Level.CHECK_NOW, Level.CHECK_TODAY, Level.FOR_REVIEW)

_QUERIES: Final = Queries("portal", "concerns.sql")

_LEVEL_HINTS: Final[dict[Level, str]] = {
    Level.CHECK_NOW: "Within minutes; at night that is the duty line, if there is one.",
    Level.CHECK_TODAY: "Today, or in the morning if nobody is at work.",
    Level.FOR_REVIEW: "In the next days.",
}


class WorryForm(BaseModel):
    """A worry as somebody wrote it; kept, so that a mistake does not cost the note."""

    level: str = ""
    source: str = Source.STAFF.value
    note: Annotated[str, StringConstraints(strip_whitespace=True)] = ""
    takes_it: str = ""

    def errors(self) -> dict[str, str]:
        """Return what is wrong with it, by field, in the order of the form."""
        found: dict[str, str] = {}
        if self.source not in (Source.STAFF, Source.CARER):
            found["source"] = "Choose who is worried"
        if self.level not in LEVELS:
            found["level"] = "Choose how soon somebody should look"
        if len(self.note) > NOTE_CHARACTERS_MAX:
            found["note"] = f"Shorten the note to {NOTE_CHARACTERS_MAX} characters"
        return found


@dataclass(frozen=True, slots=True)
class WaitingWorry:
    """What somebody sent and is not taken in yet."""

    at: datetime
    level: str
    staff_name: str

    def is_slow(self, now: datetime) -> bool:
        """Return whether this takes longer than it should."""
        return now - self.at > SLOW_AFTER


async def show_worry(request: web.Request) -> web.Response:
    """Show how to say that one is worried."""
    return await _worry_page(request, WorryForm(), {})


async def say_worry(request: web.Request) -> web.Response:
    """Write a worry down and wake the alerts process."""
    form = await read_form(request, WorryForm)
    if form is None:
        raise web.HTTPBadRequest
    if errors := form.errors():
        return await _worry_page(request, form, errors, status=422)
    async with transaction(request) as connection:
        await write_worry(connection, request, form)
    raise web.HTTPSeeOther(f"/people/{request.match_info['person_id']}#alerts")


async def write_worry(connection: Connection, request: web.Request, form: WorryForm) -> bool:
    """Write a worry about the person in the address down; return whether it was not there yet."""
    viewer, now = viewer_of(request), now_of(request)
    person = await find_person(connection, request, viewer.known_staff_id, now)
    values: dict[str, object] = {
        "person_id": person.person_id,
        "staff_id": viewer.known_staff_id,
        "source": form.source,
        "level": form.level,
        "note": form.note,
        "takes_it": bool(form.takes_it) and viewer.audience is Audience.PRACTITIONER,
        "now": now,
    }
    return await write_concern(connection, "say_worry", values)


async def waiting_worries(connection: Connection, person_id: int) -> list[WaitingWorry]:
    """Return what is not taken in yet about a person whom the viewer may see."""
    values = {"person_id": person_id}
    return await rows(connection, WaitingWorry, _QUERIES["waiting_worries"], values)


async def _worry_page(
    request: web.Request, form: WorryForm, errors: dict[str, str], status: int = 200
) -> web.Response:
    viewer, now = viewer_of(request), now_of(request)
    async with transaction(request) as connection:
        person = await find_person(connection, request, viewer.known_staff_id, now)
        await log_look(connection, viewer.known_staff_id, person.person_id, LookedAt.ALERT, now)
    silence_after = timedelta(seconds=request.app[SETTINGS].silence_after_s)
    values = {
        "person": person,
        "card": person_card(person, now, silence_after),
        "form": form,
        "errors": errors,
        "levels": [(level, _LEVEL_HINTS[level]) for level in LEVELS],
        "sources": [(Source.STAFF, "I am"), (Source.CARER, "A carer told me that they are")],
        "note_characters_max": NOTE_CHARACTERS_MAX,
        "may_take_it": viewer.audience is Audience.PRACTITIONER,
    }
    return page(request, "worry.jinja", values, status)
