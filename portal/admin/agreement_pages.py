"""Agreements: the lawful basis, the text, who is due to be asked, and what somebody said.

Promises: nothing that was said is changed or deleted; a "no" ends what the device may send, in the
same transaction. What was recorded names who recorded it.
"""

from __future__ import annotations

from datetime import datetime
from typing import Final

from aiohttp import web

from portal.admin.agreement_rows import (
    BASIS_WORDS,
    NATION_WORDS,
    BasisForm,
    BasisRow,
    CompetenceForm,
    FactsRow,
    SaidForm,
    SharingForm,
    TextForm,
    TextRow,
    due_of,
)
from portal.admin.agreements import STANDING_WORDS, AgreementStanding
from portal.admin.changes import ChangeKind, record_change
from portal.admin.device_pages import take_devices_of
from portal.admin.door import administration
from portal.admin.forms import Errors, day_of
from portal.admin.people_pages import (
    agreement_of,
    colleagues,
    find_enrolled,
    person_page,
    to_person,
    today_of,
)
from portal.context import SETTINGS, first_row, now_of, rows, viewer_of
from portal.forms import read_form
from portal.rendering import page
from tidewell.database import Connection, Queries

NO_JUDGE: Final = "Choose a colleague who works here as the one who judged"

_QUERIES: Final = Queries("portal.admin", "agreements.sql")


async def show_agreements(request: web.Request) -> web.Response:
    """Show who is due to be asked, the lawful basis and the text."""
    return await _agreements_page(request, {})


async def set_basis(request: web.Request) -> web.Response:
    """Set the lawful basis of the organisation."""
    form = await read_form(request, BasisForm)
    if form is None:
        raise web.HTTPBadRequest
    if errors := form.errors(today_of(request)):
        return await _agreements_page(request, errors, basis_form=form, status=422)
    async with administration(request) as connection:
        values = _who(request) | {
            "basis": form.basis,
            "nation": form.nation,
            "explanation": form.explanation,
            "review_on": day_of(form.review_on),
        }
        await connection.execute(_QUERIES["set_basis"], values)
        detail = f"{BASIS_WORDS[form.basis]}, {NATION_WORDS[form.nation]}"
        await record_change(connection, request, ChangeKind.BASIS_SET, detail=detail)
    raise web.HTTPSeeOther("/service/agreements")


async def set_text(request: web.Request) -> web.Response:
    """Write another text to agree to: everybody is asked again."""
    form = await read_form(request, TextForm)
    if form is None:
        raise web.HTTPBadRequest
    async with administration(request) as connection:
        await connection.execute(_QUERIES["lock_texts"])
        errors = form.errors(await first_row(connection, TextRow, _QUERIES["text"], {}))
        if not errors:
            body = form.body.replace("\r\n", "\n")
            await connection.execute(_QUERIES["set_text"], _who(request) | {"body": body})
            await record_change(connection, request, ChangeKind.TEXT_SET)
    if errors:
        return await _agreements_page(request, errors, text_form=form, status=422)
    raise web.HTTPSeeOther("/service/agreements")


async def record_agreement(request: web.Request) -> web.Response:
    """Write down what a young person or a parent said; a no ends the collection."""
    person, form = await find_enrolled(request), await read_form(request, SaidForm)
    if form is None:
        raise web.HTTPBadRequest
    if problem := form.problem(today_of(request)):
        return await person_page(request, person, {"said_by": problem}, status=422)
    async with administration(request) as connection:
        is_written = await write_agreement(connection, request, person.person_id, form)
    if not is_written:
        words = STANDING_WORDS[AgreementStanding.NO_TEXT]
        return await person_page(request, person, {"said_by": words}, status=409)
    raise to_person(person.person_id)


async def write_agreement(
    connection: Connection, request: web.Request, person_id: int, form: SaidForm
) -> bool:
    """Write down what was said, of a form without problem; return whether there is a text yet."""
    values = _who(request) | {
        "person_id": person_id,
        "said_by": form.said_by,
        "decision": form.decision,
        "decided_on": day_of(form.decided_on),
    }
    cursor = await connection.execute(_QUERIES["add_agreement"], values)
    if await cursor.fetchone() is None:
        return False
    kind, detail = ChangeKind.AGREEMENT_RECORDED, f"{form.said_by}: {form.decision}"
    await record_change(connection, request, kind, person_id=person_id, detail=detail)
    if (await agreement_of(connection, person_id)).standing(today_of(request)).says_no:
        await take_devices_of(connection, request, person_id)
    return True


async def record_competence(request: web.Request) -> web.Response:
    """Write down who judged whether a young person can decide."""
    person, form = await find_enrolled(request), await read_form(request, CompetenceForm)
    if form is None:
        raise web.HTTPBadRequest
    if problem := form.problem(today_of(request)):
        return await person_page(request, person, {"outcome": problem}, status=422)
    async with administration(request) as connection:
        is_here = await write_competence(connection, request, person.person_id, form)
    if not is_here:
        return await person_page(request, person, {"outcome": NO_JUDGE}, status=409)
    raise to_person(person.person_id)


async def write_competence(
    connection: Connection, request: web.Request, person_id: int, form: CompetenceForm
) -> bool:
    """Write a judgement down, of a form without problem; return whether its judge works here."""
    if not await _works_here(connection, form.judge_id, now_of(request)):
        return False
    values = _who(request) | {
        "person_id": person_id,
        "outcome": form.outcome,
        "judged_by": form.judge_id,
        "judged_on": day_of(form.judged_on),
        "review_on": day_of(form.review_on),
    }
    await connection.execute(_QUERIES["add_competence"], values)
    await record_change(connection, request, ChangeKind.COMPETENCE_RECORDED, person_id=person_id)
    return True


async def record_sharing(request: web.Request) -> web.Response:
    """Write down with whom a young person wants to share."""
    person, form = await find_enrolled(request), await read_form(request, SharingForm)
    if form is None:
        raise web.HTTPBadRequest
    async with administration(request) as connection:
        await write_sharing(connection, request, person.person_id, form)
    raise to_person(person.person_id)


async def write_sharing(
    connection: Connection, request: web.Request, person_id: int, form: SharingForm
) -> None:
    """Write down with whom somebody wants to share."""
    values = _who(request) | {"person_id": person_id, "shares_with": form.chosen}
    await connection.execute(_QUERIES["add_sharing"], values)
    await record_change(connection, request, ChangeKind.SHARING_RECORDED, person_id=person_id)


async def _works_here(connection: Connection, staff_id: int, now: datetime) -> bool:
    known = [
        *await colleagues(connection, "practitioner", now),
        *await colleagues(connection, "clinician", now),
    ]
    return staff_id in {one.staff_id for one in known}


def _who(request: web.Request) -> dict[str, object]:
    return {"now": now_of(request), "staff_id": viewer_of(request).known_staff_id}


async def _agreements_page(
    request: web.Request,
    errors: Errors,
    *,
    basis_form: BasisForm | None = None,
    text_form: TextForm | None = None,
    status: int = 200,
) -> web.Response:
    today = today_of(request)
    async with administration(request) as connection:
        everybody = await rows(connection, FactsRow, _QUERIES["facts"], {"person_id": None})
        basis = await first_row(connection, BasisRow, _QUERIES["basis"], {})
        text = await first_row(connection, TextRow, _QUERIES["text"], {})
    due = due_of(everybody, today)
    values = {
        "errors": errors,
        "due": due,
        "collecting": [one for one, how in due if one.wears_a_device and not how.holds],
        "words": STANDING_WORDS,
        "rule": request.app[SETTINGS].without_agreement,
        "basis": basis,
        "basis_form": basis_form or basis,
        "text_form": text_form or text,
        "bases": BASIS_WORDS,
        "nations": NATION_WORDS,
        "today": today,
    }
    return page(request, "admin/agreements.jinja", values, status=status)
