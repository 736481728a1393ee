"""How long somebody has to wait after wrong passwords: a growing delay, never a lock-out.

A lock-out would let anybody keep a practitioner away from their alerts by typing wrong passwords.
The delay is kept for each name together with the address that tries, so that a stranger elsewhere
slows only themselves. Pure: time comes in as an argument. Memory is bounded.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from typing import Final

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
    """Remembers wrong passwords for each name and address."""

    def __init__(self) -> None:
        self._failures: OrderedDict[tuple[str, str], _Failures] = OrderedDict()

    def wait_s(self, username: str, address: str, now_s: float) -> float:
        """Return how many seconds the next try has to wait; 0 when it may come now."""
        failures = self._known(username, address, now_s)
        if failures is None or failures.count <= FREE_FAILURES:
            return 0.0
        doublings = min(failures.count - FREE_FAILURES - 1, 16)
        delay_s: float = min(DELAY_MAX_S, FIRST_DELAY_S * 2.0**doublings)
        return max(0.0, failures.last_at_s + delay_s - now_s)

    def failed(self, username: str, address: str, now_s: float) -> None:
        """Remember a wrong password."""
        failures = self._known(username, address, now_s)
        count = failures.count + 1 if failures else 1
        self._failures[username, address] = _Failures(count, now_s)
        self._failures.move_to_end((username, address))
        while len(self._failures) > REMEMBERED_MAX:
            self._failures.popitem(last=False)

    def succeeded(self, username: str, address: str) -> None:
        """Forget the mistakes of somebody who got in."""
        self._failures.pop((username, address), None)

    def _known(self, username: str, address: str, now_s: float) -> _Failures | None:
        failures = self._failures.get((username, address))
        if failures and now_s - failures.last_at_s > FORGET_AFTER_S:
            del self._failures[username, address]
            return None
        return failures
