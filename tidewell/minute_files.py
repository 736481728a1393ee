"""Recorded minutes from files: the CSV that `tidewell replay` and `tidewell score` read.

A file has a header with `time` and any channels of `tidewell.vocabulary`, in any order, one row a
moment. It may be plain, `.gz`, or a `.zip` with one file in it. It is read with these rules:

1. A time is ISO 8601. One without an offset is local in the time zone that the caller names.
2. An empty cell is "no value"; a row without any value is left out.
3. Several rows of one minute become one: their mean, except for `steps`, which are added up.
4. A local time that a spring change skipped is read with the offset before the change, so it moves
   on by that hour. One that an autumn change repeats is the first of the two, until the times of
   the file step back within that hour: from there on it is the second. Both are counted.

Whatever cannot be read is a `UsageError` of one line that names the file, the line and what was
expected. A value is never guessed, rounded into its range or silently left out: a column that is
no channel is refused, or named to a caller who tells it.
"""

from __future__ import annotations

import csv
import gzip
import io
import zipfile
import zlib
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import IO, TYPE_CHECKING, Final, NoReturn, TypeVar
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import numpy as np

from tidewell.errors import UsageError
from tidewell.vocabulary import CHANNEL_INDEX, CHANNEL_NAMES, CHANNELS

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

MINUTE_MS: Final = 60_000
FILE_BYTES_MAX: Final = 512 * 2**20
"""A year of one person at a row every 5 seconds is 150 MiB; more than this is not such a file."""
CHANGE_MS: Final = 15 * MINUTE_MS
"""Every change of the clocks since 1970 begins and ends on a quarter of an hour."""
SHOWN_CHARACTERS: Final = 40
"""As much of a wrong cell as a message repeats: enough to find it, short enough for one line."""

_DAY_MS: Final = 86_400_000
_EPOCH: Final = datetime(1970, 1, 1)  # noqa: DTZ001 -- local times of files carry no offset yet
_NUMBER_CHARACTERS: Final = frozenset("0123456789+-.eE ")
_Converted = TypeVar("_Converted")


@dataclass(frozen=True, slots=True)
class MinuteSeries:
    """Minutes of one person: sorted, each once, a column for every channel, NaN for no value."""

    time_ms: NDArray[np.int64]
    values: NDArray[np.float32]
    ambiguous_rows: int = 0
    nonexistent_rows: int = 0
    ignored_columns: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Times:
    """Moments in UTC, in the order of the file, and how many the change of the clocks touched."""

    time_ms: NDArray[np.int64]
    ambiguous_rows: int
    nonexistent_rows: int


@dataclass(frozen=True, slots=True)
class CsvTable:
    """A file as text cells, kept by column, that can say on which line a row was."""

    name: str
    header: tuple[str, ...]
    columns: tuple[tuple[str, ...], ...]
    text: str

    def column(self, name: str) -> tuple[str, ...]:
        """Return the cells of one column."""
        return self.columns[self.header.index(name)]

    def refuse(self, row: int, expected: str) -> NoReturn:
        """Raise the error for a row (0 is the first one below the header)."""
        raise UsageError(f"{self.name}, line {_line_of(self.text, row + 1)}: expected {expected}")


def read_minutes(
    path: Path, timezone: str | None, *, other_columns_are_told: bool = False
) -> MinuteSeries:
    """Read one person's minutes from a generic CSV file.

    Args:
        other_columns_are_told: columns that are no channels are left out and named in
            `ignored_columns`, for a caller who says so.

    Raises:
        UsageError: the file is not as this module describes; the message says where.
    """
    table = read_table(path)
    ignored = tuple(name for name in table.header if name not in ("time", *CHANNEL_NAMES))
    if not other_columns_are_told or len(ignored) == len(table.header) - 1:
        return minutes_from_table(table, timezone)
    kept = [place for place, name in enumerate(table.header) if name not in ignored]
    header = tuple(table.header[place] for place in kept)
    columns = tuple(table.columns[place] for place in kept)
    series = minutes_from_table(replace(table, header=header, columns=columns), timezone)
    return replace(series, ignored_columns=ignored)


def minutes_from_table(table: CsvTable, timezone: str | None) -> MinuteSeries:
    """Turn the cells of a generic CSV file into minutes."""
    _check_header(table)
    times = parse_times(table, range(len(table.columns[0])), "time", timezone)
    values = np.full((len(times.time_ms), len(CHANNELS)), np.nan)
    for name in table.header:
        if name != "time":
            values[:, CHANNEL_INDEX[name]] = parse_channel(table, name, name)
    time_ms, minutes = by_minute(times.time_ms, values)
    if not len(time_ms):
        raise UsageError(f"{table.name}, line 2: expected at least one row with a value")
    refuse_too_many_steps(table, times.time_ms, time_ms, minutes)
    return MinuteSeries(time_ms, minutes, times.ambiguous_rows, times.nonexistent_rows)


def _check_header(table: CsvTable) -> None:
    if "time" not in table.header:
        raise UsageError(
            f"{table.name}, line 1: expected a header with `time` and channel names, "
            f"found {shown_header(table.header)}"
        )
    for name in table.header:
        if name != "time" and name not in CHANNEL_INDEX:
            known = ", ".join(CHANNEL_NAMES)
            raise UsageError(
                f"{table.name}, line 1: unknown column {_shown(name)}; expected `time` and {known}"
            )
        if table.header.count(name) > 1:
            raise UsageError(f"{table.name}, line 1: column `{name}` is there twice; keep one")
    if len(table.header) == 1:
        raise UsageError(f"{table.name}, line 1: expected at least one channel beside `time`")


def read_table(path: Path) -> CsvTable:
    """Read a CSV file, plain, gzipped or zipped, into cells.

    Raises:
        UsageError: the file cannot be opened, unpacked or decoded, or its rows differ in length.
    """
    text = _decode(path.name, _read_bytes(path))
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    try:
        rows = [row for row in reader if row]
    except csv.Error as error:
        raise UsageError(
            f"{path.name}, line {reader.line_num}: expected comma separated values: {error}"
        ) from None
    if not rows:
        raise UsageError(f"{path.name}, line 1: expected a header, found an empty file")
    header, *body = rows
    if not body:
        raise UsageError(f"{path.name}, line 2: expected at least one row below the header")
    for number, row in enumerate(body, start=1):
        if len(row) != len(header):
            raise UsageError(
                f"{path.name}, line {_line_of(text, number)}: expected {len(header)} cells, "
                f"found {len(row)}"
            )
    names = tuple(name.strip() for name in header)
    return CsvTable(path.name, names, tuple(zip(*body, strict=True)), text)


def _read_bytes(path: Path) -> bytes:
    try:
        if path.suffix.lower() == ".zip":
            return _read_zip(path)
        if path.suffix.lower() == ".gz":
            return _read_gzip(path)
        with path.open("rb") as opened:
            return _read_limited(path.name, opened)
    except OSError as error:
        raise UsageError(f"cannot read {path}: {error.strerror}; check the path") from None


def _read_gzip(path: Path) -> bytes:
    try:
        with gzip.open(path) as opened:
            return _read_limited(path.name, opened)
    except (gzip.BadGzipFile, EOFError, zlib.error):
        raise UsageError(f"{path.name}: expected a gzip file, found something else") from None


def _read_zip(path: Path) -> bytes:
    try:
        with zipfile.ZipFile(path) as archive:
            members = [member for member in archive.infolist() if not member.is_dir()]
            if len(members) != 1:
                raise UsageError(f"{path.name}: expected one file in the zip, found {len(members)}")
            with archive.open(members[0]) as opened:
                return _read_limited(path.name, opened)
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError):
        raise UsageError(
            f"{path.name}: expected a zip file without a password, found something else"
        ) from None


def _read_limited(name: str, opened: IO[bytes] | gzip.GzipFile) -> bytes:
    content = opened.read(FILE_BYTES_MAX + 1)
    if len(content) > FILE_BYTES_MAX:
        raise UsageError(f"{name}: larger than {FILE_BYTES_MAX // 2**20} MiB; split it by month")
    return content


def _decode(name: str, content: bytes) -> str:
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise UsageError(f"{name}, line {line}: expected text in UTF-8") from None


def _line_of(text: str, row: int) -> int:
    """Return the line of a row, the header being row 0: blank lines and quoted ends count too."""
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    filled = (reader.line_num for cells in reader if cells)
    return next(line for number, line in enumerate(filled) if number == row)


def parse_times(table: CsvTable, rows: Sequence[int], column: str, timezone: str | None) -> Times:
    """Return the moments of these rows, in their order.

    Raises:
        UsageError: a time is not ISO 8601, or has no offset while no time zone was named.
    """
    cells = table.column(column)
    chosen = cells if len(rows) == len(cells) else [cells[row] for row in rows]
    try:
        moments = [*map(datetime.fromisoformat, chosen)]
        aware = np.fromiter((moment.tzinfo is not None for moment in moments), np.bool_)
        plain = [*map(_without_offset, moments)] if aware.any() else moments
    except (ValueError, OverflowError):
        row = _first_refused(chosen, lambda cell: _without_offset(datetime.fromisoformat(cell)))
        table.refuse(rows[row], f"a time in ISO 8601, found {_shown(chosen[row])}")
    time_ms = np.array(plain, dtype="datetime64[ms]").astype(np.int64)
    if aware.all():
        return Times(time_ms, 0, 0)
    if timezone is None:
        row = int(np.argmin(aware))
        table.refuse(rows[row], "a time with an offset such as +00:00, or its zone in --timezone")
    local = ~aware
    times = _from_local(time_ms[local], zone_of(timezone))
    time_ms[local] = times.time_ms
    return Times(time_ms, times.ambiguous_rows, times.nonexistent_rows)


def _without_offset(moment: datetime) -> datetime:
    """Return UTC for a moment with an offset; one without stays as it is."""
    return moment if moment.tzinfo is None else moment.astimezone(UTC).replace(tzinfo=None)


def zone_of(timezone: str) -> ZoneInfo:
    """Return the time zone of this name.

    Raises:
        UsageError: there is none.
    """
    try:
        return ZoneInfo(timezone)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise UsageError(
            f"unknown time zone {_shown(timezone)}; a name looks like Europe/London"
        ) from None


def _from_local(local_ms: NDArray[np.int64], zone: ZoneInfo) -> Times:
    slots, slot_of_row = np.unique(local_ms // CHANGE_MS, return_inverse=True)
    moments = [_EPOCH + timedelta(milliseconds=int(slot) * CHANGE_MS) for slot in slots]
    first = np.array([_offset_ms(zone, moment, 0) for moment in moments], np.int64)[slot_of_row]
    second = np.array([_offset_ms(zone, moment, 1) for moment in moments], np.int64)[slot_of_row]
    ambiguous = np.flatnonzero(first > second)
    offset_ms = first.copy()
    for day in np.unique(local_ms[ambiguous] // _DAY_MS):
        rows = ambiguous[local_ms[ambiguous] // _DAY_MS == day]
        steps_back = np.flatnonzero(np.diff(local_ms[rows]) < 0)
        if len(steps_back):
            later = rows[steps_back[0] + 1 :]
            offset_ms[later] = second[later]
    return Times(local_ms - offset_ms, len(ambiguous), int(np.count_nonzero(first < second)))


def _offset_ms(zone: ZoneInfo, moment: datetime, fold: int) -> int:
    offset = moment.replace(tzinfo=zone, fold=fold).utcoffset()
    if offset is None:
        raise AssertionError("a named time zone always has an offset")
    return round(offset / timedelta(milliseconds=1))


def parse_channel(table: CsvTable, column: str, channel_name: str) -> NDArray[np.float64]:
    """Return one column as values of this channel, NaN where the cell is empty.

    Raises:
        UsageError: a cell is not a number, or not within what the channel can report.
    """
    cells = table.column(column)
    channel = CHANNELS[CHANNEL_INDEX[channel_name]]
    wanted = f"a number for {channel_name} from {channel.low:g} to {channel.high:g}"
    try:
        if not _NUMBER_CHARACTERS.issuperset("".join(cells)):
            raise ValueError  # noqa: TRY301 -- one way out for both kinds of wrong text
        values = np.array([*map(float, (cell or "nan" for cell in cells))])
    except ValueError:
        row = _first_refused(cells, _to_number)
        table.refuse(row, f"{wanted}, found {_shown(cells[row])}")
    outside = np.flatnonzero((values < channel.low) | (values > channel.high))
    if len(outside):
        table.refuse(int(outside[0]), f"{wanted}, found {_shown(cells[outside[0]])}")
    return values


def _to_number(cell: str) -> float:
    if not _NUMBER_CHARACTERS.issuperset(cell):
        raise ValueError
    return float(cell or "nan")


def _first_refused(cells: Sequence[str], convert: Callable[[str], _Converted]) -> int:
    for row, cell in enumerate(cells):
        try:
            convert(cell)
        except (ValueError, OverflowError):
            return row
    raise AssertionError("no cell is refused alone, though the column was")


def by_minute(
    time_ms: NDArray[np.int64], values: NDArray[np.float64]
) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """Return each minute that has a value once: means, and sums for steps."""
    minutes, minute_of_row = np.unique(time_ms // MINUTE_MS, return_inverse=True)
    merged = np.full((len(minutes), values.shape[1]), np.nan, dtype=np.float32)
    for index, channel in enumerate(CHANNELS):
        there = ~np.isnan(values[:, index])
        if not there.any():
            continue
        rows = minute_of_row[there]
        count = np.bincount(rows, minlength=len(minutes))
        total = np.bincount(rows, weights=values[there, index], minlength=len(minutes))
        filled = count > 0
        merged[filled, index] = total[filled] / (1 if channel.per_minute else count[filled])
    kept = ~np.isnan(merged).all(axis=1)
    return minutes[kept] * MINUTE_MS, merged[kept]


def refuse_too_many_steps(
    table: CsvTable,
    row_time_ms: NDArray[np.int64],
    time_ms: NDArray[np.int64],
    values: NDArray[np.float32],
) -> None:
    """Raise where rows that are right one by one add up to a minute that nobody can walk."""
    for index, channel in enumerate(CHANNELS):
        if not channel.per_minute:
            continue
        too_many = np.flatnonzero(values[:, index] > channel.high)
        if len(too_many):
            row = int(np.argmax(row_time_ms // MINUTE_MS == time_ms[too_many[0]] // MINUTE_MS))
            found = f"{values[too_many[0], index]:g}"
            table.refuse(row, f"at most {channel.high:g} {channel.name} a minute, found {found}")


def shown_header(cells: Sequence[str]) -> str:
    """Return a header as a message may repeat it."""
    return _shown(",".join(cells)) if cells else "an empty file"


def _shown(text: str) -> str:
    """Return a piece of a file as a message may repeat it: short and on one line."""
    return repr(text if len(text) <= SHOWN_CHARACTERS else text[:SHOWN_CHARACTERS] + "…")
