"""Readers of three published sets, each in the form in which its authors gave it out.

What they call a quantity is turned into a feature of Tidewell where the two mean the same, and
left out where they do not. A zero where no living person has zero (heart rate, steps of a whole
day) is "not worn", never a value. Times of sleep in LifeSnaps are estimated from hourly steps.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import date, datetime
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from tidewell.evaluation.people import PersonDays
from tidewell.local_time import day_number
from tidewell.minute_files import CsvTable, read_table
from tidewell.vocabulary import FEATURE_NAMES

Floats = NDArray[np.float64]

LIFESNAPS: Final = {
    # The device's resting rate is known for all 71 people, the one of NREM sleep for 43.
    "resting_hr": "night_heart_rate",
    "rmssd": "night_hrv_rmssd",
    "nightly_temperature": "night_skin_temperature",
    "full_sleep_breathing_rate": "night_respiratory_rate",
    "spo2": "night_spo2",
    "minutesAsleep": "sleep_minutes",
    "sleep_efficiency": "sleep_efficiency",
    "scl_avg": "eda_level",
    "steps": "steps",
}
WELLTORY: Final = {"resting_pulse": "night_heart_rate", "steps_count": "steps"}
ABOVE_ZERO: Final = ("night_heart_rate", "steps", "sleep_minutes", "night_spo2")
LEAST_DAYS: Final = 28
"""Fewer days than one reference window say nothing about a person."""
LEAST_HOURS: Final = 12
"""Of the 18 between 18:00 and 12:00, to say when somebody fell asleep."""
ACTIVE_STEPS: Final = 50
"""Steps in an hour from which somebody is up: more than a walk to the bathroom."""
NIGHT_FROM_H: Final = 18
NIGHT_HOURS: Final = 18


@dataclass(frozen=True, slots=True)
class StressRun:
    """One person in a laboratory: heart rate and whether the task was stressful, per minute."""

    label: str
    heart_rate: Floats
    stressed: NDArray[np.bool_]


def read_lifesnaps(path: Path) -> list[PersonDays]:
    """Read `daily.csv.gz`, and `steps_hourly.csv.gz` beside it where it is."""
    people = _people(read_table(path), "id", "date", LIFESNAPS)
    hourly = path.with_name("steps_hourly.csv.gz")
    if not hourly.exists():
        return people
    hours = _hours(read_table(hourly))
    return [_with_times(person, hours.get(person.label, {})) for person in people]


def read_welltory(path: Path) -> list[PersonDays]:
    """Read `wearables.csv`, with `sleep.csv` and `participants.csv` beside it where they are."""
    people = {one.label: one for one in _people(read_table(path), "user_code", "day", WELLTORY)}
    participants, sleep = path.with_name("participants.csv"), path.with_name("sleep.csv")
    onsets: dict[str, float] = {}
    if participants.exists():
        table = read_table(participants)
        days = dates(table, "symptoms_onset", _us_date)
        onsets = dict(zip(table.column("user_code"), days.tolist(), strict=True))
    nights = _nights(read_table(sleep)) if sleep.exists() else {}
    joined = [_with_times(person, nights.get(label, {})) for label, person in people.items()]
    return [
        replace(one, onset=None if np.isnan(onset) else int(onset))
        for one in joined
        for onset in [onsets.get(one.label, float("nan"))]
        if len(one.day) >= LEAST_DAYS
    ]


def read_stress(path: Path) -> list[StressRun]:
    """Read `hr_rsp_binary.csv.gz`: a value a second, averaged over whole minutes."""
    table = read_table(path)
    label = np.array(table.column("Participant"))
    heart_rate, stressed = numbers(table, "HR"), numbers(table, "Label")
    minute = numbers(table, "Time(sec)") // 60
    runs = []
    for person in sorted(set(label.tolist())):
        rows = (label == person) & (heart_rate > 0)
        _, place = np.unique(minute[rows], return_inverse=True)
        count = np.bincount(place)
        runs.append(
            StressRun(
                person,
                np.bincount(place, heart_rate[rows]) / count,
                np.bincount(place, stressed[rows]) / count > 0.5,
            )
        )
    return runs


def numbers(table: CsvTable, column: str) -> Floats:
    """Return a column as numbers, NaN where a cell is empty.

    Raises:
        UsageError: a cell is not a number.
    """
    cells = table.column(column)
    values = np.empty(len(cells))
    for row, cell in enumerate(cells):
        try:
            values[row] = float(cell) if cell else np.nan
        except ValueError:
            table.refuse(row, f"a number for {column}, found {cell[:40]!r}")
    return values


def dates(table: CsvTable, column: str, read: Callable[[str], date] = date.fromisoformat) -> Floats:
    """Return a column as days since 1970, NaN where a cell is empty.

    Raises:
        UsageError: a cell is not a day.
    """
    cells = table.column(column)
    known: dict[str, float] = {"": float("nan")}
    for row, cell in enumerate(cells):
        if cell not in known:
            try:
                known[cell] = day_number(read(cell))
            except ValueError:
                table.refuse(row, f"a day for {column}, found {cell[:40]!r}")
    return np.array([known[cell] for cell in cells])


def _us_date(cell: str) -> date:
    month, day, year = cell.split("/")
    return date(int(year), int(month), int(day))


def _people(table: CsvTable, label: str, day: str, columns: dict[str, str]) -> list[PersonDays]:
    labels, days = np.array(table.column(label)), dates(table, day).astype(np.int64)
    features = np.full((len(days), len(FEATURE_NAMES)), np.nan, np.float32)
    for column, feature in columns.items():
        values = numbers(table, column)
        if feature in ABOVE_ZERO:
            values[values <= 0] = np.nan
        features[:, FEATURE_NAMES.index(feature)] = values
    kept = ~np.isnan(features).all(axis=1)
    people = []
    for person in sorted(set(labels[kept].tolist())):
        rows = np.flatnonzero(kept & (labels == person))
        _, first = np.unique(days[rows], return_index=True)  # a day that is there twice: the first
        people.append(PersonDays(person, days[rows[first]], features[rows[first]]))
    return people


def _with_times(person: PersonDays, extra: dict[int, dict[str, float]]) -> PersonDays:
    """Add features of other files to the days that are there."""
    features = person.features.copy()
    for row, day in enumerate(person.day.tolist()):
        for name, value in extra.get(day, {}).items():
            features[row, FEATURE_NAMES.index(name)] = value
    return replace(person, features=features)


def _hours(table: CsvTable) -> dict[str, dict[int, dict[str, float]]]:
    """Return, for each person and day, when they fell asleep and got up, by steps of each hour."""
    labels, steps = np.array(table.column("id")), numbers(table, "steps")
    hours = (dates(table, "date") * 24 + numbers(table, "hour")).astype(np.int64)
    found: dict[str, dict[int, dict[str, float]]] = {}
    for person in set(labels.tolist()):
        rows = labels == person
        first = int(hours[rows].min()) // 24
        track = np.full((int(hours[rows].max()) // 24 - first + 1) * 24, np.nan)
        track[hours[rows] - first * 24] = steps[rows]
        found[person] = {
            first + day: times
            for day in range(1, len(track) // 24)
            if (times := _night_times(track[day * 24 - 24 + NIGHT_FROM_H :][:NIGHT_HOURS]))
        }
    return found


def _night_times(night: Floats) -> dict[str, float]:
    """Return start and end of the longest still run of the hours from 18:00 to 12:00."""
    if np.count_nonzero(~np.isnan(night)) < LEAST_HOURS:
        return {}
    active = np.flatnonzero(night >= ACTIVE_STEPS)
    edges = np.concatenate([[-1], active, [len(night)]])
    longest = int(np.argmax(np.diff(edges)))
    start, end = int(edges[longest]) + 1, int(edges[longest + 1])
    if start == 0 or end == len(night):
        return {}  # still before 18:00 or after noon: no night that can be told apart
    return {
        "sleep_onset_h": NIGHT_FROM_H - 12.0 + start,
        "first_activity_h": float(NIGHT_FROM_H - 24 + end),
    }


def _nights(table: CsvTable) -> dict[str, dict[int, dict[str, float]]]:
    """Return time asleep and time of falling asleep of each person's main sleep of a day."""
    duration_s = numbers(table, "sleep_duration")
    found: dict[str, dict[int, dict[str, float]]] = {}
    columns = (table.column(name) for name in ("user_code", "sleep_begin", "sleep_end"))
    for row, (person, begin, end) in enumerate(zip(*columns, strict=True)):
        try:
            asleep, awake = datetime.fromisoformat(begin), datetime.fromisoformat(end)
        except ValueError:
            table.refuse(row, f"two times, found {begin[:40]!r} and {end[:40]!r}")
        day, minutes = day_number(awake.date()), float(duration_s[row]) / 60
        noon_before = day_number(asleep.date()) * 24 + asleep.hour + asleep.minute / 60
        onset = noon_before - (day - 1) * 24 - 12
        nights = found.setdefault(person, {})
        longer = minutes > nights.get(day, {}).get("sleep_minutes", 0)
        if longer and 0 <= onset < 24:
            nights[day] = {"sleep_minutes": minutes, "sleep_onset_h": onset}
    return found
