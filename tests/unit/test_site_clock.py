"""The time of the site: whose clock is believed, and moments that only rise."""

from __future__ import annotations

from itertools import pairwise

import hypothesis.strategies as st
import numpy as np
from hypothesis import given

from detect import Detector, ReadingBatch
from ingest.leasing.site_clock import LEAD_MOST_MS, SiteClock
from tidewell.local_time import zone_table
from tidewell.vocabulary import CHANNEL_NAMES

NOW_MS = 1_795_000_000_000
YEAR_MS = 365 * 86_400_000
SILENCE_S = 4 * 3_600
wrong_ms = st.integers(LEAD_MOST_MS + 1, YEAR_MS).flatmap(lambda by: st.sampled_from((-by, by)))


def running(last_ms: int = NOW_MS) -> SiteClock:
    """Return a clock whose last moment is this, and that has heard no database."""
    clock = SiteClock()
    clock.begin_after(last_ms)
    return clock


@given(wrong_ms)
def test_our_own_clock_decides_nothing_while_the_database_goes_on(by_ms: int) -> None:
    clock = running()
    clock.hear(NOW_MS, 50.0)
    assert clock.time_ms(NOW_MS + by_ms, 51.5) == NOW_MS + 1_500


@given(wrong_ms)
def test_a_database_that_leaves_the_stored_moments_is_not_believed_against_ours(by_ms: int) -> None:
    clock = running()
    clock.hear(NOW_MS + by_ms, 50.0)
    assert clock.time_ms(NOW_MS + 10, 50.0) == NOW_MS + 10


@given(wrong_ms)
def test_where_both_have_left_the_stored_moments_the_database_is_believed(by_ms: int) -> None:
    clock = running()
    clock.hear(NOW_MS + by_ms, 50.0)
    own_ms = NOW_MS + 2 * by_ms
    assert clock.time_ms(own_ms, 50.0) == NOW_MS + by_ms


def test_before_the_database_said_a_time_it_is_ours() -> None:
    assert SiteClock().time_ms(NOW_MS, 1.0) == NOW_MS


@given(st.lists(st.integers(NOW_MS - YEAR_MS, NOW_MS + YEAR_MS), min_size=2))
def test_moments_rise_whatever_the_time_does(times_ms: list[int]) -> None:
    clock = SiteClock()
    moments = [clock.next_ms(time_ms) for time_ms in times_ms]
    assert all(one < other for one, other in pairwise(moments))


@given(st.integers(NOW_MS - YEAR_MS, NOW_MS + YEAR_MS))
def test_moments_go_on_after_what_is_stored(stored_ms: int) -> None:
    assert running(stored_ms).next_ms(NOW_MS) > stored_ms


def test_only_moments_far_ahead_are_set_back_and_then_follow_the_time() -> None:
    clock = running(NOW_MS + LEAD_MOST_MS)
    assert not clock.is_far_ahead(NOW_MS)
    assert clock.is_far_ahead(NOW_MS - 1)
    clock.set_back(NOW_MS)
    assert clock.next_ms(NOW_MS + 20) == NOW_MS + 20


def reading(received_ms: int) -> ReadingBatch:
    values = np.full((1, len(CHANNEL_NAMES)), np.nan, np.float32)
    values[0, 0] = 60.0
    ones = np.ones(1, np.int64)
    return ReadingBatch(ones, ones * (NOW_MS - 60_000), ones * received_ms, ones * 60, values)


def test_a_silence_is_noticed_again_once_the_clock_that_was_ahead_is_set_back() -> None:
    ahead_ms = SILENCE_S * 1000 // 2
    at_ms = NOW_MS + SILENCE_S * 1000 + 60_000
    told = []
    for is_set_back in (False, True):
        detector = Detector(SILENCE_S)
        detector.add_person(1, zone_table("UTC"))
        detector.update(reading(NOW_MS + ahead_ms))
        if is_set_back:
            detector.set_back(NOW_MS)
        told.append(len(detector.tick(at_ms).changes))
    assert told == [0, 1]
