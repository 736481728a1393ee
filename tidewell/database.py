"""The way to PostgreSQL: connections with a role, and queries read from `.sql` files.

A query lives in a `.sql` file beside the module that uses it, under a line `-- name: what_it_does`.
Nothing in Python builds SQL from text.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from enum import StrEnum
from importlib import resources
from typing import Any, Final, LiteralString, cast

import psycopg
from psycopg.conninfo import make_conninfo
from psycopg.rows import TupleRow

from tidewell.errors import ServerUnavailableError, SettingsError

CONNECT_TIMEOUT_S: Final = 10
"""A server on the same network answers in milliseconds; ten seconds outlast a proxy's restart."""

_QUERY_NAME: Final = re.compile(r"^-- name: ([a-z][a-z0-9_]*)$", re.MULTILINE)


class Role(StrEnum):
    """The database role that a process works as; each may write only its own tables."""

    INGEST = "tidewell_ingest"
    ALERTS = "tidewell_alerts"
    PORTAL = "tidewell_portal"
    ENROL = "tidewell_enrol"


Connection = psycopg.AsyncConnection[TupleRow]


class Queries(Mapping[str, LiteralString]):
    """The named queries of one `.sql` file.

    Example:
        >>> sorted(Queries("tidewell", "enrolment.sql"))[:1]
        ['assign_device']
    """

    def __init__(self, package: str, file: str) -> None:
        text = resources.files(package).joinpath(file).read_text(encoding="utf-8")
        parts = _QUERY_NAME.split(text)[1:]
        names, bodies = parts[::2], parts[1::2]
        if len(set(names)) != len(names):
            raise AssertionError(f"{package}/{file} names a query twice")
        self._queries: dict[str, LiteralString] = {
            name: cast("LiteralString", body.strip())
            for name, body in zip(names, bodies, strict=True)
        }

    def __getitem__(self, name: str) -> LiteralString:
        return self._queries[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._queries)

    def __len__(self) -> int:
        return len(self._queries)


def conninfo(url: str, role: Role | None, application: str) -> str:
    """Return the connection string for one process: its role, its name, its time-out, UTC."""
    options = "-c timezone=UTC" + (f" -c role={role.value}" if role else "")
    try:
        return make_conninfo(
            url, connect_timeout=CONNECT_TIMEOUT_S, application_name=application, options=options
        )
    except psycopg.ProgrammingError:
        # Never the address itself: it holds a password.
        raise SettingsError(
            "the address of the database cannot be read; expected postgresql://user:password@host/name"
        ) from None


async def connect(url: str, role: Role | None, application: str, **options: Any) -> Connection:  # noqa: ANN401 -- psycopg's own keywords
    """Open a connection that works as `role`.

    Raises:
        ServerUnavailableError: the server did not let us in; the message has its own words.
    """
    try:
        return await psycopg.AsyncConnection.connect(conninfo(url, role, application), **options)
    except psycopg.OperationalError as error:
        why = " ".join(str(error).split())
        raise ServerUnavailableError(f"the database did not answer: {why}") from error
