"""The counts of ingest as measures; none has a label for a person or a device.

It counts what this process did since it started; what is stored is counted by the pages.
"""

from __future__ import annotations

from typing import Final

from ingest.committing.counts import Counts
from tidewell.clock import monotonic_s
from tidewell.logs import get_logger
from tidewell.metrics import Measure, Timings

SAY_S: Final = 3_600.0


def commit_timings() -> Timings:
    """Return an empty count of how long transactions take."""
    return Timings(
        "tidewell_ingest_commit_seconds", "From a batch in hand to its committed transaction."
    )


def measures_of(counts: Counts, shards_held: int, frames_waiting: int) -> list[Measure]:
    """Return the counts as measures."""
    frames = {
        "committed": counts.frames_committed,
        "dead_lettered": counts.frames_dead_lettered,
        "repeated": counts.frames_repeated,
    }
    readings = {
        "in_time": counts.readings - counts.readings_late,
        "late": counts.readings_late - counts.readings_too_late,
        "too_late": counts.readings_too_late,
    }
    refused = {reason.value: count for reason, count in counts.by_reason.items()}
    return [
        Measure.counters(
            "tidewell_ingest_frames_total", "Frames by what became of them.", "became", frames
        ),
        Measure.counters(
            "tidewell_ingest_refusals_total", "Refused frames by reason.", "reason", refused
        ),
        Measure.counters(
            "tidewell_ingest_readings_total", "Stored readings by when they came.", "came", readings
        ),
        Measure.counters(
            "tidewell_ingest_readings_not_believed_total",
            "Stored readings that detection left out, by reason.",
            "reason",
            counts.not_believed,
        ),
        Measure.counter(
            "tidewell_ingest_values_switched_off_total",
            "Values that were dropped because a young person switched their channel off.",
            counts.values_switched_off,
        ),
        Measure.counter(
            "tidewell_ingest_batches_total", "Transactions with frames.", counts.batches
        ),
        Measure.gauge("tidewell_ingest_shards", "Shards that this worker holds.", shards_held),
        Measure.gauge(
            "tidewell_ingest_frames_waiting", "Frames heard and not committed.", frames_waiting
        ),
    ]


class HourlyCounts:
    """Says once an hour how many readings came late or could not be believed; all are stored."""

    def __init__(self) -> None:
        self._at_s = monotonic_s() + SAY_S

    def say(self, counts: Counts, too_fast: int) -> None:
        """Say it when it is time; `too_fast` are frames that devices have to send again."""
        if monotonic_s() < self._at_s:
            return
        self._at_s = monotonic_s() + SAY_S
        get_logger().info(
            "readings so far",
            readings=counts.readings,
            late=counts.readings_late,
            too_late=counts.readings_too_late,
            not_believed=counts.not_believed,
            too_fast=too_fast,
        )
