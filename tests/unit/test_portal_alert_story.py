"""An alert's story in plain words: each line with its reason, and whose it is."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from alerts.reasons import AlertEventKind, DeliveryReason
from portal.alert_story import StoryRow, story_lines
from portal.alert_words import _EVENT_WORDS

NOON = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)


def told(*rows: StoryRow) -> list[str]:
    return [line.words for line in story_lines(rows, "Europe/London")]


def row(kind: str, reason: str, staff: str | None = None, detail: str = "") -> StoryRow:
    return StoryRow(NOON, kind, reason, 1 if staff else None, staff, detail)


def passed_on() -> StoryRow:
    return StoryRow(NOON, "passed_on", "offered", 1, "Jo", "", receiver_name="Kim")


def test_on_passing_on_it_says_whose_it_is_until_it_is_taken() -> None:
    assert told(passed_on()) == ["Jo offered it to Kim. Until Kim takes it, nobody is on it"]
    assert told(row("accepted", "accepted", "Jo"), passed_on())[1] == (
        "Jo offered it to Kim. Until Kim takes it, it stays with Jo"
    )
    re_opened = row("re_opened", "accepted_not_closed", "Jo")
    assert told(row("accepted", "accepted", "Jo"), re_opened, passed_on())[1:] == [
        "Nobody is on it any more, so others were asked: a reminder did not help",
        "Jo offered it to Kim. Until Kim takes it, nobody is on it",
    ]


@pytest.mark.parametrize(
    ("hours", "until"),
    [(2, "14:00 that day"), (21, "09:00 the day after"), (141, "Thursday 26 November at 09:00")],
)
def test_putting_off_says_why_and_until_when(hours: int, until: str) -> None:
    one = StoryRow(
        NOON, "snoozed", "snoozed", 1, "Jo", "visit_planned", None, NOON + timedelta(hours=hours)
    )
    assert told(one) == [f"Jo put it off until {until}: a visit or call is planned"]


def test_a_message_says_why_somebody_was_told_and_a_missing_one_why_not() -> None:
    queued = "notification_queued"
    assert told(
        row(queued, "not_accepted_in_time", "Kim"),
        row("no_notification_sent", "unknown_channel", "Kim"),
        row("asked_again", "joined"),
        row("asked_again", "joined", "Jo"),
        row("created", "raised", "Jo"),
        row("worsened", "level_rose", None, "check_today to check_now"),
    ) == [
        "A message to Kim is on its way: because nobody had said “I'm on it” in time",
        "No message was sent: this way of reaching Kim is not set up here",
        "Asked for it again",
        "Jo said again that somebody should look",
        "Jo raised it",
        "It became more urgent: Check now",
    ]


def test_every_kind_of_line_has_words() -> None:
    by_reason = {AlertEventKind.ACTION_REFUSED, AlertEventKind.RECEIPT_CAME}
    assert set(_EVENT_WORDS) == {kind.value for kind in set(AlertEventKind) - by_reason}


LEADS_TO_NO_LINE = {
    DeliveryReason.HANDED_OVER,
    DeliveryReason.TRY_AGAIN,
    DeliveryReason.OURS_TO_PUT_RIGHT,
    DeliveryReason.LEASE_OVER,
}


@pytest.mark.parametrize("reason", [one for one in DeliveryReason if one not in LEADS_TO_NO_LINE])
def test_a_message_that_did_not_go_says_why_whatever_the_reason(reason: DeliveryReason) -> None:
    [line] = told(row("no_notification_sent", reason.value, "Kim"))
    assert line.startswith("No message was sent: ")
    assert "Kim" in line


def test_closing_says_what_was_found() -> None:
    one = StoryRow(NOON, "closed", "closed", 1, "Jo", outcome="could_not_reach")
    assert told(one) == ["Closed by Jo: could not reach"]
