"""Ingest as it runs: frames → decode → admit → batch → one transaction → PUBACK → acks.

Promises: nothing is confirmed before it is committed; a batch is committed as a whole or taken
again as a whole; after any failure in between, what is held in memory is thrown away and read again
from the database, so that memory never runs ahead of what is stored.

Never: drops a frame for being slow. The un-confirmed window of the broker is the back-pressure.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final

import numpy as np
import psycopg

from detect import DayResults, Detector, EpisodeChange, EpisodeKind, Findings, ReadingBatch
from detect.detector import VERSION
from detect.findings import FAMILIES, LEVELS, NO_FAMILY
from ingest.acks import AckBook
from ingest.admit import Admitted, Registry
from ingest.batch import Arrival, DeadLetter, Decoded, DeviceBoot, Plan, decode_arrival, plan
from ingest.cursors import Cursor
from ingest.decode import Refused
from ingest.mqtt import BrokerAddress, Listener, parse_broker_url
from ingest.reasons import Refusal
from ingest.rows import Rows, assemble
from ingest.store import DayRow, EpisodeRow, Kept, Snapshot, Store, Transaction
from tidewell.clock import monotonic_s, now_ms
from tidewell.errors import LeaseLostError, ServerUnavailableError
from tidewell.local_time import day_date, zone_table
from tidewell.logs import get_logger
from tidewell.settings import Settings
from tidewell.vocabulary import FEATURE_NAMES

MOST_WAITING: Final = 16_384
"""Frames in memory: twice what the embedded broker hands out unconfirmed; at 16 KiB each, 256 MiB."""
REGISTRY_AGE_S: Final = 2.0
"""How old the list of devices and pauses may be: a pause takes effect within this time."""
TICK_S: Final = 5.0
SILENCE_GRACE_S: Final = 300.0
"""After our own start nobody is called silent for this long: what waited at the broker comes first."""
SNAPSHOT_S: Final = 3_600.0
RETRY_FIRST_S: Final = 0.5
RETRY_MOST_S: Final = 15.0
"""A restart of a database or broker takes seconds; asking more often would only slow it down."""
RECOVERY_ROWS: Final = 200_000
"""Readings given to the detector at once while it catches up: about 30 MB."""
MOST_CURSORS: Final = 100_000
"""Boots remembered in memory before the rest is read again: about 30 MB."""
_START: Final = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Waiting:
    """A message, and what its sender waits for."""

    decoded: Decoded
    committed: asyncio.Future[None]


@dataclass(slots=True)
class Counts:
    """What this process has done since it started."""

    frames_committed: int = 0
    frames_dead_lettered: int = 0
    frames_repeated: int = 0
    readings: int = 0
    batches: int = 0
    by_reason: dict[Refusal, int] = field(default_factory=dict)


async def run_ingest(
    settings: Settings,
    database_url: str,
    broker_url: str,
    client_id: str,
    *,
    stop: asyncio.Event,
    owner: str,
    on_ready: Callable[[], None] = lambda: None,
) -> Counts:
    """Run until `stop` is set; survive restarts of database and broker.

    Args:
        client_id: a secret; who knows it can take over the session at the broker.
        owner: tells this worker from every other one in the leases.
    """
    ingest = _Ingest(
        settings, database_url, parse_broker_url(broker_url), client_id, owner, on_ready
    )
    working = asyncio.create_task(ingest.work())
    stopping = asyncio.create_task(stop.wait())
    await asyncio.wait({working, stopping}, return_when=asyncio.FIRST_COMPLETED)
    stopping.cancel()
    ingest.stopping = True
    if not working.done():
        ingest.wake.set()
    await working
    return ingest.counts


class _Ingest:
    def __init__(
        self,
        settings: Settings,
        database_url: str,
        broker: BrokerAddress,
        client_id: str,
        owner: str,
        on_ready: Callable[[], None],
    ) -> None:
        self._settings = settings
        self._database_url = database_url
        self._broker = broker
        self._client_id = client_id
        self._owner = owner
        self._on_ready = on_ready
        self._log = get_logger()
        self._waiting: asyncio.Queue[Waiting] = asyncio.Queue(MOST_WAITING)
        self._taken: list[Waiting] = []
        self._listener: Listener | None = None
        self._acks = AckBook()
        self._started_s = monotonic_s()
        self.counts = Counts()
        self.stopping = False
        self.wake = asyncio.Event()

    async def work(self) -> None:
        """Hold shards and commit batches; after a failure, begin again from what is stored."""
        wait_s = RETRY_FIRST_S
        while not self.stopping:
            try:
                await self._hold_shards()
                wait_s = RETRY_FIRST_S
            except (psycopg.OperationalError, ServerUnavailableError, LeaseLostError) as error:
                self._log.warning("beginning again", why=str(error).strip(), after_s=wait_s)
            if not self.stopping:
                await _sleep_or(self.wake, wait_s)
                wait_s = min(RETRY_MOST_S, 2 * wait_s)
        self._abandon()

    async def _hold_shards(self) -> None:
        store = await Store.open(self._database_url, self._owner, self._settings.lease_s)
        listening: asyncio.Task[None] | None = None
        try:
            if not await self._take_shards(store):
                return
            worker = Worker(store, self._settings.silence_after_s)
            await worker.recover(_utc(now_ms()))
            self._log.info("ready", shards=len(store.epochs), people=len(worker.registry.people))
            self._listener = Listener(self._broker, self._client_id, self._take_in)
            listening = asyncio.create_task(self._listener.run(sorted(store.epochs)))
            self._on_ready()
            await self._serve(worker)
            await self._leave(worker, store)
        finally:
            if listening is not None:
                listening.cancel()
                await asyncio.gather(listening, return_exceptions=True)
            await store.close()

    async def _take_shards(self, store: Store) -> bool:
        while not await store.take_shards(_utc(now_ms())):
            self._log.info("all shards are held by others; waiting")
            await _sleep_or(self.wake, self._settings.lease_s / 3)
            if self.stopping:
                return False
        return True

    async def _take_in(self, arrival: Arrival) -> None:
        """Hand a message to the worker and wait until it is committed."""
        waiting = Waiting(decode_arrival(arrival), asyncio.get_running_loop().create_future())
        await self._waiting.put(waiting)
        await waiting.committed

    async def _serve(self, worker: Worker) -> None:
        tick_at_s, snapshot_at_s = monotonic_s() + TICK_S, monotonic_s() + SNAPSHOT_S
        while not self.stopping:
            if await self._gather():
                await self._commit(worker)
            if monotonic_s() >= tick_at_s:
                may_be_silent = monotonic_s() - self._started_s >= SILENCE_GRACE_S
                await worker.tick(now_ms(), may_be_silent=may_be_silent)
                tick_at_s = monotonic_s() + TICK_S
            if monotonic_s() >= snapshot_at_s:
                await worker.save_snapshots(_utc(now_ms()))
                snapshot_at_s = monotonic_s() + SNAPSHOT_S
            self._send_acks()

    async def _gather(self) -> bool:
        """Fill a batch: up to its size, or until its first frame has waited long enough."""
        if not self._taken:
            try:
                async with asyncio.timeout(0.2):
                    self._taken.append(await self._waiting.get())
            except TimeoutError:
                return False
        until_s = monotonic_s() + self._settings.batch_wait_ms / 1000
        while len(self._taken) < self._settings.batch_frames:
            if not self._waiting.empty():
                self._taken.append(self._waiting.get_nowait())
                continue
            left_s = until_s - monotonic_s()
            if left_s <= 0:
                break
            await asyncio.sleep(min(left_s, 0.005))
        return True

    async def _commit(self, worker: Worker) -> None:
        """Commit what was taken; only then is anything confirmed. A failure leaves it taken."""
        made = await worker.commit([one.decoded for one in self._taken], self.counts)
        for one in self._taken:
            if not one.committed.done():
                one.committed.set_result(None)
        self._taken = []
        for key, address in made.told.items():
            self._acks.note(address, key[1], made.cursors[key])
        await asyncio.sleep(0)

    def _send_acks(self) -> None:
        if self._listener is None or not self._listener.is_connected:
            return
        for ack in self._acks.due(monotonic_s()):
            self._listener.tell(ack.topic, ack.body(now_ms()))

    async def _leave(self, worker: Worker, store: Store) -> None:
        """End in order: say what is committed, remember the detector, give the shards back."""
        self._send_acks()
        await worker.save_snapshots(_utc(now_ms()))
        await store.give_back_shards()

    def _abandon(self) -> None:
        """Drop what waits: it was never confirmed, so it comes again."""
        while not self._waiting.empty():
            self._taken.append(self._waiting.get_nowait())
        for one in self._taken:
            one.committed.cancel()


class Worker:
    """Holds the detector and the cursors of the leased shards, and commits batches.

    After any exception out of `commit`, `tick` or `recover` it must be thrown away.
    """

    def __init__(self, store: Store, silence_after_s: int) -> None:
        self._store = store
        self._silence_after_s = silence_after_s
        self._detector = Detector(silence_after_s)
        self._kept: dict[DeviceBoot, Kept] = {}
        self._registry_read_s = 0.0
        self._last_received_ms = 0
        self._log = get_logger()
        self.registry = Registry()

    async def recover(self, now: datetime) -> None:
        """Bring the detector to where the stored readings left it, then score what was never scored."""
        self.registry = await self._store.registry(now)
        self._registry_read_s = monotonic_s()
        snapshots = {one.shard: one for one in await self._store.snapshots(VERSION)}
        for shard in sorted(self._store.epochs):
            people = [one.person_id for one in self.registry.people.values() if one.shard == shard]
            if people:
                await self._recover_shard(people, snapshots.get(shard))
        self._add_people()

    async def commit(self, messages: Sequence[Decoded], counts: Counts) -> Plan:
        """Store a batch in one transaction and return what it came to.

        Raises:
            LeaseLostError: another worker has taken a shard; nothing was stored.
            psycopg.OperationalError: the database is gone; the batch may or may not be stored.
        """
        received_ms = self._next_received_ms()
        now = _utc(received_ms)
        await self._refresh(messages, now)
        await self._load_cursors(messages)
        known = {key: kept.cursor for key, kept in self._kept.items()}
        made = plan(messages, self.registry, known, received_ms)
        kept = dict.fromkeys(made.cursors, Kept(Cursor(), -1))
        fresh_rows = 0
        async with self._store.transaction(now) as transaction:
            rows, conflicts = None, []
            if made.admitted:
                rows, contradicted = await transaction.add_readings(
                    assemble(made.admitted, received_ms)
                )
                conflicts = _conflict_letters(messages, made, contradicted)
                fresh_rows = len(rows)
            findings = self._score(await self._in_order(made, rows))
            await self._write_findings(transaction, findings)
            await transaction.add_dead_letters([*made.dead_letters, *conflicts])
            for key, cursor in made.cursors.items():
                kept[key] = Kept(cursor, cursor.upto)
                await transaction.save_cursor(key, kept[key], made.tallies[key])
                if cursor.gaps or made.before[key].gaps or made.tallies[key].lost:
                    await transaction.save_gaps(key, cursor, made.tallies[key].lost)
        self._kept.update(kept)
        _count(counts, made, fresh_rows)
        return made

    async def tick(self, at_ms: int, *, may_be_silent: bool) -> None:
        """Renew the leases, keep the registry fresh and note who fell silent."""
        now = _utc(at_ms)
        await self._refresh((), now)
        findings = self._detector.tick(at_ms) if may_be_silent else Findings(DayResults.empty(), ())
        async with self._store.transaction(now) as transaction:
            await self._write_findings(transaction, findings)

    async def save_snapshots(self, now: datetime) -> None:
        """Store what the detector remembers, shard by shard."""
        async with self._store.transaction(now) as transaction:
            for shard in sorted(self._store.epochs):
                people = [
                    one.person_id
                    for one in self.registry.people.values()
                    if one.shard == shard and self._detector.knows(one.person_id)
                ]
                if people:
                    state = self._detector.snapshot(people)
                    await transaction.save_snapshot(shard, people, state, VERSION)

    async def _recover_shard(self, people: Sequence[int], snapshot: Snapshot | None) -> None:
        zones = {person: zone_table(self.registry.people[person].timezone) for person in people}
        if snapshot:
            self._detector.restore(snapshot.state, zones)
        for person, zone in zones.items():
            self._detector.add_person(person, zone)
        rows = await self._store.scored_readings(
            people,
            snapshot.replay_from if snapshot else _START,
            snapshot.seen_upto if snapshot else {},
        )
        for first in range(0, len(rows), RECOVERY_ROWS):
            part = rows.take(np.arange(first, min(first + RECOVERY_ROWS, len(rows))))
            self._detector.update(_reading_batch(part))
            await asyncio.sleep(0)

    async def _refresh(self, messages: Sequence[Decoded], now: datetime) -> None:
        """Read the registry again when it is old, or when a message names a device that it does not know."""
        names = {one.address.device for one in messages if one.address}
        stale = monotonic_s() - self._registry_read_s > REGISTRY_AGE_S
        if stale or names - self.registry.devices.keys():
            self.registry = await self._store.registry(now)
            self._registry_read_s = monotonic_s()
            self._add_people()

    def _add_people(self) -> None:
        for person in self.registry.people.values():
            if person.shard in self._store.epochs:
                self._detector.add_person(person.person_id, zone_table(person.timezone))

    async def _load_cursors(self, messages: Sequence[Decoded]) -> None:
        wanted: set[DeviceBoot] = set()
        for one in messages:
            device = self.registry.devices.get(one.address.device) if one.address else None
            if device and one.position:
                wanted.add((device.device_id, one.position[0]))
        if len(self._kept) > MOST_CURSORS:
            self._kept = {}
        if missing := wanted - self._kept.keys():
            self._kept |= await self._store.cursors(missing)

    async def _in_order(self, made: Plan, rows: Rows | None) -> Rows | None:
        """Return the readings that may be scored now: all up to `upto`, in the order of the devices."""
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
        """Return stored readings that waited for a hole below them; those of this batch are in hand."""
        people = [
            wearing.person_id
            for one in self.registry.devices.values()
            if one.device_id == key[0]
            for wearing in one.wearings
        ]
        stored = await self._store.held_readings(people, key, before.upto, cursor.upto)
        in_batch = [
            one.frame.seq for one in made.admitted if (one.device_id, one.frame.boot) == key
        ]
        return stored.take(~np.isin(stored.seq, np.array(in_batch, np.int64)))

    def _score(self, rows: Rows | None) -> Findings:
        if rows is None or not len(rows):
            return Findings(DayResults.empty(), ())
        return self._detector.update(_reading_batch(rows))

    async def _write_findings(self, transaction: Transaction, findings: Findings) -> None:
        await transaction.save_days(_day_rows(findings.days), VERSION)
        await transaction.save_episodes([_episode_row(one) for one in findings.changes], VERSION)

    def _next_received_ms(self) -> int:
        """Return the time of this batch, later than that of the one before: it orders a replay."""
        self._last_received_ms = max(now_ms(), self._last_received_ms + 1)
        return self._last_received_ms


def _scorable(rows: Rows, cursors: dict[DeviceBoot, Cursor]) -> np.ndarray[Any, np.dtype[np.bool_]]:
    uptos = {key: cursor.upto for key, cursor in cursors.items()}
    keys = zip(rows.device_id.tolist(), rows.boot.tolist(), strict=True)
    upto = np.fromiter((uptos[key] for key in keys), np.int64, len(rows))
    scorable: np.ndarray[Any, np.dtype[np.bool_]] = rows.seq <= upto
    return scorable


def _reading_batch(rows: Rows) -> ReadingBatch:
    return ReadingBatch(rows.person_id, rows.time_ms, rows.received_ms, rows.period_s, rows.values)


def _conflict_letters(
    messages: Sequence[Decoded], made: Plan, contradicted: dict[tuple[int, int, int], int]
) -> list[DeadLetter]:
    """Return what to keep of frames whose epochs another frame had claimed with other values."""
    letters = []
    for one, place in zip(made.admitted, made.arrival_of, strict=True):
        count = contradicted.get(_frame_key(one))
        if count:
            detail = f"{count} of {one.frame.epochs} epochs were claimed before, with other values"
            refused = Refused(Refusal.EPOCH_CONFLICT, detail, one.frame.boot, one.frame.seq)
            arrival = messages[place].arrival
            letters.append(
                DeadLetter(
                    arrival.topic, one.device_id, refused, arrival.payload, whole_frame=False
                )
            )
    return letters


def _frame_key(one: Admitted) -> tuple[int, int, int]:
    return (one.device_id, one.frame.boot, one.frame.seq)


def _day_rows(days: DayResults) -> list[DayRow]:
    rows = []
    for place in range(len(days)):
        family = int(days.family[place])
        score = float(days.score[place])
        scored = not np.isnan(score)
        values: dict[str, Any] = {
            name: None if np.isnan(value) else float(value)
            for name, value in zip(FEATURE_NAMES, days.features[place], strict=True)
        }
        values |= {
            "day": day_date(int(days.day[place])),
            "worn_minutes": int(days.worn_minutes[place]),
            "usual": _usual(days, place),
            "score": score if scored else None,
            "family": None if family == NO_FAMILY else FAMILIES[family].value,
            "level": LEVELS[int(days.level[place])].value if scored else None,
        }
        rows.append(DayRow(int(days.person_id[place]), values))
    return rows


def _usual(days: DayResults, place: int) -> dict[str, list[float]]:
    return {
        name: [round(float(value), 3) for value in band]
        for name, band in zip(FEATURE_NAMES, days.usual[place], strict=True)
        if not np.isnan(band).any()
    }


def _episode_row(change: EpisodeChange) -> EpisodeRow:
    return EpisodeRow(
        person_id=change.person_id,
        family=change.family.value,
        kind=change.kind.value,
        opened_at=_utc(change.opened_at_ms),
        at=_utc(change.at_ms),
        level=change.level.value,
        score=change.score,
        explanation=change.explanation,
        closes=change.kind is EpisodeKind.CLOSED,
    )


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


def _utc(time_ms: int) -> datetime:
    return datetime.fromtimestamp(time_ms / 1000, UTC)


async def _sleep_or(wake: asyncio.Event, seconds: float) -> None:
    try:
        async with asyncio.timeout(seconds):
            await wake.wait()
    except TimeoutError:
        return
