"""The policy of alerts that people raised: repeats reach somebody, words stay where they are."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from alerts.concerns.deciding import Concern, explain
from alerts.decisions import REPEAT_AFTER, Tell, decide
from alerts.reasons import ConcernKind, DecisionReason
from tests.unit.test_alert_policy import (
    ASKED,
    ASKED_ALERT,
    BOTH,
    KEY_WORKER,
    MONDAY_MORNING,
    NOW,
    OFFICE,
    OWNED,
    POLICY,
    SUNDAY,
)
from tidewell.vocabulary import CheckInChoice, Level, Source


def test_a_repeat_while_nobody_is_on_it_waits_for_the_hour_and_rings_those_who_were_asked() -> None:
    repeated = replace(ASKED, repeats=1, is_repeat_untold=True, told_at=NOW)
    alert = replace(ASKED_ALERT, progress=repeated)
    soon = decide(alert, BOTH, POLICY, NOW + timedelta(minutes=1))
    assert (soon.actions, soon.wake_at) == ((), NOW + REPEAT_AFTER)
    then = decide(alert, BOTH, POLICY, NOW + REPEAT_AFTER)
    assert then.reason is DecisionReason.ASKED_AGAIN
    assert then.actions == (Tell("1.again.1", (KEY_WORKER,), None),)
    assert then.wake_at == NOW + timedelta(hours=4)


def test_a_repeat_reaches_the_owner_at_once_and_moves_no_timer() -> None:
    repeated = replace(OWNED.progress, repeats=2, is_repeat_untold=True)
    now = NOW + timedelta(minutes=5)
    decision = decide(replace(OWNED, progress=repeated), BOTH, POLICY, now)
    assert decision.actions == (Tell("1.again.2", (KEY_WORKER,), None),)
    assert decision.wake_at == decide(OWNED, BOTH, POLICY, now).wake_at


def test_a_repeat_out_of_hours_waits_for_work_unless_it_is_to_be_checked_now() -> None:
    repeated = replace(OWNED.progress, repeats=1, is_repeat_untold=True)
    owned = replace(OWNED, progress=repeated, accepted_at=SUNDAY)
    assert decide(owned, BOTH, OFFICE, SUNDAY).wake_at == MONDAY_MORNING
    urgent = replace(owned, level=Level.CHECK_NOW)
    assert decide(urgent, BOTH, OFFICE, SUNDAY).reason is DecisionReason.ASKED_AGAIN


def test_an_explanation_of_what_people_said_copies_none_of_their_words() -> None:
    asked = Concern(ConcernKind.RAISE, Source.YOUNG_PERSON, None, CheckInChoice.IN_PERSON, NOW)
    back = replace(asked, kind=ConcernKind.WITHDRAW, choice=None)
    carer = replace(asked, source=Source.CARER, choice=None, level=Level.CHECK_NOW)
    assert explain([asked])["sentence"] == "Asked for a check-in: “I'd rather say it in person”."
    assert explain([asked, asked, back])["sentence"] == (
        "Asked for a check-in 2 times: most lately “I'd rather say it in person”."
        " They say that they do not need it any more."
    )
    assert explain([carer])["sentence"] == "A carer is worried."
