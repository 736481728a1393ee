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

SLOW_AFTER: Final = timedelta(seconds=60)
"""It is taken in within seconds; after a minute the page says that this is slow."""

YOUNGEST: Final = "8-11"
MIDDLE: Final = "12-15"
OLDEST: Final = "16-18"


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
    choice: str
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
        """Return what they chose."""
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


@dataclass(frozen=True, slots=True)
class _Voice:
    """How one group of ages is spoken to."""

    who: str
    promise: str
    at_once: str
    at_work: str
    closed: str
    not_known: str
    nobody: str
    status: dict[AskStatus, str]


_VOICES: Final[dict[str, _Voice]] = {
    YOUNGEST: _Voice(
        who="You choose one and press Send. {worker} gets a message and sees what you chose. "
        "That is all.",
        promise="Nobody is cross if you ask. You can ask again.",
        at_once="{worker} gets it now, but may be asleep or busy. Nobody looks at night.",
        at_work="{worker} gets it now. Work stops at {ends}. Nobody looks at night.",
        closed="Everybody is at home now. {worker} gets it {begins}. Nobody looks before that.",
        not_known="{worker} gets it when people are at work. Nobody looks at night.",
        nobody="You do not have a worker right now. It may take longer until somebody sees this.",
        status={
            AskStatus.ON_ITS_WAY: "It is on its way.",
            AskStatus.WAITS_FOR_WORK: "It waits until people are at work: {when}. "
            "Nobody looks before that.",
            AskStatus.NOBODY_TOLD_YET: "It is here. Nobody has got the message yet. "
            "We keep trying.",
            AskStatus.TOLD: "A message went to {told}. Nobody has opened it yet.",
            AskStatus.SEEN: "{seen} has seen it.",
            AskStatus.SOMEBODY_IS_ON_IT: "{owner} has seen it and will get in touch with you.",
            AskStatus.DONE: "{closer} says that this is done. "
            "If you still want to talk, ask again.",
            AskStatus.COULD_NOT_REACH: "{closer} tried and could not reach you. You can ask again.",
        },
    ),
    MIDDLE: _Voice(
        who="{worker} gets a message, and can see that you asked and what you choose below. "
        "Nothing else.",
        promise="You do not have to explain, and you can ask again.",
        at_once="{worker} gets a message now, but may not be at work. Nobody watches at night.",
        at_work="{worker} gets a message now and is at work until {ends}. Nobody watches at night.",
        closed="Nobody is at work now. {worker} gets it {begins}, and nobody watches before then.",
        not_known="{worker} gets it in working hours. Nobody watches at night or at weekends.",
        nobody="Nobody is assigned to you right now, so it may take longer until this is seen.",
        status={
            AskStatus.ON_ITS_WAY: "It is on its way.",
            AskStatus.WAITS_FOR_WORK: "It waits until work begins, {when}. "
            "Nobody watches before then.",
            AskStatus.NOBODY_TOLD_YET: "It is saved, but no message has got through yet. "
            "We keep trying.",
            AskStatus.TOLD: "A message went to {told}. Nobody has opened it yet.",
            AskStatus.SEEN: "{seen} has seen it.",
            AskStatus.SOMEBODY_IS_ON_IT: "{owner} is on it and will get in touch with you.",
            AskStatus.DONE: "{closer} marked this as done. If it is not, ask again.",
            AskStatus.COULD_NOT_REACH: "{closer} tried to reach you and could not. "
            "You can ask again.",
        },
    ),
    OLDEST: _Voice(
        who="{worker} gets a message, and can see that you asked and what you choose below. "
        "Others who work with you can see it too, and it stays in your record.",
        promise="You do not have to give a reason beyond that, and you can ask again at any time.",
        at_once="{worker} is sent a message straight away, but may not be at work. "
        "Nobody monitors this at night.",
        at_work="{worker} is sent a message straight away; working hours end at {ends}. "
        "Nobody monitors this at night.",
        closed="It is outside working hours. {worker} is sent it {begins}; nobody monitors this "
        "before then.",
        not_known="{worker} is sent it in working hours. Nobody monitors this at night.",
        nobody="Nobody is assigned to you at the moment, so it may take longer until this is seen.",
        status={
            AskStatus.ON_ITS_WAY: "It is on its way.",
            AskStatus.WAITS_FOR_WORK: "It is held until working hours begin, {when}. "
            "Nobody monitors this before then.",
            AskStatus.NOBODY_TOLD_YET: "It is saved, but no message has got through yet. "
            "We keep trying.",
            AskStatus.TOLD: "A message was sent to {told}. Nobody has opened it yet.",
            AskStatus.SEEN: "{seen} has seen it.",
            AskStatus.SOMEBODY_IS_ON_IT: "{owner} is on it and will get in touch with you.",
            AskStatus.DONE: "{closer} closed this. If it is not settled for you, ask again.",
            AskStatus.COULD_NOT_REACH: "{closer} tried to reach you and could not. "
            "You can ask again.",
        },
    ),
}


def voice_of(reading_level: str) -> _Voice:
    """Return how an age is spoken to; one that we do not know is spoken to like the middle one."""
    return _VOICES.get(reading_level, _VOICES[MIDDLE])


def before_sending(
    stretch: Stretch | None, worker: str | None, reading_level: str, zone: str, now: datetime
) -> list[str]:
    """Return what is said before anything is sent: who gets it, by when, and who does not watch."""
    voice, name = voice_of(reading_level), worker or "Your worker"
    lines = [voice.who.format(worker=name), _when(voice, stretch, name, zone, now)]
    if worker is None:
        lines = [voice.nobody, _when(voice, stretch, "Somebody", zone, now)]
    return [*lines, voice.promise]


def _when(voice: _Voice, stretch: Stretch | None, worker: str, zone: str, now: datetime) -> str:
    if stretch is not None and (stretch.begins_at is None or stretch.ends_at is None):
        return voice.at_once.format(worker=worker)
    # What alerts told the pages may be old, when alerts is away: then nothing exact is said.
    if stretch is None or stretch.begins_at is None or stretch.ends_at is None:
        return voice.not_known.format(worker=worker)
    if now >= stretch.ends_at:
        return voice.not_known.format(worker=worker)
    if now >= stretch.begins_at:
        return voice.at_work.format(worker=worker, ends=clock_words(stretch.ends_at, zone))
    return voice.closed.format(worker=worker, begins=ahead_words(stretch.begins_at, zone, now))


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
    sentence = (
        voice_of(reading_level)
        .status[status]
        .format(
            when=ahead_words(last.wake_at, zone, now) if last.wake_at else "",
            told=listed(last.told),
            seen=listed(last.seen),
            owner=last.accepted_by_name or "Somebody",
            closer=last.closed_by_name or "Somebody",
        )
    )
    if len(last.seen) > 1:
        sentence = sentence.replace("has seen it", "have seen it")
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


def asked_words(row: AskRow, zone: str, now: datetime) -> str:
    """Return when something was asked, and when it was taken back."""
    words = f"Sent {moment_words(row.at, zone, now)}: “{row.choice_words}”."
    if row.withdrawn_at is None:
        return words
    taken_back = moment_words(row.withdrawn_at, zone, now)
    return f"{words} You said {taken_back} that you do not need it any more."


def is_slow(ask: Ask, now: datetime) -> bool:
    """Return whether it takes longer than it should until it is taken in."""
    return ask.status is AskStatus.ON_ITS_WAY and now - ask.asked[-1].at > SLOW_AFTER
