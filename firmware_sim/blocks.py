"""What passes from a source of readings to a device: epochs in blocks, and when more will come.

Pure shapes. A block is sorted by time; nothing here changes a value.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from itertools import pairwise
from typing import TYPE_CHECKING, Final, Protocol

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

MINUTE_MS: Final = 60_000
DAY_MS: Final = 86_400_000


class BlockKind(StrEnum):
    """How the epochs of a block came to be."""

    LIVE = "live"
    """Measured now: stamped by the device's own clock, one frame a minute."""
    HISTORY = "history"
    """Measured before: the times are final, many epochs go in one frame."""


@dataclass(frozen=True, slots=True)
class Block:
    """Epochs of one minute: their starts, and a row of all channels for each, NaN for no value."""

    time_ms: NDArray[np.int64]
    values: NDArray[np.float32]
    kind: BlockKind


@dataclass(frozen=True, slots=True)
class NotBefore:
    """Nothing to send now; ask again at this time."""

    time_ms: int


@dataclass(frozen=True, slots=True)
class Finished:
    """Nothing will come any more."""


class Source(Protocol):
    """Where a device's readings come from: a virtual young person, or a recording."""

    def next_block(self, now_ms: int) -> Block | NotBefore | Finished:
        """Return the next epochs that are due, each once, in order of time."""
        ...

    def battery_percent(self, now_ms: int) -> int:
        """Return how full the battery is."""
        ...


def runs(time_ms: NDArray[np.int64], longest: int) -> Iterator[slice]:
    """Yield the pieces in which one epoch follows the other, none longer than `longest`.

    Example:
        >>> list(runs(np.array([0, 60_000, 240_000]), 60))
        [slice(0, 2, None), slice(2, 3, None)]
    """
    breaks = np.flatnonzero(np.diff(time_ms) != MINUTE_MS) + 1
    edges = [0, *breaks.tolist(), len(time_ms)]
    for first, last in pairwise(edges):
        for start in range(first, last, longest):
            yield slice(start, min(start + longest, last))
