"""People of whom nothing ever came since they got their device: noticed like any other silence.

The detector knows a person from their first reading on, so it cannot miss what never began. Here
the count begins when the device is handed out, and after a pause again. What is open is in the
database alone: a restart in between neither forgets an episode nor opens it twice.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any, Final

from ingest.committing.scoring import EpisodeRow
from tidewell.local_time import utc_moment
from tidewell.vocabulary import Family, Level

STRAND: Final = "never_heard"
"""Beside the detector's own episodes about the device: neither closes the other's."""


def due_ms(
    counted_from_ms: Mapping[int, int], now_ms: int, silence_after_ms: int
) -> dict[int, int]:
    """Return, per person of whom nothing has been heard for the allowed time, since when it counts.

    Args:
        counted_from_ms: per person, when the count begins at the earliest; a moment in the future
            means that nothing is expected of them now.

    Example:
        >>> due_ms({1: 1_000, 2: 9_000, 3: 2**62}, 9_500, 4_000)
        {1: 5000}
    """
    return {
        person_id: from_ms + silence_after_ms
        for person_id, from_ms in counted_from_ms.items()
        if now_ms - from_ms > silence_after_ms
    }


def opened(person_id: int, at_ms: int, why: Mapping[str, Any]) -> EpisodeRow:
    """Return the change that opens such an episode, at its deadline."""
    return _change(person_id, "opened", at_ms, at_ms, why)


def closed(person_id: int, opened_ms: int, at_ms: int, why: Mapping[str, Any]) -> EpisodeRow:
    """Return the change that ends it."""
    return _change(person_id, "closed", opened_ms, max(at_ms, opened_ms), why)


def _change(
    person_id: int, kind: str, opened_ms: int, at_ms: int, why: Mapping[str, Any]
) -> EpisodeRow:
    return EpisodeRow(
        person_id=person_id,
        family=Family.DEVICE.value,
        kind=kind,
        opened_at=utc_moment(opened_ms),
        at=utc_moment(at_ms),
        level=Level.FOR_REVIEW.value,
        score=0.0,
        explanation=why,
        closes=kind == "closed",
        strand=STRAND,
    )


def to_close(
    open_people: Collection[int], due: Collection[int], heard: Collection[int]
) -> set[int]:
    """Return whose episode ends: something came, or nothing is expected of them any more."""
    return {one for one in open_people if one in heard or one not in due}
