"""The service in numbers for programs of administrators. Nothing here is about one person."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from pydantic import AfterValidator, Field

from portal.admin_pages import AuditRow, read_service
from portal.alert_health_pages import PERIODS_DAYS, group_name
from portal.api.choices import one_of
from portal.api.operations import Answer, Call, Request
from tidewell.alert_health.figures import Group, RuleVerdict
from tidewell.alert_health.store import read_health


class Number(Answer):
    """How many of something."""

    name: str = Field(description="Codes as docs/operations.md has them, parted by ` / `.")
    number: int
    words: str


class Outage(Answer):
    """A time in which frames were not heard."""

    reason: str
    shards: int
    began_at: datetime
    ended_at: datetime | None


class Audit(Answer):
    """The last look of the auditor, which finds an alert that nobody would come back to."""

    at: datetime
    alerts_checked: int
    violations: int
    repaired: int


class ServiceAnswer(Answer):
    """How the service is doing."""

    people: int
    people_without_key_worker: int
    devices: int
    devices_heard: int
    frames_committed: int
    frames_dead_lettered: int
    frames_repeated: int
    frames_unscored: int
    open_episodes: int
    waiting_actions: int
    tables: dict[str, list[Number]]
    outages: list[Outage]
    audit: Audit | None
    unreached_people: int | None = Field(
        description="Of how many people nobody would be told this week; null: not looked yet."
    )


class AlertHealthQuery(Request):
    """Which period."""

    days: Annotated[
        int,
        AfterValidator(one_of(PERIODS_DAYS)),
        Field(json_schema_extra={"enum": list(PERIODS_DAYS)}),
    ] = PERIODS_DAYS[0]


class RulePrecision(Answer):
    """How many alerts that somebody judged were right, with the 95 % interval."""

    right: int
    judged: int
    low: float
    high: float


class AlertGroup(Answer):
    """Alerts of one kind. Null: too few to say."""

    kind: str
    name: str
    words: str
    alerts: int
    closed: int
    out_of_hours: int
    held: int
    escalated: int
    unanswered: int
    precision: RulePrecision | None
    per_person_month: float | None
    verdict: RuleVerdict


class AlertHealth(Answer):
    """How alerts did in a period; a team with few people is not told apart."""

    days: int
    people: int
    total: AlertGroup
    levels: list[AlertGroup]
    rules: list[AlertGroup]
    teams: list[AlertGroup]


async def show_service(call: Call) -> ServiceAnswer:
    """Return the numbers of the service."""
    view = await read_service(call.connection, call.request)
    if view.counts is None:
        raise AssertionError("a SELECT without FROM has a row")
    counted = {name: getattr(view.counts, name) for name in view.counts.__dataclass_fields__}
    found: dict[str, object] = {
        "tables": {
            name: [Number(name=one.name, number=one.number, words=one.words) for one in table]
            for name, table in view.tables.items()
        },
        "outages": [
            Outage(
                reason=one.reason,
                shards=one.shards,
                began_at=one.began_at,
                ended_at=one.ended_at,
            )
            for one in view.outages
        ],
        "audit": view.audit and _audit(view.audit),
        "unreached_people": len(view.reach.findings) if view.reach else None,
    }
    return ServiceAnswer.model_validate(counted | found)


async def show_alert_health(call: Call) -> AlertHealth:
    """Return how alerts are doing."""
    days = call.query_as(AlertHealthQuery).days
    health = await read_health(call.connection, call.now, days)
    return AlertHealth(
        days=health.days,
        people=health.people,
        total=_group(health.total),
        levels=[_group(one) for one in health.levels],
        rules=[_group(one) for one in health.rules],
        teams=[_group(one) for one in health.teams],
    )


def _audit(row: AuditRow) -> Audit:
    return Audit(
        at=row.at,
        alerts_checked=row.alerts_checked,
        violations=row.violations,
        repaired=row.repaired,
    )


def _group(group: Group) -> AlertGroup:
    counts, precision = group.counts, group.precision
    known = precision and RulePrecision(
        right=precision.right, judged=precision.judged, low=precision.low, high=precision.high
    )
    return AlertGroup(
        kind=counts.kind,
        name=counts.name,
        words=group_name(group),
        alerts=counts.alerts,
        closed=counts.closed,
        out_of_hours=counts.out_of_hours,
        held=counts.held,
        escalated=counts.escalated,
        unanswered=counts.unanswered,
        precision=known,
        per_person_month=group.per_person_month,
        verdict=group.verdict,
    )
