"""The words for silence: why nothing came of a person, and why we heard nobody.

They are stored in `silence.reason` and `outage.reason`, shown in words on the pages, and described
in `docs/operations.md`. None of them says that a person is fine: no device can know that.
"""

from __future__ import annotations

from enum import StrEnum


class SilenceReason(StrEnum):
    """Why nothing came of a person; the first that holds is the one that is said."""

    PAUSED = "paused"
    DEVICE_REVOKED = "device_revoked"
    NOT_ASSIGNED = "not_assigned"
    FLAT_BATTERY = "flat_battery"
    OUR_OUTAGE = "our_outage"
    NEVER_HEARD = "never_heard"
    NOT_WORN = "not_worn"
    NO_NETWORK = "no_network"
    UNKNOWN = "unknown"


class OutageReason(StrEnum):
    """Why we ourselves heard nobody for a while."""

    BROKER_AWAY = "broker_away"
    DATABASE_AWAY = "database_away"
    LEASE_LOST = "lease_lost"
    NOT_RUNNING = "not_running"
    NOBODY_HEARD = "nobody_heard"


class StatusVerdict(StrEnum):
    """What became of a device's word about itself."""

    TAKEN = "taken"
    UNREADABLE = "unreadable"
    TOO_MANY = "too_many"
