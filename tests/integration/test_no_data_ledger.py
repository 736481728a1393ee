"""Which minutes of a person are missing, and why: on a real PostgreSQL, against a naive count."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.integration.pipeline import enrol

START = datetime(2026, 11, 20, 10, 0, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
WINDOW_MINUTES = 120
TABLES = "reading, pause, silence, episode, episode_event, outage, frame_gap, device_status"

Connection = psycopg.Connection[tuple[Any, ...]]


@dataclass(frozen=True)
class Ledger:
    """A database with one person, who has one device from the start on."""

    connection: Connection
    person_id: int
    device_id: int
    shard: int

    def clear(self) -> None:
        self.connection.execute(f"TRUNCATE {TABLES} CASCADE".encode())

    def read(
        self,
        minute: int,
        *,
        worn: int | None = 1,
        boot: int = 1,
        seq: int | None = None,
        period_s: int = 60,
        late_s: float = 0,
    ) -> None:
        self.connection.execute(
            "INSERT INTO reading (person_id, time, device_id, period_s, boot, seq, received_at,"
            " worn) VALUES (%s, %s, %s, %s, %s, %s, %s, %s) ON CONFLICT DO NOTHING",
            (
                self.person_id,
                START + minute * MINUTE + timedelta(seconds=late_s),
                self.device_id,
                period_s,
                boot,
                minute if seq is None else seq,
                START,
                worn,
            ),
        )

    def silent(self, first: int, last: int | None, reason: str) -> None:
        until = None if last is None else START + last * MINUTE
        row = self.connection.execute(
            "INSERT INTO episode (person_id, family, opened_at, closed_at, level, score,"
            " explanation, detector_version)"
            " VALUES (%s, 'device', %s, %s, 'for_review', 0, '{}', 'x')"
            " RETURNING episode_id",
            (self.person_id, START + first * MINUTE, until),
        ).fetchone()
        assert row is not None
        self.connection.execute(
            "INSERT INTO silence (episode_id, person_id, silent_from, noticed_at, ended_at, reason,"
            " classified_at) VALUES (%s, %s, %s, %s, %s, %s, %s)",
            (row[0], self.person_id, START + first * MINUTE, START, until, reason, START),
        )

    def outage(self, first: int, last: int, *, shard: int | None = None) -> None:
        self.connection.execute(
            "INSERT INTO outage (shards, began_at, ended_at, reason, noticed_at)"
            " VALUES (%s, %s, %s, 'broker_away', %s)",
            (
                [self.shard if shard is None else shard],
                START + first * MINUTE,
                START + last * MINUTE,
                START,
            ),
        )

    def pause(self, first: float, last: float | None) -> None:
        self.connection.execute(
            "INSERT INTO pause (person_id, paused_from, paused_until) VALUES (%s, %s, %s)",
            (
                self.person_id,
                START + first * MINUTE,
                None if last is None else START + last * MINUTE,
            ),
        )

    def stretches(
        self, minutes: int = WINDOW_MINUTES, at: int = 10_000
    ) -> list[tuple[int, int, str]]:
        """Return what is missing, in minutes from the start."""
        found = self.connection.execute(
            "SELECT starts_at, ends_at, kind FROM no_data_of(%s, %s, %s, %s) ORDER BY starts_at",
            (self.person_id, START, START + minutes * MINUTE, START + at * MINUTE),
        ).fetchall()
        return [((a - START) // MINUTE, (b - START) // MINUTE, kind) for a, b, kind in found]


@pytest.fixture
async def enrolled(database_url: str) -> str:
    await enrol(database_url, ["T-0"])
    return database_url


@pytest.fixture
def ledger(enrolled: str) -> Iterator[Ledger]:
    with psycopg.connect(enrolled, autocommit=True) as connection:
        connection.execute("UPDATE device_assignment SET valid_from = %s", (START - 60 * MINUTE,))
        connection.execute("UPDATE device SET created_at = %s", (START - 60 * MINUTE,))
        row = connection.execute(
            "SELECT person_id, device_id, shard"
            " FROM person JOIN device_assignment USING (person_id)"
        ).fetchone()
        assert row is not None
        yield Ledger(connection, *row)


def test_somebody_of_whom_everything_came_misses_nothing(ledger: Ledger) -> None:
    for minute in range(WINDOW_MINUTES):
        ledger.read(minute, late_s=minute % 60)
    assert ledger.stretches() == []


def test_minutes_that_nothing_speaks_for_are_unknown_and_never_fine(ledger: Ledger) -> None:
    assert ledger.stretches() == [(0, 120, "unknown")]
    ledger.read(30, period_s=600)
    assert ledger.stretches() == [(0, 30, "unknown"), (40, 120, "unknown")]


def test_each_kind_is_told_apart(ledger: Ledger) -> None:
    for minute in (9, 35, 50, 65, 80, 110):
        ledger.read(minute)
    for minute in range(10, 15):
        ledger.read(minute, worn=0)
    ledger.pause(15, 20.5)
    ledger.silent(21, 35, "flat_battery")
    ledger.outage(36, 50)
    ledger.outage(51, 60, shard=(ledger.shard + 1) % 64)
    ledger.connection.execute(
        "INSERT INTO frame_gap VALUES (%s, 1, 66, 79, 'lost_on_device', %s)",
        (ledger.device_id, START),
    )
    ledger.read(90, boot=2, seq=0)
    ledger.read(99, boot=2, seq=9)
    ledger.connection.execute(
        "INSERT INTO frame_gap VALUES (%s, 2, 1, 8, 'waiting', %s)", (ledger.device_id, START)
    )
    assert ledger.stretches(minutes=110) == [
        (0, 9, "unknown"),
        (10, 15, "not_worn"),
        (15, 21, "paused"),
        (21, 35, "flat_battery"),
        (36, 50, "our_outage"),
        (51, 65, "unknown"),
        (66, 80, "lost_on_device"),
        (81, 90, "restarted"),
        (91, 99, "on_its_way"),
        (100, 110, "restarted"),
    ]


def test_nothing_is_missed_of_a_time_before_the_device_came(ledger: Ledger) -> None:
    ledger.connection.execute("UPDATE device SET created_at = %s", (START + 30 * MINUTE,))
    assert ledger.stretches() == [(0, 30, "not_assigned"), (30, 120, "unknown")]
    ledger.read(10)
    assert ledger.stretches() == [(0, 10, "not_assigned"), (11, 120, "unknown")]


def test_no_device_and_a_revoked_one_are_told_apart(ledger: Ledger) -> None:
    ledger.connection.execute(
        "UPDATE device_assignment SET valid_from = %s, valid_until = %s",
        (START + 10 * MINUTE, START + 60 * MINUTE),
    )
    ledger.connection.execute("UPDATE device SET revoked_at = %s", (START + 40 * MINUTE,))
    ledger.read(10)
    assert ledger.stretches() == [
        (0, 10, "not_assigned"),
        (11, 40, "unknown"),
        (40, 60, "device_revoked"),
        (60, 120, "not_assigned"),
    ]


def test_a_pause_comes_before_every_other_cause(ledger: Ledger) -> None:
    ledger.silent(0, None, "flat_battery")
    ledger.outage(0, 120)
    ledger.pause(30, None)
    assert ledger.stretches() == [(0, 30, "flat_battery"), (30, 120, "paused")]


def test_what_is_still_to_come_is_no_gap_and_what_just_was_is_on_its_way(ledger: Ledger) -> None:
    for minute in range(58):
        ledger.read(minute)
    assert ledger.stretches(at=60) == [(58, 60, "on_its_way")]
    ledger.silent(58, None, "unknown")
    assert ledger.stretches(at=60) == [(58, 60, "unknown")]


@pytest.mark.parametrize(("battery", "kind"), [(10, "flat_battery"), (11, "no_network")])
def test_a_device_that_said_it_went_away_explains_the_minutes_since(
    ledger: Ledger, battery: int, kind: str
) -> None:
    ledger.read(59)
    ledger.connection.execute(
        "INSERT INTO device_status VALUES (%s, false, %s, %s, %s, '1.0', 1)",
        (ledger.device_id, START + 60 * MINUTE, START, battery),
    )
    assert ledger.stretches(minutes=90, at=90) == [(0, 59, "unknown"), (60, 90, kind)]


times = st.tuples(st.integers(-10, 130), st.integers(1, 60))
REASONS = st.sampled_from(["flat_battery", "no_network", "not_worn", "never_heard", "unknown"])


@given(
    readings=st.lists(
        st.tuples(
            st.integers(-5, 125),
            st.sampled_from([None, 0, 1]),
            st.sampled_from([1, 60, 300]),
            st.floats(0, 59),
        ),
        max_size=60,
    ),
    pauses=st.lists(st.tuples(st.floats(-5, 125), st.floats(0.01, 50)), max_size=2),
    silences=st.lists(st.tuples(times, REASONS), max_size=3),
    outages=st.lists(times, max_size=2),
    at=st.integers(0, 150),
)
@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_the_stretches_are_disjoint_in_order_and_exactly_the_minutes_without_a_reading(
    ledger: Ledger,
    readings: list[tuple[int, int | None, int, float]],
    pauses: list[tuple[float, float]],
    silences: list[tuple[tuple[int, int], str]],
    outages: list[tuple[int, int]],
    at: int,
) -> None:
    ledger.clear()
    covered: set[int] = set()
    for minute, worn, period_s, late_s in {one[0]: one for one in readings}.values():
        ledger.read(minute, worn=worn, period_s=period_s, late_s=late_s)
        if worn != 0:
            covered |= set(range(minute, minute + max(1, period_s // 60)))
    for first, length in pauses:
        ledger.pause(first, first + length)
    starts = {one[0][0]: one for one in silences}.values()
    for (first, length), reason in starts:
        ledger.silent(first, first + length, reason)
    for first, length in outages:
        ledger.outage(first, first + length)
    found = ledger.stretches(at=at)
    assert all(first < last for first, last, _ in found)
    assert all(one[1] <= two[0] for one, two in pairwise(found))
    listed = [minute for first, last, _ in found for minute in range(first, last)]
    assert listed == [one for one in range(min(WINDOW_MINUTES, at)) if one not in covered]
