"""Leases on shards and a worker's place among the workers, as the database holds them.

Promises: a shard has one holder; whoever held it before cannot commit, because each hand-over
raises the shard's epoch and each transaction asks for it. Never takes a shard whose lease still
runs, unless it is this worker's own from before it was started again. Leases are times of the
database's clock, whatever the clocks of the workers say.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from typing import Final

from psycopg import AsyncCursor
from psycopg.rows import TupleRow

from ingest.leasing.shares import SLOT_COUNT
from ingest.leasing.site_clock import APART_MOST_MS, SiteClock
from tidewell.clock import monotonic_s, now_ms
from tidewell.database import Connection, Queries
from tidewell.errors import LeaseLostError, ServerUnavailableError
from tidewell.logs import get_logger
from tidewell.vocabulary import SHARD_COUNT

QUERIES: Final = Queries("ingest", "leasing/leases.sql")
SESSION_LEFT_AFTER: Final = timedelta(hours=1)
"""A worker that has not come back by then is not being restarted; its session would only fill the
broker's disk with frames that others have committed."""
APPLICATION: Final = "tidewell ingest"
"""The name under which workers of ingest are connected; only such sessions are ended."""
LONGEST_LEASE: Final = timedelta(seconds=600)
"""The longest that `TIDEWELL_LEASE_S` may be."""


class Leases:
    """What one worker holds; `epochs` are its shards with the epoch that fences each of them.

    `clock` goes by what the database says, and after the last moment of every shard that is taken.
    `on_renewed` is called whenever the database says that it still does: a sign of life.
    """

    def __init__(self, connection: Connection, owner: str, lease_s: int) -> None:
        self._connection = connection
        self._owner = owner
        self._lease = timedelta(seconds=lease_s)
        self.slot = 0
        self.clock = SiteClock()
        self._is_apart = False
        self.on_renewed: Callable[[], None] = lambda: None
        self.epochs: dict[int, int] = {}

    async def claim_slot(self) -> int:
        """Take a place among the workers; one that is started again gets its own.

        Raises:
            ServerUnavailableError: every slot is taken; one may come free.
        """
        row = await self._one(
            "claim_slot", owner=self._owner, lease=self._lease, longest=LONGEST_LEASE
        )
        if row is None:
            raise ServerUnavailableError(
                f"all {SLOT_COUNT} slots for workers are taken; stop one or wait for one"
            )
        self.slot = int(row[0])
        self._hear_the_time(int(row[1]))
        return self.slot

    async def renew_slot(self) -> int:
        """Stay among the workers; return how many there are.

        Raises:
            LeaseLostError: this worker was away for so long that its slot went to another.
        """
        which = {"slot": self.slot, "owner": self._owner, "lease": self._lease}
        row = await self._one("renew_slot", **which)
        if row is None:
            raise LeaseLostError(f"slot {self.slot} went to another worker; taking a free one")
        self._hear_the_time(int(row[0]))
        self.on_renewed()
        row = await self._one("count_workers", longest=LONGEST_LEASE)
        assert row is not None  # count() always answers
        return int(row[0])

    async def leave(self) -> None:
        """Give the shards and the slot back, so that nobody has to wait for a lease to run out."""
        async with self._connection.transaction(), self._connection.cursor() as cursor:
            await self.give_back(cursor, self.epochs)
            which = {"slot": self.slot, "owner": self._owner}
            await cursor.execute(QUERIES["free_slot"], which)
        self.epochs = {}

    async def take(self, most: int = SHARD_COUNT) -> list[int]:
        """Take free shards beside those that are held, and return them.

        More than `most` only where they are this worker's own from before. Where fewer come than
        were asked for, a worker that froze may hold the others: its session is ended, and they are
        free at the next try.
        """
        rows = await self._all(
            "take_shards",
            owner=self._owner,
            lease=self._lease,
            longest=LONGEST_LEASE,
            held=sorted(self.epochs),
            most=most,
        )
        taken = {int(shard): int(epoch) for shard, epoch, _ in rows}
        self.clock.begin_after(max((int(moment_ms or 0) for *_, moment_ms in rows), default=0))
        self.epochs |= taken
        if len(taken) < most:
            await self._end_stuck_sessions()
        return sorted(taken)

    async def renew(self, cursor: AsyncCursor[TupleRow], now: datetime) -> None:
        """Renew the lease of every held shard in the transaction of `cursor`: the fence.

        Its moment `now` is kept as the last one of these shards.

        Raises:
            LeaseLostError: another worker has taken a shard.
        """
        held = {**self._named(self.epochs), "lease": self._lease, "now": now}
        await cursor.execute(QUERIES["renew_shards"], held)
        if cursor.rowcount != len(self.epochs):
            lost = len(self.epochs) - cursor.rowcount
            raise LeaseLostError(
                f"{lost} of {len(self.epochs)} shards were taken "
                "by another worker; starting again with what is free"
            )
        self.on_renewed()

    async def set_back(self, cursor: AsyncCursor[TupleRow], now: datetime) -> None:
        """Let the moments of the held shards go on from this one, though later ones are stored."""
        await cursor.execute(QUERIES["set_moments_back"], {**self._named(self.epochs), "now": now})

    async def give_back(self, cursor: AsyncCursor[TupleRow], shards: Iterable[int]) -> None:
        """Let others take these shards once the transaction of `cursor` commits."""
        await cursor.execute(QUERIES["give_back_shards"], self._named(shards))

    async def say_listening(self) -> None:
        """Note that frames of the held shards are heard from now on."""
        await self._connection.execute(QUERIES["say_listening"], self._named(self.epochs))

    async def claim_left_session(self) -> int | None:
        """Return a slot whose session at the broker nobody will come back to, and keep it shut.

        It comes again after a lease unless `note_session_ended` says that its session is gone.
        """
        which = {"owner": self._ends_a_session, "lease": self._lease}
        row = await self._one("claim_left_session", **which, left_after=SESSION_LEFT_AFTER)
        return None if row is None else int(row[0])

    async def note_session_ended(self, slot: int) -> None:
        """Note that the session of a slot that was claimed is gone."""
        which = {"slot": slot, "owner": self._ends_a_session}
        await self._connection.execute(QUERIES["note_session_ended"], which)

    @property
    def _ends_a_session(self) -> str:
        return f"{self._owner} (ends a session)"

    def time_ms(self) -> int:
        """Return the time of the site: the database's, as far as it said one."""
        return self.clock.time_ms(now_ms(), monotonic_s())

    async def _end_stuck_sessions(self) -> None:
        overdue = await self._one("count_overdue", held=sorted(self.epochs))
        if overdue is None or not overdue[0]:
            return
        async with self._connection.transaction(), self._connection.cursor() as cursor:
            await cursor.execute(QUERIES["as_our_login"])
            whose = {"application": APPLICATION, "lease": self._lease}
            row = await (await cursor.execute(QUERIES["end_stuck_sessions"], whose)).fetchone()
        if row is not None and row[0]:
            get_logger().warning(
                "ended the session of a worker that froze while it wrote; "
                "its shards are free, its frames come again",
                sessions=int(row[0]),
            )

    def _hear_the_time(self, database_ms: int) -> None:
        self.clock.hear(database_ms, monotonic_s())
        apart_ms = now_ms() - database_ms
        is_apart = abs(apart_ms) > APART_MOST_MS
        if is_apart and not self._is_apart:
            get_logger().warning(
                "our clock and the database's are apart; going by the database's: set ours right",
                apart_s=apart_ms / 1000,
            )
        self._is_apart = is_apart

    def _named(self, shards: Iterable[int]) -> dict[str, object]:
        held = sorted(shards)
        return {
            "owner": self._owner,
            "shards": held,
            "epochs": [self.epochs[shard] for shard in held],
        }

    async def _one(self, name: str, **parameters: object) -> TupleRow | None:
        rows = await self._all(name, **parameters)
        return rows[0] if rows else None

    async def _all(self, name: str, **parameters: object) -> list[TupleRow]:
        async with self._connection.cursor() as cursor:
            return await (await cursor.execute(QUERIES[name], parameters)).fetchall()
