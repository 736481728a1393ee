"""The last days by the hour: rows to a chart, a sentence and a table. Pure.

Each hour shows the lowest, the middle and the highest minute. An hour without data is a gap.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np

from portal.charts import Chart, Shade, hourly_chart
from portal.no_data import NoDataRow, joined
from portal.words import clock_words, counted, day_words, local_day, moment_words, number_words


@dataclass(frozen=True, slots=True)
class HourRow:
    """One hour with data."""

    hour: datetime
    lowest: float
    middle: float
    highest: float
    last_time: datetime


@dataclass(frozen=True, slots=True)
class HourLine:
    """One line of the table beside the chart."""

    day: str
    clock: str
    lowest: str
    middle: str
    highest: str


@dataclass(frozen=True, slots=True)
class HourlyTrend:
    """Heart rate by the hour: chart, sentence and table say the same."""

    chart: Chart | None
    sentence: str
    table: tuple[HourLine, ...]


def hourly_trend(
    hours: list[HourRow],
    end: datetime,
    count: int,
    zone: str,
    missing: Sequence[NoDataRow] = (),
) -> HourlyTrend:
    """Return the trend of the `count` hours before `end`, which is a whole hour."""
    first = end - timedelta(hours=count)
    columns = np.full((3, count), np.nan)
    for row in hours:
        index = round((row.hour - first) / timedelta(hours=1))
        if 0 <= index < count:
            columns[:, index] = (row.lowest, row.middle, row.highest)
    chart = hourly_chart(
        first,
        columns[0],
        columns[1],
        columns[2],
        zone,
        number_words,
        _shades(missing, first, count),
    )
    return HourlyTrend(chart, _sentence(hours, count, zone, end), _table(hours, zone))


def _shades(missing: Sequence[NoDataRow], first: datetime, count: int) -> list[Shade]:
    """Return where the chart says "no data": whatever the reason, in one shape."""
    shades = []
    for row in joined(missing):
        start, end = ((one - first) / timedelta(hours=count) for one in row)
        shades.append(Shade.of(max(0.0, start), min(1.0, end)))
    return shades


def _sentence(hours: list[HourRow], count: int, zone: str, end: datetime) -> str:
    if not hours:
        return f"No heart rate in these {count} hours."
    lowest = number_words(min(row.lowest for row in hours))
    highest = number_words(max(row.highest for row in hours))
    last = moment_words(max(row.last_time for row in hours), zone, end)
    parts = [f"Between {lowest} and {highest} bpm. The last value is from {last}."]
    if missing := count - len(hours):
        parts.append(f"No value in {counted(missing, 'hour')} of {count}.")
    return " ".join(parts)


def _table(hours: list[HourRow], zone: str) -> tuple[HourLine, ...]:
    lines = (
        HourLine(
            day=day_words(local_day(row.hour, zone)),
            clock=clock_words(row.hour, zone),
            lowest=number_words(row.lowest),
            middle=number_words(row.middle),
            highest=number_words(row.highest),
        )
        for row in hours
    )
    return tuple(reversed(list(lines)))
