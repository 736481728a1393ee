"""Two days of a person in quarters of an hour: sums and counts, nothing else.

Each person has two slots, one for the day that is open and one for the day before, so that a
reading up to a day late still goes to its own quarter and its own day. A slot holds 96 bins of 15
minutes and 24 hours, both by the local clock.

Promises: every sum is a whole number, so the same readings give the same columns bit for bit,
however they were cut or in which order they came. A count that is full stays full: it never starts
again at zero, and `at_limit` says where it happened. A reading counts for the part of an epoch
that it covers: a unit is 15 seconds (for sleep, stillness and the hours: a minute), and one of
length p from t counts floor((t + p) / unit) - floor(t / unit) of them, so that readings every
second count a unit every fifteenth time, and which ones does not depend on where counting began.
An epoch longer than a quarter of an hour is laid over all the bins that it covers (`_spread`).

What only has two answers (asleep or awake, still or moving) is one byte: minutes of the first in
the high four bits, of the second in the low four, each full at 15. One device never fills both;
two of one person may, and then their share of a bin moves towards one half, never past it.

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
Counts: TypeAlias = NDArray[np.uint8] | NDArray[np.uint16] | NDArray[np.uint32]

SLOTS: Final = 2
BINS: Final = 96
HOURS: Final = 24
BIN_MS: Final = DAY_MS // BINS
BIN_S: Final = BIN_MS // 1000
BINS_PER_HOUR: Final = BINS // HOURS
UNIT_MS: Final = 15_000
"""Sixty units fill a bin, so four devices of one person fit into a byte."""
MINUTE_MS: Final = 60_000
UNITS_MOST: Final = 60
"""What one reading may count: a bin, or an hour; a longer epoch says no more than its mean."""
MINUTES_MOST: Final = 15
"""As far as four bits count, and as long as a bin is."""
STEPS_MOST: Final = 2**15 - 1
"""Steps of a bin in fifteen bits: five devices at 400 a minute; the top bit says "reported"."""
STEPS_REPORTED: Final = np.uint16(2**15)
STILL_BELOW_MG: Final = 27.0
"""Below it a 14-year-old sits or lies: the lower cut point of two devices worn at the hip.

Aittasalo et al., BMC Sports Sci Med Rehabil 7, 2015. A wrist moves more; being still here asks for
most of a bin, not for all of it.
"""
ASLEEP_FROM: Final = 0.5
"""A mean of waking and sleeping minutes counts as the larger part of them."""
NO_DAY: Final = -(2**30)
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
    "grid_day": (np.int32, (SLOTS,), NO_DAY),
    "heart_sum": (np.uint16, (SLOTS, BINS), 0),
    "heart_units": (np.uint8, (SLOTS, BINS), 0),
    "steps_counted": (np.uint16, (SLOTS, BINS), 0),
    "asleep_awake": (np.uint8, (SLOTS, BINS), 0),
    "still_moving": (np.uint8, (SLOTS, BINS), 0),
    "worn_units": (np.uint8, (SLOTS, BINS), 0),
    "reported_minutes": (np.uint8, (SLOTS, HOURS), 0),
    "hour_sum": (np.uint16, (SLOTS, len(HOURLY), HOURS), 0),
    "hour_count": (np.uint8, (SLOTS, len(HOURLY), HOURS), 0),
    "milli_steps": (np.uint32, (SLOTS,), 0),
    "step_s": (np.uint32, (SLOTS,), 0),
    "worn_s": (np.uint32, (SLOTS,), 0),
    "reported_s": (np.uint32, (SLOTS,), 0),
    "heart_seen": (np.bool_, (SLOTS,), 0),
    "wear_told": (np.bool_, (SLOTS,), 0),
}

_HEART: Final = CHANNEL_INDEX["heart_rate"]
_STEPS: Final = CHANNEL_INDEX["steps"]
_MOTION: Final = CHANNEL_INDEX["motion"]
_SLEEP: Final = CHANNEL_INDEX["sleep_state"]
_WORN: Final = CHANNEL_INDEX["worn"]


class GridState:
    """The columns of `COLUMNS`: each an array with one row for each person.

    `heart_sum` adds round(bpm) x units. `steps_counted` holds steps and, in its top bit, whether
    they were reported. The seconds and `milli_steps` are totals of the day, exact for four devices
    and more. `step_s`, `wear_told` and what is `reported` count on the body or off it; `heart_seen`
    only on it.
    """

    grid_day: NDArray[np.int32]
    heart_sum: NDArray[np.uint16]
    heart_units: NDArray[np.uint8]
    steps_counted: NDArray[np.uint16]
    asleep_awake: NDArray[np.uint8]
    still_moving: NDArray[np.uint8]
    worn_units: NDArray[np.uint8]
    reported_minutes: NDArray[np.uint8]
    hour_sum: NDArray[np.uint16]
    hour_count: NDArray[np.uint8]
    milli_steps: NDArray[np.uint32]
    step_s: NDArray[np.uint32]
    worn_s: NDArray[np.uint32]
    reported_s: NDArray[np.uint32]
    heart_seen: NDArray[np.bool_]
    wear_told: NDArray[np.bool_]


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

    def add(self, column: Counts, amount: Integers) -> None:
        """Add to a column of whole numbers, which stay at their highest value when full."""
        flat = column.reshape(-1, copy=False)
        total = flat[self.target] + np.add.reduceat(amount, self.start)
        flat[self.target] = np.minimum(total, np.iinfo(column.dtype).max)

    def add_pair(self, column: NDArray[np.uint8], first: Integers, second: Integers) -> None:
        """Add minutes to the high and the low four bits of a column."""
        flat = column.reshape(-1, copy=False)
        held = flat[self.target]
        high = (held >> 4) + np.add.reduceat(first, self.start)
        low = (held & 15) + np.add.reduceat(second, self.start)
        flat[self.target] = np.minimum(high, MINUTES_MOST) << 4 | np.minimum(low, MINUTES_MOST)

    def add_steps(self, column: NDArray[np.uint16], steps: Integers, units: Integers) -> None:
        """Add steps to the low fifteen bits, and set the top one where units were counted."""
        flat = column.reshape(-1, copy=False)
        held = flat[self.target]
        total = (held & STEPS_MOST) + np.add.reduceat(steps, self.start)
        reported = (held >= STEPS_REPORTED) | (np.add.reduceat(units, self.start) > 0)
        flat[self.target] = np.minimum(total, STEPS_MOST) | reported * STEPS_REPORTED

    def mark(self, column: Truths, seen: Truths) -> None:
        """Set a column where anything was seen."""
        flat = column.reshape(-1, copy=False)
        flat[self.target] |= np.logical_or.reduceat(seen, self.start)


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

    A reading counts in the bin in which its epoch starts, and in later ones of that day where it is
    longer than a bin. A day has a slot from `clear` on, until the day after the next one takes it.
    """
    slot = row * SLOTS + day % SLOTS
    kept = np.flatnonzero(state.grid_day.reshape(-1)[slot] == day)
    left_out = len(row) - len(kept)
    if not len(kept):
        return left_out
    place = slot[kept] * BINS + local_ms[kept] % DAY_MS // BIN_MS
    order = np.argsort(place, kind="stable")
    place, chosen = place[order], kept[order]
    epochs = _Epochs(time_ms[chosen], period_s[chosen], values[chosen], on_body[chosen])
    if epochs.period_s.max() > BIN_S:
        place, epochs = _spread(place, local_ms[chosen] % BIN_MS, epochs)
    _add(state, place, epochs)
    return left_out


def clear(state: GridState, rows: Integers, day: Integers) -> None:
    """Empty the slot of a day, and let it hold that day from now on. Each row once."""
    slot = day % SLOTS
    for name, (_, _, first) in COLUMNS.items():
        getattr(state, name)[rows, slot] = first
    state.grid_day[rows, slot] = day


def pair_share(pair: NDArray[np.uint8]) -> tuple[NDArray[np.float32], NDArray[np.uint8]]:
    """Return the share of the first of two answers, 0 where there is none, and their minutes.

    Example:
        >>> [one.tolist() for one in pair_share(np.array([0, 3 << 4 | 1], np.uint8))]
        [[0.0, 0.75], [0, 4]]
    """
    first = pair >> 4
    minutes = first + (pair & 15)
    share: NDArray[np.float32] = np.divide(first, np.maximum(minutes, 1), dtype=np.float32)
    return share, minutes


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


@dataclass(frozen=True, slots=True)
class _Epochs:
    """Readings that are sorted by their flat place in [rows, slots, bins]."""

    time_ms: Integers
    period_s: Integers
    values: NDArray[np.float32]
    on_body: Truths


def _spread(place: Integers, into_bin_ms: Integers, epochs: _Epochs) -> tuple[Integers, _Epochs]:
    """Cut epochs that are longer than a bin at the edges of bins, and sort the pieces.

    Steps are shared out by time, in whole steps that add up. What lies after midnight is left out,
    but for its steps: they belong to the day in which their epoch starts.
    """
    length_ms = epochs.period_s * 1000
    long = epochs.period_s > BIN_S
    pieces = np.where(long, -((-into_bin_ms - length_ms) // BIN_MS), 1)
    pieces = np.minimum(pieces, BINS - place % BINS)
    source = np.repeat(np.arange(len(place)), pieces)
    number = np.arange(len(source)) - np.repeat(np.cumsum(pieces) - pieces, pieces)
    is_long, length_ms = long[source], length_ms[source]
    # All in ms since the start of the epoch.
    edge = number * BIN_MS - into_bin_ms[source]
    start, end = np.maximum(edge, 0), np.minimum(edge + BIN_MS, length_ms)
    end = np.where(is_long, end, length_ms)
    values, last = epochs.values[source], number == pieces[source] - 1
    steps = values[:, _STEPS].astype(np.float64)
    upto = np.where(last, steps, np.rint(steps * end / length_ms))
    shared = upto - np.rint(steps * start / length_ms)
    values[:, _STEPS] = np.where(is_long, shared, steps)
    place = place[source] + number
    order = np.argsort(place, kind="stable")
    time_ms = epochs.time_ms[source] + start
    # Whole seconds that add up, wherever in a second the epoch starts.
    period_s = end // 1000 - start // 1000
    return place[order], _Epochs(
        time_ms[order], period_s[order], values[order], epochs.on_body[source][order]
    )


def _add(state: GridState, place: Integers, epochs: _Epochs) -> None:
    period_s, values, on_body = epochs.period_s, epochs.values, epochs.on_body
    bins, days = _Runs.of(place), _Runs.of(place // BINS)
    hours = _Runs.of(place // BINS_PER_HOUR)
    minutes = _units(epochs.time_ms, period_s, MINUTE_MS)
    hours.add(state.reported_minutes, minutes)
    days.add(state.reported_s, period_s)
    days.add(state.step_s, period_s * ~np.isnan(values[:, _STEPS]))
    days.mark(state.wear_told, ~np.isnan(values[:, _WORN]))
    if on_body.any():
        units = _units(epochs.time_ms, period_s, UNIT_MS) * on_body
        minutes = minutes * on_body
        bins.add(state.worn_units, units)
        days.add(state.worn_s, period_s * on_body)
        _add_heart(state, bins, days, on_body, units, values[:, _HEART])
        _add_steps(state, bins, days, on_body, units, values[:, _STEPS])
        sleep_state, motion_mg = values[:, _SLEEP], values[:, _MOTION]
        _add_pair(bins, state.asleep_awake, minutes, sleep_state, sleep_state >= ASLEEP_FROM)
        _add_pair(bins, state.still_moving, minutes, motion_mg, motion_mg < STILL_BELOW_MG)
        _add_hours(state, hours, minutes, values)


def _units(time_ms: Integers, period_s: Integers, unit_ms: int) -> Integers:
    units = (time_ms + period_s * 1000) // unit_ms - time_ms // unit_ms
    capped: Integers = np.minimum(units, UNITS_MOST)
    return capped


def _add_heart(
    state: GridState,
    bins: _Runs,
    days: _Runs,
    on_body: Truths,
    units: Integers,
    heart_rate: NDArray[np.float32],
) -> None:
    has = ~np.isnan(heart_rate)
    if has.any():
        bins.add(state.heart_sum, _whole(heart_rate, has) * units)
        bins.add(state.heart_units, units * has)
        days.mark(state.heart_seen, has & on_body)


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
        bins.add_steps(state.steps_counted, _whole(steps, has), units * has)
        days.add(state.milli_steps, _whole(steps.astype(np.float64) * 1000, has))


def _add_pair(
    bins: _Runs,
    column: NDArray[np.uint8],
    minutes: Integers,
    value: NDArray[np.float32],
    first: Truths,
) -> None:
    has = ~np.isnan(value)
    if has.any():
        bins.add_pair(column, minutes * first, minutes * (has & ~first))


def _add_hours(
    state: GridState, hours: _Runs, minutes: Integers, values: NDArray[np.float32]
) -> None:
    first = hours.target // HOURS * len(HOURLY) * HOURS + hours.target % HOURS
    for number, channel in enumerate(HOURLY):
        value = values[:, CHANNEL_INDEX[channel.name]]
        has = ~np.isnan(value)
        if has.any():
            there = _Runs(hours.start, first + number * HOURS)
            exact = value.astype(np.float64)
            rooted = np.sqrt(exact) if channel.rooted else exact
            scaled = channel.scale * (rooted - channel.zero)
            there.add(state.hour_sum, _whole(scaled, has) * minutes)
            there.add(state.hour_count, minutes * has)


def _whole(value: NDArray[np.float32] | NDArray[np.float64], has: Truths) -> Integers:
    """Return the nearest whole number; 0 for no value, and for one below what a device can say."""
    whole: Integers = np.rint(np.where(has, np.maximum(value, 0), 0)).astype(np.int64)
    return whole
