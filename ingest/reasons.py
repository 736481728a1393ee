"""Why a frame was not stored, and what became of what people told the detector.

The same words stand in the log, in `dead_letter.reason`, in `detector_signal` and in
`docs/operations.md`.
"""

from __future__ import annotations

from enum import StrEnum


class Refusal(StrEnum):
    """Why a frame was refused; a refused frame is kept in `dead_letter`."""

    BAD_TOPIC = "bad_topic"
    TOO_LARGE = "too_large"
    BAD_JSON = "bad_json"
    NOT_AN_OBJECT = "not_an_object"
    MISSING_KEY = "missing_key"
    UNKNOWN_KEY = "unknown_key"
    UNKNOWN_CHANNEL = "unknown_channel"
    WRONG_TYPE = "wrong_type"
    NOT_FINITE = "not_finite"
    NO_CHANNEL = "no_channel"
    EMPTY = "empty"
    WRONG_LENGTH = "wrong_length"
    TOO_MANY_EPOCHS = "too_many_epochs"
    OUT_OF_RANGE = "out_of_range"
    TOO_OLD = "too_old"
    FROM_THE_FUTURE = "from_the_future"
    UNKNOWN_DEVICE = "unknown_device"
    DEVICE_REVOKED = "device_revoked"
    NOT_ASSIGNED = "not_assigned"
    WRONG_SHARD = "wrong_shard"
    PAUSED = "paused"
    SWITCHED_OFF = "switched_off"
    EPOCH_CONFLICT = "epoch_conflict"
    COULD_NOT_BE_STORED = "could_not_be_stored"


class Progress(StrEnum):
    """What a frame's number says about it."""

    NEW = "new"
    REPEATED = "repeated"
    TOO_MANY_GAPS = "too_many_gaps"


class Passage(StrEnum):
    """Whether a message is looked at now, or is left for the device to send again later."""

    WITHIN_RATE = "within_rate"
    TOO_FAST = "too_fast"


class ScoredLater(StrEnum):
    """Why some frames were scored at another moment than that of their arrival."""

    WAITED = "waited"
    HOLE_PASSED = "hole_passed"


class RepairReason(StrEnum):
    """Why days of a person are judged again."""

    CAME_TOO_LATE = "came_too_late"
    ASKED_FOR = "asked_for"


class RepairOutcome(StrEnum):
    """What came of judging days again."""

    JUDGED_AGAIN = "judged_again"
    NOTHING_DIFFERED = "nothing_differed"
    HISTORY_GONE = "history_gone"
    COULD_NOT_BE_JUDGED = "could_not_be_judged"


class SignalKind(StrEnum):
    """What the detector is told between readings."""

    NOTE = "note"
    NOTE_TAKEN_BACK = "note_taken_back"
    LIMITS = "limits"
    OUTCOME = "outcome"
    DEVICE_MODEL = "device_model"


class SignalVerdict(StrEnum):
    """What became of a signal; it is heard once, whatever became of it."""

    APPLIED = "applied"
    SAYS_NOTHING = "says_nothing"
    NOT_UNDERSTOOD = "not_understood"
    REFUSED_BY_DETECTOR = "refused_by_detector"
