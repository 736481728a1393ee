"""A device that sends too fast, with a real broker and a real database: others do not feel it."""

from __future__ import annotations

import asyncio

import numpy as np
import psycopg
import pytest

from firmware_sim.intentions import FullPolicy
from firmware_sim.recordings import Recording
from firmware_sim.service import DevicePlan, FleetOutcome, run_devices
from firmware_sim.sources import RecordingSource
from ingest.flood import FloodGate
from tests.integration.edges import Devices, nats_edge
from tests.integration.test_device_edge import enrolled, ingest_at
from tidewell.vocabulary import CHANNELS

MINUTE_MS = 60_000
START_MS = 1_762_000_020_000
TOKENS_PER_S = 20.0
BURST_TOKENS = 60.0
FRAMES = 100
FLOOD = 2_000


def plan(devices: Devices, name: str, shard: int) -> DevicePlan:
    """Return a device with many frames of one epoch each: no minute follows the other."""
    time_ms = START_MS + np.arange(FRAMES, dtype=np.int64) * 2 * MINUTE_MS
    values = np.full((FRAMES, len(CHANNELS)), np.nan, dtype=np.float32)
    values[:, 0] = 60
    source = RecordingSource(Recording(name, time_ms, values), None)
    return DevicePlan(name, shard, 1, source, FullPolicy.HOLD_SOURCE, secret=devices.secrets[name])


async def flood(devices: Devices, name: str, shard: int) -> None:
    """Publish many frames as fast as the broker takes them, and listen to nobody."""
    async with devices.client(name) as client:
        for seq in range(FLOOD):
            body = '{"boot":1,"seq":%d,"start":%d,"period":60,"steps":[1]}'
            payload = body % (seq, START_MS + seq * MINUTE_MS)
            await client.publish(f"tidewell/v1/{shard}/{name}/frame", payload.encode(), qos=0)


async def test_a_flood_is_cut_and_a_device_that_was_cut_still_brings_everything(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    gates: list[FloodGate] = []

    def small_gate() -> FloodGate:
        gates.append(FloodGate(TOKENS_PER_S, BURST_TOKENS))
        return gates[-1]

    monkeypatch.setattr("ingest.receiving.service.FloodGate", small_gate)
    monkeypatch.setattr("ingest.flood.CROWDED_FROM", 0)
    shards = await enrolled(database_url, ("band-a", "band-b"))
    with nats_edge() as edge:
        devices = Devices(edge)
        devices.give("band-a", "band-b")
        async with ingest_at(edge, database_url):
            began_s = asyncio.get_running_loop().time()
            flooding = asyncio.create_task(flood(devices, "band-b", shards["band-b"]))
            report = await run_devices(
                [plan(devices, "band-a", shards["band-a"])],
                edge.address,
                stop=asyncio.Event(),
                on_progress=lambda _: None,
                give_up_after_s=40,
            )
            await flooding
            took_s = asyncio.get_running_loop().time() - began_s
    assert report.outcome is FleetOutcome.FINISHED
    assert report.totals.frames_acknowledged == FRAMES
    assert report.totals.frames_retransmitted > 0, "the device itself was never cut"
    assert sum(gate.turned_away for gate in gates) > FLOOD / 2
    with psycopg.connect(database_url) as connection:
        stored: dict[object, int] = dict(
            connection.execute(
                "SELECT device.name, count(*) FROM reading JOIN device USING (device_id) GROUP BY 1"
            ).fetchall()
        )
        refused = connection.execute("SELECT count(*) FROM dead_letter").fetchone()
    assert stored["band-a"] == FRAMES
    assert 0 < stored["band-b"] <= BURST_TOKENS + TOKENS_PER_S * took_s
    assert refused == (0,), "what is too fast is kept by the device, not by us"
