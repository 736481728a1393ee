"""Who is who among processes: a number and a start time.

A number alone is used again by the system, and a dead process that nobody reaped still has one. It
promises never to take a stranger, or a dead process, for the one that was meant.
"""

from __future__ import annotations

import os
import subprocess
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

_PROC: Final = Path("/proc")


@dataclass(frozen=True, slots=True)
class ProcessIdentity:
    """One very process. `start_time` is opaque: compare it, do not read it."""

    pid: int
    start_time: str


@dataclass(frozen=True, slots=True)
class ProcessFacts:
    """What the system says about a process; `is_dead` is one that only waits to be reaped."""

    identity: ProcessIdentity
    name: str
    started_at_s: float
    is_dead: bool


def facts_of(pid: int) -> ProcessFacts | None:
    """Return what the system knows of process `pid`, or None when there is none."""
    return _facts_from_proc(pid) if (_PROC / "self" / "stat").exists() else _facts_from_ps(pid)


def is_running(identity: ProcessIdentity) -> bool:
    """Return whether this very process still runs, not merely one with its number."""
    facts = facts_of(identity.pid)
    return facts is not None and not facts.is_dead and facts.identity == identity


def _facts_from_proc(pid: int) -> ProcessFacts | None:
    try:
        text = (_PROC / str(pid) / "stat").read_text(encoding="utf-8", errors="replace")
    except (FileNotFoundError, ProcessLookupError):
        return None
    # The name stands in brackets and may itself hold brackets and blanks.
    name, _, rest = text.partition("(")[2].rpartition(")")
    fields = rest.split()
    ticks = int(fields[19])
    boot_id, booted_at_s = _boot()
    return ProcessFacts(
        ProcessIdentity(pid, f"{boot_id}:{ticks}"),
        name,
        booted_at_s + ticks / os.sysconf("SC_CLK_TCK"),
        fields[0] in {"Z", "X"},
    )


def _boot() -> tuple[str, float]:
    """Return the name of this boot and when it was: start times count from it."""
    boot_id = (_PROC / "sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    lines = (_PROC / "stat").read_text(encoding="ascii").splitlines()
    return boot_id, float(next(line for line in lines if line.startswith("btime")).split()[1])


def _facts_from_ps(pid: int) -> ProcessFacts | None:
    result = subprocess.run(
        ["/bin/ps", "-p", str(pid), "-o", "stat=", "-o", "lstart=", "-o", "comm="],
        env={"LC_ALL": "C", "TZ": "UTC"},
        capture_output=True,
        text=True,
        check=False,
    )
    words = result.stdout.split(maxsplit=6)
    if len(words) < 7:
        return None
    started = " ".join(words[1:6])
    started_at = datetime.strptime(started, "%a %b %d %H:%M:%S %Y").replace(tzinfo=UTC)
    return ProcessFacts(
        ProcessIdentity(pid, started),
        Path(words[6].strip()).name,
        started_at.timestamp(),
        words[0].startswith("Z"),
    )
