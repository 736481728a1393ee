"""What holds for every family: no score learns, nothing leaks, and nothing grows.

Neither who was scored before, nor the order of people, nor their company, nor a restart may change
a finding by one bit; a larger change never scores lower; any gap gives a plain answer.
"""

from __future__ import annotations

import sys
from functools import cache
from typing import Any, Final

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from detect import Detector, EpisodeChange
from detect.findings import FAMILIES, DayResults
from detect.policy import Policy
from tests.numeric.invented_days import (
    FIRST_DAY,
    SILENCE_MS,
    People,
    detector_of,
    invented_people,
    judged,
    of_the_body,
    together,
)
from tidewell.vocabulary import FEATURE_NAMES, Family

SLEEP: Final = FAMILIES.index(Family.SLEEP)
WORSE: Final = {
    Family.ILLNESS: {"night_heart_rate": 1, "night_skin_temperature": 1, "night_hrv_rmssd": -1},
    Family.SLEEP: {"sleep_onset_h": 1, "sleep_regularity": -1, "sleep_minutes": -1},
    Family.WITHDRAWAL: {"steps": -1, "longest_still_minutes": 1, "first_activity_h": 1},
    Family.ACUTE_LOAD: {"aroused_minutes": 1, "eda_level": 1},
    Family.DRIFT: {"night_heart_rate": 1, "resting_heart_rate": 1, "circadian_amplitude": -1},
}


def same_days(one: DayResults, other: DayResults) -> None:
    for column in DayResults.__slots__:
        np.testing.assert_array_equal(getattr(one, column), getattr(other, column), column)


def feed(
    detector: Detector, features: NDArray[np.float32], first: int, last: int, rows: NDArray[Any]
) -> tuple[DayResults, list[EpisodeChange]]:
    """Give a detector some days of some people, in the order of `rows`; return what it said."""
    parts: list[DayResults] = []
    changes: list[EpisodeChange] = []
    for place in range(first, last):
        there = rows[~np.isnan(features[rows, place]).all(axis=1)]
        day = np.full(len(there), FIRST_DAY + place)
        found = detector.score_days(there, day, features[there, place])
        parts.append(found.days)
        changes += found.changes
    return DayResults.joined(parts), changes


@cache
def _eventful() -> NDArray[np.float32]:
    """Return 12 people over 90 days: a fever, a withdrawal and broken nights among them."""
    people = invented_people(5, 12, 90)
    ill = people.shifted({**of_the_body(3, 9), "steps": np.full(9, -2.0)}, 55)
    ill = ill.moved({"sleep_onset_h": 3, "sleep_minutes": -150}, 72, 6)
    return ill.features()


def of_person(found: DayResults, person: int) -> DayResults:
    chosen = found.person_id == person
    return DayResults(*(getattr(found, name)[chosen] for name in DayResults.__slots__))


def test_the_same_days_give_the_same_scores_whoever_was_scored_before() -> None:
    features, rows = _eventful(), np.arange(12)
    first, other = detector_of(12), detector_of(12)
    found, changes = feed(first, features, 0, 90, rows)
    again, changes_again = feed(other, features, 0, 90, rows)
    assert len(changes) > 20
    same_days(found, again)
    assert changes == changes_again


def test_extreme_days_of_one_person_change_nothing_for_another() -> None:
    features, rows = _eventful(), np.arange(12)
    wild = features.copy()
    wild[0, 40:] *= 50
    found, changes = feed(detector_of(12), features, 0, 90, rows)
    again, changes_again = feed(detector_of(12), wild, 0, 90, rows)
    for person in rows[1:].tolist():
        same_days(of_person(found, person), of_person(again, person))
    others = [one for one in changes if one.person_id != 0]
    assert [one for one in changes_again if one.person_id != 0] == others
    with pytest.raises(AssertionError):
        same_days(of_person(found, 0), of_person(again, 0))


def test_the_order_and_the_company_of_people_are_irrelevant() -> None:
    features, rows = _eventful(), np.arange(12)
    mixed = np.random.default_rng(3).permutation(rows)
    found, changes = feed(detector_of(12), features, 0, 90, rows)
    other, changes_other = feed(detector_of(12), features, 0, 90, mixed)
    alone = [feed(detector_of(12), features, 0, 90, np.array([person])) for person in range(12)]
    for person in range(12):
        same_days(of_person(found, person), of_person(other, person))
        same_days(of_person(found, person), alone[person][0])
        mine = [one for one in changes if one.person_id == person]
        assert mine == [one for one in changes_other if one.person_id == person]
        assert mine == alone[person][1]


def test_a_snapshot_in_the_middle_of_open_episodes_changes_nothing() -> None:
    features, rows = _eventful(), np.arange(12)
    whole, cut = detector_of(12), detector_of(12)
    feed(cut, features, 0, 60, rows)
    zones = {person: cut._state.zone(person) for person in rows.tolist()}
    assert (cut._state.episode_level[:12] > 0).any(axis=1).sum() >= 6
    restored = Detector(silence_after_s=SILENCE_MS // 1000)
    restored.restore(cut.snapshot(rows.tolist()), zones)
    feed(whole, features, 0, 60, rows)
    found, changes = feed(whole, features, 60, 90, rows)
    again, changes_again = feed(restored, features, 60, 90, rows)
    assert any(one.kind == "closed" for one in changes)
    same_days(found, again)
    assert changes == changes_again
    assert whole.snapshot(rows.tolist()) == restored.snapshot(rows.tolist())


def test_a_measure_that_a_family_does_not_look_at_changes_nothing_in_its_score() -> None:
    people = invented_people(6, 10, 70)
    nights = ("sleep_minutes", "sleep_efficiency", "sleep_onset_h", "sleep_regularity")
    budgets = tuple(0.2 if family is Family.SLEEP else 0.0 for family in Family)
    only_sleep = Policy(budgets=budgets)
    without = judged(people.only(nights), only_sleep)
    beside = judged(people.only((*nights, "steps", "eda_level", "night_heart_rate")), only_sleep)
    known = ~np.isnan(without.scores[:, :, SLEEP])
    assert known.sum() > 300
    np.testing.assert_array_equal(without.scores[known][:, SLEEP], beside.scores[known][:, SLEEP])


# The larger the change, the higher the score


@cache
def _learned() -> tuple[bytes, int, NDArray[np.float64], NDArray[np.float64]]:
    """Return eight times one person with 110 days behind them: snapshot, next day, level, spread.

    The level is what was usual, which keeps a shift from crossing over to the other side of it.
    """
    copies = 8
    one = invented_people(7, 1, 110)
    people = together(*[one] * copies)
    detector = detector_of(copies)
    feed(detector, people.features(), 0, 110, np.arange(copies))
    return (
        detector.snapshot(list(range(copies))),
        FIRST_DAY + 110,
        np.nanmedian(one.values[0, -30:], axis=0),
        one.spread[0],
    )


def scores_after(shifts: list[float], family: Family, names: frozenset[str]) -> DayResults:
    """Return the next day of one person, several times, each worse by so many spreads."""
    snapshot, day, level, spread = _learned()
    detector = detector_of(len(shifts))
    detector.restore(snapshot, {p: detector._state.zone(p) for p in range(len(shifts))})
    values = np.tile(level, (len(shifts), 1))
    for name, sign in WORSE[family].items():
        place = FEATURE_NAMES.index(name)
        values[:, place] += sign * np.array(shifts) * spread[place]
    values[:, [name not in names for name in FEATURE_NAMES]] = np.nan
    row = People(values[:, None, :], np.tile(spread, (len(shifts), 1))).features()[:, 0]
    return detector.score_days(np.arange(len(shifts)), np.full(len(shifts), day), row).days


@settings(max_examples=60)
@given(
    shifts=st.lists(st.floats(0, 12), min_size=2, max_size=8).map(sorted),
    family=st.sampled_from(list(WORSE)),
    names=st.frozensets(st.sampled_from(FEATURE_NAMES), min_size=1),
)
def test_a_larger_change_never_gives_a_smaller_score(
    shifts: list[float], family: Family, names: frozenset[str]
) -> None:
    names |= set(WORSE[family])
    shifts = [shift + 3 for shift in shifts] if family is Family.SLEEP else shifts
    scores = scores_after(shifts, family, names).family_scores[:, FAMILIES.index(family)]
    assert np.isfinite(scores).all()
    assert (np.diff(scores) >= 0).all(), f"{family}: {shifts} gave {scores}"


@pytest.mark.parametrize("family", sorted(set(WORSE) - {Family.DRIFT}))
def test_a_day_that_is_odd_enough_moves_the_score_of_its_family(family: Family) -> None:
    found = scores_after([0.0, 4.0], family, frozenset(FEATURE_NAMES))
    low, high = found.family_scores[:, FAMILIES.index(family)]
    assert high > low + 0.05, (low, high)


# Nothing is ever infinite


@settings(max_examples=25)
@given(seed=st.integers(0, 2**32 - 1), names=st.frozensets(st.sampled_from(FEATURE_NAMES)))
def test_any_measures_with_any_gaps_give_plain_answers(seed: int, names: frozenset[str]) -> None:
    """Zeros, equal days, wild values and measures that come and go; warnings are errors here."""
    rng = np.random.default_rng(seed)
    features = invented_people(seed, 6, 45).only(tuple(names)).features()
    features[0] = np.where(np.isnan(features[0]), np.nan, 0)
    features[1] = np.where(np.isnan(features[1]), np.nan, 7)
    features[2] *= rng.choice([0, 1, 1e3, -1e6, 3e30], features[2].shape).astype(np.float32)
    features[3, :, rng.integers(0, len(FEATURE_NAMES))] = np.nan
    detector = detector_of(6)
    for place in range(45):
        found = detector.score_days(np.arange(6), np.full(6, FIRST_DAY + place), features[:, place])
        days = found.days
        assert not np.isinf(days.family_scores).any()
        assert not np.isinf(days.score).any()
        assert not np.isinf(days.usual).any()
        assert ((days.level >= 0) & (days.level <= 2)).all()
        assert (days.family[np.isnan(days.score)] == -1).all()
        assert all(np.isfinite(one.score) for one in found.changes)


def test_nothing_grows_with_the_years() -> None:
    """Five years of days: neither the memory of a person nor the work of a day grows."""
    features = invented_people(8, 2, 365 * 5).features()
    detector, rows = detector_of(2), np.arange(2)
    size = detector.bytes_per_person()
    arrays = sum(
        value.nbytes for value in vars(detector._state).values() if hasattr(value, "nbytes")
    )
    feed(detector, features, 0, 100, rows)
    early = calls_of(detector, features, 100, 200, rows)
    feed(detector, features, 200, 1_725, rows)
    late = calls_of(detector, features, 1_725, 1_825, rows)
    later = sum(
        value.nbytes for value in vars(detector._state).values() if hasattr(value, "nbytes")
    )
    assert detector.bytes_per_person() == size <= 6_000
    assert arrays == later
    assert late <= 1.15 * early, f"{early:.0f} calls a day became {late:.0f}"


def calls_of(
    detector: Detector, features: NDArray[np.float32], first: int, last: int, rows: NDArray[Any]
) -> float:
    """Return how many functions were called for a day in the middle, rather than on odd ones."""
    counts = []
    for place in range(first, last):
        count = 0

        def profile(_frame: object, event: str, _argument: object) -> None:
            nonlocal count
            count += event in {"call", "c_call"}

        before = sys.getprofile()
        sys.setprofile(profile)
        try:
            feed(detector, features, place, place + 1, rows)
        finally:
            sys.setprofile(before)
        counts.append(count)
    return float(np.median(counts))
