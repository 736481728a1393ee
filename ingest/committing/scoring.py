"""What a worker needs of a detector, in the terms of the database.

The worker never sees the detector itself: `ingest.service` alone does.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol

from ingest.rows import Rows
from tidewell.errors import TidewellError
from tidewell.local_time import ZoneTable


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


@dataclass(frozen=True, slots=True)
class Found:
    """What scoring brought to light: days as rows of `daily_feature`, and changes of episodes.

    `failed` are people whose readings could not be scored; theirs wait until somebody has mended
    that.
    """

    days: Sequence[Mapping[str, Any]] = ()
    episodes: Sequence[EpisodeRow] = ()
    failed: frozenset[int] = field(default_factory=frozenset)


class Scoring(Protocol):
    """A detector behind glass."""

    @property
    def version(self) -> str:
        """Return the version that stands beside everything it finds."""

    def add_person(self, person_id: int, zone: ZoneTable) -> None:
        """Make a person known."""

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

    def snapshot(self, people: Sequence[int]) -> bytes:
        """Return all that is remembered of these people."""

    def restore(self, state: bytes, zones: Mapping[int, ZoneTable]) -> None:
        """Take over what a snapshot remembered."""
