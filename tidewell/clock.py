"""The only module that reads a clock.

Everything else takes `now` as an argument, so that a test can move time and a replay repeats what
happened. Stored time is UTC; elapsed time is monotonic. Never add a third kind.
"""

from __future__ import annotations

import time
from datetime import UTC, datetime


def now_utc() -> datetime:
    """Return the present moment, aware, in UTC."""
    return datetime.now(UTC)


def now_ms() -> int:
    """Return the present moment as whole milliseconds since 1970-01-01 UTC."""
    return time.time_ns() // 1_000_000


def monotonic_s() -> float:
    """Return seconds on a clock that never goes back; only differences mean anything."""
    return time.monotonic()
