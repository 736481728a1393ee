"""What could not be handled is set aside for a while, so that it does not stop what comes after.

Nothing is dropped: what is set aside comes back, and stays unhandled in the database until then.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

COMES_BACK_AFTER: Final = timedelta(minutes=1)
"""Often enough to be seen in the logs and rarely enough not to flood them."""

MOST: Final = 1_000
"""Beyond this something is wrong with all of them; the oldest then come back early."""


class SetAside:
    """The numbers of what is set aside, and until when."""

    def __init__(self) -> None:
        self._until: dict[int, datetime] = {}

    def add(self, number: int, now: datetime) -> None:
        """Set aside what has this number."""
        self._until.pop(number, None)
        self._until[number] = now + COMES_BACK_AFTER
        while len(self._until) > MOST:
            self._until.pop(next(iter(self._until)))

    def numbers(self, now: datetime) -> list[int]:
        """Return what is still set aside."""
        self._until = {number: until for number, until in self._until.items() if until > now}
        return list(self._until)
