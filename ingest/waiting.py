"""Messages that wait for their transaction, and how many of them one transaction may hold.

Promises: a message is decoded once. Never: drops one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Protocol

from ingest.batch import Arrival, Decoded, decode_arrival
from ingest.decode import Frame

MOST_EPOCHS_AT_ONCE: Final = 200_000
"""Readings in one transaction: some 100 MB of columns, a second of work."""


class Promise(Protocol):
    """What the sender of a message waits for: a future of the loop."""

    def done(self) -> bool:
        """Return whether it was kept or broken."""

    def set_result(self, result: None, /) -> None:
        """Keep it: the message is committed."""

    def set_exception(self, exception: Exception, /) -> None:
        """Break it: the message is left to the broker."""


@dataclass(frozen=True, slots=True)
class Waiting:
    """A message as it came, and what its sender waits for; `verdict` where it was set aside.

    It is decoded only when its batch is: decoded, a frame takes fifteen times its bytes.
    """

    arrival: Arrival
    committed: Promise
    verdict: Decoded | None = None

    def decoded(self) -> Decoded:
        """Return the message after decoding."""
        return self.verdict or decode_arrival(self.arrival)


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
