"""Rows and forms about the young people who are enrolled. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date, datetime
from typing import Final
from zoneinfo import available_timezones

from portal.admin.agreements import AgreementStanding, age_on, reading_level_of
from portal.admin.forms import Errors, Form, Short, day_of, month_of, number_of

LABEL: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9 ._-]{0,62}")
READING_LEVELS: Final = ("8-11", "12-15", "16-18")
YOUNGEST: Final = 5
OLDEST: Final = 25
"""Services go up to 18, or 25 where somebody leaves care; beyond is a slip of the hand."""

MONTH_WRONG: Final = "Enter the month and the year of birth, like 4 and 2012"


class EnrolForm(Form):
    """What an administrator enters to enrol a young person."""

    label: Short = ""
    name: Short = ""
    birth_month: Short = ""
    birth_year: Short = ""
    timezone: Short = "Europe/London"
    reading_level: Short = ""
    key_worker: Short = ""

    @property
    def born(self) -> date | None:
        """Return the first day of the month of birth."""
        return month_of(self.birth_month, self.birth_year)

    @property
    def key_worker_id(self) -> int:
        """Return the number of the key worker who was chosen."""
        return number_of(self.key_worker)

    def level_on(self, day: date) -> str:
        """Return how texts are written: as chosen, or else by the age."""
        if self.reading_level in READING_LEVELS or self.born is None:
            return self.reading_level
        return reading_level_of(age_on(self.born, day))

    def errors(self, today: date) -> Errors:
        """Return what has to be corrected, by field."""
        found: Errors = {}
        if not LABEL.fullmatch(self.label):
            found["label"] = "Enter a code that is not a name: letters, digits, spaces or . _ -"
        if not self.name:
            found["name"] = "Enter what they like to be called"
        if problem := birth_problem(self.born, today):
            found["birth_month"] = problem
        if self.timezone not in available_timezones():
            found["timezone"] = "Enter a time zone like Europe/London"
        if self.reading_level and self.reading_level not in READING_LEVELS:
            found["reading_level"] = "Choose one of the levels"
        if not self.key_worker_id:
            found["key_worker"] = "Choose a key worker: without one nobody is told"
        return found


class BirthForm(Form):
    """A month of birth that was missing or wrong."""

    birth_month: Short = ""
    birth_year: Short = ""

    @property
    def born(self) -> date | None:
        """Return the first day of the month of birth."""
        return month_of(self.birth_month, self.birth_year)


def birth_problem(born: date | None, today: date) -> str | None:
    """Return what is wrong with a month of birth, or None."""
    if born is None:
        return MONTH_WRONG
    if not YOUNGEST <= age_on(born, today) <= OLDEST:
        return f"Check the year: this is not a young person of {YOUNGEST} to {OLDEST} years"
    return None


class AssignForm(Form):
    """Who is to work with a young person, and in which days."""

    staff: Short = ""
    first_day: Short = ""
    last_day: Short = ""

    @property
    def staff_id(self) -> int:
        """Return the number of the colleague who was chosen."""
        return number_of(self.staff)

    def problem(self, today: date) -> str | None:
        """Return what is wrong, or None."""
        if not self.staff_id:
            return "Choose somebody"
        first = day_of(self.first_day) if self.first_day else today
        last = day_of(self.last_day) if self.last_day else None
        if first is None or (self.last_day and last is None):
            return "Enter days like 2026-12-21, or leave them empty"
        if first < today:
            return "The first day is over; enter today or a later day"
        if last is not None and last < first:
            return "The last day is before the first one; correct the days"
        return None


@dataclass(frozen=True, slots=True)
class PersonLine:
    """A young person in the list, by their label."""

    person_id: int
    label: str
    key_worker: str | None
    device: str | None
    heard_at: datetime | None


@dataclass(frozen=True, slots=True)
class PersonFacts:
    """A young person on their own page."""

    person_id: int
    label: str
    timezone: str
    reading_level: str
    created_at: datetime
    name: str
    birth_month: date | None

    @property
    def born_words(self) -> str:
        """Return the month of birth in words."""
        return "not written down" if self.birth_month is None else f"{self.birth_month:%B %Y}"


@dataclass(frozen=True, slots=True)
class DeviceLine:
    """A device that a young person wears or wore."""

    device_id: int
    name: str
    model: str
    revoked_at: datetime | None
    valid_from: datetime
    valid_until: datetime | None
    set_at: datetime | None
    heard_at: datetime | None
    code_until: datetime | None

    @property
    def is_worn(self) -> bool:
        """Return whether it is the one that they wear."""
        return self.revoked_at is None and self.valid_until is None


@dataclass(frozen=True, slots=True)
class AssignmentLine:
    """Somebody who works with a young person."""

    assignment_id: int
    staff_id: int
    name: str
    kind: str
    valid_from: datetime
    valid_until: datetime | None
    has_left: bool

    @property
    def kind_words(self) -> str:
        """Return as what they work with the young person."""
        return "Key worker" if self.kind == "key_worker" else "Clinician"


@dataclass(frozen=True, slots=True)
class ColleagueLine:
    """Somebody who can be assigned."""

    staff_id: int
    name: str
    role: str
    team: str | None

    @property
    def words(self) -> str:
        """Return their name with their team."""
        return f"{self.name} ({self.team})" if self.team else self.name


def may_have_a_device(standing: AgreementStanding, rule: str) -> bool:
    """Return whether a device may be paired, by what the site decided about missing agreements."""
    if standing.says_no:
        return False
    return rule == "tell" or standing.holds
