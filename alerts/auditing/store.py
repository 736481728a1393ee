"""The auditor in PostgreSQL: looks at everything that is open, repairs, and says that it looked."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from psycopg.rows import kwargs_row

from alerts.auditor import LATE_AFTER, PUT_OFF_MOST, PUT_OFF_MOST_IN_BUNDLE, audit
from alerts.reasons import AlertState, AuditReason, DeliveryReason
from alerts.store import BATCH_MOST, Desk, lock_alert, withhold
from tidewell.database import Queries
from tidewell.logs import get_logger

if TYPE_CHECKING:
    from datetime import datetime

_SQL: Final = Queries("alerts.auditing", "store.sql")


@dataclass(frozen=True, slots=True)
class Summary:
    """What one run of the auditor found."""

    alerts_checked: int
    violations: int
    repaired: int


@dataclass(frozen=True, slots=True)
class _Row:
    alert_id: int
    state: str
    wake_at: datetime | None


async def audit_alerts(desk: Desk) -> Summary:
    """Look at every open alert; report and repair those that could be forgotten."""
    await _give_up_unserved(desk)
    async with desk.connection.cursor(row_factory=kwargs_row(_Row)) as cursor:
        await cursor.execute(_SQL["unclosed_alerts"])
        rows = await cursor.fetchall()
    violations = repaired = await _pull_in_put_off(desk)
    for row in rows:
        reason = audit(AlertState(row.state), row.wake_at, desk.now)
        if reason.is_violation:
            violations += 1
            repaired += await _repair(desk, row)
            get_logger().error(
                "an alert could have been forgotten", alert_id=row.alert_id, reason=reason.value
            )
    counts = {"alerts_checked": len(rows), "violations": violations, "repaired": repaired}
    await desk.connection.execute(_SQL["record_audit"], {"now": desk.now, **counts})
    return Summary(**counts)


async def _repair(desk: Desk, row: _Row) -> int:
    parameters = {"alert_id": row.alert_id, "wake_at": row.wake_at, "now": desk.now}
    return (await desk.connection.execute(_SQL["repair"], parameters)).rowcount


async def _pull_in_put_off(desk: Desk) -> int:
    """Let messages leave now that wait for a time which only a clock that was ahead can mean."""
    far = {
        "now": desk.now,
        "far": desk.now + PUT_OFF_MOST,
        "far_in_bundle": desk.now + PUT_OFF_MOST_IN_BUNDLE,
    }
    rows = await (await desk.connection.execute(_SQL["pull_in_put_off"], far)).fetchall()
    for delivery_id, alert_id in rows:
        get_logger().error(
            "a message was put off by a clock that was ahead",
            delivery_id=delivery_id,
            alert_id=alert_id,
            reason=AuditReason.MESSAGE_PUT_OFF.value,
        )
    return len(rows)


async def _give_up_unserved(desk: Desk) -> None:
    """Give up messages on a channel that the site no longer has, so that others are told."""
    late = {"late": desk.now - LATE_AFTER, "channels": sorted(desk.site.channels)}
    rows = await desk.connection.execute(_SQL["unserved_deliveries"], {**late, "most": BATCH_MOST})
    reason = DeliveryReason.UNKNOWN_CHANNEL
    for (alert_id,) in await rows.fetchall():
        async with desk.connection.transaction():
            await lock_alert(desk, alert_id)
            given_up = await desk.connection.execute(
                _SQL["give_up_unserved"], {**late, "alert_id": alert_id, "reason": reason.value}
            )
            for staff_id, channel in await given_up.fetchall():
                await withhold(desk, alert_id, reason, staff_id=staff_id, channel=channel)
            waking = {"alert_id": alert_id, "now": desk.now}
            await desk.connection.execute(_SQL["wake_now"], waking)
