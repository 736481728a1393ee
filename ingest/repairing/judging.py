"""Which days a replay says otherwise than they are stored, and which of them may be written.

Only the days whose readings came too late, and later ones that rest on them. The newest day stays
as it is: the worker that holds the person may still judge it again. Two days are the same where
every number is the same `real`, as the table keeps it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any, Final

import numpy as np

from ingest.reasons import RepairOutcome
from tidewell.vocabulary import FEATURE_NAMES, Level

WARM_UP_DAYS: Final = 98
"""What a slow change looks back on, and a fortnight: older days bear on no judgement."""

Day = Mapping[str, Any]
_NUMBERS: Final = (*FEATURE_NAMES, "worn_minutes", "score")
_WORDS: Final = ("family", "level")


@dataclass(frozen=True, slots=True)
class Job:
    """Days of a person to be judged again; `repair_id` is None where nobody noted it before.

    `readings` came too late when this was read: another number means that it was widened since.
    """

    repair_id: int | None
    person_id: int
    first_day: date
    last_day: date
    readings: int


@dataclass(frozen=True, slots=True)
class Report:
    """What came of one person's days; `unusual` are above usual now and were not before."""

    label: str
    outcome: RepairOutcome
    changed: tuple[date, ...] = ()
    unusual: tuple[date, ...] = ()

    def sentence(self) -> str:
        """Return it as one line.

        Example:
            >>> days = (date(2026, 1, 5), date(2026, 1, 6))
            >>> Report("A-1", RepairOutcome.JUDGED_AGAIN, days, days[1:]).sentence()
            'A-1: 2 days judged again; 1 now above usual (2026-01-06)'
        """
        match self.outcome:
            case RepairOutcome.JUDGED_AGAIN:
                those = ", ".join(one.isoformat() for one in self.unusual)
                said = f"{self.label}: {_days(len(self.changed))} judged again; "
                said += f"{len(self.unusual)} now above usual"
                return said + (f" ({those})" if those else "")
            case RepairOutcome.NOTHING_DIFFERED:
                return f"{self.label}: looked again, and every day stays as it was judged"
            case RepairOutcome.HISTORY_GONE:
                return (
                    f"{self.label}: the days stay as they were; the readings before them are no "
                    "longer kept, and without them nobody knows what was usual then"
                )
            case RepairOutcome.COULD_NOT_BE_JUDGED:
                return f"{self.label}: the detector failed on these readings; the log says how"


def in_all(reports: list[Report]) -> str:
    """Return several reports in one line.

    Example:
        >>> in_all([Report("A-1", RepairOutcome.JUDGED_AGAIN, (date(2026, 1, 5),))])
        '1 day of 1 person judged again; 0 now above usual'
    """
    several = [one for one in reports if one.changed]
    people = "1 person" if len(several) == 1 else f"{len(several)} people"
    days = _days(sum(len(one.changed) for one in several))
    unusual = sum(len(one.unusual) for one in several)
    return f"{days} of {people} judged again; {unusual} now above usual"


def is_history_gone(first_day: date, first_reading: date | None, first_judged: date | None) -> bool:
    """Return whether what was usual before some days can no longer be learned from readings."""
    if first_reading is None:
        return True
    # A local day may begin a day before that of UTC.
    is_cut = first_judged is not None and first_judged < first_reading - timedelta(days=1)
    return is_cut and first_day - first_reading < timedelta(days=WARM_UP_DAYS)


def days_to_write(job: Job, stored: Mapping[date, Day], judged: Mapping[date, Day]) -> list[Day]:
    """Return the replayed days that are to take the place of stored ones, by day."""
    newest = max(stored, default=date.min)
    return [
        new
        for day, new in sorted(judged.items())
        if day >= job.first_day
        and day != newest
        and (day <= job.last_day or day in stored)
        and not (day in stored and _is_same(stored[day], new))
    ]


def now_unusual(stored: Mapping[date, Day], written: list[Day]) -> tuple[date, ...]:
    """Return the days that are above usual as they are written, and were not before."""
    return tuple(
        new["day"]
        for new in written
        if _is_unusual(new) and not _is_unusual(stored.get(new["day"], {}))
    )


def _is_unusual(day: Day) -> bool:
    return day.get("level") not in (None, Level.USUAL.value)


def _is_same(old: Day, new: Day) -> bool:
    return (
        all(old[name] == new[name] for name in _WORDS)
        and old["usual"] == new["usual"]
        and _numbers_of(old) == _numbers_of(new)
    )


def _numbers_of(day: Day) -> bytes:
    """Return the numbers of a day as the table keeps them; adding nothing makes -0 and 0 one."""
    numbers = [day[name] for name in _NUMBERS] + list(day["family_scores"] or ())
    return (np.array(numbers, np.float32) + np.float32(0)).tobytes()


def _days(count: int) -> str:
    return "1 day" if count == 1 else f"{count} days"
