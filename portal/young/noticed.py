"""What was noticed, in the words of the young person whom it is about. Pure.

Made from what the detector measured and not from the sentence for practitioners: no number, no
cause, no more than two things at a time. What cannot be told from its measures is told in the
detector's own words for young people.
"""

from __future__ import annotations

from datetime import date
from typing import Final

from portal.explanation import Contribution, Explanation
from portal.my_week import change_words
from portal.words import day_words, listed
from portal.young.texts import say
from tidewell.vocabulary import FEATURE_NAMES, Family

MOST_PARTS: Final = 2
"""What changed most is read; a longer list would look like an accusation."""
_LEAST_SHARE: Final = 0.15
"""As for practitioners: what adds less to a change is left out."""


def noticed_words(explanation: Explanation, since: date, level: str) -> str:
    """Return what was noticed since a day, at a reading level."""
    if not explanation.young_person or explanation.family == Family.DEVICE:
        return explanation.young_person
    changes = [
        change_words(one.feature, level, is_more=one.value > one.centre)
        for one in _largest(explanation.contributions)
    ]
    if not changes:
        return explanation.young_person
    key = "week.noticed_slowly" if explanation.family == Family.DRIFT else "week.noticed"
    return say(key, level, day=day_words(since), change=listed(changes))


def _largest(contributions: tuple[Contribution, ...]) -> list[Contribution]:
    told = [
        one
        for one in contributions
        if one.feature in FEATURE_NAMES and one.share >= _LEAST_SHARE and one.value != one.centre
    ]
    return sorted(told, key=lambda one: -one.share)[:MOST_PARTS]
