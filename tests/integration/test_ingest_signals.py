"""Notes, limits, outcomes and devices reach the detector once, at one place among the readings."""

from __future__ import annotations

import json
import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

import numpy as np
import psycopg
import pytest
from psycopg.types.json import Jsonb

from firmware_sim.recordings import Recording
from ingest.batch import Arrival, decode_arrival
from ingest.committing.counts import Counts
from ingest.committing.service import Worker
from ingest.service import DetectorScoring
from ingest.store import Store
from tests.integration.pipeline import enrol, invented_recordings, rows
from tidewell.clock import now_ms
from tidewell.database import Role, connect
from tidewell.enrolment import device_name_of
from tidewell.local_time import utc_moment
from tidewell.vocabulary import CHANNEL_NAMES

SILENCE_S = 14_400
LABEL = "T-0"
HOUR_MS = 3_600_000
SIGNALS = "SELECT kind, source_id, content, verdict FROM detector_signal ORDER BY signal_id"


@dataclass
class Site:
    """A database with one enrolled person, written to as its owner."""

    url: str
    shard: int

    async def do(self, statement: str, *values: object) -> int:
        async with await psycopg.AsyncConnection.connect(self.url, autocommit=True) as connection:
            cursor = await connection.execute(statement.encode(), values)
            row = await cursor.fetchone() if cursor.description else None
            return int(row[0]) if row else 0

    async def note(self, kind: str, first_day: str, last_day: str) -> int:
        return await self.do(
            "INSERT INTO context_note (person_id, kind, first_day, last_day, own_words, created_at)"
            " SELECT person_id, %s, %s, %s, 'for people only', now() FROM person WHERE label = %s"
            " RETURNING context_note_id",
            kind,
            first_day,
            last_day,
            LABEL,
        )

    async def limit(self, value: float, slot: int = 0) -> None:
        await self.do(
            "INSERT INTO plan_limit SELECT person_id, %s, 'heart_rate', 'above', %s, 5,"
            " 'check_now', false, '2026-01-31', (SELECT min(staff_id) FROM staff), now()"
            " FROM person WHERE label = %s"
            " ON CONFLICT (person_id, slot) DO UPDATE SET value = excluded.value",
            slot,
            value,
            LABEL,
        )

    async def outcome(self, outcome: str, family: str = "illness") -> int:
        """Write an alert that somebody closed, with its line of history."""
        alert = await self.do(
            "INSERT INTO alert (public_id, person_id, cause, level, state, since, raised_at,"
            " closed_at, outcome, note, explanation, policy) SELECT %s, person_id, %s,"
            " 'for_review', 'closed', now(), now(), now(), %s, 'for people only', %s, '{}'"
            " FROM person WHERE label = %s RETURNING alert_id",
            secrets.token_hex(5),
            family,
            outcome,
            Jsonb({"limit": None}),
            LABEL,
        )
        return await self.do(
            "INSERT INTO alert_event (alert_id, at, kind, reason) VALUES (%s, now(), 'closed', 'x')"
            " RETURNING alert_event_id",
            alert,
        )

    async def another_device(self, model: str) -> None:
        await self.do("UPDATE device_assignment SET valid_until = now() - interval '1 minute'")
        await self.do(
            "WITH made AS (INSERT INTO device (name, model, created_at) VALUES (%s, %s, now())"
            " RETURNING device_id) INSERT INTO device_assignment (device_id, person_id, valid_from)"
            " SELECT device_id, person_id, now() - interval '1 minute' FROM made, person",
            f"band-{model}",
            model,
        )


@pytest.fixture
async def site(database_url: str) -> Site:
    (shard,) = await enrol(database_url, [LABEL])
    made = Site(database_url, shard)
    await made.do(
        "INSERT INTO staff (role, display_name, created_at) VALUES ('practitioner', 'A', now())"
    )
    return made


@asynccontextmanager
async def a_worker(site: Site) -> AsyncIterator[tuple[Worker, DetectorScoring]]:
    """Yield a worker that has recovered, with its detector."""
    store = await Store.open(site.url, f"test-{secrets.token_hex(4)}", 60)
    try:
        await store.leases.take()
        scoring = DetectorScoring(SILENCE_S, one_by_one=False)
        worker = Worker(store, scoring)
        await worker.recover()
        yield worker, scoring
        await store.leases.leave()
    finally:
        await store.close()


async def listen(worker: Worker) -> None:
    await worker.tick(now_ms(), may_be_silent=False)


async def send(worker: Worker, site: Site, recording: Recording, seq: int) -> None:
    """Commit minutes as one batch of frames of an hour each."""
    topic = f"tidewell/v1/{site.shard}/{device_name_of(LABEL)}/frame"
    messages = []
    for number, start in enumerate(range(0, len(recording.time_ms), 60)):
        time_ms = recording.time_ms[start : start + 60]
        assert (np.diff(time_ms) == 60_000).all()
        values = recording.values[start : start + 60]
        channels = {
            name: [None if np.isnan(one) else round(float(one), 3) for one in values[:, place]]
            for place, name in enumerate(CHANNEL_NAMES)
        }
        frame = {"boot": 1, "seq": seq + number, "start": int(time_ms[0]), "period": 60, **channels}
        messages.append(decode_arrival(Arrival(topic, json.dumps(frame).encode())))
    await worker.commit(messages, Counts())


def hours(recording: Recording, first: int, count: int) -> Recording:
    """Return some hours of a recording, without the hours that have holes in them."""
    start_ms = int(recording.time_ms[0]) + first * HOUR_MS
    kept = np.zeros(len(recording.time_ms), np.bool_)
    for hour in range(count):
        inside = recording.time_ms // HOUR_MS == start_ms // HOUR_MS + hour
        if inside.sum() == 60:
            kept |= inside
    return Recording(LABEL, recording.time_ms[kept], recording.values[kept])


async def person_id_of(site: Site) -> int:
    return await site.do("SELECT person_id FROM person WHERE label = %s", LABEL)


async def test_each_thing_is_heard_once_and_kept_with_its_verdict(site: Site) -> None:
    async with a_worker(site) as (worker, _):
        await site.limit(150)
        note = await site.note("exams", "2026-11-02", "2026-11-06")
        outcome = await site.outcome("all_fine")
        silent = await site.outcome("could_not_reach")
        await listen(worker)
        first = await rows(site.url, SIGNALS)
        await listen(worker)
        assert await rows(site.url, SIGNALS) == first
    heard = [(kind, source, verdict) for kind, source, _, verdict in first]
    assert heard == [
        ("device_model", None, "says_nothing"),
        ("limits", None, "applied"),
        ("note", note, "applied"),
        ("outcome", outcome, "applied"),
        ("outcome", silent, "says_nothing"),
    ]
    assert "for people only" not in str(first)


async def test_what_was_written_while_ingest_was_away_is_heard_before_any_reading(
    site: Site,
) -> None:
    await site.limit(150)
    await site.note("ill", "2026-11-02", "2026-11-06")
    async with a_worker(site):
        heard = await rows(site.url, SIGNALS)
    assert [row[0] for row in heard] == ["limits", "note", "device_model"]


async def test_a_note_that_was_taken_back_before_it_was_heard_is_never_told(site: Site) -> None:
    note = await site.note("ill", "2026-11-02", "2026-11-06")
    await site.do("UPDATE context_note SET removed_at = now() WHERE context_note_id = %s", note)
    async with a_worker(site) as (worker, _):
        await listen(worker)
        assert await rows(site.url, SIGNALS + " LIMIT 1 OFFSET 1") == []


async def test_a_note_that_is_taken_back_is_heard_once_and_not_while_another_says_the_same(
    site: Site,
) -> None:
    first, second = [await site.note("ill", "2026-11-02", "2026-11-06") for _ in range(2)]
    take_back = "UPDATE context_note SET removed_at = now() WHERE context_note_id = %s"
    taken_back = "SELECT source_id, verdict FROM detector_signal WHERE kind = 'note_taken_back'"
    async with a_worker(site) as (worker, scoring):
        person = await person_id_of(site)
        told = scoring.snapshot([person])
        await site.do(take_back, first)
        await listen(worker)
        assert await rows(site.url, taken_back) == []
        assert scoring.snapshot([person]) == told
        await site.do(take_back, second)
        await listen(worker)
        await listen(worker)
        both = [(first, "applied"), (second, "applied")]
        assert await rows(site.url, taken_back) == both
        now = scoring.snapshot([person])
        assert now != told
    async with a_worker(site) as (_, restored):
        assert restored.snapshot([person]) == now
        assert await rows(site.url, taken_back) == both


async def test_only_the_limits_that_changed_are_heard_again(site: Site) -> None:
    await site.limit(150)
    async with a_worker(site) as (worker, _):
        await site.limit(140)
        await listen(worker)
        await site.do("DELETE FROM plan_limit")
        await listen(worker)
    async with a_worker(site) as (worker, _):
        await listen(worker)
    heard = await rows(
        site.url,
        "SELECT jsonb_path_query_array(content, '$.limits[*].value')::text FROM detector_signal"
        " WHERE kind = 'limits' ORDER BY signal_id",
    )
    assert heard == [("[150.0]",), ("[140.0]",), ("[]",)]


async def test_another_model_of_device_is_learned_anew_once(site: Site) -> None:
    async with a_worker(site) as (worker, _):
        await site.another_device("other")
        worker._registry_asked_s = 0.0
        await listen(worker)
    async with a_worker(site):
        heard = await rows(
            site.url,
            "SELECT content ->> 'replaces', content ->> 'model', verdict FROM detector_signal"
            " ORDER BY signal_id",
        )
    assert heard == [(None, "virtual", "says_nothing"), ("virtual", "other", "applied")]


def fast_minutes(count: int) -> Recording:
    """Return minutes up to now of a heart between 90 and 93 bpm, without a step.

    Readings of long ago are history, and no limit of the plan acts on them.
    """
    (recording,) = invented_recordings(people=1, days=3, seed=4)
    values = recording.values[:count].copy()
    values[:, CHANNEL_NAMES.index("heart_rate")] = 90 + np.arange(count) % 4
    values[:, CHANNEL_NAMES.index("steps")] = 0
    start_ms = (now_ms() // 60_000 - count) * 60_000
    return Recording(LABEL, start_ms + np.arange(count, dtype=np.int64) * 60_000, values)


async def test_a_limit_holds_for_the_readings_that_come_after_it(site: Site) -> None:
    recording = fast_minutes(70)
    before, after = (
        Recording(LABEL, recording.time_ms[part], recording.values[part])
        for part in (slice(0, 60), slice(60, 70))
    )
    async with a_worker(site) as (worker, _):
        await send(worker, site, before, 0)
        assert await rows(site.url, "SELECT family FROM episode") == []
        await site.limit(89)
        await listen(worker)
        await send(worker, site, after, 1)
    told = await rows(
        site.url,
        "SELECT family, episode_event.level, episode_event.explanation -> 'limit' ->> 'channel',"
        " extract(epoch FROM at)::bigint * 1000 FROM episode_event JOIN episode USING (episode_id)"
        " ORDER BY episode_event_id LIMIT 1",
    )
    assert told == [("acute_load", "check_now", "heart_rate", int(after.time_ms[0]) + 4 * 60_000)]


async def test_two_limits_and_a_change_of_days_may_be_open_at_once(site: Site) -> None:
    lasting = await site.do(
        "INSERT INTO episode (person_id, family, opened_at, level, score, explanation,"
        " detector_version) SELECT person_id, 'acute_load', now() - interval '3 days',"
        " 'for_review', 1.2, '{}', '2' FROM person RETURNING episode_id"
    )
    await site.limit(89, slot=0)
    await site.limit(88, slot=1)
    async with a_worker(site) as (worker, _):
        await send(worker, site, fast_minutes(10), 0)
        open_now = "SELECT strand FROM episode WHERE closed_at IS NULL ORDER BY strand"
        assert [strand for (strand,) in await rows(site.url, open_now)] == [
            "days",
            "limit heart_rate above 88 for 5 check_now",
            "limit heart_rate above 89 for 5 check_now",
        ]
        await site.do("DELETE FROM plan_limit WHERE slot = 1")
        await listen(worker)
        assert [strand for (strand,) in await rows(site.url, open_now)] == [
            "days",
            "limit heart_rate above 89 for 5 check_now",
        ]
    days = await rows(site.url, "SELECT episode_id FROM episode WHERE strand = 'days'")
    assert days == [(lasting,)]


async def test_a_limit_that_stays_goes_on_when_one_before_it_leaves_the_plan(site: Site) -> None:
    recording = fast_minutes(20)
    first, second = (
        Recording(LABEL, recording.time_ms[part], recording.values[part])
        for part in (slice(0, 10), slice(10, 20))
    )
    for slot, value in enumerate((87, 88)):
        await site.limit(value, slot=slot)
    await site.do("UPDATE plan_limit SET while_resting = (slot = 1)")
    await site.limit(88, slot=2)
    async with a_worker(site) as (worker, _):
        await send(worker, site, first, 0)
        every = "SELECT strand, closed_at IS NULL FROM episode ORDER BY strand"
        assert await rows(site.url, every) == [
            ("limit heart_rate above 87 for 5 check_now", True),
            ("limit heart_rate above 88 for 5 check_now", True),
            ("limit heart_rate above 88 for 5 check_now at rest", True),
        ]
        await site.do("DELETE FROM plan_limit WHERE slot = 0")
        await listen(worker)
        await send(worker, site, second, 1)
        assert await rows(site.url, every) == [
            ("limit heart_rate above 87 for 5 check_now", False),
            ("limit heart_rate above 88 for 5 check_now", True),
            ("limit heart_rate above 88 for 5 check_now at rest", True),
        ]


async def test_a_detector_that_is_brought_back_was_told_the_same_at_the_same_places(
    site: Site,
) -> None:
    (recording,) = invented_recordings(people=1, days=20, seed=6)
    day = utc_moment(int(recording.time_ms[0])).date().isoformat()
    person = await person_id_of(site)
    seq = 0
    async with a_worker(site) as (worker, scoring):
        for step in range(10):
            part = hours(recording, step * 48, 48)
            await send(worker, site, part, seq)
            seq += len(part.time_ms) // 60
            if step in {2, 6}:
                await site.outcome("all_fine")
            if step == 4:
                await site.note("someone_else", day, day)
                await worker.save_snapshots(utc_moment(now_ms()))
            if step in {3, 7}:
                await site.limit(150 - step)
            if step == 8:
                await site.another_device("other")
                worker._registry_asked_s = 0.0
            await listen(worker)
        live = scoring.snapshot([person])
    async with a_worker(site) as (_, scoring):
        assert scoring.snapshot([person]) == live
    await site.do("DELETE FROM detector_snapshot")
    async with a_worker(site) as (_, scoring):
        assert scoring.snapshot([person]) == live
    applied = await rows(
        site.url, "SELECT kind FROM detector_signal WHERE verdict = 'applied' ORDER BY signal_id"
    )
    assert [kind for (kind,) in applied] == [
        "outcome",
        "limits",
        "note",
        "outcome",
        "limits",
        "device_model",
    ]
    await site.do("DELETE FROM detector_signal WHERE kind = 'outcome'")
    await site.do("DELETE FROM alert_event")
    async with a_worker(site) as (_, scoring):
        assert scoring.snapshot([person]) != live


async def test_a_day_is_stored_again_when_readings_for_it_came_late(site: Site) -> None:
    (recording,) = invented_recordings(people=1, days=4, seed=8)
    parts = [
        hours(recording, first, count) for first, count in ((0, 12), (24, 2), (12, 8), (26, 24))
    ]
    stored = "SELECT steps, worn_minutes FROM daily_feature ORDER BY day"
    async with a_worker(site) as (worker, _):
        seq, seen = 0, []
        for part in parts:
            await send(worker, site, part, seq)
            seq += len(part.time_ms) // 60
            seen.append(await rows(site.url, stored))
    before, late, again = seen[1], seen[2], seen[3]
    assert before == late
    assert [len(one) for one in seen] == [0, 1, 1, 2]
    steps = [
        float(np.nansum(part.values[:, CHANNEL_NAMES.index("steps")]))
        for part in (parts[0], parts[2])
    ]
    assert before[0][0] == steps[0]
    assert again[0][0] == sum(steps) > steps[0]
    assert float(str(again[0][1])) > float(str(before[0][1]))


async def test_ingest_can_read_no_word_that_somebody_wrote(site: Site) -> None:
    async with await connect(site.url, Role.INGEST, "test", autocommit=True) as connection:
        for table in ("context_note", "alert", "alert_event", "alert_action"):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                await connection.execute(b"SELECT FROM " + table.encode())
        for view in ("note_for_detector", "outcome_for_detector"):
            cursor = await connection.execute(b"SELECT * FROM " + view.encode())
            assert cursor.description is not None
            names = {column.name for column in cursor.description}
            assert names.isdisjoint({"own_words", "note", "explanation", "staff_id"})
