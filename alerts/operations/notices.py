"""When the people who run the service are told of an outage of ours, and when they are not.

Rule 1: one trouble is one notice, however many shards and people it is about. That our ears are
shut, that nobody speaks to open ones, and that nobody can be sure of alerts, are three: none of
them hides another.
Rule 2: a trouble that comes back within the hour belongs to the notice that was sent.
Rule 3: what was over before anybody could be told is told once, if it lasted.

Facts in, a decision out; nothing here reads a clock.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from tidewell.vocabulary import Level

NOTICE_AFTER: Final = timedelta(minutes=2)
"""Restarts and reconnects take seconds; devices keep what they have for days, so two minutes cost
nothing and spare somebody's night."""
SAME_TROUBLE_WITHIN: Final = timedelta(hours=1)
"""A broker that comes and goes is one trouble."""
TOLD_AFTERWARDS_WITHIN: Final = timedelta(minutes=30)
"""An outage of the database is known when it is over; older ones stand on the service's page."""
LEVEL: Final = Level.CHECK_NOW
"""While frames are not heard nobody's change is noticed; without alerts none of them is told."""

LEVEL_OF_OPENINGS: Final = Level.CHECK_TODAY
"""Somebody is with the young person already; who should know has to know today."""

_TEXT: Final = "Wellbeing: devices are not heard now. Open: {link}"
_TEXT_OF_ALERTS: Final = "Wellbeing: alerts may not reach people now. Open: {link}"
_TEXT_OVER: Final = "Wellbeing: devices were unheard for a time. Open: {link}"
_TEXT_OF_OPENINGS: Final = "Wellbeing: a colleague opened pages in need. Open: {link}"


class NoticeAbout(StrEnum):
    """What a notice is about; each has notices of its own."""

    NOT_HEARING = "not_hearing"
    NOBODY_HEARD = "nobody_heard"
    ALERTS_NOT_CERTAIN = "alerts_not_certain"
    OPENED_IN_NEED = "opened_in_need"


TROUBLES: Final = (
    NoticeAbout.NOT_HEARING,
    NoticeAbout.NOBODY_HEARD,
    NoticeAbout.ALERTS_NOT_CERTAIN,
)
"""What is looked for; an opening is written down by whoever opened."""


class NoticeDecision(StrEnum):
    """What is done about our own outages at one look."""

    NOTHING = "nothing"
    RAISED = "raised"
    RAISED_AFTERWARDS = "raised_afterwards"
    STILL_OPEN = "still_open"
    SAME_TROUBLE = "same_trouble"
    ENDED = "ended"


@dataclass(frozen=True, slots=True)
class Trouble:
    """The worst of one kind of what is going on.

    Attributes:
        unheard_since: since when some shard is not heard, or nobody is; None where all are.
        missed_from, missed_until: the latest outage that is over and lasted, not told of yet.
    """

    unheard_since: datetime | None = None
    missed_from: datetime | None = None
    missed_until: datetime | None = None


@dataclass(frozen=True, slots=True)
class LastNotice:
    """The notice that was raised last."""

    began_at: datetime
    ended_at: datetime | None


def decide_notice(trouble: Trouble, last: LastNotice | None, now: datetime) -> NoticeDecision:
    """Say what to do.

    Example:
        >>> from datetime import UTC
        >>> now = datetime(2026, 11, 22, 12, tzinfo=UTC)
        >>> decide_notice(Trouble(now - timedelta(minutes=5)), None, now)
        <NoticeDecision.RAISED: 'raised'>
    """
    since = trouble.unheard_since
    is_open = last is not None and last.ended_at is None
    if since is not None and now - since >= NOTICE_AFTER:
        if is_open:
            return NoticeDecision.STILL_OPEN
        return NoticeDecision.SAME_TROUBLE if _is_recent(last, since) else NoticeDecision.RAISED
    if is_open:
        # A trouble that only begins may be the one that was told, between two of its breaks.
        return NoticeDecision.STILL_OPEN if since is not None else NoticeDecision.ENDED
    if _is_worth_telling_afterwards(trouble, last, now):
        return NoticeDecision.RAISED_AFTERWARDS
    return NoticeDecision.NOTHING


def text_of(about: NoticeAbout, link: str, *, is_over: bool) -> str:
    """Return what leaves the building: no number, no name, nothing about anybody's health."""
    texts = {
        NoticeAbout.ALERTS_NOT_CERTAIN: _TEXT_OF_ALERTS,
        NoticeAbout.OPENED_IN_NEED: _TEXT_OF_OPENINGS,
    }
    if about in texts:
        return texts[about].format(link=link)
    return (_TEXT_OVER if is_over else _TEXT).format(link=link)


def _is_recent(last: LastNotice | None, since: datetime) -> bool:
    return (
        last is not None
        and last.ended_at is not None
        and since - last.ended_at < SAME_TROUBLE_WITHIN
    )


def _is_worth_telling_afterwards(trouble: Trouble, last: LastNotice | None, now: datetime) -> bool:
    began, ended = trouble.missed_from, trouble.missed_until
    if began is None or ended is None:
        return False
    is_told = (
        last is not None
        and last.ended_at is not None
        and began - last.ended_at < SAME_TROUBLE_WITHIN
    )
    return not is_told and ended - began >= NOTICE_AFTER and now - ended <= TOLD_AFTERWARDS_WITHIN
