"""The rule about a second try, tried on a run of pytest of its own."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.tidy.own_run import run_with_rule
from tests.tidy.steadiness import UNSTEADY_MAX

FAILS_ONCE = """
import pathlib, pytest

@pytest.mark.parametrize("number", range({count}))
def test_fails_once(number):
    tried = pathlib.Path(__file__).with_name(f"tried-{{number}}")
    if not tried.exists():
        tried.touch()
        assert False, "busy"
"""
FAILS = "def test_fails():\n    assert False\n"


@pytest.mark.parametrize(
    ("ring", "source", "in_ci", "status", "named"),
    [
        ("integration", FAILS_ONCE.format(count=UNSTEADY_MAX), True, 0, UNSTEADY_MAX),
        ("browser", FAILS_ONCE.format(count=1), True, 0, 1),
        ("integration", FAILS_ONCE.format(count=UNSTEADY_MAX + 1), True, 1, UNSTEADY_MAX + 1),
        ("integration", FAILS_ONCE.format(count=1), False, 1, 0),
        ("simulation", FAILS_ONCE.format(count=1), True, 1, 0),
        ("integration", FAILS, True, 1, 1),
    ],
    ids=[
        "few fail once",
        "a page fails once",
        "too many fail once",
        "elsewhere than in CI",
        "a ring without real time",
        "fails twice",
    ],
)
def test_a_test_with_real_servers_may_fail_once_in_ci_and_is_named(
    tmp_path: Path, ring: str, source: str, in_ci: bool, status: int, named: int
) -> None:
    (tmp_path / ring).mkdir()
    (tmp_path / ring / "test_one.py").write_text(source, encoding="utf-8")
    ended = run_with_rule("tests.tidy.steadiness", tmp_path, in_ci=in_ci)
    assert ended.returncode == status, ended.stdout
    assert (f"needed two tries: {named}," in ended.stdout) is bool(named)


def test_the_rule_holds_in_this_run(pytestconfig: pytest.Config) -> None:
    names = {
        hook.function.__module__
        for hook in pytestconfig.hook.pytest_collection_modifyitems.get_hookimpls()
    }
    assert "tests.tidy.steadiness" in names, "tests/conftest.py has to import the hooks"
