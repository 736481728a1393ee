"""Readings that come too late, and holes that never close: history is mended, nobody is alerted."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta
from functools import partial
from typing import Any

import numpy as np
import orjson
import psycopg
import pytest

from firmware_sim.recordings import Recording
from ingest.batch import Arrival, decode_arrival
from ingest.committing.counts import Counts
from ingest.committing.service import Worker
from ingest.passing import service as passing
from ingest.reasons import RepairOutcome
from ingest.repairing import service as repairing
from ingest.repairing.judging import Job, Report
from ingest.repairing.store import RepairStore
from ingest.service import DetectorScoring
from ingest.store import Store
from tests.integration.pipeline import DAYS, EPISODE_EVENTS, EPISODES, enrol, rows
from tests.integration.pipeline import invented_recordings as invented
from tidewell.crashpoints import CrashPoint
from tidewell.enrolment import device_name_of
from tidewell.vocabulary import CHANNEL_NAMES

Owner = psycopg.AsyncConnection[tuple[object, ...]]
SILENCE_S = 4 * 3_600
HOUR = 60
BROKER = "mqtt://nobody:listens@127.0.0.1:1"
LATE_HOURS = range(10 * 24, 15 * 24)
"""Five days in the middle, which come when all else is there."""
DETECTOR = partial(DetectorScoring, SILENCE_S, one_by_one=False)
REPAIRS = (
    "SELECT first_day, last_day, reason, readings, outcome, days_changed FROM repair"
    " ORDER BY repair_id"
)


class Crash(Exception):  # noqa: N818 -- the end of a process, not an error of a call
    """Where a process ends in a test."""


@asynccontextmanager
async def a_worker(url: str) -> AsyncIterator[tuple[Worker, DetectorScoring]]:
    """Yield a worker that holds every shard and has caught up."""
    store = await Store.open(url, "tests", 600)
    try:
        await store.leases.take()
        scoring = DETECTOR()
        worker = Worker(store, scoring)
        await worker.recover()
        yield worker, scoring
    finally:
        await store.leases.leave()
        await store.close()


class Device:
    """Sends hours of a recording as frames, in whatever order a test asks for."""

    def __init__(self, recording: Recording, shard: int) -> None:
        self.recording = recording
        self.hours = len(recording.time_ms) // HOUR
        self.topic = f"tidewell/v1/{shard}/{device_name_of(recording.person_label)}/frame"

    async def send(self, worker: Worker, hours: list[int], *, boot: int, first_seq: int) -> None:
        """Commit some hours as one batch, numbered from `first_seq` on."""
        messages = []
        for seq, hour in enumerate(hours, first_seq):
            part = slice(hour * HOUR, (hour + 1) * HOUR)
            channels = {
                name: [None if np.isnan(value) else float(value) for value in column]
                for name, column in zip(CHANNEL_NAMES, self.recording.values[part].T, strict=True)
            }
            start_ms = int(self.recording.time_ms[part][0])
            head = {"boot": boot, "seq": seq, "start": start_ms, "period": 60}
            messages.append(decode_arrival(Arrival(self.topic, orjson.dumps(head | channels))))
        await worker.commit(messages, Counts())


async def a_device(url: str, days: int, label: str = "T-0") -> Device:
    recording = replace(whole(invented(1, days, seed=3)[0]), person_label=label)
    (shard,) = await enrol(url, [label])
    return Device(recording, shard)


def whole(recording: Recording) -> Recording:
    """Return a recording with a row for each minute, so that an hour is sixty rows."""
    start_ms = int(recording.time_ms[0]) // 3_600_000 * 3_600_000
    end_ms = int(recording.time_ms[-1]) // 3_600_000 * 3_600_000
    time_ms = np.arange(start_ms, end_ms, 60_000, dtype=np.int64)
    values = np.full((len(time_ms), recording.values.shape[1]), np.nan, recording.values.dtype)
    kept = (recording.time_ms >= start_ms) & (recording.time_ms < end_ms)
    values[(recording.time_ms[kept] - start_ms) // 60_000] = recording.values[kept]
    return replace(recording, time_ms=time_ms, values=values)


async def judge_again(url: str, *, writes: bool = True) -> list[Report | None]:
    async with RepairStore.open(url) as store:
        return [
            await repairing.repair(store, DETECTOR, job, 0.0, writes=writes)
            for job in await store.open_jobs(None)
        ]


# -- too late for their own days


@pytest.fixture
async def backfilled(database_url: str) -> str:
    """Twenty-four days, of which five came in the end, from a boot of their own."""
    device = await a_device(database_url, 24)
    in_time = [hour for hour in range(device.hours) if hour not in LATE_HOURS]
    async with a_worker(database_url) as (worker, _):
        for first in range(0, len(in_time), 48):
            await device.send(worker, in_time[first : first + 48], boot=2, first_seq=first)
        for first in range(0, len(LATE_HOURS), 48):
            some = list(LATE_HOURS)[first : first + 48]
            await device.send(worker, some, boot=1, first_seq=first)
    return database_url


async def test_five_days_that_came_too_late_are_judged_as_if_they_had_come_in_time(
    backfilled: str,
) -> None:
    before: dict[Any, Any] = {row[1]: row for row in await rows(backfilled, DAYS)}
    said, events = await rows(backfilled, EPISODES), await rows(backfilled, EPISODE_EVENTS)
    first_day: Any
    last_day: Any
    ((first_day, last_day, reason, readings, outcome, _),) = await rows(backfilled, REPAIRS)
    assert (reason, readings, outcome) == ("came_too_late", 5 * 1_440, None)
    (report,) = await judge_again(backfilled)
    assert report is not None
    assert report.outcome is RepairOutcome.JUDGED_AGAIN
    after: dict[Any, Any] = {row[1]: row for row in await rows(backfilled, DAYS)}
    changed = [day for day, row in after.items() if before.get(day) != row]
    assert tuple(changed) == report.changed
    assert {day for day in after if first_day <= day <= last_day} - before.keys()
    assert min(changed) == first_day
    assert max(after) not in changed
    assert await rows(backfilled, EPISODES) == said
    assert await rows(backfilled, EPISODE_EVENTS) == events
    assert await rows(backfilled, "SELECT 1 FROM alert") == []
    assert (await rows(backfilled, REPAIRS))[0][4:] == ("judged_again", len(changed))
    assert await judge_again(backfilled) == []

    device = await a_device(backfilled, 24, "T-1")
    async with a_worker(backfilled) as (worker, _):
        for first in range(0, device.hours, 48):
            hours = list(range(first, min(first + 48, device.hours)))
            await device.send(worker, hours, boot=1, first_seq=first)
    in_time = {row[1]: row[2:] for row in await rows(backfilled, DAYS) if row[0] == "T-1"}
    assert {day: after[day][2:] for day in changed} == {day: in_time[day] for day in changed}


async def test_a_dry_run_says_the_same_and_writes_nothing(backfilled: str) -> None:
    stored = await rows(backfilled, DAYS)
    (planned,) = await judge_again(backfilled, writes=False)
    assert await rows(backfilled, DAYS) == stored
    assert (await rows(backfilled, REPAIRS))[0][4] is None
    assert await judge_again(backfilled) == [planned]


async def test_a_repair_that_is_killed_in_the_middle_has_written_nothing_and_is_done_anew(
    backfilled: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    stored = await rows(backfilled, DAYS)
    slices = 0

    async def killed(_: float) -> None:
        nonlocal slices
        slices += 1
        if slices == 12:
            raise Crash

    monkeypatch.setattr("ingest.repairing.service.asyncio.sleep", killed)
    with pytest.raises(Crash):
        await judge_again(backfilled)
    monkeypatch.undo()
    assert await rows(backfilled, DAYS) == stored
    (report,) = await judge_again(backfilled)
    assert report is not None
    assert report.changed


async def test_what_comes_while_days_are_judged_again_is_not_passed_over(
    backfilled: str, owner: Owner, monkeypatch: pytest.MonkeyPatch
) -> None:
    wider = "UPDATE repair SET readings = readings + 1 WHERE done_at IS NULL"
    usual, tried = repairing.Replay.run, 0

    async def run(self: repairing.Replay, rest_s: float) -> None:
        nonlocal tried
        await usual(self, rest_s)
        tried += 1
        await owner.execute(wider)

    stored = await rows(backfilled, DAYS)
    monkeypatch.setattr(repairing.Replay, "run", run)
    assert await judge_again(backfilled) == [None]
    assert tried == repairing.TRIES_MOST
    assert await rows(backfilled, DAYS) == stored
    monkeypatch.undo()
    assert [one for one in await judge_again(backfilled) if one and one.changed]


async def test_days_are_left_alone_where_the_readings_before_them_are_gone(
    backfilled: str, owner: Owner
) -> None:
    ((first_day, *_),) = await rows(backfilled, REPAIRS)
    await owner.execute("DELETE FROM reading WHERE time < %s", [first_day])
    stored = await rows(backfilled, DAYS)
    (report,) = await judge_again(backfilled)
    assert report is not None
    assert report.outcome is RepairOutcome.HISTORY_GONE
    assert await rows(backfilled, DAYS) == stored


async def test_a_worker_judges_them_again_by_itself_and_remembers_what_it_did(
    backfilled: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(repairing, "LOOK_EVERY_S", 0.01)
    monkeypatch.setattr(repairing, "QUIET_FOR", timedelta(0))
    monkeypatch.setattr(repairing, "SLICE_REST_S", 0.0)
    async with a_worker(backfilled) as (worker, scoring):
        people = sorted(worker.registry.people)
        remembered = scoring.snapshot(people)
        async with repairing.repairs_beside(backfilled, lambda: range(64), DETECTOR):
            async with asyncio.timeout(60):
                while (await rows(backfilled, REPAIRS))[0][4] is None:
                    await asyncio.sleep(0.05)
        assert scoring.snapshot(people) == remembered
    async with a_worker(backfilled) as (_, scoring):
        assert scoring.snapshot(people) == remembered


async def test_somebody_may_ask_for_all_days_of_a_person(backfilled: str) -> None:
    await judge_again(backfilled)
    async with RepairStore.open(backfilled) as store:
        job = await store.whole_history("T-0")
        assert isinstance(job, Job)
        report = await repairing.repair(store, DETECTOR, job, 0.0, writes=True)
    assert report is not None
    assert (await rows(backfilled, REPAIRS))[1][2:4] == ("asked_for", 0)


async def tidewell_repair(url: str, *options: str) -> tuple[int, str]:
    environment = {**os.environ, "TIDEWELL_DATABASE_URL": url, "TIDEWELL_BROKER_URL": BROKER}
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tidewell", "repair", *options,
        env=environment, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
    )  # fmt: skip
    said, _ = await process.communicate()
    assert process.returncode is not None
    return process.returncode, said.decode()


async def test_the_command_says_what_it_would_do_and_does_it_and_then_has_nothing_to_do(
    backfilled: str,
) -> None:
    stored = await rows(backfilled, DAYS)
    code, planned = await tidewell_repair(backfilled, "--dry-run")
    assert (code, await rows(backfilled, DAYS)) == (0, stored)
    code, done = await tidewell_repair(backfilled, "--person", "T-0")
    assert (code, done + "nothing was written\n") == (0, planned)
    assert "T-0: " in done
    assert " days judged again; " in done
    assert await tidewell_repair(backfilled) == (0, "no day waits to be judged again\n")
    code, said = await tidewell_repair(backfilled, "--person", "nobody")
    assert (code, said.count("\n")) == (2, 1)
    assert "nobody is enrolled as 'nobody'" in said


# -- holes that scoring passes


@pytest.fixture
def passes_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(passing, "HOLE_PASSED_AFTER", timedelta(0))


async def with_a_hole(url: str) -> tuple[Device, list[int]]:
    """Send two and a half days with an hour missing in the middle; return what was missing."""
    device = await a_device(url, 4)
    async with a_worker(url) as (worker, _):
        await device.send(worker, list(range(30)), boot=1, first_seq=0)
        await device.send(worker, list(range(31, 60)), boot=1, first_seq=31)
    return device, [30]


CURSOR = "SELECT upto, highest, scored_upto FROM device_cursor"
LATER = "SELECT first_seq, last_seq, kind FROM scored_later ORDER BY first_seq"


async def test_a_hole_holds_scoring_back_until_it_is_passed_and_upto_stays(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    await with_a_hole(database_url)
    async with a_worker(database_url) as (worker, _):
        await worker.tick(await worker.next_moment_ms(), may_be_silent=False)
        assert await rows(database_url, CURSOR) == [(29, 59, 29)]
        monkeypatch.setattr(passing, "HOLE_PASSED_AFTER", timedelta(0))
        await worker.tick(await worker.next_moment_ms(), may_be_silent=False)
    assert await rows(database_url, CURSOR) == [(29, 59, 59)]
    assert await rows(database_url, LATER) == [(30, 30, "hole_passed"), (31, 59, "waited")]
    assert await rows(
        database_url, "SELECT first_seq, last_seq FROM frame_gap WHERE passed_at IS NOT NULL"
    ) == [(30, 30)]
    assert len(await rows(database_url, DAYS)) == 2


@pytest.mark.usefixtures("passes_at_once")
async def test_many_holes_of_somebody_who_cannot_be_scored_hold_up_nobody_else(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(passing, "BOOTS_AT_ONCE", 2)
    stuck, other = [await a_device(database_url, 2, label) for label in ("T-0", "T-1")]
    async with a_worker(database_url) as (worker, _):
        for boot in (1, 2, 3):
            await stuck.send(worker, [boot], boot=boot, first_seq=1)
        await other.send(worker, [0], boot=9, first_seq=1)
        worker._unscored.add(min(worker.registry.people))
        await worker.tick(await worker.next_moment_ms(), may_be_silent=False)
    scored = "SELECT boot FROM device_cursor WHERE scored_upto = highest"
    assert await rows(database_url, scored) == [(9,)]


async def test_what_could_not_be_scored_is_left_to_the_worker_of_whoever_wears_the_device_last(
    database_url: str, owner: Owner
) -> None:
    device = await a_device(database_url, 2)
    await enrol(database_url, ["T-1"])
    async with a_worker(database_url) as (worker, _):
        first, last = sorted(worker.registry.people)
        worker._unscored.add(first)
        await device.send(worker, [0], boot=1, first_seq=0)
        assert await worker._store.unscored([first]) == [((1, 1), -1, 0)]
        ends = "UPDATE device_assignment SET valid_until = now() WHERE device_id = 1"
        await owner.execute(ends)
        await owner.execute(
            "INSERT INTO device_assignment (device_id, person_id, valid_from)"
            " VALUES (1, %s, now())",
            (last,),
        )
        assert await worker._store.unscored([first]) == []
        assert await worker._store.unscored([last]) == [((1, 1), -1, 0)]
    async with a_worker(database_url):
        pass
    assert await rows(database_url, CURSOR) == [(0, 0, 0)]
    assert len(await rows(database_url, "SELECT 1 FROM unscored_span")) == 0


@pytest.mark.usefixtures("passes_at_once")
@pytest.mark.parametrize("snapshot_at", [None, "before", "passed", "filled"])
async def test_whatever_was_passed_and_filled_a_restart_remembers_the_same(
    database_url: str, snapshot_at: str | None
) -> None:
    device, missing = await with_a_hole(database_url)
    async with a_worker(database_url) as (worker, scoring):
        people = sorted(worker.registry.people)

        async def at(place: str) -> None:
            if snapshot_at == place:
                await worker.save_snapshots(await worker.next_moment())

        await at("before")
        await worker.tick(await worker.next_moment_ms(), may_be_silent=False)
        await at("passed")
        await device.send(worker, list(range(60, 70)), boot=1, first_seq=60)
        await device.send(worker, missing, boot=1, first_seq=30)
        await at("filled")
        await device.send(worker, list(range(70, 80)), boot=1, first_seq=70)
        remembered = scoring.snapshot(people)
    assert await rows(database_url, CURSOR) == [(79, 79, 79)]
    async with a_worker(database_url) as (_, scoring):
        assert scoring.snapshot(people) == remembered


@pytest.mark.usefixtures("passes_at_once")
async def test_a_crash_while_a_hole_is_passed_changes_nothing(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    await with_a_hole(database_url)

    def crash(point: CrashPoint) -> None:
        if point is CrashPoint.BEFORE_COMMIT:
            raise Crash

    async with a_worker(database_url) as (worker, _):
        people = sorted(worker.registry.people)
        monkeypatch.setattr(passing, "crashpoint", crash)
        with pytest.raises(Crash):
            await worker.tick(await worker.next_moment_ms(), may_be_silent=False)
    assert await rows(database_url, CURSOR) == [(29, 59, 29)]
    assert await rows(database_url, LATER) == []
    monkeypatch.undo()
    monkeypatch.setattr(passing, "HOLE_PASSED_AFTER", timedelta(0))
    async with a_worker(database_url) as (worker, scoring):
        await worker.tick(await worker.next_moment_ms(), may_be_silent=False)
        remembered = scoring.snapshot(people)
    async with a_worker(database_url) as (_, scoring):
        assert scoring.snapshot(people) == remembered


@pytest.mark.usefixtures("passes_at_once")
async def test_several_holes_are_passed_in_turn_and_each_part_has_its_place(
    database_url: str,
) -> None:
    device = await a_device(database_url, 4)
    async with a_worker(database_url) as (worker, scoring):
        people = sorted(worker.registry.people)
        for first, last in ((0, 4), (6, 9), (12, 20), (24, 30)):
            await device.send(worker, list(range(first, last)), boot=1, first_seq=first)
        await worker.tick(await worker.next_moment_ms(), may_be_silent=False)
        await device.send(worker, [12 - 1], boot=1, first_seq=11)
        await device.send(worker, list(range(40, 50)), boot=1, first_seq=40)
        await worker.tick(await worker.next_moment_ms(), may_be_silent=False)
        await device.send(worker, [4, 5], boot=1, first_seq=4)
        remembered = scoring.snapshot(people)
    assert await rows(database_url, CURSOR) == [(8, 49, 49)]
    assert [row[:2] for row in await rows(database_url, LATER)] == [
        (4, 5), (6, 8), (9, 11), (12, 19), (20, 23), (24, 29), (30, 39), (40, 49)
    ]  # fmt: skip
    async with a_worker(database_url) as (_, scoring):
        assert scoring.snapshot(people) == remembered


@pytest.mark.usefixtures("passes_at_once")
async def test_what_fills_a_passed_hole_after_days_is_noted_to_be_judged_again(
    database_url: str,
) -> None:
    device, missing = await with_a_hole(database_url)
    async with a_worker(database_url) as (worker, _):
        await worker.tick(await worker.next_moment_ms(), may_be_silent=False)
        await device.send(worker, list(range(60, device.hours)), boot=1, first_seq=60)
        await device.send(worker, missing, boot=1, first_seq=30)
    ((first_day, last_day, reason, readings, *_),) = await rows(database_url, REPAIRS)
    assert (first_day, reason, readings) == (last_day, "came_too_late", HOUR)
