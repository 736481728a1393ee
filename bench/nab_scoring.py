"""The standard scoring of the Numenta Anomaly Benchmark, written out; no I/O, no clock, no chance.

A series has labelled windows. Every point whose score reaches the threshold is an alarm. The first
alarm in a window earns from nearly 1 at its left edge to nearly 0 at its right edge; a window
without any costs `missed`; an alarm outside costs `false_alarm`, less the closer it follows a
window. The first 15 % of a series, at most 750 points, are probation: nothing counts there. One
threshold for the whole corpus is chosen per profile, with the labels known. The sum is normalised
so that no alarm at all is 0 and the first point of every window, with no false alarm, is 100.

Such a number says whether a detector became worse, and nothing about people: the threshold is
fitted to the very series on which it is judged.

Source: Lavin and Ahmad, Evaluating Real-time Anomaly Detection Algorithms, ICMLA 2015; the shape of
the earned value as in version 1.1 of the benchmark's own programs.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

PROBATION_SHARE: Final = 0.15
PROBATION_POINTS_MOST: Final = 750
"""15 % of 5,000: a long series does not wait longer than that."""
STEEPNESS: Final = 5.0
"""How fast the value of an alarm falls from the left edge of a window to the right one."""
FAR_BEHIND: Final = 3.0
"""Window lengths after which a false alarm costs all of its weight."""
NO_WINDOW: Final = -1


@dataclass(frozen=True, slots=True)
class Profile:
    """What somebody who uses a detector wishes for; a found window is worth 1 in all of them."""

    name: str
    false_alarm: float
    missed: float


PROFILES: Final = (
    Profile("standard", false_alarm=0.11, missed=1.0),
    Profile("reward_low_fp", false_alarm=0.22, missed=1.0),
    Profile("reward_low_fn", false_alarm=0.11, missed=2.0),
)


@dataclass(frozen=True, slots=True)
class Series:
    """One series of the corpus.

    Attributes:
        name: as in the labels. values: float64[n].
        windows: first and last point of each labelled window, both inside it, in order.
    """

    name: str
    values: NDArray[np.float64]
    windows: tuple[tuple[int, int], ...]


@dataclass(frozen=True, slots=True)
class Result:
    """The normalised score at the best threshold, and what that threshold found."""

    score: float
    threshold: float
    windows_found: int
    windows: int
    false_alarms: int


@dataclass(frozen=True, slots=True)
class _Points:
    """Every point that counts: its anomaly score, its value as an alarm, its window."""

    anomaly: NDArray[np.float64]
    value: NDArray[np.float64]
    window: NDArray[np.int64]


def probation_points(points: int) -> int:
    """Return how many points at the start of a series do not count.

    Example:
        >>> probation_points(1_000), probation_points(20_000)
        (150, 750)
    """
    return min(int(PROBATION_SHARE * points), PROBATION_POINTS_MOST)


def sigmoid(position: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the value of an alarm: -1 = left edge of a window, 0 = right edge, above 0 = behind.

    Example:
        >>> sigmoid(np.array([-1.0, 0.0, 3.0])).round(3).tolist()
        [0.987, 0.0, -1.0]
    """
    fallen: NDArray[np.float64] = np.tanh(-STEEPNESS / 2 * position)
    return np.where(position >= FAR_BEHIND, -1.0, fallen)


def alarm_values(
    points: int, windows: Sequence[tuple[int, int]]
) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Return what an alarm at each point is worth before weights, and the window it lies in.

    Inside a window 1 is the most; outside it is negative, -1 at the worst. The window is its place
    in `windows`, or `NO_WINDOW`.
    """
    place = np.arange(points, dtype=np.float64)
    behind, inside = np.full(points, FAR_BEHIND), np.full(points, NO_WINDOW, np.int64)
    value = np.empty(points)
    for first, last in windows:
        behind[last + 1 :] = (place[last + 1 :] - last) / max(last - first, 1)
    value[:] = sigmoid(behind)
    most = float(sigmoid(np.array(-1.0)))
    for number, (first, last) in enumerate(windows):
        width = last - first + 1
        value[first : last + 1] = sigmoid((place[first : last + 1] - last - 1) / width) / most
        inside[first : last + 1] = number
    return value, inside


def score_corpus(
    corpus: Sequence[Series], anomaly: Sequence[NDArray[np.float64]], profile: Profile
) -> Result:
    """Score the anomaly scores of all series at the threshold that suits this profile best.

    Args:
        anomaly: float64[n] for each series; any scale, higher = more unusual.
    """
    points = _scorable(corpus, anomaly)
    order = np.argsort(-points.anomaly, kind="stable")
    ordered, windows = points.anomaly[order], np.unique(points.window[points.window >= 0])
    gain = _gains(points, order, profile)
    last_of_threshold = np.flatnonzero(np.append(np.diff(ordered) != 0, [True]))
    totals = np.cumsum(gain)[last_of_threshold]
    best = int(np.argmax(totals)) if len(totals) else 0
    if not len(totals) or totals[best] <= 0:
        return Result(0.0, np.inf, 0, len(windows), 0)
    upto = order[: last_of_threshold[best] + 1]
    hit = points.window[upto]
    return Result(
        score=float(100 * totals[best] / (len(windows) * (1.0 + profile.missed))),
        threshold=float(ordered[last_of_threshold[best]]),
        windows_found=len(np.unique(hit[hit >= 0])),
        windows=len(windows),
        false_alarms=int(np.count_nonzero(hit < 0)),
    )


def _scorable(corpus: Sequence[Series], anomaly: Sequence[NDArray[np.float64]]) -> _Points:
    """Return the points of all series after their probation, windows numbered over the corpus."""
    values, windows, scores, used = [], [], [], 0
    for series, one in zip(corpus, anomaly, strict=True):
        if len(one) != len(series.values) or np.isnan(one).any():
            raise ValueError(f"{series.name}: one anomaly score for each point, none of them NaN")
        skipped = probation_points(len(one))
        value, window = alarm_values(len(one), series.windows)
        values.append(value[skipped:])
        windows.append(np.where(window < 0, NO_WINDOW, window + used)[skipped:])
        scores.append(one[skipped:])
        used += len(series.windows)
    return _Points(np.concatenate(scores), np.concatenate(values), np.concatenate(windows))


def _gains(points: _Points, order: NDArray[np.int64], profile: Profile) -> NDArray[np.float64]:
    """Return what each point adds when the threshold falls to it, in the order of `order`.

    A window gives the value of its earliest alarm, so a later point of it adds only what it has
    over the best so far; the first one also takes back the price of a missed window.
    """
    value, window = points.value[order], points.window[order]
    gain = np.where(window < 0, profile.false_alarm * value, 0.0)
    inside = np.flatnonzero(window >= 0)
    for chosen in np.split(
        inside[np.argsort(window[inside], kind="stable")],
        np.cumsum(np.unique(window[inside], return_counts=True)[1])[:-1],
    ):
        best = np.maximum.accumulate(np.append([-profile.missed], value[chosen]))
        gain[chosen] = np.diff(best)
    return gain
