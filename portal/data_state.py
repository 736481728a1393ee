"""Whether we have data about somebody, and if not, why not: silence is never shown as wellness.

Pure. There is no member that says that a person is fine, because no device can know that.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import StrEnum
from typing import Final

from portal.explanation import read_explanation
from portal.no_data import because_words
from portal.words import (
    counted,
    day_words,
    family_words,
    listed,
    local_day,
    minutes_words,
    moment_words,
)

HARDLY_WORN_MINUTES: Final = 4 * 60
"""A day of which the device saw less than four hours says nothing about the person."""

DAY_OVERDUE_DAYS: Final = 2
"""A day closes in the night after it; the day before yesterday must be there."""


class DataState(StrEnum):
    """What we can say about the data of a person."""

    PAUSED = "paused"
    NEVER = "never"
    SILENT = "silent"
    NO_RECENT_DAY = "no_recent_day"
    HARDLY_WORN = "hardly_worn"
    LEARNING = "learning"
    CHANGED = "changed"
    NO_CHANGE_NOTICED = "no_change_noticed"


@dataclass(frozen=True, slots=True)
class DataFacts:
    """What is known about the data of a person."""

    name: str
    timezone: str
    paused_from: datetime | None
    paused_until: datetime | None
    heard_at: datetime | None
    last_day: date | None
    last_worn_minutes: float | None
    usual_is_known: bool
    open_families: tuple[str, ...] = ()
    off_noticed_at: datetime | None = None
    """When the device was noticed to be off the body, where that asks for nothing."""
    off_explanation: object = None
    no_data_reason: str | None = None
    """Why nothing comes now, as ingest classified it; None where it did not have to."""
    battery_percent: int | None = None


def data_state(facts: DataFacts, now: datetime, silence_after: timedelta) -> DataState:
    """Say how it stands with the data of a person; the first reason that holds is the one shown."""
    if facts.paused_from is not None:
        return DataState.PAUSED
    if facts.heard_at is None:
        return DataState.NEVER
    if now - facts.heard_at > silence_after:
        return DataState.SILENT
    if facts.last_day is None:
        return DataState.LEARNING
    if (local_day(now, facts.timezone) - facts.last_day).days > DAY_OVERDUE_DAYS:
        return DataState.NO_RECENT_DAY
    if (facts.last_worn_minutes or 0.0) < HARDLY_WORN_MINUTES:
        return DataState.HARDLY_WORN
    if facts.open_families:
        return DataState.CHANGED
    return DataState.NO_CHANGE_NOTICED if facts.usual_is_known else DataState.LEARNING


NO_DATA_STATES: Final = frozenset(
    {
        DataState.PAUSED,
        DataState.NEVER,
        DataState.SILENT,
        DataState.NO_RECENT_DAY,
        DataState.HARDLY_WORN,
    }
)
"""In these we would not notice a change; the people in them come before the quiet ones."""


def data_state_words(facts: DataFacts, state: DataState, now: datetime) -> str:
    """Return one sentence about the data of a person."""
    today = local_day(now, facts.timezone)
    day = day_words(facts.last_day, today) if facts.last_day else ""
    if state is DataState.PAUSED:
        return _paused_words(facts, now)
    if state is DataState.NEVER:
        why = because_words(facts.no_data_reason, facts.battery_percent)
        return f"No data yet{why or ': the device has not sent anything'}."
    if state is DataState.SILENT and facts.heard_at is not None:
        why = because_words(facts.no_data_reason, facts.battery_percent)
        return f"No data since {moment_words(facts.heard_at, facts.timezone, now)}{why}."
    if state is DataState.NO_RECENT_DAY:
        return f"The last day that we have is {day}."
    if state is DataState.HARDLY_WORN:
        return f"Hardly worn on {day}: {minutes_words(facts.last_worn_minutes or 0.0)}."
    if state is DataState.LEARNING:
        return f"Still learning what is usual for {facts.name}."
    if state is DataState.CHANGED:
        families = listed([family_words(family).lower() for family in facts.open_families])
        return f"Something has changed: {families}."
    return f"No change noticed up to {day}."


NOT_HEARD_STATES: Final = frozenset({DataState.PAUSED, DataState.NEVER, DataState.SILENT})
"""In these nobody knows where the device is now."""


def not_worn_words(facts: DataFacts, state: DataState, now: datetime) -> str:
    """Say that the device is off the body, as a fact: it is no alert, and it says nothing good."""
    if facts.off_noticed_at is None or state in NOT_HEARD_STATES:
        return ""
    since = read_explanation(facts.off_explanation).since
    if not isinstance(since, datetime) or since.tzinfo is None:
        since = facts.off_noticed_at
    return f"Not worn since {moment_words(since, facts.timezone, now)}."


def _paused_words(facts: DataFacts, now: datetime) -> str:
    if facts.paused_until is None:
        return f"Paused by {facts.name}, until they say."
    return f"Paused by {facts.name}, until {_ahead(facts.paused_until, facts.timezone, now)}."


def _ahead(moment: datetime, zone: str, now: datetime) -> str:
    """Return a moment to come."""
    day, today = local_day(moment, zone), local_day(now, zone)
    if day == today + timedelta(days=1):
        return "tomorrow at " + moment_words(moment, zone, moment).removeprefix("today at ")
    return moment_words(moment, zone, now)


def worn_words(minutes: float | None) -> str:
    """Return how long the device was worn on a day."""
    return "not known" if minutes is None else minutes_words(minutes)


def gap_words(days: int) -> str:
    """Return how many days of a window have no value."""
    return counted(days, "day")
