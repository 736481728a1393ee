"""The load process: thousands of devices over a few connections, each frame numbered.

Reads one JSON object a line from its standard input and answers each with one: first what to
connect to, then phases. A phase either keeps so many frames outstanding (`window`) or sends at a
rate (`per_second`). A frame counts as committed when its device hears so: the time includes the way
of the acknowledgement.

Must never: look into the database. It knows what a device knows.
"""

from __future__ import annotations

import asyncio
import json
import os
import random
import resource
import sys
from array import array
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Final

from bench.streaming import packets
from tidewell.clock import monotonic_s

CHANNELS: Final = {
    "heart_rate": (70.0, 5.0),
    "hrv_rmssd": (50.0, 8.0),
    "skin_temperature": (33.0, 0.3),
    "eda": (1.0, 0.2),
    "steps": (8.0, 3.0),
    "spo2": (96.0, 1.0),
    "respiratory_rate": (15.0, 1.0),
    "motion": (0.1, 0.02),
}
"""Eight channels: centre and spread of what is sent."""
KINDS: Final = 64
"""Different contents; each device sends them in turn, so that no value repeats in a row."""
CROSSING_BPM: Final = 110
AT_ONCE: Final = 32
"""Frames in one write to a connection."""
PAUSE_S: Final = 0.001
QUIET_S: Final = 15.0
"""After a phase acknowledgements are waited for at most so long without a new one."""


@dataclass(slots=True)
class Device:
    """A device as the load process sees it."""

    name: str
    topic: bytes
    start_ms: int
    seq: int = 0
    committed: int = -1
    sent: deque[float] = field(default_factory=deque)


class Connection(asyncio.Protocol):
    """One connection that carries many devices."""

    def __init__(self, load: Load) -> None:
        self._load = load
        self._buffer = bytearray()
        self._number = 0
        self.transport: asyncio.Transport | None = None
        self.unconfirmed = 0
        self.ready = asyncio.Event()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the way to write."""
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport

    def connection_lost(self, _exc: Exception | None) -> None:
        """Count what should not happen."""
        self._load.lost += 1

    def data_received(self, data: bytes) -> None:
        """Take in whole packets."""
        self._buffer += data
        for kind, body in packets.split(self._buffer):
            if kind == packets.PUBACK:
                self.unconfirmed -= 1
            elif kind == packets.PUBLISH:
                size = int.from_bytes(body[:2], "big")
                self._load.hear(body[2 : 2 + size], body[2 + size :])
            elif kind in (packets.CONNACK, packets.SUBACK):
                self.ready.set()

    def send(self, frames: list[tuple[bytes, bytes]]) -> None:
        """Publish frames, several in one write."""
        assert self.transport is not None
        parts = []
        for topic, payload in frames:
            self._number = self._number % packets.LONGEST_ID + 1
            parts.append(packets.publish(topic, self._number, payload))
        self.unconfirmed += len(frames)
        self.transport.write(b"".join(parts))


class Load:
    """All devices and connections."""

    def __init__(self, wanted: dict[str, Any]) -> None:
        self._wanted = wanted
        self._epochs: int = wanted["epochs"]
        self._period_s: int = wanted["period_s"]
        self._devices = [
            Device(name, packets.prefixed(f"tidewell/v1/{shard}/{name}/frame"), wanted["start_ms"])
            for shard, name in wanted["devices"]
        ]
        self._by_ack = {
            f"tidewell/v1/{shard}/{name}/ack".encode(): device
            for (shard, name), device in zip(wanted["devices"], self._devices, strict=True)
        }
        self._contents = list(_contents(self._epochs))
        self._crossing = _content({"heart_rate": [CROSSING_BPM] * self._epochs})
        self._watched = [self._devices[place] for place in wanted["watched"]]
        self._connections: list[Connection] = []
        self._turn = 0
        self._waits_ms = array("d")
        self._settled_s = 0.0
        self.outstanding = 0
        self.lost = 0

    async def open(self) -> None:
        """Connect, and hear the acknowledgements of all devices."""
        loop, wanted = asyncio.get_running_loop(), self._wanted
        for place in range(wanted["connections"]):
            _, connection = await loop.create_connection(
                lambda: Connection(self), wanted["host"], wanted["port"]
            )
            assert connection.transport is not None
            connection.transport.write(
                packets.connect(f"load-{place}-{os.getpid()}", *wanted["sign_in"])
            )
            await connection.ready.wait()
            self._connections.append(connection)
        hears = self._connections[0]
        hears.ready.clear()
        assert hears.transport is not None
        hears.transport.write(packets.subscribe(1, ["tidewell/v1/+/+/ack"]))
        await hears.ready.wait()

    def hear(self, topic: bytes, payload: bytes) -> None:
        """Take in an acknowledgement: all frames up to its number are committed."""
        device, now_s = self._by_ack.get(topic), monotonic_s()
        if device is None:
            return
        upto = json.loads(payload)["upto"]
        while device.committed < upto and device.sent:
            self._waits_ms.append((now_s - device.sent.popleft()) * 1000)
            device.committed += 1
            self.outstanding -= 1

    async def phase(self, asked: dict[str, Any]) -> dict[str, Any]:
        """Send for some seconds; return what was sent and how long commits took."""
        self._waits_ms = array("d")
        cpu_s, started_s = _cpu_s(), monotonic_s()
        until_s = started_s + asked["seconds"]
        published, crossings = 0, list[list[Any]]()
        rate, each_s = asked.get("per_second"), asked.get("every_s")
        while (now_s := monotonic_s()) < until_s:
            if rate is not None:
                count = int((now_s - started_s) * rate) - published
            elif "unconfirmed" in asked:
                count = asked["unconfirmed"] - sum(one.unconfirmed for one in self._connections)
            else:
                count = asked["window"] - self.outstanding
            if each_s and self._watched and len(crossings) < (now_s - started_s) / each_s:
                crossings.append(self._cross(self._watched.pop()))
            if published >= asked.get("frames", published + 1):
                break
            if count > 0:
                published += self._send(min(count, AT_ONCE * len(self._connections)))
            await asyncio.sleep(PAUSE_S if count <= AT_ONCE else 0)
        seconds, cpu_s = monotonic_s() - started_s, _cpu_s() - cpu_s
        if not asked.keys() & {"unconfirmed", "go_on"}:  # nobody acknowledges, or more follows
            await self._settle()
        return {
            "published": published,
            "seconds": seconds,
            "seconds_until_committed": max(self._settled_s - started_s, seconds),
            "load_cpu_s": cpu_s,
            "waits_ms": sorted(self._waits_ms),
            "outstanding": self.outstanding,
            "crossings": crossings,
            "connections_lost": self.lost,
        }

    def _send(self, count: int) -> int:
        """Publish the next frames, each device's on its own connection; return how many."""
        frames: list[list[tuple[bytes, bytes]]] = [[] for _ in self._connections]
        for _ in range(count):
            self._turn = (self._turn + 1) % len(self._devices)
            device = self._devices[self._turn]
            content = self._contents[(self._turn + device.seq) % KINDS]
            frames[self._turn % len(frames)].append(self._frame(device, content))
        for connection, own in zip(self._connections, frames, strict=True):
            if own:
                connection.send(own)
        return count

    def _frame(self, device: Device, content: bytes) -> tuple[bytes, bytes]:
        start_ms = device.start_ms + device.seq * self._epochs * self._period_s * 1_000
        head = b'{"boot":1,"seq":%d,"start":%d,"period":%d,' % (
            device.seq,
            start_ms,
            self._period_s,
        )
        device.seq += 1
        device.sent.append(monotonic_s())
        self.outstanding += 1
        return device.topic, head + content

    def _cross(self, device: Device) -> list[Any]:
        """Send the frame that crosses a limit of a plan; return whose and when."""
        place = self._devices.index(device) % len(self._connections)
        self._connections[place].send([self._frame(device, self._crossing)])
        return [device.name, monotonic_s()]

    async def _settle(self) -> None:
        """Wait until everything is acknowledged, or nothing more comes."""
        before, since_s = -1, monotonic_s()
        while self.outstanding and monotonic_s() - since_s < QUIET_S:
            if self.outstanding != before:
                before, since_s = self.outstanding, monotonic_s()
            await asyncio.sleep(0.02)
        self._settled_s = since_s if self.outstanding else monotonic_s()


def _contents(epochs: int) -> Iterator[bytes]:
    rng = random.Random(1)  # noqa: S311 -- invented readings, no secret
    for _ in range(KINDS):
        yield _content(
            {
                name: [round(abs(rng.gauss(*of)), 2) for _ in range(epochs)]
                for name, of in CHANNELS.items()
                if name not in ("steps", "spo2")
            }
            | {
                "steps": [rng.randrange(20) for _ in range(epochs)],
                "spo2": [rng.randrange(94, 100) for _ in range(epochs)],
            }
        )


def _content(channels: dict[str, list[float]]) -> bytes:
    return json.dumps(channels, separators=(",", ":")).encode()[1:]


def _cpu_s() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


async def _work() -> None:
    load = Load(json.loads(sys.stdin.readline()))
    await load.open()
    _answer({"ready": True})
    loop = asyncio.get_running_loop()
    while line := await loop.run_in_executor(None, sys.stdin.readline):
        _answer(await load.phase(json.loads(line)))


def _answer(what: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps(what) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    asyncio.run(_work())
