"""Hand-made days and readings for backtests, with the words that put them into a database."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import numpy as np
import psycopg
from numpy.typing import NDArray

from tidewell.backtesting.store import StoredDays, StoredPerson
from tidewell.local_time import day_date
from tidewell.vocabulary import FEATURE_NAMES

HEART_RATE, STEPS = FEATURE_NAMES.index("night_heart_rate"), FEATURE_NAMES.index("steps")
FIRST_DAY = 20_000
DAYS = 100

Features = NDArray[np.float32]
Connection = psycopg.AsyncConnection[tuple[object, ...]]


def quiet_days(days: int = DAYS) -> Features:
    """Return days that go up and down a little, the same way every week."""
    features = np.full((days, len(FEATURE_NAMES)), np.nan, np.float32)
    day = np.arange(days)
    features[:, HEART_RATE] = 60 + (day * 7 % 5 - 2) * 0.8
    features[:, STEPS] = 9_000 * (1 + 0.04 * (day * 5 % 7 - 3))
    return features


def with_fewer_steps(first: int, last: int, share: float) -> Features:
    """Return quiet days, some of them with this share of the usual steps."""
    features = quiet_days()
    features[first : last + 1, STEPS] *= share
    return features


def with_fever(first: int, last: int, beats: float) -> Features:
    """Return quiet days, some of them with a faster heart at night and fewer steps."""
    features = with_fewer_steps(first, last, 0.7)
    features[first : last + 1, HEART_RATE] += beats
    return features


def people(count: int) -> list[StoredPerson]:
    return [StoredPerson(one, f"P-{one}", "Europe/London") for one in range(1, count + 1)]


def stored(several: Sequence[Features]) -> StoredDays:
    """Return days as the store gives them; a day without any feature was not stored."""
    rows = [
        (person, FIRST_DAY + day, features)
        for day in range(DAYS)
        for person, features in enumerate((one[day] for one in several), 1)
        if not np.isnan(features).all()
    ]
    return StoredDays(
        np.array([row[0] for row in rows], np.int64),
        np.array([row[1] for row in rows], np.int64),
        np.stack([row[2] for row in rows]),
    )


async def store_people(connection: Connection, count: int) -> list[int]:
    ids = []
    for one in people(count):
        cursor = await connection.execute(
            "INSERT INTO person (label, shard, timezone, reading_level, created_at) "
            "VALUES (%s, 0, %s, '12-15', %s) RETURNING person_id",
            (one.label, one.timezone, datetime(2024, 1, 1, tzinfo=UTC)),
        )
        row = await cursor.fetchone()
        assert row is not None
        ids.append(int(str(row[0])))
    return ids


async def store_days(
    connection: Connection, ids: Sequence[int], several: Sequence[Features]
) -> None:
    days = stored(several)
    columns = ", ".join(FEATURE_NAMES)
    marks = ", ".join(["%s"] * len(FEATURE_NAMES))
    rows = [
        (
            ids[person - 1],
            day_date(day),
            *(None if np.isnan(value) else value for value in features.tolist()),
        )
        for person, day, features in zip(
            days.person_id.tolist(), days.day.tolist(), days.features, strict=True
        )
    ]
    async with connection.cursor() as cursor:
        await cursor.executemany(
            f"INSERT INTO daily_feature (person_id, day, {columns}, worn_minutes, usual, "
            f"detector_version) VALUES (%s, %s, {marks}, 1200, '{{}}', 'test')".encode(),
            rows,
        )


async def store_readings(
    connection: Connection, person_id: int, start: datetime, heart_rate: Sequence[float]
) -> None:
    """Store one reading a minute, each received a minute after it began."""
    async with connection.cursor() as cursor:
        await cursor.executemany(
            "INSERT INTO reading (person_id, time, device_id, period_s, boot, seq, received_at, "
            "heart_rate, motion) VALUES (%s, %s, %s, 60, 1, %s, %s, %s, %s)",
            [
                (
                    person_id,
                    start + timedelta(minutes=minute),
                    person_id,
                    minute,
                    start + timedelta(minutes=minute + 1),
                    value,
                    20 + minute % 7,
                )
                for minute, value in enumerate(heart_rate)
            ],
        )
