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


async def show_rhythm(request: web.Request) -> web.Response:
    """Show hours of the day by percentiles, and the nights of four weeks."""
    channel = _channel(request.query.get("channel", ""))
    async with transaction(request) as connection:
        asked = await ask(connection, request, LookedAt.DETAIL)
        values = {**asked.values, "channel": channel.name}
        measured = await rows(connection, ProfileRow, _QUERIES["profile"], values)
        slept = await _read_sleep(connection, asked)
        regular = await first_row(connection, RegularityRow, _QUERIES["regularity"], asked.values)
    last = asked.span.last_day - timedelta(days=1)
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
            "nights": nights(slept, last - timedelta(days=NIGHTS - 1), last, asked.person.timezone),
            "regularity": _regularity(regular, asked.person.name),
        },
    )


async def _read_sleep(connection: Connection, asked: Asked) -> list[SleepRow]:
    """Return the quarters of the nights, from the noon before the first of them."""
    first, end = asked.span.of_size(NIGHTS + 1).limits(asked.person.timezone, asked.now)
    values = {**asked.values, "first_time": first, "end_time": end}
    return await rows(connection, SleepRow, _QUERIES["sleep"], values)


def _channel(name: str) -> Channel:
    """Return the channel of this name; what is none counts as not said."""
    found = (channel for channel in PROFILE_CHANNELS if channel.name == name)
    return next(found, PROFILE_CHANNELS[0])


def _regularity(row: RegularityRow | None, name: str) -> str:
    if row is None:
        return regularity_sentence(None, None, None, name)
    usual = usual_range(DayRow(row.day, 0, row.usual, None), "sleep_regularity")
    return regularity_sentence(row.value, usual, row.day, name)
