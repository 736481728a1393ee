"""Before and after, against a slow twin, on signals that were thought out, and over many series."""

from __future__ import annotations

import math

import hypothesis.extra.numpy as hnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from portal.clinic.interrupted import (
    SIDE_VALUES_LEAST,
    STRENGTHS,
    Compared,
    Floats,
    TooLittle,
    compare,
)

RUNS = 120
"""Of 120 ranges, each true 95 times in 100, fewer than 106 are true once in a thousand runs."""
HELD_LEAST = 106


def weekends(days: int) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
    return np.arange(days) % 7 > 4


def compared(values: Floats, start: int) -> Compared:
    found = compare(values, weekends(len(values)), start)
    assert isinstance(found, Compared)
    return found


def noise(rng: np.random.Generator, days: int, alike: float) -> Floats:
    found = np.zeros(days)
    found[0] = rng.standard_normal() / math.sqrt(1 - alike**2)
    for day in range(1, days):
        found[day] = alike * found[day - 1] + rng.standard_normal()
    return found


def naive_average(values: list[float], start: int) -> tuple[float, float, float]:
    """Return the change over the days after: whole covariances, one strength at a time."""
    days = [day for day, value in enumerate(values) if not math.isnan(value)]
    y = np.array([values[day] for day in days])
    rows = [
        [1, day - start, float(day % 7 > 4), float(day >= start), max(day - start, 0)]
        for day in days
    ]
    x = np.array(rows, dtype=np.float64)
    later = [day - start for day in days if day >= start]
    question = np.array([0, 0, 0, 1, sum(later) / len(later)])
    freedom = len(days) - 5
    logs, centres, spreads = [], [], []
    for strength in STRENGTHS:
        alike = np.array([[float(strength) ** abs(a - b) for b in days] for a in days])
        inverse = np.linalg.inv(alike)
        gram = x.T @ inverse @ x
        beta = np.linalg.solve(gram, x.T @ inverse @ y)
        rest = y - x @ beta
        squares = float(rest @ inverse @ rest)
        logs.append(
            -np.linalg.slogdet(alike)[1] / 2
            - np.linalg.slogdet(gram)[1] / 2
            - freedom / 2 * math.log(squares)
        )
        centres.append(float(question @ beta))
        variance = question @ np.linalg.inv(gram) @ question
        spreads.append(math.sqrt(squares / freedom * float(variance)))
    weights = [math.exp(one - max(logs)) for one in logs]
    weights = [one / sum(weights) for one in weights]

    def below(value: float) -> float:
        return sum(
            weight * float(stats.t.cdf((value - centre) / spread, freedom))
            for weight, centre, spread in zip(weights, centres, spreads, strict=True)
        )

    def quantile(share: float) -> float:
        low, high = -1e3, 1e3
        while high - low > 1e-9:
            middle = (low + high) / 2
            low, high = (middle, high) if below(middle) < share else (low, middle)
        return low

    estimate = sum(w * c for w, c in zip(weights, centres, strict=True))
    return estimate, quantile(0.025), quantile(0.975)


@pytest.mark.parametrize(("seed", "alike"), [(1, 0.0), (2, 0.5), (3, 0.8)])
def test_it_equals_the_slow_twin_with_and_without_gaps(seed: int, alike: float) -> None:
    rng = np.random.default_rng(seed)
    values = 60 + noise(rng, 70, alike)
    values[40:] += 2.5
    values[rng.random(70) < 0.2] = np.nan
    average = compared(values, 40).average
    assert (average.estimate, average.low, average.high) == pytest.approx(
        naive_average(values.tolist(), 40), abs=1e-6
    )


def test_a_step_is_found_with_its_size_and_nothing_else() -> None:
    values = 50 + 0.01 * noise(np.random.default_rng(4), 84, 0.2)
    values[42:] += 6
    found = compared(values, 42)
    assert found.average.estimate == pytest.approx(6, abs=0.05)
    assert found.step.estimate == pytest.approx(6, abs=0.05)
    assert found.slope_a_week.low < 0 < found.slope_a_week.high
    assert found.average.is_clear
    assert found.mean_after - found.mean_before == pytest.approx(6, abs=0.05)


def test_what_was_rising_before_and_goes_on_rising_has_not_changed() -> None:
    values = 0.3 * np.arange(84.0) + 0.1 * noise(np.random.default_rng(5), 84, 0.3)
    found = compared(values, 42)
    assert found.mean_after - found.mean_before > 12
    assert abs(found.average.estimate) < 0.5
    assert found.expected == pytest.approx(0.3 * np.arange(42, 84), abs=0.5)


def test_a_slope_that_turns_is_found_as_a_slope() -> None:
    days = np.arange(84.0) - 42
    values = np.maximum(0.5 * days, 0) + 0.05 * noise(np.random.default_rng(6), 84, 0.1)
    found = compared(values, 42)
    assert found.slope_a_week.estimate == pytest.approx(3.5, abs=0.1)
    assert found.average.estimate == pytest.approx(0.5 * days[days >= 0].mean(), abs=0.2)


def test_weekends_that_differ_are_no_change() -> None:
    values = 4.0 * weekends(70) + 0.1 * noise(np.random.default_rng(7), 70, 0)
    values[35:][weekends(70)[35:]] = np.nan
    found = compared(values, 35)
    assert found.mean_after - found.mean_before < -1
    assert abs(found.average.estimate) < 0.3


def test_the_range_does_not_depend_on_the_unit() -> None:
    values = 60 + noise(np.random.default_rng(8), 60, 0.4)
    one, other = compared(values, 30), compared(1000 * values + 7, 30)
    assert other.average.low == pytest.approx(1000 * one.average.low, rel=1e-6)
    assert other.slope_a_week.high == pytest.approx(1000 * one.slope_a_week.high, rel=1e-6)


@pytest.mark.parametrize("alike", [0.0, 0.3, 0.6, 0.85])
def test_the_range_holds_the_truth_as_often_as_it_says(alike: float) -> None:
    rng, held = np.random.default_rng(9), 0
    days = np.arange(84) - 42
    for _ in range(RUNS):
        steady = 50 + 0.02 * days + weekends(84) + (days >= 0) * (1.5 + 0.03 * days)
        values = steady.astype(np.float64) + noise(rng, 84, alike)
        values[rng.random(84) < 0.15] = np.nan
        truth = 1.5 + 0.03 * days[(days >= 0) & np.isfinite(values)].mean()
        average = compared(values, 42).average
        held += average.low <= truth <= average.high
    assert held >= HELD_LEAST
    assert held < RUNS, "a range that is never wrong says nothing"


def test_days_that_are_alike_make_the_range_wider_than_least_squares_would() -> None:
    values = 50 + noise(np.random.default_rng(10), 84, 0.8)
    days = np.arange(84) - 42.0
    after = (days >= 0).astype(float)
    design = np.column_stack([np.ones(84), days, weekends(84), after, after * days])
    inverse = np.linalg.inv(design.T @ design)
    rest = values - design @ (inverse @ design.T @ values)
    question = np.array([0, 0, 0, 1, days[days >= 0].mean()])
    spread = math.sqrt(float(rest @ rest) / 79 * float(question @ inverse @ question))
    average = compared(values, 42).average
    assert average.high - average.low > 1.5 * 2 * 1.99 * spread


@pytest.mark.parametrize(
    ("values", "start", "reason"),
    [
        (np.arange(60.0), 60, TooLittle.STARTS_AHEAD),
        (np.arange(60.0), SIDE_VALUES_LEAST - 1, TooLittle.FEW_DAYS_BEFORE),
        (np.arange(60.0), 60 - SIDE_VALUES_LEAST + 1, TooLittle.FEW_DAYS_AFTER),
        (np.where(np.arange(112) % 3 < 1, 1.0, np.nan), 56, TooLittle.GAPS_BEFORE),
        (
            np.where((np.arange(112) < 56) | (np.arange(112) % 3 < 1), np.arange(112.0), np.nan),
            56,
            TooLittle.GAPS_AFTER,
        ),
        (np.full(60, 62.0), 30, TooLittle.NEVER_VARIES),
    ],
)
def test_too_little_is_refused_with_its_reason(
    values: Floats, start: int, reason: TooLittle
) -> None:
    assert compare(values, weekends(len(values)), start) is reason


@settings(max_examples=60)
@given(
    hnp.arrays(np.float64, 60, elements=st.floats(0, 1e4) | st.just(math.nan)),
    st.integers(0, 70),
)
def test_whatever_the_days_are_the_answer_is_a_reason_or_finite_numbers(
    values: Floats, start: int
) -> None:
    found = compare(values, weekends(60), start)
    if isinstance(found, Compared):
        for change in (found.average, found.step, found.slope_a_week):
            assert all(map(math.isfinite, (change.estimate, change.low, change.high)))
            assert change.low <= change.estimate <= change.high
