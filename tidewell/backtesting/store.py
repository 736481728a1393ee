"""The stored days and readings that a backtest rests on.

Promises: one transaction that can only read, so that all of it is of one moment, nothing is ever
written, and ingest is not held up. Memory is bounded: days come for some people at a time, readings
in blocks. Never: reads anybody's name.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from psycopg import IsolationLevel
from psycopg.rows import TupleRow

from tidewell.database import Connection, Queries, Role, connect
from tidewell.local_time import day_date, day_number
from tidewell.vocabulary import CHANNEL_NAMES, FEATURE_NAMES, Level

QUERIES: Final = Queries("tidewell.backtesting", "store.sql")
READINGS_AT_ONCE: Final = 100_000
"""Ten megabytes a block; more at once would not be faster."""
COPY_HEADER_BYTES: Final = 19
POSTGRES_EPOCH_MS: Final = 946_684_800_000
"""PostgreSQL counts timestamps from 2000-01-01."""


def _row_of(fields: Sequence[tuple[str, str]]) -> np.dtype[Any]:
    """Return the type of a row of a binary COPY without NULL: each field follows its length."""
    parts = [part for name, kind in fields for part in ((f"{name}_bytes", ">i4"), (name, kind))]
    return np.dtype([("fields", ">i2"), *parts])


_DAY_ROW: Final = _row_of(
    [("person_id", ">i4"), ("day", ">i4"), *((name, ">f4") for name in FEATURE_NAMES)]
)
_READING_ROW: Final = _row_of(
    [
        ("person_id", ">i4"),
        ("time", ">i8"),
        ("received_at", ">i8"),
        ("period_s", ">i2"),
        *((name, ">f4") for name in CHANNEL_NAMES),
    ]
)


@dataclass(frozen=True, slots=True)
class StoredPerson:
    """A person by their label, which is no name."""

    person_id: int
    label: str
    timezone: str


@dataclass(frozen=True, slots=True)
class StoredDays:
    """Days that closed, by day and person: int64[n], int64[n], float32[n, features]."""

    person_id: NDArray[np.int64]
    day: NDArray[np.int64]
    features: NDArray[np.float32]

    def __len__(self) -> int:
        return len(self.person_id)


@dataclass(frozen=True, slots=True)
class StoredReadings:
    """Readings in the order of scoring: int64[n], int64[n], …, float32[n, channels]."""

    person_id: NDArray[np.int64]
    time_ms: NDArray[np.int64]
    received_ms: NDArray[np.int64]
    period_s: NDArray[np.int64]
    values: NDArray[np.float32]

    def __len__(self) -> int:
        return len(self.person_id)


@dataclass(frozen=True, slots=True)
class StoredSignal:
    """A note, an outcome or another model of device, as the detector was told it."""

    person_id: int
    kind: str
    heard_at: datetime
    content: dict[str, Any]


@dataclass(frozen=True, slots=True)
class StoredLimit:
    """A limit of somebody's agreed plan."""

    person_id: int
    channel: str
    direction: str
    value: float
    for_minutes: int
    level: Level
    while_resting: bool


class History:
    """One moment's view of what is stored."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    @classmethod
    @asynccontextmanager
    async def open(cls, url: str) -> AsyncIterator[History]:
        """Begin to read.

        Raises:
            ServerUnavailableError: the database did not answer.
        """
        async with await connect(url, Role.INGEST, "tidewell backtest") as connection:
            await connection.set_isolation_level(IsolationLevel.REPEATABLE_READ)
            await connection.set_read_only(True)
            yield cls(connection)

    async def people(self) -> list[StoredPerson]:
        """Return everybody who was ever enrolled."""
        return [StoredPerson(*row) for row in await self._all("people")]

    async def newest_day(self) -> int | None:
        """Return the newest day that closed for anybody, as days since 1970."""
        ((day,),) = await self._all("newest_day")
        return None if day is None else day_number(day)

    async def episodes_on_record(self, opened_from: datetime, opened_before: datetime) -> int:
        """Return how many episodes that asked for somebody opened between two moments."""
        ((count,),) = await self._all(
            "episodes_on_record", opened_from=opened_from, opened_before=opened_before
        )
        return int(count)

    async def days(self, people: Sequence[int], last_day: int) -> StoredDays:
        """Return all days of these people up to `last_day`, by day."""
        parts = [
            part
            async for part in self._blocks(
                "copy_days", _DAY_ROW, people=list(people), last_day=day_date(last_day)
            )
        ]
        table = np.concatenate([np.empty(0, _DAY_ROW), *parts])
        features = np.stack([table[name] for name in FEATURE_NAMES], axis=1)
        return StoredDays(
            table["person_id"].astype(np.int64),
            table["day"].astype(np.int64),
            features.astype(np.float32),
        )

    async def signals(self, people: Sequence[int]) -> list[StoredSignal]:
        """Return what the detector was told of these people, in that order."""
        return [StoredSignal(*row) for row in await self._all("signals", people=list(people))]

    async def plan_limits(self, people: Sequence[int]) -> list[StoredLimit]:
        """Return the limits of these people's plans."""
        rows = await self._all("plan_limits", people=list(people))
        return [
            StoredLimit(person_id, channel, direction, value, minutes, Level(level), resting)
            for person_id, channel, direction, value, minutes, level, resting in rows
        ]

    async def readings(
        self, people: Sequence[int], time_from: datetime, time_before: datetime
    ) -> AsyncIterator[StoredReadings]:
        """Yield the readings of these people in blocks."""
        which = {"people": list(people), "time_from": time_from, "time_before": time_before}
        async for table in self._blocks("copy_readings", _READING_ROW, **which):
            values = np.stack([table[name] for name in CHANNEL_NAMES], axis=1)
            yield StoredReadings(
                table["person_id"].astype(np.int64),
                table["time"].astype(np.int64) // 1000 + POSTGRES_EPOCH_MS,
                table["received_at"].astype(np.int64) // 1000 + POSTGRES_EPOCH_MS,
                table["period_s"].astype(np.int64),
                values.astype(np.float32),
            )

    async def _blocks(
        self, name: str, row: np.dtype[Any], **parameters: object
    ) -> AsyncIterator[NDArray[Any]]:
        """Yield the rows of a COPY; the two bytes at its end are no row."""
        held, skip = bytearray(), COPY_HEADER_BYTES
        most_bytes = READINGS_AT_ONCE * row.itemsize
        async with (
            self._connection.cursor() as cursor,
            cursor.copy(QUERIES[name], parameters) as copy,
        ):
            async for part in copy:
                held += part[skip:]
                skip = 0
                if len(held) >= most_bytes:
                    whole = len(held) // row.itemsize * row.itemsize
                    yield np.frombuffer(bytes(held[:whole]), row)
                    del held[:whole]
        if count := len(held) // row.itemsize:
            yield np.frombuffer(bytes(held), row, count)

    async def _all(self, name: str, **parameters: object) -> list[TupleRow]:
        async with self._connection.cursor() as cursor:
            return await (await cursor.execute(QUERIES[name], parameters)).fetchall()
