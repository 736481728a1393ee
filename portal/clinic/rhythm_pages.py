"""The rhythm of one person: the page with hours of the day, and nights below each other."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Final

from aiohttp import web
from psycopg.rows import class_row

from portal.charts import Floats
from portal.clinic.asking import Asked, ask
from portal.clinic.minutes import MINUTES_MOST, Minutes, unpacked
from portal.clinic.rhythm import (
    PROFILE_CHANNELS,
    PROFILE_SIZES_DAYS,
    Night,
    nights,
    profile_columns,
    profile_unit,
    profiles,
    regularity_sentence,
)
from portal.context import first_row, transaction
from portal.daily import DayRow, usual_range
from portal.people import LookedAt
from portal.rendering import page
from tidewell.database import Connection, Queries
from tidewell.errors import UsageError
from tidewell.vocabulary import Channel

NIGHTS: Final = 28
"""Four weeks fit a screen, and show what is a habit."""

_QUERIES: Final = Queries("portal", "clinic/rhythm.sql")


@dataclass(frozen=True, slots=True)
class PackedRow:
    """Minutes as the database packs them; None where there is none."""

    minutes: int
    moments: bytes | None
    measured: bytes | None
    sleep: bytes | None


@dataclass(frozen=True, slots=True)
class RegularityRow:
    """How regular sleep was in the week before a day."""

    day: date
    value: float
    usual: object

    @property
    def usual_range(self) -> tuple[float, float] | None:
        """Return what is usual for this person, where it is known."""
        return usual_range(DayRow(self.day, 0, self.usual, None), "sleep_regularity")


async def show_rhythm(request: web.Request) -> web.Response:
    """Show hours of the day by percentiles, and the nights of four weeks."""
    channel = _channel(request.query.get("channel", ""))
    async with transaction(request) as connection:
        asked = await ask(connection, request, LookedAt.DETAIL)
        minutes = await read_minutes(connection, asked, channel)
        regular = await read_regularity(connection, asked)
    return page(
        request,
        "clinic/rhythm.jinja",
        {
            "person": asked.person,
            "span": asked.span,
            "sizes": PROFILE_SIZES_DAYS,
            "channel": channel,
            "unit": profile_unit(channel),
            "channels": PROFILE_CHANNELS,
            "profiles": profiles(profile_of(minutes, asked), channel),
            "nights": nights_of(minutes, asked),
            "regularity": regularity_said(regular, asked.person.name),
        },
    )


async def read_minutes(connection: Connection, asked: Asked, channel: Channel) -> Minutes:
    """Return the minutes of the days that are shown and of the nights before the last of them.

    Raises:
        UsageError: there are more than a page can count.
    """
    zone = asked.person.timezone
    wanted = {"first_time": min(_span_start(asked), _nights_start(asked)), "most": MINUTES_MOST}
    values = {**asked.values, **wanted, "channel": channel.name}
    async with connection.cursor(binary=True, row_factory=class_row(PackedRow)) as cursor:
        await cursor.execute(_QUERIES["minutes"], values)
        [packed] = await cursor.fetchall()
    if packed.minutes > MINUTES_MOST:
        raise UsageError(
            f"there are {packed.minutes:,} minutes in these days, and a page counts"
            f" {MINUTES_MOST:,} at the most; ask for fewer days"
        )
    return unpacked(packed.moments or b"", packed.measured or b"", packed.sleep or b"", zone)


def profile_of(minutes: Minutes, asked: Asked) -> Floats:
    """Return percentiles by half hours of the days that are shown."""
    return profile_columns(minutes, _span_start(asked))


def nights_of(minutes: Minutes, asked: Asked) -> list[Night]:
    """Return the nights up to the last day; the first begins at the noon before it."""
    last = asked.span.last_day - timedelta(days=1)
    return nights(minutes, last - timedelta(days=NIGHTS - 1), last)


def _span_start(asked: Asked) -> datetime:
    return asked.span.limits(asked.person.timezone, asked.now)[0]


def _nights_start(asked: Asked) -> datetime:
    return asked.span.of_size(NIGHTS + 1).limits(asked.person.timezone, asked.now)[0]


async def read_regularity(connection: Connection, asked: Asked) -> RegularityRow | None:
    """Return how regular sleep was in the week before the latest day that can say."""
    return await first_row(connection, RegularityRow, _QUERIES["regularity"], asked.values)


def _channel(name: str) -> Channel:
    """Return the channel of this name; what is none counts as not said."""
    found = (channel for channel in PROFILE_CHANNELS if channel.name == name)
    return next(found, PROFILE_CHANNELS[0])


def regularity_said(row: RegularityRow | None, name: str) -> str:
    """Say how regular sleep was, or that nobody can say."""
    if row is None:
        return regularity_sentence(None, None, None, name)
    return regularity_sentence(row.value, row.usual_range, row.day, name)
