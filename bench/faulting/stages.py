"""The processes of Tidewell in a run: killed, frozen, crashed at named places, started again.

Like the supervisor of a small site, but without its patience: a process that died is started again
at once, for a run lasts seconds. A death that nobody ordered is written down with its last words.
"""

from __future__ import annotations

import asyncio
import itertools
import os
import signal
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Final

from tidewell.crashpoints import CrashPoint
from tidewell.embedded.files import last_lines, open_log, text_since
from tidewell.embedded.launch import Launched, launch

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from random import Random

LOOK_S: Final = 0.05
RESTART_S: Final = (0.1, 1.0)
LATE_RESTART_S: Final = (6.0, 8.0)
"""Longer than a lease: meanwhile the shards of a worker of ingest go to another one."""
LATE_SHARE: Final = 0.4
STOP_WITHIN_S: Final = 40.0
"""A graceful stop saves what the detector remembers and hands its shards back."""

INGEST: Final = "ingest"
ALERTS: Final = "alerts"
PLANTED_IN: Final[dict[str, str]] = {
    "ack_before_commit": INGEST,
    "cursor_before_rows": INGEST,
    "missing_fence": INGEST,
    "marked_before_sent": ALERTS,
}
"""Faults that `--plant` can put into the service, and the stage that gets them."""


def command_of(kind: str, number: int, plant: str | None) -> tuple[str, ...]:
    """Return the command that runs a stage, with a planted fault where it is for that stage.

    A worker of ingest keeps its name over its lives, as under the supervisor of `--workers`.
    """
    as_who = ("--owner", f"{kind}-{number}", "--number", str(number)) if kind == INGEST else ()
    if plant is None or PLANTED_IN[plant] != kind:
        return (sys.executable, "-m", "tidewell", kind, *as_who)
    runner = ("-m", "tests.simulation.planted_bugs", plant.replace("_", "-"), "--")
    return (sys.executable, *runner, "tidewell", kind, *as_who)


@dataclass(slots=True)
class Stage:
    """One process that is kept running until `stop`."""

    name: str
    kind: str
    command: Sequence[str]
    environment: Mapping[str, str]
    log_path: Path
    rng: Random
    kills: int = 0
    crashes: int = 0
    starts: int = 0
    died_by_itself: list[str] = field(default_factory=list)
    crash_next: str | None = None
    """Where the next start is to die, as `TIDEWELL_CRASH_AT` has it."""
    crash_at: str | None = None
    freeze_next: str | None = None
    """Where the next start is to freeze, as `TIDEWELL_FREEZE_AT` has it."""
    _ordered: bool = False
    _running: Launched | None = None
    _keeping: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Start it, and start it again whenever it dies."""
        self._keeping = asyncio.create_task(self._keep())

    @property
    def pid(self) -> int | None:
        """Return the number of the process, or None while there is none."""
        return self._running.identity.pid if self._running else None

    def kill(self) -> bool:
        """End it as a power cut does; return whether there was anything to end."""
        if self._running is None or self._running.wait(0) is not None:
            return False
        self._ordered = True
        self._running.send(signal.SIGCONT)
        self._running.send(signal.SIGKILL)
        self.kills += 1
        return True

    def freeze(self) -> bool:
        """Stop it in the middle of whatever it does; `thaw` lets it go on as if nothing was."""
        return self._send(signal.SIGSTOP)

    def thaw(self) -> bool:
        """Let it go on."""
        return self._send(signal.SIGCONT)

    def crash_at_next_start(self, point: CrashPoint, passes: int) -> None:
        """Let the next start die at a named place, the `passes`-th time it comes there."""
        self.crash_next = f"{point.value}:{passes}"

    def freeze_at_next_start(self, point: CrashPoint, passes: int) -> None:
        """Let the next start freeze at a named place, the `passes`-th time it comes there."""
        self.freeze_next = f"{point.value}:{passes}"

    @property
    def is_frozen(self) -> bool:
        """Return whether the process stands still, as it does at a place where it was to freeze."""
        pid = self.pid
        if pid is None:
            return False
        try:
            # The state follows the name, which is in brackets and may hold any other character.
            told = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
        except OSError:
            return False  # it has just ended
        return told.rpartition(")")[2].split()[0] == "T"

    async def stop(self) -> int | None:
        """Ask it to end; return its status, or None where it had to be killed."""
        if self._keeping is not None:
            self._keeping.cancel()
            await asyncio.gather(self._keeping, return_exceptions=True)
        if self._running is None:
            return 0
        self._running.send(signal.SIGCONT)
        self._running.send(signal.SIGTERM)
        status = await asyncio.to_thread(self._running.wait, STOP_WITHIN_S)
        if status is None:
            self._running.send(signal.SIGKILL)
            await asyncio.to_thread(self._running.wait)
        self._running = None
        return status

    def _send(self, signal_number: signal.Signals) -> bool:
        if self._running is None or self._running.wait(0) is not None:
            return False
        self._running.send(signal_number)
        return True

    async def _keep(self) -> None:
        while True:
            log_start = self.log_path.stat().st_size if self.log_path.exists() else 0
            self._running = self._launch()
            status = await self._ended(self._running)
            self._running = None
            self._judge_death(status, log_start)
            await asyncio.sleep(self._pause_s())

    def _pause_s(self) -> float:
        may_be_late = self.kind == INGEST and self.crash_next is None and self.freeze_next is None
        is_late = may_be_late and self.rng.random() < LATE_SHARE
        return self.rng.uniform(*(LATE_RESTART_S if is_late else RESTART_S))

    async def _ended(self, running: Launched) -> int:
        for _ in itertools.count():
            if (status := running.wait(0)) is not None:
                return status
            await asyncio.sleep(LOOK_S)
        raise AssertionError("counting never ends")

    def _launch(self) -> Launched:
        self.starts += 1
        self.crash_at, self.crash_next = self.crash_next, None
        freeze_at, self.freeze_next = self.freeze_next, None
        wanted = {"TIDEWELL_CRASH_AT": self.crash_at, "TIDEWELL_FREEZE_AT": freeze_at}
        places = {setting: place for setting, place in wanted.items() if place is not None}
        output = open_log(self.log_path)
        try:
            return launch(
                self.command,
                at_our_death=signal.SIGKILL,
                output=output,
                environment={**self.environment, **places},
            )
        finally:
            os.close(output)

    def _judge_death(self, status: int, log_start: int) -> None:
        if self._ordered:
            self._ordered = False
        elif status == -signal.SIGKILL and self.crash_at is not None:
            self.crashes += 1
        else:
            said = last_lines(text_since(self.log_path, log_start))
            self.died_by_itself.append(f"{self.name} ended with {status}: {said}")


def stage_environment(**settings: str) -> dict[str, str]:
    """Return an environment with these settings and none of ours."""
    ours = {name: value for name, value in os.environ.items() if not name.startswith("TIDEWELL_")}
    return ours | {f"TIDEWELL_{name.upper()}": value for name, value in settings.items()}
