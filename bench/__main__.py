"""`python -m bench detect` and `python -m bench write`: figures, and what they stand beside.

A figure of one machine says little, so each is also given as a ratio to a plain piece of work that
was timed in the same run. Nothing here is a test: a slow machine is no defect.
"""

from __future__ import annotations

import asyncio
import json
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Final

import numpy as np
import psycopg

from detect import Detector, ReadingBatch
from ingest.rows import Rows, copy_bytes
from ingest.store import QUERIES
from tidewell.clock import monotonic_s, now_ms
from tidewell.embedded.postgres import PostgresServer
from tidewell.local_time import zone_table
from tidewell.schema import migrate
from tidewell.vocabulary import CHANNELS

PEOPLE: Final = 2_000
MINUTES: Final = 120
RUNS: Final = 5
PASSABLE: Final = 0o711


def main() -> None:
    """Run one benchmark and print its figures as one JSON object."""
    benches = {"detect": bench_detect, "write": bench_write}
    if len(sys.argv) != 2 or sys.argv[1] not in benches:
        sys.exit(f"usage: python -m bench {' | '.join(benches)}")
    print(json.dumps(benches[sys.argv[1]](), indent=2))


def bench_detect() -> dict[str, float]:
    """Time the detector on two hours of many people, against a stable sort of the same rows."""
    rng = np.random.default_rng(1)
    person = np.repeat(np.arange(PEOPLE), MINUTES)
    time_ms = np.tile(1_760_000_000_000 + np.arange(MINUTES) * 60_000, PEOPLE)
    values = rng.normal(70, 5, (len(person), len(CHANNELS))).astype(np.float32)
    batch = ReadingBatch(person, time_ms, time_ms, np.full(len(person), 60), values)

    def update() -> None:
        detector = Detector(silence_after_s=4 * 3_600)
        for one in range(PEOPLE):
            detector.add_person(one, zone_table("Europe/London"))
        detector.update(batch)

    update_s = _best(update)
    sort_s = _best(lambda: np.argsort(rng.permutation(person), kind="stable"))
    return {
        "rows_per_second": round(len(person) / update_s),
        "times_a_stable_sort": round(update_s / sort_s, 1),
    }


def bench_write() -> dict[str, float]:
    """Time what a batch writes, against a bare binary COPY of the same rows."""
    with tempfile.TemporaryDirectory(prefix="tidewell-bench-") as folder:
        Path(folder).chmod(PASSABLE)
        server = PostgresServer(Path(folder) / "postgres")
        server.start()
        try:
            asyncio.run(migrate(server.url, "plain"))
            return _write(server.url)
        finally:
            server.stop()


def _write(url: str) -> dict[str, float]:
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(QUERIES["create_staging"])
        connection.execute("CREATE UNLOGGED TABLE bare AS SELECT * FROM staging")
        store_s = _best(lambda: _store(connection))
        copy_s = _best(lambda: _copy(connection, "COPY bare FROM STDIN (FORMAT binary)"))
    rows = PEOPLE * MINUTES
    return {
        "rows_per_second": round(rows / store_s),
        "times_a_bare_copy": round(store_s / copy_s, 1),
    }


def _store(connection: psycopg.Connection[tuple[object, ...]]) -> None:
    with connection.transaction():
        _copy(connection, QUERIES["copy_staging"])
        connection.execute(QUERIES["insert_readings"])


def _copy(connection: psycopg.Connection[tuple[object, ...]], statement: str) -> None:
    with connection.cursor() as cursor, cursor.copy(statement.encode()) as copy:
        copy.write(copy_bytes(_rows()))


_calls = 0


def _rows() -> Rows:
    """Return rows whose epochs no earlier call has used."""
    global _calls  # noqa: PLW0603 -- every run has to insert, never to skip
    _calls += 1
    count = PEOPLE * MINUTES
    ones = np.ones(count, np.int64)
    first_ms = now_ms() // 60_000 * 60_000 + _calls * MINUTES * 60_000
    return Rows(
        frame=ones,
        person_id=np.repeat(np.arange(PEOPLE), MINUTES),
        time_ms=first_ms + np.tile(np.arange(MINUTES) * 60_000, PEOPLE),
        device_id=ones,
        period_s=60 * ones,
        boot=ones,
        seq=np.arange(count),
        received_ms=now_ms() * ones,
        values=np.full((count, len(CHANNELS)), 60, np.float32),
    )


def _best(work: Callable[[], object]) -> float:
    times = []
    for _ in range(RUNS):
        started_s = monotonic_s()
        work()
        times.append(monotonic_s() - started_s)
    return min(times)


if __name__ == "__main__":
    main()
