"""How far each boot of a device has come: contiguous, highest, and the holes between.

Rule 1: `upto` moves only over frames that are committed, dead-lettered, or given up by the device.
Rule 2: a hole is closed by its frame or by the device's `oldest`, never by time: guessing that a
frame will not come is how it gets lost. Scoring may go on without it (`ingest.passing`); the device
is asked for it all the same.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, NamedTuple

from ingest.reasons import Progress

MOST_GAPS: Final = 256
"""Holes of one boot that are remembered; a sound device has a handful after a bad night. Each is a
row that is written again when a neighbour changes, so a broken device pays for its own holes."""
MOST_RANGES_TOLD: Final = 32
"""Ranges in one ack: what a device can send again before the next one."""


@dataclass(frozen=True, slots=True, order=True)
class Gap:
    """Frames first..last, both included, that have not come."""

    first: int
    last: int


class Cursor(NamedTuple):
    """The progress of one boot of a device.

    `gaps` are in order and lie between upto and highest.
    """

    upto: int = -1
    highest: int = -1
    gaps: tuple[Gap, ...] = ()

    def scorable_upto(self, passed_upto: int) -> int:
        """Return the highest frame below the first hole that scoring did not pass.

        Example:
            >>> Cursor(4, 9, (Gap(5, 5), Gap(8, 8))).scorable_upto(passed_upto=5)
            7
        """
        for gap in self.gaps:
            if gap.last > passed_upto:
                return gap.first - 1
        return self.highest

    def missing(self) -> list[list[int]]:
        """Return the ranges that an ack names."""
        return [[gap.first, gap.last] for gap in self.gaps[:MOST_RANGES_TOLD]]


class Kept(NamedTuple):
    """A cursor, how far its boot is scored, and the last frame of the holes that scoring passed."""

    cursor: Cursor
    scored_upto: int
    passed_upto: int = -1

    @property
    def scorable_upto(self) -> int:
        """Return the highest frame below the first hole that scoring waits for."""
        return self.cursor.scorable_upto(self.passed_upto)


class Step(NamedTuple):
    """What one frame did to a cursor; `lost` are frames that the device says are gone."""

    progress: Progress
    cursor: Cursor
    lost: tuple[Gap, ...] = ()


def advance(cursor: Cursor, seq: int, oldest: int | None) -> Step:
    """Move a cursor by one frame.

    Args:
        seq: the number of the frame.
        oldest: the lowest number that the device still holds, if it said so.

    Example:
        >>> advance(Cursor(upto=4, highest=4), seq=7, oldest=5).cursor
        Cursor(upto=4, highest=7, gaps=(Gap(first=5, last=6),))
    """
    if seq == cursor.highest + 1 and not cursor.gaps:
        return Step(Progress.NEW, Cursor(seq, seq))  # nearly every frame
    is_next = seq > cursor.highest
    gaps, is_missing = _without(cursor.gaps, seq)
    progress = Progress.NEW if is_next or is_missing else Progress.REPEATED
    highest = max(cursor.highest, seq)
    if is_next and seq > cursor.highest + 1:
        gaps += (Gap(cursor.highest + 1, seq - 1),)
    # A frame that is sent again may carry a higher `oldest` than the first time.
    gaps, lost = _given_up(gaps, oldest or 0)
    if len(gaps) > MOST_GAPS:
        return Step(Progress.TOO_MANY_GAPS, cursor)
    upto = gaps[0].first - 1 if gaps else highest
    return Step(progress, Cursor(upto, highest, gaps), lost)


def gap_record(
    gap: Gap, known: Iterable[tuple[int, int, datetime, datetime | None]], now: datetime
) -> dict[str, Any]:
    """Return a hole as it is stored, with the history of the one that it is a part of.

    What came above a hole came after it was first noticed: a snapshot replays from there.

    Args:
        known: first, last, when it was noticed and when it was passed, of the holes before.
    """
    noticed_at, passed_at = next(
        (history for first, last, *history in known if first <= gap.first <= last), (now, None)
    )
    return {
        "first": gap.first,
        "last": gap.last,
        "noticed_at": noticed_at,
        "passed_at": passed_at,
    }


def _without(gaps: tuple[Gap, ...], seq: int) -> tuple[tuple[Gap, ...], bool]:
    """Return the gaps with one number taken out, and whether it was in one."""
    place = bisect_right(gaps, seq, key=_first) - 1
    if place < 0 or seq > gaps[place].last:
        return gaps, False
    gap = gaps[place]
    below = (Gap(gap.first, seq - 1),) if gap.first < seq else ()
    above = (Gap(seq + 1, gap.last),) if seq < gap.last else ()
    return (*gaps[:place], *below, *above, *gaps[place + 1 :]), True


def _first(gap: Gap) -> int:
    return gap.first


def _given_up(gaps: tuple[Gap, ...], oldest: int) -> tuple[tuple[Gap, ...], tuple[Gap, ...]]:
    """Split the gaps into those that can still be filled and those that lie before `oldest`."""
    if not gaps or gaps[0].first >= oldest:
        return gaps, ()
    kept = tuple(Gap(max(gap.first, oldest), gap.last) for gap in gaps if gap.last >= oldest)
    lost = tuple(Gap(gap.first, min(gap.last, oldest - 1)) for gap in gaps if gap.first < oldest)
    return kept, lost
