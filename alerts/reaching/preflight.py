"""Who would not be reached in the days to come, found before it matters.

It walks through every moment at which something changes (work begins or ends, a shift, a cover or
an assignment starts or stops, somebody leaves) and asks the same routing that an alert would.

Rule 1: whoever the routing would reach nobody for is found, at every moment of the days.
Rule 2: people whom the same staff know are looked at once, so that ten thousand take seconds.
Rule 3: a finding says when, for how many people, and about whom; never a name.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from itertools import pairwise
from typing import TYPE_CHECKING, Final

from alerts.policy import Policy, PolicyDocument, Step
from alerts.reaching.facts import (
    KEY_WORKER,
    Assigned,
    Cover,
    Facts,
    Moment,
    Staff,
    moment_of,
    recipients_at,
)
from alerts.routing import next_asking
from tidewell.rota import Rota, Span, merged, shifts_between

if TYPE_CHECKING:
    from collections.abc import Iterable

NAMED_STEPS: Final = (Step.DUTY_LINE, Step.SERVICE_MANAGER)


class ReachReason(StrEnum):
    """Why somebody would not be reached, or not by whom they should be; the worst first."""

    NOBODY = "nobody"
    ONLY_EVERYBODY = "only_everybody"
    NO_KEY_WORKER = "no_key_worker"
    KEY_WORKER_LEFT = "key_worker_left"
    AWAY_WITHOUT_COVER = "away_without_cover"
    COVER_NOT_ACCEPTED = "cover_not_accepted"
    COVER_IS_NOT_THERE = "cover_is_not_there"
    NO_WORKING_ADDRESS = "no_working_address"
    STEP_EMPTY = "step_empty"
    ROTA_HOLE = "rota_hole"
    NOBODY_AT_NIGHT = "nobody_at_night"


@dataclass(frozen=True, slots=True)
class Key:
    """What a finding is about; everything with the same key is one finding."""

    reason: ReachReason
    staff_id: int | None = None
    step: Step | None = None
    rota_id: int | None = None


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that would go wrong, when, and for whom; without people it is about everybody.

    The times are those of all its people together: each of them is concerned at some of them.
    """

    key: Key
    spans: tuple[Span, ...]
    people: tuple[int, ...]


def who_would_be_reached(
    document: PolicyDocument,
    people: Mapping[int, tuple[Assigned, ...]],
    staff: Mapping[int, Staff],
    addresses: frozenset[int] | None,
    rotas: Mapping[int, Rota],
    covers: Sequence[Cover],
    week: Span,
) -> list[Finding]:
    """Return all that would go wrong in the days to come, the worst first.

    `addresses` are the staff to whom a message can be sent; None where the site needs none.
    """
    facts = Facts(document, people, staff, addresses, rotas, tuple(covers), week)
    found = _Found()
    moments = _shared_moments(facts)
    _look_at_the_service(facts, moments, found)
    groups: dict[tuple[Assigned, ...], list[int]] = {}
    for person_id, assigned in people.items():
        groups.setdefault(assigned, []).append(person_id)
    looks = _Looks(facts, moments)
    for assigned, person_ids in groups.items():
        for key, span in _look_at_people(looks, assigned):
            found.add(key, span, person_ids)
    return found.in_order()


class _Found:
    """Findings as they come up."""

    def __init__(self) -> None:
        self._spans: dict[Key, list[Span]] = {}
        self._people: dict[Key, set[int]] = {}

    def add(self, key: Key, span: Span, people: Iterable[int] = ()) -> None:
        self._spans.setdefault(key, []).append(span)
        self._people.setdefault(key, set()).update(people)

    def add_if(self, key: Key | None, span: Span) -> None:
        if key is not None:
            self.add(key, span)

    def in_order(self) -> list[Finding]:
        order = list(ReachReason)
        found = [
            Finding(key, tuple(merged(spans)), tuple(sorted(self._people[key])))
            for key, spans in self._spans.items()
        ]
        return sorted(
            found,
            key=lambda one: (
                order.index(one.key.reason),
                -len(one.people),
                one.spans[0].starts_at,
                one.key.staff_id or 0,
            ),
        )


class _Looks:
    """The moments that are the same for everybody, kept so that each is worked out once."""

    def __init__(self, facts: Facts, moments: Sequence[datetime]) -> None:
        self.facts = facts
        self.policy: Policy = facts.document.as_policy()
        self.spans = tuple(pairwise([*moments, facts.week.ends_at]))
        self.moments = {at: moment_of(facts, at) for at, _ in self.spans}
        # Where the policy's own people can be reached, no chain ends in nobody.
        self.unsafe = merged(
            Span(first, end) for first, end in self.spans if not self._reaches(self.moments[first])
        )
        self.covers: dict[int, list[Cover]] = {}
        for cover in facts.covers:
            self.covers.setdefault(cover.away_staff_id, []).append(cover)
        self._changes = {staff_id: self._changes_of(staff_id) for staff_id in facts.staff}
        self._team_changes = {
            team_id: {at for one in members for at in self._changes[one]}
            for team_id, members in facts.teams.items()
        }
        self._named_changes = {
            at for one in _named_in_the_week(facts) for at in self._changes[one]
        } | _rota_changes(facts)

        away = {one.away_staff_id for one in facts.covers if one.is_accepted}
        self._steady = {
            one.staff_id
            for one in facts.staff.values()
            if one.left_at is None and facts.has_address(one.staff_id)
        } - away
        self._steady_teams = {
            team_id for team_id, members in facts.teams.items() if members & self._steady
        }

    def is_steady(self, assigned: tuple[Assigned, ...]) -> bool:
        """Return whether one step of the chain has the same reachable person at every moment."""
        week, chain = self.facts.week, self.policy.chain
        known = [
            one
            for one in assigned
            if one.holds(week.starts_at)
            and (one.valid_until is None or one.valid_until >= week.ends_at)
        ]
        workers = {one.staff_id for one in known if one.kind == KEY_WORKER}
        if Step.KEY_WORKER in chain and workers & self._steady:
            return True
        if Step.ASSIGNED in chain and any(one.staff_id in self._steady for one in known):
            return True
        staff = self.facts.staff
        teams = {staff[one.staff_id].team_id for one in known if one.staff_id in staff}
        return Step.TEAM in chain and bool(teams & self._steady_teams)

    def _changes_of(self, staff_id: int) -> set[datetime]:
        left_at = self.facts.staff[staff_id].left_at
        found = {left_at} if left_at is not None else set()
        return found.union(*((one.valid_from, one.valid_until) for one in self._away(staff_id)))

    def _away(self, staff_id: int) -> list[Cover]:
        return self.covers.get(staff_id, [])

    def changes(self, assigned: tuple[Assigned, ...]) -> set[datetime]:
        """Return when something changes for people: who knows them, who is there, who covers."""
        found = {one.valid_from for one in assigned}
        found |= {one.valid_until for one in assigned if one.valid_until is not None}
        for one in assigned:
            found |= self._changes.get(one.staff_id, set())
            for cover in self._away(one.staff_id):
                found |= self._changes.get(cover.cover_staff_id, set())
        return found

    def changes_of_all(self, assigned: tuple[Assigned, ...]) -> set[datetime]:
        """Return those, and when something changes for their teams and whom the policy names."""
        found = self.changes(assigned) | self._named_changes
        for one in assigned:
            team_id = (
                self.facts.staff[one.staff_id].team_id if one.staff_id in self._changes else None
            )
            found |= self._team_changes.get(team_id, set()) if team_id is not None else set()
        return found

    def _reaches(self, moment: Moment) -> bool:
        chain = self.policy.chain
        there = moment.duty_line if Step.DUTY_LINE in chain else frozenset[int]()
        if Step.SERVICE_MANAGER in chain:
            there |= moment.service_managers
        return any(self.facts.has_address(one) for one in there - set(moment.covered_by))

    def moment(self, at: datetime) -> Moment:
        if at not in self.moments:
            self.moments[at] = moment_of(self.facts, at)
        return self.moments[at]


def _shared_moments(facts: Facts) -> list[datetime]:
    """Return the beginning and every moment at which something changes for everybody."""
    first, end = facts.week.starts_at, facts.week.ends_at
    found = {first}
    for cover in facts.covers:
        found |= {cover.valid_from, cover.valid_until}
    found |= {one.left_at for one in facts.staff.values() if one.left_at is not None}
    found |= _rota_changes(facts)
    hours = facts.document.working_hours
    if hours is not None:
        found |= set(hours.as_working_time().changes_between(first, end))
    return sorted(at for at in found if first <= at < end)


def _rota_changes(facts: Facts) -> set[datetime]:
    shifts = (
        shift
        for rota in _rotas_in_use(facts)
        for shift in shifts_between(rota, facts.week.starts_at, facts.week.ends_at)
    )
    return {at for shift in shifts for at in (shift.starts_at, shift.ends_at)}


def _rotas_in_use(facts: Facts) -> list[Rota]:
    return [facts.rotas[one] for one in facts.document.rotas() if one in facts.rotas]


# ---- The service --------------------------------------------------------------


def _look_at_the_service(facts: Facts, moments: Sequence[datetime], found: _Found) -> None:
    policy = facts.document.as_policy()
    for first, end in pairwise([*moments, facts.week.ends_at]):
        moment, span = moment_of(facts, first), Span(first, end)
        named = {Step.DUTY_LINE: moment.duty_line, Step.SERVICE_MANAGER: moment.service_managers}
        is_open = policy.is_open(first)
        for step in NAMED_STEPS:
            if step in policy.chain and not named[step]:
                found.add_if(_empty_step(facts.document, step, is_open=is_open), span)
        there = moment.duty_line - set(moment.covered_by)
        is_watched = Step.DUTY_LINE in policy.chain and any(map(facts.has_address, there))
        if not is_open and not is_watched:
            found.add(Key(ReachReason.NOBODY_AT_NIGHT), span)
    for staff_id in _named_in_the_week(facts):
        if not facts.has_address(staff_id):
            found.add(Key(ReachReason.NO_WORKING_ADDRESS, staff_id), facts.week)


def _empty_step(document: PolicyDocument, step: Step, *, is_open: bool) -> Key | None:
    """Say why a step has nobody; a rota for the duty line may leave working hours to the team."""
    rota_id = document.rota_at(step)
    if rota_id is None:
        return Key(ReachReason.STEP_EMPTY, step=step) if document.people_at(step) else None
    if step is Step.DUTY_LINE and is_open and document.working_hours is not None:
        return None
    return Key(ReachReason.ROTA_HOLE, rota_id=rota_id)


def _named_in_the_week(facts: Facts) -> set[int]:
    """Return whom the policy, its rotas and accepted covers count on."""
    named = {one for step in NAMED_STEPS for one in facts.document.people_at(step)}
    for rota in _rotas_in_use(facts):
        shifts = shifts_between(rota, facts.week.starts_at, facts.week.ends_at)
        named |= {one.staff_id for one in shifts}
    named |= {one.cover_staff_id for one in facts.covers if one.is_accepted}
    return {one for one in named if facts.is_there(one, facts.week.starts_at)}


# ---- People -------------------------------------------------------------------


def _look_at_people(looks: _Looks, assigned: tuple[Assigned, ...]) -> Iterator[tuple[Key, Span]]:
    """Look at people whom the same staff know."""
    for span in _pieces(looks.facts.week, looks.changes(assigned)):
        key = _key_worker_finding(looks, assigned, span.starts_at)
        if key is not None:
            yield key, span
    if not looks.unsafe or looks.is_steady(assigned):
        return
    changes = looks.changes_of_all(assigned)
    for unsafe in looks.unsafe:
        for span in _pieces(unsafe, changes):
            key = _chain_finding(looks, assigned, span.starts_at)
            if key is not None:
                yield key, span


def _pieces(span: Span, changes: Iterable[datetime]) -> Iterator[Span]:
    """Cut a stretch of time where something changes."""
    inside = sorted(at for at in changes if span.starts_at < at < span.ends_at)
    for start, end in pairwise([span.starts_at, *inside, span.ends_at]):
        yield Span(start, end)


def _chain_finding(looks: _Looks, assigned: tuple[Assigned, ...], at: datetime) -> Key | None:
    """Ask the routing of alerts whom it would reach first."""
    recipients = recipients_at(looks.facts, assigned, looks.moment(at))
    asking = next_asking(looks.policy, recipients, None)
    if asking is None or not set(asking.staff_ids) - recipients.unreachable:
        return Key(ReachReason.NOBODY)
    return Key(ReachReason.ONLY_EVERYBODY) if asking.step is Step.EVERYBODY else None


def _key_worker_finding(looks: _Looks, assigned: tuple[Assigned, ...], at: datetime) -> Key | None:
    facts = looks.facts
    workers = [one.staff_id for one in assigned if one.kind == KEY_WORKER and one.holds(at)]
    there = [one for one in workers if facts.is_there(one, at)]
    if not workers:
        return Key(ReachReason.NO_KEY_WORKER)
    if not there:
        return Key(ReachReason.KEY_WORKER_LEFT, min(workers))
    worker = min(there)
    covers = [one for one in looks.covers.get(worker, ()) if one.lasts(at)]
    accepted = [one.cover_staff_id for one in covers if one.is_accepted]
    if accepted:
        is_covered = any(_may_answer(looks, one, at) for one in accepted)
        return None if is_covered else Key(ReachReason.COVER_IS_NOT_THERE, min(accepted))
    if any(not one.is_declined for one in covers):
        return Key(ReachReason.COVER_NOT_ACCEPTED, worker)
    if covers:
        return Key(ReachReason.AWAY_WITHOUT_COVER, worker)
    if not facts.has_address(worker):
        return Key(ReachReason.NO_WORKING_ADDRESS, worker)
    return None


def _may_answer(looks: _Looks, staff_id: int, at: datetime) -> bool:
    """Return whether somebody works here at a moment and is not away with cover of their own."""
    is_away = any(one.is_accepted and one.lasts(at) for one in looks.covers.get(staff_id, ()))
    return looks.facts.is_there(staff_id, at) and not is_away
