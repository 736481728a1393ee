"""The policy of alerts, case by case."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from pydantic import ValidationError

from alerts.policy import (
    AlertFacts,
    EpisodeEvent,
    ExistingAlert,
    Note,
    PastEvent,
    PolicyDocument,
    Progress,
    Recipients,
    Tell,
    decide,
    decide_intake,
    read_progress,
)
from alerts.reasons import (
    AlertEventKind,
    AlertState,
    DecisionReason,
    EpisodeEventKind,
    IntakeReason,
)
from tidewell.vocabulary import Level

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
POLICY = PolicyDocument().as_policy()
KEY_WORKER, CLINICIAN = 1, 2
BOTH = Recipients(KEY_WORKER, frozenset({KEY_WORKER, CLINICIAN}))
UNASKED = Progress(
    demand=1,
    asked_at=NOW,
    somebody_was_asked=False,
    escalations=0,
    former_accepter=None,
    noted=frozenset(),
)
FRESH_ALERT = AlertFacts(AlertState.RAISED, Level.CHECK_TODAY, UNASKED, is_reached=False)
ASKED_ALERT = replace(
    FRESH_ALERT, progress=replace(UNASKED, somebody_was_asked=True), is_reached=True
)


@pytest.mark.parametrize(
    ("kind", "level", "age_h", "reason"),
    [
        (EpisodeEventKind.OPENED, Level.CHECK_NOW, 0, IntakeReason.RAISED),
        (EpisodeEventKind.CONTINUED, Level.FOR_REVIEW, 36, IntakeReason.RAISED),
        (EpisodeEventKind.WORSENED, Level.CHECK_TODAY, -1, IntakeReason.RAISED),
        (EpisodeEventKind.OPENED, Level.CHECK_NOW, 36.1, IntakeReason.OLD_NEWS),
        (EpisodeEventKind.OPENED, Level.USUAL, 0, IntakeReason.LEVEL_TOO_LOW),
        (EpisodeEventKind.CLOSED, Level.CHECK_NOW, 0, IntakeReason.EPISODE_CLOSED),
    ],
)
def test_an_episode_without_alert_gets_one_only_from_fresh_news_that_asks_for_somebody(
    kind: EpisodeEventKind, level: Level, age_h: float, reason: IntakeReason
) -> None:
    event = EpisodeEvent(kind, level, NOW - timedelta(hours=age_h))
    assert decide_intake(event, None, NOW, POLICY) is reason


@pytest.mark.parametrize(
    ("kind", "level", "age_h", "state", "reason"),
    [
        (EpisodeEventKind.WORSENED, Level.CHECK_NOW, 0, AlertState.ACCEPTED, IntakeReason.WORSENED),
        (EpisodeEventKind.WORSENED, Level.CHECK_NOW, 40, AlertState.RAISED, IntakeReason.OLD_NEWS),
        (
            EpisodeEventKind.CONTINUED,
            Level.CHECK_TODAY,
            0,
            AlertState.RAISED,
            IntakeReason.ALREADY_RAISED,
        ),
        (
            EpisodeEventKind.CLOSED,
            Level.USUAL,
            0,
            AlertState.NOTIFIED,
            IntakeReason.BACK_TO_USUAL,
        ),
        (
            EpisodeEventKind.WORSENED,
            Level.CHECK_NOW,
            0,
            AlertState.CLOSED,
            IntakeReason.ALERT_CLOSED,
        ),
    ],
)
def test_an_episode_with_an_alert_changes_that_alert_and_makes_no_other(
    kind: EpisodeEventKind, level: Level, age_h: float, state: AlertState, reason: IntakeReason
) -> None:
    event = EpisodeEvent(kind, level, NOW - timedelta(hours=age_h))
    alert = ExistingAlert(state, Level.CHECK_TODAY)
    assert decide_intake(event, alert, NOW, POLICY) is reason


@pytest.mark.parametrize(
    ("level", "within"),
    [
        (Level.CHECK_NOW, timedelta(minutes=15)),
        (Level.CHECK_TODAY, timedelta(hours=4)),
        (Level.FOR_REVIEW, timedelta(days=3)),
    ],
)
def test_the_key_worker_is_asked_first_and_has_the_time_of_the_level(
    level: Level, within: timedelta
) -> None:
    decision = decide(replace(FRESH_ALERT, level=level), BOTH, POLICY, NOW)
    assert decision.reason is DecisionReason.FIRST_NOTIFICATION
    assert decision.actions == (Tell("1.0", (KEY_WORKER,)),)
    assert decision.wake_at == NOW + within


def test_while_the_time_runs_nobody_is_asked_again() -> None:
    decision = decide(ASKED_ALERT, BOTH, POLICY, NOW + timedelta(hours=3, minutes=59))
    assert decision.reason is DecisionReason.WAITING_TO_BE_ACCEPTED
    assert decision.actions == ()
    assert decision.wake_at == NOW + timedelta(hours=4)


def test_when_the_time_is_over_everybody_assigned_is_asked() -> None:
    decision = decide(ASKED_ALERT, BOTH, POLICY, NOW + timedelta(hours=4))
    assert decision.reason is DecisionReason.NOT_ACCEPTED_IN_TIME
    assert decision.actions == (
        Note(AlertEventKind.ESCALATED),
        Tell("1.1", (KEY_WORKER, CLINICIAN)),
    )


def test_the_last_escalation_leaves_the_alert_overdue_and_says_so_once() -> None:
    progress = replace(ASKED_ALERT.progress, escalations=POLICY.escalations_most)
    late = NOW + timedelta(hours=4)
    first = decide(replace(ASKED_ALERT, progress=progress), BOTH, POLICY, late)
    assert first.actions == (Note(AlertEventKind.OVERDUE),)
    noted = replace(progress, noted=frozenset({first.reason.value}))
    second = decide(replace(ASKED_ALERT, progress=noted), BOTH, POLICY, late)
    assert second.actions == ()
    assert second.wake_at == late + POLICY.overdue_check


def test_without_a_key_worker_it_is_said_once_and_looked_at_again() -> None:
    nobody = Recipients(None, frozenset({CLINICIAN}))
    decision = decide(FRESH_ALERT, nobody, POLICY, NOW)
    assert decision.reason is DecisionReason.NO_KEY_WORKER
    assert decision.actions == (Note(AlertEventKind.NO_NOTIFICATION_SENT),)
    assert decision.wake_at == NOW + POLICY.unreached_retry


def test_an_alert_that_reached_nobody_goes_on_even_after_the_last_escalation() -> None:
    progress = replace(ASKED_ALERT.progress, escalations=POLICY.escalations_most)
    unreached = replace(ASKED_ALERT, progress=progress, is_reached=False)
    soon = decide(unreached, BOTH, POLICY, NOW)
    assert soon.actions == ()
    assert soon.wake_at == NOW + POLICY.unreached_retry
    later = decide(unreached, BOTH, POLICY, NOW + POLICY.unreached_retry)
    assert later.reason is DecisionReason.NOBODY_REACHED
    assert Tell("1.4", (KEY_WORKER, CLINICIAN)) in later.actions


def test_a_rise_begins_again_and_remembers_who_had_accepted() -> None:
    history = [
        PastEvent(AlertEventKind.CREATED, "raised", NOW, None),
        PastEvent(AlertEventKind.NOTIFICATION_QUEUED, "first_notification", NOW, KEY_WORKER),
        PastEvent(AlertEventKind.ESCALATED, "not_accepted_in_time", NOW, None),
        PastEvent(AlertEventKind.WORSENED, "level_rose", NOW + timedelta(hours=1), CLINICIAN),
    ]
    progress = read_progress(NOW, history)
    assert progress == Progress(
        demand=2,
        asked_at=NOW + timedelta(hours=1),
        somebody_was_asked=False,
        escalations=0,
        former_accepter=CLINICIAN,
        noted=frozenset(),
    )
    facts = AlertFacts(AlertState.RAISED, Level.CHECK_NOW, progress, is_reached=True)
    decision = decide(facts, BOTH, POLICY, NOW + timedelta(hours=1))
    assert decision.reason is DecisionReason.LEVEL_ROSE
    assert decision.actions == (Tell("2.0", (KEY_WORKER, CLINICIAN)),)


def test_an_accepter_who_is_no_longer_assigned_is_not_asked_again() -> None:
    progress = replace(UNASKED, demand=2, former_accepter=99)
    decision = decide(replace(FRESH_ALERT, progress=progress), BOTH, POLICY, NOW)
    assert decision.actions == (Tell("2.0", (KEY_WORKER,)),)


def test_the_stamp_on_an_alert_reads_back_as_the_same_policy() -> None:
    document = PolicyDocument(fresh_within_h=12, escalations_most=7)
    stamp = document.model_dump(mode="json")
    assert PolicyDocument.model_validate(stamp) == document


@pytest.mark.parametrize(
    "body",
    [
        {"escalations_most": 0},
        {"accept_within_s": {"check_now": 1}},
        {"unknown": 1},
        {"fresh_within_h": 0},
    ],
)
def test_a_policy_out_of_bounds_is_refused(body: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        PolicyDocument.model_validate(body)


def test_a_device_that_was_silent_and_is_back_asks_for_nobody() -> None:
    now = datetime(2026, 11, 22, 12, tzinfo=UTC)
    policy = PolicyDocument().as_policy()
    for is_moot, reason in ((True, IntakeReason.EPISODE_CLOSED), (False, IntakeReason.RAISED)):
        event = EpisodeEvent(EpisodeEventKind.OPENED, Level.FOR_REVIEW, now, is_moot)
        assert decide_intake(event, None, now, policy) is reason
