"""The rule about skips, tried on a run of pytest of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.tidy.repository import TOP

RUN = [sys.executable, "-m", "pytest", "-q", "-p", "tests.tidy.skips", "-p", "no:randomly"]
PASSES = "def test_passes():\n    pass\n"
SKIPS = "import pytest\n\ndef test_skips():\n    pytest.skip('no server')\n"
SKIPS_WHOLE = "import pytest\n\npytest.skip('no server', allow_module_level=True)\n"
FAILS_AS_EXPECTED = "import pytest\n\n@pytest.mark.xfail\ndef test_fails():\n    assert False\n"


@pytest.mark.parametrize(
    ("source", "in_ci", "status"),
    [
        (PASSES, True, 0),
        (SKIPS, True, 1),
        (SKIPS, False, 0),
        (SKIPS_WHOLE, True, 2),
        (FAILS_AS_EXPECTED, True, 0),
    ],
    ids=[
        "passes",
        "skips in CI",
        "skips elsewhere",
        "skips a whole file in CI",
        "is expected to fail",
    ],
)
def test_a_skip_fails_in_ci_and_only_there(
    tmp_path: Path, source: str, in_ci: bool, status: int
) -> None:
    (tmp_path / "test_one.py").write_text(source, encoding="utf-8")
    environment = {"PATH": os.environ["PATH"], "PYTHONPATH": str(TOP)} | (
        {"CI": "1"} if in_ci else {}
    )
    ended = subprocess.run(
        [*RUN, "-c", os.devnull, "--rootdir", str(tmp_path), str(tmp_path)],
        capture_output=True,
        text=True,
        check=False,
        env=environment,
    )
    assert ended.returncode == status, ended.stdout
    assert ("nothing may be skipped: " in ended.stdout) is (status != 0)


def test_the_rule_holds_in_this_run(pytestconfig: pytest.Config) -> None:
    names = {
        hook.function.__module__
        for hook in pytestconfig.hook.pytest_runtest_makereport.get_hookimpls()
    }
    assert "tests.tidy.skips" in names, "tests/conftest.py has to import the hooks of this module"
