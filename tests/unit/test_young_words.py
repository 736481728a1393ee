"""Who looks and when, what was noticed, how soon words are read: as a young person is told it."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest

from portal.check_in import Stretch
from portal.explanation import read_explanation
from portal.young.looking import Away, looking_words
from portal.young.noticed import noticed_words
from portal.young.texts import LEVELS
from portal.young.today_rows import WORDS_CHARACTERS_MOST, CheckInForm
from tests.browser.virtual_site import explanation_of, explanation_of_removal
from tidewell.vocabulary import Level

NOW = datetime(2026, 11, 22, 16, 2, tzinfo=UTC)  # a Sunday
MONDAY = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)
WEEKDAY = Stretch(MONDAY, MONDAY + timedelta(hours=8))
ON_DUTY = Stretch(MONDAY, MONDAY + timedelta(hours=8), has_duty_line=True)
ZONE = "Europe/London"
SINCE = date(2026, 11, 19)


def looking(
    stretch: Stretch | None, level: str, away: Away | None = None, now: datetime = NOW
) -> str:
    return " ".join(looking_words("Jo", stretch, away, level, ZONE, now))


@pytest.mark.parametrize("level", LEVELS)
def test_it_never_promises_that_somebody_watches(level: str) -> None:
    for stretch in (None, Stretch(None, None), WEEKDAY, ON_DUTY):
        for now in (NOW, MONDAY, MONDAY + timedelta(days=1)):
            said = looking(stretch, level, now=now)
            assert "Nobody" in said or "nobody" in said
            assert "Jo" in said
    assert "tomorrow at 09:00" in looking(WEEKDAY, level)
    assert "17:00" in looking(WEEKDAY, level, now=MONDAY)
    assert "17:00" not in looking(WEEKDAY, level, now=MONDAY + timedelta(days=1)), "it is old"
    [alone] = looking_words(None, WEEKDAY, None, level, ZONE, NOW)
    assert "longer" in alone


@pytest.mark.parametrize("level", LEVELS)
def test_a_duty_line_is_named_only_where_there_is_one(level: str) -> None:
    assert "at night too" in looking(ON_DUTY, level)
    assert "may be asleep" in looking(WEEKDAY, level)
    assert "may be asleep" not in looking(ON_DUTY, level)


@pytest.mark.parametrize("level", LEVELS)
def test_whoever_does_the_work_is_the_one_who_looks(level: str) -> None:
    covered = looking(WEEKDAY, level, Away(MONDAY + timedelta(days=1), "Pat"))
    assert "Pat can look again" in covered or "Pat looks again" in covered
    assert "Jo is away until Tuesday 24 November at 09:00" in covered
    alone = looking(WEEKDAY, level, Away(MONDAY + timedelta(days=1), None))
    assert "obody has" in alone
    assert "somebody" in alone.lower()


@pytest.mark.parametrize("level", LEVELS)
def test_what_was_noticed_is_told_without_a_number(level: str) -> None:
    told = noticed_words(read_explanation(explanation_of(SINCE)), SINCE, level)
    assert told.startswith("Since Thursday 19 November, your heart beat faster at night")
    assert "you moved less" in told
    assert not any(letter.isdigit() for letter in told.replace("19 November", ""))
    removed = explanation_of_removal(NOW)
    assert noticed_words(read_explanation(removed), SINCE, level) == removed["young_person"]


@pytest.mark.parametrize(
    ("fields", "level"),
    [
        ({"worries": "x"}, Level.CHECK_NOW),
        ({"read_soon": "yes"}, Level.CHECK_NOW),
        ({"going_well": "x", "read_soon": "yes"}, Level.CHECK_NOW),
        ({"hopes": " x "}, Level.CHECK_TODAY),
        ({"face": "bad"}, None),
        ({"skip": "yes"}, None),
        ({"worries": "   "}, None),
    ],
)
def test_how_soon_it_is_read_depends_on_the_box_and_the_mark_and_on_no_word(
    fields: dict[str, str], level: Level | None
) -> None:
    assert CheckInForm.model_validate(fields).told_at is level


def test_a_form_says_what_it_cannot_hold() -> None:
    assert not CheckInForm().says_something
    assert not CheckInForm(face="angry").says_something
    long = CheckInForm(worries="x" * (WORDS_CHARACTERS_MOST + 1), hopes="x" * WORDS_CHARACTERS_MOST)
    assert long.too_long() == ["worries"]
