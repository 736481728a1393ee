"""Recorded data as minutes of people: the generic CSV, and the format of Mishra et al. 2020.

The latter has one quantity a file, `,user,datetime,heartrate` or `,user,datetime,steps`; all files
of one user make one person, whose heart rate is averaged over the samples of each minute. Its dates
were moved by its authors, so its times are read as UTC unless a time zone is named.

Nothing is invented between two minutes, and a minute with a value is there exactly once.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Final

import numpy as np

from firmware_sim.blocks import DAY_MS, MINUTE_MS
from tidewell.errors import UsageError
from tidewell.minute_files import (
    CsvTable,
    by_minute,
    minutes_from_table,
    parse_channel,
    parse_times,
    refuse_too_many_steps,
)
from tidewell.vocabulary import CHANNEL_INDEX, CHANNELS

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from numpy.typing import NDArray

_QUANTITIES: Final = {"heartrate": "heart_rate", "steps": "steps"}


class RecordingFormat(StrEnum):
    """Which kind of file it is, by its header."""

    GENERIC = "generic"
    USER_DATETIME = "user_datetime"


@dataclass(frozen=True, slots=True)
class Recording:
    """What was recorded about one person: sorted minutes, each once, NaN for no value."""

    person_label: str
    time_ms: NDArray[np.int64]
    values: NDArray[np.float32]
    ambiguous_rows: int = 0
    nonexistent_rows: int = 0


def format_of(table: CsvTable) -> RecordingFormat:
    """Return the format of a file, by its header."""
    if {"user", "datetime"} <= set(table.header):
        return RecordingFormat.USER_DATETIME
    return RecordingFormat.GENERIC


def recordings_from_tables(tables: Sequence[CsvTable], timezone: str | None) -> list[Recording]:
    """Return one recording for each person of these files, in the order of their labels.

    Raises:
        UsageError: a file is not as it should be; the message says where.
    """
    pieces: list[Recording] = []
    generic: dict[str, str] = {}
    for table in tables:
        if format_of(table) is RecordingFormat.USER_DATETIME:
            pieces += _by_user(table, timezone or "UTC")
            continue
        label = table.name.split(".")[0]
        if label in generic:
            raise UsageError(
                f"{table.name}: {generic[label]} is called {label} too; rename one of them"
            )
        generic[label] = table.name
        series = minutes_from_table(table, timezone)
        pieces.append(
            Recording(
                label,
                series.time_ms,
                series.values,
                series.ambiguous_rows,
                series.nonexistent_rows,
            )
        )
    labels = sorted({piece.person_label for piece in pieces})
    return [_one_person(label, (p for p in pieces if p.person_label == label)) for label in labels]


def _by_user(table: CsvTable, timezone: str) -> list[Recording]:
    quantity = _quantity_of(table)
    cells = parse_channel(table, quantity, _QUANTITIES[quantity])
    users = np.array(table.column("user"))
    recordings = []
    for user in np.unique(users):
        rows = np.flatnonzero(users == user)
        if not user.strip():
            table.refuse(int(rows[0]), "a user, found an empty cell")
        times = parse_times(table, rows.tolist(), "datetime", timezone)
        values = np.full((len(rows), len(CHANNELS)), np.nan)
        values[:, CHANNEL_INDEX[_QUANTITIES[quantity]]] = cells[rows]
        time_ms, minutes = by_minute(times.time_ms, values)
        refuse_too_many_steps(table, times.time_ms, time_ms, minutes)
        recordings.append(
            Recording(
                str(user).strip(), time_ms, minutes, times.ambiguous_rows, times.nonexistent_rows
            )
        )
    return recordings


def _quantity_of(table: CsvTable) -> str:
    found = [name for name in table.header if name not in {"", "user", "datetime"}]
    if len(found) != 1 or found[0] not in _QUANTITIES or len(set(table.header)) < len(table.header):
        raise UsageError(
            f"{table.name}, line 1: expected `user,datetime` and one of "
            f"{', '.join(_QUANTITIES)}; found {', '.join(found) or 'nothing else'}"
        )
    return found[0]


def _one_person(label: str, pieces: Iterable[Recording]) -> Recording:
    """Return the pieces of one person as one; where two files have a value, the first holds."""
    parts = list(pieces)
    time_ms = np.unique(np.concatenate([part.time_ms for part in parts]))
    if not len(time_ms):
        raise UsageError(f"{label}: expected at least one row with a value, found none")
    values = np.full((len(time_ms), len(CHANNELS)), np.nan, dtype=np.float32)
    for part in parts:
        rows = np.searchsorted(time_ms, part.time_ms)
        values[rows] = np.where(np.isnan(values[rows]), part.values, values[rows])
    return Recording(
        label,
        time_ms,
        values,
        sum(part.ambiguous_rows for part in parts),
        sum(part.nonexistent_rows for part in parts),
    )


def shift_to_now(recording: Recording, now_ms: int) -> Recording:
    """Return the recording moved by whole days, so that it ends within the last day.

    Whole days keep the time of day; nothing ends up in the future.

    Example:
        >>> old = Recording("a", np.array([0]), np.zeros((1, len(CHANNELS)), np.float32))
        >>> int(shift_to_now(old, 10 * DAY_MS).time_ms[0]) // DAY_MS
        9
    """
    days = (now_ms - MINUTE_MS - int(recording.time_ms[-1])) // DAY_MS
    return Recording(
        recording.person_label,
        recording.time_ms + days * DAY_MS,
        recording.values,
        recording.ambiguous_rows,
        recording.nonexistent_rows,
    )
