"""A caseload by need: who has a change worth a look, who is without data, who is quiet. Pure.

Promises: somebody of whom nothing comes is never among the quiet ones, and no place in the list
says that a person is well. Whoever has an open alert stands above, with the alert.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass

from portal.data_state import DataState
from portal.people import PersonCard


@dataclass(frozen=True, slots=True)
class Need:
    """People whose need is alike, under one heading."""

    name: str
    heading: str
    words: str
    cards: tuple[PersonCard, ...]


def by_need(cards: Sequence[PersonCard]) -> list[Need]:
    """Return the people without an open alert, those who need somebody most first."""
    others = [card for card in cards if not card.person.open_alerts]
    changed = tuple(card for card in others if card.state is DataState.CHANGED)
    missing = tuple(card for card in others if card.has_no_data)
    quiet = tuple(
        card for card in others if not card.has_no_data and card.state is not DataState.CHANGED
    )
    needs = (
        Need("changed", "Changes worth a look", "No alert is open about these.", changed),
        Need(
            "no-data", "No data lately", "For these people we would not notice a change.", missing
        ),
        Need("quiet", "Quiet", "No open alert. That does not say that they are well.", quiet),
    )
    return [need for need in needs if need.cards]


def is_called(name: str, sought: str) -> bool:
    """Return whether a name has what was typed in it, whatever the case and the accents.

    Example:
        >>> is_called("Zoë", "zoe"), is_called("Sam", "")
        (True, True)
    """
    return _plain(sought) in _plain(name)


def _plain(text: str) -> str:
    parts = unicodedata.normalize("NFKD", text)
    return "".join(one for one in parts if not unicodedata.combining(one)).casefold()
