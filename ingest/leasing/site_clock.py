"""The time of the site: the database's clock, and the moments of batches, which only rise.

Machines disagree about the time. All workers therefore go by one clock, that of the database: a
worker asks it with each renewal of its slot and reckons on from there with its own monotonic clock.
Its own wall clock decides only where the database's has left the moments that are stored and its
own has not: two that agree are believed against one.

Each batch, signal and snapshot gets a moment later than the one before, also across a restart and
from one worker to the next, because a replay takes them in that order. After a small step back of
the clock, moments stand still but for a millisecond each until it has caught up. A clock that was
far ahead and is right again would hold them there for as long: then they are set back, and whoever
holds the shards stores snapshots in the same transaction, so that no replay crosses that place.

Reads no clock: own time and monotonic time are arguments.
"""

from __future__ import annotations

from typing import Final

LEAD_MOST_MS: Final = 5 * 60_000
"""As far as the clock of a device may be ahead: nothing that looks at moments minds so much."""
APART_MOST_MS: Final = 5_000
"""Two machines that keep time agree within a tenth of a second; this is worth a word."""


class SiteClock:
    """What time it is for one worker."""

    def __init__(self) -> None:
        self._database_ms: int | None = None
        self._heard_s = 0.0
        self.last_ms = 0

    def hear(self, database_ms: int, monotonic_s: float) -> None:
        """Take over what the database says."""
        self._database_ms, self._heard_s = database_ms, monotonic_s

    def time_ms(self, own_ms: int, monotonic_s: float) -> int:
        """Return the time of the site.

        It is the database's; our own before the database said one, or where only ours goes on from
        the last moment.

        Example:
            >>> clock = SiteClock()
            >>> clock.hear(1_000, 10.0)
            >>> clock.time_ms(own_ms=999_999, monotonic_s=10.5)
            1500
        """
        if self._database_ms is None:
            return own_ms
        theirs_ms = self._database_ms + round((monotonic_s - self._heard_s) * 1000)
        goes_on = abs(theirs_ms - self.last_ms) <= LEAD_MOST_MS
        return own_ms if not goes_on and abs(own_ms - self.last_ms) <= LEAD_MOST_MS else theirs_ms

    def begin_after(self, moment_ms: int) -> None:
        """Let all moments be later than this one, which is stored."""
        self.last_ms = max(self.last_ms, moment_ms)

    def next_ms(self, time_ms: int) -> int:
        """Return the next moment, at this time of the site.

        Example:
            >>> clock = SiteClock()
            >>> clock.next_ms(1_000), clock.next_ms(1_000), clock.next_ms(900), clock.next_ms(2_000)
            (1000, 1001, 1002, 2000)
        """
        self.last_ms = max(time_ms, self.last_ms + 1)
        return self.last_ms

    def is_far_ahead(self, time_ms: int) -> bool:
        """Return whether moments are further ahead of this time than is let pass."""
        return self.last_ms - time_ms > LEAD_MOST_MS

    def set_back(self, time_ms: int) -> None:
        """Let moments go on from this time of the site, though it is earlier than the last one."""
        self.last_ms = time_ms
