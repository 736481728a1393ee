"""What asks for attention, and how much of it a person may take: thresholds and budgets.

A threshold belongs to a budget: so many episodes in a month of one person's quiet days. It is read
off the pooled tail of `detect.calibration`, which was measured on recorded people; nothing here is
a border of health. A policy is data: `tidewell backtest` replays stored days with another one and
says what would have changed, before anyone switches it on.

Never: changes by itself.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from detect.calibration import SHIPPED_TAILS, Tail, threshold
from detect.findings import FAMILIES
from tidewell.vocabulary import Family

DEFAULT_BUDGETS: Final[dict[Family, float]] = {
    Family.ILLNESS: 0.20,
    Family.SLEEP: 0.20,
    Family.WITHDRAWAL: 0.35,
    Family.ACUTE_LOAD: 0.15,
    Family.DRIFT: 0.10,
}
"""Episodes per person-month, one in all: more than a key worker with twenty people can look into.

Families overlap and share what is told, so what is seen is less: `docs/evaluation.md`.
"""
DAYS_MOST: Final = 90
"""A rest or a standing reference of more than a season would watch over somebody else by then."""
CHECK_TODAY_SHARE: Final = 0.5
"""Of the episodes of a budget, the share that may ask to be looked at today."""


@dataclass(frozen=True, slots=True)
class Policy:
    """Budgets and limits of detection.

    Attributes:
        budgets: episodes per person-month, in the order of `Family`; 0 switches a family off.
        check_today_share: share of a budget that may ask for "check today".
        rest_days: days after an episode in which only "check today" opens another.
        freeze_days: how long a baseline stands still while an episode is open.
        most_open: episodes of one person that may be open at once.

    Raises:
        ValueError: a budget or share is out of its bounds.
    """

    budgets: tuple[float, ...] = tuple(DEFAULT_BUDGETS.get(family, 0.0) for family in Family)
    check_today_share: float = CHECK_TODAY_SHARE
    rest_days: int = 7
    freeze_days: int = 21
    most_open: int = 2
    tails: tuple[Tail, ...] = SHIPPED_TAILS

    def __post_init__(self) -> None:
        if len(self.budgets) != len(FAMILIES) or len(self.tails) != len(FAMILIES):
            raise ValueError(f"a policy has one budget for each of {len(FAMILIES)} families")
        if any(not 0 <= budget <= 10 for budget in self.budgets):
            raise ValueError("a budget is between 0 and 10 episodes per person-month")
        if self.budgets[FAMILIES.index(Family.DEVICE)] != 0:
            raise ValueError(
                "device findings follow rules, not a budget: give device a budget of 0"
            )
        if not 0 < self.check_today_share < 1:
            raise ValueError("the share of check today is above 0 and below 1")
        if not (0 <= self.rest_days <= DAYS_MOST and 0 <= self.freeze_days <= DAYS_MOST):
            raise ValueError(f"rest and freeze last from 0 to {DAYS_MOST} days")
        if not 1 <= self.most_open <= len(FAMILIES):
            raise ValueError(f"from 1 to {len(FAMILIES)} episodes may be open at once")

    def thresholds(self) -> NDArray[np.float64]:
        """Return the score from which each family asks for review: float64[families]."""
        return np.array(
            [
                threshold(tail, budget) if budget > 0 else np.inf
                for tail, budget in zip(self.tails, self.budgets, strict=True)
            ]
        )

    def check_today_from(self) -> NDArray[np.float64]:
        """Return, in units of the threshold for review, where "check today" begins."""
        return np.array(
            [
                threshold(tail, budget * self.check_today_share) / threshold(tail, budget)
                if budget > 0
                else np.inf
                for tail, budget in zip(self.tails, self.budgets, strict=True)
            ]
        )
