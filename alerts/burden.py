"""How much one person is asked to bear: a budget of messages, and a bundle for what is beyond it.

Rule 1: what is to be checked now is never held back and never bundled.
Rule 2: nothing is dropped: a message beyond the budget waits, together with the others that came
after it, and they leave as one ("4 people to check").
Rule 3: a bundle that was tried once is closed, so that a repeat of it says the same.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from tidewell.vocabulary import Level

LOOK_BACK: Final = timedelta(hours=3)
"""The longest window of a budget."""

Windows = Sequence[tuple[timedelta, int]]

_MINUTE: Final = timedelta(minutes=1)

CHANNEL_WINDOWS: Final[Mapping[str, Windows]] = {
    "sms": ((_MINUTE, 1), (15 * _MINUTE, 5), (60 * _MINUTE, 11)),
    "email": ((_MINUTE, 4), (60 * _MINUTE, 30)),
    "web_push": ((_MINUTE, 2), (60 * _MINUTE, 20)),
    "apprise": ((_MINUTE, 2), (60 * _MINUTE, 20)),
}
"""What one address bears whatever a policy allows: a text rings and costs money each time, so it
has the limits of paging systems; a notification makes a sound; a mail only fills a box."""


@dataclass(frozen=True, slots=True)
class Push:
    """A message, or a bundle as one, that went to an address lately or will go there."""

    at: datetime
    bundle: str | None
    is_unsent: bool


@dataclass(frozen=True, slots=True)
class Slot:
    """When a message may leave, and with which others."""

    attempt_at: datetime
    bundle: str | None


def place(
    pushes: Sequence[Push], windows: Windows, level: Level, now: datetime, new_bundle: str
) -> Slot:
    """Say when a message may leave, given what went to the same address before it."""
    if level is Level.CHECK_NOW:
        return Slot(now, None)
    for push in pushes:
        if push.bundle is not None and push.is_unsent and push.at > now:
            return Slot(push.at, push.bundle)
    free_at = first_free(pushes, windows, now)
    return Slot(free_at, None if free_at <= now else new_bundle)


def first_free(pushes: Sequence[Push], windows: Windows, now: datetime) -> datetime:
    """Return the first moment from `now` on at which one more message stays within each window."""
    moments = sorted(push.at for push in pushes)
    free_at = now
    for span, most in windows:
        if len(moments) >= most:
            free_at = max(free_at, moments[-most] + span)
    return free_at


def windows_of(channel: str, windows: Windows) -> Windows:
    """Return the budget of an address: what the policy allows, and what its channel does."""
    return (*windows, *CHANNEL_WINDOWS.get(channel, ()))
