"""Which acknowledgements are due: at most one a second for each device, and none is forgotten.

An ack says what is committed, so a newer one replaces an older one that has not gone out. The
service publishes them after the commit, never before.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass, field
from itertools import islice
from typing import Final

from ingest.cursors import Cursor
from ingest.decode import Address

LEAST_INTERVAL_S: Final = 1.0
"""A device frees its buffer in steps of a second; more often would only wake its radio."""


MOST_WHILE_BEHIND: Final = 500
"""Acks between two batches while frames queue: telling costs a fifth of storing, and a device that
is told a few seconds later loses nothing by it."""
MOST_BOOTS: Final = 8
"""Boots of one device whose acks wait. It restarts now and then, not eight times in a second."""


@dataclass(frozen=True, slots=True)
class Ack:
    """One message to one device."""

    address: Address
    boot: int
    cursor: Cursor

    @property
    def topic(self) -> str:
        """Return where it is published."""
        return f"tidewell/v1/{self.address.shard}/{self.address.device}/ack"

    def body(self, now_ms: int) -> dict[str, object]:
        """Return what it says."""
        return {
            "boot": self.boot,
            "upto": self.cursor.upto,
            "missing": self.cursor.missing(),
            "time": now_ms,
        }


@dataclass(slots=True)
class AckBook:
    """Acks that wait, by device and boot; `now_s` is a monotonic clock."""

    _waiting: dict[Address, dict[int, Cursor]] = field(default_factory=dict)
    _sent_at_s: OrderedDict[Address, float] = field(default_factory=OrderedDict)
    """In the order of time: nobody is told again before they are taken out."""

    def note(self, address: Address, boot: int, cursor: Cursor) -> None:
        """Remember that a device has to be told how far its boot is committed.

        Of too many boots the oldest is left out: its frames are committed all the same, and the
        device is told when it sends one of them again.
        """
        boots = self._waiting.get(address)
        if boots is None:
            self._waiting[address] = {boot: cursor}
            return
        boots[boot] = cursor
        if len(boots) > MOST_BOOTS:
            del boots[min(boots)]

    def due(self, now_s: float, *, behind: bool = False) -> list[Ack]:
        """Take out what may be sent now: one ack for each device, the oldest boot first.

        Args:
            behind: frames queue; only those who have waited longest are told now.
        """
        while self._sent_at_s:
            longest_ago = next(iter(self._sent_at_s))
            if now_s - self._sent_at_s[longest_ago] < LEAST_INTERVAL_S:
                break
            del self._sent_at_s[longest_ago]
        acks = []
        free = (one for one in self._waiting if one not in self._sent_at_s)
        for address in list(islice(free, MOST_WHILE_BEHIND if behind else None)):
            boots = self._waiting[address]
            boot = min(boots)
            acks.append(Ack(address, boot, boots.pop(boot)))
            self._sent_at_s[address] = now_s
            if not boots:
                del self._waiting[address]
        return acks
