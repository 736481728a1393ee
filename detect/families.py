"""The score of a day: how unlike this person it was, in each way that Tidewell watches for.

For each measure z = certainty * (value - centre) / spread against `detect.baseline`. What is worse
counts up to 4 spreads for the body, 2 for behaviour and 3 for the rest; what is better, down to -1.
Then:

| family     | score                                                                            |
|------------|----------------------------------------------------------------------------------|
| illness    | the largest of S(all of its measures), 0.9 S(those of the body) and                |
|            | 0.9 S(night heart rate, steps), a = 0.3                                            |
| withdrawal | the larger of S(steps, longest still bout, first activity) and 0.9 S(steps),       |
|            | a = 0.25                                                                           |
| acute load | S(time tense while still, skin conductance), a = 0.3                              |
| sleep      | the largest of C(all), 0.85 C(when) and 0.85 C(how much), over the smoothed z of   |
|            | each measure (a = 0.3); either way counts where both are odd, and for all of when  |
| drift      | the larger of C(body) and 0.5 C(the rest), z = (median of 17 days - far centre) /   |
|            | sqrt((spread of days^2 / 2 + spread of weeks^2) / 2); nothing is smoothed further  |

C(z) = sum(w z) / sqrt(w' R w) over the measures that are present, with the pooled correlation R: a
missing channel neither hides nor inflates a change, and two views of one thing count once. S is C
smoothed: s = (1 - a) s + a C. A day without any of the measures fades s by a tenth and is not
scored; nothing is ever filled in.

Each is divided by the threshold of the person's policy, so 1 is "for review" in every family. What
was told lately raises the bar a little (`told`): at most by a fifth, fading by a thirtieth a day.

Costs and finds: `docs/evaluation.md`. Never: learns from a score, or fills a gap.

Sources: EWMA, Roberts, Technometrics 1 (1959); combination of correlated z scores, Stouffer's
method with known correlation (Hartung, Biom J 41, 1999).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Final

import numpy as np
from numpy.typing import DTypeLike, NDArray

from detect.baseline import (
    USUAL_HALF_WIDTH,
    BaselineState,
    Usual,
    far_reference,
    recent_level,
    usual_days,
)
from detect.findings import FAMILIES
from detect.measures import (
    BODY,
    CORRELATION,
    COUNT,
    DIRECTION,
    FLOOR,
    LEAST,
    LENGTH_WEIGHTS,
    MOST,
    TIMING_WEIGHTS,
    TWO_SIDED,
    WEIGHTS,
    column,
)
from detect.policy import Policy
from tidewell.local_time import NEVER
from tidewell.vocabulary import Family

ILLNESS: Final = FAMILIES.index(Family.ILLNESS)
SLEEP: Final = FAMILIES.index(Family.SLEEP)
WITHDRAWAL: Final = FAMILIES.index(Family.WITHDRAWAL)
ACUTE_LOAD: Final = FAMILIES.index(Family.ACUTE_LOAD)
DRIFT: Final = FAMILIES.index(Family.DRIFT)
DAILY: Final = (ILLNESS, SLEEP, WITHDRAWAL, ACUTE_LOAD)
"""Families whose score answers "how unlike was this day"; drift is about weeks."""

BODY_ALONE: Final = 0.9
"""A change of the body without one of behaviour counts a little less: heart rate wanders."""
ONE_SIDE_OF_SLEEP: Final = 0.85
"""Later, or shorter, alone counts a little less than both."""
UNPROVED: Final = 0.75
"""Weight of a fall in behaviour on a day that nothing of the body shows the device was worn."""
FEW_ALONE: Final = 0.9
"""The measures that carry most count nearly whole alone: what did not move must not drown them."""
SMOOTHING: Final = {
    "all": 0.3,
    "body": 0.3,
    "withdrawal": 0.25,
    "acute": 0.3,
    "heart_and_steps": 0.3,
    "steps": 0.25,
}
SUMS: Final = tuple(SMOOTHING)
MEASURE_SMOOTHING: Final = 0.3
DECAY_PER_MISSING_DAY: Final = 0.9
DRIFT_MOST: Final = 4.0
BEHAVIOUR_DRIFT: Final = 0.5
"""Habits and seasons move behaviour slowly in everybody; the body drifts less.

At 0.7 they took most of the budget of drift, and half of the slow changes of the body were missed.
"""

TOLD_AFTER_DAYS: Final = 7
TOLD_FROM: Final = 0.6
TOLD_MOST: Final = 0.7
TOLD_SHARE: Final = 0.3
TOLD_DAYS: Final = 30.0

_SIGN: Final = np.where(TWO_SIDED, 0.0, DIRECTION)
_ORIENTED: Final = np.where(
    np.eye(COUNT, dtype=bool), 1.0, CORRELATION * _SIGN[:, None] * _SIGN[None, :]
)
_ALPHA: Final = np.array(list(SMOOTHING.values()))
_ILLNESS_BODY: Final = np.where(BODY, WEIGHTS[ILLNESS], 0.0)
_DRIFT_OF_BODY: Final = np.where(BODY, WEIGHTS[DRIFT], 0.0)
_DRIFT_OF_THE_REST: Final = np.where(BODY, 0.0, WEIGHTS[DRIFT])
_DRIFT_MOST: Final = np.full(COUNT, DRIFT_MOST)
_STEPS: Final = np.eye(COUNT)[column("steps")]
_HEART_AND_STEPS: Final = _STEPS + np.eye(COUNT)[column("night_heart_rate")]

COLUMNS: Final[dict[str, tuple[DTypeLike, tuple[int, ...], float]]] = {
    "sums": (np.float32, (len(SUMS),), 0),
    "sums_before": (np.float32, (len(SUMS),), 0),
    "smoothed": (np.float32, (COUNT,), 0),
    "smoothed_before": (np.float32, (COUNT,), 0),
    "score_ring": (np.float32, (TOLD_AFTER_DAYS + 1,), 0),
    "told": (np.float32, (), 0),
    "frozen_centre": (np.float32, (COUNT,), np.nan),
    "frozen_spread": (np.float32, (COUNT,), np.nan),
    "frozen_since_day": (np.int64, (), NEVER),
    "held_sums": (np.float32, (len(SUMS),), 0),
    "held_smoothed": (np.float32, (COUNT,), 0),
}


class FamilyState(BaselineState):
    """`sums`: smoothed sums in the order of `SUMS`; `smoothed`: z of each measure.

    `…_before` are the same before the last day, so that it can be judged again; `held_…` the same
    against the reference that stands still while an episode is open.
    """

    sums: NDArray[np.float32]
    sums_before: NDArray[np.float32]
    smoothed: NDArray[np.float32]
    smoothed_before: NDArray[np.float32]
    score_ring: NDArray[np.float32]
    told: NDArray[np.float32]
    frozen_centre: NDArray[np.float32]
    frozen_spread: NDArray[np.float32]
    frozen_since_day: NDArray[np.int64]
    held_sums: NDArray[np.float32]
    held_smoothed: NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class ScoredDays:
    """What scoring says about one day of each of n people.

    Attributes:
        family_scores: float64[n, families]; 1 = for review; NaN = not scorable.
        score: float64[n], the largest of the families that judge a day; NaN = not scorable.
        today: float64[n], the largest unsmoothed sum of illness and withdrawal, in spreads.
        z: float64[n, features], of this day alone, more is more; NaN = absent or not learned.
        body_z: float64[n], the smoothed sum over the body, in spreads.
        usual: float64[n, features, 3]: centre and the middle 80 %, on the scale of comparison.
        far: the same against the far reference, with `recent` float64[n, features], of 17 days.
        drift_z: float64[n, features].
        near: the near reference, and in `shift` the weekend's part of its centre.
        held_scores: float64[n, families] against the reference that stands still, for people with
            an open episode; NaN for everybody else.
    """

    family_scores: NDArray[np.float64]
    score: NDArray[np.float64]
    today: NDArray[np.float64]
    z: NDArray[np.float64]
    body_z: NDArray[np.float64]
    usual: NDArray[np.float64]
    far: NDArray[np.float64]
    recent: NDArray[np.float64]
    drift_z: NDArray[np.float64]
    near: Usual
    shift: NDArray[np.float64]
    held_scores: NDArray[np.float64]


def score_day(
    state: FamilyState,
    rows: NDArray[np.int64],
    day: NDArray[np.int64],
    values: NDArray[np.float64],
    proved: NDArray[np.bool_],
    policy: Policy,
) -> ScoredDays:
    """Score one day of each person from their past and move the smoothed scores on.

    Args:
        rows: state rows, each once. values: float64[n, features] on the scale of comparison; they
            have been written to the ring already (`baseline.write_day`).
        proved: bool[n], it is known that the device was worn that day.
        policy: gives the thresholds.
    """
    near, shift = usual_days(state, rows, day)
    z = _z(values, near)
    body_present = (~np.isnan(z[:, BODY])).any(axis=1)
    proved = proved | body_present | ~(near.days[:, BODY] > 0).any(axis=1)
    state.sums_before[rows], state.smoothed_before[rows] = state.sums[rows], state.smoothed[rows]
    sums = _daily_sums(z, proved)
    drift, drift_z, recent, far = _drift(state, rows, day, near)
    raw = _by_family(_smooth_sums(state.sums, rows, sums), _sleep(state.smoothed, rows, z))
    raw[:, DRIFT] = drift
    thresholds = policy.thresholds()
    scores = raw / thresholds
    held_scores = _held(state, rows, values - shift, proved) / thresholds
    held_scores[:, DRIFT] = np.where(np.isnan(held_scores).all(axis=1), np.nan, scores[:, DRIFT])
    scores[:, list(DAILY)] -= TOLD_SHARE * _told(state, rows, day)[:, None]
    score = _largest(scores[:, list(DAILY)])
    state.score_ring[rows, day % (TOLD_AFTER_DAYS + 1)] = np.where(np.isnan(score), 0.0, score)
    return ScoredDays(
        family_scores=scores,
        score=score,
        today=_largest(sums[:, [0, 1, 2]]),
        z=z,
        body_z=state.sums[rows, 1].astype(np.float64),
        usual=_band(near.centre, near.spread),
        far=_band(far[0], far[1]),
        recent=recent,
        drift_z=drift_z,
        near=near,
        shift=shift,
        held_scores=held_scores,
    )


def combine(z: NDArray[np.float64], weights: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return sum(w z) / sqrt(w' R w) over what is present: float64[n], NaN where nothing is.

    Args:
        z: float64[n, features], each such that more is worse. weights: float64[features].

    Example:
        >>> z = np.full((1, COUNT), np.nan); z[0, 0] = 2.0
        >>> float(combine(z, WEIGHTS[ILLNESS])[0])  # one measure alone keeps its z
        2.0
    """
    places, spreads = _spreads(weights.tobytes())
    chosen = z.T[places]
    present = ~np.isnan(chosen)
    # Measure by measure: other sums may round otherwise in another company of people.
    total = np.zeros(len(z))
    for part in np.where(present, chosen, 0.0) * weights[places][:, None]:
        total += part
    return total / spreads.take((1 << np.arange(len(places))) @ present)


@cache
def _spreads(weights: bytes) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Return the measures that weigh, and sqrt(w' R w) for each set of those that are present.

    The sets are counted in bits, first measure lowest; NaN for the empty one. Few sets, many days:
    so each is worked out once. The weights come as bytes, for they are what is remembered by.
    """
    of = np.frombuffer(weights)
    places = np.flatnonzero(of)
    sets = np.arange(1 << len(places))
    variance = np.zeros(len(sets))
    used: dict[int, NDArray[np.float64]] = {}
    for bit, place in enumerate(places.tolist()):
        used[place] = np.where(sets >> bit & 1, of[place], 0.0)
        for other, weight in used.items():
            share = 1.0 if other == place else 2.0 * float(_ORIENTED[place, other])
            if share:
                variance += share * used[place] * weight
    return places, np.where(sets > 0, np.sqrt(np.maximum(variance, 1e-9)), np.nan)


def worse(z: NDArray[np.float64], most: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return z turned so that more is worse, within [-1, most]; either way where both are odd."""
    turned = np.where(TWO_SIDED, np.abs(z), z * DIRECTION)
    limited: NDArray[np.float64] = np.minimum(np.maximum(turned, LEAST), most)
    return limited


def fade(state: FamilyState, rows: NDArray[np.int64], missing: NDArray[np.int64]) -> None:
    """Let smoothed scores fade over days that never closed."""
    left = (DECAY_PER_MISSING_DAY ** np.maximum(missing, 0)).astype(np.float32)
    for memory in (state.sums, state.smoothed, state.held_sums, state.held_smoothed):
        memory[rows] *= left[:, None]
    for back in range(min(int(missing.max(initial=0)), TOLD_AFTER_DAYS + 1)):
        chosen = rows[missing > back]
        state.told[chosen] = state.told[chosen] * np.float32(np.exp(-1 / TOLD_DAYS))


def _by_family(sums: NDArray[np.float64], sleep: NDArray[np.float64]) -> NDArray[np.float64]:
    raw = np.full((len(sums), len(FAMILIES)), np.nan)
    all_or_body = np.fmax(sums[:, 0], BODY_ALONE * sums[:, 1])
    raw[:, ILLNESS] = np.fmax(all_or_body, FEW_ALONE * sums[:, 4])
    raw[:, WITHDRAWAL] = np.fmax(sums[:, 2], FEW_ALONE * sums[:, 5])
    raw[:, ACUTE_LOAD] = sums[:, 3]
    raw[:, SLEEP] = sleep
    return raw


def _held(
    state: FamilyState,
    rows: NDArray[np.int64],
    values: NDArray[np.float64],
    proved: NDArray[np.bool_],
) -> NDArray[np.float64]:
    """Return the scores against the reference that stands still, NaN where none does."""
    found = np.full((len(rows), len(FAMILIES)), np.nan)
    place = np.flatnonzero(state.frozen_since_day[rows] != NEVER)
    if not len(place):
        return found
    held = rows[place]
    spread = state.frozen_spread[held].astype(np.float64)
    z = np.clip((values[place] - state.frozen_centre[held]) / spread, -2 * MOST, 2 * MOST)
    sums = _smooth_sums(state.held_sums, held, _daily_sums(z, proved[place]))
    found[place] = _by_family(sums, _sleep(state.held_smoothed, held, z))
    return found


def _z(values: NDArray[np.float64], near: Usual) -> NDArray[np.float64]:
    z: NDArray[np.float64] = near.certainty * (values - near.centre) / near.spread
    return np.clip(z, -2 * MOST, 2 * MOST)


def _daily_sums(z: NDArray[np.float64], proved: NDArray[np.bool_]) -> NDArray[np.float64]:
    turned = worse(z, MOST)
    doubtful = ~proved[:, None] & ~BODY[None, :] & (turned > 0)
    turned = np.where(doubtful, turned * UNPROVED, turned)
    sums = (
        combine(turned, WEIGHTS[ILLNESS]),
        combine(turned, _ILLNESS_BODY),
        combine(turned, WEIGHTS[WITHDRAWAL]),
        combine(turned, WEIGHTS[ACUTE_LOAD]),
        combine(turned, _HEART_AND_STEPS),
        combine(turned, _STEPS),
    )
    return np.stack(sums, axis=1)


def _smooth_sums(
    memory: NDArray[np.float32], rows: NDArray[np.int64], today: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Move smoothed sums on and return them; NaN where today says nothing."""
    old = memory[rows].astype(np.float64)
    moved = (1 - _ALPHA) * old + _ALPHA * today
    missing = np.isnan(today)
    memory[rows] = np.where(missing, DECAY_PER_MISSING_DAY * old, moved)
    return np.where(missing, np.nan, memory[rows])


def _sleep(
    memory: NDArray[np.float32], rows: NDArray[np.int64], z: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Move the smoothed z of each measure on and return what they say about sleep."""
    old = memory[rows].astype(np.float64)
    limited = np.clip(z, -MOST, MOST)
    moved = (1 - MEASURE_SMOOTHING) * old + MEASURE_SMOOTHING * limited
    missing = np.isnan(z)
    memory[rows] = np.where(missing, DECAY_PER_MISSING_DAY * old, moved)
    present = np.where(missing, np.nan, memory[rows])
    turned = worse(present, MOST)
    shifted = np.minimum(np.abs(present), MOST)
    one_side = np.fmax(combine(shifted, TIMING_WEIGHTS), combine(turned, LENGTH_WEIGHTS))
    return np.fmax(combine(turned, WEIGHTS[SLEEP]), ONE_SIDE_OF_SLEEP * one_side)


def _drift(
    state: FamilyState, rows: NDArray[np.int64], day: NDArray[np.int64], near: Usual
) -> tuple[
    NDArray[np.float64],
    NDArray[np.float64],
    NDArray[np.float64],
    tuple[NDArray[np.float64], NDArray[np.float64]],
]:
    """Return score, z and recent level, NaN where too few weeks are known, and the reference."""
    centre, week_spread = far_reference(state, rows, day)
    daily = np.fmax(near.spread, FLOOR)
    score, (drift_z, recent) = np.full(len(rows), np.nan), np.full((2, *centre.shape), np.nan)
    known = np.flatnonzero(~np.isnan(centre).all(axis=1))
    if len(known):
        recent[known] = recent_level(state, rows[known], day[known])
        spread = np.sqrt((daily[known] ** 2 / 2 + week_spread[known] ** 2) / 2)
        away = (recent[known] - centre[known]) / spread
        drift_z[known] = np.clip(away, -DRIFT_MOST, DRIFT_MOST)
        turned = worse(drift_z[known], _DRIFT_MOST)
        body, rest = combine(turned, _DRIFT_OF_BODY), combine(turned, _DRIFT_OF_THE_REST)
        score[known] = np.fmax(body, BEHAVIOUR_DRIFT * rest)
    return score, drift_z, recent, (centre, daily)


def _told(
    state: FamilyState, rows: NDArray[np.int64], day: NDArray[np.int64]
) -> NDArray[np.float64]:
    """Return how far the bar is raised by what was told a week ago and before."""
    earlier = state.score_ring[rows, (day + 1) % (TOLD_AFTER_DAYS + 1)].astype(np.float64)
    faded = state.told[rows].astype(np.float64) * np.exp(-1 / TOLD_DAYS)
    state.told[rows] = np.maximum(faded, earlier - TOLD_FROM)
    return np.minimum(state.told[rows].astype(np.float64), TOLD_MOST)


def _largest(values: NDArray[np.float64]) -> NDArray[np.float64]:
    filled = np.where(np.isnan(values), -np.inf, values).max(axis=1)
    return np.where(np.isneginf(filled), np.nan, filled)


def _band(centre: NDArray[np.float64], spread: NDArray[np.float64]) -> NDArray[np.float64]:
    half = USUAL_HALF_WIDTH * spread
    return np.stack([centre, centre - half, centre + half], axis=-1)
