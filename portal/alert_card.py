"""The first screen of an alert, in words: what changed, how sure it is, what is known. Pure.

One sentence says what moved most against what is usual for this person, and since when; everything
else that the detector wrote stands under "Why am I seeing this?". Nothing is said twice, and a
measure that is missing is never said as fine.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from portal.alert_rows import AlertRow, OpenAlertRow
from portal.context_notes import NoteRow, Reader
from portal.explanation import NO_SENTENCE, Contribution, Explanation
from portal.words import day_words, moment_words, short_day_words
from tidewell.vocabulary import Family

MINUTES_A_DAY: Final = 1_440
BATTERY_LOW_PERCENT: Final = 20
"""From here on a device may be flat by the evening."""
NOTES_SAID_MOST: Final = 2
"""Two lines of context fit beside the buttons; the page of notes has them all."""


@dataclass(frozen=True, slots=True)
class Battery:
    """What the device in use said last about its battery."""

    battery_percent: int
    told_at: datetime

    @property
    def words(self) -> str:
        """Return how it stands with the battery, with the number only where it matters."""
        if self.battery_percent <= BATTERY_LOW_PERCENT:
            return f"battery low ({self.battery_percent} %)"
        return "battery fine"


@dataclass(frozen=True, slots=True)
class CardWords:
    """What the first screen says."""

    sentence: str
    certainty: str
    quality: str
    context: tuple[str, ...]


def card_words(
    alert: AlertRow, notes: Sequence[NoteRow], battery: Battery | None, now: datetime
) -> CardWords:
    """Return the words of an alert's first screen."""
    told = alert.told
    return CardWords(
        sentence=card_sentence(alert),
        certainty=told.certainty_said(),
        quality=_quality(told, battery, now, alert.timezone),
        context=tuple(_context(told, notes)),
    )


def card_sentence(alert: AlertRow | OpenAlertRow) -> str:
    """Return in one sentence what changed against what is usual, and since when, once."""
    told = alert.told
    since = day_words(alert.first_day)
    if told.contributions:
        leading = max(told.contributions, key=lambda one: one.share)
        more = _more(len(told.contributions) - 1)
        return f"{alert.cause_words}, since {since}: {_moved(leading, alert)}{more}."
    if told.sentence == NO_SENTENCE:
        return f"Something has changed since {since}."
    return told.sentence


def _moved(one: Contribution, alert: AlertRow | OpenAlertRow) -> str:
    label = f"{one.label[:1].lower()}{one.label[1:]}"
    usual = "weeks before" if alert.cause == Family.DRIFT else f"usual for {alert.name}"
    return f"{label} {one.value_said()}, {usual} {one.usual_said()}"


def _more(count: int) -> str:
    if not count:
        return ""
    return f"; {count} more measure{'s' if count > 1 else ''} moved with it"


def _quality(told: Explanation, battery: Battery | None, now: datetime, zone: str) -> str:
    """Return on which data this rests: agreement, wear, battery, and the day that it is about."""
    parts = [told.agreement] if told.agreement else []
    worn = told.worn_on_the_day
    if worn is not None:
        parts.append(f"worn {min(round(worn / MINUTES_A_DAY * 100), 100)} % of the day")
    if battery is not None:
        parts.append(_battery(battery, now, zone))
    if told.day is not None:
        parts.append(f"as of {short_day_words(told.day)}")
    return " · ".join(parts)


def _battery(battery: Battery, now: datetime, zone: str) -> str:
    """Return the state of the battery; an old word about it says how old it is."""
    if (now - battery.told_at).days < 1:
        return battery.words
    return f"{battery.words} {moment_words(battery.told_at, zone, now)}"


def _context(told: Explanation, notes: Sequence[NoteRow]) -> list[str]:
    """Return what people wrote about these days, or else what the detector knew of it."""
    if not notes:
        return told.remarks_about_notes
    said = [_note(one) for one in notes[:NOTES_SAID_MOST]]
    more = len(notes) - len(said)
    return [*said, f"{more} more on the page of notes."] if more else said


def _note(note: NoteRow) -> str:
    by = "their own note" if note.staff_id is None else f"note by {note.staff_name or 'staff'}"
    days = short_day_words(note.first_day)
    if note.last_day != note.first_day:
        days += f" to {short_day_words(note.last_day)}"
    return f"{note.kind_words(Reader.STAFF)}, {days} ({by})."
