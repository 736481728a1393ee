"""The whole story of an alert, in order, each line with its reason in plain words. Pure.

Whose an alert is at each moment is read from the lines before it. A kind or a reason that these
pages do not know yet is shown by its name, never left out.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from portal.alert_words import event_words, level_after, outcome_words, snooze_words
from portal.check_in import ahead_words
from portal.words import moment_words

_QUEUED: Final = "notification_queued"
_UNSENT: Final = "no_notification_sent"

_WHY: Final[dict[tuple[str, str], str]] = {
    (_QUEUED, "first_notification"): "first to be asked",
    (_QUEUED, "level_rose"): "because it became more urgent",
    (_QUEUED, "not_accepted_in_time"): "because nobody had said “I'm on it” in time",
    (_QUEUED, "escalations_used_up"): "because everybody was asked and nobody took it",
    (_QUEUED, "nobody_reached"): "because no earlier message got out",
    (_QUEUED, "accepted_not_closed"): "to ask how it went",
    (_QUEUED, "snooze_ended"): "because the time it was put off for was over",
    (_QUEUED, "owner_is_not_there"): "because whoever was on it is away",
    (_QUEUED, "owner_left"): "because whoever was on it left the service",
    (_QUEUED, "passed_on"): "to whom it was offered",
    (_QUEUED, "seen_at_lower_level"): "who had answered before it became more urgent",
    (_QUEUED, "asked_again"): "to say that it was asked again",
    (_UNSENT, "nobody_assigned"): "nobody is assigned who could be told",
    (_UNSENT, "unknown_channel"): "this way of reaching {who} is not set up here",
    (_UNSENT, "refused_by_channel"): "the address of {who} was refused",
    (_UNSENT, "address_is_dead"): "the phone or mailbox of {who} is gone",
    (_UNSENT, "attempts_used_up"): "it was tried as often as is worth, for {who}",
    (_UNSENT, "level_rose"): "a more urgent one went to {who} instead",
    (_UNSENT, "already_accepted"): "not needed any more for {who}: somebody was on it",
    (_UNSENT, "already_closed"): "not needed any more for {who}: it was closed",
    ("escalated", "not_accepted_in_time"): "the time to accept was over",
    ("escalated", "nobody_reached"): "no message got out",
    ("step_skipped", "key_worker_away"): "somebody covers for them",
    ("step_skipped", "no_key_worker"): "nobody is the key worker",
    ("step_skipped", "raised_it_themselves"): "they raised it themselves",
    ("re_opened", "accepted_not_closed"): "a reminder did not help",
    ("re_opened", "owner_is_not_there"): "whoever was on it is away",
    ("re_opened", "owner_left"): "whoever was on it left the service",
    ("re_opened", "nobody_reached"): "the reminder could not be sent",
    ("reminded", "snooze_ended"): "the time it was put off for was over",
    ("reminded", "accepted_not_closed"): "it was still open",
    ("accepted", "still_on_it"): "still, after being asked",
    ("accepted", "taken_over"): "taken over from a colleague",
    ("accepted", "took_it_at_once"): "from the start",
    ("not_needed_any_more", "somebody_is_on_it"): "somebody was already on it",
    ("duplicate_suppressed", "repeat_held"): "this had been looked at and closed in the last days",
    ("asked_again", "level_rose"): "and it is more urgent",
}

_OWNERS_OUT: Final = frozenset({"re_opened", "worsened", "closed"})
_OWNERS_IN: Final = frozenset({"accepted", "snoozed"})


@dataclass(frozen=True, slots=True)
class StoryRow:
    """One line of an alert's history, as the database has it."""

    at: datetime
    kind: str
    reason: str
    staff_id: int | None
    staff_name: str | None
    detail: str = ""
    receiver_name: str | None = None
    snooze_until: datetime | None = None
    outcome: str | None = None


@dataclass(frozen=True, slots=True)
class StoryLine:
    """One line as people read it."""

    at: datetime
    words: str


def story_lines(rows: Sequence[StoryRow], zone: str) -> list[StoryLine]:
    """Return the story in words, oldest first."""
    lines, owner = [], None
    for row in rows:
        lines.append(StoryLine(row.at, _line(row, owner, zone)))
        if row.kind in _OWNERS_IN:
            owner = row.staff_name
        elif row.kind in _OWNERS_OUT:
            owner = None
    return lines


def _line(row: StoryRow, owner: str | None, zone: str) -> str:
    who = row.staff_name or "somebody"
    if row.kind == "passed_on":
        return _passed_on(who, row.receiver_name or "a colleague", owner)
    if row.kind == "snoozed":
        return _put_off(row, who, zone)
    if row.kind == "worsened" and row.detail:
        return f"It became more urgent: {level_after(row.detail)}"
    if row.kind == "closed" and row.outcome:
        found = outcome_words(row.outcome)
        return f"Closed by {who}: {found[:1].lower()}{found[1:]}"
    words = event_words(row.kind, row.reason, row.staff_name)
    why = _WHY.get((row.kind, row.reason))
    return f"{words}: {why.format(who=who)}" if why else words


def _passed_on(giver: str, receiver: str, owner: str | None) -> str:
    """Say whose it is until it is taken."""
    until = f"it stays with {owner}" if owner else "nobody is on it"
    return f"{giver} offered it to {receiver}. Until {receiver} takes it, {until}"


def _put_off(row: StoryRow, who: str, zone: str) -> str:
    why = snooze_words(row.detail or None)
    words = f"{who} put it off"
    if row.snooze_until is not None:
        # Said from the moment it was put off, and again in the past tense it stays true.
        words += f" until {_until(row.snooze_until, row.at, zone)}"
    return f"{words}: {why[:1].lower()}{why[1:]}" if why else words


def _until(moment: datetime, since: datetime, zone: str) -> str:
    """Return the end of a span as a day and a time that stay true when they are read later."""
    words = ahead_words(moment, zone, since)
    if words.startswith("today at "):
        return words.removeprefix("today at ") + " that day"
    if words.startswith("tomorrow at "):
        return words.removeprefix("tomorrow at ") + " the day after"
    return moment_words(moment, zone, since)
