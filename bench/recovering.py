"""`python -m bench recovery`: how long after a restart ingest is live again, at 10,000 people.

Everybody has 84 days behind them. Three restarts of the real process: after an orderly stop, where
the snapshots hold everything; after a kill just before the hourly snapshots, where an hour of
readings has to be scored again; and of one shard whose snapshot is gone, which is read from the
beginning. "Live" is counted from the start of the process until every shard is heard.
"""

from __future__ import annotations

import asyncio
import os
import resource
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Final

import numpy as np
import psycopg

from bench.measuring import Figures
from detect import Detector
from detect.detector import VERSION
from ingest.committing.store import QUERIES
from ingest.rows import Rows, copy_bytes
from ingest.service import DetectorScoring
from ingest.store import Store
from tidewell.clock import monotonic_s, now_ms, now_utc
from tidewell.embedded.nats import NatsServer
from tidewell.embedded.postgres import PostgresServer
from tidewell.local_time import zone_table
from tidewell.schema import migrate
from tidewell.vocabulary import CHANNEL_NAMES, FEATURE_NAMES, SHARD_COUNT

PEOPLE: Final = 10_000
QUICK_PEOPLE: Final = 128
DAYS: Final = 84
MINUTES: Final = 60
DAYS_OF_ONE_SHARD: Final = 2
PASSABLE: Final = 0o711
MINUTE_MS: Final = 60_000
SECRET: Final = "recovery-bench-0123456789abcdef0123456789"  # noqa: S105 -- of a broker that lives for seconds

_PREPARE: Final = """
INSERT INTO person (label, shard, timezone, reading_level, created_at)
SELECT 'P-' || n, n % 64, 'Europe/London', '12-15', '2025-01-01'
FROM generate_series(1, {people}) AS n;
INSERT INTO device (name, model, created_at)
SELECT 'band-' || n, 'virtual', '2025-01-01' FROM generate_series(1, {people}) AS n;
INSERT INTO device_assignment (device_id, person_id, valid_from)
SELECT device_id, person_id, '2025-01-01'
FROM device JOIN person ON person.label = replace(device.name, 'band-', 'P-');
"""
_DEVICES: Final = (
    "SELECT person_id, device_id, shard FROM person JOIN device_assignment USING (person_id)"
)
_ADD_CURSORS: Final = """
INSERT INTO device_cursor
SELECT device_id, boot, max(seq), max(seq), max(seq), 0, 0, 0, min(received_at), max(received_at)
FROM reading WHERE boot = %s GROUP BY device_id, boot
"""


def run(*, quick: bool = False) -> Figures:
    """Prepare a site, restart ingest in three ways and say how long each took."""
    people = QUICK_PEOPLE if quick else PEOPLE
    with tempfile.TemporaryDirectory(prefix="tidewell-bench-") as folder:
        Path(folder).chmod(PASSABLE)
        postgres, broker = PostgresServer(Path(folder) / "pg"), NatsServer(Path(folder) / "nats")
        postgres.start()
        broker.start()
        try:
            asyncio.run(migrate(postgres.url, "plain"))
            return asyncio.run(_restarts(postgres.url, broker.service_url, people))
        finally:
            broker.stop()
            postgres.stop()


async def _restarts(url: str, broker_url: str, people: int) -> Figures:
    devices = _enrol(url, people)
    await _remember(url, devices)
    figures: Figures = {"people": people, "days": DAYS}
    figures["live_after_stop_s"], memory = _live_s(url, broker_url)
    begin_ms = now_ms() // MINUTE_MS * MINUTE_MS - MINUTES * MINUTE_MS
    figures["readings_after_snapshot"] = _add_readings(url, devices, begin_ms, MINUTES)
    figures["live_after_kill_s"], memory = _live_s(url, broker_url)
    figures["memory_mb"] = round(memory)
    of_one = {person: one for person, one in devices.items() if one[1] == 0}
    begin_ms -= DAYS_OF_ONE_SHARD * 1440 * MINUTE_MS
    rows = _add_readings(url, of_one, begin_ms, DAYS_OF_ONE_SHARD * 1440, boot=2)
    _do(url, "DELETE FROM detector_snapshot WHERE shard = 0")
    seconds, memory = _live_s(url, broker_url)
    figures["readings_of_a_shard_without_snapshot"] = rows
    figures["live_without_that_snapshot_s"] = seconds
    figures["memory_without_that_snapshot_mb"] = round(memory)
    return figures


def _enrol(url: str, people: int) -> dict[int, tuple[int, int]]:
    """Return device and shard of each person."""
    with psycopg.connect(url) as connection:
        connection.execute(_PREPARE.format(people=people).encode())
        found = connection.execute(_DEVICES)
        return {person: (device, shard) for person, device, shard in found}


async def _remember(url: str, devices: dict[int, tuple[int, int]]) -> None:
    """Store snapshots of a detector that has judged so many days of everybody."""
    rng = np.random.default_rng(1)
    scoring = DetectorScoring(4 * 3600, one_by_one=False)
    detector: Detector = scoring._detector  # noqa: SLF001 -- days are judged without their minutes
    people = np.array(list(devices), np.int64)
    for person in devices:
        scoring.add_person(person, zone_table("Europe/London"))
    today = now_ms() // (1440 * MINUTE_MS)
    usual = rng.uniform(5, 80, (len(people), len(FEATURE_NAMES)))
    for day in range(today - DAYS, today):
        features = (usual * rng.normal(1, 0.05, usual.shape)).astype(np.float32)
        detector.score_days(people, np.full(len(people), day, np.int64), features)
    store = await Store.open(url, "bench", 600)
    await store.leases.take()
    for shard in range(SHARD_COUNT):
        chosen = [person for person, (_, of) in devices.items() if of == shard]
        async with store.transaction(now_utc()) as transaction:
            await transaction.save_snapshot(shard, chosen, scoring.snapshot(chosen), VERSION)
    await store.leases.leave()
    await store.close()


def _add_readings(
    url: str, devices: dict[int, tuple[int, int]], begin_ms: int, minutes: int, boot: int = 1
) -> int:
    """Store minutes of these people, with cursors, as if they had been scored."""
    people = np.array(list(devices), np.int64)
    with psycopg.connect(url) as connection:
        connection.execute(QUERIES["create_staging"])
        hour = 60
        for first in range(0, minutes, hour):
            rows = _rows(people, devices, begin_ms + first * MINUTE_MS, hour, boot, first)
            with connection.cursor().copy(QUERIES["copy_staging"]) as copy:
                copy.write(copy_bytes(rows))
            connection.execute(QUERIES["insert_readings"])
            connection.execute("TRUNCATE staging")
        connection.execute(_ADD_CURSORS, (boot,))
    return len(people) * minutes


def _rows(
    people: np.ndarray[tuple[int], np.dtype[np.int64]],
    devices: dict[int, tuple[int, int]],
    begin_ms: int,
    minutes: int,
    boot: int,
    first_seq: int,
) -> Rows:
    rng = np.random.default_rng(first_seq)
    count = len(people) * minutes
    device_id = np.array([devices[person][0] for person in people.tolist()], np.int64)
    values = np.full((count, len(CHANNEL_NAMES)), np.nan, np.float32)
    values[:, 0] = rng.uniform(55, 90, count)
    values[:, CHANNEL_NAMES.index("steps")] = rng.integers(0, 30, count)
    minute = np.tile(np.arange(minutes, dtype=np.int64), len(people))
    return Rows(
        frame=np.zeros(count, np.int64),
        person_id=np.repeat(people, minutes),
        time_ms=begin_ms + minute * MINUTE_MS,
        device_id=np.repeat(device_id, minutes),
        period_s=np.full(count, 60, np.int64),
        boot=np.full(count, boot, np.int64),
        seq=first_seq + minute,
        received_ms=np.full(count, now_ms(), np.int64) + minute,
        values=values,
    )


def _live_s(url: str, broker_url: str) -> tuple[float, float]:
    """Start ingest and kill it once it is live; return how long that took, and its memory in MB."""
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith("TIDEWELL_")},
        "TIDEWELL_DATABASE_URL": url,
        "TIDEWELL_BROKER_URL": broker_url,
        "TIDEWELL_INGEST_CLIENT_ID": SECRET,
    }
    _do(url, "UPDATE shard SET owner = NULL, lease_until = NULL, listening_since = NULL")
    _do(url, "UPDATE ingest_worker SET owner = NULL")
    began_s = monotonic_s()
    process = subprocess.Popen([sys.executable, "-m", "tidewell", "ingest"], env=environment)
    try:
        with psycopg.connect(url, autocommit=True) as connection:
            heard = 0
            while heard < SHARD_COUNT:
                assert process.poll() is None, "ingest ended by itself"
                found = connection.execute(
                    "SELECT count(listening_since) FROM shard WHERE lease_until > %s",
                    (now_utc(),),
                ).fetchone()
                heard = found[0] if found else 0
        live_s = monotonic_s() - began_s
    finally:
        process.kill()
        process.wait()
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
    return round(live_s, 1), peak


def _do(url: str, statement: str) -> None:
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(statement.encode())
