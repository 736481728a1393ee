"""How long somebody has to wait after mistakes: a growing delay, never a lock-out.

A lock-out would let anybody keep a practitioner away from their alerts by typing wrong passwords.
What the delay is counted by is the caller's to choose (`portal/signing_in/attempts.py`), so that a
stranger elsewhere slows only themselves. Pure: time comes in as an argument. Memory is bounded.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from typing import Final

Key = tuple[str, ...]

FREE_FAILURES: Final = 3
"""Everybody mistypes; the fourth wrong password is the first that costs time."""

FIRST_DELAY_S: Final = 1.0
DELAY_MAX_S: Final = 60.0
"""One guess a minute is hopeless for a guesser and bearable for a tired person."""

FORGET_AFTER_S: Final = 3_600.0
"""After an hour without a try, the next mistake starts from nothing."""

REMEMBERED_MAX: Final = 10_000
"""About 2 MB; beyond it the oldest are forgotten first."""


@dataclass(frozen=True, slots=True)
class _Failures:
    count: int
    last_at_s: float


class SignInDelay:
    """Remembers mistakes by a key."""

    def __init__(self, *, free: int = FREE_FAILURES, most_s: float = DELAY_MAX_S) -> None:
        self._free = free
        self._most_s = most_s
        self._failures: OrderedDict[Key, _Failures] = OrderedDict()

    def wait_s(self, key: Key, now_s: float) -> float:
        """Return how many seconds the next try has to wait; 0 when it may come now."""
        failures = self._known(key, now_s)
        if failures is None or failures.count <= self._free:
            return 0.0
        doublings = min(failures.count - self._free - 1, 16)
        delay_s: float = min(self._most_s, FIRST_DELAY_S * 2.0**doublings)
        return max(0.0, failures.last_at_s + delay_s - now_s)

    def failed(self, key: Key, now_s: float) -> None:
        """Remember a mistake."""
        failures = self._known(key, now_s)
        self._failures[key] = _Failures(failures.count + 1 if failures else 1, now_s)
        self._failures.move_to_end(key)
        while len(self._failures) > REMEMBERED_MAX:
            self._failures.popitem(last=False)

    def succeeded(self, key: Key) -> None:
        """Forget the mistakes of somebody who got in."""
        self._failures.pop(key, None)

    def take_back(self, key: Key) -> None:
        """Count one mistake less: what was counted before it was checked was none."""
        failures = self._failures.get(key)
        if failures is not None:
            self._failures[key] = _Failures(max(0, failures.count - 1), failures.last_at_s)

    def _known(self, key: Key, now_s: float) -> _Failures | None:
        failures = self._failures.get(key)
        if failures and now_s - failures.last_at_s > FORGET_AFTER_S:
            del self._failures[key]
            return None
        return failures
