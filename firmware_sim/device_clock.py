"""The clock of a device: a little wrong, a little fast or slow, and able to learn from the service.

It is told the true time and says what the device would read. It changes only how later epochs are
stamped; it never moves one that was sent.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import Final

CORRECT_FROM_MS: Final = 2_000
"""An error below this is within what a slow answer may feign; a minute of readings hides it."""
ANSWERS_NEEDED: Final = 4
ANSWERS_KEPT: Final = 16
"""At one answer a second: the quickest answer of a quarter of a minute."""


@dataclass(frozen=True, slots=True)
class ClockError:
    """How wrong a device's clock is when it starts, and how much it gains each second."""

    offset_ms: int = 0
    drift_ppm: float = 0.0


class DeviceClock:
    """What a device believes the time to be.

    Every answer of the service carries the service's time, already some delay old. The delay can
    only make that time look earlier, so the latest-looking of the recent answers is the best one.

    Example:
        >>> DeviceClock(ClockError(offset_ms=500, drift_ppm=20.0), 0).read(1_000_000_000)
        1000020500
    """

    def __init__(self, error: ClockError, since_ms: int) -> None:
        self._error = error
        self._since_ms = since_ms
        self._correction_ms = 0
        self._seen_ms: deque[int] = deque(maxlen=ANSWERS_KEPT)

    def read(self, true_ms: int) -> int:
        """Return the device's time at this true time."""
        gained_ms = (true_ms - self._since_ms) * self._error.drift_ppm / 1_000_000
        return true_ms + self._error.offset_ms + round(gained_ms) + self._correction_ms

    def learn(self, service_ms: int, true_ms: int) -> None:
        """Take the service's time from an answer that came now."""
        self._seen_ms.append(service_ms - self.read(true_ms))
        behind_ms = max(self._seen_ms)
        if len(self._seen_ms) >= ANSWERS_NEEDED and abs(behind_ms) >= CORRECT_FROM_MS:
            self._correction_ms += behind_ms
            self._seen_ms.clear()
