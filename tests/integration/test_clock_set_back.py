"""A clock of ours that was a year ahead and is right again, on a real PostgreSQL."""

from __future__ import annotations

import orjson
from psycopg import AsyncConnection
from psycopg.rows import TupleRow

from ingest.batch import Arrival, Decoded, decode_arrival
from ingest.committing.counts import Counts
from ingest.committing.service import Worker
from ingest.service import DetectorScoring
from ingest.store import Store
from tests.integration.pipeline import enrol
from tidewell.clock import monotonic_s, now_ms
from tidewell.enrolment import device_name_of

Owner = AsyncConnection[TupleRow]
LABEL = "P-1"
HOUR_MS = 3_600_000
YEAR_MS = 365 * 86_400_000
LATER = "SELECT count(*) FROM device_cursor WHERE last_received_at > now()"
RECEIVED = "SELECT seq, received_at > now() + interval '1 day' FROM reading ORDER BY seq, time"


def frame(shard: int, seq: int, start_ms: int) -> Decoded:
    body = {"boot": 1, "seq": seq, "start": start_ms + seq * 60_000, "period": 60}
    topic = f"tidewell/v1/{shard}/{device_name_of(LABEL)}/frame"
    return decode_arrival(Arrival(topic, orjson.dumps(body | {"heart_rate": [60.0 + seq]})))


async def a_worker(url: str, begin_after_ms: int = 0) -> tuple[Worker, DetectorScoring, Store]:
    store = await Store.open(url, "tests", 60)
    await store.leases.take()
    store.leases.clock.begin_after(begin_after_ms)
    scoring = DetectorScoring(4 * 3_600, one_by_one=False)
    worker = Worker(store, scoring)
    await worker.recover()
    return worker, scoring, store


async def test_a_detector_is_brought_back_across_a_clock_that_was_a_year_ahead(
    database_url: str, owner: Owner
) -> None:
    (shard,) = await enrol(database_url, [LABEL])
    start_ms = now_ms() - 3_600_000
    worker, scoring, store = await a_worker(database_url)
    (person_id,) = worker.registry.people
    await worker.commit([frame(shard, 0, start_ms)], Counts())
    store.leases.clock.begin_after(now_ms() + YEAR_MS)  # as if it had been a year later
    store.leases.clock.hear(now_ms() + YEAR_MS, monotonic_s())
    await worker.commit([frame(shard, 1, start_ms), frame(shard, 3, start_ms)], Counts())
    await worker.save_snapshots(await worker.next_moment())
    assert await _rows(owner) == [(0, False), (1, True), (3, True)]
    remembered = scoring.snapshot([person_id])
    await store.close()

    worker, scoring, store = await a_worker(database_url)
    assert scoring.snapshot([person_id]) == remembered
    assert store.leases.clock.is_far_ahead(store.leases.time_ms())
    await worker.commit([frame(shard, 2, start_ms)], Counts())
    await worker.commit([frame(shard, 4, start_ms)], Counts())
    assert await _rows(owner) == [(0, False), (1, True), (2, False), (3, True), (4, False)]
    assert not store.leases.clock.is_far_ahead(store.leases.time_ms())
    cursor = await owner.execute(
        "SELECT count(*) FROM device_cursor WHERE last_received_at > now()"
    )
    assert await cursor.fetchall() == [(0,)]
    remembered = scoring.snapshot([person_id])
    await store.close()

    worker, scoring, store = await a_worker(database_url)
    assert not store.leases.clock.is_far_ahead(store.leases.time_ms())
    assert scoring.snapshot([person_id]) == remembered
    await store.leases.leave()
    await store.close()


async def test_what_waited_while_moments_were_set_back_keeps_its_time(
    database_url: str,
) -> None:
    (shard,) = await enrol(database_url, [LABEL])
    start_ms = now_ms() - HOUR_MS
    worker, _, store = await a_worker(database_url)
    (person_id,) = worker.registry.people
    store.leases.clock.begin_after(now_ms() + HOUR_MS)  # as if it had been an hour later
    store.leases.clock.hear(now_ms() + HOUR_MS, monotonic_s())
    await worker.commit([frame(shard, 0, start_ms), frame(shard, 3, start_ms)], Counts())
    await store.close()

    worker, scoring, store = await a_worker(database_url)
    await worker.commit([frame(shard, 1, start_ms)], Counts())
    await worker.commit([frame(shard, 2, start_ms)], Counts())
    await worker.commit([frame(shard, 4, start_ms)], Counts())
    assert not store.leases.clock.is_far_ahead(store.leases.time_ms())
    remembered = scoring.snapshot([person_id])
    await store.close()

    _, scoring, store = await a_worker(database_url, begin_after_ms=now_ms() + 2 * HOUR_MS)
    assert scoring.snapshot([person_id]) == remembered
    await store.leases.leave()
    await store.close()


async def _rows(owner: Owner) -> list[TupleRow]:
    return await (await owner.execute(RECEIVED)).fetchall()
