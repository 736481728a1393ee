"""How numbers, days and levels read: the same words on every page. Pure.

Times are shown on the clock of the young person they are about. Numbers carry no more digits than
their measure deserves.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from tidewell.vocabulary import FEATURES, Family, Level

FAMILY_WORDS: Final[dict[str, str]] = {
    Family.ILLNESS: "Body measures",
    Family.SLEEP: "Sleep",
    Family.WITHDRAWAL: "Activity and rest",
    Family.ACUTE_LOAD: "Body tension",
    Family.DRIFT: "A slow change over weeks",
    Family.DEVICE: "The device",
}

_MONTHS: Final = [
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
]
_DAYS: Final = ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"]
_DECIMALS: Final = {"heart_rate": 0} | {feature.name: feature.decimals for feature in FEATURES}
_CLOCK_FROM_HOUR: Final = {"circadian_phase_h": 0, "first_activity_h": 0, "sleep_onset_h": 12}
"""Measures that are times of day, and the hour from which they count."""
_LENGTHS: Final = frozenset(one.name for one in FEATURES if one.unit == "minutes")
_CLOCK_STEP_MINUTES: Final = 5
"""A bin of a day is fifteen minutes long; single minutes would only look exact."""
_UNIT_WORDS: Final = {"index": "", "steps": "", "/min": "a minute"}
"""Units that are not said, or that are said as words."""


def zone_of(name: str) -> ZoneInfo:
    """Return the time zone; one that this machine does not know is shown as UTC."""
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError):
        return ZoneInfo("UTC")


def local_day(moment: datetime, zone: str) -> date:
    """Return the day that a calendar on the wall showed."""
    return moment.astimezone(zone_of(zone)).date()


def number_words(value: float, decimals: int = 0) -> str:
    """Return a number as people read it.

    Example:
        >>> number_words(7800.4), number_words(36.54, 1)
        ('7,800', '36.5')
    """
    words = f"{value:,.{decimals}f}"
    return words.removeprefix("-") if float(words.replace(",", "")) == 0 else words


def feature_words(value: float, feature: str, unit: str) -> str:
    """Return a measure with its unit: `63 bpm`, `2,100` for steps, a clock time, or a length.

    Example:
        >>> feature_words(63.2, "night_heart_rate", "bpm")
        '63 bpm'
        >>> feature_words(13.5, "sleep_onset_h", "h")
        '01:30'
    """
    words = value_words(value, feature)
    if feature in _CLOCK_FROM_HOUR or feature in _LENGTHS or unit == feature:
        return words
    return f"{words} {_UNIT_WORDS.get(unit, unit)}".rstrip()


def value_words(value: float, feature: str) -> str:
    """Return a measure as a table has it, without its unit.

    Example:
        >>> value_words(370, "sleep_minutes"), value_words(36.54, "night_skin_temperature")
        ('6 h 10 min', '36.5')
    """
    if feature in _CLOCK_FROM_HOUR:
        return _time_of_day(value + _CLOCK_FROM_HOUR[feature])
    if feature in _LENGTHS:
        return _short_length(value)
    return number_words(value, _DECIMALS.get(feature, 1))


def _time_of_day(hours: float) -> str:
    steps = round(hours * 60 / _CLOCK_STEP_MINUTES)
    hour, minute = divmod(steps * _CLOCK_STEP_MINUTES % 1440, 60)
    return f"{hour:02d}:{minute:02d}"


def _short_length(minutes: float) -> str:
    hours, rest = divmod(max(round(minutes), 0), 60)
    if not hours:
        return f"{rest} min"
    return f"{hours} h {rest} min" if rest else f"{hours} h"


def date_words(day: date) -> str:
    """Return a date in full.

    Example:
        >>> date_words(date(2026, 11, 20))
        '20 November 2026'
    """
    return f"{day.day} {_MONTHS[day.month - 1]} {day.year}"


def month_words(day: date) -> str:
    """Return the month of a day, such as `November 2026`."""
    return f"{_MONTHS[day.month - 1]} {day.year}"


def day_words(day: date, today: date | None = None) -> str:
    """Return a day with its weekday; the year is said only when it is another one.

    Example:
        >>> day_words(date(2026, 11, 20), date(2026, 11, 22))
        'Friday 20 November'
    """
    words = f"{_DAYS[day.weekday()]} {day.day} {_MONTHS[day.month - 1]}"
    return words if today is None or day.year == today.year else f"{words} {day.year}"


def short_day_words(day: date) -> str:
    """Return a day for the foot of a chart, such as `20 Nov`."""
    return f"{day.day} {_MONTHS[day.month - 1][:3]}"


def weekday_words(day: date) -> str:
    """Return the name of the day."""
    return _DAYS[day.weekday()]


def clock_words(moment: datetime, zone: str) -> str:
    """Return the time of day, such as `14:02`."""
    return moment.astimezone(zone_of(zone)).strftime("%H:%M")


def moment_words(moment: datetime, zone: str, now: datetime) -> str:
    """Return a day and a time, as near to today as it is.

    Example:
        >>> noon = datetime(2026, 11, 22, 12, tzinfo=UTC)
        >>> moment_words(noon - timedelta(hours=1), "UTC", noon)
        'today at 11:00'
    """
    day, today = local_day(moment, zone), local_day(now, zone)
    clock = clock_words(moment, zone)
    if day == today:
        return f"today at {clock}"
    if day == today - timedelta(days=1):
        return f"yesterday at {clock}"
    return f"{day_words(day, today)} at {clock}"


def age_words(moment: datetime, now: datetime) -> str:
    """Return how long ago something was, in the largest unit that fits.

    Example:
        >>> noon = datetime(2026, 11, 22, 12, tzinfo=UTC)
        >>> age_words(noon - timedelta(minutes=90), noon)
        '1 hour ago'
    """
    minutes = int((now - moment).total_seconds() // 60)
    if minutes < 1:
        return "just now"
    for size, name in ((1440, "day"), (60, "hour"), (1, "minute")):
        if minutes >= size:
            return f"{counted(minutes // size, name)} ago"
    raise AssertionError("every whole minute is at least a minute")


def counted(count: int, name: str) -> str:
    """Return a count with its noun, such as `1 day` and `2 days`."""
    return f"{count:,} {name}" if count == 1 else f"{count:,} {name}s"


def minutes_words(minutes: float) -> str:
    """Return a length of time.

    Example:
        >>> minutes_words(1310), minutes_words(35)
        ('21 hours 50 minutes', '35 minutes')
    """
    hours, rest = divmod(round(minutes), 60)
    parts = [counted(hours, "hour")] if hours else []
    if rest or not hours:
        parts.append(counted(rest, "minute"))
    return " ".join(parts)


def listed(names: list[str]) -> str:
    """Return names as a sentence has them.

    Example:
        >>> listed(["Monday", "Tuesday", "Friday"])
        'Monday, Tuesday and Friday'
    """
    if len(names) < 2:
        return "".join(names)
    return f"{', '.join(names[:-1])} and {names[-1]}"


def level_words(level: str) -> str:
    """Return a level as people read it; one that we do not know is still shown."""
    return Level(level).words if level in list(Level) else sentence_case(level)


def family_words(family: str) -> str:
    """Return what kind of change it is; one that we do not know is still shown."""
    return FAMILY_WORDS.get(family, sentence_case(family))


def sentence_case(name: str) -> str:
    """Return `could_not_reach` as `Could not reach`."""
    return name.replace("_", " ").capitalize()


def iso_words(moment: datetime) -> str:
    """Return a moment for the datetime attribute of a page."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
