"""The hard limits of a person's agreed plan: what they are, and where they are kept.

They were agreed with the person and their practitioner, so they are taken as they are: never
learned, never adapted. A limit that is changed begins to count anew.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import DTypeLike, NDArray

from detect.quality import QualityState
from detect.stream import MINUTE_MS, Stream, before, highest_so_far, run_start
from detect.words import Direction
from tidewell.local_time import DAY_MS, NEVER
from tidewell.vocabulary import CHANNEL_INDEX, Level

LIMITS_MOST: Final = 4
"""As many limits as an agreed plan has room for; more would be watched by nobody."""
LIMIT_GAP_MS: Final = 5 * MINUTE_MS
"""A hole longer than this between two readings beyond a limit begins the count again."""
LIMIT_CLEAR_MS: Final = 10 * MINUTE_MS
"""Back within the limit for this long ends it, so that a value on the edge says it once."""
NO_SLOT: Final = -1

_LEVELS: Final = tuple(Level)

COLUMNS: Final[dict[str, tuple[DTypeLike, tuple[int, ...], float]]] = {
    # name: (type, shape of one person's entry, first value)
    "limit_count": (np.uint8, (), 0),
    "limit_channel": (np.int8, (LIMITS_MOST,), NO_SLOT),
    "limit_above": (np.int8, (LIMITS_MOST,), 0),
    "limit_value": (np.float32, (LIMITS_MOST,), np.nan),
    "limit_minutes": (np.int16, (LIMITS_MOST,), 0),
    "limit_level": (np.int8, (LIMITS_MOST,), 0),
    "limit_resting": (np.int8, (LIMITS_MOST,), 0),
    "beyond_since_ms": (np.int64, (LIMITS_MOST,), NEVER),
    "beyond_last_ms": (np.int64, (LIMITS_MOST,), NEVER),
    "limit_ms": (np.int64, (LIMITS_MOST,), NEVER),
}


class LimitState(QualityState):
    """The columns of this module; `limit_ms` says since when a limit is open, else NEVER."""

    limit_count: NDArray[np.uint8]
    limit_channel: NDArray[np.int8]
    limit_above: NDArray[np.int8]
    limit_value: NDArray[np.float32]
    limit_minutes: NDArray[np.int16]
    limit_level: NDArray[np.int8]
    limit_resting: NDArray[np.int8]
    beyond_since_ms: NDArray[np.int64]
    beyond_last_ms: NDArray[np.int64]
    limit_ms: NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Limit:
    """One limit of a person's agreed plan.

    Attributes:
        channel: name in the vocabulary. direction: ABOVE or BELOW `value`, in its unit.
        for_minutes: how long without a reading within the limit. level: how soon to look.
        while_resting: only readings without movement in the ten minutes before count.
    """

    channel: str
    direction: Direction
    value: float
    for_minutes: int
    level: Level
    while_resting: bool = False


@dataclass(frozen=True, slots=True)
class Beyond:
    """How readings stand to a limit: bool[n], bool[n], int64[n].

    `full`: beyond it for as long as the plan says. `clear`: back within it for ten minutes.
    `since_ms`: when the readings beyond it began, NEVER within.
    """

    full: NDArray[np.bool_]
    clear: NDArray[np.bool_]
    since_ms: NDArray[np.int64]


def follow_limit(state: LimitState, part: Stream, slot: int) -> Beyond:
    """Return how readings stand to the limit in a slot; move its memory on.

    Args:
        part: readings of people who have that limit, each with a value of its channel.
    """
    people, ends, time_ms = part.people, part.ends, part.time_ms
    period_ms = part.period_s * 1000
    value = part.values[np.arange(len(part)), state.limit_channel[part.row, slot]]
    limit, above = state.limit_value[part.row, slot], state.limit_above[part.row, slot] > 0
    beyond = np.where(above, value > limit, value < limit)
    seed = state.beyond_last_ms[people, slot]
    last_ms = highest_so_far(part, np.where(beyond, time_ms, 0), seed)
    hole = time_ms - before(part, last_ms, seed) > LIMIT_GAP_MS + period_ms
    since_ms = run_start(part, beyond, state.beyond_since_ms[people, slot], hole)
    state.beyond_since_ms[people, slot] = since_ms[ends]
    state.beyond_last_ms[people, slot] = np.where(last_ms[ends] > 0, last_ms[ends], NEVER)
    needed_ms = state.limit_minutes[part.row, slot].astype(np.int64) * MINUTE_MS
    full = beyond & (time_ms + period_ms - since_ms >= needed_ms)
    return Beyond(full, ~beyond & (time_ms - last_ms >= LIMIT_CLEAR_MS), since_ms)


def set_limits(state: LimitState, row: int, limits: Sequence[Limit]) -> None:
    """Give a person the limits of their plan; a limit that stays the same keeps what it counted.

    Raises:
        ValueError: more than four limits, or one that cannot be kept.
    """
    if len(limits) > LIMITS_MOST:
        raise ValueError(f"a plan has {len(limits)} limits; give at most {LIMITS_MOST}")
    empty = [None] * (LIMITS_MOST - len(limits))
    wanted = [_cells_of(limit) for limit in (*limits, *empty)]
    state.limit_count[row] = len(limits)
    for slot, cells in enumerate(wanted):
        if _limit_cells(state, row, slot) != cells:
            _write_limit(state, row, slot, cells)


_Cells = tuple[int, int, float | None, int, int, int]


def _cells_of(limit: Limit | None) -> _Cells:
    """Return what the columns hold of a limit."""
    if limit is None:
        return (NO_SLOT, 0, None, 0, 0, 0)
    if limit.channel not in CHANNEL_INDEX:
        raise ValueError(f"no channel {limit.channel!r} for a limit; use one of the vocabulary")
    if limit.direction not in (Direction.ABOVE, Direction.BELOW):
        raise ValueError(f"a limit cannot be {limit.direction}; use above or below")
    if not np.isfinite(limit.value) or not 0 <= limit.for_minutes <= DAY_MS // MINUTE_MS:
        raise ValueError("a limit needs a finite value, and from 0 to 1,440 minutes")
    return (
        CHANNEL_INDEX[limit.channel],
        int(limit.direction is Direction.ABOVE),
        float(np.float32(limit.value)),
        limit.for_minutes,
        limit.level.rank,
        int(limit.while_resting),
    )


def limit_of(state: LimitState, row: int, slot: int) -> Limit:
    """Return the limit in a slot, for the words about a moment.

    Raises:
        ValueError: the slot is empty.
    """
    channel, above, value, minutes, level, resting = _limit_cells(state, row, slot)
    if value is None:
        raise ValueError(f"the plan has no limit in slot {slot}")
    return Limit(
        tuple(CHANNEL_INDEX)[channel],
        Direction.ABOVE if above else Direction.BELOW,
        value,
        minutes,
        _LEVELS[level],
        bool(resting),
    )


def _limit_cells(state: LimitState, row: int, slot: int) -> _Cells:
    value = float(state.limit_value[row, slot])
    return (
        int(state.limit_channel[row, slot]),
        int(state.limit_above[row, slot]),
        None if np.isnan(value) else value,
        int(state.limit_minutes[row, slot]),
        int(state.limit_level[row, slot]),
        int(state.limit_resting[row, slot]),
    )


def _write_limit(state: LimitState, row: int, slot: int, cells: _Cells) -> None:
    """Write a limit and forget what the one before it had counted."""
    channel, above, value, minutes, level, resting = cells
    state.limit_channel[row, slot] = channel
    state.limit_above[row, slot] = above
    state.limit_value[row, slot] = np.nan if value is None else value
    state.limit_minutes[row, slot] = minutes
    state.limit_level[row, slot] = level
    state.limit_resting[row, slot] = resting
    for memory in (state.beyond_since_ms, state.beyond_last_ms, state.limit_ms):
        memory[row, slot] = NEVER
