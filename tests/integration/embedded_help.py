"""What the tests of the embedded servers share: a folder that servers can enter, and waiting."""

from __future__ import annotations

import contextlib
import subprocess
import sys
import tempfile
import threading
from pathlib import Path
from typing import TYPE_CHECKING

from tidewell.clock import monotonic_s
from tidewell.embedded.identity import facts_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

ROOT = Path(__file__).resolve().parents[2]


@contextlib.contextmanager
def passable_folder() -> Iterator[Path]:
    """Make a folder that a server's account may pass through, as a site's data folder is."""
    with tempfile.TemporaryDirectory(prefix="tw-") as name:
        folder = Path(name)
        folder.chmod(0o711)
        yield folder


def wait_until(holds: Callable[[], bool], what: str, limit_s: float = 30.0) -> None:
    """Wait until something holds, or fail and say what did not."""
    end_s = monotonic_s() + limit_s
    while not holds():
        assert monotonic_s() < end_s, f"after {limit_s} s not yet: {what}"
        threading.Event().wait(0.02)


def is_gone(pid: int) -> bool:
    """Return whether no living process has this number."""
    facts = facts_of(pid)
    return facts is None or facts.is_dead


@contextlib.contextmanager
def parent(script: str) -> Iterator[subprocess.Popen[str]]:
    """Start another Python that will be the parent of what the script starts."""
    command = [sys.executable, "-c", script]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        try:
            yield process
        finally:
            process.kill()


def number_from(process: subprocess.Popen[str]) -> int:
    """Return the number in the line `pid NUMBER` that the script prints among others."""
    assert process.stdout is not None
    return next(int(line.split()[1]) for line in process.stdout if line.startswith("pid "))
