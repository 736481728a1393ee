"""Judges days again whose readings came too late: a replay of one person by time, in small slices.

A fresh detector sees all stored readings of the person as if each had come when it was measured,
and the same notes, limits and outcomes where they were heard. The days that it says otherwise are
written (`ingest.repairing.judging`).

Promises: one person at a time, and live frames never wait for more than a slice. What was begun and
not finished is begun again. Never: opens, changes or closes an episode, tells anybody, clears an
alert, or touches what the live detector remembers (docs/decisions/0007).
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from contextlib import AbstractAsyncContextManager
from dataclasses import replace
from datetime import date, timedelta
from typing import Final

import numpy as np

from ingest.beside.service import turns_beside
from ingest.committing.scoring import Scoring, ScoringError
from ingest.committing.signals import HeardSignal, places_among, tell
from ingest.reasons import RepairOutcome
from ingest.repairing.judging import Day, Job, Report, days_to_write, now_unusual
from ingest.repairing.store import Position, RepairStore, Who
from ingest.rows import Rows
from tidewell.clock import now_ms, now_utc
from tidewell.local_time import utc_moment, zone_table
from tidewell.logs import get_logger

SLICE_ROWS: Final = 1_440
"""A day of minutes, some 7 ms of work: far below what a frame may wait."""
SLICE_REST_S: Final = 0.1
"""Between two slices, so that they take a tenth of a core; three months take ten seconds."""
LOOK_EVERY_S: Final = 60.0
QUIET_FOR: Final = timedelta(minutes=10)
"""So long after the last reading that came too late: a device that sends its past is not done."""
TRIES_MOST: Final = 3
"""A day closes once a day for a person, so a second try nearly always finds nothing changed."""


class Replay:
    """One person's readings by time through a detector of its own."""

    def __init__(self, store: RepairStore, scoring: Scoring, job: Job, who: Who) -> None:
        self._store = store
        self._scoring = scoring
        self._person_id = job.person_id
        self._after = Position()
        self._heard: list[HeardSignal] = []
        self._scored_ms = 0
        self.judged: dict[date, Day] = {}
        scoring.add_person(job.person_id, zone_table(who.timezone))

    async def run(self, rest_s: float) -> None:
        """See everything, with a rest after each slice.

        Raises:
            ScoringError: the detector failed.
        """
        self._heard = await self._store.signals(self._person_id)
        while len(rows := await self._store.readings(self._person_id, self._after, SLICE_ROWS)):
            self._take(rows)
            await asyncio.sleep(rest_s)
        self._keep(self._scoring.tick(now_ms(), {}).days)

    def _take(self, rows: Rows) -> None:
        last = len(rows) - 1
        self._after = Position(utc_moment(int(rows.time_ms[last])), int(rows.device_id[last]))
        # As if nothing had been late.
        rows = replace(rows, received_ms=rows.time_ms + rows.period_s * 1000)
        scored_ms = np.maximum(rows.received_ms, self._scored_ms)
        self._scored_ms = int(scored_ms.max())
        begin = 0
        for end in places_among(scored_ms, [one.heard_ms for one in self._heard]):
            if end == len(rows):
                break  # heard after all of these
            self._score(rows, begin, end)
            tell(self._scoring, self._heard.pop(0).signal)
            begin = end
        self._score(rows, begin, len(rows))

    def _score(self, rows: Rows, begin: int, end: int) -> None:
        if end > begin:
            found = self._scoring.score(rows.take(np.arange(begin, end)))
            if found.failed:
                raise ScoringError("readings that could not be scored cannot be judged again")
            self._keep(found.days)

    def _keep(self, days: Iterable[Day]) -> None:
        for day in days:
            self.judged[day["day"]] = day


async def repair(
    store: RepairStore, scoring: Callable[[], Scoring], job: Job, rest_s: float, *, writes: bool
) -> Report | None:
    """Judge the days of one person again; None where they change faster than they can be judged."""
    who = await store.who(job.person_id)
    if await store.is_history_gone(job):
        return await _give_up(store, job, who, RepairOutcome.HISTORY_GONE, writes=writes)
    for _ in range(TRIES_MOST):
        stored, fresh = await store.days(job), scoring()
        replay = Replay(store, fresh, job, who)
        try:
            await replay.run(rest_s)
        except ScoringError as error:
            get_logger().error("days could not be judged again", why=str(error))
            outcome = RepairOutcome.COULD_NOT_BE_JUDGED
            return await _give_up(store, job, who, outcome, writes=writes)
        if not writes:
            return _report(who, stored, days_to_write(job, stored, replay.judged))
        written = await store.write(job, who.shard, stored, replay.judged, fresh.version)
        if written is not None:
            return _report(who, stored, written)
    return None


async def _give_up(
    store: RepairStore, job: Job, who: Who, outcome: RepairOutcome, *, writes: bool
) -> Report:
    if writes:
        await store.give_up(job, who.shard, outcome)
    return Report(who.label, outcome)


def _report(who: Who, stored: dict[date, Day], written: list[Day]) -> Report:
    outcome = RepairOutcome.JUDGED_AGAIN if written else RepairOutcome.NOTHING_DIFFERED
    changed = tuple(one["day"] for one in written)
    return Report(who.label, outcome, changed, now_unusual(stored, written))


def repairs_beside(
    url: str, shards: Callable[[], Iterable[int]], scoring: Callable[[], Scoring]
) -> AbstractAsyncContextManager[None]:
    """Repair what is noted for these shards for as long as the block lasts, beside other work.

    Args:
        shards: returns those that are held now.
        scoring: returns a detector that knows nobody.
    """
    return turns_beside(
        lambda: _repair_what_waits(url, shards, scoring),
        LOOK_EVERY_S,
        "days wait to be judged again",
    )


async def _repair_what_waits(
    url: str, shards: Callable[[], Iterable[int]], scoring: Callable[[], Scoring]
) -> None:
    async with RepairStore.open(url) as store:
        while job := await store.next_job(sorted(shards()), now_utc() - QUIET_FOR):
            report = await repair(store, scoring, job, SLICE_REST_S, writes=True)
            if report is None:
                return  # its days are being changed; the next look finds it again
            get_logger().info(
                "days judged again",
                person_id=job.person_id,
                outcome=report.outcome.value,
                days_changed=len(report.changed),
                days_now_unusual=len(report.unusual),
            )
