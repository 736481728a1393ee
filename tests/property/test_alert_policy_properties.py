"""What holds for every alert, every history and every order of events."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, TypeVar

from hypothesis import given
from hypothesis import strategies as st

from alerts.concerns.deciding import Concern, OpenAlert, decide_concern
from alerts.decisions import REPEAT_AFTER, AlertFacts, Decision, Note, Reopen, Tell, decide
from alerts.policy import (
    AcceptWithin,
    CloseWithin,
    Policy,
    PolicyDocument,
    SnoozeMost,
    Step,
    WorkingHours,
)
from alerts.progress import PastEvent, read_progress
from alerts.raising import OUR_DELAY_MOST, EpisodeEvent, ExistingAlert, decide_intake
from alerts.reasons import (
    AlertEventKind,
    AlertState,
    ConcernKind,
    ConcernReason,
    DecisionReason,
    EpisodeEventKind,
    IntakeReason,
)
from alerts.routing import Recipients
from alerts.texts import PUBLIC_ID_ALPHABET, PUBLIC_ID_LENGTH, link_to, text_for
from tidewell.vocabulary import CheckInChoice, Level, Source

if TYPE_CHECKING:
    import random

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
LEVELS = [level for level in Level if level is not Level.USUAL]
OFFICE = {
    "days": {
        day: {"opens": "09:00", "closes": "17:00"}
        for day in ("monday", "tuesday", "wednesday", "thursday", "friday")
    },
    "bank_holidays": "england-and-wales",
}
CHAIN_STEPS = [step for step in Step if step is not Step.EVERYBODY]

ZONES = ["Europe/London", "UTC", "America/St_Johns", "Pacific/Apia", "Australia/Lord_Howe"]
DAYS = ["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"]


@st.composite
def calendars(draw: st.DrawFn) -> WorkingHours:
    """Draw any team's working hours, in any zone, with any holidays."""
    days = {}
    for day in draw(st.lists(st.sampled_from(DAYS), min_size=1, unique=True)):
        opens = draw(st.integers(0, 22))
        closes = draw(st.integers(opens + 1, 23))
        days[day] = {"opens": f"{opens:02}:00", "closes": f"{closes:02}:30"}
    closed = draw(st.lists(st.integers(0, 60), max_size=5))
    holidays = st.sampled_from([None, "england-and-wales", "scotland", "northern-ireland"])
    return WorkingHours.model_validate(
        {
            "timezone": draw(st.sampled_from(ZONES)),
            "days": days,
            "bank_holidays": draw(holidays),
            "closed_days": [date(2026, 11, 20) + timedelta(days=ahead) for ahead in closed],
        }
    )


times = st.integers(-20 * 86_400, 60).map(lambda second: NOW + timedelta(seconds=second))
staff_ids = st.integers(1, 5)
Spans = TypeVar("Spans", AcceptWithin, CloseWithin, SnoozeMost)


def spans(kind: type[Spans]) -> st.SearchStrategy[Spans]:
    """Draw spans of a minute to a month for each level."""
    seconds = st.integers(60, 30 * 86_400)
    return st.builds(kind, check_now=seconds, check_today=seconds, for_review=seconds)


policies = st.builds(
    PolicyDocument,
    fresh_within_h=st.integers(1, 100),
    escalations_most=st.integers(1, 5),
    unreached_retry_s=st.integers(60, 7_200),
    chain=st.lists(st.sampled_from(CHAIN_STEPS), min_size=1, max_size=6, unique=True).map(tuple),
    working_hours=st.none() | st.just(WorkingHours.model_validate(OFFICE)) | calendars(),
    accept_within_s=spans(AcceptWithin),
    close_within_s=spans(CloseWithin),
    snooze_most_s=spans(SnoozeMost),
)
moments = st.integers(0, 40 * 24 * 60).map(
    lambda minute: datetime(2026, 12, 1, tzinfo=UTC) + timedelta(minutes=minute)
)
levels = st.sampled_from(LEVELS)
requests = st.builds(
    Concern,
    kind=st.sampled_from(ConcernKind),
    source=st.just(Source.YOUNG_PERSON),
    level=st.none(),
    choice=st.sampled_from(CheckInChoice),
    at=times,
)
worries = st.builds(
    Concern,
    kind=st.just(ConcernKind.RAISE),
    source=st.sampled_from([Source.STAFF, Source.CARER]),
    level=levels,
    choice=st.none(),
    at=times,
    staff_id=staff_ids,
)
concerns = st.one_of(requests, worries)
episode_events = st.builds(
    EpisodeEvent,
    kind=st.sampled_from(EpisodeEventKind),
    level=st.sampled_from(Level),
    at=times,
    recorded_at=times,
)


def is_news(event: EpisodeEvent, within: timedelta) -> bool:
    """Say in other words what is told: it came in time, and alerts were not away for weeks."""
    late_by = min(event.recorded_at, NOW) - event.at
    told_after = NOW - max(event.recorded_at, event.at + within - OUR_DELAY_MOST)
    return late_by <= within and told_after <= OUR_DELAY_MOST


@st.composite
def recipients(draw: st.DrawFn) -> Recipients:
    steps: st.SearchStrategy[Step] = st.sampled_from(CHAIN_STEPS)
    at = draw(st.dictionaries(steps, st.frozensets(staff_ids, max_size=3)))
    return Recipients(at, draw(st.frozensets(staff_ids, max_size=2)))


@dataclass
class LivedAlert:
    """An alert as the store would keep it: decisions are stored and read back as history."""

    level: Level
    raised_at: datetime
    state: AlertState = AlertState.RAISED
    accepted_by: int | None = None
    accepted_at: datetime | None = None
    snoozed_until: datetime | None = None
    is_reached: bool = True
    raised_by: int | None = None

    def __post_init__(self) -> None:
        created = PastEvent(AlertEventKind.CREATED, "raised", self.raised_at, self.raised_by)
        self.history = [created]
        self.told: list[tuple[str, int]] = []

    def facts(self) -> AlertFacts:
        return AlertFacts(
            self.state,
            self.level,
            read_progress(self.raised_at, self.history),
            self.is_reached,
            self.accepted_by,
            self.accepted_at,
            self.snoozed_until,
        )

    def look(self, people: Recipients, policy: Policy, now: datetime) -> Decision:
        """Ask the policy and store what it decides."""
        decision = decide(self.facts(), people, policy, now)
        for action in decision.actions:
            if isinstance(action, Reopen):
                self.state, self.accepted_by, self.snoozed_until = AlertState.RAISED, None, None
            elif isinstance(action, Note):
                line = PastEvent(action.kind, action.reason, now, action.staff_id, action.detail)
                self.history.append(line)
            else:
                step = action.step.value if action.step else ""
                kind, reason = AlertEventKind.NOTIFICATION_QUEUED, decision.reason.value
                for staff_id in action.staff_ids:
                    self.told.append((action.number, staff_id))
                    self.history.append(PastEvent(kind, reason, now, staff_id, step))
        return decision

    def accept(self, staff_id: int, now: datetime, snoozed_until: datetime | None) -> None:
        self.state, self.accepted_by, self.accepted_at = AlertState.ACCEPTED, staff_id, now
        self.snoozed_until = snoozed_until
        self.history.append(PastEvent(AlertEventKind.ACCEPTED, "accepted", now, staff_id))

    def rise(self, now: datetime) -> None:
        line = PastEvent(AlertEventKind.WORSENED, "level_rose", now, self.accepted_by)
        self.history.append(line)
        self.state, self.level = AlertState.RAISED, Level.CHECK_NOW
        self.accepted_by = self.snoozed_until = None


Happening = tuple[str, int, int]
happenings = st.lists(
    st.tuples(
        st.sampled_from(["wake", "wake", "wake", "accept", "snooze", "rise", "unreached", "ask"]),
        staff_ids,
        st.integers(0, 600),
    ),
    max_size=12,
)


def live(
    alert: LivedAlert, policy: Policy, people: list[Recipients], happened: list[Happening]
) -> list[tuple[datetime, Decision, AlertFacts]]:
    """Let things happen to an alert, look after each, and look twice each time."""
    now = alert.raised_at
    looks: list[tuple[datetime, Decision, AlertFacts]] = []
    for number, (what, staff_id, minutes) in enumerate([("wake", 1, 0), *happened]):
        there = people[number % len(people)]
        if what == "wake" and looks:
            assert looks[-1][1].wake_at is not None
            now = max(now, looks[-1][1].wake_at)
        now += timedelta(minutes=minutes)
        alert.is_reached = what != "unreached"
        if what in ("accept", "snooze") and alert.state is not AlertState.ACCEPTED:
            until = now + timedelta(hours=2) if what == "snooze" else None
            alert.accept(staff_id, now, until)
        if what == "rise":
            alert.rise(now)
        if what == "ask":
            alert.history.append(PastEvent(AlertEventKind.ASKED_AGAIN, "joined", now, None))
        before = alert.facts()
        looks.append((now, alert.look(there, policy, now), before))
        # Only a message that was written down just now can reach somebody.
        alert.is_reached |= any(isinstance(one, Tell) for one in looks[-1][1].actions)
        again = decide(alert.facts(), there, policy, now)
        assert again.actions == (), (looks[-1], again)
    return looks


lives = given(
    st.builds(
        LivedAlert,
        st.sampled_from(LEVELS),
        moments,
        raised_by=st.one_of(st.none(), staff_ids),
    ),
    policies,
    st.lists(recipients(), min_size=1, max_size=3),
    happenings,
)


@lives
def test_an_alert_that_is_not_closed_always_has_a_next_wake_up_and_looking_twice_does_nothing(
    alert: LivedAlert, document: PolicyDocument, people: list[Recipients], happened: list[Happening]
) -> None:
    for now, decision, _ in live(alert, document.as_policy(), people, happened):
        assert decision.wake_at is not None
        assert decision.wake_at > now


@lives
def test_nobody_is_told_twice_for_one_step(
    alert: LivedAlert, document: PolicyDocument, people: list[Recipients], happened: list[Happening]
) -> None:
    live(alert, document.as_policy(), people, happened)
    assert len(set(alert.told)) == len(alert.told)


@lives
def test_the_walk_along_the_chain_only_goes_on(
    alert: LivedAlert, document: PolicyDocument, people: list[Recipients], happened: list[Happening]
) -> None:
    live(alert, document.as_policy(), people, happened)
    order = [*document.chain, Step.EVERYBODY]
    place = -1
    for line in alert.history:
        if line.kind in (AlertEventKind.WORSENED, AlertEventKind.RE_OPENED):
            place = -1
        if line.kind is AlertEventKind.NOTIFICATION_QUEUED and line.detail:
            assert order.index(Step(line.detail)) >= place
            place = order.index(Step(line.detail))


@lives
def test_an_accepted_alert_tells_its_owner_only_until_it_is_open_again(
    alert: LivedAlert, document: PolicyDocument, people: list[Recipients], happened: list[Happening]
) -> None:
    for _, decision, before in live(alert, document.as_policy(), people, happened):
        if before.state is AlertState.ACCEPTED:
            reopens = any(isinstance(action, Reopen) for action in decision.actions)
            told = {
                staff_id
                for action in decision.actions
                if isinstance(action, Tell)
                for staff_id in action.staff_ids
            }
            assert reopens or told <= {before.accepted_by}


@lives
def test_out_of_hours_never_delays_what_is_to_be_checked_now_and_holds_the_rest(
    alert: LivedAlert, document: PolicyDocument, people: list[Recipients], happened: list[Happening]
) -> None:
    policy = document.as_policy()
    always = replace(policy, working_time=None)
    for now, decision, before in live(alert, policy, people, happened):
        tells = any(isinstance(action, Tell) for action in decision.actions)
        if before.level is not Level.CHECK_NOW:
            assert not tells or policy.is_open(now)
        elif before.state is not AlertState.ACCEPTED:
            there = Recipients({Step.KEY_WORKER: frozenset({1})})
            by_day = decide(before, there, always, now)
            by_night = decide(before, there, policy, now)
            assert by_night.wake_at == by_day.wake_at


@given(recipients(), policies, moments)
def test_a_closed_alert_tells_nobody_and_asks_for_nothing(
    people: Recipients, document: PolicyDocument, now: datetime
) -> None:
    closed = replace(LivedAlert(Level.CHECK_NOW, now).facts(), state=AlertState.CLOSED)
    decision = decide(closed, people, document.as_policy(), now)
    assert (decision.actions, decision.wake_at) == ((), None)


@lives
def test_only_people_who_are_there_are_told(
    alert: LivedAlert, document: PolicyDocument, people: list[Recipients], happened: list[Happening]
) -> None:
    everybody = frozenset[int]().union(*(there.present for there in people))
    live(alert, document.as_policy(), people, happened)
    assert {staff_id for _, staff_id in alert.told} <= everybody


@lives
def test_whoever_asks_again_is_heard_within_the_hour_or_when_work_begins(
    alert: LivedAlert, document: PolicyDocument, people: list[Recipients], happened: list[Happening]
) -> None:
    policy = document.as_policy()
    for number, (now, decision, before) in enumerate(live(alert, policy, people, happened)):
        there = people[number % len(people)].present
        told = before.progress.told_at
        owner = before.accepted_by
        wanted = before.progress.asked if owner is None else frozenset({owner})
        if not before.progress.is_repeat_untold or not wanted & there:
            continue
        due = now if told is None else max(now, told + REPEAT_AFTER)
        due = policy.held_until(before.level, due) or due
        tells = any(isinstance(action, Tell) for action in decision.actions)
        assert decision.wake_at is not None
        assert tells or decision.wake_at <= due


@lives
def test_asking_many_times_rings_once_an_hour(
    alert: LivedAlert, document: PolicyDocument, people: list[Recipients], happened: list[Happening]
) -> None:
    live(alert, document.as_policy(), people, happened)
    rung: dict[int, datetime] = {}
    for line in alert.history:
        if line.kind is AlertEventKind.ACCEPTED:
            rung.clear()
        elif line.reason == DecisionReason.ASKED_AGAIN and line.staff_id is not None:
            last = rung.get(line.staff_id)
            assert last is None or line.at >= last + REPEAT_AFTER
            rung[line.staff_id] = line.at


@lives
def test_whoever_is_worried_is_not_the_first_to_be_asked_unless_nobody_else_is_there(
    alert: LivedAlert, document: PolicyDocument, people: list[Recipients], happened: list[Happening]
) -> None:
    looks = live(alert, document.as_policy(), people, happened)
    for number, (_, decision, before) in enumerate(looks):
        there = people[number % len(people)].present
        if decision.reason is DecisionReason.FIRST_NOTIFICATION and there - {alert.raised_by}:
            told = [one for one in decision.actions if isinstance(one, Tell)]
            assert all(alert.raised_by not in one.staff_ids for one in told), before


@given(concerns, st.one_of(st.none(), st.builds(OpenAlert, st.sampled_from(AlertState), levels)))
def test_a_request_is_raised_or_joins_what_is_open_and_never_makes_it_less(
    concern: Concern, alert: OpenAlert | None
) -> None:
    reason = decide_concern(concern, alert)
    is_open = alert is not None and alert.state is not AlertState.CLOSED
    if concern.kind is ConcernKind.WITHDRAW:
        assert (reason is ConcernReason.ALREADY_CLOSED) is not is_open
        assert reason not in (ConcernReason.RAISED, ConcernReason.JOINED)
    elif alert is None or not is_open:
        assert reason is ConcernReason.RAISED
    else:
        rises = concern.urgency.rank > alert.level.rank
        assert reason is (ConcernReason.LEVEL_ROSE if rises else ConcernReason.JOINED)


@dataclass
class Episode:
    """What an episode's events made of it, as the store would keep it."""

    alert: ExistingAlert | None = None
    times_raised: int = 0

    def take_in(self, event: EpisodeEvent, document: PolicyDocument) -> IntakeReason:
        reason = decide_intake(event, self.alert, NOW, document.as_policy())
        if reason in (IntakeReason.RAISED, IntakeReason.WORSENED):
            self.times_raised += reason is IntakeReason.RAISED
            self.alert = ExistingAlert(AlertState.RAISED, event.level)
        return reason


@given(st.lists(episode_events, max_size=8), policies, st.randoms(use_true_random=False))
def test_the_order_and_repetition_of_events_make_no_difference(
    events: list[EpisodeEvent], document: PolicyDocument, shuffler: random.Random
) -> None:
    straight, mixed = Episode(), Episode()
    for event in events:
        straight.take_in(event, document)
    again = [*events, *events]
    shuffler.shuffle(again)
    for event in again:
        mixed.take_in(event, document)
    assert straight == mixed
    assert straight.times_raised <= 1


@given(
    episode_events,
    st.one_of(
        st.none(), st.sampled_from(Level).map(lambda level: ExistingAlert(AlertState.RAISED, level))
    ),
    policies,
    st.timedeltas(timedelta(0), OUR_DELAY_MOST),
)
def test_how_long_alerts_were_down_makes_no_difference_to_what_is_told(
    event: EpisodeEvent, alert: ExistingAlert | None, document: PolicyDocument, down: timedelta
) -> None:
    event = replace(event, recorded_at=max(event.at, event.recorded_at))
    policy = document.as_policy()
    at_once = decide_intake(event, alert, event.recorded_at, policy)
    assert decide_intake(event, alert, event.recorded_at + down, policy) is at_once


@given(st.lists(episode_events, max_size=8), policies)
def test_an_alert_is_raised_exactly_when_fresh_news_asks_for_somebody(
    events: list[EpisodeEvent], document: PolicyDocument
) -> None:
    asking = [
        event.level
        for event in events
        if event.kind is not EpisodeEventKind.CLOSED
        and event.level is not Level.USUAL
        and is_news(event, timedelta(hours=document.fresh_within_h))
    ]
    episode = Episode()
    for event in events:
        episode.take_in(event, document)
    assert episode.times_raised == bool(asking)
    if episode.alert is not None:
        assert episode.alert.level is max(asking, key=lambda level: level.rank)


@given(st.sampled_from(LEVELS), st.text(PUBLIC_ID_ALPHABET, min_size=10, max_size=PUBLIC_ID_LENGTH))
def test_a_text_is_the_template_and_the_link_and_nothing_more(level: Level, code: str) -> None:
    text = text_for(level, link_to("https://pages.example", code))
    assert re.fullmatch(
        r"Wellbeing: 1 person (to check now|to check today|for review)\. "
        rf"Open: https://pages\.example/a/{code}",
        text,
    )
