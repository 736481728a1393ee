"""`tidewell score`: the detection core on files, the same as it runs on what devices send."""

from __future__ import annotations

import csv
import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from difflib import get_close_matches
from pathlib import Path
from typing import Annotated, Final

import numpy as np
import typer

from tidewell.commands.shared import console
from tidewell.day_files import DayTable, read_days
from tidewell.detection_policy import policy_in_use
from tidewell.errors import UsageError
from tidewell.local_time import day_date, zone_table
from tidewell.minute_files import read_minutes
from tidewell.settings import Settings, load_settings
from tidewell.vocabulary import CHANNEL_NAMES, FEATURE_NAMES

HEADER: Final = ("person", "day", "score", "family", "level")
SUFFIXES: Final = (".csv.gz", ".csv.zip", ".csv", ".zip")
"""Longest first, so that what is left of a name is the person's label."""
MEANT_FROM: Final = 0.8
"""Likeness from which a misspelt column is taken for the name it resembles."""

Row = tuple[str, str, str, str, str]


@dataclass(slots=True)
class _Read:
    """What was read: the days of the person with most of them, and columns that were left out."""

    most_days: int = 0
    left_out: dict[str, None] = field(default_factory=dict)


def register(app: typer.Typer) -> None:
    """Add this command."""
    app.command("score")(score)


def score(
    out: Annotated[Path, typer.Option("--out", help="Where the scores are written, as CSV.")],
    minutes: Annotated[
        Path | None,
        typer.Option(help="Folder with one <person>.csv each: time and channel columns."),
    ] = None,
    days: Annotated[
        Path | None, typer.Option(help="One CSV with person, day and daily features.")
    ] = None,
    timezone: Annotated[
        str, typer.Option(help="Time zone of naive times and of people's days.")
    ] = "UTC",
) -> None:
    """Score every person and day of recorded files: how unlike this person was that day?"""
    settings = load_settings()
    if (minutes is None) == (days is None):
        raise UsageError("give either --minutes FOLDER or --days FILE")
    zone_table(timezone)
    _refuse_to_overwrite(out, minutes, days)
    read = _Read()
    if minutes is not None:
        rows: Iterable[Row] = list(_score_minutes(minutes, timezone, settings, read))
    else:
        assert days is not None  # one of both is given
        rows = _score_days(days, timezone, settings, read)
    count = _write(out, rows)
    if read.left_out:
        names = CHANNEL_NAMES if minutes is not None else FEATURE_NAMES
        console.print(_about_left_out(read.left_out, names), markup=False)
    console.print(f"{count:,} person-days scored; written to {out}")
    if not count:
        console.print(_why_none(read.most_days))


def _about_left_out(columns: Iterable[str], names: tuple[str, ...]) -> str:
    """Return which columns were left out, with the name that each may have meant."""
    said = []
    for column in columns:
        near = get_close_matches(column.lower(), names, n=1, cutoff=MEANT_FROM)
        said.append(f"{column} (did you mean {near[0]}?)" if near else column)
    return f"Columns left out: {', '.join(said)}"


def _why_none(most_days: int) -> str:
    from detect.baseline import LAG_DAYS, LEAST_DAYS  # noqa: PLC0415 -- others start without it

    return (
        f"Why none: a measure is compared once it is known on {LEAST_DAYS} earlier days of that "
        f"person, of which the last {LAG_DAYS} do not count yet. The longest series here has "
        f"{most_days} {'day' if most_days == 1 else 'days'}; give more days of each person."
    )


def _score_minutes(folder: Path, timezone: str, settings: Settings, read: _Read) -> Iterator[Row]:
    from detect import Detector, ReadingBatch  # noqa: PLC0415 -- other commands start without it
    from detect.policy import DEFAULT_BUDGETS, Policy  # noqa: PLC0415

    policy = Policy(**policy_in_use(settings).keywords(DEFAULT_BUDGETS))
    for label, path in _files_by_label(folder).items():
        series = read_minutes(path, timezone, other_columns_are_told=True)
        read.left_out |= dict.fromkeys(series.ignored_columns)
        detector = Detector(settings.silence_after_s, policy)
        detector.add_person(0, zone_table(timezone))
        count = len(series.time_ms)
        batch = ReadingBatch(
            np.zeros(count, np.int64),
            series.time_ms,
            series.time_ms,
            np.full(count, 60, np.int64),
            series.values.astype(np.float32),
        )
        found = detector.update(batch).days
        read.most_days = max(read.most_days, len(np.unique(found.day)))
        yield from _rows([label], found)


def _score_days(path: Path, timezone: str, settings: Settings, read: _Read) -> list[Row]:
    from detect import DayResults, Detector  # noqa: PLC0415 -- other commands start without it
    from detect.policy import DEFAULT_BUDGETS, Policy  # noqa: PLC0415

    table = read_days(path)
    read.left_out |= dict.fromkeys(table.ignored_columns)
    read.most_days = int(np.bincount(table.person).max())
    policy = Policy(**policy_in_use(settings).keywords(DEFAULT_BUDGETS))
    detector = Detector(settings.silence_after_s, policy)
    for person in range(len(table.labels)):
        detector.add_person(person, zone_table(timezone))
    results = [
        detector.score_days(table.person[part], table.day[part], table.features[part]).days
        for part in _by_day(table)
    ]
    return list(_rows(table.labels, DayResults.joined(results)))


def _by_day(table: DayTable) -> list[np.ndarray[tuple[int], np.dtype[np.int64]]]:
    order = np.argsort(table.day, kind="stable")
    return np.split(order, np.flatnonzero(np.diff(table.day[order])) + 1)


def _rows(labels: Iterable[str], days: object) -> Iterator[Row]:
    from detect import DayResults  # noqa: PLC0415 -- other commands start without it
    from detect.findings import FAMILIES, LEVELS, NO_FAMILY  # noqa: PLC0415

    assert isinstance(days, DayResults)  # given by the two callers above
    names = list(labels)
    order = np.lexsort((days.day, days.person_id))
    for place in order[~np.isnan(days.score[order])].tolist():
        family = int(days.family[place])
        yield (
            names[int(days.person_id[place])],
            day_date(int(days.day[place])).isoformat(),
            str(days.score[place]),
            "" if family == NO_FAMILY else FAMILIES[family].value,
            LEVELS[int(days.level[place])].value,
        )


def _refuse_to_overwrite(out: Path, minutes: Path | None, days: Path | None) -> None:
    inputs = [] if days is None else [days]
    if minutes is not None:
        inputs += _files_by_label(minutes).values()
    if out.resolve() in {path.resolve() for path in inputs}:
        raise UsageError(f"--out {out} is a file that is to be read; choose another name")


def _files_by_label(folder: Path) -> dict[str, Path]:
    """Return the files of minutes in a folder, each under the label of its person."""
    files: dict[str, Path] = {}
    for path in sorted(_listed(folder)):
        label = _label_of(path)
        if label is None:
            continue
        if label in files:
            raise UsageError(
                f"{files[label].name} and {path.name} are both of {label}; keep one in {folder}"
            )
        files[label] = path
    if not files:
        raise UsageError(
            f"no <person>.csv file in {folder}; name each file after its person, such as P-001.csv"
        )
    return files


def _label_of(path: Path) -> str | None:
    """Return the person whose minutes a file holds, or None where its name is no such name."""
    for suffix in SUFFIXES:
        if path.name.lower().endswith(suffix):
            return path.name[: -len(suffix)] or None
    return None


def _listed(folder: Path) -> list[Path]:
    try:
        return list(folder.iterdir())
    except OSError as error:
        raise UsageError(
            f"cannot read the folder {folder}: {error.strerror}; check the path"
        ) from None


def _write(out: Path, rows: Iterable[Row]) -> int:
    """Write beside `out` and rename: a file of scores is whole, or as it was before."""
    is_stream = out.exists() and not out.is_file()
    written = out if is_stream else out.resolve().with_name(f".{out.name}.{os.getpid()}.part")
    try:
        try:
            count = _write_rows(written, rows)
            if not is_stream:
                written.replace(out.resolve())
        finally:
            if not is_stream:
                written.unlink(missing_ok=True)
    except OSError as error:
        raise UsageError(
            f"cannot write {out}: {error.strerror}; choose another place with --out"
        ) from None
    return count


def _write_rows(path: Path, rows: Iterable[Row]) -> int:
    count = 0
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(HEADER)
        for row in rows:
            writer.writerow(row)
            count += 1
    return count
