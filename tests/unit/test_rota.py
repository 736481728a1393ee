"""Duty rotas: what wins, where nobody is, what clock changes do, and what a file may not say."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidewell.errors import UsageError
from tidewell.rota import (
    Rota,
    Shift,
    Span,
    WeeklyShift,
    holes,
    local_moment_of,
    on_duty,
    overlaps,
    shifts_between,
)
from tidewell.rota_calendars import read_calendar
from tidewell.rota_files import read_rota_file
from tidewell.rota_plans import RotaPlan, plan_problems

LONDON = "Europe/London"
LONG_AGO = datetime(2026, 1, 1, tzinfo=UTC)
NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)  # a Monday
DAY, NIGHT, OTHER = 1, 2, 3
EXAMPLE = Path(__file__).parents[2] / "docs" / "examples" / "duty-rota.toml"
HALF_PAST_ONE = 90


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def around_the_clock(change_minute: int = 540) -> Rota:
    """Return two shifts a day that meet at a minute of the clock and twelve hours later."""
    later = change_minute + 720
    weekly = [
        WeeklyShift(DAY, LONDON, weekday, change_minute, later, LONG_AGO) for weekday in range(7)
    ]
    weekly += [
        WeeklyShift(NIGHT, LONDON, weekday, later % 1440, later % 1440 + 720, LONG_AGO)
        for weekday in range(7)
    ]
    return Rota(1, "duty", tuple(weekly))


ROTA = around_the_clock()


def test_the_week_says_who_is_on_duty_by_the_clock_in_summer_and_in_winter() -> None:
    assert on_duty(ROTA, at("2026-11-23T08:59")) == {NIGHT}
    assert on_duty(ROTA, at("2026-11-23T09:00")) == {DAY}
    assert on_duty(ROTA, at("2026-07-23T08:00")) == {DAY}
    assert on_duty(ROTA, at("2026-07-23T20:00")) == {NIGHT}


def test_a_dated_shift_wins_for_as_long_as_it_lasts_and_no_longer() -> None:
    holiday = Shift(at("2026-11-23T20:00"), at("2026-11-24T10:00"), OTHER, is_dated=True)
    rota = Rota(1, "duty", ROTA.weekly, (holiday,))
    assert on_duty(rota, at("2026-11-23T19:59")) == {DAY}
    assert on_duty(rota, at("2026-11-23T20:00")) == {OTHER}
    assert on_duty(rota, at("2026-11-24T09:59")) == {OTHER}
    assert on_duty(rota, at("2026-11-24T10:00")) == {DAY}
    told = shifts_between(rota, at("2026-11-23T12:00"), at("2026-11-24T12:00"))
    assert [(one.staff_id, one.ends_at - one.starts_at) for one in told] == [
        (DAY, timedelta(hours=8)),
        (OTHER, timedelta(hours=14)),
        (DAY, timedelta(hours=2)),
    ]


def test_a_hole_is_told_with_its_times() -> None:
    only_days = Rota(1, "duty", tuple(one for one in ROTA.weekly if one.staff_id == DAY))
    assert holes(only_days, at("2026-11-23T12:00"), at("2026-11-24T12:00")) == [
        Span(at("2026-11-23T21:00"), at("2026-11-24T09:00"))
    ]
    assert on_duty(only_days, at("2026-11-23T22:00")) == frozenset()


def test_what_was_replaced_holds_until_then_and_what_replaced_it_from_then() -> None:
    change = at("2026-11-23T15:00")
    before = WeeklyShift(DAY, LONDON, 0, 540, 1260, LONG_AGO, change)
    after = WeeklyShift(OTHER, LONDON, 0, 540, 1260, change)
    rota = Rota(1, "duty", (before, after))
    assert on_duty(rota, at("2026-11-23T14:59")) == {DAY}
    assert on_duty(rota, at("2026-11-23T15:00")) == {OTHER}


@pytest.mark.parametrize(
    ("day", "minute", "moment"),
    [
        # Clocks go forward at 01:00 UTC on 28 March 2027: 01:30 is never shown.
        ("2027-03-28", HALF_PAST_ONE, "2027-03-28T01:00"),
        ("2027-03-28", 59, "2027-03-28T00:59"),
        ("2027-03-28", 120, "2027-03-28T01:00"),
        # Clocks go back at 01:00 UTC on 31 October 2027: 01:30 is shown twice, the first counts.
        ("2027-10-31", HALF_PAST_ONE, "2027-10-31T00:30"),
        ("2027-10-31", 120, "2027-10-31T02:00"),
    ],
)
def test_a_time_that_is_skipped_or_repeated_has_a_stated_moment(
    day: str, minute: int, moment: str
) -> None:
    assert local_moment_of(LONDON, datetime.fromisoformat(day).date(), minute) == at(moment)


@pytest.mark.parametrize(
    ("evening", "hours"),
    [("2027-03-27T20:00", 11), ("2027-10-30T19:00", 13), ("2027-11-30T20:00", 12)],
)
def test_a_night_when_clocks_change_is_shorter_or_longer(evening: str, hours: int) -> None:
    first = at(evening)
    nights = [
        one
        for one in shifts_between(ROTA, first, first + timedelta(days=1))
        if one.staff_id == NIGHT
    ]
    assert (nights[0].ends_at - nights[0].starts_at) == timedelta(hours=hours)


@given(
    st.integers(0, 719),
    st.sampled_from(["2027-03-28T01:00", "2027-10-31T01:00", "2026-11-23T00:00"]),
    st.integers(-36 * 60, 36 * 60),
)
def test_shifts_that_meet_by_the_clock_leave_no_hole_and_no_overlap_in_any_night(
    change_minute: int, night: str, minutes: int
) -> None:
    rota = around_the_clock(change_minute)
    first, end = at(night) - timedelta(days=2), at(night) + timedelta(days=2)
    assert holes(rota, first, end) == []
    assert overlaps(shifts_between(rota, first, end)) == []
    assert len(on_duty(rota, at(night) + timedelta(minutes=minutes))) == 1


moments = st.integers(0, 14 * 24 * 60).map(lambda minute: NOW + timedelta(minutes=minute))
dated_shifts = st.builds(
    lambda first, minutes, who: Shift(
        first, first + timedelta(minutes=minutes), who, is_dated=True
    ),
    moments,
    st.integers(1, 3_000),
    st.integers(4, 6),
)


@given(st.lists(dated_shifts, max_size=5), moments)
def test_who_is_on_duty_is_what_the_list_of_shifts_and_holes_says(
    dated: list[Shift], moment: datetime
) -> None:
    weekly = tuple(one for one in ROTA.weekly if one.weekday < 5)
    rota = Rota(1, "duty", weekly, tuple(dated))
    first, end = NOW - timedelta(days=3), NOW + timedelta(days=20)
    listed = {
        one.staff_id
        for one in shifts_between(rota, first, end)
        if one.starts_at <= moment < one.ends_at
    }
    there = on_duty(rota, moment)
    assert there == listed
    is_hole = any(one.starts_at <= moment < one.ends_at for one in holes(rota, first, end))
    assert is_hole is not bool(there)
    of_date = {one.staff_id for one in dated if one.starts_at <= moment < one.ends_at}
    assert not of_date or there == of_date


# ---- Files --------------------------------------------------------------------


def plan_of(tmp_path: Path, text: str) -> RotaPlan:
    file = tmp_path / "rota.toml"
    file.write_text(text, encoding="utf-8")
    return read_rota_file(file, None, None)


def week(first: str = "09:00", until: str = "09:00", who: str = "duty", more: str = "") -> str:
    days = '["monday","tuesday","wednesday","thursday","friday","saturday","sunday"]'
    shift = f'[[weekly]]\ndays = {days}\nfrom = "{first}"\nuntil = "{until}"\nwho = ["{who}"]\n'
    return f'name = "duty"\n{more}\n{shift}'


def test_the_example_is_a_rota_without_hole_or_overlap() -> None:
    plan = read_rota_file(EXAMPLE, None, None)
    assert plan.names() == ["duty", "nights", "weekends"]
    assert plan_problems(plan, plan.names(), NOW) == []


def once(first: str, until: str, who: str) -> str:
    return f'[[dated]]\nfrom = {first}:00\nuntil = {until}:00\nwho = ["{who}"]\n'


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (week("09:00", "17:00"), "nobody is on duty from Mon 2026-11-23 17:00 until Tue"),
        (week(who="gone"), "'gone' does not work here as a practitioner, or left"),
        (
            week() + week("12:00", "13:00", "other").split("\n", 2)[2],
            "shifts of duty and other overlap from Mon 2026-11-23 12:00",
        ),
        ('name = "duty"', "it has no shift"),
        (
            week()
            + once("2026-12-01T09:00", "2026-12-02T09:00", "duty")
            + once("2026-12-01T10:00", "2026-12-01T11:00", "other"),
            "shifts of duty and other overlap from Tue 2026-12-01 10:00",
        ),
        (
            week() + once("2026-11-01T09:00", "2026-11-02T09:00", "duty"),
            "is over; take it out",
        ),
    ],
)
def test_a_rota_that_cannot_hold_says_what_is_wrong_and_what_to_do(
    tmp_path: Path, text: str, says: str
) -> None:
    problems = plan_problems(plan_of(tmp_path, text), ["duty", "other"], NOW)
    assert any(says in one for one in problems), problems


def test_a_hole_may_be_allowed_and_two_people_may_share_a_shift(tmp_path: Path) -> None:
    text = week("09:00", "17:00", 'duty", "other', 'holes = "allowed"')
    plan = plan_of(tmp_path, text)
    assert plan_problems(plan, ["duty", "other"], NOW) == []
    assert on_duty(plan.as_rota({"duty": 1, "other": 2}, NOW), NOW) == {1, 2}


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (week(more='timezone = "Europe/Nowhere"'), "unknown time zone 'Europe/Nowhere'"),
        (week("25:00"), "weekly.0.from"),
        (week(more="colour = 1"), "colour: Extra inputs are not permitted"),
        (week().replace("monday", "someday"), "weekly.0.days.0"),
        (
            week() + once("2026-12-02T09:00", "2026-12-01T09:00", "duty"),
            "ends before it begins",
        ),
        ("name = ", "is not TOML"),
    ],
)
def test_a_file_that_is_no_rota_is_refused(tmp_path: Path, text: str, says: str) -> None:
    with pytest.raises(UsageError) as refused:
        plan_of(tmp_path, text)
    assert says in str(refused.value)


def calendar_of(
    tmp_path: Path, *lines: str, timezone: str | None = None, summary: str = "duty"
) -> RotaPlan:
    file = tmp_path / "rota.ics"
    event = ["BEGIN:VEVENT", "UID:one", "DTSTAMP:20261101T000000Z", f"SUMMARY:{summary}", *lines]
    whole = ["BEGIN:VCALENDAR", "VERSION:2.0", "PRODID:x", *event, "END:VEVENT", "END:VCALENDAR"]
    file.write_text("\r\n".join(whole) + "\r\n", encoding="utf-8")
    return read_rota_file(file, "duty", timezone)


def test_a_calendar_gives_shifts_of_the_week_and_dated_ones(tmp_path: Path) -> None:
    first, end = (
        "DTSTART;TZID=Europe/London:20261127T220000",
        "DTEND;TZID=Europe/London:20261128T080000",
    )
    weekly = calendar_of(tmp_path, first, end, "RRULE:FREQ=WEEKLY;BYDAY=FR,SA")
    assert [(one.weekday, one.starts_minute, one.ends_minute) for one in weekly.weekly] == [
        (4, 1320, 1920),
        (5, 1320, 1920),
    ]
    rota = weekly.as_rota({"duty": 1}, NOW)
    assert on_duty(rota, at("2026-11-28T07:59")) == {1}
    assert on_duty(rota, at("2026-11-28T08:00")) == frozenset()
    once = calendar_of(tmp_path, "DTSTART:20261224T090000Z", "DTEND:20261224T170000Z")
    assert once.dated[0].starts_at == at("2026-12-24T09:00")
    whole = calendar_of(
        tmp_path, "DTSTART;VALUE=DATE:20270704", "DTEND;VALUE=DATE:20270705", timezone=LONDON
    )
    assert whole.dated[0].starts_at == at("2027-07-03T23:00")


@pytest.mark.parametrize(
    ("lines", "says"),
    [
        (("DTSTART:20261127T220000", "DTEND:20261128T080000"), "add --timezone"),
        (("DTSTART;VALUE=DATE:20261127", "DTEND;VALUE=DATE:20261128"), "whose midnight"),
        (("DTSTART:20261127T220000Z",), "has no DTEND"),
        (("DTSTART:20261127T220000Z", "DTEND:20261127T210000Z"), "ends before it begins"),
        (
            ("DTSTART:20261127T220000Z", "DTEND:20261127T230000Z", "RRULE:FREQ=DAILY"),
            "repeats in a way that is not read here",
        ),
        (
            ("DTSTART:20261127T220000Z", "DTEND:20261127T230000Z", "RRULE:FREQ=WEEKLY;COUNT=3"),
            "repeats in a way that is not read here",
        ),
        (
            ("DTSTART:20261127T220000Z", "DTEND:20261127T230000Z", "RRULE:FREQ=WEEKLY"),
            "repeats by the clock of UTC",
        ),
        (
            (
                "DTSTART;TZID=Europe/London:20261127T220000",
                "DTEND;TZID=Europe/London:20261127T230000",
                "RRULE:FREQ=WEEKLY",
                "EXDATE;TZID=Europe/London:20261204T220000",
            ),
            "has EXDATE",
        ),
    ],
)
def test_what_a_calendar_says_in_a_way_that_is_not_understood_refuses_it(
    tmp_path: Path, lines: tuple[str, ...], says: str
) -> None:
    with pytest.raises(UsageError) as refused:
        calendar_of(tmp_path, *lines)
    assert says in str(refused.value)


def test_a_calendar_needs_a_name_and_its_events_need_somebody(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="add --name"):
        read_rota_file(tmp_path / "rota.ics", None, None) if (tmp_path / "rota.ics").write_text(
            "x"
        ) else None
    with pytest.raises(UsageError, match="has no SUMMARY"):
        calendar_of(tmp_path, "DTSTART:20261127T220000Z", "DTEND:20261127T230000Z", summary=" ")
    (tmp_path / "rota.ics").write_text("nothing", encoding="utf-8")
    with pytest.raises(UsageError, match="is not a calendar"):
        read_rota_file(tmp_path / "rota.ics", "duty", None)


@pytest.mark.parametrize("start", ["TIME:120000", "DURATION:P1D", "PERIOD:20260101T000000Z/PT1H"])
def test_a_shift_of_a_calendar_that_begins_at_no_moment_is_refused(start: str) -> None:
    lines = (
        "BEGIN:VCALENDAR", "VERSION:2.0", "BEGIN:VEVENT", "UID:1", "SUMMARY:jo",
        f"DTSTART;VALUE={start}", "DTEND:20260102T000000Z", "END:VEVENT", "END:VCALENDAR", "",
    )  # fmt: skip
    with pytest.raises(UsageError, match="no DTSTART that is a day or a moment"):
        read_calendar("a.ics", "\r\n".join(lines).encode(), "duty", "Europe/London")
