"""What is usual, against `statistics` and on days that were thought out."""

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
    LEAST_DAYS,
    LEAST_WEEKS,
    MAD_TO_SD,
    RING_DAYS,
    WEEKS,
    Usual,
    far_reference,
    held_days,
    in_window,
    is_weekend,
    median_of,
    usual_days,
)
from detect.measures import FLOOR, USUAL_SPREAD, column
from detect.state import State
from tidewell.local_time import zone_table

DAY = 20_005
"""A Wednesday."""
HEART, ONSET = column("night_heart_rate"), column("sleep_onset_h")


def usual_after(values: dict[int, float], feature: int = HEART, day: int = DAY) -> Usual:
    """Return what is usual on a day for a person with these values, by days ago."""
    state = State()
    state.add(1, zone_table("UTC"))
    for ago, value in values.items():
        state.ring[0, feature, (day - ago) % RING_DAYS] = value
    return usual_days(state, np.array([0]), np.array([day]))[0]


@given(hnp.arrays(np.float64, (3, 28), elements=st.floats(-1e6, 1e6) | st.just(math.nan)))
def test_medians_equal_those_of_statistics(values: NDArray[np.float64]) -> None:
    count = np.count_nonzero(~np.isnan(values), axis=1)
    for row, median in zip(values.tolist(), median_of(values, count).tolist(), strict=True):
        known = [one for one in row if not math.isnan(one)]
        wanted = statistics.median(known) if known else math.nan
        assert median == pytest.approx(wanted, nan_ok=True)


def deviation(known: list[float]) -> float:
    """Return the spread that the MAD of these values stands for."""
    centre = statistics.median(known)
    return statistics.median([abs(one - centre) for one in known]) * MAD_TO_SD


@given(
    hnp.arrays(np.float16, 28, elements=st.floats(40, 90, width=16) | st.just(math.nan)),
    st.integers(DAY, DAY + 40),
)
def test_what_is_usual_is_median_and_mad_of_the_days_that_are_known(
    values: NDArray[np.float16], day: int
) -> None:
    usual = usual_after(dict(enumerate(values.tolist(), 3)), day=day)
    known = [one for one in values.tolist() if not math.isnan(one)]
    assert usual.days[0, HEART] == len(known)
    if len(known) < LEAST_DAYS:
        assert np.isnan([usual.centre[0, HEART], usual.spread[0, HEART]]).all()
        return
    assert usual.centre[0, HEART] == statistics.median(known)
    spread = deviation(known)
    if len(known) < 28:
        spread = (len(known) * spread + 7 * USUAL_SPREAD[HEART]) / (len(known) + 7)
    assert usual.spread[0, HEART] == pytest.approx(max(spread, FLOOR[HEART]))


@given(
    hnp.arrays(np.float16, (3, WEEKS), elements=st.floats(40, 90, width=16) | st.just(math.nan)),
    st.integers(DAY, DAY + 100),
)
def test_the_far_reference_is_of_the_whole_weeks_from_28_to_84_days_ago(
    values: NDArray[np.float16], day: int
) -> None:
    state = State()
    for person in range(3):
        state.add(person, zone_table("UTC"))
    state.weekly[:3, HEART] = values
    centre, spread = far_reference(state, np.arange(3), np.full(3, day))
    for person in range(3):
        weeks = [week for week in range(day // 7 - 13, day // 7 + 1)
                 if day - 84 <= week * 7 and week * 7 + 6 <= day - 28]  # fmt: skip
        found = [float(values[person, week % WEEKS]) for week in weeks]
        known = [one for one in found if not math.isnan(one)]
        if len(known) < LEAST_WEEKS:
            assert np.isnan([centre[person, HEART], spread[person, HEART]]).all()
        else:
            assert centre[person, HEART] == statistics.median(known)
            assert spread[person, HEART] == pytest.approx(deviation(known))


@pytest.mark.parametrize(("known", "learned"), [(LEAST_DAYS - 1, False), (LEAST_DAYS, True)])
def test_ten_days_are_needed_to_know_what_is_usual(known: int, learned: bool) -> None:
    usual = usual_after({3 + ago: 60.0 for ago in range(known)})
    assert bool(np.isnan(usual.centre[0, HEART])) is not learned


def test_equal_days_have_the_least_spread_and_not_none() -> None:
    usual = usual_after(dict.fromkeys(range(3, 31), 60.0))
    assert usual.centre[0, HEART] == 60
    assert usual.spread[0, HEART] == FLOOR[HEART]


def test_a_spread_of_few_days_is_drawn_towards_that_of_others() -> None:
    usual = usual_after({3 + ago: 60.0 for ago in range(14)})
    assert usual.spread[0, HEART] == pytest.approx(max(FLOOR[HEART], USUAL_SPREAD[HEART] / 3))


def test_thirteen_absurd_days_of_twenty_eight_do_not_move_what_is_usual_out_of_the_rest() -> None:
    values = {ago: 5e4 if ago < 16 else 58 + ago / 8 for ago in range(3, 31)}
    assert 58 <= usual_after(values).centre[0, HEART] <= 62


@pytest.mark.parametrize("ago", [0, 1, 2, 31])
def test_today_and_the_two_days_before_and_older_ones_teach_nothing(ago: int) -> None:
    known = dict.fromkeys(range(3, 12), 60.0)
    assert np.isnan(usual_after(known | {ago: 60.0}).centre[0, HEART])


@given(st.integers(0, 10**6))
def test_the_window_is_the_28_days_before_the_last_two(day: int) -> None:
    held = held_days(np.array([day]))[0]
    assert sorted(held[in_window(day - held)].tolist()) == list(range(day - 30, day - 2))
    assert (held % RING_DAYS).tolist() == list(range(RING_DAYS))


def test_later_nights_on_weekends_are_taken_out_and_put_back_on_weekends() -> None:
    weekend = is_weekend(DAY - np.arange(60)).tolist()
    values = {ago: 11.5 if weekend[ago] else 10.0 for ago in range(60) if ago >= 3}
    wednesday = usual_after({ago: values[ago] for ago in range(3, 31)}, ONSET)
    saturday = usual_after({ago: values[ago - 3] for ago in range(6, 34)}, ONSET, DAY + 3)
    assert 9.9 < wednesday.centre[0, ONSET] < 10.4
    assert 10.8 < saturday.centre[0, ONSET] < 11.6
