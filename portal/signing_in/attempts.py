"""Whose mistakes count against whom, when somebody tries to sign in. Pure.

Three counts, so that nobody can keep somebody else out by making mistakes in their name:

- a browser in which this person has signed in before counts for itself alone, and no mistake made
  elsewhere slows it;
- any other browser counts by the name together with the network that it comes from;
- and by its network over all names, so that one machine cannot try one password on everybody.

Six digits are counted by the name over all networks, because only who has the password gets that
far; a known browser counts for itself there too.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from typing import Final

from portal.sign_in_delay import REMEMBERED_MAX, SignInDelay

NETWORK_FREE_FAILURES: Final = 20
"""An office of thirty people behind one address mistypes a few times in the morning."""

CODE_DELAY_MAX_S: Final = 300.0
"""At one try in five minutes, guessing six digits takes longer than a year on average."""

CHALLENGES_A_MINUTE_MAX: Final = 30
"""Challenges that a network gets before anybody is known, or a person; they need one."""

MINUTE_S: Final = 60.0


@dataclass(frozen=True, slots=True)
class Attempt:
    """Somebody who tries: as whom, from where, and from a browser that is known or not."""

    username: str
    network: str
    known_device: str | None = None

    @property
    def source(self) -> str:
        """Return what shares one place in the queue of checks."""
        return self.known_device or self.network


class Attempts:
    """Remembers mistakes and says how long the next try has to wait."""

    def __init__(self) -> None:
        self._names = SignInDelay()
        self._networks = SignInDelay(free=NETWORK_FREE_FAILURES)
        self._codes = SignInDelay(most_s=CODE_DELAY_MAX_S)
        self._challenges: OrderedDict[str, tuple[float, int]] = OrderedDict()

    def wait_s(self, attempt: Attempt, now_s: float) -> float:
        """Return how long the next try of a password has to wait."""
        waits = [self._names.wait_s(_name_key(attempt), now_s)]
        if attempt.known_device is None:
            waits.append(self._networks.wait_s((attempt.network,), now_s))
        return max(waits)

    def begin(self, attempt: Attempt, now_s: float) -> None:
        """Count a try before it is checked, so that many at once do not slip past the delay."""
        self._names.failed(_name_key(attempt), now_s)
        if attempt.known_device is None:
            self._networks.failed((attempt.network,), now_s)

    def succeeded(self, attempt: Attempt) -> None:
        """Forget the mistakes of somebody who got in, and not those of their neighbours."""
        self._names.succeeded(_name_key(attempt))
        if attempt.known_device is None:
            self._networks.take_back((attempt.network,))

    def not_checked(self, attempt: Attempt) -> None:
        """Take a try back that was turned away before it was checked."""
        self._names.take_back(_name_key(attempt))
        if attempt.known_device is None:
            self._networks.take_back((attempt.network,))

    def code_wait_s(self, attempt: Attempt, now_s: float) -> float:
        """Return how long the next try of six digits has to wait."""
        return self._codes.wait_s(_code_key(attempt), now_s)

    def begin_code(self, attempt: Attempt, now_s: float) -> None:
        """Count a try of six digits before it is checked."""
        self._codes.failed(_code_key(attempt), now_s)

    def code_succeeded(self, attempt: Attempt) -> None:
        """Forget the wrong digits of somebody who gave the right ones."""
        self._codes.succeeded(_code_key(attempt))

    def may_ask_for_challenge(self, who: str, now_s: float) -> bool:
        """Count a challenge given to a person or a network; False when they had enough."""
        since_s, count = self._challenges.pop(who, (now_s, 0))
        if now_s - since_s >= MINUTE_S:
            since_s, count = now_s, 0
        self._challenges[who] = (since_s, count + 1)
        while len(self._challenges) > REMEMBERED_MAX:
            self._challenges.popitem(last=False)
        return count < CHALLENGES_A_MINUTE_MAX


def _name_key(attempt: Attempt) -> tuple[str, ...]:
    if attempt.known_device is not None:
        return ("device", attempt.known_device, attempt.username)
    return ("network", attempt.network, attempt.username)


def _code_key(attempt: Attempt) -> tuple[str, ...]:
    return (attempt.known_device or "unknown", attempt.username)
