"""The watchdog: ends a child whose parent died, where the kernel cannot do it (outside Linux).

Run as `python -m tidewell.embedded.watchdog PID START_TIME SIGNAL` with a pipe on standard input
that its parent holds open. When the parent ends, however it ends, the pipe closes and the child
gets the signal. It must never signal a process that merely has the same number.
"""

from __future__ import annotations

import os
import signal
import sys

from tidewell.embedded.identity import ProcessIdentity, is_running


def main(pid: str, start_time: str, signal_number: str) -> None:
    """Wait until the pipe closes, then signal the child if it is still the same one."""
    for quiet in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(quiet, signal.SIG_IGN)
    while os.read(sys.stdin.fileno(), 4_096):
        pass
    if is_running(ProcessIdentity(int(pid), start_time)):
        os.kill(int(pid), int(signal_number))


if __name__ == "__main__":
    main(*sys.argv[1:4])
