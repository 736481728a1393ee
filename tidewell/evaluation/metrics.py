"""Recall at a stated number of false episodes, and what chance reaches at the same number.

The protocol, for any score of person-days:

1. An alert is a day whose score reaches the threshold, and at least `REFRACTORY_DAYS` after the
   alert before it. It is false on a quiet day: outside -14..+28 days of the onset. Real illness
   that nobody wrote down counts as false, so the rates are upper bounds.
2. The threshold of a budget is the lowest one whose false alerts, over all people together, are
   within the budget. It is the only thing taken from the people that are reported.
3. A person is found if the score reaches the threshold on some day of the window around onset.

Never give a recall from here without its chance: a random score finds a third of all illnesses
at one false alert a month.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import sqrt
from typing import Final

import numpy as np
from numpy.typing import NDArray

MONTH_DAYS: Final = 365.25 / 12
BUDGETS: Final = (0.1, 0.25, 0.5, 1.0)
"""False episodes per person-month; a key worker of ten people sees one to ten a month."""
REFRACTORY_DAYS: Final = 7
QUIET_BEFORE_DAYS: Final = 14
QUIET_AFTER_DAYS: Final = 28
AROUND: Final = (-7, 7)
BEFORE: Final = (-7, 0)
CHANCE_DRAWS: Final = 200
"""The mean of so many random scores is known to one or two hundredths."""
LEAST_QUIET_DAYS: Final = 14
"""With fewer days than this, one false alert would look like two a month for that person."""
Z_95: Final = 1.959964
_FAR: Final = -(10**9)

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Timeline:
    """Scored days of people side by side, one row each, padded at the end.

    Attributes:
        day: int64[people, days]. score: float64[people, days], -inf where padded.
        scored: bool[people, days]. onset: float64[people], NaN = none known.
    """

    day: NDArray[np.int64]
    score: Floats
    scored: NDArray[np.bool_]
    onset: Floats

    @property
    def relative(self) -> Floats:
        """Days since onset, NaN for people without one."""
        return self.day - self.onset[:, None]

    @property
    def quiet(self) -> NDArray[np.bool_]:
        """Scored days far enough from an onset to count as quiet."""
        relative = self.relative
        near = (relative >= -QUIET_BEFORE_DAYS) & (relative <= QUIET_AFTER_DAYS)
        return self.scored & ~near

    def within(self, window: tuple[int, int]) -> NDArray[np.bool_]:
        """Scored days in a window around onset, its ends included."""
        relative = self.relative
        return self.scored & (relative >= window[0]) & (relative <= window[1])


@dataclass(frozen=True, slots=True)
class Share:
    """So many of n, with the Wilson interval."""

    found: int
    of: int

    @property
    def value(self) -> float:
        """The share, NaN of nothing."""
        return self.found / self.of if self.of else float("nan")

    @property
    def interval(self) -> tuple[float, float]:
        """The 95 % interval."""
        return wilson(self.found, self.of)


@dataclass(frozen=True, slots=True)
class BudgetResult:
    """What a score reaches at one budget of false episodes, and what chance reaches."""

    budget: float
    threshold: float
    rate: float
    rate_p90: float
    around: Share
    before: Share
    chance_around: float
    chance_before: float
    placebo_around: float
    first_day_median: float


def timeline(
    person: NDArray[np.int64], day: NDArray[np.int64], score: Floats, onset: Floats
) -> Timeline:
    """Lay scored days side by side; days without a score are left out.

    Args:
        onset: float64[people], NaN = none known. `person` is a place in it.
    """
    known = ~np.isnan(score)
    order = np.lexsort((day[known], person[known]))
    row, days, scores = person[known][order], day[known][order], score[known][order]
    first = np.searchsorted(row, np.arange(len(onset)))
    place = np.arange(len(row)) - first[row]
    width = int(place.max(initial=-1)) + 1
    shape = (len(onset), width)
    table_day = np.full(shape, 10**9, np.int64)
    table_score = np.full(shape, -np.inf)
    scored = np.zeros(shape, np.bool_)
    table_day[row, place], table_score[row, place], scored[row, place] = days, scores, True
    return Timeline(table_day, table_score, scored, onset)


def wilson(found: int, of: int) -> tuple[float, float]:
    """Return the 95 % interval of a share (Wilson, JASA 22, 1927).

    Example:
        >>> low, high = wilson(8, 10)
        >>> round(low, 3), round(high, 3)
        (0.49, 0.943)
    """
    if not of:
        return (float("nan"), float("nan"))
    share, weight = found / of, Z_95**2 / of
    centre = share + weight / 2
    half = Z_95 * sqrt(share * (1 - share) / of + weight / (4 * of))
    low, high = (centre - half) / (1 + weight), (centre + half) / (1 + weight)
    return (min(max(0.0, low), share), max(min(1.0, high), share))  # rounding must not cut it off


def false_alerts(line: Timeline, score: Floats, threshold: Floats) -> NDArray[np.int64]:
    """Count each person's alerts on quiet days: int64[scores, people, thresholds].

    Args:
        score: float64[scores, people, days], of the days of `line`.
        threshold: float64[scores, thresholds].
    """
    count = np.zeros((score.shape[0], score.shape[1], threshold.shape[1]), np.int64)
    last = np.full(count.shape, _FAR, np.int64)
    quiet = line.quiet
    for place in range(score.shape[2]):
        day = line.day[None, :, place, None]
        over = score[:, :, place, None] >= threshold[:, None, :]
        rings = over & line.scored[None, :, place, None] & (day - last >= REFRACTORY_DAYS)
        last = np.where(rings, day, last)
        count += rings & quiet[None, :, place, None]
    return count


def thresholds(line: Timeline, score: Floats, budgets: Floats) -> Floats:
    """Return the lowest threshold that keeps each budget: float64[scores, budgets].

    Bisection over the sorted scores of quiet days; where even the highest one rings too often, the
    threshold lies just above it.
    """
    quiet = line.quiet
    ordered = np.sort(score[:, quiet], axis=1)
    count = ordered.shape[1]
    allowed = budgets * count / MONTH_DAYS
    above = np.nextafter(ordered[:, -1:], np.inf) if count else np.zeros((len(score), 1))
    steps = np.concatenate([ordered, above], axis=1)
    low = np.full((len(score), len(budgets)), -1)  # rings too often, or before the first
    high = np.full((len(score), len(budgets)), count)  # keeps the budget
    while (high - low > 1).any():
        middle = np.maximum((low + high) // 2, 0)
        alerts = false_alerts(line, score, np.take_along_axis(steps, middle, 1)).sum(axis=1)
        keeps = alerts <= allowed
        high = np.where(keeps, middle, high)
        low = np.where(keeps, low, middle)
    return np.take_along_axis(steps, high, 1)


def over_in(score: Floats, threshold: Floats, inside: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Say who reaches the threshold on a chosen day: bool[scores, people, thresholds]."""
    highest = np.max(np.where(inside, score, -np.inf), axis=2, initial=-np.inf)
    reached: NDArray[np.bool_] = highest[:, :, None] >= threshold[:, None, :]
    measured: NDArray[np.bool_] = np.any(inside, axis=-1, keepdims=True)
    return reached & measured


def chance(
    line: Timeline, budgets: Floats, windows: tuple[tuple[int, int], ...], rng: np.random.Generator
) -> Floats:
    """Return the mean recall of random scores on the same days: float64[windows, budgets]."""
    random = rng.random((CHANCE_DRAWS, *line.score.shape))
    limits = thresholds(line, random, budgets)
    means = []
    for window in windows:
        inside = line.within(window)
        usable = inside.any(axis=1)
        found = over_in(random, limits, inside[None])[:, usable]
        means.append(found.mean(axis=(0, 1)) if usable.any() else np.full(len(budgets), np.nan))
    return np.stack(means)


def placebo(line: Timeline, limits: Floats, rng: np.random.Generator) -> Floats:
    """Return how often the same score rings around made-up onsets: float64[thresholds].

    Each person with an onset gets made-up ones whose whole window is quiet.
    """
    shares = [
        share
        for person in np.flatnonzero(line.within(AROUND).any(axis=1)).tolist()
        if (share := _placebo_of(line, person, limits, rng)) is not None
    ]
    return np.mean(shares, axis=0) if shares else np.full(len(limits), np.nan)


def _placebo_of(
    line: Timeline, person: int, limits: Floats, rng: np.random.Generator
) -> Floats | None:
    known = line.scored[person]
    day, score, onset = line.day[person][known], line.score[person][known], line.onset[person]
    apart = (day + AROUND[1] < onset - QUIET_BEFORE_DAYS) | (
        day + AROUND[0] > onset + QUIET_AFTER_DAYS
    )
    inside = (day + AROUND[0] >= day[0]) & (day + AROUND[1] <= day[-1])
    made_up = day[apart & inside]
    if not len(made_up):
        return None
    drawn = rng.choice(made_up, CHANCE_DRAWS)[:, None]
    near = (day >= drawn + AROUND[0]) & (day <= drawn + AROUND[1])
    highest = np.where(near, score, -np.inf).max(axis=1)
    share: Floats = (highest[:, None] >= limits).mean(axis=0)
    return share


def person_rates(line: Timeline, alerts: NDArray[np.int64]) -> Floats:
    """Return false alerts per month of each person with enough quiet days.

    Args:
        alerts: int64[people].
    """
    days = np.count_nonzero(line.quiet, axis=1)
    enough = days >= LEAST_QUIET_DAYS
    rates: Floats = alerts[enough] / days[enough] * MONTH_DAYS
    return rates


def judge(
    line: Timeline, rng: np.random.Generator, budgets: tuple[float, ...] = BUDGETS
) -> list[BudgetResult]:
    """Return what a score reaches at each budget."""
    wanted, score = np.array(budgets), line.score[None]
    limits = thresholds(line, score, wanted)
    alerts = false_alerts(line, score, limits)[0]
    months = line.quiet.sum() / MONTH_DAYS
    random = chance(line, wanted, (AROUND, BEFORE), rng)
    made_up = placebo(line, limits[0], rng)
    results = []
    for place, budget in enumerate(budgets):
        limit = float(limits[0, place])
        rates = person_rates(line, alerts[:, place])
        results.append(
            BudgetResult(
                budget,
                limit,
                float(alerts[:, place].sum() / months) if months else float("nan"),
                float(np.quantile(rates, 0.9)) if len(rates) else float("nan"),
                share_over(line, limit, AROUND),
                share_over(line, limit, BEFORE),
                float(random[0, place]),
                float(random[1, place]),
                float(made_up[place]),
                first_day(line, limit),
            )
        )
    return results


def share_over(line: Timeline, limit: float, window: tuple[int, int]) -> Share:
    """Return how many people with a scored day in the window are over the threshold in it."""
    inside = line.within(window)
    over = ((line.score >= limit) & inside).any(axis=1)
    return Share(int(over.sum()), int(inside.any(axis=1).sum()))


def first_day(line: Timeline, limit: float) -> float:
    """Return the median first day over the threshold, relative to onset, of those found."""
    over = (line.score >= limit) & line.within(AROUND)
    firsts = np.where(over, line.relative, np.inf).min(axis=1, initial=np.inf)
    found = firsts[np.isfinite(firsts)]
    return float(np.median(found)) if len(found) else float("nan")
