"""A device's buffer, the cursors and the book of acks together, under any order of events.

Hypothesis chooses what the network does and finds the shortest story that breaks a promise.
"""

from __future__ import annotations

import orjson
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from firmware_sim.encoder import decode_ack
from firmware_sim.ring import FrameRing
from ingest.acks import Ack, AckBook
from ingest.cursors import Cursor, advance
from ingest.decode import Address
from ingest.reasons import Progress

CAPACITY = 6
ADDRESS = Address(1, "band-1")
FATES = st.sampled_from(["arrives", "arrives", "arrives twice", "is lost"])


class Delivery(RuleBasedStateMachine):
    """One boot of one device, a network, and a service that may forget what it has not stored."""

    def __init__(self) -> None:
        super().__init__()
        self.ring = FrameRing(CAPACITY)
        self.dropped = 0
        self.on_the_way: list[tuple[int, int | None]] = []
        self.stored: set[int] = set()
        self.given_up: set[int] = set()
        self.cursor = Cursor()
        self.book = AckBook()
        self.answers: list[Ack] = []
        self.told = -1
        self.now_s = 0.0

    @rule(frames=st.integers(1, 4))
    def measure_and_send(self, frames: int) -> None:
        for _ in range(frames):
            if self.ring.is_full:
                self.given_up.add(self.ring.drop_oldest().seq)
                self.dropped += 1
            self.ring.add(b"", 1, send=True)
        self._send()

    def _send(self) -> None:
        while (frame := self.ring.next_to_send()) is not None:
            self.on_the_way.append((frame.seq, self.ring.oldest if self.dropped else None))

    @rule()
    def send_all_again(self) -> None:
        self.ring.queue_all()
        self._send()

    @precondition(lambda self: self.on_the_way)
    @rule(places=st.lists(st.integers(0, 20), min_size=1, max_size=4), fate=FATES)
    def deliver(self, places: list[int], fate: str) -> None:
        for place in places:
            if self.on_the_way:
                self._deliver_one(place % len(self.on_the_way), fate)

    def _deliver_one(self, place: int, fate: str) -> None:
        seq, oldest = self.on_the_way[place]
        if fate != "arrives twice":
            del self.on_the_way[place]
        if fate == "is lost":
            return
        step = advance(self.cursor, seq, oldest)
        assert step.cursor.upto >= self.cursor.upto
        if step.progress is Progress.NEW:
            assert seq not in self.stored
            self.stored.add(seq)
        else:
            assert seq in self.stored or seq in self.given_up
        self.cursor = step.cursor
        self.book.note(ADDRESS, 0, self.cursor)

    @rule(seconds=st.sampled_from([0.1, 1.0, 5.0]))
    def answer(self, seconds: float) -> None:
        self.now_s += seconds
        due = self.book.due(self.now_s)
        assert len(due) <= 1
        self.answers += due

    @rule()
    def service_starts_again(self) -> None:
        self.book = AckBook()

    @precondition(lambda self: self.answers)
    @rule(data=st.data(), arrives=st.booleans())
    def hear(self, data: st.DataObject, *, arrives: bool) -> None:
        ack = self.answers.pop(data.draw(st.integers(0, len(self.answers) - 1)))
        if not arrives:
            return
        read = decode_ack(orjson.dumps(ack.body(1_795_000_000_000)))
        assert read is not None
        assert read.upto <= self.ring.highest_sent
        self.told = max(self.told, read.upto)
        self.ring.free_upto(read.upto)
        for first, last in read.missing:
            for frame in self.ring.within(first, last):
                self.ring.queue(frame)

    @invariant()
    def what_the_device_was_told_is_stored_or_given_up(self) -> None:
        assert all(seq in self.stored or seq in self.given_up for seq in range(self.told + 1))

    @invariant()
    def what_is_not_stored_is_held_or_given_up(self) -> None:
        held = {frame.seq for frame in self.ring}
        for seq in range(self.ring.next_seq):
            assert seq in self.stored or seq in held or seq in self.given_up

    @invariant()
    def the_cursor_says_what_is_stored(self) -> None:
        missing = {seq for gap in self.cursor.gaps for seq in range(gap.first, gap.last + 1)}
        for seq in range(self.cursor.highest + 1):
            if seq in missing:
                assert seq not in self.stored
            else:
                assert seq in self.stored or seq in self.given_up

    def teardown(self) -> None:
        """Let a network that works again carry everything: nothing stays behind."""
        for _ in range(3):
            self.ring.queue_all()
            while (frame := self.ring.next_to_send()) is not None:
                step = advance(self.cursor, frame.seq, self.ring.oldest)
                self.cursor = step.cursor
                self.stored.add(frame.seq)
            self.ring.free_upto(self.cursor.upto)
        assert len(self.ring) == 0


Delivery.TestCase.settings = settings(max_examples=150, stateful_step_count=60, deadline=None)
TestDelivery = Delivery.TestCase
