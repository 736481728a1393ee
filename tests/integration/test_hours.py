"""Hours beside minutes: whatever came, went or was late, a picture is that of the minutes alone."""

from __future__ import annotations

import asyncio
import math
import random
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, LiteralString

import numpy as np
import psycopg
import pytest

from ingest.rows import Rows
from ingest.store import Store
from ingest.summing import service as summing
from ingest.summing import store as summing_store
from ingest.summing.store import HoursStore, note_late_days
from tests.integration.test_store_contract import furnish_postgres
from tidewell.lawful import retention
from tidewell.lawful.erasing import QUERIES as ERASING
from tidewell.lawful.erasing import Subject, erase_rows
from tidewell.settings import Settings
from tidewell.vocabulary import CHANNEL_NAMES, SHARD_COUNT

SINCE_2000 = datetime(2000, 1, 1, tzinfo=UTC)
START = datetime(2026, 8, 1, 6, 13, tzinfo=UTC)
MINUTE_MS = 60_000
LEASE_S = 60
SOON_S = 10.0
"""Much longer than anything takes here, and much shorter than a lease."""
Owner = psycopg.AsyncConnection[tuple[Any, ...]]

# The definition of a step, in the most obvious way: every minute, one row a step.
TWIN = """
SELECT date_bin(%(step)s, time, %(first)s), worn IS NOT DISTINCT FROM 0, sum(period_s),
    (count(*) FILTER (WHERE sleep_state > 0))::real / nullif(count(sleep_state), 0),
    ARRAY[min(heart_rate), min(hrv_rmssd), min(skin_temperature), min(eda), min(steps), min(spo2),
          min(respiratory_rate), min(motion)],
    ARRAY[avg(heart_rate), avg(hrv_rmssd), avg(skin_temperature), avg(eda), avg(steps), avg(spo2),
          avg(respiratory_rate), avg(motion)]::real[],
    ARRAY[max(heart_rate), max(hrv_rmssd), max(skin_temperature), max(eda), max(steps), max(spo2),
          max(respiratory_rate), max(motion)]
FROM reading WHERE person_id = 1 AND time >= %(first)s AND time < %(end)s
GROUP BY 1, 2 ORDER BY 1, 2
"""
# The same of the minutes themselves, without those in which the device was off the body.
MINUTES = """
SELECT time, heart_rate, sleep_state FROM reading
WHERE person_id = 1 AND time >= %(first)s AND time < %(end)s AND worn IS DISTINCT FROM 0
ORDER BY time
"""
PACKED = """
SELECT minutes, moments, measured, sleep
FROM minutes_packed_for_staff(1, 1, %(end)s, %(first)s, %(end)s, 'heart_rate', 1000000)
"""
ASKED = "SELECT * FROM channel_steps_for_staff(1, 1, %(end)s, %(first)s, %(end)s, %(step)s)"
STEPS = (timedelta(minutes=90), timedelta(hours=1), timedelta(hours=6), timedelta(days=1))


def readings(rng: np.random.Generator, times_ms: Iterable[int], seq: int, received_ms: int) -> Rows:
    """Return a frame for each of these minutes, some channels of which are missing."""
    time_ms = np.array(list(times_ms), np.int64)
    count = len(time_ms)
    values = rng.normal(60, 9, (count, len(CHANNEL_NAMES))).astype(np.float32)
    values[:, CHANNEL_NAMES.index("sleep_state")] = rng.integers(0, 2, count)
    values[:, CHANNEL_NAMES.index("worn")] = rng.random(count) < 0.8
    values[rng.random(values.shape) < 0.2] = np.nan
    ones = np.ones(count, np.int64)
    return Rows(
        np.arange(count),
        ones,
        time_ms,
        ones,
        ones * 60,
        ones * 7,
        seq + np.arange(count),
        ones * received_ms,
        values,
    )


def numbers(values: Iterable[float | None]) -> list[float]:
    return [math.nan if one is None else one for one in values]


@dataclass
class Life:
    """One person, a worker that stores what comes, and whoever makes hours beside it."""

    url: str
    owner: Owner
    store: Store
    rng: np.random.Generator
    now: datetime = START
    seq: int = 0
    taken: set[int] = field(default_factory=set)

    async def come(self, first: datetime, minutes: int) -> None:
        """Store minutes that are not there yet, in a batch of this moment."""
        first_ms = int(first.timestamp()) // 60 * MINUTE_MS
        times_ms = {first_ms + one * MINUTE_MS for one in range(minutes)} - self.taken
        self.taken |= times_ms
        now_ms = int(self.now.timestamp() * 1000)
        rows = readings(self.rng, sorted(times_ms), self.seq, now_ms)
        self.seq += minutes
        async with self.store.transaction(self.now) as transaction:
            stored, _ = await transaction.add_readings(rows)
            await note_late_days(transaction, stored, now_ms)

    async def make_hours(self) -> None:
        """Make what is due."""
        await summing.make_hours(self.url, lambda: range(SHARD_COUNT), LEASE_S, rest_s=0.0)

    async def look(self, asked: LiteralString, which: dict[str, Any]) -> list[tuple[Any, ...]]:
        """Ask as the member of staff who may see the person, at the end of what is asked for."""
        async with self.owner.transaction():
            await self.owner.execute("SELECT look_as(1, NULL, %s)", (which["end"],))
            return await (await self.owner.execute(asked, which)).fetchall()

    async def compare(self, first: datetime, end: datetime) -> None:
        """Ask for steps of several lengths, and the twin for the same."""
        for step in STEPS:
            which = {"first": first, "end": end, "step": step}
            told = await self.look(ASKED, which)
            wanted = await (await self.owner.execute(TWIN, which)).fetchall()
            assert len(told) == len(wanted)
            for one, other in zip(told, wanted, strict=True):
                assert one[:3] == other[:3]
                assert one[4] == other[4]
                assert one[6] == other[6]
                assert numbers([one[3], *one[5]]) == pytest.approx(
                    numbers([other[3], *other[5]]), rel=1e-6, nan_ok=True
                )

    async def compare_minutes(self, first: datetime, end: datetime) -> None:
        """Ask for the minutes in one row, and the twin for the same."""
        which = {"first": first, "end": end}
        [packed] = await self.look(PACKED, which)
        wanted = await (await self.owner.execute(MINUTES, which)).fetchall()
        moments = np.frombuffer(packed[1] or b"", ">i8") // 1_000
        order = np.argsort(moments)
        assert packed[0] == len(moments) == len(wanted)
        assert [SINCE_2000 + timedelta(milliseconds=one) for one in moments[order].tolist()] == [
            time for time, *_ in wanted
        ]
        for place, twin in enumerate(zip(*(values for _, *values in wanted), strict=True), 2):
            found = np.frombuffer(packed[place], ">f4")[order]
            np.testing.assert_array_equal(found, np.array(numbers(twin), np.float32))

    async def count(self, table: str) -> int:
        """Return how many rows a table has."""
        row = await (await self.owner.execute(f"SELECT count(*) FROM {table}".encode())).fetchone()
        assert row is not None
        return int(str(row[0]))


@asynccontextmanager
async def life(url: str, owner: Owner, seed: int) -> AsyncIterator[Life]:
    await furnish_postgres(url)
    store = await Store.open(url, "tests", LEASE_S)
    try:
        await store.leases.take()
        yield Life(url, owner, store, np.random.default_rng(seed))
    finally:
        await store.close()


def some_span(chance: random.Random, now: datetime) -> tuple[datetime, datetime]:
    """Return days as a page asks for them: from an hour, or not quite, up to any moment."""
    first = START.replace(minute=0) + timedelta(hours=chance.randrange(-30, 400))
    first += timedelta(minutes=chance.choice((0, 0, 0, 30, 45)))
    return first, max(now, first) + timedelta(minutes=chance.choice((0, 1, 61)))


@pytest.mark.parametrize("seed", range(8))
async def test_a_picture_is_that_of_the_minutes_whatever_happened(
    database_url: str, owner: Owner, seed: int
) -> None:
    chance = random.Random(seed)  # noqa: S311 -- a seed repeats a run
    async with life(database_url, owner, seed) as one:
        used_hours = 0
        for _ in range(30):
            what = chance.choice(("live", "live", "late", "hours", "hours", "old", "back"))
            if what == "live":
                one.now += timedelta(hours=chance.randrange(1, 40))
                await one.come(one.now - timedelta(minutes=90), 90)
            elif what == "late":
                days = timedelta(days=chance.randrange(1, 30))
                await one.come(one.now - days, chance.randrange(1, 600))
            elif what == "hours":
                await one.make_hours()
                used_hours = max(used_hours, await one.count("reading_hour"))
            elif what == "old":
                await one.owner.execute(
                    retention.QUERIES["reading"],
                    {"person_id": 1, "before": one.now - timedelta(days=chance.randrange(3, 20))},
                )
            else:
                one.now -= timedelta(hours=chance.randrange(1, 60))
                one.store.leases.clock.set_back(int(one.now.timestamp() * 1000))
                async with one.store.transaction(one.now) as transaction:
                    await transaction.set_moments_back(one.store.leases)
            await one.compare(*some_span(chance, one.now))
            await one.compare_minutes(*some_span(chance, one.now))
        assert used_hours > 20
        await one.make_hours()
        assert await one.count("hours_again") == 0
        await one.compare(START - timedelta(days=31), one.now)
        await one.compare_minutes(START - timedelta(days=31), one.now)


async def test_hours_are_made_up_to_the_day_before_yesterday_and_only_once(
    database_url: str, owner: Owner
) -> None:
    async with life(database_url, owner, 1) as one:
        one.now = START + timedelta(days=5)
        await one.come(START, 5 * 1440)
        await one.make_hours()
        upto = await (await owner.execute("SELECT upto FROM hours_upto")).fetchall()
        assert upto == [(datetime(2026, 8, 5, tzinfo=UTC),)]
        hours = {
            row[0]
            for row in await (await owner.execute("SELECT hour FROM reading_hour")).fetchall()
        }
        assert len(hours) == 4 * 24 - 6
        async with HoursStore.open(database_url, LEASE_S) as store:
            assert await store.due(range(SHARD_COUNT)) == []


async def test_a_minute_of_the_last_day_that_has_hours_makes_them_wait(
    database_url: str, owner: Owner
) -> None:
    async with life(database_url, owner, 1) as one:
        one.now = START + timedelta(days=5)
        await one.come(START, 4 * 1440 - 700)
        await one.make_hours()
        last = datetime(2026, 8, 4, 23, 59, tzinfo=UTC)
        await one.come(last, 1)
        assert await (await owner.execute("SELECT * FROM hours_again")).fetchall() == [
            (1, last.date())
        ]
        await one.compare(START, one.now)
        # A day that has none yet need not be noted.
        await one.come(last + timedelta(minutes=1), 1)
        assert await one.count("hours_again") == 1


async def test_pages_read_hours_and_not_minutes_where_there_are_some(
    database_url: str, owner: Owner
) -> None:
    async with life(database_url, owner, 1) as one:
        one.now = START + timedelta(days=9)
        await one.come(START, 9 * 1440)
        await one.make_hours()
        await owner.execute("UPDATE reading_hour SET heart_rate_high = 999")
        which = {"first": START.replace(minute=0), "end": one.now, "step": timedelta(hours=6)}
        told = await one.look(ASKED, which)
        await owner.execute("UPDATE reading_day SET heart_rate = sleep_state")
        with pytest.raises(AssertionError):
            await one.compare_minutes(START, one.now)
        assert {high[0] for *_, high in told if high[0] is not None} >= {999}
        # A day that waits to be made again is read from its minutes, and so is all after it.
        waiting = (
            "INSERT INTO hours_again SELECT 1, %s::date + one FROM generate_series(0, 1) AS one"
        )
        await owner.execute(waiting, (START.date(),))
        await one.compare(START.replace(minute=0), one.now)
        await one.compare_minutes(START, one.now)


async def test_hours_wait_for_the_batch_of_their_shard_and_not_the_other_way_round(
    database_url: str, owner: Owner
) -> None:
    async with life(database_url, owner, 1) as one:
        one.now = START + timedelta(days=5)
        await one.come(START, 3 * 1440)
        async with HoursStore.open(database_url, LEASE_S) as store:
            async with one.store.transaction(one.now):
                await store._connection.execute("SET lock_timeout = '100ms'")
                with pytest.raises(psycopg.errors.LockNotAvailable):
                    await store.make_some(1, 3)
            await store.make_some(1, 3)
        await one.compare(START, one.now)


async def test_an_erased_person_leaves_no_hour_and_gets_none(
    database_url: str, owner: Owner
) -> None:
    async with life(database_url, owner, 1) as one:
        one.now = START + timedelta(days=5)
        await one.come(START, 3 * 1440)
        await one.make_hours()
        await owner.execute("INSERT INTO hours_again VALUES (1, '2026-08-02')")
        assert await one.count("reading_hour") > 0
        subject = Subject(1, 3, b"", [1], [])
        async with owner.transaction():
            await erase_rows(owner, subject, None)
        for table in ("reading_hour", "reading_day", "hours_upto", "hours_again"):
            assert await one.count(table) == 0, table
        async with HoursStore.open(database_url, LEASE_S) as store:
            assert not await store.make_some(1, 3)
        assert await one.count("hours_upto") == 0
        assert "reading_hour" in ERASING


async def test_hours_go_with_their_minutes(database_url: str, owner: Owner) -> None:
    async with life(database_url, owner, 1) as one:
        one.now = START + timedelta(days=100)
        await one.come(START, 20 * 1440)
        await one.make_hours()
        await owner.execute("UPDATE reading SET received_at = time")
        now = START + timedelta(days=97, hours=1, minutes=30)
        await retention.run(database_url, Settings(keep_readings_d=90), now)
        kept_from = now - timedelta(days=90)
        rows = await (await owner.execute("SELECT min(hour) FROM reading_hour")).fetchall()
        assert rows == [(kept_from.replace(minute=0),)]
        days = await (await owner.execute("SELECT min(day) FROM reading_day")).fetchall()
        assert days == [(kept_from.date() + timedelta(days=1),)]
        await one.make_hours()
        await one.compare(START.replace(minute=0), one.now)
        await one.compare_minutes(START, one.now)
        assert await one.count("hours_again") == 0


async def test_whoever_deletes_hours_for_long_holds_back_no_shard(
    database_url: str, owner: Owner
) -> None:
    async with life(database_url, owner, 1) as one:
        one.now = START + timedelta(days=9)
        await one.come(START, 5 * 1440)
        await one.make_hours()
        await owner.execute("INSERT INTO hours_again VALUES (1, %s)", (START.date(),))
        async with owner.transaction(), HoursStore.open(database_url, LEASE_S) as store:
            await owner.execute("DELETE FROM reading_hour WHERE person_id = 1")
            async with asyncio.timeout(SOON_S):
                with pytest.raises(psycopg.errors.LockNotAvailable):
                    await store.make_some(1, 3)
                await one.come(one.now, 1)
        await one.compare(START.replace(minute=0), one.now)


async def test_what_is_to_be_made_comes_from_the_disk_before_the_shard_is_held(
    database_url: str, owner: Owner
) -> None:
    async with life(database_url, owner, 1) as one:
        one.now = START + timedelta(days=9)
        await one.come(START, 5 * 1440)
        async with HoursStore.open(database_url, LEASE_S) as store:
            async with owner.transaction():
                await owner.execute("LOCK TABLE reading")
                making = asyncio.create_task(store.make_some(1, 3))
                while not await one.count("pg_locks WHERE NOT granted"):
                    await asyncio.sleep(0.01)
                await owner.execute("SELECT FROM shard WHERE shard = 3 FOR UPDATE NOWAIT")
            assert await making
        await one.make_hours()
        await one.compare(START.replace(minute=0), one.now)


async def test_a_round_ends_though_late_readings_never_do(database_url: str, owner: Owner) -> None:
    async with life(database_url, owner, 1) as one:
        one.now = START + timedelta(days=9)
        await one.come(START, 5 * 1440)
        await one.make_hours()
        await owner.execute(
            "CREATE FUNCTION note_once_more() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS"
            " 'BEGIN INSERT INTO hours_again VALUES (OLD.person_id, OLD.day); RETURN NULL; END'"
        )
        await owner.execute(
            "CREATE TRIGGER once_more AFTER DELETE ON hours_again"
            " FOR EACH ROW EXECUTE FUNCTION note_once_more()"
        )
        await owner.execute("INSERT INTO hours_again VALUES (1, %s)", (START.date(),))
        async with asyncio.timeout(SOON_S):
            await one.make_hours()
        assert await one.count("hours_again") == 1


async def test_everybody_has_a_turn_in_a_round(
    database_url: str, owner: Owner, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(summing_store, "PEOPLE_AT_ONCE", 1)
    async with life(database_url, owner, 1) as one:
        await owner.execute(
            "INSERT INTO person (label, shard, timezone, reading_level, created_at)"
            " SELECT 'p' || one, one, 'UTC', '12-15', now() FROM generate_series(1, 3) AS one"
        )
        async with one.store.transaction(START):
            pass
        await one.make_hours()
        assert await one.count("hours_upto") == await one.count("person") > 3


async def test_a_batch_beside_retention_keeps_the_note_of_its_day(
    database_url: str, owner: Owner
) -> None:
    async with life(database_url, owner, 1) as one:
        one.now = START + timedelta(days=100)
        await one.come(one.now - timedelta(days=9), 5 * 1440)
        await one.make_hours()
        day, now_ms = START + timedelta(days=10), int(one.now.timestamp() * 1000)
        await owner.execute("INSERT INTO hours_again VALUES (1, %s)", (day.date(),))
        times_ms = range(
            int(day.timestamp() * 1000), int(day.timestamp() * 1000) + 9 * MINUTE_MS, MINUTE_MS
        )
        async with one.store.transaction(one.now) as transaction:
            stored, _ = await transaction.add_readings(readings(one.rng, times_ms, 99_999, now_ms))
            await note_late_days(transaction, stored, now_ms)
            await retention.run(database_url, Settings(keep_readings_d=30), one.now)
        await one.make_hours()
        await one.compare(day.replace(minute=0), one.now)
        await one.compare_minutes(day.replace(hour=0), one.now)


async def test_a_day_before_the_picture_does_not_slow_it_down(
    database_url: str, owner: Owner
) -> None:
    async with life(database_url, owner, 1) as one:
        one.now = START + timedelta(days=9)
        await one.come(START, 9 * 1440)
        await one.make_hours()
        await owner.execute("UPDATE reading_hour SET heart_rate_high = 999")
        await owner.execute("INSERT INTO hours_again VALUES (1, %s)", (START.date(),))
        first = START.replace(hour=0, minute=0) + timedelta(days=1)
        with pytest.raises(AssertionError):
            await one.compare(first, one.now)
        await one.compare(first - timedelta(minutes=60), one.now)
