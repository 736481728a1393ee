"""Repairs as the database keeps them: what is noted, what a replay reads, what it may write.

Promises: too late readings are noted in the transaction that stores them. Days are written only
where nobody changed them since they were read, while the worker of their shard is held back, and in
one transaction with the outcome. Never: touches an episode, an alert, or a snapshot.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, date, datetime
from typing import Any, Final

from psycopg.rows import TupleRow, dict_row

from ingest.committing.scoring import Found
from ingest.committing.signals import HeardSignal, Signal
from ingest.committing.store import ReadingWriter
from ingest.reasons import RepairOutcome, SignalKind
from ingest.repairing.judging import Day, Job, days_to_write, is_history_gone, now_unusual
from ingest.rows import Rows, parse_copy
from ingest.store import Transaction
from tidewell.clock import now_utc
from tidewell.database import Connection, Queries, Role, connect

QUERIES: Final = Queries("ingest.repairing", "repairs.sql")
EARLIEST: Final = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Who:
    """Whose days these are; the label is no name."""

    label: str
    shard: int
    timezone: str


@dataclass(frozen=True, slots=True)
class Position:
    """The last reading that a replay has seen."""

    time: datetime = EARLIEST
    device_id: int = -1


async def save_found(transaction: Transaction, found: Found, detector_version: str) -> None:
    """Store what scoring brought to light, and note what came too late for it."""
    await transaction.save_days(found.days, detector_version)
    await transaction.save_episodes(found.episodes, detector_version)
    for late in found.to_repair:
        await transaction.execute(QUERIES["note_too_late"], asdict(late))


class RepairStore:
    """A repair's own way to the database; nobody else waits for it."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    @classmethod
    @asynccontextmanager
    async def open(cls, url: str) -> AsyncIterator[RepairStore]:
        """Connect as ingest.

        Raises:
            ServerUnavailableError: the database did not answer.
        """
        name = "tidewell, judging days again"
        async with await connect(url, Role.INGEST, name, autocommit=True) as connection:
            yield cls(connection)

    async def next_job(self, shards: Sequence[int], quiet_since: datetime) -> Job | None:
        """Return the repair of these shards that waits longest and is not being widened."""
        rows = await self._all("next_repair", shards=list(shards), quiet_since=quiet_since)
        return Job(*rows[0]) if rows else None

    async def open_jobs(self, label: str | None) -> list[Job]:
        """Return all repairs that wait, or those of one person."""
        return [Job(*row) for row in await self._all("open_repairs", label=label)]

    async def whole_history(self, label: str) -> Job | None:
        """Return all days of a person; None where none was ever judged."""
        rows = await self._all("whole_history", label=label)
        return Job(*rows[0]) if rows else None

    async def is_known(self, label: str) -> bool:
        """Return whether anybody is enrolled under this label."""
        return bool((await self._all("label_known", label=label))[0][0])

    async def who(self, person_id: int) -> Who:
        """Return whose days these are."""
        return Who(*(await self._all("who", person_id=person_id))[0])

    async def is_history_gone(self, job: Job) -> bool:
        """Return whether the readings that a replay would have to begin with are not kept."""
        ((first_reading, first_judged),) = await self._all("reach", person_id=job.person_id)
        begins = None if first_reading is None else first_reading.date()
        return is_history_gone(job.first_day, begins, first_judged)

    async def days(self, job: Job) -> dict[date, Day]:
        """Return the stored days from the first one of a repair on."""
        which = {"person_id": job.person_id, "first_day": job.first_day}
        async with self._connection.cursor(row_factory=dict_row) as cursor:
            rows = await (await cursor.execute(QUERIES["stored_days"], which)).fetchall()
        return {row["day"]: row for row in rows}

    async def signals(self, person_id: int) -> list[HeardSignal]:
        """Return what the detector was told about a person, in order."""
        return [
            HeardSignal(heard_ms, Signal(person, SignalKind(kind), source_id, content), number)
            for heard_ms, person, kind, source_id, content, number in await self._all(
                "signals", person_id=person_id
            )
        ]

    async def readings(self, person_id: int, after: Position, most: int) -> Rows:
        """Return the next readings of a person, by time and device."""
        which = {"person_id": person_id, "most": most}
        place = {"after_time": after.time, "after_device": after.device_id}
        async with (
            self._connection.cursor() as cursor,
            cursor.copy(QUERIES["copy_readings_by_time"], which | place) as copy,
        ):
            return parse_copy(b"".join([bytes(part) async for part in copy]))

    async def write(
        self,
        job: Job,
        shard: int,
        stored: Mapping[date, Day],
        judged: Mapping[date, Day],
        detector_version: str,
    ) -> list[Day] | None:
        """Write the days that differ, and the outcome; return them.

        None where a day was changed or the repair was widened or done since `stored` was read:
        nothing is written then.
        """
        written = days_to_write(job, stored, judged)
        async with self._transaction(shard) as transaction:
            if not await self._is_still_open(job) or await self.days(job) != stored:
                return None
            await transaction.save_days(written, detector_version)
            is_other = RepairOutcome.JUDGED_AGAIN if written else RepairOutcome.NOTHING_DIFFERED
            await self._finish(transaction, job, is_other, stored, written)
        return written

    async def give_up(self, job: Job, shard: int, outcome: RepairOutcome) -> None:
        """Note that these days stay as they are, and why."""
        async with self._transaction(shard) as transaction:
            if await self._is_still_open(job):
                await self._finish(transaction, job, outcome, {}, [])

    @asynccontextmanager
    async def _transaction(self, shard: int) -> AsyncIterator[Transaction]:
        async with self._connection.transaction(), self._connection.cursor(binary=True) as cursor:
            await cursor.execute(QUERIES["hold_shard"], {"shard": shard})
            yield Transaction(cursor, now_utc(), ReadingWriter())

    async def _is_still_open(self, job: Job) -> bool:
        if job.repair_id is None:
            return True
        rows = await self._all("hold_repair", repair_id=job.repair_id)
        return [readings for (readings,) in rows] == [job.readings]

    async def _finish(
        self,
        transaction: Transaction,
        job: Job,
        outcome: RepairOutcome,
        stored: Mapping[date, Day],
        written: list[Day],
    ) -> None:
        said = {
            "outcome": outcome.value,
            "days_changed": len(written),
            "days_now_unusual": len(now_unusual(stored, written)),
        }
        if job.repair_id is not None:
            which: dict[str, Any] = {"repair_id": job.repair_id}
            await transaction.execute(QUERIES["finish_repair"], which | said)
            return
        days = {"first_day": job.first_day, "last_day": job.last_day}
        which = {"person_id": job.person_id} | days
        await transaction.execute(QUERIES["note_asked_for"], which | said)

    async def _all(self, name: str, **parameters: object) -> list[TupleRow]:
        async with self._connection.cursor() as cursor:
            return await (await cursor.execute(QUERIES[name], parameters)).fetchall()
