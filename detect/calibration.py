"""From a score to how rare it is: the pooled tail of scores of quiet days.

Thresholds from the normal distribution are wrong by a factor of twenty on such data, and one
person's days are too few for a tail of their own. So quiet days of many people are pooled: a
reservoir of their scores, read by rank up to the 98th percentile, and a generalised Pareto
distribution above it, fitted by probability-weighted moments.

An alert is an episode, not a day: `episodes_per_day` says how many episodes a day above a threshold
makes, since high days come in runs.

Sources: Pickands, Ann Stat 3 (1975), for the tail; Hosking & Wallis, Technometrics 29 (1987), for
the fit; reservoir as in Vitter, ACM TOMS 11 (1985).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

DAYS_PER_MONTH: Final = 30.44
RESERVOIR: Final = 4096
TAIL_FROM: Final = 0.98
KNOTS: Final = (0.5, 0.75, 0.9, 0.95, 0.98)
LEAST_SCORES: Final = 500
LEAST_EXCEEDANCES: Final = 5
"""Half of the ten that 500 scores leave beyond the 98th percentile; ties take some of them."""


@dataclass(frozen=True, slots=True)
class Tail:
    """How rare a score is among quiet days.

    Attributes:
        knots: scores at the quantiles of `KNOTS`; the last one is where the tail begins.
        scale, shape: of the generalised Pareto distribution of what exceeds the last knot.
        episodes_per_day: episodes for each day above a threshold in the tail.
    """

    knots: tuple[float, ...]
    scale: float
    shape: float
    episodes_per_day: float


def threshold(tail: Tail, budget_per_person_month: float) -> float:
    """Return the score that gives this many episodes per person-month of quiet days.

    Example:
        >>> tail = Tail((0.0, 0.5, 1.0, 1.3, 1.6), scale=0.3, shape=0.0, episodes_per_day=0.5)
        >>> threshold(tail, 0.1) > threshold(tail, 0.5)
        True
    """
    rare = budget_per_person_month / (DAYS_PER_MONTH * tail.episodes_per_day)
    beyond = 1 - TAIL_FROM
    if rare >= beyond:
        return float(np.interp(max(1 - rare, KNOTS[0]), KNOTS, tail.knots))
    ratio = rare / beyond
    if abs(tail.shape) < 1e-9:
        return tail.knots[-1] - tail.scale * float(np.log(ratio))
    return tail.knots[-1] + tail.scale / tail.shape * (float(ratio**-tail.shape) - 1)


def how_rare(tail: Tail, score: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the share of quiet days with a score as high: float64, the shape of `score`."""
    inside = 1 - np.interp(score, tail.knots, KNOTS)
    excess = np.maximum(score - tail.knots[-1], 0.0) / tail.scale
    if abs(tail.shape) < 1e-9:
        left = np.exp(-excess)
    else:
        left = np.maximum(1 + tail.shape * excess, 0.0) ** (-1 / tail.shape)
    return np.where(score > tail.knots[-1], (1 - TAIL_FROM) * left, inside)


def fit(scores: NDArray[np.float64], episodes_per_day: float) -> Tail:
    """Fit the tail of pooled scores of quiet days: float64[n], NaN left out.

    Raises:
        ValueError: fewer than 500 scores, or no two different ones beyond the 98th percentile.
    """
    known = np.sort(scores[~np.isnan(scores)])
    if len(known) < LEAST_SCORES:
        raise ValueError(f"a tail needs {LEAST_SCORES} scores, not {len(known)}")
    knots = np.quantile(known, KNOTS)
    excess = known[known > knots[-1]] - knots[-1]
    if len(excess) < LEAST_EXCEEDANCES or excess.min() == excess.max():
        raise ValueError("the highest scores are equal or too few: no tail can be drawn from them")
    scale, shape = _moments(excess)
    return Tail(tuple(float(knot) for knot in knots), scale, shape, episodes_per_day)


def sample(scores: NDArray[np.float64], rng: np.random.Generator) -> NDArray[np.float64]:
    """Return a reservoir of at most 4,096 scores, each as likely as any other."""
    if len(scores) <= RESERVOIR:
        return scores
    return scores[np.sort(rng.choice(len(scores), RESERVOIR, replace=False))]


def _moments(excess: NDArray[np.float64]) -> tuple[float, float]:
    """Return scale and shape by probability-weighted moments, the shape within [-0.5, 0.3].

    Above 0.3 a few days of a few people would set a threshold that nothing reaches.
    """
    count = len(excess)
    first = float(excess.mean())
    second = float(np.sum(excess * (count - np.arange(1, count + 1))) / (count * (count - 1)))
    shape = float(np.clip(2 - first / (first - 2 * second), -0.5, 0.3))
    return first * (1 - shape), shape


SHIPPED_TAILS: Final[tuple[Tail, ...]] = (
    Tail((0.3324, 0.7873, 1.3111, 1.6052, 1.9374), 0.3953, 0.188, 0.200),  # illness
    Tail((0.5996, 0.8983, 1.2374, 1.4627, 1.8607), 0.2378, 0.135, 0.185),  # sleep
    Tail((0.1656, 0.4517, 0.7316, 0.9330, 1.1700), 0.2069, -0.018, 0.240),  # withdrawal
    Tail((0.1656, 0.4517, 0.7316, 0.9330, 1.1700), 0.2069, -0.018, 0.240),  # acute load
    Tail((0.7155, 1.2541, 1.8007, 2.0764, 2.4786), 1.4725, -0.500, 0.280),  # drift
    Tail((0.0, 0.5, 1.0, 1.3, 1.6), 0.35, 0.0, 0.5),  # device: decided by rules, not by a score
)
"""In the order of `Family`, from the people of the tuning half of LifeSnaps, without their marks.

The last number is what makes the episodes that this code opens, each family alone, equal to its
budget there; they are fewer than the runs of high days, for an episode rests and lasts.

35 people; 3,521 scored days for illness and 3,504 for withdrawal (with all measures and with heart
rate and steps alone, pooled), 1,300 for sleep, 1,016 for drift. No data set here has days of acute
load: it takes the tail of withdrawal, which is smoothed alike, and that is a guess.
"""
