"""How a service is run, for programs of administrators: staff, agreements, looks and changes.

Read only: who works here, whom to ask again, who looked at whom, what was changed. Young people
appear by their label, and nothing says how anybody is.
"""

from __future__ import annotations

from datetime import date, datetime

from pydantic import Field

from portal.admin.agreement_rows import FactsRow, due_of
from portal.admin.agreements import STANDING_WORDS, AgreementStanding
from portal.admin.audit_pages import PERIOD, LooksRow, StaffLooks, by_staff, read_looks
from portal.admin.changes import SHOWN_MOST, read_changes
from portal.admin.people_pages import read_people, today_of
from portal.admin.staff import StaffLine
from portal.admin.staff_pages import read_staff
from portal.api.operations import Answer, Call
from portal.api.paging import PageQuery, page_of


class StaffMember(Answer):
    """Somebody who works here or did. Where they are reached is told nowhere."""

    staff_id: int
    name: str
    role: str
    is_service_manager: bool
    team: str | None
    username: str | None
    is_here: bool = Field(description="They can sign in.")
    stopped_at: datetime | None
    ways_to_reach: int
    people: int = Field(description="Whose key worker they are.")


class Team(Answer):
    """A team."""

    team_id: int
    name: str
    members: int


class Staff(Answer):
    """A page of everybody who works here or did, and the teams."""

    items: list[StaffMember]
    next: str | None
    teams: list[Team]


class AgreementDue(Answer):
    """Somebody who has to be asked, and why."""

    person_id: int
    label: str
    standing: AgreementStanding
    words: str
    holds: bool = Field(description="There is an agreement, and it is time to ask again.")
    wears_a_device: bool
    review_on: date | None


class AgreementsDue(Answer):
    """Who has to be asked: first those whose data comes without an agreement."""

    items: list[AgreementDue]


class LooksOfStaff(Answer):
    """The looks of one member of staff. A number is a reason to ask and not a finding."""

    name: str
    role: str
    people: int
    looks: int
    without_reason: int
    out_of_hours: int
    is_many: bool


class LooksAtOne(Answer):
    """The looks of one member of staff at one young person."""

    name: str
    role: str
    label: str
    looks: int
    without_reason: int
    out_of_hours: int
    last_at: datetime


class AuditAnswer(Answer):
    """Who looked at whom, with a page of the pairs."""

    days: int
    staff: list[LooksOfStaff]
    items: list[LooksAtOne]
    next: str | None


class AdminChange(Answer):
    """What an administrator changed. It holds no secret and no address."""

    at: datetime
    who: str
    kind: str
    label: str | None
    about: str | None
    detail: str
    words: str


class AdminChanges(Answer):
    """What administrators changed, the latest first."""

    most: int
    items: list[AdminChange]


async def list_staff(call: Call) -> Staff:
    """Return everybody who works here."""
    staff, teams = await read_staff(call.connection, call.now)
    shown, following = page_of(staff, lambda one: str(one.staff_id), call.query_as(PageQuery))
    return Staff(
        items=[_member(one) for one in shown],
        next=following,
        teams=[Team(team_id=one.team_id, name=one.name, members=one.members) for one in teams],
    )


async def list_agreements_due(call: Call) -> AgreementsDue:
    """Return who has to be asked."""
    _, everybody = await read_people(call.connection, call.now)
    found = due_of(everybody, today_of(call.request))
    return AgreementsDue(items=[_due(one, standing) for one, standing in found])


async def show_audit(call: Call) -> AuditAnswer:
    """Return who looked in the last thirty days."""
    pairs = await read_looks(call.connection, call.now)
    numbered = [(str(place), one) for place, one in enumerate(pairs)]
    shown, following = page_of(numbered, lambda one: one[0], call.query_as(PageQuery))
    return AuditAnswer(
        days=PERIOD.days,
        staff=[_of_staff(one) for one in by_staff(pairs)],
        items=[_at_one(one) for _, one in shown],
        next=following,
    )


async def list_changes(call: Call) -> AdminChanges:
    """Return what administrators changed."""
    items = [
        AdminChange(
            at=one.at,
            who=one.who,
            kind=one.kind,
            label=one.person_label,
            about=one.about_staff,
            detail=one.detail,
            words=one.words,
        )
        for one in await read_changes(call.connection)
    ]
    return AdminChanges(most=SHOWN_MOST, items=items)


def _member(row: StaffLine) -> StaffMember:
    return StaffMember(
        staff_id=row.staff_id,
        name=row.name,
        role=row.role,
        is_service_manager=row.is_service_manager,
        team=row.team,
        username=row.username,
        is_here=row.is_here,
        stopped_at=row.disabled_at,
        ways_to_reach=row.addresses,
        people=row.people,
    )


def _due(row: FactsRow, standing: AgreementStanding) -> AgreementDue:
    return AgreementDue(
        person_id=row.person_id,
        label=row.label,
        standing=standing,
        words=STANDING_WORDS[standing],
        holds=standing.holds,
        wears_a_device=row.wears_a_device,
        review_on=row.review_on,
    )


def _of_staff(one: StaffLooks) -> LooksOfStaff:
    return LooksOfStaff(
        name=one.name,
        role=one.role,
        people=one.people,
        looks=one.looks,
        without_reason=one.without_reason,
        out_of_hours=one.out_of_hours,
        is_many=one.is_many,
    )


def _at_one(row: LooksRow) -> LooksAtOne:
    return LooksAtOne(
        name=row.staff_name,
        role=row.staff_role,
        label=row.person_label,
        looks=row.looks,
        without_reason=row.without_reason,
        out_of_hours=row.out_of_hours,
        last_at=row.last_at,
    )
