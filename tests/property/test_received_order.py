"""Readings that waited for a missing frame: what is remembered does not depend on the batches."""

from __future__ import annotations

import numpy as np

from detect import Detector, ReadingBatch
from tidewell.local_time import zone_table
from tidewell.vocabulary import CHANNEL_INDEX, CHANNEL_NAMES

MINUTE_MS = 60_000
START_MS = 1_760_000_000_000 // MINUTE_MS * MINUTE_MS
SILENCE_S = 14_400


def remembered(cuts: list[slice]) -> bytes:
    """Feed five minutes, of which the first came last, in these batches; return the memory."""
    time_ms = START_MS + np.arange(5) * MINUTE_MS
    received_ms = time_ms + 10 * MINUTE_MS
    received_ms[0] = received_ms[-1] + 7 * MINUTE_MS
    values = np.full((5, len(CHANNEL_NAMES)), np.nan, np.float32)
    values[:, CHANNEL_INDEX["heart_rate"]] = [70, 71, 72, 73, 74]
    detector = Detector(SILENCE_S)
    detector.add_person(1, zone_table("UTC"))
    for cut in cuts:
        count = len(time_ms[cut])
        ones = np.ones(count, np.int64)
        detector.update(ReadingBatch(ones, time_ms[cut], received_ms[cut], 60 * ones, values[cut]))
    return detector.snapshot([1])


def test_what_is_remembered_of_held_readings_does_not_depend_on_the_cut() -> None:
    whole = remembered([slice(0, 5)])
    assert remembered([slice(0, 1), slice(1, 5)]) == whole
    assert remembered([slice(0, 3), slice(3, 5)]) == whole
