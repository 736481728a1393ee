"""The first screen of an alert in words: one sentence, since when once, and on what it rests."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest

from portal.alert_card import Battery, card_sentence, card_words
from portal.alert_rows import AlertRow
from portal.context_notes import NoteRow
from tests.browser.virtual_site import explanation_of, explanation_of_removal

NOW = datetime(2026, 11, 20, 16, 30, tzinfo=UTC)
SINCE = date(2026, 11, 17)
NOTE = NoteRow(1, "ill", SINCE, SINCE, "", 3, "Jo", NOW)


def alert_of(explanation: object, cause: str = "illness") -> AlertRow:
    return AlertRow(
        alert_id=1,
        public_id="q7K2",
        person_id=1,
        level="check_today",
        state="notified",
        cause=cause,
        since=NOW - timedelta(days=3),
        raised_at=NOW - timedelta(hours=3),
        back_to_usual_at=None,
        accepted_by=None,
        accepted_at=None,
        explanation=explanation,
        timezone="Europe/London",
        name="Sam",
        accepted_by_name=None,
        snoozed_until=None,
        snooze_reason=None,
        offered_to=None,
        offered_to_name=None,
        is_reminded=False,
        nobody_watches=False,
        former_public_id=None,
        later_public_id=None,
        closed_at=None,
        outcome=None,
        note=None,
        closed_by_name=None,
        no_data_reason=None,
        battery_percent=None,
    )


MEASURED = alert_of({**explanation_of(SINCE), "day": "2026-11-19"})


def test_the_sentence_names_what_moved_most_against_usual_and_since_when_once() -> None:
    assert card_sentence(MEASURED) == (
        "Body measures, since Tuesday 17 November: night heart rate 63 bpm, usual for Sam"
        " 54 to 58; 1 more measure moved with it."
    )


def test_a_slow_change_is_compared_with_the_weeks_before() -> None:
    told = card_sentence(replace(MEASURED, cause="drift"))
    assert "63 bpm, weeks before 54 to 58" in told


def test_a_sentence_that_says_when_by_itself_stands_alone() -> None:
    off = explanation_of_removal(NOW - timedelta(hours=2))
    assert card_sentence(alert_of(off, "device")) == off["sentence"]


def test_without_an_explanation_it_still_says_since_when() -> None:
    assert card_sentence(alert_of(None)) == "Something has changed since Tuesday 17 November."


def test_certainty_and_the_quality_of_the_data_stand_in_one_line() -> None:
    words = card_words(MEASURED, [], Battery(64, NOW - timedelta(hours=1)), NOW)
    assert words.certainty == "A clear sign"
    assert words.quality == (
        "3 of 5 measures moved · worn 91 % of the day · battery fine · as of 19 Nov"
    )


@pytest.mark.parametrize(
    ("battery", "said"),
    [
        (Battery(12, NOW - timedelta(hours=1)), "battery low (12 %)"),
        (Battery(20, NOW), "battery low (20 %)"),
        (Battery(21, NOW), "battery fine"),
        (Battery(80, NOW - timedelta(days=2)), "battery fine Wednesday 18 November at 16:30"),
    ],
)
def test_a_low_battery_says_how_low_and_an_old_word_says_how_old(
    battery: Battery, said: str
) -> None:
    assert said in card_words(MEASURED, [], battery, NOW).quality


def test_what_is_not_known_is_left_out_and_never_said_to_be_fine() -> None:
    words = card_words(alert_of(None), [], None, NOW)
    assert words.certainty == words.quality == ""


def test_notes_of_people_come_before_what_the_detector_knew_of_them() -> None:
    assert card_words(MEASURED, [], None, NOW).context == ("A note about these days says: exams.",)
    own = replace(NOTE, staff_id=None, staff_name=None, kind="exams", last_day=date(2026, 11, 20))
    said = card_words(MEASURED, [NOTE, own, NOTE], None, NOW).context
    assert said == (
        "Ill, 17 Nov (note by Jo).",
        "Exams or tests, 17 Nov to 20 Nov (their own note).",
        "1 more on the page of notes.",
    )
