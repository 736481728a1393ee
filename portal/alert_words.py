"""An alert in words: its state, its history, what would be a good next step. Pure.

The words of the history come from the kinds and reasons that the alerts process writes; one that
these pages do not know yet is shown by its name, never left out.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Final

from portal.words import family_words, level_words, sentence_case
from tidewell.vocabulary import Asking, CheckInChoice, Family, Level


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


class SnoozeReason(StrEnum):
    """Why somebody puts an alert off."""

    VISIT_PLANNED = "visit_planned"
    AT_SCHOOL = "at_school"
    WAITING_FOR_OTHERS = "waiting_for_others"
    SPOKE_ALREADY = "spoke_already"

    @property
    def words(self) -> str:
        """Return the reason as people read it."""
        return _SNOOZE_WORDS[self]


_SNOOZE_WORDS: Final[dict[SnoozeReason, str]] = {
    SnoozeReason.VISIT_PLANNED: "A visit or call is planned",
    SnoozeReason.AT_SCHOOL: "They are at school or with somebody now",
    SnoozeReason.WAITING_FOR_OTHERS: "Waiting to hear from a colleague or the family",
    SnoozeReason.SPOKE_ALREADY: "We spoke already and will speak again",
}

_EVENT_WORDS: Final[dict[str, str]] = {
    "created": "{who} raised it",
    "notification_queued": "A message to {who} is on its way",
    "notification_sent": "Message sent to {who}",
    "no_notification_sent": "No message was sent",
    "escalated": "Nobody had accepted, so more people were asked",
    "overdue": "Still waiting for somebody to accept; everybody was asked again",
    "held": "Out of hours: it waits until work begins",
    "step_skipped": "The key worker was not asked, so others were asked at once",
    "nobody_watching": "Out of hours and no duty line is set; others were told all the same",
    "snoozed": "{who} put it off",
    "passed_on": "{who} offered it to a colleague",
    "reminded": "{who} was asked how it went",
    "re_opened": "Nobody is on it any more, so others were asked",
    "re_raised": "The change went on or grew, so another alert was raised",
    "accepted": "{who} is on it",
    "duplicate_suppressed": "{who} said “I'm on it” again",
    "worsened": "The change became larger",
    "back_to_usual": "Back to what is usual; open until somebody closes it",
    "asked_again": "{who} said again that somebody should look",
    "not_needed_any_more": "They said that they do not need it any more; it stays open until"
    " somebody closes it",
    "closed": "Closed by {who}",
}

_WITHOUT_ANYBODY: Final[dict[str, str]] = {
    "created": "Alert raised",
    "duplicate_suppressed": "The same change was noticed again; nobody was called twice",
    "asked_again": "Asked for it again",
}

_ACTION_WORDS: Final[dict[str, str]] = {
    "accept": "I'm on it",
    "hand_over": "Pass on",
    "snooze": "Put off",
}

_REFUSED_WORDS: Final[dict[str, str]] = {
    "not_assigned": "{who} tried to act, but is not assigned to this person",
    "already_closed": "{who} tried to act, but it was already closed",
    "accepted_by_another": "{who} said “I'm on it”, but somebody else already was",
    "unknown_outcome": "{who} tried to close it with an outcome that does not exist",
    "level_rose_since": "{who} answered before it became more urgent, so it was asked again",
    "receiver_cannot": "{who} wanted to pass it on to somebody who cannot take it",
    "snooze_without_reason": "{who} wanted to put it off without a reason",
    "snooze_too_long": "{who} wanted to put it off for longer than is agreed",
}

_RECEIPT_WORDS: Final[dict[str, str]] = {
    "reached_the_phone": "The text reached the phone of {who}; that does not say who read it",
    "phone_not_reached": "The text did not reach the phone of {who}",
    "number_is_dead": "The number of {who} does not exist any more; no text is sent there again",
    "provider_failed": "The text to {who} was lost on its way",
}

_SUGGESTIONS: Final[dict[str, str]] = {
    Level.CHECK_NOW: "Please check in now. If someone is in danger, call 999.",
    Level.CHECK_TODAY: "A friendly check-in today is enough.",
    Level.FOR_REVIEW: "No hurry: keep it in mind when you next talk.",
}
_ASKED_SUGGESTION: Final = "They asked for it: get in touch, and say when you will."
_WORRY_SUGGESTIONS: Final[dict[str, str]] = {
    Level.CHECK_NOW: "Please check in now, and speak with whoever is worried."
    " If someone is in danger, call 999.",
    Level.CHECK_TODAY: "Please check in today, and speak with whoever is worried.",
    Level.FOR_REVIEW: "Speak with whoever is worried in the next days.",
}
_ASKING_WORDS: Final[dict[str, str]] = {
    Asking.CHECK_IN_ASKED: "Asked for a check-in",
    Asking.WORRY: "Somebody is worried",
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
    by_reason = {"action_refused": _REFUSED_WORDS, "receipt_came": _RECEIPT_WORDS}
    template = by_reason[kind].get(reason) if kind in by_reason else _EVENT_WORDS.get(kind)
    if who is None and kind in _WITHOUT_ANYBODY:
        return _WITHOUT_ANYBODY[kind]
    return (template or sentence_case(kind)).format(who=who or "the next person")


def action_words(kind: str, outcome: str | None) -> str:
    """Return what somebody asked of an alert."""
    if kind == "close":
        return f"Close: {outcome_words(outcome)}"
    return _ACTION_WORDS.get(kind, sentence_case(kind))


def snooze_words(reason: str | None) -> str:
    """Return why an alert was put off; a reason that we do not know is still shown."""
    if reason is None:
        return ""
    return SnoozeReason(reason).words if reason in list(SnoozeReason) else sentence_case(reason)


def suggestion_words(level: str, cause: str) -> str:
    """Return a good next step, never a clinical one."""
    if cause == Family.DEVICE:
        return _DEVICE_SUGGESTION
    if cause == Asking.CHECK_IN_ASKED:
        return _ASKED_SUGGESTION
    if cause == Asking.WORRY:
        return _WORRY_SUGGESTIONS.get(level, _WORRY_SUGGESTIONS[Level.CHECK_TODAY])
    return _SUGGESTIONS.get(level, _SUGGESTIONS[Level.CHECK_TODAY])


def cause_words(cause: str) -> str:
    """Return what an alert is about: a kind of change, or what somebody asked."""
    return _ASKING_WORDS.get(cause) or family_words(cause)


def choice_words(choice: str) -> str:
    """Return what a young person chose; a choice that we do not know is still shown."""
    known = choice in list(CheckInChoice)
    return CheckInChoice(choice).words if known else sentence_case(choice)


def is_asked(cause: str) -> bool:
    """Return whether a person raised it, and no measurement."""
    return cause in list(Asking)


def outcomes_for(cause: str) -> list[Outcome]:
    """Return how an alert can be closed; what a person asked was never wrong data."""
    left_out = Outcome.DATA_WAS_WRONG if is_asked(cause) else None
    return [outcome for outcome in Outcome if outcome is not left_out]


def level_after(change: str) -> str:
    """Return the new level of a change that is written like `for_review to check_now`."""
    return level_words(change.rpartition(" to ")[2])


def level_shape(level: str) -> str:
    """Return the sign beside the word of a level, so that colour alone never means anything."""
    return _LEVEL_SHAPES.get(level, "▲")
