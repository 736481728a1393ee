"""Who has to agree, whether they did, and when to ask again. Pure.

Three things are kept apart: the lawful basis, which is the organisation's; the agreement to take
part, which is the young person's and, where they cannot decide alone, a parent's; and with whom
they share. Competence counts, not age alone: below 16 a parent is asked besides, unless somebody
judged that the young person can decide; in Scotland that is presumed from 12 on. Everybody is
asked again at 12 (Scotland) or 13, at 16 and at 18, and when the text changes.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from typing import Final

SCOTLAND: Final = "scotland"
ASK_AGAIN_AT: Final = (13, 16, 18)
ASK_AGAIN_AT_IN_SCOTLAND: Final = (12, 16, 18)
DECIDES_FROM: Final = 16
DECIDES_FROM_IN_SCOTLAND: Final = 12


class AgreementStanding(StrEnum):
    """How it stands with the agreement of a young person."""

    AGREED = "agreed"
    NO_TEXT = "no_text"
    NOBODY_ASKED = "nobody_asked"
    PARENT_NOT_ASKED = "parent_not_asked"
    DECLINED = "declined"
    PARENT_DECLINED = "parent_declined"
    AGE_UNKNOWN = "age_unknown"
    NEW_TEXT = "new_text"
    NEW_AGE = "new_age"
    JUDGEMENT_DUE = "judgement_due"

    @property
    def holds(self) -> bool:
        """Return whether there is an agreement, even where it is time to ask again."""
        return self in _HOLD

    @property
    def says_no(self) -> bool:
        """Return whether somebody who decides said no."""
        return self in (AgreementStanding.DECLINED, AgreementStanding.PARENT_DECLINED)


_HOLD: Final = frozenset(
    {
        AgreementStanding.AGREED,
        AgreementStanding.NEW_TEXT,
        AgreementStanding.NEW_AGE,
        AgreementStanding.JUDGEMENT_DUE,
    }
)

STANDING_WORDS: Final = {
    AgreementStanding.AGREED: "Agreed",
    AgreementStanding.NO_TEXT: "There is no text yet to agree to. Write it on the page Agreements",
    AgreementStanding.NOBODY_ASKED: "Nobody has agreed. Ask the young person",
    AgreementStanding.PARENT_NOT_ASKED: "A parent has to agree too. Ask them, or write down who can decide",  # noqa: E501 -- a sentence
    AgreementStanding.DECLINED: "The young person said no",
    AgreementStanding.PARENT_DECLINED: "A parent said no",
    AgreementStanding.AGE_UNKNOWN: "The month of birth is missing, so nobody can say who has to agree. Add it",  # noqa: E501 -- a sentence
    AgreementStanding.NEW_TEXT: "Agreed to an earlier text. Ask again",
    AgreementStanding.NEW_AGE: "Agreed when younger. Ask again",
    AgreementStanding.JUDGEMENT_DUE: "Agreed. It is time to look again at who can decide",
}


@dataclass(frozen=True, slots=True)
class Said:
    """What somebody said last."""

    decision: str
    decided_on: date
    version: int

    @property
    def is_yes(self) -> bool:
        """Return whether they agreed."""
        return self.decision == "agreed"


@dataclass(frozen=True, slots=True)
class AgreementFacts:
    """What the standing follows from."""

    birth_month: date | None
    nation: str
    version: int | None
    young_person: Said | None
    parent: Said | None
    can_decide: bool | None
    review_on: date | None


def age_on(birth_month: date, day: date) -> int:
    """Return the age, counted from the first day of the month of birth.

    Example:
        >>> age_on(date(2010, 6, 1), date(2026, 5, 31)), age_on(date(2010, 6, 1), date(2026, 6, 1))
        (15, 16)
    """
    before = (day.month, day.day) < (birth_month.month, birth_month.day)
    return day.year - birth_month.year - before


def reading_level_of(age: int) -> str:
    """Return how texts are written for an age."""
    return "8-11" if age < 12 else "12-15" if age < 16 else "16-18"


def needs_parent(facts: AgreementFacts, today: date) -> bool:
    """Return whether a parent has to agree besides the young person."""
    if facts.can_decide is not None:
        return not facts.can_decide
    if facts.birth_month is None:
        return True
    from_age = DECIDES_FROM_IN_SCOTLAND if facts.nation == SCOTLAND else DECIDES_FROM
    return age_on(facts.birth_month, today) < from_age


def standing_of(facts: AgreementFacts, today: date) -> AgreementStanding:
    """Return how it stands; what keeps us from collecting goes before what is due."""
    return _what_is_missing(facts, today) or _what_is_due(facts, today)


def _what_is_missing(facts: AgreementFacts, today: date) -> AgreementStanding | None:
    if facts.young_person is not None and not facts.young_person.is_yes:
        return AgreementStanding.DECLINED
    with_parent = needs_parent(facts, today)
    if with_parent and facts.parent is not None and not facts.parent.is_yes:
        return AgreementStanding.PARENT_DECLINED
    if facts.version is None:
        return AgreementStanding.NO_TEXT
    if facts.young_person is None:
        return AgreementStanding.NOBODY_ASKED
    if facts.birth_month is None:
        return AgreementStanding.AGE_UNKNOWN
    if with_parent and facts.parent is None:
        return AgreementStanding.PARENT_NOT_ASKED
    return None


def _what_is_due(facts: AgreementFacts, today: date) -> AgreementStanding:
    asked = [facts.young_person, facts.parent if needs_parent(facts, today) else None]
    said = [one for one in asked if one is not None]
    if any(one.version < (facts.version or 0) for one in said):
        return AgreementStanding.NEW_TEXT
    if facts.birth_month is not None and any(
        _grew_past(facts, facts.birth_month, one.decided_on, today) for one in said
    ):
        return AgreementStanding.NEW_AGE
    if facts.review_on is not None and facts.review_on <= today:
        return AgreementStanding.JUDGEMENT_DUE
    return AgreementStanding.AGREED


def _grew_past(facts: AgreementFacts, birth_month: date, since: date, today: date) -> bool:
    ages = ASK_AGAIN_AT_IN_SCOTLAND if facts.nation == SCOTLAND else ASK_AGAIN_AT
    then, now = age_on(birth_month, since), age_on(birth_month, today)
    return any(then < age <= now for age in ages)
