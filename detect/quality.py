"""Which readings can be believed, and when the device is on the body.

Promises: the same readings give the same answer however they were cut into batches; everything that
is carried from one batch to the next is a moment, a count or a value as it was read. NaN is "no
value" and stays so. A reading that is not later than the latest one of its person takes no part in
the memories; it only keeps its own worn flag. It must never invent or correct a value: it drops it.

Sources: off-body from a fall of skin temperature with stillness, Vert et al., BMC Med Res Methodol
22 (2022), who saw -0.40 +-0.17 °C a minute; 13 mg as the stillness of a device that nobody wears,
van Hees et al., PLoS ONE 8 (2013), there for the standard deviation. That 60 bpm from one reading
to the next is the sensor, unless it stays, is our own judgement.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

import numpy as np
from numpy.typing import DTypeLike, NDArray

from detect.rhythm import HEART_USUAL_FROM, RhythmState
from detect.stream import MINUTE_MS, Stream, before, highest_so_far, lifted, run_start
from tidewell.local_time import NEVER
from tidewell.vocabulary import CHANNEL_INDEX

HEART_RATE: Final = CHANNEL_INDEX["heart_rate"]
TEMPERATURE: Final = CHANNEL_INDEX["skin_temperature"]
EDA: Final = CHANNEL_INDEX["eda"]
STEPS: Final = CHANNEL_INDEX["steps"]
MOTION: Final = CHANNEL_INDEX["motion"]
WORN: Final = CHANNEL_INDEX["worn"]

JUMP_BPM: Final = 60.0
JUMP_WITHIN_MS: Final = MINUTE_MS
"""A change of 60 bpm needs longer than a minute, or it is the sensor."""
AGREE_BPM: Final = 20.0
BELIEVED_RUN: Final = 3
"""Three readings in agreement with each other are believed against the one before them."""
FLAT_GAP_MS: Final = 10 * MINUTE_MS
"""Equal values on both sides of a longer hole are not one flat line."""
HEART_FLAT_MS: Final = 30 * MINUTE_MS
SLOW_FLAT_MS: Final = 3 * 3_600_000
"""Skin temperature and skin conductance rest for long, but not for three hours on one hundredth."""
VARIES_READINGS: Final = 60
VARIES_ONE_IN: Final = 4
"""A device whose heart rate changes in a quarter of its readings does not repeat it for 30 min."""
COUNT_MOST: Final = 2**32 - 1
"""As far as four bytes count: 136 years of a reading a second."""

NO_HEART_MS: Final = 10 * MINUTE_MS
FLAT_MOTION_MG: Final = 13.0
MOTION_NOISE_MG: Final = 1.0
"""One step of the channel: a device on a table differs by no more from reading to reading."""
FLAT_MOTION_MS: Final = 30 * MINUTE_MS
FALL_CENTI_A_MINUTE: Final = 25
FALL_OVER_MINUTES: Final = (5, 6, 7)
"""The fall is measured against five minutes ago, or up to seven where that minute has no value."""
BACK_WITHIN_CENTI: Final = 100
MINUTE_SLOTS: Final = 16
"""A power of two above the longest look back, so that no slot is overwritten before it is read."""
NO_CENTI: Final = -32_768

assert max(FALL_OVER_MINUTES) < MINUTE_SLOTS  # a look back must not meet the minute being written


class QualityReason(StrEnum):
    """Why a value was dropped, or why a reading counts as off the body."""

    HEART_RATE_JUMP = "heart_rate_jump"
    HEART_RATE_FLAT = "heart_rate_flat"
    SKIN_TEMPERATURE_FLAT = "skin_temperature_flat"
    EDA_FLAT = "eda_flat"
    NOT_WORN_FLAG = "not_worn_flag"
    NO_HEART_RATE = "no_heart_rate"
    COOLING = "cooling"
    FLAT_MOTION = "flat_motion"


REASONS: Final = tuple(QualityReason)
"""`Cleaned.off` holds 1 + the place of the reason in here, and 0 where nothing says off."""

COLUMNS: Final[dict[str, tuple[DTypeLike, tuple[int, ...], float]]] = {
    # name: (type, shape of one person's entry, first value)
    "latest_ms": (np.int64, (), NEVER),
    "heart_value": (np.float32, (), np.nan),
    "heart_ms": (np.int64, (), NEVER),
    "heart_flat_ms": (np.int64, (), NEVER),
    "heart_readings": (np.uint32, (), 0),
    "heart_changes": (np.uint32, (), 0),
    "believed_value": (np.float32, (), np.nan),
    "believed_ms": (np.int64, (), NEVER),
    "jump_value": (np.float32, (), np.nan),
    "jump_run": (np.uint8, (), 0),
    "temperature_value": (np.float32, (), np.nan),
    "temperature_ms": (np.int64, (), NEVER),
    "temperature_flat_ms": (np.int64, (), NEVER),
    "eda_value": (np.float32, (), np.nan),
    "eda_ms": (np.int64, (), NEVER),
    "eda_flat_ms": (np.int64, (), NEVER),
    "flag_off_ms": (np.int64, (), NEVER),
    "heart_gone_ms": (np.int64, (), NEVER),
    "motion_value": (np.float32, (), np.nan),
    "motion_flat_ms": (np.int64, (), NEVER),
    "minute_of_slot": (np.int32, (MINUTE_SLOTS,), -1),
    "centi_of_slot": (np.int16, (MINUTE_SLOTS,), NO_CENTI),
    "temperature_minute": (np.int32, (), -1),
    "cooled_from": (np.int16, (), NO_CENTI),
    "cooled_ms": (np.int64, (), NEVER),
}


class QualityState(RhythmState):
    """The columns of this module, beside what is usual of which it reads `heart_usual`."""

    latest_ms: NDArray[np.int64]
    heart_value: NDArray[np.float32]
    heart_ms: NDArray[np.int64]
    heart_flat_ms: NDArray[np.int64]
    heart_readings: NDArray[np.uint32]
    heart_changes: NDArray[np.uint32]
    believed_value: NDArray[np.float32]
    believed_ms: NDArray[np.int64]
    jump_value: NDArray[np.float32]
    jump_run: NDArray[np.uint8]
    temperature_value: NDArray[np.float32]
    temperature_ms: NDArray[np.int64]
    temperature_flat_ms: NDArray[np.int64]
    eda_value: NDArray[np.float32]
    eda_ms: NDArray[np.int64]
    eda_flat_ms: NDArray[np.int64]
    flag_off_ms: NDArray[np.int64]
    heart_gone_ms: NDArray[np.int64]
    motion_value: NDArray[np.float32]
    motion_flat_ms: NDArray[np.int64]
    minute_of_slot: NDArray[np.int32]
    centi_of_slot: NDArray[np.int16]
    temperature_minute: NDArray[np.int32]
    cooled_from: NDArray[np.int16]
    cooled_ms: NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Cleaned:
    """What is left of a stream.

    Attributes:
        values: float32[n, channels], the same array where nothing was dropped, else a copy.
        on_time: bool[n], later than every earlier reading of the person, and not empty.
        on_body: bool[n]. off: int8[n], see `REASONS`. off_since_ms: int64[n], else NEVER.
        counts: int64[reasons], readings of this batch for each reason of `REASONS`.
    """

    values: NDArray[np.float32]
    on_time: NDArray[np.bool_]
    on_body: NDArray[np.bool_]
    off: NDArray[np.int8]
    off_since_ms: NDArray[np.int64]
    counts: NDArray[np.int64]


def clean(state: QualityState, stream: Stream) -> Cleaned:
    """Drop what cannot be believed and say when the device is on the body; move the memories on."""
    values, count = stream.values, len(stream)
    counts = np.zeros(len(REASONS), np.int64)
    on_time = _on_time(state, stream)
    part = stream if on_time.all() else stream.take(on_time)
    place = np.flatnonzero(on_time)
    for channel, reason, dropped in _dropped(state, part):
        if len(dropped):
            values = values.copy() if values is stream.values else values
            values[place[dropped], channel] = np.nan
            counts[REASONS.index(reason)] += len(dropped)
    heart, steps, flag = values[:, HEART_RATE], values[:, STEPS], values[:, WORN]
    on_body = np.where(np.isnan(flag), ~np.isnan(heart) | (steps > 0), flag > 0)
    off = np.zeros(count, np.int8)
    off[flag == 0] = 1 + REASONS.index(QualityReason.NOT_WORN_FLAG)
    since = np.full(count, NEVER, np.int64)
    if len(part):
        off[place], since[place] = _off_body(state, part, heart[place])
    on_body &= off == 0
    counts += np.bincount(off, minlength=len(REASONS) + 1)[1:]
    return Cleaned(values, on_time, on_body, off, since, counts)


def _on_time(state: QualityState, stream: Stream) -> NDArray[np.bool_]:
    """Return which readings take part, and remember the latest of each person."""
    filled = ~np.isnan(stream.values).all(axis=1)
    seed = state.latest_ms[stream.people]
    latest = highest_so_far(stream, np.where(filled, stream.time_ms, 0), seed)
    later = filled & (stream.time_ms > before(stream, latest, seed))
    if len(stream):
        reached = latest[stream.ends]
        state.latest_ms[stream.people] = np.where(reached > 0, reached, seed)
    return later


def _dropped(
    state: QualityState, part: Stream
) -> list[tuple[int, QualityReason, NDArray[np.int64]]]:
    """Return what to drop: channel, reason, places in `part`."""
    found: list[tuple[int, QualityReason, NDArray[np.int64]]] = []
    place = np.flatnonzero(~np.isnan(part.values[:, HEART_RATE]))
    if len(place):
        there = part if len(place) == len(part) else part.take(place)
        flat = _flat_heart(state, there)
        jumped = _jumps(state, there)
        found.append((HEART_RATE, QualityReason.HEART_RATE_JUMP, place[jumped]))
        found.append((HEART_RATE, QualityReason.HEART_RATE_FLAT, place[flat]))
    for channel, reason, names in _SLOW:
        place = np.flatnonzero(~np.isnan(part.values[:, channel]))
        if len(place):
            there = part if len(place) == len(part) else part.take(place)
            since, _ = _flat_since(state, there, channel, names)
            found.append((channel, reason, place[there.time_ms - since > SLOW_FLAT_MS]))
    return found


_SLOW: Final = (
    (TEMPERATURE, QualityReason.SKIN_TEMPERATURE_FLAT, "temperature"),
    (EDA, QualityReason.EDA_FLAT, "eda"),
)


def _flat_since(
    state: QualityState, there: Stream, channel: int, name: str
) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """Return since when the value is exactly the same, and where it differs from the one before."""
    last, last_ms, flat_ms = (
        getattr(state, f"{name}_{part}") for part in ("value", "ms", "flat_ms")
    )
    people, ends = there.people, there.ends
    value = there.values[:, channel]
    earlier = before(there, value, last[people])
    gap = there.time_ms - before(there, there.time_ms, last_ms[people]) > FLAT_GAP_MS
    differs = value != earlier
    everywhere = np.ones(len(there), np.bool_)
    since = run_start(there, everywhere, flat_ms[people], differs | gap)
    last[people], last_ms[people], flat_ms[people] = value[ends], there.time_ms[ends], since[ends]
    return since, differs & ~np.isnan(earlier)


def _flat_heart(state: QualityState, there: Stream) -> NDArray[np.int64]:
    """Return where heart rate stands still though it usually moves.

    Readings of a long flat line are not counted, or a line that lasts would become "usual".
    """
    since, changed = _flat_since(state, there, HEART_RATE, "heart")
    counted = there.time_ms - since <= HEART_FLAT_MS
    readings = _running_count(there, counted, state.heart_readings)
    changes = _running_count(there, changed, state.heart_changes)
    varies = (readings >= VARIES_READINGS) & (changes * VARIES_ONE_IN >= readings)
    return np.flatnonzero(~counted & varies)


def _running_count(
    there: Stream, event: NDArray[np.bool_], column: NDArray[np.uint32]
) -> NDArray[np.int64]:
    """Return how many events there were up to each reading, ever, and remember it."""
    total = np.cumsum(event, dtype=np.int64)
    first, people = there.first, there.people
    offset = column[people].astype(np.int64) - (total[first] - event[first])
    upto: NDArray[np.int64] = total + offset[there.stretch]
    column[people] = np.minimum(upto[there.ends], COUNT_MOST)
    return upto


def _jumps(state: QualityState, there: Stream) -> NDArray[np.int64]:
    """Return which heart rates jump away from the last believed one; walks only where one does."""
    people, ends, time_ms = there.people, there.ends, there.time_ms
    value = there.values[:, HEART_RATE]
    away = np.abs(value - before(there, value, state.believed_value[people])) > JUMP_BPM
    gap = time_ms - before(there, time_ms, state.believed_ms[people])
    # A run that is still open has to be walked on from the person's first reading.
    away &= gap <= JUMP_WITHIN_MS
    away[there.first] |= state.jump_run[people] > 0
    open_ends = dict.fromkeys(ends.tolist(), False)
    dropped: list[int] = []
    done = -1
    for start in np.flatnonzero(away).tolist():
        if start > done:
            stretch = int(np.searchsorted(there.first, start, side="right")) - 1
            done = _walk(state, there, start, int(ends[stretch]), dropped)
            if done < 0:
                done = int(ends[stretch])
                open_ends[done] = True
    closed = np.array([not is_open for is_open in open_ends.values()], np.bool_)
    state.believed_value[people[closed]] = value[ends[closed]]
    state.believed_ms[people[closed]] = time_ms[ends[closed]]
    state.jump_run[people[closed]] = 0
    state.jump_value[people[closed]] = np.nan
    return np.array(dropped, np.int64)


def _walk(state: QualityState, there: Stream, start: int, end: int, dropped: list[int]) -> int:
    """Drop readings from `start` until one is believed again; return its place.

    Returns -1 where the stretch ends first; the open run is then remembered.
    """
    row = int(there.row[start])
    is_first = start == 0 or there.row[start - 1] != row
    believed = float(state.believed_value[row] if is_first else there.values[start - 1, HEART_RATE])
    believed_ms = int(state.believed_ms[row] if is_first else there.time_ms[start - 1])
    run, last = (int(state.jump_run[row]), float(state.jump_value[row])) if is_first else (0, 0.0)
    for place in range(start, end + 1):
        value, time_ms = float(there.values[place, HEART_RATE]), int(there.time_ms[place])
        run = run + 1 if run and abs(value - last) <= AGREE_BPM else 1
        last = value
        near = abs(value - believed) <= JUMP_BPM
        if near or time_ms - believed_ms > JUMP_WITHIN_MS or run >= BELIEVED_RUN:
            return place
        dropped.append(place)
    state.believed_value[row], state.believed_ms[row] = believed, believed_ms
    state.jump_run[row], state.jump_value[row] = run, last
    return -1


def _off_body(
    state: QualityState, part: Stream, heart: NDArray[np.float32]
) -> tuple[NDArray[np.int8], NDArray[np.int64]]:
    """Return why each reading is off the body (0 = it is not), and since when."""
    off = np.zeros(len(part), np.int8)
    off_since = np.full(len(part), 2**62, np.int64)
    for reason, since in (
        (QualityReason.FLAT_MOTION, _flat_motion(state, part, heart)),
        (QualityReason.COOLING, _cooling(state, part, heart)),
        (QualityReason.NO_HEART_RATE, _no_heart(state, part, heart)),
        (QualityReason.NOT_WORN_FLAG, _flag_off(state, part)),
    ):
        if since is not None:
            active = since != NEVER
            off[active] = 1 + REASONS.index(reason)
            off_since = np.where(active, np.minimum(off_since, since), off_since)
    return off, np.where(off > 0, off_since, NEVER)


def _flag_off(state: QualityState, part: Stream) -> NDArray[np.int64]:
    since = run_start(part, part.values[:, WORN] == 0, state.flag_off_ms[part.people])
    state.flag_off_ms[part.people] = since[part.ends]
    return since


def _no_heart(state: QualityState, part: Stream, heart: NDArray[np.float32]) -> NDArray[np.int64]:
    """Return since when a heart rate that is usually there is missing, from ten minutes on.

    Not where the device itself says that it is worn: its young person may have switched it off.
    """
    gone = np.isnan(heart) & ~(part.values[:, STEPS] > 0) & ~(part.values[:, WORN] == 1)
    since = run_start(part, gone, state.heart_gone_ms[part.people])
    state.heart_gone_ms[part.people] = since[part.ends]
    usual = (state.heart_usual[part.people] >= HEART_USUAL_FROM)[part.stretch]
    long = gone & usual & (part.time_ms - since >= NO_HEART_MS)
    return np.where(long, since, NEVER)


def _flat_motion(
    state: QualityState, part: Stream, heart: NDArray[np.float32]
) -> NDArray[np.int64] | None:
    """Return since when the accelerometer has been lying still without a heart rate."""
    place = np.flatnonzero(~np.isnan(part.values[:, MOTION]))
    if not len(place):
        return None
    there = part.take(place)
    motion, people = there.values[:, MOTION], there.people
    moved = np.abs(motion - before(there, motion, state.motion_value[people])) > MOTION_NOISE_MG
    flat = (motion < FLAT_MOTION_MG) & np.isnan(heart[place]) & ~(there.values[:, WORN] == 1)
    since = run_start(there, flat, state.motion_flat_ms[people], moved)
    state.motion_value[people], state.motion_flat_ms[people] = motion[there.ends], since[there.ends]
    long = flat & (there.time_ms - since >= FLAT_MOTION_MS)
    found = np.full(len(part), NEVER, np.int64)
    found[place] = np.where(long, since, NEVER)
    return found


def _cooling(
    state: QualityState, part: Stream, heart: NDArray[np.float32]
) -> NDArray[np.int64] | None:
    """Return since when the device has cooled like one that was put down."""
    place = np.flatnonzero(~np.isnan(part.values[:, TEMPERATURE]))
    latched = state.cooled_ms[part.people] != NEVER
    if not len(place) and not latched.any():
        return None
    centi = np.full(len(part), NO_CENTI, np.int64)
    centi[place] = np.rint(part.values[place, TEMPERATURE].astype(np.float64) * 100)
    from_centi = np.full(len(part), NO_CENTI, np.int64)
    if len(place):
        from_centi[place] = _fallen_from(state, part.take(place), centi[place])
    steps, motion = part.values[:, STEPS], part.values[:, MOTION]
    still = ~(motion >= FLAT_MOTION_MG) & ~(steps > 0)
    falls = still & (from_centi != NO_CENTI)
    alive = ~np.isnan(heart) & (steps > 0)
    return _cooled_since(state, part, centi, from_centi, falls, alive)


def _fallen_from(state: QualityState, there: Stream, centi: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the temperature minutes ago from which it fell fast, NO_CENTI where it did not.

    The first value of a minute stands for the minute.
    """
    minute = there.time_ms // MINUTE_MS
    people = there.people
    opens = minute > before(there, minute, state.temperature_minute[people].astype(np.int64))
    kept = np.flatnonzero(opens)
    key, stretch = lifted(there, minute), there.stretch
    wanted = key - FALL_OVER_MINUTES[0]
    at = np.searchsorted(key[kept], wanted, side="right") - 1
    index = kept[np.maximum(at, 0)] if len(kept) else np.zeros(len(there), np.int64)
    inside = (at >= 0) & (stretch[index] == stretch)
    ago = np.where(inside, minute - minute[index], 0)
    origin = np.where(inside, centi[index], NO_CENTI)
    lacking = np.flatnonzero(~inside)
    for minutes in reversed(FALL_OVER_MINUTES):
        then = minute[lacking] - minutes
        where = (there.row[lacking], then % MINUTE_SLOTS)
        known = state.minute_of_slot[where] == then
        ago[lacking[known]] = minutes
        origin[lacking[known]] = state.centi_of_slot[where][known]
    # Where two minutes share a slot the later one stands: they are written in their order.
    where = (there.row[kept], minute[kept] % MINUTE_SLOTS)
    state.minute_of_slot[where], state.centi_of_slot[where] = minute[kept], centi[kept]
    state.temperature_minute[people] = minute[there.ends]
    fell = (
        (ago > 0) & (ago <= FALL_OVER_MINUTES[-1]) & (origin - centi >= FALL_CENTI_A_MINUTE * ago)
    )
    return np.where(fell, origin, NO_CENTI)


def _cooled_since(
    state: QualityState,
    part: Stream,
    centi: NDArray[np.int64],
    from_centi: NDArray[np.int64],
    falls: NDArray[np.bool_],
    alive: NDArray[np.bool_],
) -> NDArray[np.int64]:
    """Hold a fall until the device is warm or alive again; walks only where that turns."""
    stretch, people, ends = part.stretch, part.people, part.ends
    since = state.cooled_ms[people][stretch]
    held = since != NEVER
    warm = centi >= state.cooled_from[people].astype(np.int64)[stretch] - BACK_WITHIN_CENTI
    turns = np.where(held, alive | warm, falls)
    for one in np.unique(stretch[turns]).tolist():
        row, start, stop = int(people[one]), int(part.first[one]), int(ends[one]) + 1
        while start < stop:
            begun_ms, origin = int(state.cooled_ms[row]), int(state.cooled_from[row])
            if begun_ms == NEVER:
                turned = falls[start:stop]
            else:
                turned = alive[start:stop] | (centi[start:stop] >= origin - BACK_WITHIN_CENTI)
            length = int(np.argmax(turned)) if turned.any() else stop - start
            since[start : start + length] = begun_ms
            start += length
            if start < stop and begun_ms == NEVER:
                ago_ms = FALL_OVER_MINUTES[0] * MINUTE_MS
                state.cooled_ms[row] = part.time_ms[start] - ago_ms
                state.cooled_from[row] = from_centi[start]
            elif start < stop:
                state.cooled_ms[row], state.cooled_from[row] = NEVER, NO_CENTI
                since[start] = NEVER
                start += 1
    return since
