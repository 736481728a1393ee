"""The practitioner's list and the page of one alert.

A GET only shows: opening a link from a message, or a mail scanner doing so, accepts nothing. A POST
writes down what somebody asked for; the alerts process folds it in, and until it has, the page says
"sent", not "saved".
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from aiohttp import web

from portal.alert_card import card_sentence
from portal.alert_forms import (
    NOTE_CHARACTERS_MAX,
    AlertForm,
    CloseForm,
    HandOverForm,
    SnoozeForm,
    snooze_choices,
    snooze_end,
)
from portal.alert_rows import AlertRow, ClosedAlertRow, OpenAlertRow
from portal.alert_view import AlertView, read_view
from portal.alert_words import (
    Outcome,
    SnoozeReason,
    outcome_words,
    outcomes_for,
    suggestion_words,
)
from portal.context import (
    SETTINGS,
    Audience,
    Viewer,
    first_row,
    now_of,
    rows,
    transaction,
    viewer_of,
)
from portal.forms import read_form
from portal.needs import by_need, is_called
from portal.people import LookedAt, log_list_look, log_look, people_of_staff, person_card
from portal.record.forms import COLUMN_CHARACTERS_MOST, COLUMNS, SCALE, ColumnsForm
from portal.record.support_notes import Writer, keep_columns
from portal.rendering import page
from portal.security import Refusal, not_found
from portal.words import age_words
from tidewell.database import Connection, Queries
from tidewell.vocabulary import Asking

OPEN_ALERTS_MAX: Final = 200
"""More than anybody can work through; the page says so when it shows no more than this."""

FIND_CHARACTERS_MOST: Final = 100
"""Longer than any name."""

SEARCH_FROM_PEOPLE: Final = 12
"""A shorter list is seen at a glance, and a box above it would only be in the way."""

CLOSED_LATELY: Final = timedelta(days=7)
CLOSED_ALERTS_MAX: Final = 20
"""What was done this week; everything older stands on the person's page."""

_QUERIES: Final = Queries("portal", "alerts.sql")


class ActionKind(StrEnum):
    """What somebody can ask of an alert."""

    ACCEPT = "accept"
    CLOSE = "close"
    HAND_OVER = "hand_over"
    SNOOZE = "snooze"


@dataclass(frozen=True, slots=True)
class Asked:
    """What somebody asks of an alert, checked."""

    kind: ActionKind
    seen_level: str | None
    outcome: Outcome | None = None
    note: str = ""
    to_staff_id: int | None = None
    snooze_reason: SnoozeReason | None = None
    snooze_until: datetime | None = None


async def show_list(request: web.Request) -> web.Response:
    """Show a practitioner's people by need: alerts, changes, no data, quiet; or those of a name."""
    viewer, now = viewer_of(request), now_of(request)
    silence_after = timedelta(seconds=request.app[SETTINGS].silence_after_s)
    async with transaction(request) as connection:
        people = await people_of_staff(connection, viewer.known_staff_id, now)
        alerts = await open_alerts(connection, viewer.known_staff_id, now)
        closed = await closed_alerts(connection, viewer.known_staff_id, now)
        # Who covers or was asked sees alerts of people who are not in their own list.
        shown = {one.person_id for rows_shown in (people, alerts, closed) for one in rows_shown}
        await log_list_look(connection, viewer.known_staff_id, sorted(shown), now)
    sought = request.query.get("find", "").strip()[:FIND_CHARACTERS_MOST]
    cards = [person_card(person, now, silence_after) for person in people]
    values = {
        "find": sought,
        "may_search": len(people) >= SEARCH_FROM_PEOPLE,
        "alerts": [one for one in alerts if is_called(one.name, sought)],
        "card_sentence": card_sentence,
        "alerts_max": OPEN_ALERTS_MAX,
        "closed": [one for one in closed if is_called(one.name, sought)],
        "cards": {card.person.person_id: card for card in cards},
        "needs": by_need([card for card in cards if is_called(card.person.name, sought)]),
        "nobody": not people,
        "age": age_words,
        "own_address": request.path_qs,
    }
    return page(request, "alert_list.jinja", values)


async def open_alerts(connection: Connection, staff_id: int, now: datetime) -> list[OpenAlertRow]:
    """Return the open alerts of a practitioner, the most urgent first."""
    values = {"staff_id": staff_id, "now": now, "limit": OPEN_ALERTS_MAX}
    return await rows(connection, OpenAlertRow, _QUERIES["open_alerts"], values)


async def closed_alerts(
    connection: Connection, staff_id: int, now: datetime
) -> list[ClosedAlertRow]:
    """Return what was closed in the last days, the latest first."""
    values = {
        "staff_id": staff_id,
        "now": now,
        "since": now - CLOSED_LATELY,
        "limit": CLOSED_ALERTS_MAX,
    }
    return await rows(connection, ClosedAlertRow, _QUERIES["closed_alerts"], values)


async def show_alert(request: web.Request) -> web.Response:
    """Show one alert. This never accepts or closes it."""
    return await _alert_page(request, errors={})


async def show_hand_over(request: web.Request) -> web.Response:
    """Show the hand-over and the whole story, to be read out or printed."""
    view = await _look(request)
    return page(request, "hand_over.jinja", {"alert": view.alert, "view": view})


async def accept_alert(request: web.Request) -> web.Response:
    """Write down that somebody says "I'm on it"."""
    form = await read_form(request, AlertForm) if request.can_read_body else AlertForm()
    if form is None:
        raise web.HTTPBadRequest
    await _ask(request, Asked(ActionKind.ACCEPT, form.seen_level))
    raise web.HTTPSeeOther(f"/a/{request.match_info['public_id']}")


async def pass_alert_on(request: web.Request) -> web.Response:
    """Write down to whom somebody passes an alert on; it stays with them until it is taken."""
    form = await read_form(request, HandOverForm)
    if form is None:
        raise web.HTTPBadRequest
    await _ask(request, Asked(ActionKind.HAND_OVER, form.seen_level, to_staff_id=form.to))
    raise web.HTTPSeeOther(f"/a/{request.match_info['public_id']}")


async def snooze_alert(request: web.Request) -> web.Response:
    """Write down why somebody puts an alert off, and until when."""
    form = await read_form(request, SnoozeForm)
    if form is None:
        raise web.HTTPBadRequest
    async with transaction(request) as connection:
        await ask_of_alert(connection, request, await snooze_of(connection, request, form))
    raise web.HTTPSeeOther(f"/a/{request.match_info['public_id']}")


async def snooze_of(connection: Connection, request: web.Request, form: SnoozeForm) -> Asked:
    """Return a snooze with its end, by the clock where the person of the alert lives."""
    now = now_of(request)
    alert = await find_alert(connection, request, viewer_of(request), now)
    return Asked(
        ActionKind.SNOOZE,
        form.seen_level,
        snooze_reason=form.reason,
        snooze_until=snooze_end(form.until, now, alert.timezone),
    )


async def close_alert(request: web.Request) -> web.Response:
    """Write down that somebody closes an alert, and with which outcome."""
    form = await read_form(request, CloseForm)
    if form is None:
        raise web.HTTPBadRequest
    if errors := form.errors():
        return await _alert_page(request, errors=errors, form=form, status=422)
    closing = Asked(ActionKind.CLOSE, form.seen_level, Outcome(form.outcome), form.note)
    await _ask(request, closing, form)
    raise web.HTTPSeeOther(f"/a/{request.match_info['public_id']}")


async def _alert_page(
    request: web.Request,
    *,
    errors: dict[str, str],
    form: CloseForm | None = None,
    status: int = 200,
) -> web.Response:
    viewer, now, staff_id = viewer_of(request), now_of(request), viewer_of(request).known_staff_id
    view = await _look(request)
    alert = view.alert
    waiting_kinds = {action.kind for action in view.waiting if action.staff_id == staff_id}
    return page(
        request,
        "alert.jinja",
        {
            "own_address": f"/a/{alert.public_id}",
            "alert": alert,
            "view": view,
            "explanation": view.explanation,
            "card": view.card,
            "suggestion": suggestion_words(alert.level, alert.cause),
            "columns": COLUMNS,
            "scale": SCALE,
            "column_characters_most": COLUMN_CHARACTERS_MOST,
            "outcome": outcome_words(alert.outcome),
            "outcomes": outcomes_for(alert.cause),
            "snooze_reasons": list(SnoozeReason),
            "snooze_choices": snooze_choices(alert.level, now, alert.timezone),
            "may_act": viewer.audience is Audience.PRACTITIONER and not waiting_kinds,
            "mine": alert.accepted_by == staff_id,
            "note_characters_max": NOTE_CHARACTERS_MAX,
            "errors": errors,
            "form": CloseForm().begun_with(view.columns_form) if form is None else form,
            "age": age_words,
        },
        status=status,
    )


async def _look(request: web.Request) -> AlertView:
    async with transaction(request) as connection:
        return await look_at_alert(connection, request)


async def look_at_alert(connection: Connection, request: web.Request) -> AlertView:
    """Read what an alert's page shows, and write down that somebody looked."""
    viewer, now = viewer_of(request), now_of(request)
    silence_after = timedelta(seconds=request.app[SETTINGS].silence_after_s)
    alert = await find_alert(connection, request, viewer, now)
    # The young person is told that what they asked for was seen: only this alert counts.
    is_theirs = alert.cause == Asking.CHECK_IN_ASKED and not alert.is_closed
    looked_at = LookedAt.ASKED if is_theirs else LookedAt.ALERT
    await log_look(connection, viewer.known_staff_id, alert.person_id, looked_at, now)
    return await read_view(connection, alert, viewer.known_staff_id, now, silence_after)


async def find_alert(
    connection: Connection, request: web.Request, viewer: Viewer, now: datetime
) -> AlertRow:
    """Return the alert in the address, to somebody who may see its person.

    Raises:
        HTTPNotFound: there is no such alert, or it is not theirs to see.
    """
    values = {
        "public_id": request.match_info["public_id"],
        "staff_id": viewer.known_staff_id,
        "now": now,
    }
    alert = await first_row(connection, AlertRow, _QUERIES["alert"], values)
    if alert is None:
        raise not_found(request, Refusal.NOT_ASSIGNED)
    return alert


async def _ask(request: web.Request, asked: Asked, columns: ColumnsForm | None = None) -> None:
    async with transaction(request) as connection:
        await ask_of_alert(connection, request, asked, columns)


async def ask_of_alert(
    connection: Connection,
    request: web.Request,
    asked: Asked,
    columns: ColumnsForm | None = None,
) -> bool:
    """Write down what somebody asks of the alert in the address and wake the alerts process.

    Return whether it was written: what waits already is not written again.
    """
    viewer, now = viewer_of(request), now_of(request)
    alert = await find_alert(connection, request, viewer, now)
    values = {
        "alert_id": alert.alert_id,
        "staff_id": viewer.known_staff_id,
        "kind": asked.kind,
        "outcome": asked.outcome,
        "note": asked.note,
        "seen_level": asked.seen_level,
        "to_staff_id": asked.to_staff_id,
        "snooze_reason": asked.snooze_reason,
        "snooze_until": asked.snooze_until,
        "now": now,
    }
    cursor = await connection.execute(_QUERIES["ask_of_alert"], values)
    written = await cursor.fetchone()
    if written is not None:
        await connection.execute(_QUERIES["tell_alerts"], {"alert_action_id": written[0]})
    if columns is not None:
        writer = Writer(alert.person_id, viewer.known_staff_id, now)
        await keep_columns(connection, writer, columns, alert.alert_id)
    return written is not None
