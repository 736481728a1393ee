"""Numbers of teams that give nobody away: small ones hidden, and others with them. Pure.

A number under five could be a person whom somebody knows. Hiding it is not enough where a sum
stands beside it, so other numbers are hidden too, after Repsilber's method of quadruples (or
hypercubes): with each small number three more that form a rectangle with it. Moving five people
around the rectangle changes no number that is shown, so what is shown fits a small number as well
as one that is not small.

Promises: no difference of numbers in a table says that a hidden one is under five (a test asks a
linear program). Nothing is summed over months, since two sums with one month between them would say
what that month had; a month is shown once it is over.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from typing import Final

import numpy as np
from numpy.typing import NDArray

from portal.words import zone_of

SMALL_BELOW: Final = 5
"""As the NHS and the Office for National Statistics do it: one to four are not shown."""
MOVED: Final = 5
"""As many people move around a rectangle as make any small number one that is not."""
MONTHS_SHOWN: Final = 12
GROUPS: Final = ("With an alert", "No alert, enough data", "No alert, too little data")
"""Each person of a month is in one of them, so that they add up and nobody is in two."""
_TOTAL_COSTS: Final = 4
"""A sum says more than a part: it is hidden where nothing else helps."""

Counts = NDArray[np.int64]
Hidden = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class TeamRow:
    """The numbers of a team, as the database has them."""

    team: str
    people: int
    with_alert: int
    little_data: int


@dataclass(frozen=True, slots=True)
class CountsLine:
    """A team, or all of them: numbers as they are shown."""

    name: str
    people: str
    groups: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Month:
    """A calendar month that is over."""

    year: int
    month: int

    @property
    def first_day(self) -> date:
        """Return its first day."""
        return date(self.year, self.month, 1)

    @property
    def after(self) -> Month:
        """Return the next one."""
        return Month(self.year + self.month // 12, self.month % 12 + 1)

    @property
    def before(self) -> Month:
        """Return the one before."""
        return Month(self.year - (self.month == 1), (self.month - 2) % 12 + 1)

    @property
    def days(self) -> int:
        """Return how many days it has."""
        return (self.after.first_day - self.first_day).days

    @property
    def key(self) -> str:
        """Return what an address calls it."""
        return f"{self.year}-{self.month:02d}"

    def limits(self, zone: str) -> tuple[datetime, datetime]:
        """Return its first moment and the one after its last."""
        first, end = (
            datetime.combine(day, time(), zone_of(zone)).astimezone(UTC)
            for day in (self.first_day, self.after.first_day)
        )
        return first, end


def months_over(today: date) -> list[Month]:
    """Return the months that can be shown, the latest first."""
    month = Month(today.year, today.month)
    found = []
    for _ in range(MONTHS_SHOWN):
        month = month.before
        found.append(month)
    return found


@dataclass(frozen=True, slots=True)
class ShownTeam:
    """A team, or all of them: numbers that may be shown; None is a number that may not."""

    name: str
    people: int | None
    groups: tuple[int | None, ...]


def counts_lines(rows: Sequence[TeamRow]) -> list[CountsLine]:
    """Return a line for each team and one for all, in words."""
    return [
        CountsLine(one.name, _word(one.people), tuple(_word(number) for number in one.groups))
        for one in shown_teams(rows)
    ]


def _word(number: int | None) -> str:
    return "hidden" if number is None else f"{number:,}"


def shown_teams(rows: Sequence[TeamRow]) -> list[ShownTeam]:
    """Return each team and all of them, with what must not be shown hidden."""
    if not rows:
        return []
    counts = np.array(
        [
            [row.with_alert, row.people - row.with_alert - row.little_data, row.little_data]
            for row in rows
        ],
        dtype=np.int64,
    )
    whole = with_sums(counts)
    names = [*(row.team or "No team" for row in rows), "All teams"]
    return [
        ShownTeam(name, numbers[-1], tuple(numbers[:-1]))
        for name, numbers in zip(names, _shown(whole, hide(whole)), strict=True)
    ]


def _shown(whole: Counts, hidden: Hidden) -> Iterator[list[int | None]]:
    for numbers, marks in zip(whole.tolist(), hidden.tolist(), strict=True):
        yield [
            None if is_hidden else number for number, is_hidden in zip(numbers, marks, strict=True)
        ]


def with_sums(counts: Counts) -> Counts:
    """Return a table with its sums as the last row and the last column."""
    wide = np.column_stack([counts, counts.sum(axis=1)])
    return np.vstack([wide, wide.sum(axis=0)])


def is_small(whole: Counts) -> Hidden:
    """Return which numbers are too small to be shown; nobody is no number of people."""
    small: Hidden = (whole > 0) & (whole < SMALL_BELOW)
    return small


def hide(whole: Counts) -> Hidden:
    """Return which numbers of a table with its sums are not shown."""
    hidden = is_small(whole)
    for row, column in np.argwhere(is_small(whole)).tolist():
        corners = min(
            _rectangles(whole, row, column), key=lambda one: _cost(whole, hidden, one), default=()
        )
        for corner in corners:
            hidden[corner] = True
    return hidden


Corners = tuple[tuple[int, int], ...]


def _rectangles(whole: Counts, row: int, column: int) -> Iterator[Corners]:
    """Yield the three other corners of each rectangle around which people can be moved.

    A sum counts against its parts: going round, a corner gains what the next one loses, unless one
    of the two is a sum. A corner that loses must have so many that some are left.
    """
    last_row, last_column = whole.shape[0] - 1, whole.shape[1] - 1

    def sign(at: tuple[int, int]) -> int:
        return -1 if (at[0] == last_row) != (at[1] == last_column) else 1

    start = sign((row, column))
    for other_row in range(whole.shape[0]):
        for other_column in range(whole.shape[1]):
            if other_row == row or other_column == column:
                continue
            turns = (
                ((row, other_column), -start),
                ((other_row, column), -start),
                ((other_row, other_column), start),
            )
            loses = [corner for corner, turn in turns if turn * sign(corner) < 0]
            if all(whole[corner] > MOVED for corner in loses):
                yield tuple(corner for corner, _ in turns)


def _cost(whole: Counts, hidden: Hidden, corners: Corners) -> tuple[int, int]:
    """Return how much is lost to the reader: how many more numbers, and how large they are."""
    fresh = [corner for corner in corners if not hidden[corner]]
    last_row, last_column = whole.shape[0] - 1, whole.shape[1] - 1
    sums = sum((row == last_row) + (column == last_column) for row, column in fresh)
    return len(fresh) + _TOTAL_COSTS * sums, sum(int(whole[corner]) for corner in fresh)
