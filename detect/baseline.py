"""What is usual for each person: median and MAD of their own earlier days.

The reference is lagged: the two days before today are left out, so that a change that has begun
does not hide itself. Medians, because one odd day must not move what is usual. The spread has a
floor, because a run of equal days would otherwise make any change infinitely odd.

Source: notes on the pilot in `docs/decisions/0003-detector-first-shape.md`; median/MAD as in
Rousseeuw and Croux, Alternatives to the Median Absolute Deviation, JASA 88 (1993).
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

WINDOW_DAYS: Final = 28
"""Four whole weeks, so that weekdays weigh alike."""
LAG_DAYS: Final = 2
"""The days before today that are left out."""
RING_DAYS: Final = 96
"""Room for the window, its lag, and a slower reference of twelve weeks."""
LEAST_DAYS: Final = 10
"""Fewer valid days than this are "still learning"."""
MAD_TO_SD: Final = 1.4826
"""Makes the MAD of a normal sample an estimate of its standard deviation."""

assert WINDOW_DAYS + LAG_DAYS < RING_DAYS  # the window must not meet the day being written


def window_slots(day: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the ring slots of the reference window of each day: int64[n, 28].

    Example:
        >>> window_slots(np.array([100]))[0, [0, -1]].tolist()  # days 70 and 97
        [70, 1]
    """
    ago = np.arange(LAG_DAYS + WINDOW_DAYS, LAG_DAYS, -1, dtype=np.int64)
    return (day[:, None] - ago[None, :]) % RING_DAYS


def median_and_spread(
    values: NDArray[np.float32], floor: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return centre and spread along the last axis, NaN where fewer than 10 values are valid.

    Args:
        values: float32[..., days], NaN = no value that day.
        floor: the least spread, broadcast to the other axes, in the unit of the values.

    Cost: two sorts of the window for each person and feature that closes a day.

    Example:
        >>> centre, spread = median_and_spread(np.arange(28, dtype=np.float32), np.array(1.0))
        >>> float(centre), round(float(spread), 1)
        (13.5, 10.4)
    """
    wide = values.astype(np.float64)
    count = np.count_nonzero(~np.isnan(wide), axis=-1)
    centre = _median(wide, count)
    spread = _median(np.abs(wide - centre[..., None]), count) * MAD_TO_SD
    learned = count >= LEAST_DAYS
    return np.where(learned, centre, np.nan), np.where(learned, np.maximum(spread, floor), np.nan)


def _median(values: NDArray[np.float64], count: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return the median of the valid values; sorting puts NaN last."""
    ordered = np.sort(values, axis=-1)
    low = np.maximum((count - 1) // 2, 0)[..., None]
    high = np.minimum(count // 2, values.shape[-1] - 1)[..., None]
    pair = np.take_along_axis(ordered, low, -1) + np.take_along_axis(ordered, high, -1)
    half: NDArray[np.float64] = pair[..., 0] / 2.0
    return half
