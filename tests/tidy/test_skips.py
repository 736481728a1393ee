"""The rule about skips, tried on a run of pytest of its own."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.tidy.own_run import run_with_rule

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
    ended = run_with_rule("tests.tidy.skips", tmp_path, in_ci=in_ci)
    assert ended.returncode == status, ended.stdout
    assert ("nothing may be skipped: " in ended.stdout) is (status != 0)


def test_the_rule_holds_in_this_run(pytestconfig: pytest.Config) -> None:
    names = {
        hook.function.__module__
        for hook in pytestconfig.hook.pytest_runtest_makereport.get_hookimpls()
    }
    assert "tests.tidy.skips" in names, "tests/conftest.py has to import the hooks of this module"
