"""What begins and ends within minutes: acute load, limits of the agreed plan, a device taken off.

Promises: the same readings give the same moments and the same memories, bit for bit, however they
were cut into batches. A reading that is old news when it arrives moves the memories and decides
nothing: late data never pages as now, and never clears what is open. It must never learn: what is
usual (`detect.rhythm`) changes only when a day closes, between two calls.

Acute load: heart rate at least 2.5 spreads above usual for this time of day, skin conductance
above usual where it is measured, no movement for ten minutes and not asleep, in 20 of the last 30
minutes. Of people whose skin conductance is known, minutes without it count for the day and for no
moment: nothing is said within minutes that it did not agree to. Single readings say little
(within-person AUC of heart rate 0.64 in Stress-Predict), so only load that lasts counts. The
hysteresis of 20 and 5 minutes is a judgement: half an hour that is mostly tense, until calm.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

import numpy as np
from numpy.typing import DTypeLike, NDArray

from detect import plan_limits
from detect.baseline import USUAL_HALF_WIDTH, is_weekend
from detect.plan_limits import NO_SLOT, LimitState, LimitTurn, Step, follow_limit, turn_limit
from detect.quality import HEART_RATE, REASONS, Cleaned, QualityReason
from detect.rhythm import (
    LEAST_DAYS,
    eda_residual_z,
    heart_residual_z,
    heart_usual_band,
    usually_charging,
)
from detect.stream import (
    MINUTE_MS,
    Stream,
    before,
    held,
    highest_so_far,
    lifted,
    run_start,
    turns,
)
from tidewell.local_time import DAY_MS, NEVER
from tidewell.vocabulary import CHANNEL_INDEX

EDA: Final = CHANNEL_INDEX["eda"]
STEPS: Final = CHANNEL_INDEX["steps"]
MOTION: Final = CHANNEL_INDEX["motion"]
SLEEP_STATE: Final = CHANNEL_INDEX["sleep_state"]

OLD_NEWS_MS: Final = 15 * MINUTE_MS
"""Counted from the end of the epoch: who is told "now" has to find it so."""
AROUSED_FROM_Z: Final = 2.5
EDA_FROM_Z: Final = 0.5
"""Skin conductance only has to agree; alone it is too noisy to decide."""
STILL_AFTER_MS: Final = 10 * MINUTE_MS
"""Heart rate takes minutes to come down after a walk."""
MOVING_FROM_MG: Final = 100.0
"""Mean absolute deviation of slow walking; fidgeting and typing stay below."""
WINDOW_MINUTES: Final = 30
BEGINS_FROM_MINUTES: Final = 20
ENDS_AT_MINUTES: Final = 5
RING_MINUTES: Final = 64
"""Bits of one whole number; twice the window."""
SPAN_MOST: Final = 60
"""Minutes of the longest epoch of the wire format."""

REMOVED_AFTER_MS: Final = 10 * MINUTE_MS
"""Long enough for a shower or a look at the clasp, short enough to be said within 15 minutes."""
BACK_AFTER_MS: Final = 10 * MINUTE_MS

_WINDOW_MASK: Final = np.uint64((1 << WINDOW_MINUTES) - 1)

assert ENDS_AT_MINUTES < BEGINS_FROM_MINUTES <= WINDOW_MINUTES <= RING_MINUTES
assert SPAN_MOST < RING_MINUTES

COLUMNS: Final[dict[str, tuple[DTypeLike, tuple[int, ...], float]]] = {
    # name: (type, shape of one person's entry, first value)
    "moved_ms": (np.int64, (), NEVER),
    "covered_minute": (np.int64, (), -1),
    "aroused_ring": (np.uint64, (), 0),
    "acute_ms": (np.int64, (), NEVER),
    "aroused_minutes": (np.uint16, (2,), 0),
    "removed_ms": (np.int64, (), NEVER),
    "back_ms": (np.int64, (), NEVER),
    **plan_limits.COLUMNS,
}


class MomentState(LimitState):
    """The columns of this module; with it come those of `detect.quality` and `detect.rhythm`.

    Bit i of `aroused_ring` is the minute `covered_minute` - i. `acute_ms`, `removed_ms` and
    `limit_ms` say since when something is open, NEVER where nothing is.
    """

    moved_ms: NDArray[np.int64]
    covered_minute: NDArray[np.int64]
    aroused_ring: NDArray[np.uint64]
    acute_ms: NDArray[np.int64]
    aroused_minutes: NDArray[np.uint16]
    removed_ms: NDArray[np.int64]
    back_ms: NDArray[np.int64]


class MomentKind(StrEnum):
    """What began or ended."""

    ACUTE_BEGAN = "acute_began"
    ACUTE_ENDED = "acute_ended"
    LIMIT_REACHED = "limit_reached"
    LIMIT_AGAIN = "limit_again"
    LIMIT_ENDED = "limit_ended"
    DEVICE_REMOVED = "device_removed"
    DEVICE_RETURNED = "device_returned"


_LIMIT_KINDS: Final = {
    Step.REACHED: MomentKind.LIMIT_REACHED,
    Step.AGAIN: MomentKind.LIMIT_AGAIN,
    Step.ENDED: MomentKind.LIMIT_ENDED,
}


class WithheldReason(StrEnum):
    """Why a reading that would have begun something did not."""

    OLD_NEWS = "old_news"
    CHARGING = "charging"


@dataclass(frozen=True, slots=True)
class Moment:
    """Something began or ended at a reading.

    Attributes:
        position: place of the deciding reading in the batch. row: whose.
        started_ms: since when. at_ms: time of the deciding reading.
        value: what it read, NaN = none. usual_low, usual_high: what is usual then, or the limit on
            its side; NaN = none. minutes: how long, or how many tense minutes of the last 30.
        slot: which limit, else -1. off: why the device is off the body, else None.
    """

    position: int
    row: int
    kind: MomentKind
    started_ms: int
    at_ms: int
    value: float = np.nan
    usual_low: float = np.nan
    usual_high: float = np.nan
    minutes: int = 0
    slot: int = NO_SLOT
    off: QualityReason | None = None


@dataclass(frozen=True, slots=True)
class Moments:
    """What a batch brought: moments in the order of position, and readings withheld by reason."""

    found: list[Moment]
    withheld: dict[WithheldReason, int]


@dataclass(frozen=True, slots=True)
class _Flow:
    """The readings that decide, with what all rules ask of them: arrays of length n."""

    stream: Stream
    fresh: NDArray[np.bool_]
    resting: NDArray[np.bool_]
    on_body: NDArray[np.bool_]
    off: NDArray[np.int8]
    off_since_ms: NDArray[np.int64]

    def take(self, chosen: NDArray[np.bool_]) -> _Flow:
        return _Flow(
            self.stream.take(chosen),
            self.fresh[chosen],
            self.resting[chosen],
            self.on_body[chosen],
            self.off[chosen],
            self.off_since_ms[chosen],
        )


def clear_aroused(state: MomentState, rows: NDArray[np.int64], slot: NDArray[np.int64]) -> None:
    """Empty the tense minutes of a day slot (day % 2) of each person."""
    state.aroused_minutes[rows, slot] = 0


def moments(state: MomentState, stream: Stream, cleaned: Cleaned) -> Moments:
    """Return what these readings begin and end; move the memories on.

    Args:
        stream: sorted readings. cleaned: what `detect.quality.clean` said of the same stream.
    """
    withheld = dict.fromkeys(WithheldReason, 0)
    flow = _flow(state, stream, cleaned)
    if not len(flow.stream):
        return Moments([], withheld)
    found = _removed(state, flow, withheld)
    paced, start, end = _paced(state, flow)
    if len(paced.stream):
        found += _acute(state, paced, start, end, withheld)
    found += _limits(state, flow, withheld)
    return Moments(sorted(found, key=lambda one: one.position), withheld)


def _flow(state: MomentState, stream: Stream, cleaned: Cleaned) -> _Flow:
    """Return the readings that take part; remember the last movement."""
    cleaned_stream = Stream(
        stream.position, stream.row, stream.first, stream.time_ms, stream.received_ms,
        stream.period_s, stream.local_ms, cleaned.values,
    )  # fmt: skip
    chosen = cleaned.on_time
    part = cleaned_stream if chosen.all() else cleaned_stream.take(chosen)
    steps, motion = part.values[:, STEPS], part.values[:, MOTION]
    moved = (steps > 0) | (motion >= MOVING_FROM_MG)
    last_ms = highest_so_far(part, np.where(moved, part.time_ms, 0), state.moved_ms[part.people])
    if len(part):
        state.moved_ms[part.people] = np.where(last_ms[part.ends] > 0, last_ms[part.ends], NEVER)
    known = ~(np.isnan(steps) & np.isnan(motion))
    late_ms = part.received_ms - part.time_ms - part.period_s * 1000
    return _Flow(
        part,
        late_ms <= OLD_NEWS_MS,
        known & (part.time_ms - last_ms >= STILL_AFTER_MS),
        cleaned.on_body[chosen],
        cleaned.off[chosen],
        cleaned.off_since_ms[chosen],
    )


def _paced(state: MomentState, flow: _Flow) -> tuple[_Flow, NDArray[np.int64], NDArray[np.int64]]:
    """Return the readings that open minutes, and the first and last minute that each stands for.

    The first reading of a minute stands for it, so that a device that samples every second is not
    tense more often than one that samples every minute.
    """
    part = flow.stream
    end = (part.time_ms + part.period_s * 1000 - 1) // MINUTE_MS
    seed = state.covered_minute[part.people]
    covered = before(part, highest_so_far(part, end, seed), seed)
    opens = end > covered
    start = np.maximum(part.time_ms // MINUTE_MS, covered + 1)
    return (flow if opens.all() else flow.take(opens)), start[opens], end[opens]


def _aroused(state: MomentState, flow: _Flow) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Return which readings are tense while still, and which of them skin conductance agrees to.

    Where it was never learned, it is not asked.
    """
    part, found = flow.stream, np.zeros((2, len(flow.stream)), np.bool_)
    awake = ~(part.values[:, SLEEP_STATE] > 0)
    place = np.flatnonzero(
        flow.resting & flow.on_body & awake & ~np.isnan(part.values[:, HEART_RATE])
    )
    row, local_ms, values = part.row[place], part.local_ms[place], part.values[place]
    weekend = is_weekend(local_ms // DAY_MS)
    tense = heart_residual_z(state, row, local_ms, weekend, values[:, HEART_RATE]) >= AROUSED_FROM_Z
    place, few = place[tense], np.flatnonzero(tense)
    eda = eda_residual_z(state, row[few], local_ms[few], weekend[few], values[few, EDA])
    found[0, place[~(eda < EDA_FROM_Z)]] = True
    found[1, place[(eda >= EDA_FROM_Z) | (state.eda_days[row[few]] < LEAST_DAYS)]] = True
    return found[0], found[1]


def _acute(
    state: MomentState,
    flow: _Flow,
    start: NDArray[np.int64],
    end: NDArray[np.int64],
    withheld: dict[WithheldReason, int],
) -> list[Moment]:
    part, people = flow.stream, flow.stream.people
    aroused, agreed = _aroused(state, flow)
    slots = part.local_ms[aroused] // DAY_MS % 2
    spans = np.minimum(end - start + 1, SPAN_MOST)[aroused]
    np.add.at(state.aroused_minutes, (part.row[aroused], slots), spans.astype(np.uint16))
    concerned = state.aroused_ring[people] > 0
    concerned |= np.logical_or.reduceat(agreed, part.first)
    concerned |= state.acute_ms[people] != NEVER
    chosen = concerned[part.stretch]
    found: list[Moment] = []
    if chosen.any():
        few, s, e, tense = flow.take(chosen), start[chosen], end[chosen], agreed[chosen]
        count = _count_in_window(state, few.stream, s, e, tense)
        found = _acute_turns(state, few, count, (s, e, tense), withheld)
        _remember_ring(state, few.stream, s, e, tense)
    state.covered_minute[people] = end[part.ends]
    return found


def _count_in_window(
    state: MomentState,
    part: Stream,
    start: NDArray[np.int64],
    end: NDArray[np.int64],
    tense: NDArray[np.bool_],
) -> NDArray[np.int64]:
    """Return how many of the last 30 minutes up to each reading were tense: int64[n]."""
    upto = np.cumsum(tense)
    spans = np.concatenate([[0], np.cumsum((end - start + 1)[tense])])
    window = end - WINDOW_MINUTES
    lowest = np.searchsorted(lifted(part, end)[tense], lifted(part, window), side="right")
    within = np.flatnonzero(lowest < upto)
    outside = np.zeros(len(part), np.int64)
    outside[within] = np.maximum(window[within] - start[tense][lowest[within]] + 1, 0)
    inside = np.where(lowest < upto, spans[upto] - spans[lowest], 0) - outside
    count: NDArray[np.int64] = inside + np.bitwise_count(
        _carried_ring(state, part, end) & _WINDOW_MASK
    )
    return count


def _carried_ring(state: MomentState, part: Stream, end: NDArray[np.int64]) -> NDArray[np.uint64]:
    """Return the ring from before each stretch as it stands at the minutes `end`: uint64[n]."""
    passed = end - state.covered_minute[part.row]
    near = passed < RING_MINUTES
    shift = np.where(near, passed, 0).astype(np.uint64)
    return np.where(near, state.aroused_ring[part.row] << shift, np.uint64(0))


def _remember_ring(
    state: MomentState,
    part: Stream,
    start: NDArray[np.int64],
    end: NDArray[np.int64],
    tense: NDArray[np.bool_],
) -> None:
    last = end[part.ends]
    ago = last[part.stretch] - end
    kept = tense & (ago < RING_MINUTES)
    span = np.minimum(end - start + 1, SPAN_MOST).astype(np.uint64)
    one = np.uint64(1)
    bits = ((one << span) - one) << np.where(kept, ago, 0).astype(np.uint64)
    fresh = np.bitwise_or.reduceat(np.where(kept, bits, np.uint64(0)), part.first)
    state.aroused_ring[part.people] = fresh | _carried_ring(state, part, end)[part.ends]


def _acute_turns(
    state: MomentState,
    flow: _Flow,
    count: NDArray[np.int64],
    minutes: tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.bool_]],
    withheld: dict[WithheldReason, int],
) -> list[Moment]:
    part = flow.stream
    open_before = state.acute_ms[part.people] != NEVER
    enough = count >= BEGINS_FROM_MINUTES
    is_open = held(part, enough & flow.fresh, (count <= ENDS_AT_MINUTES) & flow.fresh, open_before)
    withheld[WithheldReason.OLD_NEWS] += int(np.count_nonzero(enough & ~flow.fresh & ~is_open))
    found: list[Moment] = []
    for place, opens in turns(part, is_open, open_before):
        row = int(part.row[place])
        if opens:
            state.acute_ms[row] = _first_tense_ms(state, part, place, minutes)
        kind = MomentKind.ACUTE_BEGAN if opens else MomentKind.ACUTE_ENDED
        low, high = _usual_range(state, part, place)
        found.append(
            Moment(
                int(part.position[place]), row, kind, int(state.acute_ms[row]),
                int(part.time_ms[place]), float(part.values[place, HEART_RATE]), low, high,
                int(count[place]),
            )
        )  # fmt: skip
        if not opens:
            state.acute_ms[row] = NEVER
    return found


def _first_tense_ms(
    state: MomentState,
    part: Stream,
    place: int,
    minutes: tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.bool_]],
) -> int:
    """Return the first tense minute of the window that ends at a reading."""
    start, end, tense = minutes
    one = slice(place, place + 1)
    ring = int(_carried_ring(state, part.take(np.array([place])), end[one])[0] & _WINDOW_MASK)
    if ring:
        return int(end[place] - ring.bit_length() + 1) * MINUTE_MS
    window = int(end[place]) - WINDOW_MINUTES
    first = int(part.first[part.stretch[place]])
    inside = np.flatnonzero(tense[first : place + 1] & (end[first : place + 1] > window))
    return max(int(start[first + inside[0]]), window + 1) * MINUTE_MS


def _usual_range(state: MomentState, part: Stream, place: int) -> tuple[float, float]:
    one = slice(place, place + 1)
    weekend = is_weekend(part.local_ms[one] // DAY_MS)
    centre, scale = heart_usual_band(state, part.row[one], part.local_ms[one], weekend)
    half = USUAL_HALF_WIDTH * scale
    return float((centre - half)[0]), float((centre + half)[0])


def _removed(state: MomentState, flow: _Flow, withheld: dict[WithheldReason, int]) -> list[Moment]:
    """Return devices taken off and put on again, among readings that say either."""
    decides = (flow.off > 0) | flow.on_body
    if not decides.all():
        flow = flow.take(decides)
    part, people = flow.stream, flow.stream.people
    if not len(part):
        return []
    is_off = flow.off > 0
    back_ms = run_start(part, ~is_off, state.back_ms[people])
    state.back_ms[people] = back_ms[part.ends]
    open_before = state.removed_ms[people] != NEVER
    if not is_off.any() and not open_before.any():
        return []
    long_off = is_off & (part.time_ms - flow.off_since_ms >= REMOVED_AFTER_MS)
    charging = usually_charging(state, part.row, part.local_ms)
    long_back = ~is_off & (part.time_ms - back_ms >= BACK_AFTER_MS)
    begins = long_off & flow.fresh & ~charging
    is_open = held(part, begins, long_back & flow.fresh, open_before)
    would = long_off & ~is_open
    withheld[WithheldReason.OLD_NEWS] += int(np.count_nonzero(would & ~flow.fresh))
    withheld[WithheldReason.CHARGING] += int(np.count_nonzero(would & flow.fresh))
    return [
        _removed_moment(state, flow, place, opens, int(back_ms[place]))
        for place, opens in turns(part, is_open, open_before)
    ]


def _removed_moment(
    state: MomentState, flow: _Flow, place: int, opens: bool, back_ms: int
) -> Moment:
    part, row = flow.stream, int(flow.stream.row[place])
    at_ms = int(part.time_ms[place])
    if opens:
        state.removed_ms[row] = int(flow.off_since_ms[place])
    started_ms = int(state.removed_ms[row])
    off = REASONS[int(flow.off[place]) - 1] if opens else None
    if not opens:
        state.removed_ms[row] = NEVER
    kind = MomentKind.DEVICE_REMOVED if opens else MomentKind.DEVICE_RETURNED
    minutes = ((at_ms if opens else back_ms) - started_ms) // MINUTE_MS
    return Moment(int(part.position[place]), row, kind, started_ms, at_ms, minutes=minutes, off=off)


def _limits(state: MomentState, flow: _Flow, withheld: dict[WithheldReason, int]) -> list[Moment]:
    """Return limits that were reached or left, of the people whose plan has any."""
    counts = state.limit_count[flow.stream.row]
    found: list[Moment] = []
    for slot in range(int(counts.max())):
        found += _one_limit(state, flow, slot, counts > slot, withheld)
    return found


def _one_limit(
    state: MomentState,
    flow: _Flow,
    slot: int,
    has_it: NDArray[np.bool_],
    withheld: dict[WithheldReason, int],
) -> list[Moment]:
    row = flow.stream.row
    value = flow.stream.values[np.arange(len(row)), state.limit_channel[row, slot]]
    at_rest = flow.resting | (state.limit_resting[row, slot] == 0)
    # A limit is silenced only where the device is known to be off, not where nobody can say.
    few = flow.take(has_it & (flow.off == 0) & at_rest & ~np.isnan(value))
    part = few.stream
    if not len(part):
        return []
    beyond = follow_limit(state, part, slot)
    told, old = turn_limit(state, part, slot, beyond, few.fresh)
    withheld[WithheldReason.OLD_NEWS] += old
    return [_limit_moment(state, part, slot, one) for one in told]


def _limit_moment(state: MomentState, part: Stream, slot: int, turn: LimitTurn) -> Moment:
    place = turn.place
    row, at_ms = int(part.row[place]), int(part.time_ms[place])
    limit, above = float(state.limit_value[row, slot]), bool(state.limit_above[row, slot])
    return Moment(
        int(part.position[place]),
        row,
        _LIMIT_KINDS[turn.step],
        turn.started_ms,
        at_ms,
        float(part.values[place, state.limit_channel[row, slot]]),
        np.nan if above else limit,
        limit if above else np.nan,
        (at_ms + int(part.period_s[place]) * 1000 - turn.started_ms) // MINUTE_MS,
        slot,
    )
