"""The forms of the record: a contact, a correction, three columns. Pure.

They are kept as typed, so that a mistake does not cost what somebody wrote.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from enum import Enum
from typing import Annotated, Final

from pydantic import BaseModel, Field, StringConstraints

from portal.words import local_day, zone_of

NOTE_CHARACTERS_MOST: Final = 500
"""What a colleague needs to know of a contact; the long form belongs into the case file."""
COLUMN_CHARACTERS_MOST: Final = 300
"""A few lines for each column, as on the paper that it is taken from."""
DAYS_BACK_MOST: Final = 90
"""A contact of before belongs into the case file; nobody looks for it here."""
NOON: Final = time(12)

Text = Annotated[str, StringConstraints(strip_whitespace=True)]


class ContactKind(Enum):
    """What somebody did, in one tap."""

    SPOKE = "spoke"
    TRIED = "tried"
    VISITED = "visited"

    @property
    def button(self) -> str:
        """Return what stands on its button."""
        return _BUTTONS[self]


_BUTTONS: Final = {
    ContactKind.SPOKE: "I spoke to them",
    ContactKind.TRIED: "I tried to reach them",
    ContactKind.VISITED: "I visited them",
}


@dataclass(frozen=True, slots=True)
class Moment:
    """When a contact was; of an earlier day only the day is known."""

    at: datetime
    is_whole_day: bool


class ContactForm(BaseModel):
    """A contact as somebody wrote it down."""

    kind: str = ""
    day: str = ""
    note: Text = ""

    def errors(self, now: datetime, zone: str) -> dict[str, str]:
        """Return what is wrong with it, by field, in the order of the form."""
        found: dict[str, str] = {}
        if self.kind not in [kind.value for kind in ContactKind]:
            found["kind"] = "Choose what you did"
        if len(self.note) > NOTE_CHARACTERS_MOST:
            found["note"] = f"Shorten the note to {NOTE_CHARACTERS_MOST} characters"
        day, today = _day(self.day), local_day(now, zone)
        if self.day and day is None:
            found["day"] = "Enter the day, or leave it empty for now"
        elif day is not None and not 0 <= (today - day).days <= DAYS_BACK_MOST:
            found["day"] = f"The day can be today or up to {DAYS_BACK_MOST} days ago"
        return found

    def moment(self, now: datetime, zone: str) -> Moment:
        """Return when it was, of a form without errors."""
        day = _day(self.day)
        if day is None or day == local_day(now, zone):
            return Moment(now, is_whole_day=False)
        noon = datetime.combine(day, NOON, zone_of(zone)).astimezone(UTC)
        return Moment(noon, is_whole_day=True)


class CorrectionForm(BaseModel):
    """What puts an earlier line right; the line itself stays."""

    contact: Annotated[int, Field(ge=0, le=2**62)] = 0
    alert: Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{0,64}$")] = ""
    note: Text = ""

    def errors(self) -> dict[str, str]:
        """Return what is wrong with it, by field."""
        if not self.note:
            return {"note": "Write what is right"}
        if len(self.note) > NOTE_CHARACTERS_MOST:
            return {"note": f"Shorten it to {NOTE_CHARACTERS_MOST} characters"}
        return {}


class ColumnsForm(BaseModel):
    """The three columns and the number, each of which may stay empty."""

    worried: Text = ""
    working_well: Text = ""
    needs: Text = ""
    scale: Text = ""

    def column_errors(self) -> dict[str, str]:
        """Return what is wrong with the columns, by field."""
        found = {
            field: f"Shorten “{words}” to {COLUMN_CHARACTERS_MOST} characters"
            for field, words in COLUMNS.items()
            if len(getattr(self, field)) > COLUMN_CHARACTERS_MOST
        }
        if self.scale and self.scale not in SCALE:
            found["scale"] = "Choose a number from 0 to 10, or leave it open"
        return found

    def errors(self) -> dict[str, str]:
        """Return what is wrong with a page of its own, by field."""
        if self.is_empty:
            return {"worried": "Write something in one of the columns, or choose a number"}
        return self.column_errors()

    @property
    def number(self) -> int | None:
        """Return how things are, of a form without errors."""
        return int(self.scale) if self.scale else None

    @property
    def is_empty(self) -> bool:
        """Return whether there is nothing to keep."""
        return not (self.worried or self.working_well or self.needs or self.scale)


COLUMNS: Final = {
    "worried": "Worried about",
    "working_well": "Working well",
    "needs": "Needs to happen",
}
SCALE: Final = tuple(str(number) for number in range(11))


def earliest_day(now: datetime, zone: str) -> date:
    """Return the first day that a contact can be about."""
    return local_day(now, zone) - timedelta(days=DAYS_BACK_MOST)


def _day(text: str) -> date | None:
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None
