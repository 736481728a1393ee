"""Median, spread and the ring of days against loops and `statistics`, on any numbers."""

from __future__ import annotations

import math
import statistics

import hypothesis.extra.numpy as hnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from detect.baseline import (
    LAG_DAYS,
    LEAST_DAYS,
    MAD_TO_SD,
    RING_DAYS,
    WINDOW_DAYS,
    median_and_spread,
    window_slots,
)

WINDOWS = hnp.arrays(
    np.float32,
    st.tuples(st.integers(1, 4), st.just(2), st.just(WINDOW_DAYS)),
    elements=st.one_of(
        st.just(math.nan), st.sampled_from([0.0, 60.0]), st.floats(-1e6, 1e6, width=32)
    ),
    fill=st.nothing(),  # or nearly all days would be equal
)


def naive_median_and_spread(values: list[float], floor: float) -> tuple[float, float]:
    known = [one for one in values if not math.isnan(one)]
    if len(known) < LEAST_DAYS:
        return math.nan, math.nan
    centre = statistics.median(known)
    return centre, max(floor, MAD_TO_SD * statistics.median([abs(one - centre) for one in known]))


@given(WINDOWS, st.floats(0.01, 5), st.floats(0.01, 5))
def test_median_and_spread_equal_those_of_statistics(
    values: NDArray[np.float32], first_floor: float, second_floor: float
) -> None:
    floor = np.array([first_floor, second_floor])
    centre, spread = median_and_spread(values, floor)
    for person, feature in np.ndindex(*values.shape[:2]):
        window = values[person, feature].astype(float).tolist()
        wanted = naive_median_and_spread(window, float(floor[feature]))
        got = (float(centre[person, feature]), float(spread[person, feature]))
        assert got == pytest.approx(wanted, rel=1e-12, nan_ok=True)


@given(WINDOWS, st.randoms(use_true_random=False))
def test_the_order_of_the_days_does_not_matter(values: NDArray[np.float32], random: object) -> None:
    order = list(range(WINDOW_DAYS))
    random.shuffle(order)  # type: ignore[attr-defined] # Hypothesis gives a random.Random
    floor = np.array([1.0, 1.0])
    for one, other in zip(
        median_and_spread(values, floor), median_and_spread(values[..., order], floor), strict=True
    ):
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize(("known", "learned"), [(LEAST_DAYS - 1, False), (LEAST_DAYS, True)])
def test_ten_days_are_needed_to_know_what_is_usual(known: int, learned: bool) -> None:
    values = np.full(WINDOW_DAYS, np.nan, np.float32)
    values[-known:] = 60
    centre, spread = median_and_spread(values, np.array(1.0))
    assert bool(np.isnan(centre)) is not learned
    assert bool(np.isnan(spread)) is not learned


def test_equal_days_have_the_least_spread_and_not_none() -> None:
    centre, spread = median_and_spread(np.full(WINDOW_DAYS, 60, np.float32), np.array(0.7))
    assert (float(centre), float(spread)) == (60.0, 0.7)


def test_thirteen_absurd_days_of_twenty_eight_do_not_move_what_is_usual_out_of_the_rest() -> None:
    values = np.linspace(58, 62, WINDOW_DAYS).astype(np.float32)
    values[:13] = 3e8
    centre, _ = median_and_spread(values, np.array(1.0))
    assert 58 <= centre <= 62


@given(st.integers(-(10**6), 10**6))
def test_the_window_is_the_28_days_before_the_last_two(day: int) -> None:
    slots = window_slots(np.array([day]))[0].tolist()
    first = day - LAG_DAYS - WINDOW_DAYS
    assert slots == [one % RING_DAYS for one in range(first, day - LAG_DAYS)]
    assert len(set(slots)) == WINDOW_DAYS
    assert not {day % RING_DAYS, (day - 1) % RING_DAYS, (day - 2) % RING_DAYS} & set(slots)
