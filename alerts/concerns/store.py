"""Concerns in PostgreSQL: one transaction holds the decision on one of them and all that follows.

Every concern gets a row in `concern_intake` with its reason: the proof that none was overlooked,
and what makes it exactly once. Whatever follows for a person and a kind of asking holds one lock.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from psycopg.rows import kwargs_row
from psycopg.types.json import Jsonb

from alerts.answers.store import give_to
from alerts.concerns.deciding import Concern, OpenAlert, decide_concern, explain
from alerts.intake.store import site_policy
from alerts.reasons import (
    ActionReason,
    AlertEventKind,
    AlertState,
    ConcernKind,
    ConcernReason,
    DecisionReason,
    DeliveryReason,
)
from alerts.store import (
    BATCH_MOST,
    LOOK_BACK_USUAL,
    AlertRow,
    Desk,
    advance,
    as_alert,
    record,
    take_back,
    tell_portal,
)
from alerts.texts import new_public_id
from tidewell.database import Connection, Queries
from tidewell.vocabulary import Asking, CheckInChoice, Level, Source

if TYPE_CHECKING:
    import random
    from collections.abc import Sequence
    from datetime import datetime

_SQL: Final = Queries("alerts.concerns", "store.sql")


@dataclass(frozen=True, slots=True)
class Pending:
    """A concern that nobody has taken in yet."""

    concern_id: int
    person_id: int
    source: str

    @property
    def asking(self) -> Asking:
        """Return which kind of alert it is about."""
        is_theirs = self.source == Source.YOUNG_PERSON
        return Asking.CHECK_IN_ASKED if is_theirs else Asking.WORRY


@dataclass(frozen=True, slots=True)
class _Row:
    concern_id: int
    person_id: int
    concern: Concern
    withdraws: int | None
    may_act: bool


async def listen(connection: Connection) -> None:
    """Ask to be hinted at new concerns; polling finds them in any case."""
    await connection.execute(_SQL["listen"])


async def unhandled_concerns(
    connection: Connection, set_aside: Sequence[int], *, look_back: int = LOOK_BACK_USUAL
) -> list[Pending]:
    """Return the next concerns that have no intake yet, oldest first."""
    async with connection.cursor(row_factory=kwargs_row(Pending)) as cursor:
        await cursor.execute(
            _SQL["unhandled_concerns"],
            {"look_back": look_back, "set_aside": list(set_aside), "most": BATCH_MOST},
        )
        return await cursor.fetchall()


async def take_in(desk: Desk, pending: Pending, rng: random.Random) -> ConcernReason | None:
    """Decide on one concern and store what follows; `None` when another process has."""
    which: dict[str, object] = {
        "person_id": pending.person_id,
        "asking": pending.asking.value,
    }
    async with desk.connection.transaction():
        await desk.connection.execute(_SQL["lock_asking"], which)
        row = await _fetch_concern(desk, pending.concern_id)
        if row is None:
            return None
        if row.withdraws is None:
            alert = await _fetch_alert(desk, "open_alert", which)
        else:
            request: dict[str, object] = {
                "withdraws": row.withdraws,
                "person_id": row.person_id,
            }
            alert = await _fetch_alert(desk, "alert_of_request", request)
        reason = decide_concern(row.concern, _as_open(alert))
        if reason is ConcernReason.RAISED:
            alert = await _raise(desk, row, rng)
        await _record_intake(desk, row, reason, alert)
        if alert is not None:
            await _apply(desk, row, alert, reason)
            await tell_portal(desk, alert.alert_id)
    return reason


def _as_open(alert: AlertRow | None) -> OpenAlert | None:
    return None if alert is None else OpenAlert(alert.state, alert.level)


async def _raise(desk: Desk, row: _Row, rng: random.Random) -> AlertRow:
    document = await site_policy(desk)
    alert = await _fetch_alert(
        desk,
        "raise_alert",
        {
            "public_id": new_public_id(rng),
            "person_id": row.person_id,
            "asking": row.concern.asking.value,
            "level": row.concern.urgency.value,
            "since": row.concern.at,
            "now": desk.now,
            "explanation": Jsonb(explain([row.concern])),
            "policy": Jsonb(document.model_dump(mode="json")),
        },
    )
    if alert is None:
        raise AssertionError("an INSERT … RETURNING without a row")
    return alert


async def _apply(desk: Desk, row: _Row, alert: AlertRow, reason: ConcernReason) -> None:
    """Write down what a concern means for its alert, and ask the policy what follows."""
    if reason is ConcernReason.ALREADY_CLOSED:
        return
    kind = AlertEventKind.ASKED_AGAIN
    if row.concern.kind is ConcernKind.WITHDRAW:
        kind = AlertEventKind.NOT_NEEDED_ANY_MORE
    elif reason is ConcernReason.RAISED:
        kind = AlertEventKind.CREATED
    await record(desk, alert.alert_id, kind, reason, staff_id=row.concern.staff_id)
    explanation = explain(await _concerns_of(desk, alert.alert_id))
    told = {"alert_id": alert.alert_id, "explanation": Jsonb(explanation)}
    await desk.connection.execute(_SQL["explain"], told)
    if row.concern.kind is ConcernKind.WITHDRAW:
        return
    if reason is ConcernReason.LEVEL_ROSE:
        alert = await _make_more_urgent(desk, row, alert)
    if row.concern.takes_it and row.may_act and alert.state is not AlertState.ACCEPTED:
        await _give_to_raiser(desk, row, alert)
    else:
        await advance(desk, alert)


async def _make_more_urgent(desk: Desk, row: _Row, alert: AlertRow) -> AlertRow:
    level = row.concern.urgency.value
    change: dict[str, object] = {"alert_id": alert.alert_id, "level": level, "now": desk.now}
    raised = await _fetch_alert(desk, "raise_level", change)
    if raised is None:
        raise AssertionError("an alert closed while its row was held")
    await record(
        desk,
        alert.alert_id,
        AlertEventKind.WORSENED,
        DecisionReason.LEVEL_ROSE,
        staff_id=alert.accepted_by,
        detail=f"{alert.level} to {level}",
    )
    await take_back(desk, alert.alert_id, DeliveryReason.LEVEL_ROSE)
    return raised


async def _give_to_raiser(desk: Desk, row: _Row, alert: AlertRow) -> None:
    """Give an alert to whoever raised it and said "I'm on it" in the same breath."""
    staff_id = row.concern.staff_id
    if staff_id is None:
        raise AssertionError("a concern of nobody in the staff is taken by nobody")
    reason = ActionReason.TOOK_IT_AT_ONCE
    await record(desk, alert.alert_id, AlertEventKind.ACCEPTED, reason, staff_id=staff_id)
    await give_to(desk, alert.alert_id, staff_id, desk.now)


async def tell_stretch(desk: Desk) -> None:
    """Tell the pages when the team is at work, by the policy of the site at this time."""
    document = await site_policy(desk)
    working_time = document.as_policy().working_time
    stretch = working_time.stretch(desk.now) if working_time else None
    begins_at, ends_at = stretch or (None, None)
    told = {
        "begins_at": begins_at,
        "ends_at": ends_at,
        "has_duty_line": document.has_duty_line,
        "now": desk.now,
    }
    await desk.connection.execute(_SQL["tell_stretch"], told)


async def _record_intake(
    desk: Desk, row: _Row, reason: ConcernReason, alert: AlertRow | None
) -> None:
    await desk.connection.execute(
        _SQL["record_intake"],
        {
            "concern_id": row.concern_id,
            "now": desk.now,
            "reason": reason.value,
            "alert_id": alert.alert_id if alert else None,
        },
    )


async def _fetch_concern(desk: Desk, concern_id: int) -> _Row | None:
    async with desk.connection.cursor(row_factory=kwargs_row(_as_row)) as cursor:
        await cursor.execute(_SQL["concern"], {"concern_id": concern_id})
        return await cursor.fetchone()


def _as_row(
    *,
    concern_id: int,
    person_id: int,
    withdraws: int | None,
    may_act: bool,
    **columns: Any,  # noqa: ANN401 -- columns as psycopg reads them
) -> _Row:
    return _Row(concern_id, person_id, _as_concern(**columns), withdraws, may_act)


def _as_concern(
    *,
    kind: str,
    source: str,
    level: str | None,
    choice: str | None,
    at: datetime,
    staff_id: int | None = None,
    takes_it: bool = False,
) -> Concern:
    return Concern(
        kind=ConcernKind(kind),
        source=Source(source),
        level=Level(level) if level else None,
        choice=CheckInChoice(choice) if choice else None,
        at=at,
        staff_id=staff_id,
        takes_it=takes_it,
    )


async def _concerns_of(desk: Desk, alert_id: int) -> list[Concern]:
    async with desk.connection.cursor(row_factory=kwargs_row(_as_concern)) as cursor:
        await cursor.execute(_SQL["concerns_of_alert"], {"alert_id": alert_id})
        return await cursor.fetchall()


async def _fetch_alert(desk: Desk, query: str, parameters: dict[str, object]) -> AlertRow | None:
    async with desk.connection.cursor(row_factory=kwargs_row(as_alert)) as cursor:
        await cursor.execute(_SQL[query], parameters)
        return await cursor.fetchone()
