"""Readings as columns, and as PostgreSQL's binary COPY, without a loop over rows.

The binary format gives every field its length. Where a missing value is sent as NaN, all rows have
one length and one NumPy structured array is the whole COPY; an INSERT turns NaN into NULL. Where it
is sent as NULL, the bytes of absent values are left out of that array.

Source: PostgreSQL documentation, COPY, "Binary Format".
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final, Self

import numpy as np
from numpy.typing import NDArray

from ingest.admit import Admitted
from tidewell.vocabulary import CHANNEL_NAMES

COPY_HEADER: Final = b"PGCOPY\n\xff\r\n\0" + bytes(8)
COPY_TRAILER: Final = b"\xff\xff"
POSTGRES_EPOCH_MS: Final = 946_684_800_000
"""PostgreSQL counts timestamps from 2000-01-01."""

_FIELDS: Final[tuple[tuple[str, str], ...]] = (
    ("person_id", ">i4"),
    ("time", ">i8"),
    ("device_id", ">i4"),
    ("period_s", ">i2"),
    ("boot", ">i4"),
    ("seq", ">i8"),
    ("received_at", ">i8"),
    *((name, ">f4") for name in CHANNEL_NAMES),
)


@lru_cache(maxsize=1_024)
def _row_of(
    fields: tuple[tuple[str, str], ...], absent: frozenset[str] = frozenset()
) -> np.dtype[Any]:
    """Return the type of a row of a binary COPY: each field follows its length.

    Those that are `absent` have a length and nothing else: NULL.
    """
    parts = [
        part
        for name, kind in fields
        for part in ((f"{name}_bytes", ">i4"), (name, kind))[: 1 if name in absent else 2]
    ]
    return np.dtype([("fields", ">i2"), *parts])


_NULL: Final = -1
"""The length of a NULL."""
_COPY_ROW: Final = _row_of(_FIELDS)
_SCORED_FIELDS: Final = (*_FIELDS, ("scored_at", ">i8"))
_SCORED_ROW: Final = _row_of(_SCORED_FIELDS)


@dataclass(frozen=True, slots=True)
class Rows:
    """Readings with the frame that each came in; columns of one length.

    `frame` is the place of its frame in the batch. Times are ms UTC, values float32[n, channels].
    """

    frame: NDArray[np.int64]
    person_id: NDArray[np.int64]
    time_ms: NDArray[np.int64]
    device_id: NDArray[np.int64]
    period_s: NDArray[np.int64]
    boot: NDArray[np.int64]
    seq: NDArray[np.int64]
    received_ms: NDArray[np.int64]
    values: NDArray[np.float32]

    def __len__(self) -> int:
        return len(self.person_id)

    def take(self, index: NDArray[np.int64] | NDArray[np.bool_]) -> Rows:
        """Return the rows at `index`."""
        return Rows(*(getattr(self, name)[index] for name in self.__slots__))

    @classmethod
    def joined(cls, parts: Sequence[Rows]) -> Self:
        """Return several sets of rows as one."""
        return cls(
            *(np.concatenate([getattr(one, name) for one in parts]) for name in cls.__slots__)
        )


def assemble(admitted: Sequence[Admitted], received_ms: int) -> Rows:
    """Turn the frames of a batch into columns, leaving out epochs that are not kept."""
    epochs = np.array([one.frame.epochs for one in admitted], np.int64)
    frame = np.repeat(np.arange(len(admitted)), epochs)
    within = np.arange(len(frame)) - np.repeat(np.cumsum(epochs) - epochs, epochs)

    def spread(values: list[int]) -> NDArray[np.int64]:
        return np.repeat(np.array(values, np.int64), epochs)

    period_s = spread([one.frame.period_s for one in admitted])
    person_id = _people(admitted, epochs)
    rows = Rows(
        frame=frame,
        person_id=person_id,
        time_ms=spread([one.frame.start_ms for one in admitted]) + within * period_s * 1000,
        device_id=spread([one.device_id for one in admitted]),
        period_s=period_s,
        boot=spread([one.frame.boot for one in admitted]),
        seq=spread([one.frame.seq for one in admitted]),
        received_ms=np.full(len(frame), received_ms, np.int64),
        values=_values(admitted, epochs),
    )
    return rows.take(person_id >= 0) if (person_id < 0).any() else rows


def copy_bytes(rows: Rows, scored_ms: NDArray[np.int64] | None = None) -> bytes:
    """Return the rows as the content of `COPY … FROM STDIN (FORMAT binary)`.

    Args:
        scored_ms: int64[n], a last column for `ScoredReader`.
    """
    fields = _FIELDS if scored_ms is None else _SCORED_FIELDS
    table = np.empty(len(rows), _COPY_ROW if scored_ms is None else _SCORED_ROW)
    if scored_ms is not None:
        table["scored_at"] = (scored_ms - POSTGRES_EPOCH_MS) * 1000
    _fill(table, rows, fields, frozenset())
    return COPY_HEADER + table.tobytes() + COPY_TRAILER


def copy_bytes_with_nulls(rows: Rows) -> bytes:
    """Return the rows as the content of such a COPY, with NULL for NaN.

    Sorted by person, so that the index of the table is walked through once from end to end.
    """
    rows = rows.take(np.argsort(rows.person_id, kind="stable"))
    missing = np.isnan(rows.values)
    absent = frozenset(name for place, name in enumerate(CHANNEL_NAMES) if missing[:, place].all())
    table = np.empty(len(rows), _row_of(_FIELDS, absent))
    _fill(table, rows, _FIELDS, absent)
    row = table.dtype
    kept = None
    for place, name in enumerate(CHANNEL_NAMES):
        if name in absent or not missing[:, place].any():
            continue
        if kept is None:
            kept = np.ones((len(rows), row.itemsize), np.bool_)
        at, size = row.fields[name][1], row.fields[name][0].itemsize
        table[f"{name}_bytes"][missing[:, place]] = _NULL
        kept[missing[:, place], at : at + size] = False
    if kept is None:
        return COPY_HEADER + table.tobytes() + COPY_TRAILER
    whole = table.view(np.uint8).reshape(len(rows), row.itemsize)
    return COPY_HEADER + whole[kept].tobytes() + COPY_TRAILER


def _fill(
    table: NDArray[Any], rows: Rows, fields: Sequence[tuple[str, str]], absent: frozenset[str]
) -> None:
    table["fields"] = len(fields)
    for name, kind in fields:
        table[f"{name}_bytes"] = _NULL if name in absent else np.dtype(kind).itemsize
    for name in ("person_id", "device_id", "period_s", "boot", "seq"):
        table[name] = getattr(rows, name)
    table["time"] = (rows.time_ms - POSTGRES_EPOCH_MS) * 1000
    table["received_at"] = (rows.received_ms - POSTGRES_EPOCH_MS) * 1000
    for place, name in enumerate(CHANNEL_NAMES):
        if name not in absent:
            table[name] = rows.values[:, place]


def parse_copy(data: bytes) -> Rows:
    """Return the rows of a `COPY … TO STDOUT (FORMAT binary)` with the same columns and no NULL."""
    return _rows_of(np.frombuffer(data[len(COPY_HEADER) : -len(COPY_TRAILER)], _COPY_ROW))


class ScoredReader:
    """Turns such a COPY, with the time of scoring as a last column, into rows as it comes."""

    def __init__(self) -> None:
        self._held = bytearray()
        self._is_begun = False

    def feed(self, data: bytes) -> int:
        """Take the next bytes in; return how many whole rows are here."""
        self._held += data
        if not self._is_begun and len(self._held) >= len(COPY_HEADER):
            del self._held[: len(COPY_HEADER)]
            self._is_begun = True
        return len(self._held) // _SCORED_ROW.itemsize if self._is_begun else 0

    def take(self) -> tuple[Rows, NDArray[np.int64]]:
        """Take out the whole rows that are here, and when each was scored, ms UTC."""
        whole = len(self._held) // _SCORED_ROW.itemsize * _SCORED_ROW.itemsize
        table = np.frombuffer(bytes(self._held[:whole]), _SCORED_ROW)
        del self._held[:whole]
        return _rows_of(table), table["scored_at"].astype(np.int64) // 1000 + POSTGRES_EPOCH_MS


def _rows_of(table: NDArray[Any]) -> Rows:
    columns = {
        name: table[name].astype(np.int64)
        for name in ("person_id", "device_id", "period_s", "boot", "seq", "time", "received_at")
    }
    values = np.stack([table[name].astype(np.float32) for name in CHANNEL_NAMES], axis=1)
    return Rows(
        frame=np.full(len(table), -1, np.int64),
        person_id=columns["person_id"],
        time_ms=columns["time"] // 1000 + POSTGRES_EPOCH_MS,
        device_id=columns["device_id"],
        period_s=columns["period_s"],
        boot=columns["boot"],
        seq=columns["seq"],
        received_ms=columns["received_at"] // 1000 + POSTGRES_EPOCH_MS,
        values=values,
    )


def split_known(
    rows: Rows, known: Sequence[tuple[Any, ...]]
) -> tuple[Rows, dict[tuple[int, int, int], int]]:
    """Take out the rows whose epoch was there before, and count each frame's contradictions."""
    taken = {(device, boot, seq, time_ms) for device, boot, seq, time_ms, _ in known}
    keys = zip(
        rows.device_id.tolist(),
        rows.boot.tolist(),
        rows.seq.tolist(),
        rows.time_ms.tolist(),
        strict=True,
    )
    fresh = np.array([key not in taken for key in keys], np.bool_)
    conflicts: dict[tuple[int, int, int], int] = {}
    for device, boot, seq, _, differs in known:
        if differs:
            conflicts[device, boot, seq] = conflicts.get((device, boot, seq), 0) + 1
    return rows.take(fresh), conflicts


def _people(admitted: Sequence[Admitted], epochs: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return whose each row is, -1 where it is not kept; only mixed frames are spelled out."""
    firsts = [one.person_of_epoch[0] for one in admitted]
    people = np.repeat(np.array([-1 if one is None else one for one in firsts], np.int64), epochs)
    ends = np.cumsum(epochs)
    for place, one in enumerate(admitted):
        if len(one.person_of_epoch) > 1:
            owners = [-1 if owner is None else owner for owner in one.person_of_epoch]
            people[ends[place] - epochs[place] : ends[place]] = owners
    return people


def _values(admitted: Sequence[Admitted], epochs: NDArray[np.int64]) -> NDArray[np.float32]:
    """Return all values, float32[rows, channels]; the blocks of frames of one layout at once."""
    carried = [(one.frame.epochs, one.frame.channels) for one in admitted]
    flat = np.frombuffer(b"".join([one.frame.values for one in admitted]), np.float64)
    values = np.full((int(epochs.sum()), len(CHANNEL_NAMES)), np.nan, dtype=np.float32)
    layouts = dict.fromkeys(carried)
    if len(layouts) == 1:  # nearly always: devices of one model
        _spread(values, flat.reshape(len(admitted), -1), *carried[0])
        return values
    rows_from = np.cumsum(epochs) - epochs
    sizes = epochs * np.array([len(names) for _, names in carried], np.int64)
    block_from = np.cumsum(sizes) - sizes
    numbers = dict(zip(layouts, range(len(layouts)), strict=True))
    layout_of = np.array([numbers[one] for one in carried], np.int64)
    for (length, names), number in numbers.items():
        those = np.flatnonzero(layout_of == number)
        blocks = flat[block_from[those, None] + np.arange(length * len(names))]
        part = np.full((len(those) * length, len(CHANNEL_NAMES)), np.nan, dtype=np.float32)
        _spread(part, blocks, length, names)
        values[(rows_from[those, None] + np.arange(length)).ravel()] = part
    return values


def _spread(
    values: NDArray[np.float32], blocks: NDArray[np.float64], epochs: int, names: tuple[str, ...]
) -> None:
    """Put the blocks of frames of one layout into the rows of their epochs."""
    by_channel = blocks.reshape(len(blocks), len(names), epochs)
    for place, name in enumerate(names):
        values[:, CHANNEL_NAMES.index(name)] = by_channel[:, place].ravel()
