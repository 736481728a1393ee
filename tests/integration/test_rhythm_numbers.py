"""Hours of the day and nights against slow twins in SQL, on random minutes in a real PostgreSQL."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, date, datetime, timedelta
from typing import Final, LiteralString

import numpy as np
import psycopg
import pytest

from portal.clinic import rhythm_pages
from portal.clinic.asking import Asked
from portal.clinic.rhythm import BIN_MINUTES_LEAST, BINS, PERCENTILES, PROFILE_CHANNELS, Night
from portal.clinic.rhythm_pages import NIGHTS, nights_of, profile_of, read_minutes
from portal.clinic.spans import read_span
from portal.people import PersonRow
from tests.browser.virtual_site import Site, write_site
from tests.integration.looking import NOW
from tidewell.database import Connection, Role, connect
from tidewell.errors import UsageError
from tidewell.viewing import look_as

HEART_RATE, STEPS = (
    next(one for one in PROFILE_CHANNELS if one.name == name) for name in ("heart_rate", "steps")
)
SIZE_DAYS: Final = 56
LAST_DAY: Final = date(2026, 11, 8)
FILLED_FROM: Final = datetime(2026, 9, 7, tzinfo=UTC)
FILLED_DAYS: Final = 67
"""Beyond the days that are shown on either side."""
ZONES: Final = (
    "Europe/London",
    "America/St_Johns",
    "America/Havana",
    "Australia/Lord_Howe",
    "Pacific/Chatham",
    "Asia/Kathmandu",
    "Asia/Kolkata",
)
"""Clocks were changed in the days that are shown, but for the last two, which never do."""

PROFILE_TWIN: Final[LiteralString] = """
    SELECT bin, is_weekend, count(*)::integer,
        percentile_cont(ARRAY[0.1, 0.25, 0.5, 0.75, 0.9]) WITHIN GROUP (ORDER BY value)
    FROM (
        SELECT date_part('isodow', local) > 5 AS is_weekend, value,
            floor(date_part('hour', local) * 2 + date_part('minute', local) / 30)::integer AS bin
        FROM (
            SELECT time AT TIME ZONE %(zone)s AS local, heart_rate AS value FROM reading
            WHERE person_id = %(person_id)s AND time >= %(first_time)s AND time < %(end_time)s
              AND worn IS DISTINCT FROM 0 AND heart_rate IS NOT NULL
        ) AS measured
    ) AS placed
    GROUP BY bin, is_weekend
"""
NIGHTS_TWIN: Final[LiteralString] = """
    SELECT date_bin('15 minutes', time AT TIME ZONE %(zone)s, '2000-01-01'),
        avg(CASE WHEN sleep_state > 0 THEN 1.0::float8 ELSE 0.0::float8 END)
    FROM reading
    WHERE person_id = %(person_id)s AND time < %(end_time)s
      AND worn IS DISTINCT FROM 0 AND sleep_state IS NOT NULL
    GROUP BY 1
"""


def asked_about(site: Site, zone: str, days: int = SIZE_DAYS) -> Asked:
    person = PersonRow(
        person_id=site.sam,
        timezone=zone,
        name="Sam",
        paused_from=None,
        paused_until=None,
        heard_at=None,
        last_day=None,
        last_worn_minutes=None,
        usual_is_known=True,
        open_alerts=0,
        open_families=[],
        off_noticed_at=None,
        off_explanation=None,
        no_data_reason=None,
        battery_percent=None,
    )
    span = read_span({"days": str(days), "until": LAST_DAY.isoformat()}, NOW.date())
    return Asked(person, span, site.clinician, NOW)


def site_of_random_minutes(url: str) -> Site:
    """Fill in minutes with gaps: two devices at once for a while, worn or not, measured or not."""
    rng, site = np.random.default_rng(7), write_site(url, NOW)
    with psycopg.connect(url) as connection, connection.cursor() as cursor:
        cursor.execute("DELETE FROM reading WHERE person_id = %s", (site.sam,))
        columns = "person_id, time, device_id, period_s, boot, seq, received_at"
        values = "heart_rate, sleep_state, worn"
        with cursor.copy(f"COPY reading ({columns}, {values}) FROM STDIN".encode()) as copy:
            for number in range(FILLED_DAYS * 360):
                start = FILLED_FROM + number * timedelta(minutes=4)
                if start.day in {3, 4} or rng.random() < 0.1:
                    continue
                for device in (1, 2) if start.day % 7 == 0 else (1,):
                    at = start + timedelta(seconds=float(rng.uniform(0, 240)))
                    heart = None if rng.random() < 0.1 else float(rng.normal(70, 9))
                    sleep = None if rng.random() < 0.1 else int(rng.integers(0, 3))
                    worn = (None, 0, 1, 1)[int(rng.integers(4))]
                    copy.write_row((site.sam, at, device, 60, 1, 1, at, heart, sleep, worn))
    return site


@asynccontextmanager
async def looking(url: str, staff_id: int) -> AsyncIterator[Connection]:
    connection = await connect(url, Role.PORTAL, "test")
    async with connection:
        await look_as(connection, staff_id, None, NOW)
        yield connection


async def test_hours_and_nights_are_those_of_slow_twins(
    database_url: str,
) -> None:
    site = site_of_random_minutes(database_url)
    for zone in ZONES:
        asked = asked_about(site, zone)
        async with looking(database_url, site.clinician) as connection:
            minutes = await read_minutes(connection, asked, HEART_RATE)
        with psycopg.connect(database_url) as owner:
            profile = owner.execute(PROFILE_TWIN, asked.values).fetchall()
            slept: dict[datetime, float] = dict(owner.execute(NIGHTS_TWIN, asked.values).fetchall())
        assert len(profile) == 2 * BINS, zone
        twin = np.full((2, len(PERCENTILES), BINS), np.nan)
        for half_hour, weekend, count, found in profile:
            if count >= BIN_MINUTES_LEAST:
                twin[int(weekend), :, half_hour] = found
        assert 240 < np.isfinite(twin).sum() < twin.size, zone
        np.testing.assert_array_equal(profile_of(minutes, asked), twin, zone)
        compare_nights(nights_of(minutes, asked), slept)


def compare_nights(found: list[Night], slept: dict[datetime, float]) -> None:
    assert len(found) == NIGHTS
    assert found[-1].evening == LAST_DAY - timedelta(days=1)
    assert sum(night.asleep_minutes for night in found) > 0
    for night in found:
        noon = datetime(night.evening.year, night.evening.month, night.evening.day, 12)  # noqa: DTZ001 -- on the wall
        quarters = [slept.get(noon + place * timedelta(minutes=15)) for place in range(96)]
        drawn = np.zeros(96, dtype=int)
        for kind, blocks in ((1, night.asleep), (2, night.without_data)):
            for block in blocks:
                first, width = (
                    round(one * 0.96) for one in (block.first_percent, block.width_percent)
                )
                drawn[first : first + width] = kind
        twin = [2 if one is None else int(one >= 0.5) for one in quarters]
        assert drawn.tolist() == twin, night.evening
        assert night.asleep_minutes == twin.count(1) * 15


async def test_a_channel_that_nothing_measured_leaves_the_nights(
    database_url: str,
) -> None:
    site = site_of_random_minutes(database_url)
    asked = asked_about(site, "Europe/London", 7)
    async with looking(database_url, site.clinician) as connection:
        steps = await read_minutes(connection, asked, STEPS)
        heart = await read_minutes(connection, asked, HEART_RATE)
    assert np.isnan(profile_of(steps, asked)).all()
    assert nights_of(steps, asked) == nights_of(heart, asked)
    assert sum(night.asleep_minutes > 0 for night in nights_of(steps, asked)) > 14


async def test_nobody_else_gets_a_minute(
    database_url: str,
) -> None:
    site = site_of_random_minutes(database_url)
    asked = asked_about(site, "Europe/London")
    async with looking(database_url, site.practitioner) as connection:
        assert (await read_minutes(connection, asked, HEART_RATE)).places.size == 0


async def test_more_minutes_than_can_be_counted_are_refused_with_what_to_do(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    site = site_of_random_minutes(database_url)
    monkeypatch.setattr(rhythm_pages, "MINUTES_MOST", 100)
    asked = asked_about(site, "Europe/London")
    async with looking(database_url, site.clinician) as connection:
        with pytest.raises(UsageError, match=r"minutes in these days.*ask for fewer days"):
            await read_minutes(connection, asked, HEART_RATE)
