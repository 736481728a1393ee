"""The days that a picture shows, and into how many steps they are cut. Pure.

Promises: earlier, later, nearer and further are addresses, so that nothing has to be dragged; a
channel never has more than STEPS_MOST steps of three values, however long the span is.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Final

from portal.words import zone_of

SIZES_DAYS: Final = (7, 28, 90, 365)
"""What the page offers by name: a week, four, a season, a year."""
ZOOMS_DAYS: Final = (1, 3, 7, 14, 28, 56, 90, 180, 365)
"""What nearer and further step through."""
STEPS_MOST: Final = 512
"""Three values each make 1,536 points a channel: more than a wide screen has pixels for."""
STEPS_MINUTES: Final = (1, 2, 5, 10, 15, 20, 30, 60, 120, 180, 240, 360, 720, 1440)
"""Lengths that whole days divide into; from an hour on whole hours, which stand ready."""
EARLIEST: Final = date(2015, 1, 1)
"""No reading is older: the wire format does not admit it."""


@dataclass(frozen=True, slots=True)
class Span:
    """Whole local days up to and with the last one."""

    first_day: date
    last_day: date
    today: date

    @property
    def days(self) -> int:
        """Return how many days it has."""
        return (self.last_day - self.first_day).days + 1

    @property
    def step(self) -> timedelta:
        """Return the shortest step that keeps a channel within its points."""
        minutes = self.days * 1440
        fitting = (one for one in STEPS_MINUTES if minutes <= one * STEPS_MOST)
        return timedelta(minutes=next(fitting))

    @property
    def is_current(self) -> bool:
        """Return whether it ends today."""
        return self.last_day == self.today

    def moved(self, days: int) -> Span:
        """Return as many days, so much later; never beyond today."""
        return _span(self.days, self.last_day + timedelta(days=days), self.today)

    def zoomed(self, by: int) -> Span | None:
        """Return a nearer (+1) or further (-1) span around the same middle, where there is one."""
        sizes = [one for one in ZOOMS_DAYS if (one < self.days if by > 0 else one > self.days)]
        if not sizes:
            return None
        size = sizes[-1] if by > 0 else sizes[0]
        return _span(size, self.last_day - timedelta(days=(self.days - size) // 2), self.today)

    def of_size(self, days: int) -> Span:
        """Return so many days up to the same last one."""
        return _span(days, self.last_day, self.today)

    @property
    def query(self) -> str:
        """Return the part of an address that asks for these days."""
        return f"days={self.days}&until={self.last_day.isoformat()}"

    def limits(self, zone: str, now: datetime) -> tuple[datetime, datetime]:
        """Return its first moment and the one after its last; the present ends a day of today."""
        first = datetime.combine(self.first_day, time(), zone_of(zone))
        end = datetime.combine(self.last_day + timedelta(days=1), time(), zone_of(zone))
        return first.astimezone(UTC), max(first.astimezone(UTC), min(end.astimezone(UTC), now))


def read_span(query: Mapping[str, str], today: date) -> Span:
    """Return the days that an address asks for; what it says wrongly counts as not said."""
    days = next((size for size in ZOOMS_DAYS if str(size) == query.get("days")), SIZES_DAYS[1])
    try:
        until = date.fromisoformat(query.get("until", ""))
    except ValueError:
        until = today
    return _span(days, until, today)


def _span(days: int, last_day: date, today: date) -> Span:
    last = min(max(last_day, EARLIEST + timedelta(days=days)), today)
    return Span(last - timedelta(days=days - 1), last, today)
