"""Brings a detector to where the stored readings left it: snapshots, then what came after them.

Promises: the detector ends as if it had never stopped. Memory holds one part of the readings at a
time, however much there is to catch up with, and the leases are renewed between two parts, so that
nobody takes over a worker that is only busy. Never stores a finding twice: what is scored again was
found before.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from ingest.admit import Registry
from ingest.committing.scoring import Found, Scoring
from ingest.committing.signals import HeardSignal, places_among, tell
from ingest.cursors import Gap
from ingest.passing.store import forget_unscored, note_scored_later
from ingest.recovering.store import scored_readings
from ingest.repairing.store import save_found
from ingest.rows import Rows
from ingest.store import Snapshot, Store
from tidewell.clock import monotonic_s
from tidewell.crashpoints import CrashPoint, crashpoint
from tidewell.local_time import ZoneTable, zone_table
from tidewell.logs import get_logger

RECOVERY_ROWS: Final = 100_000
"""Readings read and scored at once: about 15 MB, and a second of work."""
Part = tuple[Rows, NDArray[np.int64]]
"""Readings, and the moment at which each was scored."""
RENEW_S: Final = 1.0
"""A lease lasts at least five times as long."""


class Recovery:
    """One catching-up; `unscored` is filled with people whose readings the detector cannot take."""

    def __init__(
        self, store: Store, scoring: Scoring, registry: Registry, unscored: set[int]
    ) -> None:
        self._store = store
        self._scoring = scoring
        self._registry = registry
        self._unscored = unscored
        self._renewed_s = monotonic_s()

    async def run(self, shards: Sequence[int]) -> None:
        """Catch up for the people of these shards.

        Shards with a snapshot catch up together, in one look at the latest readings; one without
        has to read everything that is stored of its people, and does so alone.

        Raises:
            ScoringError: the detector failed on stored readings.
            LeaseLostError: another worker has taken a shard meanwhile.
        """
        people = self._people_by_shard(shards)
        snapshots = {
            one.shard: one
            for one in await self._store.snapshots(self._scoring.version, list(people))
        }
        for shard, zones in people.items():
            if shard in snapshots:
                self._scoring.restore(snapshots[shard].state, zones)
            for person_id, zone in zones.items():
                self._scoring.add_person(person_id, zone)
            await self._stay()
        kept = [one for one in snapshots.values() if one.shard in people]
        together = [person for one in kept for person in people[one.shard]]
        if together:
            await self._catch_up(together, kept)
        for shard, zones in people.items():
            if shard not in snapshots:
                await self._catch_up(list(zones), [])
        # At the end: a device may have been worn by people of two shards.
        await self._score_left_over([person for zones in people.values() for person in zones])

    def _people_by_shard(self, shards: Sequence[int]) -> dict[int, dict[int, ZoneTable]]:
        """Return the people of these shards with their time zones; shards without any are out."""
        wanted = frozenset(shards)
        people: dict[int, dict[int, ZoneTable]] = {}
        for one in self._registry.people.values():
            if one.shard in wanted:
                people.setdefault(one.shard, {})[one.person_id] = zone_table(one.timezone)
        return dict(sorted(people.items()))

    async def _catch_up(self, people: Sequence[int], snapshots: Sequence[Snapshot]) -> None:
        heard = await self._heard_after(people, snapshots)
        latest_ms = told = 0
        latest = self._store.latest_moment()
        coming = scored_readings(self._store.url, people, snapshots, RECOVERY_ROWS, latest)
        async for rows, moments_ms in self._renewing(coming):
            crashpoint(CrashPoint.IN_RECOVERY)
            scored_ms = np.maximum(moments_ms, latest_ms)
            latest_ms = int(scored_ms.max())
            scored = 0
            for place in places_among(scored_ms, [one.heard_ms for one in heard[told:]]):
                if place == len(rows):
                    break  # heard after all of these
                self._score_again(rows, scored, place)
                tell(self._scoring, heard[told].signal)
                scored, told = place, told + 1
            self._score_again(rows, scored, len(rows))
            await self._stay()
        for one in heard[told:]:
            tell(self._scoring, one.signal)

    async def _renewing(self, parts: AsyncIterator[Part]) -> AsyncIterator[Part]:
        """Renew the leases also while the database sorts what it will answer."""
        while True:
            coming = asyncio.ensure_future(anext(parts, None))
            try:
                while not (await asyncio.wait({coming}, timeout=RENEW_S))[0]:
                    await self._stay()
            finally:
                coming.cancel()
            if (part := coming.result()) is None:
                return
            yield part

    async def _heard_after(
        self, people: Sequence[int], snapshots: Sequence[Snapshot]
    ) -> list[HeardSignal]:
        """Return what the detector was told about these people after its snapshots."""
        if not snapshots:
            return await self._store.applied_signals(people, 0)
        shard_of = {one: self._registry.people[one].shard for one in people}
        upto = {one.shard: one.heard_upto for one in snapshots}
        heard = await self._store.applied_signals(people, min(upto.values()))
        return [one for one in heard if one.signal_id > upto[shard_of[one.signal.person_id]]]

    def _score_again(self, rows: Rows, start: int, end: int) -> None:
        """Score a stretch of readings whose findings are stored already."""
        if end > start:
            part = rows.take(np.arange(start, end))
            self._unscored |= self._scoring.score(part).failed

    async def _score_left_over(self, people: Sequence[int]) -> None:
        """Score stored readings that a detector which failed had left."""
        for key, after, upto in await self._store.unscored(people):
            moment = self._store.next_moment()
            wearers = self._registry.wearers({key[0]})[key[0]]
            wore = [one for one in sorted(wearers) if self._scoring.knows(one)]
            rows = await self._store.held_readings(wore, key, after, upto)
            found = self._scoring.score(rows) if len(rows) else Found()
            self._unscored |= found.failed
            if found.failed:
                get_logger().error("readings still cannot be scored", people=sorted(found.failed))
                continue
            async with self._store.transaction(moment) as transaction:
                await save_found(transaction, found, self._scoring.version)
                await note_scored_later(transaction, key, Gap(after + 1, upto))
                await transaction.mark_scored(key, upto)
                await forget_unscored(transaction, key)

    async def _stay(self) -> None:
        """Renew the leases when it is time, and let others work."""
        if monotonic_s() - self._renewed_s >= RENEW_S:
            async with self._store.transaction(self._store.next_moment()):
                pass
            self._renewed_s = monotonic_s()
        await asyncio.sleep(0)
