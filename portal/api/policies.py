"""Policies for programs of administrators: what holds, uploading one, trying it on the past.

What is tried changes nothing, and a policy that was uploaded holds nowhere because of that: a
person switches it on, on its page, after they read what its check found.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Annotated, Any, Final, Literal

from pydantic import AfterValidator, Field

from portal.admin.policies import DAYS, DraftRow, PolicyRow, TrialRow, TryForm
from portal.admin.policy_pages import (
    TOO_MANY,
    draft_of,
    read_policies,
    read_trials,
    write_draft,
    write_trial,
)
from portal.admin.trials import TRIALS
from portal.api.choices import one_of
from portal.api.operations import Answer, Call, Request, Text, broken_rules
from portal.api.problems import ProblemError, ProblemKind

SOURCE_CHARACTERS_MOST: Final = 16_000
"""A policy has some hundred lines; as JSON it stays below what a request may have."""
A_MINUTE: Final = {"Retry-After": "60"}
NO_QUESTION: Final = "An alert policy is simulated and thresholds are backtested, each on `days`"

PolicyKind = Literal["alerts", "detection"]
TrialKind = Literal["check", "simulate", "backtest"]
TrialDays = Annotated[
    int, AfterValidator(one_of(DAYS)), Field(json_schema_extra={"enum": list(DAYS)})
]


class Policy(Answer):
    """An alert policy that holds or held."""

    policy_id: int
    name: str
    valid_from: datetime
    set_by: str | None
    body: dict[str, Any]


class Trial(Answer):
    """What was asked about a policy, and what came out."""

    trial_id: int
    draft_id: int | None
    kind: TrialKind
    days: int | None
    state: Literal["waiting", "running", "passed", "refused", "failed"]
    is_over: bool
    done: int
    total: int
    asked_at: datetime
    ended_at: datetime | None
    lines: list[str] = Field(description="What it found, in words.")


class Draft(Answer):
    """A policy that was uploaded. It holds nowhere because of that."""

    draft_id: int
    kind: PolicyKind
    made_at: datetime
    made_by: str
    source: str
    trials: list[Trial]


class DraftLine(Answer):
    """A policy that was uploaded, in the list."""

    draft_id: int
    kind: PolicyKind
    made_at: datetime
    made_by: str


class Policies(Answer):
    """The alert policy that holds first, then earlier ones; and what was uploaded."""

    items: list[Policy]
    drafts: list[DraftLine]


class DraftRequest(Request):
    """A policy as TOML, as the pages take it."""

    kind: PolicyKind
    source: Annotated[Text, Field(min_length=1, max_length=SOURCE_CHARACTERS_MOST)]


class TrialRequest(Request):
    """What to try, and on how many days of the past."""

    kind: TrialKind
    days: TrialDays | None = None


async def list_policies(call: Call) -> Policies:
    """Return what holds, what held, and what was uploaded."""
    held, drafts = await read_policies(call.connection, call.now)
    lines = [DraftLine.model_validate(_draft_line(one)) for one in drafts]
    return Policies(items=[_policy(one) for one in held], drafts=lines)


async def show_draft(call: Call) -> Draft:
    """Return a policy that was uploaded, with its trials."""
    return await _draft(call, await draft_of(call.connection, call.request))


async def upload(call: Call) -> Draft:
    """Take a policy in, and have it checked."""
    said = call.body_as(DraftRequest)
    if not said.source.strip():
        raise broken_rules({"source": "Send the text of the policy"})
    draft_id = await write_draft(call.connection, call.request, said.kind, said.source)
    await _begin(call, draft_id, "check", None)
    return await _draft(call, await draft_of(call.connection, call.request, draft_id))


async def try_draft(call: Call) -> Trial:
    """Check a policy again, or try it on the past."""
    draft, said = await draft_of(call.connection, call.request), call.body_as(TrialRequest)
    form = TryForm(kind=said.kind, days="" if said.days is None else str(said.days))
    question = form.question(draft.kind)
    if question is None:
        raise broken_rules({"kind": NO_QUESTION})
    trial_id = await _begin(call, draft.policy_draft_id, *question)
    [trial] = await read_trials(call.connection, call.request, None, trial_id)
    return _trial(trial)


async def show_trial(call: Call) -> Trial:
    """Return how far a trial is, or what it found."""
    trial_id = int(call.request.match_info["trial_id"])
    found = await read_trials(call.connection, call.request, None, trial_id)
    if not found:
        raise ProblemError(ProblemKind.NOT_FOUND)
    return _trial(found[0])


async def _begin(call: Call, draft_id: int, kind: str, days: int | None) -> int:
    """Write a trial down, to be started as soon as it can be read, and return its number."""
    asked = {"policy_draft_id": draft_id, "policy_id": None, "kind": kind, "days": days}
    trial_id = await write_trial(call.connection, call.request, asked)
    if trial_id is None:
        raise ProblemError(ProblemKind.TOO_MANY_REQUESTS, fact=f"{TOO_MANY}.", headers=A_MINUTE)
    call.once_written.append(_starting(call, trial_id, kind))
    return trial_id


def _starting(call: Call, trial_id: int, kind: str) -> Callable[[], Awaitable[None]]:
    async def start() -> None:
        await call.request.app[TRIALS].run(trial_id, kind, 0)

    return start


async def _draft(call: Call, row: DraftRow) -> Draft:
    trials = await read_trials(call.connection, call.request, row.policy_draft_id, None)
    more = {"source": row.source, "trials": [_trial(one) for one in trials]}
    return Draft.model_validate(_draft_line(row) | more)


def _draft_line(row: DraftRow) -> dict[str, object]:
    return {
        "draft_id": row.policy_draft_id,
        "kind": row.kind,
        "made_at": row.made_at,
        "made_by": row.made_by,
    }


def _policy(row: PolicyRow) -> Policy:
    return Policy(
        policy_id=row.policy_id,
        name=row.name,
        valid_from=row.valid_from,
        set_by=row.set_by,
        body=row.body,
    )


def _trial(row: TrialRow) -> Trial:
    return Trial.model_validate(
        {
            "trial_id": row.policy_trial_id,
            "draft_id": row.policy_draft_id,
            "kind": row.kind,
            "days": row.days,
            "state": row.state,
            "is_over": row.is_over,
            "done": row.done,
            "total": row.total,
            "asked_at": row.asked_at,
            "ended_at": row.ended_at,
            "lines": row.lines,
        }
    )
