"""What administrators change about one young person: device, assignments, what was agreed.

Whatever is changed is written down with who changed it, in one transaction. A code or a secret is
in one answer, once: it is kept nowhere, so a request that comes again is answered without it, and
whoever lost it asks for another one.
"""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

from pydantic import Field

from portal.admin.agreement_pages import (
    NO_JUDGE,
    write_agreement,
    write_competence,
    write_sharing,
)
from portal.admin.agreement_rows import CompetenceForm, SaidForm, SharingForm
from portal.admin.agreements import STANDING_WORDS, AgreementStanding
from portal.admin.assignment_pages import NOT_ENDED, write_assignment, write_end
from portal.admin.device_pages import (
    NO_AGREEMENT,
    NO_DEVICE,
    WornRow,
    make_code,
    make_secret,
    may_pair,
    site_of,
    take_from,
    worn_device,
)
from portal.admin.pairing import CODE_HOLDS, pairing_address, shown_code
from portal.admin.people import AssignForm, PersonFacts
from portal.admin.people_pages import today_of
from portal.api.alerts import MOST_INTEGER
from portal.api.enrolled import looked_at
from portal.api.operations import Answer, Call, Day, Request, Written, broken_rules
from portal.api.problems import ProblemError, ProblemKind


class PairingCode(Answer):
    """A code that pairs a device, once and within minutes."""

    device: str
    code: str | None = Field(description="Shown once: null where the request came again.")
    address: str | None = Field(description="Where to pair, with the code; shown once.")
    holds_until: datetime


class DeviceSecret(Answer):
    """Another secret for the device that is worn; the one before holds no longer."""

    device: str
    secret: str | None = Field(description="Shown once: null where the request came again.")


class EndDeviceRequest(Request):
    """What became of the device."""

    how: Literal["returned", "lost"]


class AssignRequest(Request):
    """Who works with a young person, and in which days."""

    staff_id: Annotated[int, Field(ge=1, le=MOST_INTEGER)]
    first_day: Annotated[Day | None, Field(description="Today where it is left out.")] = None
    last_day: Annotated[Day | None, Field(description="For a clinician alone.")] = None


class AgreementRequest(Request):
    """What a young person or a parent said; a no ends what the device may send."""

    said_by: Literal["young_person", "parent"]
    decision: Literal["agreed", "declined", "withdrawn"]
    decided_on: Day


class CompetenceRequest(Request):
    """Who judged whether a young person can decide, and when to look again."""

    outcome: Literal["can_decide", "needs_parent"]
    judged_by: Annotated[int, Field(ge=1, le=MOST_INTEGER, description="A `staff_id`.")]
    judged_on: Day
    review_on: Day


class SharingRequest(Request):
    """With whom a young person wants to share, beside their key worker."""

    clinician: bool = False
    parent: bool = False
    school: bool = False


async def pair(call: Call) -> PairingCode:
    """Make a code for the device that somebody wears, or for a first one."""
    person = await _allowed(call)
    device, code = await make_code(call.connection, call.request, person)
    return PairingCode(
        device=device,
        code=shown_code(code),
        address=pairing_address(site_of(call.request), code),
        holds_until=call.now + CODE_HOLDS,
    )


async def give_secret(call: Call) -> DeviceSecret:
    """Give the device another secret."""
    person = await _allowed(call)
    device = await _worn(call, person)
    secret = await make_secret(call.connection, call.request, person.person_id, device)
    return DeviceSecret(device=device.name, secret=secret)


async def end_device(call: Call) -> Written:
    """Take the device back, or out of use."""
    person = await looked_at(call)
    device = await _worn(call, person)
    how = call.body_as(EndDeviceRequest).how
    await take_from(call.connection, call.request, person.person_id, device, how)
    return Written(is_new=True)


async def change_key_worker(call: Call) -> Written:
    """Give a young person another key worker."""
    return await _assign(call, "key_worker")


async def assign_clinician(call: Call) -> Written:
    """Let a clinician see a young person."""
    return await _assign(call, "clinician")


async def end_assignment(call: Call) -> Written:
    """End the assignment of a clinician."""
    person = await looked_at(call)
    if not await write_end(call.connection, call.request, person.person_id):
        raise ProblemError(ProblemKind.CANNOT_BE_DONE_NOW, fact=f"{NOT_ENDED}.")
    return Written(is_new=True)


async def record_agreement(call: Call) -> Written:
    """Write down what somebody said."""
    person, said = await looked_at(call), call.body_as(AgreementRequest)
    form = SaidForm(
        said_by=said.said_by, decision=said.decision, decided_on=said.decided_on.isoformat()
    )
    if problem := form.problem(today_of(call.request)):
        raise broken_rules({"decided_on": problem})
    if not await write_agreement(call.connection, call.request, person.person_id, form):
        fact = STANDING_WORDS[AgreementStanding.NO_TEXT]
        raise ProblemError(ProblemKind.CANNOT_BE_DONE_NOW, fact=f"{fact}.")
    return Written(is_new=True)


async def record_competence(call: Call) -> Written:
    """Write down who judged whether a young person can decide."""
    person, said = await looked_at(call), call.body_as(CompetenceRequest)
    form = CompetenceForm(
        outcome=said.outcome,
        judged_by=str(said.judged_by),
        judged_on=said.judged_on.isoformat(),
        review_on=said.review_on.isoformat(),
    )
    if problem := form.problem(today_of(call.request)):
        raise broken_rules({"outcome": problem})
    if not await write_competence(call.connection, call.request, person.person_id, form):
        raise broken_rules({"judged_by": NO_JUDGE})
    return Written(is_new=True)


async def record_sharing(call: Call) -> Written:
    """Write down with whom a young person wants to share."""
    person, said = await looked_at(call), call.body_as(SharingRequest)
    chosen = {name: "yes" for name, is_chosen in said.model_dump().items() if is_chosen}
    form = SharingForm.model_validate(chosen)
    await write_sharing(call.connection, call.request, person.person_id, form)
    return Written(is_new=True)


async def _allowed(call: Call) -> PersonFacts:
    """Return the person in the address, who may have a device by what was agreed."""
    person = await looked_at(call)
    if not await may_pair(call.connection, call.request, person.person_id):
        raise ProblemError(ProblemKind.CANNOT_BE_DONE_NOW, fact=f"{NO_AGREEMENT}.")
    return person


async def _worn(call: Call, person: PersonFacts) -> WornRow:
    device = await worn_device(call.connection, person.person_id)
    if device is None:
        raise ProblemError(ProblemKind.CANNOT_BE_DONE_NOW, fact=f"{NO_DEVICE}.")
    return device


async def _assign(call: Call, kind: str) -> Written:
    person, said = await looked_at(call), call.body_as(AssignRequest)
    form = AssignForm(
        staff=str(said.staff_id),
        first_day=said.first_day.isoformat() if said.first_day else "",
        last_day=said.last_day.isoformat() if said.last_day else "",
    )
    if problem := form.problem(today_of(call.request)):
        raise broken_rules({"staff_id": problem})
    refused = await write_assignment(call.connection, call.request, person, form, kind)
    if refused:
        raise ProblemError(ProblemKind.CANNOT_BE_DONE_NOW, fact=f"{refused}.")
    return Written(is_new=True)
