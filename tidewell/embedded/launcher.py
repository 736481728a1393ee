"""The small program that turns into a server or a stage: drop rights, arm the kernel, execute.

Run by `tidewell.embedded.launch` as a script with one argument, an order in JSON. It promises that
the program which follows runs as the account it was given and gets a signal when its parent dies,
in this order, because dropping rights disarms the kernel. It uses only the standard library, reads
no site packages, and must never need a file of ours after it has dropped rights.
"""

from __future__ import annotations

import ctypes
import json
import os
import signal
import sys
from typing import Any, Final

PR_SET_PDEATHSIG: Final = 1
"""From linux/prctl.h: the signal that this process gets when its parent dies."""

CANNOT_START_STATUS: Final = 127
"""What a shell says, too, when a program cannot be executed."""

MODES: Final = {"read": os.R_OK, "enter": os.X_OK}


def drop_rights(uid: int, gid: int) -> None:
    """Become the account `uid`, for good, with no group but its own."""
    os.setgroups([])
    os.setgid(gid)
    os.setuid(uid)


def die_with_parent(parent_pid: int, signal_number: int) -> None:
    """Ask the kernel for a signal at the parent's death; leave at once if it died already."""
    if sys.platform == "linux":
        library = ctypes.CDLL(None, use_errno=True)
        if library.prctl(PR_SET_PDEATHSIG, signal_number, 0, 0, 0) != 0:
            raise OSError(ctypes.get_errno(), "the kernel took no parent death signal")
    if os.getppid() != parent_pid:
        raise SystemExit(0)


def first_refusal(wanted: list[list[str]]) -> str | None:
    """Return the first path that this account cannot use as wanted, or None."""
    return next((path for mode, path in wanted if not os.access(path, MODES[mode])), None)


def execute(command: list[str]) -> None:
    """Replace this process, with the signals that Python ignores set back for what follows."""
    for ignored in (signal.SIGPIPE, signal.SIGXFSZ):
        signal.signal(ignored, signal.SIG_DFL)
    os.execv(command[0], command)  # noqa: S606 -- a list of arguments, no shell


def main(order: dict[str, Any]) -> int:
    """Carry out an order: `can` asks what the account may use, `command` becomes the program."""
    try:
        if order["uid"] is not None:
            drop_rights(order["uid"], order["gid"])
        if "can" in order:
            refused = first_refusal(order["can"])
            sys.stdout.write(refused or "")
            return 0 if refused is None else 1
        if order["private"]:
            os.umask(0o077)
        die_with_parent(order["parent"], order["signal"])
        execute(order["command"])
    except OSError as error:
        sys.stderr.write(f"cannot start {order.get('command', ['a probe'])[0]}: {error}\n")
    return CANNOT_START_STATUS


if __name__ == "__main__":
    sys.exit(main(json.loads(sys.argv[1])))
