"""A duty rota as it was written, before the site knows it, and all that is wrong with it.

Every problem says what is so, about whom, and what to do. Pure: `now` is an argument.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from typing import TYPE_CHECKING, Final
from zoneinfo import ZoneInfo

from tidewell.rota import (
    Rota,
    Shift,
    Span,
    WeeklyShift,
    holes,
    local_moment_of,
    occurrences,
    overlaps,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

LOOK_AHEAD: Final = timedelta(days=56)
"""Long enough for a shift of each week and each of its neighbours to be seen several times."""

DAY_MINUTES: Final = 1_440


@dataclass(frozen=True, slots=True)
class WeeklyEntry:
    """Somebody, by what they sign in with, is on duty each week."""

    who: str
    weekday: int
    starts_minute: int
    ends_minute: int
    first_at: datetime | None = None

    def holds_from(self, now: datetime) -> datetime:
        """Return from when on it counts: from now, unless the file says a later day."""
        return now if self.first_at is None else max(now, self.first_at)


@dataclass(frozen=True, slots=True)
class DatedEntry:
    """Somebody, by what they sign in with, is on duty once."""

    who: str
    starts_at: datetime
    ends_at: datetime


@dataclass(frozen=True, slots=True)
class RotaPlan:
    """What a file says."""

    name: str
    timezone: str
    weekly: tuple[WeeklyEntry, ...]
    dated: tuple[DatedEntry, ...]
    are_holes_allowed: bool

    def names(self) -> list[str]:
        """Return everybody it names, each once."""
        return sorted({one.who for one in self.weekly} | {one.who for one in self.dated})

    def as_rota(self, staff: Mapping[str, int], now: datetime) -> Rota:
        """Return it as a rota that holds from now on."""
        weekly = (
            WeeklyShift(
                staff[one.who],
                self.timezone,
                one.weekday,
                one.starts_minute,
                one.ends_minute,
                one.holds_from(now),
            )
            for one in self.weekly
        )
        dated = (
            Shift(one.starts_at, one.ends_at, staff[one.who], is_dated=True) for one in self.dated
        )
        return Rota(0, self.name, tuple(weekly), tuple(dated))


def plan_problems(plan: RotaPlan, at_work: Iterable[str] | None, now: datetime) -> list[str]:
    """Say what keeps a rota from being saved; without `at_work` nobody's name is looked up."""
    found = _people_problems(plan, at_work)
    numbers = {name: number for number, name in enumerate(plan.names(), 1)}
    names = {number: name for name, number in numbers.items()}
    rota = plan.as_rota(numbers, now)
    found += [
        f"the shift of {one.who} from {one.starts_at:%Y-%m-%d %H:%M} UTC is over; take it out"
        for one in plan.dated
        if one.ends_at <= now
    ]
    weekly = list(occurrences(rota.weekly, now, now + LOOK_AHEAD))
    clashes: dict[tuple[str, str, bool], tuple[Shift, Shift]] = {}
    for one, other in (*overlaps(weekly), *overlaps(rota.dated)):
        first, second = sorted((names[one.staff_id], names[other.staff_id]))
        clashes.setdefault((first, second, one.is_dated), (one, other))
    for (first, second, _), (_, other) in clashes.items():
        found.append(
            f"shifts of {first} and {second} overlap from {_local(other.starts_at, plan.timezone)};"
            " let one begin when the other is over, or name both in one shift"
        )
    if not plan.are_holes_allowed and not found:
        found += [
            f'{words}; fill it, or write holes = "allowed"'
            for words in hole_words(holes(rota, now, now + LOOK_AHEAD), plan.timezone)
        ]
    return found


def hole_words(found: Iterable[Span], timezone: str) -> list[str]:
    """Say when nobody is on duty, each hole that comes back each week once."""
    said: dict[tuple[int, time, timedelta], Span] = {}
    for one in found:
        local = one.starts_at.astimezone(UTC)
        said.setdefault((local.weekday(), local.time(), one.ends_at - one.starts_at), one)
    return [
        f"nobody is on duty from {_local(one.starts_at, timezone)}"
        f" until {_local(one.ends_at, timezone)}"
        for one in said.values()
    ]


def _people_problems(plan: RotaPlan, at_work: Iterable[str] | None) -> list[str]:
    if not plan.weekly and not plan.dated:
        return ["it has no shift; write one under [[weekly]] or [[dated]]"]
    if at_work is None:
        return []
    known = set(at_work)
    return [
        f"{name[:60]!r} does not work here as a practitioner, or left; name somebody else"
        for name in plan.names()
        if name not in known
    ]


def _local(moment: datetime, timezone: str) -> str:
    return f"{moment.astimezone(ZoneInfo(timezone)):%a %Y-%m-%d %H:%M}"


def moment_of(local: datetime, timezone: str) -> datetime:
    """Return the moment of a time, by the clock of a zone where it says none itself."""
    if local.tzinfo is not None:
        return local.astimezone(UTC)
    return local_moment_of(timezone, local.date(), local.hour * 60 + local.minute)
