"""Where a device's readings come from: a virtual young person's life, or a recording.

Pure: a source is told the time and returns what is due by then, each epoch once and in order.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from firmware_sim.blocks import DAY_MS, MINUTE_MS, Block, BlockKind, Finished, NotBefore
from firmware_sim.physiology import generate
from firmware_sim.scenarios import Scenario, charge_left

if TYPE_CHECKING:
    from firmware_sim.people import PersonTraits
    from firmware_sim.recordings import Recording

BLOCK_EPOCHS: Final = 1_440
"""A day: made in two milliseconds, so that other devices of the same loop never wait long."""
CATCH_UP_EPOCHS: Final = 60
"""Live minutes in one block after the process slept; more than an hour late is history."""
EMPTY_IN_DAYS: Final = 5.0
"""How long an ordinary charge lasts; the battery of a virtual device drains by the clock."""
BATTERY_LOW_PERCENT: Final = 20


@dataclass(frozen=True, slots=True)
class Life:
    """All that a virtual young person's readings depend on."""

    traits: PersonTraits
    timezone: str
    scenarios: tuple[Scenario, ...]
    seed: int


class HistoryThenLiveSource:
    """A virtual young person: everything from `start_ms` at once, then minutes as they pass.

    An epoch is handed over when its minute is over. With `live=False` it ends with the history.
    """

    def __init__(self, life: Life, start_ms: int, history_until_ms: int, *, live: bool) -> None:
        self._life = life
        self._next_ms = -(-start_ms // MINUTE_MS) * MINUTE_MS
        self._history_until_ms = history_until_ms // MINUTE_MS * MINUTE_MS
        self._live = live

    def next_block(self, now_ms: int) -> Block | NotBefore | Finished:
        """Return the next minutes that are over."""
        until_ms = min(self._history_until_ms, now_ms // MINUTE_MS * MINUTE_MS)
        if self._next_ms < self._history_until_ms:
            if until_ms <= self._next_ms:
                return NotBefore(self._next_ms + MINUTE_MS)
            return self._block(until_ms, BLOCK_EPOCHS, BlockKind.HISTORY)
        if not self._live:
            return Finished()
        over_ms = now_ms // MINUTE_MS * MINUTE_MS
        if over_ms <= self._next_ms:
            return NotBefore(self._next_ms + MINUTE_MS)
        if over_ms - self._next_ms > CATCH_UP_EPOCHS * MINUTE_MS:
            return self._block(over_ms, BLOCK_EPOCHS, BlockKind.HISTORY)
        return self._block(over_ms, CATCH_UP_EPOCHS, BlockKind.LIVE)

    def _block(self, until_ms: int, at_most: int, kind: BlockKind) -> Block:
        count = min((until_ms - self._next_ms) // MINUTE_MS, at_most)
        time_ms = self._next_ms + np.arange(count, dtype=np.int64) * MINUTE_MS
        self._next_ms += count * MINUTE_MS
        life = self._life
        values = generate(life.traits, time_ms, life.timezone, life.scenarios, life.seed)
        return Block(time_ms, values, kind)

    def battery_percent(self, now_ms: int) -> int:
        """Return how full the battery is: it drains between charges, or for good."""
        left = float(charge_left(self._life.scenarios, np.array([now_ms]))[0])
        if left < 1:
            return max(1, round(BATTERY_LOW_PERCENT * left))
        traits = self._life.traits
        period_ms = traits.charges_every_days * DAY_MS
        since_charge_ms = (now_ms + traits.number * DAY_MS) % period_ms
        return round(100 * (1 - since_charge_ms / DAY_MS / EMPTY_IN_DAYS))


class RecordingSource:
    """A recording played as a device: `speed` times as fast as it was lived, or all at once."""

    def __init__(self, recording: Recording, speed: float | None) -> None:
        if speed is not None and not speed > 0:
            raise ValueError(f"a speed of {speed}; expected more than 0, or None for all at once")
        self._recording = recording
        self._speed = speed
        self._next = 0
        self._started_ms: int | None = None

    def next_block(self, now_ms: int) -> Block | NotBefore | Finished:
        """Return the next minutes that are due at this speed."""
        time_ms = self._recording.time_ms
        if self._next >= len(time_ms):
            return Finished()
        due = self._due(now_ms)
        if due <= self._next:
            return NotBefore(self._when(self._next))
        part = slice(self._next, min(due, self._next + BLOCK_EPOCHS))
        self._next = part.stop
        return Block(time_ms[part], self._recording.values[part], BlockKind.HISTORY)

    def _due(self, now_ms: int) -> int:
        """Return how many minutes of the recording are over by now."""
        time_ms = self._recording.time_ms
        if self._speed is None:
            return len(time_ms)
        if self._started_ms is None:
            self._started_ms = now_ms
        played_ms = (now_ms - self._started_ms) * self._speed
        return int(np.searchsorted(time_ms, time_ms[0] + played_ms - MINUTE_MS, side="right"))

    def _when(self, index: int) -> int:
        if self._speed is None or self._started_ms is None:
            raise AssertionError("a recording that plays all at once never waits")
        lived_ms = int(self._recording.time_ms[index] - self._recording.time_ms[0]) + MINUTE_MS
        return self._started_ms + int(np.ceil(lived_ms / self._speed))

    def battery_percent(self, now_ms: int) -> int:  # noqa: ARG002 -- a file has no battery
        """Return 100: a recording does not say how full its device was."""
        return 100
