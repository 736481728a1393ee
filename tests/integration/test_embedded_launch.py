"""No child outlives its parent, whichever guard is used and whichever thread asked."""

from __future__ import annotations

import os
import pwd
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from tests.integration.embedded_help import is_gone, number_from, parent, wait_until
from tidewell.embedded.launch import DeathGuard, Launched, cannot_use, launch

SAY_PID = "import os; print('pid', os.getpid(), flush=True); "
SLEEPER = (sys.executable, "-S", "-c", SAY_PID + "import time; time.sleep(600)")


@pytest.mark.parametrize("guard", list(DeathGuard))
def test_a_child_dies_with_a_parent_that_is_killed(guard: DeathGuard) -> None:
    script = (
        "import signal, time; from tidewell.embedded.launch import DeathGuard, launch\n"
        f"guard = DeathGuard({guard.value!r})\n"
        f"child = launch({SLEEPER!r}, at_our_death=signal.SIGTERM, guard=guard)\n"
        "time.sleep(600)\n"
    )
    with parent(script) as holder:
        # Said by the child itself: by then the launcher's own look at its parent is over.
        pid = number_from(holder)
        assert not is_gone(pid)
        holder.kill()
        wait_until(lambda: is_gone(pid), f"the child is gone, by {guard}", limit_s=10)


def test_a_watchdog_leaves_a_finished_child_and_goes(capfd: pytest.CaptureFixture[str]) -> None:
    child = launch(
        [sys.executable, "-S", "-c", "print('done')"],
        at_our_death=signal.SIGTERM,
        guard=DeathGuard.WATCHDOG,
    )
    assert child.wait(20) == 0
    assert child._watchdog is None
    assert capfd.readouterr().out == "done\n"


def test_a_child_outlives_the_thread_that_asked_for_it() -> None:
    children: list[Launched] = []
    read, write = os.pipe()

    def ask() -> None:
        children.append(launch(SLEEPER, at_our_death=signal.SIGTERM, output=write))
        # Until the child has said so, the kernel's guard may not be armed yet.
        assert os.read(read, 3) == b"pid"

    asker = threading.Thread(target=ask)
    asker.start()
    asker.join()
    (child,) = children
    assert child.wait(0.5) is None
    child.send(signal.SIGTERM)
    assert child.wait(10) == -signal.SIGTERM
    os.close(read)
    os.close(write)


def test_a_child_of_root_keeps_no_right_of_root() -> None:
    if os.geteuid() != 0:
        assert cannot_use(None, [("read", Path("/dev/null"))]) is None
        return
    nobody = pwd.getpwnam("nobody")
    script = (
        "import os, signal; os.setgroups([0, 4])\n"
        "from tidewell.embedded.launch import Account, launch\n"
        f"account = Account('nobody', {nobody.pw_uid}, {nobody.pw_gid})\n"
        "child = launch(['/usr/bin/id'], at_our_death=signal.SIGTERM, account=account)\n"
        "assert child.wait(10) == 0\n"
    )
    with parent(script) as holder:
        said = holder.communicate()[0]
    assert said.startswith(f"uid={nobody.pw_uid}(")
    assert "root" not in said
    assert "4(" not in said.split("gid=")[1].replace(f"{nobody.pw_gid}(", "")


def test_a_child_does_not_get_the_ctrl_c_of_our_terminal() -> None:
    child = launch(SLEEPER, at_our_death=signal.SIGTERM)
    sessions = subprocess.run(
        ["/bin/ps", "-o", "sid=", "-p", str(child.identity.pid)],
        capture_output=True,
        text=True,
        check=True,
    )
    assert int(sessions.stdout) == child.identity.pid
    child.send(signal.SIGKILL)
    child.wait(10)


def test_a_program_that_is_not_there_has_the_status_of_a_shell() -> None:
    child = launch(["/nowhere/program"], at_our_death=signal.SIGTERM, output=subprocess.DEVNULL)
    assert child.wait(10) == 127
