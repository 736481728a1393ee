"""The watch over alerts on a real PostgreSQL: what it finds, what it repairs, whom it tells."""

from __future__ import annotations

import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any
from unittest import mock

import psycopg
import pytest
from aiohttp import web

from alerts.auditing import store as auditing
from alerts.auditing.store import Summary, audit_alerts, look_beside
from alerts.auditor import LATE_AFTER, PROBE_LATE_AFTER, audit
from alerts.channels.console import Console
from alerts.channels.probe import ProbeChannel
from alerts.operations.notices import NoticeAbout, NoticeDecision
from alerts.operations.store import look as look_at
from alerts.probe import PROBE_CHANNEL
from alerts.reasons import AlertState, AuditReason, HeartbeatReason, WatcherAnswer
from alerts.sending.service import Sender
from alerts.store import Desk, due_alerts, wake
from alerts.watching.service import AUDIT_EVERY, Heartbeat, Watch, heartbeat_of
from alerts.watching.store import (
    PROBES_KEPT,
    ProbeOutcome,
    figures,
    open_probe,
    probe,
    take_turn_to_look,
)
from tests.integration.test_alert_intake import NOW, SITE, World, make_world, take_in_all
from tidewell.database import Connection, Role, connect
from tidewell.errors import ChannelError, SettingsError
from tidewell.settings import load_settings

EVERY = timedelta(minutes=5)
CHANCE = random.Random(1)  # noqa: S311 -- codes of a test


@pytest.fixture
async def world(database_url: str, owner: psycopg.AsyncConnection[Any]) -> World:
    return await make_world(database_url, owner)


@pytest.fixture
async def alerts(database_url: str) -> AsyncIterator[Connection]:
    async with await connect(database_url, Role.ALERTS, "test", autocommit=True) as connection:
        yield connection


async def raise_one(world: World, alerts: Connection, family: str = "illness") -> None:
    await world.say(await world.open_episode(NOW, family), "opened", NOW)
    await take_in_all(alerts)


def probe_sender() -> Sender:
    return Sender(
        PROBE_CHANNEL, ProbeChannel(), SITE, owner="test", rng=CHANCE, on_handed_over=None
    )


# ---- What it finds ----------------------------------------------------------------


async def test_a_late_step_is_taken_and_not_only_marked_as_due(
    world: World, alerts: Connection
) -> None:
    await raise_one(world, alerts)
    late = Desk(alerts, SITE, NOW + timedelta(days=3))
    assert await audit_alerts(late) == Summary(1, 1, 1)
    assert await world.value("SELECT wake_at FROM alert") > late.now
    assert "escalated:not_accepted_in_time" in await world.history()


async def test_pages_of_the_auditor_are_judged_like_one_look_at_everything(
    world: World, alerts: Connection
) -> None:
    for family in ("illness", "sleep", "withdrawal", "drift", "acute_load"):
        await raise_one(world, alerts, family)
    await world.do("UPDATE alert SET wake_at = NULL WHERE cause IN ('sleep', 'acute_load')")
    late = NOW - LATE_AFTER - timedelta(seconds=1)
    await world.do("UPDATE alert SET wake_at = %s WHERE cause = 'drift'", late)
    rows = await world.owner.execute("SELECT state, wake_at FROM alert")
    judged = [audit(AlertState(row[0]), row[1], NOW) for row in await rows.fetchall()]
    with mock.patch.object(auditing, "PAGE_ALERTS", 2):
        summary = await audit_alerts(Desk(alerts, SITE, NOW))
    assert summary.alerts_checked == len(judged) == 5
    assert summary.found == {
        AuditReason.NO_NEXT_STEP: judged.count(AuditReason.NO_NEXT_STEP),
        AuditReason.NEXT_STEP_IS_LATE: judged.count(AuditReason.NEXT_STEP_IS_LATE),
    }
    assert summary.repaired == 3


async def test_an_alert_that_cannot_take_its_step_stays_a_violation(
    world: World, alerts: Connection
) -> None:
    await raise_one(world, alerts)
    await world.do("UPDATE alert SET wake_at = NULL")
    with mock.patch.object(auditing, "wake", side_effect=ValueError("a row that no step fits")):
        summary = await audit_alerts(Desk(alerts, SITE, NOW))
    assert summary == Summary(1, 1, 0)
    assert summary.heartbeat is HeartbeatReason.NOT_REPAIRED


async def test_messages_events_and_answers_that_nobody_comes_for_are_found(
    world: World, alerts: Connection
) -> None:
    await raise_one(world, alerts)
    await world.act("accept", world.people.key_worker, NOW)
    await world.say(await world.open_episode(NOW, "sleep"), "opened", NOW)
    assert await look_beside(Desk(alerts, SITE, NOW)) == {}
    later = Desk(alerts, SITE, NOW + LATE_AFTER)
    assert await look_beside(later) == {
        AuditReason.MESSAGE_IS_STUCK: 1,
        AuditReason.EVENT_NOT_TAKEN_IN: 1,
        AuditReason.ANSWER_NOT_FOLDED_IN: 1,
    }
    await world.do("UPDATE delivery SET lease_until = %s", later.now + timedelta(seconds=9))
    assert AuditReason.MESSAGE_IS_STUCK not in await look_beside(later)


# ---- The probe ----------------------------------------------------------------


async def test_a_probe_goes_the_way_of_an_alert_and_reaches_its_sink_alone(
    world: World, alerts: Connection
) -> None:
    desk = Desk(alerts, SITE, datetime.now(UTC))
    assert await probe(desk, EVERY, CHANCE) is ProbeOutcome.RAISED
    [alert_id] = await due_alerts(desk, [])
    await wake(desk, alert_id)
    assert await probe_sender().send_once(alerts) == 1

    arrived = await open_probe(desk)
    assert arrived is not None
    assert arrived.took_s is not None
    assert await world.values("SELECT DISTINCT channel FROM delivery") == ["probe"]
    assert await world.values("SELECT DISTINCT staff_id FROM delivery") == [0]
    assert (await figures(desk)).alerts_open == 0
    kinds = await world.values("SELECT kind FROM alert_event ORDER BY alert_event_id")
    assert kinds == ["created", "notification_queued", "notification_sent"]

    assert await probe(desk, EVERY, CHANCE) is ProbeOutcome.NOT_OUR_TURN
    next_one = Desk(alerts, SITE, desk.now + EVERY)
    assert await probe(next_one, EVERY, CHANCE) is ProbeOutcome.RAISED
    states = await world.values("SELECT state FROM alert ORDER BY alert_id")
    assert states == ["closed", "raised"]


async def test_a_probe_that_does_not_arrive_stays_late_and_is_told(
    world: World, alerts: Connection
) -> None:
    async with watcher() as heard:
        watch = a_watch(heard.url)
        now = datetime.now(UTC)
        assert await probe(Desk(alerts, SITE, now), EVERY, CHANCE) is ProbeOutcome.RAISED
        earlier = now - PROBE_LATE_AFTER - timedelta(seconds=1)
        await world.do("UPDATE alert SET raised_at = %s", earlier)
        await world.do("UPDATE alert_watch SET probed_at = NULL")
        summary = await watch.look_once(alerts)
    assert summary is not None
    assert summary.found == {AuditReason.PROBE_IS_LATE: 1}
    assert heard.paths == ["/ping/fail"]
    assert await world.value("SELECT count(*) FROM alert") == 1
    later = Desk(alerts, SITE, now + EVERY * 2)
    assert await probe(later, EVERY, CHANCE) is ProbeOutcome.STILL_ON_ITS_WAY


async def test_probes_are_forgotten_and_alerts_about_people_are_not(
    world: World, alerts: Connection
) -> None:
    await raise_one(world, alerts)
    await probe(Desk(alerts, SITE, NOW), EVERY, CHANCE)
    await alerts.execute("SELECT forget_probes(%s)", (NOW + PROBES_KEPT,))
    assert await world.values("SELECT cause FROM alert") == ["illness"]
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        await alerts.execute("DELETE FROM alert")


async def test_nobody_can_be_given_the_sink_as_their_address(
    world: World, alerts: Connection
) -> None:
    await world.do(
        "INSERT INTO contact_method (staff_id, channel, address, created_at)"
        " VALUES (%s, 'probe', 'anywhere', %s)",
        world.people.key_worker,
        NOW,
    )
    await raise_one(world, alerts)
    assert await world.values("SELECT channel FROM delivery") == ["console"]
    assert "no_notification_sent:unknown_channel" in await world.history()


async def test_the_sink_takes_no_message_for_a_person() -> None:
    message = mock.Mock(staff_id=3)
    with pytest.raises(ChannelError, match="for a person"):
        await ProbeChannel().send(message)


# ---- Turns, and the watcher outside ------------------------------------------------


class Heard:
    """What the outside watcher heard, and what it answers."""

    def __init__(self) -> None:
        self.paths: list[str] = []
        self.status = 200
        self.url = ""

    async def answer(self, request: web.Request) -> web.Response:
        self.paths.append(request.path)
        return web.Response(status=self.status)


@asynccontextmanager
async def watcher() -> AsyncIterator[Heard]:
    heard = Heard()
    application = web.Application()
    application.router.add_get("/ping", heard.answer)
    application.router.add_get("/ping/fail", heard.answer)
    runner = web.AppRunner(application, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    heard.url = f"http://127.0.0.1:{runner.addresses[0][1]}/ping"
    try:
        yield heard
    finally:
        await runner.cleanup()


def a_watch(url: str | None) -> Watch:
    heartbeat = Heartbeat(url, f"{url}/fail" if url else None)
    return Watch(SITE, heartbeat, CHANCE, probe_every_s=0, nudge=lambda: None)


async def test_the_watcher_hears_of_a_clean_look_once_however_many_processes_there_are(
    world: World, alerts: Connection
) -> None:
    async with watcher() as heard:
        found = [await a_watch(heard.url).look_once(alerts) for _ in range(3)]
    assert [one is None for one in found] == [False, True, True]
    assert heard.paths == ["/ping"]
    assert await world.values("SELECT heartbeat FROM auditor_run") == ["all_well"]


async def test_the_watcher_does_not_hear_that_all_is_well_while_an_event_waits(
    world: World, alerts: Connection
) -> None:
    await world.say(await world.open_episode(NOW), "opened", NOW)
    async with watcher() as heard:
        watch = a_watch(heard.url)
        await watch.look_once(alerts)
        await world.do("UPDATE alert_watch SET looked_at = NULL")
        await world.do("DELETE FROM episode_event")
        await watch.look_once(alerts)
    assert heard.paths == ["/ping/fail", "/ping"]
    measures = {one.name: one for one in watch.measures()}
    violations = measures["tidewell_alert_violations_total"].samples
    assert sum(value for _, _, value in violations) == 1
    assert measures["tidewell_alert_heartbeat_well"].samples[0][2] == 1.0


async def test_a_watcher_that_refuses_or_is_away_holds_nothing_up() -> None:
    async with watcher() as heard:
        heard.status = 500
        refused = await Heartbeat(heard.url, None).say(HeartbeatReason.ALL_WELL)
        nothing = await Heartbeat(heard.url, None).say(HeartbeatReason.NOT_REPAIRED)
    away = await Heartbeat(heard.url, None).say(HeartbeatReason.REPAIRED)
    too_long = f"http://{'a' * 64}.example/ping"
    nowhere = await Heartbeat(too_long, None).say(HeartbeatReason.ALL_WELL)
    assert [refused, nothing] == [WatcherAnswer.REFUSED, WatcherAnswer.NOT_SET]
    assert [away, nowhere] == [WatcherAnswer.NOT_REACHED, WatcherAnswer.NOT_REACHED]


def test_an_address_of_the_watcher_that_is_none_is_refused_without_repeating_it() -> None:
    with pytest.raises(SettingsError, match="TIDEWELL_HEARTBEAT_URL is not an address") as refused:
        heartbeat_of(load_settings({"TIDEWELL_HEARTBEAT_URL": "a-secret"}))
    assert "a-secret" not in str(refused.value)


async def test_a_turn_comes_round_each_minute_and_a_clock_that_was_ahead_does_not_stop_it(
    world: World, alerts: Connection
) -> None:
    assert await take_turn_to_look(Desk(alerts, SITE, NOW), AUDIT_EVERY)
    assert not await take_turn_to_look(Desk(alerts, SITE, NOW + AUDIT_EVERY / 2), AUDIT_EVERY)
    ahead = NOW + timedelta(days=400)
    assert await take_turn_to_look(Desk(alerts, SITE, ahead), AUDIT_EVERY)
    assert await take_turn_to_look(Desk(alerts, SITE, NOW), AUDIT_EVERY)
    del world


async def look(desk: Desk, about: NoticeAbout) -> NoticeDecision:
    return (await look_at(desk, [about]))[about]


async def test_operations_are_told_once_that_alerts_are_not_certain(
    world: World, alerts: Connection
) -> None:
    await world.do("UPDATE shard SET heard_until = %s", NOW + timedelta(days=1))
    kind = NoticeAbout.ALERTS_NOT_CERTAIN
    assert await look(Desk(alerts, SITE, NOW), kind) is NoticeDecision.NOTHING
    left = {AuditReason.PROBE_IS_LATE: 1}
    for minute in range(3):
        desk = Desk(alerts, SITE, NOW + timedelta(minutes=minute))
        await audit_alerts(desk, left)
    assert await look(desk, kind) is NoticeDecision.RAISED
    assert await look(desk, kind) is NoticeDecision.STILL_OPEN
    well = Desk(alerts, SITE, NOW + timedelta(minutes=3))
    await audit_alerts(well)
    assert await look(well, kind) is NoticeDecision.ENDED
    await audit_alerts(Desk(alerts, SITE, NOW + timedelta(hours=2)))
    silent = Desk(alerts, SITE, NOW + timedelta(hours=3))
    assert await look(silent, kind) is NoticeDecision.RAISED
    assert await world.value("SELECT count(*) FROM operations_notice") == 2


# ---- A sender that stood still --------------------------------------------------------


async def test_a_sender_whose_lease_may_be_over_sends_nothing(
    world: World, alerts: Connection
) -> None:
    await raise_one(world, alerts)
    console = mock.create_autospec(Console, instance=True)
    sender = Sender("console", console, SITE, owner="test", rng=CHANCE, on_handed_over=None)
    with (
        mock.patch("alerts.sending.service.clock.monotonic_s", side_effect=[0.0, 16.0]),
        mock.patch("alerts.sending.service.clock.now_utc", return_value=NOW),
    ):
        assert await sender.send_once(alerts) == 1
    console.send.assert_not_called()
    assert await world.value("SELECT state FROM delivery") == "waiting"
