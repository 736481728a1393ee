"""Closing a day: from its quarters of an hour to features, a score, and what is learned.

In order: the day before is judged again if readings for it came late, or for the first time if it
was passed over without any and they all came late; the day gets its features and is judged; the
daily rhythm learns from it; its slot is emptied for the day that opens. All of it for many people
at once.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from detect import grid, moments, notes, rhythm
from detect.baseline import is_weekend
from detect.days import JudgedDays, judge_again, judge_days, judge_passed
from detect.features import day_and_night, day_features, minutes_worn
from detect.findings import DayResults
from detect.grid import (
    BINS,
    HOURLY_INDEX,
    SLOTS,
    STEPS_MOST,
    STEPS_REPORTED,
    UNITS_MOST,
    hourly_mean,
)
from detect.measures import column, own_unit
from detect.policy import Policy
from detect.rhythm import DayBins
from detect.sleep import remember_sleep
from detect.state import State
from tidewell.local_time import NEVER
from tidewell.vocabulary import FEATURE_NAMES

PEOPLE_AT_ONCE: Final = 1_024
"""So many that calling NumPy costs little of the whole, so few that their days stay in a cache."""
NIGHT_COLUMNS: Final = np.array(
    [
        column(name)
        for name in FEATURE_NAMES
        if name.startswith(("night_", "sleep_")) or name == "resting_heart_rate"
    ]
)
"""What rests on the evening before, whose slot is gone when a day is judged again."""


@dataclass(frozen=True, slots=True)
class Closed:
    """Days that closed: `again` were judged before, `judged` for the first time; rows of each.

    `passed` are days before those, for which all readings came late.
    """

    again: DayResults | None
    passed: DayResults | None
    judged: JudgedDays | None
    rows: NDArray[np.int64]
    day: NDArray[np.int64]


def open_days(state: State, rows: NDArray[np.int64], day: NDArray[np.int64]) -> None:
    """Make room for the readings of a day, and of the one before where it was passed over."""
    passed = state.grid_day[rows, (day - 1) % SLOTS] != day - 1
    for chosen, of_day in ((rows, day), (rows[passed], day[passed] - 1)):
        grid.clear(state, chosen, of_day)
        moments.clear_aroused(state, chosen, of_day % SLOTS)
    state.open_day[rows] = day


def close_days(
    state: State, rows: NDArray[np.int64], next_day: NDArray[np.int64], policy: Policy
) -> Closed:
    """Close the open day of each person and open another; a day without a reading is not judged."""
    day = state.open_day[rows].copy()
    again = _judge_late(state, rows, policy)
    passed = _judge_passed(state, rows, day - 1, policy)
    filled = state.reported_s[rows, day % SLOTS] > 0
    chosen, of_day = rows[filled], day[filled]
    judged = None
    if len(chosen):
        features, sleep = day_and_night(state, chosen, of_day)
        worn = minutes_worn(state, chosen, of_day)
        judged = judge_days(state, chosen, of_day, features, worn, policy)
        _learn(state, chosen, of_day)
        remember_sleep(state, chosen, of_day, sleep)
    open_days(state, rows, next_day)
    return Closed(again, passed, judged, chosen, of_day)


def _judge_passed(
    state: State, rows: NDArray[np.int64], day: NDArray[np.int64], policy: Policy
) -> DayResults | None:
    """Judge the day before the open one where it never closed and holds readings by now.

    Its evening before is gone, as the slot of that belongs to the open day.
    """
    filled = (state.grid_day[rows, day % SLOTS] == day) & (state.reported_s[rows, day % SLOTS] > 0)
    passed = filled & (state.last_closed_day[rows] < day)
    if not passed.any():
        return None
    chosen, of_day = rows[passed], day[passed]
    features, sleep = day_and_night(state, chosen, of_day)
    worn = minutes_worn(state, chosen, of_day)
    results = judge_passed(state, chosen, of_day, features, worn, policy)
    _learn(state, chosen, of_day)
    remember_sleep(state, chosen, of_day, sleep)
    return results


def _judge_late(state: State, rows: NDArray[np.int64], policy: Policy) -> DayResults | None:
    """Judge the last closed day again where readings for it came after it had closed."""
    late = rows[(state.late_day[rows] != NEVER)]
    chosen = late[state.late_day[late] == state.last_closed_day[late]]
    state.late_day[late] = NEVER
    if not len(chosen):
        return None
    day = state.last_closed_day[chosen]
    features = day_features(state, chosen, day)
    known = own_unit(state.ring[chosen, :, day % state.ring.shape[2]].astype(np.float64))
    kept = ~np.isnan(known[:, NIGHT_COLUMNS])
    night = np.where(kept, known[:, NIGHT_COLUMNS], features[:, NIGHT_COLUMNS])
    features[:, NIGHT_COLUMNS] = night
    return judge_again(state, chosen, features, minutes_worn(state, chosen, day), policy)


def _learn(state: State, rows: NDArray[np.int64], day: NDArray[np.int64]) -> None:
    excluded = (state.episode_level[rows] > 0).any(axis=1)
    excluded |= notes.touches(state, rows, day, notes.HOLDS | notes.LEAVES_OUT)
    rhythm.learn_day(state, rows, is_weekend(day), _day_bins(state, rows, day, excluded))


def _day_bins(
    state: State, rows: NDArray[np.int64], day: NDArray[np.int64], excluded: NDArray[np.bool_]
) -> DayBins:
    slot = day % SLOTS
    units, worn = state.heart_units[rows, slot], state.worn_units[rows, slot]
    mean = np.divide(state.heart_sum[rows, slot], np.maximum(units, 1), dtype=np.float32)
    counted = state.steps_counted[rows, slot]
    steps = counted & STEPS_MOST
    rested = steps == 0
    resting = rested.copy()
    resting[:, 1:] &= rested[:, :-1]
    eda = HOURLY_INDEX["eda"]
    conductance = hourly_mean(
        state.hour_sum[rows, slot, eda], state.hour_count[rows, slot, eda], eda
    )
    return DayBins(
        np.where(units > 0, mean, np.float32(np.nan)),
        np.where(counted >= STEPS_REPORTED, steps, np.float32(np.nan)),
        resting,
        _share(worn, UNITS_MOST),
        _share(state.reported_minutes[rows, slot], UNITS_MOST),
        np.divide(np.minimum(units, worn), np.maximum(worn, 1), dtype=np.float32),
        conductance.astype(np.float32),
        excluded,
    )


def _share(count: NDArray[np.uint8], most: int) -> NDArray[np.float32]:
    share: NDArray[np.float32] = np.minimum(np.divide(count, most, dtype=np.float32), 1)
    return share


assert BINS == 96  # the rhythm is learned from quarters of an hour
