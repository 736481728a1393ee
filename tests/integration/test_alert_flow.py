"""From an episode event to a message that left, and back, on a real PostgreSQL."""

from __future__ import annotations

import asyncio
import contextlib
import os
import random
import signal
import sys
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from aiohttp import web
from psycopg.rows import scalar_row
from psycopg.types.json import Jsonb
from pydantic import SecretStr

from alerts.answers import store as answers
from alerts.auditing.store import Summary, audit_alerts
from alerts.channels.webhook import signature_of
from alerts.deliveries import Failure
from alerts.intake import store as intake
from alerts.reasons import ActionReason, DecisionReason, DeliveryReason, IntakeReason
from alerts.sending import store as messages
from alerts.service import run_alerts
from alerts.store import Desk, Site, due_alerts, wake
from tidewell.database import Connection, Role, connect
from tidewell.settings import Settings
from tidewell.vocabulary import Level

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

    import psycopg

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
SITE = Site("https://pages.example", None, frozenset({"console"}), 36)
SECRET = "a secret of this test"
EXPLANATION = {"family": "illness", "sentence": "Something has changed."}
GIVE_UP_S = 20.0
BOTH_CONNECTED = (
    "SELECT count(*) = 2 FROM pg_stat_activity"
    " WHERE datname = current_database() AND application_name LIKE 'tidewell alerts%%'"
)


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

    async def open_episode(self, at: datetime, family: str = "illness") -> int:
        episode_id: int = await self.value(
            "INSERT INTO episode (person_id, family, opened_at, level, score, explanation,"
            " detector_version) VALUES (%s, %s, %s, 'check_today', 4, %s, '1')"
            " RETURNING episode_id",
            self.people.person,
            family,
            at,
            Jsonb(EXPLANATION),
        )
        return episode_id

    async def say(
        self, episode_id: int, kind: str, at: datetime, level: str = "check_today"
    ) -> int:
        """Write an episode event as ingest does, with its hint."""
        async with self.owner.transaction():
            event_id: int = await self.value(
                "INSERT INTO episode_event (episode_id, kind, at, recorded_at, level, score,"
                " explanation) VALUES (%s, %s, %s, %s, %s, 4, %s) RETURNING episode_event_id",
                episode_id,
                kind,
                at,
                at,
                level,
                Jsonb(EXPLANATION),
            )
            await self.do("SELECT pg_notify('tidewell_episode_event', '')")
        return event_id

    async def act(
        self, kind: str, staff_id: int, at: datetime, *, outcome: str | None = None, note: str = ""
    ) -> int:
        """Ask something of the only alert, as the pages do."""
        async with self.owner.transaction():
            action_id: int = await self.value(
                "INSERT INTO alert_action (alert_id, staff_id, kind, outcome, note, at)"
                " SELECT alert_id, %s, %s, %s, %s, %s FROM alert RETURNING alert_action_id",
                staff_id,
                kind,
                outcome,
                note,
                at,
            )
            await self.do("SELECT pg_notify('tidewell_alert_action', '')")
        return action_id

    async def history(self) -> list[str]:
        return await self.values(
            "SELECT kind || ':' || reason FROM alert_event ORDER BY alert_event_id"
        )


@pytest.fixture
async def world(database_url: str, owner: psycopg.AsyncConnection[Any]) -> World:
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


@pytest.fixture
async def alerts(database_url: str) -> AsyncIterator[Connection]:
    async with await connect(database_url, Role.ALERTS, "test", autocommit=True) as connection:
        yield connection


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


# ---- Intake ----------------------------------------------------------------------------------


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
    await world.say(over, "opened", old)
    await world.do("UPDATE episode SET closed_at = %s", old + timedelta(days=3))
    await world.say(over, "closed", old + timedelta(days=3))
    lasting = await world.open_episode(NOW - timedelta(days=5))
    await world.say(lasting, "opened", NOW - timedelta(days=5))
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


async def test_without_a_key_worker_the_alert_stays_visible_and_comes_back(
    world: World, alerts: Connection
) -> None:
    await world.do("UPDATE assignment SET valid_until = %s WHERE kind = 'key_worker'", NOW)
    await world.say(await world.open_episode(NOW), "opened", NOW)

    assert await take_in_all(alerts) == [IntakeReason.RAISED]

    assert await world.history() == ["created:raised", "no_notification_sent:no_key_worker"]
    later = NOW + timedelta(minutes=15)
    desk = Desk(alerts, SITE, later)
    [alert_id] = await due_alerts(desk, [])
    assert await wake(desk, alert_id) is DecisionReason.NO_KEY_WORKER
    assert len(await world.history()) == 2
    overdue = Desk(alerts, SITE, NOW + timedelta(hours=5))
    assert await wake(overdue, alert_id) is DecisionReason.NOT_ACCEPTED_IN_TIME
    assert await world.values("SELECT staff_id FROM delivery") == [world.people.clinician]


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


async def test_one_event_that_cannot_be_read_does_not_stop_the_next(world: World) -> None:
    await world.say(await world.open_episode(NOW, "sleep"), "opened", NOW, "no such level")
    await world.say(await world.open_episode(NOW), "opened", NOW)
    async with served(world) as handed_over:
        await until(lambda: is_true(handed_over))
    assert await world.value("SELECT count(*) FROM alert_intake") == 1


# ---- Escalation ------------------------------------------------------------------------------


async def test_what_nobody_accepts_goes_on_to_everybody_and_then_stays_overdue(
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
    assert await world.value("SELECT count(*) FROM delivery") == 1 + 3 * 2
    assert (await world.history())[-1] == "overdue:escalations_used_up"
    assert await world.value("SELECT wake_at FROM alert") == now + timedelta(days=1)


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
    later = Desk(alerts, SITE, NOW + timedelta(minutes=15))
    assert await wake(later, claimed.alert_id) is DecisionReason.NOBODY_REACHED
    assert await world.value("SELECT count(*) FROM delivery WHERE state = 'waiting'") == 2
    assert "no_notification_sent:refused_by_channel" in await world.history()


# ---- Answers ---------------------------------------------------------------------------------


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


# ---- Messages --------------------------------------------------------------------------------


async def test_a_claim_belongs_to_one_until_its_lease_ends(
    world: World, alerts: Connection
) -> None:
    await world.say(await world.open_episode(NOW), "opened", NOW)
    await take_in_all(alerts)
    [first] = await messages.claim(Desk(alerts, SITE, NOW), "console", "one")
    assert await messages.claim(Desk(alerts, SITE, NOW), "console", "two") == []
    after = NOW + messages.LEASE
    [second] = await messages.claim(Desk(alerts, SITE, after), "console", "two")

    assert second.message == first.message
    assert second.attempts == first.attempts + 1
    assert await messages.mark_handed_over(Desk(alerts, SITE, after), second)
    assert not await messages.mark_handed_over(Desk(alerts, SITE, after), first)
    assert await world.value("SELECT state FROM alert") == "notified"


async def test_the_most_urgent_message_is_claimed_first(world: World, alerts: Connection) -> None:
    for number in range(messages.CLAIM_MOST):
        episode = await world.open_episode(NOW, f"family {number}")
        await world.say(episode, "opened", NOW, "for_review")
    await take_in_all(alerts)
    later = NOW + timedelta(minutes=1)
    await world.say(await world.open_episode(later), "opened", later, "check_now")
    await take_in_all(alerts, later)

    claims = await messages.claim(Desk(alerts, SITE, later), "console", "one")

    assert len(claims) == messages.CLAIM_MOST
    assert Level.CHECK_NOW in {claimed.message.level for claimed in claims}


# ---- The auditor -----------------------------------------------------------------------------


async def test_the_auditor_finds_and_repairs_an_alert_that_would_be_forgotten(
    world: World, alerts: Connection
) -> None:
    await world.say(await world.open_episode(NOW), "opened", NOW)
    await take_in_all(alerts)
    desk = Desk(alerts, SITE, NOW)
    assert await audit_alerts(desk) == Summary(1, 0, 0)
    await world.do("UPDATE alert SET wake_at = NULL")

    assert await audit_alerts(desk) == Summary(1, 1, 1)

    assert await audit_alerts(desk) == Summary(1, 0, 0)
    assert await world.values("SELECT violations FROM auditor_run ORDER BY auditor_run_id") == [
        0,
        1,
        0,
    ]


async def test_messages_on_a_channel_that_is_gone_are_given_up(
    world: World, alerts: Connection
) -> None:
    await world.say(await world.open_episode(NOW), "opened", NOW)
    await take_in_all(alerts)
    await world.do("UPDATE delivery SET channel = 'pigeon'")
    later = Desk(alerts, SITE, NOW + timedelta(minutes=6))
    await audit_alerts(later)

    assert await world.values("SELECT state FROM delivery") == ["given_up"]
    assert (await world.history())[-1] == "no_notification_sent:unknown_channel"
    assert await world.value("SELECT wake_at FROM alert") == later.now


# ---- The service -----------------------------------------------------------------------------


@contextlib.asynccontextmanager
async def served(
    world: World, settings: Settings | None = None, services: int = 1
) -> AsyncIterator[list[int]]:
    """Run the service, or several at once, and collect what they hand over."""
    stop = asyncio.Event()
    handed_over: list[int] = []
    running = [
        asyncio.create_task(
            run_alerts(
                settings or Settings(), world.url, stop=stop, on_handed_over=handed_over.append
            )
        )
        for _ in range(services)
    ]
    try:
        yield handed_over
    finally:
        stop.set()
        await asyncio.wait_for(asyncio.gather(*running), GIVE_UP_S)


async def until(condition: Callable[[], Awaitable[object]]) -> None:
    async with asyncio.timeout(GIVE_UP_S):
        while not await condition():  # noqa: ASYNC110 -- a row in the database sets no event of ours
            await asyncio.sleep(0.02)


async def is_true(value: object) -> bool:
    return bool(value)


@dataclass
class Receiver:
    """A receiver of webhooks: what it got, and what it answers."""

    url: str = ""
    requests: list[tuple[dict[str, str], bytes]] = field(default_factory=list)
    statuses: list[int] = field(default_factory=list)
    before_answer: Callable[[], None] | None = None

    async def answer(self, request: web.Request) -> web.Response:
        self.requests.append((dict(request.headers), await request.read()))
        if self.before_answer is not None:
            self.before_answer()
        return web.Response(status=self.statuses.pop(0) if self.statuses else 204)

    @property
    def keys(self) -> list[str]:
        return [headers["Idempotency-Key"] for headers, _ in self.requests]

    @property
    def settings(self) -> Settings:
        return Settings(webhook_url=self.url, webhook_secret=SecretStr(SECRET))


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    heard = Receiver()
    application = web.Application()
    application.router.add_post("/hook", heard.answer)
    runner = web.AppRunner(application)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    heard.url = f"http://127.0.0.1:{runner.addresses[0][1]}/hook"
    yield heard
    await runner.cleanup()


async def fresh_event(world: World) -> None:
    now = datetime.now(UTC)
    await world.say(await world.open_episode(now), "opened", now)


async def test_an_event_is_handed_over_on_the_console_and_the_webhook(
    world: World, receiver: Receiver, capsys: pytest.CaptureFixture[str]
) -> None:
    async with served(world, receiver.settings) as handed_over:
        await fresh_event(world)
        await until(lambda: is_true(len(handed_over) == 2))

    public_id = await world.value("SELECT public_id FROM alert")
    text = f"Wellbeing: 1 person to check today. Open: http://127.0.0.1:8470/a/{public_id}"
    assert capsys.readouterr().out == f"To staff {world.people.key_worker}: {text}\n"
    [(headers, body)] = receiver.requests
    expected = signature_of(SECRET, headers["Tidewell-Timestamp"], body)
    assert headers["Tidewell-Signature"] == expected
    assert await world.value("SELECT state FROM alert") == "notified"


async def test_two_services_at_once_raise_once_and_hand_over_once(
    world: World, receiver: Receiver
) -> None:
    async with served(world, receiver.settings, services=2) as handed_over:
        for family in ("illness", "sleep", "withdrawal", "drift", "acute_load"):
            now = datetime.now(UTC)
            episode = await world.open_episode(now, family)
            await world.say(episode, "opened", now)
            await world.say(episode, "worsened", now, "check_now")
        settled = "SELECT count(*) = 10 FROM alert_intake"
        await until(lambda: world.value(settled))
        waiting = "SELECT count(*) = 0 FROM delivery WHERE state = 'waiting'"
        await until(lambda: world.value(waiting))

    assert await world.value("SELECT count(*) FROM alert") == 5
    assert len(handed_over) == await world.value("SELECT count(*) FROM delivery") == 20
    assert len(receiver.keys) == len(set(receiver.keys)) == 10


async def test_a_webhook_that_fails_for_a_while_gets_the_same_message_again(
    world: World, receiver: Receiver
) -> None:
    receiver.statuses = [503]
    async with served(world, receiver.settings) as handed_over:
        await fresh_event(world)
        await until(lambda: is_true(len(handed_over) == 2))

    assert len(receiver.keys) == 2
    assert len(set(receiver.keys)) == 1
    assert receiver.requests[0][1] == receiver.requests[1][1]


async def test_a_message_that_the_webhook_refuses_is_given_up_and_said(
    world: World, receiver: Receiver
) -> None:
    receiver.statuses = [404]
    async with served(world, receiver.settings):
        await fresh_event(world)
        given_up = "SELECT count(*) = 1 FROM delivery WHERE state = 'given_up'"
        await until(lambda: world.value(given_up))

    assert "no_notification_sent:refused_by_channel" in await world.history()
    assert len(receiver.requests) == 1


CRASHING_SERVICE = """
import asyncio, os, sys
from pydantic import SecretStr
from alerts.service import run_alerts
from tidewell.settings import Settings
settings = Settings(webhook_url=os.environ["HOOK"], webhook_secret=SecretStr(os.environ["SECRET"]))
asyncio.run(run_alerts(settings, os.environ["DATABASE"], stop=asyncio.Event()))
"""


async def test_a_service_killed_between_send_and_mark_sends_again_under_the_same_key(
    world: World, receiver: Receiver
) -> None:
    environment = {**os.environ, "HOOK": receiver.url, "SECRET": SECRET, "DATABASE": world.url}
    crashing = await asyncio.create_subprocess_exec(
        sys.executable,
        "-c",
        CRASHING_SERVICE,
        env=environment,
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.DEVNULL,
    )
    receiver.before_answer = lambda: crashing.send_signal(signal.SIGKILL)
    await fresh_event(world)
    assert await asyncio.wait_for(crashing.wait(), GIVE_UP_S) == -signal.SIGKILL
    receiver.before_answer = None
    webhook_state = "SELECT state FROM delivery WHERE channel = 'webhook'"
    assert await world.value(webhook_state) == "waiting"
    await world.do("UPDATE delivery SET lease_until = now() WHERE state = 'waiting'")

    async with served(world, receiver.settings):
        await until(lambda: world.value(f"SELECT ({webhook_state}) = 'handed_over'"))

    assert len(receiver.keys) == 2
    assert len(set(receiver.keys)) == 1


async def test_a_lost_hint_delays_and_loses_nothing(world: World) -> None:
    async with served(world) as handed_over:
        await until(lambda: world.value(BOTH_CONNECTED))
        now = datetime.now(UTC)
        episode = await world.open_episode(now)
        await world.do(
            "INSERT INTO episode_event (episode_id, kind, at, recorded_at, level, score,"
            " explanation) VALUES (%s, 'opened', %s, %s, 'check_today', 4, '{}')",
            episode,
            now,
            now,
        )
        await until(lambda: is_true(handed_over))


async def test_a_lost_database_connection_is_replaced(world: World) -> None:
    async with served(world) as handed_over:
        await until(lambda: world.value(BOTH_CONNECTED))
        await world.do(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE datname = current_database() AND application_name LIKE 'tidewell alerts%%'"
        )
        await fresh_event(world)
        await until(lambda: is_true(handed_over))
    assert len(handed_over) == 1


async def test_a_database_lost_between_send_and_mark_repeats_nothing(
    world: World, receiver: Receiver
) -> None:
    def lose_the_database() -> None:
        with psycopg.connect(world.url, autocommit=True) as connection:
            connection.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE application_name = 'tidewell alerts webhook'"
            )

    receiver.before_answer = lose_the_database
    async with served(world, receiver.settings) as handed_over:
        await fresh_event(world)
        await until(lambda: is_true(len(handed_over) == 2))
    assert len(receiver.requests) == 1


async def test_accept_and_close_reach_the_alert_through_the_service(world: World) -> None:
    async with served(world) as handed_over:
        await fresh_event(world)
        await until(lambda: is_true(handed_over))
        await world.act("accept", world.people.key_worker, datetime.now(UTC))
        await until(lambda: world.value("SELECT state = 'accepted' FROM alert"))
        await world.act(
            "close", world.people.key_worker, datetime.now(UTC), outcome="support_needed"
        )
        await until(lambda: world.value("SELECT state = 'closed' FROM alert"))
    assert await world.value("SELECT outcome FROM alert") == "support_needed"
    assert len(handed_over) == 1


async def test_the_pages_are_told_of_each_change(world: World, alerts: Connection) -> None:
    await world.owner.execute("LISTEN tidewell_alert")
    await world.say(await world.open_episode(NOW), "opened", NOW)
    await take_in_all(alerts)
    alert_id = await world.value("SELECT alert_id FROM alert")
    heard = [hint.payload async for hint in world.owner.notifies(timeout=5, stop_after=1)]
    assert heard == [str(alert_id)]
