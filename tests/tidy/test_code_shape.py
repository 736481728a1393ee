"""The shape of the code: short functions, modules that say what they are, pure where they must."""

from __future__ import annotations

import ast
import re
import statistics
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

from tests.tidy.repository import (
    PACKAGES,
    STAGES,
    python_files,
    text_files,
    text_of,
    tree_of,
    with_ending,
)

FUNCTION_LINES_MOST: Final = 60
MEDIAN_LINES_MOST: Final = 10
FILE_LINES_MOST: Final = 500

SHELL_NAMES: Final = frozenset({"mqtt.py", "store.py", "service.py", "__main__.py"})
SHELL_FOLDERS: Final = frozenset({"channels", "portal", "tidewell"})

PURE_IMPORTS: Final = frozenset(
    {
        "__future__",
        "base64",
        "bisect",
        "collections",
        "dataclasses",
        "datetime",
        "enum",
        "functools",
        "hashlib",
        "heapq",
        "itertools",
        "json",
        "math",
        "numpy",
        "orjson",
        "pydantic",
        "pydantic_core",
        "re",
        "scipy",
        "struct",
        "types",
        "typing",
    }
)
"""Libraries that reckon and never reach outside."""

PURE_GROUND: Final = frozenset(
    {"tidewell.errors", "tidewell.local_time", "tidewell.rota", "tidewell.vocabulary"}
)
"""The parts of the shared ground that a pure module may use."""

EXCEPTIONS: Final = {
    ("alerts/deliveries.py", "random"): "names the kind of `rng`, which is an argument",
    ("alerts/texts.py", "random"): "names the kind of `rng`, which is an argument",
    ("detect/state.py", "io"): "BytesIO: NumPy writes its archive into memory, not to a disk",
    ("firmware_sim/physiology.py", "zoneinfo"): "the rules of a time zone, by its name",
    ("firmware_sim/recordings.py", "tidewell.minute_files"): "what a table of a file looks like",
}
"""Imports that are not in the lists above, each with its reason."""

CLOCKS: Final = re.compile(
    r"\b(?:datetime\.(?:now|utcnow|today)|date\.today|time\.(?:time|time_ns|monotonic|monotonic_ns|perf_counter))\("
)
GLOBAL_CHANCE: Final = re.compile(
    r"(?<!np\.)\brandom\.(?!Random\b|SystemRandom\b)[a-z]\w*\(|\bnp\.random\.(?!default_rng\b|Generator\b)\w+\("
)
UNSEEDED: Final = re.compile(r"\bdefault_rng\(\)")
SQL_CLOCKS: Final = re.compile(
    r"\b(?:now|clock_timestamp|statement_timestamp|transaction_timestamp)\(\)|\bcurrent_(?:timestamp|date|time)\b|\blocaltime",
    re.IGNORECASE,
)
ASKS_THE_DATABASE_FOR_THE_TIME: Final = {
    Path("ingest/leasing/leases.sql"): "leases are promises between machines: one clock"
}
LEFTOVERS: Final = re.compile(r"\b(?:TO" + r"DO|FIX" + r"ME|XX" + r"X)\b")

OURS: Final = python_files()


def functions(path: Path) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    for node in ast.walk(tree_of(path)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node


def lines_of(function: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    return (function.end_lineno or function.lineno) - function.lineno + 1


def imported(path: Path) -> set[str]:
    names: set[str] = set()
    for node in ast.walk(tree_of(path)):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            names.add(node.module or "")
    return names


def is_shell(path: Path) -> bool:
    return path.name in SHELL_NAMES or bool(SHELL_FOLDERS & set(path.parts))


PURE: Final = [path for path in python_files(*STAGES) if not is_shell(path)]


def test_a_function_fits_a_screen() -> None:
    long = [
        f"{path}: {function.name} has {lines_of(function)} lines"
        for path in OURS
        for function in functions(path)
        if lines_of(function) > FUNCTION_LINES_MOST
    ]
    assert long == []


@pytest.mark.parametrize("package", PACKAGES)
def test_most_functions_are_short(package: str) -> None:
    lengths = [lines_of(one) for path in python_files(package) for one in functions(path)]
    assert len(lengths) > 20
    assert statistics.median(lengths) <= MEDIAN_LINES_MOST


def test_a_file_is_read_in_one_sitting() -> None:
    long = {str(path): len(text_of(path).splitlines()) for path in OURS}
    assert {path: lines for path, lines in long.items() if lines > FILE_LINES_MOST} == {}


def test_a_module_opens_with_what_it_is() -> None:
    silent = [str(path) for path in OURS if text_of(path) and not ast.get_docstring(tree_of(path))]
    assert silent == []


def test_nothing_is_left_to_be_done() -> None:
    found = [
        f"{path}:{number}"
        for path in text_files()
        for number, line in enumerate(text_of(path).splitlines(), 1)
        if LEFTOVERS.search(line)
    ]
    assert found == []


@pytest.mark.parametrize("path", python_files(*PACKAGES), ids=str)
def test_only_the_clock_reads_a_clock(path: Path) -> None:
    if path == Path("tidewell/clock.py"):
        assert len(CLOCKS.findall(text_of(path))) == 3
    else:
        assert CLOCKS.findall(text_of(path)) == []


@pytest.mark.parametrize("path", python_files(*PACKAGES), ids=str)
def test_chance_is_an_argument(path: Path) -> None:
    assert GLOBAL_CHANCE.findall(text_of(path)) == []
    if not is_shell(path):
        assert UNSEEDED.findall(text_of(path)) == []


@pytest.mark.parametrize("path", python_files(*PACKAGES), ids=str)
def test_nothing_is_printed(path: Path) -> None:
    calls = [
        node.lineno
        for node in ast.walk(tree_of(path))
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Name)
        and node.func.id == "print"
    ]
    assert calls == []


@pytest.mark.parametrize("path", with_ending(".sql"), ids=str)
def test_now_is_a_parameter_of_sql(path: Path) -> None:
    statements = re.sub(r"--.*", "", text_of(path))
    is_asked = bool(SQL_CLOCKS.findall(statements))
    assert is_asked == (path in ASKS_THE_DATABASE_FOR_THE_TIME)


def test_there_are_many_pure_modules() -> None:
    assert len(PURE) > 30
    assert not any(is_shell(path) for path in PURE)


@pytest.mark.parametrize("path", PURE, ids=str)
def test_a_pure_module_reaches_nothing_outside(path: Path) -> None:
    stage = path.parts[0]
    pure_modules = {".".join(one.with_suffix("").parts) for one in PURE}
    allowed = pure_modules | {stage} | {one.removesuffix(".__init__") for one in pure_modules}
    wrong = [
        name
        for name in imported(path)
        if name.split(".")[0] not in PURE_IMPORTS
        and name not in PURE_GROUND
        and not (name.split(".")[0] == stage and name in allowed)
        and (str(path), name) not in EXCEPTIONS
    ]
    assert wrong == []
    opened = [
        node.lineno
        for node in ast.walk(tree_of(path))
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Name)
        and node.func.id in {"open", "input", "exec", "eval"}
    ]
    assert opened == []


def test_the_contracts_of_imports_name_every_pure_module() -> None:
    contracts = tomllib.loads(text_of(Path("pyproject.toml")))["tool"]["importlinter"]["contracts"]
    named = {one for contract in contracts for one in contract.get("source_modules", [])}
    pure = {
        ".".join(path.with_suffix("").parts)
        for path in PURE
        if path.name != "__init__.py" and path.parts[0] not in named
    }
    assert pure == {one for one in named if "." in one}


def test_every_exception_is_still_needed() -> None:
    for name, module in EXCEPTIONS:
        assert module in imported(Path(name)), f"{name} does not import {module} any more"


def test_nobody_makes_sql_in_python() -> None:
    statement = re.compile(r"[\"'](?:SELECT|INSERT INTO|UPDATE|DELETE FROM|CREATE TABLE)\s")
    found = [str(path) for path in python_files(*PACKAGES) if statement.search(text_of(path))]
    assert found == []
