"""Being away, in rows and words: covers, what is handed over, and what became of a request. Pure.

Until somebody accepted a cover, alerts stay with whoever is away, and both of them read that.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum
from typing import Annotated, Final

from pydantic import BaseModel, Field

from portal.words import counted, day_words, zone_of


class CoverAnswer(StrEnum):
    """What became of what somebody asked about a cover; the words of the database's functions."""

    ARRANGED = "arranged"
    ACCEPTED = "accepted"
    ENDED = "ended"
    RECEIVER_CANNOT = "receiver_cannot"
    RECEIVER_IS_AWAY = "receiver_is_away"
    ARRANGED_ALREADY = "arranged_already"
    DAYS_DO_NOT_FIT = "days_do_not_fit"
    NOTHING_WAITS = "nothing_waits"

    @property
    def is_done(self) -> bool:
        """Return whether it was done."""
        return self in (CoverAnswer.ARRANGED, CoverAnswer.ACCEPTED, CoverAnswer.ENDED)


ANSWER_WORDS: Final = {
    CoverAnswer.RECEIVER_CANNOT: "That colleague cannot cover. Choose somebody else.",
    CoverAnswer.RECEIVER_IS_AWAY: "That colleague is away then too. Choose somebody else.",
    CoverAnswer.ARRANGED_ALREADY: "You arranged cover for some of these days already. Cancel that first, or choose other days.",  # noqa: E501 -- a sentence
    CoverAnswer.DAYS_DO_NOT_FIT: "The last day is before the first one, over already, or more than three months later. Correct the days.",  # noqa: E501 -- a sentence
    CoverAnswer.NOTHING_WAITS: "That was answered or cancelled meanwhile. This is how it is now.",
}


@dataclass(frozen=True, slots=True)
class CoverRow:
    """A cover as the database has it."""

    cover_id: int
    away_staff_id: int
    cover_staff_id: int
    valid_from: datetime
    valid_until: datetime
    accepted_at: datetime | None
    ended_at: datetime | None
    giver_name: str
    receiver_name: str

    def days(self, timezone: str) -> str:
        """Return its days in words."""
        zone = zone_of(timezone)
        first = self.valid_from.astimezone(zone).date()
        last = (self.valid_until - timedelta(microseconds=1)).astimezone(zone).date()
        if first == last:
            return day_words(first)
        return f"{day_words(first)} to {day_words(last)}"

    def giver_words(self, now: datetime) -> str:
        """Return how it stands, for the one who is away."""
        if self.ended_at is not None:
            return f"{self.receiver_name} cannot cover. Alerts stay with you. Ask somebody else."
        if self.accepted_at is None:
            return f"Waiting for {self.receiver_name} to accept. Until then alerts stay with you."
        if self.valid_from <= now:
            return f"{self.receiver_name} covers for you now."
        return f"{self.receiver_name} accepted. Alerts go there from the first day on."

    def receiver_words(self, now: datetime) -> str:
        """Return how it stands, for the one who covers."""
        if self.accepted_at is None:
            return (
                f"{self.giver_name} asks you. Until you accept, alerts stay with {self.giver_name}."
            )
        if self.valid_from <= now:
            return f"You cover for {self.giver_name} now. Their alerts come to you."
        return f"You accepted. The alerts of {self.giver_name} come to you from the first day on."


@dataclass(frozen=True, slots=True)
class Colleague:
    """Somebody who could cover."""

    staff_id: int
    name: str
    is_own_team: bool


@dataclass(frozen=True, slots=True)
class InHandRow:
    """An alert that somebody is on, or that is offered to them."""

    alert_id: int
    public_id: str
    person_id: int
    level: str
    raised_at: datetime
    snoozed_until: datetime | None
    offered_to: int | None
    accepted_by: int
    name: str
    receiver_name: str | None
    is_waiting: bool

    @property
    def words(self) -> str:
        """Return how it stands, for its owner."""
        if self.is_waiting:
            return "Sent, being saved."
        if self.receiver_name is not None:
            return f"Offered to {self.receiver_name}. It stays with you until they take it."
        return "Put off." if self.snoozed_until is not None else "You are on it."


def handing_over_words(rows: list[InHandRow]) -> str:
    """Return what somebody would hand over.

    Example:
        >>> handing_over_words([])
        'You have no alert in hand.'
    """
    put_off = sum(row.snoozed_until is not None for row in rows)
    in_hand = len(rows) - put_off
    if not rows:
        return "You have no alert in hand."
    parts = [counted(in_hand, "open alert")] if in_hand else []
    parts += [f"{put_off} put off"] if put_off else []
    return f"You are handing over {' and '.join(parts)}."


class AwayForm(BaseModel):
    """When somebody is away, and who is to cover; kept as typed."""

    first_day: str = ""
    last_day: str = ""
    receiver: Annotated[int, Field(ge=0, le=2**31 - 1)] = 0

    def errors(self) -> dict[str, str]:
        """Return what is wrong with it, by field."""
        found = {}
        if _day(self.first_day) is None:
            found["first_day"] = "Enter the first day you are away"
        if self.last_day and _day(self.last_day) is None:
            found["last_day"] = "Enter the last day, or leave it empty if it is one day"
        if not self.receiver:
            found["receiver"] = "Choose who is asked to cover"
        return found

    def span(self, timezone: str) -> tuple[datetime, datetime]:
        """Return from when until when, whole days of a time zone."""
        first = _day(self.first_day)
        last = _day(self.last_day) or first
        if first is None or last is None:
            raise AssertionError("a form with errors has no days")
        zone = zone_of(timezone)
        ends = last + timedelta(days=1)
        # Never a day that the calendar does not have.
        midnights = (datetime.combine(day, time(), zone).astimezone(UTC) for day in (first, ends))
        begin, end = midnights
        return begin, end


def _day(text: str) -> date | None:
    try:
        day = date.fromisoformat(text)
    except ValueError:
        return None
    return day if 2000 <= day.year <= 2100 else None
