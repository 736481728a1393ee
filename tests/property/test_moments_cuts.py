"""What happens within minutes is the same however the readings were cut, and as plain loops say."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from itertools import product

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from detect.moments import MomentKind
from detect.plan_limits import Limit, set_limits
from detect.quality import REASONS, clean
from detect.stream import Stream
from detect.words import Direction
from tests.numeric.minute_streams import (
    DAY_MS,
    MINUTE_MS,
    MONDAY_MS,
    Memory,
    assert_same_memory,
    learned,
    run,
    stream_of,
    values_of,
)
from tidewell.local_time import NEVER
from tidewell.vocabulary import CHANNEL_INDEX, Level

PEOPLE = 4
EXAMPLE_KINDS = set(MomentKind)


def a_day(
    seed: int, minutes: int = 1_000, people: int = PEOPLE
) -> tuple[NDArray[np.int64], Stream]:
    """Return restless people, in one order of arrival, with every kind of fault; and their rows."""
    rng = np.random.default_rng(seed)
    count = minutes * people
    rows = np.tile(np.arange(people, dtype=np.int64), minutes)
    time_ms = MONDAY_MS + np.repeat(np.arange(minutes, dtype=np.int64), people) * MINUTE_MS
    spell = rng.integers(0, 8, (minutes // 40 + 1, people)).repeat(40, axis=0)[:minutes].ravel()
    heart = 70 + rng.normal(0, 2, count) + 16 * ((spell == 1) | (spell == 2))
    heart += 90 * ((rng.random(count) < 0.01) | ((spell == 3) & (rng.random(count) < 0.1)))
    heart = np.where(spell == 4, 66.5, heart)
    heart[(spell == 5) | (rng.random(count) < 0.03)] = np.nan
    steps = np.where((spell == 0) | (rng.random(count) < 0.004), rng.integers(0, 90, count), 0.0)
    steps[rng.random(count) < 0.05] = np.nan
    temperature = 33 + rng.normal(0, 0.1, count) - 6 * (rng.random(count) < 0.01)
    temperature -= 5 * (spell >= 6) * (rows == 1)
    values = values_of(
        count,
        heart_rate=heart,
        steps=steps,
        skin_temperature=np.where(rows < 2, temperature, np.nan),
        eda=np.where(rows == 0, 2 + rng.normal(0, 1, count), np.nan),
        motion=np.where(spell == 5, 3, rng.integers(0, 60, count)),
        worn=np.where((rows == 2) & (spell == 7), 0, np.where(rows == 2, 1, np.nan)),
    )
    time_ms += 20_000 * (rng.random(count) < 0.2)
    time_ms -= 40 * MINUTE_MS * (rng.random(count) < 0.01)
    received = time_ms + MINUTE_MS + 3_000 + 1_800_000 * ((spell == 1) & (rows == 3))
    return rows, stream_of(time_ms, values, row=rows, received_ms=received)


def people_with_plans(people: int = PEOPLE) -> Memory:
    memory = learned(people, eda_days=30)
    memory.eda_days[1:3] = 0
    for row in range(people):
        set_limits(
            memory,
            row,
            [
                Limit("heart_rate", Direction.ABOVE, 84, 5, Level.CHECK_NOW),
                Limit("heart_rate", Direction.BELOW, 67, 3, Level.CHECK_TODAY, while_resting=True),
                Limit("heart_rate", Direction.ABOVE, 78, 1, Level.FOR_REVIEW),
            ],
        )
    memory.heart_usual[3] = 0.1
    memory.charging[:, 3] = 200
    return memory


def in_parts(stream: Stream, cuts: list[int]) -> list[Stream]:
    """Return the stream cut along the order of arrival, sorted by person within each part."""
    places = np.split(np.arange(len(stream)), cuts)
    return [
        stream.take(np.flatnonzero(np.isin(stream.position, part))) for part in places if len(part)
    ]


def everything(memory: Memory, parts: list[Stream]) -> tuple[list[str], NDArray[np.int64], str]:
    """Return all that was found in `parts`, in words, so that NaN equals NaN."""
    told: list[str] = []
    counts = np.zeros(len(REASONS), np.int64)
    withheld: Counter[str] = Counter()
    for part in parts:
        cleaned, result = run(memory, part)
        told += [repr(one) for one in result.found]
        counts += cleaned.counts
        withheld.update({reason.value: number for reason, number in result.withheld.items()})
    return told, counts, repr(sorted(withheld.items()))


WHOLE = a_day(5)[1]


def test_the_day_is_worth_testing_on() -> None:
    memory = people_with_plans()
    cleaned, result = run(memory, WHOLE)
    kinds = Counter(one.kind for one in result.found)
    assert set(kinds) == EXAMPLE_KINDS
    assert len(result.found) > 40
    missing = {
        reason.value for reason, count in zip(REASONS, cleaned.counts, strict=True) if not count
    }
    assert missing <= {"skin_temperature_flat", "eda_flat"}
    assert all(result.withheld.values())
    assert not cleaned.on_time.all()


def test_batches_of_1_7_and_1000_give_the_same_moments_and_memories() -> None:
    whole = people_with_plans()
    expected = everything(whole, [WHOLE])
    for size in (1, 7, 1_000):
        cut = people_with_plans()
        told, counts, withheld = everything(cut, in_parts(WHOLE, [*range(size, len(WHOLE), size)]))
        assert told == expected[0]
        assert counts.tolist() == expected[1].tolist()
        assert withheld == expected[2]
        assert_same_memory(whole, cut)


@settings(max_examples=25)
@given(
    st.integers(0, 10_000),
    st.lists(st.integers(1, 4 * 300 - 1), max_size=25, unique=True).map(sorted),
)
def test_any_cuts_give_the_same_moments_and_memories(seed: int, cuts: list[int]) -> None:
    _, stream = a_day(seed, minutes=300)
    whole, cut = people_with_plans(), people_with_plans()
    expected, got = everything(whole, [stream]), everything(cut, in_parts(stream, cuts))
    assert got[0] == expected[0]
    assert got[1].tolist() == expected[1].tolist()
    assert got[2] == expected[2]
    assert_same_memory(whole, cut)


def plain_acute(
    stream: Stream, values: NDArray[np.float32], on_body: NDArray[np.bool_], *, eda_is_known: bool
) -> list[tuple[int, str, int]]:
    """Say when acute load begins and ends, for one person, in the most obvious way."""
    told: list[tuple[int, str, int]] = []
    tense: set[int] = set()
    covered, moved_ms, is_open = -1, NEVER, False
    for place in range(len(stream)):
        time_ms = int(stream.time_ms[place])
        heart, steps, motion, eda = (
            float(values[place, CHANNEL_INDEX[name]])
            for name in ("heart_rate", "steps", "motion", "eda")
        )
        if steps > 0 or motion >= 100:
            moved_ms = time_ms
        last = (time_ms + 59_999) // MINUTE_MS
        if last <= covered:
            continue
        minutes = range(max(time_ms // MINUTE_MS, covered + 1), last + 1)
        covered = last
        still = time_ms - moved_ms >= 10 * MINUTE_MS and not (np.isnan(steps) and np.isnan(motion))
        agrees = (eda - 2) / 0.5 >= 0.5 or not eda_is_known
        if on_body[place] and still and (heart - 70) / 4 >= 2.5 and agrees:
            tense.update(minutes)
        count = len([one for one in tense if last - 30 < one <= last])
        late = stream.received_ms[place] - time_ms - MINUTE_MS > 15 * MINUTE_MS
        if not late and ((count >= 20 and not is_open) or (count <= 5 and is_open)):
            is_open = not is_open
            told.append((place, "acute_began" if is_open else "acute_ended", count))
    return told


def plain_removed(
    stream: Stream, off_since_ms: NDArray[np.int64], on_body: NDArray[np.bool_]
) -> list[tuple[int, str, int]]:
    """Say when a device was taken off and put on, for one person, in the most obvious way."""
    told: list[tuple[int, str, int]] = []
    back_ms, is_open = NEVER, False
    for place in range(len(stream)):
        time_ms, since_ms = int(stream.time_ms[place]), int(off_since_ms[place])
        fresh = stream.received_ms[place] - time_ms - MINUTE_MS <= 15 * MINUTE_MS
        if since_ms != NEVER:
            back_ms = NEVER
            charging = time_ms % DAY_MS // 3_600_000 == 3
            if time_ms - since_ms >= 10 * MINUTE_MS and fresh and not charging and not is_open:
                is_open = True
                told.append((place, "device_removed", since_ms))
        elif on_body[place]:
            back_ms = time_ms if back_ms == NEVER else back_ms
            if is_open and fresh and time_ms - back_ms >= 10 * MINUTE_MS:
                is_open = False
                told.append((place, "device_returned", back_ms))
    return told


def test_acute_load_and_removal_equal_plain_loops() -> None:
    seen: Counter[str] = Counter()
    for seed in range(12):
        _, stream = a_day(seed, minutes=600)
        cleaned = clean(people_with_plans(), stream)
        _, result = run(people_with_plans(), stream)
        for row in range(PEOPLE):
            chosen = np.flatnonzero((stream.row == row) & cleaned.on_time)
            one, values, on_body = (
                stream.take(chosen),
                cleaned.values[chosen],
                cleaned.on_body[chosen],
            )
            acute = [
                (
                    int(np.flatnonzero(one.position == found.position)[0]),
                    found.kind.value,
                    found.minutes,
                )
                for found in result.found
                if found.row == row and found.kind.value.startswith("acute")
            ]
            assert acute == plain_acute(one, values, on_body, eda_is_known=row in {0, 3})
            removed = [
                (int(np.flatnonzero(one.position == found.position)[0]), found.kind.value)
                for found in result.found
                if found.row == row and found.kind.value.startswith("device")
            ]
            plain = plain_removed(one, cleaned.off_since_ms[chosen], on_body)
            assert removed == [(place, kind) for place, kind, _ in plain]
            seen.update(kind for _, kind, *_ in acute + removed)
    assert min(seen[kind] for kind in ("acute_began", "acute_ended")) > 20
    assert min(seen[kind] for kind in ("device_removed", "device_returned")) > 20


def plain_beyond(
    stream: Stream, heart: NDArray[np.float32], highest: float, minutes: int
) -> Iterator[tuple[int, bool, bool]]:
    """Say of each reading since when it is beyond a limit, whether for long enough, or back."""
    since_ms, last_ms = NEVER, NEVER
    for place in range(len(stream)):
        time_ms = int(stream.time_ms[place])
        apart_ms = time_ms - last_ms
        if heart[place] > highest:
            if since_ms == NEVER or apart_ms > 6 * MINUTE_MS:
                since_ms = time_ms
            last_ms = max(last_ms, time_ms)
            full = time_ms + MINUTE_MS - since_ms >= minutes * MINUTE_MS
            yield since_ms, full, apart_ms >= 240 * MINUTE_MS
        else:
            since_ms = NEVER
            yield since_ms, False, apart_ms >= 10 * MINUTE_MS


def plain_limit(
    stream: Stream, heart: NDArray[np.float32], highest: float, minutes: int
) -> list[tuple[int, str, int]]:
    """Say when a limit was reached, again, and left, for one person, in the most obvious way."""
    told: list[tuple[int, str, int]] = []
    open_ms, since_then = NEVER, "nothing"
    for place, found in enumerate(plain_beyond(stream, heart, highest, minutes)):
        since_ms, full, came_back = found
        time_ms = int(stream.time_ms[place])
        late = stream.received_ms[place] - time_ms - MINUTE_MS > 15 * MINUTE_MS
        since_then = "came back" if came_back else since_then
        hour_is_over = time_ms - open_ms >= 60 * MINUTE_MS
        if late:
            continue
        is_left = full or (came_back and since_ms == NEVER)
        if open_ms != NEVER and hour_is_over and since_then != "nothing" and is_left:
            told.append((place, "limit_ended", open_ms))
            open_ms = NEVER
        if open_ms == NEVER and full:
            open_ms, since_then = since_ms, "nothing"
            told.append((place, "limit_reached", open_ms))
        elif full and since_then == "came back":
            told.append((place, "limit_again", open_ms))
            since_then = "rose again"
    return told


def test_limits_of_a_plan_equal_a_plain_loop() -> None:
    seen: Counter[str] = Counter()
    for seed, (slot, highest, minutes) in product(range(12), [(0, 84.0, 5), (2, 78.0, 1)]):
        stream = a_day(seed, minutes=1_500)[1]
        hours = (stream.time_ms - MONDAY_MS) // 3_600_000
        stream = stream.take(np.flatnonzero((hours % 9 < 4) | (seed % 2 == 0)))
        cleaned, result = run(people_with_plans(), stream)
        heart = cleaned.values[:, CHANNEL_INDEX["heart_rate"]]
        for row in range(PEOPLE):
            counts = (stream.row == row) & cleaned.on_time & (cleaned.off == 0) & ~np.isnan(heart)
            one = stream.take(np.flatnonzero(counts))
            got = [
                (int(np.flatnonzero(one.position == said.position)[0]), said.kind, said.started_ms)
                for said in result.found
                if said.row == row and said.slot == slot
            ]
            assert got == plain_limit(one, heart[counts], highest, minutes)
            seen.update(kind.value for _, kind, _ in got)
    assert min(seen[f"limit_{kind}"] for kind in ("reached", "again", "ended")) > 20, seen


def plain_quality(stream: Stream) -> tuple[set[int], set[int]]:
    """Say which heart rates of one person jump, and which lie on a flat line: places."""
    jumped: set[int] = set()
    flat: set[int] = set()
    believed, believed_ms, run_length, last = np.nan, NEVER, 0, np.nan
    previous, previous_ms, since_ms, readings, changes = np.nan, NEVER, NEVER, 0, 0
    for place in range(len(stream)):
        time_ms = int(stream.time_ms[place])
        heart = float(stream.values[place, CHANNEL_INDEX["heart_rate"]])
        if np.isnan(heart):
            continue
        run_length = run_length + 1 if run_length and abs(heart - last) <= 20 else 1
        last = heart
        far = time_ms - believed_ms <= MINUTE_MS and abs(heart - believed) > 60
        if far and run_length < 3:
            jumped.add(place)
        else:
            believed, believed_ms, run_length = heart, time_ms, 0
        if heart != previous or time_ms - previous_ms > 10 * MINUTE_MS:
            since_ms = time_ms
        long = time_ms - since_ms > 30 * MINUTE_MS
        readings += not long
        changes += heart != previous and not np.isnan(previous)
        if long and readings >= 60 and changes * 4 >= readings:
            flat.add(place)
        previous, previous_ms = heart, time_ms
    return jumped, flat


def test_dropped_heart_rates_equal_a_plain_loop() -> None:
    jumps = flats = 0
    for seed in range(12):
        _, stream = a_day(seed, minutes=600)
        on_time = clean(people_with_plans(), stream).on_time
        memory = people_with_plans()
        cleaned = clean(memory, stream)
        for row in range(PEOPLE):
            chosen = np.flatnonzero((stream.row == row) & on_time)
            jumped, flat = plain_quality(stream.take(chosen))
            before = stream.values[chosen, CHANNEL_INDEX["heart_rate"]]
            after = cleaned.values[chosen, CHANNEL_INDEX["heart_rate"]]
            assert (
                set(np.flatnonzero(~np.isnan(before) & np.isnan(after)).tolist()) == jumped | flat
            )
            jumps, flats = jumps + len(jumped), flats + len(flat)
    assert jumps > 200
    assert flats > 50
