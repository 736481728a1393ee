"""Local times of arrays against `zoneinfo`, in many zones, over 35 years."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tidewell.errors import UsageError
from tidewell.local_time import DAY_MS, ZoneTable, day_date, day_number, zone_table

ZONES = [
    "UTC",
    "Europe/London",
    "Europe/Dublin",
    "America/Los_Angeles",
    "America/St_Johns",
    "America/Havana",
    "America/Santiago",
    "America/Asuncion",
    "America/Sao_Paulo",
    "America/Caracas",
    "Atlantic/Azores",
    "Africa/Casablanca",
    "Africa/Cairo",
    "Asia/Beirut",
    "Asia/Gaza",
    "Asia/Kathmandu",
    "Asia/Pyongyang",
    "Asia/Tehran",
    "Australia/Lord_Howe",
    "Pacific/Apia",
    "Pacific/Chatham",
    "Pacific/Norfolk",
    "Antarctica/Troll",
]
FIRST_S = round(datetime(2015, 1, 1, tzinfo=UTC).timestamp())
LAST_S = round(datetime(2050, 1, 1, tzinfo=UTC).timestamp())


def expected_local_ms(zone: str, time_ms: int) -> int:
    moment = datetime.fromtimestamp(time_ms // 1000, UTC)
    offset = moment.astimezone(ZoneInfo(zone)).utcoffset()
    assert offset is not None
    return time_ms + round(offset.total_seconds() * 1000)


def change_moments(table: ZoneTable) -> list[int]:
    """Return the moments of a zone's changes that lie within what is tested."""
    inside = (table.starts_ms > FIRST_S * 1000) & (table.starts_ms < LAST_S * 1000)
    found: list[int] = table.starts_ms[inside].tolist()
    return found


@given(
    st.sampled_from(ZONES),
    st.lists(st.integers(FIRST_S * 1000, LAST_S * 1000), min_size=1, max_size=30),
)
def test_local_times_are_those_of_zoneinfo(zone: str, times: list[int]) -> None:
    local_ms = zone_table(zone).local_ms(np.array(times, np.int64))
    assert local_ms.tolist() == [expected_local_ms(zone, one) for one in times]


@pytest.mark.parametrize("zone", ZONES)
def test_the_clocks_change_at_the_right_second(zone: str) -> None:
    table = zone_table(zone)
    moments = change_moments(table)
    times = [moment + step for moment in moments for step in (-1_000, -1, 0, 1, 1_000)]
    local_ms = table.local_ms(np.array(times, np.int64))
    assert local_ms.tolist() == [expected_local_ms(zone, one) for one in times]


def test_a_change_at_an_odd_minute_is_found_to_the_second() -> None:
    table = zone_table("America/St_Johns")
    first = table.starts_ms[1] / 1000
    assert datetime.fromtimestamp(first, UTC) == datetime(2010, 3, 14, 3, 31, tzinfo=UTC)


@given(st.sampled_from(ZONES), st.integers(FIRST_S, LAST_S))
@example("Europe/London", round(datetime(2026, 10, 25, 0, 30, tzinfo=UTC).timestamp()))
@example("America/Havana", round(datetime(2026, 11, 1, 4, 30, tzinfo=UTC).timestamp()))
def test_the_moment_of_a_local_time_is_the_first_that_shows_it(zone: str, second: int) -> None:
    table = zone_table(zone)
    local_ms = int(table.local_ms(np.array([second * 1000]))[0])
    moment_ms = table.utc_ms(local_ms)
    assert moment_ms <= second * 1000
    assert expected_local_ms(zone, moment_ms) == local_ms
    naive = datetime(1970, 1, 1) + timedelta(milliseconds=local_ms)  # noqa: DTZ001 -- a wall clock
    first = naive.replace(tzinfo=ZoneInfo(zone), fold=0).timestamp()
    assert moment_ms == round(first) * 1000


@given(st.sampled_from(ZONES), st.dates(date(2015, 1, 1), date(2049, 12, 31)))
def test_a_day_begins_when_zoneinfo_says_so_even_where_midnight_is_skipped(
    zone: str, day: date
) -> None:
    midnight = datetime(day.year, day.month, day.day, tzinfo=ZoneInfo(zone))
    assert zone_table(zone).utc_ms(day_number(day) * DAY_MS) == midnight.timestamp() * 1000


@pytest.mark.parametrize("zone", ZONES)
def test_days_with_a_change_of_the_clocks_have_a_first_moment_and_no_hole(zone: str) -> None:
    table = zone_table(zone)
    for moment_ms in change_moments(table):
        day = int(table.local_ms(np.array([moment_ms]))[0]) // DAY_MS
        starts = [table.utc_ms((day + step) * DAY_MS) for step in (-1, 0, 1, 2)]
        assert starts == sorted(set(starts)) or zone == "Pacific/Apia"
        for step, start_ms in zip((-1, 0, 1), starts[:-1], strict=True):
            before, shown = table.local_ms(np.array([start_ms - 1, start_ms]))
            assert before // DAY_MS <= day + step
            assert shown // DAY_MS >= day + step


@pytest.mark.parametrize(
    ("local", "moment"),
    [
        ("2026-03-29T01:30", "2026-03-29T01:30+00:00"),
        ("2026-10-25T01:30", "2026-10-25T00:30+00:00"),
        ("2026-10-25T02:00", "2026-10-25T02:00+00:00"),
        ("2026-07-01T00:00", "2026-06-30T23:00+00:00"),
    ],
)
def test_times_that_london_skips_or_shows_twice_have_one_moment(local: str, moment: str) -> None:
    naive = datetime.fromisoformat(local).replace(tzinfo=UTC)
    found_ms = zone_table("Europe/London").utc_ms(round(naive.timestamp() * 1000))
    assert datetime.fromtimestamp(found_ms / 1000, UTC) == datetime.fromisoformat(moment)


@pytest.mark.parametrize(
    "name",
    [
        "",
        "London",
        "Europe",
        "Europe/",
        "../UTC",
        "/etc/localtime",
        "\0",
        "UTC\n",
        "é",
        "a" * 5_000,
    ],
)
def test_a_zone_that_is_none_is_an_error_of_one_line(name: str) -> None:
    with pytest.raises(UsageError, match="unknown time zone") as caught:
        zone_table(name)
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 150


@given(st.dates())
def test_a_day_number_is_its_date(day: date) -> None:
    assert day_date(day_number(day)) == day
    assert day_number(date(1970, 1, 2)) == 1
