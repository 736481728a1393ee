"""A hand-over in four parts, drafted from what is stored: Situation, Background, Assessment,
Recommendation. Pure.

The order is the one that nurses and social workers know as SBAR. It is for every alert, measured or
raised by a person. It says what is not known as plainly as what is, names no illness, and never
says that somebody is well. Nobody types twice what is stored already.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Final

from portal.alert_words import outcome_words, suggestion_words
from portal.explanation import NO_SENTENCE, Explanation
from portal.words import (
    counted,
    date_words,
    day_words,
    level_words,
    listed,
    local_day,
    moment_words,
)

EARLIER_DAYS: Final = 28
"""What is usual rests on about a month, and so does what a colleague has to know."""
EARLIER_SAID_MOST: Final = 3
"""The newest say most; how many more there are is said too."""

_NOTE_SAID: Final = "note about these days"
"""A note that the detector knew of, though it has been taken back since."""

FOOT: Final = (
    "Drafted by itself from what is stored; read it before you rely on it. Tidewell is not an "
    "emergency service and not a medical device."
)


@dataclass(frozen=True, slots=True)
class Said:
    """What somebody asked or said, in words, with the note of whoever wrote it down."""

    words: str
    at: datetime
    note: str = ""


@dataclass(frozen=True, slots=True)
class Earlier:
    """Another alert about the person in the last weeks."""

    about: str
    raised_at: datetime
    is_open: bool
    outcome: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class HandOverFacts:
    """Everything that a hand-over is drafted from."""

    name: str
    zone: str
    level: str
    cause: str
    is_asked: bool
    raised_at: datetime
    first_day: date
    explanation: Explanation
    said: Sequence[Said] = ()
    data_sentence: str = ""
    key_workers: Sequence[str] = ()
    notes: Sequence[str] = ()
    columns: Sequence[tuple[str, str]] = ()
    columns_by: str = ""
    contact: str = ""
    is_spoken_since: bool = False
    earlier: Sequence[Earlier] = ()
    back_to_usual_at: datetime | None = None
    accepted_by: str | None = None
    accepted_at: datetime | None = None
    offered_to: str | None = None
    snoozed_until: datetime | None = None
    snooze_said: str = ""
    closed_by: str | None = None
    closed_at: datetime | None = None
    outcome: str | None = None
    note: str = ""


@dataclass(frozen=True, slots=True)
class Part:
    """One of the four parts."""

    letter: str
    heading: str
    sentences: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class HandOver:
    """A hand-over, ready to be read, copied or printed."""

    title: str
    parts: tuple[Part, ...]
    foot: str

    @property
    def text(self) -> str:
        """Return it as plain text."""
        parts = (
            "\n".join([f"{part.letter}: {part.heading}", *part.sentences]) for part in self.parts
        )
        return "\n\n".join([self.title, *parts, self.foot])


def hand_over(facts: HandOverFacts, now: datetime) -> HandOver:
    """Return the hand-over of an alert as it stands."""
    today = local_day(now, facts.zone)
    return HandOver(
        title=f"Hand-over about {facts.name}, {date_words(today)}",
        parts=(
            Part("S", "Situation", tuple(_situation(facts, now))),
            Part("B", "Background", tuple(_background(facts, now))),
            Part("A", "Assessment", tuple(_assessment(facts, now))),
            Part("R", "Recommendation", tuple(_recommendation(facts))),
        ),
        foot=FOOT,
    )


def _situation(facts: HandOverFacts, now: datetime) -> list[str]:
    raised = _moment(facts.raised_at, facts, now)
    lines = [f"{facts.name}: {level_words(facts.level).lower()}, raised {raised}."]
    if facts.is_asked:
        for said in facts.said:
            lines.append(f"{said.words}, {_moment(said.at, facts, now)}.")
            if said.note:
                lines.append(f"Note: “{said.note}”")
    else:
        lines.append(f"{_as_it_stood(facts)}{_what_changed(facts, now)}")
    return [*lines, _whose(facts, now)]


def _what_changed(facts: HandOverFacts, now: datetime) -> str:
    """Return the detector's sentence, which says since when, or that alone."""
    if facts.explanation.sentence != NO_SENTENCE:
        return facts.explanation.sentence
    since = day_words(facts.first_day, local_day(now, facts.zone))
    return f"Something has changed since {since}."


def _as_it_stood(facts: HandOverFacts) -> str:
    day = facts.explanation.day
    return f"As it stood on {day_words(day)}: " if day else ""


def _whose(facts: HandOverFacts, now: datetime) -> str:
    if facts.closed_at is not None:
        by = facts.closed_by or "somebody"
        return f"{by} closed it {_moment(facts.closed_at, facts, now)}."
    offered = f" It is offered to {facts.offered_to}, who has not taken it yet."
    offered = offered if facts.offered_to else ""
    if facts.accepted_by is None or facts.accepted_at is None:
        return f"Nobody is on it yet.{offered}"
    since = _moment(facts.accepted_at, facts, now)
    put_off = ""
    if facts.snoozed_until is not None:
        why = f": {facts.snooze_said.lower()}" if facts.snooze_said else ""
        put_off = f" Put off until {_moment(facts.snoozed_until, facts, now)}{why}."
    return f"{facts.accepted_by} is on it since {since}.{put_off}{offered}"


def _background(facts: HandOverFacts, now: datetime) -> list[str]:
    who = listed(list(facts.key_workers))
    lines = [f"Key worker: {who}." if who else "Nobody is the key worker."]
    lines += [
        f"{one.label}: {one.value_said()}; usual for {facts.name} {one.usual_said()}."
        for one in facts.explanation.contributions
    ]
    lines += [f"Note about these days: {note}." for note in facts.notes]
    lines += [facts.contact] if facts.contact else []
    if facts.columns:
        lines.append(f"How things are, as written by {facts.columns_by}:")
        lines += [f"{words}: {text}" for words, text in facts.columns]
    return [*lines, *_earlier(facts, now)]


def _earlier(facts: HandOverFacts, now: datetime) -> list[str]:
    if not facts.earlier:
        return [f"No other alert in the last {EARLIER_DAYS} days."]
    said = [_one_earlier(one, facts, now) for one in facts.earlier[:EARLIER_SAID_MOST]]
    more = len(facts.earlier) - len(said)
    rest = f"; and {more} more" if more > 0 else ""
    count = counted(len(facts.earlier), "other alert")
    return [f"{count} in the last {EARLIER_DAYS} days: {'; '.join(said)}{rest}."]


def _one_earlier(one: Earlier, facts: HandOverFacts, now: datetime) -> str:
    day = day_words(local_day(one.raised_at, facts.zone), local_day(now, facts.zone))
    how = "still open" if one.is_open else f"closed: {outcome_words(one.outcome).lower()}"
    return f"{one.about.lower()} on {day} ({how})"


def _assessment(facts: HandOverFacts, now: datetime) -> list[str]:
    told = facts.explanation
    lines = []
    if facts.is_asked:
        lines.append("This is what people said. It is no measurement, and none is needed for it.")
    if told.certainty or told.support_said():
        sure = f"{told.certainty_said()}. " if told.certainty else ""
        lines.append(f"{sure}{told.support_said()}".strip())
    lines += told.remarks
    if facts.back_to_usual_at is not None:
        back = _moment(facts.back_to_usual_at, facts, now)
        lines.append(f"Back to what is usual {back}.")
    if facts.data_sentence:
        lines.append(f"The device: {facts.data_sentence}")
    if told.missing_said():
        lines.append(told.missing_said())
    return [*lines, f"Not known: {'; '.join(_not_known(facts))}."]


def _not_known(facts: HandOverFacts) -> list[str]:
    """Return what nobody wrote down; why something changed is never known from numbers."""
    unknown = []
    if not facts.is_asked:
        unknown.append("why it changed")
        if not facts.explanation.certainty:
            unknown.append("how sure it is")
        if not facts.notes and not any(_NOTE_SAID in one for one in facts.explanation.remarks):
            unknown.append("whether something special happened on these days (no note)")
    elif not any(one.note for one in facts.said):
        unknown.append("more than what was chosen (no note)")
    if facts.closed_at is None and not facts.is_spoken_since:
        unknown.append(f"whether anybody has spoken with {facts.name} about it")
    elif facts.closed_at is not None and not facts.note:
        unknown.append("what was said (no note)")
    return unknown or ["nothing that this page asks for"]


def _recommendation(facts: HandOverFacts) -> list[str]:
    if facts.closed_at is not None:
        found = f"Closed with: {outcome_words(facts.outcome).lower()}."
        lines = [found]
        if facts.note:
            lines.append(f"Note: “{facts.note}”")
        return [*lines, "Nothing more is asked for by this alert."]
    lines = [suggestion_words(facts.level, facts.cause)]
    if facts.explanation.clears_when:
        lines.append(facts.explanation.clears_when)
    if facts.accepted_by is None:
        lines.append(
            "Whoever takes it accepts it on its page; until then others go on being asked."
        )
    return [*lines, "Close it with what was found, so that the next colleague knows."]


def _moment(moment: datetime, facts: HandOverFacts, now: datetime) -> str:
    return moment_words(moment, facts.zone, now)
