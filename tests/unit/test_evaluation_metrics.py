"""The figures of the evaluation against examples worked out by hand."""

from __future__ import annotations

import numpy as np
import pytest

from tidewell.evaluation.metrics import (
    AROUND,
    BEFORE,
    MONTH_DAYS,
    Share,
    Timeline,
    chance,
    false_alerts,
    first_day,
    judge,
    over_in,
    placebo,
    share_over,
    thresholds,
    timeline,
    wilson,
)

BUDGETS = np.array([0.25, 1.0])


def people(scores: list[list[float]], onsets: list[float]) -> Timeline:
    """People whose days are 0, 1, 2 and so on."""
    person = [place for place, row in enumerate(scores) for _ in row]
    day = [place for row in scores for place in range(len(row))]
    flat = np.array([value for row in scores for value in row], np.float64)
    return timeline(np.array(person), np.array(day), flat, np.array(onsets))


def random_people(count: int, days: int, rng: np.random.Generator) -> Timeline:
    return people(rng.random((count, days)).tolist(), [float(days // 2)] * count)


def alerts(line: Timeline, threshold: float) -> list[int]:
    counted = false_alerts(line, line.score[None], np.array([[threshold]]))
    return [int(one) for one in counted[0, :, 0]]


def test_wilson_gives_the_published_interval() -> None:
    # Newcombe, Statistics in Medicine 17 (1998), table I, method 3.
    for found, of, low, high in (
        (81, 263, 0.2553, 0.3662),
        (0, 20, 0, 0.1611),
        (1, 29, 0.0061, 0.1718),
    ):
        assert wilson(found, of) == pytest.approx((low, high), abs=5e-5)
    assert np.isnan(wilson(0, 0)).all()
    assert all(wilson(n, n)[1] == 1 and wilson(0, n)[0] == 0 for n in range(1, 200))


def test_an_alert_silences_the_six_days_after_it() -> None:
    line = people([[5.0] * 22], [np.nan])
    assert alerts(line, 5.0) == [4]  # days 0, 7, 14, 21
    assert alerts(line, 5.1) == [0]


def test_an_alert_near_an_onset_is_not_false() -> None:
    scores = [0.0] * 80
    for day in (25, 26, 34, 70, 71, 78):
        scores[day] = 9.0
    # With the onset on day 40, days 26 to 68 are near; 71 is within the rest after 70.
    assert alerts(people([scores], [40.0]), 9.0) == [3]
    assert alerts(people([scores], [np.nan]), 9.0) == [4]
    scores[25] = 0.0
    assert alerts(people([scores], [40.0]), 9.0) == [2]


def test_days_without_a_score_count_for_nothing() -> None:
    line = people([[np.nan, 5.0, np.nan, 1.0]], [2.0])
    assert line.scored.sum() == 2
    assert line.day[0].tolist() == [1, 3]
    assert share_over(line, 5.0, AROUND) == Share(1, 1)
    assert share_over(people([[np.nan, np.nan]], [1.0]), 0.0, AROUND) == Share(0, 0)


def test_the_windows_hold_both_their_ends() -> None:
    for day, around, before in (
        (12, 0, 0),
        (13, 1, 1),
        (20, 1, 1),
        (21, 1, 0),
        (27, 1, 0),
        (28, 0, 0),
    ):
        scores = [0.0] * 60
        scores[day] = 1.0
        line = people([scores], [20.0])
        assert share_over(line, 1.0, AROUND).found == around
        assert share_over(line, 1.0, BEFORE).found == before


def test_the_first_day_is_the_median_of_those_found() -> None:
    rows = [[0.0] * 40 for _ in range(4)]
    rows[0][18] = rows[0][25] = rows[1][21] = rows[2][26] = 1.0
    assert first_day(people(rows, [20.0] * 4), 1.0) == 1.0
    assert np.isnan(first_day(people(rows[3:], [20.0]), 1.0))


def test_a_threshold_is_the_lowest_that_keeps_its_budget() -> None:
    line = random_people(20, 120, np.random.default_rng(1))
    months = line.quiet.sum() / MONTH_DAYS
    for budget, limit in zip(BUDGETS, thresholds(line, line.score[None], BUDGETS)[0], strict=True):
        quiet = np.sort(line.score[line.quiet])
        below = quiet[np.searchsorted(quiet, limit) - 1]
        assert sum(alerts(line, limit)) <= budget * months < sum(alerts(line, below))


def test_a_score_that_always_rings_gets_a_threshold_above_it() -> None:
    line = people([[1.0] * 70], [np.nan])
    limit = thresholds(line, line.score[None], BUDGETS)[0]
    assert (limit > 1.0).all()
    assert alerts(line, float(limit[0])) == [0]


def test_a_random_score_reaches_what_chance_says() -> None:
    rng = np.random.default_rng(2)
    found = []
    for _ in range(40):
        line = random_people(30, 130, rng)
        limits = thresholds(line, line.score[None], BUDGETS)
        found.append(over_in(line.score[None], limits, line.within(AROUND)[None])[0].mean(axis=0))
    expected = chance(random_people(30, 130, rng), BUDGETS, (AROUND,), rng)[0]
    assert np.mean(found, axis=0) == pytest.approx(expected, abs=0.03)
    # And both are what a coin says: 15 days, each as likely as the budget makes a day.
    assert 0.08 < expected[0] < 0.17
    assert 0.35 < expected[1] < 0.48


def test_a_made_up_onset_is_found_as_often_as_chance_by_a_random_score() -> None:
    rng = np.random.default_rng(3)
    line = random_people(80, 200, rng)
    limits = thresholds(line, line.score[None], BUDGETS)[0]
    expected = chance(line, BUDGETS, (AROUND,), rng)[0]
    assert placebo(line, limits, rng) == pytest.approx(expected, abs=0.06)
    assert np.isnan(placebo(people([[1.0] * 30], [15.0]), limits, rng)).all()


def test_a_perfect_score_finds_everybody_without_a_false_alert() -> None:
    rows = [[0.0] * 100 for _ in range(10)]
    for row in rows:
        row[50:55] = [1.0] * 5
    rng = np.random.default_rng(4)
    for result in judge(people(rows, [50.0] * 10), rng):
        assert (result.around.value, result.before.value) == (1.0, 1.0)
        assert (result.rate, result.rate_p90, result.first_day_median) == (0.0, 0.0, 0.0)
        assert result.placebo_around == 0.0
        assert result.chance_around < 0.6


def test_the_ninetieth_percentile_is_of_people() -> None:
    rows = [[0.0] * 60 for _ in range(11)]
    rows[0][5] = rows[1][5] = 9.0
    result = judge(people(rows, [np.nan] * 11), np.random.default_rng(5), (0.1,))[0]
    assert result.threshold == 9.0
    assert result.rate == pytest.approx(2 / (660 / MONTH_DAYS))
    assert result.rate_p90 == pytest.approx(MONTH_DAYS / 60)
