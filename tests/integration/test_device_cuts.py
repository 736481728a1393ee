"""A broker that goes away at an awkward moment is an ordinary cut, not a traceback."""

from __future__ import annotations

import asyncio
import gc
from typing import Any

import numpy as np
import pytest

from firmware_sim.device_clock import ClockError, DeviceClock
from firmware_sim.firmware import Firmware
from firmware_sim.intentions import DeviceIdentity, FullPolicy
from firmware_sim.mqtt import Broker, Device
from firmware_sim.recordings import Recording
from firmware_sim.sources import RecordingSource
from tidewell.clock import now_ms
from tidewell.vocabulary import CHANNELS

CONNECTED = bytes([0x20, 2, 0, 0])
NOT_MQTT = bytes([0x20, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF])


def device(port: int) -> Device:
    values = np.full((3, len(CHANNELS)), 60, dtype=np.float32)
    recording = Recording("p", 1_762_000_020_000 + np.arange(3, dtype=np.int64) * 60_000, values)
    identity = DeviceIdentity("cut-1", 1, 1_700_000_000)
    clock = DeviceClock(ClockError(), now_ms())
    firmware = Firmware(identity, FullPolicy.HOLD_SOURCE, clock, np.random.default_rng(1))
    broker = Broker("127.0.0.1", port, None, None)
    return Device(broker, firmware, RecordingSource(recording, None))


@pytest.mark.parametrize("last_words", [CONNECTED, CONNECTED + NOT_MQTT])
async def test_nobody_hears_of_a_cut_that_the_device_knows_of(last_words: bytes) -> None:
    unheard: list[dict[str, Any]] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: unheard.append(context))
    cut = asyncio.Event()

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(4_096)
        writer.write(last_words)
        await writer.drain()
        await asyncio.sleep(0.1)
        writer.close()
        cut.set()

    async with await asyncio.start_server(answer, "127.0.0.1", 0) as server:
        running = asyncio.create_task(device(server.sockets[0].getsockname()[1]).run())
        await asyncio.wait_for(cut.wait(), 10)
        await asyncio.sleep(0.3)
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
    del running
    for _ in range(3):
        gc.collect()
        await asyncio.sleep(0)
    assert unheard == []
