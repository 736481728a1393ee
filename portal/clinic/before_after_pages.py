"""Before and after a piece of support: the form and its answer. Nothing is kept of either.

The form is posted, although it changes nothing: what somebody typed does not belong into addresses,
which end in histories and logs.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from typing import Final

from aiohttp import web

from portal.clinic.asking import Asked, ask
from portal.clinic.before_after import (
    CHANCE,
    DAYS_BACK_MOST,
    NO_CAUSE,
    Answer,
    SupportForm,
    answer,
    days_asked,
)
from portal.clinic.explorer_pages import read_marks
from portal.clinic.marks import Mark
from portal.clinic.spans import Span
from portal.clinic.weeks_pages import feature_of
from portal.context import rows, transaction
from portal.daily import DayRow
from portal.forms import read_form
from portal.people import LookedAt
from portal.rendering import page
from portal.words import day_words
from tidewell.database import Connection, Queries
from tidewell.vocabulary import FEATURES

HAPPENED_DAYS: Final = 180
"""Half a year of what happened is enough to choose from; an earlier day can be typed."""

_QUERIES: Final = Queries("portal", "clinic/explorer.sql")


async def show_before_after(request: web.Request) -> web.Response:
    """Show the empty form."""
    return await _page(request, SupportForm(), is_sent=False)


async def compare_before_after(request: web.Request) -> web.Response:
    """Show the answer to a form, or what is wrong with it."""
    form = await read_form(request, SupportForm)
    if form is None:
        raise web.HTTPBadRequest
    return await _page(request, form, is_sent=True)


async def _page(request: web.Request, form: SupportForm, *, is_sent: bool) -> web.Response:
    async with transaction(request) as connection:
        asked = await ask(connection, request, LookedAt.TRENDS)
        today = asked.span.today
        happened = await read_marks(connection, _longer(asked))
        errors = form.errors(today) if is_sent else {}
        start = form.start_day
        found = None
        if is_sent and not errors and start is not None:
            found = await read_comparison(connection, asked, form, start)
    values: dict[str, object] = {
        "person": asked.person,
        "form": form,
        "errors": errors,
        "answer": found,
        "start": start,
        "what": _what(form, happened),
        "no_cause": NO_CAUSE,
        "chance": CHANCE,
        "features": FEATURES,
        "feature": feature_of(form.measure),
        "happened": _choices(happened, today),
        "earliest": (today - timedelta(days=DAYS_BACK_MOST)).isoformat(),
        "latest": today.isoformat(),
    }
    return page(request, "clinic/before_after.jinja", values, 422 if errors else 200)


def _longer(asked: Asked) -> Asked:
    """Return the same over all days from which something can be chosen."""
    today = asked.span.today
    return replace(asked, span=Span(today - timedelta(days=HAPPENED_DAYS - 1), today, today))


async def read_comparison(
    connection: Connection, asked: Asked, form: SupportForm, start: date
) -> Answer:
    """Return the answer to a form without errors."""
    yesterday = asked.span.today - timedelta(days=1)
    first, last = days_asked(start, yesterday)
    values = {**asked.values, "first_day": first, "last_day": last}
    days = await rows(connection, DayRow, _QUERIES["days"], values)
    return answer(feature_of(form.measure), days, start, yesterday, asked.person.name)


def _choices(happened: list[Mark], today: date) -> list[tuple[str, str]]:
    """Return each day on which something happened once, the latest first."""
    by_day: dict[date, list[str]] = {}
    for mark in happened:
        by_day.setdefault(mark.day, []).append(mark.words)
    return [
        (day.isoformat(), f"{day_words(day, today)}: {' '.join(words)}")
        for day, words in by_day.items()
    ]


def _what(form: SupportForm, happened: list[Mark]) -> str:
    """Return what it was: as typed, or else as it stands in the list."""
    if form.what:
        return f"“{form.what}”"
    return " ".join(mark.words for mark in happened if mark.day.isoformat() == form.happened)
