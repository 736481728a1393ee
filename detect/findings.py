"""What the detector answers: days that closed and changes of episodes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from tidewell.local_time import day_date
from tidewell.vocabulary import FEATURE_NAMES, FEATURES, Family, Level

FAMILIES: tuple[Family, ...] = tuple(Family)
LEVELS: tuple[Level, ...] = tuple(Level)
NO_FAMILY = -1
"""Where a day could not be scored, or nothing stands out."""


class EpisodeKind(StrEnum):
    """What happened to an episode."""

    OPENED = "opened"
    CONTINUED = "continued"
    WORSENED = "worsened"
    CLOSED = "closed"


@dataclass(frozen=True, slots=True)
class DayResults:
    """Days that closed, as columns; a day of a person appears once.

    Attributes:
        person_id: int64[n]. day: local day as days since 1970-01-01, int64[n].
        features: float32[n, features] in the order of `tidewell.vocabulary.FEATURES`, NaN = none.
        usual: float32[n, features, 3]: centre, low and high of what is usual, NaN = not learned.
        worn_minutes: int32[n], -1 = not known (files of daily features).
        score: float32[n], how unlike this person, 1 = for review; NaN = not scorable.
        family_scores: float32[n, families], the same for each family in the order of `FAMILIES`.
        family: int8[n], place in `FAMILIES` or -1. level: int8[n], place in `LEVELS`.
    """

    person_id: NDArray[np.int64]
    day: NDArray[np.int64]
    features: NDArray[np.float32]
    usual: NDArray[np.float32]
    worn_minutes: NDArray[np.int32]
    score: NDArray[np.float32]
    family_scores: NDArray[np.float32]
    family: NDArray[np.int8]
    level: NDArray[np.int8]

    def __len__(self) -> int:
        return len(self.person_id)

    @classmethod
    def empty(cls) -> Self:
        """Return no days."""
        count = len(FEATURES)
        return cls(
            np.empty(0, np.int64),
            np.empty(0, np.int64),
            np.empty((0, count), np.float32),
            np.empty((0, count, 3), np.float32),
            np.empty(0, np.int32),
            np.empty(0, np.float32),
            np.empty((0, len(FAMILIES)), np.float32),
            np.empty(0, np.int8),
            np.empty(0, np.int8),
        )

    @classmethod
    def joined(cls, parts: Sequence[DayResults]) -> DayResults:
        """Return several sets of days as one, in order."""
        if not parts:
            return cls.empty()
        columns = (
            np.concatenate([getattr(part, name) for part in parts]) for name in cls.__slots__
        )
        return cls(*columns)


@dataclass(frozen=True, slots=True)
class EpisodeChange:
    """One change of one episode; `at_ms` is the moment that decided it, never that of computing."""

    person_id: int
    family: Family
    kind: EpisodeKind
    opened_at_ms: int
    at_ms: int
    level: Level
    score: float
    explanation: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Findings:
    """All that a batch or a tick brought to light, in the order in which it happened.

    `late_readings` were for a day that had closed, `too_late_readings` of them for one too long ago
    to be judged again: `too_late_days` are those, each a person, the first and the last local day,
    and how many readings. `dropped` counts what could not be believed, in the order of
    `detect.quality.REASONS`.
    """

    days: DayResults
    changes: tuple[EpisodeChange, ...]
    late_readings: int = 0
    too_late_readings: int = 0
    dropped: tuple[int, ...] = ()
    too_late_days: tuple[tuple[int, int, int, int], ...] = ()


def day_records(days: DayResults) -> list[dict[str, Any]]:
    """Return days as plain records, with None for what is absent; floats are those of the columns.

    Keys: person_id, day (date), every feature, worn_minutes, usual (feature to
    [centre, low, high]), score, family, level.
    """
    return [_day_record(days, place) for place in range(len(days))]


def _day_record(days: DayResults, place: int) -> dict[str, Any]:
    family, score = int(days.family[place]), float(days.score[place])
    scored = not np.isnan(score)
    features = zip(FEATURE_NAMES, days.features[place].tolist(), strict=True)
    return {
        "person_id": int(days.person_id[place]),
        "day": day_date(int(days.day[place])),
        **{name: None if np.isnan(value) else value for name, value in features},
        "worn_minutes": int(days.worn_minutes[place]),
        "usual": {
            name: [round(value, 3) for value in band.tolist()]
            for name, band in zip(FEATURE_NAMES, days.usual[place], strict=True)
            if not np.isnan(band).any()
        },
        "score": score if scored else None,
        "family": None if family == NO_FAMILY else FAMILIES[family].value,
        "level": LEVELS[int(days.level[place])].value if scored else None,
    }
