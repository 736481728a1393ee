"""What holds for every alert, every history and every order of events."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from hypothesis import given
from hypothesis import strategies as st

from alerts.policy import (
    AlertFacts,
    EpisodeEvent,
    ExistingAlert,
    PastEvent,
    PolicyDocument,
    Recipients,
    Tell,
    decide,
    decide_intake,
    read_progress,
)
from alerts.reasons import AlertEventKind, AlertState, EpisodeEventKind, IntakeReason
from alerts.texts import PUBLIC_ID_ALPHABET, PUBLIC_ID_LENGTH, link_to, text_for
from tidewell.vocabulary import Level

if TYPE_CHECKING:
    import random

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
LEVELS = [level for level in Level if level is not Level.USUAL]
ANSWERED = (AlertState.ACCEPTED, AlertState.CLOSED)

times = st.integers(-20 * 86_400, 60).map(lambda second: NOW + timedelta(seconds=second))
staff_ids = st.integers(1, 5)
policies = st.builds(
    PolicyDocument,
    fresh_within_h=st.integers(1, 100),
    escalations_most=st.integers(1, 5),
    unreached_retry_s=st.integers(60, 7_200),
)
episode_events = st.builds(
    EpisodeEvent,
    kind=st.sampled_from(EpisodeEventKind),
    level=st.sampled_from(Level),
    at=times,
)


@st.composite
def recipients(draw: st.DrawFn) -> Recipients:
    assigned = draw(st.frozensets(staff_ids, max_size=4))
    key_worker = draw(st.sampled_from([None, *sorted(assigned)]))
    return Recipients(key_worker, assigned)


@st.composite
def alerts(draw: st.DrawFn) -> AlertFacts:
    history = draw(
        st.lists(
            st.builds(
                PastEvent,
                kind=st.sampled_from(AlertEventKind),
                reason=st.sampled_from(["no_key_worker", "nobody_assigned", "raised"]),
                at=times,
                staff_id=st.none() | staff_ids,
            ),
            max_size=8,
        )
    )
    return AlertFacts(
        draw(st.sampled_from(AlertState)),
        draw(st.sampled_from(LEVELS)),
        read_progress(draw(times), sorted(history, key=lambda event: event.at)),
        is_reached=draw(st.booleans()),
    )


@given(alerts(), recipients(), policies)
def test_an_alert_that_nobody_answered_always_has_a_next_wake_up(
    alert: AlertFacts, people: Recipients, document: PolicyDocument
) -> None:
    decision = decide(alert, people, document.as_policy(), NOW)
    if alert.state not in ANSWERED:
        assert decision.wake_at is not None
        assert decision.wake_at > NOW


@given(alerts(), recipients(), policies)
def test_an_alert_that_somebody_answered_tells_nobody_and_asks_for_nothing(
    alert: AlertFacts, people: Recipients, document: PolicyDocument
) -> None:
    decision = decide(alert, people, document.as_policy(), NOW)
    if alert.state in ANSWERED:
        assert decision.actions == ()
        assert decision.wake_at is None


@given(alerts(), recipients(), policies)
def test_only_people_who_are_assigned_are_told_and_each_of_them_once(
    alert: AlertFacts, people: Recipients, document: PolicyDocument
) -> None:
    for action in decide(alert, people, document.as_policy(), NOW).actions:
        if isinstance(action, Tell):
            assert action.staff_ids
            assert set(action.staff_ids) <= people.assigned
            assert len(set(action.staff_ids)) == len(action.staff_ids)


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


@given(st.lists(episode_events, max_size=8), policies)
def test_an_alert_is_raised_exactly_when_fresh_news_asks_for_somebody(
    events: list[EpisodeEvent], document: PolicyDocument
) -> None:
    fresh_from = NOW - timedelta(hours=document.fresh_within_h)
    asking = [
        event.level
        for event in events
        if event.kind is not EpisodeEventKind.CLOSED
        and event.level is not Level.USUAL
        and event.at >= fresh_from
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
