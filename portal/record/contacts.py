"""Contacts in the database: kept, counted, and the newest one found.

What somebody did is written once, also when a button was tapped twice.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from portal.context import first_row
from portal.people import PersonRow
from portal.record.forms import ContactForm
from portal.record.timeline import LastContact
from tidewell.database import Connection, Queries

CONTACTS_A_DAY_MOST: Final = 50
"""More than anybody has with one person in a day; a stuck button or a script ends here."""
SAME_WITHIN: Final = timedelta(minutes=1)
"""The same once more within a minute is the same tap."""
LAST_CONTACT_WITHIN: Final = timedelta(days=28)
"""What is usual rests on about a month; an older contact says little about now."""

_DAY: Final = timedelta(days=1)
_QUERIES: Final = Queries("portal.record", "record.sql")


@dataclass(frozen=True, slots=True)
class _NumberRow:
    number: int


async def last_contact(
    connection: Connection, person_id: int, staff_id: int, now: datetime
) -> LastContact | None:
    """Return the newest contact of the last weeks, for somebody who may see the person."""
    values = {
        "person_id": person_id,
        "staff_id": staff_id,
        "now": now,
        "since": now - LAST_CONTACT_WITHIN,
    }
    return await first_row(connection, LastContact, _QUERIES["last_contact"], values)


async def has_enough(connection: Connection, person_id: int, staff_id: int, now: datetime) -> bool:
    """Return whether somebody wrote down as many contacts as a day can have."""
    values = {"person_id": person_id, "staff_id": staff_id, "since": now - _DAY}
    found = await first_row(connection, _NumberRow, _QUERIES["contacts_written_since"], values)
    return found is not None and found.number >= CONTACTS_A_DAY_MOST


async def keep_contact(
    connection: Connection, person: PersonRow, staff_id: int, form: ContactForm, now: datetime
) -> None:
    """Write a contact down."""
    moment = form.moment(now, person.timezone)
    values = {
        "person_id": person.person_id,
        "staff_id": staff_id,
        "kind": form.kind,
        "at": moment.at,
        "is_whole_day": moment.is_whole_day,
        "note": form.note,
        "same_since": now - SAME_WITHIN,
        "now": now,
    }
    await connection.execute(_QUERIES["add_contact"], values)
