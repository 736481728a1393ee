"""The features of a day: one number each that says how a person's day and night were.

Computed for many people at once from their bins of 15 minutes (`detect.grid`). NaN means that it
cannot be said: too little was measured, or the thing did not happen. Nothing is ever filled in.

A day is the local calendar day; its night is the one that ends in it. "In the night" is in the main
sleep where `detect.sleep` knows it, else from midnight to seven. Sources stand beside what they
are for. `day_features` writes nothing and depends on the columns of the state alone.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from detect.grid import (
    BINS,
    BINS_PER_HOUR,
    HOURLY_INDEX,
    HOURS,
    SLOTS,
    Integers,
    Truths,
    hourly_mean,
)
from detect.sleep import (
    ASLEEP_SHARE,
    BIN_MINUTES,
    EVENING,
    NOON,
    NOON_AFTER,
    STRETCH,
    DayBins,
    Sleep,
    SleepingState,
    find_sleep,
    quantile,
    read_bins,
    regularity,
)
from tidewell.vocabulary import FEATURE_NAMES

UNITS_PER_HOUR: Final = 240
_HOURS: Final = np.arange(HOURS)
NIGHT_BINS: Final = (NOON, NOON + 7 * BINS_PER_HOUR)
"""00:00 to 07:00, the hours in which nearly every young person sleeps."""
WAKING_BINS: Final = (NOON + 7 * BINS_PER_HOUR, NOON + 22 * BINS_PER_HOUR)
"""07:00 to 22:00: what of it is not sleep counts as waking."""
REST_QUANTILE: Final = 0.10
"""Steadier than the lowest value, and unlike the mean not moved by a restless hour."""
NIGHT_UNITS_LEAST: Final = UNITS_PER_HOUR
DAY_REST_UNITS_LEAST: Final = 2 * UNITS_PER_HOUR
"""One hour of rest in the night, two by day, where rest is less deep and more mixed."""

HOUR_MINUTES_LEAST: Final = 3
"""Oxygen is measured every few minutes by many devices; three values make an hour's mean."""
NIGHT_HOURS_LEAST: Final = 3
WAKING_HOURS_LEAST: Final = 4
HALF_AN_HOUR: Final = 2
"""Bins by which an hour has to lie in the sleep to be one of its hours."""
OXYGEN_QUANTILE: Final = 0.25
"""Oxygen falls in part of a night first, so its lower quarter says it before the middle does."""
NIGHTLY: Final[dict[str, tuple[str, float]]] = {
    # feature: (hourly channel, quantile of its means in the night)
    "night_hrv_rmssd": ("hrv_rmssd", 0.5),
    "night_skin_temperature": ("skin_temperature", 0.5),
    "night_respiratory_rate": ("respiratory_rate", 0.5),
    "night_spo2": ("spo2", OXYGEN_QUANTILE),
}

WALK_STEPS: Final = (300, 1_500)
"""Of a quarter of an hour: from a walk of three minutes to fifteen at an easy pace; not sport."""
WALKS_LEAST: Final = 3
STEPS_STILL: Final = 20
"""In 15 minutes: across a room and back; arms that move at a table are counted as steps, too."""
RESTS_LEAST: Final = 4
REFERENCE_WALK: Final = np.log1p(1_000.0)

RHYTHM_BINS_LEAST: Final = 58
"""60 % of a day."""
RHYTHM_HALF_LEAST: Final = 20
"""Of the 48 bins before and after noon: with one half alone the curve would be invented."""
PHASE_AMPLITUDE_LEAST_BPM: Final = 2.0
"""Of a flat curve, the time of its top is chance."""

PRODUCT_ROWS: Final = 512
"""From 585 on NumPy's algebra wakes threads for a product, which wait for longer than they work."""

LEAST_WORN_S: Final = 8 * 3_600
"""A day with less than eight hours on the body says nothing about steps or stillness."""
LEAST_STEP_S: Final = 20 * 3_600
"""For a device that only counts steps: it has to have counted for most of the day."""
STILL_SHARE: Final = 0.5
STILL_FROM_BIN: Final = NOON + 8 * BINS_PER_HOUR
STILL_UNTIL_BIN: Final = NOON + 20 * BINS_PER_HOUR
"""After eight in the evening, being still is rest."""
ACTIVE_STEPS: Final = 50
"""Out of bed and through the home: more than a walk to the bathroom in the night."""
MORNING_BIN: Final = NOON + 4 * BINS_PER_HOUR
MORNING_ENDS_BIN: Final = NOON + 12 * BINS_PER_HOUR
MORNING_WORN_SHARE: Final = 0.5
"""Who puts the device on at ten may have been up since seven."""
AROUSED_UNITS_LEAST: Final = 6 * UNITS_PER_HOUR


def _angles() -> NDArray[np.float64]:
    turn = 2 * np.pi * (np.arange(BINS) + 0.5) / BINS
    return np.stack([np.ones(BINS), np.cos(turn), np.sin(turn)], axis=1)


_CURVE: Final = _angles()
_CURVE_PAIRS: Final = ((0, 0), (0, 1), (0, 2), (1, 1), (1, 2), (2, 2))
_CURVE_PRODUCTS: Final = np.stack([_CURVE[:, i] * _CURVE[:, j] for i, j in _CURVE_PAIRS], axis=1)
_FROM_PAIRS: Final = np.array([[0, 1, 2], [1, 3, 4], [2, 4, 5]])
"""The matrix of all products, which is symmetric, from its pairs."""


class DayState(SleepingState):
    """What this module needs of the memory; `aroused_minutes` is kept by `detect.moments`."""

    aroused_minutes: NDArray[np.uint16]


def day_features(state: DayState, rows: Integers, day: Integers) -> NDArray[np.float32]:
    """Return the features of one day of each person: float32[n, features], NaN = cannot be said.

    Args:
        rows: state rows, int64[n]. day: the local day of each, int64[n], in its slot of the grid.
    """
    return day_and_night(state, rows, day)[0]


def day_and_night(
    state: DayState, rows: Integers, day: Integers
) -> tuple[NDArray[np.float32], Sleep]:
    """Return the features as `day_features` does, and the sleep that they rest on."""
    bins = read_bins(state, rows, day)
    sleep = find_sleep(bins)
    found = _features(state, rows, day, bins, sleep)
    return np.stack(
        [found[name] for name in FEATURE_NAMES], axis=1, dtype=np.float32, casting="same_kind"
    ), sleep


def minutes_worn(state: DayState, rows: Integers, day: Integers) -> NDArray[np.int32]:
    """Return the whole minutes on the body of one day of each person: int32[n]."""
    held = state.grid_day[rows, day % SLOTS] == day
    worn_s = np.where(held, state.worn_s[rows, day % SLOTS], 0)
    return (worn_s // 60).astype(np.int32)


def _features(
    state: DayState, rows: Integers, day: Integers, bins: DayBins, sleep: Sleep
) -> dict[str, NDArray[np.float64]]:
    in_night, waking = _in_night(sleep), _waking(bins, sleep)
    at_rest = _resting(bins, STEPS_STILL, WALK_STEPS[0] - 1) & waking
    asleep = _resting(bins, 0, 0) & in_night
    amplitude, phase_h = _rhythm(bins.heart_bpm[:, NOON:])
    return {
        "night_heart_rate": _low_heart(bins, asleep, slice(EVENING, NOON_AFTER), NIGHT_UNITS_LEAST),
        "resting_heart_rate": _low_heart(bins, at_rest, slice(*WAKING_BINS), DAY_REST_UNITS_LEAST),
        **_nightly(state, rows, day, sleep),
        "heart_rate_per_step": _heart_per_step(bins, waking),
        "circadian_amplitude": amplitude,
        "circadian_phase_h": phase_h,
        "sleep_minutes": sleep.minutes,
        "sleep_efficiency": sleep.efficiency,
        "sleep_onset_h": sleep.onset_h,
        "sleep_regularity": regularity(state, rows, day, sleep),
        "steps": _steps(state, rows, day),
        "longest_still_minutes": _longest_still(state, rows, day, bins, sleep),
        "first_activity_h": _first_activity(bins, sleep),
        "eda_level": _waking_skin_conductance(state, rows, day, sleep),
        "aroused_minutes": _aroused(state, rows, day, bins, waking),
    }


def _in_night(sleep: Sleep) -> Truths:
    """Return which bins are in the main sleep, or in the night where it is not known."""
    first = np.where(sleep.known, sleep.first, NIGHT_BINS[0])
    last = np.where(sleep.known, sleep.last, NIGHT_BINS[1] - 1)
    place = np.arange(STRETCH)
    return np.asarray((place >= first[:, None]) & (place <= last[:, None]))


def _waking(bins: DayBins, sleep: Sleep) -> Truths:
    """Return which bins between seven and ten are outside the main sleep, naps left out too."""
    place = np.arange(STRETCH)
    by_day = (place >= WAKING_BINS[0]) & (place < WAKING_BINS[1])
    after_sleep = place > sleep.last[:, None]
    return np.asarray(by_day & after_sleep & (bins.asleep_share < ASLEEP_SHARE))


def _resting(bins: DayBins, here: int, before: int) -> Truths:
    """Return which bins have at most `here` steps, after one with at most `before` of them.

    What is left of a walk in the heart is gone after the quarter that follows it.
    """
    resting = bins.steps <= here
    resting[:, 1:] &= bins.steps[:, :-1] <= before
    return np.asarray(resting)


def _low_heart(
    bins: DayBins, chosen: Truths, window: slice, least_units: int
) -> NDArray[np.float64]:
    """Return the weighted low tenth of the heart rates of the chosen bins, in bpm.

    Each bin stands at the middle of its weight; between two of them it is interpolated. As the low
    end of resting heart rate in Mishra et al., Nat Biomed Eng 4, 2020, with bins for minutes.
    """
    weight = (bins.heart_units[:, window] * chosen[:, window]).astype(np.int64)
    heart = np.where(weight > 0, bins.heart_bpm[:, window], np.float32(np.inf))
    # Positive floats sort like their bits, so one whole number holds both; ties go by weight.
    keys = np.sort(heart.view(np.int32).astype(np.int64) << 8 | weight, axis=1)
    weight = keys & 0xFF
    upto = np.cumsum(weight, axis=1, dtype=np.int32)
    total = upto[:, -1]
    middle = upto - weight / 2
    wanted = REST_QUANTILE * total
    above = np.argmax(middle >= wanted[:, None], axis=1)
    first_of_row = np.arange(len(keys)) * keys.shape[1]
    ends = first_of_row + np.maximum(above - 1, 0), first_of_row + above
    heart_bpm = ((keys.take(place) >> 8).astype(np.int32).view(np.float32) for place in ends)
    enough = total >= least_units
    low, high = (np.where(enough, one.astype(np.float64), np.nan) for one in heart_bpm)
    start, end = (middle.take(place) for place in ends)
    share = np.where(above > 0, (wanted - start) / np.where(above > 0, end - start, 1), 0)
    tenth: NDArray[np.float64] = low + share * (high - low)
    return tenth


def _nightly(
    state: DayState, rows: Integers, day: Integers, sleep: Sleep
) -> dict[str, NDArray[np.float64]]:
    """Return a quantile of each channel's hourly means in the night, by the name of the feature."""
    asleep = _hours_asleep(sleep)
    hours = np.where(sleep.known[:, None], asleep, (_HOURS >= 12) & (_HOURS < 19))
    places = [HOURLY_INDEX[channel] for channel, _ in NIGHTLY.values()]
    shares = np.array([share for _, share in NIGHTLY.values()])
    means = np.where(hours[:, None, :], _noon_to_noon(state, rows, day, places), np.nan)
    found = _quantile_of_hours(
        means.reshape(-1, HOURS), np.tile(shares, len(rows)), NIGHT_HOURS_LEAST
    )
    return dict(zip(NIGHTLY, found.reshape(-1, len(NIGHTLY)).T, strict=True))


def _waking_skin_conductance(
    state: DayState, rows: Integers, day: Integers, sleep: Sleep
) -> NDArray[np.float64]:
    """Return the median of the hourly means between seven and ten outside the main sleep, in µS."""
    awake = np.ones((len(rows), 15), np.bool_)
    awake[:, :5] = ~_hours_asleep(sleep)[:, 19:]
    slot, place = day % SLOTS, HOURLY_INDEX["eda"]
    count = state.hour_count[rows, slot, place, 7:22]
    count[state.grid_day[rows, slot] != day] = 0
    hourly = _means(state.hour_sum[rows, slot, place, 7:22], count, place)
    means = np.where(awake, hourly, np.nan)
    return _quantile_of_hours(means, 0.5, WAKING_HOURS_LEAST)


def _hours_asleep(sleep: Sleep) -> Truths:
    """Return which hours from noon to noon lie in the main sleep by half an hour or more."""
    start = np.maximum(sleep.first[:, None], _HOURS * BINS_PER_HOUR)
    end = np.minimum(sleep.last[:, None] + 1, (_HOURS + 1) * BINS_PER_HOUR)
    return np.asarray(sleep.known[:, None] & (end - start >= HALF_AN_HOUR))


def _noon_to_noon(
    state: DayState, rows: Integers, day: Integers, places: list[int]
) -> NDArray[np.float64]:
    """Return hourly means of channels from noon of the day before to noon, [people, channels, 24].

    Args:
        places: of the channels in `HOURLY`.
    """
    half = HOURS // 2
    total = np.empty((len(rows), len(places), HOURS), np.uint16)
    count = np.empty(total.shape, np.uint8)
    for back, part, hours in (
        (1, slice(half), slice(half, HOURS)),
        (0, slice(half, HOURS), slice(half)),
    ):
        slot = (day - back) % SLOTS
        total[..., part] = state.hour_sum[rows, slot][:, places, hours]
        count[..., part] = state.hour_count[rows, slot][:, places, hours]
        count[state.grid_day[rows, slot] != day - back, :, part] = 0
    return np.stack(
        [_means(total[:, at], count[:, at], place) for at, place in enumerate(places)], axis=1
    )


def _means(total: NDArray[np.uint16], count: NDArray[np.uint8], place: int) -> NDArray[np.float64]:
    """Return the means of the hours in which enough was measured, NaN of the others."""
    mean = hourly_mean(total, count, place)
    return np.where(count >= HOUR_MINUTES_LEAST, mean, np.nan)


def _quantile_of_hours(
    means: NDArray[np.float64], share: float | NDArray[np.float64], least: int
) -> NDArray[np.float64]:
    enough = np.count_nonzero(~np.isnan(means), axis=1) >= least
    return np.where(enough, quantile(means, share), np.nan)


def _heart_per_step(bins: DayBins, waking: Truths) -> NDArray[np.float64]:
    """Return by how many bpm the heart rises for a walk of 1,000 steps in a quarter of an hour.

    The slope of heart rate on log(1 + steps) through the medians of two groups of waking bins,
    walking and nearly still (Wald, Ann Math Stat 11, 1940, with medians), x log(1,001). A day's own
    resting level cancels out, and one odd quarter moves neither median.
    """
    window = slice(*WAKING_BINS)
    steps, heart = bins.steps[:, window], bins.heart_bpm[:, window]
    counted = waking[:, window] & bins.counted[:, window] & ~np.isnan(heart)
    walking = counted & (steps >= WALK_STEPS[0]) & (steps <= WALK_STEPS[1])
    still = counted & (steps <= STEPS_STILL)
    enough = np.count_nonzero(walking, axis=1) >= WALKS_LEAST
    enough &= np.count_nonzero(still, axis=1) >= RESTS_LEAST
    nothing = np.float32(np.nan)
    heart_rise = quantile(np.where(walking, heart, nothing), 0.5) - quantile(
        np.where(still, heart, nothing), 0.5
    )
    counts = steps.astype(np.float32)
    more_steps = np.log1p(quantile(np.where(walking, counts, nothing), 0.5)) - np.log1p(
        quantile(np.where(still, counts, nothing), 0.5)
    )
    return np.where(enough, heart_rise / more_steps * REFERENCE_WALK, np.nan)


def _rhythm(heart_bpm: NDArray[np.float32]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return amplitude (bpm) and time of the top (hours after midnight) of the day's heart rate.

    Least squares of a 24-hour cosine on the 96 bins: Nelson et al., Chronobiologia 6, 1979;
    Cornelissen, Theor Biol Med Model 11, 2014.
    """
    known = ~np.isnan(heart_bpm)
    halves = np.count_nonzero(known.reshape(-1, 2, BINS // 2), axis=2)
    enough = (halves.sum(axis=1) >= RHYTHM_BINS_LEAST) & (halves.min(axis=1) >= RHYTHM_HALF_LEAST)
    amplitude, phase_h = np.full(len(known), np.nan), np.full(len(known), np.nan)
    present = known[enough]
    heart = np.where(present, heart_bpm[enough], 0).astype(np.float64)
    centre = heart.sum(axis=1) / np.maximum(present.sum(axis=1), 1)
    heart = np.where(present, heart - centre[:, None], 0)
    products = _product(present.astype(np.float64), _CURVE_PRODUCTS)[:, _FROM_PAIRS]
    cosine, sine = np.linalg.solve(products, _product(heart, _CURVE)[:, :, None])[:, 1:, 0].T
    amplitude[enough] = np.hypot(cosine, sine)
    phase_h[enough] = np.arctan2(sine, cosine) * 24 / (2 * np.pi) % 24
    return amplitude, np.where(amplitude >= PHASE_AMPLITUDE_LEAST_BPM, phase_h, np.nan)


def _product(rows: NDArray[np.float64], curve: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the matrix product, some rows at a time."""
    found = np.empty((len(rows), curve.shape[1]))
    for start in range(0, len(rows), PRODUCT_ROWS):
        part = slice(start, start + PRODUCT_ROWS)
        np.matmul(rows[part], curve, out=found[part])
    return found


def _steps(state: DayState, rows: Integers, day: Integers) -> NDArray[np.float64]:
    slot = day % SLOTS
    step_s, milli_steps = state.step_s[rows, slot], state.milli_steps[rows, slot]
    counted = state.worn_s[rows, slot] >= LEAST_WORN_S
    only_steps = ~state.heart_seen[rows, slot] & ~state.wear_told[rows, slot]
    counted |= only_steps & (step_s >= LEAST_STEP_S) & (milli_steps > 0)
    counted &= (step_s > 0) & (state.grid_day[rows, slot] == day)
    return np.where(counted, milli_steps / 1000, np.nan)


def _longest_still(
    state: DayState, rows: Integers, day: Integers, bins: DayBins, sleep: Sleep
) -> NDArray[np.float64]:
    """Return the longest run of worn, waking, still bins from waking up (or eight) to 20:00."""
    start = np.where(sleep.known, sleep.last + 1, STILL_FROM_BIN)
    still = bins.worn & (bins.counted | bins.moved) & (bins.steps <= STEPS_STILL)
    still &= ~bins.moved | (bins.still_share >= STILL_SHARE)
    still &= (bins.asleep_share < ASLEEP_SHARE) & (np.arange(STRETCH) >= start[:, None])
    run, longest = np.zeros((2, len(rows)), np.uint8)
    for here in np.ascontiguousarray(still.T[NOON:STILL_UNTIL_BIN]):
        run += 1
        run *= here
        np.maximum(longest, run, out=longest)
    worn = minutes_worn(state, rows, day) * 60 >= LEAST_WORN_S
    told = worn & (bins.counted | bins.moved)[:, NOON:].any(axis=1)
    return np.where(told, longest * float(BIN_MINUTES), np.nan)


def _first_activity(bins: DayBins, sleep: Sleep) -> NDArray[np.float64]:
    """Return the start of the first bin with 50 steps after four, else the end of sleep, in hours.

    The device has to have been worn for half of the time before it, or half of the morning.
    """
    active = bins.steps[:, MORNING_BIN:] >= ACTIVE_STEPS
    found = active.any(axis=1)
    first = np.where(found, np.argmax(active, axis=1), MORNING_ENDS_BIN - MORNING_BIN - 1)
    worn = np.cumsum(bins.worn[:, MORNING_BIN:], axis=1)
    worn_upto = np.take_along_axis(worn, first[:, None], 1)[:, 0]
    woke = np.where(sleep.known, np.maximum(sleep.last + 1 - MORNING_BIN, 0), np.nan)
    place = MORNING_BIN - NOON + np.where(found, first, woke)
    enough = worn_upto >= MORNING_WORN_SHARE * (first + 1)
    return np.where(enough, place / BINS_PER_HOUR, np.nan)


def _aroused(
    state: DayState, rows: Integers, day: Integers, bins: DayBins, waking: Truths
) -> NDArray[np.float64]:
    heard = np.sum(bins.heart_units, axis=1, where=waking, dtype=np.int64)
    minutes = state.aroused_minutes[rows, day % SLOTS]
    return np.where(heard >= AROUSED_UNITS_LEAST, minutes, np.nan)
