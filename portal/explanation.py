"""Why somebody is looking: the explanation that an alert or an episode carries. Pure.

It was written as JSON by another process, perhaps by an older version of it: what cannot be read is
left out, and the page says less rather than nothing.
"""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated, Final

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from portal.words import feature_words, listed, local_day, minutes_words

NO_SENTENCE: Final = "Something has changed."

_ABOUT_NOTES: Final = "A note about these days"
"""How the detector begins a remark about what somebody wrote."""

NAMED_MISSING_MOST: Final = 4
"""Beyond four names nobody reads a list; how many more there are is said instead."""


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

    def value_said(self) -> str:
        """Return the value with its unit."""
        return feature_words(self.value, self.feature, self.unit)

    def usual_said(self) -> str:
        """Return what is usual for this person, from low to high."""
        low, high = (feature_words(edge, self.feature, "") for edge in (self.low, self.high))
        return f"{low} to {high}"


class Coverage(BaseModel):
    """How much of the day and the week the device saw."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    worn_minutes: Annotated[float, Field(ge=0, allow_inf_nan=False)] | None = None
    days_with_data: Annotated[int, Field(ge=0)] | None = None
    of_days: Annotated[int, Field(ge=1)] = 7
    missing: tuple[str, ...] = ()


class Explanation(BaseModel):
    """What changed, since when, and how sure that is."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    family: str = ""
    since: date | datetime | None = None
    day: date | None = None
    """The last day that the sentence knows of; earlier versions of the detector did not say it."""
    sentence: str = NO_SENTENCE
    young_person: str = ""
    contributions: tuple[Contribution, ...] = ()
    certainty: str | None = None
    agreement: str | None = None
    coverage: Coverage = Coverage()
    worn_minutes: Annotated[float, Field(ge=0, allow_inf_nan=False)] | None = None
    """Earlier versions of the detector had this one outside of `coverage`, and `missing` too."""
    missing: tuple[str, ...] = ()
    remarks: tuple[str, ...] = ()
    clears_when: str = ""
    version: str | None = None

    def certainty_said(self) -> str:
        """Return how much supports this, in the words of the detector that wrote it."""
        return _capitalised(self.certainty or "")

    def support_said(self) -> str:
        """Return in one line how many measures agree and how much was seen."""
        parts = [self.agreement] if self.agreement else []
        seen = self.coverage
        if seen.days_with_data is not None:
            parts.append(f"data on {seen.days_with_data} of the last {seen.of_days} days")
        worn = self.worn_on_the_day
        if worn is not None:
            parts.append(f"worn for {minutes_words(worn)} on the last full day")
        return f"{_capitalised(', '.join(parts))}." if parts else ""

    @property
    def worn_on_the_day(self) -> float | None:
        """Return for how many minutes the device was worn on the last full day, where known."""
        seen = self.coverage.worn_minutes
        return self.worn_minutes if seen is None else seen

    @property
    def remarks_about_notes(self) -> list[str]:
        """Return what people had written about these days."""
        return [one for one in self.remarks if one.startswith(_ABOUT_NOTES)]

    def missing_said(self) -> str:
        """Return what was not measured though this kind of change looks at it."""
        names = [name[:1].lower() + name[1:] for name in self.coverage.missing or self.missing]
        if not names:
            return ""
        if len(names) > NAMED_MISSING_MOST:
            names[NAMED_MISSING_MOST - 1 :] = [f"{len(names) - NAMED_MISSING_MOST + 1} more"]
        return f"Not measured: {listed(names)}."


def _capitalised(text: str) -> str:
    return text[:1].upper() + text[1:]


def first_changed_day(raw: object, began: datetime, timezone: str) -> date:
    """Return the day since when a change has lasted, by the finding or by when it was noticed.

    A change is noticed when a day is over, so it began before that.
    """
    noticed = local_day(began, timezone)
    since = read_explanation(raw).since
    if isinstance(since, datetime):
        since = since.date() if since.tzinfo is None else local_day(since, timezone)
    return noticed if since is None else min(since, noticed)


def read_explanation(raw: object) -> Explanation:
    """Return an explanation from its JSON, or what can be said safely without one."""
    try:
        return Explanation.model_validate(raw)
    except ValidationError:
        sentence = raw.get("sentence") if isinstance(raw, dict) else None
        return Explanation(sentence=sentence if isinstance(sentence, str) else NO_SENTENCE)
