"""What the detector is given: readings as columns."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tidewell.vocabulary import CHANNELS


@dataclass(frozen=True, slots=True)
class ReadingBatch:
    """Readings in the order in which they count.

    Attributes:
        person_id: whose, int64[n].
        time_ms: start of the epoch, ms UTC, int64[n].
        received_ms: when the service received it, ms UTC, int64[n].
        period_s: length of the epoch, int64[n].
        values: float32[n, channels] in the order of `tidewell.vocabulary.CHANNELS`; NaN is "no
            value". Infinities are refused by name.

    Raises:
        ValueError: the columns do not fit together, or a value is infinite.
    """

    person_id: NDArray[np.int64]
    time_ms: NDArray[np.int64]
    received_ms: NDArray[np.int64]
    period_s: NDArray[np.int64]
    values: NDArray[np.float32]

    def __post_init__(self) -> None:
        rows = len(self.person_id)
        if not len(self.time_ms) == len(self.received_ms) == len(self.period_s) == rows:
            raise ValueError("the columns of a batch must be of one length")
        if self.values.shape != (rows, len(CHANNELS)):
            raise ValueError(f"values must be {rows} x {len(CHANNELS)}, not {self.values.shape}")
        if np.isinf(self.values).any():
            raise ValueError("a reading is infinite; the decoder refuses such a frame")

    def __len__(self) -> int:
        return len(self.person_id)

    def take(self, index: NDArray[np.int64] | slice) -> ReadingBatch:
        """Return the readings at `index`, in that order."""
        return ReadingBatch(
            self.person_id[index],
            self.time_ms[index],
            self.received_ms[index],
            self.period_s[index],
            self.values[index],
        )
