"""What the detector stands beside in `python -m bench detect`: other ways to watch the same values.

Each takes values one at a time, as `(channel, value)`, and is timed on scoring and learning every
one of them. One model for each channel, not for each person: that spares the others the memory of
many people, so the comparison leans their way.

river is only needed here; without it its rows are left out, and the table says so.
"""

from __future__ import annotations

import importlib
import importlib.util
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from types import ModuleType
from typing import Any, Final

from tidewell.vocabulary import CHANNELS

Values = Sequence[tuple[int, float]]
"""Place of the channel, and a value of it."""

RIVER_IS_MISSING: Final = "left out; pip install --require-hashes -r requirements/bench.txt"
SEED: Final = 1
LEVEL_WEIGHT: Final = 0.01
MEDIAN_STEP: Final = 0.01
"""In scales: how far the running median moves towards a value."""
SCALE_STEP: Final = 0.01
SCALE_LEAST: Final = 1e-6


def river() -> ModuleType | None:
    """Return river's anomaly models, or None where river is not installed."""
    if importlib.util.find_spec("river") is None:
        return None
    return importlib.import_module("river.anomaly")


def half_space_trees(anomaly: ModuleType, values: Values) -> Callable[[], None]:
    """Return the work of river's HalfSpaceTrees on these values, scaled to 0..1 beforehand."""
    models: list[Any] = [anomaly.HalfSpaceTrees(seed=SEED) for _ in CHANNELS]
    scaled = [
        (place, {"value": (value - CHANNELS[place].low) / _range(place)}) for place, value in values
    ]

    def work() -> None:
        for place, value in scaled:
            models[place].score_one(value)
            models[place].learn_one(value)

    return work


def gaussian_scorer(anomaly: ModuleType, values: Values) -> Callable[[], None]:
    """Return the work of river's GaussianScorer on these values; it scores the target."""
    models: list[Any] = [anomaly.GaussianScorer() for _ in CHANNELS]

    def work() -> None:
        for place, value in values:
            models[place].score_one({}, value)
            models[place].learn_one({}, value)

    return work


@dataclass(slots=True)
class PlainBaseline:
    """What is usual in one channel of one person, the plain way: average, median and spread."""

    level: float = math.nan
    median: float = 0.0
    scale: float = 1.0

    def score_then_learn(self, value: float) -> float:
        """Return the distance from the running median in scales, then move towards the value."""
        if math.isnan(self.level):
            self.level = self.median = value
        away = value - self.median
        score = abs(away) / self.scale
        self.level += LEVEL_WEIGHT * (value - self.level)
        self.median += math.copysign(MEDIAN_STEP * self.scale, away)
        grows = 1 + SCALE_STEP if abs(away) > self.scale else 1 - SCALE_STEP
        self.scale = max(self.scale * grows, SCALE_LEAST)
        return score


def python_loop(rows: Sequence[tuple[int, list[float]]]) -> Callable[[], None]:
    """Return the work of a loop over rows of (person, channel values), each person on their own."""
    people: dict[int, list[PlainBaseline]] = {}

    def work() -> None:
        for person, values in rows:
            if person not in people:
                people[person] = [PlainBaseline() for _ in CHANNELS]
            for baseline, value in zip(people[person], values, strict=True):
                if not math.isnan(value):
                    baseline.score_then_learn(value)

    return work


def _range(place: int) -> float:
    return CHANNELS[place].high - CHANNELS[place].low
