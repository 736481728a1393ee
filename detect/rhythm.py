"""What is usual for a person at each time of day, learned when a day closes and never in between.

Resting heart rate by half hour and skin conductance by hour, each for weekdays and weekends; how
heart rate answers to steps; at which hours the device is usually off the body. The first value is
taken as it is. After that a day moves a centre by at most one step, a share of the spread, so that
one odd day teaches little. A day that is excluded (a context note, an open episode) teaches
nothing. It must never learn from single readings: between two closed days it is fixed.

Formula: centre += clip(value - centre, -step, +step); spread *= or /= 1.1, so that half of the
deviations times 1.4826 lie below it (a running MAD).

Sources: hour-of-day baselines of resting heart rate, Mishra et al., Nat Biomed Eng 4 (2020);
sign steps towards a median, Tierney, SIAM J Sci Stat Comput 4 (1983).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import DTypeLike, NDArray

from tidewell.local_time import DAY_MS

DAY_TYPES: Final = 2
"""Weekdays and weekends: school days differ from free days more than free days among each other."""
HALF_HOURS: Final = 48
HOURS: Final = 24
BINS: Final = 96
"""A day comes in quarters of an hour."""
HALF_HOUR_MS: Final = DAY_MS // HALF_HOURS
HOUR_MS: Final = DAY_MS // HOURS

LEAST_DAYS: Final = 5
"""Fewer days than this cannot tell an odd half hour from a usual one."""
LEARNING_DAYS: Final = 10
FIRST_STEP: Final = 0.4
"""Of the spread, in the first ten days: what is usual has to be found before it can be kept."""
LATER_STEP: Final = 0.15
"""Of the spread, later: a lasting change of one spread is learned in a week."""
SCALE_STEP: Final = 1.1
MAD_TO_SD: Final = 1.4826
DAYS_MOST: Final = 255
"""As far as a byte counts."""
WORN_FROM: Final = 0.5
"""A quarter of an hour less than half worn says nothing about the person."""

HEART_SCALE_BPM: Final = (3.0, 8.0, 30.0)
"""Least, first and largest spread: finer than 3 bpm is below what optical sensors get right."""
EDA_SCALE_US: Final = (0.05, 0.5, 20.0)
"""Least, first and largest spread: 0.05 µS is the usual least height of a skin response."""
BORROWED_STEPS: Final = (-1, 1, -2, 2)
"""A half hour never seen borrows from its neighbours, up to an hour away."""

HEART_USUAL_GAIN: Final = 0.2
HEART_USUAL_FROM: Final = 0.5
"""From this share of worn time on, a device "usually reports heart rate"."""
CHARGING_FROM: Final = 128
"""Of 255: three of the last days in a row, or most days of the last two weeks."""
LIVED_IN_HOURS: Final = 8
"""A day with less on the body says nothing of charging: a device in a drawer is not charging."""
ACTIVITY_STEP_BPM: Final = 0.25
"""Per day and unit of log1p(steps): a week to follow a new shape, a day does little."""
ACTIVITY_LIMIT_BPM: Final = 20.0
TRAVEL_FROM_H: Final = 3.0
"""A daily rhythm that moves further than this from one day to the next has crossed time zones."""

COLUMNS: Final[dict[str, tuple[DTypeLike, tuple[int, ...], float]]] = {
    # name: (type, shape of one person's entry, first value)
    "heart_centre": (np.float16, (DAY_TYPES, HALF_HOURS), np.nan),
    "heart_scale": (np.float16, (DAY_TYPES, HALF_HOURS), np.nan),
    "eda_centre": (np.float16, (DAY_TYPES, HOURS), np.nan),
    "eda_scale": (np.float16, (DAY_TYPES, HOURS), np.nan),
    "heart_days": (np.uint8, (), 0),
    "eda_days": (np.uint8, (), 0),
    "heart_usual": (np.float16, (), np.nan),
    "charging": (np.uint8, (HOURS,), 0),
    "activity": (np.float32, (2,), 0),
}


class RhythmState:
    """The columns of this module; `activity` is bpm per log1p(steps), and days it was learned."""

    heart_centre: NDArray[np.float16]
    heart_scale: NDArray[np.float16]
    eda_centre: NDArray[np.float16]
    eda_scale: NDArray[np.float16]
    heart_days: NDArray[np.uint8]
    eda_days: NDArray[np.uint8]
    heart_usual: NDArray[np.float16]
    charging: NDArray[np.uint8]
    activity: NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class DayBins:
    """A closed day of each of n people, in quarters of an hour and hours of local time.

    Attributes:
        heart_mean: float32[n, 96] bpm, NaN = none. steps: float32[n, 96], NaN = not counted.
        resting: bool[n, 96], no step in it nor shortly before.
        worn_share: float32[n, 96], share of the quarter of an hour on the body.
        reported_share: float32[n, 24], share of the hour that the device reported.
        heart_share: float32[n, 96], share of the worn time that has a heart rate, 0 = not worn.
        eda_hourly: float32[n, 24] µS, NaN = none.
        excluded: bool[n], the day teaches nothing.
    """

    heart_mean: NDArray[np.float32]
    steps: NDArray[np.float32]
    resting: NDArray[np.bool_]
    worn_share: NDArray[np.float32]
    reported_share: NDArray[np.float32]
    heart_share: NDArray[np.float32]
    eda_hourly: NDArray[np.float32]
    excluded: NDArray[np.bool_]


def learn_day(
    state: RhythmState, rows: NDArray[np.int64], weekend: NDArray[np.bool_], bins: DayBins
) -> None:
    """Learn from one closed day of each person.

    Args:
        rows: state rows, each once, int64[n]. weekend: bool[n], the kind of day.
        bins: what happened; days marked as excluded change nothing.
    """
    kept = np.flatnonzero(~bins.excluded)
    rows, kind = rows[kept], weekend[kept].astype(np.int64)
    worn = bins.worn_share[kept] >= WORN_FROM
    _learn_activity(state, rows, kind, bins, kept, worn)
    resting = worn & bins.resting[kept]
    heart = _mean_of_pairs(np.where(resting, bins.heart_mean[kept], np.float32(np.nan)))
    state.heart_days[rows] = _learn(
        state.heart_centre, state.heart_scale, state.heart_days[rows], rows, kind, heart,
        HEART_SCALE_BPM,
    )  # fmt: skip
    worn_hour = worn.reshape(len(rows), HOURS, BINS // HOURS).any(axis=2)
    eda = np.where(worn_hour, bins.eda_hourly[kept], np.nan).astype(np.float64)
    state.eda_days[rows] = _learn(
        state.eda_centre, state.eda_scale, state.eda_days[rows], rows, kind, eda, EDA_SCALE_US
    )
    _learn_heart_usual(state, rows, bins.heart_share[kept], worn)
    _learn_charging(state, rows, bins.worn_share[kept], bins.reported_share[kept])


def forget_eda(state: RhythmState, row: int) -> None:
    """Learn skin conductance by hour again; its level belongs to the model of the device."""
    state.eda_centre[row] = np.nan
    state.eda_scale[row] = np.nan
    state.eda_days[row] = 0


def heart_usual_band(
    state: RhythmState,
    row: NDArray[np.int64],
    local_ms: NDArray[np.int64],
    weekend: NDArray[np.bool_],
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return centre and spread of resting heart rate in bpm, NaN where not learned: float64[n]."""
    place = local_ms % DAY_MS // HALF_HOUR_MS
    learned = state.heart_days[row] >= LEAST_DAYS
    return _looked_up(state.heart_centre, state.heart_scale, row, weekend, place, learned)


def heart_residual_z(
    state: RhythmState,
    row: NDArray[np.int64],
    local_ms: NDArray[np.int64],
    weekend: NDArray[np.bool_],
    heart_rate: NDArray[np.floating],
    quarter_steps: NDArray[np.floating] | None = None,
) -> NDArray[np.float64]:
    """Return how far a heart rate is from usual at this time of day, in spreads: float64[n].

    Formula: (heart_rate - centre - b * log1p(quarter_steps)) / spread; NaN where not learned.

    Args:
        heart_rate: bpm. quarter_steps: steps of the quarter of an hour; none for resting readings.
    """
    centre, scale = heart_usual_band(state, row, local_ms, weekend)
    residual = heart_rate.astype(np.float64) - centre
    if quarter_steps is not None:
        steps = np.maximum(np.nan_to_num(quarter_steps.astype(np.float64)), 0)
        residual -= state.activity[row, 0] * np.log1p(steps)
    z: NDArray[np.float64] = residual / scale
    return z


def eda_residual_z(
    state: RhythmState,
    row: NDArray[np.int64],
    local_ms: NDArray[np.int64],
    weekend: NDArray[np.bool_],
    eda: NDArray[np.floating],
) -> NDArray[np.float64]:
    """Return how far skin conductance is from usual at this hour, in spreads; NaN = not learned."""
    place = local_ms % DAY_MS // HOUR_MS
    learned = state.eda_days[row] >= LEAST_DAYS
    centre, scale = _looked_up(state.eda_centre, state.eda_scale, row, weekend, place, learned)
    z: NDArray[np.float64] = (eda.astype(np.float64) - centre) / scale
    return z


def usually_charging(
    state: RhythmState, row: NDArray[np.int64], local_ms: NDArray[np.int64]
) -> NDArray[np.bool_]:
    """Return where the device is usually off the body at this local hour: bool[n]."""
    return state.charging[row, local_ms % DAY_MS // HOUR_MS] >= CHARGING_FROM


def phase_jump_h(
    previous_phase: NDArray[np.floating], phase: NDArray[np.floating]
) -> NDArray[np.float64]:
    """Return how far a daily rhythm moved, in hours from -12 to 12; NaN where one is not known.

    Example:
        >>> phase_jump_h(np.array([23.0, 15.0]), np.array([1.5, 14.0])).tolist()
        [2.5, -1.0]
    """
    moved = phase.astype(np.float64) - previous_phase
    jump: NDArray[np.float64] = (moved + 12) % 24 - 12
    return jump


def _mean_of_pairs(values: NDArray[np.float32]) -> NDArray[np.float64]:
    """Return the mean of the known quarters of each half hour: float64[n, 48]."""
    first, second = (values[:, start::2].astype(np.float64) for start in range(2))
    mean: NDArray[np.float64] = (first + second) / 2
    return np.where(np.isnan(mean), np.where(np.isnan(first), second, first), mean)


def _learn(
    centres: NDArray[np.float16],
    scales: NDArray[np.float16],
    days: NDArray[np.uint8],
    rows: NDArray[np.int64],
    kind: NDArray[np.int64],
    value: NDArray[np.float64],
    limits: tuple[float, float, float],
) -> NDArray[np.uint8]:
    """Move centres and spreads towards a day's values; return the days seen."""
    least, first, most = limits
    centre = centres[rows, kind].astype(np.float64)
    scale = scales[rows, kind].astype(np.float64)
    known = ~np.isnan(value)
    unseen = known & np.isnan(centre)
    step = np.where(days < LEARNING_DAYS, FIRST_STEP, LATER_STEP)[:, None] * scale
    off = value - centre
    moved = centre + np.clip(off, -step, step)
    wider = np.abs(off) * MAD_TO_SD > scale
    spread = np.clip(np.where(wider, scale * SCALE_STEP, scale / SCALE_STEP), least, most)
    centre = np.where(unseen, value, np.where(known, moved, centre))
    scale = np.where(unseen, first, np.where(known, spread, scale))
    centres[rows, kind], scales[rows, kind] = centre.astype(np.float16), scale.astype(np.float16)
    return np.where(known.any(axis=1) & (days < DAYS_MOST), days + 1, days).astype(np.uint8)


def _learn_activity(
    state: RhythmState,
    rows: NDArray[np.int64],
    kind: NDArray[np.int64],
    bins: DayBins,
    kept: NDArray[np.int64],
    worn: NDArray[np.bool_],
) -> None:
    """Follow how much heart rate rises with steps: one least-squares slope a day, one step."""
    steps = bins.steps[kept]
    who, place = np.nonzero(worn & (steps > 0))
    rest = _centres_of_days(state.heart_centre, rows, kind)[who, place * HALF_HOURS // BINS]
    effort = np.log1p(steps[who, place].astype(np.float64))
    above = bins.heart_mean[kept][who, place] - rest
    effort = np.where(np.isnan(above), 0.0, effort)
    square = np.bincount(who, effort**2, len(rows))
    product = np.bincount(who, effort * np.nan_to_num(above), len(rows))
    slope = np.clip(product / np.maximum(square, 1e-9), 0, ACTIVITY_LIMIT_BPM)
    seen = square > 0
    old, days = state.activity[rows, 0].astype(np.float64), state.activity[rows, 1]
    moved = old + np.clip(slope - old, -ACTIVITY_STEP_BPM, ACTIVITY_STEP_BPM)
    state.activity[rows, 0] = np.where(seen, np.where(days == 0, slope, moved), old)
    state.activity[rows, 1] = np.where(seen, np.minimum(days + 1, DAYS_MOST), days)


def _learn_heart_usual(
    state: RhythmState,
    rows: NDArray[np.int64],
    heart_share: NDArray[np.float32],
    worn: NDArray[np.bool_],
) -> None:
    """Follow which share of the worn time has a heart rate; a day on the table says nothing."""
    count = np.count_nonzero(worn, axis=1)
    share = np.where(worn, heart_share, 0).sum(axis=1, dtype=np.float64) / np.maximum(count, 1)
    old = state.heart_usual[rows].astype(np.float64)
    moved = np.where(np.isnan(old), share, old + HEART_USUAL_GAIN * (share - old))
    state.heart_usual[rows] = np.where(count > 0, moved, old)


def _learn_charging(
    state: RhythmState,
    rows: NDArray[np.int64],
    worn_share: NDArray[np.float32],
    reported_share: NDArray[np.float32],
) -> None:
    """Follow at which hours the device reports and is off the body, a quarter of the way a day."""
    worn = worn_share.reshape(len(rows), HOURS, BINS // HOURS).mean(axis=2)
    old = state.charging[rows].astype(np.int64)
    aim = np.where(worn < WORN_FROM * reported_share, 255, 0)
    lived_in = (worn.sum(axis=1) >= LIVED_IN_HOURS)[:, None]
    state.charging[rows] = np.where(
        lived_in & (reported_share >= WORN_FROM), old + (aim - old) // 4, old
    )


def _centres_of_days(
    centres: NDArray[np.float16], rows: NDArray[np.int64], kind: NDArray[np.int64]
) -> NDArray[np.float64]:
    """Return the centres of whole days, borrowed as `_looked_up` does: float64[n, places]."""
    own = centres[rows, kind].astype(np.float64)
    lacking = np.flatnonzero(np.isnan(own).any(axis=1))
    found, edge, around = own[lacking], max(BORROWED_STEPS), []
    for one in _either(kind[lacking]):
        there = centres[rows[lacking], one].astype(np.float64)
        around.append(np.concatenate([there[:, -edge:], there, there[:, :edge]], axis=1))
    for shift in (0, *BORROWED_STEPS):
        for there in around:
            start = edge + shift
            np.copyto(found, there[:, start : start + HALF_HOURS], where=np.isnan(found))
    own[lacking] = found
    return own


def _either(kind: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the kind of day to borrow from first, and the other one."""
    return kind, 1 - kind


def _looked_up(
    centres: NDArray[np.float16],
    scales: NDArray[np.float16],
    row: NDArray[np.int64],
    weekend: NDArray[np.bool_],
    place: NDArray[np.int64],
    learned: NDArray[np.bool_],
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return centre and spread; what was never seen borrows: other day type, then neighbours."""
    kind = weekend.astype(np.int64)
    centre = centres[row, kind, place].astype(np.float64)
    scale = scales[row, kind, place].astype(np.float64)
    centre[~learned] = np.nan
    for shift in (0, *BORROWED_STEPS):
        for other in _either(kind):
            lacking = np.flatnonzero(np.isnan(centre) & learned)
            if not len(lacking):
                return centre, scale
            there = (place[lacking] + shift) % centres.shape[2]
            whose = (row[lacking], other[lacking], there)
            centre[lacking], scale[lacking] = centres[whose], scales[whose]
    return centre, scale
