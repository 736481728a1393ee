"""Scoring goes on without frames that do not come; they stay wanted, and are taken when they come.

A frame that cannot be read at all, or a device that died, leaves a hole that never closes. The
readings above it are stored, but to wait for it for ever would be to watch over nobody.

Promises: a hole is passed in one transaction with the findings of what stood above it, and the
order of scoring is written down with it, so that a replay is the same. What fills a hole later is
scored as it comes, late as it is. Never: moves what the device is told (`ingest.cursors`).
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Sequence
from datetime import datetime, timedelta
from typing import Final

import numpy as np

from ingest.batch import DeviceBoot
from ingest.committing.scoring import Found, Scoring
from ingest.cursors import Gap, Kept
from ingest.passing.store import forget_unscored, holes_due, pass_holes
from ingest.repairing.store import save_found
from ingest.store import Store
from tidewell.crashpoints import CrashPoint, crashpoint
from tidewell.local_time import utc_moment
from tidewell.logs import get_logger

HOLE_PASSED_AFTER: Final = timedelta(minutes=12)
"""Longer than a device rests between two attempts, ten minutes; shorter than the quarter of an hour
after which a reading is no news, so that limits of a plan go on acting for a device that sends. And
far below the time after which it would be called silent, though its frames come."""
BOOTS_AT_ONCE: Final = 20
"""Passed in one round of a few seconds; each is a transaction of some hundred readings at most,
unless nobody passed it for long."""


class HolePasser:
    """Passes holes for one worker; `next_moment` gives the place of each among batches."""

    def __init__(
        self, store: Store, scoring: Scoring, next_moment: Callable[[], Awaitable[datetime]]
    ) -> None:
        self._store = store
        self._scoring = scoring
        self._next_moment = next_moment

    async def due(self, at_ms: int, held_back: Collection[int]) -> list[tuple[DeviceBoot, int]]:
        """Return the boots with holes to pass, each with the last frame to pass.

        Args:
            held_back: devices of people whose readings cannot be scored.
        """
        noticed_before = utc_moment(at_ms) - HOLE_PASSED_AFTER
        return await holes_due(self._store, noticed_before, BOOTS_AT_ONCE, held_back)

    async def go_past(
        self, key: DeviceBoot, kept: Kept, passed_upto: int, people: Collection[int]
    ) -> tuple[Kept, frozenset[int]]:
        """Score what stands above the holes of a boot, up to the next one.

        Returns:
            What is kept of the boot now, and the people whose readings could not be scored: then
            nothing was stored.

        Raises:
            ScoringError: the detector failed; nothing was stored.
        """
        after = kept._replace(passed_upto=passed_upto)
        holes = [one for one in kept.cursor.gaps if kept.passed_upto < one.last <= passed_upto]
        stretches = _between(holes, after.scorable_upto)
        moment = await self._next_moment()
        known = [one for one in sorted(people) if self._scoring.knows(one)]
        rows = await self._store.held_readings(known, key, kept.scorable_upto, after.scorable_upto)
        rows = rows.take(np.lexsort((rows.time_ms, rows.seq)))
        found = self._scoring.score(rows) if len(rows) else Found()
        if found.failed:
            return kept, found.failed
        after = after._replace(scored_upto=after.scorable_upto)
        async with self._store.transaction(moment) as transaction:
            await save_found(transaction, found, self._scoring.version)
            await pass_holes(transaction, key, holes, stretches)
            await transaction.mark_scored(key, after.scored_upto)
            await forget_unscored(transaction, key)
            crashpoint(CrashPoint.BEFORE_COMMIT)
        get_logger().warning(
            "scoring goes on without frames that have not come",
            device_id=key[0],
            boot=key[1],
            frames=sum(one.last - one.first + 1 for one in holes),
            readings_scored=len(rows),
        )
        return after, frozenset()


def _between(holes: Sequence[Gap], upto: int) -> list[Gap]:
    """Return the frames between these holes and above them, up to a number.

    Example:
        >>> _between([Gap(3, 3), Gap(6, 7)], 9)
        [Gap(first=4, last=5), Gap(first=8, last=9)]
    """
    ends = [one.first - 1 for one in holes[1:]] + [upto]
    return [
        Gap(hole.last + 1, end) for hole, end in zip(holes, ends, strict=True) if hole.last < end
    ]
