"""Working time and bank holidays, against the published lists and a plain calendar."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest
from govuk_bank_holidays.bank_holidays import BankHolidays
from hypothesis import given
from hypothesis import strategies as st

from alerts.bank_holidays import REVIEWED_ON, Division, bank_holidays
from alerts.working_time import OpenHours, WorkingTime

OFFICE = WorkingTime(
    "Europe/London",
    {weekday: (OpenHours(9 * 60, 17 * 60),) for weekday in range(5)},
    Division.ENGLAND_AND_WALES,
    frozenset({date(2026, 12, 24)}),
)
NEVER_OPEN = WorkingTime("UTC", {}, None)
PUBLISHED = {
    (Division.ENGLAND_AND_WALES, 2026): "01-01 04-03 04-06 05-04 05-25 08-31 12-25 12-28",
    (Division.ENGLAND_AND_WALES, 2027): "01-01 03-26 03-29 05-03 05-31 08-30 12-27 12-28",
    (Division.ENGLAND_AND_WALES, 2028): "01-03 04-14 04-17 05-01 05-29 08-28 12-25 12-26",
    (Division.SCOTLAND, 2027): "01-01 01-04 03-26 05-03 05-31 08-02 11-30 12-27 12-28",
    (Division.SCOTLAND, 2028): "01-03 01-04 04-14 05-01 05-29 08-07 11-30 12-25 12-26",
    (
        Division.NORTHERN_IRELAND,
        2027,
    ): "01-01 03-17 03-26 03-29 05-03 05-31 07-12 08-30 12-27 12-28",
}


@pytest.mark.parametrize(("which", "days"), PUBLISHED.items(), ids=str)
def test_the_rules_give_the_published_bank_holidays(which: tuple[Division, int], days: str) -> None:
    division, year = which
    found = sorted(bank_holidays(division, year))
    assert [day.strftime("%m-%d") for day in found] == days.split()


PROCLAIMED_ONCE = {
    2012: ("06-04", "06-05"),
    2020: ("05-08",),
    2022: ("06-02", "06-03", "09-19"),
    2023: ("05-08",),
}
"""Jubilees, a funeral, a coronation: no rule gives them; a site writes them under closed_days."""
MOVED_ONCE = {2012: ("05-28",), 2020: ("05-04",), 2022: ("05-30",)}


@pytest.mark.parametrize("division", Division)
def test_the_rules_give_every_bank_holiday_that_was_published_since_2012(
    division: Division,
) -> None:
    published = BankHolidays(use_cached_holidays=True)
    years = {one["date"].year for one in published.get_holidays(division.value)}
    assert len(years) >= 17
    for year in sorted(years):
        found = {f"{day:%m-%d}" for day in bank_holidays(division, year)}
        said = {f"{one['date']:%m-%d}" for one in published.get_holidays(division.value, year)}
        assert said - found == set(PROCLAIMED_ONCE.get(year, ())), year
        assert found - said == set(MOVED_ONCE.get(year, ())), year


def test_somebody_looked_at_the_rules_within_a_year_of_the_lists_that_they_match() -> None:
    assert max(year for _, year in PUBLISHED) - REVIEWED_ON.year <= 2


def test_work_begins_after_a_weekend_a_bank_holiday_and_a_closed_day() -> None:
    # Wednesday evening; Thursday is closed, Friday is Christmas, Monday replaces Boxing Day.
    evening = datetime(2026, 12, 23, 18, 0, tzinfo=UTC)
    assert OFFICE.next_start(evening) == datetime(2026, 12, 29, 9, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("start", "span", "end"),
    [
        ("2026-11-23T10:00+00:00", timedelta(hours=4), "2026-11-23T14:00+00:00"),
        ("2026-11-20T15:00+00:00", timedelta(hours=4), "2026-11-23T11:00+00:00"),
        ("2026-11-21T12:00+00:00", timedelta(hours=1), "2026-11-23T10:00+00:00"),
        ("2026-11-20T15:00+00:00", timedelta(days=3), "2026-11-25T15:00+00:00"),
        # The clocks go back on Sunday 25 October 2026, and forward on 28 March 2027.
        ("2026-10-23T15:00+00:00", timedelta(hours=2), "2026-10-26T10:00+00:00"),
        ("2027-03-26T12:00+00:00", timedelta(hours=1), "2027-03-30T09:00+00:00"),
    ],
)
def test_a_deadline_counts_working_time(start: str, span: timedelta, end: str) -> None:
    assert OFFICE.after(datetime.fromisoformat(start), span) == datetime.fromisoformat(end)


def test_a_calendar_that_never_opens_holds_nothing_back() -> None:
    moment = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
    assert NEVER_OPEN.next_start(moment) == moment
    assert NEVER_OPEN.after(moment, timedelta(hours=4)) == moment + timedelta(hours=4)


@given(
    st.integers(0, 730 * 24 * 60).map(
        lambda minute: datetime(2026, 1, 1, tzinfo=UTC) + timedelta(minutes=minute)
    ),
    st.integers(1, 7 * 24 * 60).map(lambda minutes: timedelta(minutes=minutes)),
)
def test_a_deadline_is_later_and_falls_into_working_time(start: datetime, span: timedelta) -> None:
    end = OFFICE.after(start, span)
    assert end > start
    assert OFFICE.is_open(end - timedelta(microseconds=1)) or OFFICE.is_open(end)
    assert OFFICE.is_open(OFFICE.next_start(start))
    assert OFFICE.next_start(start) > start


SPLIT = WorkingTime(
    "Europe/London",
    {day: (OpenHours(9 * 60, 12 * 60 + 30), OpenHours(13 * 60, 17 * 60)) for day in range(5)},
)


@pytest.mark.parametrize(
    ("start", "span", "end"),
    [
        ("2026-11-23T12:00+00:00", timedelta(hours=1), "2026-11-23T13:30+00:00"),
        ("2026-11-23T12:45+00:00", timedelta(hours=1), "2026-11-23T14:00+00:00"),
        ("2026-11-23T09:00+00:00", timedelta(hours=8), "2026-11-24T09:30+00:00"),
        ("2026-11-23T16:00+00:00", timedelta(days=1), "2026-11-24T16:00+00:00"),
    ],
)
def test_a_day_with_a_break_counts_what_is_worked(start: str, span: timedelta, end: str) -> None:
    assert SPLIT.after(datetime.fromisoformat(start), span) == datetime.fromisoformat(end)
    assert not SPLIT.is_open(datetime(2026, 11, 23, 12, 30, tzinfo=UTC))
    assert SPLIT.next_start(datetime(2026, 11, 23, 12, 30, tzinfo=UTC)) == datetime(
        2026, 11, 23, 13, 0, tzinfo=UTC
    )


NIGHTS = WorkingTime("Europe/London", {day: (OpenHours(60, 180),) for day in range(7)})


@pytest.mark.parametrize(
    ("day", "hours"),
    [(date(2027, 3, 27), 2), (date(2027, 3, 28), 1), (date(2027, 10, 31), 3)],
)
def test_work_in_a_night_when_clocks_change_is_an_hour_shorter_or_longer(
    day: date, hours: int
) -> None:
    [(opens, closes)] = NIGHTS.open_on(day)
    assert closes - opens == timedelta(hours=hours)


def test_a_stretch_that_the_clock_jumps_over_is_not_worked_and_loses_no_deadline() -> None:
    skipped = WorkingTime("Europe/London", {6: (OpenHours(70, 110), OpenHours(600, 660))})
    jump = date(2027, 3, 28)
    assert all(opens < closes for opens, closes in skipped.open_on(jump))
    before = datetime(2027, 3, 28, 0, 0, tzinfo=UTC)
    assert skipped.after(before, timedelta(hours=2)) > before


def test_a_clock_that_jumps_back_or_ahead_gets_the_answer_of_the_moment_it_shows() -> None:
    friday, monday = (datetime(2026, 11, day, 16, 59, tzinfo=UTC) for day in (20, 23))
    for moment in (monday, friday, monday):
        assert OFFICE.is_open(moment)
        assert OFFICE.after(moment, timedelta(hours=1)) > moment
    assert OFFICE.after(friday, timedelta(hours=1)) < OFFICE.after(monday, timedelta(hours=1))
