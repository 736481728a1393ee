"""Week by week: every daily measure of the last weeks beside what is usual. Pure.

Promises: a week is Monday to Sunday and is told by its middle day; one with few days says so and is
never called higher or lower.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Final

import numpy as np

from portal.charts import Chart, Tick, steps_chart
from portal.daily import DayRow, Series, axis_steps, series_of, tick_words
from portal.words import counted, short_day_words, value_words
from tidewell.vocabulary import FEATURES, Feature

WEEKS: Final = 6
"""Six columns fit a desk, and a month has come and gone in them."""
DAYS_LEAST: Final = 4
"""More than half of a week: fewer days say how those days were and not how the week was."""
WEEK_HEIGHT: Final = 110
_THAN: Final = (" usual", " than usual")
_DAY_LETTERS: Final = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")


@dataclass(frozen=True, slots=True)
class WeekCell:
    """One measure in one week."""

    value: float | None
    words: str
    days: int
    against: str
    """Higher or lower than usual, in words; empty where it is neither or nobody can say."""

    @property
    def note(self) -> str:
        """Return what stands below the value."""
        if self.value is None:
            return ""
        few = f"{counted(self.days, 'day')} only" if self.days < DAYS_LEAST else ""
        return self.against or few


@dataclass(frozen=True, slots=True)
class WeekLine:
    """One measure over all weeks."""

    feature: Feature
    cells: tuple[WeekCell, ...]


@dataclass(frozen=True, slots=True)
class WeekPicture:
    """One week of one measure, Monday to Sunday."""

    name: str
    chart: Chart | None


def mondays(last_day: date) -> list[date]:
    """Return the Mondays of the last weeks, oldest first; the last week may not be over."""
    this = last_day - timedelta(days=last_day.weekday())
    return [this - timedelta(weeks=ago) for ago in range(WEEKS - 1, -1, -1)]


def week_words(monday: date) -> str:
    """Return a week by its Monday."""
    return f"From {short_day_words(monday)}"


def week_lines(days: Sequence[DayRow], last_day: date) -> list[WeekLine]:
    """Return every measure that has a value in these weeks."""
    by_day = {row.day: row for row in days}
    lines = []
    for feature in FEATURES:
        series = _series(feature, by_day, last_day)
        if np.isfinite(series.values).any():
            cells = (_cell(feature, series, week) for week in range(WEEKS))
            lines.append(WeekLine(feature, tuple(cells)))
    return lines


def week_pictures(feature: Feature, days: Sequence[DayRow], last_day: date) -> list[WeekPicture]:
    """Return each week of a measure as a chart, all on one scale."""
    series = _series(feature, {row.day: row for row in days}, last_day)
    across = [
        Tick((place + 0.5) / 7 * 100, _DAY_LETTERS[place], "middle") for place in range(0, 7, 2)
    ]
    pictures = []
    for week, monday in enumerate(mondays(last_day)):
        part = slice(week * 7, week * 7 + 7)
        chart = steps_chart(
            (series.values[part],) * 3,
            (series.low[part], series.high[part]),
            across,
            lambda value: tick_words(value, feature),
            height=WEEK_HEIGHT,
            steps=axis_steps(feature),
            scaled_with=(series.values, series.low, series.high),
        )
        pictures.append(WeekPicture(week_words(monday), chart))
    return pictures


def _series(feature: Feature, by_day: Mapping[date, DayRow], last_day: date) -> Series:
    first = mondays(last_day)[0]
    calendar = [first + timedelta(days=place) for place in range(7 * WEEKS)]
    return series_of(feature, [by_day.get(day) for day in calendar])


def _cell(feature: Feature, series: Series, week: int) -> WeekCell:
    part = slice(week * 7, week * 7 + 7)
    values = series.values[part]
    known = np.isfinite(values)
    days = int(known.sum())
    if not days:
        return WeekCell(None, "no value", 0, "")
    middle = float(np.median(values[known]))
    return WeekCell(
        middle, value_words(middle, feature.name), days, _against(feature, series, part, middle)
    )


def _against(feature: Feature, series: Series, part: slice, middle: float) -> str:
    """Say how the middle day lies beside what was usual on the last day that knows it."""
    low, high = series.low[part], series.high[part]
    compared = np.flatnonzero(np.isfinite(low) & np.isfinite(high))
    if np.isfinite(series.values[part]).sum() < DAYS_LEAST or not compared.size:
        return ""
    last = int(compared[-1])
    above, below = ("later", "earlier") if feature.unit == "h" else ("above", "below")
    if middle > high[last]:
        return f"▲ {above}{_THAN[feature.unit == 'h']}"
    return f"▼ {below}{_THAN[feature.unit == 'h']}" if middle < low[last] else ""
