"""Who would not be reached this week, case by case and in plain words."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from alerts.policy import PolicyDocument, Step
from alerts.reaching.facts import Assigned, Cover, Facts, Staff
from alerts.reaching.preflight import Finding, Key, ReachReason, who_would_be_reached
from alerts.reaching.words import _WORDS, Names, told
from tidewell.rota import Rota, Span, WeeklyShift

NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)  # a Monday
WEEK = Span(NOW, NOW + timedelta(days=7))
LONG_AGO = NOW - timedelta(days=100)
WORKER, COVER, TEAM_MATE, DUTY, MANAGER = 1, 2, 3, 4, 5
SAM, ROBIN = 100, 101
STAFF = {
    number: Staff(number, 1 if number in (WORKER, COVER, TEAM_MATE) else 2, "practitioner")
    for number in (WORKER, COVER, TEAM_MATE, DUTY, MANAGER)
}
KNOWN = (Assigned(WORKER, "key_worker", LONG_AGO),)
SHIPPED = {"duty_line": [DUTY], "service_managers": [MANAGER]}
DAYS = ("monday", "tuesday", "wednesday", "thursday", "friday")
OFFICE = {"days": {day: {"opens": "09:00", "closes": "17:00"} for day in DAYS}}
NIGHTS = Rota(
    7,
    "nights",
    tuple(WeeklyShift(DUTY, "UTC", day, 17 * 60, 33 * 60, LONG_AGO) for day in range(4)),
)
NAMES = Names({WORKER: "Jo", COVER: "Kim", DUTY: "Lee"}, {7: "nights"}, "Europe/London")
TUESDAY, THURSDAY = NOW + timedelta(hours=12), NOW + timedelta(days=2, hours=12)


def facts(**changed: object) -> Facts:
    body = changed.pop("policy", SHIPPED)
    document = PolicyDocument.model_validate(body)
    usual = Facts(document, {SAM: KNOWN}, STAFF, None, {}, (), WEEK)
    return replace(usual, **changed)  # type: ignore[arg-type] # as the test says


def look(**changed: object) -> list[Finding]:
    given = facts(**changed)
    return who_would_be_reached(
        given.document,
        given.people,
        given.staff,
        given.addresses,
        given.rotas,
        given.covers,
        given.week,
    )


def the_only(found: list[Finding]) -> Finding:
    assert len(found) == 1, found
    return found[0]


def test_where_all_is_well_nothing_is_found() -> None:
    assert look() == []
    by_rota = {**SHIPPED, "duty_rota": 7, "working_hours": OFFICE}
    everyday = Rota(
        7, "d", tuple(WeeklyShift(DUTY, "UTC", day, 0, 1440, LONG_AGO) for day in range(7))
    )
    assert look(policy=by_rota, rotas={7: everyday}) == []


def test_somebody_without_a_key_worker_is_found_and_with_them_only_while_it_is_so() -> None:
    found = the_only(look(people={SAM: (), ROBIN: KNOWN}))
    assert found == Finding(Key(ReachReason.NO_KEY_WORKER), (WEEK,), (SAM,))
    changes = (
        Assigned(WORKER, "key_worker", LONG_AGO, TUESDAY),
        Assigned(TEAM_MATE, "key_worker", THURSDAY),
    )
    between = the_only(look(people={SAM: changes}))
    assert between.spans == (Span(TUESDAY, THURSDAY),)
    assert look(people={SAM: (changes[0], Assigned(TEAM_MATE, "key_worker", TUESDAY))}) == []


def test_a_key_worker_who_leaves_is_found_from_the_day_on_which_they_leave() -> None:
    leaving = {**STAFF, WORKER: replace(STAFF[WORKER], left_at=THURSDAY)}
    found = the_only(look(staff=leaving))
    assert found.key == Key(ReachReason.KEY_WORKER_LEFT, WORKER)
    assert found.spans == (Span(THURSDAY, WEEK.ends_at),)


@pytest.mark.parametrize(
    ("is_accepted", "is_declined", "reason"),
    [
        (True, False, None),
        (False, False, ReachReason.COVER_NOT_ACCEPTED),
        (False, True, ReachReason.AWAY_WITHOUT_COVER),
    ],
)
def test_an_absence_is_found_unless_somebody_accepted_to_cover(
    is_accepted: bool, is_declined: bool, reason: ReachReason | None
) -> None:
    cover = Cover(WORKER, COVER, TUESDAY, THURSDAY, is_accepted, is_declined)
    found = look(covers=(cover,))
    if reason is None:
        assert found == []
        return
    assert the_only(found) == Finding(Key(reason, WORKER), (Span(TUESDAY, THURSDAY),), (SAM,))


def test_a_cover_who_is_away_or_left_is_found() -> None:
    cover = Cover(WORKER, COVER, TUESDAY, THURSDAY, is_accepted=True)
    own = Cover(COVER, TEAM_MATE, TUESDAY, TUESDAY + timedelta(days=1), is_accepted=True)
    found = the_only(look(covers=(cover, own)))
    assert found.key == Key(ReachReason.COVER_IS_NOT_THERE, COVER)
    assert found.spans == (Span(TUESDAY, TUESDAY + timedelta(days=1)),)
    gone = {**STAFF, COVER: replace(STAFF[COVER], left_at=NOW)}
    assert the_only(look(covers=(cover,), staff=gone)).key.reason is ReachReason.COVER_IS_NOT_THERE


def test_somebody_to_whom_no_message_can_be_sent_is_found_once_with_their_people() -> None:
    found = the_only(look(addresses=frozenset({DUTY, MANAGER})))
    assert found == Finding(Key(ReachReason.NO_WORKING_ADDRESS, WORKER), (WEEK,), (SAM,))
    no_duty = the_only(look(addresses=frozenset({WORKER, MANAGER})))
    assert no_duty.key == Key(ReachReason.NO_WORKING_ADDRESS, DUTY)


def test_a_step_of_people_who_left_is_found() -> None:
    gone = {**STAFF, DUTY: replace(STAFF[DUTY], left_at=LONG_AGO)}
    found = the_only(look(staff=gone))
    assert found.key == Key(ReachReason.STEP_EMPTY, step=Step.DUTY_LINE)


def test_a_hole_of_a_rota_and_nights_without_anybody_are_found() -> None:
    body = {"service_managers": [MANAGER], "duty_rota": 7, "working_hours": OFFICE}
    found = look(policy=body, rotas={7: NIGHTS})
    reasons = [one.key.reason for one in found]
    assert reasons == [ReachReason.ROTA_HOLE, ReachReason.NOBODY_AT_NIGHT]
    friday_evening = datetime(2026, 11, 27, 17, 0, tzinfo=UTC)
    monday_morning = datetime(2026, 11, 30, 9, 0, tzinfo=UTC)
    for one in found:
        assert one.spans == (Span(friday_evening, monday_morning),)


def test_whom_the_policy_names_stands_in_for_a_hole_of_its_rota() -> None:
    body = {**SHIPPED, "duty_rota": 7, "working_hours": OFFICE}
    assert look(policy=body, rotas={7: NIGHTS}) == []


def test_a_chain_that_reaches_nobody_is_the_first_thing_that_is_said() -> None:
    body = {"chain": ["key_worker", "duty_line"]}
    found = look(policy=body, people={SAM: (), ROBIN: KNOWN})
    assert found[0] == Finding(Key(ReachReason.NOBODY), (WEEK,), (SAM,))
    only = look(policy=body, people={SAM: (Assigned(TEAM_MATE, "clinician", LONG_AGO),)})
    assert only[0] == Finding(Key(ReachReason.ONLY_EVERYBODY), (WEEK,), (SAM,))


def test_every_reason_has_words_that_say_what_to_do_and_name_no_young_person() -> None:
    assert set(_WORDS) == set(ReachReason)
    for reason in ReachReason:
        finding = Finding(Key(reason, WORKER, Step.DUTY_LINE, 7), (WEEK,), (SAM, ROBIN))
        line = told(finding, WEEK, NAMES).line()
        assert "{" not in line
        assert str(SAM) not in line
        assert ", all the time; " in line


def test_times_are_told_by_the_clock_of_the_team() -> None:
    spans = (Span(TUESDAY, THURSDAY), Span(THURSDAY + timedelta(hours=3), WEEK.ends_at))
    finding = Finding(Key(ReachReason.COVER_NOT_ACCEPTED, WORKER), spans, (SAM,))
    assert told(finding, WEEK, NAMES).line() == (
        "Jo, key worker of 1 person, is away and the cover is not accepted yet,"
        " from Tue 24 Nov 00:00 until Thu 26 Nov 00:00 and 1 more time;"
        " ask the one who is to cover to accept on their page; until then alerts go to Jo"
    )
