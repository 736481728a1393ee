"""The device's buffer of frames: numbered without holes, kept until the service has committed them.

It is bounded. It never frees a frame by itself: only `free_upto` (an answer of the service) and
`drop_oldest` (the device's policy when it is full) do.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from heapq import heapify, heappop, heappush
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

RING_FRAMES: Final = 4_320
"""72 hours at one frame a minute: a weekend away from any network, with a night to spare. About
2 MB of flash, which the smallest of today's wearables have."""


@dataclass(slots=True)
class HeldFrame:
    """A frame that the service has not committed yet, as far as the device knows."""

    seq: int
    body: bytes
    epochs: int
    sent_at_s: float | None = None
    ever_sent: bool = False
    queued: bool = False


class FrameRing:
    """Frames in order of `seq`, and which of them are to be sent, lowest first."""

    def __init__(self, capacity: int = RING_FRAMES) -> None:
        self._capacity = capacity
        self._frames: deque[HeldFrame] = deque()
        self._to_send: list[int] = []
        self.next_seq = 0
        self.highest_sent = -1

    def __len__(self) -> int:
        return len(self._frames)

    def __iter__(self) -> Iterator[HeldFrame]:
        return iter(self._frames)

    @property
    def oldest(self) -> int:
        """Return the lowest `seq` that is held, or that will be."""
        return self.next_seq - len(self._frames)

    @property
    def is_full(self) -> bool:
        """Return whether another frame needs room first."""
        return len(self._frames) >= self._capacity

    @property
    def has_more_to_send(self) -> bool:
        """Return whether a frame waits to be sent."""
        return bool(self._to_send)

    def add(self, body: bytes, epochs: int, *, send: bool) -> None:
        """Number a frame and hold it; there must be room."""
        if self.is_full:
            raise AssertionError("the ring is full: the policy decides before this")
        frame = HeldFrame(self.next_seq, body, epochs)
        self._frames.append(frame)
        self.next_seq += 1
        if send:
            self.queue(frame)

    def queue(self, frame: HeldFrame) -> None:
        """Have a frame sent, once, however many reasons there are."""
        if not frame.queued:
            frame.queued = True
            heappush(self._to_send, frame.seq)

    def queue_all(self) -> None:
        """Have every frame sent, oldest first: a connection begins."""
        for frame in self._frames:
            frame.queued = True
            frame.sent_at_s = None
        self._to_send = [frame.seq for frame in self._frames]
        heapify(self._to_send)

    def queue_none(self) -> None:
        """Have nothing sent: the connection is gone."""
        self._to_send.clear()

    def next_to_send(self) -> HeldFrame | None:
        """Take the lowest frame that waits to be sent."""
        if not self._to_send:
            return None
        frame = self._frames[heappop(self._to_send) - self.oldest]
        frame.queued = False
        self.highest_sent = max(self.highest_sent, frame.seq)
        return frame

    def within(self, first: int, last: int) -> Iterable[HeldFrame]:
        """Return the held frames of a range of `seq`."""
        start = self.oldest
        for seq in range(max(first, start), min(last, self.next_seq - 1) + 1):
            yield self._frames[seq - start]

    def free_upto(self, upto: int) -> int:
        """Free every frame up to this `seq`; return how many those were."""
        freed = 0
        while self._frames and self._frames[0].seq <= upto:
            self._frames.popleft()
            freed += 1
        self._forget_freed()
        return freed

    def drop_oldest(self) -> HeldFrame:
        """Give up the oldest frame, for ever."""
        frame = self._frames.popleft()
        self._forget_freed()
        return frame

    def _forget_freed(self) -> None:
        while self._to_send and self._to_send[0] < self.oldest:
            heappop(self._to_send)
