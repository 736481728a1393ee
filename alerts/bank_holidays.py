"""Bank holidays of the United Kingdom, by the rules that have held for decades.

A day on a weekend moves to the next weekday that is free. A holiday that is proclaimed once, such
as for a coronation, follows no rule: a site writes it into its policy under `closed_days`. The
rules were compared with the published lists on the day of `REVIEWED_ON`; look again each autumn.
"""

from __future__ import annotations

from datetime import date, timedelta
from enum import StrEnum
from functools import lru_cache
from typing import Final

REVIEWED_ON: Final = date(2026, 11, 23)
"""When somebody last held these rules against the published lists."""

MONDAY: Final = 0
SATURDAY: Final = 5


class Division(StrEnum):
    """Whose bank holidays a team keeps."""

    ENGLAND_AND_WALES = "england-and-wales"
    SCOTLAND = "scotland"
    NORTHERN_IRELAND = "northern-ireland"


@lru_cache(maxsize=64)
def bank_holidays(division: Division, year: int) -> frozenset[date]:
    """Return the bank holidays of a year.

    Example:
        >>> sorted(bank_holidays(Division.ENGLAND_AND_WALES, 2026))[1].isoformat()
        '2026-04-03'
    """
    easter = easter_sunday(year)
    is_scotland = division is Division.SCOTLAND
    wanted = [date(year, 1, 1), *([date(year, 1, 2)] if is_scotland else [])]
    wanted += [date(year, 12, 25), date(year, 12, 26)]
    if is_scotland:
        wanted.append(date(year, 11, 30))
    if division is Division.NORTHERN_IRELAND:
        wanted += [date(year, 3, 17), date(year, 7, 12)]
    found = {
        easter - timedelta(days=2),
        _first_monday(year, 5),
        _last_monday(year, 5),
        _first_monday(year, 8) if is_scotland else _last_monday(year, 8),
    }
    if not is_scotland:
        found.add(easter + timedelta(days=1))
    found |= {day for day in wanted if day.weekday() < SATURDAY}
    for day in sorted(day for day in wanted if day.weekday() >= SATURDAY):
        found.add(_next_free(day, found))
    return frozenset(found)


def easter_sunday(year: int) -> date:
    """Return Easter Sunday, by the rule of Gauss as Butcher wrote it down.

    Example:
        >>> easter_sunday(2027).isoformat()
        '2027-03-28'
    """
    century, rest = divmod(year, 100)
    moon = year % 19
    correction = (century - (century + 8) // 25 + 1) // 3
    epact = (19 * moon + century - century // 4 - correction + 15) % 30
    weekday = (32 + 2 * (century % 4) + 2 * (rest // 4) - epact - rest % 4) % 7
    late = (moon + 11 * epact + 22 * weekday) // 451
    month, day = divmod(epact + weekday - 7 * late + 114, 31)
    return date(year, month, day + 1)


def _first_monday(year: int, month: int) -> date:
    first = date(year, month, 1)
    return first + timedelta(days=(MONDAY - first.weekday()) % 7)


def _last_monday(year: int, month: int) -> date:
    last = date(year, month + 1, 1) - timedelta(days=1)
    return last - timedelta(days=last.weekday())


def _next_free(day: date, taken: set[date]) -> date:
    while day.weekday() >= SATURDAY or day in taken:
        day += timedelta(days=1)
    return day
