"""What the embedded servers have in common: one start, one stop, one notion of being alive.

It promises: a start either ends with a server that has answered with its real password, or leaves
no process and no lock behind and says what the server itself said. There is no short limit on a
start: after a crash a server may recover for minutes, and it is waited for as long as it lives and
goes on writing in its log. It must never take a stranger's process for its own.
"""

from __future__ import annotations

import os
import signal
import threading
from abc import ABC, abstractmethod
from enum import StrEnum
from typing import TYPE_CHECKING, ClassVar, Final

from tidewell.clock import monotonic_s
from tidewell.embedded.files import (
    free_port,
    keep_short,
    last_lines,
    open_log,
    remember,
    remembered,
    text_since,
)
from tidewell.embedded.identity import ProcessIdentity, facts_of, is_running
from tidewell.embedded.lock import DataFolderLock
from tidewell.errors import ServerError, ServerUnavailableError
from tidewell.logs import get_logger

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tidewell.embedded.launch import Launched

LOOK_EVERY_S: Final = 0.05
"""A start takes about a second; a twentieth of one is not felt and costs one connection attempt."""

LOOK_LATER_EVERY_S: Final = 1.0
"""A start that takes longer is a recovery; each attempt then costs it a line in the log."""

QUICK_START_S: Final = 5.0
"""So long the first pace holds."""

SAY_EVERY_S: Final = 10.0
"""Whoever waits is told every ten seconds for what, so that nobody kills a server in recovery."""

STALLED_AFTER_S: Final = 15 * 60.0
"""A server in recovery writes a line every ten seconds; a quarter of an hour without is stuck."""

STARTS: Final = 40
"""For another port, or old processes that need a moment: twenty seconds in all."""

START_PAUSE_S: Final = 0.5
"""Between two such attempts."""

STOP_WITHIN_S: Final = 120.0
"""A clean stop writes what is in memory to a slow disk; killed before, it would have to recover."""

KILL_WITHIN_S: Final = 30.0
"""After the second, ruder signal; what is still there is killed."""


class StartProblem(StrEnum):
    """Why an embedded server did not start at this attempt."""

    PORT_TAKEN = "port_taken"
    OLD_PROCESSES_REMAIN = "old_processes_remain"
    DIED = "died"
    STALLED = "stalled"

    @property
    def worth_a_retry(self) -> bool:
        """Return whether another attempt may go well by itself."""
        return self in {StartProblem.PORT_TAKEN, StartProblem.OLD_PROCESSES_REMAIN}


class EmbeddedServer(ABC):
    """A server of a small site, in a folder of its own; the subclasses say which."""

    label: ClassVar[str]
    program: ClassVar[str]
    stop_signal: ClassVar[signal.Signals]
    rude_signal: ClassVar[signal.Signals]
    port_names: ClassVar[tuple[str, ...]]
    echoes: ClassVar[tuple[str, ...]]
    """What marks the lines of the log that only answer our own knocking, and are no progress."""

    def __init__(self, folder: Path) -> None:
        self.folder: Final = folder.absolute()
        self.log_path: Final = self.folder / f"{self.program}.log"
        self._lock = DataFolderLock(self.folder)
        self._launched: Launched | None = None
        self._ports: dict[str, int] = {}

    @property
    def pid(self) -> int:
        """Return the number of the server's process; valid after `start`."""
        return self._started().identity.pid

    def is_alive(self) -> bool:
        """Return whether the very process that we started still runs."""
        return self._launched is not None and self._launched.wait(0) is None

    def is_stuck(self) -> bool:
        """Return whether it runs and does no work, and only a restart would help."""
        return False

    def start(self) -> None:
        """Start the server and wait until it answers; does nothing when it runs.

        Raises:
            DataFolderInUseError: another process works in this folder.
            ServerUnavailableError: it did not start; the message has the end of its log.
            ServerError: what is in the folder cannot be used as it is.
        """
        if self.is_alive():
            return
        if not self._lock.is_held:
            self._lock.acquire()
        try:
            self._prepare()
            self._stop_orphan()
            self._start_until_ready()
            self._after_start()
        except BaseException:
            self.stop()
            raise
        get_logger().info("server_started", server=self.label, pid=self.pid, **self._ports)

    def stop(self) -> None:
        """Stop the server cleanly and wait for it; does nothing when it does not run."""
        if self._launched is not None:
            launched = self._launched
            self._end(launched.send, lambda limit_s: launched.wait(limit_s) is not None)
            self._launched = None
        self._lock.release()

    def keep_log_short(self) -> None:
        """Move a log aside that grew too long; to be called now and then while the server runs."""
        keep_short(self.log_path)

    @abstractmethod
    def _prepare(self) -> None:
        """Bring the folder to where the server can start in it."""

    @abstractmethod
    def _launch(self, output: int) -> Launched:
        """Start the process with the present ports; its outputs go to the file `output`."""

    @abstractmethod
    def _answers(self) -> bool:
        """Return whether the server let us in with the real password and did some work."""

    @abstractmethod
    def _problem(self, log: str) -> StartProblem:
        """Return what a server that died wrote about its reason."""

    @abstractmethod
    def _after_start(self) -> None:
        """Do what needs the running server."""

    def _recorded_orphan(self) -> ProcessIdentity | None:
        """Return the server that an earlier run started here, if it still runs."""
        facts = remembered(self._state_path).get("process", {})
        try:
            identity = ProcessIdentity(int(facts["pid"]), str(facts["start_time"]))
        except (KeyError, TypeError, ValueError):
            return None
        found = facts_of(identity.pid)
        return identity if found and found.name == self.program and is_running(identity) else None

    def _stop_orphan(self) -> None:
        """Stop a server that outlived an earlier run: two on one folder would destroy it."""
        orphan = self._recorded_orphan()
        if orphan is None:
            return
        get_logger().warning("orphan_found", server=self.label, pid=orphan.pid)
        self._end(
            lambda signal_number: (
                os.kill(orphan.pid, signal_number) if is_running(orphan) else None
            ),
            lambda limit_s: _gone_within(orphan, limit_s),
        )
        get_logger().warning("orphan_stopped", server=self.label, pid=orphan.pid)

    def _end(
        self, send: Callable[[signal.Signals], None], gone_within: Callable[[float], bool]
    ) -> None:
        """Ask to stop, then insist, then kill; each only when the one before did not help."""
        send(self.stop_signal)
        if gone_within(STOP_WITHIN_S):
            return
        get_logger().warning("server_stops_slowly", server=self.label, after_s=STOP_WITHIN_S)
        send(self.rude_signal)
        if gone_within(KILL_WITHIN_S):
            return
        send(signal.SIGKILL)
        if not gone_within(KILL_WITHIN_S):
            raise ServerError(
                f"{self.label} cannot be killed; its disk may hang: look at {self.folder}"
            )

    def _start_until_ready(self) -> None:
        """Try until it answers, with other ports and pauses where these can help."""
        log_start, problem = self._attempt()
        for _ in range(STARTS):
            if problem is None or not problem.worth_a_retry:
                break
            get_logger().info("server_start_again", server=self.label, reason=problem.value)
            _pause(START_PAUSE_S)
            log_start, problem = self._attempt()
        if problem is None:
            return
        said = last_lines(text_since(self.log_path, log_start))
        raise ServerUnavailableError(
            f"{self.label} did not start ({problem.value}): {said or 'it said nothing'}; "
            f"its whole log is {self.log_path}"
        )

    def _attempt(self) -> tuple[int, StartProblem | None]:
        """Start it once; return where its log begins, and what went wrong."""
        self._choose_ports()
        output = open_log(self.log_path)
        log_start = self.log_path.stat().st_size
        try:
            self._launched = launched = self._launch(output)
        finally:
            os.close(output)
        self._remember(launched.identity)
        problem = self._wait_until_ready(launched, log_start)
        if problem is not None and launched.wait(0) is not None:
            self._launched = None
        return log_start, problem

    def _wait_until_ready(self, launched: Launched, log_start: int) -> StartProblem | None:
        began_s = said_s = moved_s = now_s = monotonic_s()
        says = ""
        while launched.wait(_pace(now_s - began_s)) is None:
            if self._answers():
                return None
            now_s = monotonic_s()
            if (line := self._last_progress(log_start)) != says:
                says, moved_s = line, now_s
            if now_s - moved_s > STALLED_AFTER_S:
                return StartProblem.STALLED
            if now_s - said_s > SAY_EVERY_S:
                said_s = now_s
                waited_s = round(now_s - began_s)
                get_logger().info(
                    "server_starting", server=self.label, waited_s=waited_s, says=says
                )
        return self._problem(text_since(self.log_path, log_start))

    def _last_progress(self, log_start: int) -> str:
        """Return the last line, with its time, in which the server speaks of its own work."""
        lines = text_since(self.log_path, log_start).splitlines()
        own = (line for line in reversed(lines) if not any(echo in line for echo in self.echoes))
        return next(own, "").strip()

    @property
    def _state_path(self) -> Path:
        return self.folder / "state.json"

    def _choose_ports(self) -> None:
        """Take the ports of the last start where they are free, so that addresses stay the same."""
        known = remembered(self._state_path).get("ports", {})
        wanted = {name: known.get(name) for name in self.port_names}
        ports: dict[str, int] = {}
        for name, port in wanted.items():
            chosen = free_port(port if isinstance(port, int) else None)
            while chosen in ports.values():
                chosen = free_port(None)
            ports[name] = chosen
        self._ports = ports

    def _remember(self, identity: ProcessIdentity) -> None:
        process = {"pid": identity.pid, "start_time": identity.start_time}
        remember(self._state_path, {"ports": self._ports, "process": process})

    def _started(self) -> Launched:
        if self._launched is None:
            raise ServerError(f"{self.label} in {self.folder} does not run; start it first")
        return self._launched


def _pace(waited_s: float) -> float:
    return LOOK_EVERY_S if waited_s < QUICK_START_S else LOOK_LATER_EVERY_S


def _pause(length_s: float) -> None:
    threading.Event().wait(length_s)


def _gone_within(identity: ProcessIdentity, limit_s: float) -> bool:
    """Wait for a process that is not our child, and so cannot be waited for directly."""
    end_s = monotonic_s() + limit_s
    while is_running(identity):
        if monotonic_s() > end_s:
            return False
        _pause(LOOK_EVERY_S)
    return True
