"""The minutes of one person as arrays: in which local quarter of an hour each lies. Pure.

Promises: percentiles are those of `percentile_cont` of PostgreSQL, bit by bit; what was not
measured is NaN and counts nowhere. The zone is asked about quarters of an hour, since clocks change
by whole ones and at the beginning of one. Must never go through single minutes in a loop.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

from portal.charts import Floats
from portal.words import zone_of

Whole = NDArray[np.int64]
Measured = NDArray[np.float32]

MINUTES_MOST: Final = 8_000_000
"""Ninety days of seconds: 128 MB on their way. With a minute an epoch it is fifteen years."""
QUARTER: Final = timedelta(minutes=15)
QUARTERS_A_DAY: Final = 96
_FIRST_DAY: Final = date(1970, 1, 1)
_ORIGIN: Final = datetime(1970, 1, 1, tzinfo=UTC)
_UNTIL_2000: Final = (datetime(2000, 1, 1, tzinfo=UTC) - _ORIGIN) // QUARTER
"""PostgreSQL packs a moment as microseconds since 2000."""
_QUARTER_MICROSECONDS: Final = QUARTER // timedelta(microseconds=1)


@dataclass(frozen=True, slots=True)
class Minutes:
    """A channel and sleep by minutes, in no order.

    `places` says in which quarter of an hour each lies, counted from `first`, and `local` which one
    that is on the wall; both count from the beginning of 1970.
    """

    first: int
    local: Whole
    places: Whole
    measured: Measured
    sleep: Measured

    def measured_since(self, moment: datetime) -> tuple[Whole, Measured]:
        """Return the places and values of what was measured from the quarter of a moment on."""
        since = (moment - _ORIGIN) // QUARTER - self.first
        chosen = (self.places >= since) & ~np.isnan(self.measured)
        return self.places[chosen], self.measured[chosen]


def unpacked(moments: bytes, measured: bytes, sleep: bytes, zone: str) -> Minutes:
    """Return the minutes that the database packed."""
    quarters = np.frombuffer(moments, ">i8") // _QUARTER_MICROSECONDS + _UNTIL_2000
    first, last = (int(quarters.min()), int(quarters.max())) if quarters.size else (0, -1)
    return Minutes(
        first,
        local_quarters(first, last - first + 1, zone_of(zone)),
        quarters - first,
        np.frombuffer(measured, ">f4").astype(np.float32),
        np.frombuffer(sleep, ">f4").astype(np.float32),
    )


def local_quarters(first: int, count: int, zone: ZoneInfo) -> Whole:
    """Return for `count` quarters from `first` on which ones they are on the wall.

    No clock is changed and changed back within a day, so only days with a change are gone through.
    """
    found = np.arange(first, first + count)
    at = _offset(first, zone)
    for start in range(0, count, QUARTERS_A_DAY):
        end = min(start + QUARTERS_A_DAY, count)
        before, at = at, _offset(first + end, zone)
        within = range(first + start, first + end)
        found[start:end] += before if before == at else [_offset(one, zone) for one in within]
    return found


def _offset(quarter: int, zone: ZoneInfo) -> int:
    there = (_ORIGIN + quarter * QUARTER).astimezone(zone).utcoffset()
    return (there or timedelta()) // QUARTER


def first_quarter(day: date) -> int:
    """Return the first quarter of a day on the wall."""
    return (day - _FIRST_DAY).days * QUARTERS_A_DAY


def is_weekend(local: Whole) -> NDArray[np.bool_]:
    """Return which quarters on the wall lie in a Saturday or a Sunday."""
    return (local // QUARTERS_A_DAY + _FIRST_DAY.weekday()) % 7 > 4


def grouped_percentiles(
    values: Measured, groups: NDArray[np.uint8], count: int, shares: tuple[float, ...], least: int
) -> Floats:
    """Return percentiles of each group as a row; NaN where it has fewer than `least` values."""
    ends = np.cumsum(np.bincount(groups, minlength=count))
    parts = np.split(values[np.argsort(groups, kind="stable")], ends[:-1])
    found = np.full((count, len(shares)), np.nan)
    for place, part in enumerate(parts):
        if part.size >= max(least, 1):
            found[place] = percentiles(np.sort(part).astype(np.float64), shares)
    return found


def percentiles(ascending: Floats, shares: tuple[float, ...]) -> Floats:
    """Return what lies at these shares of the way, between two values where there is none.

    Example:
        >>> percentiles(np.array([1.0, 2.0, 4.0]), (0.5, 0.75)).tolist()
        [2.0, 3.0]
    """
    at = np.array(shares) * (ascending.size - 1)
    below = np.floor(at)
    low, high = ascending[below.astype(int)], ascending[np.ceil(at).astype(int)]
    result: Floats = low + (at - below) * (high - low)
    return result
