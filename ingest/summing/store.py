"""Hours, and days in one row, as the database keeps them: which are due, how they are made.

Promises: a day that gets a reading after its hours were made is noted in the transaction that
stores it, and pages read its minutes until its hours are made again. Hours are made while the
worker of their shard is held back, so that none is made beside a batch. Never: changes a reading.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from typing import Final

import numpy as np
from psycopg import AsyncCursor
from psycopg.rows import TupleRow

from ingest.rows import Rows
from ingest.store import QUERIES as INGEST_QUERIES
from ingest.store import Transaction
from tidewell.database import Connection, Queries, Role, connect
from tidewell.local_time import DAY_MS, day_date

QUERIES: Final = Queries("ingest.summing", "hours.sql")
PEOPLE_AT_ONCE: Final = 500
"""Asked for in one query; the rest are found by the next one."""
SLICE_DAYS: Final = 4
"""Six thousand minutes of one person take some 20 ms: so long does a frame of the shard wait."""
SLICE_READINGS_MOST: Final = 10_000
"""With epochs of less than a minute four days have more, and are made a day at a time."""
KEPT_WAITING_MOST: Final = "200ms"
"""So long does a frame wait at the worst; less than a database takes to look for a deadlock."""
_DAY: Final = timedelta(days=1)


async def note_late_days(transaction: Transaction, rows: Rows | None, received_ms: int) -> None:
    """Note the days of readings for which hours may have been made: all from before yesterday."""
    if rows is None:
        return
    late = rows.time_ms < received_ms // DAY_MS * DAY_MS - DAY_MS
    if not late.any():
        return
    keys = np.stack([rows.person_id[late], rows.time_ms[late] // DAY_MS])
    people, days = np.unique(keys, axis=1)
    noted = {"people": people.tolist(), "days": [day_date(day) for day in days.tolist()]}
    await transaction.execute(QUERIES["note_days_again"], noted)


class HoursStore:
    """A way to the database of its own: no batch waits for the answer to a question of hours."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    @classmethod
    @asynccontextmanager
    async def open(cls, url: str, lease_s: int) -> AsyncIterator[HoursStore]:
        """Connect as ingest.

        Raises:
            ServerUnavailableError: the database did not answer.
        """
        name = "tidewell, making hours"
        async with await connect(url, Role.INGEST, name, autocommit=True) as connection:
            # Hours that a crash takes back are made again, so that nobody need wait for the disk.
            await connection.execute(QUERIES["no_wait_for_the_disk"])
            # Whoever freezes here must not hold the shard's row beyond the lease of its worker.
            await connection.execute(INGEST_QUERIES["give_up_when_idle"], {"most": f"{lease_s}s"})
            yield cls(connection)

    async def due(self, shards: Sequence[int], after: int = -1) -> list[tuple[int, int]]:
        """Return people of these shards with hours to make, in order, and the shard of each."""
        which = {"shards": list(shards), "after": after, "most": PEOPLE_AT_ONCE}
        async with self._connection.cursor() as cursor:
            return await (await cursor.execute(QUERIES["hours_due"], which)).fetchall()

    async def make_some(self, person_id: int, shard: int) -> bool:
        """Make the next hours of a person; return whether more are left.

        Raises:
            psycopg.errors.LockNotAvailable: somebody else has been at these hours for too long.
        """
        readings = await self._read_ahead(person_id, shard)
        days = SLICE_DAYS if readings <= SLICE_READINGS_MOST else 1
        async with self._connection.transaction(), self._connection.cursor() as cursor:
            hours_end = await _one(cursor, "hold_shard_for_hours", shard=shard)
            await cursor.execute(QUERIES["give_up_when_kept_waiting"], {"most": KEPT_WAITING_MOST})
            first = await _one(cursor, "hours_made_upto", person_id=person_id)
            if hours_end is None or not await _is_known(cursor, person_id):
                return False
            upto = hours_end
            if first is not None and first < hours_end:
                upto = min(first + days * _DAY, hours_end)
                await _make(cursor, person_id, first, upto)
            if first != upto:
                await cursor.execute(
                    QUERIES["note_hours_upto"], {"person_id": person_id, "upto": upto}
                )
            is_more = await self._make_again(cursor, person_id, upto, days)
            return is_more or upto < hours_end

    async def _read_ahead(self, person_id: int, shard: int) -> int:
        """Let the database fetch the next slice while nobody waits; return how many readings."""
        async with self._connection.cursor() as cursor:
            first = await _one(cursor, "hours_made_upto", person_id=person_id)
            end = None if first is None else first + SLICE_DAYS * _DAY
            which = {"person_id": person_id, "shard": shard, "most": SLICE_DAYS}
            slice_of = {"first_time": first, "end_time": end}
            row = await (await cursor.execute(QUERIES["read_ahead"], which | slice_of)).fetchone()
            assert row is not None  # an aggregate always answers
            return int(row[0])

    async def _make_again(
        self, cursor: AsyncCursor[TupleRow], person_id: int, upto: datetime, most: int
    ) -> bool:
        """Make the hours of days that changed; those that were not made yet have their turn."""
        which = {"person_id": person_id, "most": most}
        days = await (await cursor.execute(QUERIES["take_days_again"], which)).fetchall()
        for (first,) in days:
            if first < upto:
                await _make(cursor, person_id, first, first + _DAY)
        return len(days) == most


async def _make(
    cursor: AsyncCursor[TupleRow], person_id: int, first: datetime, end: datetime
) -> None:
    which = {"person_id": person_id, "first_time": first, "end_time": end}
    for name in ("clear_hours", "make_hours", "clear_days", "make_days"):
        await cursor.execute(QUERIES[name], which)


async def _one(cursor: AsyncCursor[TupleRow], name: str, **which: object) -> datetime | None:
    row = await (await cursor.execute(QUERIES[name], which)).fetchone()
    found: datetime | None = row[0] if row else None
    return found


async def _is_known(cursor: AsyncCursor[TupleRow], person_id: int) -> bool:
    await cursor.execute(QUERIES["is_enrolled"], {"person_id": person_id})
    return cursor.rowcount == 1
