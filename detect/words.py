"""The words for measures, days and lengths, as practitioners and as young people read them.

Every daily measure has its words here for both readers, in both directions. A young person reads
short words about themselves: no scores, no alarm, no blame, and no direction is the better one.
Never names a cause: nothing here knows one.

Clock times are rounded to five minutes and lengths to whole minutes, because a bin of a day is
fifteen minutes long and more digits would only look exact.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from enum import Enum, StrEnum
from typing import Final

from tidewell.local_time import day_date
from tidewell.vocabulary import FEATURES, Family

CLOCK_STEP_MINUTES: Final = 5
WEEKDAY_IS_CLEAR_DAYS: Final = 6
"""Read a day later, "since Monday" means one Monday only as long as the change is this young."""

_WEEKDAYS: Final = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_MONTHS: Final = (
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
)


class Direction(StrEnum):
    """On which side of the centre of what is usual a value lies."""

    ABOVE = "above"
    BELOW = "below"
    LATER = "later"
    EARLIER = "earlier"
    SAME = "same"


class NoteKind(StrEnum):
    """What a young person or a practitioner noted about some days."""

    ILL = "ill"
    EXAMS = "exams"
    HOLIDAY = "holiday"
    SOMEONE_ELSE = "someone_else"
    OTHER = "other"


class Style(Enum):
    """How the number of a measure is written."""

    NUMBER = "number"
    LENGTH = "length"
    AFTER_MIDNIGHT = "after midnight"
    AFTER_NOON = "after noon"


@dataclass(frozen=True, slots=True)
class MeasureWords:
    """How one daily measure reads.

    `said` is for practitioners, with `{value}` in it. `less` and `more` are for the young person:
    below or earlier, and above or later. `lowest` and `highest` bound what can be written, so that
    a wide usual range never promises a negative number of steps.
    """

    said: str
    less: str
    more: str
    style: Style = Style.NUMBER
    lowest: float = 0.0
    highest: float = math.inf
    wraps: bool = False


MEASURES: Final[dict[str, MeasureWords]] = {
    "night_heart_rate": MeasureWords(
        "night heart rate {value} bpm",
        "your heart has been beating a bit slower at night than it usually does",
        "your heart has been beating a bit faster at night than it usually does",
    ),
    "resting_heart_rate": MeasureWords(
        "resting heart rate by day {value} bpm",
        "your heart has been beating a bit slower than usual when you rest in the day",
        "your heart has been beating a bit faster than usual when you rest in the day",
    ),
    "night_hrv_rmssd": MeasureWords(
        "heart rate variability at night {value} ms",
        "the gaps between your heartbeats at night have been more alike than usual",
        "the gaps between your heartbeats at night have been less alike than usual",
    ),
    "night_skin_temperature": MeasureWords(
        "skin temperature at night {value} °C",
        "your skin has been a bit cooler at night than it usually is",
        "your skin has been a bit warmer at night than it usually is",
    ),
    "night_respiratory_rate": MeasureWords(
        "breathing rate at night {value} a minute",
        "you have been breathing a bit slower at night than you usually do",
        "you have been breathing a bit faster at night than you usually do",
    ),
    "night_spo2": MeasureWords(
        "blood oxygen at night {value} %",
        "your blood has had a bit less oxygen in it at night than usual",
        "your blood has had a bit more oxygen in it at night than usual",
        highest=100,
    ),
    "heart_rate_per_step": MeasureWords(
        "heart rate up by {value} bpm when moving",
        "your heart has been speeding up less than usual when you move",
        "your heart has been speeding up more than usual when you move",
    ),
    "circadian_amplitude": MeasureWords(
        "heart rate rising and falling by {value} bpm over day and night",
        "your heart has been changing its speed less than usual from day to night",
        "your heart has been changing its speed more than usual from day to night",
    ),
    "circadian_phase_h": MeasureWords(
        "heart rate highest at about {value}",
        "your heart has been at its fastest earlier in the day than usual",
        "your heart has been at its fastest later in the day than usual",
        Style.AFTER_MIDNIGHT,
        wraps=True,
    ),
    "sleep_minutes": MeasureWords(
        "{value} asleep",
        "you have been sleeping a bit less than you usually do",
        "you have been sleeping a bit more than you usually do",
        Style.LENGTH,
    ),
    "sleep_efficiency": MeasureWords(
        "asleep for {value} % of the night",
        "you have been awake a bit more in the night than you usually are",
        "you have been awake a bit less in the night than you usually are",
        highest=100,
    ),
    "sleep_onset_h": MeasureWords(
        "falling asleep at about {value}",
        "you have been falling asleep earlier than you usually do",
        "you have been falling asleep later than you usually do",
        Style.AFTER_NOON,
    ),
    "sleep_regularity": MeasureWords(
        "regularity of sleep {value} of 100",
        "your sleep times have been changing more than usual from day to day",
        "your sleep times have been changing less than usual from day to day",
        lowest=-100,
        highest=100,
    ),
    "steps": MeasureWords(
        "{value} steps",
        "you have been moving a bit less than you usually do",
        "you have been moving a bit more than you usually do",
    ),
    "longest_still_minutes": MeasureWords(
        "longest time still while awake {value}",
        "you have been still for shorter times in the day than you usually are",
        "you have been still for longer times in the day than you usually are",
        Style.LENGTH,
    ),
    "first_activity_h": MeasureWords(
        "first activity of the day at about {value}",
        "you have been getting going earlier in the day than you usually do",
        "you have been getting going later in the day than you usually do",
        Style.AFTER_MIDNIGHT,
    ),
    "eda_level": MeasureWords(
        "skin conductance {value} µS",
        "your skin has been a bit drier than it usually is",
        "your skin has been a bit damper than it usually is",
    ),
    "aroused_minutes": MeasureWords(
        "tense while still for {value}",
        "your body has been tense less often than usual while you sit still",
        "your body has been tense more often than usual while you sit still",
        Style.LENGTH,
    ),
}
assert tuple(MEASURES) == tuple(feature.name for feature in FEATURES)

FAMILY_SUBJECTS: Final[dict[Family, tuple[str, str]]] = {
    Family.ILLNESS: ("Body measures", "have"),
    Family.SLEEP: ("Sleep", "has"),
    Family.WITHDRAWAL: ("Activity", "has"),
    Family.ACUTE_LOAD: ("Body tension", "has"),
    Family.DRIFT: ("Some measures", "have"),
    Family.DEVICE: ("The device", "has"),
}
"""What is said to have changed, and the form of "have" that goes with it."""

CHANNEL_CHANGES: Final[dict[str, tuple[str, str]]] = {
    "heart_rate": ("your heart was beating slower", "your heart was beating faster"),
    "hrv_rmssd": (
        "the gaps between your heartbeats were more alike",
        "the gaps between your heartbeats were less alike",
    ),
    "skin_temperature": ("your skin was cooler", "your skin was warmer"),
    "eda": ("your skin was drier", "your skin was damper"),
    "steps": ("you were moving less", "you were moving more"),
    "spo2": ("your blood had less oxygen in it", "your blood had more oxygen in it"),
    "respiratory_rate": ("you were breathing slower", "you were breathing faster"),
    "motion": ("you were moving less", "you were moving more"),
}
"""Below and above a limit of the agreed plan, for the young person; sleep and wear have none."""

NOTE_WORDS: Final[dict[NoteKind, str]] = {
    NoteKind.ILL: "ill",
    NoteKind.EXAMS: "exams",
    NoteKind.HOLIDAY: "on holiday or away",
    NoteKind.SOMEONE_ELSE: "somebody else wore the device",
    NoteKind.OTHER: "something out of the ordinary",
}

SIDE_WORDS: Final[dict[Direction, str]] = {
    Direction.ABOVE: "above usual",
    Direction.BELOW: "below usual",
    Direction.LATER: "later than usual",
    Direction.EARLIER: "earlier than usual",
    Direction.SAME: "about as usual",
}
INSIDE_WORDS: Final[dict[Direction, str]] = {
    Direction.ABOVE: "on the high side",
    Direction.BELOW: "on the low side",
    Direction.LATER: "on the late side",
    Direction.EARLIER: "on the early side",
}
"""A value inside of what is usual is never said to be beside it."""


def number_words(value: float, decimals: int = 0) -> str:
    """Return a number as people read it.

    Example:
        >>> number_words(7800.4), number_words(36.54, 1), number_words(-0.2)
        ('7,800', '36.5', '0')
    """
    words = f"{value:,.{decimals}f}"
    return words.removeprefix("-") if float(words.replace(",", "")) == 0 else words


def trimmed(value: float, decimals: int) -> str:
    """Return a number with no more decimals than it has.

    Example:
        >>> trimmed(130.0, 2), trimmed(37.85, 2)
        ('130', '37.85')
    """
    words = number_words(value, decimals)
    return words.rstrip("0").rstrip(".") if "." in words else words


def counted(count: int, name: str) -> str:
    """Return a count with its noun, such as `1 minute` and `2 minutes`."""
    return f"{count} {name}" if count == 1 else f"{count} {name}s"


def length_words(minutes: float) -> str:
    """Return a length of time.

    Example:
        >>> length_words(370), length_words(35), length_words(120)
        ('6 h 10 min', '35 min', '2 h')
    """
    hours, rest = divmod(round(minutes), 60)
    if not hours:
        return f"{rest} min"
    return f"{hours} h {rest} min" if rest else f"{hours} h"


def clock_words(hours: float) -> str:
    """Return a time of day from hours after midnight, to five minutes.

    Example:
        >>> clock_words(25.5), clock_words(23.99), clock_words(-1.25)
        ('01:30', '00:00', '22:45')
    """
    steps = round(hours * 60 / CLOCK_STEP_MINUTES)
    hour, minute = divmod(steps * CLOCK_STEP_MINUTES % 1440, 60)
    return f"{hour:02d}:{minute:02d}"


def hour_ranges_words(hours: Iterable[int]) -> str:
    """Return hours of the day as ranges of the clock; a range may go on past midnight.

    Example:
        >>> hour_ranges_words([20, 21, 23, 0, 7])
        'between 07:00 and 08:00, and between 20:00 and 22:00, and between 23:00 and 01:00'
    """
    known = sorted({hour % 24 for hour in hours})
    if len(known) == 24:
        return "at any time of day"
    ranges = []
    for first in known:
        if (first - 1) % 24 in known:
            continue
        end = first + 1
        while end % 24 in known:
            end += 1
        ranges.append(f"{first:02d}:00 and {end % 24:02d}:00")
    return f"between {', and between '.join(ranges)}"


def day_words(day: int) -> str:
    """Return a day, given as days since 1970, with its weekday.

    Example:
        >>> day_words(20776)
        'Thursday 19 November'
    """
    date = day_date(day)
    return f"{_WEEKDAYS[date.weekday()]} {date.day} {_MONTHS[date.month - 1]}"


def young_day_words(since_day: int, day: int) -> str:
    """Return the day since when, as short as it is clear: a weekday, or a date."""
    date = day_date(since_day)
    if day - since_day < WEEKDAY_IS_CLEAR_DAYS:
        return _WEEKDAYS[date.weekday()]
    return f"{date.day} {_MONTHS[date.month - 1]}"


def moment_words(moment: datetime) -> str:
    """Return a day and a time as the person's clock showed it."""
    weekday, month = _WEEKDAYS[moment.weekday()], _MONTHS[moment.month - 1]
    return f"{weekday} {moment.day} {month}, {moment:%H:%M}"


def young_moment_words(moment: datetime) -> str:
    """Return a weekday and a time as the person's clock showed it."""
    return f"{_WEEKDAYS[moment.weekday()]} at {moment:%H:%M}"


def capitalised(text: str) -> str:
    """Return the text with a first capital letter and all else as it is."""
    return text[:1].upper() + text[1:]
