"""What the house rules are checked against: the files of the repository, nothing that was built.

In a checkout these are the files that git knows or would take; in an unpacked copy, all that are
not in a folder that tools make.
"""

from __future__ import annotations

import ast
import subprocess
from functools import cache
from pathlib import Path
from typing import Final

TOP: Final = Path(__file__).parents[2]
PACKAGES: Final = ("alerts", "detect", "firmware_sim", "ingest", "portal", "tidewell")
STAGES: Final = PACKAGES[:-1]
MADE_BY_TOOLS: Final = frozenset(
    {
        ".git",
        ".hypothesis",
        ".import_linter_cache",
        ".mypy_cache",
        ".pytest_cache",
        ".ruff_cache",
        ".tidewell",
        ".venv",
        ".venv-lock",
        "__pycache__",
        "dist",
        "node_modules",
        "vendor",
    }
)
TEXT_ENDINGS: Final = frozenset(
    {
        "",
        ".conf",
        ".css",
        ".in",
        ".jinja",
        ".json",
        ".md",
        ".mjs",
        ".py",
        ".sh",
        ".sql",
        ".svg",
        ".toml",
        ".txt",
        ".yml",
    }
)


@cache
def files() -> tuple[Path, ...]:
    """Return every file of the repository, relative to its top."""
    listed = _known_to_git() or [
        path.relative_to(TOP) for path in TOP.rglob("*") if not MADE_BY_TOOLS & set(path.parts)
    ]
    kept = [path for path in listed if not MADE_BY_TOOLS & set(path.parts)]
    return tuple(sorted(path for path in kept if (TOP / path).is_file()))


def _known_to_git() -> list[Path]:
    if not (TOP / ".git").exists():
        return []
    ask = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    answer = subprocess.run(ask, cwd=TOP, capture_output=True, text=True, check=False)
    return [Path(name) for name in answer.stdout.split("\0") if name]


def with_ending(*endings: str) -> list[Path]:
    """Return the files with one of these endings."""
    return [path for path in files() if path.suffix in endings]


def text_files() -> list[Path]:
    """Return the files that people read or write; others are pictures and archives."""
    return with_ending(*TEXT_ENDINGS)


def python_files(*folders: str) -> list[Path]:
    """Return the Python files below these folders, or all of them."""
    return [path for path in with_ending(".py") if not folders or path.parts[0] in folders]


@cache
def text_of(path: Path) -> str:
    """Return the text of a file."""
    return (TOP / path).read_text(encoding="utf-8")


@cache
def tree_of(path: Path) -> ast.Module:
    """Return the syntax tree of a Python file."""
    return ast.parse(text_of(path), str(path))


def section(document: str, heading: str) -> str:
    """Return what stands below a heading, up to the next one of its rank or a higher one."""
    rank = heading.split(" ", 1)[0]
    lines = document.splitlines()
    start = lines.index(heading) + 1
    end = next(
        (
            place
            for place in range(start, len(lines))
            if lines[place].startswith("#") and len(lines[place].split(" ")[0]) <= len(rank)
        ),
        len(lines),
    )
    return "\n".join(lines[start:end])


def table_rows(text: str) -> list[list[str]]:
    """Return the cells of a Markdown table without its heading."""
    rows = [
        [cell.strip() for cell in line.strip().strip("|").split(" | ")]
        for line in text.splitlines()
        if line.startswith("|")
    ]
    return rows[2:]
