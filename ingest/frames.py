"""A frame as its device meant it, small and flat: one tuple, and one block of numbers.

Thousands of frames wait at a time. As lists of Python's numbers each would take fifteen times its
bytes, in thousands of places of memory; making, reading and freeing those took a third of ingest's
time. As a block it is read in one go (`ingest.rows`).

Promises: the order in which channels came makes no difference.
"""

from __future__ import annotations

import struct
from collections.abc import Collection, Mapping, Sequence
from itertools import chain
from math import isnan, nan
from typing import Final, NamedTuple, Self

from tidewell.vocabulary import CHANNEL_NAMES

Values = Sequence[float | None]
_PLACES: Final = {name: place for place, name in enumerate(CHANNEL_NAMES)}


class Frame(NamedTuple):
    """A frame; channels that it does not carry are absent.

    A tuple with names, like all of which there is one for each frame: it is made in a third of the
    time of a frozen dataclass. `channels` are in the order of the vocabulary; `values` are float64
    of this machine, those of one channel after those of another, NaN for no value.
    """

    boot: int
    seq: int
    oldest: int | None
    start_ms: int
    period_s: int
    epochs: int
    channels: tuple[str, ...]
    values: bytes

    @classmethod
    def of(
        cls,
        boot: int,
        seq: int,
        oldest: int | None,
        start_ms: int,
        period_s: int,
        values: Mapping[str, Values],
    ) -> Self:
        """Return a frame of these values, of one length in all channels.

        Example:
            >>> Frame.of(0, 7, None, 1_762_000_000_000, 60, {"steps": [3.0, None]}).spelled_out()
            {'steps': [3.0, None]}
        """
        channels = tuple(sorted(values, key=_PLACES.__getitem__))
        block = block_of([values[name] for name in channels])
        epochs = len(values[channels[0]])
        return cls(boot, seq, oldest, start_ms, period_s, epochs, channels, block)

    def spelled_out(self) -> dict[str, list[float | None]]:
        """Return the values by channel, for what looks at each one."""
        numbers = [None if isnan(one) else one for (one,) in struct.iter_unpack("d", self.values)]
        return {
            name: numbers[place * self.epochs : (place + 1) * self.epochs]
            for place, name in enumerate(self.channels)
        }

    def with_values(self, values: Mapping[str, Values]) -> Self:
        """Return this frame with other values of the same channels."""
        return self._replace(values=block_of([values[name] for name in self.channels]))


def block_of(values: Collection[Values]) -> bytes:
    """Return the values of channels, one after the other, as a block of float64.

    Example:
        >>> block_of([[1.0], [None]]) == struct.pack("2d", 1.0, nan)
        True
    """
    numbers = list(chain.from_iterable(values))
    form = f"{len(numbers)}d"
    try:
        return struct.pack(form, *numbers)
    except struct.error:  # one of them is no value
        return struct.pack(form, *[nan if one is None else one for one in numbers])
