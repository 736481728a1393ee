"""Devices against a real broker, with a service that answers as the wire format says."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections import defaultdict
from typing import TYPE_CHECKING
from urllib.parse import urlsplit, urlunsplit

import aiomqtt
import numpy as np
import pytest

from firmware_sim.blocks import MINUTE_MS
from firmware_sim.intentions import FullPolicy
from firmware_sim.mqtt import ConnectionTrouble, parse_broker_url
from firmware_sim.recordings import Recording
from firmware_sim.service import DevicePlan, FleetOutcome, FleetProgress, run_devices
from firmware_sim.sources import RecordingSource
from tests.integration.proxy import Mode, Proxy
from tidewell.clock import now_ms
from tidewell.errors import UsageError
from tidewell.vocabulary import CHANNELS

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from tidewell.embedded.nats import NatsServer

BOOT = 1_700_000_000
Answers = dict[tuple[str, int], dict[int, dict[str, object]]]


@contextlib.asynccontextmanager
async def answering(url: str) -> AsyncIterator[Answers]:
    """Commit every frame to memory and answer, as ingest does from the database."""
    where = parse_broker_url(url)
    frames: Answers = defaultdict(dict)
    async with aiomqtt.Client(
        where.host, where.port, username=where.username, password=where.password
    ) as client:
        await client.subscribe("tidewell/v1/+/+/frame", qos=1)

        async def listen() -> None:
            async for message in client.messages:
                frame = json.loads(message.payload)
                frames[message.topic.value, frame["boot"]][frame["seq"]] = frame

        async def answer() -> None:
            while True:
                await asyncio.sleep(0.2)
                for (topic, boot), held in list(frames.items()):
                    upto = next(seq for seq in range(len(held) + 1) if seq not in held) - 1
                    ack = {"boot": boot, "upto": upto, "missing": [], "time": now_ms()}
                    await client.publish(topic.replace("/frame", "/ack"), json.dumps(ack))

        tasks = [asyncio.create_task(listen()), asyncio.create_task(answer())]
        try:
            yield frames
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)


def plan(number: int, minutes: int, apart: int = 1, boot: int = BOOT) -> DevicePlan:
    time_ms = 1_762_000_020_000 + np.arange(minutes, dtype=np.int64) * apart * MINUTE_MS
    values = np.full((minutes, len(CHANNELS)), np.nan, dtype=np.float32)
    values[:, 0] = 60 + number
    source = RecordingSource(Recording(f"p{number}", time_ms, values), None)
    return DevicePlan(f"fleet-{number}", number, boot, source, FullPolicy.HOLD_SOURCE)


def ignore(_: FleetProgress) -> None:
    return


def with_port(url: str, port: int) -> str:
    parts = urlsplit(url)
    return urlunsplit(parts._replace(netloc=f"{parts.username}:{parts.password}@127.0.0.1:{port}"))


async def test_a_fleet_ends_when_every_frame_is_acknowledged(broker: NatsServer) -> None:
    async with answering(broker.service_url) as frames:
        seen: list[FleetProgress] = []
        plans = [plan(number, 1_440) for number in range(4)]
        report = await run_devices(
            plans,
            broker.device_url,
            stop=asyncio.Event(),
            on_progress=seen.append,
            give_up_after_s=30,
        )
    assert report.outcome is FleetOutcome.FINISHED
    assert report.totals.frames_published == report.totals.frames_acknowledged == 4 * 24
    assert report.totals.readings == 4 * 1_440
    assert report.totals.devices_done == 4
    assert sum(len(held) for held in frames.values()) == 4 * 24
    assert seen[-1] == report.totals


async def test_nothing_is_lost_when_the_connection_breaks_again_and_again(
    broker: NatsServer,
) -> None:
    url = broker.device_url
    async with answering(broker.service_url) as frames, Proxy(urlsplit(url).port or 0) as proxy:
        running = asyncio.create_task(
            run_devices(
                [plan(9, 6_000, apart=2, boot=BOOT + 1)],
                with_port(url, proxy.port),
                stop=asyncio.Event(),
                on_progress=ignore,
                give_up_after_s=60,
            )
        )
        for _ in range(3):
            await asyncio.sleep(0.7)
            await proxy.cut()
        report = await running
    assert report.outcome is FleetOutcome.FINISHED
    held = frames["tidewell/v1/9/fleet-9/frame", BOOT + 1]
    assert sorted(held) == [*range(6_000)]
    assert report.totals.frames_published == report.totals.frames_acknowledged == 6_000
    assert proxy.accepted > 1
    assert report.totals.frames_retransmitted > 0


async def test_a_fleet_that_nobody_answers_gives_up_and_says_so(broker: NatsServer) -> None:
    report = await run_devices(
        [plan(20, 10, boot=BOOT + 2)],
        broker.device_url,
        stop=asyncio.Event(),
        on_progress=ignore,
        give_up_after_s=1.5,
    )
    assert report.outcome is FleetOutcome.STALLED
    assert report.totals.frames_published == 1
    assert report.totals.frames_acknowledged == 0


async def test_a_fleet_stops_when_it_is_told_to_and_says_goodbye(broker: NatsServer) -> None:
    stop = asyncio.Event()
    asyncio.get_running_loop().call_later(1.0, stop.set)
    report = await run_devices(
        [plan(21, 10, boot=BOOT + 3)], broker.device_url, stop=stop, on_progress=ignore
    )
    assert report.outcome is FleetOutcome.STOPPED
    where = parse_broker_url(broker.service_url)
    async with aiomqtt.Client(
        where.host, where.port, username=where.username, password=where.password
    ) as client:
        await client.subscribe("tidewell/v1/21/fleet-21/status", qos=1)
        async with asyncio.timeout(30):
            message = await anext(client.messages)
    assert message.retain
    assert json.loads(message.payload)["online"] is False


@pytest.mark.parametrize(
    ("user", "trouble"),
    [("nobody", ConnectionTrouble.REFUSED), (None, ConnectionTrouble.UNREACHABLE)],
)
async def test_why_a_device_has_no_connection_is_told_apart(
    broker: NatsServer, user: str | None, trouble: ConnectionTrouble
) -> None:
    async with Proxy(1) as proxy:
        port = urlsplit(broker.device_url).port if user else proxy.port
        await proxy.switch(Mode.CLOSED)
        report = await run_devices(
            [plan(22, 10)],
            f"mqtt://{user or 'x'}:wrong@127.0.0.1:{port}",
            stop=asyncio.Event(),
            on_progress=ignore,
            give_up_after_s=1.0,
        )
    assert report.outcome is FleetOutcome.STALLED
    assert report.totals.last_trouble is trouble


@pytest.mark.parametrize("url", ["", "http://h:1", "mqtt://", "mqtt://h:port", "mqtt://h:99999"])
def test_a_broker_address_that_is_none_is_refused_without_its_password(url: str) -> None:
    with pytest.raises(UsageError, match="broker's address"):
        parse_broker_url(url)
