"""Daily measures of a person: rows to trends with a chart, a sentence and a table. Pure.

What is missing stays missing: a day without a value is an open gap, in the chart and in the table.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from typing import Final, cast

import numpy as np

from portal.charts import HEIGHT, SPARKLINE_HEIGHT, Chart, Floats, daily_chart
from portal.data_state import gap_words
from portal.words import day_words, feature_words, number_words
from tidewell.vocabulary import FEATURES, Feature

CHANGED_WORD: Final = "changed"
"""What stands beside the mark of a day; the sentence under the chart says it in full."""

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
class FeatureTrend:
    """One measure over a window of days: chart, sentence and table say the same."""

    feature: Feature
    chart: Chart | None
    sentence: str
    table: tuple[TrendDay, ...]


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
    values = _column([measured(by_day.get(day), feature_name) for day in calendar])
    bounds = [usual_range(by_day.get(day), feature_name) for day in calendar]
    low = _column([bound[0] if bound else None for bound in bounds])
    high = _column([bound[1] if bound else None for bound in bounds])
    marked = [CHANGED_WORD if day in changed else "" for day in calendar]
    chart = daily_chart(
        calendar,
        values,
        low,
        high,
        marked,
        height=height,
        write=lambda value: number_words(value, feature.decimals),
    )
    return FeatureTrend(
        feature=feature,
        chart=chart,
        sentence=_sentence(feature, calendar, values, low, high, name),
        table=_table(feature, calendar, values, bounds, changed),
    )


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


def _sentence(
    feature: Feature, calendar: list[date], values: Floats, low: Floats, high: Floats, name: str
) -> str:
    """Say what the chart shows: the last value against the usual, and how often it was outside."""
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
    bounds = (number_words(float(bound), feature.decimals) for bound in (low, high))
    return f" (usual for {name}: {' to '.join(bounds)})"


def _table(
    feature: Feature,
    calendar: list[date],
    values: Floats,
    bounds: list[tuple[float, float] | None],
    changed: set[date],
) -> tuple[TrendDay, ...]:
    """Return the newest day first."""
    lines = [
        TrendDay(
            day=day,
            value=number_words(float(value), feature.decimals)
            if np.isfinite(value)
            else "no value",
            usual=_range_words(feature, bound),
            changed=day in changed,
        )
        for day, value, bound in zip(calendar, values, bounds, strict=True)
    ]
    return tuple(reversed(lines))


def _range_words(feature: Feature, bound: tuple[float, float] | None) -> str:
    if bound is None:
        return "not learned yet"
    return " to ".join(number_words(edge, feature.decimals) for edge in bound)
