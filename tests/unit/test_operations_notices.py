"""Our own outages are told to the people who run the service, once each."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from alerts.operations.notices import (
    NOTICE_AFTER,
    SAME_TROUBLE_WITHIN,
    TOLD_AFTERWARDS_WITHIN,
    LastNotice,
    NoticeAbout,
    NoticeDecision,
    Trouble,
    decide_notice,
    text_of,
)
from alerts.texts import LINK_BASE_CHARACTERS_MOST

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
SECOND = timedelta(seconds=1)
LASTING = Trouble(NOW - NOTICE_AFTER)
SHORT = Trouble(NOW - NOTICE_AFTER + SECOND)
OPEN = LastNotice(NOW - timedelta(hours=2), None)


def ended(ago: timedelta) -> LastNotice:
    return LastNotice(NOW - timedelta(days=1), NOW - ago)


def missed(length: timedelta, ago: timedelta) -> Trouble:
    return Trouble(None, NOW - ago - length, NOW - ago)


@pytest.mark.parametrize(
    ("trouble", "last", "decision"),
    [
        (Trouble(), None, NoticeDecision.NOTHING),
        (SHORT, None, NoticeDecision.NOTHING),
        (LASTING, None, NoticeDecision.RAISED),
        (LASTING, OPEN, NoticeDecision.STILL_OPEN),
        (SHORT, OPEN, NoticeDecision.STILL_OPEN),
        (LASTING, ended(SAME_TROUBLE_WITHIN), NoticeDecision.SAME_TROUBLE),
        (LASTING, ended(SAME_TROUBLE_WITHIN + NOTICE_AFTER), NoticeDecision.RAISED),
        (Trouble(), OPEN, NoticeDecision.ENDED),
        (Trouble(), ended(timedelta(days=1)), NoticeDecision.NOTHING),
        (missed(NOTICE_AFTER, SECOND), None, NoticeDecision.RAISED_AFTERWARDS),
        (missed(NOTICE_AFTER - SECOND, SECOND), None, NoticeDecision.NOTHING),
        (missed(NOTICE_AFTER, TOLD_AFTERWARDS_WITHIN + SECOND), None, NoticeDecision.NOTHING),
        (missed(NOTICE_AFTER, SECOND), ended(SECOND), NoticeDecision.NOTHING),
    ],
)
def test_a_trouble_is_told_once(
    trouble: Trouble, last: LastNotice | None, decision: NoticeDecision
) -> None:
    assert decide_notice(trouble, last, NOW) is decision


def test_a_broker_that_comes_and_goes_all_night_is_one_message() -> None:
    last: LastNotice | None = None
    told = 0
    for minute in range(8 * 60):
        at = NOW + timedelta(minutes=minute)
        trouble = Trouble(at - timedelta(minutes=minute % 10)) if minute % 10 < 7 else Trouble()
        decision = decide_notice(trouble, last, at)
        if decision is NoticeDecision.RAISED:
            told += 1
            last = LastNotice(at, None)
        elif decision is NoticeDecision.SAME_TROUBLE:
            assert last is not None
            last = LastNotice(last.began_at, None)
        elif decision is NoticeDecision.ENDED:
            assert last is not None
            last = LastNotice(last.began_at, at)
    assert told == 1


@pytest.mark.parametrize("about", NoticeAbout)
@pytest.mark.parametrize("is_over", [True, False])
def test_the_text_fits_one_short_message_and_names_nobody(
    is_over: bool, about: NoticeAbout
) -> None:
    text = text_of(about, "h" * LINK_BASE_CHARACTERS_MOST + "/service", is_over=is_over)
    assert len(text) <= 160
    assert text.startswith("Wellbeing: ")
