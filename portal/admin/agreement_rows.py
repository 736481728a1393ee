"""Agreements as the database has them, the forms that record them, and their words. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Final

from portal.admin.agreements import (
    AgreementFacts,
    AgreementStanding,
    Said,
    standing_of,
)
from portal.admin.forms import Errors, Form, Long, Short, day_of, number_of

SAID_BY_WORDS: Final = {"young_person": "The young person", "parent": "A parent"}
DECISION_WORDS: Final = {
    "agreed": "agreed",
    "declined": "said no",
    "withdrawn": "took it back",
}
SHARE_WORDS: Final = {"clinician": "a clinician", "parent": "a parent", "school": "their school"}
OUTCOME_WORDS: Final = {
    "can_decide": "They can decide for themselves",
    "needs_parent": "A parent has to agree too",
}
BASIS_WORDS: Final = {
    "public_task": "Public task",
    "legal_obligation": "Legal obligation",
    "vital_interests": "Vital interests",
    "legitimate_interests": "Legitimate interests",
    "consent": "Consent",
}
NATION_WORDS: Final = {
    "england": "England",
    "wales": "Wales",
    "northern_ireland": "Northern Ireland",
    "scotland": "Scotland",
}
REVIEW_MOST: Final = timedelta(days=3 * 366)
"""Who can decide changes as somebody grows up; three years are the most between two looks."""


@dataclass(frozen=True, slots=True)
class FactsRow:
    """What is known of one young person's agreement."""

    person_id: int
    label: str
    birth_month: date | None
    nation: str | None
    version: int | None
    young_decision: str | None
    young_on: date | None
    young_version: int | None
    parent_decision: str | None
    parent_on: date | None
    parent_version: int | None
    outcome: str | None
    review_on: date | None
    judged_on: date | None
    judge: str | None
    shares_with: list[str] | None
    wears_a_device: bool

    @property
    def facts(self) -> AgreementFacts:
        """Return what the standing follows from."""
        return AgreementFacts(
            self.birth_month,
            self.nation or "england",
            self.version,
            _said(self.young_decision, self.young_on, self.young_version),
            _said(self.parent_decision, self.parent_on, self.parent_version),
            None if self.outcome is None else self.outcome == "can_decide",
            self.review_on,
        )

    def standing(self, today: date) -> AgreementStanding:
        """Return how it stands."""
        return standing_of(self.facts, today)

    @property
    def sharing_words(self) -> str:
        """Return with whom they want to share, beside the key worker."""
        if self.shares_with is None:
            return "Not asked yet"
        chosen = [SHARE_WORDS[one] for one in SHARE_WORDS if one in self.shares_with]
        return f"With {', '.join(chosen)}" if chosen else "With their key worker only"


def due_of(everybody: Iterable[FactsRow], today: date) -> list[tuple[FactsRow, AgreementStanding]]:
    """Return who has to be asked and why: first those whose data comes without an agreement."""
    found = [(one, one.standing(today)) for one in everybody]
    due = [(one, how) for one, how in found if how is not AgreementStanding.AGREED]
    return sorted(due, key=lambda pair: (pair[1].holds, not pair[0].wears_a_device, pair[0].label))


def _said(decision: str | None, on: date | None, version: int | None) -> Said | None:
    if decision is None or on is None or version is None:
        return None
    return Said(decision, on, version)


@dataclass(frozen=True, slots=True)
class SaidRow:
    """One answer, as it was written down."""

    decided_on: date
    said_by: str
    decision: str
    version: int
    recorded_at: datetime
    recorded_by: str

    @property
    def words(self) -> str:
        """Return who said what to which text."""
        who, what = SAID_BY_WORDS[self.said_by], DECISION_WORDS[self.decision]
        return f"{who} {what} (text {self.version})"


@dataclass(frozen=True, slots=True)
class BasisRow:
    """The lawful basis that holds."""

    basis: str
    nation: str
    explanation: str
    review_on: date
    set_at: datetime
    set_by: str


@dataclass(frozen=True, slots=True)
class TextRow:
    """The text that holds."""

    version: int
    body: str
    set_at: datetime
    set_by: str


class SaidForm(Form):
    """What somebody said, and when."""

    said_by: Short = ""
    decision: Short = ""
    decided_on: Short = ""

    def problem(self, today: date) -> str | None:
        """Return what is wrong, or None."""
        if self.said_by not in SAID_BY_WORDS or self.decision not in DECISION_WORDS:
            return "Choose who said it and what they said"
        day = day_of(self.decided_on)
        if day is None or day > today:
            return "Enter the day on which they said it, like 2026-11-30, today or earlier"
        return None


class CompetenceForm(Form):
    """Who judged whether the young person can decide, and when to look again."""

    outcome: Short = ""
    judged_by: Short = ""
    judged_on: Short = ""
    review_on: Short = ""

    @property
    def judge_id(self) -> int:
        """Return the number of the one who judged."""
        return number_of(self.judged_by)

    def problem(self, today: date) -> str | None:
        """Return what is wrong, or None."""
        judged, review = day_of(self.judged_on), day_of(self.review_on)
        if self.outcome not in OUTCOME_WORDS or not self.judge_id:
            return "Choose what was judged and who judged it"
        if judged is None or judged > today:
            return "Enter the day of the judgement, today or earlier"
        if review is None or not today < review <= today + REVIEW_MOST:
            return "Enter a day to look again: after today, within three years"
        return None


class SharingForm(Form):
    """With whom the young person wants to share; a box that is not ticked is not sent."""

    clinician: Short = ""
    parent: Short = ""
    school: Short = ""

    @property
    def chosen(self) -> list[str]:
        """Return those who were ticked."""
        return [name for name in SHARE_WORDS if getattr(self, name)]


class BasisForm(Form):
    """The lawful basis of the organisation."""

    basis: Short = ""
    nation: Short = ""
    explanation: Long = ""
    review_on: Short = ""

    def errors(self, today: date) -> Errors:
        """Return what has to be corrected, by field."""
        found: Errors = {}
        review = day_of(self.review_on)
        if self.basis not in BASIS_WORDS:
            found["basis"] = "Choose the lawful basis"
        if self.nation not in NATION_WORDS:
            found["nation"] = "Choose where the service works"
        if not 1 <= len(self.explanation) <= 2_000:
            found["explanation"] = "Say why, in at most 2,000 characters"
        if review is None or review <= today:
            found["review_on"] = "Enter a day to come on which to look at it again"
        return found


class TextForm(Form):
    """The text to agree to."""

    body: Long = ""

    def errors(self, holds: TextRow | None) -> Errors:
        """Return what has to be corrected, by field."""
        if not self.body:
            return {"body": "Write what people are asked to agree to"}
        if holds is not None and holds.body == self.body.replace("\r\n", "\n"):
            return {"body": "This is the text that holds already; nothing has changed"}
        return {}
