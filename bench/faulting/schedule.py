"""Which faults a run has, and when: pure, and the same for the same seed.

A run goes through a deck of all faults, shuffled, so that one of each comes before any comes twice;
deaths are dealt in between often enough for the promise of ten in three quarters of a minute.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Sequence
    from random import Random

BEGIN_S: Final = 2.0
"""First some readings without a fault, so that there is something to lose."""
QUIET_SHARE: Final = 0.1
"""The last tenth of a run begins nothing: faults take a few seconds themselves."""
DEATH_EVERY_S: Final = 2.6
OTHER_EVERY_S: Final = 1.7
LONG_RUN_S: Final = 30.0
"""Shorter runs leave out what takes longer than they last."""


class Fault(StrEnum):
    """What can happen."""

    KILL_INGEST = "kill_ingest"
    CRASH_INGEST = "crash_ingest"
    KILL_ALERTS = "kill_alerts"
    CRASH_ALERTS = "crash_alerts"
    KILL_BROKER = "kill_broker"
    KILL_DATABASE = "kill_database"
    KILL_BACKEND = "kill_backend"
    WIPE_BROKER = "wipe_broker"
    STOP_BROKER = "stop_broker"
    STOP_DATABASE_AT_ONCE = "stop_database_at_once"
    TERMINATE_IN_COPY = "terminate_in_copy"
    LOSE_ANSWER_TO_COMMIT = "lose_answer_to_commit"
    CUT_DATABASE = "cut_database"
    CUT_BROKER = "cut_broker"
    DEAF_DATABASE = "deaf_database"
    DEAF_BROKER = "deaf_broker"
    DEAF_DEVICES = "deaf_devices"
    SLICED = "sliced"
    SLOW = "slow"
    FREEZE_INGEST = "freeze_ingest"
    FREEZE_BEFORE_COMMIT = "freeze_before_commit"
    DISK_FULL = "disk_full"
    FLOOD = "flood"
    RECONNECT_STORM = "reconnect_storm"
    POISON = "poison"
    GARBAGE = "garbage"
    TAKE_SESSION_OVER = "take_session_over"
    PROVIDER_HANGS = "provider_hangs"
    PROVIDER_BROKEN = "provider_broken"
    PROVIDER_BUSY = "provider_busy"
    PROVIDER_DROPS = "provider_drops"


DEATHS: Final = (
    Fault.CRASH_INGEST,
    Fault.CRASH_ALERTS,
    Fault.KILL_INGEST,
    Fault.KILL_ALERTS,
    Fault.KILL_BACKEND,
    Fault.CRASH_INGEST,
    Fault.CRASH_ALERTS,
    Fault.KILL_BROKER,
    Fault.KILL_INGEST,
    Fault.KILL_ALERTS,
    Fault.KILL_DATABASE,
)
"""Faults that end a process by SIGKILL; more of those that die at a named place."""

LONG: Final = frozenset(
    {
        Fault.FREEZE_INGEST,
        Fault.FREEZE_BEFORE_COMMIT,
        Fault.PROVIDER_HANGS,
        Fault.PROVIDER_DROPS,
    }
)
"""Left out of short runs: a lease has to end, a time-out to pass, a human to be asked again."""

LONG_EVERY_S: Final = 12.0
"""Where nothing but chosen faults happen, one of the long ones is over before the next begins."""

OTHERS: Final = tuple(fault for fault in Fault if fault not in DEATHS)


@dataclass(frozen=True, slots=True)
class Planned:
    """A fault and when it begins, in seconds of the run."""

    at_s: float
    fault: Fault


def plan_faults(rng: Random, seconds: float, only: Sequence[Fault] = ()) -> list[Planned]:
    """Return what happens in a run of this length, in the order in which it begins.

    With `only`, nothing else does, for somebody who looks into what one fault breaks.
    """
    end_s = seconds * (1 - QUIET_SHARE)
    if only:
        every_s = OTHER_EVERY_S if LONG.isdisjoint(only) else LONG_EVERY_S
        return _deal(rng, only, every_s, end_s)
    others = [fault for fault in OTHERS if seconds >= LONG_RUN_S or fault not in LONG]
    planned = [
        *_deal(rng, DEATHS, DEATH_EVERY_S, end_s),
        *_deal(rng, others, OTHER_EVERY_S, end_s),
    ]
    return sorted(planned, key=lambda one: one.at_s)


def _deal(rng: Random, deck: Sequence[Fault], every_s: float, end_s: float) -> list[Planned]:
    """Deal a shuffled deck, again and again, with irregular pauses."""
    planned: list[Planned] = []
    cards: list[Fault] = []
    at_s = BEGIN_S
    while at_s < end_s:
        if not cards:
            cards = rng.sample(deck, len(deck))
        planned.append(Planned(at_s, cards.pop()))
        at_s += every_s * rng.uniform(0.6, 1.4)
    return planned
