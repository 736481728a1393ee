"""The hazard log holds: every control has a test that exists, every risk is read off the table."""

from __future__ import annotations

import ast
import re
from pathlib import Path
from typing import Final

import pytest

from tests.tidy.repository import TOP, section, table_rows, text_of, tree_of
from tidewell.vocabulary import Level

LOG: Final = text_of(Path("docs/safety/hazard-log.md"))
HEADINGS: Final = re.findall(r"^## (H\d\d .*)$", LOG, re.MULTILINE)
RATED: Final = re.compile(r"^([a-z]+), ([a-z ]+), risk (\d)$")
CONTROL: Final = re.compile(r"^.+\. `(tests/[\w/]+\.py)::(test_\w+)`$")
NOT_ACCEPTABLE: Final = 4
BY_NAME: Final = 3
"""From here on somebody has to accept it, so the log says what is open."""


def fields(heading: str) -> dict[str, list[str]]:
    """Return what is said under a hazard, by the bold word in front."""
    found: dict[str, list[str]] = {}
    for line in section(LOG, f"## {heading}").splitlines():
        if match := re.match(r"^- \*\*(\w+):\*\* (.*)$", line):
            found.setdefault(match[1], []).append(match[2])
    return found


def risk_table() -> dict[tuple[str, str], int]:
    part = section(LOG, "## Scales")
    heading = next(line for line in part.splitlines() if line.startswith("| | minor"))
    severities = [cell.strip() for cell in heading.strip().strip("|").split("|")[1:]]
    risks: dict[tuple[str, str], int] = {}
    for line in part.split(heading)[1].splitlines():
        cells = [cell.strip().strip("`") for cell in line.strip().strip("|").split("|")]
        if len(cells) == len(severities) + 1 and cells[1].isdigit():
            risks |= {
                (severity, cells[0]): int(risk)
                for severity, risk in zip(severities, cells[1:], strict=True)
            }
    return risks


def functions_of(path: str) -> set[str]:
    return {
        node.name
        for node in ast.walk(tree_of(Path(path)))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    }


def test_hazards_are_numbered_without_holes() -> None:
    numbers = [heading.split()[0] for heading in HEADINGS]
    assert numbers == [f"H{number:02}" for number in range(1, len(numbers) + 1)]
    assert len(numbers) >= 15


@pytest.mark.parametrize("heading", HEADINGS)
def test_a_hazard_says_all_that_it_has_to(heading: str) -> None:
    said = fields(heading)
    assert (
        {"Cause", "Effect", "Before", "Control", "After"}
        <= said.keys()
        <= {
            "Cause",
            "Effect",
            "Before",
            "Control",
            "After",
            "Open",
        }
    )
    assert all(len(said[name]) == 1 for name in said if name != "Control")


@pytest.mark.parametrize("heading", HEADINGS)
def test_every_control_names_a_test_that_exists(heading: str) -> None:
    for control in fields(heading)["Control"]:
        match = CONTROL.match(control)
        assert match, f"{heading}: write a sentence and `tests/file.py::test_name`: {control}"
        assert (TOP / match[1]).is_file(), control
        assert match[2] in functions_of(match[1]), control


@pytest.mark.parametrize("heading", HEADINGS)
def test_every_risk_is_read_off_the_table_and_falls(heading: str) -> None:
    risks, said = risk_table(), fields(heading)
    rated = {name: RATED.match(said[name][0]) for name in ("Before", "After")}
    value = {}
    for name, match in rated.items():
        assert match, f"{heading}: {name} is `severity, likelihood, risk N`"
        assert risks[match[1], match[2]] == int(match[3]), f"{heading}: {name}"
        value[name] = int(match[3])
    assert value["After"] <= value["Before"]
    assert value["After"] < NOT_ACCEPTABLE
    assert (value["After"] >= BY_NAME) == ("Open" in said), "from 3 on, say what is open"


def test_every_level_of_an_alert_is_justified_by_a_hazard() -> None:
    rows = table_rows(section(LOG, "## What justifies each level of an alert"))
    named = {row[0].strip("`"): row[1].split(", ") for row in rows}
    assert set(named) == {level.value for level in Level} - {"usual"}
    known = {heading.split()[0] for heading in HEADINGS}
    assert all(set(hazards) <= known for hazards in named.values())


def test_the_statement_of_intended_use_says_what_it_must() -> None:
    text = " ".join(text_of(Path("INTENDED_USE.md")).split())
    for sentence in (
        "It is not an emergency service.",
        "It is not a medical device.",
        "A human decides every time",
        "It has not been studied in a children's service.",
    ):
        assert sentence in text
