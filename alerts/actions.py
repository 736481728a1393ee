"""What people ask of an alert, judged: accept it, or close it with an outcome.

Rule 1: only somebody who was assigned to the person when they acted may act.
Rule 2: a closed alert stays closed, and an accepted one keeps its owner until it closes.
Rule 3: nothing that somebody asked disappears: what is refused stays in the history with a reason.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from alerts.reasons import ActionKind, ActionReason, AlertEventKind, AlertState, Outcome

_OUTCOMES: Final = frozenset(outcome.value for outcome in Outcome)


@dataclass(frozen=True, slots=True)
class Action:
    """What somebody asked for on the pages."""

    kind: ActionKind
    staff_id: int
    outcome: str | None


@dataclass(frozen=True, slots=True)
class Verdict:
    """What becomes of an action: the line in the history, its reason, and the state it leads to."""

    kind: AlertEventKind
    reason: ActionReason
    state: AlertState


def decide_action(
    action: Action, state: AlertState, accepted_by: int | None, *, is_assigned: bool
) -> Verdict:
    """Say what becomes of an action."""
    if not is_assigned:
        return _refuse(ActionReason.NOT_ASSIGNED, state)
    if state is AlertState.CLOSED:
        return _refuse(ActionReason.ALREADY_CLOSED, state)
    if action.kind is ActionKind.CLOSE:
        return _decide_close(action, state)
    if state is not AlertState.ACCEPTED:
        return Verdict(AlertEventKind.ACCEPTED, ActionReason.ACCEPTED, AlertState.ACCEPTED)
    if accepted_by == action.staff_id:
        return Verdict(AlertEventKind.DUPLICATE_SUPPRESSED, ActionReason.ACCEPTED_BY_YOU, state)
    return _refuse(ActionReason.ACCEPTED_BY_ANOTHER, state)


def _decide_close(action: Action, state: AlertState) -> Verdict:
    if action.outcome not in _OUTCOMES:
        return _refuse(ActionReason.UNKNOWN_OUTCOME, state)
    return Verdict(AlertEventKind.CLOSED, ActionReason.CLOSED, AlertState.CLOSED)


def _refuse(reason: ActionReason, state: AlertState) -> Verdict:
    return Verdict(AlertEventKind.ACTION_REFUSED, reason, state)
