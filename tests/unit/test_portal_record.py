"""The record of a person: forms, three columns, and one line of time."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest

from portal.alert_rows import ConcernRow
from portal.context_notes import NoteRow
from portal.record.forms import ColumnsForm, ContactForm, CorrectionForm
from portal.record.support_notes import SupportNote
from portal.record.timeline import (
    AlertEventRow,
    ContactRow,
    Day,
    GapRow,
    Happened,
    LastContact,
    Theme,
    timeline,
)

NOW = datetime(2026, 11, 20, 16, 30, tzinfo=UTC)
ZONE = "Europe/London"
HOUR = timedelta(hours=1)
SPOKE = ContactRow(7, "spoke", NOW - HOUR, False, "On the phone.", None, None, NOW - HOUR, "Jo")
NOTE = SupportNote(1, "Sleep", "", "Talk to school", 6, NOW - HOUR, 1, "Jo")


def event(kind: str, ago: timedelta, who: str | None = None, **more: str) -> AlertEventRow:
    return AlertEventRow(
        at=NOW - ago,
        kind=kind,
        reason=kind,
        staff_id=None if who is None else 1,
        staff_name=who,
        outcome="all_fine" if kind == "closed" else None,
        public_id="q7K2",
        cause="sleep",
        level="check_today",
        note=more.get("note", ""),
    )


def words_of(days: list[Day]) -> list[str]:
    return [line.words for day in days for line in day.lines]


def test_one_tap_is_a_whole_contact_and_it_was_now() -> None:
    form = ContactForm(kind="spoke")
    assert form.errors(NOW, ZONE) == {}
    moment = form.moment(NOW, ZONE)
    assert (moment.at, moment.is_whole_day) == (NOW, False)


def test_of_an_earlier_day_only_the_day_is_known() -> None:
    moment = ContactForm(kind="visited", day="2026-11-18").moment(NOW, ZONE)
    assert (moment.at, moment.is_whole_day) == (datetime(2026, 11, 18, 12, tzinfo=UTC), True)
    assert ContactForm(kind="visited", day="2026-11-20").moment(NOW, ZONE).at == NOW


@pytest.mark.parametrize(
    ("form", "field"),
    [
        (ContactForm(), "kind"),
        (ContactForm(kind="correction"), "kind"),
        (ContactForm(kind="spoke", note="x" * 501), "note"),
        (ContactForm(kind="spoke", day="soon"), "day"),
        (ContactForm(kind="spoke", day="2026-11-21"), "day"),
        (ContactForm(kind="spoke", day="2026-08-21"), "day"),
    ],
)
def test_a_contact_that_cannot_be_kept_says_which_field(form: ContactForm, field: str) -> None:
    assert list(form.errors(NOW, ZONE)) == [field]


def test_a_correction_says_what_is_right() -> None:
    assert CorrectionForm(contact=7, note="It was Monday.").errors() == {}
    assert "note" in CorrectionForm(contact=7, note="  ").errors()
    assert "note" in CorrectionForm(contact=7, note="x" * 501).errors()


def test_each_column_may_stay_empty_and_none_may_be_a_letter() -> None:
    assert ColumnsForm().is_empty
    assert ColumnsForm(scale="0").number == 0
    assert not ColumnsForm(scale="0").is_empty
    assert ColumnsForm(worried="x" * 300, scale="10").column_errors() == {}
    wrong = ColumnsForm(worried="x" * 301, needs="x" * 301, scale="11")
    assert list(wrong.column_errors()) == ["worried", "needs", "scale"]


def test_a_form_begins_with_what_stands_and_asks_for_the_number_afresh() -> None:
    form = NOTE.as_form()
    assert (form.worried, form.needs, form.scale) == ("Sleep", "Talk to school", "")
    assert NOTE.says(form)
    assert NOTE.says(form.model_copy(update={"scale": "6"}))
    assert not NOTE.says(form.model_copy(update={"scale": "7"}))
    assert not NOTE.says(form.model_copy(update={"working_well": "Football"}))


def test_only_what_was_written_is_shown_of_the_columns() -> None:
    assert NOTE.parts == [
        ("Worried about", "Sleep"),
        ("Needs to happen", "Talk to school"),
        ("How things are", "6 of 10"),
    ]


def test_the_log_fills_itself_from_what_was_done_newest_first() -> None:
    happened = Happened(
        events=[
            event("closed", HOUR, "Jo", note="Had a cold."),
            event("accepted", 3 * HOUR, "Jo"),
            event("created", 26 * HOUR),
        ],
        concerns=[
            ConcernRow("raise", "staff", "check_now", None, "Crying.", NOW - 2 * HOUR, "Kim")
        ],
        notes=[
            NoteRow(
                1, "ill", date(2026, 11, 19), date(2026, 11, 19), "", None, None, NOW - 4 * HOUR
            )
        ],
        contacts=[replace(SPOKE, at=NOW - 5 * HOUR)],
        columns=[replace(NOTE, written_at=NOW - 6 * HOUR)],
        gaps=[GapRow(NOW - 8 * HOUR, NOW - 7 * HOUR, "paused")],
    )
    days = timeline(happened, "Sam", ZONE, NOW, None)
    assert [day.day.day for day in days] == [20, 19]
    assert words_of(days) == [
        "Sleep: Closed by Jo: checked in, all fine",
        "Kim is worried (check now)",
        "Sleep: Jo is on it",
        "Note about Thursday 19 November: ill",
        "Jo spoke to Sam",
        "How things are, in three columns",
        "Paused by Sam, for 1 hour",
        "Sleep (check today): alert raised",
    ]
    said = [(line.note, line.by) for line in days[0].lines]
    assert said[:2] == [("Had a cold.", "Jo"), ("Crying.", "Kim")]
    assert said[3] == ("", "Sam")


@pytest.mark.parametrize(
    ("theme", "count"),
    [(Theme.ALERTS, 1), (Theme.CONTACTS, 1), (Theme.NOTES, 1), (Theme.GAPS, 1), (None, 4)],
)
def test_one_theme_can_be_shown_alone(theme: Theme | None, count: int) -> None:
    happened = Happened(
        events=[event("created", HOUR)],
        contacts=[SPOKE],
        columns=[NOTE],
        gaps=[GapRow(NOW - 8 * HOUR, None, "flat_battery")],
    )
    assert len(words_of(timeline(happened, "Sam", ZONE, NOW, theme))) == count


def test_a_correction_stands_under_its_line_and_replaces_nothing() -> None:
    first = ContactRow(8, "correction", NOW, False, "It was Robin.", 7, None, NOW - HOUR, "Kim")
    second = replace(first, contact_id=9, note="No, it was Sam.")
    of_alert = replace(first, contact_id=10, corrects=None, corrects_alert="q7K2")
    closed = event("closed", HOUR, "Jo", note="Had a cold.")
    happened = Happened(events=[closed], contacts=[second, first, of_alert, SPOKE])
    [day] = timeline(happened, "Sam", ZONE, NOW, None)
    alert, contact = day.lines
    assert (contact.note, contact.correct) == ("On the phone.", "contact=7")
    assert [one.note for one in contact.corrections] == ["It was Robin.", "No, it was Sam."]
    assert contact.corrections[0].words == "Put right by Kim, today at 15:30"
    assert [one.note for one in alert.corrections] == ["It was Robin."]
    assert alert.correct == "alert=q7K2"


def test_a_gap_says_why_and_a_short_one_is_no_event() -> None:
    gaps = [
        GapRow(NOW - 8 * HOUR, NOW - 5 * HOUR, "no_network"),
        GapRow(NOW - 4 * HOUR, NOW - 4 * HOUR + timedelta(minutes=29), "no_network"),
        GapRow(NOW - 2 * HOUR, NOW + HOUR, "paused"),
    ]
    assert words_of(timeline(Happened(gaps=gaps), "Sam", ZONE, NOW, None)) == [
        "Paused by Sam, and still so",
        "No data: the device had no connection, for 3 hours",
    ]


def test_a_contact_written_down_later_says_when_it_was_written() -> None:
    late = replace(SPOKE, at=NOW - 48 * HOUR, is_whole_day=True, note="", written_at=NOW)
    [day] = timeline(Happened(contacts=[late]), "Sam", ZONE, NOW, None)
    assert (day.day, day.lines[0].time) == (date(2026, 11, 18), "")
    assert day.lines[0].by == "Jo, written today at 16:30"


@pytest.mark.parametrize(
    ("kind", "has_reached", "said"),
    [
        ("spoke", True, "Jo spoke to Sam, today at 15:30."),
        ("tried", False, "Jo tried to reach Sam, today at 15:30."),
        ("all_fine", True, "Jo checked in with Sam: all fine, today at 15:30."),
        ("could_not_reach", False, "Jo could not reach Sam, today at 15:30."),
        ("by_pigeon", False, "Jo was in touch about Sam, today at 15:30."),
    ],
)
def test_an_attempt_is_no_contact(kind: str, has_reached: bool, said: str) -> None:
    contact = LastContact(kind, NOW - HOUR, False, "Jo")
    assert contact.has_reached is has_reached
    assert contact.words("Sam", ZONE, NOW) == said
    assert "Friday 20 November." in replace(contact, is_whole_day=True).words("Sam", ZONE, NOW)
