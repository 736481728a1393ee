"""The process of alerts on a real PostgreSQL: it hands over, crashes, comes back, hands over."""

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

import psycopg
import pytest
from aiohttp import web
from psycopg.types.json import Jsonb
from pydantic import SecretStr

from alerts.auditing.store import Summary, audit_alerts
from alerts.channels.webhook import signature_of
from alerts.intake import store as intake
from alerts.sending import store as messages
from alerts.service import run_alerts
from alerts.store import Desk, Site
from tests.integration.test_alert_intake import (
    GIVE_UP_S,
    NOW,
    SITE,
    World,
    make_world,
    take_in_all,
    until,
)
from tidewell.database import Connection, Role, connect
from tidewell.settings import Settings
from tidewell.vocabulary import Level

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable


SECRET = "a secret of this test"
ALL_CONNECTED = (
    "SELECT count(*) = 6 FROM pg_stat_activity"
    " WHERE datname = current_database() AND application_name LIKE 'tidewell alerts%%'"
)


@pytest.fixture
async def world(database_url: str, owner: psycopg.AsyncConnection[Any]) -> World:
    return await make_world(database_url, owner)


@pytest.fixture
async def alerts(database_url: str) -> AsyncIterator[Connection]:
    async with await connect(database_url, Role.ALERTS, "test", autocommit=True) as connection:
        yield connection


# ---- Messages ----------------------------------------------------------------


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


# ---- The auditor ----------------------------------------------------------------


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


# ---- The service ----------------------------------------------------------------


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
    roomy = {"push_budget": {"in_15_minutes": 100, "in_1_hour": 100, "in_3_hours": 100}}
    await world.do(
        "INSERT INTO policy (name, body, valid_from) VALUES ('alerts', %s, %s)", Jsonb(roomy), NOW
    )
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
    # A rise takes back what has not left by then, so a slow machine sends fewer than all twenty.
    left = "SELECT count(*) FROM delivery WHERE state = 'handed_over'"
    assert len(handed_over) == await world.value(left) >= 10
    assert await world.value("SELECT count(*) FROM delivery") == 20
    of_webhook = await world.value(f"{left} AND channel = 'webhook'")
    assert len(receiver.keys) == len(set(receiver.keys)) == of_webhook >= 5


async def test_beyond_the_budget_messages_leave_as_one_that_names_nobody(
    world: World, alerts: Connection
) -> None:
    site = Site("https://pages.example", "https://hook.example", frozenset({"webhook"}), 36)
    for number in range(6):
        person = await another_person(world, number)
        await world.say(await world.open_episode(NOW, person=person), "opened", NOW)
    desk = Desk(alerts, site, NOW)
    for pending in await intake.unhandled_events(alerts, []):
        await intake.take_in(desk, pending, random.SystemRandom())
    at_once = await messages.claim(desk, "webhook", "test")
    for claimed in at_once:
        assert await messages.mark_handed_over(desk, claimed)
    assert len(at_once) == 3
    assert await messages.claim(desk, "webhook", "test") == []

    later = Desk(alerts, site, NOW + timedelta(minutes=15))
    [bundle] = await messages.claim(later, "webhook", "test")
    assert bundle.message.text == (
        "Wellbeing: 3 people to check. Open: https://pages.example/alerts"
    )
    again = Desk(alerts, site, later.now + messages.LEASE)
    [repeat] = await messages.claim(again, "webhook", "test")
    assert repeat.message == bundle.message
    assert await messages.mark_handed_over(again, repeat)
    assert await messages.claim(again, "webhook", "test") == []
    assert await world.values("SELECT DISTINCT state FROM alert") == ["notified"]


async def another_person(world: World, number: int) -> int:
    person: int = await world.value(
        "INSERT INTO person (label, shard, timezone, reading_level, created_at)"
        " VALUES (%s, 3, 'Europe/London', '12-15', %s) RETURNING person_id",
        f"another-{number}",
        NOW - timedelta(days=90),
    )
    await world.do(
        "INSERT INTO assignment (staff_id, person_id, kind, valid_from)"
        " VALUES (%s, %s, 'key_worker', %s)",
        world.people.key_worker,
        person,
        NOW - timedelta(days=90),
    )
    return person


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
        await until(lambda: world.value(ALL_CONNECTED))
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
        await until(lambda: world.value(ALL_CONNECTED))
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


async def test_one_event_that_cannot_be_read_does_not_stop_the_next(world: World) -> None:
    now = datetime.now(UTC)
    await world.say(await world.open_episode(now, "sleep"), "opened", now, "no such level")
    async with served(world) as handed_over:
        await fresh_event(world)
        await until(lambda: is_true(handed_over))
    assert await world.value("SELECT count(*) FROM alert_intake") == 1
