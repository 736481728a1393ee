"""The policy of alerts: hours with breaks, and steps where no message can arrive."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from pydantic import ValidationError

from alerts.decisions import Note, Tell, decide
from alerts.policy import PolicyDocument, Step, hours_problems
from alerts.reasons import AlertEventKind, DecisionReason
from tests.unit.test_alert_policy import (
    AFTERNOON,
    BOTH,
    CLINICIAN,
    DUTY,
    FRESH_ALERT,
    KEY_WORKER,
    LATE_MORNING,
    MANAGER,
    MORNING,
    NOW,
    OFFICE,
    POLICY,
    SUNDAY,
    WEEK,
    WITH_DUTY,
)
from tidewell.vocabulary import Level


def test_hours_may_have_a_break_and_are_kept_in_order() -> None:
    document = PolicyDocument.model_validate(
        {"working_hours": {"days": {"monday": [AFTERNOON, MORNING], "friday": MORNING}}}
    )
    assert PolicyDocument.model_validate(document.model_dump(mode="json")) == document
    policy = document.as_policy()
    assert [policy.is_open(NOW.replace(hour=hour, minute=45)) for hour in (9, 12, 13)] == [
        True,
        False,
        True,
    ]


def test_hours_that_overlap_say_which() -> None:
    body = {"working_hours": {"days": {"monday": [MORNING, LATE_MORNING]}}}
    with pytest.raises(ValidationError, match="09:00 to 12:30 and 12:00 to 13:00 overlap"):
        PolicyDocument.model_validate(body)


def test_hours_that_never_open_are_found_before_they_hold() -> None:
    days = [(NOW + timedelta(days=ahead)).date() for ahead in range(80)]
    closed = {"working_hours": {"days": WEEK, "closed_days": days}}
    [problem] = hours_problems(PolicyDocument.model_validate(closed), NOW)
    assert "nobody is at work on any day of the next two months" in problem
    assert (
        hours_problems(PolicyDocument.model_validate({"working_hours": {"days": WEEK}}), NOW) == []
    )


def test_a_step_where_no_message_can_arrive_is_passed_at_once_and_that_is_said() -> None:
    there = replace(WITH_DUTY, unreachable=frozenset({KEY_WORKER, CLINICIAN}))
    decision = decide(FRESH_ALERT, there, POLICY, NOW)
    passed = [
        (action.detail, action.reason)
        for action in decision.actions
        if isinstance(action, Note) and action.kind is AlertEventKind.STEP_SKIPPED
    ]
    no_address = DecisionReason.NO_WORKING_ADDRESS
    assert passed == [("key_worker", no_address), ("assigned", no_address)]
    assert Tell("1.0", (DUTY,), Step.DUTY_LINE) in decision.actions


def test_where_no_message_can_arrive_anywhere_the_first_step_is_asked_all_the_same() -> None:
    there = replace(BOTH, unreachable=frozenset({KEY_WORKER, CLINICIAN}))
    decision = decide(FRESH_ALERT, there, POLICY, NOW)
    assert decision.actions == (Tell("1.0", (KEY_WORKER,), Step.KEY_WORKER),)


def test_a_duty_line_that_cannot_be_reached_does_not_keep_a_check_now_from_the_others() -> None:
    there = replace(WITH_DUTY, unreachable=frozenset({DUTY}))
    decision = decide(replace(FRESH_ALERT, level=Level.CHECK_NOW), there, OFFICE, SUNDAY)
    kinds = [action.kind for action in decision.actions if isinstance(action, Note)]
    assert AlertEventKind.NOBODY_WATCHING in kinds
    assert Tell("1.0", (KEY_WORKER,), Step.KEY_WORKER) in decision.actions


def test_whoever_is_on_duty_is_asked_and_the_named_stand_in_for_a_hole() -> None:
    document = PolicyDocument(duty_rota=7, duty_line=(MANAGER,))
    assert document.people_of_rotas(Step.DUTY_LINE, {7: frozenset({DUTY})}) == (DUTY,)
    assert document.people_of_rotas(Step.DUTY_LINE, {7: frozenset()}) == (MANAGER,)
    assert document.people_of_rotas(Step.DUTY_LINE, {}) == (MANAGER,)
