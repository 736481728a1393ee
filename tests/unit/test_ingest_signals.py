"""What the detector is told between readings: understood, judged, and put in its place."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.admit import FOREVER_MS, Device, Registry, Wearing
from ingest.committing.scoring import Found, PlanLimit
from ingest.committing.signals import Signal, limits_told, models_told, places_among, tell
from ingest.reasons import SignalKind, SignalVerdict
from ingest.rows import Rows
from ingest.service import DetectorScoring
from tidewell.local_time import ZoneTable, zone_table
from tidewell.vocabulary import Family, Level

FAST: Any = {
    "channel": "heart_rate",
    "direction": "above",
    "value": 130.0,
    "for_minutes": 10,
    "level": "check_today",
    "while_resting": True,
}
LIMIT = PlanLimit("heart_rate", "above", 130.0, 10, Level.CHECK_TODAY, while_resting=True)


class Listening:
    """A detector that writes down what it is told."""

    version = "0"

    def __init__(self) -> None:
        self.heard: list[tuple[object, ...]] = []

    def note(self, person_id: int, kind: str, first_day: date, last_day: date) -> None:
        self.heard.append(("note", person_id, kind, first_day, last_day))

    def unnote(self, person_id: int, kind: str, first_day: date, last_day: date) -> None:
        self.heard.append(("unnote", person_id, kind, first_day, last_day))

    def set_limits(self, person_id: int, limits: Sequence[PlanLimit]) -> None:
        self.heard.append(("limits", person_id, *limits))

    def hear_outcome(self, person_id: int, family: Family, *, was_useful: bool) -> None:
        self.heard.append(("outcome", person_id, family, was_useful))

    def change_device_model(self, person_id: int) -> None:
        self.heard.append(("model", person_id))

    def set_back(self, at_ms: int) -> None: ...
    def add_person(self, person_id: int, zone: ZoneTable) -> None: ...
    def keep_only(self, person_ids: Sequence[int]) -> None:
        raise NotImplementedError

    def knows(self, person_id: int) -> bool:
        return bool(person_id)

    def score(self, rows: Rows) -> Found:
        return Found(failed=frozenset(rows.person_id.tolist()))

    def tick(self, at_ms: int, counted_from_ms: Mapping[int, int]) -> Found:
        return Found(late=at_ms, too_late=len(counted_from_ms))

    def snapshot(self, people: Sequence[int]) -> bytes:
        return bytes(people)

    def restore(self, state: bytes, zones: Mapping[int, ZoneTable]) -> None: ...


def told(kind: SignalKind, content: dict[str, Any]) -> tuple[SignalVerdict, list[tuple[Any, ...]]]:
    listening = Listening()
    return tell(listening, Signal(7, kind, 1, content)), listening.heard


def test_a_note_is_told_with_its_days() -> None:
    content = {"note": "exams", "first_day": "2026-05-04", "last_day": "2026-05-08"}
    verdict, heard = told(SignalKind.NOTE, content)
    assert verdict is SignalVerdict.APPLIED
    assert heard == [("note", 7, "exams", date(2026, 5, 4), date(2026, 5, 8))]


def test_a_note_that_was_taken_back_is_told_with_its_days() -> None:
    content = {"note": "ill", "first_day": "2026-05-04", "last_day": "2026-05-08"}
    verdict, heard = told(SignalKind.NOTE_TAKEN_BACK, content)
    assert verdict is SignalVerdict.APPLIED
    assert heard == [("unnote", 7, "ill", date(2026, 5, 4), date(2026, 5, 8))]


def test_a_plan_is_told_as_a_whole_and_an_empty_one_takes_the_limits_away() -> None:
    assert told(SignalKind.LIMITS, {"limits": [FAST]}) == (
        SignalVerdict.APPLIED,
        [("limits", 7, LIMIT)],
    )
    assert told(SignalKind.LIMITS, {"limits": []}) == (SignalVerdict.APPLIED, [("limits", 7)])


@pytest.mark.parametrize(("outcome", "was_useful"), [("support_needed", True), ("all_fine", False)])
def test_an_outcome_moves_the_threshold_of_its_own_kind_of_change(
    outcome: str, was_useful: bool
) -> None:
    content = {"family": "sleep", "outcome": outcome, "is_plan_limit": False}
    verdict, heard = told(SignalKind.OUTCOME, content)
    assert (verdict, heard) == (
        SignalVerdict.APPLIED,
        [("outcome", 7, Family.SLEEP, was_useful)],
    )


@pytest.mark.parametrize(
    "content",
    [
        {"family": "sleep", "outcome": "already_known", "is_plan_limit": False},
        {"family": "sleep", "outcome": "data_was_wrong", "is_plan_limit": False},
        {"family": "sleep", "outcome": "could_not_reach", "is_plan_limit": False},
        {"family": "device", "outcome": "all_fine", "is_plan_limit": False},
        {"family": "acute_load", "outcome": "all_fine", "is_plan_limit": True},
    ],
)
def test_an_outcome_that_says_nothing_about_a_threshold_moves_none(content: dict[str, Any]) -> None:
    assert told(SignalKind.OUTCOME, content) == (SignalVerdict.SAYS_NOTHING, [])


def test_a_first_device_teaches_nothing_and_another_model_is_learned_anew() -> None:
    first = told(SignalKind.DEVICE_MODEL, {"model": "band-2", "replaces": None})
    assert first == (SignalVerdict.SAYS_NOTHING, [])
    other = told(SignalKind.DEVICE_MODEL, {"model": "band-3", "replaces": "band-2"})
    assert other == (SignalVerdict.APPLIED, [("model", 7)])


@pytest.mark.parametrize(
    ("kind", "content"),
    [
        (SignalKind.NOTE, {"note": "exams", "first_day": "yesterday", "last_day": "2026-05-08"}),
        (SignalKind.LIMITS, {"limits": [{**FAST, "level": "at once"}]}),
        (SignalKind.OUTCOME, {"family": "mood", "outcome": "all_fine", "is_plan_limit": False}),
        (SignalKind.DEVICE_MODEL, {}),
    ],
)
def test_what_cannot_be_read_stops_nothing(kind: SignalKind, content: dict[str, Any]) -> None:
    assert told(kind, content) == (SignalVerdict.NOT_UNDERSTOOD, [])


@pytest.mark.parametrize(
    ("kind", "content"),
    [
        (SignalKind.NOTE, {"note": "rain", "first_day": "2026-05-04", "last_day": "2026-05-08"}),
        (SignalKind.NOTE, {"note": "ill", "first_day": "2026-05-04", "last_day": "2026-05-03"}),
        (SignalKind.LIMITS, {"limits": [FAST] * 5}),
        (SignalKind.LIMITS, {"limits": [{**FAST, "direction": "later"}]}),
        (SignalKind.LIMITS, {"limits": [{**FAST, "channel": "place"}]}),
    ],
)
def test_what_the_detector_would_not_take_stops_nothing(
    kind: SignalKind, content: dict[str, Any]
) -> None:
    scoring = DetectorScoring(14_400, one_by_one=False)
    scoring.add_person(7, zone_table("UTC"))
    before = scoring.snapshot([7])
    assert tell(scoring, Signal(7, kind, 1, content)) is SignalVerdict.REFUSED_BY_DETECTOR
    assert scoring.snapshot([7]) == before


@pytest.mark.parametrize(
    ("kind", "content"),
    [
        (SignalKind.NOTE, {"note": "ill", "first_day": "2026-05-04", "last_day": "2026-05-08"}),
        (SignalKind.LIMITS, {"limits": [FAST]}),
        (SignalKind.OUTCOME, {"family": "sleep", "outcome": "all_fine", "is_plan_limit": False}),
    ],
)
def test_what_the_detector_takes_changes_what_it_remembers(
    kind: SignalKind, content: dict[str, Any]
) -> None:
    scoring = DetectorScoring(14_400, one_by_one=False)
    scoring.add_person(7, zone_table("UTC"))
    before = scoring.snapshot([7])
    assert tell(scoring, Signal(7, kind, 1, content)) is SignalVerdict.APPLIED
    assert scoring.snapshot([7]) != before


def test_a_plan_is_heard_when_it_differs_from_what_was_heard_last() -> None:
    signal = Signal(7, SignalKind.LIMITS, None, {"limits": [FAST]})
    assert limits_told({7: [LIMIT]}, [7, 8], {}) == [signal]
    assert limits_told({7: [LIMIT]}, [7, 8], {7: signal.content}) == []
    emptied = Signal(7, SignalKind.LIMITS, None, {"limits": []})
    assert limits_told({}, [7, 8], {7: signal.content}) == [emptied]
    assert limits_told({}, [7, 8], {7: emptied.content}) == []


def test_the_plans_of_people_of_other_shards_are_not_heard() -> None:
    assert limits_told({7: [LIMIT]}, [8], {}) == []


def a_registry(*devices: tuple[int, str, bool, int, int]) -> Registry:
    """Return devices of person 7: number, model, revoked, worn from, worn until."""
    return Registry(
        {
            f"band-{number}": Device(number, revoked, (Wearing(start, end, 7),), model)
            for number, model, revoked, start, end in devices
        }
    )


@pytest.mark.parametrize(
    ("registry", "heard", "expected"),
    [
        (a_registry((1, "a", False, 0, FOREVER_MS)), None, ("a", None)),
        (a_registry((1, "a", False, 0, FOREVER_MS)), "a", None),
        (a_registry((1, "a", False, 0, 50), (2, "b", False, 50, FOREVER_MS)), "a", ("b", "a")),
        (a_registry((1, "a", False, 0, 500), (2, "b", False, 500, FOREVER_MS)), "a", None),
        (a_registry((1, "a", False, 0, 50)), "a", None),
        (a_registry((1, "a", False, 0, FOREVER_MS), (2, "b", True, 50, FOREVER_MS)), "a", None),
        (a_registry((1, "a", False, 0, 900), (2, "b", False, 0, 900)), "a", ("b", "a")),
    ],
)
def test_another_model_is_heard_when_it_is_worn(
    registry: Registry, heard: str | None, expected: tuple[str, str | None] | None
) -> None:
    known = {} if heard is None else {7: {"model": heard, "replaces": None}}
    signals = models_told(registry, [7], known, now_ms=100)
    assert [(one.content["model"], one.content["replaces"]) for one in signals] == (
        [] if expected is None else [expected]
    )


@given(
    st.lists(st.integers(0, 50), max_size=30), st.lists(st.integers(0, 50), max_size=5).map(sorted)
)
def test_a_signal_stands_behind_just_the_readings_that_were_scored_before_it(
    received: list[int], heard: list[int]
) -> None:
    places = places_among(np.array(received, np.int64) * 2, [2 * one + 1 for one in heard])
    scored = [max(received[: place + 1]) for place in range(len(received))]
    for moment, place in zip(heard, places, strict=True):
        assert all(one <= moment for one in scored[:place])
        assert all(one > moment for one in scored[place:])
    assert places == sorted(places)
