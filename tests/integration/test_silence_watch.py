"""Silences and outages with real servers: noticed in time, told once, ended by what comes."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path

import orjson
import pytest

import ingest.leasing.service as leasing
from ingest.admit import Registry
from ingest.committing.counts import Counts
from ingest.service import run_ingest
from ingest.silence.outages import Missed
from ingest.silence.reasons import OutageReason
from ingest.silence.service import SilenceWatch
from ingest.silence.store import SilenceStore
from ingest.store import Store
from tests.integration.pipeline import CLIENT_ID, enrol, own_broker, rows, wait_until_ready
from tests.integration.test_ingest_faults import BareDevice, frame
from tidewell.clock import monotonic_s, now_ms
from tidewell.database import Role, connect
from tidewell.embedded.nats import NatsServer
from tidewell.enrolment import device_name_of
from tidewell.local_time import utc_moment
from tidewell.settings import load_settings
from tidewell.viewing import look_as

SILENCES = (
    "SELECT person.label, silence.reason, battery_percent, silence.ended_at IS NOT NULL,"
    " strand FROM silence JOIN person USING (person_id) JOIN episode USING (episode_id) ORDER BY 1"
)
EVENTS = (
    "SELECT person.label, episode_event.kind FROM episode_event JOIN episode USING (episode_id)"
    " JOIN person USING (person_id) ORDER BY episode_event_id"
)
OUTAGES = "SELECT reason, ended_at IS NOT NULL, cardinality(shards) FROM outage ORDER BY 1"
GRACE_S = 2.0
SILENCE_S = 60
LATE_MOST_S = 20
"""A look each five seconds, on a machine that is busy with other things; a lost deadline never."""


@pytest.fixture(autouse=True)
def short_grace(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(leasing, "SILENCE_GRACE_S", GRACE_S)


@asynccontextmanager
async def ingesting(database_url: str, broker: NatsServer) -> AsyncIterator[None]:
    stop = asyncio.Event()
    given = {"TIDEWELL_LEASE_S": "5", "TIDEWELL_SILENCE_AFTER_S": str(SILENCE_S)}
    running = run_ingest(
        load_settings(given),
        database_url,
        broker.service_url,
        CLIENT_ID,
        stop=stop,
        owner=f"test-{secrets.token_hex(4)}",
    )
    task = asyncio.create_task(running)
    try:
        await wait_until_ready(database_url)
        yield
    finally:
        stop.set()
        await task


@asynccontextmanager
async def holding(database_url: str) -> AsyncIterator[Store]:
    """Yield the store of a worker that holds every shard."""
    store = await Store.open(database_url, "tests", 60)
    await store.leases.take()
    yield store
    await store.leases.leave()
    await store.close()


class Ear:
    """As much of a shift as a look at silence uses: it hears, and has just begun to."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.held = frozenset(store.epochs)

    def hearing(self) -> tuple[bool, int]:
        return True, 1

    def hears_long_enough(self) -> bool:
        return False


async def hand_out(database_url: str, ago_s: float) -> None:
    """Say that devices were enrolled and handed out so long ago."""
    async with await connect(database_url, Role.ENROL, "tests", autocommit=True) as connection:
        await connection.execute(
            "UPDATE device SET created_at = to_timestamp(%s)", (now_ms() / 1000 - ago_s,)
        )


async def until(
    database_url: str,
    query: str,
    holds: Callable[[list[tuple[object, ...]]], bool],
    limit_s: float = 30.0,
) -> list[tuple[object, ...]]:
    """Wait until what a query returns is as it should be."""
    end_s = monotonic_s() + limit_s
    while not holds(found := await rows(database_url, query)):
        assert monotonic_s() < end_s, f"after {limit_s} s still {found}"
        await asyncio.sleep(0.1)
    return found


async def say(broker: NatsServer, label: str, **status: object) -> None:
    """Let a device publish its status, as it is retained at the broker."""
    async with BareDevice.connected(broker, label) as device:
        said = {"online": True, "time": now_ms(), "battery": 80, "firmware": "1.0", "boot": 1}
        topic = f"{device._topic}/status"
        await device._client.publish(topic, orjson.dumps({**said, **status}), qos=1, retain=True)


async def test_a_device_that_never_sent_anything_is_silent_at_its_deadline(
    database_url: str, broker: NatsServer
) -> None:
    await enrol(database_url, ["A"])
    due_s = monotonic_s() + 6
    await hand_out(database_url, SILENCE_S - 6)
    async with ingesting(database_url, broker), BareDevice.connected(broker, "A") as device:
        found = await until(database_url, SILENCES, bool)
        late_s = monotonic_s() - due_s
        # The battery may be known: the broker keeps what a device of this name said of itself.
        assert [(*row[:2], *row[3:]) for row in found] == [
            ("A", "never_heard", False, "never_heard")
        ]
        assert 0 <= late_s < LATE_MOST_S
        await device.send(frame(0, start_ms=now_ms() // 60_000 * 60_000 - 60_000))
        await device.acked(0)
        await until(database_url, SILENCES, lambda now: now[0][3] is True)
        assert await rows(database_url, EVENTS) == [("A", "opened"), ("A", "closed")]


async def test_a_deadline_that_passed_while_nobody_ran_counts_after_the_grace_and_once(
    database_url: str, broker: NatsServer
) -> None:
    await enrol(database_url, ["A"])
    await hand_out(database_url, 3_600)
    started_s = monotonic_s()
    async with ingesting(database_url, broker):
        await until(database_url, SILENCES, bool)
        assert monotonic_s() - started_s >= GRACE_S
    async with ingesting(database_url, broker):
        await asyncio.sleep(GRACE_S + 6)
    assert await rows(database_url, EVENTS) == [("A", "opened")]
    assert len(await rows(database_url, SILENCES)) == 1


async def test_what_a_device_said_of_itself_gives_the_reason(
    database_url: str, broker: NatsServer
) -> None:
    labels = ["A", "B", "C"]
    await enrol(database_url, labels)
    await say(broker, "A", battery=7)
    async with ingesting(database_url, broker), BareDevice.connected(broker, "B") as device:
        await until(database_url, "SELECT 1 FROM device_status", bool)
        await say(broker, "A", online=False, battery=99, time=now_ms() - 86_400_000)
        start_ms = now_ms() // 60_000 * 60_000 - 60_000
        await device.send(frame(0, start_ms=start_ms, worn=[1]))
        await device.acked(0)
        await say(broker, "B", online=False, battery=55)
        await hand_out(database_url, 3_600)
        [(paused,)] = await rows(database_url, "SELECT person_id FROM person WHERE label = 'C'")
        async with await connect(database_url, Role.PORTAL, "tests") as portal:
            now = utc_moment(now_ms())
            assert isinstance(paused, int)
            await look_as(portal, None, paused, now)
            await portal.execute(
                "INSERT INTO pause (person_id, paused_from) VALUES (%s, %s)", (paused, now)
            )
        found = await until(database_url, SILENCES, lambda now: len(now) == 2, limit_s=90)
    assert found == [
        ("A", "flat_battery", 7, False, "never_heard"),
        ("B", "no_network", 55, False, "days"),
    ]
    said = "SELECT name, online, battery_percent FROM device_status JOIN device USING (device_id)"
    assert sorted(await rows(database_url, said)) == [
        (device_name_of("A"), False, 7),
        (device_name_of("B"), False, 55),
    ]


async def test_a_broker_that_is_away_is_one_outage_and_nobodys_silence(
    database_url: str,
    server_folder: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(leasing, "SILENCE_GRACE_S", 8.0)
    folder = server_folder / f"nats-{secrets.token_hex(4)}"
    await enrol(database_url, ["A", "B"])
    await hand_out(database_url, 0)
    with own_broker(folder) as broker:
        async with ingesting(database_url, broker):
            await until(database_url, "SELECT 1 FROM shard WHERE heard_until IS NOT NULL", bool)
            await asyncio.to_thread(broker.stop)
            await hand_out(database_url, SILENCE_S - 5)  # the deadline passes during the outage
            found = await until(database_url, OUTAGES, bool, limit_s=40)
            assert found == [("broker_away", False, 64)]
            assert await rows(database_url, EVENTS) == []
            await asyncio.to_thread(broker.start)
            await until(database_url, OUTAGES, lambda now: now[0][1] is True, limit_s=40)
            back_s = monotonic_s()
            assert await rows(database_url, EVENTS) == []
            await until(database_url, EVENTS, lambda now: len(now) == 2)
            assert monotonic_s() - back_s > 2
    assert await rows(database_url, OUTAGES) == [("broker_away", True, 64)]


async def test_an_outage_ends_for_the_shards_that_are_heard_and_goes_on_for_the_others(
    database_url: str,
) -> None:
    began = utc_moment(now_ms() - 60_000)
    async with holding(database_url) as store:
        for held, change in (((0, 1, 2), "missed"), ((1,), "heard"), ((2, 3), "missed")):
            async with store.transaction(now := store.next_moment()) as transaction:
                looked = SilenceStore(transaction.cursor, held, now)
                if change == "heard":
                    assert await looked.end_outages(quiet=False) == {1}
                else:
                    away = Missed(held, now_ms() - 60_000, OutageReason.BROKER_AWAY, is_over=False)
                    assert await looked.note_outage(away)
    found = await rows(
        database_url, "SELECT shards, ended_at IS NULL, began_at FROM outage ORDER BY 1"
    )
    assert [row[:2] for row in found] == [([0, 2], True), ([1], False), ([3], True)]
    assert all(abs(row[2] - began) < timedelta(seconds=30) for row in found)  # type: ignore[operator] # a time


async def test_a_quiet_is_over_for_all_its_shards_when_one_of_them_is_heard(
    database_url: str,
) -> None:
    async with holding(database_url) as store:
        async with store.transaction(now := store.next_moment()) as transaction:
            assert await SilenceStore(transaction.cursor, (0, 1, 2), now).note_quiet(now)
        async with store.transaction(now := store.next_moment()) as transaction:
            assert await SilenceStore(transaction.cursor, (1,), now).end_outages(quiet=True)
    assert await rows(database_url, OUTAGES) == [("nobody_heard", True, 3)]


async def test_a_worker_that_starts_inside_a_quiet_goes_on_holding_notices_back(
    database_url: str,
) -> None:
    counts = Counts()
    async with holding(database_url) as store:
        for ago_s, holds_back in ((3_600, True), (13 * 3_600, False)):
            began = utc_moment(now_ms() - ago_s * 1000)
            async with store.transaction(now := store.next_moment()) as transaction:
                looked = SilenceStore(transaction.cursor, store.epochs, now)
                await looked.end_outages(quiet=True)
                assert await looked.note_quiet(began)
            watch = SilenceWatch(SILENCE_S, lambda *_: {}, "test")
            await watch.look(Ear(store), Registry(), counts)  # type: ignore[arg-type] # as much of a shift as is used
            assert watch.holds_back is holds_back
        counts.frames_committed += 1
        await watch.look(Ear(store), Registry(), counts)  # type: ignore[arg-type] # likewise
        assert not watch.holds_back
    assert [row[1] for row in await rows(database_url, OUTAGES)] == [True, True]


async def test_a_night_without_the_service_is_an_outage_when_it_starts_again(
    database_url: str, broker: NatsServer
) -> None:
    await enrol(database_url, ["A"])
    async with ingesting(database_url, broker):
        await until(database_url, "SELECT 1 FROM shard WHERE heard_until IS NOT NULL", bool)
    assert await rows(database_url, OUTAGES) == []
    async with await connect(database_url, Role.INGEST, "tests", autocommit=True) as connection:
        await connection.execute("UPDATE shard SET heard_until = heard_until - interval '9 hours'")
    async with ingesting(database_url, broker):
        found = await until(database_url, OUTAGES, bool)
    assert found == [("not_running", True, 64)]
