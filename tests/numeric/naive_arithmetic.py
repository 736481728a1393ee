"""The arithmetic of the slow twin of days: one number at a time, and no line of `detect`.

Remembered values go through sixteen bits, because the docstrings of `detect` say that they do.
"""

from __future__ import annotations

import math
import struct

from tests.numeric.naive_tables import BODY, CHECK_TODAY, RULES, SMOOTHING, WEIGHTS, together

Values = dict[str, float]


def half(value: float) -> float:
    found: float = struct.unpack("e", struct.pack("e", value))[0]
    return found


def scaled(name: str, value: float) -> float:
    return math.log1p(max(value, 0.0)) if RULES[name].log else value


def back(name: str, value: float) -> float:
    return math.expm1(value) if RULES[name].log else value


def beside(at: tuple[float, float, float], hour: float) -> tuple[float, float, float]:
    """Return a band of hours on the day on which its centre is nearest to an hour."""
    turns = min(range(-9, 10), key=lambda days: abs(at[0] + 24 * days - hour))
    return at[0] + 24 * turns, at[1] + 24 * turns, at[2] + 24 * turns


def clip(value: float, low: float, high: float) -> float:
    return min(max(value, low), high)


def is_weekend(day: int) -> bool:
    return (day + 4) % 7 in {6, 0}  # 1970-01-01 was a Thursday, and Sunday is 0


def weekend_part(difference: float, day: int) -> float:
    return difference * 5 / 7 if is_weekend(day) else -difference * 2 / 7


def worse(name: str, z: float, most: float) -> float:
    side = RULES[name].worse
    return clip(abs(z) if side == 0 else side * z, -1.0, most)


def daily_sums(z: Values, proved: bool) -> Values:
    turned = {name: worse(name, value, RULES[name].most) for name, value in z.items()}
    for name, value in turned.items():
        if not proved and name not in BODY and value > 0:
            turned[name] = 0.75 * value
    found = {name: combined(turned, name) for name in SMOOTHING}
    return {name: value for name, value in found.items() if value is not None}


def combined(turned: Values, family: str) -> float | None:
    weights = {n: weight for n, weight in WEIGHTS[family].items() if n in turned}
    if not weights:
        return None
    variance = sum(weights[a] * weights[b] * together(a, b) for a in weights for b in weights)
    return sum(weight * turned[n] for n, weight in weights.items()) / math.sqrt(variance)


def level_of(family: str, score: float) -> int:
    return int(score >= 1) + int(score >= CHECK_TODAY[family])
