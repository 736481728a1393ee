"""Reads files of daily features: one row for each person and day.

The header is `person`, `day` and any of the features of `tidewell.vocabulary`; other columns are
named and left out. Every fault is said with its line and what was expected instead.
"""

from __future__ import annotations

import csv
import math
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Final, Protocol, Self

import numpy as np
from numpy.typing import NDArray

from tidewell.errors import UsageError
from tidewell.local_time import day_number
from tidewell.minute_files import shown_header
from tidewell.vocabulary import FEATURE_NAMES


class _CsvReader(Protocol):
    """What the csv module's reader is; its type has no public name."""

    @property
    def line_num(self) -> int: ...
    def __iter__(self) -> Self: ...
    def __next__(self) -> list[str]: ...


MOST_ROWS: Final = 20_000_000
"""Fifty years of a thousand people; a file beyond that is something else."""
LEAST: Final = {"sleep_regularity": -100}
"""The features that may be negative; no other can."""
_NUMBER_CHARACTERS: Final = frozenset("0123456789+-.eE")


@dataclass(frozen=True, slots=True)
class DayTable:
    """Daily features in the order of person and day.

    `person` is the place in `labels`, int64[n]; `day` days since 1970, int64[n]; `features`
    float32[n, features], NaN for an empty cell.
    """

    labels: tuple[str, ...]
    person: NDArray[np.int64]
    day: NDArray[np.int64]
    features: NDArray[np.float32]
    ignored_columns: tuple[str, ...]


def read_days(path: Path) -> DayTable:
    """Read a file of daily features.

    Raises:
        UsageError: it cannot be read; the message names file, line and what was expected.
    """
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            rows = csv.reader(file, strict=True)
            try:
                return _read_rows(path.name, rows)
            except csv.Error as error:
                place = f"{path.name}, line {rows.line_num}"
                raise UsageError(f"{place}: expected comma separated values: {error}") from None
    except UnicodeDecodeError:
        line = _first_line_not_utf8(path)
        raise UsageError(f"{path.name}, line {line}: expected text in UTF-8") from None
    except OSError as error:
        raise UsageError(f"cannot read {path}: {error.strerror}; check the path") from None


def _first_line_not_utf8(path: Path) -> int:
    with path.open("rb") as file:
        for number, line in enumerate(file, start=1):
            try:
                line.decode("utf-8")
            except UnicodeDecodeError:
                return number
    raise AssertionError("every line is UTF-8, though the whole was not")


def _read_rows(name: str, rows: _CsvReader) -> DayTable:
    header = [cell.strip() for cell in next(rows, [])]
    found = f"found {shown_header(header)}"
    if not {"person", "day"} <= set(header) or len(set(header)) != len(header):
        raise UsageError(
            f"{name}, line 1: expected a header with person, day and features, each once; {found}"
        )
    known = [column for column in FEATURE_NAMES if column in header]
    if not known:
        raise UsageError(
            f"{name}, line 1: expected at least one of {', '.join(FEATURE_NAMES)}; {found}"
        )
    seen: dict[tuple[str, int], NDArray[np.float32]] = {}
    for cells in rows:
        if cells:
            key, features = _read_row(f"{name}, line {rows.line_num}", header, cells)
            if key in seen:
                raise UsageError(f"{name}, line {rows.line_num}: expected each person and day once")
            seen[key] = features
        if len(seen) > MOST_ROWS:
            raise UsageError(f"{name} has more than {MOST_ROWS:,} rows; split it by person")
    if not seen:
        raise UsageError(f"{name}: expected at least one row below the header")
    ignored = tuple(column for column in header if column not in ("person", "day", *known))
    return _table(seen, ignored)


def _read_row(
    place: str, header: list[str], cells: list[str]
) -> tuple[tuple[str, int], NDArray[np.float32]]:
    if len(cells) != len(header):
        raise UsageError(f"{place}: expected {len(header)} cells, found {len(cells)}")
    row = dict(zip(header, (cell.strip() for cell in cells), strict=True))
    if not row["person"]:
        raise UsageError(f"{place}: expected a person, found an empty cell")
    try:
        day = day_number(date.fromisoformat(row["day"]))
    except ValueError:
        raise UsageError(
            f"{place}: expected a day like 2026-01-31, found {row['day'][:40]!r}"
        ) from None
    values = [_number(place, column, row.get(column, "")) for column in FEATURE_NAMES]
    return (row["person"], day), np.array(values, np.float32)


def _number(place: str, column: str, cell: str) -> float:
    if not cell:
        return math.nan
    try:
        # float() alone would also take `1_000`, and digits of other scripts.
        value = float(cell) if _NUMBER_CHARACTERS.issuperset(cell) else math.inf
    except ValueError:
        value = math.inf
    low = LEAST.get(column, 0)
    if not math.isfinite(value) or abs(value) > 1e9 or value < low:
        raise UsageError(
            f"{place}: expected a number of {low} or more for {column}, found {cell[:40]!r}"
        )
    return value


def _table(seen: dict[tuple[str, int], NDArray[np.float32]], ignored: tuple[str, ...]) -> DayTable:
    labels = tuple(sorted({label for label, _ in seen}))
    place = {label: index for index, label in enumerate(labels)}
    keys = sorted(seen)
    return DayTable(
        labels,
        np.array([place[label] for label, _ in keys], np.int64),
        np.array([day for _, day in keys], np.int64),
        np.stack([seen[key] for key in keys]),
        ignored,
    )
