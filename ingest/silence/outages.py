"""When we ourselves did not hear: which shards, from when, and why.

Each shard has a moment until which somebody heard its frames, in the database, so that a worker
that takes it over, or starts again after hours, knows what it missed. A gap in that is an outage of
ours. While one lasts, and for a grace after it, nobody is called silent: what a device sent
meanwhile waits at the broker or in its buffer, and comes first.

Nothing here reads a clock: facts in, steps out.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Final

from ingest.silence.reasons import OutageReason

OUTAGE_FROM_MS: Final = 15_000
"""Three looks at the clock; a reconnect or a worker that stops in order takes less. Devices keep
what they have for days, so a shorter one is nobody's concern."""
QUIET_AFTER_MS: Final = 10 * 60_000
"""Devices send every minute. Ten minutes without one of many are not chance."""
QUIET_DEVICES_LEAST: Final = 5
"""Fewer may well all be at the same swimming pool."""
QUIET_HOLD_MOST_MS: Final = 12 * 3_600_000
"""So long may "nobody at all is heard" hold notices back, of which operations were told at once;
after that the practitioners are told too, because nobody seems to look after the service."""


@dataclass(frozen=True, slots=True)
class Hearing:
    """What a worker knows about its own ears.

    Attributes:
        is_heard: frames of all held shards reach us now.
        connection: which connection that is; another number means that one was lost in between.
        trouble: what went wrong since the last look, None where nothing did.
        last_frame_ms: when the last frame came; None before the first one.
    """

    is_heard: bool
    connection: int
    trouble: OutageReason | None = None
    last_frame_ms: int | None = None


@dataclass(frozen=True, slots=True)
class Missed:
    """Shards that nobody heard from `began_ms` on; `is_over` when they are heard again."""

    shards: tuple[int, ...]
    began_ms: int
    reason: OutageReason
    is_over: bool


@dataclass(slots=True)
class Ears:
    """What a worker heard without a break, from look to look."""

    _connection: int = -1
    _heard: frozenset[int] = frozenset()
    _trouble: OutageReason | None = None
    _is_fresh: bool = True

    def missed(
        self, heard_until_ms: Mapping[int, int | None], hearing: Hearing, now_ms: int
    ) -> Missed | None:
        """Return what of the held shards was not heard, if that is long enough to be an outage.

        Args:
            heard_until_ms: per held shard, as the database has it.
        """
        self._trouble = self._trouble or hearing.trouble or self._own_trouble(hearing)
        unbroken = self._heard if hearing.connection == self._connection else frozenset()
        gaps = {
            shard: until_ms
            for shard, until_ms in heard_until_ms.items()
            if until_ms is not None
            and now_ms - until_ms >= OUTAGE_FROM_MS
            and not (hearing.is_heard and shard in unbroken)
        }
        reason = self._trouble or OutageReason.NOT_RUNNING
        self._remember(heard_until_ms, hearing)
        if not gaps:
            return None
        return Missed(tuple(sorted(gaps)), min(gaps.values()), reason, hearing.is_heard)

    def _own_trouble(self, hearing: Hearing) -> OutageReason | None:
        """Return that the broker is away, except before it was ever there for this process."""
        if hearing.is_heard or self._is_fresh:
            return None
        return OutageReason.BROKER_AWAY

    def _remember(self, held: Collection[int], hearing: Hearing) -> None:
        if hearing.is_heard:
            self._connection, self._heard = hearing.connection, frozenset(held)
            self._trouble, self._is_fresh = None, False


def quiet_from_ms(
    hearing: Hearing, devices_heard: int, now_ms: int, *, since_ms: int
) -> int | None:
    """Return since when nobody at all was heard, though we listen; None where that is no wonder.

    Args:
        devices_heard: different devices in the hour before.
        since_ms: since when we listen without a break.
    """
    if not hearing.is_heard or devices_heard < QUIET_DEVICES_LEAST:
        return None
    last_ms = max(since_ms, hearing.last_frame_ms or since_ms)
    return last_ms if now_ms - last_ms >= QUIET_AFTER_MS else None
