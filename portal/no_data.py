"""Why nothing came, in the words of the pages: a reason beside every stretch without data. Pure.

Promises: a stretch without data is never shown as wellness, and never as a fault of the young
person. A kind that this version does not know is said as "we do not know why".
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from portal.words import clock_words, local_day, minutes_words, moment_words


class NoDataKind(StrEnum):
    """Why minutes of a person are missing."""

    PAUSED = "paused"
    DEVICE_REVOKED = "device_revoked"
    NOT_ASSIGNED = "not_assigned"
    FLAT_BATTERY = "flat_battery"
    OUR_OUTAGE = "our_outage"
    NEVER_HEARD = "never_heard"
    NOT_WORN = "not_worn"
    NO_NETWORK = "no_network"
    LOST_ON_DEVICE = "lost_on_device"
    ON_ITS_WAY = "on_its_way"
    RESTARTED = "restarted"
    UNKNOWN = "unknown"


_NOW: Final = {
    NoDataKind.PAUSED: "it is paused",
    NoDataKind.DEVICE_REVOKED: "the device was taken out of use",
    NoDataKind.NOT_ASSIGNED: "no device is handed out",
    NoDataKind.FLAT_BATTERY: "the device's battery was low",
    NoDataKind.OUR_OUTAGE: "our own service could not hear devices",
    NoDataKind.NEVER_HEARD: "the device has not sent anything since it was handed out",
    NoDataKind.NOT_WORN: "the device was off the body when it was last heard",
    NoDataKind.NO_NETWORK: "the device has no connection",
}
"""What is said of somebody of whom nothing comes now; the other kinds are of the past."""

_THEN: Final = {
    NoDataKind.PAUSED: "paused",
    NoDataKind.DEVICE_REVOKED: "the device was out of use",
    NoDataKind.NOT_ASSIGNED: "no device was handed out",
    NoDataKind.FLAT_BATTERY: "the device's battery was low",
    NoDataKind.OUR_OUTAGE: "our own service could not hear devices",
    NoDataKind.NEVER_HEARD: "the device had not sent anything yet",
    NoDataKind.NOT_WORN: "the device was not worn",
    NoDataKind.NO_NETWORK: "the device had no connection",
    NoDataKind.LOST_ON_DEVICE: "the device's memory was full and let the oldest go",
    NoDataKind.ON_ITS_WAY: "still on its way from the device",
    NoDataKind.RESTARTED: "the device was switched off or flat, and started again",
    NoDataKind.UNKNOWN: "we do not know why",
}

assert set(_THEN) == set(NoDataKind)

SHORTEST_SHOWN: Final = timedelta(minutes=10)
"""A minute goes missing now and then, and a list of them would hide what matters."""
SHOWN_MOST: Final = 20
"""The latest ones; the chart shows them all."""
CHARTED_LEAST: Final = timedelta(minutes=30)
"""Half of the narrowest column of three days of hours: less cannot be seen."""


@dataclass(frozen=True, slots=True)
class NoDataRow:
    """A stretch without data, as the database gives it."""

    starts_at: datetime
    ends_at: datetime
    kind: str

    @property
    def length(self) -> timedelta:
        """Return how long it lasted."""
        return self.ends_at - self.starts_at


@dataclass(frozen=True, slots=True)
class NoDataLine:
    """A stretch without data, in words."""

    when: str
    why: str


def joined(stretches: Sequence[NoDataRow]) -> list[tuple[datetime, datetime]]:
    """Return the times without data that a chart can show, whatever their kinds."""
    times: list[tuple[datetime, datetime]] = []
    for one in stretches:
        if times and times[-1][1] == one.starts_at:
            times[-1] = (times[-1][0], one.ends_at)
        else:
            times.append((one.starts_at, one.ends_at))
    return [(first, last) for first, last in times if last - first >= CHARTED_LEAST]


def kind_of(name: str | None) -> NoDataKind:
    """Return the kind of this name; one that another version wrote says nothing more."""
    return NoDataKind(name) if name in set(NoDataKind) else NoDataKind.UNKNOWN


def past_words(name: str | None) -> str:
    """Return why nothing came in a time that is over."""
    return _THEN[kind_of(name)]


def because_words(name: str | None, battery_percent: int | None = None) -> str:
    """Return what follows "No data since 14:10": a reason with its colon, or nothing.

    Example:
        >>> because_words("flat_battery", 7)
        ": the device's battery was low (7%)"
        >>> because_words("unknown")
        ''
    """
    kind = kind_of(name)
    words = _NOW.get(kind, "")
    if kind is NoDataKind.FLAT_BATTERY and battery_percent is not None:
        words += f" ({battery_percent}%)"
    return f": {words}" if words else ""


def no_data_lines(stretches: Sequence[NoDataRow], zone: str, now: datetime) -> list[NoDataLine]:
    """Return the stretches that are long enough to say, the latest first."""
    long = [one for one in stretches if one.length >= SHORTEST_SHOWN]
    return [
        NoDataLine(
            f"{_from_until(one, zone, now)} ({minutes_words(one.length.total_seconds() / 60)})",
            _THEN[kind_of(one.kind)],
        )
        for one in reversed(long[-SHOWN_MOST:])
    ]


def _from_until(one: NoDataRow, zone: str, now: datetime) -> str:
    begin = moment_words(one.starts_at, zone, now)
    if now - one.ends_at < timedelta(minutes=1):
        return f"Since {begin}"
    is_one_day = local_day(one.starts_at, zone) == local_day(one.ends_at, zone)
    end = clock_words(one.ends_at, zone) if is_one_day else moment_words(one.ends_at, zone, now)
    return f"From {begin} to {end}"


def no_data_sentence(stretches: Sequence[NoDataRow]) -> str:
    """Return in one sentence how much is missing, empty where nothing is."""
    missing = sum((one.length for one in stretches), timedelta())
    if not missing:
        return ""
    return f"No data for {minutes_words(missing.total_seconds() / 60)} of this time."
