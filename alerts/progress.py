"""How far the telling of an alert has come, read from its history and from nothing else.

An alert is told in rounds: one begins when it is raised, when it rises in level, and when it is
open again because its owner did not close it. What was asked in an earlier round no longer counts.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from alerts.policy import Step
from alerts.reasons import AlertEventKind, DecisionReason

_BEGINS_A_ROUND: Final = frozenset(
    {AlertEventKind.CREATED, AlertEventKind.WORSENED, AlertEventKind.RE_OPENED}
)
_COUNTS_AS_ASKED_AGAIN: Final = frozenset({AlertEventKind.ESCALATED, AlertEventKind.OVERDUE})
_TAKES_OWNERSHIP: Final = frozenset({AlertEventKind.ACCEPTED, AlertEventKind.SNOOZED})
_STEPS: Final = frozenset(step.value for step in Step)
_TOLD_SOMEBODY_ELSE: Final = frozenset(
    {DecisionReason.PASSED_ON.value, DecisionReason.SEEN_AT_LOWER_LEVEL.value}
)


@dataclass(frozen=True, slots=True)
class PastEvent:
    """One line of an alert's history."""

    kind: AlertEventKind
    reason: str
    at: datetime
    staff_id: int | None
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Progress:
    """How far the telling has come in this round.

    `demand` numbers the round. `asked_at` is when somebody was last asked; until then it is when
    the round began. `last_step` is the step that was asked last, `asked` everybody who was.
    `answers` counts how often somebody took it on, `reminded_at` is when its owner was last
    reminded since then. `raised_by` is the member of staff who raised it, in its first round.
    `began_because` says why a later round began.
    `repeats` counts how often it was asked again, `is_repeat_untold` says that nobody heard of the
    last time yet, and `told_at` is when somebody was last told, since it has its owner.
    """

    demand: int
    asked_at: datetime
    last_step: Step | None
    escalations: int
    former_accepter: int | None
    asked: frozenset[int]
    noted: frozenset[str]
    answers: int
    reminded_at: datetime | None
    raised_by: int | None = None
    began_because: DecisionReason | None = None
    repeats: int = 0
    is_repeat_untold: bool = False
    told_at: datetime | None = None

    @property
    def somebody_was_asked(self) -> bool:
        """Return whether anybody was asked in this round."""
        return self.last_step is not None


def read_progress(raised_at: datetime, history: Sequence[PastEvent]) -> Progress:
    """Read from an alert's history, oldest first, how far the telling has come."""
    calls = [index for index, event in enumerate(history) if event.kind in _BEGINS_A_ROUND]
    call = history[calls[-1]] if calls else None
    since = history[calls[-1] + 1 :] if calls else history
    asked = [event for event in since if event.kind is AlertEventKind.NOTIFICATION_QUEUED]
    along = [event for event in asked if event.detail in _STEPS]
    answers = [index for index, event in enumerate(since) if event.kind in _TAKES_OWNERSHIP]
    owned = since[answers[-1] + 1 :] if answers else ()
    reminders = [event.at for event in owned if event.kind is AlertEventKind.REMINDED]
    is_first = call is not None and call.kind is AlertEventKind.CREATED
    told_at, is_repeat_untold = _repeats_told(since)
    return Progress(
        demand=max(1, len(calls)),
        asked_at=along[-1].at if along else (call.at if call else raised_at),
        last_step=Step(along[-1].detail) if along else None,
        escalations=sum(event.kind in _COUNTS_AS_ASKED_AGAIN for event in since),
        former_accepter=call.staff_id if call and not is_first else None,
        asked=frozenset(event.staff_id for event in asked if event.staff_id is not None),
        noted=frozenset(event.reason for event in since),
        answers=len(answers),
        reminded_at=reminders[-1] if reminders else None,
        raised_by=call.staff_id if call and is_first else None,
        began_because=DecisionReason(call.reason) if call and not is_first else None,
        repeats=sum(event.kind is AlertEventKind.ASKED_AGAIN for event in since),
        is_repeat_untold=is_repeat_untold,
        told_at=told_at,
    )


def _repeats_told(since: Sequence[PastEvent]) -> tuple[datetime | None, bool]:
    """Return when somebody was last told since it has its owner, and whether a repeat is news.

    Whoever takes it on has its page before them, and with it every repeat so far.
    """
    told_at, is_untold = None, False
    for event in since:
        if event.kind is AlertEventKind.ASKED_AGAIN:
            is_untold = True
        elif event.kind in _TAKES_OWNERSHIP:
            told_at, is_untold = None, False
        elif _tells_of_the_alert(event):
            told_at, is_untold = event.at, False
    return told_at, is_untold


def _tells_of_the_alert(event: PastEvent) -> bool:
    is_message = event.kind is AlertEventKind.NOTIFICATION_QUEUED
    return is_message and event.reason not in _TOLD_SOMEBODY_ELSE
