"""The body of a virtual young person, a minute at a time, as their device would report it.

`generate` is deterministic: a minute's values depend on who, on the seed, on the scenarios and on
that minute, never on the range that is asked for. Days are made whole, one by one; what carries
over from one minute to the next (a heart that calms down, skin that warms up) starts four hours
before the day's midnight. In the hour that an autumn change of clocks repeats, the minutes repeat.

A device reports no value where it could not stand behind one: no oxygen while the arm swings,
nothing of the body while it lies on a table. It is a plausible body, not a model of physiology.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final
from zoneinfo import ZoneInfo

import numpy as np
from scipy.signal import lfilter

from firmware_sim import scenarios as story
from firmware_sim.blocks import DAY_MS, MINUTE_MS
from firmware_sim.day_plan import (
    AWAKE,
    DAY_MIN,
    DEEP,
    REM,
    DayKey,
    Pull,
    Stream,
    levels,
    sleep_of_day,
    steps_of_day,
    worn_of_day,
)
from tidewell.vocabulary import CHANNEL_INDEX, CHANNELS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from firmware_sim.people import PersonTraits
    from firmware_sim.scenarios import Scenario

LEAD_MIN: Final = 240
"""What lasts longest, skin warming with a time constant of 25 minutes, has forgotten after this."""
QUARTER_MS: Final = 15 * MINUTE_MS
"""Changes of the clocks begin and end on a quarter of an hour."""
TROUGH_MIN: Final = 4 * 60
"""The body is at its lowest about four in the morning."""
ROOM_C: Final = 22.5
ANYONE_ELSE: Final = 500_000
"""Added to a person's number: whoever wears the device instead has other days."""

_NOISES: Final = 7
_MINUTES: Final = np.arange(-LEAD_MIN, DAY_MIN)


@dataclass(frozen=True, slots=True)
class _Drivers:
    """What drives a day's body: sleep, steps, wear, and chance; one value for each minute."""

    state: NDArray[np.int8]
    in_bed: NDArray[np.bool_]
    steps: NDArray[np.float64]
    worn: NDArray[np.bool_]
    noise: NDArray[np.float64]

    def tail(self, minutes: int) -> _Drivers:
        """Return the last minutes of the day."""
        return _Drivers(
            self.state[-minutes:],
            self.in_bed[-minutes:],
            self.steps[-minutes:],
            self.worn[-minutes:],
            self.noise[:, -minutes:],
        )


@dataclass(frozen=True, slots=True)
class _Place:
    """By which clock a day is lived."""

    zone: ZoneInfo
    away: int

    def midnight_ms(self, day: int) -> int:
        """Return the UTC moment of the day's local midnight, by the offset at its noon."""
        noon_ms = day * DAY_MS + DAY_MS // 2
        return day * DAY_MS - offset_ms(self.zone, noon_ms)


def offset_ms(zone: ZoneInfo, moment_ms: int) -> int:
    """Return the offset of a time zone from UTC at a moment."""
    offset = datetime.fromtimestamp(moment_ms / 1_000, UTC).astimezone(zone).utcoffset()
    return 0 if offset is None else round(offset.total_seconds()) * 1_000


def generate(
    traits: PersonTraits,
    time_ms: NDArray[np.int64],
    timezone: str,
    scenarios: tuple[Scenario, ...],
    seed: int,
) -> NDArray[np.float32]:
    """Return what the device reports for each of these minutes: a row of all channels, or NaN.

    A row without any value stands for a minute in which the device was not running.
    """
    values = np.full((len(time_ms), len(CHANNELS)), np.nan, dtype=np.float32)
    days: dict[DayKey, _Drivers] = {}
    for rows, place, day, minutes in _by_local_day(time_ms, timezone, scenarios):
        key = DayKey(seed, traits.number, day, place.away)
        values[rows] = _whole_day(traits, key, place, scenarios, days)[minutes]
        for old in [kept for kept in days if kept.day < day - 1]:
            del days[old]
    _apply_power(values, time_ms, scenarios, seed, traits.number)
    return values


def _by_local_day(
    time_ms: NDArray[np.int64], home: str, scenarios: tuple[Scenario, ...]
) -> Iterator[tuple[NDArray[np.int64], _Place, int, NDArray[np.int64]]]:
    """Yield the rows that fall on one local day in one place, and their minutes of that day."""
    quarters, quarter_of_row = np.unique(time_ms // QUARTER_MS, return_inverse=True)
    names = [home, *sorted({item.timezone for item in scenarios if item.timezone != home})]
    places = [_Place(ZoneInfo(name), number) for number, name in enumerate(names)]
    starts = [int(quarter) * QUARTER_MS for quarter in quarters]
    where = [names.index(story.zone_at(scenarios, home, start)) for start in starts]
    offsets = [offset_ms(places[at].zone, start) for at, start in zip(where, starts, strict=True)]
    place_of_row = np.array(where, dtype=np.int64)[quarter_of_row]
    local_ms = time_ms + np.array(offsets, dtype=np.int64)[quarter_of_row]
    day_of_row, minute_of_row = local_ms // DAY_MS, local_ms % DAY_MS // MINUTE_MS
    group_of_row = day_of_row * len(places) + place_of_row
    for group in np.unique(group_of_row).tolist():
        rows = np.flatnonzero(group_of_row == group)
        yield rows, places[group % len(places)], group // len(places), minute_of_row[rows]


def _whole_day(
    traits: PersonTraits,
    key: DayKey,
    place: _Place,
    scenarios: tuple[Scenario, ...],
    days: dict[DayKey, _Drivers],
) -> NDArray[np.float32]:
    clock_ms = place.midnight_ms(key.day) + _MINUTES * MINUTE_MS
    other = story.others_at(scenarios, clock_ms[LEAD_MIN:])
    values = _day_of(traits, key, place, scenarios, days)
    if other.any():
        guest, guest_key = _someone_else(traits, key)
        lent = _day_of(guest, guest_key, place, (), {})
        values[other] = lent[other]
    return values


def _someone_else(traits: PersonTraits, key: DayKey) -> tuple[PersonTraits, DayKey]:
    """Return a grown-up who wears the device instead: calmer heart, later nights, fewer steps."""
    number = traits.number + ANYONE_ELSE
    guest = replace(
        traits,
        number=number,
        resting_heart_rate_bpm=traits.resting_heart_rate_bpm - 11.0,
        hrv_rmssd_ms=traits.hrv_rmssd_ms * 0.55,
        skin_temperature_awake_c=traits.skin_temperature_awake_c + 0.5,
        bed_school_min=traits.bed_school_min + 70.0,
        activity=traits.activity * 0.7,
        sport_weekdays=frozenset(),
    )
    return guest, replace(key, person=number)


def _day_of(
    traits: PersonTraits,
    key: DayKey,
    place: _Place,
    scenarios: tuple[Scenario, ...],
    days: dict[DayKey, _Drivers],
) -> NDArray[np.float32]:
    for each in (key.moved(-1), key):
        if each not in days:
            days[each] = _drive(traits, each, place, scenarios)
    before, today = days[key.moved(-1)].tail(LEAD_MIN), days[key]
    drivers = _Drivers(
        np.concatenate([before.state, today.state]),
        np.concatenate([before.in_bed, today.in_bed]),
        np.concatenate([before.steps, today.steps]),
        np.concatenate([before.worn, today.worn]),
        np.concatenate([before.noise, today.noise], axis=1),
    )
    clock_ms = place.midnight_ms(key.day) + _MINUTES * MINUTE_MS
    effect = story.combined_effect(scenarios, clock_ms)
    columns = _body(traits, key, drivers, effect)
    _lose_what_cannot_be_measured(columns, drivers, key)
    return _reported(columns)[LEAD_MIN:]


def _drive(
    traits: PersonTraits, key: DayKey, place: _Place, scenarios: tuple[Scenario, ...]
) -> _Drivers:
    pulls = tuple(_pull(place, key.day + shift, scenarios) for shift in (-1, 0, 1))
    state, in_bed = sleep_of_day(traits, key, (pulls[0], pulls[1], pulls[2]))
    steps = steps_of_day(traits, key, pulls[1], in_bed)
    worn = worn_of_day(traits, key, in_bed)
    noise = key.rng(Stream.NOISE).standard_normal((_NOISES, DAY_MIN))
    return _Drivers(state, in_bed, steps, worn, noise)


def _pull(place: _Place, day: int, scenarios: tuple[Scenario, ...]) -> Pull:
    """Return how the scenarios pull at a day: by their height at its noon."""
    if not scenarios:
        return Pull()
    noon_ms = np.array([place.midnight_ms(day) + DAY_MS // 2])
    effect = story.combined_effect(scenarios, noon_ms)
    return Pull(
        log_activity=float(effect["log_activity"][0]),
        bed_later_min=float(effect["bed_later_min"][0]),
        wake_later_min=float(effect["wake_later_min"][0]),
        awakenings=float(effect["awakenings"][0]),
    )


def _lag(drive: NDArray[np.float64], minutes: float) -> NDArray[np.float64]:
    """Follow a drive with a time constant, as bodies do, from where it starts."""
    keep = float(np.exp(-1.0 / minutes))
    followed, _ = lfilter([1.0 - keep], [1.0, -keep], drive, zi=[keep * drive[0]])
    return np.asarray(followed, dtype=np.float64)


def _wander(noise: NDArray[np.float64], keep: float) -> NDArray[np.float64]:
    """Return noise of standard deviation 1 in which one minute resembles the next."""
    return np.asarray(lfilter([np.sqrt(1 - keep * keep)], [1.0, -keep], noise), dtype=np.float64)


def _body(
    traits: PersonTraits, key: DayKey, drivers: _Drivers, effect: dict[str, NDArray[np.float64]]
) -> dict[str, NDArray[np.float64]]:
    level = _levels_through_the_day(key)
    asleep = drivers.state != AWAKE
    rested = _lag(asleep.astype(np.float64), 12.0)
    heart_rate = _heart_rate(traits, drivers, effect, rested, level[0])
    calm = traits.resting_heart_rate_bpm + effect["night_heart_rate_bpm"] + level[0]
    moving = _lag(drivers.steps, 4.0)
    wander = [_wander(noise, keep) for noise, keep in zip(drivers.noise, _KEEP, strict=True)]
    log_hrv = (
        np.log(traits.hrv_rmssd_ms)
        + level[1]
        + effect["log_hrv"]
        - 0.018 * (heart_rate - calm)
        + 0.12 * (drivers.state == DEEP)
        - 0.08 * (drivers.state == REM)
        + 0.13 * wander[2]
    )
    warmth = traits.skin_temperature_awake_c + 2.1 * _lag(drivers.in_bed.astype(np.float64), 25.0)
    rhythm = np.cos(2 * np.pi * (_MINUTES - TROUGH_MIN) / DAY_MIN)
    arousal = (~asleep) * 0.25 + 0.008 * moving + effect["log_eda"] - 0.35 * rested
    return {
        "heart_rate": heart_rate,
        "hrv_rmssd": np.exp(log_hrv),
        "skin_temperature": warmth
        + 0.25 * rhythm
        + level[2]
        + effect["temperature_c"]
        - 0.006 * moving
        + 0.35 * (1 - 0.6 * rested) * wander[3],
        "eda": traits.eda_us * np.exp(arousal + 0.35 * wander[4]),
        "steps": drivers.steps.copy(),
        "spo2": traits.spo2_percent + effect["spo2_percent"] - 0.5 * rested + 0.4 * wander[5],
        "respiratory_rate": traits.respiration_asleep
        + effect["respiration"]
        + 1.3 * (1 - rested)
        + 0.7 * (drivers.state == REM)
        + 0.07 * moving
        + 0.6 * wander[6],
        "motion": _motion(drivers, asleep),
        "sleep_state": drivers.state.astype(np.float64),
        "worn": drivers.worn.astype(np.float64),
    }


_KEEP: Final = (0.90, 0.985, 0.80, 0.985, 0.96, 0.85, 0.90)
"""How much each channel's noise is like that of the minute before; the first two are the heart."""


def _levels_through_the_day(key: DayKey) -> NDArray[np.float64]:
    """Return the day's own levels, sliding from one night to the next between their troughs."""
    knots = np.array([0, DAY_MIN]) + TROUGH_MIN
    at_knots = np.stack([levels(key), levels(key.moved(1))])
    # A flat stretch around each trough keeps one night one night.
    flat = np.concatenate([[knot - 300, knot + 300] for knot in knots])
    return np.stack([np.interp(_MINUTES, flat, np.repeat(at_knots[:, i], 2)) for i in range(3)])


def _heart_rate(
    traits: PersonTraits,
    drivers: _Drivers,
    effect: dict[str, NDArray[np.float64]],
    rested: NDArray[np.float64],
    level: NDArray[np.float64],
) -> NDArray[np.float64]:
    """Return the heart rate: rest, time of day, sleep, movement and what lingers after it."""
    work = 0.30 * drivers.steps + 0.0016 * np.maximum(drivers.steps - 95, 0) ** 2
    # Most of a rise is gone within three minutes of stopping, a fifth of it takes half an hour.
    exertion = 0.8 * _lag(work, 1.6) + 0.2 * _lag(work, 22.0)
    by_day = effect["day_heart_rate_bpm"] * (1 - rested) + effect["night_heart_rate_bpm"] * rested
    quick, slow = _wander(drivers.noise[0], _KEEP[0]), _wander(drivers.noise[1], _KEEP[1])
    restless = 1.0 + 2.0 * (1 - rested)
    heart_rate = (
        traits.resting_heart_rate_bpm
        + level
        + by_day
        + 15.0 * (1 - rested)
        - 1.8 * np.cos(2 * np.pi * (_MINUTES - TROUGH_MIN) / DAY_MIN) * rested
        + 1.8
        + _lag(2.2 * (drivers.state == REM) - 1.6 * (drivers.state == DEEP), 4.0)
        + exertion
        + restless * (0.8 * quick + 0.9 * slow)
    )
    highest = 212.0 - 0.8 * traits.age_years
    return np.asarray(np.clip(heart_rate, 42.0, highest), dtype=np.float64)


def _motion(drivers: _Drivers, asleep: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Return how much the arm moves: little in sleep, in bursts when turning over."""
    fidget = np.exp(0.7 * drivers.noise[1])
    resting = np.where(asleep, 1.5, 16.0) * fidget
    turning = asleep & (drivers.noise[4] > 2.1)
    return np.asarray(resting + 2.3 * drivers.steps + 25.0 * turning, dtype=np.float64)


def _lose_what_cannot_be_measured(
    columns: dict[str, NDArray[np.float64]], drivers: _Drivers, key: DayKey
) -> None:
    """Put NaN where a device has no value it could stand behind, and add its rare faults."""
    busy = drivers.steps > 30
    columns["hrv_rmssd"][busy | (drivers.noise[5] > 1.6)] = np.nan
    columns["spo2"][busy | (drivers.noise[6] > 1.2)] = np.nan
    columns["respiratory_rate"][drivers.steps > 70] = np.nan
    _add_artefacts(columns, drivers, key)
    off = ~drivers.worn
    for name, column in columns.items():
        if name not in {"worn", "motion", "skin_temperature"}:
            column[off] = np.nan
    cooling = _lag(off.astype(np.float64), 9.0)
    columns["skin_temperature"] += off * cooling * (ROOM_C - columns["skin_temperature"])
    columns["motion"][off] = np.abs(drivers.noise[2][off]) > 2.5


def _add_artefacts(columns: dict[str, NDArray[np.float64]], drivers: _Drivers, key: DayKey) -> None:
    """Add what optical sensors do: lose the pulse for minutes, or take the cadence for it."""
    for each, shift in ((key.moved(-1), LEAD_MIN - DAY_MIN), (key, LEAD_MIN)):
        rng = each.rng(Stream.ARTEFACTS)
        starts = rng.integers(0, DAY_MIN, size=10)
        lengths = rng.integers(1, 7, size=10)
        lost = int(rng.poisson(3))
        for index, (start, length) in enumerate(zip(starts, lengths, strict=True)):
            first, last = max(0, start + shift), max(0, start + shift + length)
            if index < min(lost, 7):
                columns["heart_rate"][first:last] = np.nan
            else:
                cadence = drivers.steps[first:last]
                walking = (cadence > 80) & ~np.isnan(columns["heart_rate"][first:last])
                columns["heart_rate"][first:last][walking] = cadence[walking]


def _apply_power(
    values: NDArray[np.float32],
    time_ms: NDArray[np.int64],
    scenarios: tuple[Scenario, ...],
    seed: int,
    number: int,
) -> None:
    """Take out the minutes in which the device was off, paused, or nearly empty."""
    if not scenarios:
        return
    values[story.is_silent(scenarios, time_ms)] = np.nan
    left = story.charge_left(scenarios, time_ms)
    if (left < 1).any():
        # Hashing the minute keeps the chance of a gap with the minute, whatever range is asked for.
        mixed = (time_ms // MINUTE_MS + 7_919 * number + seed) * 2_654_435_761 % 2**32
        story.starve(values, left, mixed / 2**32)


def _reported(columns: dict[str, NDArray[np.float64]]) -> NDArray[np.float32]:
    """Return the columns in the steps and bounds in which firmware reports them."""
    reported = np.empty((LEAD_MIN + DAY_MIN, len(CHANNELS)), dtype=np.float32)
    for channel in CHANNELS:
        per_step = 1.0 / channel.resolution
        steps = np.round(columns[channel.name] * per_step) / per_step
        reported[:, CHANNEL_INDEX[channel.name]] = np.clip(steps, channel.low, channel.high)
    return reported
