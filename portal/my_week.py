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
        return _KIND_WORDS[self]


_KIND_WORDS: Final[dict[MyDayKind, str]] = {
    MyDayKind.LIKE_USUAL: "Like your usual",
    MyDayKind.DIFFERENT: "A bit different",
    MyDayKind.NOT_ENOUGH_DATA: "Not enough data",
    MyDayKind.LEARNING: "Still learning your usual",
}

_CHANGES: Final[dict[str, tuple[str, str]]] = {
    "night_heart_rate": (
        "your heart beat slower at night than your usual",
        "your heart beat faster at night than your usual",
    ),
    "resting_heart_rate": (
        "your heart beat slower than your usual when you rested",
        "your heart beat faster than your usual when you rested",
    ),
    "night_hrv_rmssd": (
        "the gaps between your heartbeats at night were more alike than your usual",
        "the gaps between your heartbeats at night were less alike than your usual",
    ),
    "night_skin_temperature": (
        "your skin was cooler at night than your usual",
        "your skin was warmer at night than your usual",
    ),
    "night_respiratory_rate": (
        "you breathed slower at night than your usual",
        "you breathed faster at night than your usual",
    ),
    "night_spo2": (
        "your blood had less oxygen in it at night than your usual",
        "your blood had more oxygen in it at night than your usual",
    ),
    "heart_rate_per_step": (
        "your heart sped up less than your usual when you moved",
        "your heart sped up more than your usual when you moved",
    ),
    "circadian_amplitude": (
        "your heart changed its speed less than your usual from day to night",
        "your heart changed its speed more than your usual from day to night",
    ),
    "circadian_phase_h": (
        "your heart was at its fastest earlier in the day than your usual",
        "your heart was at its fastest later in the day than your usual",
    ),
    "sleep_minutes": ("you slept less than your usual", "you slept more than your usual"),
    "sleep_efficiency": (
        "you were awake more in the night than your usual",
        "you were awake less in the night than your usual",
    ),
    "sleep_onset_h": (
        "you fell asleep earlier than your usual",
        "you fell asleep later than your usual",
    ),
    "sleep_regularity": (
        "your sleep times changed more than your usual",
        "your sleep times changed less than your usual",
    ),
    "steps": ("you moved less than your usual", "you moved more than your usual"),
    "longest_still_minutes": (
        "you were still for shorter times than your usual",
        "you were still for longer times than your usual",
    ),
    "first_activity_h": (
        "you got going earlier in the day than your usual",
        "you got going later in the day than your usual",
    ),
    "eda_level": ("your skin was drier than your usual", "your skin was damper than your usual"),
    "aroused_minutes": (
        "your body was tense less often than your usual while you kept still",
        "your body was tense more often than your usual while you kept still",
    ),
}
"""Below or earlier, and above or later than usual. No direction is the better one."""
assert tuple(_CHANGES) == tuple(feature.name for feature in FEATURES)

DIFFERENT_FROM_HALF_WIDTHS: Final = 2.0
"""What is usual holds four days of five for each measure. With eighteen of them, nearly every day
has one just outside, so a day is called different only from twice as far away."""
MOST_CHANGES: Final = 4
"""A longer list would read like an accusation."""
_WRAPPED: Final = "circadian_phase_h"
"""The one measure that goes round the clock, so that 23:50 and 00:10 are near each other."""

_INTRODUCTIONS: Final[dict[str, str]] = {
    "8-11": "Your watch looks at how your heart beats and how you move. "
    "“Your usual” means how most of your own days are.",
    "12-15": "Your device measures things like your heart rate and how much you move. "
    "“Your usual” is made only from your own days. Nobody compares you with anybody else.",
    "16-18": "Your device measures things like heart rate and movement. “Your usual” is learned "
    "from your own days only. It is not a grade, and nobody is compared with you.",
}


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
    days = tuple(my_day(day, by_day.get(day)) for day in calendar)
    return MyWeek(
        introduction=_INTRODUCTIONS.get(reading_level, _INTRODUCTIONS["12-15"]),
        good=_good(days),
        different=_different(days, worker or "your worker", is_noticed=is_noticed),
        days=days,
    )


def my_day(day: date, row: DayRow | None) -> MyDay:
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
            changes.append(_CHANGES[feature.name][1 if side > 0 else 0])
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


def _good(days: tuple[MyDay, ...]) -> tuple[str, ...]:
    """Return what went as it usually does; nothing is said rather than something made up."""
    sentences: list[str] = []
    usual = [day for day in days if day.kind is MyDayKind.LIKE_USUAL]
    if len(usual) == WEEK_DAYS:
        sentences.append("The whole week was like your usual.")
    elif usual:
        names = listed([weekday_words(day.day) for day in usual])
        sentences.append(f"{names} {'was' if len(usual) == 1 else 'were'} like your usual.")
    if any(day.kind is MyDayKind.LEARNING for day in days):
        sentences.append("We are still learning what is usual for you. That takes a few weeks.")
    return tuple(sentences)


def _different(days: tuple[MyDay, ...], worker: str, *, is_noticed: bool) -> tuple[str, ...]:
    """Return what was different, each change once with its days, and how little it may mean."""
    when: dict[str, list[str]] = {}
    for day in days:
        for change in day.changes:
            when.setdefault(change, []).append(weekday_words(day.day))
    often_first = sorted(when.items(), key=lambda item: -len(item[1]))
    sentences = [f"On {listed(names)}, {change}." for change, names in often_first[:MOST_CHANGES]]
    if len(often_first) > MOST_CHANGES:
        sentences.append("A few other things were a bit different too.")
    if sentences and is_noticed:
        sentences.append(f"{worker[:1].upper()}{worker[1:]} may ask how you are.")
    elif sentences:
        sentences.append(
            "Lots of things can do that: a cold, a late night, sport, a hot day, a worry. "
            f"If it goes on, {worker} may ask how you are."
        )
    missing = sum(day.kind is MyDayKind.NOT_ENOUGH_DATA for day in days)
    if missing:
        sentences.append(f"For {counted(missing, 'day')} there is not enough data. That is okay.")
    return tuple(sentences)
