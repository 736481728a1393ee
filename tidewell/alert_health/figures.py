"""Alert health: how often an alert was right, how many a person causes, what is noise. Pure.

An alert was right where somebody found support needed, or a change that they knew of already; it
was wrong where all was fine or the data was. Whoever could not be reached says nothing about it. A
share is given with its interval, or not at all: few answers prove nothing either way. Nothing here
is about one person, and a team with few people is not told apart.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from tidewell.evaluation.metrics import wilson

JUDGED_LEAST: Final = 20
"""Below this the interval is wider than anything that could be decided on it."""
PEOPLE_LEAST: Final = 5
"""A figure about fewer people could be one about somebody."""
NOISY_BELOW: Final = 0.5
"""A rule is noisy when even the high end of its interval says that most were wrong."""
DAYS_A_MONTH: Final = 30.0


class RuleVerdict(StrEnum):
    """What is said of a rule."""

    NOT_ENOUGH_YET = "not_enough_yet"
    NOISY = "noisy"
    USEFUL = "useful"


@dataclass(frozen=True, slots=True)
class GroupRow:
    """Alerts of one kind, as the database counts them; times in seconds, median and 90 %."""

    kind: str
    name: str
    alerts: int
    closed: int
    out_of_hours: int
    held: int
    escalated: int
    unanswered: int
    right_ones: int
    wrong_ones: int
    not_reached: int
    accept_s: list[float] | None
    close_s: list[float] | None


@dataclass(frozen=True, slots=True)
class PeopleRow:
    """How many people a team had, and for how many days; of all teams together once."""

    team: str | None
    is_all: bool
    people: int
    person_days: float


@dataclass(frozen=True, slots=True)
class UnreachedRow:
    """Somebody who was asked and whom no message reached."""

    name: str
    alerts: int
    has_no_address: bool


@dataclass(frozen=True, slots=True)
class Precision:
    """How many of those that somebody judged were right, with the 95 % interval (Wilson)."""

    right: int
    judged: int
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Group:
    """A kind of alerts with what follows from its counts; `None` where nothing can be said."""

    counts: GroupRow
    precision: Precision | None
    per_person_month: float | None
    verdict: RuleVerdict


@dataclass(frozen=True, slots=True)
class Health:
    """Everything about a time."""

    days: int
    people: int
    total: Group
    levels: tuple[Group, ...]
    rules: tuple[Group, ...]
    teams: tuple[Group, ...]
    unreached: tuple[UnreachedRow, ...]

    @property
    def noisy(self) -> tuple[Group, ...]:
        """Return the rules that are mostly wrong."""
        return tuple(one for one in self.rules if one.verdict is RuleVerdict.NOISY)


def precision_of(right: int, wrong: int) -> Precision | None:
    """Return how often an alert was right, or `None` where too few were judged.

    Example:
        >>> precision_of(12, 8)
        Precision(right=12, judged=20, low=0.387, high=0.781)
        >>> precision_of(12, 7) is None
        True
    """
    judged = right + wrong
    if judged < JUDGED_LEAST:
        return None
    low, high = wilson(right, judged)
    return Precision(right, judged, round(low, 3), round(high, 3))


def verdict_of(precision: Precision | None) -> RuleVerdict:
    """Say what is known of a rule."""
    if precision is None:
        return RuleVerdict.NOT_ENOUGH_YET
    return RuleVerdict.NOISY if precision.high < NOISY_BELOW else RuleVerdict.USEFUL


def per_person_month(alerts: int, people: int, person_days: float) -> float | None:
    """Return how many alerts a person causes in thirty days, of enough people."""
    if people < PEOPLE_LEAST or person_days <= 0:
        return None
    return round(alerts / person_days * DAYS_A_MONTH, 2)


def health_of(
    days: int,
    groups: Sequence[GroupRow],
    people: Sequence[PeopleRow],
    unreached: Sequence[UnreachedRow],
) -> Health:
    """Put the rows of the database together."""
    everybody = next((one for one in people if one.is_all), PeopleRow(None, True, 0, 0.0))
    by_team = {one.team: one for one in people if not one.is_all and one.team is not None}
    known = [_group(row, by_team.get(row.name, everybody), everybody) for row in groups]
    nothing = GroupRow("all", "", 0, 0, 0, 0, 0, 0, 0, 0, 0, None, None)
    total = [one for one in known if one.counts.kind == "all"] or [
        _group(nothing, everybody, everybody)
    ]
    return Health(
        days,
        everybody.people,
        total[0],
        tuple(one for one in known if one.counts.kind == "level"),
        tuple(one for one in known if one.counts.kind == "rule"),
        tuple(one for one in known if one.counts.kind == "team" and _is_shown(one, by_team)),
        tuple(unreached),
    )


def _group(row: GroupRow, team: PeopleRow, everybody: PeopleRow) -> Group:
    about = team if row.kind == "team" else everybody
    precision = precision_of(row.right_ones, row.wrong_ones)
    rate = per_person_month(row.alerts, about.people, about.person_days)
    return Group(row, precision, rate, verdict_of(precision))


def _is_shown(team: Group, by_team: dict[str, PeopleRow]) -> bool:
    known = by_team.get(team.counts.name)
    return known is not None and known.people >= PEOPLE_LEAST
