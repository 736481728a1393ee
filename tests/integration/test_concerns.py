"""A young person asks, somebody is worried: what becomes of it, on a real PostgreSQL."""

from __future__ import annotations

import asyncio
import os
import random
import signal
import sys
from dataclasses import replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from psycopg.types.json import Jsonb

from alerts.concerns import store as concerns
from alerts.intake import store as intake
from alerts.reasons import ActionReason, ConcernReason, DecisionReason
from alerts.store import Desk, due_alerts, wake
from tests.integration.test_alert_intake import (
    GIVE_UP_S,
    NOW,
    SITE,
    World,
    fold_all,
    make_world,
    send_all,
    take_in_all,
    until,
)
from tests.integration.test_alert_service import served
from tidewell.database import Connection, Role, connect

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    import psycopg

WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday")
OFFICE = {"days": {day: {"opens": "09:00", "closes": "17:00"} for day in WEEKDAYS}}
MONDAY_MORNING = NOW.replace(day=23, hour=9)  # NOW is a Sunday
MONDAY_NOON = NOW.replace(day=23)
HOUR = timedelta(hours=1)
WITH_WEBHOOK = replace(
    SITE, webhook_url="https://pages.example/hook", channels=frozenset({"console", "webhook"})
)


@pytest.fixture
async def world(database_url: str, owner: psycopg.AsyncConnection[Any]) -> World:
    return await make_world(database_url, owner)


@pytest.fixture
async def alerts(database_url: str) -> AsyncIterator[Connection]:
    async with await connect(database_url, Role.ALERTS, "test", autocommit=True) as connection:
        yield connection


async def ask(world: World, at: datetime = NOW, choice: str = "talk") -> int:
    """Ask for a check-in, as the young person's page does."""
    number: int = await world.value(
        "INSERT INTO concern (person_id, kind, source, choice, at)"
        " VALUES (%s, 'raise', 'young_person', %s, %s) RETURNING concern_id",
        world.people.person,
        choice,
        at,
    )
    await world.do("SELECT pg_notify('tidewell_concern', '')")
    return number


async def take_back(world: World, concern_id: int, at: datetime = NOW) -> None:
    await world.do(
        "INSERT INTO concern (person_id, kind, source, withdraws, at)"
        " VALUES (%s, 'withdraw', 'young_person', %s, %s)",
        world.people.person,
        concern_id,
        at,
    )


async def worry(
    world: World,
    staff_id: int,
    level: str,
    at: datetime = NOW,
    *,
    source: str = "staff",
    takes_it: bool = False,
) -> None:
    await world.do(
        "INSERT INTO concern (person_id, kind, source, staff_id, level, note, takes_it, at)"
        " VALUES (%s, 'raise', %s, %s, %s, 'Seen at the door.', %s, %s)",
        world.people.person,
        source,
        staff_id,
        level,
        takes_it,
        at,
    )


async def take_in_concerns(
    connection: Connection, now: datetime = NOW
) -> list[ConcernReason | None]:
    pending = await concerns.unhandled_concerns(connection, [])
    desk = Desk(connection, SITE, now)
    return [await concerns.take_in(desk, one, random.SystemRandom()) for one in pending]


async def with_hours(world: World, **policy: object) -> None:
    await world.do(
        "INSERT INTO policy (name, body, valid_from) VALUES ('alerts', %s, %s)",
        Jsonb({"working_hours": OFFICE, **policy}),
        NOW - timedelta(days=1),
    )


async def wake_all(connection: Connection, now: datetime) -> list[DecisionReason | None]:
    desk = Desk(connection, SITE, now)
    return [await wake(desk, one) for one in await due_alerts(desk, [])]


async def test_what_a_young_person_asks_is_told_to_the_key_worker_at_once(
    world: World, alerts: Connection
) -> None:
    await ask(world)
    assert await take_in_concerns(alerts) == [ConcernReason.RAISED]
    assert await take_in_concerns(alerts) == []
    assert await world.values("SELECT cause || ' ' || level || ' ' || state FROM alert") == [
        "check_in_asked check_today raised"
    ]
    assert await world.values("SELECT staff_id FROM delivery") == [world.people.key_worker]
    assert await world.values("SELECT explanation ->> 'sentence' FROM alert") == [
        "Asked for a check-in: “I'd like to talk”."
    ]


async def test_neither_age_nor_a_pause_nor_a_measured_alert_holds_a_request_back(
    world: World, alerts: Connection
) -> None:
    await world.do(
        "INSERT INTO pause (person_id, paused_from) VALUES (%s, %s)",
        world.people.person,
        NOW - timedelta(days=2),
    )
    await world.say(await world.open_episode(NOW), "opened", NOW)
    await take_in_all(alerts)
    await ask(world, NOW - timedelta(days=9))
    assert await take_in_concerns(alerts) == [ConcernReason.RAISED]
    assert await world.value("SELECT count(*) FROM alert WHERE state <> 'closed'") == 2


async def test_a_budget_that_is_used_up_neither_delays_nor_bundles_it(
    world: World, alerts: Connection
) -> None:
    desk, rng = Desk(alerts, WITH_WEBHOOK, NOW), random.SystemRandom()
    for number in range(5):
        await world.say(await world.open_episode(NOW, f"f{number}"), "opened", NOW)
    for event in await intake.unhandled_events(alerts, []):
        await intake.take_in(desk, event, rng)
    assert await world.value("SELECT count(*) > 0 FROM delivery WHERE bundle IS NOT NULL")
    await ask(world)
    for pending in await concerns.unhandled_concerns(alerts, []):
        await concerns.take_in(desk, pending, rng)
    of_request = "FROM delivery JOIN alert USING (alert_id) WHERE cause = 'check_in_asked'"
    assert set(await world.values(f"SELECT attempt_at {of_request}")) == {NOW}
    assert set(await world.values(f"SELECT bundle {of_request}")) == {None}
    assert set(await world.values(f"SELECT is_first {of_request}")) == {True}


async def test_asking_again_joins_and_rings_those_who_were_asked_once_an_hour(
    world: World, alerts: Connection
) -> None:
    await ask(world)
    await take_in_concerns(alerts)
    for minutes in (1, 2, 3):
        await ask(world, NOW + timedelta(minutes=minutes), "worried")
        now = NOW + timedelta(minutes=minutes)
        assert await take_in_concerns(alerts, now) == [ConcernReason.JOINED]
    assert await world.value("SELECT count(*) FROM alert") == 1
    assert await world.value("SELECT count(*) FROM delivery") == 1
    assert await world.value("SELECT wake_at FROM alert") == NOW + HOUR
    assert await wake_all(alerts, NOW + HOUR) == [DecisionReason.ASKED_AGAIN]
    assert await world.value("SELECT count(*) FROM delivery") == 2
    assert await world.value("SELECT wake_at FROM alert") == NOW + 4 * HOUR
    assert "4 times: most lately “Something is worrying me”" in await world.value(
        "SELECT explanation ->> 'sentence' FROM alert"
    )


async def test_an_owner_hears_at_once_that_it_was_asked_again(
    world: World, alerts: Connection
) -> None:
    await ask(world)
    await take_in_concerns(alerts)
    await send_all(alerts)
    await world.act("accept", world.people.clinician, NOW)
    await fold_all(alerts)
    later = NOW + timedelta(minutes=20)
    await ask(world, later)
    await take_in_concerns(alerts, later)
    told = await world.values("SELECT staff_id FROM delivery ORDER BY delivery_id")
    assert told == [world.people.key_worker, world.people.clinician]
    assert (await world.history())[-2:] == [
        "asked_again:joined",
        "notification_queued:asked_again",
    ]


async def test_out_of_hours_a_request_waits_for_work_and_so_does_its_repeat(
    world: World, alerts: Connection
) -> None:
    await with_hours(world)
    await ask(world)
    await take_in_concerns(alerts)
    await ask(world, NOW + HOUR)
    await take_in_concerns(alerts, NOW + HOUR)
    assert await world.value("SELECT count(*) FROM delivery") == 0
    assert await world.value("SELECT wake_at FROM alert") == MONDAY_MORNING
    assert await wake_all(alerts, MONDAY_MORNING) == [DecisionReason.FIRST_NOTIFICATION]
    assert await world.value("SELECT count(*) FROM delivery") == 1
    assert await wake_all(alerts, MONDAY_MORNING) == []


async def test_a_worry_that_cannot_wait_goes_to_the_duty_line_at_night(
    world: World, alerts: Connection
) -> None:
    await with_hours(world, duty_line=[world.people.stranger])
    await worry(world, world.people.key_worker, "check_now")
    assert await take_in_concerns(alerts) == [ConcernReason.RAISED]
    assert await world.values("SELECT staff_id FROM delivery") == [world.people.stranger]


async def test_a_key_worker_who_is_worried_is_not_asked_first_and_others_are(
    world: World, alerts: Connection
) -> None:
    await worry(world, world.people.key_worker, "check_today")
    await take_in_concerns(alerts)
    assert await world.values("SELECT staff_id FROM delivery") == [world.people.clinician]
    assert await world.history() == [
        "created:raised",
        "step_skipped:raised_it_themselves",
        "notification_queued:first_notification",
    ]


async def test_a_key_worker_who_takes_it_in_the_same_breath_owns_it_and_nobody_is_called(
    world: World, alerts: Connection
) -> None:
    await worry(world, world.people.key_worker, "check_today", takes_it=True)
    await take_in_concerns(alerts)
    assert await world.values("SELECT state FROM alert") == ["accepted"]
    assert await world.values("SELECT accepted_by FROM alert") == [world.people.key_worker]
    assert await world.value("SELECT count(*) FROM delivery") == 0
    assert await world.history() == ["created:raised", "accepted:took_it_at_once"]
    assert await world.value("SELECT wake_at FROM alert") == NOW + 8 * HOUR


async def test_somebody_who_may_not_see_the_person_is_heard_and_owns_nothing(
    world: World, alerts: Connection
) -> None:
    await worry(world, world.people.stranger, "check_today", takes_it=True)
    assert await take_in_concerns(alerts) == [ConcernReason.RAISED]
    assert await world.values("SELECT state FROM alert") == ["raised"]
    assert await world.values("SELECT staff_id FROM delivery") == [world.people.key_worker]


async def test_a_more_urgent_worry_makes_the_open_one_more_urgent_and_a_lesser_one_does_not(
    world: World, alerts: Connection
) -> None:
    await worry(world, world.people.clinician, "check_today")
    await worry(world, world.people.clinician, "for_review", source="carer")
    await worry(world, world.people.clinician, "check_now")
    assert await take_in_concerns(alerts) == [
        ConcernReason.RAISED,
        ConcernReason.JOINED,
        ConcernReason.LEVEL_ROSE,
    ]
    assert await world.values("SELECT level FROM alert") == ["check_now"]
    assert await world.value("SELECT explanation ->> 'sentence' FROM alert") == (
        "A colleague is worried. A carer is worried, said 3 times."
    )


async def test_taking_it_back_is_written_down_closes_nothing_and_comes_after_the_request(
    world: World, alerts: Connection
) -> None:
    request = await ask(world)
    await take_back(world, request)
    assert await take_in_concerns(alerts) == [ConcernReason.RAISED]
    assert await take_in_concerns(alerts) == [ConcernReason.NOT_NEEDED_ANY_MORE]
    assert await world.values("SELECT state FROM alert") == ["raised"]
    assert (await world.history())[-1] == "not_needed_any_more:not_needed_any_more"
    assert await world.value("SELECT count(*) FROM concern_intake") == 2


async def test_after_it_was_closed_a_request_raises_another_alert(
    world: World, alerts: Connection
) -> None:
    first = await ask(world)
    await take_in_concerns(alerts)
    await world.act("close", world.people.key_worker, NOW, outcome="all_fine")
    assert await fold_all(alerts) == [ActionReason.CLOSED]
    await take_back(world, first)
    await ask(world)
    assert await take_in_concerns(alerts) == [ConcernReason.ALREADY_CLOSED, ConcernReason.RAISED]
    assert await world.value("SELECT count(*) FROM alert") == 2


async def test_two_processes_take_each_concern_in_once_and_raise_one_alert(
    world: World, alerts: Connection
) -> None:
    for _ in range(3):
        await ask(world)
    async with await connect(world.url, Role.ALERTS, "other", autocommit=True) as other:
        taken = await asyncio.gather(take_in_concerns(alerts), take_in_concerns(other))
    assert sorted(map(str, [*taken[0], *taken[1]])) == ["None"] * 3 + ["joined"] * 2 + ["raised"]
    assert await world.value("SELECT count(*) FROM concern_intake") == 3
    assert await world.value("SELECT count(*) FROM alert") == 1


async def test_how_it_ended_is_told_to_the_detector_for_measured_alerts_only(
    world: World, alerts: Connection
) -> None:
    outcomes = ["support_needed", "all_fine", "already_known", "data_was_wrong", "could_not_reach"]
    for number, outcome in enumerate(outcomes):
        await world.say(await world.open_episode(NOW, f"f{number}"), "opened", NOW)
        await take_in_all(alerts)
        await world.act("close", world.people.key_worker, NOW, outcome=outcome)
        await fold_all(alerts)
    for outcome in ("support_needed", "all_fine"):
        await ask(world)
        await take_in_concerns(alerts)
        await world.act("close", world.people.key_worker, NOW, outcome=outcome)
        await worry(world, world.people.clinician, "check_today")
        await take_in_concerns(alerts)
        await world.act("close", world.people.key_worker, NOW, outcome=outcome)
        await fold_all(alerts)
    assert await world.value("SELECT count(*) FROM alert WHERE state = 'closed'") == 9
    heard = await world.values("SELECT outcome FROM outcome_for_detector ORDER BY alert_event_id")
    assert heard == outcomes


async def test_the_pages_are_told_when_the_team_is_at_work(
    world: World, alerts: Connection
) -> None:
    stretch = "SELECT begins_at, ends_at FROM working_stretch"
    await concerns.tell_stretch(Desk(alerts, SITE, NOW))
    assert await (await world.owner.execute(stretch)).fetchall() == [(None, None)]
    await with_hours(world)
    for now in (NOW, MONDAY_NOON):
        await concerns.tell_stretch(Desk(alerts, SITE, now))
        evening = MONDAY_MORNING.replace(hour=17)
        assert await (await world.owner.execute(stretch)).fetchall() == [(MONDAY_MORNING, evening)]


DYING_SERVICE = """
import asyncio, os
from alerts.service import run_alerts
from tidewell import crashpoints
from tidewell.settings import Settings
settings = Settings(crash_at=os.environ["CRASH_AT"], fault_tests=True)
crashpoints.arm(settings)
asyncio.run(run_alerts(settings, os.environ["DATABASE"], stop=asyncio.Event()))
"""


@pytest.mark.parametrize("place", ["after_intake:1", "after_intake:2", "after_claim:1"])
async def test_a_service_killed_on_the_way_loses_no_request_and_takes_none_in_twice(
    world: World, place: str
) -> None:
    for choice in ("talk", "unwell"):
        await ask(world, NOW, choice)
    await worry(world, world.people.clinician, "check_today")
    environment = {**os.environ, "CRASH_AT": place, "DATABASE": world.url}
    dying = await asyncio.create_subprocess_exec(
        sys.executable, "-c", DYING_SERVICE, env=environment, stdout=asyncio.subprocess.DEVNULL
    )
    assert await asyncio.wait_for(dying.wait(), GIVE_UP_S) == -signal.SIGKILL
    await world.do("UPDATE delivery SET lease_until = now() WHERE state = 'waiting'")
    async with served(world):
        await until(lambda: world.value("SELECT count(*) = 3 FROM concern_intake"))
        await until(
            lambda: world.value(
                "SELECT count(DISTINCT alert_id) = 2 FROM delivery WHERE state = 'handed_over'"
            )
        )
    assert await world.values("SELECT cause FROM alert ORDER BY cause") == [
        "check_in_asked",
        "worry",
    ]
