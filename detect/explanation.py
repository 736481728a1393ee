"""The shape of an explanation, and how sure a finding is in three steps of words.

Every key is always there, so that no reader has to guess; `docs/operations.md` describes them.

How sure a finding is:

- a weak sign: fewer than two measures moved, or less than a third of those that could be compared,
  or fewer than three of the last seven days have data, or the device was worn for less than eight
  hours on the deciding day, or what is usual is still being learned;
- a strong sign: at least three measures moved and at least two thirds of those compared, at least
  five of seven days have data, and the device was worn for at least sixteen hours;
- a clear sign: everything between. What is not known never makes a sign strong.

A number would look more exact than this is: the steps say how many measures agree and how much of
the days the device saw, and nothing about how likely any cause would be.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

from tidewell.vocabulary import Family, Level

COVERAGE_DAYS: Final = 7
"""A week: long enough to see whether a device is worn, short enough to be about now."""
MANY_REASONS: Final = "Lots of things can do that."
"""Said to the young person with every change of theirs: nobody knows the cause from numbers."""

WEAK_BELOW_MEASURES: Final = 2
WEAK_BELOW_SHARE: Final = 1 / 3
WEAK_BELOW_DAYS: Final = 3
WEAK_BELOW_WORN_MINUTES: Final = 8 * 60
"""A day with less than eight hours on the body says nothing about steps."""
STRONG_FROM_MEASURES: Final = 3
STRONG_FROM_SHARE: Final = 2 / 3
STRONG_FROM_DAYS: Final = 5
STRONG_FROM_WORN_MINUTES: Final = 16 * 60
"""Two thirds of a day, nights included: the daily numbers then rest on most of the day."""

assert WEAK_BELOW_MEASURES < STRONG_FROM_MEASURES
assert WEAK_BELOW_SHARE < STRONG_FROM_SHARE
assert WEAK_BELOW_DAYS < STRONG_FROM_DAYS <= COVERAGE_DAYS
assert WEAK_BELOW_WORN_MINUTES < STRONG_FROM_WORN_MINUTES


class Certainty(StrEnum):
    """How much supports a finding, in words; a number would look more exact than it is."""

    WEAK = "a weak sign"
    CLEAR = "a clear sign"
    STRONG = "a strong sign"


@dataclass(frozen=True, slots=True)
class Agreement:
    """How many of the measures that could be compared moved the way the family watches for."""

    moved: int
    present: int

    def words(self) -> str:
        """Return it as people read it, such as "3 of 5 measures moved"."""
        if not self.present:
            return "no measure could be compared"
        return f"{self.moved} of {self.present} measure{'s' * (self.present != 1)} moved"


def how_sure(
    agreement: Agreement,
    days_with_data: int | None,
    worn_minutes: int | None,
    *,
    learning: bool,
) -> Certainty:
    """Return how much supports a finding; the rule stands at the top."""
    share = agreement.moved / max(agreement.present, 1)
    if (
        learning
        or agreement.moved < WEAK_BELOW_MEASURES
        or share < WEAK_BELOW_SHARE
        or (days_with_data is not None and days_with_data < WEAK_BELOW_DAYS)
        or (worn_minutes is not None and worn_minutes < WEAK_BELOW_WORN_MINUTES)
    ):
        return Certainty.WEAK
    if (
        agreement.moved >= STRONG_FROM_MEASURES
        and share >= STRONG_FROM_SHARE
        and (days_with_data or 0) >= STRONG_FROM_DAYS
        and (worn_minutes or 0) >= STRONG_FROM_WORN_MINUTES
    ):
        return Certainty.STRONG
    return Certainty.CLEAR


def explanation(
    family: Family,
    since: str,
    sentence: str,
    young_person: str,
    clears_when: str,
    version: str | None,
    *,
    day: str | None = None,
    level: Level | None = None,
    contributions: Sequence[dict[str, Any]] = (),
    coverage: dict[str, Any] | None = None,
    agreement: str | None = None,
    certainty: Certainty | None = None,
    remarks: Sequence[str] = (),
    limit: dict[str, Any] | None = None,
) -> dict[str, Any]:
    """Return an explanation; every key is always there."""
    seen: dict[str, Any] = {
        "worn_minutes": None,
        "days_with_data": None,
        "of_days": COVERAGE_DAYS,
        "missing": [],
    }
    seen |= coverage or {}
    return {
        "family": family.value,
        "level": level.value if level else None,
        "since": since,
        "day": day,
        "sentence": sentence,
        "young_person": young_person,
        "contributions": list(contributions),
        "coverage": seen,
        "worn_minutes": seen["worn_minutes"],
        "missing": seen["missing"],
        "agreement": agreement,
        "certainty": certainty.value if certainty else None,
        "remarks": list(remarks),
        "limit": limit,
        "clears_when": clears_when,
        "version": version,
    }
