"""A past alert under another policy: who would have been told, when, and how often.

It walks the same decisions that the service makes, from the moment the alert was raised until
somebody answered. It cannot know whether another person would have answered sooner, so it never
says so: it counts what would have been asked of people.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from alerts.decisions import AlertFacts, Note, Tell, decide
from alerts.progress import PastEvent, read_progress
from alerts.reasons import AlertEventKind, AlertState

if TYPE_CHECKING:
    from datetime import datetime

    from alerts.policy import Policy
    from alerts.routing import Recipients
    from tidewell.vocabulary import Level

LOOKS_MOST: Final = 500
"""An alert that is asked about every minute for a working day; more tells nothing more."""


@dataclass(frozen=True, slots=True)
class PastAlert:
    """An alert as it was: when it was raised, and when somebody first answered, if they did."""

    level: Level
    raised_at: datetime
    answered_at: datetime | None


@dataclass(frozen=True, slots=True)
class Replayed:
    """What a policy makes of it until it was answered."""

    told_at: datetime | None
    people_asked: int
    escalations: int
    was_held: bool


def replay(past: PastAlert, recipients: Recipients, policy: Policy, until: datetime) -> Replayed:
    """Walk through the decisions of a policy until somebody answered, or until a moment."""
    history = [PastEvent(AlertEventKind.CREATED, "raised", past.raised_at, None)]
    end, now = min(past.answered_at or until, until), past.raised_at
    asked: list[datetime] = []
    for _ in range(LOOKS_MOST):
        progress = read_progress(past.raised_at, history)
        facts = AlertFacts(AlertState.RAISED, past.level, progress, is_reached=True)
        decision = decide(facts, recipients, policy, now)
        for action in decision.actions:
            if isinstance(action, Note):
                line = PastEvent(action.kind, action.reason, now, action.staff_id, action.detail)
                history.append(line)
            elif isinstance(action, Tell):
                asked += [now] * len(action.staff_ids)
                step = action.step.value if action.step else ""
                kind = AlertEventKind.NOTIFICATION_QUEUED
                history += [PastEvent(kind, "", now, one, step) for one in action.staff_ids]
        if decision.wake_at is None or decision.wake_at >= end:
            break
        now = decision.wake_at
    kinds = [line.kind for line in history]
    return Replayed(
        told_at=asked[0] if asked else None,
        people_asked=len(asked),
        escalations=kinds.count(AlertEventKind.ESCALATED),
        was_held=AlertEventKind.HELD in kinds,
    )
