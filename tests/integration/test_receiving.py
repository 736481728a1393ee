"""Frames in bulk from both real brokers: confirmed ones never come again, all others do."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from ingest.batch import Arrival
from ingest.mqtt import WILDCARD, IngestConnection, parse_broker_url
from ingest.waiting import WayBack
from tests.integration.edges import Devices, Edge, mosquitto_edge, nats_edge

TOPIC = "tidewell/v1/3/band-a/frame"
WITHIN_S = 30.0
LARGE = b"x" * 16_000
CONNACK = b"\x20\x02\x00\x00"
SUBACK = b"\x90\x03\x00\x01\x01"


@pytest.fixture(scope="module", params=["nats", "mosquitto"])
def devices(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Devices]:
    folder = tmp_path_factory.mktemp("broker")
    with nats_edge() if request.param == "nats" else mosquitto_edge(folder) as edge:
        made = Devices(edge)
        made.give("band-a")
        yield made


class Kept:
    """Whoever takes frames in, and has not committed them yet."""

    def __init__(self) -> None:
        self.frames: list[Arrival] = []
        self.came = asyncio.Event()

    def take_in(self, arrivals: Sequence[Arrival], way_back: WayBack) -> None:
        del way_back
        self.frames += arrivals
        self.came.set()

    async def until(self, count: int) -> list[bytes]:
        """Wait for so many frames; return their payloads."""
        async with asyncio.timeout(WITHIN_S):
            while len(self.frames) < count:
                self.came.clear()
                await self.came.wait()
        return [one.payload for one in self.frames]


@asynccontextmanager
async def heard(edge: Edge, client_id: str) -> AsyncIterator[tuple[IngestConnection, Kept]]:
    kept = Kept()
    connection = IngestConnection(client_id, kept.take_in)
    await connection.open(parse_broker_url(edge.service_url), [WILDCARD], [])
    try:
        yield connection, kept
    finally:
        await connection.close()


async def publish(devices: Devices, payloads: Sequence[bytes], qos: int = 1) -> None:
    async with devices.client("band-a") as client:
        for payload in payloads:
            await client.publish(TOPIC, payload, qos=qos)


async def test_only_what_was_not_confirmed_comes_again(devices: Devices, tmp_path: Path) -> None:
    name = f"resumes-{tmp_path.name}"
    sent = [b"%d" % number for number in range(300)]
    async with heard(devices.edge, name) as (connection, kept):
        await publish(devices, sent)
        assert await kept.until(len(sent)) == sent
        assert {one.topic for one in kept.frames} == {TOPIC}
        connection.confirm([one.receipt for one in kept.frames[:100]])
        connection.confirm([one.receipt for one in kept.frames[200:]])
        await asyncio.sleep(0.5)
    async with heard(devices.edge, name) as (connection, again):
        assert await again.until(100) == sent[100:200]
        connection.confirm([one.receipt for one in again.frames])
        await publish(devices, [b"the next"])
        assert (await again.until(101))[-1] == b"the next"
        connection.confirm([again.frames[-1].receipt])
        await asyncio.sleep(0.5)
    async with heard(devices.edge, name) as (_, third):
        await publish(devices, [b"the last"])
        assert await third.until(1) == [b"the last"]


async def test_what_was_abandoned_is_confirmed_by_nobody(devices: Devices, tmp_path: Path) -> None:
    name = f"abandons-{tmp_path.name}"
    async with heard(devices.edge, name) as (connection, kept):
        await publish(devices, [b"1", b"2"])
        await kept.until(2)
        connection.abandon()
        connection.confirm([one.receipt for one in kept.frames])
    async with heard(devices.edge, name) as (_, again):
        assert await again.until(2) == [b"1", b"2"]


async def test_held_a_connection_reads_no_more_and_loses_nothing(
    devices: Devices, tmp_path: Path
) -> None:
    sent = [b"%d %s" % (number, LARGE) for number in range(400)]
    async with heard(devices.edge, f"holds-{tmp_path.name}") as (connection, kept):
        connection.hold(on=True)
        await publish(devices, sent)
        await asyncio.sleep(0.5)
        while_held = len(kept.frames)
        connection.hold(on=False)
        assert await kept.until(len(sent)) == sent
        # One read was under way when it was held.
        assert while_held * len(LARGE) <= 2 * 65_536


async def test_a_frame_that_nobody_confirms_comes_in_too(devices: Devices, tmp_path: Path) -> None:
    async with heard(devices.edge, f"once-{tmp_path.name}") as (_, kept):
        await publish(devices, [b"at most once"], qos=0)
        assert await kept.until(1) == [b"at most once"]
        assert kept.frames[0].receipt == b""


async def test_a_broker_that_sends_what_mqtt_does_not_allow_loses_the_connection() -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1_000)
        writer.write(CONNACK)
        await reader.read(1_000)
        writer.write(SUBACK + b"\x32\x04\x00\x09ab")  # a topic longer than its packet
        await reader.read()
        writer.close()

    with socket.create_server(("127.0.0.1", 0)) as listening:
        server = await asyncio.start_server(serve, sock=listening)
        port = listening.getsockname()[1]
        kept = Kept()
        connection = IngestConnection("id", kept.take_in)
        await connection.open(parse_broker_url(f"mqtt://127.0.0.1:{port}"), [WILDCARD], [])
        async with asyncio.timeout(WITHIN_S):
            await connection.wait_lost()
        assert kept.frames == []
        await connection.close()
        server.close()
        await server.wait_closed()
