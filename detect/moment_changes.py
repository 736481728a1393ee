"""Moments as changes of episodes: acute load, and the limits of a person's agreed plan.

One change is told once: after acute load has been told, seven days pass before it is told again;
it is still counted, and a day with much of it still has its score. It is told within minutes only
of people whose skin conductance is known and agreed: heart rate alone begins it about once a week
in quiet people (six people, 475 days), which nobody would read for long. A limit of the plan is
told each time, because that is what was agreed; `detect.plan_limits` says what is another time.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numpy.typing import DTypeLike, NDArray

from detect.days import VERSION
from detect.explain_moments import explain_acute, explain_limit
from detect.findings import FAMILIES, EpisodeChange, EpisodeKind
from detect.moments import Moment, MomentKind, MomentState
from detect.plan_limits import limit_of
from detect.policy import Policy
from detect.rhythm import LEAST_DAYS
from tidewell.local_time import DAY_MS, NEVER, ZoneTable, local_moment
from tidewell.vocabulary import Family, Level

ACUTE_REST_MS: Final = 7 * DAY_MS
"""As long as after any other episode."""

EDA_DAYS_LEAST: Final = LEAST_DAYS
"""Days of skin conductance after which its agreement means something."""

_LIMIT_TURNS: Final = {
    MomentKind.LIMIT_REACHED: EpisodeKind.OPENED,
    MomentKind.LIMIT_AGAIN: EpisodeKind.CONTINUED,
    MomentKind.LIMIT_ENDED: EpisodeKind.CLOSED,
}

COLUMNS: Final[dict[str, tuple[DTypeLike, tuple[int, ...], float]]] = {
    "acute_told_ms": (np.int64, (), NEVER),
    "acute_is_told": (np.bool_, (), 0),
}


class ToldState(MomentState):
    """When acute load was last told, and whether what is open was told."""

    person_id: NDArray[np.int64]
    acute_told_ms: NDArray[np.int64]
    acute_is_told: NDArray[np.bool_]

    def zone(self, row: int) -> ZoneTable:
        """Return the time zone of the person in a row."""
        raise NotImplementedError


def change_of(state: ToldState, moment: Moment, policy: Policy) -> EpisodeChange | None:
    """Return the change of an episode that a moment makes, None where it is not told."""
    if moment.kind is MomentKind.ACUTE_BEGAN:
        is_off = policy.budgets[FAMILIES.index(Family.ACUTE_LOAD)] == 0
        if is_off or state.eda_days[moment.row] < EDA_DAYS_LEAST:
            state.acute_is_told[moment.row] = False
            return None
        recent = state.acute_told_ms[moment.row] != NEVER
        if recent and moment.at_ms - state.acute_told_ms[moment.row] < ACUTE_REST_MS:
            state.acute_is_told[moment.row] = False
            return None
        state.acute_told_ms[moment.row] = moment.at_ms
        state.acute_is_told[moment.row] = True
        return _change(state, moment, EpisodeKind.OPENED, Level.FOR_REVIEW, _acute(state, moment))
    if moment.kind is MomentKind.ACUTE_ENDED:
        if not state.acute_is_told[moment.row]:
            return None
        return _change(state, moment, EpisodeKind.CLOSED, Level.FOR_REVIEW, _acute(state, moment))
    limit = limit_of(state, moment.row, moment.slot)
    return _change(state, moment, _LIMIT_TURNS[moment.kind], limit.level, _limit(state, moment))


def _change(
    state: ToldState, moment: Moment, kind: EpisodeKind, level: Level, why: dict[str, Any]
) -> EpisodeChange:
    return EpisodeChange(
        person_id=int(state.person_id[moment.row]),
        family=Family.ACUTE_LOAD,
        kind=kind,
        opened_at_ms=moment.started_ms,
        at_ms=moment.at_ms,
        level=level,
        score=0.0,
        explanation=why,
    )


def _acute(state: ToldState, moment: Moment) -> dict[str, Any]:
    centre = (moment.usual_low + moment.usual_high) / 2
    return explain_acute(
        local_moment(state.zone(moment.row), moment.started_ms),
        moment.minutes,
        moment.value,
        (centre, moment.usual_low, moment.usual_high),
        Level.FOR_REVIEW,
        VERSION,
    )


def _limit(state: ToldState, moment: Moment) -> dict[str, Any]:
    limit = limit_of(state, moment.row, moment.slot)
    return explain_limit(
        Family.ACUTE_LOAD,
        limit.channel,
        limit.direction,
        limit.value,
        limit.for_minutes,
        moment.value,
        local_moment(state.zone(moment.row), moment.at_ms),
        at_rest=limit.while_resting,
        level=limit.level,
        version=VERSION,
    )
