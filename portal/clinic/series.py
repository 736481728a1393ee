"""Steps of a person's channels: rows of the database to columns, bands, gaps and sentences. Pure.

Promises: a step without a value stays empty; minutes in which the device was off the body are never
values; what is usual is the daily measure's own, with its name beside it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Final

import numpy as np

from portal.charts import Floats, runs
from portal.clinic.spans import Span
from portal.daily import DayRow, usual_range
from portal.words import counted, local_day, minutes_words, number_words, short_day_words
from tidewell.vocabulary import CHANNEL_NAMES, CHANNELS

STEP_CHANNELS: Final = CHANNEL_NAMES[: CHANNEL_NAMES.index("sleep_state")]
"""The channels in the arrays of a step, in their order."""
COVERED_LEAST: Final = 0.5
"""A step of which the device saw less than half is hatched."""
TABLE_ROWS_MOST: Final = 92
"""A season of days; a longer span has a row a week."""


@dataclass(frozen=True, slots=True)
class PanelKind:
    """One picture of the explorer: what it shows and which daily measure says what is usual."""

    name: str
    label: str
    unit: str
    decimals: int
    has_range: bool = True
    usual_feature: str = ""
    usual_label: str = ""


_USUAL: Final = {
    "heart_rate": ("night_heart_rate", "usual at night"),
    "hrv_rmssd": ("night_hrv_rmssd", "usual at night"),
    "skin_temperature": ("night_skin_temperature", "usual at night"),
    "respiratory_rate": ("night_respiratory_rate", "usual at night"),
    "spo2": ("night_spo2", "usual at night"),
    "eda": ("eda_level", "usual over a day"),
}
_DECIMALS: Final = {"skin_temperature": 1, "eda": 2, "respiratory_rate": 1}
_UNITS: Final = {"/min": "a minute"}


def panel_kinds(step: timedelta) -> tuple[PanelKind, ...]:
    """Return the pictures in their order; with steps of a day, movement is counted by the day."""
    is_daily = step >= timedelta(days=1)
    found = [
        PanelKind(
            channel.name,
            channel.label,
            _UNITS.get(channel.unit, channel.unit),
            _DECIMALS.get(channel.name, 0),
            True,
            *_USUAL.get(channel.name, ("", "")),
        )
        for channel in CHANNELS
        if channel.name in STEP_CHANNELS and channel.name != "steps"
    ]
    steps = (
        PanelKind("steps", "Steps", "a day", 0, False, "steps", "usual a day")
        if is_daily
        else PanelKind("steps", "Steps", "an hour", 0, has_range=False)
    )
    return (found[0], steps, PanelKind("asleep", "Asleep", "%", 0, has_range=False), *found[1:])


@dataclass(frozen=True, slots=True)
class StepRow:
    """One step of time, as the database has it: worn, or off the body."""

    step_start: datetime
    is_off: bool
    seconds: int
    asleep: float | None
    low: list[float | None]
    middle: list[float | None]
    high: list[float | None]


@dataclass(frozen=True, slots=True)
class Panel:
    """One picture: three columns with an element for each step, and what is usual there."""

    kind: PanelKind
    low: Floats
    middle: Floats
    high: Floats
    usual_low: Floats
    usual_high: Floats

    @property
    def has_data(self) -> bool:
        """Return whether any step has a value."""
        return bool(np.isfinite(self.middle).any())


@dataclass(frozen=True, slots=True)
class Stretch:
    """Steps without enough values, first and one past the last: off the body, or no data."""

    first: int
    end: int
    is_off: bool


@dataclass(frozen=True, slots=True)
class Explored:
    """Everything that the explorer draws, on one axis of equal steps."""

    first: datetime
    step: timedelta
    count: int
    zone: str
    dates: tuple[date, ...]
    """The local day of the middle of each step: no change of the clocks moves it."""
    panels: tuple[Panel, ...]
    worn_s: Floats
    stretches: tuple[Stretch, ...]

    @property
    def worn_sentence(self) -> str:
        """Say of how much of the time there is anything at all."""
        share = float(self.worn_s.sum()) / max(self.count * self.step.total_seconds(), 1)
        worn = minutes_words(float(self.worn_s.sum()) / 60) if self.worn_s.any() else ""
        if not worn:
            return "No minute in which the device was worn in these days."
        return f"Worn for {worn}, {number_words(min(share, 1) * 100)}% of this time."


def explore(
    rows: Sequence[StepRow], days: Sequence[DayRow], span: Span, zone: str, now: datetime
) -> Explored:
    """Return rows of steps as columns; `days` say what was usual."""
    first, end = span.limits(zone, now)
    step = span.step
    count = max(1, -(-(end - first) // step))
    worn, off = np.zeros(count), np.zeros(count)
    columns = np.full((3, len(STEP_CHANNELS) + 1, count), np.nan)
    for row in rows:
        place = (row.step_start - first) // step
        if not 0 <= place < count:
            continue
        (off if row.is_off else worn)[place] += row.seconds
        if not row.is_off:
            for column, values in enumerate((row.low, row.middle, row.high)):
                columns[column, :, place] = [*values, row.asleep]
    by_day = {row.day: row for row in days}
    dates = [local_day(first + step * (place + 0.5), zone) for place in range(count)]
    panels = tuple(_panel(kind, columns, step, dates, by_day) for kind in panel_kinds(step))
    stretches = _stretches(worn, off, step, end - first)
    # Two devices at once make no minute longer.
    worn = np.minimum(worn, step.total_seconds())
    return Explored(first, step, count, zone, tuple(dates), panels, worn, stretches)


def _panel(
    kind: PanelKind,
    columns: Floats,
    step: timedelta,
    dates: Sequence[date],
    by_day: dict[date, DayRow],
) -> Panel:
    names = (*STEP_CHANNELS, "asleep")
    low, middle, high = columns[:, names.index(kind.name)]
    scale = {"steps": 1440.0 if step >= timedelta(days=1) else 60.0, "asleep": 100.0}
    bounds = [usual_range(by_day.get(day), kind.usual_feature) or (np.nan, np.nan) for day in dates]
    usual_low, usual_high = np.array(bounds, dtype=np.float64).reshape(-1, 2).T
    middle = middle * scale.get(kind.name, 1.0)
    if not kind.has_range:
        low = high = middle
    return Panel(kind, low, middle, high, usual_low, usual_high)


def _stretches(
    worn: Floats, off: Floats, step: timedelta, length: timedelta
) -> tuple[Stretch, ...]:
    """Return the runs of steps that were seen for less than half."""
    whole = np.full(len(worn), step.total_seconds())
    whole[-1] = max(1.0, length.total_seconds() - step.total_seconds() * (len(worn) - 1))
    thin = worn < whole * COVERED_LEAST
    is_off = thin & (off >= whole * COVERED_LEAST / 2)
    found = [Stretch(first, end, is_off=True) for first, end in runs(is_off)]
    found += [Stretch(first, end, is_off=False) for first, end in runs(thin & ~is_off)]
    return tuple(sorted(found, key=lambda one: one.first))


def panel_sentence(panel: Panel, view: Explored, name: str) -> str:
    """Say what a picture shows."""
    kind = panel.kind
    if not panel.has_data:
        return f"No {kind.label.lower()} in these days."
    present = np.isfinite(panel.middle)
    weights = np.where(present, np.maximum(view.worn_s, 1), 0)
    average = float(np.nansum(panel.middle * weights) / weights.sum())
    unit = kind.unit if kind.unit == "%" else f" {kind.unit}"
    words = f"On average {number_words(average, kind.decimals)}{unit}"
    if kind.has_range:
        low, high = (
            number_words(one, kind.decimals)
            for one in (float(np.nanmin(panel.low)), float(np.nanmax(panel.high)))
        )
        words += f", between {low} and {high}"
    usual = np.flatnonzero(np.isfinite(panel.usual_low) & np.isfinite(panel.usual_high))
    if usual.size:
        last = int(usual[-1])
        edges = (
            number_words(float(one[last]), kind.decimals)
            for one in (panel.usual_low, panel.usual_high)
        )
        words += f". {kind.usual_label.capitalize()} for {name}: {' to '.join(edges)}"
    return words + "."


@dataclass(frozen=True, slots=True)
class TableLine:
    """A day, or a week, of one picture."""

    first_day: date
    days: int
    low: float | None
    middle: float | None
    high: float | None

    @property
    def words(self) -> str:
        """Return its days."""
        first = short_day_words(self.first_day)
        if self.days == 1:
            return first
        return f"{first} and {counted(self.days - 1, 'day')} after"


def table_lines(panel: Panel, view: Explored) -> list[TableLine]:
    """Return what a picture shows as lines, oldest first: by day, or by week of a long span."""
    dates = view.dates
    length = 1 if (dates[-1] - dates[0]).days < TABLE_ROWS_MOST else 7
    groups: dict[int, list[int]] = {}
    for place, day in enumerate(dates):
        groups.setdefault((day - dates[0]).days // length, []).append(place)
    return [
        _line(panel, view, dates[0] + timedelta(days=number * length), places)
        for number, places in groups.items()
    ]


def _line(panel: Panel, view: Explored, first_day: date, places: list[int]) -> TableLine:
    known = [place for place in places if np.isfinite(panel.middle[place])]
    days = (view.dates[places[-1]] - first_day).days + 1
    if not known:
        return TableLine(first_day, days, None, None, None)
    weights = np.maximum(view.worn_s[known], 1)
    middle = float(np.average(panel.middle[known], weights=weights))
    return TableLine(
        first_day, days, float(panel.low[known].min()), middle, float(panel.high[known].max())
    )
