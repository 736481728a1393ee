"""Devices of the simulation: the real firmware, a radio that fails, and a ledger of the truth.

The ledger knows every epoch that was ever numbered, from the firmware's own buffer; everything that
is found in the database is held against it, and everything that a device was told.
"""

from __future__ import annotations

import asyncio
import math
import random
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

import numpy as np
import orjson

from firmware_sim.blocks import MINUTE_MS, Block, BlockKind
from firmware_sim.device_clock import ClockError, DeviceClock
from firmware_sim.encoder import TopicKind, decode_ack
from firmware_sim.firmware import Firmware
from firmware_sim.intentions import AckOutcome, DeviceIdentity, FullPolicy, Publish, PublishKind
from tests.simulation.broker import Broker
from tests.simulation.virtual_time import START_MS, true_ms
from tidewell.vocabulary import CHANNEL_NAMES

Boot = tuple[int, int]
EPOCHS_FROM_MS: Final = START_MS // MINUTE_MS * MINUTE_MS - 86_400_000
"""A day before: what a device had stored before it met a network."""
AT_MOST_AT_ONCE: Final = 8


@dataclass
class Ledger:
    """The truth: what each boot of each device numbered, gave up, and was told."""

    frames: dict[Boot, dict[int, list[tuple[int, bytes]]]] = field(default_factory=dict)
    poisoned: set[tuple[int, int, int]] = field(default_factory=set)
    given_up_below: dict[Boot, int] = field(default_factory=dict)
    told_upto: dict[Boot, int] = field(default_factory=dict)
    switched_off: set[Boot] = field(default_factory=set)
    published: int = 0


class Device:
    """One device from its first start on."""

    def __init__(
        self,
        number: int,
        shard: int,
        broker: Broker,
        ledger: Ledger,
        rng: random.Random,
        on_told: Callable[[Boot, int], None],
    ) -> None:
        self.number = number
        self.shard = shard
        self.name = f"band-{number}"
        self._broker = broker
        self._ledger = ledger
        self._rng = rng
        self._on_told = on_told
        self._boot = 0
        self._minute = 0
        self._timer: asyncio.TimerHandle | None = None
        self._is_connected = False
        self._capacity = 4 if rng.random() < 0.15 else 400
        self.firmware = self._start()
        broker.devices[self.firmware.topic(TopicKind.ACK)] = self._hear
        broker.on_down.append(self.lose)

    @property
    def boot(self) -> Boot:
        """Return which start of which device this is."""
        return (self.number, self._boot)

    def _start(self) -> Firmware:
        self._boot += 1
        self._ledger.frames[self.boot] = {}
        identity = DeviceIdentity(self.name, self.shard, self._boot)
        clock = DeviceClock(ClockError(), true_ms())
        rng = np.random.default_rng(self._rng.getrandbits(32))
        return Firmware(identity, FullPolicy.DROP_OLDEST, clock, rng, self._capacity)

    def switch_off_and_on(self) -> None:
        """Begin anew; what was held is lost with the old boot, and nobody was told otherwise."""
        self.lose()
        self._ledger.switched_off.add(self.boot)
        self.firmware = self._start()

    def measure(self, epochs: int, heart_rate: float) -> None:
        """Measure some minutes and number them as frames."""
        values = np.full((epochs, len(CHANNEL_NAMES)), np.nan, np.float32)
        values[:, 0] = heart_rate + np.arange(epochs)
        first = self._minute
        self._minute += epochs + self._rng.choice((0, 0, 0, 1))
        times = EPOCHS_FROM_MS + (first + np.arange(epochs, dtype=np.int64)) * MINUTE_MS
        self.firmware.take(Block(times, values, BlockKind.HISTORY))
        self._write_down()
        self._pump()

    def _write_down(self) -> None:
        """Read what the firmware holds into the ledger, before any of it is sent."""
        ring, known = self.firmware._ring, self._ledger.frames[self.boot]
        for frame in ring:
            if frame.seq not in known:
                known[frame.seq] = _epochs_of(frame.body)
                if self._rng.random() < 0.04:
                    self._ledger.poisoned.add((*self.boot, frame.seq))
        if self.firmware.counts.frames_dropped:
            self._ledger.given_up_below[self.boot] = ring.oldest

    def connect(self) -> None:
        """Try to reach the broker; try again later if it is not there."""
        if self._is_connected:
            return
        if not self._broker.is_up:
            self._later(self.firmware.disconnected(self._now_s()).elapsed_s, self.connect)
            return
        self._is_connected = True
        self.firmware.connected(true_ms(), self._now_s())
        self._pump()

    def lose(self) -> None:
        """Lose the connection; the firmware says when to try again."""
        if self._is_connected:
            self._is_connected = False
            self._later(self.firmware.disconnected(self._now_s()).elapsed_s, self.connect)

    def _pump(self) -> None:
        if not self._is_connected:
            return
        wait_until_s = math.inf
        for one in self.firmware.step(true_ms(), self._now_s(), AT_MOST_AT_ONCE):
            if not isinstance(one, Publish):
                wait_until_s = one.elapsed_s
            elif one.kind is not PublishKind.STATUS:
                self._ledger.published += 1
                self._broker.publish(one.topic, self._as_sent(one.payload))
        if wait_until_s < math.inf:
            self._later(max(wait_until_s, self._now_s() + 0.01), self._pump)

    def _as_sent(self, payload: bytes) -> bytes:
        """Return the payload, or the same frame as a device with a fault would write it."""
        seq = orjson.loads(payload)["seq"]
        if (*self.boot, seq) in self._ledger.poisoned:
            return payload.replace(b'"period":', b'"perjod":')
        return payload

    def _hear(self, payload: bytes) -> None:
        if not self._is_connected:
            return
        ack = decode_ack(payload)
        assert ack is not None, f"an answer that no device can read: {payload!r}"
        outcome = self.firmware.answered(payload, true_ms(), self._now_s())
        if outcome is not AckOutcome.OTHER_BOOT:
            assert outcome is not AckOutcome.BEYOND_SENT, "told of a frame that was never sent"
            self._on_told(self.boot, ack.upto)
        self._write_down()
        self._pump()

    def _now_s(self) -> float:
        return asyncio.get_running_loop().time()

    def _later(self, at_s: float, do: Callable[[], None]) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = asyncio.get_running_loop().call_at(at_s, do)


def _epochs_of(body: bytes) -> list[tuple[int, bytes]]:
    """Return time and values of each epoch of a frame's body, read back from its JSON."""
    frame = orjson.loads(b"{" + body)
    length = len(frame["heart_rate"])
    values = np.full((length, len(CHANNEL_NAMES)), np.nan, np.float32)
    values[:, 0] = frame["heart_rate"]
    return [
        (frame["start"] + place * frame["period"] * 1000, row.tobytes())
        for place, row in enumerate(values)
    ]
