"""Readings as the rules of `detect.quality` and `detect.moments` see them: sorted, by person.

The few operations here are what lets a rule look back without looping over readings, and go on in
the next batch as if there had been no cut: what is carried is a moment or a value, never a sum of
floats.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from tidewell.local_time import NEVER

MINUTE_MS: Final = 60_000
LIFT: Final = 2**43
"""Above any time in ms until the year 2248; leaves room for a million people in one batch."""


@dataclass(frozen=True, slots=True)
class Stream:
    """Readings sorted by person and, within a person, in the order in which they came.

    Attributes:
        position: place of each in the batch as it came. row: state row. first: where each person's
            stretch begins, int64[m]. time_ms, received_ms, period_s, local_ms: int64[n].
        values: float32[n, channels].
    """

    position: NDArray[np.int64]
    row: NDArray[np.int64]
    first: NDArray[np.int64]
    time_ms: NDArray[np.int64]
    received_ms: NDArray[np.int64]
    period_s: NDArray[np.int64]
    local_ms: NDArray[np.int64]
    values: NDArray[np.float32]

    def __len__(self) -> int:
        return len(self.row)

    @property
    def people(self) -> NDArray[np.int64]:
        """The state row of each stretch, int64[m]."""
        return self.row[self.first]

    @property
    def ends(self) -> NDArray[np.int64]:
        """The last reading of each stretch, int64[m]."""
        return np.append(self.first[1:], len(self.row)) - 1

    @property
    def stretch(self) -> NDArray[np.int64]:
        """Which stretch each reading belongs to, int64[n]."""
        return np.repeat(np.arange(len(self.first)), np.diff(self.first, append=len(self.row)))

    def take(self, chosen: NDArray[np.bool_] | NDArray[np.int64]) -> Stream:
        """Return the chosen readings, in their order."""
        row = self.row[chosen]
        return Stream(
            self.position[chosen],
            row,
            np.flatnonzero(np.diff(row, prepend=-1)),
            self.time_ms[chosen],
            self.received_ms[chosen],
            self.period_s[chosen],
            self.local_ms[chosen],
            self.values[chosen],
        )


def lifted(stream: Stream, times: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return times that rise over the whole stream if they rise within each stretch."""
    return times + stream.stretch * LIFT


def highest_so_far(
    stream: Stream, times: NDArray[np.int64], seed: NDArray[np.int64]
) -> NDArray[np.int64]:
    """Return the highest time so far within each stretch, from a seed each; 0 where none."""
    if not len(times):
        return times
    seeded = np.maximum(times, 0)
    seeded[stream.first] = np.maximum(seeded[stream.first], seed)
    lift = stream.stretch * LIFT
    highest: NDArray[np.int64] = np.maximum.accumulate(seeded + lift) - lift
    return highest


def received_so_far(
    stream: Stream, heard: NDArray[np.bool_], seed: NDArray[np.int64]
) -> NDArray[np.int64]:
    """Return when the latest reading up to each one was received, from a seed each.

    Readings that waited for a hole below them were received before the one that filled it.
    """
    highest = highest_so_far(stream, np.where(heard, stream.received_ms, 0), np.maximum(seed, 0))
    return np.maximum(stream.received_ms, highest)


def before(stream: Stream, values: NDArray[Any], seed: NDArray[Any]) -> NDArray[Any]:
    """Return the value before each one within its stretch, from a seed each."""
    earlier = np.empty_like(values)
    earlier[1:] = values[:-1]
    earlier[stream.first] = seed
    return earlier


def before_among(
    stream: Stream, values: NDArray[Any], chosen: NDArray[np.bool_], seed: NDArray[Any]
) -> NDArray[Any]:
    """Return the value of the last chosen reading before each one in its stretch, else the seed."""
    if chosen.all():
        return before(stream, values, seed)
    last = np.maximum.accumulate(np.where(chosen, np.arange(len(stream)), -1))
    earlier = before(stream, last, np.full(len(stream.first), -1))
    inside = earlier >= stream.first[stream.stretch]
    return np.where(inside, values[np.maximum(earlier, 0)], seed[stream.stretch])


def run_start(
    stream: Stream,
    inside: NDArray[np.bool_],
    carried_ms: NDArray[np.int64],
    broken: NDArray[np.bool_] | None = None,
) -> NDArray[np.int64]:
    """Return when the present run of `inside` began, NEVER outside of one: int64[n].

    Args:
        carried_ms: the same for the reading before each stretch, int64[m].
        broken: where a new run begins though the reading before was inside as well.
    """
    starts = inside & ~before(stream, inside, carried_ms != NEVER)
    if broken is not None:
        starts |= inside & broken
    began = highest_so_far(stream, np.where(starts, stream.time_ms, 0), carried_ms)
    return np.where(inside, began, NEVER)


def held(
    stream: Stream,
    begins: NDArray[np.bool_],
    ends: NDArray[np.bool_],
    open_before: NDArray[np.bool_],
) -> NDArray[np.bool_]:
    """Return whether something is open after each reading: the last of begin and end holds.

    Args:
        open_before: whether it was before each stretch, bool[m].
    """
    order = np.arange(len(stream))
    decided = np.maximum.accumulate(np.where(begins | ends, order, -1))
    inside = decided >= stream.first[stream.stretch]
    return np.where(inside, begins[np.maximum(decided, 0)], open_before[stream.stretch])


def turns(
    stream: Stream, is_open: NDArray[np.bool_], open_before: NDArray[np.bool_]
) -> list[tuple[int, bool]]:
    """Return the places where something opens (True) or closes, in order."""
    changed = np.flatnonzero(is_open != before(stream, is_open, open_before))
    return [(place, bool(is_open[place])) for place in changed.tolist()]
