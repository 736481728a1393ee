"""What the stores rest on, asked of a real PostgreSQL and of the database of the simulation alike.

The same stores run on both. What the simulation proves holds for PostgreSQL as far as these tests
hold for both; a statement that the one in memory does not know fails the first of them.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from unittest import mock

import numpy as np
import psycopg
import pytest

import tests.simulation.all_statements  # noqa: F401 -- registers what the other database knows
from alerts import store as shared
from alerts.answers import store as answers
from alerts.auditing import store as auditing
from alerts.auditor import PUT_OFF_MOST
from alerts.concerns import store as concerns
from alerts.intake import store as intake
from alerts.reasons import ActionReason, DecisionReason, IntakeReason
from alerts.sending import store as sending
from alerts.store import Desk, Site
from ingest.batch import DeadLetter, Tally
from ingest.committing.scoring import EpisodeRow
from ingest.cursors import Cursor, Gap, Kept
from ingest.decode import Refused
from ingest.leasing import store as leasing
from ingest.passing.store import forget_unscored, note_unscored
from ingest.reasons import Refusal
from ingest.recovering.store import scored_readings
from ingest.rows import Rows
from ingest.store import Store
from tests.simulation.database import STATEMENTS, MemoryDatabase
from tests.simulation.ingest_statements import QUERIES_OF_INGEST
from tidewell.database import Connection, Role, connect
from tidewell.errors import LeaseLostError
from tidewell.local_time import utc_moment
from tidewell.vocabulary import CHANNEL_NAMES, SHARD_COUNT

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
START_MS = 1_795_000_000_000
LEASE_S = 30
SITE = Site("https://pages.example", None, frozenset({"console"}), 36)
KEY = (1, 7)
CHANCE = random.Random(1)  # noqa: S311 -- only the public numbers of alerts are drawn from it


@dataclass
class Ground:
    """A database of either kind, with a person, a device and somebody who looks after them."""

    url: str = "postgresql://tidewell:secret@127.0.0.1:5432/memory"
    memory: MemoryDatabase | None = None
    opened: list[Any] = field(default_factory=list)

    async def store(self, owner: str) -> Store:
        """Open ingest's store."""
        store = await Store.open(self.url, owner, LEASE_S)
        self.opened.append(store)
        return store

    async def desk(self, now: datetime = NOW) -> Desk:
        """Open a connection of alerts."""
        if self.memory is None:
            connection = await connect(self.url, Role.ALERTS, "test", autocommit=True)
        else:
            connection = self.memory.connect("test")  # type: ignore[assignment] # as much as is used
        self.opened.append(connection)
        return Desk(connection, SITE, now)

    async def end_leases(self) -> None:
        """Let the time pass after which no lease holds anybody."""
        if self.memory is not None:
            memory_ms, by_ms = self.memory.time_ms, LEASE_S * 1000 + 1
            self.memory.time_ms = lambda: memory_ms() + by_ms
            return
        async with await psycopg.AsyncConnection.connect(self.url, autocommit=True) as owner:
            for table, column in (("shard", "lease_until"), ("ingest_worker", "seen_until")):
                await owner.execute(
                    f"UPDATE {table} SET {column} = {column} - make_interval(secs => %s)",
                    (LEASE_S,),
                )

    async def act(self, alert_id: int, kind: str, at: datetime) -> None:
        """Ask something of an alert, as the pages do."""
        if self.memory is not None:
            number = self.memory.next_number("alert_action")
            row = {"alert_action_id": number, "alert_id": alert_id, "staff_id": 1, "kind": kind}
            more = {"outcome": None, "note": "", "at": at}
            self.memory.put("alert_action", (number,), {**row, **more})
            return
        async with await psycopg.AsyncConnection.connect(self.url, autocommit=True) as owner:
            await owner.execute(
                "INSERT INTO alert_action (alert_id, staff_id, kind, note, at)"
                " VALUES (%s, 1, %s, '', %s)",
                (alert_id, kind, at),
            )


def furnish_memory(memory: MemoryDatabase) -> None:
    for shard in range(SHARD_COUNT):
        lease = {"owner": None, "epoch": 0, "lease_until": None, "listening_since": None}
        memory.put("shard", (shard,), lease)
        free = {"owner": None, "seen_until": None, "has_session": False}
        memory.put("ingest_worker", (shard + 1,), free)
    memory.put("person", (1,), {"shard": 3})
    memory.put("device", (1,), {"name": "band-1", "device_id": 1, "person_id": 1, "from_ms": 0})
    memory.put("assignment", (1, 1), {"person_id": 1, "staff_id": 1, "kind": "key_worker"})


async def furnish_postgres(url: str) -> None:
    early = datetime(2020, 1, 1, tzinfo=UTC)
    async with await psycopg.AsyncConnection.connect(url, autocommit=True) as owner:
        await owner.execute(
            "INSERT INTO person (label, shard, timezone, reading_level, created_at)"
            " VALUES ('P-1', 3, 'UTC', '12-15', %s)",
            (early,),
        )
        await owner.execute(
            "INSERT INTO device (name, model, created_at) VALUES ('band-1', 'virtual', %s)",
            (early,),
        )
        await owner.execute("INSERT INTO device_assignment VALUES (1, 1, %s)", (early,))
        await owner.execute(
            "INSERT INTO staff (role, display_name, created_at) VALUES ('practitioner', 'A', %s)",
            (early,),
        )
        await owner.execute(
            "INSERT INTO assignment (staff_id, person_id, kind, valid_from)"
            " VALUES (1, 1, 'key_worker', %s)",
            (early,),
        )


@pytest.fixture(params=["memory", "postgres"])
def url(request: pytest.FixtureRequest) -> str:
    """The address of a fresh database; the one in memory has none."""
    if request.param == "memory":
        return ""
    address: str = request.getfixturevalue("database_url")
    return address


@pytest.fixture
async def ground(url: str) -> AsyncIterator[Ground]:
    if not url:
        memory = MemoryDatabase()
        furnish_memory(memory)
        ground = Ground(memory=memory)

        async def connect_in_memory(*_: object, **__: object) -> object:
            return memory.connect("test")

        with mock.patch.object(psycopg.AsyncConnection, "connect", connect_in_memory):
            yield ground
        return
    ground = Ground(url)
    await furnish_postgres(ground.url)
    yield ground
    for one in ground.opened:
        await one.close()


def rows(*seqs: int, first: int = 0, boot: int = 7, heart_rate: float = 60.0) -> Rows:
    """Return one reading for each of these frames of device 1, a minute apart."""
    count = len(seqs)
    values = np.full((count, len(CHANNEL_NAMES)), np.nan, np.float32)
    values[:, 0] = heart_rate
    ones = np.ones(count, np.int64)
    return Rows(
        frame=np.arange(count, dtype=np.int64),
        person_id=ones,
        time_ms=START_MS + (first + np.arange(count, dtype=np.int64)) * 60_000,
        device_id=ones,
        period_s=ones * 60,
        boot=ones * boot,
        seq=np.array(seqs, np.int64),
        received_ms=ones * (START_MS + 1),
        values=values,
    )


async def commit(
    store: Store,
    new: Rows,
    cursor: Cursor,
    lost: Sequence[Gap] = (),
    now: datetime = NOW,
    tallies: dict[tuple[int, int], Tally] | None = None,
) -> tuple[int, dict[tuple[int, int, int], int]]:
    """Commit readings and a cursor as ingest does; return how many were new, and contradictions."""
    async with store.transaction(now) as transaction:
        fresh, contradicted = await transaction.add_readings(new)
        kept = {KEY: Kept(cursor, cursor.upto)}
        counted = {KEY: Tally(committed=len(fresh))} if tallies is None else tallies
        await transaction.save_cursors(kept, counted)
        await transaction.save_gaps(KEY, cursor, lost)
        await note_unscored(transaction, fresh, {KEY: Kept(cursor, -1)})
    return len(fresh), contradicted


async def held(store: Store) -> list[int]:
    seqs: list[int] = (await store.held_readings([1], KEY, -1, 99)).seq.tolist()
    return seqs


def test_the_database_in_memory_has_an_answer_to_every_statement() -> None:
    unknown = [
        name for name, queries in QUERIES_OF_INGEST.items() if queries[name] not in STATEMENTS
    ]
    for module in (shared, intake, answers, concerns, auditing, sending):
        unknown += [name for name in module._SQL if module._SQL[name] not in STATEMENTS]
    assert unknown == []


# ---- What ingest rests on ----------------------------------------------------------------


async def test_what_is_committed_is_read_back_by_another_session(ground: Ground) -> None:
    store = await ground.store("one")
    await store.leases.take()
    cursor = Cursor(upto=1, highest=4, gaps=(Gap(2, 3),))
    assert await commit(store, rows(0, 1, 4), cursor) == (3, {})
    other = await ground.store("two")
    assert await other.cursors([KEY]) == {KEY: Kept(cursor, 1)}
    assert await held(other) == [0, 1, 4]
    assert (await other.held_readings([1], KEY, 0, 1)).seq.tolist() == [1]


async def test_nothing_of_a_transaction_that_fails_is_there(ground: Ground) -> None:
    store = await ground.store("one")
    await store.leases.take()
    with pytest.raises(KeyError):
        await commit(store, rows(0), Cursor(0, 0), tallies={})
    assert await held(store) == []
    assert await store.cursors([KEY]) == {}


async def test_a_reading_is_stored_once_and_a_contradiction_is_told(ground: Ground) -> None:
    store = await ground.store("one")
    await store.leases.take()
    await commit(store, rows(0, 1), Cursor(1, 1))
    fresh, contradicted = await commit(store, rows(5, 6, heart_rate=99.0), Cursor(6, 6))
    assert (fresh, contradicted) == (0, {(1, 7, 5): 1, (1, 7, 6): 1})
    assert await held(store) == [0, 1]


async def test_gaps_close_and_what_a_device_gave_up_stays_known(ground: Ground) -> None:
    store = await ground.store("one")
    await store.leases.take()
    await commit(store, rows(9), Cursor(-1, 9, (Gap(0, 8),)))
    await commit(store, rows(4, first=1), Cursor(-1, 9, (Gap(0, 3), Gap(5, 8))))
    kept = (await store.cursors([KEY]))[KEY]
    assert kept.cursor.gaps == (Gap(0, 3), Gap(5, 8))
    await commit(store, rows(8, first=2), Cursor(9, 9), lost=(Gap(0, 3), Gap(5, 7)))
    assert (await store.cursors([KEY]))[KEY].cursor == Cursor(9, 9)


async def test_what_waits_is_looked_for_in_its_own_time_until_all_of_it_is_scored(
    ground: Ground,
) -> None:
    store = await ground.store("one")
    await store.leases.take()
    await commit(store, rows(4, 5), Cursor(-1, 5, (Gap(0, 3),)))
    await commit(store, rows(9, first=9), Cursor(-1, 9, (Gap(0, 3), Gap(6, 8))))
    assert await held(store) == [4, 5, 9]
    for scored_upto, waiting in ((5, [4, 5, 9]), (9, [])):
        async with store.transaction(NOW) as transaction:
            await transaction.mark_scored(KEY, scored_upto)
            await forget_unscored(transaction, KEY)
        assert await held(store) == waiting


async def test_the_same_refused_bytes_are_kept_once(ground: Ground) -> None:
    store = await ground.store("one")
    await store.leases.take()
    letter = DeadLetter("a topic", 1, Refused(Refusal.BAD_JSON, "no", 7, 3), b"{")
    for _ in range(2):
        async with store.transaction(NOW) as transaction:
            await transaction.add_dead_letters([letter])


async def test_a_worker_that_was_overtaken_commits_nothing(ground: Ground) -> None:
    old, new = await ground.store("old"), await ground.store("new")
    await old.leases.take()
    assert await new.leases.take() == []
    await ground.end_leases()
    assert len(await new.leases.take()) == SHARD_COUNT
    with pytest.raises(LeaseLostError):
        await commit(old, rows(0), Cursor(0, 0))
    assert await held(new) == []
    assert await commit(new, rows(0), Cursor(0, 0)) == (1, {})


async def test_whoever_takes_a_shard_waits_for_the_transaction_that_holds_it(
    ground: Ground,
) -> None:
    old, new = await ground.store("old"), await ground.store("new")
    await old.leases.take()
    await ground.end_leases()
    async with old.transaction(NOW) as transaction:
        assert await new.leases.take() == []  # held rows are passed over
        await transaction.add_readings(rows(0))
    await ground.end_leases()
    assert len(await new.leases.take()) == SHARD_COUNT


async def test_workers_are_counted_by_their_slots(ground: Ground) -> None:
    one, other = await ground.store("one"), await ground.store("two")
    assert (await one.leases.claim_slot(), await other.leases.claim_slot()) == (1, 2)
    assert await one.leases.renew_slot() == 2
    assert await one.leases.claim_slot() == 1
    await other.leases.leave()
    assert await one.leases.renew_slot() == 1
    third = await ground.store("three")
    await ground.end_leases()
    assert await third.leases.claim_slot() == 1
    with pytest.raises(LeaseLostError):
        await one.leases.renew_slot()


async def test_a_worker_in_its_next_life_takes_all_its_shards_however_few_were_asked_for(
    ground: Ground,
) -> None:
    store, again = await ground.store("one"), await ground.store("one")
    assert await store.leases.take(5) == [0, 1, 2, 3, 4]
    assert await again.leases.take(2) == [0, 1, 2, 3, 4]
    assert await again.leases.take(0) == []


async def test_a_session_that_could_not_be_ended_is_tried_again_after_a_lease(
    ground: Ground, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(leasing, "SESSION_LEFT_AFTER", timedelta(0))
    gone, store = await ground.store("gone"), await ground.store("one")
    assert await gone.leases.claim_slot() == 1
    await ground.end_leases()
    assert await store.leases.claim_left_session() == 1
    assert await store.leases.claim_left_session() is None  # somebody is at it
    await ground.end_leases()
    assert await store.leases.claim_left_session() == 1
    await store.leases.note_session_ended(1)
    await ground.end_leases()
    assert await store.leases.claim_left_session() is None
    assert await store.leases.claim_slot() == 1


async def test_moments_go_on_after_the_last_one_of_whoever_had_the_shard(ground: Ground) -> None:
    store, next_one = await ground.store("one"), await ground.store("two")
    await store.leases.take()
    async with store.transaction(NOW):
        pass
    await store.leases.leave()
    await next_one.leases.take()
    assert next_one.latest_moment() == NOW


async def test_after_a_clock_was_set_back_held_readings_count_as_received_when_they_were_scored(
    ground: Ground,
) -> None:
    store = await ground.store("one")
    await store.leases.take()
    ahead_ms = START_MS + 365 * 86_400_000
    before, fills = rows(1), rows(0, first=1)
    before.received_ms[:] = ahead_ms
    await commit(store, before, Cursor(-1, 1, (Gap(0, 0),)), now=utc_moment(ahead_ms))
    await store.leases.leave()
    back = utc_moment(START_MS + 5)
    await store.leases.take()
    store.leases.clock.set_back(START_MS + 5)
    async with store.transaction(back) as transaction:
        await transaction.set_moments_back(store.leases)
    await commit(store, fills, Cursor(1, 1), now=back)
    assert (await store.held_readings([1], KEY, -1, 99)).received_ms.tolist() == [
        START_MS + 1,
        START_MS + 5,
    ]
    parts = [part async for part in scored_readings(store.url, [1], [], 99, back)]
    assert [part.received_ms.tolist() for part, _ in parts] == [[START_MS + 1, START_MS + 1]]


async def test_a_snapshot_says_from_where_readings_are_needed_again(ground: Ground) -> None:
    store = await ground.store("one")
    await store.leases.take()
    await commit(store, rows(0, 3), Cursor(0, 3, (Gap(1, 2),)))
    later = NOW + timedelta(hours=1)
    async with store.transaction(later) as transaction:
        await transaction.save_snapshot(3, [1], b"state", "v")
    [snapshot] = await store.snapshots("v", [3])
    assert (snapshot.replay_from, snapshot.seen_upto, snapshot.state) == (NOW, {KEY: 0}, b"state")
    assert await store.snapshots("another", [3]) == []


async def test_a_change_has_one_episode_and_each_event_of_it_once(ground: Ground) -> None:
    store = await ground.store("one")
    await store.leases.take()
    for _ in range(2):
        async with store.transaction(NOW) as transaction:
            await transaction.save_episodes([change("opened")], "v")
    desk = await ground.desk()
    assert len(await intake.unhandled_events(desk.connection, [])) == 1


# ---- What alerts rest on ----------------------------------------------------------------


def change(kind: str, level: str = "check_today") -> EpisodeRow:
    return EpisodeRow(1, "illness", kind, NOW, NOW, level, 4.0, {"a": 1}, closes=kind == "closed")


async def raise_alert(ground: Ground) -> tuple[Desk, int]:
    store = await ground.store("one")
    await store.leases.take()
    async with store.transaction(NOW) as transaction:
        await transaction.save_episodes([change("opened")], "v")
    desk = await ground.desk()
    [pending] = await intake.unhandled_events(desk.connection, [])
    assert await intake.take_in(desk, pending, CHANCE) is IntakeReason.RAISED
    assert await intake.take_in(desk, pending, CHANCE) is None
    return desk, 1


async def test_an_alert_is_told_claimed_by_one_and_marked_once(ground: Ground) -> None:
    desk, alert_id = await raise_alert(ground)
    [first] = await sending.claim(desk, "console", "one")
    assert await sending.claim(desk, "console", "two") == []
    later = Desk(desk.connection, SITE, NOW + sending.LEASE)
    [second] = await sending.claim(later, "console", "two")
    assert (second.attempts, second.message) == (2, first.message)
    assert await sending.mark_handed_over(later, second)
    assert not await sending.mark_handed_over(later, first)
    assert first.alert_id == alert_id


async def test_an_alert_that_nobody_accepts_wakes_and_escalates(ground: Ground) -> None:
    desk, alert_id = await raise_alert(ground)
    assert await shared.due_alerts(desk, []) == []
    late = Desk(desk.connection, SITE, NOW + timedelta(hours=4))
    assert await shared.due_alerts(late, []) == [alert_id]
    assert await shared.due_alerts(late, [alert_id]) == []
    assert await shared.wake(late, alert_id) is DecisionReason.NOT_ACCEPTED_IN_TIME
    assert await shared.wake(late, alert_id) is None
    assert len(await sending.claim(late, "console", "one")) == 2


async def test_an_answer_is_folded_in_once_and_stops_the_telling(ground: Ground) -> None:
    desk, alert_id = await raise_alert(ground)
    await ground.act(alert_id, "accept", NOW)
    [pending] = await answers.unfolded_actions(desk.connection, [])
    assert await answers.fold(desk, pending) is ActionReason.ACCEPTED
    assert await answers.fold(desk, pending) is None
    assert await answers.unfolded_actions(desk.connection, []) == []
    assert await sending.claim(desk, "console", "one") == []


async def test_the_auditor_sees_what_is_open(ground: Ground) -> None:
    desk, _ = await raise_alert(ground)
    assert await auditing.audit_alerts(desk) == auditing.Summary(1, 0, 0)
    early = await ground.desk(NOW - PUT_OFF_MOST - timedelta(seconds=1))
    assert await auditing.audit_alerts(early) == auditing.Summary(1, 1, 1)
    assert await auditing.audit_alerts(early) == auditing.Summary(1, 0, 0)
    late = Desk(desk.connection, SITE, NOW + timedelta(hours=5))
    assert await auditing.audit_alerts(late) == auditing.Summary(1, 1, 1)


async def test_two_who_take_in_one_event_at_once_raise_one_alert(ground: Ground) -> None:
    store = await ground.store("one")
    await store.leases.take()
    async with store.transaction(NOW) as transaction:
        await transaction.save_episodes([change("opened")], "v")
    desks = [await ground.desk() for _ in range(2)]
    [pending] = await intake.unhandled_events(desks[0].connection, [])
    takings = [intake.take_in(desk, pending, CHANCE) for desk in desks]
    assert sorted(map(str, await asyncio.gather(*takings))) == ["None", "raised"]


async def test_a_hint_reaches_who_listens_when_it_commits(ground: Ground) -> None:
    store, desk = await ground.store("one"), await ground.desk()
    await store.leases.take()
    await intake.listen(desk.connection)
    connection: Connection = desk.connection
    async with store.transaction(NOW) as transaction:
        await transaction.save_episodes([change("opened")], "v")
    hints = [hint async for hint in connection.notifies(timeout=5.0, stop_after=1)]
    assert len(hints) == 1
