"""Two replays of the same days side by side: which alerts would be more, fewer, earlier, higher.

An episode of one replay is the same as one of the other where person and kind of change are the
same and they overlap or lie within seven days of each other; for a limit of a plan, which may be
reached several times a day, within an hour. Each has at most one counterpart, the nearest.

Promises: a replay compared with itself gives no change. Never: counts messages, or how long an
episode lasted.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import accumulate
from typing import Final

from tidewell.local_time import DAY_MS
from tidewell.vocabulary import Family, Level

SAME_WITHIN_MS: Final = 7 * DAY_MS
"""As long as an episode rests: what opens within it is told as the same change."""
SAME_LIMIT_WITHIN_MS: Final = 3_600_000
MINUTE_MS: Final = 60_000
ENDLESS_MS: Final = 2**62


class ChangeKind(StrEnum):
    """What another policy does to an alert."""

    MORE = "more"
    FEWER = "fewer"
    EARLIER = "earlier"
    LATER = "later"
    HIGHER = "higher"
    LOWER = "lower"


@dataclass(frozen=True, slots=True)
class Subject:
    """What an episode is about: a family, or a limit of the plan on one side of a channel."""

    family: Family
    channel: str | None = None
    direction: str | None = None

    @property
    def is_limit(self) -> bool:
        """Return whether it is about a limit of the plan."""
        return self.channel is not None


@dataclass(frozen=True, slots=True)
class Episode:
    """An episode of a replay.

    Attributes:
        opened_ms, closed_ms: ms UTC; None while open. opened_day: the local day that decided it.
        level: the highest that it reached.
    """

    person_id: int
    subject: Subject
    opened_ms: int
    opened_day: int
    closed_ms: int | None
    level: Level


@dataclass(frozen=True, slots=True)
class Window:
    """The local days that count, both included, as days since 1970."""

    first_day: int
    last_day: int

    @property
    def days(self) -> int:
        """Return how many days these are."""
        return self.last_day - self.first_day + 1

    def holds(self, episode: Episode | None) -> bool:
        """Return whether an episode opened on one of these days."""
        return episode is not None and self.first_day <= episode.opened_day <= self.last_day


@dataclass(frozen=True, slots=True)
class Change:
    """One alert that would be other than it is; `present` or `proposed` is None where it is not."""

    person_id: int
    subject: Subject
    kinds: tuple[ChangeKind, ...]
    present: Episode | None
    proposed: Episode | None

    @property
    def moved_days(self) -> int:
        """Return by how many days it opens later; below 0 is earlier."""
        if self.present is None or self.proposed is None:
            return 0
        return self.proposed.opened_day - self.present.opened_day

    @property
    def moved_minutes(self) -> int:
        """Return by how many minutes it opens later; below 0 is earlier."""
        if self.present is None or self.proposed is None:
            return 0
        return round((self.proposed.opened_ms - self.present.opened_ms) / MINUTE_MS)


def compare(
    present: Iterable[Episode], proposed: Iterable[Episode], window: Window
) -> list[Change]:
    """Return what is other in the proposed replay, by person and time.

    A pair counts where one of both opened in the window.
    """
    groups: dict[tuple[int, Subject], tuple[list[Episode], list[Episode]]] = defaultdict(
        lambda: ([], [])
    )
    for side, episodes in enumerate((present, proposed)):
        for one in episodes:
            groups[one.person_id, one.subject][side].append(one)
    changes = []
    for (person_id, subject), (before, after) in groups.items():
        for old, new in _pairs(before, after):
            kinds = _kinds(old, new)
            if kinds and (window.holds(old) or window.holds(new)):
                changes.append(Change(person_id, subject, kinds, old, new))
    return sorted(changes, key=_place)


def _place(change: Change) -> tuple[int, int, str, str]:
    opened = [one.opened_ms for one in (change.present, change.proposed) if one is not None]
    return change.person_id, min(opened), change.subject.family, change.subject.channel or ""


def _pairs(
    before: Sequence[Episode], after: Sequence[Episode]
) -> list[tuple[Episode | None, Episode | None]]:
    """Return each episode once, with its counterpart where it has one."""
    old_ones = sorted(before, key=lambda one: one.opened_ms)
    new_ones = sorted(after, key=lambda one: one.opened_ms)
    near = sorted(_near(old_ones, new_ones))
    of_old: dict[int, int] = {}
    taken: set[int] = set()
    for _, old_place, new_place in near:
        if old_place not in of_old and new_place not in taken:
            of_old[old_place] = new_place
            taken.add(new_place)
    pairs: list[tuple[Episode | None, Episode | None]] = [
        (old, new_ones[of_old[place]] if place in of_old else None)
        for place, old in enumerate(old_ones)
    ]
    return pairs + [(None, new) for place, new in enumerate(new_ones) if place not in taken]


def _near(
    old_ones: Sequence[Episode], new_ones: Sequence[Episode]
) -> Iterator[tuple[int, int, int]]:
    """Yield how far apart two episodes that can be the same open, and their places.

    Both are sorted by opening, and only those between two bounds are looked at: a limit may be
    reached thousands of times.
    """
    opened_ms = [one.opened_ms for one in new_ones]
    ended_ms = list(accumulate((_end_ms(one) for one in new_ones), max))
    for old_place, old in enumerate(old_ones):
        first = bisect_left(ended_ms, old.opened_ms - _within_ms(old))
        last = bisect_right(opened_ms, _end_ms(old) + _within_ms(old))
        for new_place in range(first, last):
            new = new_ones[new_place]
            if old.opened_ms - _end_ms(new) <= _within_ms(old):
                yield abs(new.opened_ms - old.opened_ms), old_place, new_place


def _end_ms(one: Episode) -> int:
    return ENDLESS_MS if one.closed_ms is None else one.closed_ms


def _within_ms(one: Episode) -> int:
    return SAME_LIMIT_WITHIN_MS if one.subject.is_limit else SAME_WITHIN_MS


def _kinds(old: Episode | None, new: Episode | None) -> tuple[ChangeKind, ...]:
    if old is None:
        return (ChangeKind.MORE,)
    if new is None:
        return (ChangeKind.FEWER,)
    kinds = []
    if new.opened_ms != old.opened_ms:
        kinds.append(ChangeKind.EARLIER if new.opened_ms < old.opened_ms else ChangeKind.LATER)
    if new.level is not old.level:
        kinds.append(ChangeKind.HIGHER if new.level.rank > old.level.rank else ChangeKind.LOWER)
    return tuple(kinds)
