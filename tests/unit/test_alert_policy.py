"""The policy of alerts, case by case: what is raised, who is asked, when it comes back."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from pydantic import ValidationError

from alerts.decisions import AlertFacts, Note, Reopen, Tell, decide
from alerts.policy import PolicyDocument, Step, chain_problems
from alerts.progress import PastEvent, Progress, read_progress
from alerts.raising import EpisodeEvent, ExistingAlert, decide_intake
from alerts.reasons import (
    AlertEventKind,
    AlertState,
    DecisionReason,
    EpisodeEventKind,
    IntakeReason,
)
from alerts.routing import Recipients
from tidewell.vocabulary import Level

NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)  # a Monday
POLICY = PolicyDocument().as_policy()
KEY_WORKER, CLINICIAN, COVER, DUTY, MANAGER = 1, 2, 3, 4, 5
BOTH = Recipients(
    {
        Step.KEY_WORKER: frozenset({KEY_WORKER}),
        Step.ASSIGNED: frozenset({KEY_WORKER, CLINICIAN}),
    }
)
WITH_DUTY = Recipients({**BOTH.at, Step.DUTY_LINE: frozenset({DUTY})})
UNASKED = read_progress(NOW, [PastEvent(AlertEventKind.CREATED, "raised", NOW, None)])
FRESH_ALERT = AlertFacts(AlertState.RAISED, Level.CHECK_TODAY, UNASKED, is_reached=False)
ASKED = replace(UNASKED, last_step=Step.KEY_WORKER, asked=frozenset({KEY_WORKER}))
ASKED_ALERT = replace(FRESH_ALERT, progress=ASKED, is_reached=True)
OWNED = AlertFacts(
    AlertState.ACCEPTED,
    Level.CHECK_TODAY,
    replace(ASKED, answers=1),
    is_reached=True,
    accepted_by=KEY_WORKER,
    accepted_at=NOW,
)
WEEK = {day: {"opens": "09:00", "closes": "17:00"} for day in ("monday", "tuesday", "friday")}
MORNING = {"opens": "09:00", "closes": "12:30"}
LATE_MORNING = {"opens": "12:00", "closes": "13:00"}
AFTERNOON = {"opens": "13:00", "closes": "17:00"}
OFFICE = PolicyDocument.model_validate({"working_hours": {"days": WEEK}}).as_policy()
SUNDAY = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
MONDAY_MORNING = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)


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
    event = EpisodeEvent(kind, level, NOW - timedelta(hours=age_h), NOW)
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
        (EpisodeEventKind.CLOSED, Level.USUAL, 0, AlertState.NOTIFIED, IntakeReason.BACK_TO_USUAL),
    ],
)
def test_an_episode_with_an_open_alert_changes_that_alert_and_makes_no_other(
    kind: EpisodeEventKind, level: Level, age_h: float, state: AlertState, reason: IntakeReason
) -> None:
    event = EpisodeEvent(kind, level, NOW - timedelta(hours=age_h), NOW)
    alert = ExistingAlert(state, Level.CHECK_TODAY)
    assert decide_intake(event, alert, NOW, POLICY) is reason


@pytest.mark.parametrize(
    ("age_h", "recorded_h_ago", "reason"),
    [
        # Written down in time: that alerts were down, or their clock ahead, is our own doing.
        (100, 100, IntakeReason.RAISED),
        (136, 100, IntakeReason.RAISED),
        (14 * 24, 14 * 24, IntakeReason.RAISED),
        # It had come late, so it was old already.
        (136.1, 100, IntakeReason.OLD_NEWS),
        (14 * 24, 0, IntakeReason.OLD_NEWS),
        # From before alerts were ever used.
        (14 * 24 + 0.1, 14 * 24 + 0.1, IntakeReason.OLD_NEWS),
        # The clock of ingest was behind, or ahead and is not any more.
        (1, 40, IntakeReason.RAISED),
        (1, -48, IntakeReason.RAISED),
    ],
)
def test_late_data_never_page_and_our_own_delay_swallows_nothing(
    age_h: float, recorded_h_ago: float, reason: IntakeReason
) -> None:
    at, recorded_at = (NOW - timedelta(hours=hours) for hours in (age_h, recorded_h_ago))
    event = EpisodeEvent(EpisodeEventKind.OPENED, Level.CHECK_TODAY, at, recorded_at)
    assert decide_intake(event, None, NOW, POLICY) is reason


def test_a_repeat_of_the_same_cause_joins_the_open_alert() -> None:
    event = EpisodeEvent(EpisodeEventKind.OPENED, Level.CHECK_TODAY, NOW, NOW)
    open_alert = ExistingAlert(AlertState.NOTIFIED, Level.CHECK_TODAY, is_of_this_episode=False)
    assert decide_intake(event, open_alert, NOW, POLICY) is IntakeReason.MERGED


@pytest.mark.parametrize(
    ("kind", "level", "closed_h_ago", "is_same", "outcome", "reason"),
    [
        # The change grows after somebody closed its alert.
        ("worsened", Level.CHECK_NOW, 1, True, "all_fine", IntakeReason.RE_RAISED),
        # It goes on as it was: for three days that is what the closer knew, then it is news.
        ("continued", Level.CHECK_TODAY, 71, True, "all_fine", IntakeReason.ALERT_CLOSED),
        ("continued", Level.CHECK_TODAY, 72, True, "all_fine", IntakeReason.RE_RAISED),
        ("closed", Level.CHECK_TODAY, 90, True, "all_fine", IntakeReason.ALERT_CLOSED),
        # Another episode of the same cause soon after: an echo, unless nobody saw the person.
        ("opened", Level.CHECK_TODAY, 5, False, "all_fine", IntakeReason.REPEAT_HELD),
        ("opened", Level.CHECK_TODAY, 5, False, "could_not_reach", IntakeReason.RE_RAISED),
        ("opened", Level.CHECK_NOW, 5, False, "all_fine", IntakeReason.RE_RAISED),
        ("opened", Level.CHECK_TODAY, 72, False, "all_fine", IntakeReason.RE_RAISED),
    ],
)
def test_a_closed_alert_never_stays_silently_closed(
    kind: str, level: Level, closed_h_ago: float, is_same: bool, outcome: str, reason: IntakeReason
) -> None:
    event = EpisodeEvent(EpisodeEventKind(kind), level, NOW, NOW)
    closed_at = NOW - timedelta(hours=closed_h_ago)
    former = ExistingAlert(AlertState.CLOSED, Level.CHECK_TODAY, is_same, closed_at, outcome)
    assert decide_intake(event, former, NOW, POLICY) is reason


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
    assert decision.actions == (Tell("1.0", (KEY_WORKER,), Step.KEY_WORKER),)
    assert decision.wake_at == NOW + within


def test_while_the_time_runs_nobody_is_asked_again() -> None:
    decision = decide(ASKED_ALERT, BOTH, POLICY, NOW + timedelta(hours=3, minutes=59))
    assert decision.reason is DecisionReason.WAITING_TO_BE_ACCEPTED
    assert decision.actions == ()
    assert decision.wake_at == NOW + timedelta(hours=4)


def test_when_the_time_is_over_the_next_step_with_somebody_in_it_is_asked() -> None:
    decision = decide(ASKED_ALERT, BOTH, POLICY, NOW + timedelta(hours=4))
    assert decision.reason is DecisionReason.NOT_ACCEPTED_IN_TIME
    assert decision.actions == (
        Note(AlertEventKind.ESCALATED, decision.reason, detail="assigned"),
        Tell("1.1", (KEY_WORKER, CLINICIAN), Step.ASSIGNED),
    )


def test_at_the_end_everybody_is_asked_again_for_as_long_as_nobody_answers() -> None:
    used_up = replace(ASKED, last_step=Step.EVERYBODY, escalations=POLICY.escalations_most)
    late = NOW + timedelta(hours=4)
    first = decide(replace(ASKED_ALERT, progress=used_up), BOTH, POLICY, late)
    assert first.reason is DecisionReason.ESCALATIONS_USED_UP
    assert Tell("1.4", (KEY_WORKER, CLINICIAN), Step.EVERYBODY) in first.actions
    noted = replace(used_up, asked_at=late, noted=frozenset({first.reason.value}))
    again = decide(replace(ASKED_ALERT, progress=noted), BOTH, POLICY, late)
    assert again.actions == ()
    assert again.wake_at == late + timedelta(hours=16)


def test_without_a_key_worker_the_next_step_is_asked_at_once_and_that_is_said() -> None:
    others = Recipients({Step.ASSIGNED: frozenset({CLINICIAN})})
    decision = decide(FRESH_ALERT, others, POLICY, NOW)
    skipped = Note(
        AlertEventKind.STEP_SKIPPED, DecisionReason.NO_KEY_WORKER, detail=Step.KEY_WORKER.value
    )
    assert decision.actions == (skipped, Tell("1.0", (CLINICIAN,), Step.ASSIGNED))


def test_the_cover_is_asked_in_place_of_a_key_worker_who_is_away() -> None:
    people = Recipients({**BOTH.at, Step.COVER: frozenset({COVER})}, frozenset({KEY_WORKER}))
    decision = decide(FRESH_ALERT, people, POLICY, NOW)
    assert Tell("1.0", (COVER,), Step.COVER) in decision.actions
    assert DecisionReason.KEY_WORKER_AWAY in [
        action.reason for action in decision.actions if isinstance(action, Note)
    ]


def test_where_there_is_nobody_at_all_it_is_said_once_and_looked_at_again() -> None:
    decision = decide(FRESH_ALERT, Recipients(), POLICY, NOW)
    assert decision.reason is DecisionReason.NOBODY_ASSIGNED
    assert [type(action) for action in decision.actions] == [Note]
    noted = replace(UNASKED, noted=frozenset({decision.reason.value}))
    again = decide(replace(FRESH_ALERT, progress=noted), Recipients(), POLICY, NOW)
    assert (again.actions, again.wake_at) == ((), NOW + POLICY.unreached_retry)


def test_a_step_that_nobody_was_reached_at_is_passed_at_once() -> None:
    decision = decide(replace(ASKED_ALERT, is_reached=False), BOTH, POLICY, NOW)
    assert decision.reason is DecisionReason.NOBODY_REACHED
    assert Tell("1.1", (KEY_WORKER, CLINICIAN), Step.ASSIGNED) in decision.actions


def test_an_alert_that_reached_nobody_goes_on_even_after_the_last_escalation() -> None:
    progress = replace(ASKED, last_step=Step.EVERYBODY, escalations=POLICY.escalations_most)
    unreached = replace(ASKED_ALERT, progress=progress, is_reached=False)
    soon = decide(unreached, BOTH, POLICY, NOW)
    assert (soon.actions, soon.wake_at) == ((), NOW + POLICY.unreached_retry)
    later = decide(unreached, BOTH, POLICY, NOW + POLICY.unreached_retry)
    assert later.reason is DecisionReason.NOBODY_REACHED
    assert Tell("1.4", (KEY_WORKER, CLINICIAN), Step.EVERYBODY) in later.actions


def test_a_rise_begins_again_and_remembers_who_had_accepted() -> None:
    history = [
        PastEvent(AlertEventKind.CREATED, "raised", NOW, None),
        PastEvent(
            AlertEventKind.NOTIFICATION_QUEUED, "first_notification", NOW, KEY_WORKER, "key_worker"
        ),
        PastEvent(AlertEventKind.ESCALATED, "not_accepted_in_time", NOW, None, "assigned"),
        PastEvent(AlertEventKind.WORSENED, "level_rose", NOW + timedelta(hours=1), CLINICIAN),
    ]
    progress = read_progress(NOW, history)
    assert progress == Progress(
        demand=2,
        asked_at=NOW + timedelta(hours=1),
        last_step=None,
        escalations=0,
        former_accepter=CLINICIAN,
        asked=frozenset(),
        noted=frozenset(),
        answers=0,
        reminded_at=None,
        began_because=DecisionReason.LEVEL_ROSE,
    )
    facts = AlertFacts(AlertState.RAISED, Level.CHECK_NOW, progress, is_reached=True)
    decision = decide(facts, BOTH, POLICY, NOW + timedelta(hours=1))
    assert decision.reason is DecisionReason.LEVEL_ROSE
    assert decision.actions == (Tell("2.0", (KEY_WORKER, CLINICIAN), Step.KEY_WORKER),)


def test_an_accepter_who_is_no_longer_there_is_not_asked_again() -> None:
    progress = replace(UNASKED, demand=2, former_accepter=99)
    decision = decide(replace(FRESH_ALERT, progress=progress), BOTH, POLICY, NOW)
    assert decision.actions == (Tell("2.0", (KEY_WORKER,), Step.KEY_WORKER),)


# ---- Somebody is on it --------------------------------------------------------


def test_an_accepted_alert_has_a_timer() -> None:
    decision = decide(OWNED, BOTH, POLICY, NOW)
    assert (decision.reason, decision.actions) == (DecisionReason.ACCEPTED, ())
    assert decision.wake_at == NOW + timedelta(hours=8)


def test_whoever_accepted_and_did_not_close_is_reminded_and_nobody_else() -> None:
    late = NOW + timedelta(hours=8)
    decision = decide(OWNED, BOTH, POLICY, late)
    reason = DecisionReason.ACCEPTED_NOT_CLOSED
    assert decision.actions == (
        Note(AlertEventKind.REMINDED, reason, KEY_WORKER),
        Tell("1.reminder.1", (KEY_WORKER,), None),
    )
    assert decision.wake_at == late + timedelta(hours=4)


def test_a_reminder_that_does_not_help_opens_the_alert_again_and_asks_who_comes_next() -> None:
    late = NOW + timedelta(hours=12)
    progress = replace(OWNED.progress, reminded_at=NOW + timedelta(hours=8))
    waiting = decide(
        replace(OWNED, progress=progress), BOTH, POLICY, late - timedelta(microseconds=1)
    )
    assert (waiting.reason, waiting.actions) == (DecisionReason.WAITING_TO_BE_CLOSED, ())
    decision = decide(replace(OWNED, progress=progress), BOTH, POLICY, late)
    assert decision.actions == (
        Reopen(KEY_WORKER),
        Note(AlertEventKind.RE_OPENED, DecisionReason.ACCEPTED_NOT_CLOSED, KEY_WORKER),
        Tell("2.0", (KEY_WORKER, CLINICIAN), Step.ASSIGNED),
    )


def test_an_alert_whose_owner_left_is_opened_again_without_a_reminder() -> None:
    decision = decide(replace(OWNED, accepted_by=99), BOTH, POLICY, NOW + timedelta(hours=8))
    assert decision.reason is DecisionReason.OWNER_IS_NOT_THERE
    assert decision.actions[0] == Reopen(99)


def test_a_snooze_holds_until_its_end_and_then_its_owner_is_asked() -> None:
    until = NOW + timedelta(hours=20)
    snoozed = replace(OWNED, snoozed_until=until)
    quiet = decide(snoozed, BOTH, POLICY, until - timedelta(seconds=1))
    assert (quiet.reason, quiet.actions, quiet.wake_at) == (DecisionReason.SNOOZED, (), until)
    over = decide(snoozed, BOTH, POLICY, until)
    assert over.reason is DecisionReason.SNOOZE_ENDED
    assert Tell("1.reminder.1", (KEY_WORKER,), None) in over.actions


# ---- Out of hours -------------------------------------------------------------


@pytest.mark.parametrize("level", [Level.CHECK_TODAY, Level.FOR_REVIEW])
def test_out_of_hours_what_can_wait_is_held_until_work_begins(level: Level) -> None:
    progress = replace(UNASKED, asked_at=SUNDAY)
    alert = replace(FRESH_ALERT, level=level, progress=progress)
    decision = decide(alert, BOTH, OFFICE, SUNDAY)
    assert decision.reason is DecisionReason.HELD_OUT_OF_HOURS
    assert decision.actions == (Note(AlertEventKind.HELD, decision.reason),)
    assert decision.wake_at == MONDAY_MORNING
    morning = decide(alert, BOTH, OFFICE, MONDAY_MORNING)
    assert Tell("1.0", (KEY_WORKER,), Step.KEY_WORKER) in morning.actions


def test_out_of_hours_check_now_goes_to_the_duty_line_at_once() -> None:
    alert = replace(FRESH_ALERT, level=Level.CHECK_NOW)
    decision = decide(alert, WITH_DUTY, OFFICE, SUNDAY)
    assert decision.actions == (Tell("1.0", (DUTY,), Step.DUTY_LINE),)
    assert decision.wake_at == SUNDAY + timedelta(minutes=15)


def test_out_of_hours_without_a_duty_line_it_is_told_at_once_and_said_that_nobody_watches() -> None:
    alert = replace(FRESH_ALERT, level=Level.CHECK_NOW)
    decision = decide(alert, BOTH, OFFICE, SUNDAY)
    assert decision.actions == (
        Note(AlertEventKind.NOBODY_WATCHING, DecisionReason.NO_DUTY_LINE),
        Tell("1.0", (KEY_WORKER,), Step.KEY_WORKER),
    )


def test_the_time_of_what_can_wait_runs_only_while_somebody_is_at_work() -> None:
    friday = datetime(2026, 11, 20, 15, 0, tzinfo=UTC)
    progress = replace(ASKED, asked_at=friday)
    decision = decide(replace(ASKED_ALERT, progress=progress), BOTH, OFFICE, friday)
    assert decision.wake_at == datetime(2026, 11, 23, 11, 0, tzinfo=UTC)


# ---- The document -------------------------------------------------------------


def test_the_stamp_on_an_alert_reads_back_as_the_same_policy() -> None:
    document = PolicyDocument.model_validate(
        {
            "fresh_within_h": 12,
            "duty_line": [4],
            "working_hours": {"days": WEEK, "bank_holidays": "scotland"},
        }
    )
    stamp = document.model_dump(mode="json")
    assert PolicyDocument.model_validate(stamp) == document


@pytest.mark.parametrize(
    "body",
    [
        {"escalations_most": 0},
        {"accept_within_s": {"check_now": 1}},
        {"unknown": 1},
        {"fresh_within_h": 0},
        {"chain": []},
        {"chain": ["key_worker", "team", "key_worker"]},
        {"chain": ["everybody"]},
        {"chain": ["the_neighbour"]},
        {"working_hours": {"days": {}}},
        {"working_hours": {"days": {"someday": {"opens": "09:00", "closes": "17:00"}}}},
        {"working_hours": {"days": {"monday": {"opens": "17:00", "closes": "09:00"}}}},
        {"working_hours": {"days": WEEK, "timezone": "Europe/Nowhere"}},
        {"working_hours": {"days": WEEK, "bank_holidays": "atlantis"}},
        {"working_hours": {"days": {"monday": []}}},
        {"working_hours": {"days": {"monday": [MORNING, LATE_MORNING]}}},
        {"working_hours": {"days": {"monday": {"opens": "09:00", "closes": "09:30"}}}},
    ],
)
def test_a_policy_out_of_bounds_is_refused(body: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        PolicyDocument.model_validate(body)


@pytest.mark.parametrize(
    ("body", "at_work", "problems"),
    [
        ({}, {KEY_WORKER}, ["chain: it ends with service_manager"]),
        ({"chain": ["key_worker", "team"]}, {KEY_WORKER}, ["chain: it ends with team"]),
        ({"service_managers": [MANAGER]}, {MANAGER}, []),
        ({"service_managers": [MANAGER], "duty_rota": 1}, {MANAGER}, []),
        ({"service_manager_rota": 1}, {MANAGER}, ["chain: it ends with the rota of service_m"]),
        (
            {"chain": ["key_worker", "service_manager"], "service_managers": [5], "duty_rota": 1},
            {MANAGER},
            ["duty_line: people or a rota are named but"],
        ),
        ({"service_managers": [MANAGER]}, set(), ["service_manager: staff 5 left", "chain: "]),
        (
            {"chain": ["key_worker", "service_manager"], "duty_line": [4], "service_managers": [5]},
            {4, 5},
            ["duty_line: people or a rota are named but"],
        ),
    ],
)
def test_a_chain_that_ends_in_nobody_is_not_saved(
    body: dict[str, object], at_work: set[int], problems: list[str]
) -> None:
    found = chain_problems(PolicyDocument.model_validate(body), frozenset(at_work))
    assert len(found) == len(problems)
    assert all(one.startswith(start) for one, start in zip(found, problems, strict=True))


def test_a_device_that_was_silent_and_is_back_asks_for_nobody() -> None:
    for is_moot, reason in ((True, IntakeReason.EPISODE_CLOSED), (False, IntakeReason.RAISED)):
        event = EpisodeEvent(EpisodeEventKind.OPENED, Level.FOR_REVIEW, NOW, NOW, is_moot)
        assert decide_intake(event, None, NOW, POLICY) is reason
