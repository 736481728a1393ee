"""One daily measure of one day beside what is usual for this person, and how it reads.

What is compared in words is what is written, so that words and numbers never disagree: a value that
is written like the end of the usual range is within it. What is not finite is no measure at all.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from math import isfinite
from typing import Any

import numpy as np
from numpy.typing import NDArray

from detect.words import (
    CLOCK_STEP_MINUTES,
    INSIDE_WORDS,
    MEASURES,
    SIDE_WORDS,
    Direction,
    MeasureWords,
    Style,
    clock_words,
    length_words,
    number_words,
)
from tidewell.vocabulary import FEATURES, Feature


@dataclass(frozen=True)
class Measured:
    """One daily measure of one day, beside what is usual for this person; all of it finite.

    Without slots: sentences ask the same again and again, so answers are kept with it.
    """

    feature: Feature
    value: float
    centre: float
    low: float
    high: float
    share: float = 0.0

    @cached_property
    def words(self) -> MeasureWords:
        """Return how this measure reads."""
        return MEASURES[self.feature.name]

    @cached_property
    def direction(self) -> Direction:
        """Return the side of the centre on which the value lies; a phase goes the short way."""
        offset = self._value_offset
        if offset == 0:
            return Direction.SAME
        if self.words.style in (Style.AFTER_MIDNIGHT, Style.AFTER_NOON):
            return Direction.LATER if offset > 0 else Direction.EARLIER
        return Direction.ABOVE if offset > 0 else Direction.BELOW

    @cached_property
    def inside(self) -> bool:
        """Return whether the value, as it is written, lies in what is usual."""
        return self._offset(self.low) <= self._value_offset <= self._offset(self.high)

    def sentence(self) -> str:
        """Return value, direction and usual range, as a practitioner reads them."""
        side = SIDE_WORDS[self.direction]
        if self.inside and self.direction is not Direction.SAME:
            side = f"within usual {INSIDE_WORDS[self.direction]}"
        return f"{self.said()}, {side} ({self._usual()})"

    def plainly(self) -> str:
        """Return value and usual range without a direction."""
        return f"{self.said()} (usual {self._usual()})"

    def said(self) -> str:
        """Return the value in its words."""
        return self.words.said.format(value=self.written(self.value))

    def centre_said(self) -> str:
        """Return the centre of what is usual in the words of the value."""
        return self.words.said.format(value=self.written(self.centre))

    def young(self) -> str:
        """Return what a young person reads about it, without the full stop."""
        above = self.direction in (Direction.ABOVE, Direction.LATER)
        return self.words.more if above else self.words.less

    def written(self, value: float) -> str:
        """Return a value of this measure without its unit."""
        shown = self._shown(value)
        match self.words.style:
            case Style.LENGTH:
                return length_words(shown)
            case Style.AFTER_MIDNIGHT:
                return clock_words(shown)
            case Style.AFTER_NOON:
                return clock_words(shown + 12)
        return number_words(shown, self.feature.decimals)

    def _usual(self) -> str:
        """Return centre and range; what is written alike is said once."""
        centre, low, high = (self.written(one) for one in (self.centre, self.low, self.high))
        if low == high:
            return centre
        is_amount = self.words.style in (Style.NUMBER, Style.LENGTH)
        from_nothing = is_amount and self._shown(self.low) <= self.words.lowest == 0
        span = f"up to {high}" if from_nothing else f"{low} to {high}"
        return span if centre in (low, high) else f"{centre}, {span}"

    @cached_property
    def _value_offset(self) -> float:
        return self._offset(self.value)

    @cached_property
    def _shown_centre(self) -> float:
        return self._shown(self.centre)

    def _offset(self, value: float) -> float:
        offset = self._shown(value) - self._shown_centre
        return (offset + 12) % 24 - 12 if self.words.wraps else offset

    def _shown(self, value: float) -> float:
        """Return the value that is written, so that words and numbers never disagree."""
        inside = min(max(value, self.words.lowest), self.words.highest)
        match self.words.style:
            case Style.LENGTH:
                return float(round(inside))
            case Style.AFTER_MIDNIGHT | Style.AFTER_NOON:
                steps_an_hour = 60 / CLOCK_STEP_MINUTES
                return round(value * steps_an_hour) / steps_an_hour
        return round(inside, self.feature.decimals)


def measured_at(
    place: int, features: NDArray[np.float32], usual: NDArray[np.float64]
) -> Measured | None:
    """Return a measure that can be compared, or None where a number is missing."""
    value, (centre, low, high) = float(features[place]), usual[place].tolist()
    if not (isfinite(value) and isfinite(centre) and isfinite(low) and isfinite(high)):
        return None
    return Measured(FEATURES[place], value, centre, low, high)


def compared(
    features: NDArray[np.float32], usual: NDArray[np.float64], contribution: NDArray[np.float64]
) -> list[Measured]:
    """Return the measures that take part, largest share of the change first."""
    takes_part = np.isfinite(contribution) & np.isfinite(features) & np.isfinite(usual).all(axis=1)
    places = np.flatnonzero(takes_part)
    upward = np.maximum(contribution[places], 0.0)
    total = float(upward.sum())
    shares = upward / total if total > 0 else upward
    order = np.argsort(-shares, kind="stable")
    places, shares = places[order], shares[order]
    values, around = features[places].tolist(), usual[places].tolist()
    return [
        Measured(FEATURES[place], value, centre, low, high, share)
        for place, value, (centre, low, high), share in zip(
            places.tolist(), values, around, shares.tolist(), strict=True
        )
    ]


def part_record(one: Measured) -> dict[str, Any]:
    """Return a measure as the JSON of an explanation has it."""
    digits = one.feature.decimals + 1
    return {
        "feature": one.feature.name,
        "label": one.feature.label,
        "unit": one.feature.unit,
        "value": round(one.value, digits),
        "centre": round(one.centre, digits),
        "low": round(max(one.low, one.words.lowest), digits),
        "high": round(min(one.high, one.words.highest), digits),
        "share": round(one.share, 2),
        "direction": one.direction.value,
    }
