"""What an episode event means for people: a fresh alert, more of one that is there, or nothing.

Rule 1: there is at most one open alert for a person and a cause; repeats join it.
Rule 2: an alert that somebody closed never stays silently closed: news of a higher level, or news
that still comes days after it was closed, raises a fresh alert that is linked to the former one.
Rule 3: the order in which the events of an open alert come makes no difference to its level.
Rule 4: data that came late never page as if they were of today; what ingest noticed in time and
alerts did not get to see, because they were down or their clock was ahead, is told all the same.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Final

from alerts.reasons import AlertState, EpisodeEventKind, IntakeReason, Outcome
from tidewell.vocabulary import Level

if TYPE_CHECKING:
    from datetime import datetime

    from alerts.policy import Policy

NOBODY_SAW_THEM: Final = frozenset({Outcome.COULD_NOT_REACH.value, Outcome.DATA_WAS_WRONG.value})
"""Outcomes after which a repeat is news: nobody has spoken with the person about this change."""

OUR_DELAY_MOST: Final = timedelta(days=14)
"""A site without alerts for longer did not use them yet: the first start tells what is so today."""


@dataclass(frozen=True, slots=True)
class EpisodeEvent:
    """What ingest wrote about an episode, as far as a decision depends on it."""

    kind: EpisodeEventKind
    level: Level
    at: datetime
    """When it was so, by the reading that decided it."""
    recorded_at: datetime
    """When ingest wrote it down."""
    is_moot: bool = False
    """The device was silent or off, and is not any more: nobody has to do anything."""

    def is_fresh(self, now: datetime, within: timedelta) -> bool:
        """Return whether it was news when it was written down, and could still be told.

        Data that came late were old already when they were written down. Whatever passed since then
        is our own doing, and nobody must miss an alert for it.
        """
        if self.at >= now - within:
            return True
        return self.at >= self.recorded_at - within and self.recorded_at >= now - OUR_DELAY_MOST


@dataclass(frozen=True, slots=True)
class ExistingAlert:
    """The open alert of this person and cause, or else the one that was closed last."""

    state: AlertState
    level: Level
    is_of_this_episode: bool = True
    closed_at: datetime | None = None
    outcome: str | None = None


def decide_intake(
    event: EpisodeEvent, existing_alert: ExistingAlert | None, now: datetime, policy: Policy
) -> IntakeReason:
    """Say what an episode event means for people.

    Example:
        >>> from datetime import UTC, datetime
        >>> from alerts.policy import PolicyDocument
        >>> now = datetime(2026, 11, 22, tzinfo=UTC)
        >>> event = EpisodeEvent(EpisodeEventKind.OPENED, Level.CHECK_TODAY, now, now)
        >>> decide_intake(event, None, now, PolicyDocument().as_policy()).value
        'raised'
    """
    is_fresh = event.is_fresh(now, policy.fresh_within)
    if existing_alert is None:
        return _decide_raising(event, is_fresh=is_fresh)
    if existing_alert.state is AlertState.CLOSED:
        return _decide_after_closing(event, existing_alert, policy, is_fresh=is_fresh)
    if event.kind is EpisodeEventKind.CLOSED:
        return IntakeReason.BACK_TO_USUAL
    if event.level.rank <= existing_alert.level.rank:
        is_same = existing_alert.is_of_this_episode
        return IntakeReason.ALREADY_RAISED if is_same else IntakeReason.MERGED
    return IntakeReason.WORSENED if is_fresh else IntakeReason.OLD_NEWS


def _decide_raising(event: EpisodeEvent, *, is_fresh: bool) -> IntakeReason:
    if event.kind is EpisodeEventKind.CLOSED or event.is_moot:
        return IntakeReason.EPISODE_CLOSED
    if event.level is Level.USUAL:
        return IntakeReason.LEVEL_TOO_LOW
    return IntakeReason.RAISED if is_fresh else IntakeReason.OLD_NEWS


def _decide_after_closing(
    event: EpisodeEvent, former: ExistingAlert, policy: Policy, *, is_fresh: bool
) -> IntakeReason:
    """Decide on news after an alert was closed: growth and persistence count, echoes do not."""
    asks = event.kind is not EpisodeEventKind.CLOSED and not event.is_moot
    if not asks or event.level is Level.USUAL or former.closed_at is None:
        return IntakeReason.ALERT_CLOSED
    is_growth = event.level.rank > former.level.rank
    lasts = event.at >= former.closed_at + policy.raise_again_after
    is_news = is_growth or lasts
    if not former.is_of_this_episode:
        is_over = event.at >= former.closed_at + policy.merge_within
        is_news = is_news or is_over or former.outcome in NOBODY_SAW_THEM
    if not is_news:
        return IntakeReason.ALERT_CLOSED if former.is_of_this_episode else IntakeReason.REPEAT_HELD
    return IntakeReason.RE_RAISED if is_fresh else IntakeReason.OLD_NEWS
