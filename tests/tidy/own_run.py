"""A run of pytest of its own, with one rule loaded: how the rules about tests are tried."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

from tests.tidy.repository import TOP

if TYPE_CHECKING:
    from pathlib import Path


def run_with_rule(rule: str, folder: Path, *, in_ci: bool) -> subprocess.CompletedProcess[str]:
    """Run the tests of a folder with the module `rule` as a plugin; CI is set or it is not."""
    environment = {"PATH": os.environ["PATH"], "PYTHONPATH": str(TOP)}
    if in_ci:
        environment["CI"] = "1"
    command = [sys.executable, "-m", "pytest", "-q", "-p", rule, "-p", "no:randomly"]
    where = ["-c", os.devnull, "--rootdir", str(folder), str(folder)]
    return subprocess.run(
        [*command, *where], capture_output=True, text=True, check=False, env=environment
    )
