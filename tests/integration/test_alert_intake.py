"""What becomes of an episode event, of an alert in time, and of an answer, on a real PostgreSQL."""

from __future__ import annotations

import asyncio
import random
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from psycopg.rows import scalar_row
from psycopg.types.json import Jsonb

from alerts.answers import store as answers
from alerts.auditing.store import Summary, audit_alerts
from alerts.deliveries import Failure
from alerts.intake import store as intake
from alerts.reasons import ActionReason, DecisionReason, DeliveryReason, IntakeReason
from alerts.sending import store as messages
from alerts.store import Desk, Site, due_alerts, wake
from tidewell.database import Connection, Role, connect

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

    import psycopg


NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
SITE = Site("https://pages.example", None, frozenset({"console"}), 36)
EXPLANATION = {"family": "illness", "sentence": "Something has changed."}
GIVE_UP_S = 20.0


@dataclass
class People:
    """One person, the two who know them, and one who knows somebody else."""

    person: int
    key_worker: int
    clinician: int
    stranger: int


@dataclass
class World:
    """A database with people in it, and the ways to look at it and to change it."""

    url: str
    owner: psycopg.AsyncConnection[Any]
    people: People

    async def value(self, query: str, *parameters: object) -> Any:  # noqa: ANN401 -- whatever the query asks for
        async with self.owner.cursor(row_factory=scalar_row) as cursor:
            await cursor.execute(query.encode(), parameters)
            return await cursor.fetchone()

    async def values(self, query: str, *parameters: object) -> list[Any]:
        async with self.owner.cursor(row_factory=scalar_row) as cursor:
            await cursor.execute(query.encode(), parameters)
            return await cursor.fetchall()

    async def do(self, query: str, *parameters: object) -> None:
        await self.owner.execute(query.encode(), parameters)

    async def open_episode(
        self, at: datetime, family: str = "illness", person: int | None = None
    ) -> int:
        episode_id: int = await self.value(
            "INSERT INTO episode (person_id, family, opened_at, level, score, explanation,"
            " detector_version) VALUES (%s, %s, %s, 'check_today', 4, %s, '1')"
            " RETURNING episode_id",
            person or self.people.person,
            family,
            at,
            Jsonb(EXPLANATION),
        )
        return episode_id

    async def say(
        self,
        episode_id: int,
        kind: str,
        at: datetime,
        level: str = "check_today",
        recorded_at: datetime | None = None,
    ) -> int:
        """Write an episode event as ingest does, with its hint."""
        async with self.owner.transaction():
            event_id: int = await self.value(
                "INSERT INTO episode_event (episode_id, kind, at, recorded_at, level, score,"
                " explanation) VALUES (%s, %s, %s, %s, %s, 4, %s) RETURNING episode_event_id",
                episode_id,
                kind,
                at,
                recorded_at or at,
                level,
                Jsonb(EXPLANATION),
            )
            await self.do("SELECT pg_notify('tidewell_episode_event', '')")
        return event_id

    async def act(
        self,
        kind: str,
        staff_id: int,
        at: datetime,
        *,
        outcome: str | None = None,
        note: str = "",
        seen_level: str | None = None,
        to_staff_id: int | None = None,
        snooze: tuple[str, datetime] | None = None,
    ) -> int:
        """Ask something of the newest alert, as the pages do."""
        async with self.owner.transaction():
            action_id: int = await self.value(
                "INSERT INTO alert_action (alert_id, staff_id, kind, outcome, note, at,"
                " seen_level, to_staff_id, snooze_reason, snooze_until)"
                " SELECT max(alert_id), %s, %s, %s, %s, %s, %s, %s, %s, %s FROM alert"
                " RETURNING alert_action_id",
                staff_id,
                kind,
                outcome,
                note,
                at,
                seen_level,
                to_staff_id,
                *(snooze or (None, None)),
            )
            await self.do("SELECT pg_notify('tidewell_alert_action', '')")
        return action_id

    async def history(self) -> list[str]:
        return await self.values(
            "SELECT kind || ':' || reason FROM alert_event ORDER BY alert_event_id"
        )


async def make_world(database_url: str, owner: psycopg.AsyncConnection[Any]) -> World:
    """Write people who know each other and one who does not know them."""
    staff: list[int] = []
    for role in ("practitioner", "clinician", "practitioner"):
        cursor = await owner.execute(
            "INSERT INTO staff (role, display_name, created_at) VALUES (%s, %s, %s)"
            " RETURNING staff_id",
            (role, f"{role} {len(staff)}", NOW - timedelta(days=90)),
        )
        staff.append((await cursor.fetchone() or (0,))[0])
    cursor = await owner.execute(
        "INSERT INTO person (label, shard, timezone, reading_level, created_at)"
        " VALUES ('person-1', 3, 'Europe/London', '12-15', %s) RETURNING person_id",
        (NOW - timedelta(days=90),),
    )
    person = (await cursor.fetchone() or (0,))[0]
    for staff_id, kind in ((staff[0], "key_worker"), (staff[1], "clinician")):
        await owner.execute(
            "INSERT INTO assignment (staff_id, person_id, kind, valid_from)"
            " VALUES (%s, %s, %s, %s)",
            (staff_id, person, kind, NOW - timedelta(days=90)),
        )
    await owner.execute(
        "WITH other AS (INSERT INTO person (label, shard, timezone, reading_level, created_at)"
        " VALUES ('person-2', 3, 'Europe/London', '12-15', %(at)s) RETURNING person_id)"
        " INSERT INTO assignment (staff_id, person_id, kind, valid_from)"
        " SELECT %(staff_id)s, person_id, 'key_worker', %(at)s FROM other",
        {"staff_id": staff[2], "at": NOW - timedelta(days=90)},
    )
    return World(database_url, owner, People(person, staff[0], staff[1], staff[2]))


async def take_in_all(connection: Connection, now: datetime = NOW) -> list[IntakeReason | None]:
    desk = Desk(connection, SITE, now)
    pending = await intake.unhandled_events(connection, [])
    return [await intake.take_in(desk, one, random.SystemRandom()) for one in pending]


async def fold_all(connection: Connection, now: datetime = NOW) -> list[ActionReason | None]:
    desk = Desk(connection, SITE, now)
    return [await answers.fold(desk, one) for one in await answers.unfolded_actions(connection, [])]


async def send_all(connection: Connection, now: datetime = NOW) -> list[messages.Claimed]:
    desk = Desk(connection, SITE, now)
    claims = await messages.claim(desk, "console", "test")
    for claimed in claims:
        assert await messages.mark_handed_over(desk, claimed)
    return claims


async def until(condition: Callable[[], Awaitable[object]]) -> None:
    async with asyncio.timeout(GIVE_UP_S):
        while not await condition():
            await asyncio.sleep(0.02)


@pytest.fixture
async def world(database_url: str, owner: psycopg.AsyncConnection[Any]) -> World:
    return await make_world(database_url, owner)


@pytest.fixture
async def alerts(database_url: str) -> AsyncIterator[Connection]:
    async with await connect(database_url, Role.ALERTS, "test", autocommit=True) as connection:
        yield connection


# ---- Intake ----------------------------------------------------------------


async def test_an_event_raises_one_alert_for_the_key_worker(
    world: World, alerts: Connection
) -> None:
    await world.say(await world.open_episode(NOW), "opened", NOW)

    assert await take_in_all(alerts) == [IntakeReason.RAISED]

    row = await (
        await world.owner.execute("SELECT state, level, recipient_staff_id, wake_at FROM alert")
    ).fetchone()
    assert row == ("raised", "check_today", world.people.key_worker, NOW + timedelta(hours=4))
    assert await world.values("SELECT staff_id FROM delivery") == [world.people.key_worker]
    assert await world.history() == ["created:raised", "notification_queued:first_notification"]
    assert await take_in_all(alerts) == []


async def test_further_events_of_the_episode_raise_no_second_alert(
    world: World, alerts: Connection
) -> None:
    episode = await world.open_episode(NOW)
    await world.say(episode, "opened", NOW)
    await world.say(episode, "continued", NOW + timedelta(seconds=1))

    assert await take_in_all(alerts) == [IntakeReason.RAISED, IntakeReason.ALREADY_RAISED]
    assert await world.value("SELECT count(*) FROM alert") == 1
    assert await world.value("SELECT count(*) FROM delivery") == 1


async def test_old_history_pages_nobody_but_an_episode_still_open_does(
    world: World, alerts: Connection
) -> None:
    old = NOW - timedelta(days=20)
    over = await world.open_episode(old)
    await world.say(over, "opened", old, recorded_at=NOW)
    await world.do("UPDATE episode SET closed_at = %s", old + timedelta(days=3))
    await world.say(over, "closed", old + timedelta(days=3))
    lasting = await world.open_episode(NOW - timedelta(days=5))
    await world.say(lasting, "opened", NOW - timedelta(days=5), recorded_at=NOW)
    await world.say(lasting, "continued", NOW - timedelta(hours=6))

    assert await take_in_all(alerts) == [
        IntakeReason.OLD_NEWS,
        IntakeReason.EPISODE_CLOSED,
        IntakeReason.OLD_NEWS,
        IntakeReason.RAISED,
    ]
    assert await world.values("SELECT episode_id FROM alert") == [lasting]


async def test_an_episode_that_closes_marks_the_alert_and_leaves_it_open(
    world: World, alerts: Connection
) -> None:
    episode = await world.open_episode(NOW)
    await world.say(episode, "opened", NOW)
    await world.say(episode, "closed", NOW + timedelta(hours=1), "usual")

    assert await take_in_all(alerts) == [IntakeReason.RAISED, IntakeReason.BACK_TO_USUAL]
    assert await world.value("SELECT back_to_usual_at FROM alert") == NOW + timedelta(hours=1)
    assert await world.value("SELECT state FROM alert") == "raised"


async def test_a_device_that_was_just_taken_off_asks_nobody_and_nothing_is_lost(
    world: World, alerts: Connection
) -> None:
    episode = await world.open_episode(NOW, "device")
    await world.say(episode, "opened", NOW, "usual")
    assert await take_in_all(alerts) == [IntakeReason.LEVEL_TOO_LOW]
    await world.do("UPDATE episode SET closed_at = %s", NOW + timedelta(hours=1))
    await world.say(episode, "closed", NOW + timedelta(hours=1), "usual")
    assert await take_in_all(alerts) == [IntakeReason.EPISODE_CLOSED]

    assert await world.value("SELECT count(*) FROM alert") == 0
    assert await world.value("SELECT count(*) FROM delivery") == 0
    later = Desk(alerts, SITE, NOW + timedelta(days=1))
    assert await audit_alerts(later) == Summary(alerts_checked=0, violations=0, repaired=0)


async def test_a_device_that_stays_off_asks_for_review_once_it_has_lasted(
    world: World, alerts: Connection
) -> None:
    episode = await world.open_episode(NOW, "device")
    await world.say(episode, "opened", NOW, "usual")
    await world.say(episode, "worsened", NOW + timedelta(hours=4), "for_review")
    later = NOW + timedelta(hours=4)
    assert await take_in_all(alerts, later) == [IntakeReason.LEVEL_TOO_LOW, IntakeReason.RAISED]
    assert await world.values("SELECT level || ' ' || cause FROM alert") == ["for_review device"]
    assert await world.values("SELECT since FROM alert") == [NOW]
    assert await audit_alerts(Desk(alerts, SITE, later)) == Summary(1, 0, 0)

    back = NOW + timedelta(hours=5)
    await world.do("UPDATE episode SET closed_at = %s", back)
    await world.say(episode, "closed", back, "for_review")
    assert await take_in_all(alerts, back) == [IntakeReason.BACK_TO_USUAL]
    assert await world.value("SELECT back_to_usual_at FROM alert") == back


async def test_a_rise_reopens_an_accepted_alert_and_asks_its_owner_again(
    world: World, alerts: Connection
) -> None:
    episode = await world.open_episode(NOW)
    await world.say(episode, "opened", NOW)
    await take_in_all(alerts)
    await send_all(alerts)
    await world.act("accept", world.people.clinician, NOW)
    assert await fold_all(alerts) == [ActionReason.ACCEPTED]
    await world.say(episode, "worsened", NOW + timedelta(minutes=5), "check_now")

    assert await take_in_all(alerts, NOW + timedelta(minutes=5)) == [IntakeReason.WORSENED]

    assert await world.values("SELECT level || ' ' || state FROM alert") == ["check_now raised"]
    assert await world.values("SELECT accepted_by FROM alert") == [None]
    asked = await world.values("SELECT staff_id FROM delivery WHERE state = 'waiting'")
    assert sorted(asked) == sorted([world.people.key_worker, world.people.clinician])


async def test_events_of_one_episode_are_taken_in_one_by_one(
    world: World, alerts: Connection
) -> None:
    episode = await world.open_episode(NOW)
    await world.say(episode, "opened", NOW)
    await world.say(episode, "worsened", NOW, "check_now")
    opened, worsened = await intake.unhandled_events(alerts, [])
    rng = random.SystemRandom()
    async with await connect(world.url, Role.ALERTS, "other", autocommit=True) as other:
        async with alerts.transaction():
            first = await intake.take_in(Desk(alerts, SITE, NOW), opened, rng)
            second = asyncio.create_task(intake.take_in(Desk(other, SITE, NOW), worsened, rng))
            waits = "SELECT count(*) = 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock'"
            await until(lambda: world.value(waits))
        assert (first, await second) == (IntakeReason.RAISED, IntakeReason.WORSENED)


async def test_without_a_key_worker_others_who_are_assigned_are_asked_at_once(
    world: World, alerts: Connection
) -> None:
    await world.do("UPDATE assignment SET valid_until = %s WHERE kind = 'key_worker'", NOW)
    await world.say(await world.open_episode(NOW), "opened", NOW)

    assert await take_in_all(alerts) == [IntakeReason.RAISED]

    assert await world.history() == [
        "created:raised",
        "step_skipped:no_key_worker",
        "notification_queued:first_notification",
    ]
    assert await world.values("SELECT staff_id FROM delivery") == [world.people.clinician]


async def test_an_alert_of_a_person_without_anybody_stays_visible_and_comes_back(
    world: World, alerts: Connection
) -> None:
    await world.do("UPDATE assignment SET valid_until = %s", NOW)
    await world.say(await world.open_episode(NOW), "opened", NOW)

    assert await take_in_all(alerts) == [IntakeReason.RAISED]

    assert await world.history() == ["created:raised", "no_notification_sent:nobody_assigned"]
    desk = Desk(alerts, SITE, NOW + timedelta(minutes=15))
    [alert_id] = await due_alerts(desk, [])
    assert await wake(desk, alert_id) is DecisionReason.NOBODY_ASSIGNED
    assert len(await world.history()) == 2


async def test_the_policy_of_the_day_is_stamped_and_a_broken_one_does_not_stop_alerts(
    world: World, alerts: Connection
) -> None:
    for days, body in ((2, {"name": "autumn", "escalations_most": 5}), (1, {"nonsense": 1})):
        await world.do(
            "INSERT INTO policy (name, body, valid_from) VALUES ('alerts', %s, %s)",
            Jsonb(body),
            NOW - timedelta(days=days),
        )
    for back, family in ((timedelta(hours=30), "sleep"), (timedelta(0), "illness")):
        await world.say(await world.open_episode(NOW - back, family), "opened", NOW - back)
        await take_in_all(alerts, NOW - back)

    stamps = await world.values("SELECT policy ->> 'name' FROM alert ORDER BY alert_id")
    assert stamps == ["autumn", "default"]


# ---- Escalation ----------------------------------------------------------------


async def test_what_nobody_accepts_goes_on_to_everybody_and_is_never_left_alone(
    world: World, alerts: Connection
) -> None:
    await world.say(await world.open_episode(NOW), "opened", NOW)
    await take_in_all(alerts)
    now, reasons = NOW, []
    for _ in range(5):
        await send_all(alerts, now)
        now = await world.value("SELECT wake_at FROM alert")
        [alert_id] = await due_alerts(Desk(alerts, SITE, now), [])
        reasons.append(await wake(Desk(alerts, SITE, now), alert_id))

    assert (
        reasons
        == [DecisionReason.NOT_ACCEPTED_IN_TIME] * 3 + [DecisionReason.ESCALATIONS_USED_UP] * 2
    )
    assert await world.value("SELECT count(*) FROM delivery") == 1 + 5 * 2
    assert "overdue:escalations_used_up" in await world.history()
    assert await world.value("SELECT wake_at FROM alert") == now + timedelta(hours=16)


async def test_when_every_message_is_given_up_others_are_asked_before_the_time_is_over(
    world: World, alerts: Connection
) -> None:
    await world.say(await world.open_episode(NOW), "opened", NOW)
    await take_in_all(alerts)
    desk = Desk(alerts, SITE, NOW)
    [claimed] = await messages.claim(desk, "console", "test")
    refusal = Failure(DeliveryReason.REFUSED_BY_CHANNEL, None, "the webhook answered 404")
    await messages.mark_failed(desk, claimed, "test", refusal)

    assert await wake(desk, claimed.alert_id) is DecisionReason.NOBODY_REACHED
    assert await world.value("SELECT count(*) FROM delivery WHERE state = 'waiting'") == 2
    assert "no_notification_sent:refused_by_channel" in await world.history()


# ---- Answers ----------------------------------------------------------------


async def test_accept_and_close_are_folded_in_once_each(world: World, alerts: Connection) -> None:
    await world.say(await world.open_episode(NOW), "opened", NOW)
    await take_in_all(alerts)
    people = world.people
    await world.act("close", people.stranger, NOW, outcome="all_fine")
    await world.act("accept", people.key_worker, NOW)
    await world.act("accept", people.key_worker, NOW)
    await world.act("accept", people.clinician, NOW)
    await world.act("close", people.key_worker, NOW, outcome="nothing much")
    await world.act("close", people.key_worker, NOW, outcome="all_fine", note="We talked.")
    await world.act("accept", people.clinician, NOW)

    assert await fold_all(alerts) == [
        ActionReason.NOT_ASSIGNED,
        ActionReason.ACCEPTED,
        ActionReason.ACCEPTED_BY_YOU,
        ActionReason.ACCEPTED_BY_ANOTHER,
        ActionReason.UNKNOWN_OUTCOME,
        ActionReason.CLOSED,
        ActionReason.ALREADY_CLOSED,
    ]
    assert await fold_all(alerts) == []
    row = await (
        await world.owner.execute("SELECT state, closed_by, outcome, note, wake_at FROM alert")
    ).fetchone()
    assert row == ("closed", people.key_worker, "all_fine", "We talked.", None)


async def test_an_accepted_alert_takes_back_what_was_still_to_be_sent(
    world: World, alerts: Connection
) -> None:
    await world.say(await world.open_episode(NOW), "opened", NOW)
    await take_in_all(alerts)
    await world.act("accept", world.people.key_worker, NOW)
    await fold_all(alerts)

    assert await send_all(alerts) == []
    assert await world.values("SELECT state FROM delivery") == ["given_up"]
    assert (await world.history())[-1] == "no_notification_sent:already_accepted"
