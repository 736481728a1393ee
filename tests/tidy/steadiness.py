"""A test against real servers, processes and clocks may fail once; then it is named and counted.

A machine that is busy for ten seconds can break a test that waits for a process; that says nothing
about the change. So a test of the rings below gets one more try where CI is set. A test that
needed it is listed at the end of the run, and a run with more of them than `UNSTEADY_MAX` fails.
All other rings use virtual time or none, and get one try. Import the hooks into
`tests/conftest.py`.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Final

import pytest

if TYPE_CHECKING:
    from collections.abc import Collection, Container
    from pathlib import Path

RINGS: Final = frozenset({"integration", "browser"})
"""The rings that meet real time."""

UNSTEADY_MAX: Final = 3
"""Of more than a thousand such tests; from four on, something is wrong and not just busy."""


def gets_another_try(path: Path, environment: Container[str]) -> bool:
    """Return whether a test of this file may fail once."""
    return "CI" in environment and path.parent.name in RINGS


def too_unsteady(names: Collection[str]) -> bool:
    """Return whether this many tests that needed two tries are a failure by themselves."""
    return len(names) > UNSTEADY_MAX


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Give the tests of these rings their second try."""
    for item in items:
        if gets_another_try(item.path, os.environ):
            item.add_marker(pytest.mark.flaky(reruns=1))


def unsteady_tests(reporter: pytest.TerminalReporter) -> list[str]:
    """Return the names of the tests that were tried again."""
    return sorted({report.nodeid for report in reporter.stats.get("rerun", [])})


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Name them, so that they are mended and not got used to."""
    if names := unsteady_tests(terminalreporter):
        terminalreporter.section(
            f"tests that needed two tries: {len(names)}, {UNSTEADY_MAX} allowed"
        )
        for name in names:
            terminalreporter.line(name)


@pytest.hookimpl(tryfirst=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    """Fail a run in which too many tests needed another try."""
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    if reporter is not None and too_unsteady(unsteady_tests(reporter)):
        session.exitstatus = pytest.ExitCode.TESTS_FAILED
