"""Features of a day in the most obvious way: one person, one value at a time, no arrays.

Shares no code with `detect`: it keeps readings, not sums, and looks at them when a day ends.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, field
from statistics import median

import numpy as np
from numpy.typing import NDArray

from detect import grid, sleep
from detect.features import DayState

NAN = math.nan
HOURLY = ("hrv_rmssd", "skin_temperature", "respiratory_rate", "spo2", "eda")


class Memory(DayState):
    """Nothing but the columns, for people who need no names."""

    def __init__(self, people: int) -> None:
        self.columns = {**grid.COLUMNS, **sleep.COLUMNS}
        for name, (kind, shape, first) in self.columns.items():
            setattr(self, name, np.full((people, *shape), first, kind))
        self.aroused_minutes = np.zeros((people, 2), np.uint16)

    def same_as(self, other: Memory) -> bool:
        mine = ((name, getattr(self, name)) for name in self.columns)
        return all(np.array_equal(column, getattr(other, name)) for name, column in mine)

    def take_in(
        self,
        row: NDArray[np.int64],
        time_ms: NDArray[np.int64],
        period_s: int | NDArray[np.int64],
        values: NDArray[np.float32],
        on_body: NDArray[np.bool_] | None = None,
    ) -> int:
        """Take readings of people who live in UTC."""
        periods = np.broadcast_to(np.asarray(period_s, np.int64), row.shape)
        worn = np.ones(len(row), np.bool_) if on_body is None else on_body
        day = time_ms // 86_400_000
        return grid.accumulate(self, row, day, time_ms, time_ms, periods, values, worn)

    def open(self, day: int) -> None:
        rows = np.arange(len(self.grid_day))
        grid.clear(self, rows, np.full(len(rows), day))


@dataclass(frozen=True)
class Reading:
    """One person's, in UTC; a channel that has no value is not in `values`."""

    time_s: int
    period_s: int
    values: dict[str, float]
    on_body: bool

    @property
    def units(self) -> int:
        return min((self.time_s + self.period_s) // 15 - self.time_s // 15, 60)

    @property
    def minutes(self) -> int:
        return min((self.time_s + self.period_s) // 60 - self.time_s // 60, 60)


@dataclass
class Quarter:
    """What is known of 15 minutes."""

    heart: float = NAN
    weight: int = 0
    steps: int = 0
    counted: bool = False
    worn: bool = False
    still: float | None = None
    asleep: float | None = None


@dataclass
class Night:
    """A main sleep, in quarters from the noon before."""

    first: int | None
    last: int | None
    asleep: list[bool]
    seen: list[bool]
    minutes: float = NAN
    efficiency: float = NAN
    onset_h: float = NAN


@dataclass
class NaivePerson:
    readings: list[Reading] = field(default_factory=list)
    nights: dict[int, Night] = field(default_factory=dict)
    worn_in: dict[int, list[Reading]] = field(default_factory=dict)

    def close(self, day: int) -> dict[str, float]:
        self.worn_in = {}
        for one in self.readings:
            if one.on_body:
                self.worn_in.setdefault(one.time_s // 900, []).append(one)
        quarters = [self.quarter(day * 96 - 48 + place) for place in range(144)]
        night = find_night(quarters)
        self.nights[day] = night
        today = [one for one in self.readings if one.time_s // 86_400 == day]
        last = -1 if night.last is None else night.last
        waking = [
            place
            for place in range(76, 136)
            if place > last and (quarters[place].asleep or 0.0) < 0.5
        ]
        walk = heart_for_a_walk([quarters[place] for place in waking])
        amplitude, phase = cosine([one.heart for one in quarters[48:]])
        return {
            "night_heart_rate": self.night_heart(quarters, night),
            "resting_heart_rate": day_heart(quarters, waking),
            "night_hrv_rmssd": self.by_night(day, night, "hrv_rmssd", 0.5),
            "night_skin_temperature": self.by_night(day, night, "skin_temperature", 0.5),
            "night_respiratory_rate": self.by_night(day, night, "respiratory_rate", 0.5),
            "night_spo2": self.by_night(day, night, "spo2", 0.25),
            "heart_rate_per_step": walk,
            "circadian_amplitude": amplitude,
            "circadian_phase_h": phase,
            "sleep_minutes": night.minutes,
            "sleep_efficiency": night.efficiency,
            "sleep_onset_h": night.onset_h,
            "sleep_regularity": self.regularity(day),
            "steps": steps_of(today),
            "longest_still_minutes": longest_still(quarters, night, today),
            "first_activity_h": first_activity(quarters, night),
            "eda_level": self.skin_by_day(day, night),
            "aroused_minutes": (
                0.0 if sum(quarters[place].weight for place in waking) >= 1_440 else NAN
            ),
        }

    def quarter(self, number: int) -> Quarter:
        inside = self.worn_in.get(number, [])
        found = Quarter()
        hearts = [
            (round(one.values["heart_rate"]), one.units) for one in having(inside, "heart_rate")
        ]
        weight = sum(units for _, units in hearts)
        if 8 <= weight < 255:
            found.heart = sum(bpm * units for bpm, units in hearts) / weight
            found.weight = weight
        found.steps = sum(round(one.values["steps"]) for one in having(inside, "steps"))
        found.counted = sum(one.units for one in having(inside, "steps")) > 0
        found.worn = sum(one.units for one in inside) >= 30
        moving = having(inside, "motion")
        still = [one for one in moving if one.values["motion"] < 27]
        found.still = share_of(still, moving)
        told = having(inside, "sleep_state")
        asleep = [one for one in told if one.values["sleep_state"] >= 0.5]
        found.asleep = share_of(asleep, told)
        return found

    def night_heart(self, quarters: list[Quarter], night: Night) -> float:
        chosen = []
        for place in range(24, 96):
            if night.first is None or night.last is None:
                in_night = 48 <= place < 76
            else:
                in_night = night.first <= place <= night.last
            if in_night and quarters[place].steps == 0 and quarters[place - 1].steps == 0:
                chosen.append(quarters[place])
        return low_tenth(chosen, 240)

    def hour(self, number: int, channel: str) -> float:
        quarters = range(4 * number, 4 * number + 4)
        inside = [one for q in quarters for one in having(self.worn_in.get(q, []), channel)]
        minutes = sum(one.minutes for one in inside)
        if not 3 <= minutes < 255:
            return NAN
        total = sum(as_whole(channel, one.values[channel]) * one.minutes for one in inside)
        return from_whole(channel, total / minutes) if total < 65_535 else NAN

    def by_night(self, day: int, night: Night, channel: str, share: float) -> float:
        hours = range(12, 19) if night.first is None else hours_of(night)
        means = [self.hour(day * 24 - 12 + hour, channel) for hour in hours]
        known = [one for one in means if not math.isnan(one)]
        return quantile(known, share) if len(known) >= 3 else NAN

    def skin_by_day(self, day: int, night: Night) -> float:
        asleep = hours_of(night)
        means = [
            self.hour(day * 24 - 12 + hour, "eda") for hour in range(19, 34) if hour not in asleep
        ]
        known = [one for one in means if not math.isnan(one)]
        return median(known) if len(known) >= 4 else NAN

    def regularity(self, day: int) -> float:
        agreements = []
        for one in range(day - 6, day + 1):
            today, before = self.nights.get(one), self.nights.get(one - 1)
            if today is None or before is None:
                continue
            both = [place for place in range(96) if today.seen[place] and before.seen[place]]
            alike = [place for place in both if today.asleep[place] == before.asleep[place]]
            if len(both) >= 72:
                agreements.append(math.floor(100 * len(alike) / len(both) + 0.5))
        return 2 * sum(agreements) / len(agreements) - 100 if len(agreements) >= 4 else NAN


def having(readings: Iterable[Reading], channel: str) -> list[Reading]:
    return [one for one in readings if channel in one.values]


def share_of(some: list[Reading], everything: list[Reading]) -> float | None:
    first = min(15, sum(one.minutes for one in some))
    second = min(15, sum(one.minutes for one in everything if one not in some))
    return first / (first + second) if first + second >= 2 else None


def as_whole(channel: str, value: float) -> int:
    if channel == "hrv_rmssd":
        return round(value)
    if channel == "skin_temperature":
        return round((value - 10) * 15)
    if channel == "respiratory_rate":
        return round(value * 6)
    return round((value - 50) * 10) if channel == "spo2" else round(math.sqrt(value) * 50)


def from_whole(channel: str, mean: float) -> float:
    if channel == "hrv_rmssd":
        return mean
    if channel == "skin_temperature":
        return mean / 15 + 10
    if channel == "respiratory_rate":
        return mean / 6
    return mean / 10 + 50 if channel == "spo2" else (mean / 50) ** 2


def quantile(values: list[float], share: float) -> float:
    if not values:
        return NAN
    ordered = sorted(values)
    place = share * (len(ordered) - 1)
    low = math.floor(place)
    high = min(low + 1, len(ordered) - 1)
    return ordered[low] * (1 - (place - low)) + ordered[high] * (place - low)


def low_tenth(quarters: list[Quarter], least: int) -> float:
    known = sorted((one.heart, one.weight) for one in quarters if one.weight)
    total = sum(weight for _, weight in known)
    if total < least:
        return NAN
    points, below = [], 0
    for heart, weight in known:
        points.append((below + weight / 2, heart))
        below += weight
    previous = points[0]
    for point in points:
        if point[0] >= total / 10:
            if point[0] == previous[0]:
                return point[1]
            part = (total / 10 - previous[0]) / (point[0] - previous[0])
            return previous[1] + part * (point[1] - previous[1])
        previous = point
    raise AssertionError("a tenth of the weight lies above every quarter")


def day_heart(quarters: list[Quarter], waking: list[int]) -> float:
    calm = [
        quarters[place]
        for place in waking
        if quarters[place].steps <= 20 and quarters[place - 1].steps < 300
    ]
    return low_tenth(calm, 480)


def find_night(quarters: list[Quarter]) -> Night:
    told = sum(one.asleep is not None for one in quarters[48:72]) >= 12
    shares = [one.asleep or 0.0 for one in quarters[:104]] if told else guessed(quarters)
    seen = [
        one.worn or one.weight > 0 or (told and one.asleep is not None) for one in quarters[:104]
    ]
    first, last = main_run([share >= 0.5 for share in shares], 8 if told else 4, 4 if told else 12)
    night = Night(first, last, [share >= 0.5 for share in shares[:96]], seen[:96])
    if first is None or last is None:
        if not told:
            night.seen, night.asleep = [False] * 96, [False] * 96
        return night
    if not told:
        night.asleep = [
            asleep and first <= place <= last for place, asleep in enumerate(night.asleep)
        ]
    onset = first + 1 - shares[first] - shares[first - 1]
    end = last + shares[last] + shares[last + 1]
    if any(seen[max(0, first - 8) : first]):
        night.onset_h = onset / 4
        unseen = sum(not one for one in seen[first : last + 1])
        if any(seen[last + 1 : last + 9]) and unseen <= (last - first + 1) / 4:
            part = sum(shares[first - 1 : last + 2]) / (end - onset - unseen)
            night.minutes = part * (end - onset) * 15
            night.efficiency = min(100.0, 100 * part)
    return night


def guessed(quarters: list[Quarter]) -> list[float]:
    low = quantile([one.heart for one in quarters[24:96] if one.weight], 0.1)
    by_day = quarters[:36] + quarters[84:132]
    middle = quantile([one.heart for one in by_day if one.weight], 0.5)
    rise = 4.0 if math.isnan(middle) else max(4.0, 0.55 * (middle - low))
    shares = []
    for one in quarters[:104]:
        # NaN is above nothing and below nothing: no heart, not asleep.
        asleep = one.heart <= low + rise and one.steps <= 10
        shares.append(float(asleep and (one.still is None or one.still >= 0.8)))
    return shares


def main_run(asleep: list[bool], gap: int, least: int) -> tuple[int | None, int | None]:
    runs: list[list[int]] = []
    for place in range(24, 96):
        if asleep[place]:
            if runs and place - runs[-1][-1] <= gap + 1:
                runs[-1].append(place)
            else:
                runs.append([place])
    if not runs:
        return None, None
    best = max(runs, key=len)
    return (best[0], best[-1]) if best[-1] - best[0] + 1 >= least else (None, None)


def hours_of(night: Night) -> list[int]:
    if night.first is None or night.last is None:
        return []
    asleep = range(night.first, night.last + 1)
    return [h for h in range(24) if sum(4 * h + part in asleep for part in range(4)) >= 2]


def heart_for_a_walk(quarters: list[Quarter]) -> float:
    known = [one for one in quarters if one.counted and one.weight]
    walks = [one for one in known if 300 <= one.steps <= 1_500]
    rests = [one for one in known if one.steps <= 20]
    if len(walks) < 3 or len(rests) < 4:
        return NAN
    rise = median(one.heart for one in walks) - median(one.heart for one in rests)
    more = math.log((1 + median(one.steps for one in walks)) / (1 + median(o.steps for o in rests)))
    return rise / more * math.log(1_001)


def cosine(hearts: list[float]) -> tuple[float, float]:
    known = [(place, heart) for place, heart in enumerate(hearts) if not math.isnan(heart)]
    morning = sum(place < 48 for place, _ in known)
    if len(known) < 58 or min(morning, len(known) - morning) < 20:
        return NAN, NAN
    hours = [(place + 0.5) / 4 for place, _ in known]
    table = [[1.0, math.cos(h * math.pi / 12), math.sin(h * math.pi / 12)] for h in hours]
    _, cos, sin = np.linalg.lstsq(table, [heart for _, heart in known], rcond=None)[0].tolist()
    amplitude = math.sqrt(cos**2 + sin**2)
    return amplitude, (math.atan2(sin, cos) * 12 / math.pi) % 24 if amplitude >= 2 else NAN


def steps_of(today: list[Reading]) -> float:
    reported_s = sum(one.period_s for one in having(today, "steps"))
    worn = [one for one in today if one.on_body]
    steps = sum(round(one.values["steps"] * 1000) for one in having(worn, "steps")) / 1000
    if not reported_s:
        return NAN
    if sum(one.period_s for one in worn) >= 8 * 3_600:
        return steps
    only_steps = not having(worn, "heart_rate") and not having(today, "worn")
    return steps if only_steps and reported_s >= 20 * 3_600 and steps > 0 else NAN


def longest_still(quarters: list[Quarter], night: Night, today: list[Reading]) -> float:
    worn_s = sum(one.period_s for one in today if one.on_body)
    if worn_s < 8 * 3_600 or not any(one.counted or one.still is not None for one in quarters[48:]):
        return NAN
    start = 80 if night.last is None else night.last + 1
    longest = run = 0
    for place in range(max(start, 48), 128):
        one = quarters[place]
        known = one.worn and (one.counted or one.still is not None)
        still = one.steps <= 20 and (one.still is None or one.still >= 0.5)
        run = run + 1 if known and still and (one.asleep or 0.0) < 0.5 else 0
        longest = max(longest, run)
    return 15.0 * longest


def first_activity(quarters: list[Quarter], night: Night) -> float:
    for place in range(64, 144):
        if quarters[place].steps >= 50:
            worn = sum(one.worn for one in quarters[64 : place + 1])
            return (place - 48) / 4 if 2 * worn >= place - 63 else NAN
    worn = sum(one.worn for one in quarters[64:96])
    if night.last is None or worn < 16:
        return NAN
    return max(night.last + 1 - 48, 16) / 4
