"""The words of alerts: what happened to one, and why.

Every member is stored, so a word here never changes its meaning; `docs/operations.md` describes
each of them. None of them names a person or says anything about health.
"""

from __future__ import annotations

from enum import StrEnum


class AlertState(StrEnum):
    """How far an alert has come."""

    RAISED = "raised"
    NOTIFIED = "notified"
    ACCEPTED = "accepted"
    CLOSED = "closed"


class Outcome(StrEnum):
    """What the practitioner found; an alert closes with one of these only."""

    SUPPORT_NEEDED = "support_needed"
    ALL_FINE = "all_fine"
    ALREADY_KNOWN = "already_known"
    DATA_WAS_WRONG = "data_was_wrong"
    COULD_NOT_REACH = "could_not_reach"


class EpisodeEventKind(StrEnum):
    """What ingest says about an episode."""

    OPENED = "opened"
    CONTINUED = "continued"
    WORSENED = "worsened"
    CLOSED = "closed"


class ActionKind(StrEnum):
    """What somebody asks of an alert on the pages."""

    ACCEPT = "accept"
    CLOSE = "close"
    HAND_OVER = "hand_over"
    SNOOZE = "snooze"


class SnoozeReason(StrEnum):
    """Why somebody puts an alert off; one that is put off needs one of these."""

    VISIT_PLANNED = "visit_planned"
    AT_SCHOOL = "at_school"
    WAITING_FOR_OTHERS = "waiting_for_others"
    SPOKE_ALREADY = "spoke_already"


class AlertEventKind(StrEnum):
    """What happened to an alert, in the words of its history."""

    CREATED = "created"
    NOTIFICATION_QUEUED = "notification_queued"
    NOTIFICATION_SENT = "notification_sent"
    NO_NOTIFICATION_SENT = "no_notification_sent"
    RECEIPT_CAME = "receipt_came"
    ESCALATED = "escalated"
    OVERDUE = "overdue"
    HELD = "held"
    STEP_SKIPPED = "step_skipped"
    NOBODY_WATCHING = "nobody_watching"
    ACCEPTED = "accepted"
    SNOOZED = "snoozed"
    PASSED_ON = "passed_on"
    REMINDED = "reminded"
    RE_OPENED = "re_opened"
    RE_RAISED = "re_raised"
    DUPLICATE_SUPPRESSED = "duplicate_suppressed"
    WORSENED = "worsened"
    BACK_TO_USUAL = "back_to_usual"
    ASKED_AGAIN = "asked_again"
    NOT_NEEDED_ANY_MORE = "not_needed_any_more"
    CLOSED = "closed"
    ACTION_REFUSED = "action_refused"


class IntakeReason(StrEnum):
    """What became of an episode event."""

    RAISED = "raised"
    WORSENED = "worsened"
    BACK_TO_USUAL = "back_to_usual"
    ALREADY_RAISED = "already_raised"
    MERGED = "merged"
    RE_RAISED = "re_raised"
    REPEAT_HELD = "repeat_held"
    ALERT_CLOSED = "alert_closed"
    OLD_NEWS = "old_news"
    LEVEL_TOO_LOW = "level_too_low"
    EPISODE_CLOSED = "episode_closed"


class ConcernKind(StrEnum):
    """What a row of `concern` says."""

    RAISE = "raise"
    WITHDRAW = "withdraw"


class ConcernReason(StrEnum):
    """What became of what somebody asked, or was worried about."""

    RAISED = "raised"
    JOINED = "joined"
    LEVEL_ROSE = "level_rose"
    NOT_NEEDED_ANY_MORE = "not_needed_any_more"
    SOMEBODY_IS_ON_IT = "somebody_is_on_it"
    ALREADY_CLOSED = "already_closed"


class DecisionReason(StrEnum):
    """Why somebody is told about an alert now, or is not."""

    FIRST_NOTIFICATION = "first_notification"
    LEVEL_ROSE = "level_rose"
    NOT_ACCEPTED_IN_TIME = "not_accepted_in_time"
    NOBODY_REACHED = "nobody_reached"
    NO_KEY_WORKER = "no_key_worker"
    KEY_WORKER_AWAY = "key_worker_away"
    NO_DUTY_LINE = "no_duty_line"
    NO_WORKING_ADDRESS = "no_working_address"
    NOBODY_ASSIGNED = "nobody_assigned"
    WAITING_TO_BE_ACCEPTED = "waiting_to_be_accepted"
    ESCALATIONS_USED_UP = "escalations_used_up"
    HELD_OUT_OF_HOURS = "held_out_of_hours"
    ACCEPTED = "accepted"
    SNOOZED = "snoozed"
    SNOOZE_ENDED = "snooze_ended"
    ACCEPTED_NOT_CLOSED = "accepted_not_closed"
    WAITING_TO_BE_CLOSED = "waiting_to_be_closed"
    OWNER_IS_NOT_THERE = "owner_is_not_there"
    OWNER_LEFT = "owner_left"
    PASSED_ON = "passed_on"
    SEEN_AT_LOWER_LEVEL = "seen_at_lower_level"
    ASKED_AGAIN = "asked_again"
    RAISED_IT_THEMSELVES = "raised_it_themselves"
    CLOSED = "closed"


class DeliveryReason(StrEnum):
    """What became of a message."""

    HANDED_OVER = "handed_over"
    TRY_AGAIN = "try_again"
    OURS_TO_PUT_RIGHT = "ours_to_put_right"
    LEASE_OVER = "lease_over"
    REFUSED_BY_CHANNEL = "refused_by_channel"
    ADDRESS_IS_DEAD = "address_is_dead"
    ATTEMPTS_USED_UP = "attempts_used_up"
    UNKNOWN_CHANNEL = "unknown_channel"
    ALREADY_ACCEPTED = "already_accepted"
    ALREADY_CLOSED = "already_closed"
    LEVEL_ROSE = "level_rose"


class ReceiptReason(StrEnum):
    """What a provider reported about a message that it had taken; none of them is an acceptance."""

    REACHED_THE_PHONE = "reached_the_phone"
    PHONE_NOT_REACHED = "phone_not_reached"
    NUMBER_IS_DEAD = "number_is_dead"
    PROVIDER_FAILED = "provider_failed"
    STATUS_UNKNOWN = "status_unknown"
    MESSAGE_UNKNOWN = "message_unknown"


class ActionReason(StrEnum):
    """Why what somebody asked of an alert was done, or was not."""

    ACCEPTED = "accepted"
    CLOSED = "closed"
    NOT_ASSIGNED = "not_assigned"
    ALREADY_CLOSED = "already_closed"
    ACCEPTED_BY_YOU = "accepted_by_you"
    ACCEPTED_BY_ANOTHER = "accepted_by_another"
    UNKNOWN_OUTCOME = "unknown_outcome"
    LEVEL_ROSE_SINCE = "level_rose_since"
    STILL_ON_IT = "still_on_it"
    TAKEN_OVER = "taken_over"
    OFFERED = "offered"
    RECEIVER_CANNOT = "receiver_cannot"
    SNOOZED = "snoozed"
    SNOOZE_WITHOUT_REASON = "snooze_without_reason"
    SNOOZE_TOO_LONG = "snooze_too_long"
    TOOK_IT_AT_ONCE = "took_it_at_once"


class AuditReason(StrEnum):
    """What the auditor found about an alert or beside it; all but three are violations."""

    CLOSED = "closed"
    ACCEPTED = "accepted"
    NEXT_STEP_IS_SET = "next_step_is_set"
    NO_NEXT_STEP = "no_next_step"
    NEXT_STEP_IS_LATE = "next_step_is_late"
    MESSAGE_PUT_OFF = "message_put_off"
    MESSAGE_IS_STUCK = "message_is_stuck"
    EVENT_NOT_TAKEN_IN = "event_not_taken_in"
    CONCERN_NOT_TAKEN_IN = "concern_not_taken_in"
    ANSWER_NOT_FOLDED_IN = "answer_not_folded_in"
    PROBE_IS_LATE = "probe_is_late"

    @property
    def is_violation(self) -> bool:
        """Return whether an alert could be forgotten as it stands."""
        return self not in (
            AuditReason.CLOSED,
            AuditReason.ACCEPTED,
            AuditReason.NEXT_STEP_IS_SET,
        )


class HeartbeatReason(StrEnum):
    """Whether the outside watcher is told that no alert is lost; only the first two tell it so."""

    ALL_WELL = "all_well"
    REPAIRED = "repaired"
    NOT_REPAIRED = "not_repaired"

    @property
    def is_well(self) -> bool:
        """Return whether the heartbeat goes out."""
        return self is not HeartbeatReason.NOT_REPAIRED


class WatcherAnswer(StrEnum):
    """What became of a word to the outside watcher."""

    NOT_SET = "not_set"
    TOLD = "told"
    REFUSED = "refused"
    NOT_REACHED = "not_reached"
