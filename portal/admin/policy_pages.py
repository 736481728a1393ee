"""Policies: look, upload, check, try on the past, switch on, go back to an earlier one.

Promises: a policy holds only after a check that found every name at that very moment; who switched
it on, and when, stands beside it; an earlier one is never lost. What is tried changes nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from aiohttp import web
from psycopg.types.json import Jsonb

from portal.admin.changes import ChangeKind, record_change
from portal.admin.door import administration
from portal.admin.forms import Errors
from portal.admin.policies import (
    DAYS,
    KIND_WORDS,
    SOURCE_BYTES_MOST,
    TRIAL_WORDS,
    DraftRow,
    PolicyRow,
    TrialRow,
    TryForm,
    lines_of,
)
from portal.admin.trials import LOST, LOST_AFTER, TRIALS
from portal.admin.uploads import read_upload
from portal.context import SETTINGS, first_row, now_of, rows, viewer_of
from portal.forms import read_form
from portal.rendering import page
from portal.security import Refusal, not_found
from portal.signing_in.proof import require_recent_proof
from tidewell.database import Connection, Queries

CHECK_WAIT_S: Final = 60.0
"""A check starts a process and looks a few names up: a second or two, more on a busy machine."""

TRIAL_WAIT_S: Final = 2.0
TRIALS_MOST: Final = 6
"""Waiting at once; beyond that somebody is pressing a button again and again."""

NOT_CHECKED: Final = "It could not be checked in time. Try again in a minute"
TOO_MANY: Final = "Several trials are waiting already. Wait until they are done"

_QUERIES: Final = Queries("portal.admin", "policies.sql")


@dataclass(frozen=True, slots=True)
class NumberRow:
    """A single number out of the database."""

    number: int


@dataclass(frozen=True, slots=True)
class NameRow:
    """What a number is called."""

    number: int
    name: str


async def show_policies(request: web.Request) -> web.Response:
    """Show what holds, what held, and what was uploaded."""
    return await _policies_page(request, {})


async def upload(request: web.Request) -> web.Response:
    """Take a policy in and check it; nothing holds because of that."""
    sent = await read_upload(request, SOURCE_BYTES_MOST)
    kind = sent.fields.get("kind", "") if sent else ""
    try:
        source = sent.content.decode() if sent else ""
    except UnicodeDecodeError:
        words = "This is not a text file. Save it as text in UTF-8"
        return await _policies_page(request, {"file": words}, status=422)
    if kind not in KIND_WORDS or not source.strip():
        words = "Choose a file, or paste its text"
        return await _policies_page(request, {"file": words}, status=422)
    async with administration(request) as connection:
        draft_id = await write_draft(connection, request, kind, source)
    await _try(request, draft_id, None, "check", None, CHECK_WAIT_S)
    raise web.HTTPSeeOther(f"/service/policies/drafts/{draft_id}")


async def write_draft(connection: Connection, request: web.Request, kind: str, source: str) -> int:
    """Keep a policy that was uploaded, and return its number."""
    values = _who(request) | {"kind": kind, "source": source}
    draft = await first_row(connection, NumberRow, _QUERIES["add_draft"], values)
    assert draft is not None  # RETURNING always answers
    change, detail = ChangeKind.POLICY_UPLOADED, f"{KIND_WORDS[kind]}, number {draft.number}"
    await record_change(connection, request, change, detail=detail)
    return draft.number


async def show_draft(request: web.Request) -> web.Response:
    """Show an uploaded policy with what its trials found."""
    return await _draft_page(request, await _draft(request), {})


async def try_draft(request: web.Request) -> web.Response:
    """Check a policy again, or try it on the past."""
    draft, form = await _draft(request), await read_form(request, TryForm)
    question = form.question(draft.kind) if form else None
    if question is None:
        errors = {"days": "Choose on how many days to try it"}
        return await _draft_page(request, draft, errors, status=422)
    kind, days = question
    wait_s = CHECK_WAIT_S if kind == "check" else TRIAL_WAIT_S
    trial_id = await _try(request, draft.policy_draft_id, None, kind, days, wait_s)
    if trial_id is None:
        return await _draft_page(request, draft, {"days": TOO_MANY}, status=429)
    raise web.HTTPSeeOther(f"/service/policies/trials/{trial_id}")


async def switch_on(request: web.Request) -> web.Response:
    """Let an uploaded policy hold, once it was checked at this very moment."""
    require_recent_proof(request)
    draft = await _draft(request)
    if draft.kind != "alerts":
        words = "Thresholds are switched on with a setting; the page says how"
        return await _draft_page(request, draft, {"switch_on": words}, status=409)
    trial = await _checked(request, draft.policy_draft_id, None)
    refused = await _hold(request, trial, f"number {draft.policy_draft_id}")
    if refused:
        return await _draft_page(request, draft, {"switch_on": refused}, status=409)
    raise web.HTTPSeeOther("/service/policies")


async def go_back(request: web.Request) -> web.Response:
    """Let an earlier policy hold again, if everybody whom it names is still here."""
    require_recent_proof(request)
    which = {"policy_id": int(request.match_info["policy_id"])}
    async with administration(request) as connection:
        earlier = await first_row(connection, PolicyRow, _QUERIES["policy"], which)
    if earlier is None:
        raise not_found(request, Refusal.NOT_FOUND)
    trial = await _checked(request, None, earlier.policy_id)
    refused = await _hold(request, trial, f"back to {earlier.name}")
    if refused:
        return await _policies_page(request, {"earlier": refused}, status=409)
    raise web.HTTPSeeOther("/service/policies")


async def show_trial(request: web.Request) -> web.Response:
    """Show how far a trial is, or what it found."""
    trial = await _trial(request, int(request.match_info["trial_id"]))
    if trial is None:
        raise not_found(request, Refusal.NOT_FOUND)
    return page(request, "admin/trial.jinja", {"trial": trial})


async def _try(
    request: web.Request,
    draft_id: int | None,
    policy_id: int | None,
    kind: str,
    days: int | None,
    wait_s: float,
) -> int | None:
    """Write a trial down, start it, and wait a little; return its number, or None: too many."""
    asked = {"policy_draft_id": draft_id, "policy_id": policy_id, "kind": kind, "days": days}
    async with administration(request) as connection:
        trial_id = await write_trial(connection, request, asked)
    if trial_id is not None:
        await request.app[TRIALS].run(trial_id, kind, wait_s)
    return trial_id


async def write_trial(
    connection: Connection, request: web.Request, asked: dict[str, Any]
) -> int | None:
    """Write a trial down, for whoever starts it; return its number, or None: too many."""
    since = {"since": now_of(request) - LOST_AFTER * 20}
    waiting = await first_row(connection, NumberRow, _QUERIES["count_waiting"], since)
    if waiting is not None and waiting.number >= TRIALS_MOST:
        return None
    trial = await first_row(connection, NumberRow, _QUERIES["add_trial"], _who(request) | asked)
    assert trial is not None  # RETURNING always answers
    change, detail = ChangeKind.POLICY_TRIED, TRIAL_WORDS[asked["kind"]]
    await record_change(connection, request, change, detail=detail)
    return trial.number


async def _checked(
    request: web.Request, draft_id: int | None, policy_id: int | None
) -> TrialRow | None:
    trial_id = await _try(request, draft_id, policy_id, "check", None, CHECK_WAIT_S)
    return None if trial_id is None else await _trial(request, trial_id)


async def _hold(request: web.Request, trial: TrialRow | None, detail: str) -> str | None:
    """Let a checked policy hold; return why it does not, or None."""
    if trial is None or not trial.is_over or trial.state == "failed":
        return NOT_CHECKED
    if trial.state == "refused" or trial.body is None:
        return "It cannot hold now: " + "; ".join(trial.lines[:3])
    async with administration(request) as connection:
        values = _who(request) | {"body": Jsonb(trial.body)}
        held = await first_row(connection, NumberRow, _QUERIES["switch_on"], values)
        if held is None:
            return "Another policy was switched on at the same moment. Look at it first"
        change, name = ChangeKind.POLICY_SWITCHED_ON, trial.body.get("name", "")
        await record_change(connection, request, change, detail=f"{name}, {detail}")
    return None


def _who(request: web.Request) -> dict[str, Any]:
    return {"now": now_of(request), "staff_id": viewer_of(request).known_staff_id}


async def _draft(request: web.Request) -> DraftRow:
    async with administration(request) as connection:
        return await draft_of(connection, request)


async def draft_of(
    connection: Connection, request: web.Request, draft_id: int | None = None
) -> DraftRow:
    """Return a policy that was uploaded, the one in the address where no other is meant.

    Raises:
        HTTPNotFound: there is none of this number.
    """
    asked = int(request.match_info["draft_id"]) if draft_id is None else draft_id
    which = {"policy_draft_id": asked}
    found = await first_row(connection, DraftRow, _QUERIES["drafts"], which)
    if found is None:
        raise not_found(request, Refusal.NOT_FOUND)
    return found


async def _trial(request: web.Request, trial_id: int) -> TrialRow | None:
    async with administration(request) as connection:
        found = await read_trials(connection, request, None, trial_id)
    return found[0] if found else None


async def read_trials(
    connection: Connection, request: web.Request, draft_id: int | None, trial_id: int | None
) -> list[TrialRow]:
    """Return the trials of a policy that was uploaded, or one trial, the latest first."""
    await _give_up_lost(connection, request)
    which = {"policy_draft_id": draft_id, "policy_trial_id": trial_id}
    return await rows(connection, TrialRow, _QUERIES["trials"], which)


async def _give_up_lost(connection: Connection, request: web.Request) -> None:
    now = now_of(request)
    lost = {"now": now, "before": now - LOST_AFTER, "words": LOST}
    await connection.execute(_QUERIES["give_up_old"], lost)


async def read_policies(
    connection: Connection, now: datetime
) -> tuple[list[PolicyRow], list[DraftRow]]:
    """Return the policies that hold and held, and those that were uploaded, the latest first."""
    held = await rows(connection, PolicyRow, _QUERIES["policies"], {"now": now})
    return held, await rows(connection, DraftRow, _QUERIES["drafts"], {"policy_draft_id": None})


async def _policies_page(request: web.Request, errors: Errors, status: int = 200) -> web.Response:
    async with administration(request) as connection:
        held, drafts = await read_policies(connection, now_of(request))
        staff = await rows(connection, NameRow, _QUERIES["names"], {})
        rotas = await rows(connection, NameRow, _QUERIES["rota_names"], {})
    names = {one.number: one.name for one in staff}
    called = {one.number: one.name for one in rotas}
    values = {
        "errors": errors,
        "holds": held[0] if held else None,
        "lines": lines_of(held[0].body, names, called) if held else [],
        "earlier": held[1:],
        "drafts": drafts,
        "kinds": KIND_WORDS,
        "thresholds": request.app[SETTINGS].detection_policy,
    }
    return page(request, "admin/policies.jinja", values, status=status)


async def _draft_page(
    request: web.Request, draft: DraftRow, errors: Errors, status: int = 200
) -> web.Response:
    async with administration(request) as connection:
        trials = await read_trials(connection, request, draft.policy_draft_id, None)
    check = next((one for one in trials if one.kind == "check"), None)
    values = {
        "draft": draft,
        "trials": trials,
        "check": check,
        "errors": errors,
        "days": DAYS,
        "numbered": list(enumerate(draft.source.splitlines(), 1)),
    }
    return page(request, "admin/policy_draft.jinja", values, status=status)
