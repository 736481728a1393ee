"""Moments as a story tells them: "Fri 16:50", "+15 min", "2026-10-25 01:30".

A weekday is the next one that is not before the moment told last. Times are those of London, where
the invented service sits; with "UTC" at the end they are plain, for nights when clocks change.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

LONDON: Final = ZoneInfo("Europe/London")
_WEEKDAYS: Final = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_UNITS_S: Final = {"s": 1, "min": 60, "h": 3_600, "day": 86_400, "days": 86_400, "weeks": 604_800}


def span(words: str) -> timedelta:
    """Return how long "15 min" or "3 days" is.

    Example:
        >>> span("4 h")
        datetime.timedelta(seconds=14400)
    """
    number, unit = words.split()
    return timedelta(seconds=float(number) * _UNITS_S[unit])


def moment(words: str, last: datetime) -> datetime:
    """Return the moment that the words mean, after the one that was told last."""
    if words.startswith("+"):
        return last + span(words[1:].strip())
    if words[:3] in _WEEKDAYS:
        return _next(_WEEKDAYS.index(words[:3]), words[3:].strip(), last)
    if words.endswith(" UTC"):
        return datetime.fromisoformat(words.removesuffix(" UTC")).replace(tzinfo=UTC)
    return datetime.fromisoformat(words).replace(tzinfo=LONDON).astimezone(UTC)


def _next(weekday: int, time_of_day: str, last: datetime) -> datetime:
    day = last.astimezone(LONDON).date()
    for ahead in range(8):
        at = datetime.fromisoformat(f"{day + timedelta(days=ahead)} {time_of_day}")
        found = at.replace(tzinfo=LONDON).astimezone(UTC)
        if at.weekday() == weekday and found >= last:
            return found
    raise ValueError(f"no such weekday and time: {time_of_day}")


def told(at: datetime) -> str:
    """Return a moment as a timeline prints it.

    Example:
        >>> told(datetime(2026, 11, 27, 16, 50, tzinfo=UTC))
        'Fri 27 Nov 16:50:00'
    """
    return f"{at.astimezone(LONDON):%a %d %b %H:%M:%S}"
