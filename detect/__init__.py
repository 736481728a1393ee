"""The detection core: readings in, findings out. No I/O, no clock, no randomness.

`Detector` is the only door. It holds one row of arrays for each person, so that the cost of a batch
grows with its rows and the closing of days with people, never with the length of a history.
"""

from detect.detector import Detector
from detect.findings import DayResults, EpisodeChange, EpisodeKind, Findings, day_records
from detect.readings import ReadingBatch

__all__ = [
    "DayResults",
    "Detector",
    "EpisodeChange",
    "EpisodeKind",
    "Findings",
    "ReadingBatch",
    "day_records",
]
