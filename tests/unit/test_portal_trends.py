"""Eighteen measures on a page: written alike everywhere, gaps open, in groups, changes first."""

from __future__ import annotations

from datetime import date, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from portal.daily import CHANGE_MOST, DayRow, FeatureTrend, all_trends, one_trend, tick_words
from portal.trend_groups import GROUPS, SHOWN_MOST, grouped_trends
from tidewell.vocabulary import FEATURE_NAMES, FEATURES, Feature

LAST = date(2026, 11, 21)
FEATURE = {feature.name: feature for feature in FEATURES}


def trend_of(
    name: str, values: list[float | None], usual: tuple[float, float, float] | None = None
) -> FeatureTrend:
    bounds = {} if usual is None else {name: list(usual)}
    first = LAST - timedelta(days=len(values) - 1)
    rows = [
        DayRow(first + timedelta(days=place), 1300, bounds, {name: value})
        for place, value in enumerate(values)
        if value is not None
    ]
    trend = one_trend(name, rows, first, LAST, set(), "Sam")
    assert trend is not None
    return trend


def said(trend: FeatureTrend) -> list[tuple[str, str]]:
    return [(line.value, line.usual) for line in trend.table]


def test_chart_sentence_and_table_write_a_time_of_day_alike() -> None:
    trend = trend_of("sleep_onset_h", [10.75, 11.0, 13.5], (10.75, 10.2, 11.3))
    assert trend.sentence.startswith(
        "01:30 on Saturday 21 November (usual for Sam: 22:10 to 23:20)."
    )
    assert said(trend)[0] == ("01:30", "22:10 to 23:20")
    assert trend.chart is not None
    assert all(":" in tick.text for tick in trend.chart.up)
    assert trend.heading == "Falling asleep"


def test_lengths_are_hours_on_the_axis_and_in_full_in_the_table() -> None:
    trend = trend_of("sleep_minutes", [512, 480, 370], (512, 455, 570))
    assert said(trend)[0] == ("6 h 10 min", "7 h 35 min to 9 h 30 min")
    assert trend.chart is not None
    assert [tick.text for tick in trend.chart.up] == ["6 h", "8 h"]
    assert all(len(tick.text) <= 6 for tick in trend.chart.up)
    assert tick_words(15, FEATURE["aroused_minutes"]) == "15 min"


def test_a_phase_over_midnight_is_near_and_not_a_day_away() -> None:
    trend = trend_of("circadian_phase_h", [23.8, 0.1, 23.6, 0.3], (23.8, 22.8, 24.8))
    assert trend.change < 1
    assert "Outside what is usual on 0 of 4 days." in trend.sentence
    assert said(trend)[0] == ("00:20", "22:50 to 00:50")
    assert trend.chart is not None
    down = [float(point.split(" ")[1]) for point in trend.chart.line.strip("M").split("L")]
    assert max(down) - min(down) < trend.chart.height * 0.6
    later = trend_of("circadian_phase_h", [23.8, 2.0, 2.1, 2.2], (23.8, 22.8, 24.8))
    assert later.change == pytest.approx(2.3, abs=0.01)
    assert "Outside what is usual on 3 of 4 days." in later.sentence


def test_a_phase_without_anything_usual_is_drawn_around_its_own_middle() -> None:
    trend = trend_of("circadian_phase_h", [23.9, 0.1, 23.7, 0.2])
    assert trend.chart is not None
    assert {tick.text for tick in trend.chart.up} <= {"23:30", "23:45", "00:00", "00:15", "00:30"}


@given(st.lists(st.floats(0, 24, exclude_max=True), min_size=1, max_size=9), st.floats(-6, 30))
def test_unwrapping_never_changes_what_is_written(hours: list[float], centre: float) -> None:
    bare = trend_of("circadian_phase_h", list(hours))
    beside = trend_of("circadian_phase_h", list(hours), (centre, centre - 1, centre + 1))
    assert [value for value, _ in said(bare)] == [value for value, _ in said(beside)]
    assert beside.change <= 12.001


def test_what_is_usual_never_promises_what_cannot_be() -> None:
    assert said(trend_of("sleep_efficiency", [93], (93, 84, 102)))[0][1] == "84 to 100"
    assert said(trend_of("steps", [300], (900, -400, 2200)))[0][1] == "0 to 2,200"
    assert said(trend_of("aroused_minutes", [9], (22, -4, 48)))[0][1] == "0 min to 48 min"


def test_days_without_a_value_stay_open() -> None:
    trend = trend_of("night_hrv_rmssd", [60, None, 61, 62], (60, 50, 70))
    assert said(trend)[2] == ("no value", "no full day to compare")
    assert trend.chart is not None
    assert trend.chart.line.count("M") == 1
    assert len(trend.chart.dots) == 1
    assert "No value on 1 day." in trend.sentence


def test_a_change_is_about_the_latest_values_of_this_week() -> None:
    usual = (60.0, 50.0, 70.0)
    assert trend_of("night_hrv_rmssd", [60, 90, 90, 90], usual).change == pytest.approx(3)
    assert trend_of("night_hrv_rmssd", [30, 30, 30], usual).change == pytest.approx(3)
    assert trend_of("night_hrv_rmssd", [90, 90, *[None] * 7], usual).change == 0
    assert trend_of("night_hrv_rmssd", [90, 90]).change == 0
    assert trend_of("night_hrv_rmssd", [61], (60, 60, 60)).change == CHANGE_MOST


def many(changes: dict[str, float], without: frozenset[str] = frozenset()) -> list[FeatureTrend]:
    usual = {name: [10.0, 9.0, 11.0] for name in FEATURE_NAMES}
    values = {name: 10.0 + changes.get(name, 0) for name in FEATURE_NAMES if name not in without}
    return all_trends([DayRow(LAST, 1300, usual, values)], LAST, LAST, set(), "Sam")


@given(st.floats(0.5, 200), st.floats(0, 30), st.sampled_from(FEATURES))
def test_labels_stand_where_they_say(low: float, width: float, feature: Feature) -> None:
    trend = trend_of(feature.name, [low, low + width])
    assert trend.chart is not None
    up = trend.chart.up
    assert up
    assert len({tick.text for tick in up}) == len(up)
    apart = [after.at - before.at for before, after in pairwise(up)]
    assert all(gap == pytest.approx(apart[0], abs=0.2) for gap in apart)


def test_every_measure_is_in_one_group() -> None:
    found = grouped_trends(many({}))
    seen = [t.feature.name for group in found.groups for t in (*group.shown, *group.folded)]
    assert sorted(seen) == sorted(FEATURE_NAMES)
    assert found.without_data == ()


def test_a_usual_page_keeps_its_order_and_shows_one_measure_a_group() -> None:
    found = grouped_trends(many({"eda_level": 0.9}))
    assert [group.name for group in found.groups] == [name for name, _, _ in GROUPS]
    assert {len(group.shown) for group in found.groups} == {1}
    assert found.groups[0].shown[0].feature.name == "night_heart_rate"
    assert found.groups[1].folded_words == "Longest time still while awake"


def test_the_most_changed_comes_first_and_the_rest_is_folded_by_name() -> None:
    changes = {"sleep_onset_h": 3.0, "sleep_minutes": -2.0, "sleep_efficiency": -1.5, "steps": -1.2}
    groups = grouped_trends(many(changes)).groups
    assert [group.name for group in groups[:2]] == ["sleep", "movement"]
    shown = [trend.feature.name for trend in groups[0].shown]
    assert shown == ["sleep_onset_h", "sleep_minutes"]
    assert len(shown) == SHOWN_MOST
    assert groups[0].folded_words == "Share of the night asleep, regularity of sleep"


def test_what_has_no_data_is_named_and_never_drawn() -> None:
    movement = frozenset({"steps", "longest_still_minutes"})
    found = grouped_trends(many({}, movement | {"night_spo2"}))
    assert "movement" not in [group.name for group in found.groups]
    assert found.without_data_words == (
        "Blood oxygen at night, steps, longest time still while awake"
    )
    assert not found.is_without_much
    assert grouped_trends(many({}, movement | {"night_spo2", "sleep_minutes"})).is_without_much
    assert found.without_data == (
        "Blood oxygen at night",
        "Steps",
        "Longest time still while awake",
    )
    assert grouped_trends(all_trends([], LAST, LAST, set(), "Sam")).groups == ()


@pytest.mark.parametrize("feature", FEATURES, ids=lambda feature: feature.name)
def test_every_measure_has_labels_that_fit_beside_its_chart(feature: Feature) -> None:
    typical = {"h": 9.5, "minutes": 600.0, "steps": 9000.0}.get(feature.unit, 60.0)
    values: list[float | None] = [typical, typical * 1.1, typical * 0.8]
    trend = trend_of(feature.name, values, (typical, typical * 0.9, typical * 1.1))
    assert trend.chart is not None
    assert 1 < len(trend.chart.up) <= 5
    assert all(len(tick.text) <= 6 for tick in trend.chart.up)
    assert "hours after" not in trend.heading
