"""Alerts as the database gives them to the pages, each with its words. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Final

from portal.alert_words import (
    AlertState,
    action_words,
    cause_words,
    choice_words,
    is_asked,
    level_shape,
    outcome_words,
    snooze_words,
)
from portal.explanation import Explanation, first_changed_day, read_explanation
from portal.no_data import because_words
from portal.words import level_words
from tidewell.vocabulary import Source

SLOW_AFTER: Final = timedelta(seconds=60)
"""The alerts process looks every few seconds; after a minute the page says that it is slow."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertFacts:
    """What the list and the page of an alert both say."""

    alert_id: int
    public_id: str
    person_id: int
    level: str
    state: str
    cause: str
    since: datetime
    raised_at: datetime
    back_to_usual_at: datetime | None
    accepted_by: int | None
    accepted_at: datetime | None
    explanation: object
    timezone: str
    name: str
    accepted_by_name: str | None

    @property
    def shape(self) -> str:
        """Return the sign of the level."""
        return level_shape(self.level)

    @property
    def is_asked(self) -> bool:
        """Return whether a person raised it, and no measurement."""
        return is_asked(self.cause)

    @property
    def cause_words(self) -> str:
        """Return what it is about."""
        return cause_words(self.cause)

    @property
    def told(self) -> Explanation:
        """Return what changed, and how sure that is."""
        return read_explanation(self.explanation)

    @property
    def first_day(self) -> date:
        """Return the day since when the change has lasted."""
        return first_changed_day(self.explanation, self.since, self.timezone)


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenAlertRow(AlertFacts):
    """An open alert in the list."""

    has_waiting_action: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class ClosedAlertRow:
    """An alert that somebody closed lately, as a line in the list."""

    public_id: str
    person_id: int
    cause: str
    closed_at: datetime
    outcome: str | None
    timezone: str
    name: str
    closed_by_name: str | None

    @property
    def about(self) -> str:
        """Return what it was about."""
        return cause_words(self.cause)

    @property
    def found(self) -> str:
        """Return what was found."""
        return outcome_words(self.outcome)


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertRow(AlertFacts):
    """One alert with everything that its page says."""

    snoozed_until: datetime | None
    snooze_reason: str | None
    offered_to: int | None
    offered_to_name: str | None
    is_reminded: bool
    nobody_watches: bool
    former_public_id: str | None
    later_public_id: str | None
    closed_at: datetime | None
    outcome: str | None
    note: str | None
    closed_by_name: str | None
    no_data_reason: str | None
    battery_percent: int | None

    @property
    def no_data_words(self) -> str:
        """Return why nothing came, where the alert is about that and a reason is known."""
        why = because_words(self.no_data_reason, self.battery_percent).removeprefix(": ")
        return f"{why[:1].upper()}{why[1:]}." if why else ""

    @property
    def snooze_said(self) -> str:
        """Return why it was put off."""
        return snooze_words(self.snooze_reason)

    @property
    def is_closed(self) -> bool:
        """Return whether the work is done."""
        return self.state == AlertState.CLOSED

    @property
    def is_accepted(self) -> bool:
        """Return whether somebody is on it."""
        return self.state == AlertState.ACCEPTED


@dataclass(frozen=True, slots=True)
class Colleague:
    """Somebody to whom an alert can be passed on."""

    staff_id: int
    name: str


@dataclass(frozen=True, slots=True)
class WaitingAction:
    """Something that was asked of an alert and is not folded in yet."""

    alert_action_id: int
    staff_id: int
    kind: str
    outcome: str | None
    at: datetime
    staff_name: str

    @property
    def words(self) -> str:
        """Return what was asked."""
        return action_words(self.kind, self.outcome)

    def is_slow(self, now: datetime) -> bool:
        """Return whether this takes longer than it should."""
        return now - self.at > SLOW_AFTER


@dataclass(frozen=True, slots=True)
class ConcernRow:
    """Something that somebody asked or said, in an alert that people raised."""

    kind: str
    source: str
    level: str | None
    choice: str | None
    note: str
    at: datetime
    staff_name: str | None

    def words(self, name: str) -> str:
        """Return who asked or said what."""
        who = self.staff_name or "Somebody"
        if self.kind == "withdraw":
            return f"{name} said that they do not need it any more"
        if self.source == Source.YOUNG_PERSON and self.choice is None:
            return f"{name} wrote in their own words"
        if self.source == Source.YOUNG_PERSON:
            return f"{name} asked for a check-in: “{choice_words(self.choice or '')}”"
        level = level_words(self.level or "").lower()
        if self.source == Source.CARER:
            return f"A carer is worried ({level}); {who} wrote it down"
        return f"{who} is worried ({level})"
