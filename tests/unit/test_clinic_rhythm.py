"""Hours of the day in percentiles, nights below each other, and where minutes lie in local days."""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from portal.clinic.minutes import (
    Minutes,
    grouped_percentiles,
    is_weekend,
    local_quarters,
    unpacked,
)
from portal.clinic.rhythm import (
    BIN_MINUTES_LEAST,
    BINS,
    PERCENTILES,
    PROFILE_CHANNELS,
    nights,
    profile_columns,
    profiles,
    regularity_sentence,
)
from portal.words import zone_of

TODAY = date(2026, 11, 22)
NOW = datetime(2026, 11, 22, 14, 0, tzinfo=UTC)
ZONE = "Europe/London"


def minutes_of(rows: Sequence[tuple[datetime, float, float]], zone: str = ZONE) -> Minutes:
    """Pack moments, values of a channel and of sleep as the database does."""
    since = datetime(2000, 1, 1, tzinfo=UTC)
    moments = np.array([(at - since) // timedelta(microseconds=1) for at, _, _ in rows], ">i8")
    values = np.array([one[1:] for one in rows], ">f4").reshape(-1, 2)
    return unpacked(moments.tobytes(), values[:, 0].tobytes(), values[:, 1].tobytes(), zone)


def test_a_profile_leaves_a_half_hour_with_few_values_open() -> None:
    saturday, monday = (datetime(2026, 11, day, tzinfo=UTC) for day in (14, 16))
    rows = [
        (start + timedelta(minutes=30 * half_hour + number % 30), 60.0 + half_hour, math.nan)
        for start in (saturday, monday)
        for half_hour, count in ((3, 500), (4, BIN_MINUTES_LEAST), (5, BIN_MINUTES_LEAST - 1))
        for number in range(count)
    ]
    columns = profile_columns(minutes_of(rows), saturday)
    working, weekend = profiles(columns, PROFILE_CHANNELS[0])
    assert working.sentence == (
        "Lowest around 01:30 (63 bpm), highest around 02:00 (64 bpm)."
        " Too few values in 46 of 48 half hours."
    )
    assert [line.clock for line in working.table if line.values[0] != "no value"] == [
        "01:30",
        "02:00",
    ]
    assert weekend.chart is not None
    assert working.chart is not None
    assert [tick.text for tick in weekend.chart.up] == [tick.text for tick in working.chart.up]
    assert np.isnan(profile_columns(minutes_of(rows), monday)[1]).all()


def test_a_profile_of_nothing_is_no_picture() -> None:
    columns = profile_columns(minutes_of([]), NOW)
    assert columns.shape == (2, len(PERCENTILES), BINS)
    assert [one.chart for one in profiles(columns, PROFILE_CHANNELS[0])] == [None, None]
    [night] = nights(minutes_of([]), TODAY, TODAY)
    assert night.without_data[0].width_percent == 100


def test_a_night_goes_from_noon_to_noon_and_no_data_is_not_awake() -> None:
    evening = date(2026, 11, 20)
    midnight = datetime(2026, 11, 21, tzinfo=UTC)
    rows = [
        (midnight + timedelta(minutes=15 * place), math.nan, float(place < 28))
        for place in range(-8, 40)
    ]
    rows.append((midnight + timedelta(hours=11), 60.0, math.nan))
    [before, night] = nights(minutes_of(rows), evening - timedelta(days=1), evening)
    assert before.asleep == ()
    assert before.without_data[0].width_percent == 100
    assert (night.from_clock, night.until_clock) == ("22:00", "07:00")
    assert night.asleep_minutes == 36 * 15
    assert [block.first_percent for block in night.without_data] == [0, pytest.approx(91.67)]


def test_a_quarter_that_a_clock_showed_twice_is_one() -> None:
    first = datetime(2026, 10, 25, 0, 0, tzinfo=UTC)
    rows = [
        (first + timedelta(minutes=minute), math.nan, float(minute < 60)) for minute in range(120)
    ]
    [night] = nights(minutes_of(rows, "Europe/London"), date(2026, 10, 24), date(2026, 10, 24))
    assert (night.from_clock, night.until_clock, night.asleep_minutes) == ("01:00", "02:00", 60)
    rows[0] = (first, math.nan, 0.0)
    [night] = nights(minutes_of(rows, "Europe/London"), date(2026, 10, 24), date(2026, 10, 24))
    assert night.from_clock == "01:15"


OFF_THE_HOUR = ("Asia/Kolkata", "Asia/Kathmandu", "America/St_Johns", "Pacific/Chatham")
BY_HALF_AN_HOUR, AT_MIDNIGHT, UNKNOWN = "Australia/Lord_Howe", "America/Havana", "Nowhere/At_All"


@pytest.mark.parametrize(
    "zone", ["Europe/London", *OFF_THE_HOUR, BY_HALF_AN_HOUR, AT_MIDNIGHT, UNKNOWN]
)
def test_quarters_on_the_wall_are_those_of_a_calendar_through_a_year(zone: str) -> None:
    first = datetime(2026, 3, 1, 5, 15, tzinfo=UTC)
    wall = [
        (first + timedelta(minutes=15 * place)).astimezone(zone_of(zone)).replace(tzinfo=UTC)
        for place in range(366 * 96 + 7)
    ]
    slow = [int(one.timestamp()) // 900 for one in wall]
    found = local_quarters(int(first.timestamp()) // 900, len(slow), zone_of(zone))
    assert found.tolist() == slow
    assert is_weekend(found).tolist() == [one.isoweekday() > 5 for one in wall]


@given(
    st.lists(st.tuples(st.integers(0, 3), st.floats(-1e6, 1e6, width=32)), max_size=60),
    st.integers(0, 4),
)
def test_percentiles_of_groups_are_those_of_numpy(
    told: list[tuple[int, float]], least: int
) -> None:
    groups = np.array([group for group, _ in told], np.uint8)
    values = np.array([value for _, value in told], np.float32)
    found = grouped_percentiles(values, groups, 4, PERCENTILES, least)
    for group, row in enumerate(found):
        chosen = values[groups == group].astype(np.float64)
        if chosen.size < max(least, 1):
            assert np.isnan(row).all()
        else:
            assert row == pytest.approx(np.quantile(chosen, PERCENTILES))


def test_the_regularity_is_said_with_what_it_means() -> None:
    words = regularity_sentence(78, (66, 90), TODAY, "Sam")
    assert "78 of 100" in words
    assert "at 89 of 100 moments" in words
    assert "66 to 90" in words
    assert "cannot be said" in regularity_sentence(None, None, None, "Sam")
