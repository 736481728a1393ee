"""What a worker has done since it started, for its log and its measures.

Never: of a person or a device; only sums leave a process.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from ingest.batch import Plan
from ingest.committing.scoring import Found
from ingest.reasons import Refusal


@dataclass(slots=True)
class Counts:
    """What this process has done since it started."""

    frames_committed: int = 0
    frames_dead_lettered: int = 0
    frames_repeated: int = 0
    readings: int = 0
    batches: int = 0
    by_reason: dict[Refusal, int] = field(default_factory=dict)
    values_switched_off: int = 0
    readings_late: int = 0
    readings_too_late: int = 0
    not_believed: dict[str, int] = field(default_factory=dict)

    def add(self, made: Plan, readings: int) -> None:
        """Add a batch that was committed."""
        self.batches += 1
        self.readings += readings
        for tally in made.tallies.values():
            self.frames_committed += tally.committed
            self.frames_dead_lettered += tally.dead_lettered
            self.frames_repeated += tally.repeated
        for letter in made.dead_letters:
            reason = letter.refused.reason
            self.by_reason[reason] = self.by_reason.get(reason, 0) + 1
        self.values_switched_off += sum(one.values_switched_off for one in made.admitted)

    def add_found(self, found: Found) -> None:
        """Add what its scoring brought to light."""
        self.readings_late += found.late
        self.readings_too_late += found.too_late
        for reason, count in found.not_believed.items():
            self.not_believed[reason] = self.not_believed.get(reason, 0) + count
