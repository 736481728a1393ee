"""The hard limits of a person's agreed plan: what they are, and where they are kept.

They were agreed with the person and their practitioner, so they are taken as they are: never
learned, never adapted. A limit that is changed begins to count anew; one that stays keeps what it
counted, whatever its place in the plan.

A limit is told once an hour at most, so that a value that wavers about it rings no more often than
somebody can look. Within that hour the limit stays open, and a rise after ten minutes within it is
said as the same change going on; where it lasts beyond the hour it is a change of its own. So is a
rise after four hours without a reading beyond the limit: what was told before the device came off
must not hide what comes after.

Never: ends because data stopped, or is silent about a rise for longer than that hour.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum
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
"""Back within the limit for this long, a value has left its edge."""
LIMIT_APART_MS: Final = 60 * MINUTE_MS
"""From the beginning of what is told to the next: at most 24 a day of one limit.

Somebody who is asked to look needs about this long to reach a young person and to say what they
found; a message every ten minutes would bury that answer.
"""
LIMIT_LAPSES_MS: Final = 240 * MINUTE_MS
"""As long as a device may be silent unasked: after it, nobody can say that it is one change."""
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
    "limit_return": (np.int8, (LIMITS_MOST,), 0),
}
_MEMORIES: Final = ("beyond_since_ms", "beyond_last_ms", "limit_ms", "limit_return")


class LimitState(QualityState):
    """The columns of this module.

    `limit_ms` says since when a limit is open, else NEVER; `limit_return` (`Return`) whether
    readings came back within it since.
    """

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
    limit_return: NDArray[np.int8]


class Return(IntEnum):
    """What readings did since a limit was told."""

    NOT_YET = 0
    CAME_BACK = 1
    ROSE_AGAIN = 2


class Step(IntEnum):
    """What a reading does to a limit."""

    REACHED = 0
    AGAIN = 1
    ENDED = 2


@dataclass(frozen=True, slots=True)
class LimitTurn:
    """A step of the limit of the person of the reading at `place`, open since `started_ms`."""

    place: int
    step: Step
    started_ms: int


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
    """How readings stand to a limit: three bool[n], int64[n].

    `full`: beyond it for as long as the plan says. `clear`: back within it for ten minutes.
    `lapsed`: beyond it, four hours or more after the last one that was.
    `since_ms`: when the readings beyond it began, NEVER within.
    """

    full: NDArray[np.bool_]
    clear: NDArray[np.bool_]
    lapsed: NDArray[np.bool_]
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
    apart_ms = time_ms - before(part, last_ms, seed)
    hole = apart_ms > LIMIT_GAP_MS + period_ms
    since_ms = run_start(part, beyond, state.beyond_since_ms[people, slot], hole)
    state.beyond_since_ms[people, slot] = since_ms[ends]
    state.beyond_last_ms[people, slot] = np.where(last_ms[ends] > 0, last_ms[ends], NEVER)
    needed_ms = state.limit_minutes[part.row, slot].astype(np.int64) * MINUTE_MS
    full = beyond & (time_ms + period_ms - since_ms >= needed_ms)
    clear = ~beyond & (time_ms - last_ms >= LIMIT_CLEAR_MS)
    return Beyond(full, clear, beyond & (apart_ms >= LIMIT_LAPSES_MS), since_ms)


def turn_limit(
    state: LimitState, part: Stream, slot: int, beyond: Beyond, fresh: NDArray[np.bool_]
) -> tuple[list[LimitTurn], int]:
    """Return what readings do to the limit in a slot, and how many old ones would have begun it.

    Args:
        part, beyond: as of `follow_limit`. fresh: bool[n], where it is said in time.
    """
    found: list[LimitTurn] = []
    withheld = 0
    may_be_open = state.limit_ms[part.people, slot] != NEVER
    may_be_open |= np.logical_or.reduceat(beyond.full, part.first)
    decides = beyond.full | beyond.clear | beyond.lapsed
    for place in np.flatnonzero(decides & may_be_open[part.stretch]).tolist():
        row = int(part.row[place])
        if state.limit_ms[row, slot] == NEVER and beyond.full[place] and not fresh[place]:
            withheld += 1
        found += _turn_at(state, part, slot, place, beyond, is_fresh=bool(fresh[place]))
    return found, withheld


def _turn_at(
    state: LimitState, part: Stream, slot: int, place: int, beyond: Beyond, *, is_fresh: bool
) -> list[LimitTurn]:
    """Return what one reading does to a limit; old news moves the memory and says nothing."""
    row = int(part.row[place])
    started_ms, since_ms = int(state.limit_ms[row, slot]), int(beyond.since_ms[place])
    is_full = bool(beyond.full[place])
    if started_ms == NEVER:
        if not (is_full and is_fresh):
            return []
        state.limit_ms[row, slot], state.limit_return[row, slot] = since_ms, Return.NOT_YET
        return [LimitTurn(place, Step.REACHED, since_ms)]
    if beyond.clear[place] or beyond.lapsed[place]:
        state.limit_return[row, slot] = Return.CAME_BACK
    came_back = Return(state.limit_return[row, slot])
    may_end = is_fresh and int(part.time_ms[place]) - started_ms >= LIMIT_APART_MS
    if beyond.clear[place] and may_end:
        state.limit_ms[row, slot], state.limit_return[row, slot] = NEVER, Return.NOT_YET
        return [LimitTurn(place, Step.ENDED, started_ms)]
    if not is_full or not is_fresh or came_back is Return.NOT_YET:
        return []
    if may_end:
        state.limit_ms[row, slot], state.limit_return[row, slot] = since_ms, Return.NOT_YET
        ended = LimitTurn(place, Step.ENDED, started_ms)
        return [ended, LimitTurn(place, Step.REACHED, since_ms)]
    if came_back is Return.ROSE_AGAIN:
        return []
    state.limit_return[row, slot] = Return.ROSE_AGAIN
    return [LimitTurn(place, Step.AGAIN, started_ms)]


def set_limits(state: LimitState, row: int, limits: Sequence[Limit]) -> tuple[Limit, ...]:
    """Give a person the limits of their plan, and return those that were open and are so no more.

    A limit that stays the same keeps what it counted, wherever it stands in the plan; what is there
    twice counts once. Whoever keeps episodes ends those of the limits that are returned.

    Raises:
        ValueError: more than four limits, or one that cannot be kept.
    """
    if len(limits) > LIMITS_MOST:
        raise ValueError(f"a plan has {len(limits)} limits; give at most {LIMITS_MOST}")
    wanted = list(dict.fromkeys(_cells_of(limit) for limit in limits))
    known = {_limit_cells(state, row, slot): slot for slot in range(LIMITS_MOST)}
    open_before = {slot for slot in range(LIMITS_MOST) if state.limit_ms[row, slot] != NEVER}
    left = [
        limit_of(state, row, slot)
        for cells, slot in known.items()
        if slot in open_before and cells not in wanted
    ]
    kept = {name: getattr(state, name)[row].copy() for name in _MEMORIES}
    state.limit_count[row] = len(wanted)
    empty = [_cells_of(None)] * (LIMITS_MOST - len(wanted))
    for slot, cells in enumerate((*wanted, *empty)):
        _write_limit(state, row, slot, cells)
        if cells in known and slot < len(wanted):
            for name, before_it in kept.items():
                getattr(state, name)[row, slot] = before_it[known[cells]]
    return tuple(left)


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
    for name in _MEMORIES:
        getattr(state, name)[row, slot] = COLUMNS[name][2]
