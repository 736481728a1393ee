"""No alert is lost: processes of alerts are killed and frozen wherever it hurts, on real sockets.

A kill repeats what had left and had no mark yet, under the same keys, and nothing else: at most one
claim of each channel.
"""

from __future__ import annotations

import asyncio
import signal
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
import pytest

from alerts.sending.store import CLAIM_MOST
from tests.integration.alert_processes import (
    MAIL_DOMAIN,
    POINTS,
    Receivers,
    WebhookReceiver,
    alerts_process,
    both_receivers,
    webhook_receiver,
)
from tests.integration.test_alert_intake import World, make_world, take_in_all
from tidewell.crashpoints import CrashPoint
from tidewell.database import Connection, Role, connect

WITHIN_S = 90.0
"""A machine under load starts a process in some ten seconds."""

RAISE = (
    "WITH person AS (INSERT INTO person (label, shard, timezone, reading_level, created_at)"
    " SELECT 'many-' || %(now)s || number, 3, 'UTC', '12-15', %(now)s"
    " FROM generate_series(1, %(many)s) AS number"
    " RETURNING person_id),"
    " known AS (INSERT INTO assignment (staff_id, person_id, kind, valid_from)"
    " SELECT %(staff)s, person_id, 'key_worker', %(now)s FROM person),"
    " opened AS (INSERT INTO episode (person_id, family, opened_at, level, score, explanation,"
    " detector_version) SELECT person_id, 'illness', %(now)s, 'check_now', 4, '{}', '1' FROM person"
    " RETURNING episode_id)"
    " INSERT INTO episode_event (episode_id, kind, at, recorded_at, level, score, explanation)"
    " SELECT episode_id, 'opened', %(now)s, %(now)s, 'check_now', 4, '{}' FROM opened"
)
SETTLED = (
    "SELECT (SELECT count(*) FROM episode_event) = (SELECT count(*) FROM alert_intake)"
    " AND NOT EXISTS (SELECT FROM delivery WHERE state = 'waiting' AND channel <> 'probe')"
    " AND NOT EXISTS (SELECT FROM alert WHERE state <> 'closed' AND person_id <> 0"
    "  AND (wake_at IS NULL OR wake_at <= now()))"
    " AND NOT EXISTS (SELECT FROM alert_action WHERE NOT EXISTS (SELECT FROM alert_event"
    "  WHERE alert_event.alert_action_id = alert_action.alert_action_id))"
)
HANDED_OVER = (
    "SELECT idempotency_key FROM delivery"
    " WHERE channel IN ('webhook', 'email') AND state = 'handed_over'"
)
IN_FLIGHT = (
    "SELECT idempotency_key FROM delivery"
    " WHERE channel IN ('webhook', 'email') AND state = 'waiting' AND lease_owner IS NOT NULL"
)
ALL_CONNECTED = (
    "SELECT count(*) = 3 FROM pg_stat_activity WHERE datname = current_database()"
    " AND application_name = 'tidewell alerts webhook'"
)
LOOK_AGAIN = "UPDATE alert_watch SET looked_at = NULL"
FREE_LEASES = "UPDATE delivery SET lease_until = now() WHERE state = 'waiting'"


@pytest.fixture
async def world(database_url: str, owner: psycopg.AsyncConnection[Any]) -> World:
    return await make_world(database_url, owner)


@pytest.fixture
async def alerts(database_url: str) -> AsyncIterator[Connection]:
    async with await connect(database_url, Role.ALERTS, "test", autocommit=True) as connection:
        yield connection


@pytest.fixture
async def receiver() -> AsyncIterator[WebhookReceiver]:
    async with webhook_receiver() as heard:
        yield heard


async def raise_many(world: World, many: int) -> None:
    values = {"many": many, "staff": world.people.key_worker, "now": datetime.now(UTC)}
    await world.owner.execute(RAISE.encode(), values)


async def until_true(world: World, query: str) -> None:
    async with asyncio.timeout(WITHIN_S):
        while not await world.value(query):
            await asyncio.sleep(0.05)


async def prepare_something_of_everything(world: World, alerts: Connection) -> None:
    """Leave an alert to escalate, one to repair, an answer to fold in and events to take in."""
    earlier = datetime.now(UTC) - timedelta(minutes=20)
    for family in ("illness", "sleep", "drift"):
        await world.say(await world.open_episode(earlier, family), "opened", earlier, "check_now")
    await take_in_all(alerts, earlier)
    await world.do("UPDATE alert SET wake_at = NULL WHERE cause = 'sleep'")
    await world.act("accept", world.people.key_worker, datetime.now(UTC), seen_level="check_now")
    await raise_many(world, 4)


@pytest.fixture
async def receivers(world: World) -> AsyncIterator[Receivers]:
    """A webhook of the site and a mail server; the key worker has an address there."""
    await world.do(
        "INSERT INTO contact_method (staff_id, channel, address, created_at)"
        " VALUES (%s, 'email', %s, '2026-01-01Z')",
        world.people.key_worker,
        f"key.worker@{MAIL_DOMAIN}",
    )
    async with both_receivers() as heard:
        yield heard


def repeated(keys: list[str]) -> set[str]:
    return {key for key, times in Counter(keys).items() if times > 1}


LATER = (CrashPoint.AFTER_CLAIM, CrashPoint.AFTER_SEND_BEFORE_MARK, CrashPoint.AFTER_MARK)
PLACES = [point.value for point in POINTS] + [f"{point.value}:6" for point in LATER]
"""Each place, and those of the senders once more in the midst of what they send."""


@pytest.mark.parametrize("place", PLACES)
async def test_no_alert_is_lost_by_a_kill_and_only_what_was_in_flight_comes_twice_at(
    world: World, alerts: Connection, receivers: Receivers, place: str
) -> None:
    await prepare_something_of_everything(world, alerts)
    async with alerts_process(world.url, receivers, crash_at=place) as crashing:
        assert await asyncio.wait_for(crashing.wait(), WITHIN_S) == -signal.SIGKILL
    in_flight = set(await world.values(IN_FLIGHT))
    before = set(receivers.keys)
    await world.do(FREE_LEASES)
    await world.do(LOOK_AGAIN)
    async with alerts_process(world.url, receivers):
        await until_true(world, SETTLED)

    told = await world.values(HANDED_OVER)
    assert set(told) == set(receivers.keys)
    assert {"webhook", "email"} <= set(await world.values("SELECT DISTINCT channel FROM delivery"))
    # What was claimed by the one that died, had left, and had no mark yet: no more, and once more.
    assert repeated(receivers.keys) == in_flight & before
    for one in (receivers.webhook.keys, receivers.mail.keys):
        assert len(one) - len(set(one)) == len(repeated(one)) <= CLAIM_MOST
    for mail in receivers.mail.server.mails:
        assert mail["Message-ID"] == f"<{mail['Idempotency-Key']}@{MAIL_DOMAIN}>"
    mails = [mail.as_string() for mail in receivers.mail.server.mails]
    assert len(set(mails)) == len(set(receivers.mail.keys))
    assert await world.value("SELECT count(*) FROM alert WHERE person_id <> 0") == 7
    assert await world.values("SELECT state FROM alert WHERE cause = 'drift'") == ["accepted"]
    unheard = "SELECT count(*) FROM alert WHERE person_id <> 0 AND NOT EXISTS (SELECT FROM delivery"
    unheard += " WHERE delivery.alert_id = alert.alert_id AND state = 'handed_over')"
    assert await world.value(unheard + " AND state <> 'accepted'") == 0


@pytest.mark.parametrize("which", ["webhook", "email"])
async def test_what_was_taken_as_its_sender_died_comes_again_under_its_key_and_nothing_is_lost(
    world: World, receivers: Receivers, which: str
) -> None:
    """The third message is taken and the sender dies before it hears so."""
    of_channel = receivers.webhook if which == "webhook" else receivers.mail
    taken_by = receivers.webhook if which == "webhook" else receivers.mail.server
    async with alerts_process(world.url, receivers) as dying:

        def die_at_the_third() -> None:
            if len(of_channel.keys) == 3:
                dying.kill()

        taken_by.before_answer = die_at_the_third
        await raise_many(world, 12)
        assert await asyncio.wait_for(dying.wait(), WITHIN_S) == -signal.SIGKILL
    taken_by.before_answer = None
    third = of_channel.keys[2]
    in_flight = set(await world.values(IN_FLIGHT))
    await world.do(FREE_LEASES)
    async with alerts_process(world.url, receivers):
        await until_true(world, SETTLED)

    assert third in repeated(of_channel.keys) <= in_flight
    assert len(of_channel.keys) - len(set(of_channel.keys)) <= CLAIM_MOST
    assert len(set(receivers.webhook.keys)) == len(set(receivers.mail.keys)) == 12
    assert set(await world.values(HANDED_OVER)) == set(receivers.keys)


async def test_three_processes_hand_over_five_hundred_alerts_once_each(
    world: World, receiver: WebhookReceiver
) -> None:
    async with AsyncExitStack() as stack:
        for _ in range(3):
            await stack.enter_async_context(alerts_process(world.url, receiver))
        await raise_many(world, 500)
        await until_true(world, f"{SETTLED} AND (SELECT count(*) FROM alert_intake) = 500")

    assert len(receiver.keys) == len(set(receiver.keys)) == 500
    assert set(receiver.keys) == set(await world.values(HANDED_OVER))
    assert await world.value("SELECT count(*) FROM alert WHERE person_id <> 0") == 500


async def test_three_processes_that_are_killed_again_and_again_lose_nothing(
    world: World, receiver: WebhookReceiver
) -> None:
    """One of the three is always new, and dies a little later than the one before it."""
    kills = 0
    await raise_many(world, 150)
    async with AsyncExitStack() as stack:
        for _ in range(2):
            await stack.enter_async_context(alerts_process(world.url, receiver))
        for messages_until_killed in (1, 5, 20):
            async with alerts_process(world.url, receiver) as third:
                await until_true(world, ALL_CONNECTED)
                await raise_many_more(world, kills)
                heard = len(receiver.keys) + messages_until_killed
                async with asyncio.timeout(WITHIN_S):
                    while len(receiver.keys) < heard:
                        await asyncio.sleep(0.01)
                third.kill()
                await third.wait()
                kills += 1
            await world.do(f"{FREE_LEASES} AND lease_owner LIKE '{third.pid}-%%'")
        await until_true(world, f"{SETTLED} AND (SELECT count(*) FROM alert_intake) = 270")

    assert set(receiver.keys) == set(await world.values(HANDED_OVER))
    assert len(set(receiver.keys)) == 270
    assert len(receiver.keys) - 270 <= kills * CLAIM_MOST


async def raise_many_more(world: World, number: int) -> None:
    """Raise forty alerts of a family of their own about people who are there."""
    now = datetime.now(UTC)
    for index in range(40):
        person = await world.value(f"SELECT max(person_id) - {index} FROM person")
        episode = await world.open_episode(now, f"family {number}", person)
        await world.say(episode, "opened", now, "check_now")


@pytest.mark.parametrize("answer", [204, 503])
async def test_a_sender_that_stood_still_beyond_its_lease_changes_no_mark_of_another(
    world: World, receiver: WebhookReceiver, answer: int
) -> None:
    async with alerts_process(world.url, receiver) as frozen:
        receiver.before_answer = lambda: frozen.send_signal(signal.SIGSTOP)
        receiver.statuses = [answer]
        await raise_many(world, 1)
        async with asyncio.timeout(WITHIN_S):
            while not receiver.keys:
                await asyncio.sleep(0.05)
        receiver.before_answer = None
        await world.do(FREE_LEASES)
        marked = "SELECT handed_over_at FROM delivery WHERE channel = 'webhook'"
        async with alerts_process(world.url, receiver):
            await until_true(world, f"SELECT ({marked}) IS NOT NULL")
        first = await world.value(marked)
        frozen.send_signal(signal.SIGCONT)
        await raise_many(world, 20)
        await until_true(world, f"{SETTLED} AND (SELECT count(*) FROM alert_intake) = 21")
        assert frozen.returncode is None

    which = "channel = 'webhook' ORDER BY delivery_id LIMIT 1"
    assert await world.value(f"SELECT handed_over_at FROM delivery WHERE {which}") == first
    assert await world.value(f"SELECT state FROM delivery WHERE {which}") == "handed_over"
    sent = (
        "SELECT count(*) FROM alert_event WHERE kind = 'notification_sent' AND detail = 'webhook'"
    )
    assert await world.value(f"{sent} AND alert_id = (SELECT min(alert_id) FROM alert)") == 1
    assert receiver.keys[0] == receiver.keys[1]
