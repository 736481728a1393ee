"""A database in memory that answers the statements of Tidewell as PostgreSQL would.

What the stores ask is looked up by its SQL text, so the stores themselves are the real ones. Each
statement sees what is committed and what its own transaction wrote (READ COMMITTED); whoever
changes a row holds it to the end of the transaction; a commit happens as a whole or not at all.
`tests/integration/test_store_contract.py` holds it against the real one.

Never answers a statement that it does not know: a run with one fails and names it.
"""

from __future__ import annotations

import asyncio
from collections.abc import (
    AsyncIterator,
    Awaitable,
    Callable,
    Iterable,
    Iterator,
    Mapping,
    Sequence,
)
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime
from types import SimpleNamespace
from typing import Any, Final, Self

import psycopg
from psycopg.pq import ExecStatus
from psycopg.types.json import Jsonb

from tests.simulation.copying import Copy
from tests.simulation.savepoints import savepoint
from tidewell import clock
from tidewell.database import Queries
from tidewell.local_time import utc_moment

Row = dict[str, Any]
Key = tuple[Any, ...]
Place = tuple[str, Key]


@dataclass(frozen=True, slots=True)
class Answer:
    """What a statement returns: rows as mappings, or how many it touched, or bytes of a COPY."""

    rows: Sequence[Row] = ()
    touched: int = 0
    copied: bytes = b""


Run = Callable[["Work", Mapping[str, Any]], Awaitable[Answer]]


@dataclass(frozen=True, slots=True)
class Statement:
    """A statement that the database knows."""

    name: str
    run: Run


class Statements:
    """All statements, by their text."""

    def __init__(self) -> None:
        self._by_text: dict[str, Statement] = {}

    def of(self, queries: Queries, name: str) -> Callable[[Run], Run]:
        """Register a function as the answer to a named query."""

        def register(run: Run) -> Run:
            text = queries[name]
            known = self._by_text.get(text)
            assert known is None or known.run is run, f"{name} has two answers"
            self._by_text[text] = Statement(name, run)
            return run

        return register

    def __getitem__(self, text: str) -> Statement:
        try:
            return self._by_text[text]
        except KeyError:
            raise NotImplementedError(
                "the database in memory has no answer to this statement; "
                f"write one in tests/simulation: {text[:200]}"
            ) from None

    def __contains__(self, text: str) -> bool:
        return text in self._by_text


STATEMENTS: Final = Statements()


class Commit:
    """What a transaction wrote, as those who watch commits see it."""

    def __init__(
        self, session: Connection, writes: Mapping[Place, tuple[Row | None, Row | None]]
    ) -> None:
        self.session = session
        self.writes = writes

    def of(self, table: str) -> Iterator[tuple[Key, Row | None, Row | None]]:
        """Return key, row before and row after of what changed in a table."""
        for (name, key), (before, after) in self.writes.items():
            if name == table:
                yield key, before, after


class Interference:
    """Where faults come in; this one does nothing."""

    async def before_statement(self, session: Connection, name: str) -> None:
        """May wait, or raise what a database that goes away raises."""

    async def before_commit(self, session: Connection) -> None:
        """May wait, or raise: the commit then never happens."""

    async def after_commit(self, session: Connection) -> None:
        """May wait, or raise: the commit has happened and its answer is lost."""


@dataclass
class MemoryDatabase:
    """Tables, who holds which row, and who listens."""

    interference: Interference = field(default_factory=Interference)
    watchers: list[Callable[[Commit], None]] = field(default_factory=list)
    tables: dict[str, dict[Key, Row]] = field(default_factory=dict)
    holders: dict[Place, Work] = field(default_factory=dict)
    sequences: dict[str, int] = field(default_factory=dict)
    sessions: dict[Connection, None] = field(default_factory=dict)
    is_up: bool = True
    time_ms: Callable[[], int] = clock.now_ms

    @property
    def now(self) -> datetime:
        """Return what `clock_timestamp()` says."""
        return utc_moment(self.time_ms())

    def table(self, name: str) -> dict[Key, Row]:
        """Return the committed rows of a table."""
        return self.tables.setdefault(name, {})

    def next_number(self, sequence: str) -> int:
        """Return the next number; as in PostgreSQL, one that was rolled back is gone."""
        self.sequences[sequence] = self.sequences.get(sequence, 0) + 1
        return self.sequences[sequence]

    def put(self, table: str, key: Key, row: Row) -> None:
        """Write a row from outside any session: how a run is set up, and what people do."""
        self.table(table)[key] = row

    def notify(self, channel: str) -> None:
        """Hint to whoever listens."""
        for session in self.sessions:
            if channel in session.channels:
                session.hinted.set()

    def connect(self, application: str) -> Connection:
        """Let a client in."""
        if not self.is_up:
            raise psycopg.OperationalError("the database is not there")
        session = Connection(self, application)
        self.sessions[session] = None
        return session

    def drop_all(self) -> None:
        """Lose every session, as a restart does."""
        for session in list(self.sessions):
            session.sever()


class Work:
    """A transaction: what it wrote, what it holds."""

    def __init__(self, session: Connection) -> None:
        self.session = session
        self.database = session.database
        self.writes: dict[Place, Row | None] = {}
        self.held: list[Place] = []
        self.hints: list[str] = []
        self.staged: Any = None
        self.ended = asyncio.Event()

    def get(self, table: str, key: Key) -> Row | None:
        """Return a row as this transaction sees it."""
        place = (table, key)
        if place in self.writes:
            return self.writes[place]
        return self.database.table(table).get(key)

    def rows(self, table: str) -> list[tuple[Key, Row]]:
        """Return all rows as this transaction sees them."""
        committed = self.database.table(table)
        mine = {key: row for (name, key), row in self.writes.items() if name == table}
        if not mine:
            return list(committed.items())
        merged = {**committed, **mine}
        return [(key, row) for key, row in merged.items() if row is not None]

    def select(self, table: str, **wanted: object) -> list[Row]:
        """Return the rows with these values."""
        return [
            row
            for _, row in self.rows(table)
            if all(row[name] == value for name, value in wanted.items())
        ]

    def is_held_by_another(self, table: str, key: Key) -> bool:
        """Return whether another transaction holds a row."""
        return self.database.holders.get((table, key), self) is not self

    async def hold(self, table: str, key: Key) -> Row | None:
        """Hold a row until the transaction ends, waiting for whoever has it; return it."""
        place = (table, key)
        while (holder := self.database.holders.get(place, self)) is not self:
            _refuse_circle(self, holder)
            self.session.waits_for = holder
            try:
                await holder.ended.wait()
            finally:
                self.session.waits_for = None
            self.session.raise_if_gone()
        if place not in self.database.holders:
            self.database.holders[place] = self
            self.held.append(place)
        return self.get(table, key)

    async def put(self, table: str, key: Key, row: Row) -> None:
        """Write a row."""
        await self.hold(table, key)
        self.writes[table, key] = row

    async def delete(self, table: str, key: Key) -> None:
        """Delete a row."""
        await self.hold(table, key)
        self.writes[table, key] = None

    def commit(self) -> None:
        """Make everything visible at once."""
        if not self.writes and not self.hints:
            self.end()
            return
        database = self.database
        changes = {
            (table, key): (database.table(table).get(key), row)
            for (table, key), row in self.writes.items()
        }
        for (table, key), row in self.writes.items():
            if row is None:
                database.table(table).pop(key, None)
            else:
                database.table(table)[key] = row
        for channel in self.hints:
            database.notify(channel)
        self.end()
        if changes:
            for watch in database.watchers:
                watch(Commit(self.session, changes))

    def end(self) -> None:
        """Let go of everything."""
        for place in self.held:
            del self.database.holders[place]
        self.held = []
        self.writes = {}
        self.ended.set()


def _refuse_circle(work: Work, holder: Work) -> None:
    waits_for: Work | None = holder
    while waits_for is not None:
        if waits_for is work:
            raise psycopg.errors.DeadlockDetected("a circle of transactions that wait")
        waits_for = waits_for.session.waits_for


class Connection:
    """A session, as far as the stores use psycopg's `AsyncConnection`."""

    def __init__(self, database: MemoryDatabase, application: str) -> None:
        self.database = database
        self.application = application
        self.number = database.next_number("session")
        self.channels: set[str] = set()
        self.hinted = asyncio.Event()
        self.is_gone = False
        self.waits_for: Work | None = None
        self.process: Any = None
        self.idle_most_s: float | None = None
        self._patience: asyncio.TimerHandle | None = None
        self._work: Work | None = None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    def _begin_to_wait(self) -> None:
        """End the session if its transaction hears nothing for too long, as the server does."""
        if self.idle_most_s is not None and not self.is_gone:
            loop = asyncio.get_running_loop()
            self._patience = loop.call_later(self.idle_most_s, self.sever)

    def _hear(self) -> None:
        if self._patience is not None:
            self._patience.cancel()
            self._patience = None

    async def close(self) -> None:
        """End the session."""
        self.sever()

    def sever(self) -> None:
        """End the session from outside; what it has not committed is gone."""
        self.is_gone = True
        self.database.sessions.pop(self, None)
        self.hinted.set()
        if self._work is not None:
            self._work.end()

    def raise_if_gone(self) -> None:
        """Raise what psycopg raises when the server has gone away."""
        if self.is_gone:
            raise psycopg.OperationalError("the connection is lost")

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[None]:
        """Begin, and commit or roll back; inside another one, go back to here after an error."""
        self.raise_if_gone()
        if self._work is not None:
            with savepoint(self._work):
                yield
            return
        work = self._work = Work(self)
        self._begin_to_wait()
        try:
            yield
            self.raise_if_gone()
            await self._commit(work)
        finally:
            self._hear()
            work.end()
            self._work = None

    async def _commit(self, work: Work) -> None:
        await self.database.interference.before_commit(self)
        self.raise_if_gone()
        self._hear()
        work.commit()
        await self.database.interference.after_commit(self)

    async def run(self, query: str, parameters: Mapping[str, Any] | None) -> Answer:
        """Run one statement, in the transaction that is open or in its own."""
        return await self.run_many(query, [parameters or {}])

    async def run_many(
        self, query: str, many: Iterable[Mapping[str, Any]], staged: bytes | None = None
    ) -> Answer:
        """Run a statement for each set of parameters."""
        statement = STATEMENTS[query]
        await self.database.interference.before_statement(self, statement.name)
        self.raise_if_gone()
        self._hear()
        work = self._work or Work(self)
        if staged is not None:
            work.staged = staged
        answer = Answer()
        try:
            for parameters in many:
                answer = await statement.run(work, {k: _plain(v) for k, v in parameters.items()})
            if self._work is None:
                if work.writes:
                    await self._commit(work)
                else:
                    work.commit()
        finally:
            if self._work is None:
                work.end()
            else:
                self._begin_to_wait()
        return answer

    async def execute(self, query: str, parameters: Mapping[str, Any] | None = None) -> Cursor:
        """Run a statement and return its cursor."""
        return await self.cursor().execute(query, parameters)

    def cursor(
        self, *, binary: bool = False, row_factory: Callable[[Any], Any] | None = None
    ) -> Cursor:
        """Return a cursor."""
        del binary
        return Cursor(self, row_factory)

    async def notifies(self, *, timeout: float, stop_after: int) -> AsyncIterator[None]:  # noqa: ASYNC109 -- psycopg's own signature
        """Yield when there is a hint, at most for so long."""
        assert stop_after == 1
        self.raise_if_gone()
        try:
            async with asyncio.timeout(timeout):
                await self.hinted.wait()
        except TimeoutError:
            return
        self.hinted.clear()
        self.raise_if_gone()
        yield


def _plain(value: Any) -> Any:  # noqa: ANN401 -- any parameter
    return value.obj if isinstance(value, Jsonb) else value


class Cursor:
    """What a statement returned, as far as the stores use psycopg's `AsyncCursor`."""

    _encoding: Final = "utf-8"

    def __init__(self, session: Connection, row_factory: Callable[[Any], Any] | None) -> None:
        self.connection = session
        self._row_factory = row_factory
        self._answer = Answer()
        self._next = 0

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        return

    @property
    def rowcount(self) -> int:
        """Return how many rows the statement touched or found."""
        return self._answer.touched or len(self._answer.rows)

    @property
    def pgresult(self) -> Any:  # noqa: ANN401 -- what psycopg's row factories look at
        """Return the names of the columns, as psycopg's own row factories read them."""
        names = [name.encode() for name in self._answer.rows[0]] if self._answer.rows else []
        return SimpleNamespace(
            nfields=len(names), status=ExecStatus.TUPLES_OK, fname=lambda place: names[place]
        )

    async def execute(self, query: str, parameters: Mapping[str, Any] | None = None) -> Cursor:
        """Run a statement."""
        self._answer = await self.connection.run(query, parameters)
        self._next = 0
        return self

    async def executemany(self, query: str, many: Iterable[Mapping[str, Any]]) -> None:
        """Run a statement for each set of parameters."""
        self._answer = await self.connection.run_many(query, many)

    async def fetchone(self) -> Any:  # noqa: ANN401 -- a row of any shape
        """Return the next row."""
        rows = self._made(self._answer.rows[self._next : self._next + 1])
        self._next += len(rows)
        return rows[0] if rows else None

    async def fetchall(self) -> list[Any]:
        """Return the rows that are left."""
        rows = self._made(self._answer.rows[self._next :])
        self._next = len(self._answer.rows)
        return rows

    def _made(self, rows: Sequence[Row]) -> list[Any]:
        if not rows:
            return []
        values = [tuple(row.values()) for row in rows]
        if self._row_factory is None:
            return values
        make = self._row_factory(self)
        return [make(one) for one in values]

    @asynccontextmanager
    async def copy(
        self, query: str, parameters: Mapping[str, Any] | None = None
    ) -> AsyncIterator[Copy]:
        """Copy in what is written, or out what was asked for."""
        copy = Copy(await self.connection.run(query, parameters))
        yield copy
        if copy.written:
            await self.connection.run_many(query, [parameters or {}], b"".join(copy.written))
