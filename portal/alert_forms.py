"""The forms of an alert's page: what somebody asks, checked before it is written down.

Each carries the level that was on the page (`level`), because an answer counts for what was seen
and not for what it became since.
"""

from __future__ import annotations

from datetime import datetime, time, timedelta
from enum import StrEnum
from typing import Annotated, Final

from pydantic import BaseModel, Field, StringConstraints

from portal.alert_words import Outcome, SnoozeReason
from portal.record.forms import ColumnsForm
from portal.words import zone_of
from tidewell.vocabulary import Level

NOTE_CHARACTERS_MAX: Final = 500
"""Enough for what the next colleague needs; the record of the visit belongs elsewhere."""

MORNING: Final = time(9)
END_OF_SCHOOL: Final = time(16)


class SnoozeUntil(StrEnum):
    """Until when somebody can put an alert off on the page."""

    ONE_HOUR = "one_hour"
    END_OF_SCHOOL = "end_of_school"
    TOMORROW_MORNING = "tomorrow_morning"
    IN_A_WEEK = "in_a_week"

    @property
    def words(self) -> str:
        """Return the choice as people read it."""
        return _UNTIL_WORDS[self]


_UNTIL_WORDS: Final[dict[SnoozeUntil, str]] = {
    SnoozeUntil.ONE_HOUR: "For one hour",
    SnoozeUntil.END_OF_SCHOOL: "Until 4 pm",
    SnoozeUntil.TOMORROW_MORNING: "Until 9 tomorrow morning",
    SnoozeUntil.IN_A_WEEK: "For a week",
}

_SHORT: Final = (SnoozeUntil.ONE_HOUR,)
_DAY: Final = (*_SHORT, SnoozeUntil.END_OF_SCHOOL, SnoozeUntil.TOMORROW_MORNING)
_CHOICES: Final[dict[str, tuple[SnoozeUntil, ...]]] = {
    Level.CHECK_NOW: _SHORT,
    Level.CHECK_TODAY: _DAY,
    Level.FOR_REVIEW: (*_DAY, SnoozeUntil.IN_A_WEEK),
}


def snooze_choices(level: str, now: datetime, timezone: str) -> list[SnoozeUntil]:
    """Return until when an alert of a level can be put off now; the more urgent, the shorter."""
    choices = _CHOICES.get(level, _SHORT)
    return [one for one in choices if now < snooze_end(one, now, timezone)]


def snooze_end(until: SnoozeUntil, now: datetime, timezone: str) -> datetime:
    """Return the end of a snooze, by the clock where the person lives."""
    local = now.astimezone(zone_of(timezone))
    if until is SnoozeUntil.ONE_HOUR:
        return now + timedelta(hours=1)
    if until is SnoozeUntil.IN_A_WEEK:
        return now + timedelta(days=7)
    if until is SnoozeUntil.END_OF_SCHOOL:
        return datetime.combine(local.date(), END_OF_SCHOOL, local.tzinfo)
    # Never longer than a day, also in the small hours when "tomorrow" is more than one away.
    day = local.date() + timedelta(days=1 if local.time() >= MORNING else 0)
    return datetime.combine(day, MORNING, local.tzinfo)


class AlertForm(BaseModel):
    """What every form of the page says: the level that was seen, where it says one."""

    level: str = ""

    @property
    def seen_level(self) -> str | None:
        """Return the level that was on the page."""
        asking = (Level.FOR_REVIEW, Level.CHECK_TODAY, Level.CHECK_NOW)
        return self.level if self.level in asking else None


class CloseForm(AlertForm, ColumnsForm):
    """How somebody closes an alert; kept as typed, so that a mistake does not cost the note."""

    outcome: str = ""
    note: Annotated[str, StringConstraints(strip_whitespace=True)] = ""

    def errors(self) -> dict[str, str]:
        """Return what is wrong with it, by field."""
        found: dict[str, str] = {}
        if self.outcome not in list(Outcome):
            found["outcome"] = "Choose what you found"
        if len(self.note) > NOTE_CHARACTERS_MAX:
            found["note"] = f"Shorten the note to {NOTE_CHARACTERS_MAX} characters"
        return found | self.column_errors()

    def begun_with(self, columns: ColumnsForm) -> CloseForm:
        """Return it with the three columns that stand already, so that nobody types them again."""
        return self.model_copy(update=columns.model_dump())


class HandOverForm(AlertForm):
    """To whom somebody passes an alert on."""

    to: Annotated[int, Field(ge=1, le=2**31 - 1)]


class SnoozeForm(AlertForm):
    """Why somebody puts an alert off, and until when."""

    reason: SnoozeReason
    until: SnoozeUntil
