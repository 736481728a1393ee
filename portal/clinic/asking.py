"""Who is asked about, over which days: the same beginning for every page about one person.

A look is written down before anything is read; somebody who is not theirs is not found.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from aiohttp import web

from portal.clinic.marks import MARKS_MOST
from portal.clinic.spans import Span, read_span
from portal.context import now_of, viewer_of
from portal.people import LookedAt, PersonRow, find_person, log_look
from portal.words import local_day, zone_of
from tidewell.database import Connection


@dataclass(frozen=True, slots=True)
class Asked:
    """Who is looked at, over which days, by whom."""

    person: PersonRow
    span: Span
    staff_id: int
    now: datetime

    @property
    def values(self) -> dict[str, object]:
        """Return what every query of the explorer needs."""
        first, end = self.span.limits(self.person.timezone, self.now)
        return {
            "person_id": self.person.person_id,
            "staff_id": self.staff_id,
            "now": self.now,
            "zone": zone_of(self.person.timezone).key,
            "first_day": self.span.first_day,
            "last_day": self.span.last_day,
            "first_time": first,
            "end_time": end,
            "step": self.span.step,
            "limit": MARKS_MOST,
        }


async def ask(connection: Connection, request: web.Request, looked_at: LookedAt) -> Asked:
    """Return what an address asks for, once the look is written down."""
    viewer, now = viewer_of(request), now_of(request)
    person = await find_person(connection, request, viewer.known_staff_id, now)
    await log_look(connection, viewer.known_staff_id, person.person_id, looked_at, now)
    span = read_span(request.query, local_day(now, person.timezone))
    return Asked(person, span, viewer.known_staff_id, now)
