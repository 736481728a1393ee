"""Alerts in PostgreSQL, what every step shares: an alert's row, its history, its next decision.

Rule 1: whatever changes an alert holds its row; two processes at one piece of work do it once.
Rule 2: what is decided is stored in one transaction with what it was decided from.
Rule 3: `now` and chance are arguments, and nothing is sent from here.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from psycopg.rows import kwargs_row, scalar_row
from pydantic import ValidationError

from alerts.burden import LOOK_BACK, Push, Slot, place, windows_of
from alerts.decisions import AlertFacts, Decision, Note, Reopen, Tell, decide
from alerts.deliveries import CONSOLE, Address, addresses_of, idempotency_key
from alerts.policy import PolicyDocument, Step
from alerts.probe import PROBE_ADDRESS, PROBE_PERSON, PROBE_RECIPIENTS
from alerts.progress import PastEvent, Progress, read_progress
from alerts.reasons import AlertEventKind, AlertState, DecisionReason, DeliveryReason
from alerts.routing import Recipients
from tidewell.crashpoints import CrashPoint, crashpoint
from tidewell.database import Connection, Queries
from tidewell.logs import get_logger
from tidewell.rota import LONGEST, on_duty
from tidewell.rota_store import read_rotas
from tidewell.vocabulary import Asking, Level

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

BATCH_MOST: Final = 200
"""Work looked up at once: well under a second of transactions, so that a stop is prompt."""

LOOK_BACK_USUAL: Final = 10_000
"""Numbers given out before the newest handled one, and perhaps committed after it."""

LOOK_BACK_ALL: Final = 2**60
"""More than there will ever be: looks at everything."""

IDLE_MOST_S: Final = 10
"""Between two statements of a transaction pass milliseconds. Whoever lets it wait longer stands
still, and others wait for the rows that it holds. A third of a lease."""

_SQL: Final = Queries("alerts", "store.sql")


@dataclass(frozen=True, slots=True)
class Site:
    """What a site has set, as far as alerts depend on it."""

    link_base: str
    webhook_url: str | None
    channels: frozenset[str]
    fresh_within_h: int

    @property
    def personal_channels(self) -> frozenset[str]:
        """Return the channels that need an address of one's own."""
        return self.channels - {CONSOLE}

    @property
    def needs_addresses(self) -> bool:
        """Return whether somebody without an address of their own hears of nothing.

        The webhook of a site is for everybody; a site with nothing but its console has no better.
        """
        return self.webhook_url is None and bool(self.personal_channels)


@dataclass(frozen=True, slots=True)
class Desk:
    """What each step works with: a connection, the site and the time."""

    connection: Connection
    site: Site
    now: datetime


@dataclass(frozen=True, slots=True)
class AlertRow:
    """An alert as it is stored, as far as a step depends on it."""

    alert_id: int
    public_id: str
    person_id: int
    cause: str
    state: AlertState
    level: Level
    raised_at: datetime
    accepted_by: int | None
    accepted_at: datetime | None
    snoozed_until: datetime | None
    offered_to: int | None
    closed_at: datetime | None
    outcome: str | None
    policy: dict[str, Any]
    wake_at: datetime | None

    @property
    def is_asked_by_a_person(self) -> bool:
        """Return whether somebody raised it, and no score."""
        return self.cause in set(Asking)


@dataclass(frozen=True, slots=True)
class _OwnAddress:
    """One way to reach somebody, that may not work."""

    staff_id: int
    channel: str
    address: str
    is_dead: bool

    def problem(self, site: Site) -> DeliveryReason | None:
        """Return why nothing is sent there, or None."""
        if self.channel not in site.channels:
            return DeliveryReason.UNKNOWN_CHANNEL
        return DeliveryReason.ADDRESS_IS_DEAD if self.is_dead else None


async def limit_idle(connection: Connection) -> None:
    """Have the server end this session if it leaves a transaction waiting."""
    await connection.execute(_SQL["limit_idle"], {"most": f"{IDLE_MOST_S}s"})


def as_alert(*, state: str, level: str, **columns: Any) -> AlertRow:  # noqa: ANN401 -- columns as psycopg reads them
    """Return a row of `alert` with its words as enumerations."""
    return AlertRow(state=AlertState(state), level=Level(level), **columns)


async def lock_alert(desk: Desk, alert_id: int) -> AlertRow | None:
    """Return an alert, and hold it until the transaction ends."""
    async with desk.connection.cursor(row_factory=kwargs_row(as_alert)) as cursor:
        await cursor.execute(_SQL["alert"], {"alert_id": alert_id})
        return await cursor.fetchone()


def readable_policy(body: dict[str, Any]) -> PolicyDocument:
    """Return a policy, or the shipped one where it cannot be read: somebody must be told."""
    try:
        return PolicyDocument.model_validate(body)
    except ValidationError as error:
        problems = [f"{'.'.join(map(str, one['loc']))}: {one['msg']}" for one in error.errors()]
        get_logger().error("policy is not readable, the shipped one holds", problems=problems)
        return PolicyDocument()


async def due_alerts(desk: Desk, set_aside: Sequence[int]) -> list[int]:
    """Return the alerts whose policy has to be asked now."""
    async with desk.connection.cursor(row_factory=scalar_row) as cursor:
        await cursor.execute(
            _SQL["due_alerts"],
            {"now": desk.now, "set_aside": list(set_aside), "most": BATCH_MOST},
        )
        return await cursor.fetchall()


async def wake(desk: Desk, alert_id: int) -> DecisionReason | None:
    """Ask an alert's policy and store its decision; `None` when another process has."""
    async with desk.connection.transaction():
        alert = await lock_alert(desk, alert_id)
        if alert is None or alert.wake_at is None or alert.wake_at > desk.now:
            return None
        decision = await advance(desk, alert)
        crashpoint(CrashPoint.IN_WAKE)
    crashpoint(CrashPoint.AFTER_WAKE)
    return decision.reason


async def advance(desk: Desk, alert: AlertRow) -> Decision:
    """Ask the policy of an alert that this transaction holds, and store what it decides."""
    document = readable_policy(alert.policy)
    recipients = await recipients_of(desk, alert.person_id, document)
    facts = await _facts(desk, alert)
    decision = decide(facts, recipients, document.as_policy(), desk.now)
    for action in decision.actions:
        if isinstance(action, Note):
            await record(
                desk,
                alert.alert_id,
                action.kind,
                action.reason,
                staff_id=action.staff_id,
                detail=action.detail,
            )
        elif isinstance(action, Reopen):
            await desk.connection.execute(_SQL["reopen"], {"alert_id": alert.alert_id})
        else:
            await queue(desk, alert, action, decision.reason)
    await desk.connection.execute(
        _SQL["set_next_step"],
        {
            "alert_id": alert.alert_id,
            "wake_at": decision.wake_at,
            "recipient_staff_id": recipients.key_worker,
        },
    )
    await tell_portal(desk, alert.alert_id)
    return decision


async def _facts(desk: Desk, alert: AlertRow) -> AlertFacts:
    async with desk.connection.cursor(row_factory=scalar_row) as cursor:
        await cursor.execute(_SQL["is_reached"], {"alert_id": alert.alert_id})
        is_reached = bool(await cursor.fetchone())
        has_owner_left = False
        if alert.state is AlertState.ACCEPTED:
            who = {"staff_id": alert.accepted_by, "now": desk.now}
            await cursor.execute(_SQL["has_left"], who)
            has_owner_left = bool(await cursor.fetchone())
    return AlertFacts(
        alert.state,
        alert.level,
        await progress_of(desk, alert),
        is_reached,
        alert.accepted_by,
        alert.accepted_at,
        alert.snoozed_until,
        has_owner_left,
    )


async def progress_of(desk: Desk, alert: AlertRow) -> Progress:
    """Return how far the telling of an alert has come."""
    async with desk.connection.cursor(row_factory=kwargs_row(_past_event)) as cursor:
        await cursor.execute(_SQL["history"], {"alert_id": alert.alert_id})
        return read_progress(alert.raised_at, await cursor.fetchall())


def _past_event(
    *, kind: str, reason: str, at: datetime, staff_id: int | None, detail: str
) -> PastEvent:
    return PastEvent(AlertEventKind(kind), reason, at, staff_id, detail)


async def recipients_of(desk: Desk, person_id: int, document: PolicyDocument) -> Recipients:
    """Return who could be asked about a person now, by step of the chain."""
    if person_id == PROBE_PERSON:
        return PROBE_RECIPIENTS
    duty = await _on_duty(desk, document)
    parameters = {
        "person_id": person_id,
        "now": desk.now,
        "duty_line": list(document.people_of_rotas(Step.DUTY_LINE, duty)),
        "service_managers": list(document.people_of_rotas(Step.SERVICE_MANAGER, duty)),
        "channels": sorted(desk.site.personal_channels),
    }
    rows = await (await desk.connection.execute(_SQL["recipients"], parameters)).fetchall()
    at: dict[Step, set[int]] = {}
    for staff_id, step, _, _ in rows:
        at.setdefault(Step(step), set()).add(staff_id)
    unreachable = {staff_id for staff_id, _, _, has_address in rows if not has_address}
    return Recipients(
        {step: frozenset(staff_ids) for step, staff_ids in at.items()},
        frozenset(staff_id for staff_id, _, is_away, _ in rows if is_away),
        frozenset(unreachable) if desk.site.needs_addresses else frozenset(),
    )


async def _on_duty(desk: Desk, document: PolicyDocument) -> dict[int, frozenset[int]]:
    """Return who is on duty now, by rota; a policy without rotas asks for nothing."""
    if not document.rotas():
        return {}
    since = desk.now - LONGEST
    rotas = await read_rotas(desk.connection, since, document.rotas())
    return {rota_id: on_duty(rota, desk.now) for rota_id, rota in rotas.items()}


async def queue(desk: Desk, alert: AlertRow, tell: Tell, reason: DecisionReason) -> None:
    """Write the messages down, one for each person and address, before any of them leaves."""
    async with desk.connection.cursor(row_factory=scalar_row) as cursor:
        await cursor.execute(_SQL["is_first_of_person"], {"alert_id": alert.alert_id})
        is_first = bool(await cursor.fetchone()) or alert.is_asked_by_a_person
    for address in await _addresses(desk, alert, tell):
        key = idempotency_key(alert.public_id, tell.number, address)
        slot = await _slot(desk, alert, address, key)
        await desk.connection.execute(
            _SQL["queue_delivery"],
            {
                "alert_id": alert.alert_id,
                "staff_id": address.staff_id,
                "channel": address.channel,
                "address": address.address,
                "idempotency_key": key,
                "attempt_at": slot.attempt_at,
                "ask": tell.number,
                "is_first": is_first,
                "bundle": slot.bundle,
            },
        )
    for staff_id in tell.staff_ids:
        kind = AlertEventKind.NOTIFICATION_QUEUED
        step = tell.step.value if tell.step else ""
        await record(desk, alert.alert_id, kind, reason, staff_id=staff_id, detail=step)


async def _addresses(desk: Desk, alert: AlertRow, tell: Tell) -> list[Address]:
    """Return where to write to; a probe goes to its sink and nowhere else."""
    if alert.person_id == PROBE_PERSON:
        return [PROBE_ADDRESS]
    own = await _own_addresses(desk, alert, tell)
    return addresses_of(tell.staff_ids, own, desk.site.webhook_url)


async def _slot(desk: Desk, alert: AlertRow, address: Address, key: str) -> Slot:
    """Return when a message to an address may leave; the console rings nobody and has no budget.

    What a person asked for waits for no budget and joins no bundle.
    """
    if address.channel == CONSOLE or alert.is_asked_by_a_person:
        return Slot(desk.now, None)
    which = {
        "staff_id": address.staff_id,
        "channel": address.channel,
        "address": address.address,
        "since": desk.now - LOOK_BACK,
    }
    await desk.connection.execute(_SQL["lock_budget"], {"staff_id": address.staff_id})
    async with desk.connection.cursor(row_factory=kwargs_row(Push)) as cursor:
        await cursor.execute(_SQL["recent_pushes"], which)
        pushes = await cursor.fetchall()
    allowed = readable_policy(alert.policy).as_policy().push_windows
    windows = windows_of(address.channel, allowed)
    return place(pushes, windows, alert.level, desk.now, f"bundle-{key}")


async def _own_addresses(desk: Desk, alert: AlertRow, tell: Tell) -> list[Address]:
    """Return people's own addresses; say in the history which of them we cannot write to."""
    parameters = {"staff_ids": list(tell.staff_ids), "now": desk.now}
    async with desk.connection.cursor(row_factory=kwargs_row(_OwnAddress)) as cursor:
        await cursor.execute(_SQL["addresses_of_staff"], parameters)
        own = await cursor.fetchall()
    usable: list[Address] = []
    for one in own:
        problem = one.problem(desk.site)
        if problem is None:
            usable.append(Address(one.staff_id, one.channel, one.address))
            continue
        await withhold(desk, alert.alert_id, problem, staff_id=one.staff_id, channel=one.channel)
    return usable


async def record(
    desk: Desk,
    alert_id: int,
    kind: AlertEventKind,
    reason: str,
    *,
    at: datetime | None = None,
    staff_id: int | None = None,
    alert_action_id: int | None = None,
    detail: str = "",
) -> None:
    """Write a line in an alert's history; it happened now unless `at` says otherwise."""
    await desk.connection.execute(
        _SQL["record_event"],
        {
            "alert_id": alert_id,
            "at": at or desk.now,
            "kind": kind.value,
            "reason": str(reason),
            "staff_id": staff_id,
            "alert_action_id": alert_action_id,
            "detail": detail,
        },
    )


async def withhold(
    desk: Desk, alert_id: int, reason: DeliveryReason, *, staff_id: int, channel: str
) -> None:
    """Write in an alert's history that a message does not go out, and why."""
    kind = AlertEventKind.NO_NOTIFICATION_SENT
    await record(desk, alert_id, kind, reason, staff_id=staff_id, detail=channel)


async def take_back(desk: Desk, alert_id: int, reason: DeliveryReason) -> None:
    """Give up the messages of an alert that have not left, and say why in its history."""
    parameters = {"alert_id": alert_id, "reason": reason.value}
    taken_back = await desk.connection.execute(_SQL["withdraw_deliveries"], parameters)
    for staff_id, channel in await taken_back.fetchall():
        await withhold(desk, alert_id, reason, staff_id=staff_id, channel=channel)


async def tell_portal(desk: Desk, alert_id: int) -> None:
    """Hint at a change; the hint leaves when the transaction commits."""
    await desk.connection.execute(_SQL["tell_portal"], {"alert_id": alert_id})
