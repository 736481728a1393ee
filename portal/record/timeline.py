"""Everything that happened around a person, in one line of time: newest day first. Pure.

Nothing here is typed for it: what was done with alerts, what was asked or noted, contacts, pauses
and times without data are read from where they were written. Each line says who wrote it. A
correction stands under the line that it puts right; neither replaces the other.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import Enum
from itertools import groupby
from typing import Final

from portal.alert_rows import ConcernRow
from portal.alert_story import StoryRow, story_lines
from portal.alert_words import cause_words
from portal.context_notes import NoteRow, Reader
from portal.no_data import NoDataKind, kind_of, past_words
from portal.record.support_notes import SupportNote
from portal.words import clock_words, day_words, level_words, local_day, minutes_words, moment_words

LASTED_AT_LEAST: Final = timedelta(minutes=30)
"""A shorter time without data is no event in anybody's week."""


class Theme(Enum):
    """What a line is about; the page can show one theme alone."""

    ALERTS = "alerts"
    CONTACTS = "contacts"
    NOTES = "notes"
    GAPS = "gaps"

    @property
    def words(self) -> str:
        """Return the theme as people read it."""
        return _THEME_WORDS[self]


_THEME_WORDS: Final = {
    Theme.ALERTS: "Alerts",
    Theme.CONTACTS: "Contacts",
    Theme.NOTES: "Notes",
    Theme.GAPS: "Pauses and no data",
}

_CONTACT_WORDS: Final = {
    "spoke": "{who} spoke to {name}",
    "tried": "{who} tried to reach {name}",
    "visited": "{who} visited {name}",
    "support_needed": "{who} checked in with {name}: support needed",
    "all_fine": "{who} checked in with {name}: all fine",
    "could_not_reach": "{who} could not reach {name}",
}
REACHED: Final = frozenset({"spoke", "visited", "support_needed", "all_fine"})
"""After these somebody has been in touch; an attempt is none."""


@dataclass(frozen=True, slots=True)
class ContactRow:
    """A contact or a correction, as the database has it."""

    contact_id: int
    kind: str
    at: datetime
    is_whole_day: bool
    note: str
    corrects: int | None
    corrects_alert: str | None
    written_at: datetime
    staff_name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertEventRow(StoryRow):
    """Something that was done with an alert, as the database has it."""

    public_id: str
    cause: str
    level: str
    note: str


@dataclass(frozen=True, slots=True)
class GapRow:
    """A pause, or a time without data."""

    starts_at: datetime
    ends_at: datetime | None
    kind: str


@dataclass(frozen=True, slots=True)
class LastContact:
    """The newest time that somebody reached them or tried."""

    kind: str
    at: datetime
    is_whole_day: bool
    staff_name: str

    @property
    def has_reached(self) -> bool:
        """Return whether they were in touch."""
        return self.kind in REACHED

    def words(self, name: str, zone: str, now: datetime) -> str:
        """Return it in a sentence."""
        when = (
            day_words(local_day(self.at, zone), local_day(now, zone))
            if self.is_whole_day
            else moment_words(self.at, zone, now)
        )
        return f"{contact_words(self.kind, self.staff_name, name)}, {when}."


@dataclass(frozen=True, slots=True)
class Correction:
    """What somebody put right, under what it is about."""

    words: str
    note: str


@dataclass(frozen=True, slots=True)
class Line:
    """One thing that happened."""

    at: datetime
    time: str
    theme: Theme
    words: str
    note: str = ""
    by: str = ""
    public_id: str = ""
    parts: tuple[tuple[str, str], ...] = ()
    corrections: tuple[Correction, ...] = ()
    correct: str = ""
    """What the address of the page for a correction says, where there is something to correct."""


@dataclass(frozen=True, slots=True)
class Day:
    """The lines of one day, the newest first."""

    day: date
    lines: tuple[Line, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Happened:
    """Everything that a timeline is made from."""

    events: Sequence[AlertEventRow] = ()
    concerns: Sequence[ConcernRow] = ()
    notes: Sequence[NoteRow] = ()
    contacts: Sequence[ContactRow] = ()
    columns: Sequence[SupportNote] = ()
    gaps: Sequence[GapRow] = ()


def timeline(
    happened: Happened, name: str, zone: str, now: datetime, only: Theme | None
) -> list[Day]:
    """Return the days on which something happened, the newest first."""
    corrections = [one for one in happened.contacts if one.kind == "correction"]
    lines = [
        *_alert_lines(happened.events, corrections, zone, now),
        *(_concern_line(one, name, zone) for one in happened.concerns),
        *(_note_line(one, name, zone) for one in happened.notes),
        *_contact_lines(happened.contacts, corrections, name, zone, now),
        *(_columns_line(one, zone) for one in happened.columns),
        *_gap_lines(happened.gaps, name, zone, now),
    ]
    shown = [one for one in lines if only is None or one.theme is only]
    shown.sort(key=lambda line: line.at, reverse=True)
    by_day = groupby(shown, key=lambda line: local_day(line.at, zone))
    return [Day(day, tuple(of_day)) for day, of_day in by_day]


def contact_words(kind: str, who: str, name: str) -> str:
    """Return what somebody did; a kind that these pages do not know is still shown."""
    template = _CONTACT_WORDS.get(kind, "{who} was in touch about {name}")
    return template.format(who=who, name=name)


def _alert_lines(
    events: Sequence[AlertEventRow], corrections: Sequence[ContactRow], zone: str, now: datetime
) -> Iterable[Line]:
    by_alert: dict[str, list[AlertEventRow]] = {}
    for event in sorted(events, key=lambda one: one.at):
        by_alert.setdefault(event.public_id, []).append(event)
    for public_id, of_alert in by_alert.items():
        put_right = [one for one in corrections if one.corrects_alert == public_id]
        for event, line in zip(of_alert, story_lines(of_alert, zone), strict=True):
            is_end = event.kind == "closed"
            yield Line(
                at=event.at,
                time=clock_words(event.at, zone),
                theme=Theme.ALERTS,
                words=f"{_about(event)}: {line.words[:1].lower()}{line.words[1:]}"
                if event.staff_name is None
                else f"{_about(event)}: {line.words}",
                note=event.note,
                by=event.staff_name or "",
                public_id=public_id,
                corrections=_put_right(put_right, zone, now) if is_end else (),
                correct=f"alert={public_id}" if is_end and event.note else "",
            )


def _about(event: AlertEventRow) -> str:
    about = cause_words(event.cause)
    return f"{about} ({level_words(event.level).lower()})" if event.kind == "created" else about


def _concern_line(one: ConcernRow, name: str, zone: str) -> Line:
    return Line(
        at=one.at,
        time=clock_words(one.at, zone),
        theme=Theme.ALERTS,
        words=one.words(name),
        note=one.note,
        by=one.staff_name or name,
    )


def _note_line(one: NoteRow, name: str, zone: str) -> Line:
    return Line(
        at=one.created_at,
        time=clock_words(one.created_at, zone),
        theme=Theme.NOTES,
        words=f"Note about {one.days_words}: {one.kind_words(Reader.STAFF).lower()}",
        note=one.own_words,
        by=one.staff_name or name,
    )


def _contact_lines(
    contacts: Sequence[ContactRow],
    corrections: Sequence[ContactRow],
    name: str,
    zone: str,
    now: datetime,
) -> Iterable[Line]:
    for one in contacts:
        if one.kind == "correction":
            continue
        put_right = [other for other in corrections if other.corrects == one.contact_id]
        late = f", written {moment_words(one.written_at, zone, now)}" if one.is_whole_day else ""
        yield Line(
            at=one.at,
            time="" if one.is_whole_day else clock_words(one.at, zone),
            theme=Theme.CONTACTS,
            words=contact_words(one.kind, one.staff_name, name),
            note=one.note,
            by=f"{one.staff_name}{late}" if one.note or late else "",
            corrections=_put_right(put_right, zone, now),
            correct=f"contact={one.contact_id}",
        )


def _put_right(
    corrections: Sequence[ContactRow], zone: str, now: datetime
) -> tuple[Correction, ...]:
    oldest_first = sorted(corrections, key=lambda one: one.contact_id)
    return tuple(
        Correction(
            f"Put right by {one.staff_name}, {moment_words(one.written_at, zone, now)}", one.note
        )
        for one in oldest_first
    )


def _columns_line(one: SupportNote, zone: str) -> Line:
    return Line(
        at=one.written_at,
        time=clock_words(one.written_at, zone),
        theme=Theme.NOTES,
        words="How things are, in three columns",
        by=one.staff_name,
        parts=tuple(one.parts),
    )


def _gap_lines(gaps: Sequence[GapRow], name: str, zone: str, now: datetime) -> Iterable[Line]:
    for one in gaps:
        ends_at = one.ends_at if one.ends_at is not None and one.ends_at <= now else None
        if (ends_at or now) - one.starts_at < LASTED_AT_LEAST:
            continue
        is_pause = kind_of(one.kind) is NoDataKind.PAUSED
        words = f"Paused by {name}" if is_pause else f"No data: {past_words(one.kind)}"
        yield Line(
            at=one.starts_at,
            time=clock_words(one.starts_at, zone),
            theme=Theme.GAPS,
            words=f"{words}, {_lasted(one.starts_at, ends_at)}",
        )


def _lasted(starts_at: datetime, ends_at: datetime | None) -> str:
    if ends_at is None:
        return "and still so"
    return f"for {minutes_words((ends_at - starts_at).total_seconds() / 60)}"
