"""Two days of a person in quarters of an hour: sums and counts, nothing else.

Each person has two slots, one for the day that is open and one for the day before, so that a
reading up to a day late still goes to its own quarter and its own day. A slot holds 96 bins of 15
minutes and 24 hours, both by the local clock.

Promises: every sum is a whole number, so the same readings give the same columns bit for bit,
however they were cut or in which order they came. A count that is full stays full: it never starts
again at zero, and `at_limit` says where it happened. A reading counts for the part of an epoch
that it covers: a unit is 15 seconds (in the hours: a minute), and one of length p from t counts
floor((t + p) / unit) - floor(t / unit) of them, so that readings every second count a unit every
fifteenth time, and which ones does not depend on where counting began.

It must never hold a float that was added up, and never a time finer than its bin.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, TypeAlias

import numpy as np
from numpy.typing import DTypeLike, NDArray

from tidewell.local_time import DAY_MS
from tidewell.vocabulary import CHANNEL_INDEX

Integers: TypeAlias = NDArray[np.int64]
Truths: TypeAlias = NDArray[np.bool_]

SLOTS: Final = 2
BINS: Final = 96
HOURS: Final = 24
BIN_MS: Final = DAY_MS // BINS
HOUR_MS: Final = DAY_MS // HOURS
UNIT_MS: Final = 15_000
"""Sixty units fill a bin, so four devices of one person fit into a byte."""
MINUTE_MS: Final = 60_000
UNITS_MOST: Final = 60
"""What one reading may count: a bin, or an hour; a longer epoch says no more than its mean."""
STILL_BELOW_MG: Final = 27.0
"""Below it a 14-year-old sits or lies: the lower cut point of two devices worn at the hip.

Aittasalo et al., BMC Sports Sci Med Rehabil 7, 2015. A wrist moves more; being still here asks for
most of a bin, not for all of it.
"""
NO_DAY: Final = -(2**62)
"""The day of a slot that holds none; far below any real one, and safe to subtract from."""


@dataclass(frozen=True, slots=True)
class HourlyChannel:
    """How a channel is written as a whole number: round(scale * (root(value) - zero)).

    `scale` leaves room for two devices at the top of the range: 120 minutes x 546 fit into 65,535.
    `rooted` takes the square root first, which IEEE 754 rounds alike on every machine.
    """

    name: str
    scale: int
    zero: float = 0.0
    rooted: bool = False


HOURLY: Final[tuple[HourlyChannel, ...]] = (
    HourlyChannel("hrv_rmssd", scale=1),
    HourlyChannel("skin_temperature", scale=15, zero=10.0),
    HourlyChannel("respiratory_rate", scale=6),
    HourlyChannel("spo2", scale=10, zero=50.0),
    # Skin conductance is skewed: most people live near 1 µS, a few near 20.
    HourlyChannel("eda", scale=50, rooted=True),
)
HOURLY_INDEX: Final = {channel.name: place for place, channel in enumerate(HOURLY)}

COLUMNS: Final[dict[str, tuple[DTypeLike, tuple[int, ...], float]]] = {
    # name: (type, shape of one person's entry, first value)
    "grid_day": (np.int64, (SLOTS,), NO_DAY),
    "heart_sum": (np.uint16, (SLOTS, BINS), 0),
    "heart_units": (np.uint8, (SLOTS, BINS), 0),
    "step_count": (np.uint16, (SLOTS, BINS), 0),
    "step_units": (np.uint8, (SLOTS, BINS), 0),
    "asleep_units": (np.uint8, (SLOTS, BINS), 0),
    "sleep_known_units": (np.uint8, (SLOTS, BINS), 0),
    "still_units": (np.uint8, (SLOTS, BINS), 0),
    "motion_units": (np.uint8, (SLOTS, BINS), 0),
    "worn_units": (np.uint8, (SLOTS, BINS), 0),
    "reported_units": (np.uint8, (SLOTS, BINS), 0),
    "hour_sum": (np.uint16, (SLOTS, len(HOURLY), HOURS), 0),
    "hour_count": (np.uint8, (SLOTS, len(HOURLY), HOURS), 0),
    "milli_steps": (np.int64, (SLOTS,), 0),
    "step_s": (np.int64, (SLOTS,), 0),
    "heart_s": (np.int64, (SLOTS,), 0),
    "worn_s": (np.int64, (SLOTS,), 0),
    "wear_flag_s": (np.int64, (SLOTS,), 0),
    "reported_s": (np.int64, (SLOTS,), 0),
}

_HEART: Final = CHANNEL_INDEX["heart_rate"]
_STEPS: Final = CHANNEL_INDEX["steps"]
_MOTION: Final = CHANNEL_INDEX["motion"]
_SLEEP: Final = CHANNEL_INDEX["sleep_state"]
_WORN: Final = CHANNEL_INDEX["worn"]


class GridState:
    """The columns of `COLUMNS`: each an array with one row for each person.

    `heart_sum` adds round(bpm) x units; the seconds and `milli_steps` are exact totals of the day.
    `step_s`, `wear_flag_s` and `reported_s` say what the device reported, on the body or off it.
    """

    grid_day: NDArray[np.int64]
    heart_sum: NDArray[np.uint16]
    heart_units: NDArray[np.uint8]
    step_count: NDArray[np.uint16]
    step_units: NDArray[np.uint8]
    asleep_units: NDArray[np.uint8]
    sleep_known_units: NDArray[np.uint8]
    still_units: NDArray[np.uint8]
    motion_units: NDArray[np.uint8]
    worn_units: NDArray[np.uint8]
    reported_units: NDArray[np.uint8]
    hour_sum: NDArray[np.uint16]
    hour_count: NDArray[np.uint8]
    milli_steps: NDArray[np.int64]
    step_s: NDArray[np.int64]
    heart_s: NDArray[np.int64]
    worn_s: NDArray[np.int64]
    wear_flag_s: NDArray[np.int64]
    reported_s: NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class _Runs:
    """Readings sorted by place, and where each stretch of one place starts.

    `target[i]` is the flat place of the stretch that starts at reading `start[i]`.
    """

    start: Integers
    target: Integers

    @staticmethod
    def of(place: Integers) -> _Runs:
        start = np.flatnonzero(np.diff(place, prepend=-1))
        return _Runs(start, place[start])

    def add(self, column: NDArray[np.uint8] | NDArray[np.uint16], amount: Integers) -> None:
        """Add to a column of small whole numbers, which stay at their highest value when full."""
        flat = column.reshape(-1, copy=False)
        total = flat[self.target] + np.add.reduceat(amount, self.start)
        flat[self.target] = np.minimum(total, np.iinfo(column.dtype).max)

    def add_exactly(self, column: Integers, amount: Integers) -> None:
        """Add to a column that is never full."""
        flat = column.reshape(-1, copy=False)
        flat[self.target] += np.add.reduceat(amount, self.start)


def accumulate(
    state: GridState,
    row: Integers,
    day: Integers,
    local_ms: Integers,
    time_ms: Integers,
    period_s: Integers,
    values: NDArray[np.float32],
    on_body: Truths,
) -> int:
    """Add n readings to the bins of their people; return how many had no slot for their day.

    Args:
        row: state row of each, int64[n]; may repeat. day: its local day, int64[n].
        local_ms: its local time, ms. time_ms: the same moment in UTC, ms. period_s: its length.
        values: float32[n, channels] in the order of `CHANNELS`, cleaned, NaN = none.
        on_body: bool[n]; where False nothing of the body counts, only what the device reported.

    A reading counts in the bin in which its epoch starts. A day has a slot from `clear` on, until
    the day after the next one takes it.
    """
    slot = row * SLOTS + day % SLOTS
    kept = np.flatnonzero(state.grid_day.reshape(-1)[slot] == day)
    if len(kept):
        place = slot[kept] * BINS + local_ms[kept] % DAY_MS // BIN_MS
        order = np.argsort(place, kind="stable")
        chosen = kept[order]
        _add(
            state, place[order], time_ms[chosen], period_s[chosen], values[chosen], on_body[chosen]
        )
    return len(row) - len(kept)


def clear(state: GridState, rows: Integers, day: Integers) -> None:
    """Empty the slot of a day, and let it hold that day from now on. Each row once."""
    slot = day % SLOTS
    for name, (_, _, first) in COLUMNS.items():
        getattr(state, name)[rows, slot] = first
    state.grid_day[rows, slot] = day


def at_limit(column: NDArray[np.uint8] | NDArray[np.uint16]) -> Truths:
    """Return where a column is full, so that it only says "at least"."""
    full: Truths = column == np.iinfo(column.dtype).max
    return full


def hourly_mean(
    total: NDArray[np.uint16], count: NDArray[np.uint8], place: int
) -> NDArray[np.float64]:
    """Return the means of an hourly channel in its own unit: NaN without values, or where full."""
    channel = HOURLY[place]
    sayable = (count > 0) & ~at_limit(count) & ~at_limit(total)
    mean = total / np.where(sayable, count, 1) / channel.scale + channel.zero
    in_unit: NDArray[np.float64] = np.where(sayable, mean**2 if channel.rooted else mean, np.nan)
    return in_unit


def _add(
    state: GridState,
    place: Integers,
    time_ms: Integers,
    period_s: Integers,
    values: NDArray[np.float32],
    on_body: Truths,
) -> None:
    """Add readings that are sorted by their flat place in [rows, slots, bins]."""
    bins, days = _Runs.of(place), _Runs.of(place // BINS)
    units = _units(time_ms, period_s, UNIT_MS)
    bins.add(state.reported_units, units)
    days.add_exactly(state.reported_s, period_s)
    for column, channel in ((state.step_s, _STEPS), (state.wear_flag_s, _WORN)):
        has = ~np.isnan(values[:, channel])
        if has.any():
            days.add_exactly(column, period_s * has)
    if on_body.any():
        units = units * on_body
        bins.add(state.worn_units, units)
        days.add_exactly(state.worn_s, period_s * on_body)
        _add_heart(state, bins, days, period_s * on_body, units, values[:, _HEART])
        _add_steps(state, bins, days, on_body, units, values[:, _STEPS])
        _add_share(bins, state.sleep_known_units, state.asleep_units, units, values[:, _SLEEP])
        _add_motion(bins, state.motion_units, state.still_units, units, values[:, _MOTION])
        _add_hours(state, place, _units(time_ms, period_s, MINUTE_MS) * on_body, values)


def _units(time_ms: Integers, period_s: Integers, unit_ms: int) -> Integers:
    units = (time_ms + period_s * 1000) // unit_ms - time_ms // unit_ms
    capped: Integers = np.minimum(units, UNITS_MOST)
    return capped


def _add_heart(
    state: GridState,
    bins: _Runs,
    days: _Runs,
    length_s: Integers,
    units: Integers,
    heart_rate: NDArray[np.float32],
) -> None:
    has = ~np.isnan(heart_rate)
    if has.any():
        bins.add(state.heart_sum, _whole(heart_rate, has) * units)
        bins.add(state.heart_units, units * has)
        days.add_exactly(state.heart_s, length_s * has)


def _add_steps(
    state: GridState,
    bins: _Runs,
    days: _Runs,
    on_body: Truths,
    units: Integers,
    steps: NDArray[np.float32],
) -> None:
    """Add steps; a reading too short to count a unit still brings the steps that it counted."""
    has = ~np.isnan(steps) & on_body
    if has.any():
        bins.add(state.step_count, _whole(steps, has))
        bins.add(state.step_units, units * has)
        days.add_exactly(state.milli_steps, _whole(steps.astype(np.float64) * 1000, has))


def _add_share(
    bins: _Runs,
    known: NDArray[np.uint8],
    asleep: NDArray[np.uint8],
    units: Integers,
    sleep_state: NDArray[np.float32],
) -> None:
    has = ~np.isnan(sleep_state)
    if has.any():
        bins.add(known, units * has)
        # A mean of waking and sleeping minutes counts as the larger part of them.
        bins.add(asleep, units * (sleep_state >= 0.5))


def _add_motion(
    bins: _Runs,
    known: NDArray[np.uint8],
    still: NDArray[np.uint8],
    units: Integers,
    motion_mg: NDArray[np.float32],
) -> None:
    has = ~np.isnan(motion_mg)
    if has.any():
        bins.add(known, units * has)
        bins.add(still, units * (motion_mg < STILL_BELOW_MG))


def _add_hours(
    state: GridState, place: Integers, minutes: Integers, values: NDArray[np.float32]
) -> None:
    slot, hour = place // BINS, place % BINS // (BINS // HOURS)
    runs = _Runs.of(slot * len(HOURLY) * HOURS + hour)
    for number, channel in enumerate(HOURLY):
        value = values[:, CHANNEL_INDEX[channel.name]]
        has = ~np.isnan(value)
        if has.any():
            there = _Runs(runs.start, runs.target + number * HOURS)
            exact = value.astype(np.float64)
            rooted = np.sqrt(exact) if channel.rooted else exact
            scaled = channel.scale * (rooted - channel.zero)
            there.add(state.hour_sum, _whole(scaled, has) * minutes)
            there.add(state.hour_count, minutes * has)


def _whole(value: NDArray[np.float32] | NDArray[np.float64], has: Truths) -> Integers:
    """Return the nearest whole number; 0 for no value, and for one below what a device can say."""
    whole: Integers = np.rint(np.where(has, np.maximum(value, 0), 0)).astype(np.int64)
    return whole
