"""The worker: holds the cursors and the detector of its shards, and commits batches.

Promises: one transaction holds readings, refusals, cursors, findings and the wake-up of alerts.
Readings are scored in the order of their frames' numbers, and only those that were really stored.
After any exception a worker must be thrown away: a new one reads what is stored.
Notes, limits and outcomes are heard between batches, at most a few seconds after they were written
(`ingest.committing.signals`).
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Final

import numpy as np
from numpy.typing import NDArray

from ingest.admit import Admitted, Registry, silence_counts_from
from ingest.batch import DeadLetter, Decoded, DeviceBoot, Plan, plan
from ingest.committing.scoring import Found, Scoring
from ingest.committing.signals import (
    LOOK_BACK_ALL,
    LOOK_BACK_USUAL,
    SIGNALS_MOST,
    Content,
    Signal,
    limits_told,
    models_told,
    places_among,
    strands_kept,
    tell,
)
from ingest.cursors import Cursor
from ingest.decode import Refused
from ingest.reasons import Refusal, SignalKind, SignalVerdict
from ingest.rows import Rows, assemble
from ingest.store import Kept, Snapshot, Store, Transaction
from tidewell.clock import monotonic_s, now_ms
from tidewell.local_time import utc_moment, zone_table
from tidewell.logs import get_logger

REGISTRY_AGE_S: Final = 2.0
"""How old the list of devices and pauses may be: a pause takes effect within this time."""
RECOVERY_ROWS: Final = 200_000
"""Readings given to the detector at once while it catches up: about 30 MB."""
MOST_CURSORS: Final = 100_000
"""Boots remembered in memory before the rest is read again: about 30 MB."""

_NOT_TAKEN: Final = frozenset({SignalVerdict.NOT_UNDERSTOOD, SignalVerdict.REFUSED_BY_DETECTOR})
_START: Final = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(slots=True)
class Counts:
    """What this process has done since it started."""

    frames_committed: int = 0
    frames_dead_lettered: int = 0
    frames_repeated: int = 0
    readings: int = 0
    batches: int = 0
    by_reason: dict[Refusal, int] = field(default_factory=dict)
    readings_late: int = 0
    readings_too_late: int = 0
    not_believed: dict[str, int] = field(default_factory=dict)


class Worker:
    """What one holder of shards remembers between two batches."""

    def __init__(self, store: Store, scoring: Scoring) -> None:
        self._store = store
        self._scoring = scoring
        self._kept: dict[DeviceBoot, Kept] = {}
        self._unscored: set[int] = set()
        self._looked_for: set[str] = set()
        self._heard: dict[SignalKind, dict[int, Content]] = {kind: {} for kind in SignalKind}
        self._registry_read_s = 0.0
        self._last_received_ms = 0
        self.registry = Registry()

    async def recover(self, now: datetime) -> None:
        """Bring the detector to where the stored readings left it, then score what never was.

        Raises:
            ScoringError: the detector failed on stored readings.
        """
        self.registry = await self._store.registry(now)
        self._registry_read_s = monotonic_s()
        snapshots = {one.shard: one for one in await self._store.snapshots(self._scoring.version)}
        for shard in sorted(self._store.epochs):
            people = [one.person_id for one in self.registry.people.values() if one.shard == shard]
            if people:
                await self._recover_shard(people, snapshots.get(shard))
                await self._score_left_over(people, now)
                async with self._store.transaction(utc_moment(now_ms())):
                    pass  # only renews the leases: catching up may take longer than they last
        self._add_people()
        self._heard = await self._store.latest_states()
        is_more = True
        while is_more:
            is_more = await self._hear(LOOK_BACK_ALL)

    async def commit(self, messages: Sequence[Decoded], counts: Counts) -> Plan:
        """Store a batch in one transaction and return what it came to.

        Raises:
            LeaseLostError: another worker has taken a shard; nothing was stored.
            ScoringError: the detector failed; nothing was stored.
            psycopg.OperationalError: the database is gone; the batch may or may not be stored.
        """
        received_ms = self._next_received_ms()
        now = utc_moment(received_ms)
        await self._refresh(messages, now)
        await self._load_cursors(messages)
        made = plan(messages, self.registry, self._cursors_of(messages), received_ms)
        async with self._store.transaction(now) as transaction:
            rows, conflicts = await self._add_readings(transaction, messages, made, received_ms)
            kept, found = await self._score(transaction, made, rows)
            await transaction.add_dead_letters([*made.dead_letters, *conflicts])
            for key, one in kept.items():
                await transaction.save_cursor(key, one, made.tallies[key])
                lost = made.tallies[key].lost
                if one.cursor.gaps or made.before[key].gaps or lost:
                    await transaction.save_gaps(key, one.cursor, lost)
        self._kept.update(kept)
        _count(counts, made, 0 if rows is None else len(rows))
        _count_found(counts, found)
        return made

    async def tick(self, at_ms: int, *, may_be_silent: bool) -> None:
        """Renew the leases, keep the registry fresh, hear signals and note who fell silent."""
        now = utc_moment(at_ms)
        await self._refresh((), now)
        await self._hear(LOOK_BACK_USUAL)
        found = Found()
        if may_be_silent:
            found = self._scoring.tick(at_ms, silence_counts_from(self.registry, at_ms))
        async with self._store.transaction(now) as transaction:
            await self._save(transaction, found)

    async def save_snapshots(self, now: datetime) -> None:
        """Store what the detector remembers, shard by shard."""
        async with self._store.transaction(now) as transaction:
            for shard in sorted(self._store.epochs):
                people = [
                    one.person_id
                    for one in self.registry.people.values()
                    if one.shard == shard and self._scoring.knows(one.person_id)
                ]
                if people and self._unscored.isdisjoint(people):
                    state = self._scoring.snapshot(people)
                    await transaction.save_snapshot(shard, people, state, self._scoring.version)

    async def _recover_shard(self, people: Sequence[int], snapshot: Snapshot | None) -> None:
        zones = {person: zone_table(self.registry.people[person].timezone) for person in people}
        if snapshot:
            self._scoring.restore(snapshot.state, zones)
        for person, zone in zones.items():
            self._scoring.add_person(person, zone)
        start, seen = (snapshot.replay_from, snapshot.seen_upto) if snapshot else (_START, {})
        rows = await self._store.scored_readings(people, start, seen)
        heard_upto = snapshot.heard_upto if snapshot else 0
        heard = await self._store.applied_signals(people, heard_upto)
        scored = 0
        for place, one in zip(
            places_among(rows.received_ms, [one.heard_ms for one in heard]), heard, strict=True
        ):
            await self._score_again(rows, scored, place)
            tell(self._scoring, one.signal)
            scored = place
        await self._score_again(rows, scored, len(rows))

    async def _score_again(self, rows: Rows, start: int, end: int) -> None:
        """Score a stretch of readings whose findings are stored already."""
        for first in range(start, end, RECOVERY_ROWS):
            part = rows.take(np.arange(first, min(first + RECOVERY_ROWS, end)))
            self._unscored |= self._scoring.score(part).failed
            await asyncio.sleep(0)

    async def _hear(self, look_back: int) -> bool:
        """Tell the detector what it has not heard; return whether there was anything."""
        told = await self._unheard(look_back)
        if not told:
            return False
        async with self._store.transaction(utc_moment(self._next_received_ms())) as transaction:
            verdicts = [tell(self._scoring, one) for one in told]
            await transaction.save_signals(list(zip(told, verdicts, strict=True)))
            for one, verdict in zip(told, verdicts, strict=True):
                if verdict is SignalVerdict.APPLIED and (kept := strands_kept(one)) is not None:
                    await transaction.close_former_limits(one.person_id, kept)
        for one, verdict in zip(told, verdicts, strict=True):
            self._heard[one.kind][one.person_id] = one.content
            if verdict in _NOT_TAKEN:
                get_logger().error(
                    "the detector did not take what it was told",
                    person_id=one.person_id,
                    kind=one.kind.value,
                    reason=verdict.value,
                )
        return True

    async def _unheard(self, look_back: int) -> list[Signal]:
        """Return what the detector was not told: limits first, they act within a minute."""
        people = sorted(
            one.person_id
            for one in self.registry.people.values()
            if self._scoring.knows(one.person_id)
        )
        limits = self._heard[SignalKind.LIMITS]
        models = self._heard[SignalKind.DEVICE_MODEL]
        told = [
            *limits_told(await self._store.plan_limits(), people, limits),
            *await self._store.unheard(look_back),
            *models_told(self.registry, people, models, now_ms()),
        ]
        return [one for one in told if self._scoring.knows(one.person_id)][:SIGNALS_MOST]

    async def _score_left_over(self, people: Sequence[int], now: datetime) -> None:
        """Score stored readings that a detector which failed had left."""
        for key, after, upto in await self._store.unscored(people):
            rows = await self._store.held_readings(people, key, after, upto)
            found = self._scoring.score(rows) if len(rows) else Found()
            self._unscored |= found.failed
            if found.failed:
                get_logger().error("readings still cannot be scored", people=sorted(found.failed))
                continue
            async with self._store.transaction(now) as transaction:
                await self._save(transaction, found)
                await transaction.mark_scored(key, upto)

    async def _refresh(self, messages: Sequence[Decoded], now: datetime) -> None:
        """Read the registry again when it is old, or a message names a device that it lacks."""
        names = {one.address.device for one in messages if one.address}
        stale = monotonic_s() - self._registry_read_s > REGISTRY_AGE_S
        unknown = names - self.registry.devices.keys() - self._looked_for
        self._looked_for = unknown if stale else self._looked_for | unknown
        if stale or unknown:
            self.registry = await self._store.registry(now)
            self._registry_read_s = monotonic_s()
            self._add_people()

    def _add_people(self) -> None:
        for person in self.registry.people.values():
            if person.shard in self._store.epochs:
                self._scoring.add_person(person.person_id, zone_table(person.timezone))

    def _keys_of(self, messages: Sequence[Decoded]) -> set[DeviceBoot]:
        keys: set[DeviceBoot] = set()
        for one in messages:
            device = self.registry.devices.get(one.address.device) if one.address else None
            if device and one.position:
                keys.add((device.device_id, one.position[0]))
        return keys

    async def _load_cursors(self, messages: Sequence[Decoded]) -> None:
        if len(self._kept) > MOST_CURSORS:
            self._kept = {}
        if missing := self._keys_of(messages) - self._kept.keys():
            self._kept |= await self._store.cursors(missing)

    def _cursors_of(self, messages: Sequence[Decoded]) -> Mapping[DeviceBoot, Cursor]:
        keys = self._keys_of(messages) & self._kept.keys()
        return {key: self._kept[key].cursor for key in keys}

    async def _add_readings(
        self, transaction: Transaction, messages: Sequence[Decoded], made: Plan, received_ms: int
    ) -> tuple[Rows | None, list[DeadLetter]]:
        """Store the readings; return those that are new, and what to keep of contradictions."""
        if not made.admitted:
            return None, []
        rows, contradicted = await transaction.add_readings(assemble(made.admitted, received_ms))
        return rows, _conflict_letters(messages, made, contradicted)

    async def _score(
        self, transaction: Transaction, made: Plan, rows: Rows | None
    ) -> tuple[dict[DeviceBoot, Kept], Found]:
        """Score what may be scored now and store the findings; return the cursors after it too."""
        ready = await self._in_order(made, rows)
        if ready is not None and self._unscored:
            ready = ready.take(~np.isin(ready.person_id, sorted(self._unscored)))
        found = self._scoring.score(ready) if ready is not None and len(ready) else Found()
        if found.failed:
            self._unscored |= found.failed
            get_logger().error(
                "readings could not be scored; they are kept", people=sorted(found.failed)
            )
        await self._save(transaction, found)
        held_back = self._devices_of(self._unscored)
        kept = {}
        for key, cursor in made.cursors.items():
            before = self._kept[key].scored_upto if key in self._kept else -1
            kept[key] = Kept(cursor, before if key[0] in held_back else cursor.upto)
        return kept, found

    async def _in_order(self, made: Plan, rows: Rows | None) -> Rows | None:
        """Return the readings that may be scored now: all up to `upto`, in the devices' order."""
        parts = [] if rows is None else [rows.take(_scorable(rows, made.cursors))]
        for key, cursor in made.cursors.items():
            before = made.before[key]
            if before.highest > before.upto and cursor.upto > before.upto:
                parts.append(await self._held_before(made, key, cursor, before))
        if not parts:
            return None
        joined = Rows.joined(parts)
        order = np.lexsort((joined.time_ms, joined.seq, joined.boot, joined.device_id))
        return joined.take(order)

    async def _held_before(
        self, made: Plan, key: DeviceBoot, cursor: Cursor, before: Cursor
    ) -> Rows:
        """Return stored readings that waited for a hole below them.

        Those of this batch are in hand.
        """
        stored = await self._store.held_readings(
            sorted(self._people_of(key[0])), key, before.upto, cursor.upto
        )
        in_batch = [one.frame.seq for one in made.admitted if _frame_key(one)[:2] == key]
        return stored.take(~np.isin(stored.seq, np.array(in_batch, np.int64)))

    def _people_of(self, device_id: int) -> set[int]:
        devices = [one for one in self.registry.devices.values() if one.device_id == device_id]
        return {wearing.person_id for one in devices for wearing in one.wearings}

    def _devices_of(self, people: set[int]) -> set[int]:
        return {
            one.device_id
            for one in self.registry.devices.values()
            if people and not people.isdisjoint(wearing.person_id for wearing in one.wearings)
        }

    async def _save(self, transaction: Transaction, found: Found) -> None:
        await transaction.save_days(found.days, self._scoring.version)
        await transaction.save_episodes(found.episodes, self._scoring.version)

    def _next_received_ms(self) -> int:
        """Return the time of this batch, later than that of the one before: it orders a replay."""
        self._last_received_ms = max(now_ms(), self._last_received_ms + 1)
        return self._last_received_ms


def _scorable(rows: Rows, cursors: Mapping[DeviceBoot, Cursor]) -> NDArray[np.bool_]:
    keys = zip(rows.device_id.tolist(), rows.boot.tolist(), strict=True)
    upto = np.fromiter((cursors[key].upto for key in keys), np.int64, len(rows))
    scorable: NDArray[np.bool_] = rows.seq <= upto
    return scorable


def _conflict_letters(
    messages: Sequence[Decoded], made: Plan, contradicted: Mapping[tuple[int, int, int], int]
) -> list[DeadLetter]:
    """Return what to keep of frames whose epochs another frame had claimed with other values."""
    letters = []
    for one, place in zip(made.admitted, made.arrival_of, strict=True):
        if count := contradicted.get(_frame_key(one), 0):
            detail = f"{count} of {one.frame.epochs} epochs were claimed before, with other values"
            refused = Refused(Refusal.EPOCH_CONFLICT, detail, one.frame.boot, one.frame.seq)
            came = messages[place].arrival
            letter = DeadLetter(
                came.topic,
                one.device_id,
                refused,
                came.payload,
                whole_frame=False,
                may_be_paused=one.paused_epochs > 0,
            )
            letters.append(letter)
    return letters


def _frame_key(one: Admitted) -> tuple[int, int, int]:
    return (one.device_id, one.frame.boot, one.frame.seq)


def _count(counts: Counts, made: Plan, readings: int) -> None:
    counts.batches += 1
    counts.readings += readings
    for tally in made.tallies.values():
        counts.frames_committed += tally.committed
        counts.frames_dead_lettered += tally.dead_lettered
        counts.frames_repeated += tally.repeated
    for letter in made.dead_letters:
        reason = letter.refused.reason
        counts.by_reason[reason] = counts.by_reason.get(reason, 0) + 1


def _count_found(counts: Counts, found: Found) -> None:
    counts.readings_late += found.late
    counts.readings_too_late += found.too_late
    for reason, count in found.not_believed.items():
        counts.not_believed[reason] = counts.not_believed.get(reason, 0) + count
