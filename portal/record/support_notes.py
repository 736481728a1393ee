"""Three columns about a person: worried about, working well, needs to happen, and 0 to 10.

Promises: each version is kept, the newest holds; a form that says what stands already writes
nothing. The number is said by whoever writes it and is never reckoned with.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from portal.context import first_row, rows
from portal.record.forms import COLUMNS, ColumnsForm
from portal.words import moment_words
from tidewell.database import Connection, Queries

VERSIONS_SHOWN_MOST: Final = 20
"""Half a year of weekly notes; older ones stand in the timeline."""

_QUERIES: Final = Queries("portal.record", "record.sql")


@dataclass(frozen=True, slots=True)
class SupportNote:
    """One version of the three columns."""

    support_note_id: int
    worried: str
    working_well: str
    needs: str
    scale: int | None
    written_at: datetime
    staff_id: int
    staff_name: str

    @property
    def parts(self) -> list[tuple[str, str]]:
        """Return what was written, each with its heading; an empty column is left out."""
        said = [(words, getattr(self, field)) for field, words in COLUMNS.items()]
        scale = "" if self.scale is None else f"{self.scale} of 10"
        return [(words, text) for words, text in [*said, ("How things are", scale)] if text]

    def by_words(self, zone: str, now: datetime) -> str:
        """Return who wrote it and when."""
        return f"{self.staff_name}, {moment_words(self.written_at, zone, now)}"

    def as_form(self) -> ColumnsForm:
        """Return a form that begins with what stands; the number is asked for afresh."""
        return ColumnsForm(worried=self.worried, working_well=self.working_well, needs=self.needs)

    def says(self, form: ColumnsForm) -> bool:
        """Return whether a form adds nothing to it."""
        same = (form.worried, form.working_well, form.needs) == (
            self.worried,
            self.working_well,
            self.needs,
        )
        return same and form.number in (None, self.scale)


@dataclass(frozen=True, slots=True)
class Writer:
    """Who writes about whom, and when."""

    person_id: int
    staff_id: int
    now: datetime


async def read_versions(
    connection: Connection, person_id: int, staff_id: int, now: datetime
) -> list[SupportNote]:
    """Return the versions, the newest first, for somebody who may see the person."""
    values = {
        "person_id": person_id,
        "staff_id": staff_id,
        "now": now,
        "limit": VERSIONS_SHOWN_MOST,
    }
    return await rows(connection, SupportNote, _QUERIES["support_notes"], values)


async def keep_columns(
    connection: Connection, writer: Writer, form: ColumnsForm, alert_id: int | None = None
) -> None:
    """Write the three columns down, if they say anything that does not stand already."""
    if form.is_empty:
        return
    who = {"person_id": writer.person_id, "staff_id": writer.staff_id, "now": writer.now}
    newest = await first_row(
        connection, SupportNote, _QUERIES["support_notes"], {**who, "limit": 1}
    )
    if newest is not None and newest.says(form):
        return
    values = {
        **who,
        "alert_id": alert_id,
        "worried": form.worried,
        "working_well": form.working_well,
        "needs": form.needs,
        "scale": form.number,
    }
    await connection.execute(_QUERIES["add_support_note"], values)
