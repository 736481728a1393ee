"""The sleep that ends in a day: when it began, how long it was, how whole, and how regular.

Sleep comes from the device's `sleep_state` where it is known for half of the hours from midnight
to six or more. Otherwise it is estimated: a quarter of an hour counts as asleep when a heart was
measured, hardly a step was taken, the arm was still for nearly all of it (where movement is known)
and the heart was low between this night's low and this day's middle. The main sleep is the period
with the most quarters asleep between 18:00 and noon; a waking inside it does not end it until it
has lasted an hour (two, where the device says what is sleep).

On virtual people, with their sleep states hidden, the estimate is within half an hour of the truth
in nine nights of ten; who lies awake without moving looks asleep to it, as to any watch.

It must never guess: a period whose start or end lies in a gap has no length, and a night in which
nobody wore the device has no sleep, which is something else than no sleep at all.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final, TypeVar

import numpy as np
from numpy.typing import DTypeLike, NDArray

from detect.grid import (
    BINS,
    BINS_PER_HOUR,
    NO_DAY,
    SLOTS,
    STEPS_MOST,
    STEPS_REPORTED,
    GridState,
    Integers,
    Truths,
    at_limit,
    pair_share,
)

BIN_MINUTES: Final = 15
NOON: Final = 48
"""Bins from noon to midnight. All places below count from the noon of the day before."""
STRETCH: Final = NOON + BINS
"""From the noon before the night to the midnight after the day: 144 bins."""
WATCHED: Final = NOON + 56
"""Sleep is looked at until 14:00, so that a waking at noon has an afterwards."""
EVENING: Final = 6 * BINS_PER_HOUR
NOON_AFTER: Final = 2 * NOON
"""The main sleep lies between 18:00 and noon."""
SMALL_HOURS: Final = slice(NOON, NOON + 24)
"""00:00 to 06:00, when nearly everybody sleeps: here it shows whether the device tells sleep."""

HEARD_UNITS: Final = 8
"""Two minutes of a bin are enough for a mean; percentiles weigh it by its minutes anyhow."""
TOLD_MINUTES: Final = 2
"""The same of sleep and stillness, which are counted in minutes."""
WORN_UNITS: Final = 30
"""Half of a bin: then the person was not away from the device for most of it."""
ASLEEP_SHARE: Final = 0.5
STATED_BINS: Final = 12
"""Half of the small hours: people who sleep from three to eleven are still told by the device."""
STATED_GAP: Final = 8
ESTIMATED_GAP: Final = 4
"""Two hours awake at night are told by a device; without it, an hour of calm reading in the
evening would be joined to the night."""
STATED_LEAST: Final = 4
ESTIMATED_LEAST: Final = 12
"""A device may say that a night was an hour; an estimate shorter than three is a rest."""
SEEN_NEAR: Final = 8
"""The start is known if some quarter of the two hours before it was seen, and so is the end."""
UNSEEN_MOST: Final = 0.25
"""A period of which more than a quarter was not seen has no length."""

STEPS_ASLEEP: Final = 10
"""Turning over is counted as a few steps by many devices."""
STILL_SHARE: Final = 0.8
LOW_QUANTILE: Final = 0.10
HEART_SHARE: Final = 0.55
"""Asleep below this part of the way from the night's low to the day's median heart rate.

0.45 misses 4 more minutes of a virtual night, 0.65 finds 6 more; either changes no onset by more
than a bin.
"""
HEART_RISE_LEAST_BPM: Final = 4.0
"""For days in bed, on which day and night hardly differ; sleep itself varies by as much."""
DAYTIME: Final = np.r_[0 : 9 * BINS_PER_HOUR, NOON + 36 : NOON + 84]
"""Noon to 21:00 and 09:00 to 21:00: the hours whose median stands for being awake."""

REGULAR_DAYS: Final = 7
REGULAR_DAYS_LEAST: Final = 4
COMPARED_BINS_LEAST: Final = 72
"""Two days are compared where three quarters of both were seen."""
UNKNOWN: Final = -1

_Count = TypeVar("_Count", np.uint8, np.uint16)

COLUMNS: Final[dict[str, tuple[DTypeLike, tuple[int, ...], float]]] = {
    # name: (type, shape of one person's entry, first value)
    "sleep_bits": (np.uint8, (BINS // 8,), 0),
    "sleep_known_bits": (np.uint8, (BINS // 8,), 0),
    "sleep_day": (np.int32, (), NO_DAY),
    "sleep_agreement": (np.int8, (REGULAR_DAYS,), UNKNOWN),
}


class SleepState:
    """What is kept of sleep: the bits of the last closed day and seven days of agreement.

    `sleep_bits` is one bit for each bin from noon to noon, `sleep_known_bits` says which of them
    were seen, `sleep_day` whose day they are. `sleep_agreement[day % 7]` is how many per cent of
    the bins were as on the day before.
    """

    sleep_bits: NDArray[np.uint8]
    sleep_known_bits: NDArray[np.uint8]
    sleep_day: NDArray[np.int32]
    sleep_agreement: NDArray[np.int8]


class SleepingState(GridState, SleepState):
    """What this module needs of the memory."""


@dataclass(frozen=True, slots=True)
class DayBins:
    """The bins from the noon of the day before to the end of the day, [people, 144] each.

    Attributes:
        heart_bpm: float32, mean, NaN = not measured. heart_units: uint8, what it rests on.
        steps: uint16. counted: steps were reported. worn: on the body for half of the bin.
        moved: bool, movement is known. still_share: float32, 0 where it is not known.
        told: bool, the device told sleep or waking. asleep_share: float32, 0 where it did not.
    """

    heart_bpm: NDArray[np.float32]
    heart_units: NDArray[np.uint8]
    steps: NDArray[np.uint16]
    counted: Truths
    worn: Truths
    moved: Truths
    still_share: NDArray[np.float32]
    told: Truths
    asleep_share: NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Sleep:
    """The sleep of n people. Places count in bins from the noon of the day before.

    Attributes:
        first, last: int64[n], the first and last bin of the main sleep; -1 = not known.
        asleep, seen: bool[n, 96], noon to noon: asleep in this bin; whether that is known.
        minutes, efficiency, onset_h: float64[n], NaN = cannot be said.
    """

    first: Integers
    last: Integers
    asleep: Truths
    seen: Truths
    minutes: NDArray[np.float64]
    efficiency: NDArray[np.float64]
    onset_h: NDArray[np.float64]

    @property
    def known(self) -> Truths:
        """Return for whom a main sleep was found."""
        return np.asarray(self.first >= 0)


def read_bins(state: GridState, rows: Integers, day: Integers) -> DayBins:
    """Return the bins of one day of each person, with the half day before it."""

    def stretch(column: NDArray[np.uint8]) -> NDArray[np.uint8]:
        return _stretch(state.grid_day, column, rows, day)

    heart_units = stretch(state.heart_units)
    still_share, motion_minutes = pair_share(stretch(state.still_moving))
    asleep_share, sleep_minutes = pair_share(stretch(state.asleep_awake))
    steps = _stretch(state.grid_day, state.steps_counted, rows, day)
    heart_sum = _stretch(state.grid_day, state.heart_sum, rows, day)
    heard = (heart_units >= HEARD_UNITS) & ~at_limit(heart_units) & ~at_limit(heart_sum)
    moved, told = motion_minutes >= TOLD_MINUTES, sleep_minutes >= TOLD_MINUTES
    return DayBins(
        _mean(heart_sum, heart_units, heard),
        np.where(heard, heart_units, np.uint8(0)),
        steps & np.uint16(STEPS_MOST),
        steps >= STEPS_REPORTED,
        stretch(state.worn_units) >= WORN_UNITS,
        moved,
        still_share * moved,
        told,
        asleep_share * told,
    )


def find_sleep(bins: DayBins) -> Sleep:
    """Return the main sleep of each person in their bins.

    With s the share asleep of each bin, sleep in the bins first..last begins at first + 1
    - s(first) - s(first - 1) and ends at last + s(last) + s(last + 1): the bins at its edges count
    by their part. Efficiency is what was slept of the seen part, minutes that share of the length.
    """
    stated = np.count_nonzero(bins.told[:, SMALL_HOURS], axis=1) >= STATED_BINS
    watched = slice(WATCHED)
    share = bins.asleep_share[:, watched].copy()
    untold = np.flatnonzero(~stated)
    if len(untold):
        share[untold] = _estimate(bins, untold)
    heard = bins.worn[:, watched] | (bins.heart_units[:, watched] > 0)
    seen = np.where(stated[:, None], heard | bins.told[:, watched], heard)
    first, last = _main_period(share >= ASLEEP_SHARE, stated)
    asleep = share >= ASLEEP_SHARE
    place = np.arange(WATCHED)
    inside = (place >= first[:, None]) & (place <= last[:, None])
    asleep &= stated[:, None] | inside
    seen &= (stated | (first >= 0))[:, None]
    minutes, efficiency, onset_h = _measures(share, seen, inside, first, last)
    noon_to_noon = slice(BINS)
    return Sleep(
        first, last, asleep[:, noon_to_noon], seen[:, noon_to_noon], minutes, efficiency, onset_h
    )


def regularity(
    state: SleepState, rows: Integers, day: Integers, sleep: Sleep
) -> NDArray[np.float64]:
    """Return the sleep regularity index of the last seven days, -100 to 100; NaN under four.

    SRI = -100 + 200 * (share of bins that are as 24 hours before), Phillips et al., Sci Rep 7,
    2017, with bins of 15 minutes instead of 30 seconds, and a mean over days.
    """
    agreement = _agreements(state, rows, day, sleep)
    valid = agreement != UNKNOWN
    days = np.count_nonzero(valid, axis=1)
    mean = np.sum(agreement, axis=1, where=valid, dtype=np.int64) / np.maximum(days, 1)
    index: NDArray[np.float64] = np.where(days >= REGULAR_DAYS_LEAST, 2 * mean - 100, np.nan)
    return index


def remember_sleep(state: SleepState, rows: Integers, day: Integers, sleep: Sleep) -> None:
    """Keep the sleep of a day that closes, for the regularity of later ones. Each row once."""
    state.sleep_agreement[rows] = _agreements(state, rows, day, sleep)
    state.sleep_bits[rows] = np.packbits(sleep.asleep, axis=1)
    state.sleep_known_bits[rows] = np.packbits(sleep.seen, axis=1)
    state.sleep_day[rows] = day


def _stretch(
    grid_day: NDArray[np.int32], column: NDArray[_Count], rows: Integers, day: Integers
) -> NDArray[_Count]:
    """Return noon to midnight of the day before, and the day; 0 where a slot is not theirs."""
    joined = np.empty((len(rows), STRETCH), column.dtype)
    before, today = (day - 1) % SLOTS, day % SLOTS
    joined[:, :NOON] = column[rows, before, NOON:]
    joined[:, NOON:] = column[rows, today]
    joined[grid_day[rows, before] != day - 1, :NOON] = 0
    joined[grid_day[rows, today] != day, NOON:] = 0
    return joined


def _mean(
    total: NDArray[np.uint16], units: NDArray[np.uint8], known: Truths
) -> NDArray[np.float32]:
    mean = np.divide(total, np.maximum(units, 1), dtype=np.float32)
    return np.where(known, mean, np.float32(np.nan))


def _estimate(bins: DayBins, places: Integers) -> NDArray[np.float32]:
    """Return 1 for each watched bin in which these people were probably asleep, else 0."""
    heart_bpm, watched = bins.heart_bpm[places], slice(WATCHED)
    low = quantile(heart_bpm[:, EVENING:NOON_AFTER], LOW_QUANTILE)
    middle = quantile(heart_bpm[:, DAYTIME], 0.5)
    rise = np.fmax(HEART_SHARE * (middle - low), HEART_RISE_LEAST_BPM)
    asleep = heart_bpm[:, watched] <= (low + rise)[:, None]
    asleep &= bins.steps[places, watched] <= STEPS_ASLEEP
    asleep &= ~bins.moved[places, watched] | (bins.still_share[places, watched] >= STILL_SHARE)
    return asleep.astype(np.float32)


def quantile(
    values: NDArray[np.floating[Any]], share: float | NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return a quantile of each row by linear interpolation; NaN is left out, and where all are.

    Args:
        share: of all rows, or of each.

    Example:
        >>> quantile(np.array([[3, np.nan, 1, 2]], np.float32), 0.25)
        array([1.5])
    """
    ordered = np.sort(values, axis=1)
    people, width = ordered.shape
    missing = np.isnan(ordered)  # they come last
    count = np.where(missing[:, -1], np.argmax(missing, axis=1), width)
    last = np.maximum(count - 1, 0)
    place = share * last
    below = place.astype(np.int64)
    above = np.minimum(below + 1, last)
    first_of_row = np.arange(people) * width
    low = ordered.take(first_of_row + below).astype(np.float64)
    high = ordered.take(first_of_row + above).astype(np.float64)
    found: NDArray[np.float64] = low + (place - below) * (high - low)
    return found


def _main_period(asleep: Truths, stated: Truths) -> tuple[Integers, Integers]:
    """Return the first and last bin of the run with most bins asleep; -1 where none is long enough.

    Of two alike the earlier one. A run goes on over up to `gap` bins that are not asleep.
    """
    gap = np.where(stated, STATED_GAP, ESTIMATED_GAP)
    least = np.where(stated, STATED_LEAST, ESTIMATED_LEAST)
    first, last = np.full((2, len(stated)), -1)
    who, place = np.nonzero(asleep[:, EVENING:NOON_AFTER])
    new_person = np.diff(who, prepend=-1) > 0
    start = np.flatnonzero(new_person | (np.diff(place, prepend=0) > gap[who] + 1))
    count = np.diff(start, append=len(who))
    order = np.lexsort((-count, who[start]))  # keeps those alike in order
    most = order[new_person[start]]  # each person has as many runs before and after the sort
    begin, end = start[most], start[most] + count[most] - 1
    first[who[begin]], last[who[begin]] = EVENING + place[begin], EVENING + place[end]
    short = last - first + 1 < least
    first[short] = last[short] = -1
    return first, last


def _measures(
    share: NDArray[np.float32], seen: Truths, inside: Truths, first: Integers, last: Integers
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Return minutes asleep, efficiency in per cent and onset in hours after noon."""
    found = first >= 0
    begin, end = np.where(found, first, 1), np.where(found, last, 1)

    def at(place: Integers) -> NDArray[np.float64]:
        return np.take_along_axis(share, place[:, None], 1)[:, 0].astype(np.float64)

    early, late = at(begin - 1), at(end + 1)
    onset = begin + 1 - at(begin) - early
    length = end + at(end) + late - onset
    unseen = np.count_nonzero(inside & ~seen, axis=1)
    slept = np.sum(share, axis=1, where=inside, dtype=np.float64) + early + late
    part = slept / np.where(found, length - unseen, 1)
    counted = np.concatenate([np.zeros((len(first), 1), np.int64), np.cumsum(seen, axis=1)], axis=1)

    def any_seen(start: Integers, stop: Integers) -> Truths:
        upto = np.take_along_axis(counted, np.stack([start, stop], axis=1), 1)
        return np.asarray(upto[:, 1] > upto[:, 0])

    started = found & any_seen(np.maximum(begin - SEEN_NEAR, 0), begin)
    ended = any_seen(end + 1, np.minimum(end + 1 + SEEN_NEAR, WATCHED))
    whole = started & ended & (unseen <= UNSEEN_MOST * (end - begin + 1))
    minutes = np.where(whole, part * length * BIN_MINUTES, np.nan)
    efficiency = np.where(whole, np.minimum(100 * part, 100), np.nan)
    return minutes, efficiency, np.where(started, onset / BINS_PER_HOUR, np.nan)


def _agreements(state: SleepState, rows: Integers, day: Integers, sleep: Sleep) -> NDArray[np.int8]:
    """Return the agreement of each of the last seven days, this one included; -1 = not known."""
    # What was kept is of the days up to the last closed one; later ones in between never closed.
    kept_from = day[:, None] - 1 - (day[:, None] - 1 - np.arange(REGULAR_DAYS)) % REGULAR_DAYS
    known = kept_from <= state.sleep_day[rows][:, None]
    agreement = np.where(known, state.sleep_agreement[rows], np.int8(UNKNOWN))
    bits, seen = np.packbits(sleep.asleep, axis=1), np.packbits(sleep.seen, axis=1)
    both = seen & state.sleep_known_bits[rows]
    alike = np.bitwise_count(both & ~(bits ^ state.sleep_bits[rows])).sum(axis=1, dtype=np.int64)
    compared = np.bitwise_count(both).sum(axis=1, dtype=np.int64)
    percent = (200 * alike + compared) // np.maximum(2 * compared, 1)
    valid = (compared >= COMPARED_BINS_LEAST) & (state.sleep_day[rows] == day - 1)
    agreement[np.arange(len(rows)), day % REGULAR_DAYS] = np.where(valid, percent, UNKNOWN)
    return agreement
