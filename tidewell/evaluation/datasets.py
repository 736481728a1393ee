"""Finds recorded data in a folder and its subfolders, each set by the headers of its files.

| a set is | when a file has |
|---|---|
| days | `person`, `day` and features of `tidewell.vocabulary` (plain CSV) |
| minutes | `user,datetime` and a quantity (Mishra et al. 2020), or `time` and channels |
| LifeSnaps, Welltory, Stress-Predict | the columns these published sets have |

`onsets.csv` (`person,onset`) beside days or minutes says when an illness was first felt. Files with
other headers are left alone. Nothing is written, and nothing is filled in.
"""

from __future__ import annotations

import gzip
import zipfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Final

import numpy as np

from tidewell.day_files import read_days
from tidewell.errors import UsageError
from tidewell.evaluation.people import Half, PersonDays, PersonMinutes, half_of
from tidewell.evaluation.published import (
    StressRun,
    dates,
    read_lifesnaps,
    read_stress,
    read_welltory,
)
from tidewell.minute_files import read_table
from tidewell.vocabulary import CHANNEL_NAMES, FEATURE_NAMES

ENDINGS: Final = (".csv", ".csv.gz", ".csv.zip", ".zip")
DEPTH_MOST: Final = 2
"""The folder of all sets, and one folder for each."""
HEADER_BYTES_MOST: Final = 4_096
ONSETS: Final = "onsets.csv"

MinuteReader = Callable[[Sequence[Path]], Sequence[PersonMinutes]]
"""Reads files of minutes, several of which may be of one person."""


class Form(StrEnum):
    """What kind of set a folder holds."""

    DAYS = "days"
    MINUTES = "minutes"
    LIFESNAPS = "lifesnaps"
    WELLTORY = "welltory"
    STRESS = "stress"


@dataclass(frozen=True, slots=True)
class Found:
    """A set that was recognised, and its files."""

    name: str
    form: Form
    folder: Path
    files: tuple[Path, ...]


@dataclass(frozen=True, slots=True)
class DataSet:
    """One half of the people of a set, and how many people it has in all."""

    name: str
    form: Form
    people_in_all: int
    days: tuple[PersonDays, ...] = ()
    minutes: tuple[PersonMinutes, ...] = ()
    stress: tuple[StressRun, ...] = ()


def find_sets(folder: Path) -> list[Found]:
    """Return the sets in a folder and its subfolders, in the order of their names.

    Raises:
        UsageError: the folder cannot be read, or holds no set.
    """
    found = _find(folder, DEPTH_MOST)
    if not found:
        raise UsageError(
            f"no recorded data in {folder}; expected a CSV with person, day and features, files of "
            "minutes, or one of the published sets that docs/evaluation.md names"
        )
    return found


def load_set(found: Found, half: Half, read_minutes: MinuteReader) -> DataSet:
    """Read the people of one half.

    Raises:
        UsageError: a file is not as its header promises; the message says where.
    """
    if found.form is Form.MINUTES:
        return _load_minutes(found, half, read_minutes)
    if found.form is Form.STRESS:
        runs = read_stress(found.files[0])
        chosen = tuple(run for run in runs if half_of(f"{found.name} {run.label}") is half)
        return DataSet(found.name, found.form, len(runs), stress=chosen)
    people = _day_people(found)
    chosen_days = tuple(person for person in people if half_of(person.label) is half)
    return DataSet(found.name, found.form, len(people), days=chosen_days)


def _find(folder: Path, depth: int) -> list[Found]:
    try:
        entries = sorted(folder.iterdir())
    except OSError as error:
        raise UsageError(f"cannot read the folder {folder}: {error.strerror}") from None
    files: dict[Form, list[Path]] = {}
    for path in entries:
        if path.is_file() and (form := _form_of(_header(path))):
            files.setdefault(form, []).append(path)
    found = [
        Found(folder.resolve().name, form, folder, tuple(paths)) for form, paths in files.items()
    ]
    if depth > 1:
        found += [one for path in entries if path.is_dir() for one in _find(path, depth - 1)]
    return found


def _form_of(columns: set[str]) -> Form | None:
    if {"user", "datetime"} < columns or ("time" in columns and columns & set(CHANNEL_NAMES)):
        return Form.MINUTES
    if {"person", "day"} < columns and columns & set(FEATURE_NAMES):
        return Form.DAYS
    if {"id", "date", "resting_hr", "minutesAsleep", "steps"} <= columns:
        return Form.LIFESNAPS
    if {"user_code", "day", "resting_pulse", "steps_count"} <= columns:
        return Form.WELLTORY
    if {"Participant", "HR", "Time(sec)", "Label"} <= columns:
        return Form.STRESS
    return None


def _header(path: Path) -> set[str]:
    """Return the names in the first line of a file; nothing for what is no table."""
    if not path.name.lower().endswith(ENDINGS) or path.name == ONSETS:
        return set()
    try:
        first = _first_bytes(path).split(b"\n", 1)[0].decode("utf-8-sig")
    except (OSError, EOFError, UnicodeDecodeError, zipfile.BadZipFile):
        return set()
    return {cell.strip().strip('"') for cell in first.split(",")}


def _first_bytes(path: Path) -> bytes:
    if path.suffix.lower() == ".gz":
        with gzip.open(path) as opened:
            return opened.read(HEADER_BYTES_MOST)
    if path.suffix.lower() == ".zip":
        with zipfile.ZipFile(path) as archive, archive.open(archive.infolist()[0]) as member:
            return member.read(HEADER_BYTES_MOST)
    with path.open("rb") as plain:
        return plain.read(HEADER_BYTES_MOST)


def _load_minutes(found: Found, half: Half, read_minutes: MinuteReader) -> DataSet:
    """Read only the files of this half: those of the other one stay unopened."""
    by_label: dict[str, list[Path]] = {}
    for path in found.files:
        by_label.setdefault(path.name.split(".")[0].split("_")[0], []).append(path)
    chosen = [path for label, paths in by_label.items() if half_of(label) is half for path in paths]
    onsets = read_onsets(found.folder / ONSETS)
    people = tuple(
        PersonMinutes(one.label, one.time_ms, one.values, onsets.get(one.label))
        for one in (read_minutes(chosen) if chosen else ())
    )
    return DataSet(found.name, found.form, len(by_label), minutes=people)


def _day_people(found: Found) -> list[PersonDays]:
    if found.form is Form.LIFESNAPS:
        return read_lifesnaps(found.files[0])
    if found.form is Form.WELLTORY:
        return read_welltory(found.files[0])
    if len(found.files) > 1:
        raise UsageError(
            f"{found.files[0].name} and {found.files[1].name} both hold days; "
            f"keep one in {found.folder}"
        )
    table = read_days(found.files[0])
    onsets = read_onsets(found.folder / ONSETS)
    return [
        PersonDays(label, table.day[rows], table.features[rows], onsets.get(label))
        for place, label in enumerate(table.labels)
        for rows in [np.flatnonzero(table.person == place)]
    ]


def read_onsets(path: Path) -> dict[str, int]:
    """Return the onset of each person of `onsets.csv`; no file, and nobody has one.

    Raises:
        UsageError: the file has no `person` and `onset`, or an onset is not a day.
    """
    if not path.exists():
        return {}
    table = read_table(path)
    if not {"person", "onset"} <= set(table.header):
        raise UsageError(f"{path.name}, line 1: expected a header with person and onset")
    days = dates(table, "onset")
    people = table.column("person")
    if len(set(people)) < len(people):
        raise UsageError(f"{path.name}: expected each person once")
    known = zip(people, days.tolist(), strict=True)
    return {person: int(day) for person, day in known if not np.isnan(day)}
