"""Several workers: shares that come to rest, and shards that move when one dies or hangs."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack, asynccontextmanager
from pathlib import Path

import pytest

from firmware_sim.intentions import FullPolicy
from firmware_sim.recordings import Recording
from firmware_sim.service import DevicePlan, FleetOutcome, FleetProgress, run_devices
from firmware_sim.sources import RecordingSource
from tests.integration.pipeline import (
    CLIENT_ID,
    IngestProcess,
    enrol,
    ingest_process,
    invented_recordings,
    own_broker,
    rows,
    wait_until_ready,
)
from tidewell.clock import monotonic_s
from tidewell.embedded.nats import NatsServer
from tidewell.enrolment import device_name_of

LEASE_S = 5
WITHIN_S = 90.0
"""For workers that start or take over, on a machine that is busy with other things."""
OWNERS = "SELECT owner, count(*)::int FROM shard WHERE listening_since IS NOT NULL GROUP BY owner"
PEOPLE = 8
DAYS = 3


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[NatsServer]:
    with own_broker(tmp_path / "nats") as server:
        yield server


async def wait_for_shares(
    database_url: str, shares: list[int], within_s: float = WITHIN_S
) -> float:
    """Wait until the shards are heard in these shares; return how long that took."""
    began_s = monotonic_s()
    found: list[int] = []
    while monotonic_s() - began_s < within_s:
        found = sorted(int(str(count)) for _, count in await rows(database_url, OWNERS))
        if found == sorted(shares):
            return monotonic_s() - began_s
        await asyncio.sleep(0.05)
    raise AssertionError(f"after {within_s} s the shares are {found}, not {shares}")


@asynccontextmanager
async def two_workers(
    database_url: str, broker: NatsServer
) -> AsyncIterator[tuple[IngestProcess, IngestProcess]]:
    with ExitStack() as stack:
        first = stack.enter_context(ingest_process(database_url, broker))
        second = stack.enter_context(ingest_process(database_url, broker))
        await wait_for_shares(database_url, [32, 32])
        yield first, second


@asynccontextmanager
async def played(
    database_url: str, broker: NatsServer, recordings: list[Recording]
) -> AsyncIterator[list[FleetProgress]]:
    """Play recordings meanwhile; at the end every frame must have been acknowledged."""
    labels = [one.person_label for one in recordings]
    shards = await enrol(database_url, labels)
    assert min(shards) < 32 <= max(shards), "the people of this test sit on both workers"
    plans = [
        DevicePlan(
            device_name_of(label), shard, 1, RecordingSource(one, None), FullPolicy.HOLD_SOURCE
        )
        for label, shard, one in zip(labels, shards, recordings, strict=True)
    ]
    seen: list[FleetProgress] = []
    playing = asyncio.create_task(
        run_devices(
            plans,
            broker.device_url,
            stop=asyncio.Event(),
            on_progress=seen.append,
            give_up_after_s=120,
        )
    )
    yield seen
    report = await playing
    assert report.outcome is FleetOutcome.FINISHED


async def wait_until_some_are_acknowledged(seen: list[FleetProgress]) -> None:
    async with asyncio.timeout(WITHIN_S):
        while not seen or not seen[-1].frames_acknowledged:
            await asyncio.sleep(0.05)


async def expect_each_reading_once(database_url: str, recordings: list[Recording]) -> None:
    wanted = sum(len(one.time_ms) for one in recordings)
    assert await rows(database_url, "SELECT count(*) FROM reading") == [(wanted,)]
    assert await rows(database_url, "SELECT count(*) FROM dead_letter") == [(0,)]
    cursors = "SELECT bool_and(upto = highest AND scored_upto = upto) FROM device_cursor"
    assert await rows(database_url, cursors) == [(True,)]
    frames = "SELECT sum(frames_committed) = sum(highest + 1) FROM device_cursor"
    assert await rows(database_url, frames) == [(True,)]


def children_of(parent: int) -> list[int]:
    """Return the processes that this one started, from whichever of its threads."""
    threads = Path(f"/proc/{parent}/task").glob("*/children")
    return sorted(int(one) for file in threads for one in file.read_text("ascii").split())


def process_of(worker: IngestProcess) -> subprocess.Popen[bytes]:
    assert worker.process is not None
    return worker.process


async def test_a_worker_that_is_killed_is_taken_over_and_nothing_is_lost_or_repeated(
    database_url: str, broker: NatsServer
) -> None:
    recordings = invented_recordings(PEOPLE, DAYS, seed=4)
    async with (
        two_workers(database_url, broker) as (first, _),
        played(database_url, broker, recordings) as seen,
    ):
        await wait_until_some_are_acknowledged(seen)
        first.kill()
        took_s = await wait_for_shares(database_url, [64])
        assert took_s > LEASE_S / 2, "a live lease was not waited for"
    await expect_each_reading_once(database_url, recordings)


async def test_a_worker_that_hung_beyond_its_lease_is_fenced_and_comes_back(
    database_url: str, broker: NatsServer
) -> None:
    recordings = invented_recordings(PEOPLE, DAYS, seed=5)
    async with (
        two_workers(database_url, broker) as (first, _),
        played(database_url, broker, recordings) as seen,
    ):
        await wait_until_some_are_acknowledged(seen)
        process_of(first).send_signal(signal.SIGSTOP)
        await wait_for_shares(database_url, [64])
        process_of(first).send_signal(signal.SIGCONT)
        await wait_for_shares(database_url, [32, 32])
    await expect_each_reading_once(database_url, recordings)


async def test_a_worker_that_comes_in_gets_half_and_leaves_it_when_it_goes(
    database_url: str, broker: NatsServer
) -> None:
    recordings = invented_recordings(PEOPLE, DAYS, seed=6)
    with ingest_process(database_url, broker):
        await wait_until_ready(database_url)
        async with played(database_url, broker, recordings) as seen:
            await wait_until_some_are_acknowledged(seen)
            with ingest_process(database_url, broker) as second:
                await wait_for_shares(database_url, [32, 32])
                assert second.stop() == 0
            await wait_for_shares(database_url, [64])
    await expect_each_reading_once(database_url, recordings)


async def test_one_command_keeps_several_workers_running(
    database_url: str, broker: NatsServer
) -> None:
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith("TIDEWELL_")},
        "TIDEWELL_DATABASE_URL": database_url,
        "TIDEWELL_BROKER_URL": broker.service_url,
        "TIDEWELL_INGEST_CLIENT_ID": CLIENT_ID,
        "TIDEWELL_LEASE_S": "60",
    }
    command = [sys.executable, "-m", "tidewell", "ingest", "--workers", "2"]
    keeper = await asyncio.to_thread(subprocess.Popen, command, env=environment)
    try:
        await wait_for_shares(database_url, [32, 32])
        owners = [str(owner) for owner, _ in await rows(database_url, OWNERS)]
        ((before,),) = await rows(database_url, "SELECT sum(epoch) FROM shard")
        os.kill(children_of(keeper.pid)[0], signal.SIGKILL)
        # Long before a lease of a minute runs out: it is the same owner in its next life.
        taken_again = f"SELECT 1 FROM shard HAVING sum(epoch) >= {before} + 32"
        async with asyncio.timeout(45):
            while not await rows(database_url, taken_again):
                await asyncio.sleep(0.05)
        await wait_for_shares(database_url, [32, 32])
        assert sorted(str(owner) for owner, _ in await rows(database_url, OWNERS)) == sorted(owners)
    finally:
        keeper.send_signal(signal.SIGTERM)
        assert keeper.wait(30) == 0
    assert await rows(database_url, "SELECT count(*) FROM shard WHERE owner IS NOT NULL") == [(0,)]
    assert await rows(
        database_url, "SELECT count(*) FROM ingest_worker WHERE owner IS NOT NULL"
    ) == [(0,)]
