"""Children that never outlive us, in a session of their own, as the account they should have.

Rules of this file:

1. A child gets a signal when we die, even by SIGKILL: from the kernel on Linux, elsewhere from a
   watchdog that holds a pipe of ours.
2. The kernel ties that signal to the thread that started the child, so one thread that lives as
   long as the process starts all of them. Nothing may start a child on another thread.
3. What an account can reach is tried as that account, never guessed from mode bits.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Final

from tidewell.embedded.identity import facts_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_LAUNCHER: Final = Path(__file__).with_name("launcher.py")


@dataclass(frozen=True, slots=True)
class Account:
    """An account of this machine that a server runs as."""

    name: str
    uid: int
    gid: int


class DeathGuard(StrEnum):
    """What ends a child when we die."""

    KERNEL = "kernel"
    WATCHDOG = "watchdog"


class Launched:
    """A child that runs; made by `launch`."""

    def __init__(
        self, process: subprocess.Popen[bytes], watchdog: subprocess.Popen[bytes] | None
    ) -> None:
        facts = facts_of(process.pid)
        assert facts is not None, "a child that was not reaped has a number"
        self.identity: Final = facts.identity
        self._process = process
        self._watchdog = watchdog

    def wait(self, timeout_s: float | None = None) -> int | None:
        """Return the exit status (negative: the signal), or None when it still runs after that."""
        try:
            status = self._process.wait(timeout_s)
        except subprocess.TimeoutExpired:
            return None
        self._dismiss_watchdog()
        return status

    def send(self, signal_number: signal.Signals) -> None:
        """Send a signal, unless it has ended: a number that was reaped may belong to a stranger."""
        self._process.send_signal(signal_number)

    def _dismiss_watchdog(self) -> None:
        if self._watchdog is not None:
            self._watchdog.kill()
            self._watchdog.communicate()
            self._watchdog = None


def launch(
    command: Sequence[str],
    *,
    at_our_death: signal.Signals,
    output: int | None = None,
    account: Account | None = None,
    environment: Mapping[str, str] | None = None,
    private: bool = False,
    guard: DeathGuard | None = None,
) -> Launched:
    """Start `command` as a child in a session of its own, so that Ctrl-C reaches only us.

    `output` takes both its outputs (None: ours); `private` keeps what it creates to its account.
    """
    guard = guard or (DeathGuard.KERNEL if sys.platform == "linux" else DeathGuard.WATCHDOG)
    # On Linux the launcher always arms the kernel; signal 0 disarms it for the watchdog's sake.
    armed = int(at_our_death) if guard is DeathGuard.KERNEL else 0
    order = _order(account) | {
        "parent": os.getpid(),
        "signal": armed,
        "private": private,
        "command": list(command),
    }
    process = _spawner(os.getpid()).submit(_spawn, order, output, environment).result()
    watchdog = _watch(process, at_our_death) if guard is DeathGuard.WATCHDOG else None
    return Launched(process, watchdog)


def launch_and_wait(
    command: Sequence[str],
    *,
    output: int,
    limit_s: float,
    account: Account | None = None,
    environment: Mapping[str, str] | None = None,
) -> int | None:
    """Run a program to its end and return its status, or kill it after `limit_s`: None."""
    launched = launch(
        command,
        at_our_death=signal.SIGTERM,
        output=output,
        account=account,
        environment=environment,
        private=True,
    )
    status = launched.wait(limit_s)
    if status is None:
        launched.send(signal.SIGKILL)
        launched.wait()
    return status


def cannot_use(account: Account | None, wanted: Sequence[tuple[str, Path]]) -> str | None:
    """Really try, as that account, to `read` or `enter` paths; return the first refused."""
    order = _order(account) | {"can": [(mode, str(path)) for mode, path in wanted]}
    result = subprocess.run(
        _launcher_command(order),
        capture_output=True,
        text=True,
        check=False,
        stdin=subprocess.DEVNULL,
    )
    if result.returncode == 0:
        return None
    return result.stdout or result.stderr.strip()


def _order(account: Account | None) -> dict[str, object]:
    return {"uid": account and account.uid, "gid": account and account.gid}


def _launcher_command(order: Mapping[str, object]) -> list[str]:
    # Isolated and without site packages: nothing of the environment runs with our rights.
    return [sys.executable, "-I", "-S", str(_LAUNCHER), json.dumps(order)]


def _spawn(
    order: Mapping[str, object], output: int | None, environment: Mapping[str, str] | None
) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        _launcher_command(order),
        stdin=subprocess.DEVNULL,
        stdout=output,
        stderr=None if output is None else subprocess.STDOUT,
        env=None if environment is None else dict(environment),
        start_new_session=True,
    )


def _watch(
    process: subprocess.Popen[bytes], at_our_death: signal.Signals
) -> subprocess.Popen[bytes]:
    facts = facts_of(process.pid)
    assert facts is not None, "a child that was not reaped has a number"
    identity = facts.identity
    module = "tidewell.embedded.watchdog"
    command = [sys.executable, "-m", module, str(identity.pid), identity.start_time]
    return subprocess.Popen(
        [*command, str(int(at_our_death))], stdin=subprocess.PIPE, start_new_session=True
    )


@cache
def _spawner(_our_pid: int) -> ThreadPoolExecutor:
    """Return the one thread that starts children; a fork of us gets its own."""
    return ThreadPoolExecutor(max_workers=1, thread_name_prefix="tidewell-spawner")
