"""Changes laid over real minutes: a device taken off, and a night that moves.

Heart rate and steps are real. Where a recording has no skin temperature and no motion, both are
made up (seeded) so that a device with these sensors can be tried; the report says which.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Final

import numpy as np
from numpy.typing import NDArray

from tidewell.evaluation.injections import GRACE_DAYS, PLACEMENTS
from tidewell.evaluation.metrics import QUIET_AFTER_DAYS, QUIET_BEFORE_DAYS
from tidewell.evaluation.people import PersonMinutes, seed_of
from tidewell.local_time import DAY_MS
from tidewell.vocabulary import CHANNEL_INDEX

MINUTE_MS: Final = 60_000
HOUR_MS: Final = 60 * MINUTE_MS
FOUND_WITHIN_MS: Final = 15 * MINUTE_MS
OFF_MS: Final = 3 * HOUR_MS
OFF_PLACEMENTS: Final = 20
"""More than of whole days: an hour of one day says little about an hour of another."""
OFF_HISTORY_DAYS: Final = 21
"""Long enough to learn when somebody usually charges their device."""
WAKING_HOURS: Final = (9, 21)
WORN_BEFORE_MINUTES: Final = 60
"""Heart rate has to be there in nearly every one of so many minutes before a device comes off."""
WORN_SHARE: Final = 0.9
SHIFT_DAYS: Final = 7
SHIFT_MS: Final = 3 * HOUR_MS
SHIFT_HISTORY_DAYS: Final = 24
"""The recordings of the study are short; less would leave nothing learned to compare with."""

SKIN_C: Final = 33.5
ROOM_C: Final = 22.0
COOLING_MINUTES: Final = 28.0
"""A fall of 0.4 degrees a minute at first, as measured when watches come off (DETACH)."""
STILL_MOTION_MG: Final = 1.0


class OffKind(StrEnum):
    """What the device measures while it lies on a table."""

    HEART_AND_STEPS = "heart_and_steps"
    WITH_TEMPERATURE = "with_temperature"


@dataclass(frozen=True, slots=True)
class PlacedMinutes:
    """A change in one person's minutes; what counts is what is said from `start_ms` to `last_ms`.

    `plain` are the same minutes, with the same made-up channels, without the change.
    """

    original: int
    start_ms: int
    last_ms: int
    changed: PersonMinutes
    plain: PersonMinutes


def place_removals(
    people: Sequence[PersonMinutes], kind: OffKind, seed: int
) -> list[PlacedMinutes]:
    """Return each person with their device taken off for three hours, at seeded waking hours."""
    placed = []
    for original, person in enumerate(people):
        rng = np.random.default_rng([*seed_of(person.label, seed), list(OffKind).index(kind)])
        possible = removal_starts(person)
        drawn = rng.permutation(possible)[:OFF_PLACEMENTS]
        placed += [_removed(original, person, kind, int(at), rng) for at in sorted(drawn.tolist())]
    return placed


def removal_starts(person: PersonMinutes) -> NDArray[np.int64]:
    """Return the moments at which the device may come off: worn before, by day, with history."""
    heart = ~np.isnan(person.values[:, CHANNEL_INDEX["heart_rate"]])
    beats_at = person.time_ms[heart]
    hour = person.time_ms % DAY_MS // HOUR_MS
    before = np.searchsorted(beats_at, person.time_ms) - np.searchsorted(
        beats_at, person.time_ms - WORN_BEFORE_MINUTES * MINUTE_MS
    )
    fits = before >= WORN_SHARE * WORN_BEFORE_MINUTES
    fits &= (hour >= WAKING_HOURS[0]) & (hour < WAKING_HOURS[1])
    fits &= person.time_ms >= person.time_ms[0] + OFF_HISTORY_DAYS * DAY_MS
    fits &= person.time_ms <= person.time_ms[-1] - OFF_MS
    return person.time_ms[fits]


def _removed(
    original: int, person: PersonMinutes, kind: OffKind, at_ms: int, rng: np.random.Generator
) -> PlacedMinutes:
    """Take the device off at a moment; it goes on reporting every minute that it counts no step."""
    kept = person.time_ms >= at_ms - OFF_HISTORY_DAYS * DAY_MS
    kept &= person.time_ms <= at_ms + FOUND_WITHIN_MS
    plain = replace(person, time_ms=person.time_ms[kept], values=person.values[kept].copy())
    if kind is OffKind.WITH_TEMPERATURE:
        _make_up_channels(plain.values, rng)
    worn = plain.time_ms < at_ms
    off_ms = np.arange(at_ms, at_ms + FOUND_WITHIN_MS + 1, MINUTE_MS)
    values = np.full((len(off_ms), plain.values.shape[1]), np.nan, np.float32)
    values[:, CHANNEL_INDEX["steps"]] = 0
    if kind is OffKind.WITH_TEMPERATURE:
        minutes = np.arange(1, len(off_ms) + 1)
        cooled = ROOM_C + (SKIN_C - ROOM_C) * np.exp(-minutes / COOLING_MINUTES)
        values[:, CHANNEL_INDEX["skin_temperature"]] = cooled
        values[:, CHANNEL_INDEX["motion"]] = STILL_MOTION_MG
    changed = replace(
        plain,
        time_ms=np.concatenate([plain.time_ms[worn], off_ms]),
        values=np.concatenate([plain.values[worn], values]),
    )
    return PlacedMinutes(original, at_ms, at_ms + FOUND_WITHIN_MS, changed, plain)


def _make_up_channels(values: NDArray[np.float32], rng: np.random.Generator) -> None:
    """Fill temperature and motion of a worn device into minutes with a heart rate."""
    worn = ~np.isnan(values[:, CHANNEL_INDEX["heart_rate"]])
    steps = np.nan_to_num(values[:, CHANNEL_INDEX["steps"]])
    temperature = SKIN_C + rng.normal(0, 0.1, len(values))
    motion = np.abs(rng.normal(25, 12, len(values))) + 6 * steps + 5
    values[:, CHANNEL_INDEX["skin_temperature"]] = np.where(worn, temperature, np.nan)
    values[:, CHANNEL_INDEX["motion"]] = np.where(worn, motion, np.nan)


def place_late_nights(people: Sequence[PersonMinutes], seed: int) -> list[PlacedMinutes]:
    """Return each person with a week that happens three hours later, at seeded days."""
    placed = []
    for original, person in enumerate(people):
        rng = np.random.default_rng(seed_of(person.label, seed))
        drawn = rng.permutation(late_starts(person))[:PLACEMENTS]
        placed += [_late(original, person, int(day)) for day in sorted(drawn.tolist())]
    return placed


def late_starts(person: PersonMinutes) -> NDArray[np.int64]:
    """Return the days on which such a week may start."""
    first, last = person.time_ms[0] // DAY_MS, person.time_ms[-1] // DAY_MS
    starts = np.arange(first + SHIFT_HISTORY_DAYS, last - SHIFT_DAYS - GRACE_DAYS)
    if person.onset is None:
        return starts
    end = starts + SHIFT_DAYS + GRACE_DAYS
    quiet = (end < person.onset - QUIET_BEFORE_DAYS) | (starts > person.onset + QUIET_AFTER_DAYS)
    return starts[quiet]


def _late(original: int, person: PersonMinutes, start: int) -> PlacedMinutes:
    start_ms = start * DAY_MS + DAY_MS // 2  # the nights move, so the week begins at noon
    end_ms = start_ms + SHIFT_DAYS * DAY_MS
    last_ms = end_ms + GRACE_DAYS * DAY_MS
    kept = person.time_ms < last_ms
    plain = replace(person, time_ms=person.time_ms[kept], values=person.values[kept])
    inside = (plain.time_ms >= start_ms) & (plain.time_ms < end_ms)
    moved_ms = plain.time_ms + np.where(inside, SHIFT_MS, 0)
    overtaken = ~inside & (plain.time_ms >= end_ms) & (plain.time_ms < end_ms + SHIFT_MS)
    changed = replace(plain, time_ms=moved_ms[~overtaken], values=plain.values[~overtaken])
    return PlacedMinutes(original, start_ms, last_ms, changed, plain)
