"""The people of a member of staff: read from the database, and every look written down.

A look is recorded in the same transaction that reads: what cannot be recorded is not shown.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import StrEnum
from typing import Final

from aiohttp import web

from portal.context import rows
from portal.data_state import (
    NO_DATA_STATES,
    DataFacts,
    DataState,
    data_state,
    data_state_words,
    not_worn_words,
)
from portal.security import Refusal, not_found
from portal.words import day_words
from tidewell.database import Connection, Queries

PEOPLE_MAX: Final = 500
"""Ten times a large caseload; a longer list would not be a list of somebody's people."""

LIST_LOOK_EVERY: Final = timedelta(hours=1)
"""A list refreshes itself; one record an hour says that somebody had it open, without noise."""

_QUERIES: Final = Queries("portal", "people.sql")


class LookedAt(StrEnum):
    """What a member of staff looked at or did; the young person can read it."""

    LIST = "list"
    ALERT = "alert"
    TRENDS = "trends"
    NOTES = "notes"
    ASKED = "asked"
    DETAIL = "detail"
    DOWNLOADED = "downloaded"
    CHECK_INS = "check_ins"
    REQUESTS = "requests"
    RECORD = "record"
    ENROLMENT = "enrolment"
    DOWNLOAD = "download"
    CHANGED = "changed"
    CHANGED_WORKERS = "changed_workers"
    CHANGED_AGREEMENT = "changed_agreement"
    OPENED = "opened"
    FINISHED = "finished"
    REVIEWED = "reviewed"
    REASON_READ = "reason_read"


class OpenBecause(StrEnum):
    """Why a person's pages open to a member of staff."""

    ASSIGNED = "assigned"
    COVERING = "covering"
    OPENED = "opened"


_BECAUSE_WORDS: Final = {
    OpenBecause.ASSIGNED: "",
    OpenBecause.COVERING: "You cover for their worker.",
    OpenBecause.OPENED: "You opened their pages in need.",
}


@dataclass(frozen=True, slots=True)
class PersonRow:
    """A person of a member of staff, as the database has them."""

    person_id: int
    timezone: str
    name: str
    paused_from: datetime | None
    paused_until: datetime | None
    heard_at: datetime | None
    last_day: date | None
    last_worn_minutes: float | None
    usual_is_known: bool
    open_alerts: int
    open_families: list[str]
    off_noticed_at: datetime | None
    off_explanation: object
    no_data_reason: str | None
    battery_percent: int | None
    because: str = OpenBecause.ASSIGNED

    @property
    def because_words(self) -> str:
        """Return why somebody who is not assigned sees the person; empty for who is."""
        return _BECAUSE_WORDS[OpenBecause(self.because)]

    @property
    def facts(self) -> DataFacts:
        """Return what decides how it stands with the data."""
        return DataFacts(
            name=self.name,
            timezone=self.timezone,
            paused_from=self.paused_from,
            paused_until=self.paused_until,
            heard_at=self.heard_at,
            last_day=self.last_day,
            last_worn_minutes=self.last_worn_minutes,
            usual_is_known=self.usual_is_known,
            open_families=tuple(self.open_families),
            off_noticed_at=self.off_noticed_at,
            off_explanation=self.off_explanation,
            no_data_reason=self.no_data_reason,
            battery_percent=self.battery_percent,
        )


@dataclass(frozen=True, slots=True)
class PersonCard:
    """A person with how it stands with their data, in words."""

    person: PersonRow
    state: DataState
    sentence: str
    not_worn: str = ""
    """That the device is off the body now, as a plain fact; empty where it is not known to be."""

    @property
    def data_sentence(self) -> str:
        """Return how it stands with the data alone, beside what has changed."""
        if self.state is DataState.CHANGED and self.person.last_day is not None:
            return f"The last full day is {day_words(self.person.last_day)}."
        return self.sentence

    @property
    def has_no_data(self) -> bool:
        """Return whether we would not notice a change."""
        return self.state in NO_DATA_STATES


async def people_of_staff(
    connection: Connection, staff_id: int, now: datetime, person_id: int | None = None
) -> list[PersonRow]:
    """Return the people whose pages open to a member of staff now, or only the one asked for."""
    values = {"staff_id": staff_id, "now": now, "person_id": person_id, "limit": PEOPLE_MAX}
    return await rows(connection, PersonRow, _QUERIES["people_of_staff"], values)


def person_card(person: PersonRow, now: datetime, silence_after: timedelta) -> PersonCard:
    """Return a person with how it stands with their data."""
    state = data_state(person.facts, now, silence_after)
    sentence = data_state_words(person.facts, state, now)
    return PersonCard(person, state, sentence, not_worn_words(person.facts, state, now))


async def find_person(
    connection: Connection, request: web.Request, staff_id: int, now: datetime
) -> PersonRow:
    """Return the person in the address, to somebody to whom their pages open now.

    Raises:
        HTTPNotFound: there is no such person, or they are not theirs to see.
    """
    person_id = int(request.match_info["person_id"])
    found = await people_of_staff(connection, staff_id, now, person_id)
    if not found:
        raise not_found(request, Refusal.NOT_ASSIGNED)
    return found[0]


async def log_look(
    connection: Connection,
    staff_id: int | None,
    person_id: int,
    looked_at: LookedAt,
    now: datetime,
) -> None:
    """Write down that somebody looked at a person; no staff means the young person themselves."""
    values = {"staff_id": staff_id, "person_id": person_id, "looked_at": looked_at, "now": now}
    await connection.execute(_QUERIES["log_look"], values)


async def log_looks(
    connection: Connection,
    staff_id: int,
    person_ids: list[int],
    looked_at: LookedAt,
    now: datetime,
) -> None:
    """Write down that somebody looked at each of these people."""
    values = {"staff_id": staff_id, "person_ids": person_ids, "looked_at": looked_at, "now": now}
    await connection.execute(_QUERIES["log_looks"], values)


async def log_list_look(
    connection: Connection, staff_id: int, person_ids: list[int], now: datetime
) -> None:
    """Write down that somebody had these people in their list, once an hour for each."""
    values = {
        "staff_id": staff_id,
        "person_ids": person_ids,
        "looked_at": LookedAt.LIST,
        "now": now,
        "since": now - LIST_LOOK_EVERY,
    }
    await connection.execute(_QUERIES["log_list_look"], values)
