"""The auditor in PostgreSQL: looks at everything that is open, repairs, and says what it found.

It reads page by page, so that 100,000 open alerts need little memory and other work of the process
has its turn in between; `alerts.auditor` judges each of them. What it repairs is done, not only
marked as due: an alert whose step was late has taken it when the run ends.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

import psycopg
from psycopg.rows import kwargs_row, tuple_row

from alerts.auditor import (
    LATE_AFTER,
    PUT_OFF_MOST,
    PUT_OFF_MOST_IN_BUNDLE,
    audit,
    decide_heartbeat,
)
from alerts.probe import PROBE_CHANNEL
from alerts.reasons import AlertState, AuditReason, DeliveryReason, HeartbeatReason
from alerts.store import BATCH_MOST, Desk, lock_alert, wake, withhold
from tidewell.crashpoints import CrashPoint, crashpoint
from tidewell.database import Queries
from tidewell.logs import get_logger

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping
    from datetime import datetime

PAGE_ALERTS: Final = 2_000
"""Judged in some 10 ms, which nobody who waits for a message notices."""

REPAIRS_MOST: Final = 500
"""A few seconds of work. More of them at once is an outage, which the next runs go on to repair and
the outside watcher hears of."""

_SQL: Final = Queries("alerts.auditing", "store.sql")
_STATES: Final = {state.value: state for state in AlertState}
_CANNOT_BE_REPAIRED: Final = (psycopg.DataError, psycopg.IntegrityError, ValueError)


@dataclass(frozen=True, slots=True)
class Summary:
    """What one run of the auditor found; `found` counts the violations by reason."""

    alerts_checked: int
    violations: int
    repaired: int
    found: Mapping[AuditReason, int] = field(default_factory=dict, compare=False)

    @property
    def heartbeat(self) -> HeartbeatReason:
        """Return whether the outside watcher may hear that all is well."""
        return decide_heartbeat(self.violations, self.repaired)


@dataclass(frozen=True, slots=True)
class _Doubt:
    alert_id: int
    wake_at: datetime | None
    reason: AuditReason


@dataclass(frozen=True, slots=True)
class _Waiting:
    """What waits longer than it may."""

    messages: int
    events: int
    concerns: int
    answers: int


async def audit_alerts(
    desk: Desk, beside: Mapping[AuditReason, int] | None = None, probe_s: float | None = None
) -> Summary:
    """Look at every open alert; report and repair those that could be forgotten.

    Args:
        beside: violations that were found elsewhere and that nothing here can repair.
        probe_s: how long the latest probe took, to be kept with the run.
    """
    await _give_up_unserved(desk)
    await desk.connection.execute(_SQL["wake_what_leavers_own"], {"now": desk.now})
    found: Counter[AuditReason] = Counter(beside or {})
    repaired = put_off = await _pull_in_put_off(desk)
    found[AuditReason.MESSAGE_PUT_OFF] += put_off
    checked = tried = 0
    async for page, doubts in _pages(desk):
        checked += page
        for doubt in doubts:
            found[doubt.reason] += 1
            if tried < REPAIRS_MOST:
                tried += 1
                repaired += await _repair(desk, doubt)
        await asyncio.sleep(0)
    crashpoint(CrashPoint.IN_AUDIT)
    summary = Summary(checked, found.total(), repaired, +found)
    await _record(desk, summary, probe_s)
    return summary


async def look_beside(desk: Desk) -> Counter[AuditReason]:
    """Return what waits longer than it may although it is no alert's next step."""
    async with desk.connection.cursor(row_factory=kwargs_row(_Waiting)) as cursor:
        await cursor.execute(_SQL["waiting_too_long"], {"late": desk.now - LATE_AFTER})
        waiting = await cursor.fetchone()
    assert waiting is not None  # counts always answer
    return +Counter(
        {
            AuditReason.MESSAGE_IS_STUCK: waiting.messages,
            AuditReason.EVENT_NOT_TAKEN_IN: waiting.events,
            AuditReason.CONCERN_NOT_TAKEN_IN: waiting.concerns,
            AuditReason.ANSWER_NOT_FOLDED_IN: waiting.answers,
        }
    )


async def _pages(desk: Desk) -> AsyncIterator[tuple[int, list[_Doubt]]]:
    """Yield, page by page, how many alerts were judged and which of them could be forgotten."""
    after = 0
    while True:
        async with desk.connection.cursor(row_factory=tuple_row) as cursor:
            await cursor.execute(_SQL["unclosed_alerts"], {"after": after, "most": PAGE_ALERTS})
            rows = await cursor.fetchall()
        judged = (
            _Doubt(alert_id, wake_at, audit(_STATES[state], wake_at, desk.now))
            for alert_id, state, wake_at in rows
        )
        yield len(rows), [one for one in judged if one.reason.is_violation]
        if len(rows) < PAGE_ALERTS:
            return
        after = rows[-1][0]


async def _repair(desk: Desk, doubt: _Doubt) -> int:
    """Let an alert take its next step; return 1 when that is done, by whomever."""
    get_logger().error(
        "an alert could have been forgotten", alert_id=doubt.alert_id, reason=doubt.reason.value
    )
    parameters = {"alert_id": doubt.alert_id, "wake_at": doubt.wake_at, "now": desk.now}
    await desk.connection.execute(_SQL["repair"], parameters)
    try:
        await wake(desk, doubt.alert_id)
    except _CANNOT_BE_REPAIRED as error:
        get_logger().error(
            "an alert could not be repaired",
            alert_id=doubt.alert_id,
            problem=type(error).__name__,
        )
        return 0
    return 1


async def _record(desk: Desk, summary: Summary, probe_s: float | None) -> None:
    values = {
        "now": desk.now,
        "alerts_checked": summary.alerts_checked,
        "violations": summary.violations,
        "repaired": summary.repaired,
        "heartbeat": summary.heartbeat.value,
        "probe_seconds": probe_s,
    }
    await desk.connection.execute(_SQL["record_audit"], values)


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
    served = sorted({*desk.site.channels, PROBE_CHANNEL})
    late = {"late": desk.now - LATE_AFTER, "channels": served}
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
