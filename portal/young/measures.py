"""What of a device may be used: the groups of channels that a young person switches off and on.

Switching off works like a pause, for these channels: from the tap on nothing of them is stored. A
channel that is named here nowhere could not be switched off: a test holds the two together.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from portal.words import listed

GROUPS: Final[dict[str, tuple[str, ...]]] = {
    "heart": ("heart_rate", "hrv_rmssd"),
    "movement": ("steps", "motion"),
    "sleep": ("sleep_state",),
    "skin": ("skin_temperature",),
    "sweat": ("eda",),
    "oxygen": ("spo2",),
    "breathing": ("respiratory_rate",),
}
ALWAYS_KEPT: Final = "worn"
"""It says nothing about the person; without it a gap looks like a fault of the device."""

_STAFF_WORDS: Final[dict[str, str]] = {
    "heart": "heart",
    "movement": "movement",
    "sleep": "sleep as the device says it",
    "skin": "skin temperature",
    "sweat": "skin conductance",
    "oxygen": "blood oxygen",
    "breathing": "breathing",
}


@dataclass(frozen=True, slots=True)
class ChannelRow:
    """A channel that is off now."""

    channel: str


def groups_off(channels: list[ChannelRow]) -> list[str]:
    """Return the groups of which anything is off."""
    off = {one.channel for one in channels}
    return [group for group, names in GROUPS.items() if off.intersection(names)]


def switched_off_words(name: str, channels: list[ChannelRow]) -> str:
    """Return for staff what somebody has switched off; empty where they use it all.

    Example:
        >>> switched_off_words("Sam", [ChannelRow("steps")])
        'Sam has switched off: movement. That is their choice; no change in it is noticed.'
    """
    groups = groups_off(channels)
    if not groups:
        return ""
    named = listed([_STAFF_WORDS[group] for group in groups])
    return f"{name} has switched off: {named}. That is their choice; no change in it is noticed."
