"""Silences and outages in PostgreSQL, through the one transaction that a look opens.

Whoever calls holds the leases of the shards that are named: another worker's are never written.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from psycopg import AsyncCursor
from psycopg.rows import TupleRow

from ingest.silence.classify import SilenceFacts
from ingest.silence.outages import Missed
from ingest.silence.reasons import OutageReason, SilenceReason
from ingest.silence.statuses import DeviceWord
from tidewell.database import Queries
from tidewell.local_time import utc_moment

QUERIES: Final = Queries("ingest.silence", "silences.sql")
LOOK_BACK: Final = timedelta(days=60)
"""Episodes that began earlier have their reason long since; a site that was off for longer asks no
more why somebody was silent two months ago."""
RECENT: Final = timedelta(minutes=10)
"""Devices send each minute: what was heard within this time still comes."""
SETTLE_AFTER: Final = timedelta(minutes=10)
"""What a device kept comes within minutes of its return; then the reason is looked at again."""
MOST_AT_ONCE: Final = 200
"""Silences classified or settled in one look, so that frames never wait for them."""


@dataclass(frozen=True, slots=True)
class Unclassified:
    """An episode of a device without a reason."""

    episode_id: int
    person_id: int
    device_id: int | None
    silent_from: datetime
    noticed_at: datetime
    ended_at: datetime | None
    facts: SilenceFacts


@dataclass(frozen=True, slots=True)
class Unsettled:
    """A silence that is over, with the minutes that came for it since."""

    episode_id: int
    reason: SilenceReason
    silent_minutes: int
    recorded_minutes: int
    off_minutes: int


@dataclass(frozen=True, slots=True)
class NeverHeard:
    """An open episode of somebody of whom nothing ever came."""

    person_id: int
    opened_ms: int
    explanation: Mapping[str, Any]


class SilenceStore:
    """What one look reads and writes about some shards, at one time."""

    def __init__(
        self, cursor: AsyncCursor[TupleRow], shards: Collection[int], now: datetime
    ) -> None:
        self._cursor = cursor
        self._shards = sorted(shards)
        self._now = now

    async def save_words(self, words: Mapping[str, DeviceWord]) -> None:
        """Store what devices said of themselves; names that are not enrolled are left out."""
        said = list(words.values())
        columns = {
            "names": list(words),
            "online": [one.online for one in said],
            "heard_at": [utc_moment(one.heard_ms) for one in said],
            "told_at": [utc_moment(one.told_ms) for one in said],
            "battery": [one.battery_percent for one in said],
            "firmware": [one.firmware for one in said],
            "boot": [one.boot for one in said],
        }
        await self._cursor.execute(QUERIES["save_device_words"], columns)

    async def heard_until_ms(self) -> dict[int, int | None]:
        """Return until when each shard was heard, by whomever."""
        return dict(await self._all("heard_until", shards=self._shards))

    async def mark_heard(self) -> None:
        """Note that all of these shards are heard now."""
        await self._all_changed("mark_heard", shards=self._shards)

    async def end_outages(self, *, quiet: bool) -> set[int]:
        """End what is open about these shards, a quiet time or any other outage; say of which."""
        rows = await self._all("end_outages", shards=self._shards, quiet=quiet)
        return {shard for (shards,) in rows for shard in shards}

    async def quiet_since_ms(self) -> int | None:
        """Return since when it is written down that nobody of these shards is heard."""
        rows = await self._all("quiet_since", shards=self._shards)
        return None if rows[0][0] is None else int(rows[0][0])

    async def note_outage(self, missed: Missed) -> bool:
        """Open an outage, or write down one that is over; return whether it was not known yet."""
        shards = set(missed.shards)
        if missed.is_over:
            shards -= await self.end_outages(quiet=False)
        if not shards:
            return False
        added = await self._all_changed(
            "add_outage",
            shards=sorted(shards),
            began_at=utc_moment(missed.began_ms),
            ended_at=self._now if missed.is_over else None,
            reason=missed.reason.value,
        )
        return added > 0

    async def devices_heard_before(self, last: datetime, within: timedelta) -> int:
        """Return how many different devices were heard in the time up to `last`."""
        rows = await self._all(
            "devices_heard_between", shards=self._shards, first=last - within, last=last
        )
        return int(rows[0][0])

    async def ever_heard(self, people: Collection[int]) -> set[int]:
        """Return who of these people has sent a reading at any time."""
        rows = await self._all("ever_heard", people=sorted(people))
        return {person_id for (person_id,) in rows}

    async def open_never_heard(self) -> dict[int, NeverHeard]:
        """Return the open episodes of people of whom nothing ever came, by person."""
        rows = await self._all("open_never_heard", shards=self._shards)
        return {row[0]: NeverHeard(*row) for row in rows}

    async def unclassified(self) -> list[Unclassified]:
        """Return episodes of devices that have no reason yet, the oldest first."""
        rows = await self._all(
            "unclassified_silences",
            shards=self._shards,
            since=self._now - LOOK_BACK,
            recent=RECENT,
            most=MOST_AT_ONCE,
        )
        return [_unclassified(*row) for row in rows]

    async def add_silence(self, one: Unclassified, reason: SilenceReason) -> None:
        """Store why."""
        await self._all_changed(
            "add_silence",
            episode_id=one.episode_id,
            person_id=one.person_id,
            device_id=one.device_id,
            silent_from=one.silent_from,
            noticed_at=one.noticed_at,
            ended_at=one.ended_at,
            reason=reason.value,
            battery_percent=one.facts.battery_percent,
        )

    async def end_silences(self) -> int:
        """End the silences whose episode has ended."""
        return await self._all_changed("end_silences", shards=self._shards)

    async def unsettled(self) -> list[Unsettled]:
        """Return silences that are over for long enough to know what the device recorded."""
        rows = await self._all(
            "unsettled_silences",
            shards=self._shards,
            ended_before=self._now - SETTLE_AFTER,
            most=MOST_AT_ONCE,
        )
        return [Unsettled(row[0], SilenceReason(row[1]), *row[2:]) for row in rows]

    async def settle(self, one: Unsettled, reason: SilenceReason) -> None:
        """Store the reason that holds for good."""
        await self._all_changed("settle_silence", episode_id=one.episode_id, reason=reason.value)

    async def note_quiet(self, began: datetime) -> bool:
        """Open "nobody at all is heard" for these shards; return whether it was not open yet."""
        added = await self._all_changed(
            "add_outage",
            shards=self._shards,
            began_at=began,
            ended_at=None,
            reason=OutageReason.NOBODY_HEARD.value,
        )
        return added > 0

    async def _all(self, name: str, **parameters: object) -> list[TupleRow]:
        await self._cursor.execute(QUERIES[name], {**parameters, "now": self._now})
        return await self._cursor.fetchall()

    async def _all_changed(self, name: str, **parameters: object) -> int:
        """Run a statement that changes rows; return how many it changed."""
        await self._cursor.execute(QUERIES[name], {**parameters, "now": self._now})
        return self._cursor.rowcount


def _unclassified(
    episode_id: int,
    person_id: int,
    device_id: int | None,
    silent_from: datetime,
    noticed_at: datetime,
    ended_at: datetime | None,
    *facts: Any,  # noqa: ANN401 -- the columns of `SilenceFacts`, in its order
) -> Unclassified:
    return Unclassified(
        episode_id, person_id, device_id, silent_from, noticed_at, ended_at, SilenceFacts(*facts)
    )
