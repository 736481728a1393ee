"""Catching up in parts, and people who move to another worker: the detector stays the same."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import orjson
import psycopg
import pytest

from firmware_sim.recordings import Recording
from ingest.batch import Arrival, decode_arrival
from ingest.committing.counts import Counts
from ingest.committing.service import Worker
from ingest.recovering import service as recovering
from ingest.service import DetectorScoring
from ingest.store import Store
from tests.integration.pipeline import enrol, invented_recordings
from tidewell.clock import now_utc
from tidewell.enrolment import device_name_of
from tidewell.vocabulary import CHANNEL_NAMES, SHARD_COUNT

Owner = psycopg.AsyncConnection[tuple[object, ...]]
PEOPLE = 4
DAYS = 3
PART = 60


@asynccontextmanager
async def a_worker(url: str) -> AsyncIterator[tuple[Worker, DetectorScoring, Store]]:
    """Yield a worker that holds every shard and has caught up; it leaves no snapshot."""
    store = await Store.open(url, "tests", 600)
    try:
        await store.leases.take()
        scoring = DetectorScoring(4 * 3_600, one_by_one=False)
        worker = Worker(store, scoring)
        await worker.recover()
        yield worker, scoring, store
    finally:
        await store.leases.leave()
        await store.close()


async def send(worker: Worker, shard: int, recording: Recording, first: int, last: int) -> None:
    """Commit frames first..last-1 of a recording, of an hour each, as one batch."""
    topic = f"tidewell/v1/{shard}/{device_name_of(recording.person_label)}/frame"
    messages = []
    for seq in range(first, last):
        part = slice(seq * PART, (seq + 1) * PART)
        start_ms = int(recording.time_ms[part][0])
        channels = {
            name: [None if value != value else float(value) for value in column]  # noqa: PLR0124 -- NaN
            for name, column in zip(CHANNEL_NAMES, recording.values[part].T, strict=True)
        }
        head = {"boot": 1, "seq": seq, "start": start_ms, "period": 60}
        messages.append(decode_arrival(Arrival(topic, orjson.dumps(head | channels))))
    await worker.commit(messages, Counts())


@pytest.fixture
async def history(database_url: str) -> tuple[str, list[int], list[bytes]]:
    """A database with days of several people, their numbers, and what a detector remembers."""
    recordings = invented_recordings(PEOPLE, DAYS, seed=2)
    shards = await enrol(database_url, [one.person_label for one in recordings])
    assert len(set(shards)) > 1
    hours = min(len(one.time_ms) for one in recordings) // PART
    async with a_worker(database_url) as (worker, scoring, _):
        for first in range(0, hours, 10):
            for shard, one in zip(shards, recordings, strict=True):
                await send(worker, shard, one, first, min(first + 10, hours))
            if first == 30:
                await worker.save_snapshots(now_utc())
        people = sorted(worker.registry.people)
        return database_url, people, [scoring.snapshot([person]) for person in people]


async def test_catching_up_in_small_parts_renews_the_lease_and_ends_where_it_stopped(
    history: tuple[str, list[int], list[bytes]], owner: Owner, monkeypatch: pytest.MonkeyPatch
) -> None:
    url, people, remembered = history
    renewed: list[int] = []
    monkeypatch.setattr(recovering, "RECOVERY_ROWS", 500)
    monkeypatch.setattr(recovering, "RENEW_S", 0.0)
    for without_snapshot in (False, True):
        if without_snapshot:
            await owner.execute("DELETE FROM detector_snapshot")
        renewed.clear()
        store = await Store.open(url, "tests", 600)
        store.leases.on_renewed = lambda: renewed.append(1)
        await store.leases.take()
        scoring = DetectorScoring(4 * 3_600, one_by_one=False)
        await Worker(store, scoring).recover()
        assert [scoring.snapshot([person]) for person in people] == remembered
        assert len(renewed) > PEOPLE
        await store.leases.leave()
        await store.close()


async def test_people_of_a_shard_that_was_given_back_are_forgotten_and_the_others_are_not(
    history: tuple[str, list[int], list[bytes]],
) -> None:
    url, people, remembered = history
    async with a_worker(url) as (worker, scoring, store):
        gone = worker.registry.people[people[0]].shard
        await worker.give_back([gone], now_utc())
        assert len(store.epochs) == SHARD_COUNT - 1
        for person, state in zip(people, remembered, strict=True):
            stays = worker.registry.people[person].shard != gone
            assert scoring.knows(person) is stays
            if stays:
                assert scoring.snapshot([person]) == state
        other = await Store.open(url, "other", 600)
        assert await other.leases.take() == [gone]
        successor = DetectorScoring(4 * 3_600, one_by_one=False)
        await Worker(other, successor).recover()
        assert successor.snapshot([people[0]]) == remembered[0]
        await other.leases.leave()
        await other.close()
        await worker.recover(await store.leases.take())
        assert [scoring.snapshot([person]) for person in people] == remembered
