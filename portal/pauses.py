"""Pausing, as the young person asks for it: one tap each way, and nobody asks why. Pure."""

from __future__ import annotations

from datetime import datetime, time, timedelta
from enum import StrEnum
from typing import Final

from portal.words import zone_of
from portal.young.texts import MIDDLE, say

MORNING: Final = time(7)
"""When "tonight" ends: after the night, before most school mornings."""


class PauseFor(StrEnum):
    """How long somebody wants to be left alone."""

    HOUR = "hour"
    TONIGHT = "tonight"
    UNTIL_I_SAY = "until_i_say"

    @property
    def words(self) -> str:
        """Return the choice as the button has it."""
        return say(f"pause.{self.value}", MIDDLE)


def pause_until(choice: PauseFor, now: datetime, zone: str) -> datetime | None:
    """Return when a pause ends by itself, or None when only its owner ends it.

    Example:
        >>> from datetime import UTC
        >>> evening = datetime(2026, 11, 22, 21, 30, tzinfo=UTC)
        >>> pause_until(PauseFor.TONIGHT, evening, "Europe/London").isoformat()
        '2026-11-23T07:00:00+00:00'
    """
    if choice is PauseFor.UNTIL_I_SAY:
        return None
    if choice is PauseFor.HOUR:
        return now + timedelta(hours=1)
    local = now.astimezone(zone_of(zone))
    morning = datetime.combine(local.date(), MORNING, zone_of(zone))
    if morning <= local:
        morning = datetime.combine(local.date() + timedelta(days=1), MORNING, zone_of(zone))
    return morning.astimezone(now.tzinfo)
