"""The clinician's list: everybody assigned to them, a row each; and as a file without names."""

from __future__ import annotations

from datetime import timedelta
from typing import Final

from aiohttp import web

from portal.clinic.caseload import (
    LATELY_DAYS,
    CaseRow,
    ChangeRow,
    WeekRow,
    case_rows,
    change_line,
)
from portal.clinic.tables import csv_answer
from portal.context import SETTINGS, now_of, rows, transaction, viewer_of
from portal.data_state import HARDLY_WORN_MINUTES
from portal.people import LookedAt, log_list_look, log_looks, people_of_staff, person_card
from portal.rendering import page
from portal.words import local_day
from tidewell.database import Connection, Queries

_QUERIES: Final = Queries("portal", "clinic/caseload.sql")


async def show_people(request: web.Request) -> web.Response:
    """Show the people of a clinician, those with something open first."""
    async with transaction(request) as connection:
        found = await read_caseload(connection, request)
        shown = [row.card.person.person_id for row in found]
        await log_list_look(connection, viewer_of(request).known_staff_id, shown, now_of(request))
    return page(request, "clinic/people.jinja", {"rows": found})


async def give_people(request: web.Request) -> web.Response:
    """Give the list as CSV: people by their codes, and each of them has been looked at."""
    staff_id, now = viewer_of(request).known_staff_id, now_of(request)
    async with transaction(request) as connection:
        found = await read_caseload(connection, request)
        given = [row.card.person.person_id for row in found]
        await log_looks(connection, staff_id, given, LookedAt.DOWNLOADED, now)
    header = ["code", "open_alerts", "highest_level", "changed", "data", "days_worn_of_7"]
    lines = (
        [
            row.week.label,
            len(row.week.alert_levels),
            row.highest.value if row.highest else "",
            " ".join(change_line(change) for change in row.changes),
            row.card.state.value,
            row.week.days_worn,
        ]
        for row in found
    )
    return csv_answer(f"tidewell-people-{now:%Y-%m-%d}", header, lines)


async def read_caseload(connection: Connection, request: web.Request) -> list[CaseRow]:
    """Return the people of the clinician who is looking, those who need a look first."""
    staff_id, now = viewer_of(request).known_staff_id, now_of(request)
    silence_after = timedelta(seconds=request.app[SETTINGS].silence_after_s)
    people = await people_of_staff(connection, staff_id, now)
    zone = people[0].timezone if people else "UTC"
    yesterday = local_day(now, zone) - timedelta(days=1)
    values = {
        "person_ids": [person.person_id for person in people],
        "staff_id": staff_id,
        "now": now,
        "first_day": yesterday - timedelta(days=LATELY_DAYS - 1),
        "last_day": yesterday,
        "worn_least": HARDLY_WORN_MINUTES,
    }
    weeks = await rows(connection, WeekRow, _QUERIES["weeks"], values)
    changes = await rows(connection, ChangeRow, _QUERIES["changes"], values)
    cards = [person_card(person, now, silence_after) for person in people]
    return case_rows(cards, {week.person_id: week for week in weeks}, changes)
