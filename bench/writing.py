"""`python -m bench write`: what ingest writes for a batch, beside a bare binary COPY."""

from __future__ import annotations

import asyncio
import itertools
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import numpy as np
import psycopg

from bench.measuring import Figures, best_s
from ingest.committing.store import QUERIES
from ingest.rows import Rows, copy_bytes
from tidewell.clock import now_ms
from tidewell.embedded.postgres import PostgresServer
from tidewell.schema import migrate
from tidewell.vocabulary import CHANNELS

PEOPLE: Final = 2_000
QUICK_PEOPLE: Final = 50
MINUTES: Final = 120
PASSABLE: Final = 0o711
"""The account that PostgreSQL runs under has to get through the temporary folder."""

Connection = psycopg.Connection[tuple[object, ...]]


def run(*, quick: bool = False) -> Figures:
    """Time what a batch writes, against a bare binary COPY of the same rows."""
    people = QUICK_PEOPLE if quick else PEOPLE
    with tempfile.TemporaryDirectory(prefix="tidewell-bench-") as folder:
        Path(folder).chmod(PASSABLE)
        server = PostgresServer(Path(folder) / "postgres")
        server.start()
        try:
            asyncio.run(migrate(server.url, "plain"))
            return _write(server.url, people)
        finally:
            server.stop()


def _write(url: str, people: int) -> Figures:
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(QUERIES["create_staging"])
        connection.execute("CREATE UNLOGGED TABLE bare AS SELECT * FROM staging")
        batches = _batches(people)
        store_s = best_s(lambda: _store(connection, next(batches)))
        copy_s = best_s(
            lambda: _copy(connection, "COPY bare FROM STDIN (FORMAT binary)", next(batches))
        )
    return {
        "rows_per_second": round(people * MINUTES / store_s),
        "times_a_bare_copy": round(store_s / copy_s, 1),
    }


def _store(connection: Connection, rows: Rows) -> None:
    with connection.transaction():
        _copy(connection, QUERIES["copy_staging"], rows)
        connection.execute(QUERIES["insert_readings"])


def _copy(connection: Connection, statement: str, rows: Rows) -> None:
    with connection.cursor() as cursor, cursor.copy(statement.encode()) as copy:
        copy.write(copy_bytes(rows))


def _batches(people: int) -> Iterator[Rows]:
    """Yield rows whose epochs no earlier batch has used: every run inserts, and never skips."""
    count = people * MINUTES
    ones = np.ones(count, np.int64)
    received_ms = now_ms()
    for number in itertools.count(1):
        first_ms = received_ms // 60_000 * 60_000 + number * MINUTES * 60_000
        yield Rows(
            frame=ones,
            person_id=np.repeat(np.arange(people), MINUTES),
            time_ms=first_ms + np.tile(np.arange(MINUTES) * 60_000, people),
            device_id=ones,
            period_s=60 * ones,
            boot=ones,
            seq=np.arange(count),
            received_ms=received_ms * ones,
            values=np.full((count, len(CHANNELS)), 60, np.float32),
        )
