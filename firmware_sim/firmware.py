"""A device's firmware: store-and-forward, numbering, retries, back-off. It does nothing itself.

It is told what happened (readings, connected, an answer) and says what to do next (`Publish`,
`WaitUntil`). `now_ms` is the true time, `elapsed_s` a clock that never goes back. Its rules:

1. A frame is held until an `ack` of this boot covers it. A broker's PUBACK frees nothing.
2. The buffer is bounded. When it is full, a device drops its oldest frame and says so with
   `oldest`; a replay lets its file wait and drops nothing.
3. A time that was stamped on a frame never changes, and no minute is stamped twice.
4. An answer that cannot be read, or cannot be true, changes nothing.
"""

from __future__ import annotations

import math
from collections import deque
from typing import TYPE_CHECKING, Final

import numpy as np

from firmware_sim.blocks import MINUTE_MS, Block, BlockKind, runs
from firmware_sim.encoder import (
    Ack,
    TopicKind,
    decode_ack,
    decode_config,
    encode_body,
    encode_frame,
    encode_status,
    fits,
    topic,
)
from firmware_sim.intentions import (
    AckOutcome,
    ConfigOutcome,
    DeviceIdentity,
    FirmwareCounts,
    FullPolicy,
    Publish,
    PublishKind,
    WaitUntil,
)
from firmware_sim.ring import RING_FRAMES, FrameRing, HeldFrame
from tidewell.vocabulary import CHANNEL_NAMES

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray

    from firmware_sim.device_clock import DeviceClock

FIRMWARE_NAME: Final = "tidewell-sim-1"
PERIOD_S: Final = 60
PACKED_EPOCHS: Final = 60
"""An hour a frame: about 3 KB of ten channels, far below the limit, 60 times fewer frames."""
RETRY_FIRST_S: Final = 30.0
"""Ingest answers within two seconds; half a minute outlasts its restart."""
RETRY_MAX_S: Final = 600.0
MISSING_AFTER_S: Final = 5.0
"""Answers come once a second and may name what is still on its way; this is not sent again yet."""
RECONNECT_FIRST_S: Final = 1.0
RECONNECT_MAX_S: Final = 120.0
STEADY_AFTER_S: Final = 60.0
"""A connection that held this long was a good one: the next back-off starts anew."""
STATUS_EVERY_S: Final = 3_600.0
"""The battery is worth a look once an hour."""
JITTER: Final = 0.2
"""A fifth each way keeps devices that lost one broker together from coming back together."""


class Firmware:
    """One device from one start to the next."""

    def __init__(
        self,
        identity: DeviceIdentity,
        policy: FullPolicy,
        clock: DeviceClock,
        rng: np.random.Generator,
        capacity: int = RING_FRAMES,
    ) -> None:
        self.identity = identity
        self.counts = FirmwareCounts()
        self.battery_percent = 100
        self._policy = policy
        self._clock = clock
        self._rng = rng
        self._ring = FrameRing(capacity)
        self._waiting: deque[tuple[bytes, int]] = deque()
        self._gathered: list[tuple[int, NDArray[np.float32]]] = []
        self._last_minute = -1
        self._channels_off = np.zeros(len(CHANNEL_NAMES), dtype=np.bool_)
        self._paused_until_ms = 0
        self._connected_at_s: float | None = None
        self._failures = 0
        self._retries = 0
        self._retry_at_s = math.inf
        self._status_at_s = math.inf

    # -- what the shell may ask

    @property
    def wants_more(self) -> bool:
        """Return whether the source may hand over another block now."""
        return not self._waiting and not (
            self._ring.is_full and self._policy is FullPolicy.HOLD_SOURCE
        )

    @property
    def is_drained(self) -> bool:
        """Return whether everything that was handed over is acknowledged."""
        return not self._ring and not self._waiting and not self._gathered

    def topic(self, kind: TopicKind) -> str:
        """Return one of the device's topics."""
        return topic(self.identity.shard, self.identity.device_name, kind)

    def status(self, *, online: bool, now_ms: int) -> Publish:
        """Return the retained status; with `online=False` it is the last will."""
        payload = encode_status(
            online=online,
            time_ms=self._clock.read(now_ms),
            battery_percent=self.battery_percent,
            firmware=FIRMWARE_NAME,
            boot=self.identity.boot,
        )
        return Publish(self.topic(TopicKind.STATUS), payload, PublishKind.STATUS, retain=True)

    # -- readings come in

    def take(self, block: Block) -> None:
        """Take the epochs of a block into the buffer."""
        time_ms, values = self._stamped(block)
        if block.kind is BlockKind.LIVE and self._connected_at_s is None:
            self._gather(time_ms, values)
            return
        self._seal_gathered()
        longest = 1 if block.kind is BlockKind.LIVE else PACKED_EPOCHS
        for part in runs(time_ms, longest):
            self._pack(int(time_ms[part.start]), values[part])

    def _stamped(self, block: Block) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        """Return the epochs with a value, as the device's clock stamps them, each minute once."""
        time_ms, values = block.time_ms, block.values
        if block.kind is BlockKind.LIVE:
            on = time_ms >= self._paused_until_ms
            self.counts.epochs_paused += int(np.count_nonzero(~on))
            time_ms, values = time_ms[on], values[on]
            time_ms = np.array([self._clock.read(int(time)) for time in time_ms], dtype=np.int64)
        if self._channels_off.any():
            values = np.where(self._channels_off, np.float32(np.nan), values)
        filled = ~np.isnan(values).all(axis=1)
        time_ms, values = time_ms[filled], values[filled]
        minute = time_ms // MINUTE_MS
        latest = np.maximum.accumulate(np.concatenate(([self._last_minute], minute)))
        fresh = minute > latest[:-1]
        self.counts.epochs_skipped += int(np.count_nonzero(~fresh))
        if fresh.any():
            self._last_minute = int(latest[-1])
        return time_ms[fresh], values[fresh]

    def _gather(self, time_ms: NDArray[np.int64], values: NDArray[np.float32]) -> None:
        """Collect live epochs while there is no connection, to send an hour as one frame."""
        for time, row in zip(time_ms.tolist(), values, strict=True):
            follows = not self._gathered or time == self._gathered[-1][0] + MINUTE_MS
            if not follows or len(self._gathered) >= PACKED_EPOCHS:
                self._seal_gathered()
            self._gathered.append((time, row))

    def _seal_gathered(self) -> None:
        if self._gathered:
            start_ms = self._gathered[0][0]
            rows = np.stack([row for _, row in self._gathered])
            self._gathered.clear()
            self._pack(start_ms, rows)

    def _pack(self, start_ms: int, values: NDArray[np.float32]) -> None:
        body = encode_body(start_ms, PERIOD_S, values)
        if body is None:
            return
        if not fits(body):
            half = len(values) // 2
            self._pack(start_ms, values[:half])
            self._pack(start_ms + half * MINUTE_MS, values[half:])
            return
        self._waiting.append((body, len(values)))
        self._move_waiting()

    def _move_waiting(self) -> None:
        while self._waiting:
            if self._ring.is_full:
                if self._policy is FullPolicy.HOLD_SOURCE:
                    return
                self._ring.drop_oldest()
                self.counts.frames_dropped += 1
            body, epochs = self._waiting.popleft()
            self._ring.add(body, epochs, send=self._connected_at_s is not None)

    # -- the connection comes and goes

    def connected(self, now_ms: int, elapsed_s: float) -> Publish:
        """Begin a connection: everything held is sent again; return the status to publish first."""
        self._connected_at_s = elapsed_s
        self._seal_gathered()
        self._ring.queue_all()
        self._retries = 0
        self._retry_at_s = math.inf
        self._status_at_s = elapsed_s + STATUS_EVERY_S
        return self.status(online=True, now_ms=now_ms)

    def disconnected(self, elapsed_s: float) -> WaitUntil:
        """End a connection, or an attempt at one; return when to try again."""
        held_since_s, self._connected_at_s = self._connected_at_s, None
        if held_since_s is not None and elapsed_s - held_since_s >= STEADY_AFTER_S:
            self._failures = 0
        self._ring.queue_none()
        wait_s = self._backed_off(RECONNECT_FIRST_S, self._failures, RECONNECT_MAX_S)
        self._failures += 1
        return WaitUntil(elapsed_s + wait_s)

    def _backed_off(self, first_s: float, failures: int, longest_s: float) -> float:
        # The exponent is bounded because 2.0 ** 1100 is an error, not infinity.
        doubled_s = first_s * 2.0 ** min(failures, 32)
        return min(longest_s, doubled_s * self._rng.uniform(1 - JITTER, 1 + JITTER))

    # -- answers come in

    def answered(self, payload: bytes, now_ms: int, elapsed_s: float) -> AckOutcome:
        """Take an answer of the service."""
        ack = decode_ack(payload)
        if ack is None:
            return AckOutcome.UNREADABLE
        if ack.boot != self.identity.boot:
            return AckOutcome.OTHER_BOOT
        if ack.upto > self._ring.highest_sent:
            return AckOutcome.BEYOND_SENT
        self._clock.learn(ack.time_ms, now_ms)
        freed = self._ring.free_upto(ack.upto)
        self.counts.frames_acknowledged += freed
        self._queue_missing(ack, elapsed_s)
        if not freed:
            return AckOutcome.REPEATED
        self._failures = 0
        self._retries = 0
        self._retry_at_s = elapsed_s + self._backed_off(RETRY_FIRST_S, 0, RETRY_MAX_S)
        self._move_waiting()
        return AckOutcome.ADVANCED

    def _queue_missing(self, ack: Ack, elapsed_s: float) -> None:
        for first, last in ack.missing:
            self._queue_sent_before(self._ring.within(first, last), elapsed_s - MISSING_AFTER_S)

    def _queue_sent_before(self, frames: Iterable[HeldFrame], before_s: float) -> None:
        for frame in frames:
            if frame.sent_at_s is not None and frame.sent_at_s <= before_s:
                self._ring.queue(frame)

    def configured(self, payload: bytes) -> ConfigOutcome:
        """Take what the service asks of the device; it holds for epochs that are yet to come."""
        config = decode_config(payload)
        if config is None:
            return ConfigOutcome.UNREADABLE
        self._paused_until_ms = config.paused_until_ms or 0
        if config.channels is not None:
            off = [name not in config.channels for name in CHANNEL_NAMES]
            self._channels_off = np.array(off, dtype=np.bool_)
        if config.period_s not in (None, PERIOD_S):
            return ConfigOutcome.OTHER_PERIOD
        return ConfigOutcome.TAKEN

    # -- what to do next

    def step(self, now_ms: int, elapsed_s: float, at_most: int) -> list[Publish | WaitUntil]:
        """Return what to publish now, no more than `at_most` frames, and how long to wait then."""
        if self._connected_at_s is None:
            return [WaitUntil(math.inf)]
        intentions: list[Publish | WaitUntil] = []
        if elapsed_s >= self._status_at_s:
            self._status_at_s = elapsed_s + STATUS_EVERY_S
            intentions.append(self.status(online=True, now_ms=now_ms))
        if elapsed_s >= self._retry_at_s:
            self._retry(elapsed_s)
        intentions += self._frames_to_send(elapsed_s, at_most)
        if self._ring.has_more_to_send:
            return [*intentions, WaitUntil(elapsed_s)]
        return [*intentions, WaitUntil(min(self._retry_at_s, self._status_at_s))]

    def _retry(self, elapsed_s: float) -> None:
        self._queue_sent_before(self._ring, elapsed_s - RETRY_FIRST_S * (1 - JITTER))
        self._retries += 1
        self._retry_at_s = math.inf
        if len(self._ring):
            wait_s = self._backed_off(RETRY_FIRST_S, self._retries, RETRY_MAX_S)
            self._retry_at_s = elapsed_s + wait_s

    def _frames_to_send(self, elapsed_s: float, at_most: int) -> list[Publish]:
        publishes: list[Publish] = []
        while len(publishes) < at_most and (frame := self._ring.next_to_send()):
            kind = PublishKind.AGAIN if frame.ever_sent else PublishKind.FIRST
            frame.sent_at_s, frame.ever_sent = elapsed_s, True
            oldest = self._ring.oldest if self.counts.frames_dropped else None
            payload = encode_frame(self.identity.boot, frame.seq, oldest, frame.body)
            publishes.append(Publish(self.topic(TopicKind.FRAME), payload, kind, frame.epochs))
        if publishes and self._retry_at_s == math.inf:
            self._retry_at_s = elapsed_s + self._backed_off(RETRY_FIRST_S, 0, RETRY_MAX_S)
        return publishes
