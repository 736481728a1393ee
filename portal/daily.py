"""Daily measures of a person: rows to trends with a chart, a sentence and a table. Pure.

What is missing stays missing: a day without a value is an open gap, in the chart and in the table.
A measure that goes round the clock is drawn around its usual time, so that 23:50 and 00:10 are
neighbours. Chart, sentence and table write a value the same way.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Final, cast

import numpy as np

from portal.charts import HEIGHT, SPARKLINE_HEIGHT, Chart, Floats, daily_chart
from portal.data_state import gap_words
from portal.words import day_words, feature_words, number_words, value_words
from tidewell.vocabulary import FEATURES, Feature

CHANGED_WORD: Final = "changed"
"""What stands beside the mark of a day; the sentence under the chart says it in full."""

LATELY_DAYS: Final = 7
"""A change is about now: a value of the week before is none."""
LATEST_VALUES: Final = 3
"""One day alone is chance more often than not."""
CHANGE_MOST: Final = 99.0
"""Where what is usual has no width, a change has no size; this stands for "very much"."""

CLOCK_STEPS_H: Final = (0.25, 0.5, 1.0, 2.0, 3.0, 4.0, 6.0)
LENGTH_STEPS_MINUTES: Final = (5.0, 10.0, 15.0, 30.0, 60.0, 120.0, 180.0, 240.0, 360.0)
"""Distances between the labels of an axis, as clocks and timetables have them."""

_BOUNDS: Final[dict[str, tuple[float, float]]] = {
    "night_spo2": (0, 100),
    "sleep_efficiency": (0, 100),
    "sleep_regularity": (-100, 100),
    "circadian_phase_h": (-np.inf, np.inf),
    "sleep_onset_h": (-np.inf, np.inf),
    "first_activity_h": (-np.inf, np.inf),
}
"""Between what a measure can be; a wide usual range must not promise 104 % or fewer than no steps.
A measure that is not named cannot be negative."""
_ROUND_THE_CLOCK: Final = frozenset({"circadian_phase_h"})
_CLOCK_UNIT: Final = "h"
_LENGTH_UNIT: Final = "minutes"
_UNITS_NOT_SAID: Final = frozenset({_CLOCK_UNIT, _LENGTH_UNIT, "steps", "index"})

_FEATURES: Final[dict[str, Feature]] = {feature.name: feature for feature in FEATURES}


@dataclass(frozen=True, slots=True)
class DayRow:
    """One closed day, as ingest wrote it."""

    day: date
    worn_minutes: float
    usual: object
    measured: object


@dataclass(frozen=True, slots=True)
class TrendDay:
    """One line of the table beside a chart."""

    day: date
    value: str
    usual: str
    changed: bool


@dataclass(frozen=True, slots=True)
class Series:
    """A measure over a window of days, NaN where nothing was measured or learned."""

    values: Floats
    low: Floats
    high: Floats


@dataclass(frozen=True, slots=True)
class FeatureTrend:
    """One measure over a window of days: chart, sentence and table say the same."""

    feature: Feature
    chart: Chart | None
    sentence: str
    calendar: tuple[date, ...]
    series: Series
    changed: Collection[date]
    closed: Collection[date]
    change: float = 0.0
    """How far the latest values lie from usual, in half widths of it; 0 where nobody can say."""

    @property
    def table(self) -> tuple[TrendDay, ...]:
        """Return the days in words, the newest first; only a page that shows them pays for them."""
        series = self.series
        lines = [
            TrendDay(
                day=day,
                value=value_words(value, self.feature.name) if np.isfinite(value) else "no value",
                usual=_usual_words(self.feature, low, high, is_closed=day in self.closed),
                changed=day in self.changed,
            )
            for day, value, low, high in zip(
                self.calendar,
                series.values.tolist(),
                series.low.tolist(),
                series.high.tolist(),
                strict=True,
            )
        ]
        return tuple(reversed(lines))

    @property
    def has_data(self) -> bool:
        """Return whether any day has a value."""
        return self.chart is not None

    @property
    def heading(self) -> str:
        """Return the label with its unit, where the values do not say it themselves."""
        if self.feature.unit in _UNITS_NOT_SAID:
            return self.feature.label
        unit = "a minute" if self.feature.unit == "/min" else self.feature.unit
        return f"{self.feature.label} ({unit})"


def one_trend(
    feature_name: str,
    days: list[DayRow],
    first_day: date,
    last_day: date,
    changed: set[date],
    name: str,
    height: int = SPARKLINE_HEIGHT,
) -> FeatureTrend | None:
    """Return the trend of one measure, or None for a measure that these pages do not know."""
    feature = _FEATURES.get(feature_name)
    if feature is None:
        return None
    calendar = [first_day + timedelta(days=i) for i in range((last_day - first_day).days + 1)]
    by_day = {row.day: row for row in days}
    series = series_of(feature, [by_day.get(day) for day in calendar])
    chart = daily_chart(
        calendar,
        series.values,
        series.low,
        series.high,
        [CHANGED_WORD if day in changed else "" for day in calendar],
        height=height,
        write=lambda value: tick_words(value, feature),
        steps=axis_steps(feature),
    )
    return FeatureTrend(
        feature=feature,
        chart=chart,
        sentence=_sentence(feature, calendar, series, name),
        calendar=tuple(calendar),
        series=series,
        changed=changed,
        closed=by_day.keys(),
        change=_change(series),
    )


def tick_words(value: float, feature: Feature) -> str:
    """Return a value as an axis has it: a length in short, everything else as it is written.

    Example:
        >>> tick_words(450, _FEATURES["sleep_minutes"]), tick_words(45, _FEATURES["sleep_minutes"])
        ('7.5 h', '45 min')
    """
    if feature.unit == _LENGTH_UNIT and value >= 60 and value % 30 == 0:
        return f"{number_words(value / 60, 0 if value % 60 == 0 else 1)} h"
    return value_words(value, feature.name)


def axis_steps(feature: Feature) -> tuple[float, ...]:
    """Return distances between labels that `write` does not round away."""
    if feature.unit == _CLOCK_UNIT:
        return CLOCK_STEPS_H
    if feature.unit == _LENGTH_UNIT:
        return LENGTH_STEPS_MINUTES
    powers = (10.0**exponent for exponent in range(-feature.decimals, 6))
    return tuple(first * power for power in powers for first in (1, 2, 5))


def series_of(feature: Feature, days: list[DayRow | None]) -> Series:
    """Return a measure day by day; one that goes round the clock around its usual time."""
    bounds = [usual_range(day, feature.name) or (np.nan, np.nan) for day in days]
    values = _column([measured(day, feature.name) for day in days])
    low, high = np.array(bounds, dtype=np.float64).reshape(-1, 2).T
    if feature.name in _ROUND_THE_CLOCK:
        return _around_the_clock(values, low, high)
    least, most = _BOUNDS.get(feature.name, (0, np.inf))
    return Series(values, np.clip(low, least, most), np.clip(high, least, most))


def _around_the_clock(values: Floats, low: Floats, high: Floats) -> Series:
    """Return hours of a clock as they lie around the newest usual one, or around their own middle.

    What is nearer over midnight is written beyond it: 24.2 after 23.8.
    """
    middle = (low + high) / 2
    known = middle[np.isfinite(middle)]
    present = values[np.isfinite(values)]
    if known.size:
        around = float(known[-1]) % 24
    elif present.size:
        turn = np.exp(2j * np.pi * present / 24).sum()
        around = float(np.angle(turn)) * 12 / np.pi
    else:
        return Series(values, low, high)
    shift = _nearest(middle, around) - middle
    return Series(_nearest(values, around), low + shift, high + shift)


def _nearest(hours: Floats, around: float) -> Floats:
    near: Floats = around + (hours - around + 12) % 24 - 12
    return near


def _change(series: Series) -> float:
    """Return how many half widths of usual the latest values lie away from its middle."""
    half = (series.high - series.low) / 2
    offset = (series.values - (series.high + series.low) / 2)[-LATELY_DAYS:]
    half = half[-LATELY_DAYS:]
    known = np.flatnonzero(np.isfinite(offset))[-LATEST_VALUES:]
    if not known.size:
        return 0.0
    away, width = abs(float(offset[known].mean())), float(half[known].mean())
    return min(away / width, CHANGE_MOST) if width > 0 else CHANGE_MOST * (away > 0)


def all_trends(
    days: list[DayRow], first_day: date, last_day: date, changed: set[date], name: str
) -> list[FeatureTrend]:
    """Return the trend of every measure that the service knows."""
    trends = [
        one_trend(feature.name, days, first_day, last_day, changed, name, HEIGHT)
        for feature in FEATURES
    ]
    return [trend for trend in trends if trend is not None]


def measured(row: DayRow | None, feature_name: str) -> float | None:
    """Return the value of a day, or None where there is none."""
    if row is None or not isinstance(row.measured, dict):
        return None
    value = cast("dict[str, object]", row.measured).get(feature_name)
    return float(value) if isinstance(value, int | float) else None


def usual_range(row: DayRow | None, feature_name: str) -> tuple[float, float] | None:
    """Return what is usual on a day, from low to high, or None where nothing is learned."""
    if row is None or not isinstance(row.usual, dict):
        return None
    bounds = cast("dict[str, object]", row.usual).get(feature_name)
    if not isinstance(bounds, list) or len(bounds) != 3:
        return None
    low, high = bounds[1], bounds[2]
    if not isinstance(low, int | float) or not isinstance(high, int | float):
        return None
    return float(low), float(high)


def _column(values: list[float | None]) -> Floats:
    return np.array([np.nan if value is None else value for value in values], dtype=np.float64)


def _sentence(feature: Feature, calendar: list[date], series: Series, name: str) -> str:
    """Say what the chart shows: the last value against the usual, and how often it was outside."""
    values, low, high = series.values, series.low, series.high
    present = np.flatnonzero(np.isfinite(values))
    if not present.size:
        return f"No {feature.label.lower()} in these {len(calendar)} days."
    last = int(present[-1])
    value = feature_words(float(values[last]), feature.name, feature.unit)
    parts = [
        f"{value} on {day_words(calendar[last])}{_against(feature, low[last], high[last], name)}."
    ]
    compared = np.isfinite(values) & np.isfinite(low) & np.isfinite(high)
    outside = int(((values < low) | (values > high))[compared].sum())
    if compared.any():
        parts.append(f"Outside what is usual on {outside} of {int(compared.sum())} days.")
    if missing := len(calendar) - present.size:
        parts.append(f"No value on {gap_words(missing)}.")
    return " ".join(parts)


def _against(feature: Feature, low: float, high: float, name: str) -> str:
    if not (np.isfinite(low) and np.isfinite(high)):
        return f"; what is usual for {name} is not learned yet"
    return f" (usual for {name}: {_range_words(feature, low, high)})"


def _usual_words(feature: Feature, low: float, high: float, *, is_closed: bool) -> str:
    """Return what was usual on a day; a day that is not over has none yet."""
    return _range_words(feature, low, high) if is_closed else "no full day to compare"


def _range_words(feature: Feature, low: float, high: float) -> str:
    if not (np.isfinite(low) and np.isfinite(high)):
        return "not learned yet"
    return f"{value_words(low, feature.name)} to {value_words(high, feature.name)}"
