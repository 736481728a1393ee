"""One measure of a person day by day: the chart of their page, and every day in words.

Promises: a day without a value is a line that says so; the look is written down before anything is
shown. The tables stand on a page of their own so that eighteen of them need not travel to a phone
with every look at the charts.
"""

from __future__ import annotations

from typing import Final

from aiohttp import web

from portal.charts import HEIGHT
from portal.context import now_of, transaction, viewer_of
from portal.daily import one_trend
from portal.people import LookedAt, find_person, log_look
from portal.person_page import (
    WINDOWS_DAYS,
    changed_days,
    read_days,
    read_episodes,
    read_window,
    values_of,
)
from portal.rendering import page
from portal.words import local_day
from tidewell.vocabulary import FEATURE_NAMES, FEATURES

FIRST_MEASURE: Final = FEATURE_NAMES[0]


async def show_measure(request: web.Request) -> web.Response:
    """Show one measure of a person, the first where none or an unknown one is asked for."""
    staff_id, now = viewer_of(request).known_staff_id, now_of(request)
    asked = request.query.get("measure", "")
    measure = asked if asked in FEATURE_NAMES else FIRST_MEASURE
    async with transaction(request) as connection:
        person = await find_person(connection, request, staff_id, now)
        await log_look(connection, staff_id, person.person_id, LookedAt.TRENDS, now)
        window = read_window(request.query, local_day(now, person.timezone))
        values = values_of(person, window, staff_id, now)
        days = await read_days(connection, values)
        episodes = await read_episodes(connection, values)
    changed = changed_days(episodes, window, person.timezone, now)
    trend = one_trend(
        measure, days, window.first_day, window.last_day, changed, person.name, HEIGHT
    )
    if trend is None:
        raise AssertionError("a measure of the vocabulary that these pages do not know")
    return page(
        request,
        "measure.jinja",
        {
            "person": person,
            "measure": measure,
            "label": trend.feature.label,
            "trend": trend,
            "window": window,
            "windows": WINDOWS_DAYS,
            "others": [feature for feature in FEATURES if feature.name != measure],
        },
    )
