"""Leases on shards and a worker's place among the workers, as the database holds them.

Promises: a shard has one holder; whoever held it before cannot commit, because each hand-over
raises the shard's epoch and each transaction asks for it. Never takes a shard whose lease still
runs, unless it is this worker's own from before it was started again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from typing import Final

from psycopg import AsyncCursor
from psycopg.rows import TupleRow

from ingest.leasing.shares import SLOT_COUNT
from tidewell.database import Connection, Queries
from tidewell.errors import LeaseLostError, ServerUnavailableError
from tidewell.vocabulary import SHARD_COUNT

QUERIES: Final = Queries("ingest", "leasing/leases.sql")
SESSION_LEFT_AFTER: Final = timedelta(hours=1)
"""A worker that has not come back by then is not being restarted; its session would only fill the
broker's disk with frames that others have committed."""


class Leases:
    """What one worker holds; `epochs` are its shards with the epoch that fences each of them.

    `on_renewed` is called whenever the database says that it still does: a sign of life.
    """

    def __init__(self, connection: Connection, owner: str, lease_s: int) -> None:
        self._connection = connection
        self._owner = owner
        self._lease = timedelta(seconds=lease_s)
        self.slot = 0
        self.on_renewed: Callable[[], None] = lambda: None
        self.epochs: dict[int, int] = {}

    async def claim_slot(self, now: datetime) -> int:
        """Take a place among the workers; one that is started again gets its own.

        Raises:
            ServerUnavailableError: every slot is taken; one may come free.
        """
        row = await self._one("claim_slot", owner=self._owner, now=now, until=now + self._lease)
        if row is None:
            raise ServerUnavailableError(
                f"all {SLOT_COUNT} slots for workers are taken; stop one or wait for one"
            )
        self.slot = int(row[0])
        return self.slot

    async def renew_slot(self, now: datetime) -> int:
        """Stay among the workers; return how many there are.

        Raises:
            LeaseLostError: this worker was away for so long that its slot went to another.
        """
        which = {"slot": self.slot, "owner": self._owner, "until": now + self._lease}
        cursor = await self._connection.execute(QUERIES["renew_slot"], which)
        if cursor.rowcount != 1:
            raise LeaseLostError(f"slot {self.slot} went to another worker; taking a free one")
        self.on_renewed()
        row = await self._one("count_workers", now=now)
        assert row is not None  # count() always answers
        return int(row[0])

    async def leave(self, now: datetime) -> None:
        """Give the shards and the slot back, so that nobody has to wait for a lease to run out."""
        async with self._connection.transaction(), self._connection.cursor() as cursor:
            await self.give_back(cursor, self.epochs)
            which = {"slot": self.slot, "owner": self._owner, "now": now}
            await cursor.execute(QUERIES["free_slot"], which)
        self.epochs = {}

    async def take(self, now: datetime, most: int = SHARD_COUNT) -> list[int]:
        """Take free shards beside those that are held, and return them."""
        rows = await self._all(
            "take_shards",
            owner=self._owner,
            now=now,
            until=now + self._lease,
            held=sorted(self.epochs),
            most=most,
        )
        taken = {int(shard): int(epoch) for shard, epoch in rows}
        self.epochs |= taken
        return sorted(taken)

    async def renew(self, cursor: AsyncCursor[TupleRow], now: datetime) -> None:
        """Renew the lease of every held shard in the transaction of `cursor`: the fence.

        Raises:
            LeaseLostError: another worker has taken a shard.
        """
        held = {**self._named(self.epochs), "until": now + self._lease}
        await cursor.execute(QUERIES["renew_shards"], held)
        if cursor.rowcount != len(self.epochs):
            lost = len(self.epochs) - cursor.rowcount
            raise LeaseLostError(
                f"{lost} of {len(self.epochs)} shards were taken "
                "by another worker; starting again with what is free"
            )
        self.on_renewed()

    async def give_back(self, cursor: AsyncCursor[TupleRow], shards: Iterable[int]) -> None:
        """Let others take these shards once the transaction of `cursor` commits."""
        await cursor.execute(QUERIES["give_back_shards"], self._named(shards))

    async def say_listening(self, now: datetime) -> None:
        """Note that frames of the held shards are heard from now on."""
        await self._connection.execute(
            QUERIES["say_listening"], {**self._named(self.epochs), "now": now}
        )

    async def claim_left_session(self, now: datetime) -> int | None:
        """Return a slot whose session at the broker nobody will come back to, and keep it shut."""
        which = {"owner": f"{self._owner} (ends a session)", "until": now + self._lease}
        row = await self._one("claim_left_session", **which, left_before=now - SESSION_LEFT_AFTER)
        return None if row is None else int(row[0])

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
