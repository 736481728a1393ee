"""Intake in PostgreSQL: one transaction holds the decision on an event and all that follows.

Every event gets a row in `alert_intake` with its reason: the proof that none was overlooked.
Whatever follows for a person and a cause holds one lock, so its events are taken in one by one.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from psycopg.rows import kwargs_row, scalar_row
from psycopg.types.json import Jsonb

from alerts.policy import PolicyDocument
from alerts.raising import EpisodeEvent, ExistingAlert, decide_intake
from alerts.reasons import (
    AlertEventKind,
    AlertState,
    DecisionReason,
    DeliveryReason,
    EpisodeEventKind,
    IntakeReason,
)
from alerts.store import (
    BATCH_MOST,
    LOOK_BACK_USUAL,
    AlertRow,
    Desk,
    advance,
    as_alert,
    readable_policy,
    record,
    take_back,
    tell_portal,
)
from alerts.texts import new_public_id
from tidewell.crashpoints import CrashPoint, crashpoint
from tidewell.database import Connection, Queries
from tidewell.vocabulary import Family, Level

if TYPE_CHECKING:
    import random
    from collections.abc import Sequence
    from datetime import datetime

_SQL: Final = Queries("alerts.intake", "store.sql")


@dataclass(frozen=True, slots=True)
class Pending:
    """An episode event that nobody has looked at yet."""

    episode_event_id: int
    episode_id: int
    person_id: int
    family: str


@dataclass(frozen=True, slots=True)
class _Event:
    episode_event_id: int
    episode_id: int
    kind: str
    at: datetime
    recorded_at: datetime
    level: str
    explanation: dict[str, Any]
    person_id: int
    family: str
    strand: str
    opened_at: datetime
    closed_at: datetime | None


async def listen(connection: Connection) -> None:
    """Ask to be hinted at new events; polling finds them in any case."""
    await connection.execute(_SQL["listen"])


async def unhandled_events(
    connection: Connection, set_aside: Sequence[int], *, look_back: int = LOOK_BACK_USUAL
) -> list[Pending]:
    """Return the next episode events that have no intake yet, oldest first."""
    async with connection.cursor(row_factory=kwargs_row(Pending)) as cursor:
        await cursor.execute(
            _SQL["unhandled_episode_events"],
            {"look_back": look_back, "set_aside": list(set_aside), "most": BATCH_MOST},
        )
        return await cursor.fetchall()


async def take_in(desk: Desk, pending: Pending, rng: random.Random) -> IntakeReason | None:
    """Decide on one episode event and store what follows; `None` when another process has."""
    async with desk.connection.transaction():
        cause = {"person_id": pending.person_id, "family": pending.family}
        await desk.connection.execute(_SQL["lock_cause"], cause)
        event = await _fetch_event(desk, pending.episode_event_id)
        if event is None:
            return None
        alert = await _fetch_alert(desk, "alert_of_cause", {**cause, "strand": event.strand})
        is_open = alert is not None and alert.state is not AlertState.CLOSED
        document = readable_policy(alert.policy) if alert and is_open else await site_policy(desk)
        policy = document.as_policy()
        former = await _as_existing(desk, event, alert) if alert else None
        reason = decide_intake(_as_decided_on(event), former, desk.now, policy)
        if reason in (IntakeReason.RAISED, IntakeReason.RE_RAISED):
            alert = await _raise(desk, event, document, rng, former=alert)
        elif alert is not None:
            await _apply(desk, event, alert, reason)
        await _record_intake(desk, event, reason, alert)
        crashpoint(CrashPoint.IN_INTAKE)
    return reason


def _as_decided_on(event: _Event) -> EpisodeEvent:
    is_moot = event.family == Family.DEVICE and event.closed_at is not None
    kind, level = EpisodeEventKind(event.kind), Level(event.level)
    return EpisodeEvent(kind, level, event.at, event.recorded_at, is_moot)


async def _as_existing(desk: Desk, event: _Event, alert: AlertRow) -> ExistingAlert:
    async with desk.connection.cursor(row_factory=scalar_row) as cursor:
        which = {"alert_id": alert.alert_id, "episode_id": event.episode_id}
        await cursor.execute(_SQL["is_of_episode"], which)
        is_same = bool(await cursor.fetchone())
    return ExistingAlert(alert.state, alert.level, is_same, alert.closed_at, alert.outcome)


async def site_policy(desk: Desk) -> PolicyDocument:
    """Return the policy of the site at this time: what it wrote, or what we ship."""
    row = await (await desk.connection.execute(_SQL["site_policy"], {"now": desk.now})).fetchone()
    shipped = {"fresh_within_h": desk.site.fresh_within_h}
    written = row[0] if row and isinstance(row[0], dict) else {}
    return readable_policy({**shipped, **written})


async def _raise(
    desk: Desk,
    event: _Event,
    document: PolicyDocument,
    rng: random.Random,
    *,
    former: AlertRow | None,
) -> AlertRow:
    """Raise an alert; one that follows a closed one is linked to it, in both histories."""
    alert = await _fetch_alert(
        desk,
        "raise_alert",
        {
            "public_id": new_public_id(rng),
            "episode_id": event.episode_id,
            "person_id": event.person_id,
            "cause": event.family,
            "level": event.level,
            "since": event.opened_at,
            "now": desk.now,
            "explanation": Jsonb(event.explanation),
            "policy": Jsonb(document.model_dump(mode="json")),
            "former_alert_id": former.alert_id if former else None,
        },
    )
    if alert is None:
        raise AssertionError("an INSERT … RETURNING without a row")
    reason = IntakeReason.RE_RAISED if former else IntakeReason.RAISED
    before = former.public_id if former else ""
    await record(desk, alert.alert_id, AlertEventKind.CREATED, reason, detail=before)
    if former is not None:
        kind = AlertEventKind.RE_RAISED
        await record(desk, former.alert_id, kind, reason, detail=alert.public_id)
        await tell_portal(desk, former.alert_id)
    if event.closed_at is not None:
        await _mark_back_to_usual(desk, alert.alert_id, event, event.closed_at)
    await advance(desk, alert)
    return alert


async def _apply(desk: Desk, event: _Event, alert: AlertRow, reason: IntakeReason) -> None:
    """Store what an event means for the alert that its episode already has."""
    if reason is IntakeReason.WORSENED:
        await _worsen(desk, event, alert)
    elif reason is IntakeReason.BACK_TO_USUAL:
        await _mark_back_to_usual(desk, alert.alert_id, event, event.at)
        await tell_portal(desk, alert.alert_id)
    else:
        await record(desk, alert.alert_id, AlertEventKind.DUPLICATE_SUPPRESSED, reason)
        if reason is IntakeReason.MERGED and event.closed_at is None:
            parameters = {"alert_id": alert.alert_id}
            await desk.connection.execute(_SQL["mark_changed_again"], parameters)


async def _worsen(desk: Desk, event: _Event, alert: AlertRow) -> None:
    """Raise the level and ask again; whoever accepted it accepted something less urgent.

    What still waits with the lower level is taken back, or people would hear of one rise twice.
    """
    raised = await _fetch_alert(
        desk,
        "raise_level",
        {
            "alert_id": alert.alert_id,
            "level": event.level,
            "explanation": Jsonb(event.explanation),
            "now": desk.now,
        },
    )
    if raised is None:
        raise AssertionError("an alert closed while its row was held")
    await record(
        desk,
        alert.alert_id,
        AlertEventKind.WORSENED,
        DecisionReason.LEVEL_ROSE,
        staff_id=alert.accepted_by,
        detail=f"{alert.level} to {event.level}",
    )
    if event.closed_at is not None:
        await _mark_back_to_usual(desk, alert.alert_id, event, event.closed_at)
    await take_back(desk, alert.alert_id, DeliveryReason.LEVEL_ROSE)
    await advance(desk, raised)


async def _mark_back_to_usual(desk: Desk, alert_id: int, event: _Event, at: datetime) -> None:
    parameters = {"alert_id": alert_id, "episode_id": event.episode_id, "at": at}
    marked = await desk.connection.execute(_SQL["mark_back_to_usual"], parameters)
    if marked.rowcount:
        kind = AlertEventKind.BACK_TO_USUAL
        await record(desk, alert_id, kind, IntakeReason.BACK_TO_USUAL)


async def _record_intake(
    desk: Desk, event: _Event, reason: IntakeReason, alert: AlertRow | None
) -> None:
    await desk.connection.execute(
        _SQL["record_intake"],
        {
            "episode_event_id": event.episode_event_id,
            "now": desk.now,
            "reason": reason.value,
            "alert_id": alert.alert_id if alert else None,
        },
    )


async def _fetch_event(desk: Desk, episode_event_id: int) -> _Event | None:
    async with desk.connection.cursor(row_factory=kwargs_row(_Event)) as cursor:
        await cursor.execute(_SQL["episode_event"], {"episode_event_id": episode_event_id})
        return await cursor.fetchone()


async def _fetch_alert(desk: Desk, query: str, parameters: dict[str, object]) -> AlertRow | None:
    async with desk.connection.cursor(row_factory=kwargs_row(as_alert)) as cursor:
        await cursor.execute(_SQL[query], parameters)
        return await cursor.fetchone()
