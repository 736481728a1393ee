"""The figures of one run, as the study finds them and the report shows them.

Nothing here reckons: each figure is beside its chance already.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tidewell.evaluation.injections import Injection
from tidewell.evaluation.metrics import BudgetResult, Share
from tidewell.vocabulary import Family


@dataclass(frozen=True, slots=True)
class Policy:
    """The episodes that the shipped policy opened by itself, at its own thresholds.

    `rate_watched` counts every day from a person's first to their last, `rate` scored days only.
    """

    opened: int
    rate: float
    rate_watched: float
    rate_p90: float
    around: Share
    chance_around: float
    by_family: tuple[tuple[Family, int], ...]


@dataclass(frozen=True, slots=True)
class Recall:
    """What was reached on one set; `results` is empty where nobody has a known onset."""

    name: str
    people: int
    people_in_all: int
    scored_days: int
    quiet_days: int
    first_day: int
    last_day: int
    results: tuple[BudgetResult, ...]
    policy: Policy
    rates: NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class InjectionResult:
    """How many of one kind were found; each share has its chance in the same windows beside it.

    `own` is the score of the family that it belongs to, None where the detector gives one only.
    """

    injection: Injection
    people: int
    overall: Share
    overall_chance: Share
    own: Share | None
    own_chance: Share | None
    policy: Share
    policy_chance: Share


@dataclass(frozen=True, slots=True)
class MinuteResult:
    """How many changes of minutes brought an episode, and how many windows without one did."""

    words: str
    people: int
    found: Share
    by_chance: Share
    delay_minutes: float | None = None


@dataclass(frozen=True, slots=True)
class StressResult:
    """Area under the curve of heart rate against stress within each person, per minute."""

    name: str
    areas: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Study:
    """All figures of one run."""

    version: str
    half: str
    recalls: tuple[Recall, ...] = ()
    halved: tuple[tuple[str, Policy], ...] = ()
    injections: tuple[tuple[str, tuple[InjectionResult, ...]], ...] = ()
    minutes: tuple[MinuteResult, ...] = ()
    stress: tuple[StressResult, ...] = ()
