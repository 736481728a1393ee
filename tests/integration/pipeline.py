"""Runs the real parts of the pipeline for tests: ingest as a process, devices in this one."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import psycopg

from firmware_sim.intentions import FullPolicy
from firmware_sim.people import build_virtual_people
from firmware_sim.physiology import generate
from firmware_sim.recordings import Recording
from firmware_sim.scenarios import Scenario, ScenarioName
from firmware_sim.service import DevicePlan, FleetOutcome, FleetProgress, FleetReport, run_devices
from firmware_sim.sources import Life, RecordingSource
from tidewell.clock import now_ms, now_utc
from tidewell.database import Role, connect
from tidewell.embedded.nats import NatsServer
from tidewell.enrolment import device_name_of, enrol_device, enrol_person
from tidewell.vocabulary import FEATURE_NAMES

DAY_MS = 86_400_000
MINUTE_MS = 60_000
CLIENT_ID = "ingest-for-tests-0123456789abcdef0123456789"

READINGS = (
    "SELECT person.label, reading.time, reading.device_id, period_s, heart_rate, hrv_rmssd, "
    "skin_temperature, eda, steps, spo2, respiratory_rate, motion, sleep_state, worn "
    "FROM reading JOIN person USING (person_id) ORDER BY 1, 2, 3"
)
EPISODES = (
    "SELECT person.label, family, opened_at, closed_at, level, score, explanation::text "
    "FROM episode JOIN person USING (person_id) WHERE family <> 'device' ORDER BY 1, 2, 3"
)
EPISODE_EVENTS = (
    "SELECT person.label, family, kind, at, episode_event.level, episode_event.score, "
    "episode_event.explanation::text FROM episode_event JOIN episode USING (episode_id) "
    "JOIN person USING (person_id) WHERE family <> 'device' ORDER BY 1, 2, 4, 3"
)
DAYS = (
    f"SELECT person.label, day, {', '.join(FEATURE_NAMES)}, worn_minutes, usual::text, "
    "family_scores, score, family, level "
    "FROM daily_feature JOIN person USING (person_id) ORDER BY 1, 2"
)


READY_WITHIN_S = 90.0
"""Three seconds of a processor, and more than thirty where many processes share two of them."""


@dataclass
class IngestProcess:
    """`tidewell ingest` as its own process, which can be killed and started again."""

    database_url: str
    broker: NatsServer
    settings: dict[str, str] = field(default_factory=dict)
    process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        environment = {
            name: value for name, value in os.environ.items() if not name.startswith("TIDEWELL_")
        }
        environment |= {
            "TIDEWELL_DATABASE_URL": self.database_url,
            "TIDEWELL_BROKER_URL": self.broker.service_url,
            "TIDEWELL_INGEST_CLIENT_ID": CLIENT_ID,
            "TIDEWELL_LEASE_S": "5",
            **self.settings,
        }
        self.process = subprocess.Popen(
            [sys.executable, "-m", "tidewell", "ingest"], env=environment
        )

    def kill(self) -> None:
        assert self.process is not None
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()

    def stop(self) -> int:
        if self.process is None:
            return 0
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        return self.process.wait(30)


@contextmanager
def ingest_process(
    database_url: str, broker: NatsServer, **settings: str
) -> Iterator[IngestProcess]:
    ingest = IngestProcess(database_url, broker, settings)
    ingest.start()
    try:
        yield ingest
    finally:
        ingest.stop()


@contextmanager
def own_broker(folder: Path) -> Iterator[NatsServer]:
    server = NatsServer(folder, fleet_account=True)
    server.start()
    try:
        yield server
    finally:
        server.stop()


def invented_recordings(people: int, days: int, seed: int) -> list[Recording]:
    """Return recordings of virtual people, the first of whom falls ill a week before the end."""
    end_ms = now_ms() // DAY_MS * DAY_MS - 3 * DAY_MS
    time_ms = end_ms - days * DAY_MS + np.arange(days * 1_440, dtype=np.int64) * MINUTE_MS
    recordings = []
    for place, traits in enumerate(build_virtual_people(people, seed)):
        ill = Scenario(ScenarioName.ILLNESS, end_ms - 7 * DAY_MS, 5 * DAY_MS, strength=1.5)
        life = Life(traits, "UTC", (ill,) if place == 0 else (), seed)
        values = generate(life.traits, time_ms, life.timezone, life.scenarios, life.seed)
        kept = ~np.isnan(values).all(axis=1)
        recordings.append(Recording(f"T-{place}", time_ms[kept], values[kept]))
    return recordings


async def enrol(database_url: str, labels: Sequence[str], timezone: str = "UTC") -> list[int]:
    shards = []
    async with await connect(database_url, Role.ENROL, "tests") as connection:
        for label in labels:
            person = await enrol_person(
                connection, label, now_utc(), preferred_name=label, timezone=timezone
            )
            await enrol_device(
                connection,
                device_name_of(label),
                person.person_id,
                now_utc(),
                model="virtual",
                from_the_start=True,
            )
            shards.append(person.shard)
    return shards


async def play(
    database_url: str,
    broker: NatsServer,
    recordings: Sequence[Recording],
    *,
    boot: int,
    on_progress: list[FleetProgress] | None = None,
) -> FleetReport:
    """Enrol the people of these recordings and play them until all is acknowledged."""
    labels = [one.person_label for one in recordings]
    shards = await enrol(database_url, labels)
    plans = [
        DevicePlan(
            device_name_of(label), shard, boot, RecordingSource(one, None), FullPolicy.HOLD_SOURCE
        )
        for label, shard, one in zip(labels, shards, recordings, strict=True)
    ]
    seen = on_progress if on_progress is not None else []
    report = await run_devices(
        plans, broker.device_url, stop=asyncio.Event(), on_progress=seen.append, give_up_after_s=120
    )
    assert report.outcome is FleetOutcome.FINISHED
    return report


async def rows(database_url: str, query: str) -> list[tuple[object, ...]]:
    async with (
        await psycopg.AsyncConnection.connect(database_url) as connection,
        await connection.execute(query.encode()) as cursor,
    ):
        return await cursor.fetchall()


async def wait_until_ready(database_url: str) -> None:
    """Wait until ingest hears frames."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(READY_WITHIN_S):
            while await rows(database_url, "SELECT 1 FROM shard WHERE listening_since IS NULL"):
                await asyncio.sleep(0.05)
            return
    raise AssertionError(f"ingest did not hear frames within {READY_WITHIN_S} s")
