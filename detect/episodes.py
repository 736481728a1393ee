"""From scores to episodes: when a change begins to matter, grows, and ends.

Opens where a family's score reaches 1, the threshold of its budget, and two of the last three days
could be compared. Its level is *check today* from the policy's second threshold, and never falls
while it is open. Closes after two scored days below 0.6 (hysteresis: a score that wavers about one
line must not ring twice). Then seven days pass before the next one of this person, unless a day
asks for *check today*: a rest must not hide something worse.

Few: one change is told once. While one of the daily families is open, another opens for a higher
level, or, from the next day on, where it asks for *check today* by itself: a large change of
another kind is told even beside one that was told. Illness and withdrawal look at the same
behaviour, so beside an illness of the same level no withdrawal opens, and beside a withdrawal an
illness only where the body alone asks for review. Two at most are open, drift among them. What is
called illness has moved the body; where only behaviour moved, it is withdrawal.

While an episode is open, what it is measured against stands still for 21 days at most, so that a
change does not end because it has become usual; then it is learned again, and the explanation says
so. The score of the day goes on against the moving reference: a change that lasts is not told anew
every week.

Never: opens for a day without data, or closes because data stopped.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import DTypeLike, NDArray

from detect.baseline import RING_DAYS
from detect.families import (
    ACUTE_LOAD,
    BODY_ALONE,
    DRIFT,
    ILLNESS,
    SLEEP,
    WITHDRAWAL,
    FamilyState,
    ScoredDays,
)
from detect.findings import FAMILIES, LEVELS, NO_FAMILY, EpisodeKind
from detect.policy import Policy
from tidewell.local_time import NEVER
from tidewell.vocabulary import Family, Level

CLOSES_BELOW: Final = 0.6
DAYS_BELOW_TO_CLOSE: Final = 2
CHECK_TODAY_PLACE: Final = LEVELS.index(Level.CHECK_TODAY)
UNUSUAL_DAY_FROM: Final = 1.0
"""A day from which "since" counts: one spread away from usual in the bad direction."""
PHYSIOLOGY_FROM: Final = 0.5
"""With less change than this in the body, a change is one of behaviour: withdrawal, not illness."""
OFFSET_MOST: Final = 0.3
"""What practitioners' answers may move a person's threshold, up or down."""
OFFSET_STEP: Final = 0.05
ORDER: Final = (ILLNESS, WITHDRAWAL, SLEEP, ACUTE_LOAD, DRIFT)
"""Which family is asked first where several reach their threshold equally."""

COLUMNS: Final[dict[str, tuple[DTypeLike, tuple[int, ...], float]]] = {
    "episode_level": (np.int8, (len(FAMILIES),), 0),
    "episode_opened_ms": (np.int64, (len(FAMILIES),), NEVER),
    "episode_since_day": (np.int64, (len(FAMILIES),), NEVER),
    "days_below": (np.int8, (len(FAMILIES),), 0),
    "rest_until_day": (np.int64, (), NEVER),
    "unusual_since_day": (np.int64, (), NEVER),
    "offset": (np.float32, (len(FAMILIES),), 0),
    "relearned_day": (np.int64, (), NEVER),
    "quiet_since_day": (np.int64, (), NEVER),
    "quiet_until_day": (np.int64, (), NEVER),
}


class EpisodeState(FamilyState):
    """`episode_level`: place in LEVELS, 0 where none is open, for each family.

    `quiet_since_day`, `quiet_until_day`: in between sleep and illness open nothing (travel).
    """

    episode_level: NDArray[np.int8]
    episode_opened_ms: NDArray[np.int64]
    episode_since_day: NDArray[np.int64]
    days_below: NDArray[np.int8]
    rest_until_day: NDArray[np.int64]
    unusual_since_day: NDArray[np.int64]
    offset: NDArray[np.float32]
    relearned_day: NDArray[np.int64]
    quiet_since_day: NDArray[np.int64]
    quiet_until_day: NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Turn:
    """A change of the episode of the person at `place` of the scored days."""

    place: int
    kind: EpisodeKind
    family: Family
    level: Level


@dataclass(frozen=True, slots=True)
class Judged:
    """What each day is about and asks for.

    Attributes:
        scores: float64[n, families] against the person's own thresholds; illness without a moved
            body stands as withdrawal.
        family: int8[n], place in FAMILIES or -1. level: int8[n], place in LEVELS.
        levels: int8[n, families]. held: float64[n, families], what an open episode lives on.
        body_asks: bool[n], the body alone, without behaviour, asks for review.
    """

    scores: NDArray[np.float64]
    family: NDArray[np.int8]
    level: NDArray[np.int8]
    levels: NDArray[np.int8]
    held: NDArray[np.float64]
    body_asks: NDArray[np.bool_]


def judge(
    state: EpisodeState, rows: NDArray[np.int64], scored: ScoredDays, policy: Policy
) -> Judged:
    """Return what each scored day is about and asks for."""
    scores = np.where(np.isnan(scored.family_scores), -np.inf, scored.family_scores)
    held = np.where(np.isnan(scored.held_scores), scores, scored.held_scores)
    held = np.where(np.isneginf(scores), scores, held) / (1 + state.offset[rows])
    only_behaviour = scored.body_z < PHYSIOLOGY_FROM
    body_asks_from = policy.thresholds()[ILLNESS] * (1 + state.offset[rows, ILLNESS])
    takes_over = only_behaviour & (policy.budgets[WITHDRAWAL] > 0)
    moved = np.maximum(scores[:, WITHDRAWAL], scores[:, ILLNESS])
    scores[:, WITHDRAWAL] = np.where(takes_over, moved, scores[:, WITHDRAWAL])
    scores[:, ILLNESS] = np.where(only_behaviour, -np.inf, scores[:, ILLNESS])
    scores /= 1 + state.offset[rows]
    levels = (scores >= 1).astype(np.int8) + (scores >= policy.check_today_from())
    order = np.array(ORDER)
    strongest = order[np.argmax(scores[:, order], axis=1)]
    at_strongest = scores[np.arange(len(rows)), strongest]
    stands_out = (at_strongest >= CLOSES_BELOW) & ~np.isneginf(at_strongest)
    family = np.where(stands_out, strongest, NO_FAMILY).astype(np.int8)
    return Judged(
        scores,
        family,
        levels.max(axis=1).astype(np.int8),
        levels.astype(np.int8),
        held,
        BODY_ALONE * scored.body_z >= body_asks_from,
    )


def turn_episodes(
    state: EpisodeState,
    rows: NDArray[np.int64],
    day: NDArray[np.int64],
    scored: ScoredDays,
    judged: Judged,
    held: NDArray[np.bool_],
    policy: Policy,
) -> list[Turn]:
    """Move every person's episodes on by one scored day and return what changed, by place.

    Args:
        held: bool[n], days that a note explains: illness, sleep and withdrawal open nothing.
    """
    usable = ~np.isnan(scored.score)
    _remember_since(state, rows, day, usable, usable & (scored.today >= UNUSUAL_DAY_FROM))
    known = usable | ~np.isnan(scored.family_scores[:, DRIFT])
    turns: list[Turn] = []
    is_open = state.episode_level[rows] > 0
    for place in np.flatnonzero(is_open.any(axis=1) & known).tolist():
        turns += _go_on(state, int(rows[place]), place, int(day[place]), judged, policy)
    asks = np.flatnonzero(known & (judged.level > 0))
    for place in asks[_two_of_three(state, rows[asks], day[asks])].tolist():
        turns += _open(state, int(rows[place]), place, int(day[place]), judged, held, policy)
    return sorted(turns, key=lambda turn: turn.place)


def hear(state: EpisodeState, row: int, family: Family, was_useful: bool) -> None:
    """Move a person's own threshold by a twentieth after a practitioner's answer.

    Never further than 30 % from everybody's: nobody is talked out of being noticed.
    """
    place = FAMILIES.index(family)
    step = -OFFSET_STEP if was_useful else OFFSET_STEP
    moved = float(state.offset[row, place]) + step
    state.offset[row, place] = min(OFFSET_MOST, max(-OFFSET_MOST, moved))


def freeze(
    state: EpisodeState,
    rows: NDArray[np.int64],
    day: NDArray[np.int64],
    centre: NDArray[np.float64],
    spread: NDArray[np.float64],
    policy: Policy,
) -> None:
    """Hold the reference of people with an open episode, and let go of it when it is time.

    Args:
        centre, spread: float64[n, features], the moving reference of that day.
    """
    is_open = (state.episode_level[rows] > 0).any(axis=1)
    frozen = state.frozen_since_day[rows] != NEVER
    begins = is_open & ~frozen & (state.relearned_day[rows] == NEVER)
    held = rows[begins]
    state.frozen_centre[held], state.frozen_spread[held] = centre[begins], spread[begins]
    state.frozen_since_day[held] = day[begins]
    state.held_sums[held], state.held_smoothed[held] = state.sums[held], state.smoothed[held]
    too_long = frozen & (day - state.frozen_since_day[rows] >= policy.freeze_days)
    state.relearned_day[rows[too_long & is_open]] = day[too_long & is_open]
    state.relearned_day[rows[~is_open]] = NEVER
    ended = rows[(frozen & ~is_open) | too_long]
    state.frozen_centre[ended] = np.nan
    state.frozen_spread[ended] = np.nan
    state.frozen_since_day[ended] = NEVER


def _remember_since(
    state: EpisodeState,
    rows: NDArray[np.int64],
    day: NDArray[np.int64],
    usable: NDArray[np.bool_],
    unusual: NDArray[np.bool_],
) -> None:
    """Keep the first day of the present run of unusual days; a day without data ends no run."""
    since = state.unusual_since_day[rows]
    since = np.where(unusual & (since == NEVER), day, since)
    state.unusual_since_day[rows] = np.where(usable & ~unusual, NEVER, since)


def _two_of_three(
    state: EpisodeState, rows: NDArray[np.int64], day: NDArray[np.int64]
) -> NDArray[np.bool_]:
    slots = (day[:, None] - np.arange(3)) % RING_DAYS
    valid = ~np.isnan(state.ring[rows[:, None], :, slots]).all(axis=-1)
    enough: NDArray[np.bool_] = valid.sum(axis=1) >= 2
    return enough


def _open(
    state: EpisodeState,
    row: int,
    place: int,
    day: int,
    judged: Judged,
    held: NDArray[np.bool_],
    policy: Policy,
) -> list[Turn]:
    turns: list[Turn] = []
    before = state.episode_level[row].copy()
    ranked = sorted(ORDER, key=lambda family: -judged.scores[place, family])
    for family in ranked:
        if not _may_open(state, row, place, day, family, judged, held, policy, before):
            continue
        level = int(judged.levels[place, family])
        state.episode_level[row, family] = level
        run = int(state.unusual_since_day[row]) if family in {ILLNESS, WITHDRAWAL} else NEVER
        state.episode_since_day[row, family] = day if run == NEVER else run
        state.relearned_day[row] = NEVER
        state.days_below[row, family] = 0
        turns.append(Turn(place, EpisodeKind.OPENED, FAMILIES[family], LEVELS[level]))
    return turns


def _may_open(
    state: EpisodeState,
    row: int,
    place: int,
    day: int,
    family: int,
    judged: Judged,
    held: NDArray[np.bool_],
    policy: Policy,
    before: NDArray[np.int8],
) -> bool:
    level = int(judged.levels[place, family])
    levels = state.episode_level[row]
    if level == 0 or levels[family] > 0 or np.count_nonzero(levels) >= policy.most_open:
        return False
    if held[place] and family in {ILLNESS, SLEEP, WITHDRAWAL}:
        return False
    if day <= state.quiet_until_day[row] and family in {ILLNESS, SLEEP}:
        return False
    if level < CHECK_TODAY_PLACE and day <= state.rest_until_day[row]:
        return False
    # A family that nothing is known of any more must not hide another.
    speaks = np.where(np.isneginf(judged.held[place]), 0, levels)
    speaks[DRIFT] = 0
    if family == DRIFT or level > int(speaks.max()):
        return True
    opened_today = bool(((speaks > 0) & (before == 0)).any())
    if level < CHECK_TODAY_PLACE or opened_today:
        return False
    return _is_another_kind(speaks, family, level, body_asks=bool(judged.body_asks[place]))


def _is_another_kind(speaks: NDArray[np.int8], family: int, level: int, *, body_asks: bool) -> bool:
    """Return whether no open episode of this level is about what the family looks at too."""
    if family == WITHDRAWAL:
        return int(speaks[ILLNESS]) < level
    return family != ILLNESS or int(speaks[WITHDRAWAL]) < level or body_asks


def _go_on(
    state: EpisodeState, row: int, place: int, day: int, judged: Judged, policy: Policy
) -> list[Turn]:
    turns = []
    for family in np.flatnonzero(state.episode_level[row] > 0).tolist():
        score = _score_of(judged, place, family)
        before = int(state.episode_level[row, family])
        if np.isneginf(score):
            continue
        if score < CLOSES_BELOW:
            state.days_below[row, family] += 1
            if state.days_below[row, family] < DAYS_BELOW_TO_CLOSE:
                continue
            state.episode_level[row, family] = 0
            state.rest_until_day[row] = day + policy.rest_days
            turns.append(Turn(place, EpisodeKind.CLOSED, FAMILIES[family], LEVELS[before]))
            continue
        state.days_below[row, family] = 0
        level = max(before, int(judged.levels[place, family]))
        state.episode_level[row, family] = level
        kind = EpisodeKind.WORSENED if level > before else EpisodeKind.CONTINUED
        turns.append(Turn(place, kind, FAMILIES[family], LEVELS[level]))
    return turns


def _score_of(judged: Judged, place: int, family: int) -> float:
    """Return what keeps an episode open; an illness whose body calmed lives on its behaviour.

    A withdrawal lives on illness too: where only behaviour moved, both look at it.
    """
    if family in {ILLNESS, WITHDRAWAL}:
        return float(max(judged.held[place, ILLNESS], judged.held[place, WITHDRAWAL]))
    return float(judged.held[place, family])
