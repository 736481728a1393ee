"""Judging a day: features in, a row of results and changes of episodes out.

The one path for days from readings and days from files, so that both give the same findings. In
order: make room, leave out what a note sets aside, write, score, judge, turn episodes, hold the
baseline where one is open.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from detect import baseline, episodes, families, notes
from detect.baseline import LEAST_DAYS, RING_DAYS, USUAL_HALF_WIDTH, WINDOW_DAYS
from detect.episodes import EpisodeState, Judged, Turn
from detect.explain import Circumstances, explain_day, explain_end
from detect.explanation import COVERAGE_DAYS, Agreement
from detect.families import DRIFT, ScoredDays, worse
from detect.findings import FAMILIES, DayResults, EpisodeKind
from detect.measures import COUNT, DEVICE_BOUND, MOST, WEIGHTS, column, compared, own_unit
from detect.notes import NoteState
from detect.policy import Policy
from detect.rhythm import TRAVEL_FROM_H, phase_jump_h
from tidewell.local_time import NEVER
from tidewell.vocabulary import FEATURE_NAMES

VERSION: Final = "4"
"""Raised whenever the same readings may give other findings.

A snapshot of another version is not used.
"""
MOVED_FROM: Final = 0.8
"""A measure counts as moved when it stands, smoothed, this many spreads from usual."""
PROOF_OF_WEAR_MINUTES: Final = 8 * 60
TRAVEL_DAYS: Final = 3
"""A body clock that jumped three hours is a journey or a night awake: sleep and illness wait."""
TRAVEL_MOST_DAYS: Final = 7
"""Further jumps lengthen a hold to a week in all: the way there and back."""
TRAVEL_APART_DAYS: Final = 7
"""Days from one hold to the next: nights that turn again and again are no journey, but a change."""
HOURS_ROUND: Final = 24.0
PHASE: Final = column("circadian_phase_h")
UNKNOWN_MINUTES: Final = -1
_FULL_MOST: Final = 2 * MOST
_WATCHED: Final = tuple(
    tuple(FEATURE_NAMES[place] for place in np.argsort(-of, kind="stable") if of[place] > 0)
    for of in WEIGHTS
)
"""Of each family, what it looks at, most important first."""


class DayState(EpisodeState, NoteState):
    """All that judging a day reads and writes."""

    person_id: NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class JudgedDays:
    """Days with their results, and what they changed.

    Attributes:
        results: as they are answered.
        turns: changes by place.
        scored, judged: what the explanations need.
    """

    results: DayResults
    turns: list[Turn]
    scored: ScoredDays
    judged: Judged


def judge_days(
    state: DayState,
    rows: NDArray[np.int64],
    day: NDArray[np.int64],
    features: NDArray[np.float32],
    worn_minutes: NDArray[np.int32],
    policy: Policy,
) -> JudgedDays:
    """Judge one day of each person, later than their last.

    Args:
        rows: state rows, each once. features: float32[n, features], own units, NaN = none.
        worn_minutes: int32[n], -1 = not known.
    """
    features, held = _begin(state, rows, day, features)
    scored = _write_and_score(state, rows, day, features, worn_minutes, policy)
    judged = episodes.judge(state, rows, scored, policy)
    turns = episodes.turn_episodes(state, rows, day, scored, judged, held, policy)
    _hold(state, rows, day, scored, policy)
    state.set_aside[rows, day % RING_DAYS] |= held
    return JudgedDays(
        _results(state, rows, day, features, worn_minutes, scored, judged), turns, scored, judged
    )


def judge_passed(
    state: DayState,
    rows: NDArray[np.int64],
    day: NDArray[np.int64],
    features: NDArray[np.float32],
    worn_minutes: NDArray[np.int32],
    policy: Policy,
) -> DayResults:
    """Judge a day that was passed over without a reading, after its readings came late.

    It is scored, remembered and taught from like any other. It opens, closes and clears nothing:
    late readings are not news.
    """
    features, held = _begin(state, rows, day, features)
    scored = _write_and_score(state, rows, day, features, worn_minutes, policy)
    judged = episodes.judge(state, rows, scored, policy)
    state.set_aside[rows, day % RING_DAYS] |= held
    return _results(state, rows, day, features, worn_minutes, scored, judged)


def judge_again(
    state: DayState,
    rows: NDArray[np.int64],
    features: NDArray[np.float32],
    worn_minutes: NDArray[np.int32],
    policy: Policy,
) -> DayResults:
    """Judge the last closed day again after readings for it came late.

    It rewrites that day and the scores that rest on it. It opens, closes and clears nothing: late
    readings are not news.
    """
    day = state.last_closed_day[rows]
    state.sums[rows], state.smoothed[rows] = state.sums_before[rows], state.smoothed_before[rows]
    told, held = state.told[rows].copy(), (state.held_sums[rows], state.held_smoothed[rows])
    # Scoring fades what was told by a day, and that day has faded it already.
    state.told[rows] = told * np.float32(np.exp(1 / families.TOLD_DAYS))
    left_out = notes.touches(state, rows, day, notes.LEAVES_OUT)
    features = np.where(left_out[:, None], np.float32(np.nan), features)
    scored = _write_and_score(state, rows, day, features, worn_minutes, policy)
    state.told[rows], (state.held_sums[rows], state.held_smoothed[rows]) = told, held
    judged = episodes.judge(state, rows, scored, policy)
    return _results(state, rows, day, features, worn_minutes, scored, judged)


def forget_device(state: DayState, row: int) -> None:
    """Start again with the measures that depend on the model of the device."""
    state.ring[row, DEVICE_BOUND] = np.nan
    state.weekly[row, DEVICE_BOUND] = np.nan
    for memory in (state.smoothed, state.smoothed_before, state.held_smoothed):
        memory[row, DEVICE_BOUND] = 0
    state.frozen_centre[row, DEVICE_BOUND] = np.nan


def explain_turn(
    state: DayState, row: int, turn: Turn, day: int, found: JudgedDays
) -> dict[str, Any]:
    """Explain a change in the person's own units."""
    family = FAMILIES.index(turn.family)
    since = int(state.episode_since_day[row, family])
    since = day if since == NEVER else min(since, day)
    features, z = found.results.features[turn.place], state.smoothed[row]
    usual = found.results.usual[turn.place].astype(np.float64)
    if int(state.frozen_since_day[row]) != NEVER and family != DRIFT:
        centre, half = state.frozen_centre[row], USUAL_HALF_WIDTH * state.frozen_spread[row]
        band = np.stack([centre, centre - half, centre + half]).astype(np.float64)
        usual, z = own_unit(band).T, state.held_smoothed[row]
        usual[PHASE] += _round_to(usual[PHASE, 0], features[PHASE])
    if family == DRIFT:
        features = own_unit(found.scored.recent[turn.place]).astype(np.float32)
        usual = own_unit(found.scored.far[turn.place].T).T
        features[PHASE] %= HOURS_ROUND
        usual[PHASE] += _round_to(usual[PHASE, 0], features[PHASE])
        z = found.scored.drift_z[turn.place].astype(np.float32)
        since = day - baseline.FAR_FROM_DAYS + 1
    oriented = WEIGHTS[family] * worse(z.astype(np.float64), _FULL_MOST)
    there = (WEIGHTS[family] > 0) & np.isfinite(features) & np.isfinite(usual).all(axis=1)
    around = _circumstances(state, row, turn, since, day, found, oriented, there)
    worn = int(found.results.worn_minutes[turn.place])
    minutes = None if worn == UNKNOWN_MINUTES else worn
    if turn.kind is EpisodeKind.CLOSED:
        return explain_end(turn.family, since, features, usual, minutes, around)
    contribution = np.where(there, oriented, np.nan)
    return explain_day(turn.family, since, day, features, usual, contribution, minutes, around)


def _begin(
    state: DayState,
    rows: NDArray[np.int64],
    day: NDArray[np.int64],
    features: NDArray[np.float32],
) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """Make room for a day; return what notes leave of it, and where they explain it."""
    last = state.last_closed_day[rows]
    missing = np.where(last == NEVER, 0, day - last - 1)
    families.fade(state, rows, missing)
    _forget_told(state, rows, day, missing)
    baseline.open_day(state, rows, day)
    left_out = notes.touches(state, rows, day, notes.LEAVES_OUT)
    features = np.where(left_out[:, None], np.float32(np.nan), features)
    _notice_travel(state, rows, day, features)
    return features, notes.touches(state, rows, day, notes.HOLDS)


def _circumstances(
    state: DayState,
    row: int,
    turn: Turn,
    since: int,
    day: int,
    found: JudgedDays,
    oriented: NDArray[np.float64],
    there: NDArray[np.bool_],
) -> Circumstances:
    family = FAMILIES.index(turn.family)
    week = (day - np.arange(COVERAGE_DAYS)) % RING_DAYS
    with_data = ~np.isnan(state.ring[row][:, week]).all(axis=0)
    moved = there & (oriented >= MOVED_FROM * WEIGHTS[family])
    known = found.scored.near.days[turn.place][there]
    frozen, relearned = int(state.frozen_since_day[row]), int(state.relearned_day[row])
    return Circumstances(
        level=turn.level,
        days_with_data=int(with_data.sum()),
        agreement=Agreement(int(moved.sum()), int(there.sum())),
        watched=_WATCHED[family],
        version=VERSION,
        learning=bool(len(known)) and LEAST_DAYS <= int(known.max()) < WINDOW_DAYS,
        frozen_since_day=None if frozen in {NEVER, day} or family == DRIFT else frozen,
        relearned_on_day=relearned if relearned >= since else None,
        notes=notes.kinds_about(state, row, since, day),
    )


def _write_and_score(
    state: DayState,
    rows: NDArray[np.int64],
    day: NDArray[np.int64],
    features: NDArray[np.float32],
    worn_minutes: NDArray[np.int32],
    policy: Policy,
) -> ScoredDays:
    values = compared(features)
    values[:, PHASE] = _on_own_clock(state, rows, day, values[:, PHASE])
    baseline.write_day(state, rows, day, values)
    proved = worn_minutes >= PROOF_OF_WEAR_MINUTES
    return families.score_day(state, rows, day, values, proved, policy)


def _forget_told(
    state: DayState, rows: NDArray[np.int64], day: NDArray[np.int64], missing: NDArray[np.int64]
) -> None:
    """Days that never closed told nothing, and what was told before them fades on."""
    slots = families.TOLD_AFTER_DAYS + 1
    longer = np.maximum(missing - slots, 0)  # `families.fade` stops at as many days
    state.told[rows] *= np.exp(-longer / families.TOLD_DAYS).astype(np.float32)
    for back in range(1, slots + 1):
        chosen = missing >= back
        state.score_ring[rows[chosen], (day[chosen] - back) % slots] = 0


def _hold(
    state: DayState,
    rows: NDArray[np.int64],
    day: NDArray[np.int64],
    scored: ScoredDays,
    policy: Policy,
) -> None:
    """Hold or let go of the baselines of those whom it may concern."""
    concerned = (state.episode_level[rows] > 0).any(axis=1)
    concerned |= (state.frozen_since_day[rows] != NEVER) | (state.relearned_day[rows] != NEVER)
    chosen = np.flatnonzero(concerned)
    if len(chosen):
        centre = scored.near.centre[chosen] - scored.shift[chosen]
        spread = scored.near.spread[chosen]
        episodes.freeze(state, rows[chosen], day[chosen], centre, spread, policy)


def _notice_travel(
    state: DayState,
    rows: NDArray[np.int64],
    day: NDArray[np.int64],
    features: NDArray[np.float32],
) -> None:
    """Hold sleep and illness after the daily rhythm jumped, a week in a fortnight at most."""
    before = state.ring[rows, PHASE, (day - 1) % RING_DAYS].astype(np.float64)
    jumped = np.abs(phase_jump_h(before, features[:, PHASE])) > TRAVEL_FROM_H
    rows, day = rows[jumped], day[jumped]
    since, until = state.quiet_since_day[rows], state.quiet_until_day[rows]
    goes_on = day <= until
    begins = (until == NEVER) | (day > until + TRAVEL_APART_DAYS)
    since = np.where(begins, day, since)
    longer = np.minimum(day + TRAVEL_DAYS, since + TRAVEL_MOST_DAYS - 1)
    state.quiet_since_day[rows] = since
    state.quiet_until_day[rows] = np.where(begins | goes_on, longer, until)


def _on_own_clock(
    state: DayState, rows: NDArray[np.int64], day: NDArray[np.int64], phase: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return hours of the day as near as they come to the person's own centre: float64[n].

    The hour of somebody whose rhythm turns about midnight is 23.8 or 24.3, never 0.3: medians and
    differences of such hours mean something. The centre is the median of the last month, else of
    the weeks before.
    """
    recent = state.ring[rows, PHASE].astype(np.float64)
    recent[np.arange(len(rows)), day % RING_DAYS] = np.nan
    weeks = state.weekly[rows, PHASE].astype(np.float64)
    month, longer = (
        baseline.median_of(known, np.count_nonzero(~np.isnan(known), axis=1))
        for known in (recent, weeks)
    )
    centre = np.where(np.isnan(month), longer, month)
    return np.where(np.isnan(centre), phase, centre + phase_jump_h(centre, phase))


def _round_to(centre: NDArray[np.floating], beside: NDArray[np.floating]) -> NDArray[np.float64]:
    """Return whole days, in hours, that bring a centre nearest to an hour; 0 where not known.

    Example:
        >>> _round_to(np.array([24.3, 1.0]), np.array([0.5, np.nan])).tolist()
        [-24.0, 0.0]
    """
    days = np.rint((np.asarray(beside, np.float64) - centre) / HOURS_ROUND)
    return np.where(np.isfinite(days), days, 0.0) * HOURS_ROUND


def _results(
    state: DayState,
    rows: NDArray[np.int64],
    day: NDArray[np.int64],
    features: NDArray[np.float32],
    worn_minutes: NDArray[np.int32],
    scored: ScoredDays,
    judged: Judged,
) -> DayResults:
    usual = np.swapaxes(own_unit(np.swapaxes(scored.usual, 1, 2)), 1, 2)
    usual[np.isnan(scored.usual)] = np.nan
    hour = np.where(np.isnan(features[:, PHASE]), HOURS_ROUND / 2, features[:, PHASE])
    usual[:, PHASE] += _round_to(usual[:, PHASE, 0], hour)[:, None]
    scorable = ~np.isnan(scored.score)
    return DayResults(
        state.person_id[rows].copy(),
        day.copy(),
        features,
        usual.astype(np.float32),
        worn_minutes,
        scored.score.astype(np.float32),
        scored.family_scores.astype(np.float32),
        np.where(scorable, judged.family, -1).astype(np.int8),
        judged.level,
    )


assert len(FEATURE_NAMES) == COUNT
