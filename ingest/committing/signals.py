"""What the detector is told between readings: notes, limits, outcomes, another model of device.

A signal takes effect at one place among the readings, between two batches. `detector_signal` keeps
that place (`heard_at`, later than every batch before it and earlier than every one after it), so a
detector that is brought back applies the same signals between the same readings. Each note and each
outcome is heard once, by its number; limits and the model of the device are a state, which is heard
when it differs from what was heard last.

Not exact after a recovery, in three cases: a signal that came after the last day of a silent device
had been closed by time alone finds that day still open; readings that waited for a hole which their
device then gave up, or for a detector that failed, stand where they came rather than where they
were scored; and without a snapshot, what was told while the clocks of ingest and database were
ahead (`ingest.leasing.site_clock`) comes late, because the readings of that time count as earlier.

A note that was taken back after it was heard is a signal of its own: its days are judged again from
then on. Where somebody else said the same of the same days, it goes on counting.

Never: stops for a signal that cannot be understood. It is kept with its verdict.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import date
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from pydantic import TypeAdapter, ValidationError

from ingest.admit import Registry
from ingest.committing.scoring import PlanLimit, Scoring
from ingest.reasons import SignalKind, SignalVerdict
from tidewell.vocabulary import Family

SIGNALS_MOST: Final = 500
"""Heard in one transaction, which stays well below a second; the rest is heard the next time."""
LOOK_BACK_USUAL: Final = 10_000
"""Numbers given out before the newest one heard, and perhaps committed after it."""
LOOK_BACK_ALL: Final = 2**60
"""More than there will ever be: looks at everything."""

WAS_USEFUL: Final[dict[str, bool]] = {"support_needed": True, "all_fine": False}
"""Only these say whether somebody should have been asked.

"Already known" is a true change that needed nobody, wrong data says nothing about the person, and
who could not be reached said nothing at all.
"""

Content = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Signal:
    """Something that the detector is told about a person; `content` is as it is stored."""

    person_id: int
    kind: SignalKind
    source_id: int | None
    content: Content


@dataclass(frozen=True, slots=True)
class HeardSignal:
    """A signal with its place among the readings."""

    heard_ms: int
    signal: Signal
    signal_id: int


@dataclass(frozen=True, slots=True)
class Note:
    """Some days, and what they were."""

    note: str
    first_day: date
    last_day: date

    def tell(self, scoring: Scoring, person_id: int) -> SignalVerdict:
        """Tell the detector."""
        scoring.note(person_id, self.note, self.first_day, self.last_day)
        return SignalVerdict.APPLIED


@dataclass(frozen=True, slots=True)
class NoteTakenBack(Note):
    """A note that was heard, and that its writer took back since."""

    def tell(self, scoring: Scoring, person_id: int) -> SignalVerdict:
        """Tell the detector."""
        scoring.unnote(person_id, self.note, self.first_day, self.last_day)
        return SignalVerdict.APPLIED


@dataclass(frozen=True, slots=True)
class Limits:
    """All limits of a person's plan."""

    limits: tuple[PlanLimit, ...]

    def tell(self, scoring: Scoring, person_id: int) -> SignalVerdict:
        """Tell the detector."""
        scoring.set_limits(person_id, self.limits)
        return SignalVerdict.APPLIED


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a practitioner found when they closed an alert."""

    family: Family
    outcome: str
    is_plan_limit: bool

    def tell(self, scoring: Scoring, person_id: int) -> SignalVerdict:
        """Tell the detector where it bears on a threshold: a limit was agreed, not learned."""
        was_useful = WAS_USEFUL.get(self.outcome)
        if was_useful is None or self.is_plan_limit or self.family is Family.DEVICE:
            return SignalVerdict.SAYS_NOTHING
        scoring.hear_outcome(person_id, self.family, was_useful=was_useful)
        return SignalVerdict.APPLIED


@dataclass(frozen=True, slots=True)
class DeviceModel:
    """The model that a person wears now, and the one before it."""

    model: str
    replaces: str | None

    def tell(self, scoring: Scoring, person_id: int) -> SignalVerdict:
        """Tell the detector; with the first model there is nothing to learn again."""
        if self.replaces is None:
            return SignalVerdict.SAYS_NOTHING
        scoring.change_device_model(person_id)
        return SignalVerdict.APPLIED


_CONTENTS: Final[dict[SignalKind, TypeAdapter[Any]]] = {
    SignalKind.NOTE: TypeAdapter(Note),
    SignalKind.NOTE_TAKEN_BACK: TypeAdapter(NoteTakenBack),
    SignalKind.LIMITS: TypeAdapter(Limits),
    SignalKind.OUTCOME: TypeAdapter(Outcome),
    SignalKind.DEVICE_MODEL: TypeAdapter(DeviceModel),
}


def tell(scoring: Scoring, signal: Signal) -> SignalVerdict:
    """Tell the detector and return what became of it."""
    try:
        said = _CONTENTS[signal.kind].validate_python(signal.content)
    except ValidationError:
        return SignalVerdict.NOT_UNDERSTOOD
    try:
        verdict: SignalVerdict = said.tell(scoring, signal.person_id)
    except (ValueError, ArithmeticError, LookupError):
        return SignalVerdict.REFUSED_BY_DETECTOR
    return verdict


def strands_kept(signal: Signal) -> list[str] | None:
    """Return the strands that may stay open under a plan that was heard; None for other signals."""
    if signal.kind is not SignalKind.LIMITS:
        return None
    plan: Limits = _CONTENTS[SignalKind.LIMITS].validate_python(signal.content)
    return [limit.strand for limit in plan.limits]


def limits_told(
    plans: Mapping[int, Sequence[PlanLimit]],
    people: Iterable[int],
    heard: Mapping[int, Mapping[str, Any]],
) -> list[Signal]:
    """Return the plans that are not as they were heard last; no plan is one without limits."""
    signals = []
    for person_id in sorted((plans.keys() | heard.keys()) & set(people)):
        content: Content = {"limits": [asdict(limit) for limit in plans.get(person_id, ())]}
        if content != heard.get(person_id, {"limits": []}):
            signals.append(Signal(person_id, SignalKind.LIMITS, None, content))
    return signals


def models_told(
    registry: Registry,
    people: Iterable[int],
    heard: Mapping[int, Mapping[str, Any]],
    now_ms: int,
) -> list[Signal]:
    """Return who wears a model other than the one heard last; who wears none keeps the last."""
    worn = _worn_models(registry, now_ms)
    signals = []
    for person_id in people:
        model = worn.get(person_id)
        before = heard.get(person_id, {}).get("model")
        if model is not None and model != before:
            content: Content = {"model": model, "replaces": before}
            signals.append(Signal(person_id, SignalKind.DEVICE_MODEL, None, content))
    return signals


def places_among(received_ms: NDArray[np.int64], heard_ms: Sequence[int]) -> list[int]:
    """Return how many readings were scored before each signal was heard.

    Args:
        received_ms: int64[n] of readings in the order of scoring. A reading is scored no earlier
            than the latest one before it was received.
    """
    scored_ms = np.maximum.accumulate(received_ms)
    places: list[int] = np.searchsorted(scored_ms, np.array(heard_ms, np.int64)).tolist()
    return places


def _worn_models(registry: Registry, now_ms: int) -> dict[int, str]:
    """Return the model of the device that each person was given last and wears now."""
    worn: dict[int, tuple[int, int, str]] = {}
    for device in registry.devices.values():
        for wearing in device.wearings:
            if device.revoked or not wearing.start_ms <= now_ms < wearing.end_ms:
                continue
            given = (wearing.start_ms, device.device_id, device.model)
            worn[wearing.person_id] = max(worn.get(wearing.person_id, given), given)
    return {person_id: model for person_id, (_, _, model) in worn.items()}
