"""Readings into their table: straight, or by way of a staging table where an epoch may be taken.

Promises: a reading that was there before stays as it is, and the answer says which are new. Either
way leaves the same rows. A batch that goes straight and meets an epoch that was claimed before is
undone to where it began and taken through staging in the same transaction.
"""

from __future__ import annotations

from typing import Final

from psycopg import AsyncCursor
from psycopg.errors import UniqueViolation
from psycopg.rows import TupleRow

from ingest.rows import Rows, copy_bytes, copy_bytes_with_nulls, split_known
from tidewell.crashpoints import CrashPoint, crashpoint
from tidewell.database import Connection, Queries

QUERIES: Final = Queries("ingest.committing", "readings.sql")
STAGED_AFTER_A_CLASH: Final = 100
"""Batches. What a device says twice under two numbers costs a COPY in vain, and dead rows, at most
once in so many; the longer way costs twice as much as the straight one."""

Stored = tuple[Rows, dict[tuple[int, int, int], int]]
"""The new rows, and how many epochs of each frame (device, boot, seq) contradict stored ones."""


class ReadingWriter:
    """Writes readings in the transactions of one connection."""

    def __init__(self) -> None:
        self._staged_for = 0

    async def prepare(self, connection: Connection) -> None:
        """Make the staging table of this connection."""
        await connection.execute(QUERIES["create_staging"])

    async def add(self, cursor: AsyncCursor[TupleRow], rows: Rows) -> Stored:
        """Store readings that are not there yet."""
        if self._staged_for:
            self._staged_for -= 1
        elif await self._went_straight(cursor, rows):
            crashpoint(CrashPoint.AFTER_COPY_BEFORE_COMMIT)
            return rows, {}
        return await _by_way_of_staging(cursor, rows)

    async def _went_straight(self, cursor: AsyncCursor[TupleRow], rows: Rows) -> bool:
        try:
            async with (
                cursor.connection.transaction(),
                cursor.copy(QUERIES["copy_readings"]) as copy,
            ):
                await copy.write(copy_bytes_with_nulls(rows))
        except UniqueViolation:
            self._staged_for = STAGED_AFTER_A_CLASH
            return False
        return True


async def _by_way_of_staging(cursor: AsyncCursor[TupleRow], rows: Rows) -> Stored:
    async with cursor.copy(QUERIES["copy_staging"]) as copy:
        await copy.write(copy_bytes(rows))
    await cursor.execute(QUERIES["insert_readings"])
    crashpoint(CrashPoint.AFTER_COPY_BEFORE_COMMIT)
    if cursor.rowcount == len(rows):
        return rows, {}
    known = await (await cursor.execute(QUERIES["rows_not_inserted"])).fetchall()
    return split_known(rows, known)
