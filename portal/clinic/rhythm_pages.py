"""The rhythm of one person: the page with hours of the day, and nights below each other."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from typing import Final

from aiohttp import web

from portal.clinic.asking import Asked, ask
from portal.clinic.rhythm import (
    PROFILE_CHANNELS,
    PROFILE_SIZES_DAYS,
    Night,
    ProfileRow,
    SleepRow,
    nights,
    profile_unit,
    profiles,
    regularity_sentence,
)
from portal.context import first_row, rows, transaction
from portal.daily import DayRow, usual_range
from portal.people import LookedAt
from portal.rendering import page
from tidewell.database import Connection, Queries
from tidewell.vocabulary import Channel

NIGHTS: Final = 28
"""Four weeks fit a screen, and show what is a habit."""

_QUERIES: Final = Queries("portal", "clinic/rhythm.sql")


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
        measured = await read_profile(connection, asked, channel)
        slept = await read_nights(connection, asked)
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
            "profiles": profiles(measured, channel),
            "nights": slept,
            "regularity": regularity_said(regular, asked.person.name),
        },
    )


async def read_profile(connection: Connection, asked: Asked, channel: Channel) -> list[ProfileRow]:
    """Return half hours of the day of a channel."""
    values = {**asked.values, "channel": channel.name}
    return await rows(connection, ProfileRow, _QUERIES["profile"], values)


async def read_nights(connection: Connection, asked: Asked) -> list[Night]:
    """Return the nights up to the last day, from the quarters since the noon before the first."""
    zone, last = asked.person.timezone, asked.span.last_day - timedelta(days=1)
    first, end = asked.span.of_size(NIGHTS + 1).limits(zone, asked.now)
    values = {**asked.values, "first_time": first, "end_time": end}
    slept = await rows(connection, SleepRow, _QUERIES["sleep"], values)
    return nights(slept, last - timedelta(days=NIGHTS - 1), last, zone)


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
