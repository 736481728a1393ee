"""Ledger devices: each writes every frame down, publishes it, and keeps it until it is told.

A second implementation of a device, leaner and quicker to try again than the firmware, so that a
run of seconds holds many retries. It frees a frame on "committed up to n" and on nothing else.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final
from urllib.parse import unquote, urlsplit

import aiomqtt

from bench.faulting.ledger import LedgerFile
from bench.faulting.making import SECOND_MS, Life, Made, make_frame, make_poison
from tidewell.clock import monotonic_s, now_ms

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path
    from random import Random

KEEPALIVE_S: Final = 5
"""A connection that swallows everything is noticed within eight seconds."""
ANSWER_WITHIN_S: Final = 6.0
"""For the broker's confirmation of a publish; after that the connection counts as gone."""
RECONNECT_S: Final = (0.2, 1.5)
RESEND_AFTER_S: Final = 3.0
"""Ingest answers once a second; what was not answered after three goes out again."""
SLOWER_MOST: Final = 8.0
"""As much slower a device becomes that nobody answers, as the firmware does: a site that is behind
would get the same frames faster than it takes new ones."""
RESENT_AT_ONCE: Final = 64
IN_FLIGHT: Final = 16
IDLE_S: Final = 0.25
FLOOD_BEFORE_MS: Final = 12 * 3_600 * SECOND_MS
"""A flood holds other seconds than those that its device goes through in the run."""


logging.getLogger("mqtt").setLevel(logging.CRITICAL)  # it logs every cut, and these are ours


@dataclass(slots=True)
class Pace:
    """How a run goes through its readings: as fast as it takes to reach the present at its end."""

    first_ms: int
    started_s: float
    times: float
    """Seconds of readings in a second of the run."""
    frame_s: int
    """Seconds of readings in a frame."""

    def due_ms(self) -> int:
        """Return up to when readings are due; never later than the present."""
        elapsed_ms = (monotonic_s() - self.started_s) * SECOND_MS * self.times
        return min(int(self.first_ms + elapsed_ms), now_ms())


@dataclass(slots=True)
class _Held:
    payload: bytes
    sent_s: float | None = None


@dataclass(slots=True)
class LedgerDevice:
    """One device, its ledger and its buffer."""

    life: Life
    boot: int
    url: str
    client_id: str
    folder: Path
    rng: Random
    pace: Pace
    on_told: Callable[[str, int, int], None]
    connects: int = 0
    takes_in: bool = True
    """Whether it still measures; it sends what it holds in any case."""
    _next_seq: int = 0
    _next_ms: int = 0
    _upto: int = -1
    _flooded: int = 0
    _slower: float = 1.0
    _slowed_s: float = 0.0
    _held: dict[int, _Held] = field(default_factory=dict)
    _file: LedgerFile | None = None

    @property
    def is_drained(self) -> bool:
        """Return whether it was told of everything that it wrote down."""
        return not self._held

    @property
    def topic(self) -> str:
        """Return the beginning of its topics."""
        return f"tidewell/v1/{self.life.shard}/{self.life.device}"

    async def run(self) -> None:
        """Measure, send and hear until cancelled."""
        self._file = LedgerFile(self.folder / f"{self.life.device}.jsonl")
        self._next_ms = self._next_ms or self.life.first_ms
        measuring = asyncio.create_task(self._measure())
        try:
            while True:
                with contextlib.suppress(aiomqtt.MqttError, OSError, TimeoutError):
                    await self._session()
                self._slow_down()
                await asyncio.sleep(self.rng.uniform(*RECONNECT_S) * self._slower)
        finally:
            measuring.cancel()
            self._file.close()

    def flood(self, frames: int) -> None:
        """Take many frames at once, from hours ago, as a device does that was away."""
        for _ in range(frames):
            start_ms = self.life.first_ms - FLOOD_BEFORE_MS + self._flooded * SECOND_MS
            self._keep(make_frame(self.life, self.boot, self._next_seq, start_ms, 1))
            self._flooded += 1

    def poison(self, kind: str) -> None:
        """Take one frame that will be refused."""
        self._keep(make_poison(self.life, self.boot, self._next_seq, self._next_ms, kind))

    async def _measure(self) -> None:
        frame_ms = self.pace.frame_s * SECOND_MS
        while True:
            while self.takes_in and self._next_ms + frame_ms <= self.pace.due_ms():
                made = make_frame(
                    self.life, self.boot, self._next_seq, self._next_ms, self.pace.frame_s
                )
                self._next_ms += frame_ms
                self._keep(made)
            await asyncio.sleep(IDLE_S)

    def _keep(self, made: Made) -> None:
        assert self._file is not None
        self._file.note_frame(made.entry)
        self._held[self._next_seq] = _Held(made.payload)
        self._next_seq += 1

    async def _session(self) -> None:
        async with client_of(self.url, self.client_id, ANSWER_WITHIN_S) as client:
            self.connects += 1
            await client.subscribe(f"{self.topic}/ack")
            for held in self._held.values():
                held.sent_s = None
            listening = asyncio.create_task(self._listen(client))
            try:
                while not listening.done():
                    await self._send(client)
                    await asyncio.sleep(IDLE_S)
                await listening
            finally:
                listening.cancel()
                await asyncio.gather(listening, return_exceptions=True)

    async def _send(self, client: aiomqtt.Client) -> None:
        """Publish what was never sent on this connection, and again what nobody answered."""
        late_s = monotonic_s() - RESEND_AFTER_S * self._slower
        due = [
            seq
            for seq, held in list(self._held.items())[: 4 * RESENT_AT_ONCE]
            if held.sent_s is None or held.sent_s < late_s
        ][:RESENT_AT_ONCE]
        if any(self._held[seq].sent_s is not None for seq in due):
            self._slow_down()
        for first in range(0, len(due), IN_FLIGHT):
            part = [seq for seq in due[first : first + IN_FLIGHT] if seq in self._held]
            sent = await asyncio.gather(
                *(self._publish(client, self._held[seq]) for seq in part), return_exceptions=True
            )
            for one in sent:
                if isinstance(one, BaseException):
                    raise one

    def _slow_down(self) -> None:
        """Wait twice as long, once in as long as one waits for an answer."""
        if monotonic_s() - self._slowed_s >= RESEND_AFTER_S * self._slower:
            self._slower = min(SLOWER_MOST, self._slower * 2)
            self._slowed_s = monotonic_s()

    async def _publish(self, client: aiomqtt.Client, held: _Held) -> None:
        held.sent_s = monotonic_s()
        await client.publish(f"{self.topic}/frame", held.payload, qos=1, timeout=ANSWER_WITHIN_S)

    async def _listen(self, client: aiomqtt.Client) -> None:
        async for message in client.messages:
            if isinstance(message.payload, bytes):
                self._hear(json.loads(message.payload))

    def _hear(self, ack: dict[str, object]) -> None:
        if ack["boot"] != self.boot or self._file is None:
            return
        upto = int(str(ack["upto"]))
        if upto > self._upto:
            self._upto, self._slower = upto, 1.0
            self._file.note_told(self.life.device, self.boot, upto)
            self.on_told(self.life.device, self.boot, upto)
            for seq in [seq for seq in self._held if seq <= upto]:
                del self._held[seq]


def client_of(url: str, client_id: str, timeout_s: float) -> aiomqtt.Client:
    """Return a client for one connection."""
    parts = urlsplit(url)
    client = aiomqtt.Client(
        parts.hostname or "",
        parts.port or 1883,
        username=unquote(parts.username or ""),
        password=unquote(parts.password or ""),
        identifier=client_id,
        clean_session=True,
        keepalive=KEEPALIVE_S,
        timeout=timeout_s,
    )
    client.pending_calls_threshold = 4 * IN_FLIGHT
    return client
