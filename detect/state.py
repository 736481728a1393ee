"""The memory of the detector: arrays with one row for each person.

Rules of this file:

1. Everything that a later finding depends on is in `COLUMNS`; a snapshot is exactly these columns,
   so a detector that was restored goes on as if nothing had happened, bit for bit. A snapshot from
   before a column was added begins it with its first value; where that would be wrong,
   `detect.days.VERSION` rises and the snapshot is not used at all.
2. Sums are whole numbers (thousandths of steps, seconds in histograms): adding whole numbers gives
   the same sum however a batch was cut; adding floats does not.
"""

from __future__ import annotations

from collections.abc import Mapping
from io import BytesIO
from typing import Any, Final

import numpy as np
from numpy.typing import DTypeLike, NDArray

from detect import (
    baseline,
    device,
    episodes,
    families,
    grid,
    moment_changes,
    moments,
    notes,
    quality,
    rhythm,
    sleep,
)
from detect.days import DayState as DaysState
from detect.device import DeviceMemory
from detect.features import DayState as FeatureState
from detect.moment_changes import ToldState
from tidewell.local_time import NEVER, ZoneTable

PARTS: Final = (
    grid,
    sleep,
    rhythm,
    quality,
    moments,
    moment_changes,
    baseline,
    families,
    episodes,
    notes,
    device,
)

COLUMNS: Final[dict[str, tuple[DTypeLike, tuple[int, ...], float]]] = {
    # name: (type, shape of one person's entry, first value)
    "open_day": (np.int64, (), NEVER),
    "late_day": (np.int64, (), NEVER),
    **{name: column for part in PARTS for name, column in part.COLUMNS.items()},
}
assert len(COLUMNS) == 2 + sum(len(part.COLUMNS) for part in PARTS)  # no name twice


class State(DaysState, ToldState, FeatureState, DeviceMemory):
    """The columns, and which row belongs to whom.

    A column is an attribute: `state.open_day` is int64[capacity], the local day that is open;
    `late_day` is the closed day for which readings came late and that is judged again at the next
    closing. Rows above `len(state)` are spare.
    """

    open_day: NDArray[np.int64]
    late_day: NDArray[np.int64]

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

    def row_for(self, person_id: int) -> int | None:
        """Return the row of a person, None where they are not known."""
        return self.row_of.get(person_id)

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
            person_ids = columns["person_id"].tolist()
            loaded = {name: columns[name] for name in COLUMNS if name in columns}
        places = [place for place, person_id in enumerate(person_ids) if person_id in zones]
        rows = [self.add(person_ids[place], zones[person_ids[place]]) for place in places]
        for name, (_, _, first) in COLUMNS.items():
            getattr(self, name)[rows] = loaded[name][places] if name in loaded else first

    def keep_only(self, person_ids: list[int]) -> None:
        """Let go of the rows of everybody else."""
        rows = np.array([self.row_of[person_id] for person_id in person_ids], np.int64)
        for name in (*COLUMNS, "person_id", "zone_of"):
            setattr(self, name, getattr(self, name)[rows])
        self.row_of = {person_id: row for row, person_id in enumerate(person_ids)}

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


def block_without(block: bytes, person_id: int) -> bytes:
    """Return a block of `to_bytes` without the row of a person; the same one if they have none."""
    with np.load(BytesIO(block), allow_pickle=False) as columns:
        loaded = {name: columns[name] for name in columns.files}
    kept = loaded["person_id"] != person_id
    if kept.all():
        return block
    target = BytesIO()
    rest = {name: values[kept] for name, values in loaded.items()}
    np.savez_compressed(target, allow_pickle=False, **rest)
    return target.getvalue()
