"""Local time for arrays: what a wall clock in a time zone showed at many moments at once.

Reads the time zone database once for each zone; after that everything is arithmetic on arrays, so
that pure code can use it. Never guesses: an unknown zone is an error.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from typing import Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import numpy as np
from numpy.typing import NDArray

from tidewell.errors import UsageError

DAY_MS: Final = 86_400_000
NEVER: Final = -(2**62)
"""A time or day that has not been; far below any real one, and safe to subtract from."""
FIRST_YEAR: Final = 2010
"""Five years before the earliest reading that is admitted."""
LAST_YEAR: Final = 2060
"""Rules of time zones further away are guesses."""

_EPOCH: Final = date(1970, 1, 1)


@dataclass(frozen=True, slots=True)
class ZoneTable:
    """The offsets of one time zone: `offsets_ms[i]` holds from `starts_ms[i]` on."""

    name: str
    starts_ms: NDArray[np.int64]
    offsets_ms: NDArray[np.int64]

    def local_ms(self, time_ms: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return what a local clock showed, as milliseconds since 1970-01-01 00:00 on that clock.

        Example:
            >>> table = zone_table("Europe/London")
            >>> time_ms = np.array([1_750_000_000_000])
            >>> int(table.local_ms(time_ms)[0] - time_ms[0]) // 3_600_000
            1
        """
        rank = np.searchsorted(self.starts_ms, time_ms, side="right") - 1
        return time_ms + self.offsets_ms[np.maximum(rank, 0)]

    def utc_ms(self, local_ms: int) -> int:
        """Return the moment at which the local clock first showed `local_ms`.

        A time that a spring change skipped is read with the offset before the change.
        """
        moments_ms = local_ms - self.offsets_ms
        begun = moments_ms >= self.starts_ms
        ended = np.append(moments_ms[:-1] >= self.starts_ms[1:], [False])
        shown = np.flatnonzero(begun & ~ended)
        place = shown[0] if len(shown) else np.count_nonzero(begun) - 1
        return int(moments_ms[max(int(place), 0)])


@lru_cache(maxsize=64)
def zone_table(name: str) -> ZoneTable:
    """Return the table of a time zone such as `Europe/London`.

    Raises:
        UsageError: there is no such zone.
    """
    try:
        zone = ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise UsageError(
            f"unknown time zone {name[:40]!r}; give one like Europe/London or UTC"
        ) from None
    starts: list[int] = []
    offsets: list[int] = []
    moment = datetime(FIRST_YEAR, 1, 1, tzinfo=UTC)
    while moment.year < LAST_YEAR:
        offset = _offset(moment, zone)
        if not offsets or offset != offsets[-1]:
            starts.append(_change_before(moment, zone) if offsets else 0)
            offsets.append(offset)
        moment += timedelta(days=1)
    return ZoneTable(name, np.array(starts, dtype=np.int64), np.array(offsets, dtype=np.int64))


def utc_moment(time_ms: int) -> datetime:
    """Return a moment in ms since 1970 as a date and time in UTC.

    Example:
        >>> utc_moment(1_762_000_000_000).isoformat()
        '2025-11-01T12:26:40+00:00'
    """
    return datetime.fromtimestamp(time_ms / 1000, UTC)


def day_number(day: date) -> int:
    """Return a date as days since 1970-01-01."""
    return (day - _EPOCH).days


def day_date(number: int) -> date:
    """Return the date that lies `number` days after 1970-01-01."""
    return _EPOCH + timedelta(days=number)


def _offset(moment: datetime, zone: ZoneInfo) -> int:
    offset = moment.astimezone(zone).utcoffset()
    if offset is None:
        raise AssertionError("a zone without offset")
    return round(offset.total_seconds() * 1000)


def _change_before(moment: datetime, zone: ZoneInfo) -> int:
    """Return when, in the day before `moment`, the offset turned to what it is at `moment`."""
    wanted = _offset(moment, zone)
    low_s, high_s = round(moment.timestamp()) - DAY_MS // 1000, round(moment.timestamp())
    while high_s - low_s > 1:
        middle_s = (low_s + high_s) // 2
        if _offset(datetime.fromtimestamp(middle_s, UTC), zone) == wanted:
            high_s = middle_s
        else:
            low_s = middle_s
    return high_s * 1000


def local_moment(zone: ZoneTable, at_ms: int) -> datetime:
    """Return a moment by the clock of a zone, for words: its wall time, labelled UTC."""
    return datetime.fromtimestamp(int(zone.local_ms(np.array([at_ms]))[0]) / 1000, UTC)
