"""Charts: gaps stay open, bands follow what is usual, labels fit."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta

import numpy as np
from hypothesis import example, given
from hypothesis import strategies as st

from portal.charts import LABEL_PX, SPAN, Chart, daily_chart, hourly_chart, runs
from portal.words import number_words

NOTHING = float("nan")
FIRST = date(2026, 11, 1)

maybe_value = st.one_of(st.just(NOTHING), st.floats(-1e6, 1e6))


def chart_of(values: list[float], marked: list[str] | None = None) -> Chart | None:
    days = [FIRST + timedelta(days=index) for index in range(len(values))]
    column = np.array(values)
    return daily_chart(
        days,
        column,
        column - 1,
        column + 1,
        marked or [""] * len(values),
        write=number_words,
    )


def test_a_gap_in_the_days_is_a_gap_in_the_line() -> None:
    chart = chart_of([5, 6, NOTHING, 7, 8])
    assert chart is not None
    assert chart.line.count("M") == 2
    assert chart.line.count("L") == 2


def test_a_day_alone_is_a_dot() -> None:
    chart = chart_of([NOTHING, 6, NOTHING])
    assert chart is not None
    assert (chart.line, len(chart.dots)) == ("", 1)
    assert chart.dots[0].across_percent == 50


def test_the_band_is_absent_where_nothing_is_learned() -> None:
    days = [FIRST + timedelta(days=index) for index in range(3)]
    low = np.array([1.0, NOTHING, NOTHING])
    chart = daily_chart(
        days, np.array([2.0, 2.0, 2.0]), low, low + 2, ["", "", ""], write=number_words
    )
    assert chart is not None
    assert max(int(one) for one in re.findall(r"H(\d+)", chart.band)) == round(SPAN / 3)


def test_a_band_says_only_where_it_changes() -> None:
    chart = chart_of([5.0] * 30 + [9.0] * 30)
    assert chart is not None
    assert re.fullmatch(r"M0 \d+V\d+H500V\d+H1000V\d+H500V\d+H0Z", chart.band)


def test_nothing_measured_draws_nothing() -> None:
    assert chart_of([NOTHING, NOTHING]) is None
    hours = np.full(3, NOTHING)
    first = datetime(2026, 11, 1, tzinfo=UTC)
    assert hourly_chart(first, hours, hours, hours, "UTC", number_words) is None


def test_higher_values_are_higher_on_the_screen() -> None:
    chart = chart_of([5, 9])
    assert chart is not None
    first, last = (float(point.split(" ")[1]) for point in chart.line.strip("M").split("L"))
    assert last < first


def test_marked_days_have_a_word_and_a_width() -> None:
    chart = chart_of([5.0] * 10, ["", "", "changed", "changed", *[""] * 6])
    assert chart is not None
    [mark] = chart.marks
    assert (mark.first_percent, mark.width_percent, mark.text) == (20, 20, "changed")


def test_midnights_are_labelled_on_the_clock_of_the_person() -> None:
    first = datetime(2026, 7, 1, 20, tzinfo=UTC)
    column = np.arange(10.0)
    chart = hourly_chart(first, column, column, column, "Europe/London", number_words)
    assert chart is not None
    assert [(tick.at, tick.text) for tick in chart.across] == [(30.0, "2 Jul")]


@given(st.lists(maybe_value, min_size=1, max_size=90))
@example([919595.0, -117066.0])  # seven labels, each with just enough room
def test_every_value_is_drawn_once_inside_the_picture(values: list[float]) -> None:
    chart = chart_of(values)
    finite = np.isfinite(values).sum()
    if chart is None:
        assert finite == 0
        return
    points = chart.line.count("M") + chart.line.count("L") + len(chart.dots)
    assert points == finite
    drawn = [part for part in chart.line.replace("M", "L").split("L") if part]
    for point in drawn:
        across, down = map(float, point.split(" "))
        assert 0 <= across <= SPAN
        assert 0 <= down <= chart.height
    assert chart.up
    heights_px = [tick.at for tick in chart.up]
    assert all(0 <= at <= chart.height for at in heights_px)
    gaps_px = np.abs(np.diff(heights_px))
    assert (gaps_px >= 0.998 * LABEL_PX).all()
    assert "nan" not in chart.line + chart.band


@given(st.lists(st.booleans(), max_size=50))
def test_runs_cover_exactly_what_is_present(present: list[bool]) -> None:
    covered = [False] * len(present)
    for start, end in runs(np.array(present, dtype=np.bool_)):
        assert start < end
        for index in range(start, end):
            covered[index] = True
    assert covered == present
