"""Recorded people, the two halves they are split into, and the engine that scores them.

A person is in one half for good: it depends on their label alone, so that nobody who was looked at
while weights were chosen can drift into the published figures.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from hashlib import sha256
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from tidewell.vocabulary import Family

FAMILIES: tuple[Family, ...] = tuple(Family)


class Half(StrEnum):
    """Which people are looked at: those for choosing, or those for publishing."""

    TUNE = "tune"
    REPORT = "report"


@dataclass(frozen=True, slots=True)
class PersonDays:
    """Daily features of one person: `day` int64[n], rising; `features` float32[n, features].

    `onset` is the day on which an illness was first felt (days since 1970), or None.
    """

    label: str
    day: NDArray[np.int64]
    features: NDArray[np.float32]
    onset: int | None = None


@dataclass(frozen=True, slots=True)
class PersonMinutes:
    """Minutes of one person: `time_ms` int64[n], rising; `values` float32[n, channels]."""

    label: str
    time_ms: NDArray[np.int64]
    values: NDArray[np.float32]
    onset: int | None = None


@dataclass(frozen=True, slots=True)
class Opened:
    """An episode that the shipped policy opened; `day` is the local day that decided it."""

    person: int
    family: Family
    day: int
    at_ms: int


@dataclass(frozen=True, slots=True)
class Scored:
    """What the engine said about some people; `person` is a place in the list it was given.

    `person`, `day` int64[n]; `score` float64[n], NaN = the day could not be scored; `families`
    float64[n, families], or None where the detector gives one score only.
    """

    person: NDArray[np.int64]
    day: NDArray[np.int64]
    score: NDArray[np.float64]
    families: NDArray[np.float64] | None
    opened: tuple[Opened, ...]


class Engine(Protocol):
    """The detector, as the evaluation needs it. Each call starts with nothing learned."""

    @property
    def version(self) -> str:
        """Return the version of the detector."""

    def score_days(self, people: Sequence[PersonDays]) -> Scored:
        """Score people whose daily features are known."""

    def score_minutes(self, people: Sequence[PersonMinutes]) -> Scored:
        """Score people from their minutes, through the same door as what devices send."""


def half_of(label: str) -> Half:
    """Return the half of a person, from the SHA-256 of the label alone.

    Example:
        >>> [half_of(label).value for label in ("a", "d", "e", "f")]
        ['report', 'report', 'tune', 'tune']
    """
    odd = sha256(label.encode()).digest()[0] & 1
    return Half.TUNE if odd else Half.REPORT


def seed_of(label: str, seed: int) -> list[int]:
    """Return the seed for one person's draws: the people beside them change nothing."""
    return [seed, int.from_bytes(sha256(label.encode()).digest()[:4])]
