"""Answers in PostgreSQL: each action of a person becomes one line in its alert's history.

The line carries the number of the action, which is unique there: that makes it exactly once.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from psycopg.rows import kwargs_row

from alerts.actions import Action, decide_action
from alerts.reasons import ActionKind, ActionReason, AlertEventKind, DeliveryReason
from alerts.store import (
    BATCH_MOST,
    LOOK_BACK_USUAL,
    Desk,
    lock_alert,
    record,
    tell_portal,
    withhold,
)
from tidewell.database import Connection, Queries

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

_SQL: Final = Queries("alerts.answers", "store.sql")


@dataclass(frozen=True, slots=True)
class Pending:
    """Something that somebody asked of an alert and that is not folded in yet."""

    alert_action_id: int
    alert_id: int


@dataclass(frozen=True, slots=True)
class _Action:
    staff_id: int
    kind: str
    outcome: str | None
    note: str
    at: datetime
    is_assigned: bool


async def listen(connection: Connection) -> None:
    """Ask to be hinted at new actions; polling finds them in any case."""
    await connection.execute(_SQL["listen"])


async def unfolded_actions(
    connection: Connection, set_aside: Sequence[int], *, look_back: int = LOOK_BACK_USUAL
) -> list[Pending]:
    """Return the next actions that are not in any history yet, oldest first."""
    async with connection.cursor(row_factory=kwargs_row(Pending)) as cursor:
        await cursor.execute(
            _SQL["unfolded_actions"],
            {"look_back": look_back, "set_aside": list(set_aside), "most": BATCH_MOST},
        )
        return await cursor.fetchall()


async def fold(desk: Desk, pending: Pending) -> ActionReason | None:
    """Do, or refuse, what somebody asked of an alert; `None` when another process has."""
    async with desk.connection.transaction():
        alert = await lock_alert(desk, pending.alert_id)
        action = await _fetch_action(desk, pending.alert_action_id)
        if alert is None or action is None:
            return None
        verdict = decide_action(
            Action(ActionKind(action.kind), action.staff_id, action.outcome),
            alert.state,
            alert.accepted_by,
            is_assigned=action.is_assigned,
        )
        await record(
            desk,
            alert.alert_id,
            verdict.kind,
            verdict.reason,
            at=action.at,
            staff_id=action.staff_id,
            alert_action_id=pending.alert_action_id,
        )
        await _apply(desk, alert.alert_id, action, verdict.kind)
        await tell_portal(desk, alert.alert_id)
    return verdict.reason


async def _apply(desk: Desk, alert_id: int, action: _Action, kind: AlertEventKind) -> None:
    """Store an answer and take back what was still to be sent."""
    answer = {"alert_id": alert_id, "staff_id": action.staff_id, "at": action.at}
    if kind is AlertEventKind.ACCEPTED:
        await desk.connection.execute(_SQL["accept"], answer)
        await _take_back(desk, alert_id, DeliveryReason.ALREADY_ACCEPTED)
    elif kind is AlertEventKind.CLOSED:
        closing = {**answer, "outcome": action.outcome, "note": action.note}
        await desk.connection.execute(_SQL["close"], closing)
        await _take_back(desk, alert_id, DeliveryReason.ALREADY_CLOSED)


async def _take_back(desk: Desk, alert_id: int, reason: DeliveryReason) -> None:
    parameters = {"alert_id": alert_id, "reason": reason.value}
    taken_back = await desk.connection.execute(_SQL["withdraw_deliveries"], parameters)
    for staff_id, channel in await taken_back.fetchall():
        await withhold(desk, alert_id, reason, staff_id=staff_id, channel=channel)


async def _fetch_action(desk: Desk, alert_action_id: int) -> _Action | None:
    async with desk.connection.cursor(row_factory=kwargs_row(_Action)) as cursor:
        await cursor.execute(_SQL["action"], {"alert_action_id": alert_action_id})
        return await cursor.fetchone()
