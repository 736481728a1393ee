"""Scenarios: what happens to a virtual young person, laid over their usual days.

A scenario says how far each quantity moves and how fast; it never makes a reading itself. What it
does at a minute depends on that minute alone, not on when it is asked.
"""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from enum import StrEnum
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

import numpy as np

from firmware_sim.blocks import DAY_MS
from tidewell.vocabulary import CHANNEL_INDEX

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray


class ScenarioName(StrEnum):
    """What can happen to a virtual young person; `SENTENCES` says it in words."""

    NONE = "none"
    ILLNESS = "illness"
    WITHDRAWAL = "withdrawal"
    BROKEN_SLEEP = "broken_sleep"
    EXAM_STRESS = "exam_stress"
    HOLIDAY = "holiday"
    DEVICE_OFF = "device_off"
    BATTERY_DYING = "battery_dying"
    PAUSE = "pause"
    OTHER_WEARER = "other_wearer"


SENTENCES: Final[Mapping[ScenarioName, str]] = MappingProxyType(
    {
        ScenarioName.NONE: "Ordinary days.",
        ScenarioName.ILLNESS: "A faster heart at night over two days, warmer skin, half the steps.",
        ScenarioName.WITHDRAWAL: "Over four days the person moves far less and gets up later.",
        ScenarioName.BROKEN_SLEEP: "Nights are short, start late and break off again and again.",
        ScenarioName.EXAM_STRESS: "Late nights, a faster heart by day, less moving about.",
        ScenarioName.HOLIDAY: "The person lives by the clock of another time zone and walks more.",
        ScenarioName.DEVICE_OFF: "The device is switched off: nothing comes.",
        ScenarioName.BATTERY_DYING: "The battery runs down: sensors stop, gaps grow, then silence.",
        ScenarioName.PAUSE: "The person has paused sharing: nothing comes.",
        ScenarioName.OTHER_WEARER: "Somebody else wears the device.",
    }
)


@dataclass(frozen=True, slots=True)
class Effect:
    """How far a scenario at its height moves each quantity; factors multiply, the rest is added."""

    night_heart_rate_bpm: float = 0.0
    day_heart_rate_bpm: float = 0.0
    temperature_c: float = 0.0
    respiration: float = 0.0
    spo2_percent: float = 0.0
    log_hrv: float = 0.0
    log_eda: float = 0.0
    log_activity: float = 0.0
    bed_later_min: float = 0.0
    wake_later_min: float = 0.0
    awakenings: float = 0.0


@dataclass(frozen=True, slots=True)
class _Course:
    effect: Effect
    rise_days: float
    fall_days: float
    usual_days: float


_STEADY: Final = _Course(Effect(), 0.0, 0.0, 3.0)
_COURSES: Final[Mapping[ScenarioName, _Course]] = MappingProxyType(
    {
        ScenarioName.ILLNESS: _Course(
            Effect(
                night_heart_rate_bpm=8.0,
                day_heart_rate_bpm=9.0,
                temperature_c=0.7,
                respiration=2.5,
                spo2_percent=-0.7,
                log_hrv=-0.40,
                log_eda=0.1,
                log_activity=-0.75,
                bed_later_min=-30,
                wake_later_min=40,
                awakenings=1.5,
            ),
            rise_days=2.0,
            fall_days=1.5,
            usual_days=6.0,
        ),
        ScenarioName.WITHDRAWAL: _Course(
            Effect(
                night_heart_rate_bpm=0.5,
                day_heart_rate_bpm=-2.0,
                log_hrv=-0.05,
                log_eda=-0.25,
                log_activity=-1.0,
                bed_later_min=45,
                wake_later_min=60,
                awakenings=0.5,
            ),
            rise_days=4.0,
            fall_days=2.0,
            usual_days=14.0,
        ),
        ScenarioName.BROKEN_SLEEP: _Course(
            Effect(
                night_heart_rate_bpm=1.5,
                day_heart_rate_bpm=1.5,
                temperature_c=-0.1,
                respiration=0.3,
                log_hrv=-0.12,
                log_eda=0.1,
                log_activity=-0.1,
                bed_later_min=75,
                wake_later_min=-35,
                awakenings=5.0,
            ),
            rise_days=1.0,
            fall_days=1.0,
            usual_days=7.0,
        ),
        ScenarioName.EXAM_STRESS: _Course(
            Effect(
                night_heart_rate_bpm=2.0,
                day_heart_rate_bpm=5.0,
                temperature_c=-0.2,
                respiration=0.6,
                log_hrv=-0.18,
                log_eda=0.45,
                log_activity=-0.3,
                bed_later_min=50,
                wake_later_min=-10,
                awakenings=1.0,
            ),
            rise_days=2.0,
            fall_days=1.0,
            usual_days=10.0,
        ),
        ScenarioName.HOLIDAY: _Course(
            Effect(
                night_heart_rate_bpm=0.5,
                temperature_c=0.2,
                log_activity=0.35,
                bed_later_min=40,
                wake_later_min=80,
                awakenings=0.5,
            ),
            rise_days=0.0,
            fall_days=0.0,
            usual_days=10.0,
        ),
    }
)
_SILENT: Final = frozenset({ScenarioName.DEVICE_OFF, ScenarioName.PAUSE})
_BATTERY_DAYS: Final = 1.5
"""From the first sensor that stops to the last reading."""


@dataclass(frozen=True, slots=True)
class Scenario:
    """Something that happens from a moment on, for a while, with a strength (1 is typical)."""

    name: ScenarioName
    start_ms: int
    duration_ms: int
    strength: float = 1.0
    timezone: str = field(default="Asia/Tokyo")
    """Only a holiday reads it: far enough that a night becomes a day."""

    @property
    def end_ms(self) -> int:
        """Return the moment from which everything is as before."""
        return self.start_ms + self.duration_ms


def usual_scenario(name: ScenarioName, start_ms: int, days: float | None = None) -> Scenario:
    """Return a scenario that lasts as long as it usually does, or this many days."""
    usual_days = _COURSES.get(name, _STEADY).usual_days
    return Scenario(name, start_ms, round((usual_days if days is None else days) * DAY_MS))


def intensity(scenario: Scenario, time_ms: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return 0 to `strength` for each moment: rising, at its height, falling after the end.

    Example:
        >>> ill = usual_scenario(ScenarioName.ILLNESS, 0)
        >>> intensity(ill, np.array([-1, DAY_MS, 3 * DAY_MS, 9 * DAY_MS])).tolist()
        [0.0, 0.5, 1.0, 0.0]
    """
    course = _COURSES.get(scenario.name, _STEADY)
    since, after = time_ms - scenario.start_ms, time_ms - scenario.end_ms
    within = ((since >= 0) & (after < course.fall_days * DAY_MS)).astype(np.float64)
    rise = _part(since, course.rise_days) if course.rise_days else 1.0
    fall = 1.0 - _part(after, course.fall_days) if course.fall_days else (after < 0)
    return within * np.minimum(rise, fall) * scenario.strength


def _part(elapsed_ms: NDArray[np.int64], days: float) -> NDArray[np.float64]:
    return np.clip(elapsed_ms / (days * DAY_MS), 0.0, 1.0)


def combined_effect(
    scenarios: tuple[Scenario, ...], time_ms: NDArray[np.int64]
) -> dict[str, NDArray[np.float64]]:
    """Return every quantity of `Effect` for each moment, all scenarios together."""
    total = {item.name: np.zeros(len(time_ms)) for item in fields(Effect)}
    for scenario in scenarios:
        course = _COURSES.get(scenario.name)
        if course is None:
            continue
        height = intensity(scenario, time_ms)
        for name, sum_of_all in total.items():
            np.add(sum_of_all, height * getattr(course.effect, name), out=sum_of_all)
    return total


def is_silent(scenarios: tuple[Scenario, ...], time_ms: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Return for which moments a scenario lets nothing through at all."""
    silent = np.zeros(len(time_ms), dtype=np.bool_)
    for scenario in scenarios:
        if scenario.name in _SILENT:
            silent |= (time_ms >= scenario.start_ms) & (time_ms < scenario.end_ms)
    return silent


def others_at(scenarios: tuple[Scenario, ...], time_ms: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Return for which moments somebody else wears the device."""
    other = np.zeros(len(time_ms), dtype=np.bool_)
    for scenario in scenarios:
        if scenario.name is ScenarioName.OTHER_WEARER:
            other |= (time_ms >= scenario.start_ms) & (time_ms < scenario.end_ms)
    return other


def charge_left(scenarios: tuple[Scenario, ...], time_ms: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return how much of the battery's last stretch is left: 1 is plenty, 0 is empty."""
    left = np.ones(len(time_ms))
    for scenario in scenarios:
        if scenario.name is ScenarioName.BATTERY_DYING:
            within = (time_ms >= scenario.start_ms) & (time_ms < scenario.end_ms)
            running_down = 1.0 - _part(time_ms - scenario.start_ms, _BATTERY_DAYS)
            left = np.where(within, np.minimum(left, running_down), left)
    return left


def starve(
    values: NDArray[np.float32], left: NDArray[np.float64], chance: NDArray[np.float64]
) -> None:
    """Take away, in place, what a failing battery no longer measures.

    Optics for oxygen and the skin's conductance stop first; below a third, minutes fail more and
    more often (`chance` is 0 to 1 for each minute); at the end nothing is left.
    """
    for name in ("spo2", "eda", "hrv_rmssd"):
        values[left < 0.66, CHANNEL_INDEX[name]] = np.nan
    values[(left <= 0.0) | (chance > 3.0 * left)] = np.nan


def zone_at(scenarios: tuple[Scenario, ...], home: str, moment_ms: int) -> str:
    """Return the time zone that the person lives by at this moment."""
    for scenario in scenarios:
        if scenario.name is ScenarioName.HOLIDAY and (
            scenario.start_ms <= moment_ms < scenario.end_ms
        ):
            return scenario.timezone
    return home
