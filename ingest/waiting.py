"""Messages that wait for their transaction, and how many of them one transaction may hold.

Promises: a message is decoded once. Never: drops one.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby
from typing import Final, NamedTuple, Protocol

from ingest.batch import Arrival, Decoded, decode_arrival
from ingest.frames import Frame

MOST_EPOCHS_AT_ONCE: Final = 200_000
"""Readings in one transaction: some 100 MB of columns, a second of work."""


class WayBack(Protocol):
    """A connection on which messages came, as those see it who keep them."""

    def confirm(self, receipts: Sequence[bytes]) -> None:
        """Let the broker forget messages, by the receipts that they came with."""

    def hold(self, *, on: bool) -> None:
        """Read nothing more from the broker until told otherwise."""

    def abandon(self) -> None:
        """Confirm nothing more: the broker hands out again what was not confirmed."""


class Waiting(NamedTuple):
    """A message as it came, and where it is confirmed; `verdict` where it was set aside or decoded.

    It is decoded while the batch before its own is committed, or when its own is put together.
    `came_s` is of the monotonic clock.
    """

    arrival: Arrival
    way_back: WayBack
    came_s: float
    verdict: Decoded | None = None

    def decoded(self) -> Decoded:
        """Return the message after decoding."""
        return self.verdict or decode_arrival(self.arrival)


def confirm_all(waiting: Sequence[Waiting]) -> None:
    """Confirm messages, each on the connection on which it came."""
    for way_back, own in groupby(waiting, key=lambda one: one.way_back):
        way_back.confirm([one.arrival.receipt for one in own])


def epochs_of(decoded: Decoded) -> int:
    """Return how many readings a message holds."""
    return decoded.content.epochs if isinstance(decoded.content, Frame) else 0


def within_limits(waiting: Sequence[Waiting]) -> list[Decoded]:
    """Decode messages up to the readings that one transaction may hold; at least one."""
    messages: list[Decoded] = []
    epochs = 0
    for one in waiting:
        decoded = one.decoded()
        epochs += epochs_of(decoded)
        if messages and epochs > MOST_EPOCHS_AT_ONCE:
            break
        messages.append(decoded)
    return messages
