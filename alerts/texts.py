"""What leaves the building: a short text that names nobody and says nothing about health.

It may light up on a phone that lies on a table. So it is one of a few fixed sentences with a link
in it; everything else is behind the sign-in. Never add a name, a cause or a time, and no number but
that of the people in a bundle.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from tidewell.vocabulary import Level

if TYPE_CHECKING:
    import random

PUBLIC_ID_ALPHABET: Final = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
"""Without I, L, O and U, so that a code can be read aloud over the telephone."""

PUBLIC_ID_LENGTH: Final = 10
"""Fifty bits: two alerts in a million million million share a code, and nobody guesses one."""

LINK_BASE_CHARACTERS_MOST: Final = 100
"""Leaves the whole text within the 160 characters of one short message."""

_SENTENCES: Final = {
    Level.CHECK_NOW: "Wellbeing: 1 person to check now. Open: {link}",
    Level.CHECK_TODAY: "Wellbeing: 1 person to check today. Open: {link}",
    Level.FOR_REVIEW: "Wellbeing: 1 person for review. Open: {link}",
}


def text_for(level: Level, link: str) -> str:
    """Return the text that tells somebody of an alert.

    Example:
        >>> text_for(Level.CHECK_TODAY, "https://pages.example/a/7K2Q")
        'Wellbeing: 1 person to check today. Open: https://pages.example/a/7K2Q'
    """
    return _SENTENCES[level].format(link=link)


def bundle_text(people: int, link: str) -> str:
    """Return the text that tells somebody of several people at once.

    Example:
        >>> bundle_text(4, "https://pages.example/alerts")
        'Wellbeing: 4 people to check. Open: https://pages.example/alerts'
    """
    who = "1 person" if people == 1 else f"{people} people"
    return f"Wellbeing: {who} to check. Open: {link}"


def link_to_list(link_base: str) -> str:
    """Return the address of the list of alerts."""
    return f"{link_base.rstrip('/')}/alerts"


def link_to(link_base: str, public_id: str) -> str:
    """Return the address of an alert's page."""
    return f"{link_base.rstrip('/')}/a/{public_id}"


def new_public_id(rng: random.Random) -> str:
    """Return the code that names an alert outside the building."""
    return "".join(rng.choices(PUBLIC_ID_ALPHABET, k=PUBLIC_ID_LENGTH))


def anybodys_text(text: str, level: Level, link: str) -> str:
    """Return a text if it is one of the fixed sentences with this link, else one that says less.

    Where we cannot know who reads along, nothing else gets through, and nothing gets lost.

    Example:
        >>> anybodys_text("Robin is ill", Level.FOR_REVIEW, "https://pages.example/a/7K2Q")
        'Wellbeing: please look. Open: https://pages.example/a/7K2Q'
    """
    people = text.removeprefix("Wellbeing: ").partition(" ")[0]
    is_number = people.isascii() and people.isdigit()
    fixed = {text_for(level, link), trial_text(link)}
    if is_number:
        fixed.add(bundle_text(int(people), link))
    return text if text in fixed else f"Wellbeing: please look. Open: {link}"


def trial_text(link: str) -> str:
    """Return the text by which somebody tries whether messages reach them."""
    return f"Wellbeing: this is a test, nothing to do. Open: {link}"
