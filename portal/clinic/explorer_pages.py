"""The trend explorer of one person: a page, its numbers, its table, and pictures without a script.

Every answer is guarded and written down as a look. The page asks for its numbers by itself, so that
it stands at once; who has no script gets pictures and tables from the server instead.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import numpy as np
from aiohttp import web

from portal.charts import Floats
from portal.clinic.asking import Asked, ask
from portal.clinic.marks import Mark, MarkRow, mark_line, mark_of
from portal.clinic.pictures import letters_of, moment_of, panel_picture
from portal.clinic.series import (
    Explored,
    Panel,
    StepRow,
    TableLine,
    explore,
    panel_kinds,
    panel_sentence,
    table_lines,
)
from portal.clinic.spans import SIZES_DAYS
from portal.clinic.tables import csv_answer
from portal.context import rows, transaction
from portal.daily import DayRow
from portal.people import LookedAt
from portal.rendering import page
from portal.words import number_words, zone_of
from tidewell.database import Connection, Queries

_QUERIES: Final = Queries("portal", "clinic/explorer.sql")


async def read_marks(connection: Connection, asked: Asked) -> list[Mark]:
    """Return what happened in these days, the latest first."""
    found = await rows(connection, MarkRow, _QUERIES["marks"], asked.values)
    return [mark_of(row, asked.person.timezone) for row in found]


async def read_view(connection: Connection, asked: Asked) -> Explored:
    """Return what the explorer draws of these days."""
    steps = await rows(connection, StepRow, _QUERIES["steps"], asked.values)
    days = await rows(connection, DayRow, _QUERIES["days"], asked.values)
    return explore(steps, days, asked.span, asked.person.timezone, asked.now)


async def show_explorer(request: web.Request) -> web.Response:
    """Show a person over time; with `plain`, as pictures and tables without a script."""
    is_plain = request.query.get("plain") == "1"
    async with transaction(request) as connection:
        asked = await ask(connection, request, LookedAt.DETAIL)
        marks = await read_marks(connection, asked)
        view = await read_view(connection, asked) if is_plain else None
    return page(
        request,
        "clinic/explorer.jinja",
        {
            "person": asked.person,
            "span": asked.span,
            "sizes": SIZES_DAYS,
            "kinds": panel_kinds(asked.span.step),
            "panels": _drawn(view, marks, asked.person.name) if view else [],
            "view": view,
            "is_plain": is_plain,
            "marks": [(mark, mark_line(mark, asked.span.today)) for mark in marks],
        },
    )


def _drawn(view: Explored, marks: Sequence[Mark], name: str) -> list[dict[str, object]]:
    letters = letters_of(marks, view)
    return [
        {
            "kind": panel.kind,
            "sentence": panel_sentence(panel, view, name),
            "picture": panel_picture(panel, view, letters),
            "lines": [_line_words(line, panel) for line in reversed(table_lines(panel, view))],
        }
        for panel in view.panels
    ]


async def give_series(request: web.Request) -> web.Response:
    """Give the numbers of the explorer as JSON."""
    async with transaction(request) as connection:
        asked = await ask(connection, request, LookedAt.DETAIL)
        view = await read_view(connection, asked)
        marks = await read_marks(connection, asked)
    answer = web.json_response(_series(view, marks, asked.person.name))
    answer.enable_compression()
    return answer


def _series(view: Explored, marks: Sequence[Mark], name: str) -> dict[str, Any]:
    return {
        "zone": zone_of(view.zone).key,
        "first": view.first.timestamp(),
        "step": view.step.total_seconds(),
        "count": view.count,
        "worn": view.worn_sentence,
        "stretches": [[one.first, one.end, one.is_off] for one in view.stretches],
        "marks": [
            {"at": mark.starts_at.timestamp(), "letter": mark.letter, "words": mark.words}
            for mark in marks
        ],
        "panels": [_panel(panel, view, name) for panel in view.panels],
    }


def _panel(panel: Panel, view: Explored, name: str) -> dict[str, Any]:
    kind = panel.kind
    lines = [_line_words(line, panel) for line in reversed(table_lines(panel, view))]
    return {
        "name": kind.name,
        "unit": kind.unit,
        "decimals": kind.decimals,
        "range": kind.has_range,
        "sentence": panel_sentence(panel, view, name),
        "lines": lines if panel.has_data else [],
        "low": numbers_of(panel.low, kind.decimals) if kind.has_range else [],
        "middle": numbers_of(panel.middle, kind.decimals),
        "high": numbers_of(panel.high, kind.decimals) if kind.has_range else [],
        "usual_low": numbers_of(panel.usual_low, kind.decimals),
        "usual_high": numbers_of(panel.usual_high, kind.decimals),
    }


def numbers_of(values: Floats, decimals: int) -> list[float | None]:
    """Return values as JSON has them; an empty list where there is none at all."""
    if not np.isfinite(values).any():
        return []
    return [
        None if value != value else value  # noqa: PLR0124 -- only NaN is unlike itself
        for value in np.round(values, decimals + 1).tolist()
    ]


def _line_words(line: TableLine, panel: Panel) -> list[str]:
    values = (line.low, line.middle, line.high) if panel.kind.has_range else (line.middle,)
    return [
        line.words,
        *(
            "no value" if value is None else number_words(value, panel.kind.decimals)
            for value in values
        ),
    ]


async def give_table(request: web.Request) -> web.Response:
    """Give the steps of all channels as CSV, without a name."""
    async with transaction(request) as connection:
        asked = await ask(connection, request, LookedAt.DOWNLOADED)
        view = await read_view(connection, asked)
    header = ["time", "minutes_worn"]
    for panel in view.panels:
        suffixes = ("_lowest", "_average", "_highest") if panel.kind.has_range else ("",)
        header += [panel.kind.name + suffix for suffix in suffixes]
    zone = zone_of(view.zone)
    lines = (
        [
            moment_of(view, place).astimezone(zone).isoformat(timespec="minutes"),
            round(float(view.worn_s[place]) / 60, 1),
            *(value for panel in view.panels for value in _cells(panel, place)),
        ]
        for place in range(view.count)
    )
    name = f"tidewell-{asked.person.person_id}-{asked.span.first_day}-{asked.span.last_day}"
    return csv_answer(name, header, lines)


def _cells(panel: Panel, place: int) -> list[float | None]:
    columns = (panel.low, panel.middle, panel.high) if panel.kind.has_range else (panel.middle,)
    values = (float(column[place]) for column in columns)
    return [round(one, panel.kind.decimals + 1) if np.isfinite(one) else None for one in values]
