"""Why: a finding in plain words and in the person's own units.

The sentence is for a practitioner between two visits: what changed, against what is usual for this
person, since when. It names no cause and no diagnosis, because nothing here knows one.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from tidewell.local_time import day_date
from tidewell.vocabulary import FEATURES, Family, Feature

LEAST_SHARE: Final = 0.15
"""What adds less than this to a change is left out of the sentence."""


def explain_day(
    family: Family,
    since_day: int,
    day: int,
    features: NDArray[np.float32],
    usual: NDArray[np.float64],
    contribution: NDArray[np.float64],
    worn_minutes: int,
) -> dict[str, Any]:
    """Explain one scored day; the shape is in `docs/operations.md` under "explanation"."""
    shares = _shares(contribution)
    order = [
        place
        for place in np.argsort(-shares, kind="stable").tolist()
        if shares[place] >= LEAST_SHARE
    ]
    parts = [
        _part(FEATURES[place], features[place], usual[place], float(shares[place]))
        for place in order
    ]
    days = max(1, day - since_day + 1)
    how_long = "since yesterday" if days == 2 else f"for {days} days" if days > 1 else "for one day"
    what = "; ".join(_words(part) for part in parts) or "a change in several measures"
    return {
        "family": family.value,
        "since": day_date(since_day).isoformat(),
        "sentence": f"{what[0].upper()}{what[1:]}, {how_long}.",
        "contributions": parts,
        "worn_minutes": worn_minutes,
        "missing": _missing(features),
        "clears_when": (
            "It ends by itself after two days near usual; it stays on your list until you close it."
        ),
    }


def explain_end(
    family: Family,
    since_day: int,
    features: NDArray[np.float32],
    usual: NDArray[np.float64],
    worn_minutes: int,
) -> dict[str, Any]:
    """Explain that a person is near what is usual for them again."""
    present = [place for place in range(len(FEATURES)) if not np.isnan(features[place])]
    parts = [_part(FEATURES[place], features[place], usual[place], 0.0) for place in present]
    known = "; ".join(_words(part) for part in parts if not np.isnan(part["centre"]))
    return {
        "family": family.value,
        "since": day_date(since_day).isoformat(),
        "sentence": f"Near usual again: {known}." if known else "Near usual again.",
        "contributions": [],
        "worn_minutes": worn_minutes,
        "missing": _missing(features),
        "clears_when": "It has ended by itself; it stays on your list until you close it.",
    }


def explain_silence(last_reading: datetime) -> dict[str, Any]:
    """Explain that a device sent nothing for a while."""
    when = f"{last_reading:%A} {last_reading.day} {last_reading:%B, %H:%M}"
    return _device(
        last_reading.date().isoformat(),
        f"No readings have come since {when}. The device may be off, flat or out of reach.",
        "It ends when readings come again.",
    )


def explain_not_worn(day: int) -> dict[str, Any]:
    """Explain that a device sent readings for a whole day, but not from a body."""
    when = f"{day_date(day):%A} {day_date(day).day} {day_date(day):%B}"
    return _device(
        day_date(day).isoformat(),
        f"The device was on but not worn on {when}.",
        "It ends after a day on which it is worn again.",
    )


def _device(since: str, sentence: str, clears_when: str) -> dict[str, Any]:
    return {
        "family": Family.DEVICE.value,
        "since": since,
        "sentence": sentence,
        "contributions": [],
        "worn_minutes": 0,
        "missing": [feature.label for feature in FEATURES],
        "clears_when": clears_when,
    }


def _missing(features: NDArray[np.float32]) -> list[str]:
    return [feature.label for place, feature in enumerate(FEATURES) if np.isnan(features[place])]


def _shares(contribution: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return what part of the change in the bad direction each feature brings, 0 to 1."""
    upward = np.where(np.isnan(contribution), 0, np.maximum(contribution, 0))
    total = upward.sum()
    share: NDArray[np.float64] = upward / total if total > 0 else upward
    return share


def _part(
    feature: Feature, value: np.float32, usual: NDArray[np.float64], share: float
) -> dict[str, Any]:
    centre, low, high = (round(float(one), feature.decimals + 1) for one in usual)
    return {
        "feature": feature.name,
        "label": feature.label,
        "unit": feature.unit,
        "value": round(float(value), feature.decimals + 1),
        "centre": centre,
        "low": low,
        "high": high,
        "share": round(share, 2),
    }


def _words(part: dict[str, Any]) -> str:
    unit = "" if part["unit"] == part["label"].lower() else f" {part['unit']}"
    return (
        f"{part['label'].lower()} {part['value']:,.0f}{unit} "
        f"(usual {part['centre']:,.0f}, {part['low']:,.0f} to {part['high']:,.0f})"
    )
