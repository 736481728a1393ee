"""The small pure parts of alerts: texts, answers, messages, the auditor, what is set aside."""

from __future__ import annotations

import itertools
import random
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from alerts.actions import Action, Target, decide_action
from alerts.auditor import LATE_AFTER, audit
from alerts.deliveries import (
    ATTEMPTS_MOST,
    CONSOLE_ADDRESS,
    RETRY_LONGEST,
    Address,
    addresses_of,
    after_failure,
    idempotency_key,
)
from alerts.reasons import (
    ActionKind,
    ActionReason,
    AlertEventKind,
    AlertState,
    AuditReason,
    DeliveryReason,
    Outcome,
    SnoozeReason,
)
from alerts.set_aside import COMES_BACK_AFTER, MOST, SetAside
from alerts.texts import (
    LINK_BASE_CHARACTERS_MOST,
    PUBLIC_ID_LENGTH,
    link_to,
    new_public_id,
    text_for,
)
from tidewell.errors import ChannelError, ChannelUnavailableError
from tidewell.vocabulary import Level

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
RNG = random.Random(20261122)  # noqa: S311 -- a seed makes the test repeat itself


@pytest.mark.parametrize(
    ("level", "text"),
    [
        (
            Level.CHECK_NOW,
            "Wellbeing: 1 person to check now. Open: https://pages.example/a/7K2QX9P3AB",
        ),
        (
            Level.CHECK_TODAY,
            "Wellbeing: 1 person to check today. Open: https://pages.example/a/7K2QX9P3AB",
        ),
        (
            Level.FOR_REVIEW,
            "Wellbeing: 1 person for review. Open: https://pages.example/a/7K2QX9P3AB",
        ),
    ],
)
def test_the_text_of_each_level_is_exactly_this(level: Level, text: str) -> None:
    assert text_for(level, link_to("https://pages.example/", "7K2QX9P3AB")) == text


def test_the_longest_text_fits_one_short_message() -> None:
    link = link_to("x" * LINK_BASE_CHARACTERS_MOST, "7" * PUBLIC_ID_LENGTH)
    assert max(len(text_for(level, link)) for level in Level if level.rank) <= 160


def test_nobody_is_told_that_all_is_as_usual() -> None:
    with pytest.raises(KeyError):
        text_for(Level.USUAL, "https://pages.example/a/1")


def test_public_ids_differ_and_hold_no_letter_that_is_misheard() -> None:
    ids = {new_public_id(RNG) for _ in range(1_000)}
    assert len(ids) == 1_000
    assert not set("".join(ids)) & set("ILOU")


ACCEPT = Action(ActionKind.ACCEPT, 1, NOW)
CLOSE = Action(ActionKind.CLOSE, 1, NOW, Outcome.ALL_FINE.value)
OPEN = Target(
    AlertState.NOTIFIED,
    Level.CHECK_TODAY,
    accepted_by=None,
    offered_to=None,
    is_owner_reminded=False,
    snooze_most=timedelta(days=1),
)
OWNED = replace(OPEN, state=AlertState.ACCEPTED, accepted_by=1)
HAND_OVER = Action(ActionKind.HAND_OVER, 1, NOW, to_staff_id=2, may_receiver_act=True)
SNOOZE = Action(
    ActionKind.SNOOZE,
    1,
    NOW,
    snooze_reason=SnoozeReason.VISIT_PLANNED.value,
    until=NOW + timedelta(hours=20),
)


@pytest.mark.parametrize(
    ("action", "state", "accepted_by", "is_assigned", "kind", "reason", "then"),
    [
        (ACCEPT, "raised", None, True, "accepted", "accepted", "accepted"),
        (ACCEPT, "notified", None, True, "accepted", "accepted", "accepted"),
        (ACCEPT, "accepted", 1, True, "duplicate_suppressed", "accepted_by_you", "accepted"),
        (ACCEPT, "accepted", 2, True, "action_refused", "accepted_by_another", "accepted"),
        (ACCEPT, "closed", 2, True, "action_refused", "already_closed", "closed"),
        (ACCEPT, "raised", None, False, "action_refused", "not_assigned", "raised"),
        (CLOSE, "accepted", 2, True, "closed", "closed", "closed"),
        (CLOSE, "raised", None, True, "closed", "closed", "closed"),
        (CLOSE, "raised", None, False, "action_refused", "not_assigned", "raised"),
        (CLOSE, "closed", 1, True, "action_refused", "already_closed", "closed"),
        (
            Action(ActionKind.CLOSE, 1, NOW, "whatever"),
            "accepted",
            1,
            True,
            "action_refused",
            "unknown_outcome",
            "accepted",
        ),
        (
            Action(ActionKind.CLOSE, 1, NOW),
            "accepted",
            1,
            True,
            "action_refused",
            "unknown_outcome",
            "accepted",
        ),
    ],
)
def test_what_people_ask_is_done_or_refused_with_a_reason(
    action: Action,
    state: str,
    accepted_by: int | None,
    is_assigned: bool,
    kind: str,
    reason: str,
    then: str,
) -> None:
    target = replace(OPEN, state=AlertState(state), accepted_by=accepted_by)
    verdict = decide_action(action, target, may_act=is_assigned)
    assert (verdict.kind, verdict.reason, verdict.state) == (
        AlertEventKind(kind),
        ActionReason(reason),
        AlertState(then),
    )


@pytest.mark.parametrize(
    ("action", "target", "kind", "reason"),
    [
        # An answer counts for the level that was seen.
        (replace(ACCEPT, seen_level=Level.CHECK_TODAY), OPEN, "accepted", "accepted"),
        (replace(ACCEPT, seen_level=Level.CHECK_NOW), OPEN, "accepted", "accepted"),
        (replace(ACCEPT, seen_level=Level.FOR_REVIEW), OPEN, "action_refused", "level_rose_since"),
        (replace(CLOSE, seen_level=Level.FOR_REVIEW), OPEN, "action_refused", "level_rose_since"),
        # Who was reminded says that they are still on it.
        (ACCEPT, replace(OWNED, is_owner_reminded=True), "accepted", "still_on_it"),
        # Passing on: it stays with its owner until the receiver takes it.
        (HAND_OVER, OWNED, "passed_on", "offered"),
        (HAND_OVER, OPEN, "passed_on", "offered"),
        (replace(HAND_OVER, staff_id=3), OWNED, "action_refused", "accepted_by_another"),
        (replace(HAND_OVER, to_staff_id=1), OWNED, "action_refused", "receiver_cannot"),
        (replace(HAND_OVER, may_receiver_act=False), OWNED, "action_refused", "receiver_cannot"),
        (replace(ACCEPT, staff_id=2), replace(OWNED, offered_to=2), "accepted", "taken_over"),
        (
            replace(ACCEPT, staff_id=3),
            replace(OWNED, offered_to=2),
            "action_refused",
            "accepted_by_another",
        ),
        # A snooze has a reason and an end.
        (SNOOZE, OPEN, "snoozed", "snoozed"),
        (SNOOZE, OWNED, "snoozed", "snoozed"),
        (replace(SNOOZE, staff_id=3), OWNED, "action_refused", "accepted_by_another"),
        (replace(SNOOZE, snooze_reason=None), OPEN, "action_refused", "snooze_without_reason"),
        (replace(SNOOZE, snooze_reason="tired"), OPEN, "action_refused", "snooze_without_reason"),
        (replace(SNOOZE, until=None), OPEN, "action_refused", "snooze_too_long"),
        (replace(SNOOZE, until=NOW), OPEN, "action_refused", "snooze_too_long"),
        (
            replace(SNOOZE, until=NOW + timedelta(hours=25)),
            OPEN,
            "action_refused",
            "snooze_too_long",
        ),
    ],
)
def test_passing_on_putting_off_and_answers_that_came_too_late(
    action: Action, target: Target, kind: str, reason: str
) -> None:
    verdict = decide_action(action, target, may_act=True)
    assert (verdict.kind.value, verdict.reason.value) == (kind, reason)


def test_everybody_is_written_to_on_the_console_the_webhook_and_their_own_addresses() -> None:
    own = [Address(1, "webhook", "https://own.example"), Address(9, "webhook", "https://other")]
    assert addresses_of([1, 2], own, "https://site.example") == [
        Address(1, "console", CONSOLE_ADDRESS),
        Address(1, "webhook", "https://own.example"),
        Address(1, "webhook", "https://site.example"),
        Address(2, "console", CONSOLE_ADDRESS),
        Address(2, "webhook", "https://site.example"),
    ]


def test_a_key_is_the_same_for_the_same_message_and_another_for_any_other() -> None:
    address = Address(1, "webhook", "https://site.example")
    key = idempotency_key("7K2QX9P3AB", "1.0", address)
    assert key == idempotency_key("7K2QX9P3AB", "1.0", address)
    others = {
        idempotency_key("7K2QX9P3AC", "1.0", address),
        idempotency_key("7K2QX9P3AB", "1.1", address),
        idempotency_key("7K2QX9P3AB", "1.0", Address(2, "webhook", "https://site.example")),
        idempotency_key("7K2QX9P3AB", "1.0", Address(1, "console", "https://site.example")),
        idempotency_key("7K2QX9P3AB", "1.0", Address(1, "webhook", "https://own.example")),
    }
    assert len(others | {key}) == 6


def test_waits_grow_up_to_a_limit_and_then_the_message_is_given_up() -> None:
    error = ChannelUnavailableError("the webhook answered 503")
    waits = []
    for attempts in range(1, ATTEMPTS_MOST):
        failure = after_failure(error, attempts, NOW, RNG)
        assert failure.reason is DeliveryReason.TRY_AGAIN
        assert failure.attempt_at is not None
        waits.append(failure.attempt_at - NOW)
    assert timedelta(seconds=1) <= waits[0] <= timedelta(seconds=2)
    assert all(later >= earlier for earlier, later in itertools.pairwise(waits))
    assert waits[-1] <= RETRY_LONGEST
    last = after_failure(error, ATTEMPTS_MOST, NOW, RNG)
    assert (last.reason, last.attempt_at) == (DeliveryReason.ATTEMPTS_USED_UP, None)


def test_a_refused_message_is_given_up_at_once() -> None:
    failure = after_failure(ChannelError("the webhook refused the message"), 1, NOW, RNG)
    assert (failure.reason, failure.attempt_at) == (DeliveryReason.REFUSED_BY_CHANNEL, None)


@pytest.mark.parametrize(
    ("state", "wake_at", "reason"),
    [
        (AlertState.CLOSED, None, AuditReason.CLOSED),
        (AlertState.ACCEPTED, NOW, AuditReason.ACCEPTED),
        (AlertState.ACCEPTED, None, AuditReason.NO_NEXT_STEP),
        (AlertState.ACCEPTED, NOW - timedelta(hours=1), AuditReason.NEXT_STEP_IS_LATE),
        (AlertState.RAISED, None, AuditReason.NO_NEXT_STEP),
        (AlertState.NOTIFIED, None, AuditReason.NO_NEXT_STEP),
        (AlertState.NOTIFIED, NOW + timedelta(days=1), AuditReason.NEXT_STEP_IS_SET),
        (AlertState.RAISED, NOW - LATE_AFTER, AuditReason.NEXT_STEP_IS_SET),
        (
            AlertState.RAISED,
            NOW - LATE_AFTER - timedelta(seconds=1),
            AuditReason.NEXT_STEP_IS_LATE,
        ),
    ],
)
def test_the_auditor_says_what_could_be_forgotten(
    state: AlertState, wake_at: datetime | None, reason: AuditReason
) -> None:
    assert audit(state, wake_at, NOW) is reason
    assert reason.is_violation == (
        reason in (AuditReason.NO_NEXT_STEP, AuditReason.NEXT_STEP_IS_LATE)
    )
    assert AuditReason.MESSAGE_PUT_OFF.is_violation


def test_what_is_set_aside_comes_back_and_never_piles_up() -> None:
    aside = SetAside()
    aside.add(7, NOW)
    assert aside.numbers(NOW) == [7]
    assert aside.numbers(NOW + COMES_BACK_AFTER) == []
    for number in range(MOST + 5):
        aside.add(number, NOW)
    assert len(aside.numbers(NOW)) == MOST
