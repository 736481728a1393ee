"""Duty rotas: who is on duty when, where nobody is, and what a clock change does to a shift.

Rule 1: a dated shift wins over the shifts of the week for as long as it lasts.
Rule 2: a time that a clock change skips is the moment of the change, one that it repeats is its
first occurrence; so two shifts that meet by the clock meet in that night too.
Rule 3: nothing is guessed: where no shift is, there is a hole, and it is told.

Pure: nothing here reads a clock or a database.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Final

import numpy as np

from tidewell.local_time import DAY_MS, day_date, day_number, utc_moment, zone_table

MINUTE_MS: Final = 60_000
LONGEST: Final = timedelta(days=1, hours=2)
"""A shift of the week lasts a day at most, and an hour more in a night when clocks go back."""

_MOMENT: Final = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True)
class WeeklyShift:
    """A shift that comes back each week; `ends_minute` beyond 1440 lies on the next day."""

    staff_id: int
    timezone: str
    weekday: int
    starts_minute: int
    ends_minute: int
    holds_from: datetime
    holds_until: datetime | None = None


@dataclass(frozen=True, slots=True, order=True)
class Shift:
    """Somebody is on duty from a moment until another."""

    starts_at: datetime
    ends_at: datetime
    staff_id: int
    is_dated: bool = False


@dataclass(frozen=True, slots=True)
class Rota:
    """A named rota with its shifts; those that are dated win."""

    rota_id: int
    name: str
    weekly: tuple[WeeklyShift, ...] = ()
    dated: tuple[Shift, ...] = ()


@dataclass(frozen=True, slots=True)
class Span:
    """A stretch of time."""

    starts_at: datetime
    ends_at: datetime


def shifts_between(rota: Rota, first: datetime, end: datetime) -> list[Shift]:
    """Return who is on duty in a stretch of time, in order, cut to that stretch."""
    dated = [one for one in rota.dated if one.starts_at < end and one.ends_at > first]
    taken = merged(Span(one.starts_at, one.ends_at) for one in dated)
    found = [*dated]
    for shift in occurrences(rota.weekly, first, end):
        found += [
            Shift(left.starts_at, left.ends_at, shift.staff_id)
            for left in without(Span(shift.starts_at, shift.ends_at), taken)
        ]
    cut = (
        Shift(max(one.starts_at, first), min(one.ends_at, end), one.staff_id, one.is_dated)
        for one in found
    )
    return sorted({one for one in cut if one.starts_at < one.ends_at})


def on_duty(rota: Rota, moment: datetime) -> frozenset[int]:
    """Return who is on duty at a moment; nobody where the rota has a hole."""
    return frozenset(one.staff_id for one in shifts_between(rota, moment, moment + _MOMENT))


def holes(rota: Rota, first: datetime, end: datetime) -> list[Span]:
    """Return when nobody is on duty."""
    shifts = shifts_between(rota, first, end)
    filled = merged(Span(one.starts_at, one.ends_at) for one in shifts)
    return without(Span(first, end), filled)


def overlaps(shifts: Sequence[Shift]) -> list[tuple[Shift, Shift]]:
    """Return shifts of which one begins before another of the same kind is over.

    Several people may share a shift, so equal times are no overlap.
    """
    found = []
    for is_dated in (False, True):
        latest: Shift | None = None
        for shift in sorted(one for one in shifts if one.is_dated is is_dated):
            if latest is None:
                latest = shift
                continue
            is_shared = (shift.starts_at, shift.ends_at) == (latest.starts_at, latest.ends_at)
            if shift.starts_at < latest.ends_at and not is_shared:
                found.append((latest, shift))
            latest = max(latest, shift, key=lambda one: one.ends_at)
    return found


def occurrences(weekly: Iterable[WeeklyShift], first: datetime, end: datetime) -> Iterator[Shift]:
    """Return the shifts of each week that touch a stretch of time, as far as they hold."""
    for shift in weekly:
        day = _first_day(shift, first - LONGEST)
        while (starts_at := _moment(shift, day, shift.starts_minute)) < end:
            ends_at = _moment(shift, day, shift.ends_minute)
            starts_at = max(starts_at, shift.holds_from)
            ends_at = ends_at if shift.holds_until is None else min(ends_at, shift.holds_until)
            if starts_at < ends_at and ends_at > first:
                yield Shift(starts_at, ends_at, shift.staff_id)
            day += timedelta(days=7)


def merged(spans: Iterable[Span]) -> list[Span]:
    """Return the stretches of time that others fill together."""
    found: list[Span] = []
    for span in sorted(spans, key=lambda one: one.starts_at):
        if found and span.starts_at <= found[-1].ends_at:
            found[-1] = Span(found[-1].starts_at, max(found[-1].ends_at, span.ends_at))
        else:
            found.append(span)
    return found


def without(span: Span, taken: Sequence[Span]) -> list[Span]:
    """Return what is left of a stretch of time; `taken` is in order and does not overlap."""
    found, start = [], span.starts_at
    for one in taken:
        if one.ends_at <= start or one.starts_at >= span.ends_at:
            continue
        if one.starts_at > start:
            found.append(Span(start, one.starts_at))
        start = max(start, one.ends_at)
    if start < span.ends_at:
        found.append(Span(start, span.ends_at))
    return found


def local_moment_of(timezone: str, day: date, minute: int) -> datetime:
    """Return when the clock of a zone first shows so many minutes after a midnight, or more."""
    zone = zone_table(timezone)
    local_ms = day_number(day) * DAY_MS + minute * MINUTE_MS
    utc_ms = zone.utc_ms(local_ms)
    if int(zone.local_ms(np.array([utc_ms], dtype=np.int64))[0]) != local_ms:
        # The clock never shows it: it jumps over it at the start of the offset that holds then.
        utc_ms = int(zone.starts_ms[bisect_right(zone.starts_ms.tolist(), utc_ms) - 1])
    return utc_moment(utc_ms)


def _moment(shift: WeeklyShift, day: date, minute: int) -> datetime:
    return local_moment_of(shift.timezone, day, minute)


def _first_day(shift: WeeklyShift, moment: datetime) -> date:
    """Return the first day of the shift's weekday that is not before a moment's day in UTC."""
    day = day_date((moment - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(days=1))
    return day + timedelta(days=(shift.weekday - day.weekday()) % 7)
