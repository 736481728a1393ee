"""How long a batch waits for more frames: counted from when its first one came."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest

from ingest import service
from ingest.batch import Arrival
from ingest.mqtt import BrokerAddress
from ingest.receiving import service as receiving
from ingest.service import _Ingest
from tidewell.settings import Settings

TOPIC = "tidewell/v1/3/band-1/frame"
WAIT_MS = 20


class Broker:
    """A connection that nothing is asked of."""

    def confirm(self, receipts: Sequence[bytes]) -> None:
        """Confirm nothing."""

    def hold(self, *, on: bool) -> None:
        """Hold nothing."""

    def abandon(self) -> None:
        """Abandon nothing."""


class Clock:
    """A clock that goes on only while somebody sleeps by it."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now_s, self.slept_s = 100.0, 0.0
        for module in (service, receiving):
            monkeypatch.setattr(module, "monotonic_s", lambda: self.now_s)
        self._sleep = asyncio.sleep
        monkeypatch.setattr(asyncio, "sleep", self.sleep)

    async def sleep(self, seconds: float) -> None:
        """Go on."""
        self.now_s += seconds
        self.slept_s += seconds
        await self._sleep(0)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    return Clock(monkeypatch)


def an_ingest(most: int = 10) -> _Ingest:
    settings = Settings(batch_frames=most, batch_wait_ms=WAIT_MS)
    address = BrokerAddress("127.0.0.1", 1, None, None)
    return _Ingest(settings, "", address, "client", "owner", lambda: None)


def arrive(ingest: _Ingest, count: int) -> None:
    ingest._inbox.take_in([Arrival(TOPIC, b"{}")] * count, Broker())


@pytest.mark.parametrize(
    ("ahead_ms", "waits_ms"), [(0, WAIT_MS), (WAIT_MS - 5, 5), (WAIT_MS, 0), (1_000, 0)]
)
async def test_what_was_taken_while_the_batch_before_was_committed_waits_for_what_is_left(
    clock: Clock, ahead_ms: int, waits_ms: int
) -> None:
    ingest = an_ingest()
    arrive(ingest, 2)
    clock.now_s += ahead_ms / 1000
    await ingest._decode_ahead()
    clock.slept_s = 0.0
    arrive(ingest, 1)
    assert await ingest._gather()
    assert clock.slept_s * 1000 == pytest.approx(waits_ms, abs=0.01)
    assert len(ingest._taken) == 3


async def test_a_full_batch_waits_for_nothing(clock: Clock) -> None:
    ingest = an_ingest(most=3)
    arrive(ingest, 4)
    assert await ingest._gather()
    assert clock.slept_s == 0
    assert len(ingest._taken) == 3
