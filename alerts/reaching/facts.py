"""What a look ahead is made from: people, staff, who knows whom, who is away, who has an address.

`recipients_at` gives for any moment to come what the store finds for the present one; an
integration test holds the two together.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from alerts.policy import PolicyDocument, Step
from alerts.routing import Recipients
from tidewell.rota import Rota, Span, on_duty

PRACTITIONER: Final = "practitioner"
KEY_WORKER: Final = "key_worker"


@dataclass(frozen=True, slots=True)
class Staff:
    """Somebody who works here, or did until `left_at`."""

    staff_id: int
    team_id: int | None
    role: str
    left_at: datetime | None = None

    def is_there(self, moment: datetime) -> bool:
        """Return whether they work here at a moment."""
        return self.left_at is None or self.left_at > moment


@dataclass(frozen=True, slots=True)
class Assigned:
    """Somebody knows a person, from a moment until another or without an end."""

    staff_id: int
    kind: str
    valid_from: datetime
    valid_until: datetime | None = None

    def holds(self, moment: datetime) -> bool:
        """Return whether it holds at a moment."""
        is_over = self.valid_until is not None and self.valid_until <= moment
        return self.valid_from <= moment and not is_over


@dataclass(frozen=True, slots=True)
class Cover:
    """Somebody is away; `is_declined` says that the one who was to cover cannot."""

    away_staff_id: int
    cover_staff_id: int
    valid_from: datetime
    valid_until: datetime
    is_accepted: bool
    is_declined: bool = False

    def lasts(self, moment: datetime) -> bool:
        """Return whether a moment falls into its days."""
        return self.valid_from <= moment < self.valid_until


@dataclass(frozen=True, slots=True)
class Facts:
    """Everything a look ahead needs.

    `people` are told with those who know them. `addresses` are the staff to whom a message can be
    sent; nothing where the site needs no address of anybody.
    """

    document: PolicyDocument
    people: Mapping[int, tuple[Assigned, ...]]
    staff: Mapping[int, Staff]
    addresses: frozenset[int] | None
    rotas: Mapping[int, Rota]
    covers: tuple[Cover, ...]
    week: Span
    teams: Mapping[int, frozenset[int]] = field(init=False)

    def __post_init__(self) -> None:
        teams: dict[int, set[int]] = {}
        for one in self.staff.values():
            if one.team_id is not None and one.role == PRACTITIONER:
                teams.setdefault(one.team_id, set()).add(one.staff_id)
        frozen = {team_id: frozenset(members) for team_id, members in teams.items()}
        object.__setattr__(self, "teams", frozen)

    def is_there(self, staff_id: int, moment: datetime) -> bool:
        """Return whether somebody works here at a moment."""
        return staff_id in self.staff and self.staff[staff_id].is_there(moment)

    def has_address(self, staff_id: int) -> bool:
        """Return whether a message can be sent to somebody."""
        return self.addresses is None or staff_id in self.addresses

    def named_at(self, step: Step, moment: datetime) -> frozenset[int]:
        """Return whom a step of the policy names at a moment, as far as they work here."""
        rota_id = self.document.rota_at(step)
        rota = self.rotas.get(rota_id) if rota_id is not None else None
        duty = {rota.rota_id: on_duty(rota, moment)} if rota is not None else {}
        named = self.document.people_of_rotas(step, duty)
        return frozenset(one for one in named if self.is_there(one, moment))


@dataclass(frozen=True, slots=True)
class Moment:
    """What is the same for every person at a moment."""

    at: datetime
    duty_line: frozenset[int]
    service_managers: frozenset[int]
    covered_by: Mapping[int, frozenset[int]]


def moment_of(facts: Facts, at: datetime) -> Moment:
    """Return what is the same for every person at a moment."""
    covered_by: dict[int, set[int]] = {}
    for cover in facts.covers:
        if cover.is_accepted and cover.lasts(at):
            covered_by.setdefault(cover.away_staff_id, set()).add(cover.cover_staff_id)
    return Moment(
        at,
        facts.named_at(Step.DUTY_LINE, at),
        facts.named_at(Step.SERVICE_MANAGER, at),
        {away: frozenset(others) for away, others in covered_by.items()},
    )


def recipients_at(facts: Facts, assigned: tuple[Assigned, ...], moment: Moment) -> Recipients:
    """Return who could be asked about a person at a moment, by step of the chain."""
    knows = {one.staff_id for one in assigned if one.holds(moment.at)}
    workers = {one.staff_id for one in assigned if one.kind == KEY_WORKER and one.holds(moment.at)}
    covering = {other for one in workers for other in moment.covered_by.get(one, frozenset())}
    teams = {facts.staff[one].team_id for one in knows if one in facts.staff}
    team = {member for one in teams if one is not None for member in facts.teams.get(one, ())}
    wanted: dict[Step, set[int] | frozenset[int]] = {
        Step.KEY_WORKER: workers,
        Step.COVER: covering,
        Step.ASSIGNED: knows,
        Step.TEAM: team,
        Step.DUTY_LINE: moment.duty_line,
        Step.SERVICE_MANAGER: moment.service_managers,
    }
    at = {
        step: there
        for step, staff_ids in wanted.items()
        if (there := frozenset(one for one in staff_ids if facts.is_there(one, moment.at)))
    }
    everybody = frozenset[int]().union(*at.values())
    away = everybody & set(moment.covered_by)
    return Recipients(at, away, frozenset(one for one in everybody if not facts.has_address(one)))
