"""Everything that the page of an alert shows, read in one transaction, and its hand-over.

Whoever asks for it has been let in to the alert; each query asks again all the same.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Final

from portal.alert_card import Battery, CardWords, card_words
from portal.alert_rows import AlertRow, Colleague, ConcernRow, WaitingAction
from portal.alert_story import StoryLine, StoryRow, story_lines
from portal.alert_words import AlertState, cause_words
from portal.context import first_row, rows
from portal.context_notes import NoteRow, Reader
from portal.daily import DayRow, FeatureTrend, one_trend
from portal.explanation import Explanation, read_explanation
from portal.handover import EARLIER_DAYS, Earlier, HandOver, HandOverFacts, Said, hand_over
from portal.note_pages import notes_for_staff
from portal.people import people_of_staff, person_card
from portal.record.contacts import last_contact
from portal.record.forms import ColumnsForm
from portal.record.support_notes import SupportNote, read_versions
from portal.record.timeline import LastContact
from portal.words import local_day
from tidewell.database import Connection, Queries

STORY_MAX: Final = 200
"""An alert that escalates every hour for a week stays below this."""

SPARKLINE_DAYS: Final = 21
"""Three weeks show a usual stretch before the change on a phone's width."""

OTHER_ALERTS_MAX: Final = 50
"""Half a year of weekly alerts; a hand-over counts them and says the newest."""

_QUERIES: Final = Queries("portal", "alerts.sql")
_CONCERNS: Final = Queries("portal", "concerns.sql")


@dataclass(frozen=True, slots=True)
class AlertView:
    """What a page of an alert shows beside the alert itself."""

    alert: AlertRow
    explanation: Explanation
    concerns: list[ConcernRow]
    waiting: list[WaitingAction]
    story: list[StoryLine]
    colleagues: list[Colleague]
    trend: FeatureTrend | None
    hand_over: HandOver
    card: CardWords
    now: datetime
    newest: SupportNote | None
    last_contact: LastContact | None

    @property
    def columns_form(self) -> ColumnsForm:
        """Return the three columns as they stand, to begin with."""
        return ColumnsForm() if self.newest is None else self.newest.as_form()

    @property
    def contact_words(self) -> str:
        """Return who was in touch last, where that was after it was raised."""
        contact, alert = self.last_contact, self.alert
        if contact is None or contact.at < alert.raised_at:
            return ""
        return contact.words(alert.name, alert.timezone, self.now)


@dataclass(frozen=True, slots=True)
class Around:
    """What people wrote down about the person, beside the alert."""

    notes: list[NoteRow]
    versions: list[SupportNote]
    contact: LastContact | None

    @property
    def newest(self) -> SupportNote | None:
        """Return the three columns that hold."""
        return self.versions[0] if self.versions else None

    def has_reached_since(self, raised_at: datetime) -> bool:
        """Return whether somebody was in touch after an alert was raised."""
        return self.contact is not None and self.contact.has_reached and self.contact.at > raised_at


@dataclass(frozen=True, slots=True)
class _OtherAlert:
    cause: str
    raised_at: datetime
    state: str
    outcome: str | None


@dataclass(frozen=True, slots=True)
class _Name:
    name: str


async def read_view(
    connection: Connection,
    alert: AlertRow,
    staff_id: int,
    now: datetime,
    silence_after: timedelta,
) -> AlertView:
    """Return everything that the page of an alert shows."""
    explanation = read_explanation(alert.explanation)
    values = {
        "alert_id": alert.alert_id,
        "person_id": alert.person_id,
        "staff_id": staff_id,
        "now": now,
        "limit": STORY_MAX,
    }
    concerns: list[ConcernRow] = []
    if alert.is_asked:
        concerns = await rows(connection, ConcernRow, _CONCERNS["concerns_of_alert"], values)
    story = await rows(connection, StoryRow, _QUERIES["story"], values)
    trend = await _sparkline(connection, alert, explanation, staff_id, now)
    last_day = local_day(alert.closed_at or now, alert.timezone)
    notes = await notes_for_staff(
        connection, alert.person_id, staff_id, now, alert.first_day, last_day
    )
    battery = await first_row(connection, Battery, _QUERIES["battery"], values)
    around = Around(
        notes=notes,
        versions=await read_versions(connection, alert.person_id, staff_id, now),
        contact=await last_contact(connection, alert.person_id, staff_id, now),
    )
    return AlertView(
        alert=alert,
        explanation=explanation,
        concerns=concerns,
        waiting=await rows(connection, WaitingAction, _QUERIES["waiting_actions"], values),
        story=story_lines(story, alert.timezone),
        colleagues=await rows(connection, Colleague, _QUERIES["colleagues"], values),
        trend=trend,
        hand_over=await _hand_over(
            connection, alert, concerns, around, staff_id, now, silence_after
        ),
        card=card_words(alert, notes, battery, now),
        now=now,
        newest=around.newest,
        last_contact=around.contact,
    )


async def _hand_over(
    connection: Connection,
    alert: AlertRow,
    concerns: list[ConcernRow],
    around: Around,
    staff_id: int,
    now: datetime,
    silence_after: timedelta,
) -> HandOver:
    values = {
        "alert_id": alert.alert_id,
        "person_id": alert.person_id,
        "staff_id": staff_id,
        "now": now,
        "since": now - timedelta(days=EARLIER_DAYS),
        "limit": OTHER_ALERTS_MAX,
    }
    others = await rows(connection, _OtherAlert, _CONCERNS["other_alerts"], values)
    workers = await rows(connection, _Name, _CONCERNS["key_workers"], values)
    found = await people_of_staff(connection, staff_id, now, alert.person_id)
    card = person_card(found[0], now, silence_after) if found else None
    data = f"{card.data_sentence} {card.not_worn}".strip() if card else ""
    return hand_over(
        hand_over_facts(
            alert,
            concerns,
            others=[_as_earlier(one) for one in others],
            key_workers=[one.name for one in workers],
            around=around,
            data_sentence=data,
            now=now,
        ),
        now,
    )


def _as_earlier(one: _OtherAlert) -> Earlier:
    is_open = one.state != AlertState.CLOSED
    return Earlier(cause_words(one.cause), one.raised_at, is_open, one.outcome)


def hand_over_facts(
    alert: AlertRow,
    concerns: list[ConcernRow],
    *,
    others: list[Earlier],
    key_workers: list[str],
    around: Around,
    data_sentence: str,
    now: datetime,
) -> HandOverFacts:
    """Return what a hand-over is drafted from."""
    is_owned = alert.is_accepted
    return HandOverFacts(
        name=alert.name,
        zone=alert.timezone,
        level=alert.level,
        cause=alert.cause,
        is_asked=alert.is_asked,
        raised_at=alert.raised_at,
        first_day=alert.first_day,
        explanation=read_explanation(alert.explanation),
        said=[Said(one.words(alert.name), one.at, one.note) for one in concerns],
        data_sentence=data_sentence,
        key_workers=key_workers,
        notes=[f"{one.kind_words(Reader.STAFF).lower()}, {one.days_words}" for one in around.notes],
        columns=around.newest.parts if around.newest else (),
        columns_by=around.newest.by_words(alert.timezone, now) if around.newest else "",
        contact=around.contact.words(alert.name, alert.timezone, now) if around.contact else "",
        is_spoken_since=around.has_reached_since(alert.raised_at),
        earlier=others,
        back_to_usual_at=alert.back_to_usual_at,
        accepted_by=alert.accepted_by_name if is_owned else None,
        accepted_at=alert.accepted_at if is_owned else None,
        offered_to=None if alert.is_closed else alert.offered_to_name,
        snoozed_until=alert.snoozed_until,
        snooze_said=alert.snooze_said,
        closed_by=alert.closed_by_name,
        closed_at=alert.closed_at,
        outcome=alert.outcome,
        note=alert.note or "",
    )


async def _sparkline(
    connection: Connection, alert: AlertRow, explanation: Explanation, staff_id: int, now: datetime
) -> FeatureTrend | None:
    """Return the trend of the measure that moved most, up to the day of the alert or today."""
    if not explanation.contributions:
        return None
    leading = max(explanation.contributions, key=lambda contribution: contribution.share)
    last_day = local_day(alert.closed_at or now, alert.timezone)
    first_day = last_day - timedelta(days=SPARKLINE_DAYS - 1)
    values = {
        "person_id": alert.person_id,
        "first_day": first_day,
        "last_day": last_day,
        "staff_id": staff_id,
        "now": now,
    }
    days = await rows(connection, DayRow, _QUERIES["recent_days"], values)
    changed = _changed_days(alert, first_day, last_day)
    return one_trend(leading.feature, days, first_day, last_day, changed, alert.name)


def _changed_days(alert: AlertRow, first_day: date, last_day: date) -> set[date]:
    """Return the days since when the change has lasted, as far as they are in the picture."""
    start = max(first_day, alert.first_day)
    end = last_day
    if alert.back_to_usual_at is not None:
        end = min(end, local_day(alert.back_to_usual_at, alert.timezone))
    return {start + timedelta(days=index) for index in range((end - start).days + 1)}
