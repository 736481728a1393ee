"""Why somebody is looking: the explanation that an alert or an episode carries. Pure.

It was written as JSON by another process, perhaps by an older version of it: what cannot be read is
left out, and the page says less rather than nothing.
"""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated, Final

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from portal.words import counted, feature_words, listed, local_day, minutes_words

NO_SENTENCE: Final = "Something has changed."

WORN_WELL_MINUTES: Final = 16 * 60
"""Two thirds of a day, nights included: the daily numbers then rest on most of the day."""

WORN_LITTLE_MINUTES: Final = 4 * 60
"""Below four hours a day is not described by what the device saw of it."""


class Contribution(BaseModel):
    """One measure that moved, beside what is usual for this person."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    feature: str
    label: str
    unit: str
    value: Annotated[float, Field(allow_inf_nan=False)]
    centre: Annotated[float, Field(allow_inf_nan=False)]
    low: Annotated[float, Field(allow_inf_nan=False)]
    high: Annotated[float, Field(allow_inf_nan=False)]
    share: Annotated[float, Field(allow_inf_nan=False)] = 0.0

    @property
    def outside(self) -> bool:
        """Return whether the value lies outside what is usual."""
        return not self.low <= self.value <= self.high

    def words(self) -> str:
        """Return the measure with what is usual."""
        value = feature_words(self.value, self.feature, self.unit)
        low, high = (self._bare(bound) for bound in (self.low, self.high))
        return f"{self.label} {value} (usual {low} to {high})"

    def _bare(self, value: float) -> str:
        return feature_words(value, self.feature, "")


class Explanation(BaseModel):
    """What changed, since when, and how sure that is."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    family: str = ""
    since: date | datetime | None = None
    sentence: str = NO_SENTENCE
    contributions: tuple[Contribution, ...] = ()
    worn_minutes: Annotated[float, Field(ge=0, allow_inf_nan=False)] | None = None
    missing: tuple[str, ...] = ()
    clears_when: str = ""

    def certainty_words(self) -> str:
        """Say in words how much supports this; a number would look more exact than it is."""
        moved = sum(contribution.outside for contribution in self.contributions)
        measured = len(self.contributions)
        if not measured:
            return ""
        if moved == measured and measured > 1:
            agree = _all_words(measured)
        elif measured == 1:
            agree = "This rests on one measure only."
        else:
            verb = "is" if moved == 1 else "are"
            agree = f"{moved} of {counted(measured, 'measure')} {verb} outside what is usual."
        return agree

    def quality_words(self) -> str:
        """Say in words how much of the day the device saw."""
        parts: list[str] = []
        if self.worn_minutes is not None:
            worn = minutes_words(self.worn_minutes)
            parts.append(f"The device was worn for {worn} on the last full day.")
            if self.worn_minutes < WORN_LITTLE_MINUTES:
                parts.append("That is too little to lean on.")
            elif self.worn_minutes < WORN_WELL_MINUTES:
                parts.append("Part of the day is missing.")
        if self.missing:
            parts.append(f"Not measured: {listed([name.lower() for name in self.missing])}.")
        return " ".join(parts)


def _all_words(measured: int) -> str:
    which = "Both" if measured == 2 else f"All {measured}"
    return f"{which} measures are outside what is usual."


def first_changed_day(raw: object, began: datetime, timezone: str) -> date:
    """Return the day since when a change has lasted, by the finding or by when it was noticed.

    A change is noticed when a day is over, so it began before that.
    """
    noticed = local_day(began, timezone)
    since = read_explanation(raw).since
    if isinstance(since, datetime):
        since = since.date()
    return noticed if since is None else min(since, noticed)


def read_explanation(raw: object) -> Explanation:
    """Return an explanation from its JSON, or what can be said safely without one."""
    try:
        return Explanation.model_validate(raw)
    except ValidationError:
        sentence = raw.get("sentence") if isinstance(raw, dict) else None
        return Explanation(sentence=sentence if isinstance(sentence, str) else NO_SENTENCE)
