"""The scoring of the Numenta benchmark against its definition, and against published figures."""

from __future__ import annotations

import math
import tarfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from bench.nab import BARS, PUBLISHED_GAUSSIAN, PUBLISHED_WITHIN, load_corpus, run
from bench.nab_detectors import robust, windowed_gaussian
from bench.nab_scoring import (
    PROFILES,
    Profile,
    Series,
    alarm_values,
    probation_points,
    score_corpus,
)
from tests.recorded import recorded_folder
from tidewell.errors import UsageError

STANDARD, LOW_FP, LOW_FN = PROFILES
POINTS = 400
WINDOW = (200, 240)
SERIES = Series("one", np.zeros(POINTS), (WINDOW,))


def alarms(*places: int) -> list[NDArray[np.float64]]:
    scores = np.zeros(POINTS)
    scores[list(places)] = 1.0
    return [scores]


def score(*places: int, profile: Profile = STANDARD) -> float:
    return score_corpus([SERIES], alarms(*places), profile).score


def obvious_total(
    corpus: list[Series], anomaly: list[NDArray[np.float64]], profile: Profile, threshold: float
) -> float:
    """Return the sum at one threshold, point by point, in the words of the definition."""

    def fallen(position: float) -> float:
        return -1.0 if position >= 3 else 2 / (1 + float(np.exp(5 * position))) - 1

    total = 0.0
    for series, scores in zip(corpus, anomaly, strict=True):
        start = min(int(0.15 * len(scores)), 750)
        alarm_places = [at for at in range(start, len(scores)) if scores[at] >= threshold]
        for at in alarm_places:
            if any(first <= at <= last for first, last in series.windows):
                continue
            before = [window for window in series.windows if window[1] < at]
            last = max((one[1] for one in before), default=None)
            width = max((one[1] - one[0] for one in before if one[1] == last), default=0)
            position = 3.0 if last is None else (at - last) / max(width, 1)
            total += profile.false_alarm * fallen(position)
        for first, last in series.windows:
            if last < start:
                continue
            inside = [at for at in alarm_places if first <= at <= last]
            width = last - first + 1
            earned = [fallen(-(last - at + 1) / width) / fallen(-1.0) for at in inside]
            total += max(earned, default=-profile.missed)
    return total


@given(seed=st.integers(0, 2**32 - 1), profile=st.sampled_from(PROFILES))
def test_the_score_is_that_of_the_definition_at_its_best_threshold(
    seed: int, profile: Profile
) -> None:
    rng = np.random.default_rng(seed)
    corpus, anomaly = [], []
    for name in "ab":
        points = int(rng.integers(40, 90))
        cuts = np.sort(rng.choice(points - 10, 4, replace=False)).tolist()
        windows = ((cuts[0], cuts[1]), (cuts[2], cuts[3] + 5))
        corpus.append(Series(name, np.zeros(points), windows))
        anomaly.append(rng.integers(0, 8, points) / 8)
    thresholds = np.append(np.unique(np.concatenate(anomaly)), [2.0])
    totals = [obvious_total(corpus, anomaly, profile, one) for one in thresholds]
    counted = score_corpus(corpus, anomaly, profile).windows
    best = 100 * (max(totals) + profile.missed * counted) / (counted * (1 + profile.missed))
    assert score_corpus(corpus, anomaly, profile).score == pytest.approx(best)


@pytest.mark.parametrize("profile", PROFILES, ids=lambda one: one.name)
def test_no_alarm_is_zero_and_the_first_point_of_every_window_is_a_hundred(
    profile: Profile,
) -> None:
    assert score(profile=profile) == 0.0
    assert score(WINDOW[0], profile=profile) == pytest.approx(100.0)


def test_an_earlier_alarm_in_a_window_earns_more_and_a_second_one_nothing() -> None:
    early, late = score(205), score(235)
    assert 100 > early > late > 50
    assert score(205, 235) == early


def test_a_false_alarm_costs_less_the_closer_it_follows_a_window() -> None:
    before, close, far = (score(200, at) for at in (150, 245, 390))
    assert close > far
    assert far == pytest.approx(before)
    assert score(200, 390) == pytest.approx(100 - 100 * 0.11 / 2)


def test_the_profiles_weigh_false_alarms_and_missed_windows() -> None:
    assert score(200, 390, profile=LOW_FP) == pytest.approx(100 - 100 * 0.22 / 2)
    assert score(200, 390, profile=LOW_FN) == pytest.approx(100 - 100 * 0.11 / 3)


def test_nothing_counts_in_the_probation() -> None:
    first = probation_points(POINTS)
    assert first == 60
    assert score(first - 1, 200) == score(200)
    assert score(first, 200) < score(200)
    assert probation_points(22_000) == 750
    inside = Series("one", np.zeros(POINTS), ((10, 40), WINDOW))
    assert score_corpus([inside], alarms(200), STANDARD).windows == 1


def test_the_best_threshold_leaves_out_alarms_that_cost_more_than_they_earn() -> None:
    scores = np.zeros(POINTS)
    scores[200], scores[300:360] = 1.0, 0.5
    result = score_corpus([SERIES], [scores], STANDARD)
    assert (result.threshold, result.windows_found, result.false_alarms) == (1.0, 1, 0)


def test_one_score_for_each_point_or_a_refusal() -> None:
    with pytest.raises(ValueError, match="one: one anomaly score for each point"):
        score_corpus([SERIES], [np.zeros(POINTS - 1)], STANDARD)
    with pytest.raises(ValueError, match="none of them NaN"):
        score_corpus([SERIES], [np.full(POINTS, np.nan)], STANDARD)


def test_a_window_of_one_point_is_a_window() -> None:
    value, window = alarm_values(10, [(4, 4)])
    assert value[4] == pytest.approx(1.0)
    assert window.tolist() == [-1] * 4 + [0] + [-1] * 5
    assert (value[5:] < 0).all()


def test_both_detectors_see_only_the_past() -> None:
    values = np.random.default_rng(3).normal(0, 1, 300)
    values[200:] += 12
    other = np.append(values[:250], np.full(50, 1e6))
    assert windowed_gaussian(values)[:250].tolist() == windowed_gaussian(other)[:250].tolist()
    assert robust([values])[0][:250].tolist() == robust([other])[0][:250].tolist()


def test_the_robust_detector_scores_a_series_alike_alone_and_among_others() -> None:
    rng = np.random.default_rng(4)
    long, short = rng.normal(0, 1, 400), rng.standard_t(2, 150)
    together = robust([long, short])
    assert together[0].tolist() == robust([long])[0].tolist()
    assert together[1].tolist() == robust([short])[0].tolist()


def test_the_robust_detector_marks_a_jump_and_then_rests() -> None:
    values = np.random.default_rng(5).normal(50, 1, 1_000)
    values[700:] += 40
    scores = robust([values])[0]
    assert int(np.argmax(scores)) == 700
    assert np.count_nonzero(scores[701:740]) <= 1


def test_the_robust_detector_marks_a_step_that_stays_within_the_usual_range() -> None:
    values = 50 * np.sin(np.arange(2_000) / 100) + np.random.default_rng(6).normal(0, 0.1, 2_000)
    values[1_500:1_503] += 20
    assert int(np.argmax(robust([values])[0])) in {1_500, 1_503}


def test_windowed_gaussian_is_that_of_its_definition() -> None:
    values = np.random.default_rng(7).normal(3, 2, 6_750)
    scores = windowed_gaussian(values)
    for at in (1, 2, 500, 6_400, 6_401, 6_499, 6_500, 6_501, 6_749):
        moved = max(at - 6_400, 0) // 100 * 100
        window = values[moved : min(at, 6_400 + moved)]
        spread = float(np.std(window)) or 1e-6
        tail = math.erfc(abs(values[at] - np.mean(window)) / spread / math.sqrt(2)) / 2
        assert scores[at] == pytest.approx(1 - tail, abs=1e-11)


def test_a_flat_series_surprises_nobody() -> None:
    flat = np.full(500, 7.25)
    assert robust([flat])[0].max() == 0
    assert windowed_gaussian(flat).max() <= 0.5


def test_an_archive_that_is_not_there_or_is_none_is_named(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="TIDEWELL_DATA names the folder"):
        load_corpus(tmp_path)
    (tmp_path / "nab").mkdir()
    (tmp_path / "nab" / "nab_data.tar.gz").write_bytes(b"not an archive")
    with pytest.raises(UsageError, match="ReadError"):
        load_corpus(tmp_path)
    with tarfile.open(tmp_path / "nab" / "nab_data.tar.gz", "w:gz"):
        pass
    with pytest.raises(UsageError, match="KeyError"):
        load_corpus(tmp_path)


def test_published_figures_are_repeated_and_ours_stay_above_their_bar(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("TIDEWELL_DATA", str(recorded_folder()))
    figures = run(quick=True)
    assert figures["failures"] == []
    assert figures["corpus"] == {"series": 58, "points": 365_558, "windows": 116}
    for name, published in PUBLISHED_GAUSSIAN.items():
        assert figures["windowed_gaussian"][name] == pytest.approx(published, abs=PUBLISHED_WITHIN)
        assert figures["robust"][name] >= BARS[name]
