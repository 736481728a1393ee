"""`python -m bench detect` runs as it is written down, and says everything that it promises."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

import pytest

LIMIT_S = 60
"""It takes a few seconds; a machine under load may need more."""
BYTES_MOST = 6_000


@pytest.fixture(scope="module")
def figures() -> dict[str, Any]:
    command = [sys.executable, "-m", "bench", "detect", "--quick", "--json"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=LIMIT_S, check=False)
    assert done.returncode == 0, done.stderr
    told: dict[str, Any] = json.loads(done.stdout)
    return told


def test_every_figure_is_there_and_above_nothing(figures: dict[str, Any]) -> None:
    promised = {
        "update": ("rows", "rows_per_second", "values_per_second", "batch_p50_ms", "batch_p99_ms"),
        "day_closing": ("people", "seconds", "microseconds_a_person", "people_per_second"),
        "memory": ("bytes_a_person", "copied_gigabytes_per_second"),
        "memory_floor": ("times_an_hour_of_everybody", "times_day_closing"),
        "python_loop": ("values_per_second", "update_is_times_faster"),
    }
    for section, names in promised.items():
        assert all(figures[section][name] > 0 for name in names), section
    assert figures["update"]["batch_p50_ms"] <= figures["update"]["batch_p99_ms"]
    assert "core" in figures


def test_the_days_that_are_timed_are_full_ones(figures: dict[str, Any]) -> None:
    assert figures["day_closing"]["people"] == 1_000
    assert figures["day_closing"]["share_of_features_known"] > 0.9


def test_a_person_costs_no_more_than_agreed(figures: dict[str, Any]) -> None:
    assert figures["memory"]["bytes_a_person"] <= BYTES_MOST


def test_the_models_of_others_are_timed_or_said_to_be_missing(figures: dict[str, Any]) -> None:
    if "river" in figures:
        assert "requirements/bench.txt" in figures["river"]
    else:
        for name in ("river_half_space_trees", "river_gaussian_scorer"):
            assert figures[name]["update_is_times_faster"] > 0


def test_a_benchmark_that_is_not_there_is_refused_in_one_line() -> None:
    command = [sys.executable, "-m", "bench", "sleeping"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=LIMIT_S, check=False)
    assert done.returncode == 2
    assert "Traceback" not in done.stderr
    assert "sleeping" in done.stderr


def test_figures_that_need_servers_are_one_json_object_too() -> None:
    command = [sys.executable, "-m", "bench", "write", "--quick", "--json"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=LIMIT_S, check=False)
    assert json.loads(done.stdout), done.stderr
    assert "server_started" in done.stderr
