"""Why: a finding in plain words and in the person's own units, for two readers.

`sentence` is for a practitioner between two visits: what changed, against what is usual for this
person, since when. `young_person` says the same to the young person: short words, no scores, no
alarm, no blame. Both name no cause and no illness, because nothing here knows one. What is not
finite counts as not measured and is never written.

The shape of an explanation is in `docs/operations.md`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from math import isfinite
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from detect.explanation import COVERAGE_DAYS, MANY_REASONS, Agreement, explanation, how_sure
from detect.measured import Measured, compared, measured_at, part_record
from detect.words import (
    FAMILY_SUBJECTS,
    NOTE_WORDS,
    Direction,
    NoteKind,
    capitalised,
    day_words,
    hour_ranges_words,
    moment_words,
    young_day_words,
    young_moment_words,
)
from tidewell.local_time import day_date
from tidewell.vocabulary import FEATURE_NAMES, FEATURES, Family, Level

LEAST_SHARE: Final = 0.15
"""What adds less than this to a change is left out of the sentence."""
MOST_PARTS: Final = 3
"""More than three measures are not read; the page of the person has them all."""
MOST_YOUNG_PARTS: Final = 2
"""A young person reads what changed most; a longer list would look like an accusation."""
DRIFT_REFERENCE: Final = "4 to 12 weeks before"
"""What drift is compared with: the days 28 to 84 back."""


@dataclass(frozen=True, slots=True)
class Circumstances:
    """What else is known about a scored day; what stays at its default is not known or not so.

    Attributes:
        level: how soon somebody should look.
        days_with_data: of the seven days up to the deciding one, how many could be scored.
        agreement: None = counted here from the day itself.
        watched: names of the measures that the family looks at, most important first.
        version: of the detector.
        learning: what is usual rests on few nights so far.
        frozen_since_day: what is usual is held as it was before this day.
        relearned_on_day: what is usual was learned again from this day on.
        notes: kinds of the context notes that touch the days.
    """

    level: Level | None = None
    days_with_data: int | None = None
    agreement: Agreement | None = None
    watched: tuple[str, ...] = FEATURE_NAMES
    version: str | None = None
    learning: bool = False
    frozen_since_day: int | None = None
    relearned_on_day: int | None = None
    notes: tuple[NoteKind, ...] = ()


NOTHING_MORE: Final = Circumstances()


def explain_day(
    family: Family,
    since_day: int,
    day: int,
    features: NDArray[np.float32],
    usual: NDArray[np.float64],
    contribution: NDArray[np.float64],
    worn_minutes: int | None,
    around: Circumstances = NOTHING_MORE,
) -> dict[str, Any]:
    """Explain one scored day; the shape is in `docs/operations.md` under "explanation".

    Args:
        family: the kind of change. since_day, day: local days since 1970.
        features: float32[features] in their own units, NaN = none.
        usual: float64[features, 3] centre, low, high in the same units; for drift, what was usual
            4 to 12 weeks before.
        contribution: float64[features], positive = towards what the family watches for, NaN = no
            part of it.
        worn_minutes: on the deciding day, None = not known.
        around: what else is known.
    """
    measures = compared(features, usual, contribution)
    parts = [part for part in measures if part.share >= LEAST_SHARE][:MOST_PARTS]
    agreement = around.agreement or _count_moved(measures)
    sure = how_sure(agreement, around.days_with_data, worn_minutes, learning=around.learning)
    return explanation(
        family,
        day_date(since_day).isoformat(),
        _sentence(family, since_day, day, parts, calmer=_is_calmer(agreement)),
        _young_sentence(family, since_day, day, parts, around),
        _clears_when(family, parts),
        around.version,
        day=day_date(day).isoformat(),
        level=around.level,
        contributions=[part_record(part) for part in parts],
        coverage=_coverage(worn_minutes, around, features),
        agreement=agreement.words(),
        certainty=sure,
        remarks=_remarks(around),
    )


def explain_end(
    family: Family,
    since_day: int,
    features: NDArray[np.float32],
    usual: NDArray[np.float64],
    worn_minutes: int | None,
    around: Circumstances = NOTHING_MORE,
) -> dict[str, Any]:
    """Explain that a person is near what is usual for them again."""
    places = [FEATURE_NAMES.index(name) for name in around.watched]
    found = [measured_at(place, features, usual) for place in places]
    near = [one for one in found if one is not None and one.inside][:MOST_PARTS]
    known = "; ".join(one.plainly() for one in near)
    return explanation(
        family,
        day_date(since_day).isoformat(),
        f"Near usual again: {known}." if known else "Near usual again.",
        "Things look like your usual again.",
        "It has ended by itself; it stays on your list until you close it.",
        around.version,
        level=around.level,
        coverage=_coverage(worn_minutes, around, features),
        remarks=_remarks(around),
    )


def explain_silence(last_reading: datetime, version: str | None = None) -> dict[str, Any]:
    """Explain that a device sent nothing since `last_reading`, by the person's own clock."""
    return explanation(
        Family.DEVICE,
        last_reading.date().isoformat(),
        f"No readings have come since {moment_words(last_reading)}. "
        "The device may be off, flat or out of reach.",
        f"We have not heard from your device since {young_moment_words(last_reading)}. "
        "It may be off, flat or too far away.",
        "It ends when readings come again.",
        version,
    )


def explain_never_heard(handed_out: datetime, version: str | None = None) -> dict[str, Any]:
    """Explain that nothing ever came of a device that was handed out, by the person's own clock."""
    return explanation(
        Family.DEVICE,
        handed_out.date().isoformat(),
        f"No reading has ever come. The device was expected from {moment_words(handed_out)}; "
        "it may not be charged, switched on or connected yet.",
        f"We have not heard from your device yet; we looked for it since "
        f"{young_moment_words(handed_out)}. It may need charging or setting up. "
        "Somebody can help you with that.",
        "It ends when the first readings come.",
        version,
    )


def explain_removed(
    taken_off: datetime, charging_hours: Sequence[int] = (), version: str | None = None
) -> dict[str, Any]:
    """Explain that a device came off and stayed off at a time when it is usually worn.

    Args:
        taken_off: by the person's own clock.
        charging_hours: hours of the day, 0 to 23, at which it is usually off for charging.
        version: of the detector.
    """
    if charging_hours:
        charging = f"It is usually off for charging {hour_ranges_words(charging_hours)}."
    else:
        charging = "No usual charging time is known."
    return explanation(
        Family.DEVICE,
        taken_off.date().isoformat(),
        f"The device was taken off on {moment_words(taken_off)}, and has been off since. "
        f"{charging}",
        f"Your device has been off since {young_moment_words(taken_off)}. "
        "That is okay. You can put it on again when you like.",
        "It ends when the device is worn again.",
        version,
    )


def explain_returned(
    taken_off: datetime, back_on: datetime, version: str | None = None
) -> dict[str, Any]:
    """Explain that a device is on the body again, by the person's own clock."""
    return explanation(
        Family.DEVICE,
        taken_off.date().isoformat(),
        f"The device is worn again since {moment_words(back_on)}; "
        f"it was off from {moment_words(taken_off)}.",
        f"Your device is on again, since {young_moment_words(back_on)}.",
        "It has ended by itself.",
        version,
    )


def _is_calmer(agreement: Agreement) -> bool:
    """Return whether measures could be compared and none of them stands out any more."""
    return agreement.present > 0 and agreement.moved == 0


def _sentence(
    family: Family, since_day: int, day: int, parts: Sequence[Measured], *, calmer: bool
) -> str:
    """Return what changed and since when, for a practitioner."""
    what = "; ".join(part.sentence() for part in parts) or "several measures, each a little"
    days = max(1, day - since_day + 1)
    if family is Family.DRIFT:
        return f"Slowly, over the last {_weeks(days)}, compared with {DRIFT_REFERENCE}: {what}."
    subject, has = FAMILY_SUBJECTS[family]
    if calmer and days > 1:
        since = day_words(since_day)
        return f"{subject} changed from {since} and {has} come nearer to usual since: {what}."
    if days == 1:
        return f"{subject} changed on {day_words(day)}: {what}."
    return f"{subject} {has} changed for {days} days, since {day_words(since_day)}: {what}."


def _young_sentence(
    family: Family,
    since_day: int,
    day: int,
    parts: Sequence[Measured],
    around: Circumstances,
) -> str:
    """Return the same for the young person, a few short sentences."""
    moved = [part.young() for part in parts if part.direction is not Direction.SAME]
    first = moved[0] if moved else "some things have been a bit different from your usual"
    slowly = family is Family.DRIFT
    since = "" if slowly else f", since {young_day_words(since_day, day)}"
    lines = [f"{capitalised(first)}{since}."]
    lines += [f"Also, {one}." for one in moved[1:MOST_YOUNG_PARTS]]
    if slowly:
        lines.append(f"This came slowly, over the last {_weeks(day - since_day + 1)}.")
    if around.learning:
        lines.append("We are still getting to know your usual.")
    if around.notes:
        lines.append("There is a note about these days.")
    return " ".join([*lines, MANY_REASONS])


def _weeks(days: int) -> str:
    weeks = max(1, round(days / 7))
    return "week" if weeks == 1 else f"{weeks} weeks"


def _clears_when(family: Family, parts: Sequence[Measured]) -> str:
    if family is Family.DRIFT:
        return (
            "It ends by itself when recent weeks are near usual again; "
            "it stays on your list until you close it."
        )
    near = f" ({parts[0].centre_said()})" if parts else ""
    return (
        f"It ends by itself after two days near usual{near}; "
        "it stays on your list until you close it."
    )


def _count_moved(measures: Sequence[Measured]) -> Agreement:
    """Count a measure as moved where it adds to the change and lies outside what is usual."""
    moved = sum(1 for one in measures if one.share > 0 and not one.inside)
    return Agreement(moved, len(measures))


def _coverage(
    worn_minutes: int | None, around: Circumstances, features: NDArray[np.float32]
) -> dict[str, Any]:
    """Return how much of the day and the week was seen, and what was not measured."""
    return {
        "worn_minutes": worn_minutes,
        "days_with_data": around.days_with_data,
        "of_days": COVERAGE_DAYS,
        "missing": [
            feature.label
            for feature, value in zip(FEATURES, features.tolist(), strict=True)
            if not isfinite(value) and feature.name in around.watched
        ],
    }


def _remarks(around: Circumstances) -> list[str]:
    """Return what a reader should know before leaning on a finding, a sentence each."""
    remarks = []
    if around.learning:
        remarks.append("What is usual is still being learned: it rests on few nights.")
    if around.frozen_since_day is not None:
        remarks.append(
            f"“Usual” is made from the days before {day_words(around.frozen_since_day)}, "
            "until this is over."
        )
    if around.relearned_on_day is not None:
        remarks.append(
            "This went on for so long that what is usual was learned again "
            f"from {day_words(around.relearned_on_day)}."
        )
    remarks += [f"A note about these days says: {NOTE_WORDS[kind]}." for kind in around.notes]
    return remarks
