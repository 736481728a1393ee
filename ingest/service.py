"""Ingest as it runs: frames → decode → admit → batch → one transaction → PUBACK → acks.

Promises: nothing is confirmed before it is committed; a batch is committed as a whole or taken
again as a whole; after any failure in between, what is held in memory is thrown away and read again
from the database, so that memory never runs ahead of what is stored.

Never: drops a frame for being slow. The un-confirmed window of the broker is the back-pressure.
"""

from __future__ import annotations

import asyncio
import gc
from collections import deque
from collections.abc import Callable, Coroutine, Mapping, Sequence
from contextlib import suppress
from datetime import date
from typing import Any, Final

import numpy as np
import orjson
import psycopg

from detect import Detector, EpisodeChange, EpisodeKind, Findings, ReadingBatch, day_records
from detect.detector import VERSION
from detect.explain import explain_never_heard
from detect.plan_limits import Limit
from detect.policy import DEFAULT_BUDGETS, Policy
from detect.quality import REASONS
from detect.words import Direction, NoteKind
from ingest.acks import AckBook
from ingest.batch import Decoded
from ingest.committing.counts import Counts
from ingest.committing.scoring import (
    EpisodeRow,
    Found,
    PlanLimit,
    ScoringError,
    TooLate,
    strand_of,
)
from ingest.committing.service import Worker
from ingest.decode import LONGEST_DETAIL, Refused
from ingest.leasing.service import Sessions, Shift
from ingest.measuring.service import HourlyCounts, commit_timings, measures_of
from ingest.mqtt import BrokerAddress, parse_broker_url
from ingest.reasons import Refusal
from ingest.receiving.service import Inbox
from ingest.repairing.service import repairs_beside
from ingest.retrying import RETRY_FIRST_S, next_wait_s
from ingest.rows import Rows
from ingest.silence.service import SilenceWatch
from ingest.store import Store, means_away
from ingest.summing.service import hours_beside
from ingest.waiting import MOST_EPOCHS_AT_ONCE, Waiting, confirm_all, epochs_of, within_limits
from tidewell.clock import monotonic_s
from tidewell.crashpoints import CrashPoint, crashpoint
from tidewell.detection_policy import policy_in_use
from tidewell.errors import LeaseLostError, ServerUnavailableError, TidewellError
from tidewell.local_time import ZoneTable, day_date, day_number, utc_moment
from tidewell.logs import get_logger
from tidewell.metrics import Board, Measure
from tidewell.settings import Settings

LONGEST_WAIT_S: Final = 0.2
"""For the first frame of a batch, before leases and ticks have their turn."""
AHEAD_AT_ONCE: Final = 32
"""A third of a millisecond: the answer of the database waits no longer than that."""
HEARD_WITHOUT_DATABASE_S: Final = 5.0
"""Shorter than the broker waits before it sends again; a restart of a database takes less."""
TICK_S: Final = 5.0
"""How often notes and limits are heard, and silence is noticed; the batches between add to it."""
COLLECT_AFTER_OBJECTS: Final = 100_000
COLLECT_AFTER_ROUNDS: Final = 20
"""So cycles of a library are still found, within the minute at full load."""


class BatchRefusedError(TidewellError):
    """A batch holds something that cannot be stored; it is taken again in smaller parts."""

    worth_a_retry = True


async def run_ingest(
    settings: Settings,
    database_url: str,
    broker_url: str,
    client_id: str,
    *,
    stop: asyncio.Event,
    owner: str,
    on_ready: Callable[[], None] = lambda: None,
    board: Board | None = None,
) -> Counts:
    """Run until `stop` is set; survive restarts of database and broker.

    Args:
        client_id: a secret; who knows it can take over the session at the broker.
        owner: tells this worker from every other one in the leases.

    Raises:
        UsageError: the file of the detection policy cannot be used.
    """
    broker = parse_broker_url(broker_url, settings.broker_ca)
    ingest = _Ingest(settings, database_url, broker, client_id, owner, on_ready)
    ingest.board = board or ingest.board
    ingest.board.add(ingest.measures)
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
        self._policy = Policy(**policy_in_use(settings).keywords(DEFAULT_BUDGETS))
        self._database_url = database_url
        self._owner = owner
        self._on_ready = on_ready
        self._log = get_logger()
        self._inbox = Inbox()
        self._taken: list[Waiting] = []
        self._silences = SilenceWatch(settings.silence_after_s, explain_never_heard, VERSION)
        self._sessions = Sessions(broker, client_id, self._inbox.take_in, self._silences.hear)
        self._failing_since_s: float | None = None
        self._acks = AckBook()
        self._one_by_one = False
        self._most_at_once = settings.batch_frames
        self.board = Board()
        self._commit_s, self._hourly = commit_timings(), HourlyCounts()
        self._shift: Shift | None = None
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
            except (
                psycopg.OperationalError,
                psycopg.InterfaceError,
                ServerUnavailableError,
                LeaseLostError,
            ) as error:
                self.board.not_ready = "beginning again after a failure; the log says why"
                self._log.warning("beginning again", why=str(error).strip(), after_s=wait_s)
                await self._after_failure(error)
            if not self.stopping:
                await self._pause(wait_s)
                wait_s = next_wait_s(wait_s)
        await self._sessions.stop()
        self._abandon()

    def measures(self) -> list[Measure]:
        """Return what a monitoring system may read."""
        waiting = len(self._inbox) + len(self._taken)
        shift = self._shift
        held = len(shift.held) if shift else 0
        silences = self._silences.measures()
        return [*measures_of(self.counts, held, waiting), *silences, self._commit_s.measure()]

    async def _after_failure(self, error: Exception) -> None:
        """Stop hearing frames that cannot be stored for a while: the broker sends them again."""
        now_s = monotonic_s()
        self._silences.note_trouble(error)
        self._failing_since_s = self._failing_since_s or now_s
        too_long = now_s - self._failing_since_s > HEARD_WITHOUT_DATABASE_S
        if too_long or isinstance(error, LeaseLostError):
            await self._sessions.stop()
            self._abandon()

    async def _hold_shards(self) -> None:
        store = await Store.open(self._database_url, self._owner, self._settings.lease_s)
        try:
            store.leases.on_renewed = self.board.beat
            shift = self._shift = Shift(store, self._sessions, self._settings.lease_s)
            if not await shift.begin(self._pause):
                return
            worker = await self._new_worker(store)
            self._failing_since_s = None
            await shift.listen()
            async with (
                repairs_beside(self._database_url, lambda: store.epochs, self._detector),
                hours_beside(self._database_url, lambda: store.epochs, self._settings.lease_s),
            ):
                while not await self._serve(worker, shift):
                    worker = await self._new_worker(store)
            self._send_acks()
            await shift.leave(worker)
        finally:
            await store.close()

    async def _pause(self, seconds: float) -> bool:
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self.wake.wait()
        return self.stopping

    async def _new_worker(self, store: Store) -> Worker:
        """Return a worker whose memory is what is stored."""
        while True:
            worker = Worker(store, self._detector())
            try:
                await worker.recover()
            except ScoringError as error:
                assert not self._one_by_one  # one by one, a failure is an answer and not an error
                self._take_one_by_one(error)
                continue
            _spare_the_collector()
            self._log.info("ready", shards=len(store.epochs), people=len(worker.registry.people))
            return worker

    def _detector(self) -> DetectorScoring:
        return DetectorScoring(
            self._settings.silence_after_s, self._policy, one_by_one=self._one_by_one
        )

    def _take_one_by_one(self, error: ScoringError) -> None:
        self._one_by_one = True
        self._log.error("the detector failed; taking people one by one", why=str(error))

    async def _serve(self, worker: Worker, shift: Shift) -> bool:
        """Commit batches until told to stop (True) or the worker must be replaced (False)."""
        try:
            await self._serve_with(worker, shift)
        except ScoringError as error:
            self._take_one_by_one(error)
        except BatchRefusedError as error:
            self._log.error("a batch cannot be stored; taking smaller ones", why=str(error))
        return self.stopping

    async def _serve_with(self, worker: Worker, shift: Shift) -> None:
        is_ready = False
        chores = self._chores(worker, shift)
        chore_at_s = monotonic_s() + TICK_S / len(chores)
        while not self.stopping:
            if await shift.say_listening() and not is_ready:
                self.board.not_ready = ""
                self._on_ready()
                is_ready = True
            if await self._gather():
                await self._commit(worker)
            await shift.round(worker)
            if monotonic_s() >= chore_at_s:
                await chores[0]()
                chores.rotate(-1)
                chore_at_s = monotonic_s() + TICK_S / len(chores)
            self._send_acks()

    def _chores(
        self, worker: Worker, shift: Shift
    ) -> deque[Callable[[], Coroutine[Any, Any, object]]]:
        """Return what is done every `TICK_S`, one at a time: frames wait while it lasts."""

        async def tick() -> None:
            may_be_silent = shift.hears_long_enough() and not self._silences.holds_back
            await worker.tick(await worker.next_moment_ms(), may_be_silent=may_be_silent)

        async def look_for_silence() -> None:
            await self._silences.look(shift, worker.registry, self.counts)

        async def save_snapshot() -> None:
            await worker.save_due_snapshot(await worker.next_moment())
            self._hourly.say(self.counts, self._inbox.turned_away)

        return deque((tick, look_for_silence, save_snapshot))

    async def _gather(self) -> bool:
        """Fill a batch: up to its size, or until its first frame has waited long enough."""
        if not self._taken and not await self._inbox.wait(LONGEST_WAIT_S):
            return False
        while (room := self._settings.batch_frames - len(self._taken)) > 0:
            self._taken += self._inbox.take(room)
            until_s = self._taken[0].came_s + self._settings.batch_wait_ms / 1000
            left_s = until_s - monotonic_s()
            if len(self._taken) >= self._settings.batch_frames or left_s <= 0:
                break
            await asyncio.sleep(min(left_s, 0.005))
        return True

    async def _commit(self, worker: Worker) -> None:
        """Commit what was taken; only then is anything confirmed. A failure leaves it taken."""
        messages = within_limits(self._taken[: self._most_at_once])
        batch = self._taken[: len(messages)]
        started_s = monotonic_s()
        ahead = asyncio.create_task(self._decode_ahead())
        try:
            made = await worker.commit(messages, self.counts)
        except Exception as error:
            if isinstance(error, TidewellError) or means_away(error):
                raise
            self._suspect(messages, error)
            raise BatchRefusedError(f"{type(error).__name__}: {error}") from error
        finally:
            await ahead
        crashpoint(CrashPoint.AFTER_COMMIT_BEFORE_CONFIRM)
        self._commit_s.note(monotonic_s() - started_s)
        self._most_at_once = min(self._settings.batch_frames, 2 * self._most_at_once)
        confirm_all(batch)
        self._taken = self._taken[len(batch) :]
        for key, address in made.told.items():
            self._acks.note(address, key[1], made.cursors[key])
        await asyncio.sleep(0)
        crashpoint(CrashPoint.AFTER_CONFIRM_BEFORE_ACK)

    async def _decode_ahead(self) -> None:
        """Decode what comes next while the database is busy, a little at a time."""
        epochs = 0
        while len(self._taken) < 2 * self._settings.batch_frames and epochs < MOST_EPOCHS_AT_ONCE:
            for one in self._inbox.take(AHEAD_AT_ONCE):
                decoded = one.decoded()
                epochs += epochs_of(decoded)
                self._taken.append(Waiting(one.arrival, one.way_back, one.came_s, decoded))
            if not self._inbox:
                return
            await asyncio.sleep(0)

    def _suspect(self, messages: Sequence[Decoded], error: Exception) -> None:
        """Narrow down which frame of a batch cannot be stored; the last one left is set aside."""
        if len(messages) > 1:
            self._most_at_once = len(messages) // 2
            return
        guilty = messages[0]
        why = f"a fault of ours: {type(error).__name__}"[:LONGEST_DETAIL]
        content = guilty.content
        refused = Refused(Refusal.COULD_NOT_BE_STORED, why, content.boot, content.seq)
        self._taken[0] = self._taken[0]._replace(verdict=guilty._replace(content=refused))

    def _send_acks(self) -> None:
        listener = self._sessions.listener
        shift = self._shift
        if shift is None or listener is None or not listener.is_connected:
            return
        behind = len(self._inbox) >= self._settings.batch_frames
        due = self._acks.due(monotonic_s(), behind=behind)
        now_ms = shift.time_ms()
        listener.tell([(ack.topic, orjson.dumps(ack.body(now_ms))) for ack in due])

    def _abandon(self) -> None:
        """Drop what waits: it was never confirmed, so it comes again."""
        for way_back in {
            one.way_back for one in [*self._taken, *self._inbox.take(len(self._inbox))]
        }:
            way_back.abandon()
        self._taken = []


class DetectorScoring:
    """The detector as a worker sees it: rows in, rows out.

    With `one_by_one`, a failure on the readings of one person leaves everybody else's scored.
    """

    version = VERSION

    def __init__(
        self, silence_after_s: int, policy: Policy | None = None, *, one_by_one: bool
    ) -> None:
        self._detector = Detector(silence_after_s, policy)
        self._one_by_one = one_by_one
        self.add_person = self._detector.add_person
        self.keep_only = self._detector.keep_only
        self.knows = self._detector.knows
        self.snapshot = self._detector.snapshot
        self.hear_outcome = self._detector.hear_outcome
        self.change_device_model = self._detector.change_device_model
        self.set_back = self._detector.set_back

    def restore(self, state: bytes, zones: Mapping[int, ZoneTable]) -> None:
        """Take over what a snapshot remembered."""
        self._detector.restore(state, zones)

    def score(self, rows: Rows) -> Found:
        """Take readings in; the detector is pure, so whatever it raises is a fault of ours.

        Raises:
            ScoringError: it failed, and who did it is not known yet.
        """
        if self._one_by_one:
            return self._score_one_by_one(rows)
        try:
            return _found(self._detector.update(_reading_batch(rows)))
        except Exception as error:
            raise ScoringError(f"{type(error).__name__}: {error}") from error

    def tick(self, at_ms: int, counted_from_ms: Mapping[int, int]) -> Found:
        """Return what the mere passing of time brings to light."""
        return _found(self._detector.tick(at_ms, counted_from_ms))

    def note(self, person_id: int, kind: str, first_day: date, last_day: date) -> None:
        """Take down a note about some local days."""
        first, last = day_number(first_day), day_number(last_day)
        self._detector.note(person_id, NoteKind(kind), first, last)

    def unnote(self, person_id: int, kind: str, first_day: date, last_day: date) -> None:
        """Let a note that was taken back count no more."""
        first, last = day_number(first_day), day_number(last_day)
        self._detector.unnote(person_id, NoteKind(kind), first, last)

    def set_limits(self, person_id: int, limits: Sequence[PlanLimit]) -> None:
        """Give a person the limits of their plan, in place of those before."""
        self._detector.set_limits(person_id, [_limit(one) for one in limits])

    def _score_one_by_one(self, rows: Rows) -> Found:
        parts: list[Found] = []
        failed: set[int] = set()
        for person in np.unique(rows.person_id).tolist():
            of_one = _reading_batch(rows.take(rows.person_id == person))
            try:
                parts.append(_found(self._detector.update(of_one)))
            except Exception as error:  # noqa: BLE001 -- logged with its person, whose readings wait
                get_logger().error(
                    "scoring failed", person_id=person, why=f"{type(error).__name__}: {error}"
                )
                failed.add(person)
        return Found.joined(parts, frozenset(failed))


def _limit(one: PlanLimit) -> Limit:
    side = Direction(one.direction)
    return Limit(one.channel, side, one.value, one.for_minutes, one.level, one.while_resting)


def _reading_batch(rows: Rows) -> ReadingBatch:
    return ReadingBatch(rows.person_id, rows.time_ms, rows.received_ms, rows.period_s, rows.values)


def _found(findings: Findings) -> Found:
    days = [
        {**day, "family_scores": [None if np.isnan(one) else one for one in scores]}
        for day, scores in zip(
            day_records(findings.days), findings.days.family_scores.tolist(), strict=True
        )
    ]
    return Found(
        days,
        [_episode_row(one) for one in findings.changes],
        late=findings.late_readings,
        too_late=findings.too_late_readings,
        not_believed={
            reason.value: count
            for reason, count in zip(REASONS, findings.dropped, strict=False)
            if count
        },
        to_repair=[
            TooLate(person_id, day_date(first), day_date(last), count)
            for person_id, first, last, count in findings.too_late_days
        ],
    )


def _episode_row(change: EpisodeChange) -> EpisodeRow:
    return EpisodeRow(
        person_id=change.person_id,
        family=change.family.value,
        kind=change.kind.value,
        opened_at=utc_moment(change.opened_at_ms),
        at=utc_moment(change.at_ms),
        level=change.level.value,
        score=change.score,
        explanation=change.explanation,
        closes=change.kind is EpisodeKind.CLOSED,
        strand=strand_of(change.family, change.level, change.explanation),
    )


def _spare_the_collector() -> None:
    """Leave what lives long out of garbage collection, and look for cycles more rarely.

    A batch makes ten thousands of small objects and no cycle; by default the collector would walk
    through everything that is remembered several times a second, a third of the time of a batch.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(COLLECT_AFTER_OBJECTS, COLLECT_AFTER_ROUNDS, COLLECT_AFTER_ROUNDS)
