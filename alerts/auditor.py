"""The auditor's judgement: could this alert be forgotten?

It trusts no other part of alerts: it looks at what is stored and at the time, and asks whether
something will still happen by itself.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

from alerts.reasons import AlertState, AuditReason

LATE_AFTER: Final = timedelta(minutes=5)
"""Wake-ups are looked for each second; minutes late means that nobody looks for them at all."""


def audit(state: AlertState, wake_at: datetime | None, now: datetime) -> AuditReason:
    """Say why an alert cannot be forgotten, or that it can."""
    if state is AlertState.CLOSED:
        return AuditReason.CLOSED
    if state is AlertState.ACCEPTED:
        return AuditReason.ACCEPTED
    if wake_at is None:
        return AuditReason.NO_NEXT_STEP
    if wake_at < now - LATE_AFTER:
        return AuditReason.NEXT_STEP_IS_LATE
    return AuditReason.NEXT_STEP_IS_SET
