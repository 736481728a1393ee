"""Eighteen daily measures as a page that can be read: in groups, most changed first. Pure.

Each group shows at least one measure and at most two; the others are folded away, named, and a tap
from being seen. A measure without a value in these days is named and never drawn. What counts as
changed decides the order only: it raises nothing and clears nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from portal.daily import FeatureTrend
from tidewell.vocabulary import FEATURE_NAMES

SHOWN_MOST: Final = 2
"""Five groups of two fit into a minute of reading."""
NAMED_MOST: Final = 3
"""A device that measures little must not fill the page with what it does not."""
CHANGED_FROM: Final = 1.0
"""The edge of what is usual: below it the order of the page stays as people know it."""

GROUPS: Final[tuple[tuple[str, str, tuple[str, ...]], ...]] = (
    (
        "night",
        "Body at night",
        (
            "night_heart_rate",
            "night_hrv_rmssd",
            "night_skin_temperature",
            "night_respiratory_rate",
            "night_spo2",
        ),
    ),
    ("movement", "Movement", ("steps", "longest_still_minutes")),
    (
        "sleep",
        "Sleep",
        ("sleep_minutes", "sleep_onset_h", "sleep_efficiency", "sleep_regularity"),
    ),
    (
        "rhythm",
        "Rhythm of the day",
        ("first_activity_h", "circadian_amplitude", "circadian_phase_h"),
    ),
    (
        "day",
        "Body by day",
        ("resting_heart_rate", "heart_rate_per_step", "eda_level", "aroused_minutes"),
    ),
)
assert sorted(name for group in GROUPS for name in group[2]) == sorted(FEATURE_NAMES)


@dataclass(frozen=True, slots=True)
class TrendGroup:
    """Measures that belong together: some shown, the others folded."""

    name: str
    label: str
    shown: tuple[FeatureTrend, ...]
    folded: tuple[FeatureTrend, ...]

    @property
    def folded_words(self) -> str:
        """Return what is folded away, by name."""
        return _in_a_row([trend.feature.label for trend in self.folded])


@dataclass(frozen=True, slots=True)
class GroupedTrends:
    """Everything that the page says about days: the groups, and what has no value at all."""

    groups: tuple[TrendGroup, ...]
    without_data: tuple[str, ...]

    @property
    def without_data_words(self) -> str:
        """Return what has no value in these days, by name."""
        return _in_a_row(self.without_data)

    @property
    def is_without_much(self) -> bool:
        """Return whether the names are too many to stand in the open."""
        return len(self.without_data) > NAMED_MOST


def grouped_trends(trends: Sequence[FeatureTrend]) -> GroupedTrends:
    """Return trends in groups; a group without any data is left out and its measures are named."""
    by_name = {trend.feature.name: trend for trend in trends}
    found: list[tuple[float, TrendGroup]] = []
    without: list[str] = []
    for name, label, features in GROUPS:
        known = [by_name[feature] for feature in features if feature in by_name]
        without += [trend.feature.label for trend in known if not trend.has_data]
        ordered = sorted((trend for trend in known if trend.has_data), key=_rank)
        if ordered:
            found.append((_rank(ordered[0]), _group(name, label, ordered)))
    groups = tuple(group for _, group in sorted(found, key=lambda pair: pair[0]))
    return GroupedTrends(groups, tuple(without))


def _group(name: str, label: str, ordered: list[FeatureTrend]) -> TrendGroup:
    changed = sum(trend.change >= CHANGED_FROM for trend in ordered)
    count = min(max(changed, 1), SHOWN_MOST)
    return TrendGroup(name, label, tuple(ordered[:count]), tuple(ordered[count:]))


def _in_a_row(labels: Sequence[str]) -> str:
    """Return labels as one phrase, with a capital at its start only."""
    return ", ".join([*labels[:1], *(label[:1].lower() + label[1:] for label in labels[1:])])


def _rank(trend: FeatureTrend) -> float:
    """Return what sorts the most changed first and leaves all others in their usual order."""
    return -trend.change if trend.change >= CHANGED_FROM else 0.0
