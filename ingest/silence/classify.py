"""Why a device is silent, from what was known when it was noticed, and again when it is over.

A first reason is given at once, because a practitioner wants to know whether to bring a charger or
to knock at a door. It is looked at again when readings are back: a device that recorded all along
had no network, whatever it seemed to be. Never says that a person is fine, and never guesses: what
nothing speaks for is `unknown`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from ingest.silence.reasons import SilenceReason

BATTERY_LOW_PERCENT: Final = 10
"""A device tells its battery once an hour; from here it has some hours at most, and the least that
any of ours uses in an hour would not take it from far above this to nothing."""
RECORDED_SHARE: Final = 0.5
"""Of the silent minutes, for "it recorded all along": half, because buffers overflow at one end."""

_NOT_THE_DEVICE: Final = frozenset(
    {
        SilenceReason.PAUSED,
        SilenceReason.DEVICE_REVOKED,
        SilenceReason.NOT_ASSIGNED,
        SilenceReason.OUR_OUTAGE,
    }
)


@dataclass(frozen=True, slots=True)
class SilenceFacts:
    """What is known of a silence at the moment from which it counts.

    Attributes:
        is_paused: the young person had stopped the collection.
        is_revoked, is_assigned: of the device that they had last.
        still_comes: readings come, and say that the device is off the body.
        was_ever_heard: a reading came since it was handed out.
        last_worn: what the last reading before said; None where it did not say.
        battery_percent: what the device last said; None where it never did.
        said_offline: the device, or the broker for it, said that it went away.
        fell_with_us: it was heard last just before we heard nobody.
    """

    is_paused: bool = False
    is_revoked: bool = False
    is_assigned: bool = True
    still_comes: bool = False
    was_ever_heard: bool = True
    last_worn: bool | None = None
    battery_percent: int | None = None
    said_offline: bool = False
    fell_with_us: bool = False


def classify(facts: SilenceFacts) -> SilenceReason:
    """Return why nothing comes.

    A pause and a missing device come first: then nothing is expected. A flat battery comes before
    whatever else it looks like, because it explains all of that.

    Example:
        >>> classify(SilenceFacts(battery_percent=4, said_offline=True))
        <SilenceReason.FLAT_BATTERY: 'flat_battery'>
    """
    if facts.is_paused:
        return SilenceReason.PAUSED
    if facts.is_revoked:
        return SilenceReason.DEVICE_REVOKED
    if not facts.is_assigned:
        return SilenceReason.NOT_ASSIGNED
    return SilenceReason.NOT_WORN if facts.still_comes else _of_device(facts)


def _of_device(facts: SilenceFacts) -> SilenceReason:
    """Return why a device that somebody ought to wear sends nothing."""
    if facts.battery_percent is not None and facts.battery_percent <= BATTERY_LOW_PERCENT:
        return SilenceReason.FLAT_BATTERY
    if facts.fell_with_us:
        return SilenceReason.OUR_OUTAGE
    if not facts.was_ever_heard:
        return SilenceReason.NEVER_HEARD
    if facts.last_worn is False:
        return SilenceReason.NOT_WORN
    return SilenceReason.NO_NETWORK if facts.said_offline else SilenceReason.UNKNOWN


def settle(
    first: SilenceReason, silent_minutes: int, recorded_minutes: int, off_minutes: int
) -> SilenceReason:
    """Return why a device was silent, now that what it recorded meanwhile has come.

    Args:
        first: what was said when it was noticed.
        silent_minutes: how long nothing came.
        recorded_minutes: of these, the ones for which a reading came later.
        off_minutes: of these, the ones in which the device was off the body.

    Example:
        >>> settle(SilenceReason.UNKNOWN, 300, 290, 0)
        <SilenceReason.NO_NETWORK: 'no_network'>
    """
    if first in _NOT_THE_DEVICE or silent_minutes <= 0:
        return first
    if off_minutes >= RECORDED_SHARE * silent_minutes:
        return SilenceReason.NOT_WORN
    if recorded_minutes >= RECORDED_SHARE * silent_minutes:
        return SilenceReason.NO_NETWORK
    return first
