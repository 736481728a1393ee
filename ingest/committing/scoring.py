"""What a worker needs of a detector, in the terms of the database.

The worker never sees the detector itself: `ingest.service` alone does.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any, Final, Protocol

from ingest.rows import Rows
from tidewell.errors import TidewellError
from tidewell.local_time import ZoneTable
from tidewell.vocabulary import Family, Level

DAYS: Final = "days"
MINUTES: Final = "minutes"
"""Strands of episodes: several changes of one family may last at once, one of each strand."""


def limit_strand(
    channel: str,
    direction: str,
    value: float,
    for_minutes: int,
    level: str,
    *,
    while_resting: bool,
) -> str:
    """Return the strand of a limit of a plan: everything that tells it from another one.

    Example:
        >>> limit_strand("heart_rate", "above", 130.0, 10, "check_today", while_resting=True)
        'limit heart_rate above 130 for 10 check_today at rest'
    """
    rest = " at rest" if while_resting else ""
    return f"limit {channel} {direction} {value:g} for {for_minutes} {level}{rest}"


def strand_of(family: Family, level: Level, explanation: Mapping[str, Any]) -> str:
    """Return which of the changes of its family this is: only one of days counts days with data."""
    limit = explanation["limit"]
    if limit is not None:
        channel, direction, value = limit["channel"], limit["direction"], limit["limit"]
        return limit_strand(
            channel,
            direction,
            value,
            limit["for_minutes"],
            level.value,
            while_resting=limit["while_resting"],
        )
    of_days = explanation["coverage"]["days_with_data"] is not None
    return DAYS if of_days or family is not Family.ACUTE_LOAD else MINUTES


@dataclass(frozen=True, slots=True)
class TooLate:
    """Readings of a person that came too late to be judged in their own local days."""

    person_id: int
    first_day: date
    last_day: date
    readings: int


class ScoringError(TidewellError):
    """The detector failed on a batch.

    The batch is taken again person by person, to find whose readings did it.
    """

    worth_a_retry = True


@dataclass(frozen=True, slots=True)
class EpisodeRow:
    """A change of an episode, as it is stored."""

    person_id: int
    family: str
    kind: str
    opened_at: datetime
    at: datetime
    level: str
    score: float
    explanation: Mapping[str, Any]
    closes: bool
    strand: str = DAYS


@dataclass(frozen=True, slots=True)
class Found:
    """What scoring brought to light: days as rows of `daily_feature`, and changes of episodes.

    `failed` are people whose readings could not be scored; theirs wait until somebody has mended
    that. `late` readings were for a day that had closed, `too_late` of them for one too long ago to
    be judged again; `to_repair` says whose and of which days. `not_believed` counts, by reason,
    readings that were stored and not scored.
    """

    days: Sequence[Mapping[str, Any]] = ()
    episodes: Sequence[EpisodeRow] = ()
    failed: frozenset[int] = field(default_factory=frozenset)
    late: int = 0
    too_late: int = 0
    not_believed: Mapping[str, int] = field(default_factory=dict)
    to_repair: Sequence[TooLate] = ()

    @classmethod
    def joined(cls, parts: Sequence[Found], failed: frozenset[int]) -> Found:
        """Return what several people's readings brought to light as one."""
        not_believed: Counter[str] = Counter()
        for one in parts:
            not_believed.update(one.not_believed)
        return cls(
            [day for one in parts for day in one.days],
            [episode for one in parts for episode in one.episodes],
            failed,
            sum(one.late for one in parts),
            sum(one.too_late for one in parts),
            dict(not_believed),
            [late for one in parts for late in one.to_repair],
        )


@dataclass(frozen=True, slots=True)
class PlanLimit:
    """One limit of a person's agreed plan, in the words of `plan_limit`."""

    channel: str
    direction: str
    value: float
    for_minutes: int
    level: Level
    while_resting: bool

    @property
    def strand(self) -> str:
        """Return the strand of this limit's episodes."""
        return limit_strand(
            self.channel,
            self.direction,
            self.value,
            self.for_minutes,
            self.level.value,
            while_resting=self.while_resting,
        )


class Scoring(Protocol):
    """A detector behind glass."""

    @property
    def version(self) -> str:
        """Return the version that stands beside everything it finds."""

    def add_person(self, person_id: int, zone: ZoneTable) -> None:
        """Make a person known."""

    def keep_only(self, person_ids: Sequence[int]) -> None:
        """Forget everybody but these people."""

    def knows(self, person_id: int) -> bool:
        """Return whether a person was added."""

    def score(self, rows: Rows) -> Found:
        """Take readings in, in their order.

        Raises:
            ScoringError: the detector failed; it must be thrown away.
        """

    def tick(self, at_ms: int, counted_from_ms: Mapping[int, int]) -> Found:
        """Return what the mere passing of time brings to light.

        `counted_from_ms` holds, per person, a moment before which silence does not count.
        """

    def note(self, person_id: int, kind: str, first_day: date, last_day: date) -> None:
        """Take down a note about some local days.

        Raises:
            ValueError: the detector does not take it; as of the four below.
        """

    def unnote(self, person_id: int, kind: str, first_day: date, last_day: date) -> None:
        """Let a note that was taken back count no more."""

    def set_limits(self, person_id: int, limits: Sequence[PlanLimit]) -> None:
        """Give a person the limits of their plan, in place of those before."""

    def hear_outcome(self, person_id: int, family: Family, *, was_useful: bool) -> None:
        """Take in whether an alert about this kind of change was of use."""

    def change_device_model(self, person_id: int) -> None:
        """Learn again what depends on the model of the device."""

    def set_back(self, at_ms: int) -> None:
        """Let nobody have been heard later than this: the clock was ahead, and is right again."""

    def snapshot(self, people: Sequence[int]) -> bytes:
        """Return all that is remembered of these people."""

    def restore(self, state: bytes, zones: Mapping[int, ZoneTable]) -> None:
        """Take over what a snapshot remembered."""
