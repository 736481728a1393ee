"""A simulation that finds nothing proves nothing: bugs planted on purpose have to be found."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Final

import pytest

from tests.simulation.planted_bugs import BUGS, planted
from tests.simulation.script import whole_run
from tests.simulation.world import installed, run_seed

FOUND_WITHIN_SEEDS: Final = 40
"""A tenth of what `./dev test` runs; the rarest of them shows in one seed of five."""
FOUND_AS: Final = {
    "ack-before-commit": ("I1", "I8"),
    "cursor-before-rows": ("I1",),
    "missing-fence": ("I1", "I2", "I4", "I8"),
    "marked-before-sent": ("I5",),
}
TOP: Final = Path(__file__).parents[2]


@pytest.mark.parametrize("name", BUGS)
def test_a_planted_bug_is_found(name: str) -> None:
    with planted(name), installed():
        for seed in range(FOUND_WITHIN_SEEDS):
            problem = run_seed(seed, whole_run).problem
            if problem is not None:
                assert any(one in problem for one in FOUND_AS[name]), problem
                return
    raise AssertionError(f"{name} was not found within {FOUND_WITHIN_SEEDS} seeds")


@pytest.mark.parametrize("name", BUGS)
def test_a_command_runs_with_a_bug_in_it(name: str) -> None:
    runner = [sys.executable, "-m", "tests.simulation.planted_bugs"]
    answer = subprocess.run(
        [*runner, name, "--", "tidewell", "ingest", "--help"],
        cwd=TOP,
        capture_output=True,
        text=True,
        check=False,
    )
    assert answer.returncode == 0, answer.stderr
    assert "tidewell ingest [OPTIONS]" in answer.stdout


def test_an_unknown_bug_is_refused_with_the_known_ones() -> None:
    runner = [sys.executable, "-m", "tests.simulation.planted_bugs"]
    answer = subprocess.run([*runner, "none"], cwd=TOP, capture_output=True, text=True, check=False)
    assert answer.returncode == 2
    assert "missing-fence" in answer.stderr
