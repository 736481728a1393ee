"""What to do about an alert now, why, and when to ask again.

Rule 1: an alert that is not closed always has a next wake-up, also one that somebody accepted.
Rule 2: an accepted alert tells its owner only, until it is open again; a closed one tells nobody.
Rule 3: out of hours holds what can wait, and never what is to be checked now.
Rule 4: who asks again is heard: the owner, or those who were asked, are told within the hour.
Rule 5: whoever stores a decision and asks again at the same moment is told to do nothing more.

Nothing here reads a clock or a database: facts in, decisions out, each with its reason.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import timedelta
from typing import TYPE_CHECKING, Final

from alerts.policy import Policy, Step
from alerts.reasons import AlertEventKind, AlertState, DecisionReason
from alerts.routing import Asking, Recipients, first_asking, is_last, next_asking
from tidewell.vocabulary import Level

if TYPE_CHECKING:
    from datetime import datetime

    from alerts.progress import Progress

REPEAT_AFTER: Final = timedelta(hours=1)
"""Who asks again is heard; a finger that taps ten times does not ring ten times."""


@dataclass(frozen=True, slots=True)
class AlertFacts:
    """An alert as a decision sees it.

    `is_reached` says that a message of the latest step is on its way or was handed over.
    """

    state: AlertState
    level: Level
    progress: Progress
    is_reached: bool
    accepted_by: int | None = None
    accepted_at: datetime | None = None
    snoozed_until: datetime | None = None
    has_owner_left: bool = False


@dataclass(frozen=True, slots=True)
class Tell:
    """Write a message for each of these people; `number` makes a repeat of it harmless.

    `step` is the step of the chain they were asked at, or nothing for a reminder.
    """

    number: str
    staff_ids: tuple[int, ...]
    step: Step | None


@dataclass(frozen=True, slots=True)
class Note:
    """Write a line in the alert's history."""

    kind: AlertEventKind
    reason: DecisionReason
    staff_id: int | None = None
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Reopen:
    """Take the alert back from its owner: it waits for somebody again."""

    owner: int | None


Action = Note | Tell | Reopen


@dataclass(frozen=True, slots=True)
class Decision:
    """What to do about an alert now, why, and when to ask again; `None` only when it is closed."""

    reason: DecisionReason
    actions: tuple[Action, ...]
    wake_at: datetime | None


@dataclass(frozen=True, slots=True)
class _Case:
    """Everything that a decision is made from."""

    alert: AlertFacts
    recipients: Recipients
    policy: Policy
    now: datetime

    def deadline(self, start: datetime) -> datetime:
        return self.policy.deadline(
            self.alert.level, start, self.policy.accept_within[self.alert.level]
        )

    def is_noted(self, reason: DecisionReason) -> bool:
        return reason.value in self.alert.progress.noted


def decide(alert: AlertFacts, recipients: Recipients, policy: Policy, now: datetime) -> Decision:
    """Say what to do about an alert now."""
    if alert.state is AlertState.CLOSED:
        return Decision(DecisionReason.CLOSED, (), None)
    case = _Case(alert, recipients, policy, now)
    if alert.state is AlertState.ACCEPTED:
        return _tell_of_repeat(case, _look_after_owned(case))
    return _tell_of_repeat(case, _hold(case) or _ask(case))


def _tell_of_repeat(case: _Case, decision: Decision) -> Decision:
    """Add a message about having been asked again, unless somebody is told in any case."""
    progress = case.alert.progress
    if not progress.is_repeat_untold or any(isinstance(one, Tell) for one in decision.actions):
        return decision
    owner = case.alert.accepted_by
    wanted = progress.asked if owner is None else frozenset({owner})
    there = sorted(wanted & case.recipients.present)
    if not there or decision.wake_at is None:
        return decision
    at = case.now
    if progress.told_at is not None:
        at = max(at, progress.told_at + REPEAT_AFTER)
    at = case.policy.held_until(case.alert.level, at) or at
    if at > case.now:
        return replace(decision, wake_at=min(decision.wake_at, at))
    tell = Tell(f"{progress.demand}.again.{progress.repeats}", tuple(there), None)
    actions = (*decision.actions, tell)
    return Decision(DecisionReason.ASKED_AGAIN, actions, decision.wake_at)


def _hold(case: _Case) -> Decision | None:
    """Wait for the team to come to work, where the level can; say so once in a round."""
    until = case.policy.held_until(case.alert.level, case.now)
    if until is None:
        return None
    reason = DecisionReason.HELD_OUT_OF_HOURS
    actions = () if case.is_noted(reason) else (Note(AlertEventKind.HELD, reason),)
    return Decision(reason, actions, until)


# ---- Somebody is on it --------------------------------------------------------


def _look_after_owned(case: _Case) -> Decision:
    """Remind the owner when their time is over; open the alert again when that does not help."""
    alert, progress = case.alert, case.alert.progress
    if alert.has_owner_left:
        return _open_again_without_owner(case)
    due_at, waiting, late = _owners_deadline(case)
    if case.now < due_at:
        return Decision(waiting, (), due_at)
    if held := _hold(case):
        return held
    is_there = alert.accepted_by is not None and alert.accepted_by in case.recipients.present
    if not is_there:
        return _open_again(case, DecisionReason.OWNER_IS_NOT_THERE)
    if progress.reminded_at is None:
        return _remind(case, late)
    if not alert.is_reached:
        return _open_again(case, DecisionReason.NOBODY_REACHED)
    answer_by = case.deadline(progress.reminded_at)
    if case.now < answer_by:
        return Decision(DecisionReason.WAITING_TO_BE_CLOSED, (), answer_by)
    return _open_again(case, DecisionReason.ACCEPTED_NOT_CLOSED)


def _owners_deadline(case: _Case) -> tuple[datetime, DecisionReason, DecisionReason]:
    """Return until when an owner is left in peace, why, and what it is called afterwards."""
    alert = case.alert
    if alert.snoozed_until is not None:
        return alert.snoozed_until, DecisionReason.SNOOZED, DecisionReason.SNOOZE_ENDED
    start = alert.accepted_at or alert.progress.asked_at
    due_at = case.policy.deadline(alert.level, start, case.policy.close_within[alert.level])
    return due_at, DecisionReason.ACCEPTED, DecisionReason.ACCEPTED_NOT_CLOSED


def _remind(case: _Case, reason: DecisionReason) -> Decision:
    owner, progress = case.alert.accepted_by, case.alert.progress
    if owner is None:
        raise AssertionError("nobody can be reminded of an alert without an owner")
    actions = (
        Note(AlertEventKind.REMINDED, reason, owner),
        Tell(f"{progress.demand}.reminder.{progress.answers}", (owner,), None),
    )
    return Decision(reason, actions, case.deadline(case.now))


def _open_again(case: _Case, reason: DecisionReason) -> Decision:
    """Open an alert again and ask whoever comes next in the chain besides its owner."""
    owner, demand = case.alert.accepted_by, case.alert.progress.demand + 1
    reopened: tuple[Action, ...] = (
        Reopen(owner),
        Note(AlertEventKind.RE_OPENED, reason, owner),
    )
    but = frozenset() if owner is None else frozenset({owner})
    asking = next_asking(case.policy, case.recipients, None, but=but)
    if asking is None:
        none = DecisionReason.NOBODY_ASSIGNED
        note = Note(AlertEventKind.NO_NOTIFICATION_SENT, none)
        return Decision(none, (*reopened, note), case.now + case.policy.unreached_retry)
    tell = Tell(f"{demand}.0", asking.staff_ids, asking.step)
    actions = (*reopened, *_unreachable_steps(asking), tell)
    return Decision(reason, actions, case.deadline(case.now))


def _open_again_without_owner(case: _Case) -> Decision:
    """Take an alert back at once from somebody who left the service; others hear when they may."""
    reason = DecisionReason.OWNER_LEFT
    until = case.policy.held_until(case.alert.level, case.now)
    if until is None:
        return _open_again(case, reason)
    owner = case.alert.accepted_by
    actions = (Reopen(owner), Note(AlertEventKind.RE_OPENED, reason, owner))
    return Decision(reason, actions, until)


# ---- Nobody is on it ----------------------------------------------------------


def _ask(case: _Case) -> Decision:
    alert, progress = case.alert, case.alert.progress
    if not progress.somebody_was_asked:
        return _ask_first(case)
    if not alert.is_reached:
        return _ask_the_unreached(case)
    is_overdue = case.is_noted(DecisionReason.ESCALATIONS_USED_UP)
    wait = case.policy.accept_within[alert.level]
    if is_overdue:
        wait = case.policy.overdue_after(alert.level)
    due_at = case.policy.deadline(alert.level, progress.asked_at, wait)
    if case.now < due_at:
        return Decision(DecisionReason.WAITING_TO_BE_ACCEPTED, (), due_at)
    return _escalate(case, DecisionReason.NOT_ACCEPTED_IN_TIME)


def _ask_first(case: _Case) -> Decision:
    """Ask the first step, and after a rise whoever had accepted the alert at its lower level."""
    progress, is_open = case.alert.progress, case.policy.is_open(case.now)
    recipients = _besides_whoever_raised_it(case)
    asking = first_asking(case.policy, recipients, case.alert.level, is_open=is_open)
    if asking is None:
        return _nobody_there(case)
    staff_ids = asking.staff_ids
    if progress.former_accepter in case.recipients.present - set(staff_ids):
        staff_ids = (*staff_ids, *(case.recipients.present & {progress.former_accepter}))
    reason = progress.began_because or DecisionReason.FIRST_NOTIFICATION
    tell = Tell(f"{progress.demand}.0", staff_ids, asking.step)
    return Decision(reason, (*_passed_over(case, asking), tell), case.deadline(case.now))


def _besides_whoever_raised_it(case: _Case) -> Recipients:
    """Leave out who is worried themselves and wants others to look, as long as there are others."""
    raised_by, people = case.alert.progress.raised_by, case.recipients
    if raised_by is None or not people.present - {raised_by}:
        return people
    return replace(people, away=people.away | {raised_by})


def _passed_over(case: _Case, asking: Asking) -> tuple[Note, ...]:
    """Say why the key worker is not asked first, and that nobody watches out of hours."""
    notes: list[Note] = []
    is_open = case.policy.is_open(case.now)
    is_duty_at_night = asking.step is Step.DUTY_LINE and not is_open
    is_passed = Step.KEY_WORKER not in (asking.step, *asking.unreachable)
    if is_passed and not is_duty_at_night:
        away = case.recipients.is_key_worker_away
        why = DecisionReason.KEY_WORKER_AWAY if away else DecisionReason.NO_KEY_WORKER
        key_worker = case.recipients.key_worker
        if key_worker is not None and key_worker == case.alert.progress.raised_by:
            why = DecisionReason.RAISED_IT_THEMSELVES
        notes.append(Note(AlertEventKind.STEP_SKIPPED, why, detail=Step.KEY_WORKER.value))
    if asking.step is not Step.DUTY_LINE and not is_open:
        notes.append(Note(AlertEventKind.NOBODY_WATCHING, DecisionReason.NO_DUTY_LINE))
    return (*notes, *_unreachable_steps(asking))


def _unreachable_steps(asking: Asking) -> tuple[Note, ...]:
    """Say which steps were passed over because no message can arrive there."""
    reason = DecisionReason.NO_WORKING_ADDRESS
    return tuple(
        Note(AlertEventKind.STEP_SKIPPED, reason, detail=step.value) for step in asking.unreachable
    )


def _ask_the_unreached(case: _Case) -> Decision:
    """Go on at once when every message of a step was given up; at the end, after a pause."""
    progress = case.alert.progress
    retry_at = min(
        progress.asked_at + case.policy.unreached_retry, case.deadline(progress.asked_at)
    )
    at_the_end = is_last(case.policy, case.recipients, progress.last_step)
    if at_the_end and progress.last_step is Step.EVERYBODY and case.now < retry_at:
        return Decision(DecisionReason.NOBODY_REACHED, (), retry_at)
    return _escalate(case, DecisionReason.NOBODY_REACHED)


def _escalate(case: _Case, reason: DecisionReason) -> Decision:
    """Ask the next step with somebody new; then everybody, for ever, until somebody answers.

    The key worker is "assigned" and "in the team" too: asking them alone again only loses time.
    """
    progress = case.alert.progress
    asking = next_asking(case.policy, case.recipients, progress.last_step, but=progress.asked)
    if asking is None:
        return _nobody_there(case)
    kind = AlertEventKind.ESCALATED
    wake_at = case.deadline(case.now)
    is_used_up = progress.escalations >= case.policy.escalations_most
    is_timed = reason is DecisionReason.NOT_ACCEPTED_IN_TIME
    if is_timed and is_used_up and progress.last_step is Step.EVERYBODY:
        kind, reason = AlertEventKind.OVERDUE, DecisionReason.ESCALATIONS_USED_UP
        again = case.policy.overdue_after(case.alert.level)
        wake_at = case.policy.deadline(case.alert.level, case.now, again)
    number = f"{progress.demand}.{progress.escalations + 1}"
    note = Note(kind, reason, detail=asking.step.value)
    tell = Tell(number, asking.staff_ids, asking.step)
    return Decision(reason, (note, *_unreachable_steps(asking), tell), wake_at)


def _nobody_there(case: _Case) -> Decision:
    """Say once in a round that there is nobody at all who could be told, and come back."""
    reason = DecisionReason.NOBODY_ASSIGNED
    note = Note(AlertEventKind.NO_NOTIFICATION_SENT, reason)
    actions = () if case.is_noted(reason) else (note,)
    return Decision(reason, actions, case.now + case.policy.unreached_retry)
