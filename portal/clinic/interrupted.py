"""Before and after a day: an interrupted time series of one daily measure. Pure.

A segmented regression (level and slope before, change of both at the start, weekends apart) whose
errors are autocorrelated: what a night is like tells something about the next one. How strongly
they are is not known, so the estimate is averaged over every strength from none to nearly full,
each weighed by how well it fits (Zellner and Tiao 1964, "Bayesian analysis of the regression model
with autocorrelated errors"; flat priors). Days without a value stay out: two days further apart
are less alike. The design is that of Wagner et al. 2002 and Bernal et al. 2017, "Interrupted time
series regression for the evaluation of public health interventions"; Turner et al. 2021 show why
plain least squares, and corrections such as Newey and West's, promise too narrow a range here.

Promises: too little data is refused with a reason, never estimated; the range holds the truth about
as often as it says (a test simulates it). It never says what caused a change, and raises nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.special import stdtr

Floats = NDArray[np.float64]

SIDE_DAYS_MOST: Final = 56
"""Eight weeks on each side: longer, and the season or a birthday is what changed."""
SIDE_VALUES_LEAST: Final = 14
"""Two weeks with values on each side: fewer hold too few nights to tell a change from chance."""
SIDE_SHARE_LEAST: Final = 0.5
"""Where more than half of the days are missing, those that are there may be a choice."""
CONFIDENCE: Final = 0.95
STRENGTHS: Final = np.linspace(-0.3, 0.97, 64)
"""How alike two days in a row may be; from a measure that swings back to one that hardly moves."""
_QUANTILE_STEPS: Final = 60
"""Halvings of an interval: far below any digit that is shown."""


class TooLittle(StrEnum):
    """Why before and after cannot be compared."""

    STARTS_AHEAD = "starts_ahead"
    FEW_DAYS_BEFORE = "few_days_before"
    FEW_DAYS_AFTER = "few_days_after"
    GAPS_BEFORE = "gaps_before"
    GAPS_AFTER = "gaps_after"
    NEVER_VARIES = "never_varies"


@dataclass(frozen=True, slots=True)
class Change:
    """An estimate with the range that holds it 95 times in 100."""

    estimate: float
    low: float
    high: float

    @property
    def is_clear(self) -> bool:
        """Return whether no change at all lies outside the range."""
        return self.low > 0 or self.high < 0


@dataclass(frozen=True, slots=True)
class Compared:
    """What changed at the start, and what that rests on."""

    average: Change
    """Over the days after, beside what the days before would have led to."""
    step: Change
    """On the first day after."""
    slope_a_week: Change
    """How much more, or less, it moves in a week than before."""
    mean_before: float
    mean_after: float
    days_before: int
    days_after: int
    values_before: int
    values_after: int
    alike: float
    """How alike two days in a row are, beyond level and slope: 0 not at all, 1 fully."""
    expected: Floats
    """For each day after: what the days before would have led to."""


def too_little(values: Floats, start: int) -> TooLittle | None:
    """Say why days before and from `start` on cannot be compared, or None where they can."""
    if start >= len(values):
        return TooLittle.STARTS_AHEAD
    present = np.isfinite(values)
    before, after = present[:start], present[start:]
    if before.sum() < SIDE_VALUES_LEAST:
        return TooLittle.FEW_DAYS_BEFORE
    if after.sum() < SIDE_VALUES_LEAST:
        return TooLittle.FEW_DAYS_AFTER
    if before.mean() < SIDE_SHARE_LEAST:
        return TooLittle.GAPS_BEFORE
    if after.mean() < SIDE_SHARE_LEAST:
        return TooLittle.GAPS_AFTER
    known = values[present]
    if np.ptp(known) <= 1e-9 * max(1.0, float(np.abs(known).max())):
        return TooLittle.NEVER_VARIES
    return None


def compare(values: Floats, weekend: NDArray[np.bool_], start: int) -> Compared | TooLittle:
    """Compare the days from `start` on with those before; NaN where a day has no value.

    A day is an element of `values`; `weekend` says which of them are Saturdays and Sundays.
    """
    reason = too_little(values, start)
    if reason is not None:
        return reason
    days = np.arange(len(values), dtype=np.float64) - start
    present = np.isfinite(values)
    design = design_of(days, weekend)[present]
    after = days[present & (days >= 0)]
    questions = np.array(
        [[0, 0, 0, 1, float(after.mean())], [0, 0, 0, 1, 0], [0, 0, 0, 0, 7]], dtype=np.float64
    )
    fit = _fit(design, values[present], days[present], questions)
    average, step, slope = (fit.change(place) for place in range(len(questions)))
    counterfactual = design_of(days[days >= 0], weekend[days >= 0])
    counterfactual[:, 3:] = 0
    return Compared(
        average=average,
        step=step,
        slope_a_week=slope,
        mean_before=float(np.nanmean(values[:start])),
        mean_after=float(np.nanmean(values[start:])),
        days_before=start,
        days_after=len(values) - start,
        values_before=int(present[:start].sum()),
        values_after=int(present[start:].sum()),
        alike=float(fit.weights @ STRENGTHS),
        expected=counterfactual @ (fit.weights @ fit.coefficients),
    )


def design_of(days: Floats, weekend: NDArray[np.bool_]) -> Floats:
    """Return level, slope, weekend, step and change of slope of each day."""
    after = (days >= 0).astype(np.float64)
    columns = [np.ones_like(days), days, weekend.astype(np.float64), after, after * days]
    return np.column_stack(columns)


@dataclass(frozen=True, slots=True)
class _Fit:
    """The regression for each strength of autocorrelation, and how well each fits."""

    weights: Floats
    coefficients: Floats
    answers: Floats
    spreads: Floats
    freedom: int

    def change(self, question: int) -> Change:
        """Return the answer to a question: a mixture of t distributions, one for each strength."""
        centres, spreads = self.answers[:, question], self.spreads[:, question]
        tail = (1 - CONFIDENCE) / 2
        low, high = (
            _mixture_quantile(share, centres, spreads, self.weights, self.freedom)
            for share in (tail, 1 - tail)
        )
        return Change(float(self.weights @ centres), low, high)


def _fit(design: Floats, values: Floats, days: Floats, questions: Floats) -> _Fit:
    """Return the generalised least squares of every strength at once; the first axis is theirs."""
    freedom = len(values) - design.shape[1]
    white, log_scale = _whitened(np.column_stack([design, values]), days)
    inside, target = white[:, :, :-1], white[:, :, -1]
    gram = np.einsum("snp,snq->spq", inside, inside)
    inverse = np.linalg.inv(gram)
    coefficients = np.einsum("spq,snq,sn->sp", inverse, inside, target, optimize=True)
    rest = target - np.einsum("snp,sp->sn", inside, coefficients)
    squares = (rest**2).sum(axis=1)
    fits = -log_scale - np.linalg.slogdet(gram)[1] / 2 - freedom / 2 * np.log(squares)
    weights = np.exp(fits - fits.max())
    variances = np.einsum("ip,spq,iq->si", questions, inverse, questions, optimize=True)
    return _Fit(
        weights / weights.sum(),
        coefficients,
        coefficients @ questions.T,
        np.sqrt(squares[:, None] / freedom * variances),
        freedom,
    )


def _whitened(columns: Floats, days: Floats) -> tuple[Floats, Floats]:
    """Return the columns freed of each strength, and the log of how much that shrank them.

    Of errors that are alike by strength ** distance, only the day before counts: a day becomes
    (value - f * value before) / sqrt(1 - f * f), with f = strength ** distance.
    """
    distance = np.diff(days)[None, :]
    strengths = STRENGTHS[:, None]
    alike = np.sign(strengths) ** distance * np.abs(strengths) ** distance
    shrink = np.sqrt(1 - alike**2)
    white = np.repeat(columns[None], len(STRENGTHS), axis=0)
    white[:, 1:] = (columns[1:] - alike[:, :, None] * columns[:-1]) / shrink[:, :, None]
    return white, np.log(shrink).sum(axis=1)


def _mixture_quantile(
    share: float, centres: Floats, spreads: Floats, weights: Floats, freedom: int
) -> float:
    """Return the value below which `share` of the mixture lies, by halving."""
    reach = 40 * float(spreads.max())
    low, high = float(centres.min()) - reach, float(centres.max()) + reach
    for _ in range(_QUANTILE_STEPS):
        middle = (low + high) / 2
        below = float(weights @ stdtr(freedom, (middle - centres) / spreads))
        low, high = (middle, high) if below < share else (low, middle)
    return (low + high) / 2
