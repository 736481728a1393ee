"""The words between a device's firmware and the shell that runs it: intentions, policies, outcomes.

Pure values. An intention says what to do; only the shell does it.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class FullPolicy(StrEnum):
    """What happens to the next frame when the buffer is full."""

    DROP_OLDEST = "drop_oldest"
    HOLD_SOURCE = "hold_source"


class AckOutcome(StrEnum):
    """What an answer of the service did to the buffer."""

    ADVANCED = "advanced"
    REPEATED = "repeated"
    OTHER_BOOT = "other_boot"
    BEYOND_SENT = "beyond_sent"
    UNREADABLE = "unreadable"


class ConfigOutcome(StrEnum):
    """What became of a request to change how the device works."""

    TAKEN = "taken"
    OTHER_PERIOD = "other_period"
    UNREADABLE = "unreadable"


class PublishKind(StrEnum):
    """Why something is published."""

    FIRST = "first"
    AGAIN = "again"
    STATUS = "status"


@dataclass(frozen=True, slots=True)
class Publish:
    """Hand this to the broker with QoS 1."""

    topic: str
    payload: bytes
    kind: PublishKind
    epochs: int = 0
    retain: bool = False


@dataclass(frozen=True, slots=True)
class WaitUntil:
    """Nothing to do before this elapsed time, unless something happens; may be infinite."""

    elapsed_s: float


@dataclass(slots=True)
class FirmwareCounts:
    """What a device did since it started."""

    frames_acknowledged: int = 0
    frames_dropped: int = 0
    epochs_skipped: int = 0
    epochs_paused: int = 0


@dataclass(frozen=True, slots=True)
class DeviceIdentity:
    """Which device this is, and which start of it."""

    device_name: str
    shard: int
    boot: int
