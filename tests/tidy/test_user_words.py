"""No text that a user can read says what Tidewell is not: it notices changes and names no illness.

Looked at are every template, every string of the code of pages, alerts, words of findings and
commands, the scripts and data files that browsers get, and the help of the whole command line. The
code of the detector itself is no text for users.
"""

from __future__ import annotations

import ast
import json
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest
import typer

from tests.tidy.repository import files, python_files, text_of, tree_of
from tidewell.commands import app

FORBIDDEN: Final = re.compile(
    r"\w*(?:diagnos|detect|symptom|alarm)\w*|\b(?:out|in)?patients?\b", re.IGNORECASE
)
"""Whole families of words, as each of them would promise something clinical."""

SAID_BY_PARTS: Final = frozenset(
    {
        "the detector does not know person ",  # only a fault of ours could raise it
        "Detector",  # the name of a class
        "detection",  # a kind of policy, as its table has it
        " shards have an old snapshot of the detector",  # for whoever runs the service
        "A file with other budgets of detection; docs/detection-policy.md.",  # the same
    }
)
"""Strings of code that nobody reads who does not run the service, each with its reason."""

OF_USERS: Final = ("alerts", "detect", "portal")
FOR_OPERATORS: Final = re.compile(r"\b[Dd]etect(?:ion|or)(?:-policy\.(?:md|toml))?\b")
"""The name of a part of Tidewell, on the command line alone: operators must call it something."""


SETTING: Final = re.compile(r"\bTIDEWELL_[A-Z_]+\b")
"""An administrator has to name a setting as it is called."""


def forbidden(text: str) -> list[str]:
    """Return the words of a text that it must not have."""
    return [match.group() for match in FORBIDDEN.finditer(text)]


def strings_of(path: Path) -> Iterator[str]:
    """Return the strings of a module but for its documentation."""
    tree = tree_of(path)
    bare = {
        id(node.value)
        for node in ast.walk(tree)
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in bare:
            yield node.value


def texts_in(value: Any) -> Iterator[str]:  # noqa: ANN401 -- whatever a file of data holds
    """Return every text of a data file, keys included."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for key, inner in value.items():
            yield from (str(key), *texts_in(inner))
    elif isinstance(value, list):
        for inner in value:
            yield from texts_in(inner)


CODE: Final = [
    path
    for path in python_files(*OF_USERS, "tidewell")
    if path.parts[0] in OF_USERS or len(path.parts) == 2 or path.parts[1] in ("commands", "lawful")
]
DATA: Final = [
    path
    for path in files()
    if path.parts[0] in {*OF_USERS, "tidewell"} and path.suffix in {".toml", ".json"}
]
SERVED: Final = [
    path
    for path in files()
    if path.parts[0] == "portal" and path.suffix in {".jinja", ".mjs", ".html", ".svg", ".txt"}
]


@pytest.mark.parametrize("path", CODE, ids=str)
def test_no_string_of_the_code_has_a_forbidden_word(path: Path) -> None:
    wrong = [one for one in strings_of(path) if forbidden(one) and one not in SAID_BY_PARTS]
    assert wrong == []


@pytest.mark.parametrize("path", DATA, ids=str)
def test_no_data_file_has_a_forbidden_word(path: Path) -> None:
    read = tomllib.loads if path.suffix == ".toml" else json.loads
    own_name = "detector_s"  # the beginning of two tables
    wrong = [
        one
        for one in texts_in(read(text_of(path)))
        if forbidden(one) and not one.startswith(own_name)
    ]
    assert [one for one in wrong if "the detector" not in one] == []


@pytest.mark.parametrize("path", SERVED, ids=str)
def test_nothing_that_a_browser_gets_has_a_forbidden_word(path: Path) -> None:
    assert forbidden(SETTING.sub("", text_of(path))) == []


def helps() -> Iterator[tuple[str, str]]:
    """Return every help text of the command line with its command."""
    waiting: list[tuple[str, Any]] = [("tidewell", typer.main.get_command(app))]
    while waiting:
        name, command = waiting.pop()
        texts = [command.help, *(getattr(one, "help", None) for one in command.params)]
        yield name, " ".join(one for one in texts if one)
        for inner_name, inner in getattr(command, "commands", {}).items():
            waiting.append((f"{name} {inner_name}", inner))


@pytest.mark.parametrize("name", sorted(dict(helps())))
def test_no_help_of_a_command_has_a_forbidden_word(name: str) -> None:
    assert forbidden(FOR_OPERATORS.sub("", dict(helps())[name])) == []


def test_the_rule_finds_what_it_is_for() -> None:
    for word in ("diagnosed", "Detects", "undetected", "symptom", "alarming", "outpatients"):
        assert forbidden(f"It {word} something") == [word]
    assert forbidden("Please be patient and impatiently wait") == ["patient"]
    assert forbidden("something has changed") == []
    assert len(CODE) > 100
    assert len(SERVED) > 30
    assert len(list(helps())) > 40


def test_every_exception_is_still_needed() -> None:
    said = {one for path in CODE for one in strings_of(path)}
    assert said >= SAID_BY_PARTS
