"""Before and after a piece of support: what is asked, and the answer in words. Pure.

Promises: every answer says its range, how many days it rests on, and that it shows no cause; too
little data is said as such. "No clear change" is an answer like any other.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Annotated, Final

import numpy as np
from pydantic import BaseModel, StringConstraints

from portal.charts import Chart, Floats, Tick, steps_chart
from portal.clinic.interrupted import (
    SIDE_DAYS_MOST,
    SIDE_VALUES_LEAST,
    Compared,
    TooLittle,
    compare,
)
from portal.daily import DayRow, Series, axis_steps, series_of, tick_words
from portal.words import counted, date_words, minutes_words, number_words, short_day_words
from tidewell.vocabulary import FEATURES, Feature

WHAT_CHARACTERS_MOST: Final = 80
"""A few words that name it; the story belongs into the record."""
DAYS_BACK_MOST: Final = 730
"""Daily measures are kept for two years."""
NO_CAUSE: Final = (
    "This does not show what caused it. Other things change in the same weeks: school, holidays,"
    " the season, where somebody lives."
)
CHANCE: Final = (
    "Choose the measure before you look: of eighteen measures, one moves by chance now and then."
)
_DIRECTIONS: Final = {
    "h": ("later", "earlier"),
    "minutes": ("longer", "shorter"),
    "steps": ("more", "fewer"),
}
_MORE: Final = ("higher", "lower")

TOO_LITTLE_WORDS: Final[dict[TooLittle, str]] = {
    TooLittle.STARTS_AHEAD: "There is no full day after the start yet. Come back when two weeks"
    " have passed.",
    TooLittle.FEW_DAYS_BEFORE: f"Fewer than {SIDE_VALUES_LEAST} days before the start have a value."
    " Choose a later start or another measure.",
    TooLittle.FEW_DAYS_AFTER: f"Fewer than {SIDE_VALUES_LEAST} days from the start on have a value."
    " Come back later, or choose another measure.",
    TooLittle.GAPS_BEFORE: "More than half of the days before the start have no value. Those that"
    " are there may be special days.",
    TooLittle.GAPS_AFTER: "More than half of the days from the start on have no value. Those that"
    " are there may be special days.",
    TooLittle.NEVER_VARIES: "This measure has the same value on every day, so there is nothing to"
    " compare. Choose another measure.",
}
assert set(TOO_LITTLE_WORDS) == set(TooLittle)


class SupportForm(BaseModel):
    """What is asked, as somebody typed it."""

    measure: str = ""
    happened: str = ""
    start: str = ""
    what: Annotated[str, StringConstraints(strip_whitespace=True)] = ""

    def errors(self, today: date) -> dict[str, str]:
        """Return what is wrong with it, by field, in the order of the form."""
        found: dict[str, str] = {}
        if self.measure not in {feature.name for feature in FEATURES}:
            found["measure"] = "Choose a measure"
        day = self.start_day
        if day is None:
            found["start"] = "Choose something that happened, or enter the day when it began"
        elif day > today:
            found["start"] = "The start must not be after today"
        elif day < today - timedelta(days=DAYS_BACK_MOST):
            found["start"] = f"The start can be {DAYS_BACK_MOST} days back at most"
        if len(self.what) > WHAT_CHARACTERS_MOST:
            found["what"] = f"Shorten your words to {WHAT_CHARACTERS_MOST} characters"
        return found

    @property
    def start_day(self) -> date | None:
        """Return the day of what was chosen from the list, or else the day that was typed."""
        try:
            return date.fromisoformat(self.happened or self.start)
        except ValueError:
            return None


@dataclass(frozen=True, slots=True)
class Answer:
    """What a comparison says, or why there is none."""

    headline: str
    sentences: tuple[str, ...]
    rests_on: str
    chart: Chart | None
    expected: str
    start_percent: float
    found: Compared | TooLittle
    """The numbers, or why there are none."""

    @property
    def is_refused(self) -> bool:
        """Return whether there is too little to say."""
        return isinstance(self.found, TooLittle)


def days_asked(start: date, last_day: date) -> tuple[date, date]:
    """Return the first and the last day that a comparison looks at."""
    last = min(start + timedelta(days=SIDE_DAYS_MOST - 1), last_day)
    return start - timedelta(days=SIDE_DAYS_MOST), max(last, start - timedelta(days=1))


def answer(
    feature: Feature, days: Sequence[DayRow], start: date, last_day: date, name: str
) -> Answer:
    """Compare the days from `start` on with those before, in words and as a picture."""
    first, last = days_asked(start, last_day)
    calendar, series = _series(feature, {row.day: row for row in days}, first, last)
    place = (start - calendar[0]).days
    weekend = np.array([day.weekday() > 4 for day in calendar], dtype=np.bool_)
    found = compare(series.values, weekend, place)
    expected = np.full(len(calendar), np.nan)
    if isinstance(found, TooLittle):
        headline = "Too little to say"
        sentences: tuple[str, ...] = (TOO_LITTLE_WORDS[found],)
        rests_on = _counts(series.values, place)
    else:
        expected[place:] = found.expected
        headline, sentences = _headline(feature, found), _sentences(feature, found, start, name)
        rests_on = _counts(series.values, place) + (
            " A range like this holds the truth about 95 times in 100."
        )
    chart, line = _pictures(feature, calendar, series, expected)
    return Answer(
        headline,
        sentences,
        rests_on,
        chart,
        line,
        round(place / len(calendar) * 100, 2),
        found,
    )


def _series(
    feature: Feature, by_day: Mapping[date, DayRow], first: date, last: date
) -> tuple[list[date], Series]:
    """Return the days from the first one with a value, since before it nobody was measured."""
    calendar = [first + timedelta(days=place) for place in range((last - first).days + 1)]
    series = series_of(feature, [by_day.get(day) for day in calendar])
    before = len(calendar) if not np.isfinite(series.values).any() else 0
    skipped = before or int(np.argmax(np.isfinite(series.values)))
    skipped = min(skipped, SIDE_DAYS_MOST - 1)
    return calendar[skipped:], Series(
        series.values[skipped:], series.low[skipped:], series.high[skipped:]
    )


def _headline(feature: Feature, found: Compared) -> str:
    if not found.average.is_clear:
        return "No clear change"
    return f"{feature.label}: about {amount_words(feature, found.average.estimate)}"


def _sentences(feature: Feature, found: Compared, start: date, name: str) -> tuple[str, ...]:
    low, high = (amount_words(feature, one) for one in (found.average.low, found.average.high))
    days = counted(found.days_after, "day")
    first = (
        f"In the {days} from {date_words(start)}, {feature.label.lower()} was on average"
        f" {amount_words(feature, found.average.estimate)} than the days before would have led to:"
        f" somewhere between {low} and {high}."
    )
    if not found.average.is_clear:
        first = (
            f"In the {days} from {date_words(start)}, {feature.label.lower()} lay somewhere between"
            f" {low} and {high} than the days before would have led to. No change at all is within"
            " that range."
        )
    means = (
        f"The plain averages: {_value(feature, found.mean_before)} before and"
        f" {_value(feature, found.mean_after)} after."
        " They leave out which way things were moving already, and weekends."
    )
    return first, _slope_sentence(feature, found, name), means


def _slope_sentence(feature: Feature, found: Compared, name: str) -> str:
    slope = found.slope_a_week
    if not slope.is_clear:
        return f"Whether it moves otherwise from week to week for {name} than before is not clear."
    return (
        f"Each week it moved by {amount_words(feature, slope.estimate)} than in the weeks before"
        f" (between {amount_words(feature, slope.low)} and {amount_words(feature, slope.high)})."
    )


def amount_words(feature: Feature, change: float) -> str:
    """Return a change with its direction, in the unit of its measure.

    Example:
        >>> by_name = {feature.name: feature for feature in FEATURES}
        >>> amount_words(by_name["sleep_minutes"], -75), amount_words(by_name["steps"], 1234)
        ('1 hour 15 minutes shorter', '1,234 more')
    """
    up, down = _DIRECTIONS.get(feature.unit, _MORE)
    direction = down if change < 0 else up
    size = abs(change)
    if feature.unit in {"h", "minutes"}:
        return f"{minutes_words(size * (60 if feature.unit == 'h' else 1))} {direction}"
    unit = {"/min": " a minute", "steps": "", "index": "", "%": "%"}.get(
        feature.unit, f" {feature.unit}"
    )
    # One digit more than a single day has: an average of weeks deserves it.
    decimals = 0 if feature.unit == "steps" else feature.decimals + 1
    return f"{number_words(size, decimals)}{unit} {direction}"


def _value(feature: Feature, value: float) -> str:
    return (
        tick_words(value, feature)
        if feature.unit in {"h", "minutes"}
        else (number_words(value, 0 if feature.unit == "steps" else feature.decimals + 1))
    )


def _counts(values: Floats, place: int) -> str:
    before, after = np.isfinite(values[:place]), np.isfinite(values[place:])
    return (
        f"This rests on {int(before.sum())} of {counted(len(before), 'day')} before and"
        f" {int(after.sum())} of {counted(len(after), 'day')} after."
    )


def _pictures(
    feature: Feature, calendar: Sequence[date], series: Series, expected: Floats
) -> tuple[Chart | None, str]:
    """Return the chart of the days, and the line of what the days before would have led to."""
    count = len(calendar)
    ticks = [
        Tick((place + 0.5) / count * 100, short_day_words(calendar[place]), "middle")
        for place in sorted({round(part * (count - 1)) for part in (0.08, 0.36, 0.64, 0.92)})
    ]
    every = (series.values, series.low, series.high, expected)

    def chart(values: Floats, usual: tuple[Floats, Floats]) -> Chart | None:
        return steps_chart(
            (values, values, values),
            usual,
            ticks,
            lambda value: tick_words(value, feature),
            steps=axis_steps(feature),
            scaled_with=every,
        )

    nothing = np.full(count, np.nan)
    line = chart(expected, (nothing, nothing))
    return chart(series.values, (series.low, series.high)), line.line if line else ""
