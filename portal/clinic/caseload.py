"""A clinician's people, a row each: what has changed, what is open, and what there is to see. Pure.

Promises: who needs a look comes first, then who cannot be seen; nobody is ever called well.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Final

from portal.alert_words import level_shape
from portal.explanation import first_changed_day, read_explanation
from portal.people import PersonCard
from portal.words import counted, day_words, family_words, level_words, minutes_words
from tidewell.vocabulary import Level

LATELY_DAYS: Final = 7
"""A week holds school days and a weekend."""


@dataclass(frozen=True, slots=True)
class WeekRow:
    """The last week of a person, and their open alerts, as the database has them."""

    person_id: int
    label: str
    days_worn: int
    worn_minutes: float | None
    alert_levels: list[str]


@dataclass(frozen=True, slots=True)
class ChangeRow:
    """Something that is different for a person now."""

    person_id: int
    family: str
    opened_at: datetime
    level: str
    explanation: object


@dataclass(frozen=True, slots=True)
class Change:
    """Something that is different, in words."""

    name: str
    since: date
    sentence: str


@dataclass(frozen=True, slots=True)
class CaseRow:
    """One person of the caseload."""

    card: PersonCard
    week: WeekRow
    changes: tuple[Change, ...]

    @property
    def highest(self) -> Level | None:
        """Return the most urgent level of the open alerts."""
        known = [Level(one) for one in self.week.alert_levels if one in list(Level)]
        return max(known, key=lambda level: level.rank, default=None)

    @property
    def alerts_words(self) -> str:
        """Return the open alerts: how many, and how urgent the most urgent is."""
        if not self.week.alert_levels or self.highest is None:
            return "none open"
        words = f"{level_shape(self.highest)} {level_words(self.highest)}"
        more = len(self.week.alert_levels) - 1
        return f"{words}, and {more} more" if more else words

    @property
    def worn_words(self) -> str:
        """Return on how many days of the last week the device saw enough, and for how long."""
        days = f"{self.week.days_worn} of {counted(LATELY_DAYS, 'day')}"
        if self.week.worn_minutes is None:
            return days
        return f"{days}, {minutes_words(self.week.worn_minutes)} a day"

    @property
    def nothing_words(self) -> str:
        """Return what stands where no change is known."""
        if self.card.has_no_data:
            return "cannot say"
        return "cannot say yet" if self.card.state == "learning" else "nothing noticed"

    @property
    def need(self) -> tuple[int, bool, bool, str]:
        """Return what puts whoever needs a look first."""
        rank = self.highest.rank if self.highest else 0
        return (-rank, not self.changes, not self.card.has_no_data, self.card.person.name)


def case_rows(
    cards: Sequence[PersonCard],
    weeks: Mapping[int, WeekRow],
    changes: Sequence[ChangeRow],
) -> list[CaseRow]:
    """Return the rows in the order of need."""
    by_person: dict[int, list[Change]] = {}
    zones = {card.person.person_id: card.person.timezone for card in cards}
    for row in changes:
        if row.person_id in zones:
            by_person.setdefault(row.person_id, []).append(_change(row, zones[row.person_id]))
    found = [
        CaseRow(
            card,
            weeks[card.person.person_id],
            tuple(by_person.get(card.person.person_id, ())),
        )
        for card in cards
        if card.person.person_id in weeks
    ]
    return sorted(found, key=lambda row: row.need)


def _change(row: ChangeRow, zone: str) -> Change:
    return Change(
        family_words(row.family),
        first_changed_day(row.explanation, row.opened_at, zone),
        read_explanation(row.explanation).sentence,
    )


def change_line(change: Change) -> str:
    """Return a change as a file has it."""
    return f"{change.name} since {day_words(change.since)}: {change.sentence}"
