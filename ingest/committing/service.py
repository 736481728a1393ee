"""The worker: holds the cursors and the detector of its shards, and commits batches.

Promises: one transaction holds readings, refusals, cursors, findings and the wake-up of alerts.
Readings are scored in the order of their frames' numbers, and only those that were really stored.
After any exception a worker must be thrown away: a new one reads what is stored.
Notes, limits and outcomes are heard between batches, at most a few seconds after they were written
(`ingest.committing.signals`).
"""

from __future__ import annotations

from collections.abc import Container, Mapping, Sequence
from datetime import datetime
from typing import Final

import numpy as np
from numpy.typing import NDArray

from ingest.admit import Admitted, Person, Registry, silence_counts_from
from ingest.batch import DeadLetter, Decoded, DeviceBoot, Plan, plan
from ingest.committing.counts import Counts
from ingest.committing.scoring import Found, Scoring
from ingest.committing.signals import (
    LOOK_BACK_ALL,
    LOOK_BACK_USUAL,
    SIGNALS_MOST,
    Content,
    Signal,
    limits_told,
    models_told,
    strands_kept,
    tell,
)
from ingest.cursors import Cursor, Gap, Kept
from ingest.decode import Refused
from ingest.leasing.homes import for_holder
from ingest.passing.service import HolePasser
from ingest.passing.store import forget_unscored, note_scored_later, note_unscored
from ingest.reasons import Refusal, SignalKind, SignalVerdict
from ingest.recovering.service import Recovery
from ingest.repairing.store import save_found
from ingest.rows import Rows, assemble
from ingest.store import Store, Transaction
from ingest.summing.store import note_late_days
from tidewell.clock import monotonic_s
from tidewell.crashpoints import CrashPoint, crashpoint
from tidewell.local_time import utc_moment, zone_table
from tidewell.logs import get_logger
from tidewell.vocabulary import SHARD_COUNT

REGISTRY_AGE_S: Final = 2.0
"""How old the list of devices and pauses may be while no frames come; each batch asks anew."""
SNAPSHOT_S: Final = 3_600.0
"""What a snapshot does not hold is scored again after a crash: an hour of readings at most."""
REGISTRY_READ_S: Final = 300.0
"""Read so often whatever its version says, in case a table was changed past its triggers."""
MOST_CURSORS: Final = 100_000
"""Boots remembered in memory before the rest is read again: about 30 MB."""
MOST_HOLES: Final = 200_000
"""Holes noted since then, likewise; a broken device may have some hundreds in each boot."""

_NEVER_SEEN: Final = Kept(Cursor(), -1)
_NOT_TAKEN: Final = frozenset({SignalVerdict.NOT_UNDERSTOOD, SignalVerdict.REFUSED_BY_DETECTOR})


class Worker:
    """What one holder of shards remembers between two batches."""

    def __init__(self, store: Store, scoring: Scoring) -> None:
        self._store = store
        self._scoring = scoring
        self._kept: dict[DeviceBoot, Kept] = {}
        self._holes = 0
        self._unscored: set[int] = set()
        self._holes_passed = HolePasser(store, scoring, self.next_moment)
        self._heard: dict[SignalKind, dict[int, Content]] = {kind: {} for kind in SignalKind}
        self._registry_read_s = self._registry_asked_s = 0.0
        self._registry_version = -1
        self._snapshot_at_s: dict[int, float] = {}
        self.registry = Registry()

    async def recover(self, shards: Sequence[int] | None = None) -> None:
        """Bring the detector to where the stored readings left it, then score what never was.

        Args:
            shards: those that were just taken; all that are held where none are named.

        Raises:
            ScoringError: the detector failed on stored readings.
        """
        self._registry_version = await self._store.registry_version()
        self.registry = await self._store.registry()
        self._registry_read_s = self._registry_asked_s = monotonic_s()
        recovery = Recovery(self._store, self._scoring, self.registry, self._unscored)
        await recovery.run(sorted(self._store.epochs if shards is None else shards))
        self._add_people()
        self._heard = await self._store.latest_states()
        is_more = True
        while is_more:
            is_more = await self._hear(LOOK_BACK_ALL)

    async def give_back(self, shards: Sequence[int], now: datetime) -> None:
        """Remember what the detector knows of these shards, and let others take them: all or none.

        Afterwards nothing of them is left in memory.
        """
        async with self._store.transaction(now) as transaction:
            for shard in shards:
                await self._save_snapshot(transaction, shard)
            await transaction.give_back(self._store.leases, shards)
        for shard in shards:
            del self._store.epochs[shard]
            self._snapshot_at_s.pop(shard, None)
        kept = [one.person_id for one in self._people_of_shards(self._store.epochs)]
        self._scoring.keep_only(kept)
        self._unscored &= set(kept)
        self._kept = {}

    async def commit(self, messages: Sequence[Decoded], counts: Counts) -> Plan:
        """Store a batch in one transaction and return what it came to.

        Raises:
            LeaseLostError: another worker has taken a shard; nothing was stored.
            ScoringError: the detector failed; nothing was stored.
            psycopg.OperationalError: the database is gone; the batch may or may not be stored.
        """
        received_ms = await self.next_moment_ms()
        now = utc_moment(received_ms)
        # Asked for every batch: a pause that was saved before counts in it.
        await self._read_registry()
        held, wrong = self._store.epochs, list[DeadLetter]()
        if len(held) < SHARD_COUNT:
            messages, wrong = for_holder(messages, self.registry, held)
        made = await self._plan(messages, received_ms)
        crashpoint(CrashPoint.BEFORE_TRANSACTION)
        async with self._store.transaction(now) as transaction:
            rows, conflicts = await self._add_readings(transaction, messages, made, received_ms)
            await note_late_days(transaction, rows, received_ms)
            kept, found = await self._score(transaction, made, rows)
            await transaction.add_dead_letters([*made.dead_letters, *conflicts, *wrong])
            await transaction.save_cursors(kept, made.tallies)
            for key, stretch in self._held_back_until_now(made, kept).items():
                await note_scored_later(transaction, key, stretch)
                await forget_unscored(transaction, key)
            await note_unscored(transaction, rows, kept)
            for key in sorted(made.holed):
                lost = made.tallies[key].lost
                if made.cursors[key].gaps != made.before[key].gaps or lost:
                    await transaction.save_gaps(key, made.cursors[key], lost)
            crashpoint(CrashPoint.BEFORE_COMMIT)
        self._kept.update(kept)
        self._holes += sum(len(one.cursor.gaps) for one in kept.values())
        counts.add(made, 0 if rows is None else len(rows))
        counts.add_found(found)
        return made

    async def tick(self, at_ms: int, *, may_be_silent: bool) -> None:
        """Renew the leases, keep the registry fresh, hear signals and note who fell silent.

        Before that, scoring goes on where it waited too long for frames that did not come.
        """
        now = utc_moment(at_ms)
        if monotonic_s() - self._registry_asked_s > REGISTRY_AGE_S:
            await self._read_registry()
        await self._hear(LOOK_BACK_USUAL)
        await self._pass_holes(at_ms)
        found = Found()
        if may_be_silent:
            found = self._scoring.tick(at_ms, silence_counts_from(self.registry, at_ms))
        async with self._store.transaction(now) as transaction:
            await self._save(transaction, found)

    async def _pass_holes(self, at_ms: int) -> None:
        """Score what stood above holes for too long."""
        held_back = self._devices_of(self._unscored)
        due = await self._holes_passed.due(at_ms, held_back)
        if missing := {key for key, _ in due} - self._kept.keys():
            self._kept |= await self._store.cursors(missing)
        for key, passed_upto in due:
            people = self.registry.wearers({key[0]})[key[0]]
            kept, failed = await self._holes_passed.go_past(
                key, self._kept[key], passed_upto, people
            )
            self._kept[key] = kept
            self._unscored |= failed

    async def save_snapshots(self, now: datetime) -> None:
        """Store what the detector remembers of every shard."""
        async with self._store.transaction(now) as transaction:
            for shard in sorted(self._store.epochs):
                await self._save_snapshot(transaction, shard)

    async def save_due_snapshot(self, now: datetime) -> bool:
        """Store what the detector remembers of one shard, if one is due; each is, every hour.

        One at a time: all of them take seconds, and frames would wait.
        """
        shard = min(self._store.epochs, key=lambda one: self._snapshot_at_s.get(one, 0.0))
        if monotonic_s() < self._snapshot_at_s.get(shard, 0.0):
            return False
        async with self._store.transaction(now) as transaction:
            await self._save_snapshot(transaction, shard)
        self._snapshot_at_s[shard] = monotonic_s() + SNAPSHOT_S
        return True

    async def _save_snapshot(self, transaction: Transaction, shard: int) -> None:
        people = [
            one.person_id
            for one in self._people_of_shards((shard,))
            if self._scoring.knows(one.person_id)
        ]
        if people and self._unscored.isdisjoint(people):
            state = self._scoring.snapshot(people)
            await transaction.save_snapshot(shard, people, state, self._scoring.version)

    def _people_of_shards(self, shards: Container[int]) -> list[Person]:
        return [one for one in self.registry.people.values() if one.shard in shards]

    async def _hear(self, look_back: int) -> bool:
        """Tell the detector what it has not heard; return whether there was anything."""
        told = await self._unheard(look_back)
        if not told:
            return False
        async with self._store.transaction(await self.next_moment()) as transaction:
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
            *models_told(self.registry, people, models, self._store.leases.time_ms()),
        ]
        return [one for one in told if self._scoring.knows(one.person_id)][:SIGNALS_MOST]

    async def _read_registry(self) -> None:
        """Read the registry again when it has changed, and every few minutes in any case.

        Asking whether it changed costs nothing; reading it does, with thousands of people in it.
        """
        self._registry_asked_s = monotonic_s()
        version = (
            await self._store.registry_version()
        )  # first: what changes meanwhile is read twice
        old = self._registry_asked_s - self._registry_read_s > REGISTRY_READ_S
        if version != self._registry_version or old:
            self.registry = await self._store.registry()
            self._registry_version, self._registry_read_s = version, self._registry_asked_s
            if len(self._store.epochs) < SHARD_COUNT:
                self._kept, self._holes = (
                    {},
                    0,
                )  # a device may have moved to another worker and back
            self._add_people()

    def _add_people(self) -> None:
        for person in self.registry.people.values():
            if person.shard in self._store.epochs:
                self._scoring.add_person(person.person_id, zone_table(person.timezone))

    async def _plan(self, messages: Sequence[Decoded], received_ms: int) -> Plan:
        """Return what becomes of these messages; of boots that are not at hand, once they are."""
        if len(self._kept) > MOST_CURSORS or self._holes > MOST_HOLES:
            self._kept, self._holes = {}, 0
        made = plan(messages, self.registry, self._kept, received_ms)
        if made.unknown and (stored := await self._store.cursors(made.unknown)):
            self._kept |= stored
            made = plan(messages, self.registry, self._kept, received_ms)
        return made

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
            before = self._kept.get(key, _NEVER_SEEN)
            upto = cursor.scorable_upto(before.passed_upto) if cursor.gaps else cursor.highest
            scored_upto = before.scored_upto if key[0] in held_back else upto
            kept[key] = Kept(cursor, scored_upto, before.passed_upto)
        return kept, found

    async def _in_order(self, made: Plan, rows: Rows | None) -> Rows | None:
        """Return the readings that may be scored now, in the devices' order.

        That is all below the first hole that scoring waits for.
        """
        parts = [] if rows is None else [rows]
        if made.holed:
            upto = {key: self._scorable_upto(key, cursor) for key, cursor in made.cursors.items()}
            if rows is not None:
                parts = [rows.take(_scorable(rows, made, upto))]
            closing = {
                key: before_upto
                for key in sorted(made.holed)
                if (before_upto := self._scorable_upto(key, made.before[key])) < upto[key]
                and before_upto < made.before[key].highest
            }
            if closing:
                parts += await self._held_before(made, closing, upto)
        if not parts:
            return None
        joined = Rows.joined(parts) if len(parts) > 1 else parts[0]
        order = np.lexsort((joined.time_ms, joined.seq, joined.boot, joined.device_id))
        return joined.take(order)

    def _scorable_upto(self, key: DeviceBoot, cursor: Cursor) -> int:
        return cursor.scorable_upto(self._kept.get(key, _NEVER_SEEN).passed_upto)

    def _held_back_until_now(
        self, made: Plan, kept: Mapping[DeviceBoot, Kept]
    ) -> dict[DeviceBoot, Gap]:
        """Return the frames of each boot that this batch scores though they may have come before.

        Those of a batch that could not be scored are noted when they are.
        """
        stretches = {}
        for key in sorted(made.holed):  # of all others, each frame was scored as it came
            before, one = made.before[key], kept[key]
            first = self._scorable_upto(key, before) + 1
            if first <= before.highest and first <= one.scored_upto:
                stretches[key] = Gap(first, one.scored_upto)
        return stretches

    async def _held_before(
        self, made: Plan, closing: Mapping[DeviceBoot, int], upto: Mapping[DeviceBoot, int]
    ) -> list[Rows]:
        """Return stored readings that waited for a hole below them.

        Those of this batch are in hand.
        """
        in_batch: dict[DeviceBoot, list[int]] = {key: [] for key in closing}
        for one in made.admitted:
            device_id, boot, seq = _frame_key(one)
            if (device_id, boot) in in_batch:
                in_batch[device_id, boot].append(seq)
        people = self.registry.wearers({device_id for device_id, _ in closing})
        held = []
        for key, after in closing.items():
            known = sorted(people[key[0]])
            stored = await self._store.held_readings(known, key, after, upto[key])
            held.append(stored.take(~np.isin(stored.seq, np.array(in_batch[key], np.int64))))
        return held

    def _devices_of(self, people: set[int]) -> set[int]:
        return {
            one.device_id
            for one in self.registry.devices.values()
            if people and not people.isdisjoint(wearing.person_id for wearing in one.wearings)
        }

    async def _save(self, transaction: Transaction, found: Found) -> None:
        await save_found(transaction, found, self._scoring.version)

    async def next_moment_ms(self) -> int:
        """Return the moment of the next transaction, later than that of the one before.

        It orders a replay (`ingest.leasing.site_clock`).
        """
        leases = self._store.leases
        if leases.clock.is_far_ahead(leases.time_ms()):
            await self._set_back()
        return leases.clock.next_ms(leases.time_ms())

    async def next_moment(self) -> datetime:
        """Return the same as a moment of the database."""
        return utc_moment(await self.next_moment_ms())

    async def _set_back(self) -> None:
        """Go on from the time as it is, though later ones are stored; no replay goes across."""
        clock = self._store.leases.clock
        was_ms, time_ms = clock.last_ms, self._store.leases.time_ms()
        get_logger().error(
            "the clock is behind the times that are stored: it was ahead, or is wrong now; "
            "going on from it; set it right if it is wrong",
            stored_upto=utc_moment(was_ms).isoformat(),
            behind_s=(was_ms - time_ms) // 1000,
        )
        self._scoring.set_back(time_ms)
        async with self._store.transaction(utc_moment(time_ms)) as transaction:
            await transaction.set_moments_back(self._store.leases)
            for shard in sorted(self._store.epochs):
                await self._save_snapshot(transaction, shard)
        clock.set_back(time_ms)


def _scorable(rows: Rows, made: Plan, upto: Mapping[DeviceBoot, int]) -> NDArray[np.bool_]:
    """Return which rows lie below the first hole of their boot that scoring waits for."""
    upto_of_frame = [upto[one.device_id, one.frame.boot] for one in made.admitted]
    scorable: NDArray[np.bool_] = rows.seq <= np.array(upto_of_frame, np.int64)[rows.frame]
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
                may_be_unwanted=bool(one.paused_epochs or one.values_switched_off),
            )
            letters.append(letter)
    return letters


def _frame_key(one: Admitted) -> tuple[int, int, int]:
    return (one.device_id, one.frame.boot, one.frame.seq)
