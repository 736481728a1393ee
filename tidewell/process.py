"""The processes of a small site: stages that are kept running, and a graceful stop.

A stage that dies is started again, with growing pauses and not for ever; a stage that is asked to
stop has time to finish, and not for ever either. Whatever happens, no child is left behind: see
`tidewell.embedded.launch`.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Final

from tidewell.clock import monotonic_s
from tidewell.embedded.launch import Launched, launch
from tidewell.errors import ServerError
from tidewell.logs import get_logger

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

LOOK_EVERY_S: Final = 0.1
"""How soon the death of a child is noticed; ten looks a second cost nothing to speak of."""

SAME_PRESS_WITHIN_S: Final = 0.5
"""A terminal and a wrapper script may both pass on one Ctrl-C; that is one wish, not two."""

LIVED_WELL_AFTER_S: Final = 60.0
"""A child that ran for a minute got past its start; its next death begins a new count."""

FIRST_PAUSE_S: Final = 0.5
"""Long enough for a port or a lease to come free, too short for anybody to notice."""

LONGEST_PAUSE_S: Final = 30.0
"""Readings wait in the devices meanwhile, so the pause may be long, but a fix shows in a minute."""

DEATHS_IN_A_ROW: Final = 10
"""About three minutes of trying; what has not healed by then needs a person, not another try."""

TERMINATE_WITHIN_S: Final = 20.0
"""A stage finishes its transaction and hands back its lease in less; after that it is stuck."""

USAGE_STATUS: Final = 2
"""The command line's exit status for what only a person can put right; a restart cannot help."""


class ChildEnd(StrEnum):
    """What follows when a child has ended."""

    STOPPED = "stopped"
    KILLED = "killed"
    RESTARTED = "restarted"
    REFUSED = "refused"
    DIES_TOO_OFTEN = "dies_too_often"


def in_words(status: int) -> str:
    """Say an exit status as people do.

    Example:
        >>> in_words(-9), in_words(3)
        ('killed by SIGKILL', 'exit status 3')
    """
    return f"killed by {signal.Signals(-status).name}" if status < 0 else f"exit status {status}"


@dataclass(frozen=True, slots=True)
class AfterDeath:
    """What to do after a child died: the reason, the pause before a restart, the count so far."""

    end: ChildEnd
    pause_s: float
    deaths: int


def after_death(status: int, lived_s: float, deaths_before: int) -> AfterDeath:
    """Decide what follows the death of a child that lived `lived_s`.

    Example:
        >>> after_death(-9, 3.0, 2)
        AfterDeath(end=<ChildEnd.RESTARTED: 'restarted'>, pause_s=2.0, deaths=3)
    """
    deaths = 1 if lived_s >= LIVED_WELL_AFTER_S else deaths_before + 1
    if status == USAGE_STATUS:
        return AfterDeath(ChildEnd.REFUSED, 0.0, deaths)
    if deaths > DEATHS_IN_A_ROW:
        return AfterDeath(ChildEnd.DIES_TOO_OFTEN, 0.0, deaths)
    pause_s = min(FIRST_PAUSE_S * 2.0 ** (deaths - 1), LONGEST_PAUSE_S)
    return AfterDeath(ChildEnd.RESTARTED, pause_s, deaths)


def stage_command(*arguments: str) -> tuple[str, ...]:
    """Return the command that runs a stage of Tidewell with this very Python."""
    return (sys.executable, "-m", "tidewell", *arguments)


class ChildProcess:
    """A stage that is kept running: started, started again with growing pauses, stopped gently."""

    def __init__(
        self, name: str, command: Sequence[str], environment: Mapping[str, str] | None = None
    ) -> None:
        self.name = name
        self.starts = 0
        self._command = tuple(command)
        self._environment = environment
        self._launched: Launched | None = None

    @property
    def pid(self) -> int | None:
        """Return the number of the process, or None while there is none."""
        return self._launched.identity.pid if self._launched else None

    async def run(self, stop: asyncio.Event) -> ChildEnd:
        """Keep the stage running until `stop` is set; return how it ended.

        Raises:
            ServerError: it refused its settings, or it dies too often; the message says which.
        """
        deaths = 0
        while not stop.is_set():
            started_s = monotonic_s()
            status = await self._run_once(stop)
            if status is None:
                return await self._end()
            next_step = after_death(status, monotonic_s() - started_s, deaths)
            deaths = next_step.deaths
            self._say_died(status, next_step)
            await _set_within(stop, next_step.pause_s)
        return ChildEnd.STOPPED

    async def _run_once(self, stop: asyncio.Event) -> int | None:
        """Start it; return its status when it dies, or None when it is to stop."""
        try:
            self._launched = await asyncio.to_thread(self._start)
            while (status := self._launched.wait(0)) is None:
                if await _set_within(stop, LOOK_EVERY_S):
                    return None
        except asyncio.CancelledError:
            await self._end()
            raise
        self._launched = None
        return status

    def _start(self) -> Launched:
        self.starts += 1
        return launch(self._command, at_our_death=signal.SIGTERM, environment=self._environment)

    def _say_died(self, status: int, next_step: AfterDeath) -> None:
        how = in_words(status)
        get_logger().warning("child_died", child=self.name, how=how, then=next_step.end.value)
        if next_step.end is ChildEnd.REFUSED:
            raise ServerError(f"{self.name} refused to start ({how}); its last message says why")
        if next_step.end is ChildEnd.DIES_TOO_OFTEN:
            raise ServerError(
                f"{self.name} died {next_step.deaths} times in a row, last by {how}; "
                "its messages say why"
            )

    async def _end(self) -> ChildEnd:
        """Ask it to end, and kill it when it does not within the limit."""
        launched, self._launched = self._launched, None
        if launched is None:
            return ChildEnd.STOPPED
        launched.send(signal.SIGTERM)
        if await asyncio.to_thread(launched.wait, TERMINATE_WITHIN_S) is not None:
            return ChildEnd.STOPPED
        get_logger().warning("child_killed", child=self.name, after_s=TERMINATE_WITHIN_S)
        launched.send(signal.SIGKILL)
        await asyncio.to_thread(launched.wait)
        return ChildEnd.KILLED


async def _set_within(event: asyncio.Event, timeout_s: float) -> bool:
    with contextlib.suppress(TimeoutError):
        await asyncio.wait_for(event.wait(), timeout_s)
    return event.is_set()


async def stop_requested() -> asyncio.Event:
    """Return an event that SIGINT or SIGTERM sets; a second signal ends the process at once.

    At once is safe: children get their signal from the kernel, and what was committed stays.
    """
    stop = asyncio.Event()
    first_at_s = 0.0

    def on_signal(received: signal.Signals) -> None:
        nonlocal first_at_s
        if not stop.is_set():
            first_at_s = monotonic_s()
            get_logger().info("stopping", signal=received.name)
            stop.set()
        elif monotonic_s() - first_at_s > SAME_PRESS_WITHIN_S:
            os._exit(128 + received)

    for expected in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(expected, on_signal, expected)
    return stop
