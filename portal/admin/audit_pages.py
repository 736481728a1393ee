"""Who looked at whom, for administrators: what is unusual first, and everything as a table.

Beside it: pages that were opened in need, and who changed who may see whom.

Promises: young people appear by their label, and nothing says how anybody is. A number here is a
reason to ask, not a finding: somebody may have been asked, and cover ends.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from aiohttp import web

from portal.admin.changes import read_changes_about_people
from portal.admin.door import administration
from portal.clinic.tables import csv_answer
from portal.context import now_of, rows, transaction
from portal.openings.pages import read_openings
from portal.rendering import page
from tidewell.database import Connection, Queries

PERIOD: Final = timedelta(days=30)
PAIRS_MOST: Final = 5_000
"""A hundred members of staff with fifty people each."""
SHOWN_MOST: Final = 100
"""What can be read through in one go; the table to download has all."""
MANY_TIMES: Final = 3
"""So many times the usual number of people of staff in the same role is worth a question."""
MANY_LEAST: Final = 10
"""Below that it is nobody's habit."""

_QUERIES: Final = Queries("portal.admin", "audit.sql")


@dataclass(frozen=True, slots=True)
class LooksRow:
    """The looks of one member of staff at one young person."""

    staff_name: str
    staff_role: str
    person_label: str
    looks: int
    without_reason: int
    out_of_hours: int
    last_at: datetime


@dataclass(frozen=True, slots=True)
class StaffLooks:
    """The looks of one member of staff."""

    name: str
    role: str
    people: int
    looks: int
    without_reason: int
    out_of_hours: int
    is_many: bool
    """They looked at far more people than others in the same role."""


def by_staff(pairs: Sequence[LooksRow]) -> list[StaffLooks]:
    """Return the looks of each member of staff, those with the most to ask about first."""
    found: dict[tuple[str, str], list[LooksRow]] = defaultdict(list)
    for one in pairs:
        found[one.staff_name, one.staff_role].append(one)
    people = {who: len(theirs) for who, theirs in found.items()}
    all_of = [
        StaffLooks(
            name,
            role,
            len(theirs),
            sum(one.looks for one in theirs),
            sum(one.without_reason for one in theirs),
            sum(one.out_of_hours for one in theirs),
            is_many=role != "admin" and _is_many(len(theirs), _usual(role, people)),
        )
        for (name, role), theirs in found.items()
    ]
    return sorted(
        all_of, key=lambda one: (-one.without_reason, not one.is_many, -one.out_of_hours, one.name)
    )


def _usual(role: str, people: dict[tuple[str, str], int]) -> int:
    """Return what is in the middle of how many people staff of a role looked at."""
    counts = sorted(number for (_, of_role), number in people.items() if of_role == role)
    return counts[(len(counts) - 1) // 2]


def _is_many(people: int, usual: int) -> bool:
    return people >= MANY_LEAST and people > MANY_TIMES * usual


async def _pairs(request: web.Request) -> list[LooksRow]:
    async with transaction(request) as connection:
        return await read_looks(connection, now_of(request))


async def read_looks(connection: Connection, now: datetime) -> list[LooksRow]:
    """Return who looked at whom in the last thirty days."""
    values = {"first_time": now - PERIOD, "end_time": now, "limit": PAIRS_MOST}
    return await rows(connection, LooksRow, _QUERIES["looks"], values)


async def show_audit(request: web.Request) -> web.Response:
    """Show who looked in the last thirty days, what was opened in need, and what was changed."""
    pairs, now = await _pairs(request), now_of(request)
    async with transaction(request) as connection:
        openings = await read_openings(connection, request)
    async with administration(request) as connection:
        changes = await read_changes_about_people(connection, now - PERIOD, SHOWN_MOST)
    values = {
        "openings": openings,
        "changes": changes,
        "staff": by_staff(pairs),
        "pairs": pairs[:SHOWN_MOST],
        "is_cut": len(pairs) > SHOWN_MOST,
        "days": PERIOD.days,
    }
    return page(request, "admin/audit.jinja", values)


async def give_audit(request: web.Request) -> web.Response:
    """Give the same as a table."""
    header = ("staff", "role", "person", "looks", "without_reason", "out_of_hours", "last_look")
    lines = [
        (
            one.staff_name,
            one.staff_role,
            one.person_label,
            one.looks,
            one.without_reason,
            one.out_of_hours,
            one.last_at.isoformat(),
        )
        for one in await _pairs(request)
    ]
    return csv_answer("tidewell-who-looked", header, lines)
