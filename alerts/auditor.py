"""The auditor's judgement: could this alert be forgotten?

It trusts no other part of alerts: it looks at what is stored and at the time, and asks whether
something will still happen by itself: also to one that somebody accepted, whose timer has to run.
Facts in, a reason out; whether the outside watcher hears that all is well follows from the reasons.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

from alerts.burden import LOOK_BACK
from alerts.deliveries import RETRY_LONGEST
from alerts.reasons import AlertState, AuditReason, HeartbeatReason

LATE_AFTER: Final = timedelta(minutes=5)
"""Wake-ups are looked for each second; minutes late means that nobody looks for them at all."""
PROBE_LATE_AFTER: Final = timedelta(minutes=1)
"""A probe takes a tenth of a second; a minute is more than any backlog that is being worked off."""
PUT_OFF_MOST: Final = RETRY_LONGEST
"""No attempt is further away than the longest retry, unless a clock was ahead when it was set."""
PUT_OFF_MOST_IN_BUNDLE: Final = LOOK_BACK + RETRY_LONGEST
"""What is beyond the budget of a person waits for the longest window of the budget."""


def audit(state: AlertState, wake_at: datetime | None, now: datetime) -> AuditReason:
    """Say why an alert cannot be forgotten, or that it can."""
    if state is AlertState.CLOSED:
        return AuditReason.CLOSED
    if wake_at is None:
        return AuditReason.NO_NEXT_STEP
    if wake_at < now - LATE_AFTER:
        return AuditReason.NEXT_STEP_IS_LATE
    if state is AlertState.ACCEPTED:
        return AuditReason.ACCEPTED
    return AuditReason.NEXT_STEP_IS_SET


def is_probe_late(raised_at: datetime, arrived_at: datetime | None, now: datetime) -> bool:
    """Return whether a probe should have arrived; one that never does stays late."""
    return arrived_at is None and now - raised_at > PROBE_LATE_AFTER


def decide_heartbeat(violations: int, repaired: int) -> HeartbeatReason:
    """Say whether the outside watcher may hear that no alert is lost.

    Example:
        >>> decide_heartbeat(2, 1)
        <HeartbeatReason.NOT_REPAIRED: 'not_repaired'>
    """
    if not violations:
        return HeartbeatReason.ALL_WELL
    return HeartbeatReason.REPAIRED if repaired >= violations else HeartbeatReason.NOT_REPAIRED
