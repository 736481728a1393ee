"""A look ahead and the routing of alerts say the same, at every moment of every random week."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from alerts.policy import PolicyDocument, Step, WorkingHours
from alerts.reaching.facts import Assigned, Cover, Facts, Staff, moment_of, recipients_at
from alerts.reaching.preflight import Finding, ReachReason, who_would_be_reached
from alerts.routing import Recipients, next_asking
from tests.property.test_alert_policy_properties import CHAIN_STEPS, OFFICE
from tidewell.rota import Rota, Span, WeeklyShift

NOW = datetime(2027, 3, 25, 12, 0, tzinfo=UTC)  # clocks go forward within the week
WEEK = Span(NOW, NOW + timedelta(days=7))
LONG_AGO = NOW - timedelta(days=100)

numbers = st.integers(1, 5)
moments = st.integers(-24, 8 * 24).map(lambda hour: NOW + timedelta(hours=hour))
spans = st.tuples(moments, st.integers(1, 120)).map(
    lambda one: (one[0], one[0] + timedelta(hours=one[1]))
)
assigned = st.tuples(
    numbers, st.sampled_from(["key_worker", "clinician"]), spans, st.booleans()
).map(
    lambda one: (
        Assigned(one[0], one[1], LONG_AGO, None) if one[3] else Assigned(one[0], one[1], *one[2])
    )
)
covers = st.tuples(numbers, numbers, spans, st.booleans(), st.booleans()).map(
    lambda one: Cover(one[0], one[1], *one[2], one[3], one[4] and not one[3])
)
staff = st.fixed_dictionaries(
    {
        number: st.builds(
            Staff,
            staff_id=st.just(number),
            team_id=st.sampled_from([None, 1, 2]),
            role=st.sampled_from(["practitioner", "clinician"]),
            left_at=st.sampled_from([None, None]) | moments,
        )
        for number in range(1, 6)
    }
)
weekly = st.builds(
    WeeklyShift,
    staff_id=numbers,
    timezone=st.just("Europe/London"),
    weekday=st.integers(0, 6),
    starts_minute=st.just(540),
    ends_minute=st.integers(541, 1_980),
    holds_from=st.just(LONG_AGO),
)
documents = st.builds(
    PolicyDocument,
    chain=st.lists(st.sampled_from(CHAIN_STEPS), min_size=1, max_size=6, unique=True).map(tuple),
    duty_line=st.lists(numbers, max_size=1).map(tuple),
    service_managers=st.lists(numbers, max_size=1).map(tuple),
    duty_rota=st.sampled_from([None, 7]),
    working_hours=st.sampled_from([None, WorkingHours.model_validate(OFFICE)]),
)
weeks = st.builds(
    Facts,
    document=documents,
    people=st.dictionaries(
        st.integers(1, 3), st.lists(assigned, max_size=3).map(tuple), min_size=1, max_size=3
    ),
    staff=staff,
    addresses=st.none() | st.frozensets(numbers),
    rotas=st.lists(weekly, max_size=5).map(lambda found: {7: Rota(7, "duty", tuple(found))}),
    covers=st.lists(
        covers.filter(lambda one: one.away_staff_id != one.cover_staff_id), max_size=3
    ).map(tuple),
    week=st.just(WEEK),
)


def look(facts: Facts) -> list[Finding]:
    return who_would_be_reached(
        facts.document,
        facts.people,
        facts.staff,
        facts.addresses,
        facts.rotas,
        facts.covers,
        facts.week,
    )


def is_found(found: list[Finding], reason: ReachReason, person: int, at: datetime) -> bool:
    return any(
        one.key.reason is reason
        and person in one.people
        and any(span.starts_at <= at < span.ends_at for span in one.spans)
        for one in found
    )


@given(weeks, st.lists(st.integers(0, 7 * 24 * 60 - 1), min_size=1, max_size=8))
def test_whoever_the_routing_reaches_nobody_for_is_found_at_that_moment_and_nobody_else(
    facts: Facts, minutes: list[int]
) -> None:
    found, policy = look(facts), facts.document.as_policy()
    for minute in minutes:
        at = NOW + timedelta(minutes=minute)
        for person, known in facts.people.items():
            there = recipients_at(facts, known, moment_of(facts, at))
            asking = next_asking(policy, there, None)
            reached = set(asking.staff_ids) - there.unreachable if asking else set()
            # A finding about several people has the times of all of them, so each is asked alone.
            own = look(_only(facts, person))
            assert is_found(own, ReachReason.NOBODY, person, at) is not bool(reached)
            is_end = bool(reached) and asking is not None and asking.step is Step.EVERYBODY
            assert is_found(own, ReachReason.ONLY_EVERYBODY, person, at) is is_end
            assert not is_found(own, ReachReason.NOBODY, person, at) or is_found(
                found, ReachReason.NOBODY, person, at
            )


def _only(facts: Facts, person: int) -> Facts:
    people = {person: facts.people[person]}
    return Facts(
        facts.document,
        people,
        facts.staff,
        facts.addresses,
        facts.rotas,
        facts.covers,
        facts.week,
    )


steps: st.SearchStrategy[Step] = st.sampled_from(CHAIN_STEPS)
recipients = st.builds(
    Recipients,
    at=st.dictionaries(steps, st.frozensets(numbers, max_size=3)),
    away=st.frozensets(numbers, max_size=2),
    unreachable=st.frozensets(numbers),
)


@given(documents, recipients, st.none() | steps | st.just(Step.EVERYBODY))
def test_a_step_where_nobody_can_be_reached_is_never_waited_for_while_somebody_can(
    document: PolicyDocument, there: Recipients, after: Step | None
) -> None:
    asking = next_asking(document.as_policy(), there, after)
    if asking is None:
        assert not there.present
        return
    assert asking.staff_ids
    chain = (*document.chain, Step.EVERYBODY)
    start = chain.index(after) + 1 if after in document.chain else 0
    rest = (Step.EVERYBODY,) if after is Step.EVERYBODY else chain[start:]
    reachable = [step for step in rest if set(there.of_step(step)) - there.unreachable]
    if reachable:
        assert asking.step is reachable[0]
        passed = rest[: rest.index(asking.step)]
        assert asking.unreachable == tuple(step for step in passed if there.of_step(step))
    else:
        assert asking.step is next(step for step in rest if there.of_step(step))
        assert asking.unreachable == ()
