"""What a log says about an exception: where it came from, and nothing that its functions held."""

from __future__ import annotations

import subprocess
import sys
from typing import Literal

import pytest

from tidewell.logs import configure_logs, get_logger

SECRET = "what somebody wrote about themselves"
FAILS = f"""
from tidewell.logs import get_logger

def page(people):
    heard = [{SECRET!r}] * 500_000
    raise ValueError("the page failed")

try:
    page([])
except ValueError:
    get_logger().exception("request failed")
"""


def fail(heard: list[str]) -> None:
    raise ValueError(f"{len(heard)} lines were too many")


@pytest.mark.parametrize("log_format", ["console", "json"])
def test_an_exception_is_told_without_what_its_functions_held(
    log_format: Literal["console", "json"], capfd: pytest.CaptureFixture[str]
) -> None:
    configure_logs("info", log_format, "test")
    try:
        fail([SECRET] * 500_000)
    except ValueError:
        get_logger().exception("request failed", path="/alerts")
    said = capfd.readouterr().err
    assert "ValueError: 500000 lines were too many" in said
    assert "in fail" in said
    assert "/alerts" in said
    assert SECRET not in said
    assert len(said) < 5_000


def test_a_process_that_never_said_how_it_logs_holds_nothing_back_and_tells_no_values() -> None:
    done = subprocess.run(
        [sys.executable, "-c", FAILS], capture_output=True, text=True, timeout=60, check=True
    )
    said = done.stdout + done.stderr
    assert "ValueError: the page failed" in said
    assert SECRET not in said
    assert len(said) < 5_000
