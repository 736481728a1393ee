"""Numbers of the service by team and month, for clinicians and administrators. Nobody is named."""

from __future__ import annotations

from typing import Final

from aiohttp import web

from portal.clinic.counts import GROUPS, CountsLine, Month, TeamRow, counts_lines, months_over
from portal.clinic.tables import csv_answer
from portal.context import now_of, rows, transaction
from portal.data_state import HARDLY_WORN_MINUTES
from portal.rendering import page
from portal.words import local_day, month_words
from tidewell.database import Connection, Queries

ZONE: Final = "Europe/London"
"""Months of the service begin at its own midnight, whatever clock a person lives by."""

_QUERIES: Final = Queries("portal", "clinic/counts.sql")


async def show_counts(request: web.Request) -> web.Response:
    """Show the numbers of a month that is over."""
    months = months_over(local_day(now_of(request), ZONE))
    month = _chosen(request, months)
    return page(
        request,
        "clinic/counts.jinja",
        {
            "lines": await _read(request, month),
            "groups": GROUPS,
            "month": month,
            "months": [(one, month_words(one.first_day)) for one in months],
            "enough_days": month.days // 2,
        },
    )


async def give_counts(request: web.Request) -> web.Response:
    """Give the numbers of a month as CSV, as they are shown."""
    month = _chosen(request, months_over(local_day(now_of(request), ZONE)))
    header = ["team", "people", *GROUPS]
    lines = ([line.name, line.people, *line.groups] for line in await _read(request, month))
    return csv_answer(f"tidewell-numbers-{month.key}", header, lines)


async def _read(request: web.Request, month: Month) -> list[CountsLine]:
    async with transaction(request) as connection:
        return counts_lines(await read_teams(connection, month))


async def read_teams(connection: Connection, month: Month) -> list[TeamRow]:
    """Return the numbers of a month as they are: hide the small ones before anything is shown."""
    first, end = month.limits(ZONE)
    values = {
        "first_time": first,
        "end_time": end,
        "worn_least": HARDLY_WORN_MINUTES,
        "days_least": month.days // 2,
    }
    return await rows(connection, TeamRow, _QUERIES["teams"], values)


def _chosen(request: web.Request, months: list[Month]) -> Month:
    """Return the month that an address asks for, or the latest one that is over."""
    asked = request.query.get("month", "")
    return next((month for month in months if month.key == asked), months[0])
