"""What happened within minutes, in words: a limit of the agreed plan, or a heart that beats faster.

Said at once and therefore short. Promises what `detect.explain` promises: the person's own numbers,
no cause, no alarm, no blame, and nothing written that is not finite.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import numpy as np

from detect.explanation import MANY_REASONS, explanation
from detect.words import (
    CHANNEL_CHANGES,
    Direction,
    counted,
    length_words,
    moment_words,
    number_words,
    trimmed,
)
from tidewell.vocabulary import CHANNEL_INDEX, CHANNELS, Channel, Family, Level


def explain_limit(
    family: Family,
    channel: str,
    direction: Direction,
    limit: float,
    for_minutes: int,
    value: float,
    at: datetime,
    *,
    at_rest: bool = False,
    level: Level | None = None,
    version: str | None = None,
) -> dict[str, Any]:
    """Explain that a reading stayed beyond a limit of the person's agreed plan.

    Args:
        family: under which kind of change it is kept.
        channel: name in the vocabulary.
        direction: ABOVE or BELOW `limit`, in the unit of the channel.
        limit: of the agreed plan.
        for_minutes: how long it stayed there.
        value: the deciding reading.
        at: its time by the person's own clock.
        at_rest: the limit holds only while resting.
        level: how soon somebody should look. version: of the detector.
    """
    one = CHANNELS[CHANNEL_INDEX[channel]]
    unit, minutes = _unit(one), counted(for_minutes, "minute")
    rest = " at rest" if at_rest else ""
    then = f" ({trimmed(value, 1)}{unit} then)" if np.isfinite(value) else ""
    return explanation(
        family,
        at.date().isoformat(),
        f"{one.label} {direction.value} {trimmed(limit, 2)}{unit}{rest} for {minutes}, "
        f"up to {moment_words(at)}{then}. The agreed plan asks to look at this.",
        f"For {minutes}, {_young_change(channel, direction)}. "
        "Your plan says that we look out for this.",
        "It ends when readings are back within the agreed limit.",
        version,
        level=level,
        limit={
            "channel": channel,
            "label": one.label,
            "unit": one.unit,
            "direction": direction.value,
            "limit": float(limit),
            "for_minutes": for_minutes,
            "while_resting": at_rest,
            "value": round(float(value), 2) if np.isfinite(value) else None,
        },
    )


def explain_acute(
    began: datetime,
    minutes: int,
    heart_rate: float,
    usual: Sequence[float],
    level: Level | None = None,
    version: str | None = None,
) -> dict[str, Any]:
    """Explain that the heart beat faster than usual for this time of day while all else was still.

    Args:
        began: by the person's own clock.
        minutes: how long so far.
        heart_rate: bpm.
        usual: centre, low and high in bpm at this time of day, NaN = not learned.
        level: how soon somebody should look. version: of the detector.
    """
    part = _heart_rate_part(heart_rate, usual)
    what, known = "Heart rate faster than usual for this time of day", ""
    if part is not None:
        value, centre, low, high = (
            number_words(part[name]) for name in ("value", "centre", "low", "high")
        )
        what = f"Heart rate {value} bpm"
        known = f" (usual for this time of day {centre}, {low} to {high})"
    return explanation(
        Family.ACUTE_LOAD,
        began.date().isoformat(),
        f"{what} while still and awake{known}, for {length_words(minutes)} "
        f"from {moment_words(began)}.",
        "Your heart was beating faster than it usually does at this time of day. "
        f"You were keeping still then. {MANY_REASONS}",
        "It ends by itself when heart rate is near usual again; "
        "it stays on your list until you close it.",
        version,
        level=level,
        contributions=[part] if part is not None else [],
    )


def _unit(channel: Channel) -> str:
    return "" if channel.unit == channel.label.lower() else f" {channel.unit}"


def _young_change(channel: str, direction: Direction) -> str:
    if channel not in CHANNEL_CHANGES:
        return "something was different from your plan"
    below, above = CHANNEL_CHANGES[channel]
    changed = above if direction is Direction.ABOVE else below
    return f"{changed} than the number in your plan"


def _heart_rate_part(heart_rate: float, usual: Sequence[float]) -> dict[str, Any] | None:
    """Return the part of heart rate, or None where a number is missing."""
    numbers = [float(one) for one in (heart_rate, *usual)]
    if not np.isfinite(numbers).all():
        return None
    value, centre, low, high = (round(one, 1) for one in numbers)
    channel = CHANNELS[CHANNEL_INDEX["heart_rate"]]
    side = Direction.ABOVE if value > centre else Direction.BELOW
    return {
        "feature": channel.name,
        "label": channel.label,
        "unit": channel.unit,
        "value": value,
        "centre": centre,
        "low": low,
        "high": high,
        "share": 1.0,
        "direction": (side if value != centre else Direction.SAME).value,
    }
