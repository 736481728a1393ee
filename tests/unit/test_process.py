"""Who is who among processes, and what follows a death: without starting a server."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import threading
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from tidewell import process
from tidewell.embedded import identity
from tidewell.errors import ServerError
from tidewell.process import ChildEnd, ChildProcess, after_death, in_words, stop_requested

if TYPE_CHECKING:
    from pathlib import Path


def test_a_process_is_its_number_and_its_start() -> None:
    facts = identity.facts_of(os.getpid())
    assert facts is not None
    assert identity.is_running(facts.identity)
    assert not identity.is_running(replace(facts.identity, start_time="another life"))


def test_both_ways_to_ask_the_system_agree() -> None:
    proc, ps = identity._facts_from_proc(os.getpid()), identity._facts_from_ps(os.getpid())
    assert proc is not None
    assert ps is not None
    assert ps.started_at_s == pytest.approx(proc.started_at_s, abs=2.5)
    assert ps.name == proc.name
    assert ps.is_dead is proc.is_dead is False


@pytest.mark.parametrize("facts_from", [identity._facts_from_proc, identity._facts_from_ps])
def test_a_dead_process_that_nobody_reaped_does_not_run(
    facts_from: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(identity, "facts_of", facts_from)
    child = subprocess.Popen([sys.executable, "-S", "-c", "input()"], stdin=subprocess.PIPE)
    facts = identity.facts_of(child.pid)
    assert facts is not None
    child.kill()
    os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
    assert not identity.is_running(facts.identity)
    child.communicate()
    assert identity.facts_of(child.pid) is None


def test_pauses_grow_to_a_limit_and_then_it_gives_up() -> None:
    pauses, deaths = [], 0
    while (step := after_death(1, 1.0, deaths)).end is ChildEnd.RESTARTED:
        pauses.append(step.pause_s)
        deaths = step.deaths
    assert step.end is ChildEnd.DIES_TOO_OFTEN
    assert pauses == [0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 30.0, 30.0, 30.0, 30.0]


def test_a_child_that_lived_well_begins_a_new_count() -> None:
    assert after_death(-9, process.LIVED_WELL_AFTER_S, 10).deaths == 1
    assert after_death(-9, process.LIVED_WELL_AFTER_S - 1, 10).end is ChildEnd.DIES_TOO_OFTEN


def test_a_wrong_setting_is_not_tried_again() -> None:
    assert after_death(process.USAGE_STATUS, 1.0, 0).end is ChildEnd.REFUSED


def test_an_exit_status_is_said_in_words() -> None:
    assert in_words(-15) == "killed by SIGTERM"
    assert in_words(1) == "exit status 1"


def _python(code: str) -> list[str]:
    return [sys.executable, "-S", "-c", code]


async def test_a_child_that_dies_is_started_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(process, "FIRST_PAUSE_S", 0.01)
    child, stop = ChildProcess("stage", _python("import time; time.sleep(600)")), asyncio.Event()
    running = asyncio.create_task(child.run(stop))
    first = await _pid_other_than(child, None)
    os.kill(first, signal.SIGKILL)
    second = await _pid_other_than(child, first)
    assert child.starts == 2
    stop.set()
    assert await running is ChildEnd.STOPPED
    assert child.pid is None
    assert identity.facts_of(second) is None


async def test_a_child_that_refuses_its_settings_ends_the_run_with_words() -> None:
    child = ChildProcess("stage", _python("raise SystemExit(2)"))
    with pytest.raises(ServerError, match=r"stage refused to start \(exit status 2\)"):
        await child.run(asyncio.Event())


async def test_a_child_that_dies_too_often_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(process, "DEATHS_IN_A_ROW", 1)
    monkeypatch.setattr(process, "FIRST_PAUSE_S", 0.01)
    child = ChildProcess("stage", _python("raise SystemExit(5)"))
    with pytest.raises(ServerError, match="stage died 2 times in a row, last by exit status 5"):
        await child.run(asyncio.Event())


async def test_a_child_that_does_not_stop_is_killed(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(process, "TERMINATE_WITHIN_S", 0.1)
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    code = (
        "import signal, sys, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); "
        f"open({str(fifo)!r}, 'w').write('deaf'); time.sleep(600)"
    )
    child, stop = ChildProcess("stage", _python(code)), asyncio.Event()
    running = asyncio.create_task(child.run(stop))
    assert await asyncio.to_thread(fifo.read_text) == "deaf"
    stop.set()
    assert await running is ChildEnd.KILLED


async def test_a_cancelled_run_leaves_no_child_behind() -> None:
    child = ChildProcess("stage", _python("import time; time.sleep(600)"))
    running = asyncio.create_task(child.run(asyncio.Event()))
    pid = await _pid_other_than(child, None)
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert identity.facts_of(pid) is None


async def test_a_signal_asks_for_a_graceful_stop() -> None:
    stop = await stop_requested()
    os.kill(os.getpid(), signal.SIGTERM)
    await asyncio.wait_for(stop.wait(), 5)
    for expected in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().remove_signal_handler(expected)


def test_a_second_signal_ends_the_process_at_once() -> None:
    code = (
        "import asyncio, tidewell.process as p\n"
        "p.SAME_PRESS_WITHIN_S = 0.0\n"
        "async def main():\n"
        "    stop = await p.stop_requested()\n"
        "    print('ready', flush=True)\n"
        "    await stop.wait()\n"
        "    print('stopping', flush=True)\n"
        "    await asyncio.sleep(600)\n"
        "asyncio.run(main())\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as child:
        assert child.stdout is not None
        lines = iter(child.stdout.readline, "")
        assert any("ready" in line for line in lines)
        child.send_signal(signal.SIGINT)
        assert any(line == "stopping\n" for line in lines)
        child.send_signal(signal.SIGINT)
        assert child.wait(10) == 128 + signal.SIGINT


async def _pid_other_than(child: ChildProcess, known: int | None) -> int:
    async with asyncio.timeout(20):
        while child.pid in {None, known}:
            await asyncio.to_thread(threading.Event().wait, 0.005)
    assert child.pid is not None
    return child.pid
