"""Week by week: the page and the table of one person's daily measures."""

from __future__ import annotations

from typing import Final

from aiohttp import web

from portal.clinic.asking import Asked, ask
from portal.clinic.tables import csv_answer
from portal.clinic.weeks import mondays, week_lines, week_pictures, week_words
from portal.context import rows, transaction
from portal.daily import DayRow
from portal.people import LookedAt
from portal.rendering import page
from tidewell.database import Connection, Queries
from tidewell.vocabulary import FEATURES, Feature

_QUERIES: Final = Queries("portal", "clinic/explorer.sql")


async def show_weeks(request: web.Request) -> web.Response:
    """Show the last weeks side by side, and one measure day by day."""
    feature = feature_of(request.query.get("measure", ""))
    async with transaction(request) as connection:
        asked = await ask(connection, request, LookedAt.TRENDS)
        days = await read_days(connection, asked)
    last = asked.span.last_day
    return page(
        request,
        "clinic/weeks.jinja",
        {
            "person": asked.person,
            "span": asked.span,
            "feature": feature,
            "weeks": [week_words(monday) for monday in mondays(last)],
            "lines": week_lines(days, last),
            "pictures": week_pictures(feature, days, last),
        },
    )


async def give_weeks(request: web.Request) -> web.Response:
    """Give the last weeks as CSV: the middle of each week and its days with a value."""
    async with transaction(request) as connection:
        asked = await ask(connection, request, LookedAt.DOWNLOADED)
        days = await read_days(connection, asked)
    last = asked.span.last_day
    lines = [
        [line.feature.name, line.feature.unit, monday.isoformat(), _rounded(cell.value), cell.days]
        for line in week_lines(days, last)
        for monday, cell in zip(mondays(last), line.cells, strict=True)
    ]
    header = ["measure", "unit", "week_from", "middle_day", "days_with_value"]
    return csv_answer(f"tidewell-{asked.person.person_id}-weeks-{last}", header, lines)


def feature_of(name: str) -> Feature:
    """Return the measure of this name; what is none counts as not said."""
    return next((one for one in FEATURES if one.name == name), FEATURES[0])


async def read_days(connection: Connection, asked: Asked) -> list[DayRow]:
    """Return the days of the last weeks."""
    values = {**asked.values, "first_day": mondays(asked.span.last_day)[0]}
    return await rows(connection, DayRow, _QUERIES["days"], values)


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 2)
