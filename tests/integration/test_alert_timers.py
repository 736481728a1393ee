"""Alerts that cannot be forgotten, as stories in invented time on a real PostgreSQL."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from psycopg.types.json import Jsonb

from alerts.auditing.store import Summary, audit_alerts
from alerts.reasons import ActionReason, DecisionReason, IntakeReason
from alerts.store import Desk, due_alerts, wake
from tests.integration.test_alert_intake import (
    NOW,
    SITE,
    World,
    fold_all,
    make_world,
    send_all,
    take_in_all,
)
from tidewell.database import Connection, Role, connect

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    import psycopg


@pytest.fixture
async def world(database_url: str, owner: psycopg.AsyncConnection[Any]) -> World:
    return await make_world(database_url, owner)


@pytest.fixture
async def alerts(database_url: str) -> AsyncIterator[Connection]:
    async with await connect(database_url, Role.ALERTS, "test", autocommit=True) as connection:
        yield connection


async def wake_all(connection: Connection, now: datetime) -> list[DecisionReason | None]:
    """Ask every policy that is due at a moment, then send what that wrote down."""
    desk = Desk(connection, SITE, now)
    reasons = [await wake(desk, alert_id) for alert_id in await due_alerts(desk, [])]
    await send_all(connection, now)
    return reasons


async def raise_one(world: World, connection: Connection, level: str = "check_today") -> int:
    episode = await world.open_episode(NOW)
    await world.say(episode, "opened", NOW, level)
    await take_in_all(connection)
    await send_all(connection)
    return episode


async def told(world: World) -> list[int]:
    return await world.values("SELECT staff_id FROM delivery ORDER BY delivery_id")


async def test_accepted_and_forgotten_is_reminded_and_then_goes_on_along_the_chain(
    world: World, alerts: Connection
) -> None:
    people = world.people
    await raise_one(world, alerts)
    await world.act("accept", people.key_worker, NOW + timedelta(hours=1))
    assert await fold_all(alerts, NOW + timedelta(hours=1)) == [ActionReason.ACCEPTED]
    due_at = NOW + timedelta(hours=9)
    assert await world.value("SELECT wake_at FROM alert") == due_at
    assert await wake_all(alerts, due_at - timedelta(seconds=1)) == []

    assert await wake_all(alerts, due_at) == [DecisionReason.ACCEPTED_NOT_CLOSED]
    assert await told(world) == [people.key_worker] * 2
    assert await world.value("SELECT state FROM alert") == "accepted"

    assert await wake_all(alerts, due_at + timedelta(hours=4)) == [
        DecisionReason.ACCEPTED_NOT_CLOSED
    ]
    assert await told(world) == [people.key_worker] * 3 + [people.clinician]
    row = await (
        await world.owner.execute("SELECT state, accepted_by, accepted_at FROM alert")
    ).fetchone()
    assert row == ("notified", None, None)
    assert await audit_alerts(Desk(alerts, SITE, due_at + timedelta(hours=4))) == Summary(1, 0, 0)


async def test_saying_still_on_it_after_a_reminder_starts_the_time_again(
    world: World, alerts: Connection
) -> None:
    await raise_one(world, alerts)
    await world.act("accept", world.people.key_worker, NOW)
    await fold_all(alerts)
    late = NOW + timedelta(hours=8)
    await wake_all(alerts, late)
    await world.act("accept", world.people.key_worker, late)
    assert await fold_all(alerts, late) == [ActionReason.STILL_ON_IT]
    assert await world.value("SELECT wake_at FROM alert") == late + timedelta(hours=8)


async def test_the_auditor_finds_an_accepted_alert_without_a_timer(
    world: World, alerts: Connection
) -> None:
    await raise_one(world, alerts)
    await world.act("accept", world.people.key_worker, NOW)
    await fold_all(alerts)
    desk = Desk(alerts, SITE, NOW)
    assert await audit_alerts(desk) == Summary(1, 0, 0)
    await world.do("UPDATE alert SET wake_at = NULL")
    assert await audit_alerts(desk) == Summary(1, 1, 1)
    assert await wake_all(alerts, NOW) == []
    assert await world.value("SELECT wake_at FROM alert") > NOW
    assert await audit_alerts(desk) == Summary(1, 0, 0)


async def test_an_answer_to_the_lower_level_does_not_count_for_the_higher_one(
    world: World, alerts: Connection
) -> None:
    people = world.people
    episode = await raise_one(world, alerts)
    await world.act("accept", people.clinician, NOW, seen_level="check_today")
    later = NOW + timedelta(seconds=1)
    await world.say(episode, "worsened", later, "check_now")
    assert await take_in_all(alerts, later) == [IntakeReason.WORSENED]
    await send_all(alerts, later)

    assert await fold_all(alerts, later) == [ActionReason.LEVEL_ROSE_SINCE]

    assert await world.value("SELECT state FROM alert") == "notified"
    assert (await told(world))[-1] == people.clinician
    assert (await world.history())[-1] == "notification_queued:seen_at_lower_level"
    await world.act("accept", people.clinician, later, seen_level="check_now")
    assert await fold_all(alerts, later) == [ActionReason.ACCEPTED]


async def test_a_closed_alert_whose_change_grows_is_raised_again_and_linked(
    world: World, alerts: Connection
) -> None:
    episode = await raise_one(world, alerts)
    await world.act("close", world.people.key_worker, NOW, outcome="all_fine")
    await fold_all(alerts)
    soon = NOW + timedelta(hours=1)
    await world.say(episode, "continued", soon)
    assert await take_in_all(alerts, soon) == [IntakeReason.ALERT_CLOSED]
    await world.say(episode, "worsened", soon, "check_now")
    assert await take_in_all(alerts, soon) == [IntakeReason.RE_RAISED]

    first, second = await world.values("SELECT alert_id FROM alert ORDER BY alert_id")
    assert await world.value("SELECT former_alert_id FROM alert WHERE state <> 'closed'") == first
    lines = await world.values(
        "SELECT kind || ':' || reason FROM alert_event WHERE alert_id = %s ORDER BY 1", second
    )
    assert lines == ["created:re_raised", "notification_queued:first_notification"]
    assert "re_raised:re_raised" in await world.history()


async def test_a_change_that_goes_on_for_days_after_closing_is_raised_again(
    world: World, alerts: Connection
) -> None:
    episode = await raise_one(world, alerts)
    await world.act("close", world.people.key_worker, NOW, outcome="already_known")
    await fold_all(alerts)
    for days, reason in ((1, IntakeReason.ALERT_CLOSED), (3, IntakeReason.RE_RAISED)):
        at = NOW + timedelta(days=days)
        await world.say(episode, "continued", at)
        assert await take_in_all(alerts, at) == [reason]


async def test_repeats_of_one_cause_join_and_only_the_last_one_ends_the_change(
    world: World, alerts: Connection
) -> None:
    first = await raise_one(world, alerts)
    await world.do("UPDATE episode SET closed_at = %s", NOW)
    await world.say(first, "closed", NOW, "usual")
    assert await take_in_all(alerts) == [IntakeReason.BACK_TO_USUAL]
    later = NOW + timedelta(hours=30)
    second = await world.open_episode(later)
    await world.say(second, "opened", later)
    assert await take_in_all(alerts, later) == [IntakeReason.MERGED]
    assert await world.value("SELECT count(*) FROM alert") == 1
    assert await world.value("SELECT back_to_usual_at FROM alert") is None
    assert len(await told(world)) == 1
    await world.do("UPDATE episode SET closed_at = %s WHERE closed_at IS NULL", later)
    await world.say(second, "closed", later, "usual")
    assert await take_in_all(alerts, later) == [IntakeReason.BACK_TO_USUAL]
    assert await world.value("SELECT back_to_usual_at FROM alert") == later


async def test_an_echo_of_a_closed_alert_is_held_and_another_cause_is_not(
    world: World, alerts: Connection
) -> None:
    await raise_one(world, alerts)
    await world.act("close", world.people.key_worker, NOW, outcome="all_fine")
    await fold_all(alerts)
    await world.do("UPDATE episode SET closed_at = %s", NOW)
    later = NOW + timedelta(hours=10)
    for family, reason in (("illness", IntakeReason.REPEAT_HELD), ("sleep", IntakeReason.RAISED)):
        await world.say(await world.open_episode(later, family), "opened", later)
        assert await take_in_all(alerts, later) == [reason]


async def test_a_snooze_ends_and_never_survives_a_rise(world: World, alerts: Connection) -> None:
    people, until = world.people, NOW + timedelta(hours=20)
    episode = await raise_one(world, alerts)
    await world.act("snooze", people.key_worker, NOW, snooze=("visit_planned", until))
    assert await fold_all(alerts) == [ActionReason.SNOOZED]
    assert await world.value("SELECT wake_at FROM alert") == until
    assert await wake_all(alerts, until) == [DecisionReason.SNOOZE_ENDED]
    assert await told(world) == [people.key_worker] * 2

    again = until + timedelta(hours=1)
    await world.act(
        "snooze", people.key_worker, until, snooze=("visit_planned", again + timedelta(hours=9))
    )
    assert await fold_all(alerts, until) == [ActionReason.SNOOZED]
    await world.say(episode, "worsened", again, "check_now")
    assert await take_in_all(alerts, again) == [IntakeReason.WORSENED]
    assert await world.values("SELECT snoozed_until FROM alert") == [None]
    assert (await told(world))[-1] == people.key_worker


async def test_what_is_passed_on_stays_with_the_giver_until_the_receiver_takes_it(
    world: World, alerts: Connection
) -> None:
    people = world.people
    await raise_one(world, alerts)
    await world.act("accept", people.key_worker, NOW)
    await world.act("hand_over", people.key_worker, NOW, to_staff_id=people.stranger)
    await world.act("hand_over", people.key_worker, NOW, to_staff_id=people.clinician)
    assert await fold_all(alerts) == [
        ActionReason.ACCEPTED,
        ActionReason.RECEIVER_CANNOT,
        ActionReason.OFFERED,
    ]
    assert await world.value("SELECT accepted_by FROM alert") == people.key_worker
    assert (await told(world))[-1] == people.clinician
    await world.act("accept", people.clinician, NOW)
    assert await fold_all(alerts) == [ActionReason.TAKEN_OVER]
    row = await (await world.owner.execute("SELECT accepted_by, offered_to FROM alert")).fetchone()
    assert row == (people.clinician, None)


async def test_key_worker_on_leave_cover_does_not_answer_duty_accepts_and_nobody_is_told_twice(
    world: World, alerts: Connection
) -> None:
    people = world.people
    cover, duty = await add_staff(world), await add_staff(world)
    await world.do(
        "INSERT INTO policy (name, body, valid_from) VALUES ('alerts', %s, %s)",
        Jsonb({"chain": ["key_worker", "cover", "duty_line"], "duty_line": [duty]}),
        NOW - timedelta(days=1),
    )
    leave = (people.key_worker, cover, NOW - timedelta(days=1), NOW + timedelta(days=7))
    insert = (
        "INSERT INTO cover (away_staff_id, cover_staff_id, valid_from, valid_until)"
        " VALUES (%s, %s, %s, %s)"
    )
    await world.do(insert, *leave)
    await world.say(await world.open_episode(NOW, "sleep"), "opened", NOW)
    await take_in_all(alerts)
    # Nobody accepted to cover yet, so it stays with the giver.
    assert await told(world) == [people.key_worker]
    await world.do("UPDATE cover SET accepted_at = %s", NOW)

    await world.say(await world.open_episode(NOW), "opened", NOW, "check_now")
    await take_in_all(alerts)
    assert await told(world) == [people.key_worker, cover]
    late = NOW + timedelta(minutes=15)
    await send_all(alerts)
    await wake_all(alerts, late)
    assert await told(world) == [people.key_worker, cover, duty]

    await world.act("accept", duty, late)
    assert await fold_all(alerts, late) == [ActionReason.ACCEPTED]
    await wake_all(alerts, late + timedelta(minutes=29))
    assert await told(world) == [people.key_worker, cover, duty]


async def test_who_left_is_nowhere_in_the_chain(world: World, alerts: Connection) -> None:
    await world.do(
        "INSERT INTO sign_in (username, password_hash, staff_id, created_at, disabled_at)"
        " VALUES ('gone', '', %s, %s, %s)",
        world.people.key_worker,
        NOW - timedelta(days=90),
        NOW - timedelta(days=1),
    )
    await raise_one(world, alerts)
    assert await told(world) == [world.people.clinician]


async def test_who_was_asked_may_look_until_a_day_after_it_was_closed(
    world: World, alerts: Connection
) -> None:
    duty = await add_staff(world)
    may_see = "SELECT staff_may_see(%s, %s, %s)"
    await raise_one(world, alerts)
    assert not await world.value(may_see, duty, world.people.person, NOW)
    await world.do("UPDATE delivery SET staff_id = %s", duty)
    assert await world.value(may_see, duty, world.people.person, NOW)
    await world.do("UPDATE alert SET state = 'closed', closed_at = %s", NOW)
    for hours, answer in ((23, True), (25, False)):
        at = NOW + timedelta(hours=hours)
        assert await world.value(may_see, duty, world.people.person, at) is answer


async def add_staff(world: World) -> int:
    staff_id: int = await world.value(
        "INSERT INTO staff (role, display_name, created_at)"
        " VALUES ('practitioner', 'another', %s) RETURNING staff_id",
        NOW - timedelta(days=90),
    )
    return staff_id
