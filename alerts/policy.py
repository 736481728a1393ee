"""The policy: who is told of an alert, when, and how often.

Rule 1: an alert that nobody has accepted always has an action or a next wake-up.
Rule 2: an alert that somebody accepted or closed tells nobody.
Rule 3: the policy is stamped on an alert when it is raised; later changes do not reach that alert.

Nothing here reads a clock or a database: facts in, decisions out, each with its reason.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Annotated, Final

from pydantic import BaseModel, ConfigDict, Field

from alerts.reasons import (
    AlertEventKind,
    AlertState,
    DecisionReason,
    EpisodeEventKind,
    IntakeReason,
)
from tidewell.vocabulary import Level

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

MINUTE_S: Final = 60
HOUR_S: Final = 3_600
DAY_S: Final = 86_400

Seconds = Annotated[int, Field(ge=MINUTE_S, le=30 * DAY_S)]
"""Shorter than a minute is a race with the person's own hands; longer than a month is forgotten."""


class AcceptWithin(BaseModel):
    """How long a level may wait until somebody says "I'm on it"."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    check_now: Seconds = 15 * MINUTE_S
    check_today: Seconds = 4 * HOUR_S
    for_review: Seconds = 3 * DAY_S


class PolicyDocument(BaseModel):
    """The policy as a site writes it and as it is stamped on an alert."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: Annotated[str, Field(min_length=1, max_length=60)] = "default"
    fresh_within_h: Annotated[int, Field(ge=1, le=14 * 24)] = 36
    accept_within_s: AcceptWithin = AcceptWithin()
    escalations_most: Annotated[int, Field(ge=1, le=20)] = 3
    unreached_retry_s: Seconds = 15 * MINUTE_S
    overdue_check_s: Seconds = DAY_S

    def as_policy(self) -> Policy:
        """Return the form that decisions are made with."""
        within = self.accept_within_s
        return Policy(
            name=self.name,
            fresh_within=timedelta(hours=self.fresh_within_h),
            accept_within={
                Level.CHECK_NOW: timedelta(seconds=within.check_now),
                Level.CHECK_TODAY: timedelta(seconds=within.check_today),
                Level.FOR_REVIEW: timedelta(seconds=within.for_review),
            },
            escalations_most=self.escalations_most,
            unreached_retry=timedelta(seconds=self.unreached_retry_s),
            overdue_check=timedelta(seconds=self.overdue_check_s),
        )


@dataclass(frozen=True, slots=True)
class Policy:
    """What a site decided about being told."""

    name: str
    fresh_within: timedelta
    accept_within: Mapping[Level, timedelta]
    escalations_most: int
    unreached_retry: timedelta
    overdue_check: timedelta


@dataclass(frozen=True, slots=True)
class EpisodeEvent:
    """What ingest wrote about an episode, as far as a decision depends on it."""

    kind: EpisodeEventKind
    level: Level
    at: datetime
    is_moot: bool = False
    """The device was silent or off, and is not any more: nobody has to do anything."""


@dataclass(frozen=True, slots=True)
class ExistingAlert:
    """The alert that an episode already has."""

    state: AlertState
    level: Level


def decide_intake(
    event: EpisodeEvent, existing_alert: ExistingAlert | None, now: datetime, policy: Policy
) -> IntakeReason:
    """Say what an episode event means for people.

    The order in which the events of an episode come makes no difference to whether it has an
    alert, nor to the level of that alert.

    Example:
        >>> from datetime import UTC
        >>> now = datetime(2026, 11, 22, tzinfo=UTC)
        >>> event = EpisodeEvent(EpisodeEventKind.OPENED, Level.CHECK_TODAY, now)
        >>> decide_intake(event, None, now, PolicyDocument().as_policy()).value
        'raised'
    """
    is_fresh = event.at >= now - policy.fresh_within
    if existing_alert is None:
        return _decide_raising(event, is_fresh=is_fresh)
    if existing_alert.state is AlertState.CLOSED:
        return IntakeReason.ALERT_CLOSED
    if event.kind is EpisodeEventKind.CLOSED:
        return IntakeReason.BACK_TO_USUAL
    if event.level.rank <= existing_alert.level.rank:
        return IntakeReason.ALREADY_RAISED
    return IntakeReason.WORSENED if is_fresh else IntakeReason.OLD_NEWS


def _decide_raising(event: EpisodeEvent, *, is_fresh: bool) -> IntakeReason:
    if event.kind is EpisodeEventKind.CLOSED or event.is_moot:
        return IntakeReason.EPISODE_CLOSED
    if event.level is Level.USUAL:
        return IntakeReason.LEVEL_TOO_LOW
    return IntakeReason.RAISED if is_fresh else IntakeReason.OLD_NEWS


@dataclass(frozen=True, slots=True)
class PastEvent:
    """One line of an alert's history."""

    kind: AlertEventKind
    reason: str
    at: datetime
    staff_id: int | None


@dataclass(frozen=True, slots=True)
class Progress:
    """How far the telling has come since the alert was raised, or last became more urgent.

    `demand` counts how often telling was called for: once when raised, and once for each rise.
    `asked_at` is when somebody was last asked; until then it is when telling was called for.
    """

    demand: int
    asked_at: datetime
    somebody_was_asked: bool
    escalations: int
    former_accepter: int | None
    noted: frozenset[str]


def read_progress(raised_at: datetime, history: Sequence[PastEvent]) -> Progress:
    """Read from an alert's history, oldest first, how far the telling has come."""
    calls = [
        index
        for index, event in enumerate(history)
        if event.kind in (AlertEventKind.CREATED, AlertEventKind.WORSENED)
    ]
    call = history[calls[-1]] if calls else None
    since = history[calls[-1] + 1 :] if calls else history
    asked = [event.at for event in since if event.kind is AlertEventKind.NOTIFICATION_QUEUED]
    return Progress(
        demand=max(1, len(calls)),
        asked_at=asked[-1] if asked else (call.at if call else raised_at),
        somebody_was_asked=bool(asked),
        escalations=sum(event.kind is AlertEventKind.ESCALATED for event in since),
        former_accepter=call.staff_id if call else None,
        noted=frozenset(event.reason for event in since),
    )


@dataclass(frozen=True, slots=True)
class AlertFacts:
    """An alert as a decision sees it.

    `is_reached` says that a message about it is on its way or was handed over.
    """

    state: AlertState
    level: Level
    progress: Progress
    is_reached: bool


@dataclass(frozen=True, slots=True)
class Recipients:
    """Who knows the person at this moment: the key worker, and everybody assigned."""

    key_worker: int | None
    assigned: frozenset[int]

    @property
    def everybody(self) -> tuple[int, ...]:
        """Return the key worker first, then the others in a fixed order."""
        first = () if self.key_worker is None else (self.key_worker,)
        return (*first, *sorted(self.assigned - {self.key_worker}))


@dataclass(frozen=True, slots=True)
class Tell:
    """Write a message for each of these people; `step` makes a repeat of this decision harmless."""

    step: str
    staff_ids: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Note:
    """Write a line in the alert's history."""

    kind: AlertEventKind


@dataclass(frozen=True, slots=True)
class Decision:
    """What to do about an alert now, why, and when to ask again; `None` is never by itself."""

    reason: DecisionReason
    actions: tuple[Note | Tell, ...]
    wake_at: datetime | None


_ANSWERED: Final = {
    AlertState.ACCEPTED: DecisionReason.ACCEPTED,
    AlertState.CLOSED: DecisionReason.CLOSED,
}


def decide(alert: AlertFacts, recipients: Recipients, policy: Policy, now: datetime) -> Decision:
    """Say what to do about an alert now."""
    if (answered := _ANSWERED.get(alert.state)) is not None:
        return Decision(answered, (), None)
    due_at = alert.progress.asked_at + policy.accept_within[alert.level]
    if not alert.progress.somebody_was_asked and now < due_at:
        return _ask_first(alert, recipients, policy, now, due_at)
    if alert.progress.somebody_was_asked and not alert.is_reached:
        return _ask_the_unreached(alert, recipients, policy, now)
    if now < due_at:
        return Decision(DecisionReason.WAITING_TO_BE_ACCEPTED, (), due_at)
    if alert.progress.escalations >= policy.escalations_most:
        return _stay_overdue(alert, policy, now)
    return _escalate(DecisionReason.NOT_ACCEPTED_IN_TIME, alert, recipients, policy, now)


def _ask_first(
    alert: AlertFacts, recipients: Recipients, policy: Policy, now: datetime, due_at: datetime
) -> Decision:
    """Ask the key worker, and after a rise whoever had accepted the alert at its lower level."""
    former = recipients.assigned & {alert.progress.former_accepter}
    staff_ids = Recipients(recipients.key_worker, former).everybody
    if not staff_ids:
        return _withhold(
            DecisionReason.NO_KEY_WORKER, alert, min(due_at, now + policy.unreached_retry)
        )
    is_rise = alert.progress.demand > 1
    return Decision(
        DecisionReason.LEVEL_ROSE if is_rise else DecisionReason.FIRST_NOTIFICATION,
        (Tell(f"{alert.progress.demand}.0", staff_ids),),
        now + policy.accept_within[alert.level],
    )


def _ask_the_unreached(
    alert: AlertFacts, recipients: Recipients, policy: Policy, now: datetime
) -> Decision:
    """Go on to everybody when every message was given up, however often that takes."""
    retry_at = alert.progress.asked_at + policy.unreached_retry
    if now < retry_at:
        return Decision(DecisionReason.NOBODY_REACHED, (), retry_at)
    return _escalate(DecisionReason.NOBODY_REACHED, alert, recipients, policy, now)


def _escalate(
    reason: DecisionReason,
    alert: AlertFacts,
    recipients: Recipients,
    policy: Policy,
    now: datetime,
) -> Decision:
    if not recipients.everybody:
        return _withhold(DecisionReason.NOBODY_ASSIGNED, alert, now + policy.unreached_retry)
    step = f"{alert.progress.demand}.{alert.progress.escalations + 1}"
    return Decision(
        reason,
        (Note(AlertEventKind.ESCALATED), Tell(step, recipients.everybody)),
        now + policy.accept_within[alert.level],
    )


def _stay_overdue(alert: AlertFacts, policy: Policy, now: datetime) -> Decision:
    reason = DecisionReason.ESCALATIONS_USED_UP
    actions = () if reason in alert.progress.noted else (Note(AlertEventKind.OVERDUE),)
    return Decision(reason, actions, now + policy.overdue_check)


def _withhold(reason: DecisionReason, alert: AlertFacts, wake_at: datetime) -> Decision:
    """Say once in the history that nobody could be told, and come back."""
    is_noted = reason in alert.progress.noted
    actions = () if is_noted else (Note(AlertEventKind.NO_NOTIFICATION_SENT),)
    return Decision(reason, actions, wake_at)
