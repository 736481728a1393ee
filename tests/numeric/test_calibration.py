"""How rare a score is, and what a budget costs: against SciPy, and in the lives of quiet people."""

from __future__ import annotations

from functools import cache
from typing import Final

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import chisquare, genpareto

from detect.calibration import (
    DAYS_PER_MONTH,
    KNOTS,
    LEAST_SCORES,
    RESERVOIR,
    SHIPPED_TAILS,
    TAIL_FROM,
    Tail,
    fit,
    how_rare,
    sample,
    threshold,
)
from detect.policy import DEFAULT_BUDGETS, Policy
from tests.numeric.invented_days import BODY, Found, People, invented_people, judged
from tidewell.vocabulary import Family

BEYOND: Final = 1 - TAIL_FROM
PEOPLE: Final = 300
DAYS: Final = 120
FEWER: Final = 100
FAMILIES: Final = tuple(family for family in Family if family is not Family.DEVICE)


def a_tail(scale: float, shape: float, episodes_per_day: float = 0.2) -> Tail:
    return Tail((0.0, 0.4, 0.9, 1.3, 1.7), scale, shape, episodes_per_day)


# Against SciPy

SHAPES: Final = st.one_of(st.just(0.0), st.floats(-0.5, -0.01), st.floats(0.01, 0.3))


@given(scale=st.floats(0.05, 3), shape=SHAPES, budget=st.floats(0.01, 0.12))
def test_a_threshold_in_the_tail_is_the_quantile_of_a_generalised_pareto(
    scale: float, shape: float, budget: float
) -> None:
    tail = a_tail(scale, shape)
    rare = budget / (DAYS_PER_MONTH * tail.episodes_per_day)
    expected = tail.knots[-1] + genpareto.isf(rare / BEYOND, shape, scale=scale)
    assert threshold(tail, budget) == pytest.approx(expected, rel=1e-9)


@given(scale=st.floats(0.05, 3), shape=SHAPES, excess=st.floats(1e-6, 4))
def test_how_rare_a_score_in_the_tail_is_agrees_with_scipy(
    scale: float, shape: float, excess: float
) -> None:
    tail = a_tail(scale, shape)
    expected = BEYOND * genpareto.sf(tail.knots[-1] + excess, shape, tail.knots[-1], scale)
    found = how_rare(tail, np.array([tail.knots[-1] + excess]))
    np.testing.assert_allclose(found, [expected], rtol=1e-6, atol=1e-12)


@given(scale=st.floats(0.05, 3), shape=SHAPES, budget=st.floats(0.001, 3.0))
def test_a_threshold_and_how_rare_it_is_undo_each_other(
    scale: float, shape: float, budget: float
) -> None:
    tail = a_tail(scale, shape)
    rare = float(how_rare(tail, np.array([threshold(tail, budget)]))[0])
    assert rare * DAYS_PER_MONTH * tail.episodes_per_day == pytest.approx(budget, rel=1e-6)


@pytest.mark.parametrize("tail", SHIPPED_TAILS[:5])
def test_a_larger_budget_never_asks_for_a_higher_score(tail: Tail) -> None:
    budgets = np.geomspace(0.001, 10, 200)
    thresholds = np.array([threshold(tail, budget) for budget in budgets.tolist()])
    assert (np.diff(thresholds) <= 0).all()
    assert np.isfinite(thresholds).all()
    assert thresholds[0] > thresholds[-1] > 0


def test_a_score_below_the_middle_is_not_rare_and_one_above_all_is() -> None:
    tail = a_tail(0.3, -0.2)
    rare = how_rare(tail, np.array([-9.0, 0.0, 0.4, 1.7, 3.19, 3.3, 99.0]))
    np.testing.assert_allclose(rare[:4], [0.5, 0.5, 0.25, BEYOND])
    assert 0 < rare[4] < 1e-4
    assert rare[5] == rare[6] == 0.0  # the tail of a negative shape has an end


@pytest.mark.parametrize(("scale", "shape"), [(0.4, -0.3), (0.4, -0.1), (1.5, 0.0), (0.7, 0.2)])
def test_the_fit_finds_scale_and_shape_again(scale: float, shape: float) -> None:
    rng = np.random.default_rng(11)
    below = rng.uniform(0, 1, 980_000)
    excess = genpareto.rvs(shape, scale=scale, size=20_000, random_state=rng)
    tail = fit(np.concatenate([below, 1 + excess, [np.nan] * 50]), 0.3)
    assert tail.scale == pytest.approx(scale, rel=0.06)
    assert tail.shape == pytest.approx(shape, abs=0.04)
    assert tail.knots == pytest.approx([quantile / TAIL_FROM for quantile in KNOTS], abs=0.01)
    assert tail.episodes_per_day == 0.3


def test_the_fit_reads_known_quantiles_of_a_normal_sample() -> None:
    scores = np.random.default_rng(4).normal(size=200_000)
    tail = fit(scores, 1 / DAYS_PER_MONTH)
    for budget, expected in ((0.1, 1.2816), (0.01, 2.3263), (0.001, 3.0902)):
        assert threshold(tail, budget) == pytest.approx(expected, abs=0.05)


def test_a_heavy_tail_is_held_within_bounds() -> None:
    rng = np.random.default_rng(6)
    assert fit(rng.pareto(0.9, 40_000), 0.2).shape == 0.3
    assert fit(rng.uniform(0, 1, 40_000), 0.2).shape == -0.5


def test_too_few_scores_draw_no_tail() -> None:
    scores = np.random.default_rng(1).normal(size=LEAST_SCORES - 1)
    with pytest.raises(ValueError, match=f"{LEAST_SCORES} scores, not {LEAST_SCORES - 1}"):
        fit(np.append(scores, np.nan), 0.2)
    assert fit(np.append(scores, 0.0), 0.2).scale > 0


# The reservoir


def test_every_score_is_as_likely_to_be_kept() -> None:
    rng, count, times = np.random.default_rng(2), 3 * RESERVOIR, 400
    kept = np.zeros(count)
    for _ in range(times):
        chosen = sample(np.arange(count, dtype=np.float64), rng).astype(int)
        assert len(np.unique(chosen)) == RESERVOIR
        kept[chosen] += 1
    tenths = kept.reshape(24, -1).sum(axis=1)
    assert chisquare(tenths).pvalue > 1e-4
    assert kept.min() > times / 3 - 6 * np.sqrt(times * 2 / 9)


def test_few_scores_are_all_kept() -> None:
    scores = np.arange(RESERVOIR, dtype=np.float64)
    np.testing.assert_array_equal(sample(scores, np.random.default_rng(1)), scores)


# Budgets in quiet lives


def alone(family: Family, times: float = 1.0) -> Policy:
    return Policy(
        budgets=tuple(DEFAULT_BUDGETS[one] * times if one is family else 0.0 for one in Family)
    )


@cache
def _people() -> People:
    return invented_people(21, PEOPLE, DAYS)


@cache
def _alone(family: Family) -> Found:
    return judged(_people(), alone(family))


def per_month(found: Found, people: int) -> float:
    return float(found.opened.sum()) / (people * DAYS / DAYS_PER_MONTH)


@pytest.mark.parametrize("family", FAMILIES)
def test_a_family_alone_keeps_to_its_budget_in_quiet_people(family: Family) -> None:
    found = _alone(family)
    rate, budget = per_month(found, PEOPLE), DEFAULT_BUDGETS[family]
    assert rate <= 2.5 * budget, f"{family}: {rate:.3f} a person-month of {budget}"
    names = {one.family for one in found.changes}
    assert names <= {family}, "a family without a budget was told"


def test_all_families_together_disturb_a_quiet_person_less_than_once_a_month() -> None:
    found = judged(_people())
    rates = found.opened.sum(axis=(0, 1)) / (PEOPLE * DAYS / DAYS_PER_MONTH)
    by_person = found.opened.sum(axis=(1, 2)) / (DAYS / DAYS_PER_MONTH)
    figures = dict(zip((one.value for one in Family), rates.round(3).tolist(), strict=True))
    assert 0.02 <= rates.sum() <= 1, figures
    assert np.quantile(by_person, 0.9) <= 1.2, f"p90 {np.quantile(by_person, 0.9):.2f}, {figures}"
    apart = sum(per_month(_alone(family), PEOPLE) for family in FAMILIES)
    assert rates.sum() <= 1.1 * apart, f"together {rates.sum():.3f}, apart {apart:.3f}"


@pytest.mark.parametrize("family", FAMILIES)
def test_twice_the_budget_never_opens_fewer(family: Family) -> None:
    one = int(_alone(family).opened[:FEWER].sum())
    few = People(_people().values[:FEWER], _people().spread[:FEWER])
    two = int(judged(few, alone(family, 2)).opened.sum())
    assert two >= one, f"{family}: {one} episodes became {two}"


def test_a_budget_of_nothing_opens_nothing_whatever_happens() -> None:
    wild = invented_people(3, 20, 70)
    names = (*BODY, "sleep_onset_h", "longest_still_minutes", "aroused_minutes")
    ill = wild.shifted({name: np.full(10, 9.0) for name in names}, 55)
    assert judged(ill).opened.any(axis=(1, 2)).sum() >= 17
    off = judged(ill, Policy(budgets=(0.0,) * len(Family)))
    assert not off.opened.any()
    assert off.changes == ()
    assert (off.level == 0).all()
