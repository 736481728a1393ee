"""Working time: when a team is at work, by its own clock, and where a deadline falls.

Rule 1: a span of a day or more counts working days, a shorter one counts working hours.
Rule 2: a moment that a clock change skips or repeats is read as `tidewell.local_time` reads it, so
that no deadline is lost in a night when clocks change.
Rule 3: a calendar that would not open for two months holds nothing back: better told than held.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Final

import numpy as np

from alerts.bank_holidays import Division, bank_holidays
from tidewell.local_time import utc_moment, zone_table

DAY: Final = timedelta(days=1)
LOOK_AHEAD_DAYS: Final = 62
"""Longer than any closing of a service; see rule 3."""

_EPOCH: Final = date(1970, 1, 1)
_DAY_MS: Final = 86_400_000
_MINUTE_MS: Final = 60_000


@dataclass(frozen=True, slots=True)
class OpenHours:
    """A stretch of one weekday in which a team is at work, in minutes after midnight."""

    opens_minute: int
    closes_minute: int


@dataclass(frozen=True, slots=True)
class WorkingTime:
    """When a team is at work.

    `hours` goes by weekday, Monday is 0, and a missing one is closed; the stretches of a day are in
    order and leave time between them.
    """

    timezone: str
    hours: Mapping[int, tuple[OpenHours, ...]]
    division: Division | None = None
    closed_days: frozenset[date] = frozenset()

    def is_open(self, moment: datetime) -> bool:
        """Return whether somebody is at work."""
        return self._stretch_at(moment) is not None

    def next_start(self, moment: datetime) -> datetime:
        """Return when work begins next after a moment; the moment itself where it never would."""
        day = self._local_day(moment)
        for ahead in range(LOOK_AHEAD_DAYS):
            for opens, _ in self.open_on(day + timedelta(days=ahead)):
                if opens > moment:
                    return opens
        return moment

    def stretch(self, moment: datetime) -> tuple[datetime, datetime] | None:
        """Return from when to when somebody is at work, at a moment or next after it."""
        day = self._local_day(moment)
        for ahead in range(LOOK_AHEAD_DAYS):
            for opens, closes in self.open_on(day + timedelta(days=ahead)):
                if closes > moment:
                    return opens, closes
        return None

    def ever_opens(self, moment: datetime) -> bool:
        """Return whether anybody is at work within two months; see rule 3."""
        return self.is_open(moment) or self.next_start(moment) > moment

    def after(self, moment: datetime, span: timedelta) -> datetime:
        """Return the end of a span that only runs while somebody is at work."""
        start = moment if self.is_open(moment) else self.next_start(moment)
        days, rest = divmod(span, DAY)
        return self._after_hours(self._after_days(start, days), rest)

    def _after_days(self, start: datetime, days: int) -> datetime:
        day = self._local_day(start)
        passed_ms = self._local_ms(start) % _DAY_MS
        for _ in range(days):
            day = self._next_working_day(day)
        return start if days == 0 else self._moment(day, passed_ms)

    def _after_hours(self, start: datetime, rest: timedelta) -> datetime:
        while rest:
            opened = self._stretch_at(start)
            if opened is None:
                later = self.next_start(start)
                if later == start:
                    return start + rest
                start = later
                continue
            if start + rest <= opened[1]:
                return start + rest
            rest -= opened[1] - start
            start = opened[1]
        return start

    def _next_working_day(self, day: date) -> date:
        for ahead in range(1, LOOK_AHEAD_DAYS):
            if self.open_on(day + timedelta(days=ahead)):
                return day + timedelta(days=ahead)
        return day + DAY

    def open_on(self, day: date) -> list[tuple[datetime, datetime]]:
        """Return from when until when somebody is at work on a day; nothing where it is closed."""
        if day in self.closed_days:
            return []
        if self.division is not None and day in bank_holidays(self.division, day.year):
            return []
        stretches = (
            (
                self._moment(day, one.opens_minute * _MINUTE_MS),
                self._moment(day, one.closes_minute * _MINUTE_MS),
            )
            for one in self.hours.get(day.weekday(), ())
        )
        # A clock that jumps over a short stretch leaves nothing of it.
        return [(opens, closes) for opens, closes in stretches if opens < closes]

    def changes_between(self, first: datetime, end: datetime) -> list[datetime]:
        """Return every moment of a stretch of time at which work begins or ends."""
        found, day = [], self._local_day(first)
        while day <= self._local_day(end):
            for stretch in self.open_on(day):
                found += [moment for moment in stretch if first < moment < end]
            day += DAY
        return found

    def _stretch_at(self, moment: datetime) -> tuple[datetime, datetime] | None:
        for opens, closes in self.open_on(self._local_day(moment)):
            if opens <= moment < closes:
                return opens, closes
        return None

    def _local_ms(self, moment: datetime) -> int:
        time_ms = np.array([round(moment.timestamp() * 1_000)], dtype=np.int64)
        return int(zone_table(self.timezone).local_ms(time_ms)[0])

    def _local_day(self, moment: datetime) -> date:
        return _EPOCH + timedelta(days=self._local_ms(moment) // _DAY_MS)

    def _moment(self, day: date, passed_ms: int) -> datetime:
        local_ms = (day - _EPOCH).days * _DAY_MS + passed_ms
        return utc_moment(zone_table(self.timezone).utc_ms(local_ms))
