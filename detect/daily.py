"""The score of a day: how unlike this person it was, compared with their own last four weeks.

For each feature, z = direction * (value - centre) / spread, clipped to +-4, against the lagged
median and MAD of `detect.baseline`. The features that are present are combined as
sum(w z) / sqrt(sum(w^2)), so that a missing one neither hides nor inflates a change, and smoothed:
score = 0.6 * yesterday's score + 0.4 * today. A day without any feature decays the score by a tenth
and is not scored itself; nothing is ever filled in.

What it costs: see `detect.episodes` for the alert rates of its thresholds. What it cannot see: a
change slower than the reference window; that needs a reference further back.

Source: EWMA of a robust z, Roberts, Technometrics 1 (1959); choice of both features and of the
factor 0.4 in `docs/decisions/0003-detector-first-shape.md`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from detect.baseline import RING_DAYS, median_and_spread, window_slots
from detect.minutes import LOWEST_BPM
from detect.state import NEVER, State
from tidewell.vocabulary import FEATURE_NAMES

NIGHT_HEART_RATE: Final = FEATURE_NAMES.index("night_heart_rate")
STEPS: Final = FEATURE_NAMES.index("steps")


@dataclass(frozen=True, slots=True)
class Scoring:
    """How one feature counts.

    `direction` is +1 where more is worse and -1 where less is. `floor` is the least spread, in the
    unit in which it is compared: bpm, or natural logarithms where `logarithmic`.
    """

    direction: int
    weight: float
    floor: float
    logarithmic: bool


SCORING: Final[dict[str, Scoring]] = {
    "night_heart_rate": Scoring(direction=1, weight=1.0, floor=1.0, logarithmic=False),
    "steps": Scoring(direction=-1, weight=1.0, floor=0.2, logarithmic=True),
}
assert tuple(SCORING) == FEATURE_NAMES  # one rule for each feature of the vocabulary, in its order

SMOOTHING: Final = 0.4
"""Weight of today. A two-day change reaches 64 % of its size, a single odd day 40 %."""
DECAY_PER_MISSING_DAY: Final = 0.9
Z_LIMIT: Final = 4.0
"""One absurd value counts as much as a large true one, never more."""
USUAL_HALF_WIDTH: Final = 1.2816
"""In spreads: the middle 80 % of a normal sample, which is what pages call usual."""
NIGHT_QUANTILE: Final = 0.10
LEAST_NIGHT_S: Final = 3_600
LEAST_WORN_S: Final = 8 * 3_600
"""A day with less than eight hours on the body says nothing about steps."""
LEAST_STEP_S: Final = 20 * 3_600
"""For a device that only counts steps: it has to have counted for most of the day."""

_DIRECTION: Final = np.array([rule.direction for rule in SCORING.values()], np.float64)
_WEIGHT: Final = np.array([rule.weight for rule in SCORING.values()], np.float64)
_FLOOR: Final = np.array([rule.floor for rule in SCORING.values()], np.float64)
_LOGARITHMIC: Final = np.array([rule.logarithmic for rule in SCORING.values()], np.bool_)


@dataclass(frozen=True, slots=True)
class ScoredDays:
    """What scoring says about one day of each of n people.

    Attributes:
        score: float64[n], smoothed; NaN where the day could not be scored.
        today: float64[n], the same before smoothing.
        contribution: float64[n, features], NaN = absent.
        usual: float64[n, features, 3] centre, low, high, in the feature's own unit.
    """

    score: NDArray[np.float64]
    today: NDArray[np.float64]
    contribution: NDArray[np.float64]
    usual: NDArray[np.float64]


def day_features(state: State, rows: NDArray[np.int64]) -> NDArray[np.float32]:
    """Return the features of the open day of these people: float32[n, features]."""
    features = np.full((len(rows), len(FEATURE_NAMES)), np.nan, np.float32)
    features[:, NIGHT_HEART_RATE] = _night_heart_rate(state.rest_heart_rate[rows])
    counted = state.worn_s[rows] >= LEAST_WORN_S
    only_steps = (state.heart_s[rows] == 0) & (state.wear_flag_s[rows] == 0)
    counted |= only_steps & (state.step_s[rows] >= LEAST_STEP_S) & (state.milli_steps[rows] > 0)
    counted &= state.step_s[rows] > 0
    features[:, STEPS] = np.where(counted, state.milli_steps[rows] / 1000, np.nan)
    return features


def score_day(
    state: State, rows: NDArray[np.int64], day: NDArray[np.int64], features: NDArray[np.float32]
) -> ScoredDays:
    """Score one day of each person from their past, then add it to their memory.

    Args:
        rows: state rows, each once. day: local day of each, later than their last one.
        features: float32[n, features] in their own units, NaN = none.
    """
    _skip_missing_days(state, rows, day)
    compared = np.where(_LOGARITHMIC, np.log1p(np.maximum(features, 0)), features).astype(
        np.float32
    )
    slots = window_slots(day)
    window = state.ring[
        rows[:, None, None], np.arange(len(SCORING))[None, :, None], slots[:, None, :]
    ]
    centre, spread = median_and_spread(window, _FLOOR)
    z = np.clip(_DIRECTION * (compared - centre) / spread, -Z_LIMIT, Z_LIMIT)
    present = ~np.isnan(z)
    length = np.sqrt(np.sum(np.where(present, _WEIGHT**2, 0), axis=1))
    contribution = (
        np.where(present, _WEIGHT * z, np.nan) / np.where(length > 0, length, np.nan)[:, None]
    )
    today = np.where(length > 0, np.nansum(contribution, axis=1), np.nan)
    _smooth(state, rows, today, np.where(present, z, np.nan))
    state.ring[rows, :, day % RING_DAYS] = compared
    state.last_closed_day[rows] = day
    score = np.where(np.isnan(today), np.nan, state.smoothed[rows])
    return ScoredDays(score, today, contribution, _usual(centre, spread))


def _night_heart_rate(histogram: NDArray[np.uint32]) -> NDArray[np.float64]:
    """Return the 10th percentile of resting night heart rate, by rank within its half-bpm bin."""
    upto = np.cumsum(histogram, axis=1, dtype=np.int64)
    count = upto[:, -1]
    wanted = NIGHT_QUANTILE * count
    place = np.argmax(upto >= np.maximum(wanted, 1e-9)[:, None], axis=1)
    inside = np.take_along_axis(histogram.astype(np.float64), place[:, None], 1)[:, 0]
    before = np.take_along_axis(upto, place[:, None], 1)[:, 0] - inside
    share = (wanted - before) / np.maximum(inside, 1)
    return np.where(count >= LEAST_NIGHT_S, LOWEST_BPM + (place + share) / 2, np.nan)


def _skip_missing_days(state: State, rows: NDArray[np.int64], day: NDArray[np.int64]) -> None:
    """Empty the slots of days that never closed, and let the scores fade over them."""
    last = state.last_closed_day[rows]
    skipped = np.where(last == NEVER, 0, day - last - 1)
    for place in np.flatnonzero(skipped > 0).tolist():
        row, missing = int(rows[place]), int(skipped[place])
        slots = (int(last[place]) + 1 + np.arange(min(missing, RING_DAYS))) % RING_DAYS
        state.ring[row][:, slots] = np.nan
        left = DECAY_PER_MISSING_DAY**missing
        state.smoothed[row] *= left
        state.smoothed_feature[row] *= left


def _smooth(
    state: State, rows: NDArray[np.int64], today: NDArray[np.float64], z: NDArray[np.float64]
) -> None:
    for memory, new in ((state.smoothed, today), (state.smoothed_feature, z)):
        old = memory[rows]
        moved = (1 - SMOOTHING) * old + SMOOTHING * new
        memory[rows] = np.where(np.isnan(new), DECAY_PER_MISSING_DAY * old, moved)


def _usual(centre: NDArray[np.float64], spread: NDArray[np.float64]) -> NDArray[np.float64]:
    half = USUAL_HALF_WIDTH * spread
    band = np.stack([centre, centre - half, centre + half], axis=-1)
    own_unit: NDArray[np.float64] = np.where(_LOGARITHMIC[:, None], np.expm1(band), band)
    return own_unit
