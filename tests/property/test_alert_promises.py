"""What alerts promise to people, for every policy, calendar, person, answer and order of events.

The walker of `test_alert_policy_properties` keeps what is decided as the store would; here it is
held against the promises of `docs/alerts.md`.
"""

from __future__ import annotations

import json
import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from alerts.actions import Action, Target, decide_action
from alerts.burden import Push, place
from alerts.channels.webhook import body_of
from alerts.decisions import Reopen, Tell, decide
from alerts.deliveries import Message
from alerts.policy import PolicyDocument, PushBudget, Step, WorkingHours
from alerts.raising import EpisodeEvent, ExistingAlert, decide_intake
from alerts.reasons import (
    ActionKind,
    AlertEventKind,
    AlertState,
    DecisionReason,
    EpisodeEventKind,
    IntakeReason,
    Outcome,
    SnoozeReason,
)
from alerts.routing import Recipients
from alerts.texts import (
    LINK_BASE_CHARACTERS_MOST,
    PUBLIC_ID_ALPHABET,
    PUBLIC_ID_LENGTH,
    bundle_text,
    link_to,
    link_to_list,
    text_for,
)
from tests.property.test_alert_policy_properties import (
    LEVELS,
    NOW,
    Happening,
    LivedAlert,
    calendars,
    episode_events,
    happenings,
    is_news,
    live,
    moments,
    policies,
    recipients,
    staff_ids,
)
from tidewell.vocabulary import Level

OPEN_STATES = [state for state in AlertState if state is not AlertState.CLOSED]
CLOSED = Target(AlertState.CLOSED, Level.CHECK_TODAY, None, None, False, timedelta(days=1))
peopled = recipients().filter(lambda people: bool(people.present))
actions = st.builds(
    Action,
    kind=st.sampled_from(ActionKind),
    staff_id=staff_ids,
    at=st.just(NOW),
    outcome=st.sampled_from([*(outcome.value for outcome in Outcome), "nothing", None]),
    seen_level=st.sampled_from([None, *LEVELS]),
    to_staff_id=st.none() | staff_ids,
    may_receiver_act=st.booleans(),
    snooze_reason=st.sampled_from([*(reason.value for reason in SnoozeReason), "later", None]),
    until=st.none() | st.integers(-600, 60 * 24 * 60).map(lambda m: NOW + timedelta(minutes=m)),
)
targets = st.builds(
    Target,
    state=st.sampled_from(AlertState),
    level=st.sampled_from(LEVELS),
    accepted_by=st.none() | staff_ids,
    offered_to=st.none() | staff_ids,
    is_owner_reminded=st.booleans(),
    snooze_most=st.integers(1, 30 * 24).map(lambda hours: timedelta(hours=hours)),
)


# ---- Never forgotten ----------------------------------------------------------


@given(st.sampled_from(LEVELS), moments, policies, peopled, st.booleans())
def test_what_nobody_answers_reaches_everybody_in_a_bounded_number_of_steps_and_goes_on(
    level: Level, at: datetime, document: PolicyDocument, people: Recipients, is_reached: bool
) -> None:
    alert, policy, now = LivedAlert(level, at), document.as_policy(), at
    steps = 2 * (len(document.chain) + 3) + document.escalations_most
    for _ in range(steps):
        alert.is_reached = is_reached
        decision = alert.look(people, policy, now)
        assert decision.wake_at is not None
        assert decision.wake_at > now
        now = decision.wake_at
    told = [staff_id for _, staff_id in alert.told]
    assert set(told) == people.present
    much_later = alert.look(people, policy, now + timedelta(days=120))
    assert much_later.wake_at is not None
    alert.look(people, policy, much_later.wake_at)  # where that was a night
    assert len(alert.told) > len(told)


@given(st.sampled_from(LEVELS), moments, policies, peopled)
def test_each_step_before_the_end_asks_somebody_who_was_not_asked(
    level: Level, at: datetime, document: PolicyDocument, people: Recipients
) -> None:
    alert, policy, now = LivedAlert(level, at), document.as_policy(), at
    asked: set[int] = set()
    for _ in range(len(document.chain) + 4):
        decision = alert.look(people, policy, now)
        for tell in (one for one in decision.actions if isinstance(one, Tell)):
            assert tell.step is Step.EVERYBODY or set(tell.staff_ids) - asked
            asked |= set(tell.staff_ids)
        assert decision.wake_at is not None
        now = decision.wake_at


@given(moments, policies, peopled, st.booleans())
def test_check_now_is_never_left_for_longer_than_the_policy_says(
    at: datetime, document: PolicyDocument, people: Recipients, is_reached: bool
) -> None:
    alert, policy, now = LivedAlert(Level.CHECK_NOW, at), document.as_policy(), at
    accept_within = timedelta(seconds=document.accept_within_s.check_now)
    longest = accept_within
    for _ in range(2 * (len(document.chain) + 3) + document.escalations_most):
        alert.is_reached = is_reached
        decision = alert.look(people, policy, now)
        assert decision.wake_at is not None
        if decision.reason is DecisionReason.ESCALATIONS_USED_UP:
            often = min(timedelta(seconds=document.overdue_check_s), 4 * accept_within)
            longest = max(accept_within, often)
        assert decision.wake_at - now <= longest
        now = decision.wake_at


# ---- Accepted, and closed -----------------------------------------------------


@given(
    st.builds(LivedAlert, st.sampled_from(LEVELS), moments), policies, peopled, st.integers(0, 4)
)
def test_once_accepted_the_chain_does_not_go_on_before_the_owner_was_asked_and_had_time(
    alert: LivedAlert, document: PolicyDocument, people: Recipients, steps: int
) -> None:
    policy, now = document.as_policy(), alert.raised_at
    for _ in range(steps):
        now = alert.look(people, policy, now).wake_at or now
    owner = min(people.present)
    alert.accept(owner, now, None)
    accepted_at, reminded = now, False
    while alert.state is AlertState.ACCEPTED:
        decision = alert.look(people, policy, now)
        told = {
            staff_id
            for one in decision.actions
            if isinstance(one, Tell)
            for staff_id in one.staff_ids
        }
        if any(isinstance(one, Reopen) for one in decision.actions):
            assert reminded
            assert now >= accepted_at + policy.accept_within[alert.level]
        else:
            assert told <= {owner}
            reminded = reminded or bool(told)
        assert decision.wake_at is not None
        now = decision.wake_at


@given(
    st.builds(LivedAlert, st.sampled_from(LEVELS), moments),
    policies,
    st.lists(recipients(), min_size=1, max_size=3),
    happenings,
    st.lists(actions, max_size=6),
)
def test_after_closing_nobody_is_told_whatever_happens(
    alert: LivedAlert,
    document: PolicyDocument,
    people: list[Recipients],
    happened: list[Happening],
    pressed: list[Action],
) -> None:
    policy = document.as_policy()
    looks = live(alert, policy, people, happened)
    alert.state = AlertState.CLOSED
    told = list(alert.told)
    for number, action in enumerate(pressed):
        verdict = decide_action(action, CLOSED, may_act=True)
        assert (verdict.kind, verdict.state) == (
            AlertEventKind.ACTION_REFUSED,
            AlertState.CLOSED,
        )
        decision = alert.look(people[0], policy, looks[-1][0] + timedelta(hours=number))
        assert (decision.actions, decision.wake_at) == ((), None)
    assert alert.told == told


@settings(max_examples=500)
@given(actions, targets, st.booleans())
def test_an_answer_never_counts_for_more_than_was_seen_and_never_from_a_stranger(
    action: Action, target: Target, may_act: bool
) -> None:
    verdict = decide_action(action, target, may_act=may_act)
    is_stale = action.seen_level is not None and action.seen_level.rank < target.level.rank
    if not may_act or is_stale or target.state is AlertState.CLOSED:
        assert verdict.kind is AlertEventKind.ACTION_REFUSED
        assert verdict.state is target.state
    if verdict.kind is AlertEventKind.CLOSED:
        assert action.outcome in {outcome.value for outcome in Outcome}
    if verdict.kind is AlertEventKind.PASSED_ON:
        assert verdict.state is target.state


# ---- Put off ------------------------------------------------------------------


@settings(max_examples=500)
@given(actions, targets)
def test_putting_off_has_a_reason_and_an_end_within_the_limit_of_the_level(
    action: Action, target: Target
) -> None:
    verdict = decide_action(replace(action, kind=ActionKind.SNOOZE), target, may_act=True)
    if verdict.kind is AlertEventKind.SNOOZED:
        assert action.snooze_reason in {reason.value for reason in SnoozeReason}
        assert action.until is not None
        assert action.at < action.until <= action.at + target.snooze_most


@given(episode_events, st.sampled_from(OPEN_STATES), st.sampled_from(LEVELS), policies)
def test_a_fresh_rise_counts_whatever_somebody_did_with_the_lower_level(
    event: EpisodeEvent, state: AlertState, level: Level, document: PolicyDocument
) -> None:
    policy = document.as_policy()
    reason = decide_intake(event, ExistingAlert(state, level), NOW, policy)
    is_fresh = is_news(event, policy.fresh_within)
    is_rise = event.kind is not EpisodeEventKind.CLOSED and event.level.rank > level.rank
    assert (reason is IntakeReason.WORSENED) == (is_rise and is_fresh)


@given(st.sampled_from(LEVELS), moments, policies, peopled, st.integers(1, 10_000))
def test_a_rise_asks_at_once_and_by_its_own_time_also_where_the_alert_was_put_off(
    level: Level, at: datetime, document: PolicyDocument, people: Recipients, minutes: int
) -> None:
    alert, policy = LivedAlert(level, at), document.as_policy()
    alert.look(people, policy, at)
    owner = min(people.present)
    alert.accept(owner, at, at + timedelta(minutes=minutes))
    rises_at = at + timedelta(minutes=minutes // 2)
    alert.rise(rises_at)
    decision = alert.look(people, policy, rises_at)
    told = [one for one in decision.actions if isinstance(one, Tell)]
    assert owner in {staff_id for one in told for staff_id in one.staff_ids}
    assert decision.wake_at == rises_at + policy.accept_within[Level.CHECK_NOW]


# ---- News after closing -------------------------------------------------------


@given(episode_events, st.booleans(), st.integers(0, 400), st.sampled_from(Outcome), policies)
def test_after_closing_growth_that_is_fresh_is_always_told_and_old_news_never(
    event: EpisodeEvent, is_same: bool, hours: int, outcome: Outcome, document: PolicyDocument
) -> None:
    policy, closed_at = document.as_policy(), NOW - timedelta(hours=hours)
    former = ExistingAlert(AlertState.CLOSED, Level.FOR_REVIEW, is_same, closed_at, outcome.value)
    reason = decide_intake(event, former, NOW, policy)
    is_fresh = is_news(event, policy.fresh_within)
    asks = event.kind is not EpisodeEventKind.CLOSED and event.level is not Level.USUAL
    if asks and is_fresh and event.level.rank > Level.FOR_REVIEW.rank:
        assert reason is IntakeReason.RE_RAISED
    if reason is IntakeReason.RE_RAISED:
        assert asks
        assert is_fresh


# ---- Working time -------------------------------------------------------------


@given(calendars(), moments, st.integers(0, 6 * 24 * 60), st.integers(1, 3 * 24 * 60))
def test_a_deadline_is_never_early_and_a_later_start_never_ends_sooner(
    hours: WorkingHours, at: datetime, minutes: int, later: int
) -> None:
    time = hours.as_working_time()
    span = timedelta(minutes=minutes % (23 * 60))
    end = time.after(at, span)
    assert end >= at + span
    assert time.after(at + timedelta(minutes=later), span) >= end


@given(calendars(), moments)
def test_what_is_held_is_held_until_somebody_is_at_work(hours: WorkingHours, at: datetime) -> None:
    time = hours.as_working_time()
    start = time.next_start(at)
    assert start >= at
    if start > at:
        assert time.is_open(start)
        assert not time.is_open(start - timedelta(seconds=1))


# ---- Burden and texts ---------------------------------------------------------

budgets = st.tuples(st.integers(1, 5), st.integers(1, 9), st.integers(1, 20)).map(
    lambda most: PushBudget(in_15_minutes=most[0], in_1_hour=most[1], in_3_hours=most[2])
)
asks = st.lists(
    st.tuples(st.integers(0, 40), st.sampled_from(LEVELS), st.integers(0, 5)), max_size=60
)


@given(budgets, asks)
def test_at_most_the_budget_is_pushed_and_check_now_never_waits(
    budget: PushBudget, asked: list[tuple[int, Level, int]]
) -> None:
    """A message may take a few minutes to leave; check now stands outside the budget."""
    windows = budget.windows()
    now, pushes, calm = datetime(2026, 11, 23, tzinfo=UTC), list[Push](), list[Push]()
    for number, (minutes, level, _) in enumerate(asked):
        now += timedelta(minutes=minutes)
        pushes = [replace(push, is_unsent=False) if push.at <= now else push for push in pushes]
        recent = [push for push in pushes if push.at > now - timedelta(hours=3)]
        slot = place(recent, windows, level, now, f"bundle {number}")
        if level is Level.CHECK_NOW:
            assert slot.attempt_at == now
            assert slot.bundle is None
        if slot.bundle is None or slot.bundle not in {push.bundle for push in pushes}:
            push = Push(slot.attempt_at, slot.bundle, is_unsent=slot.attempt_at > now)
            pushes.append(push)
            calm += [push] if level is not Level.CHECK_NOW else []
    for push in calm:
        for span, most in windows:
            assert len([one for one in calm if push.at - span < one.at <= push.at]) <= most


codes = st.text(PUBLIC_ID_ALPHABET, min_size=PUBLIC_ID_LENGTH, max_size=PUBLIC_ID_LENGTH)


@given(st.sampled_from(LEVELS), codes, st.integers(1, 500))
def test_no_text_has_room_for_a_name_or_a_reason(level: Level, code: str, people: int) -> None:
    base = "https://pages.example"
    one, many = link_to(base, code), link_to_list(base)
    known = {
        text_for(
            level, one
        ): rf"Wellbeing: 1 person (to check (now|today)|for review)\. Open: {one}",
        bundle_text(people, many): rf"Wellbeing: \d+ (person|people) to check\. Open: {many}",
    }
    for text, shape in known.items():
        assert re.fullmatch(shape, text)
    longest = "h" * LINK_BASE_CHARACTERS_MOST
    assert len(text_for(level, link_to(longest, code))) <= 160
    message = Message("key", code, 7, "address", level, text_for(level, one), one, NOW)
    event = json.loads(body_of(message))
    assert set(event["data"]) == {"staff_id", "level", "text", "link"}
    assert event["subject"] == code


@given(policies, peopled, moments, st.sampled_from(LEVELS))
def test_a_decision_depends_on_nothing_but_what_it_is_given(
    document: PolicyDocument, people: Recipients, at: datetime, level: Level
) -> None:
    facts = LivedAlert(level, at).facts()
    first = decide(facts, people, document.as_policy(), at)
    stamped = PolicyDocument.model_validate(document.model_dump(mode="json")).as_policy()
    assert decide(facts, people, stamped, at) == first
