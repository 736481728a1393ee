"""What a young person reads about a check-in that they asked for. Pure.

Who hears of it, when, and what became of it. It says truthfully that nobody watches at night, and
never that somebody has read what nobody opened. It never tells how a worker judged it: that is for
the two of them to talk about.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from portal.alert_words import AlertState, Outcome, choice_words
from portal.words import clock_words, day_words, listed, local_day, moment_words
from portal.young.texts import MIDDLE, say

SLOW_AFTER: Final = timedelta(seconds=60)
"""It is taken in within seconds; after a minute the page says that this is slow."""


class AskStatus(StrEnum):
    """What became of what a young person asked."""

    ON_ITS_WAY = "on_its_way"
    WAITS_FOR_WORK = "waits_for_work"
    NOBODY_TOLD_YET = "nobody_told_yet"
    TOLD = "told"
    SEEN = "seen"
    SOMEBODY_IS_ON_IT = "somebody_is_on_it"
    DONE = "done"
    COULD_NOT_REACH = "could_not_reach"


@dataclass(frozen=True, slots=True)
class AskRow:
    """Something that a young person asked, with what is known of it."""

    concern_id: int
    choice: str | None
    at: datetime
    withdrawn_at: datetime | None
    alert_id: int | None
    state: str | None
    wake_at: datetime | None
    is_held: bool
    accepted_by_name: str | None
    closed_at: datetime | None
    outcome: str | None
    closed_by_name: str | None
    told: list[str]
    seen: list[str]

    @property
    def choice_words(self) -> str:
        """Return what they chose; where they wrote instead, that they did."""
        if self.choice is None:
            return say("asking.own_words", MIDDLE)
        return choice_words(self.choice)


@dataclass(frozen=True, slots=True)
class Ask:
    """What was asked once or several times and became one piece of work."""

    asked: tuple[AskRow, ...]
    status: AskStatus
    sentence: str
    may_take_back: bool
    is_open: bool


@dataclass(frozen=True, slots=True)
class Stretch:
    """When the team is at work, or next will be; without times it has no set hours."""

    begins_at: datetime | None
    ends_at: datetime | None
    has_duty_line: bool = False


def before_sending(
    stretch: Stretch | None, worker: str | None, reading_level: str, zone: str, now: datetime
) -> list[str]:
    """Return what is said before anything is sent: who gets it, by when, and who does not watch."""
    name = worker or say("common.your_worker", reading_level)
    lines = [say("asking.who", reading_level, worker=name)]
    if worker is None:
        name = say("common.somebody", reading_level)
        lines = [say("asking.nobody", reading_level)]
    promise = say("asking.promise", reading_level)
    return [*lines, _when(stretch, name, reading_level, zone, now), promise]


def _when(
    stretch: Stretch | None, worker: str, reading_level: str, zone: str, now: datetime
) -> str:
    if stretch is not None and (stretch.begins_at is None or stretch.ends_at is None):
        return say("asking.at_once", reading_level, worker=worker)
    # What alerts told the pages may be old, when alerts is away: then nothing exact is said.
    if stretch is None or stretch.begins_at is None or stretch.ends_at is None:
        return say("asking.not_known", reading_level, worker=worker)
    if now >= stretch.ends_at:
        return say("asking.not_known", reading_level, worker=worker)
    if now >= stretch.begins_at:
        ends = clock_words(stretch.ends_at, zone)
        return say("asking.at_work", reading_level, worker=worker, ends=ends)
    begins = ahead_words(stretch.begins_at, zone, now)
    return say("asking.closed", reading_level, worker=worker, begins=begins)


def ahead_words(moment: datetime, zone: str, now: datetime) -> str:
    """Return a moment to come, such as "tomorrow at 09:00" or "on Monday 23 November at 09:00"."""
    day, today = local_day(moment, zone), local_day(now, zone)
    clock = clock_words(moment, zone)
    if day == today:
        return f"today at {clock}"
    if day == today + timedelta(days=1):
        return f"tomorrow at {clock}"
    return f"on {day_words(day, today)} at {clock}"


def my_asks(rows: Sequence[AskRow], reading_level: str, zone: str, now: datetime) -> list[Ask]:
    """Return what was asked, newest first; what became one alert is told as one."""
    groups: dict[int | None, list[AskRow]] = {}
    for row in sorted(rows, key=lambda one: -one.concern_id):
        groups.setdefault(row.alert_id, []).append(row)
    asks = [_ask(tuple(group), reading_level, zone, now) for group in groups.values()]
    return sorted(asks, key=lambda ask: -ask.asked[0].concern_id)


def _ask(asked: tuple[AskRow, ...], reading_level: str, zone: str, now: datetime) -> Ask:
    last = asked[0]
    status = ask_status(last)
    key = "seen_by_many" if status is AskStatus.SEEN and len(last.seen) > 1 else status.value
    somebody = say("common.somebody", reading_level).capitalize()
    sentence = say(
        f"asking.{key}",
        reading_level,
        when=ahead_words(last.wake_at, zone, now) if last.wake_at else "",
        told=listed(last.told),
        seen=listed(last.seen),
        owner=last.accepted_by_name or somebody,
        closer=last.closed_by_name or somebody,
    )
    is_open = status not in (AskStatus.DONE, AskStatus.COULD_NOT_REACH)
    is_taken = status is AskStatus.SOMEBODY_IS_ON_IT
    is_wanted = any(one.withdrawn_at is None for one in asked)
    return Ask(asked, status, sentence, is_open and is_wanted and not is_taken, is_open)


def ask_status(row: AskRow) -> AskStatus:
    """Return what became of what was asked, the furthest that it has come."""
    if row.state is None:
        return AskStatus.ON_ITS_WAY
    if row.state == AlertState.CLOSED:
        was_reached = row.outcome != Outcome.COULD_NOT_REACH
        return AskStatus.DONE if was_reached else AskStatus.COULD_NOT_REACH
    if row.state == AlertState.ACCEPTED:
        return AskStatus.SOMEBODY_IS_ON_IT
    if row.seen:
        return AskStatus.SEEN
    if row.told:
        return AskStatus.TOLD
    return AskStatus.WAITS_FOR_WORK if row.is_held else AskStatus.NOBODY_TOLD_YET


def asked_words(row: AskRow, zone: str, now: datetime, reading_level: str = MIDDLE) -> str:
    """Return when something was asked, and when it was taken back."""
    said = {"when": moment_words(row.at, zone, now), "what": row.choice_words}
    if row.withdrawn_at is None:
        return say("asking.sent", reading_level, **said)
    back = moment_words(row.withdrawn_at, zone, now)
    return say("asking.sent_and_taken_back", reading_level, **said, back=back)


def is_slow(ask: Ask, now: datetime) -> bool:
    """Return whether it takes longer than it should until it is taken in."""
    return ask.status is AskStatus.ON_ITS_WAY and now - ask.asked[-1].at > SLOW_AFTER
