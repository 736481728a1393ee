"""Answers in PostgreSQL: each action of a person becomes one line in its alert's history.

The line carries the number of the action, which is unique there: that makes it exactly once.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from psycopg.rows import kwargs_row

from alerts.actions import Action, Target, decide_action
from alerts.decisions import Tell
from alerts.reasons import (
    ActionKind,
    ActionReason,
    AlertEventKind,
    DecisionReason,
    DeliveryReason,
)
from alerts.store import (
    BATCH_MOST,
    LOOK_BACK_USUAL,
    AlertRow,
    Desk,
    advance,
    lock_alert,
    progress_of,
    queue,
    readable_policy,
    record,
    take_back,
    tell_portal,
)
from tidewell.crashpoints import CrashPoint, crashpoint
from tidewell.database import Connection, Queries
from tidewell.vocabulary import Level

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from alerts.progress import Progress

_SQL: Final = Queries("alerts.answers", "store.sql")


@dataclass(frozen=True, slots=True)
class Pending:
    """Something that somebody asked of an alert and that is not folded in yet."""

    alert_action_id: int
    alert_id: int


@dataclass(frozen=True, slots=True)
class _Row:
    staff_id: int
    kind: str
    outcome: str | None
    note: str
    at: datetime
    seen_level: str | None
    to_staff_id: int | None
    snooze_reason: str | None
    snooze_until: datetime | None
    may_act: bool
    may_receiver_act: bool

    def as_action(self) -> Action:
        return Action(
            kind=ActionKind(self.kind),
            staff_id=self.staff_id,
            at=self.at,
            outcome=self.outcome,
            seen_level=Level(self.seen_level) if self.seen_level else None,
            to_staff_id=self.to_staff_id,
            may_receiver_act=self.may_receiver_act,
            snooze_reason=self.snooze_reason,
            until=self.snooze_until,
        )


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
        row = await _fetch_action(desk, pending.alert_action_id)
        if alert is None or row is None:
            return None
        progress = await progress_of(desk, alert)
        target = _as_target(alert, progress)
        verdict = decide_action(row.as_action(), target, may_act=row.may_act)
        await record(
            desk,
            alert.alert_id,
            verdict.kind,
            verdict.reason,
            at=row.at,
            staff_id=row.staff_id,
            alert_action_id=pending.alert_action_id,
            detail=row.snooze_reason or "",
        )
        await _apply(desk, alert, row, verdict.kind)
        if verdict.reason is ActionReason.LEVEL_ROSE_SINCE and row.staff_id not in progress.asked:
            number = f"{progress.demand}.seen.{pending.alert_action_id}"
            asking = Tell(number, (row.staff_id,), None)
            await queue(desk, alert, asking, DecisionReason.SEEN_AT_LOWER_LEVEL)
        await tell_portal(desk, alert.alert_id)
        crashpoint(CrashPoint.IN_FOLD)
    crashpoint(CrashPoint.AFTER_FOLD)
    return verdict.reason


def _as_target(alert: AlertRow, progress: Progress) -> Target:
    policy = readable_policy(alert.policy).as_policy()
    return Target(
        state=alert.state,
        level=alert.level,
        accepted_by=alert.accepted_by,
        offered_to=alert.offered_to,
        is_owner_reminded=progress.reminded_at is not None,
        snooze_most=policy.snooze_most[alert.level],
    )


async def _apply(desk: Desk, alert: AlertRow, row: _Row, kind: AlertEventKind) -> None:
    """Store an answer, take back what was still to be sent, and set the owner's timer."""
    answer = {"alert_id": alert.alert_id, "staff_id": row.staff_id, "at": row.at}
    if kind in (AlertEventKind.ACCEPTED, AlertEventKind.SNOOZED):
        snooze = (row.snooze_until, row.snooze_reason)
        await give_to(desk, alert.alert_id, row.staff_id, row.at, *snooze)
    elif kind is AlertEventKind.CLOSED:
        closing = {**answer, "outcome": row.outcome, "note": row.note}
        await desk.connection.execute(_SQL["close"], closing)
        await take_back(desk, alert.alert_id, DeliveryReason.ALREADY_CLOSED)
    elif kind is AlertEventKind.PASSED_ON and row.to_staff_id is not None:
        offer = {"alert_id": alert.alert_id, "to_staff_id": row.to_staff_id}
        await desk.connection.execute(_SQL["offer"], offer)
        asking = Tell(f"passed on {row.at.isoformat()}", (row.to_staff_id,), None)
        await queue(desk, alert, asking, DecisionReason.PASSED_ON)


async def give_to(
    desk: Desk,
    alert_id: int,
    staff_id: int,
    at: datetime,
    snoozed_until: datetime | None = None,
    snooze_reason: str | None = None,
) -> None:
    """Give an alert an owner: take back what was still to be sent to others, and set the timer."""
    snooze = {"snoozed_until": snoozed_until, "snooze_reason": snooze_reason}
    owned = {"alert_id": alert_id, "staff_id": staff_id, "at": at, **snooze}
    await desk.connection.execute(_SQL["accept"], owned)
    await take_back(desk, alert_id, DeliveryReason.ALREADY_ACCEPTED)
    await _set_timer(desk, alert_id)


async def _set_timer(desk: Desk, alert_id: int) -> None:
    """Ask the policy about an alert that has an owner now: it says when to come back."""
    owned = await lock_alert(desk, alert_id)
    if owned is None:
        raise AssertionError("an alert vanished while its row was held")
    await advance(desk, owned)


async def _fetch_action(desk: Desk, alert_action_id: int) -> _Row | None:
    async with desk.connection.cursor(row_factory=kwargs_row(_Row)) as cursor:
        await cursor.execute(_SQL["action"], {"alert_action_id": alert_action_id})
        return await cursor.fetchone()
