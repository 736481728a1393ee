"""The look at silence, every few seconds between two batches: why it is quiet, and whether we are.

Promises: one transaction a look, under the leases of the worker; what is open is in the database,
so a restart neither forgets a silence nor tells it twice. A deadline that passed while we were away
counts after the grace, and not before. Nothing here decides that somebody is silent who was ever
heard: that is the detector's. Never says anything about a person to the log.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from datetime import datetime, timedelta
from typing import Any, Final

from ingest.admit import Registry, silence_counts_from
from ingest.batch import Arrival
from ingest.committing.counts import Counts
from ingest.committing.scoring import EpisodeRow
from ingest.leasing.service import Shift
from ingest.silence.classify import classify, settle
from ingest.silence.never_heard import closed, due_ms, opened, to_close
from ingest.silence.outages import (
    QUIET_AFTER_MS,
    QUIET_HOLD_MOST_MS,
    Ears,
    Hearing,
    quiet_from_ms,
)
from ingest.silence.reasons import OutageReason, SilenceReason, StatusVerdict
from ingest.silence.statuses import StatusBook
from ingest.silence.store import SilenceStore
from tidewell.clock import now_ms
from tidewell.errors import LeaseLostError
from tidewell.local_time import ZoneTable, local_moment, utc_moment, zone_table
from tidewell.logs import get_logger
from tidewell.metrics import Measure

QUIET_LOOKS_BACK: Final = timedelta(hours=1)
"""Who was heard in the hour before it went quiet is expected to be heard."""

Explain = Callable[[datetime, str], Mapping[str, Any]]


class SilenceWatch:
    """What a process remembers from look to look; it outlives workers and connections.

    `explain` tells people that nothing came since their device was handed out, at a local moment.
    """

    def __init__(self, silence_after_s: int, explain: Explain, version: str) -> None:
        self._silence_after_ms = silence_after_s * 1000
        self._explain = explain
        self._version = version
        self._statuses = StatusBook()
        self._ears = Ears()
        self._trouble: OutageReason | None = None
        self._heard: set[int] = set()
        self._frames = -1
        self._last_frame_ms: int | None = None
        self._listening_since: tuple[int, int] = (-1, 0)
        self._quiet_from_ms: int | None = None
        self._verdicts = dict.fromkeys(StatusVerdict, 0)
        self._outages = dict.fromkeys(OutageReason, 0)
        self._silences = dict.fromkeys(SilenceReason, 0)

    @property
    def holds_back(self) -> bool:
        """Return whether nobody at all is heard: then no silence is a person's own."""
        return self._quiet_from_ms is not None

    def hear(self, arrival: Arrival) -> None:
        """Take what a device says of itself; it is stored with the next look."""
        self._verdicts[self._statuses.hear(arrival.topic, arrival.payload, now_ms())] += 1

    def note_trouble(self, error: Exception) -> None:
        """Remember why nothing was stored for a while."""
        is_lease = isinstance(error, LeaseLostError)
        self._trouble = OutageReason.LEASE_LOST if is_lease else OutageReason.DATABASE_AWAY

    def measures(self) -> list[Measure]:
        """Return what a monitoring system may read."""
        kinds = (
            ("silences", "Silences by the reason that was said first.", self._silences),
            ("outages", "Times in which frames were not heard, by reason.", self._outages),
            ("statuses", "Words of devices about themselves.", self._verdicts),
        )
        return [
            Measure.counters(
                f"tidewell_ingest_{name}_total",
                text,
                "reason",
                {reason.value: count for reason, count in counts.items()},
            )
            for name, text, counts in kinds
        ]

    async def look(self, shift: Shift, registry: Registry, counts: Counts) -> None:
        """Look once; `counts` show whether any frame came since the last look.

        Raises:
            LeaseLostError: another worker has taken a shard; nothing was stored.
            psycopg.OperationalError: the database is gone.
        """
        now = shift.store.next_moment()
        at_ms = round(now.timestamp() * 1000)
        held = shift.held
        frames = counts.frames_committed + counts.frames_dead_lettered + counts.frames_repeated
        hearing = self._heard_of(*shift.hearing(), frames, at_ms)
        words = self._statuses.take()
        try:
            async with shift.store.transaction(now) as transaction:
                looked = SilenceStore(transaction.cursor, held, now)
                if words:
                    await looked.save_words(words)
                await self._look_at_ourselves(looked, hearing, at_ms)
                if shift.hears_long_enough() and not self.holds_back:
                    changes = await self._never_heard(looked, registry, held, at_ms)
                    await transaction.save_episodes(changes, self._version)
                await self._say_why(looked)
        except BaseException:
            self._statuses.put_back(words)
            raise

    def _heard_of(self, is_heard: bool, connection: int, frames: int, at_ms: int) -> Hearing:
        if frames != self._frames:
            self._last_frame_ms = at_ms if self._frames >= 0 else None
            self._frames = frames
        if is_heard and self._listening_since[0] != connection:
            self._listening_since = (connection, at_ms)
        return Hearing(is_heard, connection, self._trouble, self._last_frame_ms)

    async def _look_at_ourselves(self, looked: SilenceStore, hearing: Hearing, at_ms: int) -> None:
        """Write down when we did not hear; the log says it once."""
        missed = self._ears.missed(await looked.heard_until_ms(), hearing, at_ms)
        if missed is not None and await looked.note_outage(missed):
            self._say_outage(missed.reason, missed.began_ms, at_ms)
        if hearing.is_heard:
            self._trouble = None
            if missed is None:
                await looked.end_outages(quiet=False)  # what a worker before us had opened
            await looked.mark_heard()
        await self._look_for_quiet(looked, hearing, at_ms)

    async def _look_for_quiet(self, looked: SilenceStore, hearing: Hearing, at_ms: int) -> None:
        """Notice that nobody at all is heard, though we listen, and that somebody is again."""
        since_ms = self._listening_since[1]
        last_ms = max(since_ms, self._last_frame_ms or since_ms)
        # The database is asked for how many it were only where time alone would make it a quiet.
        maybe_ms = quiet_from_ms(hearing, 2**31, at_ms, since_ms=since_ms)
        if maybe_ms is None:
            await self._look_at_known_quiet(looked, hearing, at_ms)
            return
        devices = await looked.devices_heard_before(utc_moment(last_ms), QUIET_LOOKS_BACK)
        found_ms = quiet_from_ms(hearing, devices, at_ms, since_ms=since_ms)
        if found_ms is not None and await looked.note_quiet(utc_moment(found_ms)):
            self._say_outage(OutageReason.NOBODY_HEARD, found_ms, at_ms)
        self._hold_back(found_ms, at_ms)

    async def _look_at_known_quiet(
        self, looked: SilenceStore, hearing: Hearing, at_ms: int
    ) -> None:
        """Go on with a quiet that is written down, or end it when somebody is heard.

        Whoever noted it: this process may have been started since, or have connected again.
        """
        heard_ms = self._last_frame_ms
        is_fresh = heard_ms is not None and at_ms - heard_ms < QUIET_AFTER_MS
        if not hearing.is_heard or not is_fresh:
            self._hold_back(await looked.quiet_since_ms(), at_ms)
            return
        if await looked.end_outages(quiet=True):
            get_logger().info("devices are heard again")
        self._hold_back(None, at_ms)

    def _hold_back(self, quiet_from_ms: int | None, at_ms: int) -> None:
        is_long = quiet_from_ms is not None and at_ms - quiet_from_ms > QUIET_HOLD_MOST_MS
        self._quiet_from_ms = None if is_long else quiet_from_ms

    def _say_outage(self, reason: OutageReason, began_ms: int, at_ms: int) -> None:
        self._outages[reason] += 1
        get_logger().error(
            "frames were not heard; people's notices of silence wait",
            reason=reason.value,
            for_s=round((at_ms - began_ms) / 1000),
        )

    async def _never_heard(
        self, looked: SilenceStore, registry: Registry, held: Collection[int], at_ms: int
    ) -> list[EpisodeRow]:
        """Open and close the episodes of people of whom nothing ever came."""
        counted = silence_counts_from(registry, at_ms)
        people = {one for one, person in registry.people.items() if person.shard in held}
        due = due_ms(
            {one: counted[one] for one in people - self._heard}, at_ms, self._silence_after_ms
        )
        is_open = await looked.open_never_heard()
        if due or is_open:
            self._heard |= await looked.ever_heard(due.keys() | is_open.keys())
        ends = to_close(is_open, due, self._heard)
        return [
            *(
                closed(one, is_open[one].opened_ms, at_ms, is_open[one].explanation)
                for one in sorted(ends)
            ),
            *(
                opened(one, due[one], self._why(registry, one, counted[one]))
                for one in sorted(due.keys() - is_open.keys() - self._heard)
            ),
        ]

    def _why(self, registry: Registry, person_id: int, from_ms: int) -> Mapping[str, Any]:
        zone: ZoneTable = zone_table(registry.people[person_id].timezone)
        return self._explain(local_moment(zone, from_ms), self._version)

    async def _say_why(self, looked: SilenceStore) -> None:
        """Give each silence its reason, and look at it again when it is over."""
        for one in await looked.unclassified():
            reason = classify(one.facts)
            await looked.add_silence(one, reason)
            self._silences[reason] += 1
        await looked.end_silences()
        for over in await looked.unsettled():
            reason = settle(
                over.reason, over.silent_minutes, over.recorded_minutes, over.off_minutes
            )
            await looked.settle(over, reason)
