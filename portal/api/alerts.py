"""Alerts for programs of staff: the list, the whole of one, and what can be asked of it.

A GET only shows. A POST writes down what somebody asks, with the level that they saw; the alerts
process folds it in within seconds, so the answer says "written", never "done".
"""

from __future__ import annotations

from datetime import date, datetime
from enum import StrEnum
from typing import Annotated, Final

from pydantic import Field

from portal.alert_forms import NOTE_CHARACTERS_MAX, CloseForm, HandOverForm, SnoozeForm, SnoozeUntil
from portal.alert_rows import AlertFacts, OpenAlertRow
from portal.alert_view import AlertView
from portal.alert_words import Outcome, SnoozeReason, suggestion_words
from portal.alerts_pages import (
    ActionKind,
    Asked,
    ask_of_alert,
    closed_alerts,
    look_at_alert,
    open_alerts,
    snooze_of,
)
from portal.api.operations import Answer, Call, Request, Text, Written, broken_rules
from portal.api.paging import PageQuery, page_of
from portal.api.record import ColumnsRequest
from portal.explanation import Contribution, Explanation, read_explanation
from portal.people import log_list_look
from portal.record.forms import ColumnsForm
from tidewell.vocabulary import Level

MOST_INTEGER: Final = 2**31 - 1


class SeenLevel(StrEnum):
    """The level that was shown: an answer counts for what was seen."""

    CHECK_NOW = "check_now"
    CHECK_TODAY = "check_today"
    FOR_REVIEW = "for_review"


class OpenAlert(Answer):
    """An open alert of one's people."""

    public_id: str
    person_id: int
    name: str
    level: Level
    state: str
    cause: str
    about: str = Field(description="What it is about, in words.")
    sentence: str = Field(description="What changed.")
    first_day: date = Field(description="Since when.")
    raised_at: datetime
    back_to_usual_at: datetime | None
    accepted_by_name: str | None
    accepted_at: datetime | None
    is_waiting: bool = Field(description="Somebody asked something of it that is not done yet.")


class OpenAlerts(Answer):
    """A page of open alerts, the most urgent first."""

    items: list[OpenAlert]
    next: str | None


class ClosedAlert(Answer):
    """An alert that was closed in the last seven days."""

    public_id: str
    name: str
    about: str
    closed_at: datetime
    outcome: str | None
    found: str
    closed_by_name: str | None


class ClosedAlerts(Answer):
    """What was closed in the last seven days, the latest first."""

    items: list[ClosedAlert]


class Moved(Answer):
    """A measure that moved, beside what is usual for this person."""

    feature: str
    label: str
    unit: str
    value: float
    low: float
    high: float
    share: float


class Waiting(Answer):
    """What somebody asked of it and is not done yet."""

    kind: str
    staff_name: str
    at: datetime
    words: str


class Line(Answer):
    """One line of its story."""

    at: datetime
    words: str


class SomebodySaid(Answer):
    """What somebody asked or said, where people raised it."""

    at: datetime
    words: str
    note: str


class ColleagueAnswer(Answer):
    """Somebody to whom it can be passed on."""

    staff_id: int
    name: str


class AlertAnswer(Answer):
    """One alert with everything that its page says."""

    public_id: str
    person_id: int
    name: str
    level: Level
    state: str
    cause: str
    about: str
    sentence: str
    first_day: date
    raised_at: datetime
    back_to_usual_at: datetime | None
    accepted_by_name: str | None
    accepted_at: datetime | None
    offered_to_name: str | None
    snoozed_until: datetime | None
    snooze_reason: str | None
    closed_at: datetime | None
    closed_by_name: str | None
    outcome: str | None
    note: str | None
    nobody_watches: bool = Field(description="Nobody is at work who could be told.")
    certainty: str
    support: str = Field(description="How many measures agree, and how much was seen.")
    missing: str = Field(description="What was not measured.")
    clears_when: str
    moved: list[Moved]
    said: list[SomebodySaid]
    suggestion: str
    waiting: list[Waiting]
    story: list[Line]
    colleagues: list[ColleagueAnswer]


class HandOverPart(Answer):
    """One of the four parts of a hand-over."""

    letter: str
    heading: str
    sentences: list[str]


class HandOverAnswer(Answer):
    """A hand-over in four parts: situation, background, assessment, recommendation."""

    title: str
    parts: list[HandOverPart]
    foot: str
    text: str


class AcceptRequest(Request):
    """ "I'm on it"."""

    level: SeenLevel | None = None


class CloseRequest(Request):
    """How it ended."""

    level: SeenLevel | None = None
    outcome: Outcome
    note: Annotated[Text, Field(max_length=NOTE_CHARACTERS_MAX)] = ""
    columns: ColumnsRequest | None = Field(
        default=None, description="The three columns, where they changed; see `three-columns`."
    )


class PassOnRequest(Request):
    """To whom it is offered; it stays where it is until they take it."""

    level: SeenLevel | None = None
    to: Annotated[int, Field(ge=1, le=MOST_INTEGER, description="A staff_id of `colleagues`.")]


class SnoozeRequest(Request):
    """Why it is put off, and until when."""

    level: SeenLevel | None = None
    reason: SnoozeReason
    until: SnoozeUntil


async def list_open(call: Call) -> OpenAlerts:
    """Return a page of the open alerts of a practitioner."""
    staff_id = call.viewer.known_staff_id
    alerts = await open_alerts(call.connection, staff_id, call.now)
    shown, following = page_of(alerts, lambda one: one.public_id, call.query_as(PageQuery))
    people = sorted({one.person_id for one in shown})
    await log_list_look(call.connection, staff_id, people, call.now)
    return OpenAlerts(items=[_open(one) for one in shown], next=following)


async def list_closed(call: Call) -> ClosedAlerts:
    """Return what was closed lately."""
    staff_id = call.viewer.known_staff_id
    found = await closed_alerts(call.connection, staff_id, call.now)
    people = sorted({one.person_id for one in found})
    await log_list_look(call.connection, staff_id, people, call.now)
    items = [
        ClosedAlert(
            public_id=one.public_id,
            name=one.name,
            about=one.about,
            closed_at=one.closed_at,
            outcome=one.outcome,
            found=one.found,
            closed_by_name=one.closed_by_name,
        )
        for one in found
    ]
    return ClosedAlerts(items=items)


async def show_alert(call: Call) -> AlertAnswer:
    """Return one alert. This never accepts or closes it."""
    return _whole(await look_at_alert(call.connection, call.request))


async def show_hand_over(call: Call) -> HandOverAnswer:
    """Return the hand-over of an alert."""
    drafted = (await look_at_alert(call.connection, call.request)).hand_over
    parts = [
        HandOverPart(letter=one.letter, heading=one.heading, sentences=list(one.sentences))
        for one in drafted.parts
    ]
    return HandOverAnswer(title=drafted.title, parts=parts, foot=drafted.foot, text=drafted.text)


async def accept(call: Call) -> Written:
    """Write down "I'm on it"."""
    return await _ask(call, Asked(ActionKind.ACCEPT, call.body_as(AcceptRequest).level))


async def close(call: Call) -> Written:
    """Write down how it ended."""
    said = call.body_as(CloseRequest)
    columns = said.columns.as_form() if said.columns else ColumnsForm()
    typed = CloseForm(level=said.level or "", outcome=said.outcome, note=said.note)
    form = typed.begun_with(columns)
    if errors := form.errors():
        raise broken_rules(errors)
    closing = Asked(ActionKind.CLOSE, form.seen_level, Outcome(form.outcome), form.note)
    return await _ask(call, closing, columns if said.columns else None)


async def pass_on(call: Call) -> Written:
    """Write down to whom it is offered."""
    said = call.body_as(PassOnRequest)
    form = HandOverForm(level=said.level or "", to=said.to)
    return await _ask(call, Asked(ActionKind.HAND_OVER, form.seen_level, to_staff_id=form.to))


async def snooze(call: Call) -> Written:
    """Write down why it is put off."""
    said = call.body_as(SnoozeRequest)
    form = SnoozeForm(level=said.level or "", reason=said.reason, until=said.until)
    return await _ask(call, await snooze_of(call.connection, call.request, form))


async def _ask(call: Call, asked: Asked, columns: ColumnsForm | None = None) -> Written:
    return Written(is_new=await ask_of_alert(call.connection, call.request, asked, columns))


def _shared(alert: AlertFacts, told: Explanation) -> dict[str, object]:
    """Return what the list and the whole alert both say."""
    return {
        "public_id": alert.public_id,
        "person_id": alert.person_id,
        "name": alert.name,
        "level": Level(alert.level),
        "state": alert.state,
        "cause": alert.cause,
        "about": alert.cause_words,
        "sentence": told.sentence,
        "first_day": alert.first_day,
        "raised_at": alert.raised_at,
        "back_to_usual_at": alert.back_to_usual_at,
        "accepted_by_name": alert.accepted_by_name,
        "accepted_at": alert.accepted_at,
    }


def _open(alert: OpenAlertRow) -> OpenAlert:
    shared = _shared(alert, read_explanation(alert.explanation))
    return OpenAlert.model_validate({**shared, "is_waiting": alert.has_waiting_action})


def _whole(view: AlertView) -> AlertAnswer:
    alert, told = view.alert, view.explanation
    only_here: dict[str, object] = {
        "offered_to_name": alert.offered_to_name,
        "snoozed_until": alert.snoozed_until,
        "snooze_reason": alert.snooze_reason,
        "closed_at": alert.closed_at,
        "closed_by_name": alert.closed_by_name,
        "outcome": alert.outcome,
        "note": alert.note,
        "nobody_watches": alert.nobody_watches,
        "certainty": told.certainty_said(),
        "support": told.support_said(),
        "missing": told.missing_said(),
        "clears_when": told.clears_when,
        "suggestion": suggestion_words(alert.level, alert.cause),
    }
    lists: dict[str, object] = {
        "moved": [_moved(one) for one in told.contributions],
        "said": [
            SomebodySaid(at=one.at, words=one.words(alert.name), note=one.note)
            for one in view.concerns
        ],
        "waiting": [
            Waiting(kind=one.kind, staff_name=one.staff_name, at=one.at, words=one.words)
            for one in view.waiting
        ],
        "story": [Line(at=one.at, words=one.words) for one in view.story],
        "colleagues": [
            ColleagueAnswer(staff_id=one.staff_id, name=one.name) for one in view.colleagues
        ],
    }
    return AlertAnswer.model_validate({**_shared(alert, told), **only_here, **lists})


def _moved(one: Contribution) -> Moved:
    return Moved(
        feature=one.feature,
        label=one.label,
        unit=one.unit,
        value=one.value,
        low=one.low,
        high=one.high,
        share=one.share,
    )
