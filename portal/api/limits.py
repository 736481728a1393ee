"""How many requests a program gets answered: a bucket for each token that fills with time. Pure.

A program that asks without end waits; others do not wait for it. Buckets are kept in memory, for
each process that serves pages by itself, and no more of them than there can be tokens in use.
"""

from __future__ import annotations

from collections import OrderedDict
from datetime import datetime
from typing import Final

BUCKETS_MAX: Final = 10_000
"""A few hundred bytes each; the one that was used longest ago goes, and starts full again."""

BURST_SHARE: Final = 0.2
"""Twelve seconds' worth at once: a program that starts reads several lists."""


class RateLimit:
    """Buckets that hold some requests and fill evenly."""

    def __init__(self, per_minute: int) -> None:
        self._per_s = per_minute / 60
        self._burst = max(1.0, per_minute * BURST_SHARE)
        self._buckets: OrderedDict[bytes, tuple[float, datetime]] = OrderedDict()

    def wait_s(self, who: bytes, now: datetime) -> float:
        """Take a request out of somebody's bucket; return 0, or for how long it is empty."""
        left, since = self._buckets.pop(who, (self._burst, now))
        passed_s = max(0.0, (now - since).total_seconds())
        left = min(self._burst, left + passed_s * self._per_s)
        is_let_through = left >= 1
        self._buckets[who] = (left - is_let_through, now)
        if len(self._buckets) > BUCKETS_MAX:
            self._buckets.popitem(last=False)
        return 0.0 if is_let_through else (1 - left) / self._per_s
