"""The rhythm of a person: hours of the day in percentiles, and nights below each other. Pure.

Promises: a half hour with few values is left open; working days and weekends stand apart, on one
scale; a quarter of an hour without data is never shown as awake.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Final

import numpy as np

from portal.charts import Chart, Floats, Tick, profile_chart, runs
from portal.clinic.minutes import (
    QUARTERS_A_DAY,
    Minutes,
    first_quarter,
    grouped_percentiles,
    is_weekend,
)
from portal.words import day_words, feature_words, number_words, short_day_words
from tidewell.vocabulary import CHANNELS, Channel

BINS: Final = 48
"""Half hours: narrow enough for a meal, wide enough for a month of minutes."""
BIN_MINUTES_LEAST: Final = 60
"""An hour of minutes in a half hour of the day: fewer are one evening and no habit."""
PERCENTILES: Final = (0.1, 0.25, 0.5, 0.75, 0.9)
PROFILE_CHANNELS: Final = tuple(
    channel for channel in CHANNELS if channel.name not in {"sleep_state", "worn"}
)
PROFILE_SIZES_DAYS: Final = (28, 56, 90)
_UNITS: Final = {"/min": "a minute", "steps": "a minute"}
_NOON: Final = QUARTERS_A_DAY // 2
_DECIMALS: Final = {"skin_temperature": 1, "eda": 2, "respiratory_rate": 1}


@dataclass(frozen=True, slots=True)
class ProfileLine:
    """A half hour in the table."""

    clock: str
    values: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Profile:
    """Working days or weekends: picture, sentence and table say the same."""

    name: str
    chart: Chart | None
    sentence: str
    table: tuple[ProfileLine, ...]


def profile_unit(channel: Channel) -> str:
    """Return the unit in which a profile is told."""
    return _UNITS.get(channel.unit, channel.unit)


def profile_columns(minutes: Minutes, since: datetime) -> Floats:
    """Return percentiles by half hours of working days and of weekends; few values are none."""
    half_hours = minutes.local % QUARTERS_A_DAY // (QUARTERS_A_DAY // BINS)
    groups = (is_weekend(minutes.local) * BINS + half_hours).astype(np.uint8)
    places, values = minutes.measured_since(since)
    found = grouped_percentiles(values, groups[places], 2 * BINS, PERCENTILES, BIN_MINUTES_LEAST)
    return found.reshape(2, BINS, len(PERCENTILES)).swapaxes(1, 2)


def profiles(columns: Floats, channel: Channel) -> tuple[Profile, Profile]:
    """Return the profile of working days and that of weekends."""
    working, weekend = (
        _profile(name, columns[place], columns[:, [0, -1]].ravel(), channel)
        for place, name in enumerate(("Monday to Friday", "Saturday and Sunday"))
    )
    return working, weekend


def _profile(name: str, percentiles: Floats, together: Floats, channel: Channel) -> Profile:
    decimals = _DECIMALS.get(channel.name, 0)

    def write(value: float) -> str:
        return number_words(value, decimals)

    ticks = [
        Tick(hour / 24 * 100, f"{hour:02d}:00", "start" if hour == 0 else "middle")
        for hour in (0, 6, 12, 18)
    ]
    chart = profile_chart(list(percentiles), together, ticks, write)
    table = tuple(
        ProfileLine(
            _clock(place),
            tuple(write(float(one)) if np.isfinite(one) else "no value" for one in column),
        )
        for place, column in enumerate(percentiles.T)
    )
    return Profile(name, chart, _profile_sentence(percentiles[2], channel, decimals), table)


def _profile_sentence(middle: Floats, channel: Channel, decimals: int) -> str:
    present = np.flatnonzero(np.isfinite(middle))
    if not present.size:
        return f"Not enough {channel.label.lower()} on these days."
    low, high = int(np.nanargmin(middle)), int(np.nanargmax(middle))
    unit = profile_unit(channel)
    words = (
        f"Lowest around {_clock(low)} ({number_words(float(middle[low]), decimals)} {unit}),"
        f" highest around {_clock(high)} ({number_words(float(middle[high]), decimals)} {unit})."
    )
    if missing := BINS - present.size:
        words += f" Too few values in {missing} of {BINS} half hours."
    return words


def _clock(place: int) -> str:
    return f"{place // 2:02d}:{place % 2 * 30:02d}"


@dataclass(frozen=True, slots=True)
class Block:
    """A part of a night, in percent of its width."""

    first_percent: float
    width_percent: float


@dataclass(frozen=True, slots=True)
class Night:
    """One night from noon to noon."""

    evening: date
    asleep: tuple[Block, ...]
    without_data: tuple[Block, ...]
    asleep_minutes: int
    from_clock: str
    until_clock: str

    @property
    def label(self) -> str:
        """Return its evening."""
        return short_day_words(self.evening)


def nights(minutes: Minutes, first: date, last: date) -> list[Night]:
    """Return a night for each evening; asleep is a quarter of an hour most of which was.

    A quarter that a clock showed twice is one, of all its minutes.
    """
    count = (last - first).days + 1
    seen = _asleep(minutes, first_quarter(first) + _NOON, count * QUARTERS_A_DAY)
    by_night = seen.reshape(count, QUARTERS_A_DAY)
    return [_night(first + timedelta(days=place), one) for place, one in enumerate(by_night)]


def _asleep(minutes: Minutes, first: int, count: int) -> Floats:
    """Return which part was asleep of each quarter on the wall; NaN where nothing says."""
    told = np.zeros((2, count))
    places = minutes.local - first
    inside = (places >= 0) & (places < count)
    for row, counts in enumerate((~np.isnan(minutes.sleep), minutes.sleep > 0)):
        of_quarters = np.bincount(minutes.places, counts, minlength=places.size)
        np.add.at(told[row], places[inside], of_quarters[inside])
    known, asleep = told
    share: Floats = np.divide(asleep, known, out=np.full(count, np.nan), where=known > 0)
    return share


def _night(evening: date, quarters: Floats) -> Night:
    asleep = quarters >= 0.5
    places = np.flatnonzero(asleep)
    return Night(
        evening,
        _blocks(asleep),
        _blocks(np.isnan(quarters)),
        int(places.size) * 15,
        _night_clock(int(places[0])) if places.size else "",
        _night_clock(int(places[-1]) + 1) if places.size else "",
    )


def _blocks(present: np.ndarray[tuple[int, ...], np.dtype[np.bool_]]) -> tuple[Block, ...]:
    return tuple(
        Block(
            round(start / QUARTERS_A_DAY * 100, 2), round((end - start) / QUARTERS_A_DAY * 100, 2)
        )
        for start, end in runs(present)
    )


def _night_clock(quarter: int) -> str:
    minutes = (12 * 60 + quarter * 15) % 1440
    return f"{minutes // 60:02d}:{minutes % 60:02d}"


def regularity_sentence(
    index: float | None, usual: tuple[float, float] | None, day: date | None, name: str
) -> str:
    """Say how regular sleep was in the week before a day, with the index and what it means."""
    if index is None or day is None:
        return f"How regular {name}'s sleep is cannot be said for these days: it needs four nights."
    alike = number_words((index + 100) / 2)
    words = (
        f"Regularity of sleep {feature_words(index, 'sleep_regularity', '')} of 100 in the week up"
        f" to {day_words(day)}: at {alike} of 100 moments {name} was asleep or awake as at the same"
        " time a day before. 100 is every day alike, 0 is chance."
    )
    if usual is not None:
        low, high = (number_words(max(-100.0, min(100.0, one))) for one in usual)
        words += f" Usual for {name}: {low} to {high}."
    return words
