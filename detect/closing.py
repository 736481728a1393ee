"""Closing a day: from its quarters of an hour to features, a score, and what is learned.

In order: the day before is judged again if readings for it came late; the day gets its features
and is judged; the daily rhythm learns from it; its slot is emptied for the day that opens. All of
it for many people at once.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from detect import grid, moments, notes, rhythm
from detect.days import JudgedDays, judge_again, judge_days
from detect.features import day_features, minutes_worn
from detect.findings import DayResults
from detect.grid import BINS, HOURLY_INDEX, SLOTS, UNITS_MOST, hourly_mean
from detect.measures import column, own_unit
from detect.policy import Policy
from detect.rhythm import DayBins
from detect.sleep import remember_sleep
from detect.state import State
from tidewell.local_time import NEVER
from tidewell.vocabulary import FEATURE_NAMES

PEOPLE_AT_ONCE: Final = 4_096
"""Their days fit into a cache; more at once would wait for memory."""
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
    """Days that closed: `again` were judged before, `judged` for the first time; rows of each."""

    again: DayResults | None
    judged: JudgedDays | None
    rows: NDArray[np.int64]
    day: NDArray[np.int64]


def open_days(state: State, rows: NDArray[np.int64], day: NDArray[np.int64]) -> None:
    """Make room for the readings of a day; each row once."""
    grid.clear(state, rows, day)
    moments.clear_aroused(state, rows, day % SLOTS)
    state.open_day[rows] = day


def close_days(
    state: State, rows: NDArray[np.int64], next_day: NDArray[np.int64], policy: Policy
) -> Closed:
    """Close the open day of each person and open another; a day without a reading is not judged."""
    day = state.open_day[rows].copy()
    again = _judge_late(state, rows, policy)
    filled = state.reported_s[rows, day % SLOTS] > 0
    chosen, of_day = rows[filled], day[filled]
    judged = None
    if len(chosen):
        features, worn = day_features(state, chosen, of_day), minutes_worn(state, chosen, of_day)
        judged = judge_days(state, chosen, of_day, features, worn, policy)
        _learn(state, chosen, of_day)
        remember_sleep(state, chosen, of_day)
    open_days(state, rows, next_day)
    return Closed(again, judged, chosen, of_day)


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
    rhythm.learn_day(state, rows, rhythm.is_weekend(day), _day_bins(state, rows, day, excluded))


def _day_bins(
    state: State, rows: NDArray[np.int64], day: NDArray[np.int64], excluded: NDArray[np.bool_]
) -> DayBins:
    slot = day % SLOTS
    units = state.heart_units[rows, slot].astype(np.float32)
    heart = np.where(
        units > 0, state.heart_sum[rows, slot] / np.maximum(units, 1), np.float32(np.nan)
    )
    counted = state.step_units[rows, slot] > 0
    steps = np.where(counted, state.step_count[rows, slot], np.float32(np.nan))
    moved = np.nan_to_num(steps) > 0
    moved_before = np.concatenate([np.zeros((len(rows), 1), np.bool_), moved[:, :-1]], axis=1)
    reported = state.reported_units[rows, slot].astype(np.float32)
    eda = HOURLY_INDEX["eda"]
    return DayBins(
        heart.astype(np.float32),
        steps.astype(np.float32),
        ~moved & ~moved_before,
        np.minimum(state.worn_units[rows, slot] / np.float32(UNITS_MOST), 1).astype(np.float32),
        np.minimum(reported / UNITS_MOST, 1).astype(np.float32),
        np.where(reported > 0, units / np.maximum(reported, 1), np.float32(np.nan)).astype(
            np.float32
        ),
        hourly_mean(state.hour_sum[rows, slot, eda], state.hour_count[rows, slot, eda], eda).astype(
            np.float32
        ),
        excluded,
    )


assert BINS == 96  # the rhythm is learned from quarters of an hour
