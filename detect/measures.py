"""How each daily feature is compared: scale, floor, which way is worse, what goes with what.

Weights are priors from the literature, not fitted: 77 labelled illnesses cannot support fitting.
`CORRELATION` was measured on the people of the tuning half of LifeSnaps (Yfantidou et al., Sci Data
2022; 35 people, 549 to 2,002 days a pair), rounded to a tenth; pairs that no data set here holds
are guesses and stand apart. It keeps two measures of one thing from counting as two.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import Final

import numpy as np
from numpy.typing import NDArray

from tidewell.vocabulary import FEATURE_NAMES, Family


class Scale(IntEnum):
    """The scale on which days are compared."""

    LINEAR = 0
    LOGARITHMIC = 1


@dataclass(frozen=True, slots=True)
class Measure:
    """How one feature is compared.

    Attributes:
        floor: least spread, in the unit of comparison (natural logarithms where logarithmic): a
            run of equal days must not make any change infinitely odd.
        usual_spread: spread of the middle person, towards which a spread of few days is drawn.
        direction: +1 more is worse, -1 less is worse, 0 either way.
        most: how far one day counts, in spreads. The body has few odd days: a fever may count to 4.
            Sleep and skin conductance have more, so they count to 3, and behaviour to 2: there it
            matters that a change stays.
        weekly: weekends differ from weekdays for most people.
        body: a quantity of the body, as opposed to what somebody does.
        device_bound: depends on the model of the device, and is learned again for another one.
    """

    floor: float
    usual_spread: float
    direction: int
    most: float
    scale: Scale = Scale.LINEAR
    weekly: bool = False
    body: bool = False
    device_bound: bool = False


_LOG: Final = Scale.LOGARITHMIC
BODY_MOST: Final = 4.0
OTHER_MOST: Final = 3.0
BEHAVIOUR_MOST: Final = 2.0
LEAST: Final = -1.0
"""The good direction counts to -1 only: a quiet night does not cancel a sharp fall in steps."""

MEASURES: Final[dict[str, Measure]] = {
    "night_heart_rate": Measure(1.0, 1.8, 1, BODY_MOST, body=True),
    "resting_heart_rate": Measure(1.0, 2.5, 1, BODY_MOST, body=True),
    "night_hrv_rmssd": Measure(0.1, 0.2, -1, BODY_MOST, _LOG, body=True, device_bound=True),
    "night_skin_temperature": Measure(0.2, 0.4, 1, BODY_MOST, body=True, device_bound=True),
    "night_respiratory_rate": Measure(0.3, 0.6, 1, BODY_MOST, body=True),
    "night_spo2": Measure(0.5, 1.0, -1, BODY_MOST, body=True, device_bound=True),
    "heart_rate_per_step": Measure(2.0, 5.0, 1, BODY_MOST, body=True),
    "circadian_amplitude": Measure(1.0, 2.0, -1, OTHER_MOST),
    "circadian_phase_h": Measure(0.3, 0.8, 0, OTHER_MOST),
    "sleep_minutes": Measure(15.0, 50.0, 0, OTHER_MOST, weekly=True),
    "sleep_efficiency": Measure(1.0, 2.5, -1, OTHER_MOST),
    "sleep_onset_h": Measure(0.25, 0.8, 0, OTHER_MOST, weekly=True),
    "sleep_regularity": Measure(2.0, 6.0, -1, OTHER_MOST),
    "steps": Measure(0.2, 0.45, -1, BEHAVIOUR_MOST, _LOG, weekly=True),
    "longest_still_minutes": Measure(0.15, 0.35, 1, BEHAVIOUR_MOST, _LOG, weekly=True),
    "first_activity_h": Measure(0.3, 1.0, 1, BEHAVIOUR_MOST, weekly=True),
    "eda_level": Measure(0.1, 0.25, 1, OTHER_MOST, _LOG, device_bound=True),
    "aroused_minutes": Measure(1.5, 1.5, 1, OTHER_MOST, _LOG),
}
assert tuple(MEASURES) == FEATURE_NAMES  # one rule for each feature of the vocabulary, in its order

COUNT: Final = len(MEASURES)


def column(name: str) -> int:
    """Return the place of a feature in every array of features."""
    return FEATURE_NAMES.index(name)


def _array(name: str) -> NDArray[np.float64]:
    return np.array([float(getattr(rule, name)) for rule in MEASURES.values()])


FLOOR: Final = _array("floor")
USUAL_SPREAD: Final = _array("usual_spread")
DIRECTION: Final = _array("direction")
MOST: Final = _array("most")
TWO_SIDED: Final[NDArray[np.bool_]] = DIRECTION == 0
LOGARITHMIC: Final[NDArray[np.bool_]] = _array("scale") == Scale.LOGARITHMIC
WEEKLY: Final = np.flatnonzero(_array("weekly"))
BODY: Final[NDArray[np.bool_]] = _array("body") > 0
DEVICE_BOUND: Final = np.flatnonzero(_array("device_bound"))

_WEIGHTS: Final[dict[Family, dict[str, float]]] = {
    Family.ILLNESS: {
        "night_heart_rate": 1.0,
        "resting_heart_rate": 0.7,
        "night_hrv_rmssd": 0.7,
        "night_skin_temperature": 1.0,
        "night_respiratory_rate": 0.7,
        "night_spo2": 0.5,
        "heart_rate_per_step": 0.5,
        "steps": 1.0,
    },
    Family.SLEEP: {
        "sleep_minutes": 1.0,
        "sleep_efficiency": 0.7,
        "sleep_onset_h": 1.0,
        "sleep_regularity": 1.0,
        "circadian_phase_h": 0.5,
    },
    Family.WITHDRAWAL: {"steps": 1.0, "longest_still_minutes": 0.7, "first_activity_h": 0.5},
    Family.ACUTE_LOAD: {"aroused_minutes": 1.0, "eda_level": 0.7},
    Family.DRIFT: {
        "night_heart_rate": 1.0,
        "resting_heart_rate": 1.0,
        "night_hrv_rmssd": 0.7,
        "night_skin_temperature": 0.5,
        "night_respiratory_rate": 0.7,
        "circadian_amplitude": 0.7,
        "circadian_phase_h": 0.5,
        "sleep_minutes": 0.7,
        "sleep_efficiency": 0.5,
        "sleep_onset_h": 0.7,
        "sleep_regularity": 0.7,
        "steps": 1.0,
        "longest_still_minutes": 0.5,
        "first_activity_h": 0.5,
    },
    Family.DEVICE: {},
}
_TIMING: Final = {"sleep_onset_h": 1.0, "first_activity_h": 0.7, "circadian_phase_h": 0.5}
_LENGTH: Final = {"sleep_minutes": 1.0, "sleep_efficiency": 0.7}
_MEASURED: Final = {
    ("night_heart_rate", "night_hrv_rmssd"): -0.5,
    ("night_heart_rate", "night_skin_temperature"): 0.2,
    ("night_heart_rate", "night_respiratory_rate"): 0.3,
    ("night_heart_rate", "steps"): 0.1,
    ("night_hrv_rmssd", "night_skin_temperature"): -0.1,
    ("night_hrv_rmssd", "night_respiratory_rate"): -0.2,
    ("night_hrv_rmssd", "sleep_minutes"): 0.2,
    ("night_skin_temperature", "night_respiratory_rate"): 0.2,
    ("night_skin_temperature", "night_spo2"): -0.1,
    ("night_respiratory_rate", "night_spo2"): -0.1,
    ("night_respiratory_rate", "sleep_efficiency"): -0.1,
}
_GUESSED: Final = {
    ("night_heart_rate", "resting_heart_rate"): 0.6,
    ("night_hrv_rmssd", "resting_heart_rate"): -0.4,
    ("resting_heart_rate", "heart_rate_per_step"): 0.3,
    ("sleep_minutes", "sleep_onset_h"): -0.5,
    ("sleep_onset_h", "circadian_phase_h"): 0.4,
    ("sleep_onset_h", "first_activity_h"): 0.4,
    ("steps", "longest_still_minutes"): -0.6,
    ("steps", "first_activity_h"): -0.3,
    ("aroused_minutes", "eda_level"): 0.3,
}


def _correlation() -> NDArray[np.float64]:
    matrix = np.eye(COUNT)
    for (one, other), value in (*_MEASURED.items(), *_GUESSED.items()):
        matrix[column(one), column(other)] = matrix[column(other), column(one)] = value
    return matrix


CORRELATION: Final = _correlation()
"""float64[features, features], of the plain z scores (more is more)."""
WEIGHTS: Final = np.array(
    [[weights.get(name, 0.0) for name in FEATURE_NAMES] for weights in _WEIGHTS.values()]
)
"""float64[families, features], in the order of `Family`."""
assert tuple(_WEIGHTS) == tuple(Family)
TIMING_WEIGHTS: Final = np.array([_TIMING.get(name, 0.0) for name in FEATURE_NAMES])
LENGTH_WEIGHTS: Final = np.array([_LENGTH.get(name, 0.0) for name in FEATURE_NAMES])
"""Two sides of sleep, when and how much: one may change without the other."""

assert np.linalg.eigvalsh(CORRELATION).min() > 0  # else a combination could have no spread


def compared(features: NDArray[np.float32]) -> NDArray[np.float64]:
    """Return features on the scale on which days are compared: float64[n, features].

    Example:
        >>> day = np.full((1, COUNT), np.nan, np.float32); day[0, column("steps")] = 999
        >>> round(float(compared(day)[0, column("steps")]), 3)
        6.908
    """
    wide = np.clip(features.astype(np.float64), -LARGEST, LARGEST)
    return np.where(LOGARITHMIC, np.log1p(np.maximum(wide, 0)), wide)


def own_unit(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return what `compared` turned, back in each feature's own unit; [..., features]."""
    turned: NDArray[np.float64] = np.where(LOGARITHMIC, np.expm1(np.minimum(values, 50.0)), values)
    return turned


LARGEST: Final = 60_000.0
"""Days are remembered in 16 bits, which end at 65,504; no feature on its scale comes near it."""
