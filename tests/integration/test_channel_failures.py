"""Channels in the running service: what breaks on one way, and that the others go on."""

from __future__ import annotations

import asyncio
import json
import random
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
import pytest
from pydantic import SecretStr

from alerts.channels import Channel
from alerts.deliveries import RETRY_LONGEST, Message
from alerts.intake import store as intake
from alerts.policy import PolicyDocument, Step
from alerts.reasons import ReceiptReason
from alerts.receipts.store import MARK_EXPECTED_WITHIN, receipts_not_taken, take_receipt
from alerts.sending import store as messages
from alerts.sending.service import Sender
from alerts.store import Desk, Site, due_alerts, recipients_of, wake
from tests.integration.fake_providers import (
    LOOPBACK,
    RETRY_AFTER_S,
    HttpProvider,
    MailProvider,
    Mood,
)
from tests.integration.test_alert_intake import GIVE_UP_S, NOW, World, make_world, until
from tests.integration.test_alert_service import fresh_event, is_true, served
from tests.integration.test_channels_on_the_wire import (
    NOTIFY_SECRET,
    PHONE,
    SERVICE,
    TEMPLATE,
)
from tidewell.database import Connection, Role, connect
from tidewell.errors import ChannelUnavailableError
from tidewell.push_key import new_push_key
from tidewell.settings import Settings

NUMBER = "+447700900123"
ALL_CHANNELS = frozenset({"console", "email", "sms", "web_push", "webhook"})
OUR_SITE = Site("https://pages.example", None, ALL_CHANNELS, 36)


@pytest.fixture
async def world(database_url: str, owner: psycopg.AsyncConnection[Any]) -> World:
    return await make_world(database_url, owner)


@pytest.fixture
async def alerts(database_url: str) -> AsyncIterator[Connection]:
    async with await connect(database_url, Role.ALERTS, "test", autocommit=True) as connection:
        yield connection


async def write_down(world: World, channel: str, address: str, at: datetime = NOW) -> None:
    await write_down_for(world, world.people.key_worker, channel, address, at)


async def write_down_for(
    world: World, staff_id: int, channel: str, address: str, at: datetime = NOW
) -> None:
    await world.do(
        "INSERT INTO contact_method (staff_id, channel, address, created_at)"
        " VALUES (%s, %s, %s, %s) ON CONFLICT (staff_id, channel, address)"
        " DO UPDATE SET created_at = excluded.created_at",
        staff_id,
        channel,
        address,
        at - timedelta(minutes=1),
    )


async def switch_on(world: World, service: str, staff_id: int | None = None) -> None:
    phone = json.loads(PHONE.subscription(service))
    await world.do(
        "INSERT INTO push_subscription (staff_id, endpoint, p256dh, auth, device_label, created_at)"
        " VALUES (%s, %s, %s, %s, 'A device', %s)",
        staff_id or world.people.key_worker,
        phone["endpoint"],
        phone["keys"]["p256dh"],
        phone["keys"]["auth"],
        NOW - timedelta(days=1),
    )


async def raise_alert(
    world: World, alerts: Connection, family: str = "illness", level: str = "check_today"
) -> None:
    await world.say(await world.open_episode(NOW, family), "opened", NOW, level)
    for pending in await intake.unhandled_events(alerts, []):
        await intake.take_in(Desk(alerts, OUR_SITE, NOW), pending, random.SystemRandom())


async def look(alerts: Connection, now: datetime) -> None:
    """Ask every policy that is due, as the decider does."""
    desk = Desk(alerts, OUR_SITE, now)
    for alert_id in await due_alerts(desk, []):
        await wake(desk, alert_id)


# ---- One broken way and the others -------------------------------------------------


async def test_four_broken_channels_do_not_stop_the_fifth(world: World) -> None:
    hook, mails = HttpProvider(), MailProvider(password="right", mood=Mood.HANGS)
    push = HttpProvider(mood=Mood.CLOSES_MIDWAY)
    notify = HttpProvider(mood=Mood.REFUSES_US)
    async with AsyncExitStack() as stack:
        for provider in (hook, mails, push, notify):
            await stack.enter_async_context(provider.running())
        settings = Settings(
            webhook_url=f"{hook.url}/hook",
            webhook_secret=SecretStr("a secret"),
            smtp_host=LOOPBACK,
            smtp_port=mails.port,
            smtp_security="none",
            smtp_from="wellbeing@council.example",
            push_key=SecretStr(new_push_key()),
            push_contact="mailto:it@council.example",
            push_test_service=push.url,
            notify_key=SecretStr(f"test-{SERVICE}-{NOTIFY_SECRET}"),
            notify_template=TEMPLATE,
            notify_url=notify.url,
        )
        await write_down(world, "email", "robin@council.example")
        await write_down(world, "sms", NUMBER)
        await switch_on(world, push.url)
        async with served(world, settings) as handed_over:
            began = asyncio.get_running_loop().time()
            await fresh_event(world)
            await until(lambda: is_true(hook.requests))
            took_s = asyncio.get_running_loop().time() - began
            tried = "SELECT count(*) = 3 FROM delivery WHERE last_error IS NOT NULL"
            await until(lambda: world.value(tried))
            problems = await world.values(
                "SELECT channel || ': ' || last_error FROM delivery"
                " WHERE last_error IS NOT NULL ORDER BY channel"
            )
    assert took_s < GIVE_UP_S / 4
    assert len(handed_over) == 2
    assert [one.partition(":")[0] for one in problems] == ["email", "sms", "web_push"]
    assert not any(NUMBER in one or "robin" in one for one in problems)
    assert await world.value("SELECT state FROM alert") == "notified"


class Hanging:
    """A channel that never returns and cannot be told apart from a slow one."""

    async def send(self, message: Message) -> None:
        del message
        await asyncio.sleep(60)

    async def close(self) -> None:
        """Nothing is open."""


async def test_a_channel_without_any_time_out_is_cut_off(
    world: World, alerts: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("alerts.sending.service.SEND_WITHIN_S", 0.2)
    await write_down(world, "sms", NUMBER)
    await raise_alert(world, alerts)
    await world.do("UPDATE delivery SET attempt_at = %s", datetime.now(UTC) - timedelta(days=1))
    sender = _sender(Hanging())
    assert await sender.send_once(alerts) == 1
    error = await world.value("SELECT last_error FROM delivery WHERE channel = 'sms'")
    assert error == "the channel sms did not return in time"


class Busy:
    """A provider that asks us to wait, as long as it likes."""

    def __init__(self, retry_after_s: float) -> None:
        self._retry_after_s = retry_after_s

    async def send(self, message: Message) -> None:
        del message
        raise ChannelUnavailableError("busy", retry_after_s=self._retry_after_s)

    async def close(self) -> None:
        """Nothing is open."""


def _sender(channel: Channel) -> Sender:
    rng = random.SystemRandom()
    return Sender("sms", channel, OUR_SITE, owner="test", rng=rng, on_handed_over=None)


@pytest.mark.parametrize(
    ("asked_s", "least", "most"),
    [
        (float(RETRY_AFTER_S), timedelta(seconds=RETRY_AFTER_S), timedelta(seconds=RETRY_AFTER_S)),
        (86_400.0, RETRY_LONGEST, RETRY_LONGEST),
        (0.0, timedelta(seconds=1), timedelta(seconds=2)),
    ],
)
async def test_a_provider_that_asks_us_to_wait_is_heard_within_bounds(
    world: World, alerts: Connection, asked_s: float, least: timedelta, most: timedelta
) -> None:
    await write_down(world, "sms", NUMBER)
    await raise_alert(world, alerts)
    await world.do("UPDATE delivery SET attempt_at = %s", NOW)
    before = datetime.now(UTC)
    await _sender(Busy(asked_s)).send_once(alerts)
    attempt_at = await world.value("SELECT attempt_at FROM delivery WHERE channel = 'sms'")
    assert before + least <= attempt_at <= datetime.now(UTC) + most


# ---- Dead addresses ------------------------------------------------------------------


async def test_a_phone_that_is_gone_is_not_tried_again_and_others_are_asked_at_once(
    world: World,
) -> None:
    push = HttpProvider(mood=Mood.GONE)
    async with push.running():
        settings = Settings(
            push_key=SecretStr(new_push_key()),
            push_contact="mailto:it@council.example",
            push_test_service=push.url,
        )
        await switch_on(world, push.url)
        async with served(world, settings):
            await fresh_event(world)
            asked = "SELECT count(*) > 0 FROM alert_event WHERE kind = 'escalated'"
            await until(lambda: world.value(asked))
    assert len(push.requests) == 1
    history = await world.history()
    assert "no_notification_sent:address_is_dead" in history
    assert "escalated:nobody_reached" in history
    assert await world.values("SELECT is_dead FROM staff_address") == [True]
    told = await world.values("SELECT DISTINCT staff_id FROM delivery ORDER BY staff_id")
    assert told == [world.people.key_worker, world.people.clinician]


async def test_nothing_goes_to_a_dead_address_until_it_is_written_down_again(
    world: World, alerts: Connection
) -> None:
    await write_down(world, "sms", NUMBER)
    await world.do("INSERT INTO dead_address VALUES ('sms', %s, %s, 'gone')", NUMBER, NOW)
    await raise_alert(world, alerts)
    assert await world.values("SELECT channel FROM delivery") == ["console"]
    assert "no_notification_sent:address_is_dead" in await world.history()

    await write_down(world, "sms", NUMBER, NOW + timedelta(hours=1))
    await world.do("UPDATE contact_method SET created_at = %s", NOW + timedelta(seconds=1))
    later = Desk(alerts, OUR_SITE, NOW + timedelta(hours=1))
    await world.say(await world.open_episode(later.now, "sleep"), "opened", later.now)
    for pending in await intake.unhandled_events(alerts, []):
        await intake.take_in(later, pending, random.SystemRandom())
    assert await world.values("SELECT channel FROM delivery WHERE channel = 'sms'") == ["sms"]


async def test_a_phone_is_an_address_like_any_other_until_it_dies(
    world: World, alerts: Connection
) -> None:
    """Somebody whom only their phone tells is asked; with a dead one they are passed over."""
    await switch_on(world, "https://fcm.googleapis.com")
    await write_down_for(world, world.people.clinician, "sms", NUMBER)
    desk = Desk(alerts, OUR_SITE, NOW)
    who = await recipients_of(desk, world.people.person, PolicyDocument())
    assert who.of_step(Step.KEY_WORKER) == (world.people.key_worker,)
    assert who.unreachable == frozenset()
    await world.do(
        "INSERT INTO dead_address SELECT channel, address, %s, 'gone' FROM staff_address"
        " WHERE channel = 'web_push'",
        NOW,
    )
    who = await recipients_of(desk, world.people.person, PolicyDocument())
    assert world.people.key_worker in who.unreachable


# ---- Receipts ------------------------------------------------------------------------


async def text_that_was_taken(world: World, alerts: Connection) -> str:
    await write_down(world, "sms", NUMBER)
    await raise_alert(world, alerts)
    [claimed] = await messages.claim(Desk(alerts, OUR_SITE, NOW), "sms", "test")
    assert await messages.mark_handed_over(Desk(alerts, OUR_SITE, NOW), claimed)
    return claimed.message.idempotency_key


async def report(world: World, reference: str, status: str, at: datetime = NOW) -> None:
    await world.do(
        "INSERT INTO delivery_receipt (channel, reference, status, received_at)"
        " VALUES ('sms', %s, %s, %s)",
        reference,
        status,
        at,
    )


async def take_all(alerts: Connection, now: datetime = NOW) -> list[ReceiptReason | None]:
    desk = Desk(alerts, OUR_SITE, now)
    return [await take_receipt(desk, one) for one in await receipts_not_taken(desk)]


async def test_a_receipt_stands_in_the_story_and_accepts_nothing(
    world: World, alerts: Connection
) -> None:
    await report(world, await text_that_was_taken(world, alerts), "delivered")
    before = await world.value("SELECT wake_at FROM alert")
    assert await take_all(alerts) == [ReceiptReason.REACHED_THE_PHONE]
    assert await take_all(alerts) == []
    assert (await world.history())[-1] == "receipt_came:reached_the_phone"
    [row] = await world.values("SELECT state || coalesce(accepted_by::text, '') FROM alert")
    assert row == "notified"
    assert await world.value("SELECT wake_at FROM alert") == before


@pytest.mark.parametrize(
    ("status", "is_dead"),
    [("permanent-failure", True), ("technical-failure", False), ("temporary-failure", False)],
)
async def test_a_text_that_did_not_arrive_has_others_asked_at_once(
    world: World, alerts: Connection, status: str, is_dead: bool
) -> None:
    await report(world, await text_that_was_taken(world, alerts), status)
    await take_all(alerts)
    assert await world.value("SELECT wake_at FROM alert") == NOW
    await look(alerts, NOW)
    assert "escalated:nobody_reached" in await world.history()
    assert await world.values("SELECT is_dead FROM staff_address") == [is_dead]


async def test_a_receipt_that_overtakes_its_mark_waits_for_it(
    world: World, alerts: Connection
) -> None:
    await write_down(world, "sms", NUMBER)
    await raise_alert(world, alerts)
    [claimed] = await messages.claim(Desk(alerts, OUR_SITE, NOW), "sms", "test")
    await report(world, claimed.message.idempotency_key, "permanent-failure")
    assert await take_all(alerts) == [None]
    assert await messages.mark_handed_over(Desk(alerts, OUR_SITE, NOW), claimed)
    assert await take_all(alerts) == [ReceiptReason.NUMBER_IS_DEAD]


async def test_a_receipt_whose_mark_never_comes_is_taken_all_the_same(
    world: World, alerts: Connection
) -> None:
    await write_down(world, "sms", NUMBER)
    await raise_alert(world, alerts)
    [claimed] = await messages.claim(Desk(alerts, OUR_SITE, NOW), "sms", "test")
    await report(world, claimed.message.idempotency_key, "permanent-failure")
    later = NOW + MARK_EXPECTED_WITHIN
    assert await take_all(alerts, later) == [ReceiptReason.NUMBER_IS_DEAD]


@pytest.mark.parametrize(
    ("reference", "status", "reason"),
    [
        ("f" * 40, "delivered", ReceiptReason.MESSAGE_UNKNOWN),
        (None, "pending-virus-check", ReceiptReason.STATUS_UNKNOWN),
    ],
)
async def test_a_receipt_of_nothing_that_we_know_changes_nothing(
    world: World, alerts: Connection, reference: str | None, status: str, reason: ReceiptReason
) -> None:
    ours = await text_that_was_taken(world, alerts)
    before = await world.value("SELECT wake_at FROM alert")
    await report(world, reference or ours, status)
    assert await take_all(alerts) == [reason]
    assert await world.value("SELECT wake_at FROM alert") == before
    assert "no_notification_sent" not in " ".join(await world.history())


# ---- Limits of a channel --------------------------------------------------------------


async def test_a_second_text_within_a_minute_waits_unless_it_is_urgent(
    world: World, alerts: Connection
) -> None:
    await write_down(world, "sms", NUMBER)
    await raise_alert(world, alerts, "illness")
    await raise_alert(world, alerts, "sleep")
    await raise_alert(world, alerts, "drift", "check_now")
    waits = await world.values(
        "SELECT attempt_at FROM delivery WHERE channel = 'sms' ORDER BY delivery_id"
    )
    assert waits == [NOW, NOW + timedelta(minutes=1), NOW]
