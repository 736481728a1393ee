"""From scores to episodes: when a change begins to matter, grows, and ends.

Opens at a score of 1.6, in two of whose last three days something could be compared. Its level is
*check today* from 2.4, and never falls while it is open. Closes after two scored days below 0.6 of
the opening score (hysteresis: a score that wavers about one line must not ring twice). After
closing, seven days pass before the next one opens, unless a day asks for *check today*: a rest must
not hide something worse.

What it costs and finds is in `docs/decisions/0003-detector-first-shape.md`. Never: opens for a day
without data, or closes because data stopped.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from detect.baseline import RING_DAYS
from detect.daily import NIGHT_HEART_RATE, ScoredDays
from detect.findings import FAMILIES, LEVELS, NO_FAMILY, EpisodeKind
from detect.state import NEVER, State
from tidewell.vocabulary import Family, Level

FOR_REVIEW_FROM: Final = 1.6
CHECK_TODAY_FROM: Final = 2.4
CLOSES_BELOW: Final = 0.6 * FOR_REVIEW_FROM
DAYS_BELOW_TO_CLOSE: Final = 2
REST_DAYS: Final = 7
CHECK_TODAY_PLACE: Final = LEVELS.index(Level.CHECK_TODAY)
UNUSUAL_DAY_FROM: Final = 1.0
"""A day from which "since" counts: one spread away from usual in the bad direction."""
PHYSIOLOGY_FROM: Final = 0.5
"""With less change than this in the body, a change is one of behaviour: withdrawal, not illness."""

assert CLOSES_BELOW < FOR_REVIEW_FROM < CHECK_TODAY_FROM


@dataclass(frozen=True, slots=True)
class Turn:
    """A change of the episode of the person at `place` of the scored days."""

    place: int
    kind: EpisodeKind
    family: Family
    level: Level


def families_and_levels(
    state: State, rows: NDArray[np.int64], scored: ScoredDays
) -> tuple[NDArray[np.int8], NDArray[np.int8]]:
    """Return what each day's score is about (place in FAMILIES) and asks for (place in LEVELS)."""
    body = state.smoothed_feature[rows, NIGHT_HEART_RATE] >= PHYSIOLOGY_FROM
    family = np.where(body, FAMILIES.index(Family.ILLNESS), FAMILIES.index(Family.WITHDRAWAL))
    score = np.where(np.isnan(scored.score), -np.inf, scored.score)
    level = (score >= FOR_REVIEW_FROM).astype(np.int8) + (score >= CHECK_TODAY_FROM)
    stands_out = score >= UNUSUAL_DAY_FROM
    return np.where(stands_out, family, NO_FAMILY).astype(np.int8), level.astype(np.int8)


def turn_episodes(
    state: State,
    rows: NDArray[np.int64],
    day: NDArray[np.int64],
    scored: ScoredDays,
    family: NDArray[np.int8],
    level: NDArray[np.int8],
) -> list[Turn]:
    """Move every person's episode on by one scored day and return what changed, by place."""
    usable = ~np.isnan(scored.score)
    unusual = usable & (scored.today >= UNUSUAL_DAY_FROM)
    _remember_since(state, rows, day, usable, unusual)
    is_open = state.episode_family[rows] != NO_FAMILY
    opens = (
        usable
        & ~is_open
        & (level > 0)
        & ((day > state.rest_until_day[rows]) | (level >= CHECK_TODAY_PLACE))
        & _two_of_three(state, rows, day)
    )
    turns = [
        _open(state, int(rows[place]), place, family, level)
        for place in np.flatnonzero(opens).tolist()
    ]
    going = np.flatnonzero(usable & is_open).tolist()
    turns += [
        turn
        for place in going
        if (turn := _go_on(state, int(rows[place]), place, day, scored, level))
    ]
    return sorted(turns, key=lambda turn: turn.place)


def _remember_since(
    state: State,
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
    state: State, rows: NDArray[np.int64], day: NDArray[np.int64]
) -> NDArray[np.bool_]:
    slots = (day[:, None] - np.arange(3)) % RING_DAYS
    valid = ~np.isnan(state.ring[rows[:, None], :, slots]).all(axis=-1)
    enough: NDArray[np.bool_] = valid.sum(axis=1) >= 2
    return enough


def _open(
    state: State, row: int, place: int, family: NDArray[np.int8], level: NDArray[np.int8]
) -> Turn:
    state.episode_family[row] = family[place]
    state.episode_level[row] = level[place]
    state.episode_since_day[row] = state.unusual_since_day[row]
    state.days_below[row] = 0
    return Turn(place, EpisodeKind.OPENED, FAMILIES[int(family[place])], LEVELS[int(level[place])])


def _go_on(
    state: State,
    row: int,
    place: int,
    day: NDArray[np.int64],
    scored: ScoredDays,
    level: NDArray[np.int8],
) -> Turn | None:
    family = FAMILIES[int(state.episode_family[row])]
    before = int(state.episode_level[row])
    if scored.score[place] < CLOSES_BELOW:
        state.days_below[row] += 1
        if state.days_below[row] < DAYS_BELOW_TO_CLOSE:
            return None
        state.episode_family[row] = NO_FAMILY
        state.rest_until_day[row] = day[place] + REST_DAYS
        return Turn(place, EpisodeKind.CLOSED, family, LEVELS[before])
    state.days_below[row] = 0
    state.episode_level[row] = max(before, int(level[place]))
    kind = EpisodeKind.WORSENED if level[place] > before else EpisodeKind.CONTINUED
    return Turn(place, kind, family, LEVELS[int(state.episode_level[row])])
