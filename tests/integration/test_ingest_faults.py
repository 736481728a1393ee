"""Frames that are wrong, early, late, repeated or unwelcome; and parts of ingest that fail."""

from __future__ import annotations

import asyncio
import json
import secrets
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from io import BytesIO
from pathlib import Path
from urllib.parse import urlsplit

import aiomqtt
import numpy as np
import psycopg
import pytest

import ingest.committing.service as committing
from detect import Detector, Findings, ReadingBatch
from firmware_sim.recordings import Recording
from ingest import service
from ingest.admit import (
    FOREVER_MS,
    Admitted,
    Device,
    Person,
    Registry,
    Span,
    Wearing,
    silence_counts_from,
)
from ingest.rows import Rows, assemble
from ingest.service import run_ingest
from tests.integration.pipeline import (
    CLIENT_ID,
    DAYS,
    EPISODE_EVENTS,
    READINGS,
    enrol,
    invented_recordings,
    own_broker,
    play,
    rows,
    wait_until_ready,
)
from tidewell.clock import now_ms
from tidewell.embedded.nats import NatsServer
from tidewell.enrolment import device_name_of, shard_of
from tidewell.settings import load_settings

MINUTE_MS = 60_000


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[NatsServer]:
    with own_broker(tmp_path / "nats") as server:
        yield server


@asynccontextmanager
async def running_ingest(
    database_url: str, broker: NatsServer, client_id: str = CLIENT_ID, **settings: str
) -> AsyncIterator[None]:
    """Run ingest in this process, so that a test can reach into it."""
    stop = asyncio.Event()
    given = {"TIDEWELL_LEASE_S": "5", **settings}
    task = asyncio.create_task(
        run_ingest(
            load_settings(given),
            database_url,
            broker.service_url,
            client_id,
            stop=stop,
            owner=f"test-{secrets.token_hex(4)}",
        )
    )
    try:
        await wait_until_ready(database_url)
        yield
    finally:
        stop.set()
        await task


class BareDevice:
    """A device without any cleverness: it publishes what it is told and remembers its acks."""

    def __init__(self, client: aiomqtt.Client, label: str) -> None:
        self._client = client
        self._topic = f"tidewell/v1/{shard_of(label)}/{device_name_of(label)}"
        self.acks: list[dict[str, object]] = []

    @classmethod
    @asynccontextmanager
    async def connected(cls, broker: NatsServer, label: str) -> AsyncIterator[BareDevice]:
        url = urlsplit(broker.device_url)
        assert url.hostname
        client = aiomqtt.Client(
            url.hostname, url.port or 1883, username=url.username, password=url.password
        )
        async with client:
            device = cls(client, label)
            await client.subscribe(f"{device._topic}/ack")
            listening = asyncio.create_task(device._listen())
            try:
                yield device
            finally:
                listening.cancel()

    async def send(self, payload: bytes, *, shard: int | None = None) -> None:
        topic = (
            self._topic if shard is None else f"tidewell/v1/{shard}/{self._topic.split('/')[-1]}"
        )
        await self._client.publish(f"{topic}/frame", payload, qos=1)

    async def acked(self, upto: int) -> dict[str, object]:
        """Wait until an ack says at least this."""
        async with asyncio.timeout(20):
            while not self.acks or int(str(self.acks[-1]["upto"])) < upto:
                await asyncio.sleep(0.02)
        return self.acks[-1]

    async def _listen(self) -> None:
        async for message in self._client.messages:
            assert isinstance(message.payload, bytes)
            self.acks.append(json.loads(message.payload))


def frame(
    seq: int, *, minutes: int = 1, boot: int = 1, start_ms: int | None = None, **more: object
) -> bytes:
    start = now_ms() // MINUTE_MS * MINUTE_MS - 600 * MINUTE_MS + seq * minutes * MINUTE_MS
    body = {
        "boot": boot,
        "seq": seq,
        "start": start if start_ms is None else start_ms,
        "period": 60,
        "heart_rate": [60 + seq % 5] * minutes,
        **more,
    }
    return json.dumps(body).encode()


async def dead_letters(database_url: str) -> list[tuple[object, ...]]:
    return await rows(
        database_url, "SELECT reason, boot, seq, whole_frame FROM dead_letter ORDER BY 1, 3"
    )


async def test_frames_that_come_out_of_order_are_stored_at_once_and_missing_ones_are_named(
    database_url: str, broker: NatsServer
) -> None:
    await enrol(database_url, ["A"])
    async with running_ingest(database_url, broker), BareDevice.connected(broker, "A") as device:
        for seq in (0, 1, 4, 5, 8):
            await device.send(frame(seq))
        ack = await device.acked(1)
        async with asyncio.timeout(20):
            while ack["missing"] != [[2, 3], [6, 7]]:
                await asyncio.sleep(0.05)
                ack = device.acks[-1]
        assert len(await rows(database_url, "SELECT 1 FROM reading")) == 5
        assert await rows(
            database_url, "SELECT first_seq, last_seq, state FROM frame_gap ORDER BY 1"
        ) == [
            (2, 3, "waiting"),
            (6, 7, "waiting"),
        ]
        await device.send(frame(3))
        await device.send(frame(2))
        await device.acked(5)
        await device.send(frame(9, oldest=8))
        ack = await device.acked(9)
        assert ack["missing"] == []
        assert await rows(database_url, "SELECT first_seq, last_seq, state FROM frame_gap") == [
            (6, 7, "lost_on_device")
        ]
        cursor = await rows(
            database_url, "SELECT upto, highest, scored_upto, frames_committed FROM device_cursor"
        )
        assert cursor == [(9, 9, 9, 8)]


async def test_a_bad_frame_is_kept_with_its_reason_and_does_not_block_its_device(
    database_url: str, broker: NatsServer
) -> None:
    await enrol(database_url, ["A"])
    hour_ms = 60 * MINUTE_MS
    bad = {
        1: (frame(1, heart_rate=[900]), "out_of_range"),
        2: (frame(2).replace(b"[62]", b"[NaN]"), "not_finite"),
        3: (frame(3, location=[51.5]), "unknown_channel"),
        4: (frame(4, steps=[1, 2]), "wrong_length"),
        5: (frame(5, start_ms=now_ms() + hour_ms), "from_the_future"),
        6: (frame(6, start_ms=0), "too_old"),
        7: (frame(7) + b"}" * 20_000, "too_large"),
        8: (frame(8)[:-1], "bad_json"),
        9: (b"", "bad_json"),
    }
    async with running_ingest(database_url, broker), BareDevice.connected(broker, "A") as device:
        await device.send(frame(0))
        for payload, _ in bad.values():
            await device.send(payload)
        await device.send(frame(9))
        await device.send(frame(10), shard=(shard_of("A") + 1) % 64)
        await device.send(frame(11))
        await device.acked(11)
    expected = [
        (reason, 1 if payload else None, seq if payload else None, True)
        for seq, (payload, reason) in bad.items()
    ] + [("wrong_shard", 1, 10, True)]
    assert sorted(await dead_letters(database_url), key=str) == sorted(expected, key=str)
    counts = await rows(
        database_url, "SELECT frames_committed, frames_dead_lettered, upto FROM device_cursor"
    )
    assert counts == [(3, 9, 11)]


async def test_a_device_that_nobody_enrolled_is_not_acknowledged_until_it_is(
    database_url: str, broker: NatsServer
) -> None:
    async with running_ingest(database_url, broker), BareDevice.connected(broker, "A") as device:
        await device.send(frame(0))
        async with asyncio.timeout(30):
            while not await dead_letters(database_url):
                await asyncio.sleep(0.05)
        assert device.acks == []
        await enrol(database_url, ["A"])
        again = frame(0)
        async with asyncio.timeout(30):
            while not device.acks:  # a name that was unknown is looked up again after two seconds
                await device.send(again)
                await asyncio.sleep(0.3)
        await device.acked(0)
    assert {row[0] for row in await dead_letters(database_url)} == {"unknown_device"}
    assert len(await rows(database_url, "SELECT 1 FROM reading")) == 1


async def test_readings_of_a_pause_are_not_kept_anywhere(
    database_url: str, broker: NatsServer
) -> None:
    await enrol(database_url, ["A"])
    start_ms = now_ms() // MINUTE_MS * MINUTE_MS - 60 * MINUTE_MS
    pause = (
        "INSERT INTO pause (person_id, paused_from, paused_until) SELECT person_id, "
        f"to_timestamp({(start_ms + 10 * MINUTE_MS) / 1000}), "
        f"to_timestamp({(start_ms + 40 * MINUTE_MS) / 1000}) "
        "FROM person RETURNING pause_id"
    )
    await _write(database_url, pause)
    async with running_ingest(database_url, broker), BareDevice.connected(broker, "A") as device:
        await device.send(frame(0, start_ms=start_ms, heart_rate=[71.0] * 60))
        await device.send(frame(1, start_ms=start_ms + 15 * MINUTE_MS, heart_rate=[123.25] * 10))
        await device.acked(1)
    assert await rows(database_url, "SELECT count(*) FROM reading") == [(30,)]
    kept = await rows(
        database_url, "SELECT reason, whole_frame, payload FROM dead_letter ORDER BY seq"
    )
    assert kept == [("paused", False, None), ("paused", True, None)]


async def test_two_frames_that_claim_one_minute_keep_the_first_and_say_so(
    database_url: str, broker: NatsServer
) -> None:
    await enrol(database_url, ["A"])
    start_ms = now_ms() // MINUTE_MS * MINUTE_MS - 60 * MINUTE_MS
    async with running_ingest(database_url, broker), BareDevice.connected(broker, "A") as device:
        await device.send(frame(0, start_ms=start_ms, heart_rate=[61.0, 62.0]))
        await device.send(frame(1, start_ms=start_ms + MINUTE_MS, heart_rate=[62.0, 63.0]))
        await device.send(frame(2, start_ms=start_ms, heart_rate=[99.0]))
        await device.acked(2)
    stored = await rows(database_url, "SELECT heart_rate FROM reading ORDER BY time")
    assert stored == [(61.0,), (62.0,), (63.0,)]
    assert await dead_letters(database_url) == [("epoch_conflict", 1, 2, False)]


async def test_a_connection_that_is_cut_in_the_middle_loses_nothing(
    database_url: str, broker: NatsServer
) -> None:
    (recording,) = invented_recordings(people=1, days=20, seed=3)
    async with running_ingest(database_url, broker):
        playing = asyncio.create_task(play(database_url, broker, [recording], boot=1))
        for _ in range(3):
            await asyncio.sleep(0.3)
            await _write(
                database_url,
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                "WHERE application_name = 'tidewell ingest'",
            )
        report = await playing
    assert report.totals.frames_acknowledged == report.totals.frames_published
    assert await rows(database_url, "SELECT count(*) FROM reading") == [(len(recording.time_ms),)]
    assert await rows(
        database_url, "SELECT count(*) FROM device_cursor WHERE scored_upto <> upto"
    ) == [(0,)]


class FailsForOnePerson(Detector):
    """A detector with a fault that the readings of one person bring out, half-way through."""

    victim = -1

    def update(self, batch: ReadingBatch) -> Findings:
        findings = super().update(batch)
        if self.victim in batch.person_id:
            raise FloatingPointError("a fault of the detector")
        return findings


async def test_readings_that_cannot_be_scored_are_stored_and_scored_later(
    database_url: str, broker: NatsServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    recordings = invented_recordings(people=3, days=40, seed=5)
    await enrol(database_url, [one.person_label for one in recordings])
    ((victim,),) = await rows(database_url, "SELECT person_id FROM person WHERE label = 'T-0'")
    FailsForOnePerson.victim = int(str(victim))
    with monkeypatch.context() as broken:
        broken.setattr(service, "Detector", FailsForOnePerson)
        async with running_ingest(database_url, broker):
            await play(database_url, broker, recordings, boot=1)
        assert await rows(database_url, "SELECT count(*) FROM reading") == [
            (sum(len(one.time_ms) for one in recordings),)
        ]
        scored = await rows(database_url, "SELECT DISTINCT person_id FROM daily_feature")
        assert len(scored) == 2
        assert (victim,) not in scored
    async with running_ingest(database_url, broker):
        pass
    days = await rows(database_url, DAYS)
    events = await rows(database_url, EPISODE_EVENTS)
    assert await rows(
        database_url, "SELECT count(*) FROM device_cursor WHERE scored_upto <> upto"
    ) == [(0,)]
    detector_alone = await _fresh_run(database_url, broker, recordings)
    assert (days, events) == detector_alone
    assert events


async def _fresh_run(
    database_url: str, broker: NatsServer, recordings: list[Recording]
) -> tuple[list[tuple[object, ...]], list[tuple[object, ...]]]:
    """Forget all that was found, and let a sound ingest find it again from the devices' frames.

    Under another name at the broker: what was never confirmed to the former one would come too, as
    the first word about epochs that are told again here.
    """
    await _write(
        database_url,
        "TRUNCATE reading, dead_letter, device_cursor, frame_gap, silence, detector_snapshot, "
        "daily_feature, episode, episode_event",
    )
    async with running_ingest(database_url, broker, f"{CLIENT_ID}-afresh"):
        await play(database_url, broker, recordings, boot=2)
    return await rows(database_url, DAYS), await rows(database_url, EPISODE_EVENTS)


async def test_a_frame_that_breaks_us_is_set_aside_and_the_others_are_stored(
    database_url: str, broker: NatsServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    def assemble_but_one(admitted: list[Admitted], received_ms: int) -> Rows:
        if any(one.frame.seq == 7 for one in admitted):
            raise ZeroDivisionError("a fault of ours")
        return assemble(admitted, received_ms)

    monkeypatch.setattr(committing, "assemble", assemble_but_one)
    await enrol(database_url, ["A"])
    async with running_ingest(database_url, broker), BareDevice.connected(broker, "A") as device:
        for seq in range(30):
            await device.send(frame(seq))
        await device.acked(29)
    assert await dead_letters(database_url) == [("could_not_be_stored", 1, 7, True)]
    assert len(await rows(database_url, "SELECT 1 FROM reading")) == 29


async def test_stored_readings_and_memory_agree_after_a_restart(
    database_url: str, broker: NatsServer
) -> None:
    (recording,) = invented_recordings(people=1, days=40, seed=9)
    half = len(recording.time_ms) // 2

    def part(chosen: slice) -> list[Recording]:
        return [
            Recording(recording.person_label, recording.time_ms[chosen], recording.values[chosen])
        ]

    async with running_ingest(database_url, broker):
        await play(database_url, broker, part(slice(0, half)), boot=1)
    assert await rows(database_url, "SELECT count(*) FROM detector_snapshot") == [(1,)]
    async with running_ingest(database_url, broker):
        await play(database_url, broker, part(slice(half, None)), boot=2)
    first = (await rows(database_url, DAYS), await rows(database_url, EPISODE_EVENTS))
    assert first == await _fresh_run(database_url, broker, [recording])
    assert await rows(database_url, READINGS)


async def _write(database_url: str, statement: str) -> None:
    async with await psycopg.AsyncConnection.connect(database_url, autocommit=True) as connection:
        await connection.execute(statement.encode())


async def test_one_device_cannot_stop_ingest_with_a_long_topic(
    database_url: str, broker: NatsServer
) -> None:
    await enrol(database_url, ["A", "B"])
    letters = secrets.token_hex(3_000)
    async with (
        running_ingest(database_url, broker),
        BareDevice.connected(broker, "A") as bad,
        BareDevice.connected(broker, "B") as good,
    ):
        await bad._client.publish(f"tidewell/v1/{letters}/band-a/frame", b"{}", qos=1)
        await good.send(frame(0))
        await good.acked(0)
    assert [row[0] for row in await dead_letters(database_url)] == ["bad_topic"]


async def test_a_snapshot_taken_over_a_hole_forgets_nothing(
    database_url: str, broker: NatsServer
) -> None:
    await enrol(database_url, ["A"])
    saved = "detector_snapshot_before"
    async with running_ingest(database_url, broker), BareDevice.connected(broker, "A") as device:
        await device.send(frame(0, minutes=10))
        await device.send(frame(2, minutes=10))
        await device.acked(0)
        await device.send(frame(3, minutes=10))
        await wait_for_rows(database_url, 30)
    await _write(database_url, f"CREATE TABLE {saved} AS SELECT * FROM detector_snapshot")
    async with running_ingest(database_url, broker), BareDevice.connected(broker, "A") as device:
        await device.send(frame(1, minutes=10))
        await device.acked(3)
    lived = await remembered(database_url)
    # As after a crash: the last snapshot is the one from before the hole was filled.
    await _write(database_url, "DELETE FROM detector_snapshot")
    await _write(database_url, f"INSERT INTO detector_snapshot SELECT * FROM {saved}")
    async with running_ingest(database_url, broker):
        pass
    recovered = await remembered(database_url)
    assert lived["reported_s"].sum() == 2_400
    for name, column in lived.items():
        np.testing.assert_array_equal(recovered[name], column, err_msg=name)


async def test_a_pause_and_our_own_outage_are_nobodys_silence(
    database_url: str, broker: NatsServer
) -> None:
    await enrol(database_url, ["A", "B"])
    async with running_ingest(database_url, broker), BareDevice.connected(broker, "A") as device:
        await device.send(frame(0))
        await device.acked(0)
    registry = Registry(
        {"band-a": Device(1, revoked=False, wearings=(Wearing(0, FOREVER_MS, 1),))},
        {
            1: Person(1, 0, "UTC", (Span(1_000, 5_000),)),
            2: Person(2, 0, "UTC"),
        },
    )
    assert silence_counts_from(registry, 3_000) == {1: 5_000, 2: FOREVER_MS}
    assert silence_counts_from(registry, 9_000) == {1: 5_000, 2: FOREVER_MS}
    assert silence_counts_from(registry, 500)[1] == 0


async def remembered(
    database_url: str,
) -> dict[str, np.ndarray[tuple[int, ...], np.dtype[np.generic]]]:
    ((state,),) = await rows(database_url, "SELECT state FROM detector_snapshot")
    assert isinstance(state, bytes)
    with np.load(BytesIO(state), allow_pickle=False) as columns:
        return {name: columns[name] for name in columns.files}


async def wait_for_rows(database_url: str, count: int) -> None:
    async with asyncio.timeout(20):
        while len(await rows(database_url, "SELECT 1 FROM reading")) < count:
            await asyncio.sleep(0.05)
