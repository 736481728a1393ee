"""An alert in words: its state, its history, what would be a good next step. Pure.

The words of the history come from the kinds and reasons that the alerts process writes; one that
these pages do not know yet is shown by its name, never left out.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Final

from portal.words import sentence_case
from tidewell.vocabulary import Family, Level


class AlertState(StrEnum):
    """How far an alert has come, as the alerts process writes it."""

    RAISED = "raised"
    NOTIFIED = "notified"
    ACCEPTED = "accepted"
    CLOSED = "closed"


class Outcome(StrEnum):
    """What somebody found when they checked in."""

    SUPPORT_NEEDED = "support_needed"
    ALL_FINE = "all_fine"
    ALREADY_KNOWN = "already_known"
    DATA_WAS_WRONG = "data_was_wrong"
    COULD_NOT_REACH = "could_not_reach"

    @property
    def words(self) -> str:
        """Return the outcome as people read it."""
        return _OUTCOME_WORDS[self]


_OUTCOME_WORDS: Final[dict[Outcome, str]] = {
    Outcome.SUPPORT_NEEDED: "Checked in, support needed",
    Outcome.ALL_FINE: "Checked in, all fine",
    Outcome.ALREADY_KNOWN: "Already known",
    Outcome.DATA_WAS_WRONG: "Data was wrong",
    Outcome.COULD_NOT_REACH: "Could not reach",
}

_EVENT_WORDS: Final[dict[str, str]] = {
    "created": "Alert raised",
    "notification_queued": "A message to {who} is on its way",
    "notification_sent": "Message sent to {who}",
    "no_notification_sent": "No message could be sent",
    "escalated": "Nobody had accepted, so {who} was asked as well",
    "overdue": "Still waiting for somebody to accept",
    "accepted": "{who} is on it",
    "duplicate_suppressed": "{who} said “I'm on it” again",
    "worsened": "The change became larger",
    "back_to_usual": "Back to what is usual; open until somebody closes it",
    "closed": "Closed by {who}",
}

_REFUSED_WORDS: Final[dict[str, str]] = {
    "not_assigned": "{who} tried to act, but is not assigned to this person",
    "already_closed": "{who} tried to act, but it was already closed",
    "accepted_by_another": "{who} said “I'm on it”, but somebody else already was",
    "unknown_outcome": "{who} tried to close it with an outcome that does not exist",
}

_SUGGESTIONS: Final[dict[str, str]] = {
    Level.CHECK_NOW: "Please check in now. If someone is in danger, call 999.",
    Level.CHECK_TODAY: "A friendly check-in today is enough.",
    Level.FOR_REVIEW: "No hurry: keep it in mind when you next talk.",
}
_DEVICE_SUGGESTION: Final = "Ask how it goes with the device: is it charged, is it comfortable?"

_LEVEL_SHAPES: Final[dict[str, str]] = {
    Level.CHECK_NOW: "▲▲▲",
    Level.CHECK_TODAY: "▲▲",
    Level.FOR_REVIEW: "▲",
}


def outcome_words(outcome: str | None) -> str:
    """Return an outcome as people read it; one that we do not know is still shown."""
    if outcome is None:
        return ""
    return Outcome(outcome).words if outcome in list(Outcome) else sentence_case(outcome)


def event_words(kind: str, reason: str, who: str | None) -> str:
    """Return one line of an alert's history."""
    template = _REFUSED_WORDS.get(reason) if kind == "action_refused" else _EVENT_WORDS.get(kind)
    if kind == "duplicate_suppressed" and who is None:
        template = "The same change was noticed again; nobody was called twice"
    return (template or sentence_case(kind)).format(who=who or "the next person")


def action_words(kind: str, outcome: str | None) -> str:
    """Return what somebody asked of an alert."""
    return "I'm on it" if kind == "accept" else f"Close: {outcome_words(outcome)}"


def suggestion_words(level: str, cause: str) -> str:
    """Return a good next step, never a clinical one."""
    if cause == Family.DEVICE:
        return _DEVICE_SUGGESTION
    return _SUGGESTIONS.get(level, _SUGGESTIONS[Level.CHECK_TODAY])


def level_shape(level: str) -> str:
    """Return the sign beside the word of a level, so that colour alone never means anything."""
    return _LEVEL_SHAPES.get(level, "▲")
