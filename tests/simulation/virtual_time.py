"""Time that jumps: an event loop without a clock, and the clocks of Tidewell made to read it.

Promises: nothing waits, the same program takes the same steps each time, and a program in which
nothing can happen any more ends with an error instead of hanging. Wall clocks may be set wrong for
each process; the monotonic one never is.
"""

from __future__ import annotations

import asyncio
import contextvars
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, tzinfo
from typing import Any, Final, TypeVar
from unittest import mock

from tidewell import clock

START_MS: Final = 1_793_000_000_000
"""2026-10-26: where every run begins."""
STEPS_MOST: Final = 2_000_000
"""Turns of the loop; a run takes some ten thousand, so more of them means that it spins."""

Result = TypeVar("Result")


class StuckError(AssertionError):
    """Nothing can happen any more, or too much happens without time passing."""


class VirtualLoop(asyncio.BaseEventLoop):
    """An event loop whose time is that of its next timer."""

    def __init__(self) -> None:
        super().__init__()
        self._selector = self
        self._now_s = 0.0
        self._steps = 0

    def time(self) -> float:
        """Return the seconds since the run began."""
        return self._now_s

    def select(self, timeout: float | None) -> list[Any]:
        """Jump to the next timer when nothing else is to be done; the loop calls this each turn."""
        self._steps += 1
        if timeout is None:
            raise StuckError("nothing can happen any more: every task waits for another")
        if self._steps > STEPS_MOST:
            raise StuckError("the loop turns without an end")
        if timeout > 0:
            self._now_s = max(self._now_s, self._scheduled[0].when())  # type: ignore[attr-defined] # asyncio's own heap of timers
        return []

    def _process_events(self, event_list: list[Any]) -> None:
        """Nothing comes from outside."""

    def _write_to_self(self) -> None:
        """Nobody else has to wake this loop."""


class _Moment(datetime):
    """`datetime` as `tidewell.clock` sees it."""

    @classmethod
    def now(cls, tz: tzinfo | None = None) -> datetime:  # type: ignore[override] # a plain datetime
        return datetime.fromtimestamp(wall_ms() / 1000, tz or UTC)


class _Time:
    """The module `time` as `tidewell.clock` sees it."""

    @staticmethod
    def time_ns() -> int:
        return wall_ms() * 1_000_000

    @staticmethod
    def monotonic() -> float:
        return 1_000.0 + asyncio.get_running_loop().time()


_OFFSET_MS: Final[contextvars.ContextVar[Callable[[], int]]] = contextvars.ContextVar("offset_ms")


def set_wall_clock(offset_ms: Callable[[], int]) -> None:
    """Give the tasks of this context, and those that they start, a clock that is wrong by this."""
    _OFFSET_MS.set(offset_ms)


def true_ms() -> int:
    """Return the true time."""
    return START_MS + round(asyncio.get_running_loop().time() * 1000)


def wall_ms() -> int:
    """Return the time that this context believes in."""
    offset_ms = _OFFSET_MS.get(None)
    return true_ms() + (offset_ms() if offset_ms else 0)


@contextmanager
def virtual_clocks() -> Iterator[None]:
    """Have `tidewell.clock` read virtual time: every part reads time through it alone."""
    with mock.patch.object(clock, "time", _Time), mock.patch.object(clock, "datetime", _Moment):
        yield


def run_virtually(main: Coroutine[Any, Any, Result]) -> Result:
    """Run a coroutine in virtual time to its end."""
    loop = VirtualLoop()
    try:
        with virtual_clocks():
            return loop.run_until_complete(main)
    finally:
        loop.close()
