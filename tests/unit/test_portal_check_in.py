"""What a young person reads about what they asked, at each reading level."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from portal.check_in import (
    AskRow,
    AskStatus,
    Stretch,
    ask_status,
    asked_words,
    before_sending,
    is_slow,
    my_asks,
)

LEVELS = ["8-11", "12-15", "16-18"]
NOW = datetime(2026, 11, 22, 16, 2, tzinfo=UTC)  # a Sunday
MONDAY_AT_NINE = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)
WEEKDAY = Stretch(MONDAY_AT_NINE, MONDAY_AT_NINE + timedelta(hours=8))
NEW = AskRow(
    concern_id=1,
    choice="talk",
    at=NOW,
    withdrawn_at=None,
    alert_id=None,
    state=None,
    wake_at=None,
    is_held=False,
    accepted_by_name=None,
    closed_at=None,
    outcome=None,
    closed_by_name=None,
    told=[],
    seen=[],
)
RAISED = replace(NEW, alert_id=5, state="raised")
HELD = replace(RAISED, is_held=True, wake_at=MONDAY_AT_NINE)
TOLD = replace(RAISED, state="notified", told=["Jamie"])
SEEN = replace(TOLD, seen=["Jamie", "Kim"])
ACCEPTED = replace(SEEN, state="accepted", accepted_by_name="Jamie")
CLOSED = replace(ACCEPTED, state="closed", closed_by_name="Jamie", closed_at=NOW)


@pytest.mark.parametrize(
    ("row", "status"),
    [
        (NEW, AskStatus.ON_ITS_WAY),
        (RAISED, AskStatus.NOBODY_TOLD_YET),
        (HELD, AskStatus.WAITS_FOR_WORK),
        (TOLD, AskStatus.TOLD),
        (SEEN, AskStatus.SEEN),
        (ACCEPTED, AskStatus.SOMEBODY_IS_ON_IT),
        (replace(CLOSED, outcome="support_needed"), AskStatus.DONE),
        (replace(CLOSED, outcome="could_not_reach"), AskStatus.COULD_NOT_REACH),
    ],
)
@pytest.mark.parametrize("level", LEVELS)
def test_every_state_is_said_at_every_reading_level(
    row: AskRow, status: AskStatus, level: str
) -> None:
    assert ask_status(row) is status
    [ask] = my_asks([row], level, "Europe/London", NOW)
    assert ask.sentence
    assert not re.search(r"[{}]|None|alert|support needed|all fine", ask.sentence)
    if status is AskStatus.WAITS_FOR_WORK:
        assert "tomorrow at 09:00" in ask.sentence
    if status is AskStatus.SEEN:
        assert ask.sentence == "Jamie and Kim have seen it."


@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize(
    ("stretch", "now", "said"),
    [
        (WEEKDAY, NOW, "tomorrow at 09:00"),
        (WEEKDAY, MONDAY_AT_NINE, "17:00"),
        (WEEKDAY, MONDAY_AT_NINE + timedelta(days=1), "work"),
        (Stretch(None, None), NOW, "now|straight away"),
        (None, NOW, "work"),
    ],
)
def test_before_sending_it_says_by_when_and_that_nobody_watches(
    stretch: Stretch | None, now: datetime, said: str, level: str
) -> None:
    text = " ".join(before_sending(stretch, "Jamie", level, "Europe/London", now))
    assert re.search(said, text)
    assert re.search(r"[Nn]obody (looks|watches|monitors)", text)
    assert "Jamie" in text
    assert len(text.split()) <= 75, "short enough to be read before the button is pressed"


@pytest.mark.parametrize("level", LEVELS)
def test_who_has_no_worker_is_told_so_and_may_ask_all_the_same(level: str) -> None:
    text = " ".join(before_sending(None, None, level, "Europe/London", NOW))
    assert re.search("right now|at the moment", text)
    assert "Somebody" in text


def test_the_youngest_read_short_sentences() -> None:
    lines = before_sending(WEEKDAY, "Jamie", "8-11", "Europe/London", NOW)
    sentences = [one for line in lines for one in re.split(r"(?<=[.!?]) ", line)]
    assert max(len(one.split()) for one in sentences) <= 14


def test_what_became_one_piece_of_work_is_told_as_one_newest_first() -> None:
    again = replace(TOLD, concern_id=2, at=NOW + timedelta(minutes=5), choice="worried")
    former = replace(CLOSED, concern_id=0, alert_id=4, outcome="all_fine")
    asks = my_asks([former, TOLD, again], "12-15", "Europe/London", NOW)
    assert [[one.concern_id for one in ask.asked] for ask in asks] == [[2, 1], [0]]
    assert [ask.is_open for ask in asks] == [True, False]


def test_it_can_be_taken_back_once_and_only_while_nobody_is_on_it() -> None:
    back = replace(TOLD, withdrawn_at=NOW)
    said = {
        name: my_asks([row], "12-15", "UTC", NOW)[0].may_take_back
        for name, row in {"told": TOLD, "back": back, "owned": ACCEPTED, "closed": CLOSED}.items()
    }
    assert said == {"told": True, "back": False, "owned": False, "closed": False}
    assert "You said today at 16:02 that you do not need it any more." in asked_words(
        back, "UTC", NOW
    )


def test_the_page_says_when_it_takes_longer_than_it_should() -> None:
    [ask] = my_asks([NEW], "12-15", "UTC", NOW)
    assert not is_slow(ask, NOW + timedelta(seconds=59))
    assert is_slow(ask, NOW + timedelta(seconds=61))
