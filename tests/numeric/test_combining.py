"""The sum over measures against its formula, whichever of them are present."""

from __future__ import annotations

import math

import hypothesis.extra.numpy as hnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from detect.families import combine
from detect.measures import CORRELATION, COUNT, DIRECTION, WEIGHTS


def by_formula(z: list[float], weights: list[float]) -> float:
    """Return sum(w z) / sqrt(w' R w) of one person, R turned so that more is worse."""
    there = [place for place in range(COUNT) if weights[place] and not math.isnan(z[place])]
    if not there:
        return math.nan
    variance = 0.0
    for one in there:
        for other in there:
            turned = CORRELATION[one, other] * DIRECTION[one] * DIRECTION[other]
            variance += weights[one] * weights[other] * (1 if one == other else turned)
    return sum(weights[place] * z[place] for place in there) / math.sqrt(variance)


@given(
    hnp.arrays(np.float64, (3, COUNT), elements=st.floats(-8, 8) | st.just(math.nan)),
    st.sampled_from(WEIGHTS[:-1].tolist()),
)
def test_a_sum_is_that_of_the_measures_that_are_present(
    z: NDArray[np.float64], weights: list[float]
) -> None:
    found = combine(z, np.array(weights))
    for person, row in enumerate(z.tolist()):
        assert found[person] == pytest.approx(by_formula(row, weights), nan_ok=True)
        assert np.array_equal(combine(z[[person]], np.array(weights)), found[[person]], True)
