"""What a policy allows: budgets, rests, how many at once, journeys, and what answers may move."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import cache
from typing import Any, Final

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from detect import Detector, EpisodeChange
from detect.calibration import DAYS_PER_MONTH, threshold
from detect.findings import FAMILIES, LEVELS
from detect.policy import DEFAULT_BUDGETS, Policy
from tidewell.local_time import DAY_MS, zone_table
from tidewell.vocabulary import FEATURE_NAMES, Family, Level

FIRST_DAY: Final = 20_000
BEGINS: Final = 45
USUAL: Final = {
    "night_heart_rate": (60.0, 0.8),
    "night_skin_temperature": (34.0, 0.2),
    "circadian_phase_h": (15.0, 0.3),
    "sleep_onset_h": (10.5, 0.4),
    "sleep_minutes": (480.0, 25.0),
    "steps": (8_000.0, 900.0),
}
Shift = Callable[[int], dict[str, float]]


def a_detector(policy: Policy | None = None) -> Detector:
    detector = Detector(silence_after_s=3_600, policy=policy)
    detector.add_person(1, zone_table("UTC"))
    return detector


def lived(detector: Detector, first: int, last: int, shift: Shift) -> list[EpisodeChange]:
    """Let one person live some days, each shifted by amounts in the unit of its measures."""
    found: list[EpisodeChange] = []
    for place in range(first, last):
        row = features_of(place, shift(place))
        day = np.array([FIRST_DAY + place])
        found += detector.score_days(np.array([1]), day, row).changes
    return found


def features_of(place: int, shift: dict[str, float]) -> NDArray[np.float32]:
    rng = np.random.default_rng(place)
    row = np.full((1, len(FEATURE_NAMES)), np.nan, np.float32)
    for name, (middle, spread) in USUAL.items():
        value = middle + spread * rng.normal() + shift.get(name, 0.0)
        row[0, FEATURE_NAMES.index(name)] = max(value, 0.0)
    return row


def nothing(_place: int) -> dict[str, float]:
    return {}


def fever(first: int, last: int, size: float = 1.0, steps: float = -5_000.0) -> Shift:
    amounts = {
        "night_heart_rate": 8 * size,
        "night_skin_temperature": 1.2 * size,
        "steps": steps * size,
    }
    return lambda place: amounts if first <= place < last else {}


def opened(changes: list[EpisodeChange]) -> list[tuple[str, int]]:
    """Return families and days of the episodes that opened."""
    return [
        (one.family.value, one.at_ms // DAY_MS - 1 - FIRST_DAY)
        for one in changes
        if one.kind == "opened"
    ]


# Numbers


def test_the_budgets_of_all_families_are_one_a_month() -> None:
    assert sum(DEFAULT_BUDGETS.values()) == pytest.approx(1.0)
    assert set(DEFAULT_BUDGETS) == set(Family) - {Family.DEVICE}
    assert Policy().budgets == tuple(DEFAULT_BUDGETS.get(family, 0.0) for family in Family)


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"budgets": (0.1,) * 5}, "one budget for each of 6"),
        ({"tails": Policy().tails[:-1]}, "one budget for each of 6"),
        ({"budgets": (-0.01, 0.1, 0.1, 0.1, 0.1, 0.0)}, "between 0 and 10"),
        ({"budgets": (0.1, 10.01, 0.1, 0.1, 0.1, 0.0)}, "between 0 and 10"),
        ({"budgets": (0.1, float("nan"), 0.1, 0.1, 0.1, 0.0)}, "between 0 and 10"),
        ({"check_today_share": 0.0}, "above 0 and below 1"),
        ({"check_today_share": 1.0}, "above 0 and below 1"),
    ],
)
def test_a_policy_out_of_its_bounds_is_refused(changed: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        replace(Policy(), **changed)


def test_a_family_without_a_budget_can_never_reach_its_threshold() -> None:
    policy = Policy(budgets=(0.0, 0.2, 0.0, 0.2, 0.2, 0.0))
    off = np.array([budget == 0 for budget in policy.budgets])
    assert np.isposinf(policy.thresholds()[off]).all()
    assert np.isposinf(policy.check_today_from()[off]).all()
    assert np.isfinite(policy.thresholds()[~off]).all()


def test_a_threshold_is_that_of_the_tail_of_its_own_family() -> None:
    policy = Policy()
    for place, budget in enumerate(policy.budgets[:5]):
        tail = policy.tails[place]
        assert policy.thresholds()[place] == threshold(tail, budget)
        today = policy.thresholds()[place] * policy.check_today_from()[place]
        assert today == pytest.approx(threshold(tail, budget * policy.check_today_share))


@given(budget=st.floats(0.001, 4.9), share=st.floats(0.05, 0.95))
def test_a_larger_budget_lowers_and_a_smaller_share_raises_the_bar(
    budget: float, share: float
) -> None:
    tight = Policy(budgets=(budget,) * 5 + (0.0,), check_today_share=share)
    loose = Policy(budgets=(2 * budget,) * 5 + (0.0,), check_today_share=share)
    assert (loose.thresholds()[:5] <= tight.thresholds()[:5]).all()
    assert (tight.check_today_from()[:5] >= 1).all()
    stricter = replace(tight, check_today_share=share / 2)
    assert (stricter.check_today_from()[:5] >= tight.check_today_from()[:5]).all()


def test_a_budget_in_the_tail_is_the_rate_that_it_names() -> None:
    policy = Policy()
    for place, tail in enumerate(policy.tails[:5]):
        above = 0.5 * 0.02 * DAYS_PER_MONTH * tail.episodes_per_day
        excess = threshold(tail, above) - tail.knots[-1]
        left = (1 + tail.shape * excess / tail.scale) ** (-1 / tail.shape)
        assert left == pytest.approx(0.5), FAMILIES[place]


# What opens


def test_one_change_is_told_once_and_a_quiet_life_not_at_all() -> None:
    assert opened(lived(a_detector(), 0, 90, nothing)) == []
    told = opened(lived(a_detector(), 0, 90, fever(BEGINS, BEGINS + 6)))
    assert [family for family, _ in told if family != "drift"] == ["illness"]


def test_a_policy_that_allows_one_at_a_time_opens_one_at_a_time() -> None:
    def most_open_at_once(policy: Policy) -> int:
        open_now, most = 0, 0
        for one in lived(a_detector(policy), 0, 170, fever(100, 160, 1.5)):
            open_now += (one.kind == "opened") - (one.kind == "closed")
            most = max(most, open_now)
        return most

    assert most_open_at_once(Policy()) == 2
    assert most_open_at_once(Policy(most_open=1)) == 1


def test_a_longer_rest_holds_a_mild_change_back_for_longer() -> None:
    def life(place: int) -> dict[str, float]:
        size = 1.9 if 45 <= place < 52 else 2.3 if 62 <= place < 69 else 0.0
        return {
            "night_heart_rate": size,
            "night_skin_temperature": 0.18 * size,
            "steps": -900 * size,
        }

    resting = opened(lived(a_detector(Policy(rest_days=30)), 0, 75, life))
    awake = opened(lived(a_detector(Policy(rest_days=0)), 0, 75, life))
    assert len(resting) == 1, resting
    assert len(awake) == 2, awake


# Journeys


def journey(first: int, by_h: float) -> Shift:
    """Return a fever that begins on the day on which the body clock moved, for good.

    Steps stay as they were: a fall of them would be told as withdrawal, which no journey holds.
    """
    ill = fever(first, first + 12, steps=0.0)
    return lambda place: ill(place) | ({"circadian_phase_h": by_h} if place >= first else {})


def test_a_journey_holds_illness_for_three_days_and_no_longer() -> None:
    at_home = opened(lived(a_detector(), 0, 60, journey(BEGINS, 0.0)))
    away = opened(lived(a_detector(), 0, 60, journey(BEGINS, 7.0)))
    (at_home_day,) = [day for family, day in at_home if family == "illness"]
    (away_day,) = [day for family, day in away if family == "illness"]
    assert BEGINS < at_home_day < BEGINS + 3
    assert away_day == BEGINS + 4


def test_a_body_clock_that_moves_less_than_three_hours_holds_nothing() -> None:
    at_home = opened(lived(a_detector(), 0, 60, journey(BEGINS, 0.0)))
    assert opened(lived(a_detector(), 0, 60, journey(BEGINS, 1.5))) == at_home


def test_a_jump_over_midnight_is_a_small_one() -> None:
    def around_midnight(place: int) -> dict[str, float]:
        late = 8.8 if place % 2 else -14.8  # half past eleven at night, or at ten past midnight
        return fever(BEGINS, BEGINS + 12)(place) | {"circadian_phase_h": late}

    told = opened(lived(a_detector(), 0, 60, around_midnight))
    assert any(family == "illness" and day < BEGINS + 4 for family, day in told), told


def test_a_journey_holds_broken_nights_too() -> None:
    def late(place: int) -> dict[str, float]:
        return {"sleep_onset_h": 7, "circadian_phase_h": 7} if place >= BEGINS else {}

    def late_at_home(place: int) -> dict[str, float]:
        return {"sleep_onset_h": 7} if place >= BEGINS else {}

    away = [day for family, day in opened(lived(a_detector(), 0, 60, late)) if family == "sleep"]
    home = [
        day for family, day in opened(lived(a_detector(), 0, 60, late_at_home)) if family == "sleep"
    ]
    assert home
    assert home[0] < BEGINS + 3
    assert away == [BEGINS + 4]


# What practitioners' answers may move


def least_score_that_asks(answers: int, before: float, *, was_useful: bool) -> float:
    """Return the score of illness from which a day asks for review after so many answers."""
    scores, levels = [], []
    for size in np.linspace(0.1, 1.6, 60).tolist():
        detector = a_detector(Policy(budgets=(0.2, 0.0, 0.0, 0.0, 0.0, 0.0)))
        detector.restore(_learned(before), {1: zone_table("UTC")})
        for _ in range(answers):
            detector.hear_outcome(1, Family.ILLNESS, was_useful=was_useful)
        row = features_of(BEGINS, fever(0, 99, size)(0))
        days = detector.score_days(np.array([1]), np.array([FIRST_DAY + BEGINS]), row).days
        scores.append(float(days.family_scores[0, FAMILIES.index(Family.ILLNESS)]))
        levels.append(LEVELS[int(days.level[0])])
    assert scores == sorted(scores)
    return next(
        score for score, level in zip(scores, levels, strict=True) if level is not Level.USUAL
    )


@cache
def _learned(size: float) -> bytes:
    """Return somebody after two days of a small change, so that the next one decides."""
    detector = a_detector(Policy(budgets=(0.2, 0.0, 0.0, 0.0, 0.0, 0.0)))
    lived(detector, 0, BEGINS, fever(BEGINS - 2, BEGINS, size))
    return detector.snapshot([1])


@pytest.mark.parametrize(
    ("answers", "was_useful", "before", "asks_from"),
    [
        (0, True, 0.2, 1.0),
        (1, False, 0.2, 1.05),
        (500, False, 0.5, 1.3),
        (500, True, 0.2, 0.7),
    ],
)
def test_answers_move_a_persons_own_bar_within_bounds(
    answers: int, was_useful: bool, before: float, asks_from: float
) -> None:
    found = least_score_that_asks(answers, before, was_useful=was_useful)
    assert asks_from <= found + 1e-6
    assert found <= asks_from + 0.08
