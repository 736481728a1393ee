"""Readings in a real PostgreSQL: every edge value, contradictions, and leases that fence."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any

import numpy as np
import psycopg
import pytest
from numpy.typing import NDArray

from ingest.committing.store import STAGED_AFTER_A_CLASH
from ingest.cursors import Cursor, Kept
from ingest.passing.store import note_unscored
from ingest.rows import Rows
from ingest.store import QUERIES, Store
from tidewell.errors import LeaseLostError
from tidewell.vocabulary import CHANNEL_NAMES, CHANNELS, SHARD_COUNT

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
START_MS = 1_762_000_000_000
LEASE_S = 30
SLACK_S = 5
AGE_LEASES = "UPDATE shard SET lease_until = lease_until - make_interval(secs => %s)"
Owner = psycopg.AsyncConnection[tuple[object, ...]]


def some_rows(values: NDArray[np.float32], *, seq: int = 0, first: int = 0, **more: int) -> Rows:
    """Return rows of one frame of device 1 of person 5, a minute apart."""
    count = len(values)

    def column(name: str, otherwise: int) -> NDArray[np.int64]:
        return np.full(count, more.get(name, otherwise), np.int64)

    return Rows(
        frame=np.zeros(count, np.int64),
        person_id=column("person_id", 5),
        time_ms=START_MS + (first + np.arange(count, dtype=np.int64)) * 60_000,
        device_id=column("device_id", 1),
        period_s=column("period_s", 60),
        boot=column("boot", 7),
        seq=np.full(count, seq, np.int64),
        received_ms=np.full(count, START_MS + 1, np.int64),
        values=values,
    )


def heart_rates(*values: float) -> NDArray[np.float32]:
    columns = np.full((len(values), len(CHANNEL_NAMES)), np.nan, np.float32)
    columns[:, 0] = values
    return columns


@pytest.fixture
async def store(database_url: str) -> AsyncIterator[Store]:
    store = await Store.open(database_url, "worker-1", LEASE_S)
    await store.leases.take()
    yield store
    await store.close()


async def stored(owner: Owner) -> list[tuple[object, ...]]:
    names = ", ".join(CHANNEL_NAMES)
    cursor = await owner.execute(f"SELECT {names} FROM reading ORDER BY person_id, time, device_id")
    return await cursor.fetchall()


async def add(store: Store, rows: Rows) -> tuple[Rows, dict[tuple[int, int, int], int]]:
    async with store.transaction(NOW) as transaction:
        await note_unscored(transaction, rows, {(1, 7): Kept(Cursor(-1, 99), -1)})
        return await transaction.add_readings(rows)


async def test_every_edge_value_is_stored_as_the_same_float32_and_nan_as_null(
    store: Store, owner: Owner
) -> None:
    low = [channel.low for channel in CHANNELS]
    high = [channel.high for channel in CHANNELS]
    between = [np.nextafter(np.float32(one), np.float32(1e9)) for one in low]
    tiny = [np.float32(1e-45)] * len(CHANNELS)
    third = [np.float32(one / 3 + 1e-3) for one in high]
    hour = [24_000.0] * len(CHANNELS)
    absent = [np.nan] * len(CHANNELS)
    table = np.array([low, high, between, tiny, third, hour, absent], np.float32)
    fresh, contradicted = await add(store, some_rows(table))
    assert (len(fresh), contradicted) == (len(table), {})
    for row, wanted in zip(await stored(owner), table, strict=True):
        for cell, value in zip(row, wanted, strict=True):
            if np.isnan(value):
                assert cell is None
            else:
                assert np.float32(cell).tobytes() == value.tobytes()  # type: ignore[arg-type] # a float column


async def test_times_and_numbers_are_stored_to_their_limits(store: Store, owner: Owner) -> None:
    rows = some_rows(
        heart_rates(60),
        seq=2**53 - 1,
        boot=2**31 - 1,
        period_s=3_600,
        person_id=2**31 - 1,
        device_id=2**31 - 1,
    )
    rows.time_ms[0] = 1_420_070_400_001
    await add(store, rows)
    cursor = await owner.execute(
        "SELECT person_id, device_id, boot, seq, period_s, "
        "(extract(epoch FROM time) * 1000)::bigint, "
        "(extract(epoch FROM received_at) * 1000)::bigint "
        "FROM reading"
    )
    highest = 2**31 - 1
    assert await cursor.fetchone() == (
        highest,
        highest,
        highest,
        2**53 - 1,
        3_600,
        1_420_070_400_001,
        START_MS + 1,
    )


async def test_what_is_read_back_for_scoring_is_what_was_stored(store: Store) -> None:
    values = heart_rates(61.3, np.nan, 250)
    await add(store, some_rows(values, seq=4))
    back = await store.held_readings([5], (1, 7), after=3, upto=4)
    assert np.array_equal(back.values, values, equal_nan=True)
    assert back.values.dtype == np.float32
    assert back.time_ms.tolist() == [START_MS, START_MS + 60_000, START_MS + 120_000]
    assert len(await store.held_readings([5], (1, 7), after=4, upto=9)) == 0
    assert len(await store.held_readings([6], (1, 7), after=3, upto=4)) == 0


async def test_what_waits_is_found_without_looking_at_all_that_is_stored_of_a_person(
    store: Store, owner: Owner
) -> None:
    async with store.transaction(NOW) as transaction:
        await transaction.add_readings(some_rows(heart_rates(*[60.0] * 5_000)))
    await add(store, some_rows(heart_rates(61, 62, 63), seq=4, first=6_000))
    await owner.execute("ANALYZE reading")
    select = QUERIES["copy_held_readings"].partition("COPY (")[2].partition(") TO STDOUT")[0]
    which = {"people": [5], "device_id": 1, "boot": 7, "after": 3, "upto": 4, "latest": NOW}
    cursor = await psycopg.AsyncClientCursor(owner).execute(
        b"EXPLAIN (ANALYZE, FORMAT JSON) " + select.encode(), which
    )
    row = await cursor.fetchone()
    assert row is not None
    (explained,) = row
    assert isinstance(explained, list)
    assert 3 <= rows_looked_at(explained[0]["Plan"]) < 50


def rows_looked_at(plan: dict[str, Any]) -> int:
    """Return how many readings a plan took into its hands, kept or not."""
    own = 0
    if plan.get("Relation Name") == "reading":
        own = plan["Actual Rows"] + plan.get("Rows Removed by Filter", 0)
    return int(own) + sum(rows_looked_at(one) for one in plan.get("Plans", ()))


async def test_the_same_values_again_are_no_contradiction(store: Store, owner: Owner) -> None:
    values = heart_rates(60, np.nan, 62)
    await add(store, some_rows(values, seq=0))
    fresh, contradicted = await add(store, some_rows(values, seq=1))
    assert (len(fresh), contradicted) == (0, {})
    assert len(await stored(owner)) == 3


@pytest.mark.parametrize(
    ("before", "after"), [(60.0, 61.0), (np.nan, 60.0), (60.0, np.nan), (60.0, 60.000004)]
)
async def test_other_values_for_an_epoch_are_a_contradiction_and_the_first_ones_hold(
    store: Store, owner: Owner, before: float, after: float
) -> None:
    await add(store, some_rows(heart_rates(before, 70), seq=0))
    fresh, contradicted = await add(store, some_rows(heart_rates(after, 70, 71), seq=1))
    assert contradicted == {(1, 7, 1): 1}
    assert fresh.time_ms.tolist() == [START_MS + 120_000]
    first = (await stored(owner))[0][0]
    assert first is None if np.isnan(before) else first == before


async def test_two_frames_of_one_batch_that_claim_an_epoch_contradict_each_other(
    store: Store, owner: Owner
) -> None:
    rows = Rows.joined(
        [
            some_rows(heart_rates(60, 61), seq=0),
            some_rows(heart_rates(99, 61, 62), seq=1),
            some_rows(heart_rates(50), seq=2, first=2),
        ]
    )
    fresh, contradicted = await add(store, rows)
    assert contradicted == {(1, 7, 1): 1, (1, 7, 2): 1}
    assert list(zip(fresh.seq.tolist(), fresh.values[:, 0].tolist(), strict=True)) == [
        (0, 60.0),
        (0, 61.0),
        (1, 62.0),
    ]
    assert [row[0] for row in await stored(owner)] == [60.0, 61.0, 62.0]


async def test_a_claimed_epoch_undoes_the_straight_way_alone_and_not_its_transaction(
    store: Store, owner: Owner
) -> None:
    await add(store, some_rows(heart_rates(60), seq=0))
    batch = Rows.joined(
        [some_rows(heart_rates(70), seq=1, first=5), some_rows(heart_rates(9), seq=2)]
    )
    async with store.transaction(NOW) as transaction:
        await transaction.execute(
            "INSERT INTO frame_gap (device_id, boot, first_seq, last_seq, state, noticed_at) "
            "VALUES (1, 7, 8, 9, 'waiting', %(now)s)",
            {},
        )
        fresh, _ = await transaction.add_readings(batch)
    assert fresh.seq.tolist() == [1]
    assert [row[0] for row in await stored(owner)] == [60.0, 70.0]
    assert await (await owner.execute("SELECT first_seq FROM frame_gap")).fetchall() == [(8,)]


async def test_the_long_way_after_a_clash_leaves_the_same_rows_and_ends(
    store: Store, owner: Owner
) -> None:
    mixed = np.where(np.arange(len(CHANNEL_NAMES)) % 2, np.float32(0.25), np.float32(np.nan))
    table = np.stack([mixed, np.roll(mixed, 1), mixed]).astype(np.float32)
    await add(store, some_rows(heart_rates(60), seq=0))
    await add(store, some_rows(heart_rates(61), seq=1))
    for seq in range(2, STAGED_AFTER_A_CLASH + 4):
        fresh, contradicted = await add(store, some_rows(table, seq=seq, first=3 * seq))
        assert (len(fresh), contradicted) == (3, {})
    rows = await stored(owner)
    assert len(rows) == 1 + 3 * (STAGED_AFTER_A_CLASH + 2)
    assert rows[1:4] == rows[-3:]  # through staging the first, straight the last


async def test_a_new_boot_that_repeats_numbers_and_epochs_is_told_from_the_old_one(
    store: Store,
) -> None:
    await add(store, some_rows(heart_rates(60), seq=0, boot=7))
    _, contradicted = await add(store, some_rows(heart_rates(61), seq=0, boot=8))
    assert contradicted == {(1, 8, 0): 1}


async def test_two_devices_of_a_person_may_report_the_same_minute(store: Store) -> None:
    await add(store, some_rows(heart_rates(60), device_id=1))
    fresh, contradicted = await add(store, some_rows(heart_rates(80), device_id=2))
    assert (len(fresh), contradicted) == (1, {})


async def test_readings_of_a_transaction_that_fails_are_not_there(
    store: Store, owner: Owner
) -> None:
    async def fail() -> None:
        async with store.transaction(NOW) as transaction:
            await transaction.add_readings(some_rows(heart_rates(60)))
            raise RuntimeError

    with pytest.raises(RuntimeError):
        await fail()
    assert await stored(owner) == []
    fresh, _ = await add(store, some_rows(heart_rates(60)))
    assert len(fresh) == 1


async def test_nobody_takes_a_shard_before_its_lease_runs_out(
    store: Store, database_url: str, owner: Owner
) -> None:
    other = await Store.open(database_url, "worker-2", LEASE_S)
    try:
        assert len(store.epochs) == SHARD_COUNT
        assert await other.leases.take() == []
        await owner.execute(AGE_LEASES, (LEASE_S - SLACK_S,))
        assert await other.leases.take() == []
        await owner.execute(AGE_LEASES, (SLACK_S,))
        await other.leases.take()
        assert other.epochs == {shard: epoch + 1 for shard, epoch in store.epochs.items()}
    finally:
        await other.close()


async def test_a_worker_that_was_overtaken_cannot_commit_and_its_successor_can(
    store: Store, database_url: str, owner: Owner
) -> None:
    other = await Store.open(database_url, "worker-2", LEASE_S)
    try:
        await owner.execute(AGE_LEASES, (LEASE_S,))
        await other.leases.take()
        with pytest.raises(LeaseLostError, match="64 of 64 shards"):
            await add(store, some_rows(heart_rates(60)))
        assert await stored(owner) == []
        await add(other, some_rows(heart_rates(61)))
        assert [row[0] for row in await stored(owner)] == [61.0]
    finally:
        await other.close()


async def test_one_shard_lost_is_enough_to_stop_a_commit(store: Store, owner: Owner) -> None:
    await owner.execute("UPDATE shard SET epoch = epoch + 1 WHERE shard = 17")
    with pytest.raises(LeaseLostError, match="1 of 64 shards"):
        await add(store, some_rows(heart_rates(60)))
    assert await stored(owner) == []


async def test_an_older_epoch_of_the_same_worker_cannot_commit(store: Store) -> None:
    before = dict(store.epochs)
    store.leases.epochs = {}
    await store.leases.take()
    after = store.epochs
    assert after == {shard: epoch + 1 for shard, epoch in before.items()}
    store.leases.epochs = before
    with pytest.raises(LeaseLostError):
        await add(store, some_rows(heart_rates(60)))


async def test_a_commit_renews_the_lease(store: Store, database_url: str, owner: Owner) -> None:
    await owner.execute(AGE_LEASES, (LEASE_S,))
    async with store.transaction(NOW):
        pass
    other = await Store.open(database_url, "worker-2", LEASE_S)
    try:
        assert await other.leases.take() == []
        await store.leases.leave()
        assert len(await other.leases.take()) == SHARD_COUNT
    finally:
        await other.close()


async def test_a_lease_longer_than_any_can_be_holds_nobody(
    store: Store, database_url: str, owner: Owner
) -> None:
    await owner.execute(AGE_LEASES, (-3_600,))
    other = await Store.open(database_url, "worker-2", LEASE_S)
    try:
        assert len(await other.leases.take()) == SHARD_COUNT
        with pytest.raises(LeaseLostError):
            await add(store, some_rows(heart_rates(60)))
    finally:
        await other.close()


async def test_the_next_holder_goes_on_after_the_last_moment(
    store: Store, database_url: str
) -> None:
    async with store.transaction(NOW):
        pass
    await store.leases.leave()
    other = await Store.open(database_url, "worker-2", LEASE_S)
    try:
        await other.leases.take()
        assert other.latest_moment() == NOW
        assert other.next_moment() > NOW
    finally:
        await other.close()


async def test_all_shards_of_a_life_before_come_back_at_once(
    store: Store, database_url: str
) -> None:
    again = await Store.open(database_url, "worker-1", LEASE_S)
    try:
        assert len(await again.leases.take(8)) == len(store.epochs) == SHARD_COUNT
    finally:
        await again.close()
