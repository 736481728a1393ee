"""No child outlives its parent, whichever guard is used and whichever thread asked."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading

import pytest

from tests.integration.embedded_help import is_gone, numbers_from, parent, wait_until
from tidewell.embedded.launch import DeathGuard, Launched, launch

SLEEPER = (sys.executable, "-S", "-c", "import time; time.sleep(600)")


@pytest.mark.parametrize("guard", list(DeathGuard))
def test_a_child_dies_with_a_parent_that_is_killed(guard: DeathGuard) -> None:
    script = (
        "import signal, time; from tidewell.embedded.launch import DeathGuard, launch\n"
        f"guard = DeathGuard({guard.value!r})\n"
        f"child = launch({SLEEPER!r}, at_our_death=signal.SIGTERM, guard=guard)\n"
        "print(child.identity.pid, flush=True); time.sleep(600)\n"
    )
    with parent(script) as holder:
        (pid,) = numbers_from(holder)
        assert not is_gone(pid)
        holder.kill()
        wait_until(lambda: is_gone(pid), f"the child is gone, by {guard}")


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
    asker = threading.Thread(
        target=lambda: children.append(launch(SLEEPER, at_our_death=signal.SIGTERM))
    )
    asker.start()
    asker.join()
    (child,) = children
    assert child.wait(0.5) is None
    child.send(signal.SIGTERM)
    assert child.wait(10) == -signal.SIGTERM


def test_a_child_does_not_get_the_ctrl_c_of_our_terminal() -> None:
    child = launch(SLEEPER, at_our_death=signal.SIGTERM)
    session = subprocess.run(
        ["/bin/ps", "-o", "sid=", "-p", str(child.identity.pid)],
        capture_output=True,
        text=True,
        check=True,
    )
    assert int(session.stdout) == child.identity.pid
    child.send(signal.SIGKILL)
    child.wait(10)


def test_a_program_that_is_not_there_has_the_status_of_a_shell() -> None:
    child = launch(["/nowhere/program"], at_our_death=signal.SIGTERM, output=subprocess.DEVNULL)
    assert child.wait(10) == 127
