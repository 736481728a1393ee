"""What people ask of an alert, judged: accept, pass on, snooze, close with an outcome.

Rule 1: only somebody who may see the person, or was asked about the alert, may act.
Rule 2: a closed alert stays closed, and an accepted one keeps its owner until it closes, its time
is over, or the person it was passed on to takes it.
Rule 3: an answer counts for the level that was seen, and never for a higher one.
Rule 4: nothing that somebody asked disappears: what is refused stays in the history with a reason.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from alerts.reasons import (
    ActionKind,
    ActionReason,
    AlertEventKind,
    AlertState,
    Outcome,
    SnoozeReason,
)

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime, timedelta

    from tidewell.vocabulary import Level

_OUTCOMES: Final = frozenset(outcome.value for outcome in Outcome)
_SNOOZE_REASONS: Final = frozenset(reason.value for reason in SnoozeReason)


@dataclass(frozen=True, slots=True)
class Action:
    """What somebody asked for; `seen_level` is the level that was on their page."""

    kind: ActionKind
    staff_id: int
    at: datetime
    outcome: str | None = None
    seen_level: Level | None = None
    to_staff_id: int | None = None
    may_receiver_act: bool = False
    snooze_reason: str | None = None
    until: datetime | None = None


@dataclass(frozen=True, slots=True)
class Target:
    """The alert that it was asked of, and how long its level may be put off."""

    state: AlertState
    level: Level
    accepted_by: int | None
    offered_to: int | None
    is_owner_reminded: bool
    snooze_most: timedelta


@dataclass(frozen=True, slots=True)
class Verdict:
    """What becomes of an action: the line in the history, its reason, and the state it leads to."""

    kind: AlertEventKind
    reason: ActionReason
    state: AlertState


def decide_action(action: Action, target: Target, *, may_act: bool) -> Verdict:
    """Say what becomes of an action."""
    if not may_act:
        return _refuse(ActionReason.NOT_ASSIGNED, target)
    if target.state is AlertState.CLOSED:
        return _refuse(ActionReason.ALREADY_CLOSED, target)
    if action.seen_level is not None and action.seen_level.rank < target.level.rank:
        return _refuse(ActionReason.LEVEL_ROSE_SINCE, target)
    return _DECIDERS[action.kind](action, target)


def _decide_close(action: Action, target: Target) -> Verdict:
    if action.outcome not in _OUTCOMES:
        return _refuse(ActionReason.UNKNOWN_OUTCOME, target)
    return Verdict(AlertEventKind.CLOSED, ActionReason.CLOSED, AlertState.CLOSED)


def _decide_accept(action: Action, target: Target) -> Verdict:
    if target.state is not AlertState.ACCEPTED:
        return _take(ActionReason.ACCEPTED)
    if target.accepted_by == action.staff_id:
        if target.is_owner_reminded:
            return _take(ActionReason.STILL_ON_IT)
        kind = AlertEventKind.DUPLICATE_SUPPRESSED
        return Verdict(kind, ActionReason.ACCEPTED_BY_YOU, target.state)
    if target.offered_to == action.staff_id:
        return _take(ActionReason.TAKEN_OVER)
    return _refuse(ActionReason.ACCEPTED_BY_ANOTHER, target)


def _decide_hand_over(action: Action, target: Target) -> Verdict:
    """Offer an alert to a colleague; until they take it, it stays where it is."""
    if target.state is AlertState.ACCEPTED and target.accepted_by != action.staff_id:
        return _refuse(ActionReason.ACCEPTED_BY_ANOTHER, target)
    if action.to_staff_id in (None, action.staff_id) or not action.may_receiver_act:
        return _refuse(ActionReason.RECEIVER_CANNOT, target)
    return Verdict(AlertEventKind.PASSED_ON, ActionReason.OFFERED, target.state)


def _decide_snooze(action: Action, target: Target) -> Verdict:
    """Put an alert off: whoever does so owns it, and is asked again when the time is over."""
    if target.state is AlertState.ACCEPTED and target.accepted_by != action.staff_id:
        return _refuse(ActionReason.ACCEPTED_BY_ANOTHER, target)
    if action.snooze_reason not in _SNOOZE_REASONS:
        return _refuse(ActionReason.SNOOZE_WITHOUT_REASON, target)
    if action.until is None or not action.at < action.until <= action.at + target.snooze_most:
        return _refuse(ActionReason.SNOOZE_TOO_LONG, target)
    return Verdict(AlertEventKind.SNOOZED, ActionReason.SNOOZED, AlertState.ACCEPTED)


def _take(reason: ActionReason) -> Verdict:
    return Verdict(AlertEventKind.ACCEPTED, reason, AlertState.ACCEPTED)


def _refuse(reason: ActionReason, target: Target) -> Verdict:
    return Verdict(AlertEventKind.ACTION_REFUSED, reason, target.state)


_DECIDERS: Final[dict[ActionKind, Callable[[Action, Target], Verdict]]] = {
    ActionKind.ACCEPT: _decide_accept,
    ActionKind.CLOSE: _decide_close,
    ActionKind.HAND_OVER: _decide_hand_over,
    ActionKind.SNOOZE: _decide_snooze,
}
