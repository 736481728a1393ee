"""The auditor's judgement: could this alert be forgotten?

It trusts no other part of alerts: it looks at what is stored and at the time, and asks whether
something will still happen by itself: also to one that somebody accepted, whose timer has to run.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

from alerts.burden import LOOK_BACK
from alerts.deliveries import RETRY_LONGEST
from alerts.reasons import AlertState, AuditReason

LATE_AFTER: Final = timedelta(minutes=5)
"""Wake-ups are looked for each second; minutes late means that nobody looks for them at all."""
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
