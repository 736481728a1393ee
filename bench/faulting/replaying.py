"""What the detector remembers after a run, beside what it would without any fault.

The stored readings go through a detector of their own, in the order in which they were committed,
with no process, batch or crash in between. What it remembers then must be what the service saved,
byte for byte, and what it found must be what the service told people.
"""

from __future__ import annotations

from dataclasses import dataclass
from io import BytesIO
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from detect import Detector, ReadingBatch
from detect.plan_limits import Limit
from detect.policy import DEFAULT_BUDGETS, Policy
from detect.words import Direction
from tidewell.detection_policy import policy_in_use
from tidewell.local_time import zone_table
from tidewell.settings import Settings
from tidewell.vocabulary import CHANNEL_NAMES, Level

if TYPE_CHECKING:
    from collections.abc import Sequence

BATCH_ROWS: Final = 4_096
"""Another cut than any that the service made; findings must not depend on it."""
FIRST_VALUE: Final = 4

Row = tuple[Any, ...]
Event = tuple[int, str, str, int]
"""Person, family, kind, moment."""


@dataclass(frozen=True, slots=True)
class Stored:
    """What the database holds of detection after a run."""

    people: Sequence[Row]
    told: Sequence[Row]
    readings: Sequence[Row]
    snapshots: Sequence[Row]
    events: Sequence[Row]


@dataclass(frozen=True, slots=True)
class Comparison:
    """How the service's memory and findings stand to those of a replay."""

    differences: tuple[str, ...]
    events_equal: bool

    @property
    def is_equal(self) -> bool:
        """Return whether both are the same."""
        return not self.differences and self.events_equal


def compare_with_replay(stored: Stored) -> Comparison:
    """Replay what is stored, and compare."""
    settings = Settings()
    policy = Policy(**policy_in_use(settings).keywords(DEFAULT_BUDGETS))
    detector = Detector(settings.silence_after_s, policy)
    for person_id, timezone in stored.people:
        detector.add_person(person_id, zone_table(timezone))
    for person_id, content in stored.told:
        detector.set_limits(person_id, [_limit(one) for one in content["limits"]])
    found: list[Event] = []
    for first in range(0, len(stored.readings), BATCH_ROWS):
        findings = detector.update(_batch(stored.readings[first : first + BATCH_ROWS]))
        found += [
            (one.person_id, one.family.value, one.kind.value, one.at_ms) for one in findings.changes
        ]
    differences = [
        difference
        for shard, state in stored.snapshots
        for difference in _differences(int(shard), bytes(state), detector)
    ]
    events = sorted((int(row[0]), str(row[1]), str(row[2]), int(row[3])) for row in stored.events)
    missing = _nobody_saved(stored)
    return Comparison((*missing, *differences), events == sorted(found))


def _nobody_saved(stored: Stored) -> list[str]:
    """Return who is in no snapshot at all, though readings of theirs are stored."""
    saved: set[int] = set()
    for _, state in stored.snapshots:
        with np.load(BytesIO(bytes(state)), allow_pickle=False) as columns:
            saved |= set(columns["person_id"].tolist())
    with_readings = {int(row[0]) for row in stored.readings}
    return [f"person {person_id}: no snapshot" for person_id in sorted(with_readings - saved)]


def _differences(shard: int, state: bytes, detector: Detector) -> list[str]:
    with np.load(BytesIO(state), allow_pickle=False) as columns:
        saved = {name: columns[name] for name in columns.files}
    replayed = detector.snapshot(saved["person_id"].tolist())
    if replayed == state:
        return []
    with np.load(BytesIO(replayed), allow_pickle=False) as columns:
        again = {name: columns[name] for name in columns.files}
    names = saved.keys() | again.keys()
    return [
        f"shard {shard}: {name}"
        for name in sorted(names)
        if name not in saved or name not in again or saved[name].tobytes() != again[name].tobytes()
    ] or [f"shard {shard}: packed otherwise"]


def _limit(content: dict[str, Any]) -> Limit:
    return Limit(
        content["channel"],
        Direction(content["direction"]),
        content["value"],
        content["for_minutes"],
        Level(content["level"]),
        content["while_resting"],
    )


def _batch(rows: Sequence[Row]) -> ReadingBatch:
    whole = np.array([row[:FIRST_VALUE] for row in rows], np.int64)
    values = np.array([row[FIRST_VALUE:] for row in rows], np.float32)
    assert values.shape[1] == len(CHANNEL_NAMES), "one column for each channel"
    return ReadingBatch(whole[:, 0], whole[:, 1], whole[:, 2], whole[:, 3], values)
