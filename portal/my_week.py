"""A young person's week in words: what was like their usual first, then what was different. Pure.

No scores, no goals, no comparison with anybody else, no blame. A day without enough data is just
that. More steps are not better than fewer: only "like your usual" and "different" exist here.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from enum import StrEnum
from typing import Final

from portal.daily import DayRow, measured, usual_range
from portal.data_state import HARDLY_WORN_MINUTES
from portal.words import counted, listed, weekday_words
from portal.young.texts import MIDDLE, say
from tidewell.vocabulary import FEATURES

WEEK_DAYS: Final = 7


class MyDayKind(StrEnum):
    """How a day was, as its young person reads it."""

    LIKE_USUAL = "like_usual"
    DIFFERENT = "different"
    NOT_ENOUGH_DATA = "not_enough_data"
    LEARNING = "learning"

    @property
    def words(self) -> str:
        """Return the kind as it is shown."""
        return say(f"week.{self.value}", MIDDLE)


DIFFERENT_FROM_HALF_WIDTHS: Final = 2.0
"""What is usual holds four days of five for each measure. With eighteen of them, nearly every day
has one just outside, so a day is called different only from twice as far away."""
MOST_CHANGES: Final = 4
"""A longer list would read like an accusation."""
_WRAPPED: Final = "circadian_phase_h"
"""The one measure that goes round the clock, so that 23:50 and 00:10 are near each other."""


@dataclass(frozen=True, slots=True)
class MyDay:
    """One day of the week."""

    day: date
    kind: MyDayKind
    changes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class MyWeek:
    """The week: the good things, the different things, and the picture."""

    introduction: str
    good: tuple[str, ...]
    different: tuple[str, ...]
    days: tuple[MyDay, ...]


def my_week(
    rows: list[DayRow],
    last_day: date,
    reading_level: str,
    worker: str | None,
    *,
    is_noticed: bool = False,
) -> MyWeek:
    """Return the seven days up to `last_day` in words.

    `is_noticed` says that the page tells of a change already, and with it how little it may mean.
    """
    by_day = {row.day: row for row in rows}
    calendar = [last_day - timedelta(days=WEEK_DAYS - 1 - index) for index in range(WEEK_DAYS)]
    days = tuple(my_day(day, by_day.get(day), reading_level) for day in calendar)
    return MyWeek(
        introduction=say("week.introduction", reading_level),
        good=_good(days, reading_level),
        different=_different(days, worker, reading_level, is_noticed=is_noticed),
        days=days,
    )


def my_day(day: date, row: DayRow | None, reading_level: str = MIDDLE) -> MyDay:
    """Return how one day was."""
    if row is None or row.worn_minutes < HARDLY_WORN_MINUTES:
        return MyDay(day, MyDayKind.NOT_ENOUGH_DATA, ())
    compared = 0
    changes: list[str] = []
    for feature in FEATURES:
        value, bounds = measured(row, feature.name), usual_range(row, feature.name)
        if value is None or bounds is None:
            continue
        compared += 1
        side = _side(feature.name, value, bounds)
        if side:
            changes.append(change_words(feature.name, reading_level, is_more=side > 0))
    if not compared:
        return MyDay(day, MyDayKind.LEARNING, ())
    kind = MyDayKind.DIFFERENT if changes else MyDayKind.LIKE_USUAL
    return MyDay(day, kind, tuple(changes))


def _side(feature_name: str, value: float, bounds: tuple[float, float]) -> int:
    """Return 1 clearly above what is usual, -1 clearly below, 0 where it is like usual."""
    centre, half_width = (bounds[0] + bounds[1]) / 2, (bounds[1] - bounds[0]) / 2
    offset = value - centre
    if feature_name == _WRAPPED:
        offset = (offset + 12) % 24 - 12
    if abs(offset) <= DIFFERENT_FROM_HALF_WIDTHS * half_width:
        return 0
    return 1 if offset > 0 else -1


def change_words(feature: str, reading_level: str, *, is_more: bool) -> str:
    """Return the middle of a sentence: below or earlier, above or later than usual."""
    return say(f"changes.{feature}_{'more' if is_more else 'less'}", reading_level)


def _good(days: tuple[MyDay, ...], reading_level: str) -> tuple[str, ...]:
    """Return what went as it usually does; nothing is said rather than something made up."""
    sentences: list[str] = []
    usual = [day for day in days if day.kind is MyDayKind.LIKE_USUAL]
    if len(usual) == WEEK_DAYS:
        sentences.append(say("week.all_usual", reading_level))
    elif usual:
        key = "week.one_usual" if len(usual) == 1 else "week.some_usual"
        names = listed([weekday_words(day.day) for day in usual])
        sentences.append(say(key, reading_level, days=names))
    if any(day.kind is MyDayKind.LEARNING for day in days):
        sentences.append(say("week.still_learning", reading_level))
    return tuple(sentences)


def _different(
    days: tuple[MyDay, ...], worker: str | None, reading_level: str, *, is_noticed: bool
) -> tuple[str, ...]:
    """Return what was different, each change once with its days, and how little it may mean."""
    when: dict[str, list[str]] = {}
    for day in days:
        for change in day.changes:
            when.setdefault(change, []).append(weekday_words(day.day))
    often_first = sorted(when.items(), key=lambda item: -len(item[1]))
    sentences = [
        say("week.on_days", reading_level, days=listed(names), change=change)
        for change, names in often_first[:MOST_CHANGES]
    ]
    if len(often_first) > MOST_CHANGES:
        sentences.append(say("week.more_changes", reading_level))
    if sentences:
        key = "week.may_ask" if is_noticed else "week.many_reasons"
        name = worker or say("common.your_worker", reading_level)
        sentences.append(say(key, reading_level, worker=name))
    missing = sum(day.kind is MyDayKind.NOT_ENOUGH_DATA for day in days)
    if missing:
        sentences.append(say("week.days_missing", reading_level, count=counted(missing, "day")))
    return tuple(sentences)
