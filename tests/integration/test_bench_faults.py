"""`python -m bench faults` finds nothing in the service, and finds what is planted in it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from typing import Any, Final

import pytest

from bench.faulting.schedule import DEATHS, OTHERS, Fault
from bench.faults import faults_of
from tidewell.crashpoints import CrashPoint, arm, crashpoint
from tidewell.errors import SettingsError
from tidewell.settings import load_settings

SECONDS: Final = 12.0
LONG_SECONDS: Final = 45.0
PLANTED_S: Final = 20.0
"""Long enough for one freeze beyond the lease, and for what comes after it."""
LIMIT_S: Final = 300
"""A minute and a half alone on the machine; a leased message waits half a minute by itself."""
PLANTED_CALM_S: Final = 12
"""A broken promise shows at once; there is no need to wait until the rest has settled."""
TRIES: Final = 4
"""A fault has to meet a batch or a message on its way, and in some runs it meets none."""
LIMIT_OF_TRIES_S: Final = 600


def bench(*arguments: str) -> tuple[int, dict[str, Any]]:
    command = [sys.executable, "-m", "bench", "faults", "--json", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, timeout=LIMIT_S, check=False)
    assert done.returncode in (0, 1), done.stderr
    told: dict[str, Any] = json.loads(done.stdout)
    return done.returncode, told


def test_a_short_run_breaks_no_promise_and_says_what_it_did() -> None:
    status, told = bench("--seed", "4", "--seconds", f"{SECONDS}")
    assert told["failures"] == [], told["examples"]
    assert status == 0
    assert told["published"] == told["committed"] + told["dead_lettered"] > 1_000
    assert told["told_committed"] == told["published"]
    assert told["alerts_expected"] == told["alerts_raised"] > 20
    assert told["answers_checked"] > 50
    assert told["kills"] >= 3
    assert told["state_equal_to_replay"] is True
    assert sum(told["faults"].values()) >= 6


@pytest.mark.timeout(LIMIT_OF_TRIES_S)
@pytest.mark.parametrize(
    ("plant", "only", "figures"),
    [
        ("ack_before_commit", Fault.TERMINATE_IN_COPY, ("told_too_early", "told_and_lost")),
        ("cursor_before_rows", Fault.TERMINATE_IN_COPY, ("told_and_lost", "duplicated_rows")),
        ("missing_fence", Fault.FREEZE_BEFORE_COMMIT, ("duplicated_rows",)),
        ("marked_before_sent", Fault.PROVIDER_BROKEN, ("marked_never_sent",)),
    ],
)
def test_a_planted_fault_is_found(plant: str, only: Fault, figures: tuple[str, ...]) -> None:
    how = ("--seconds", f"{PLANTED_S}", "--calm-s", f"{PLANTED_CALM_S}", "--only", only.value)
    for seed in range(TRIES):
        status, told = bench("--seed", f"{seed}", *how, "--plant", plant)
        if status == 1 and told["faults"].get(only) and any(told[name] for name in figures):
            return
    raise AssertionError(f"{TRIES} seeds did not find {plant}; the last one told {told}")


@pytest.mark.timeout(LIMIT_OF_TRIES_S)
@pytest.mark.parametrize("only", [Fault.TERMINATE_IN_COPY, Fault.FREEZE_BEFORE_COMMIT])
def test_without_a_planted_fault_the_same_runs_break_nothing(only: Fault) -> None:
    status, told = bench("--seed", "0", "--seconds", f"{PLANTED_S}", "--only", only.value)
    assert told["failures"] == [], told["examples"]
    assert status == 0
    assert told["faults"][only] >= 1
    assert set(told["faults"]) == {only}


def test_the_same_seed_plans_the_same_faults_and_a_long_run_has_every_kind() -> None:
    for seed in range(20):
        planned = faults_of(seed, LONG_SECONDS)
        assert planned == faults_of(seed, LONG_SECONDS)
        assert sum(one.fault in DEATHS for one in planned) >= 12
        assert len({one.fault for one in planned}) >= len({*DEATHS, *OTHERS}) - 3
    assert faults_of(1, LONG_SECONDS) != faults_of(2, LONG_SECONDS)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--seconds", "3"), "expected 10 or more"),
        (("--plant", "forgetting"), "choose one of"),
        (("--only", "kill_ingest,rain"), "--only rain: choose among"),
    ],
)
def test_a_run_that_would_show_nothing_is_refused(arguments: tuple[str, ...], said: str) -> None:
    command = [sys.executable, "-m", "bench", "faults", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, timeout=LIMIT_S, check=False)
    assert done.returncode == 2
    assert said in done.stderr


def test_a_process_dies_at_the_place_and_the_passing_that_were_named() -> None:
    child = os.fork()
    if not child:
        arm(load_settings({"TIDEWELL_CRASH_AT": "after_claim:2", "TIDEWELL_FAULT_TESTS": "true"}))
        crashpoint(CrashPoint.AFTER_MARK)
        crashpoint(CrashPoint.AFTER_CLAIM)
        crashpoint(CrashPoint.AFTER_CLAIM)
        os._exit(0)
    _, status = os.waitpid(child, 0)
    assert os.waitstatus_to_exitcode(status) == -signal.SIGKILL


def test_a_process_freezes_at_its_place_and_goes_on_when_it_is_let() -> None:
    child = os.fork()
    if not child:
        wanted = {"TIDEWELL_FREEZE_AT": "before_transaction", "TIDEWELL_FAULT_TESTS": "true"}
        arm(load_settings(wanted))
        crashpoint(CrashPoint.BEFORE_TRANSACTION)
        os._exit(7)
    _, status = os.waitpid(child, os.WUNTRACED)
    assert os.WIFSTOPPED(status)
    os.kill(child, signal.SIGCONT)
    _, status = os.waitpid(child, 0)
    assert os.waitstatus_to_exitcode(status) == 7


def test_nothing_dies_where_nothing_was_asked_for() -> None:
    arm(load_settings({"TIDEWELL_FAULT_TESTS": "true"}))
    for point in CrashPoint:
        crashpoint(point)


@pytest.mark.parametrize(
    ("environment", "said"),
    [
        ({"TIDEWELL_CRASH_AT": "after_claim"}, "not for fault tests"),
        ({"TIDEWELL_FREEZE_AT": "before_transaction"}, "FREEZE_AT is set .* not for fault tests"),
        ({"TIDEWELL_CRASH_AT": "lunch:1", "TIDEWELL_FAULT_TESTS": "true"}, "expected a place"),
        (
            {"TIDEWELL_CRASH_AT": "after_claim:0", "TIDEWELL_FAULT_TESTS": "true"},
            "expected a place",
        ),
    ],
)
def test_a_crash_that_may_not_be_or_cannot_be_is_refused(
    environment: dict[str, str], said: str
) -> None:
    with pytest.raises(SettingsError, match=said):
        arm(load_settings(environment))
    crashpoint(CrashPoint.AFTER_CLAIM)
