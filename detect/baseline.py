"""What is usual for each person: median and MAD of their own earlier days.

Two references. The near one is 28 days, with two days left out between them and today: a change
that has begun must not hide itself. The far one is the weekly medians of the days from 28 to 84
days ago, for what moves so slowly that it would drag the near one along. Medians, because one odd
day must not move what is usual. Days that a note sets aside teach nothing, unless fewer than ten
others are left: a long note must not blind.

For measures that follow the week, the person's own difference between weekend and weekday, drawn
towards none while few weekends are known, is taken out of the window and of today alike.

Spread with few days: s = (n s_own + 7 s_cohort) / (n + 7) below 28 days. The centre is not drawn to
the cohort: a resting heart of 75 is usual for one and fever for another. That a centre of few days
is itself uncertain is in the z score (`certainty`).

Sources: median/MAD as in Rousseeuw and Croux, J Am Stat Assoc 88 (1993); lagged reference for slow
change as measured in `docs/decisions/0005-detection-core.md`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import DTypeLike, NDArray

from detect.measures import COUNT, FLOOR, USUAL_SPREAD, WEEKLY
from tidewell.local_time import NEVER

WINDOW_DAYS: Final = 28
"""Four whole weeks, so that weekdays weigh alike."""
LAG_DAYS: Final = 2
"""The days before today that are left out."""
RING_DAYS: Final = 32
"""The window, its lag and today, and one more so that yesterday can be judged again."""
LEAST_DAYS: Final = 10
"""Fewer valid days than this are "still learning"."""
COHORT_DAYS: Final = 7
"""As many days as the cohort's spread weighs, while there are fewer than 28."""
CENTRE_DAYS: Final = 8
"""z is multiplied by sqrt(n / (n + 8)): a centre of few days errs, and it errs for weeks."""
WEEKEND_DAYS: Final = 6
"""As many weekend days as "no difference from weekdays" weighs: three weekends."""
USUAL_HALF_WIDTH: Final = 1.2816
"""In spreads: the middle 80 % of a normal sample, which is what pages call usual."""
MAD_TO_SD: Final = 1.4826
"""Makes the MAD of a normal sample an estimate of its standard deviation."""

WEEKS: Final = 12
"""The week that is read last is written over only after the day that reads it has closed."""
WEEK_DAYS: Final = 7
FAR_FROM_DAYS: Final = 28
FAR_TO_DAYS: Final = 84
LEAST_WEEKS: Final = 4
"""Half of the far reference; a person is known for about eight weeks by then."""
LEAST_DAYS_OF_WEEK: Final = 3
RECENT_DAYS: Final = 17
LEAST_RECENT_DAYS: Final = 10
"""A median of 17 days: an illness of a week is less than half of it, and so no slow change."""

assert LAG_DAYS + WINDOW_DAYS < RING_DAYS - 1  # room for today and to judge yesterday again
assert WEEKS * WEEK_DAYS == FAR_TO_DAYS

COLUMNS: Final[dict[str, tuple[DTypeLike, tuple[int, ...], float]]] = {
    "ring": (np.float16, (COUNT, RING_DAYS), np.nan),
    "set_aside": (np.bool_, (RING_DAYS,), 0),
    "weekly": (np.float16, (COUNT, WEEKS), np.nan),
    "last_closed_day": (np.int64, (), NEVER),
}


class BaselineState:
    """`ring`: compared values by day % 32. `set_aside`: that day teaches nothing, by day % 32.

    `weekly`: medians of whole weeks, by (day // 7) % 12.
    """

    ring: NDArray[np.float16]
    set_aside: NDArray[np.bool_]
    weekly: NDArray[np.float16]
    last_closed_day: NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Usual:
    """What is usual on one day of each of n people, on the scale of comparison.

    Attributes:
        centre, spread: float64[n, features]; NaN while fewer than 10 days are known.
        certainty: float64[n, features], sqrt(days / (days + 8)).
        days: int64[n, features], how many days it rests on.
    """

    centre: NDArray[np.float64]
    spread: NDArray[np.float64]
    certainty: NDArray[np.float64]
    days: NDArray[np.int64]


def is_weekend(day: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Return where a day is a Saturday or Sunday; 1970-01-01 was a Thursday.

    Example:
        >>> is_weekend(np.arange(7)).tolist()  # Thursday to Wednesday
        [False, False, True, True, False, False, False]
    """
    weekend: NDArray[np.bool_] = (day + 3) % WEEK_DAYS >= 5
    return weekend


def held_days(day: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the day that each slot of the ring holds once `day` has been written: int64[n, 32].

    Example:
        >>> held_days(np.array([100]))[0, [3, 4, 5, 31]].tolist()  # 100 is in slot 4
        [99, 100, 69, 95]
    """
    held: NDArray[np.int64] = day[:, None] - (day[:, None] - np.arange(RING_DAYS)) % RING_DAYS
    return held


def in_window(ago: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Return where a day this many days ago is one of the near reference."""
    inside: NDArray[np.bool_] = (ago > LAG_DAYS) & (ago <= LAG_DAYS + WINDOW_DAYS)
    return inside


def usual_days(
    state: BaselineState, rows: NDArray[np.int64], day: NDArray[np.int64]
) -> tuple[Usual, NDArray[np.float64]]:
    """Return what is usual on `day` of each person, and the weekend's part of it.

    The second answer is float64[n, features]: what is to be added to the centre on that day because
    it is a weekend or a weekday (0 where a measure does not follow the week). It is in `centre`
    already.

    Cost: four sorts of 32 values for a measure that follows the week, two for another.
    """
    held = held_days(day)
    window = _window(state, rows, day[:, None] - held)
    weekend = is_weekend(held)[:, None, :]
    weekly = window[:, WEEKLY]
    difference = _weekend_difference(weekly, weekend)
    window[:, WEEKLY] = weekly - _weekend_part(difference[..., None], weekend)
    shift = np.zeros((len(rows), COUNT))
    shift[:, WEEKLY] = _weekend_part(difference, is_weekend(day)[:, None])
    count = _known(window)
    centre = median_of(window, count)
    spread = _deviation(window, centre, count)
    few = count < WINDOW_DAYS
    drawn = (count * spread + COHORT_DAYS * USUAL_SPREAD) / (count + COHORT_DAYS)
    spread = np.maximum(np.where(few, drawn, spread), FLOOR)
    learned = count >= LEAST_DAYS
    usual = Usual(
        np.where(learned, centre + shift, np.nan),
        np.where(learned, spread, np.nan),
        np.sqrt(count / (count + CENTRE_DAYS)),
        count,
    )
    return usual, shift


def far_reference(
    state: BaselineState, rows: NDArray[np.int64], day: NDArray[np.int64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return centre and spread of the weeks from 28 to 84 days ago: float64[n, features] each.

    NaN where fewer than four of those weeks are known.
    """
    latest = ((day - FAR_FROM_DAYS + 1) // WEEK_DAYS - 1)[:, None]
    earliest = -((FAR_TO_DAYS - day) // WEEK_DAYS)[:, None]
    week = latest - (latest - np.arange(WEEKS)) % WEEKS
    far = state.weekly[rows]
    np.copyto(far, np.nan, where=(week < earliest)[:, None, :])
    values = far.astype(np.float64)
    count = _known(values)
    centre, spread = np.full((2, len(rows), COUNT), np.nan)
    chosen = np.flatnonzero((count >= LEAST_WEEKS).any(axis=1))  # nobody in their first two months
    values, count = values[chosen], count[chosen]
    middle = median_of(values, count)
    centre[chosen] = np.where(count >= LEAST_WEEKS, middle, np.nan)
    spread[chosen] = np.where(count >= LEAST_WEEKS, _deviation(values, middle, count), np.nan)
    return centre, spread


def recent_level(
    state: BaselineState, rows: NDArray[np.int64], day: NDArray[np.int64]
) -> NDArray[np.float64]:
    """Return the median of the 17 days up to today: float64[n, features], NaN below ten of them."""
    recent = state.ring[rows]
    too_long_ago = held_days(day) <= (day - RECENT_DAYS)[:, None]
    np.copyto(recent, np.nan, where=too_long_ago[:, None, :])
    values = recent.astype(np.float64)
    count = _known(values)
    return np.where(count >= LEAST_RECENT_DAYS, median_of(values, count), np.nan)


def open_day(state: BaselineState, rows: NDArray[np.int64], day: NDArray[np.int64]) -> None:
    """Make room for `day`: keep the medians of weeks that are over, empty what never closed."""
    last = state.last_closed_day[rows]
    known = last != NEVER
    _keep_week(state, rows[known], last[known], day[known])
    skipped = np.where(known, np.minimum(day - last, RING_DAYS), RING_DAYS)
    for back in range(int(skipped.max(initial=0))):
        chosen = rows[skipped > back]
        slots = (day[skipped > back] - back) % RING_DAYS
        state.ring[chosen, :, slots] = np.nan
        state.set_aside[chosen, slots] = False


def write_day(
    state: BaselineState,
    rows: NDArray[np.int64],
    day: NDArray[np.int64],
    values: NDArray[np.float64],
) -> None:
    """Remember the compared values of a day: float64[n, features]."""
    state.ring[rows, :, day % RING_DAYS] = values.astype(np.float16)
    state.last_closed_day[rows] = np.maximum(state.last_closed_day[rows], day)


def median_of(values: NDArray[np.float64], count: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return the median along the last axis of the `count` values that are not NaN, else NaN."""
    return _middle(np.sort(values, axis=-1), count)  # puts NaN last


def _middle(ordered: NDArray[np.float64], count: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return the median of the first `count` of the values in order, NaN of none."""
    first = np.arange(count.size).reshape(count.shape) * ordered.shape[-1]
    low, high = np.maximum(count - 1, 0) // 2, count // 2
    half: NDArray[np.float64] = (ordered.take(first + low) + ordered.take(first + high)) / 2.0
    return half


def _deviation(
    values: NDArray[np.float64], centre: NDArray[np.float64], count: NDArray[np.int64]
) -> NDArray[np.float64]:
    """Return the spread about the centre, from the median of the distances from it."""
    distance = values - centre[..., None]
    np.abs(distance, out=distance)
    # None is below zero, so that they are in order where their bits are, which sorts faster.
    distance.view(np.int64).sort(axis=-1)
    return _middle(distance, count) * MAD_TO_SD


def _window(
    state: BaselineState, rows: NDArray[np.int64], ago: NDArray[np.int64]
) -> NDArray[np.float64]:
    """Return the near reference by slot of the ring, NaN what is not of it: [n, features, 32].

    Whole rows of the ring with NaN for the four days too many, as picking days costs more.
    """
    left_out = ~in_window(ago)
    window = state.ring[rows]
    aside = state.set_aside[rows] & ~left_out
    chosen = np.flatnonzero(aside.any(axis=1))
    if len(chosen):
        teaches = ~(left_out | aside)[chosen] & ~np.isnan(window[chosen]).all(axis=1)
        enough = np.count_nonzero(teaches, axis=1) >= LEAST_DAYS
        left_out[chosen] |= aside[chosen] & enough[:, None]
    np.copyto(window, np.nan, where=left_out[:, None, :])
    return window.astype(np.float64)


def _known(values: NDArray[np.float64]) -> NDArray[np.int64]:
    """Return how many values of the last axis are not NaN; it is a whole number of fours long.

    A truth is a byte of 0 or 1, so the bits of four or eight of them are counted at once.
    """
    word = np.uint32 if values.shape[-1] % 8 else np.uint64
    counts = np.bitwise_count((~np.isnan(values)).view(word))
    count: NDArray[np.int64] = counts[..., 0].astype(np.int64)
    for place in range(1, counts.shape[-1]):
        count += counts[..., place]
    return count


def _weekend_difference(
    window: NDArray[np.float64], weekend: NDArray[np.bool_]
) -> NDArray[np.float64]:
    """Return the median of weekend days less that of weekdays, drawn towards 0, by measure."""
    ends = np.where(weekend, window, np.nan)
    days = np.where(weekend, np.nan, window)
    count, weekdays = _known(ends), _known(days)
    raw = median_of(ends, count) - median_of(days, weekdays)
    known: NDArray[np.float64] = np.where(np.isnan(raw), 0.0, raw)
    drawn: NDArray[np.float64] = known * (count / (count + WEEKEND_DAYS))
    return drawn


def _weekend_part(
    difference: NDArray[np.float64], weekend: NDArray[np.bool_]
) -> NDArray[np.float64]:
    """Share the difference out so that a whole week sums to nothing."""
    part: NDArray[np.float64] = difference * np.where(weekend, 5 / 7, -2 / 7)
    return part


def _keep_week(
    state: BaselineState,
    rows: NDArray[np.int64],
    last: NDArray[np.int64],
    day: NDArray[np.int64],
) -> None:
    turned = day // WEEK_DAYS > last // WEEK_DAYS
    if not turned.any():
        return
    rows, last, day = rows[turned], last[turned], day[turned]
    week = last // WEEK_DAYS
    slots = (week[:, None] * WEEK_DAYS + np.arange(WEEK_DAYS)) % RING_DAYS
    values = state.ring[rows[:, None], :, slots].astype(np.float64)
    values[(week[:, None] * WEEK_DAYS + np.arange(WEEK_DAYS)) > last[:, None]] = np.nan
    values[state.set_aside[rows[:, None], slots]] = np.nan
    values = np.swapaxes(values, 1, 2)
    count = np.count_nonzero(~np.isnan(values), axis=-1)
    median = np.where(count >= LEAST_DAYS_OF_WEEK, median_of(values, count), np.nan)
    state.weekly[rows, :, week % WEEKS] = median.astype(np.float16)
    missed = np.minimum(day // WEEK_DAYS - week - 1, WEEKS)
    for ahead in range(1, int(missed.max(initial=0)) + 1):
        chosen = missed >= ahead
        state.weekly[rows[chosen], :, (week[chosen] + ahead) % WEEKS] = np.nan
