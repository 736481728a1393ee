"""Named places where a process can be made to die or to freeze, as machines do.

It promises: nothing happens, and hardly a cycle is spent, unless two settings ask for it together.
`TIDEWELL_CRASH_AT` names a place and how often it is passed before (`after_claim:3` dies at the
third), as a power cut would end it; at the one of `TIDEWELL_FREEZE_AT` a process stops as it is
until somebody lets it go on. `TIDEWELL_FAULT_TESTS` says that this site exists to be broken.
`python -m bench faults` sets them for sites of its own, in a temporary folder. They must never be
set where people are looked after, and a start that is asked for a crash without that is refused.
"""

from __future__ import annotations

import os
import signal
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Final

from tidewell.errors import SettingsError

if TYPE_CHECKING:
    from tidewell.settings import Settings

PASSES_MOST: Final = 1_000_000
"""A place that is passed oftener than this before it kills was meant never to."""


class CrashPoint(StrEnum):
    """The places; `docs/operations.md` says what each of them proves."""

    BEFORE_TRANSACTION = "before_transaction"
    AFTER_COPY_BEFORE_COMMIT = "after_copy_before_commit"
    BEFORE_COMMIT = "before_commit"
    AFTER_COMMIT_BEFORE_CONFIRM = "after_commit_before_confirm"
    AFTER_CONFIRM_BEFORE_ACK = "after_confirm_before_ack"
    IN_RECOVERY = "in_recovery"
    IN_INTAKE = "in_intake"
    AFTER_INTAKE = "after_intake"
    AFTER_CLAIM = "after_claim"
    AFTER_SEND_BEFORE_MARK = "after_send_before_mark"
    AFTER_MARK = "after_mark"
    IN_WAKE = "in_wake"
    AFTER_WAKE = "after_wake"
    IN_FOLD = "in_fold"
    AFTER_FOLD = "after_fold"
    IN_AUDIT = "in_audit"


@dataclass(slots=True)
class _Armed:
    """What is to happen at a place, and how often the place is still passed until then."""

    passes: int
    with_signal: signal.Signals


_armed: dict[CrashPoint, _Armed] = {}


def arm(settings: Settings) -> None:
    """Take over from the settings where this process is to die or to freeze; usually nowhere.

    Raises:
        SettingsError: a crash is asked for on a site that is not for fault tests, or at no place.
    """
    _armed.clear()
    wanted = {
        "TIDEWELL_CRASH_AT": (settings.crash_at, signal.SIGKILL),
        "TIDEWELL_FREEZE_AT": (settings.freeze_at, signal.SIGSTOP),
    }
    for setting, (place, with_signal) in wanted.items():
        if place is None:
            continue
        if not settings.fault_tests:
            raise SettingsError(
                f"{setting} is set on a site that is not for fault tests; take it away"
            )
        point, passes = _place_of(setting, place)
        _armed[point] = _Armed(passes, with_signal)


def _place_of(setting: str, wanted: str) -> tuple[CrashPoint, int]:
    name, _, passes = wanted.partition(":")
    try:
        point, count = CrashPoint(name), int(passes or "1")
    except ValueError:
        point, count = None, 0
    if point is None or not 1 <= count <= PASSES_MOST:
        known = ", ".join(CrashPoint)
        raise SettingsError(
            f"{setting}: expected a place and a number, such as after_claim:3; "
            f"the places are {known}"
        )
    return point, count


def crashpoint(point: CrashPoint) -> None:
    """Die or freeze here, without a word or a goodbye, if this is the place and the time."""
    if not _armed or point not in _armed:
        return
    armed = _armed[point]
    armed.passes -= 1
    if not armed.passes:
        os.kill(os.getpid(), armed.with_signal)
