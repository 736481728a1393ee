"""Lets go of what is older than the settings say, class by class, and writes down what went.

It works as the owner of the database. Each class is a transaction (of readings, each person), so it
may be killed at any moment and run again. People on hold are left out. It also erases again what
came in late for people who were erased lately, and lets go of answers that were kept for programs.
Must never delete what has no setting, but for those answers: they are good for a day.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from psycopg.types.json import Jsonb

from tidewell.clock import monotonic_s
from tidewell.database import Connection, Queries, connect
from tidewell.lawful.erasing import QUERIES as ERASING
from tidewell.lawful.erasing import Subject, erase_rows
from tidewell.lawful.tables import KeepClass, tables
from tidewell.logs import get_logger
from tidewell.schema import StorageMode, storage_mode
from tidewell.settings import Settings

QUERIES: Final = Queries("tidewell.lawful", "retention.sql")

SWEPT_FOR: Final = timedelta(days=45)
"""A device that lay in a drawer sends weeks later; by then the broker has refused it."""
ERASED: Final = "erased_people"
"""The class of what came in for somebody who was erased."""
ANSWERS: Final = "answers"
"""The class of what programs were answered."""
ANSWERS_KEPT: Final = timedelta(hours=24)
"""As long as a request may come again; whoever asks no more would leave theirs for ever."""
_OLD_ANSWERS: Final = {
    "api_answer": "old_answers",
    "admin_answer": "old_answers_of_administrators",
}

CUT: Final = (
    KeepClass.READINGS,
    KeepClass.DAYS,
    KeepClass.RECORD,
    KeepClass.LEDGER,
    KeepClass.DEAD_LETTERS,
    KeepClass.SESSIONS,
)
"""Classes that go by age. The access log does not: each entry vouches for the one before it."""


@dataclass(frozen=True, slots=True)
class Gone:
    """What went of one class; `before` is None where the site keeps all of it."""

    class_name: str
    before: datetime | None
    rows: Mapping[str, int]
    people_on_hold: int
    seconds: float

    def sentence(self, verb: str) -> str:
        """Return one line about it.

        Example:
            >>> Gone("days", None, {}, 0, 0.0).sentence("went")
            'days: kept'
        """
        if self.class_name != ERASED and self.before is None:
            return f"{self.class_name}: kept"
        age = f" from before {self.before:%Y-%m-%d}" if self.before else ""
        what = ", ".join(f"{rows:,} {name}" for name, rows in self.rows.items() if rows)
        held = (
            f"; {self.people_on_hold} people on hold were left out" if self.people_on_hold else ""
        )
        return f"{self.class_name}{age}: {what or 'nothing'} {verb}{held}"


def kept_for(settings: Settings) -> dict[KeepClass, timedelta | None]:
    """Return how long each class that goes by age is kept; None means until erased."""
    days = {
        KeepClass.READINGS: settings.keep_readings_d,
        KeepClass.DAYS: settings.keep_days_d,
        KeepClass.RECORD: settings.keep_record_d,
        KeepClass.LEDGER: settings.keep_ledger_d,
        KeepClass.DEAD_LETTERS: settings.keep_dead_letters_d,
        KeepClass.SESSIONS: settings.keep_sessions_d,
    }
    return {one: None if days[one] is None else timedelta(days=days[one] or 0) for one in CUT}


async def last_run(url: str) -> datetime | None:
    """Return when it ran last."""
    async with await connect(url, None, "tidewell retention", autocommit=True) as connection:
        row = await (await connection.execute(QUERIES["last_run"])).fetchone()
    found: datetime | None = row[0] if row else None
    return found


async def run(url: str, settings: Settings, now: datetime, *, dry_run: bool = False) -> list[Gone]:
    """Let go of what is too old and return what went; a dry run takes it all back."""
    async with await connect(url, None, "tidewell retention", autocommit=True) as connection:
        mode = await storage_mode(connection)
        row = await (await connection.execute(QUERIES["people_on_hold"])).fetchone()
        assert row is not None  # an aggregate always answers
        one = _Run(connection, now, list(row[0]), mode is StorageMode.TIMESCALE, dry_run)
        gone = [await one.cut(which, age) for which, age in kept_for(settings).items()]
        gone += [await one.forget_answers(), await one.sweep()]
    if not dry_run:
        rows = {part.class_name: sum(part.rows.values()) for part in gone}
        get_logger().info("what was too old is gone", **rows)
    return gone


class _Run:
    """One run: the same moment, the same people on hold, one connection."""

    def __init__(
        self,
        connection: Connection,
        now: datetime,
        held: Sequence[int],
        has_chunks: bool,
        dry_run: bool,
    ) -> None:
        self._connection = connection
        self._now = now
        self._held = list(held)
        self._has_chunks = has_chunks
        self._dry_run = dry_run

    async def cut(self, which: KeepClass, age: timedelta | None) -> Gone:
        """Let go of what is too old of one class."""
        started_s = monotonic_s()
        before = None if age is None else self._now - age
        if before is None:
            rows: Mapping[str, int] = {}
        elif which is KeepClass.READINGS:
            rows = await self._cut_readings(before)
        else:
            rows = await self._cut_class(which, before)
        return await self._note(which.value, before, rows, started_s)

    async def forget_answers(self) -> Gone:
        """Let go of answers to requests that may not come again; a hold keeps none of them."""
        started_s, before = monotonic_s(), self._now - ANSWERS_KEPT
        old, rows = {"before": before}, {}
        async with self._connection.transaction(force_rollback=self._dry_run):
            for table, name in _OLD_ANSWERS.items():
                rows[table] = (await self._connection.execute(QUERIES[name], old)).rowcount
        return await self._note(ANSWERS, before, rows, started_s)

    async def sweep(self) -> Gone:
        """Erase again what came in for people who were erased lately."""
        started_s = monotonic_s()
        since = {"since": self._now - SWEPT_FOR}
        found = await (await self._connection.execute(ERASING["erased_lately"], since)).fetchall()
        rows: Counter[str] = Counter()
        for person_id, devices, hashes in found:
            subject = Subject(person_id, 0, b"", devices, hashes)
            async with self._connection.transaction(force_rollback=self._dry_run):
                rows.update(await erase_rows(self._connection, subject, None))
        return await self._note(ERASED, None, rows, started_s)

    async def _cut_class(self, which: KeepClass, before: datetime) -> dict[str, int]:
        values = {"before": before, "held": self._held}
        rows: dict[str, int] = {}
        async with self._connection.transaction(force_rollback=self._dry_run):
            await self._connection.execute(ERASING["see_every_row"])
            if which is KeepClass.RECORD:
                await self._connection.execute(QUERIES["forget_former_alerts"], values)
            for name, statement in QUERIES.items():
                # Readings went before: a person at a time, or a chunk.
                if name in tables() and tables()[name].keep is which and name != "reading":
                    rows[name] = (await self._connection.execute(statement, values)).rowcount
        return rows

    async def _cut_readings(self, before: datetime) -> dict[str, int]:
        if self._has_chunks and not self._held:
            minutes = await self._drop_chunks(before)
        else:
            minutes = await self._cut_each(before)
        return {"reading": minutes, **await self._cut_class(KeepClass.READINGS, before)}

    async def _cut_each(self, before: datetime) -> int:
        people = await (await self._connection.execute(QUERIES["people"])).fetchall()
        count = 0
        for person_id in sorted({one for (one,) in people} - set(self._held)):
            which = {"person_id": person_id, "before": before}
            async with self._connection.transaction(force_rollback=self._dry_run):
                await self._connection.execute(ERASING["allow_old_chunks"])
                cursor = await self._connection.execute(QUERIES["reading"], which)
                ((gone,),) = await cursor.fetchall()
                count += gone
        return count

    async def _drop_chunks(self, before: datetime) -> int:
        """Drop the chunks that are too old as a whole; the rest of a chunk goes a day later."""
        values = {"before": before}
        async with self._connection.transaction(force_rollback=self._dry_run):
            first = await (
                await self._connection.execute(QUERIES["old_readings"], values)
            ).fetchone()
            await self._connection.execute(QUERIES["drop_old_chunks"], values)
            left = await (
                await self._connection.execute(QUERIES["old_readings"], values)
            ).fetchone()
        assert first is not None  # count() always answers
        assert left is not None
        return int(first[0]) - int(left[0])

    async def _note(
        self, class_name: str, before: datetime | None, rows: Mapping[str, int], started_s: float
    ) -> Gone:
        gone = Gone(class_name, before, rows, len(self._held), monotonic_s() - started_s)
        if not self._dry_run:
            values = {
                "now": self._now,
                "class": class_name,
                "before": before,
                "gone": Jsonb({name: count for name, count in rows.items() if count}),
                "people_on_hold": gone.people_on_hold,
                "seconds": gone.seconds,
            }
            await self._connection.execute(QUERIES["note_run"], values)
        return gone
