"""The memory of the detector: arrays with one row for each person.

Rules of this file:

1. Everything that a later finding depends on is in `COLUMNS`; a snapshot is exactly these columns,
   so a detector that was restored goes on as if nothing had happened, bit for bit.
2. Sums are whole numbers (thousandths of steps, seconds in histograms): adding whole numbers gives
   the same sum however a batch was cut; adding floats does not.
"""

from __future__ import annotations

from collections.abc import Mapping
from io import BytesIO
from typing import Any, Final

import numpy as np
from numpy.typing import DTypeLike, NDArray

from detect.baseline import RING_DAYS
from tidewell.local_time import ZoneTable
from tidewell.vocabulary import FEATURES

HEART_RATE_BINS: Final = 460
"""Half-bpm bins from 20 to 250 bpm: finer than any device is right."""
NEVER: Final = -(2**62)
"""A time or day that has not been; far below any real one, and safe to subtract from."""

COLUMNS: Final[dict[str, tuple[DTypeLike, tuple[int, ...], float]]] = {
    # name: (type, shape of one person's entry, first value)
    "open_day": (np.int64, (), NEVER),
    "last_step_ms": (np.int64, (), NEVER),
    "rest_heart_rate": (np.uint32, (HEART_RATE_BINS,), 0),
    "milli_steps": (np.int64, (), 0),
    "step_s": (np.int64, (), 0),
    "heart_s": (np.int64, (), 0),
    "worn_s": (np.int64, (), 0),
    "wear_flag_s": (np.int64, (), 0),
    "reported_s": (np.int64, (), 0),
    "ring": (np.float32, (len(FEATURES), RING_DAYS), np.nan),
    "last_closed_day": (np.int64, (), NEVER),
    "smoothed": (np.float64, (), 0),
    "smoothed_feature": (np.float64, (len(FEATURES),), 0),
    "episode_family": (np.int8, (), -1),
    "episode_level": (np.int8, (), 0),
    "episode_opened_ms": (np.int64, (), NEVER),
    "episode_since_day": (np.int64, (), NEVER),
    "days_below": (np.int32, (), 0),
    "rest_until_day": (np.int64, (), NEVER),
    "unusual_since_day": (np.int64, (), NEVER),
    "last_received_ms": (np.int64, (), NEVER),
    "last_reading_ms": (np.int64, (), NEVER),
    "device_state": (np.int8, (), 0),
    "device_opened_ms": (np.int64, (), NEVER),
}


class State:
    """The columns, and which row belongs to whom.

    A column is an attribute: `state.open_day` is int64[capacity]. Rows above `len(state)` are
    spare.
    """

    open_day: NDArray[np.int64]
    last_step_ms: NDArray[np.int64]
    rest_heart_rate: NDArray[np.uint32]
    milli_steps: NDArray[np.int64]
    step_s: NDArray[np.int64]
    heart_s: NDArray[np.int64]
    worn_s: NDArray[np.int64]
    wear_flag_s: NDArray[np.int64]
    reported_s: NDArray[np.int64]
    ring: NDArray[np.float32]
    last_closed_day: NDArray[np.int64]
    smoothed: NDArray[np.float64]
    smoothed_feature: NDArray[np.float64]
    episode_family: NDArray[np.int8]
    episode_level: NDArray[np.int8]
    episode_opened_ms: NDArray[np.int64]
    episode_since_day: NDArray[np.int64]
    days_below: NDArray[np.int32]
    rest_until_day: NDArray[np.int64]
    unusual_since_day: NDArray[np.int64]
    last_received_ms: NDArray[np.int64]
    last_reading_ms: NDArray[np.int64]
    device_state: NDArray[np.int8]
    device_opened_ms: NDArray[np.int64]

    def __init__(self) -> None:
        self.row_of: dict[int, int] = {}
        self.zone_tables: list[ZoneTable] = []
        self.zone_of = np.empty(0, np.int64)
        self.person_id = np.empty(0, np.int64)
        for name, (dtype, shape, _) in COLUMNS.items():
            setattr(self, name, np.empty((0, *shape), dtype))

    def __len__(self) -> int:
        return len(self.row_of)

    def add(self, person_id: int, zone: ZoneTable) -> int:
        """Give a person a row of first values, or return the one they have (with this zone)."""
        row = self.row_of.setdefault(person_id, len(self.row_of))
        if row == len(self.person_id):
            self._grow(max(8, 2 * row))
        self.person_id[row] = person_id
        self.zone_of[row] = self._zone_place(zone)
        return row

    def zone(self, row: int) -> ZoneTable:
        """Return the time zone of the person in a row."""
        return self.zone_tables[int(self.zone_of[row])]

    def bytes_per_person(self) -> int:
        """Return what one person costs in memory."""
        return sum(
            getattr(self, name)[:0].itemsize * int(np.prod(shape))
            for name, (_, shape, _) in COLUMNS.items()
        )

    def to_bytes(self, person_ids: list[int]) -> bytes:
        """Return the rows of these people as one block for `load`."""
        rows = np.array([self.row_of[person_id] for person_id in person_ids], np.int64)
        columns: dict[str, NDArray[Any]] = {name: getattr(self, name)[rows] for name in COLUMNS}
        target = BytesIO()
        np.savez_compressed(
            target, allow_pickle=False, person_id=np.array(person_ids, np.int64), **columns
        )
        return target.getvalue()

    def load(self, block: bytes, zones: Mapping[int, ZoneTable]) -> None:
        """Take over the rows of a block; people who are not in `zones` any more are left out."""
        with np.load(BytesIO(block), allow_pickle=False) as columns:
            loaded = {name: columns[name] for name in ("person_id", *COLUMNS)}
        for place, person_id in enumerate(loaded["person_id"].tolist()):
            if person_id in zones:
                row = self.add(person_id, zones[person_id])
                for name in COLUMNS:
                    getattr(self, name)[row] = loaded[name][place]

    def _zone_place(self, zone: ZoneTable) -> int:
        for place, known in enumerate(self.zone_tables):
            if known.name == zone.name:
                return place
        self.zone_tables.append(zone)
        return len(self.zone_tables) - 1

    def _grow(self, capacity: int) -> None:
        used = len(self.person_id)
        for name, (dtype, shape, first) in COLUMNS.items():
            grown = np.full((capacity, *shape), first, dtype)
            grown[:used] = getattr(self, name)
            setattr(self, name, grown)
        self.person_id = np.concatenate([self.person_id, np.full(capacity - used, -1, np.int64)])
        self.zone_of = np.concatenate([self.zone_of, np.zeros(capacity - used, np.int64)])
