"""Thousands of invented faults against the real loops; a broken promise has a seed."""

from __future__ import annotations

import os
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Final

import pytest

from tests.simulation.__main__ import run_seeds
from tests.simulation.script import whole_run
from tests.simulation.world import Outcome, installed, run_seed

SEEDS_USUAL: Final = 300
SEEDS_IN_ONE_TEST: Final = 50
SEEDS_THAT_FAILED: Final[dict[int, str]] = {
    381: "a worker was compared while it went past a hole and had not committed it",
    727: "what waited while moments were set back had another time of receipt when caught up with",
    992: "what came above a hole after a clock was set back was left out when catching up",
    1918: "who had been given a device in 1970 was called silent since then, which is no news",
    2747: "a silence of a year that began and ended at once, by a wrong clock, asks for nobody",
    3467: "a replay did not know where moments had been set back",
}
"""Seeds beyond the usual ones that once found something, and what it was."""
TOP: Final = Path(__file__).parents[2]


def problems(results: list[Outcome]) -> list[str]:
    return [
        f"{one.problem}; again: python -m tests.simulation --seed {one.seed}"
        for one in results
        if one.problem is not None
    ]


@pytest.mark.parametrize("first", range(0, SEEDS_USUAL, SEEDS_IN_ONE_TEST))
def test_no_promise_breaks_whatever_goes_wrong(first: int) -> None:
    assert problems(run_seeds(range(first, first + SEEDS_IN_ONE_TEST))) == []


def test_what_was_found_once_stays_mended() -> None:
    assert problems(run_seeds(sorted(SEEDS_THAT_FAILED))) == []


def test_the_runs_are_as_rough_as_they_are_meant_to_be() -> None:
    results = run_seeds(range(80))
    total: Counter[str] = Counter()
    for one in results:
        total.update(one.counts)
    for fault in ("kill", "freeze", "stop_broker", "stop_database", "lost after commit"):
        assert total[fault] > 5, total
    assert total["published"] > 1_000
    assert total["alerts raised"] > 50
    assert total["shards moved"] > 20
    assert total["holes passed"] > 20
    assert total["refused by the fence"] > 3


def test_a_seed_takes_the_same_steps_in_another_process() -> None:
    seeds = (2, 3, 7, 11)
    here = {one.seed: one.trace for one in run_seeds(seeds)}
    for seed in seeds:
        command = [sys.executable, "-m", "tests.simulation", "--seed", str(seed)]
        hashing = {**os.environ, "PYTHONHASHSEED": str(100 + seed)}
        answer = subprocess.run(
            command, cwd=TOP, env=hashing, capture_output=True, text=True, check=False
        )
        assert f"trace {here[seed]}" in answer.stdout, answer.stdout + answer.stderr


def test_two_seeds_are_two_runs() -> None:
    with installed():
        one, other = run_seed(2, whole_run), run_seed(3, whole_run)
    assert one.trace != other.trace
