"""Acute load, limits of the agreed plan, and a device taken off: when each begins and ends."""

from __future__ import annotations

import numpy as np
import pytest

from detect.moments import MomentKind, WithheldReason, clear_aroused, moments
from detect.plan_limits import Limit, limit_of, set_limits
from detect.quality import QualityReason, clean
from detect.stream import Stream
from detect.words import Direction
from tests.numeric.minute_streams import (
    DAY_MS,
    HOUR_MS,
    MINUTE_MS,
    MONDAY_MS,
    Memory,
    found,
    learned,
    minutes_of,
    run,
    stream_of,
    told,
    values_of,
)
from tidewell.local_time import NEVER
from tidewell.vocabulary import CHANNEL_INDEX, Level

NAN = np.nan
NINE_MS = MONDAY_MS + 9 * HOUR_MS


def tense_from(minute: int, upto: int, count: int) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    place = np.arange(count)
    return np.where((place >= minute) & (place < upto), 82.0, 70.0) + place % 5 / 10


def test_acute_load_begins_after_20_tense_minutes_and_ends_when_5_are_left() -> None:
    memory = learned()
    heart = tense_from(60, 90, 200)
    got = found(memory, minutes_of(200, heart_rate=heart, steps=0, from_ms=NINE_MS))
    assert told(got, NINE_MS) == [("acute_began", 60, 79), ("acute_ended", 60, 114)]
    began = got[0]
    assert (began.minutes, round(began.value)) == (20, 82)
    assert began.usual_low == pytest.approx(70 - 4 * 1.2816)
    assert began.usual_high == pytest.approx(70 + 4 * 1.2816)
    assert memory.aroused_minutes[0].tolist() == [0, 30] or memory.aroused_minutes[0].tolist() == [
        30,
        0,
    ]


@pytest.mark.parametrize(
    ("channel", "value"),
    [("steps", 5.0), ("motion", 150.0), ("sleep_state", 1.0), ("eda", 1.5), ("worn", 0.0)],
)
def test_movement_sleep_calm_skin_or_a_device_off_the_body_is_no_acute_load(
    channel: str, value: float
) -> None:
    stream = minutes_of(90, heart_rate=tense_from(0, 90, 90), steps=0, eda=3.0)
    assert [one.kind for one in found(learned(eda_days=30), stream)] == ["acute_began"]
    stream.values[:, CHANNEL_INDEX[channel]] = value
    kinds = {one.kind for one in found(learned(eda_days=30), stream)}
    assert MomentKind.ACUTE_BEGAN not in kinds


@pytest.mark.parametrize(("eda_days", "begins"), [(0, True), (4, True), (5, False), (30, False)])
def test_without_a_skin_conductance_that_is_known_nothing_is_said_and_the_day_counts(
    eda_days: int, begins: bool
) -> None:
    memory = learned(eda_days=eda_days)
    got = found(memory, minutes_of(90, heart_rate=tense_from(0, 90, 90), steps=0))
    assert [one.kind for one in got] == [MomentKind.ACUTE_BEGAN] * begins
    assert memory.aroused_minutes.sum() == 90


def test_a_single_step_hides_arousal_for_ten_minutes() -> None:
    steps = np.where(np.arange(90) == 10, 3, 0)
    got = found(learned(), minutes_of(90, heart_rate=tense_from(0, 90, 90), steps=steps))
    assert told(got) == [("acute_began", 0, 29)]


def test_nobody_is_called_still_where_movement_is_not_measured() -> None:
    assert found(learned(), minutes_of(90, heart_rate=tense_from(0, 90, 90))) == []


def test_nothing_is_unusual_for_somebody_who_is_not_known_yet() -> None:
    memory = Memory(1)
    assert found(memory, minutes_of(90, heart_rate=tense_from(0, 90, 90), steps=0)) == []


def test_a_device_of_one_second_or_five_minutes_says_the_same() -> None:
    for period_s in (1, 5, 300):
        count = 5_400 // period_s
        time_ms = NINE_MS + np.arange(count, dtype=np.int64) * period_s * 1000
        heart = np.where(time_ms >= NINE_MS + 30 * MINUTE_MS, 82.0, 70.0)
        heart += np.arange(count) % 5 / 10
        memory = learned()
        stream = stream_of(time_ms, values_of(count, heart_rate=heart, steps=0), period_s=period_s)
        got = found(memory, stream)
        assert [(one.kind, one.started_ms) for one in got] == [
            (MomentKind.ACUTE_BEGAN, NINE_MS + 30 * MINUTE_MS)
        ]
        assert 49 <= (got[0].at_ms + period_s * 1000 - NINE_MS) / MINUTE_MS <= 50
        assert memory.aroused_minutes.sum() == 60


def test_tense_minutes_go_to_their_own_day_and_are_cleared_by_it() -> None:
    memory = learned()
    from_ms = MONDAY_MS + DAY_MS - 20 * MINUTE_MS
    heart = tense_from(0, 50, 50)
    run(memory, minutes_of(50, heart_rate=heart, steps=0, from_ms=from_ms))
    slot = MONDAY_MS // DAY_MS % 2
    assert memory.aroused_minutes[0, slot] == 20
    assert memory.aroused_minutes[0, 1 - slot] == 30
    clear_aroused(memory, np.array([0]), np.array([slot]))
    assert memory.aroused_minutes[0].sum() == 30


def delivered_late(stream: Stream, by_ms: int) -> Stream:
    return stream_of(stream.time_ms, stream.values, received_ms=stream.time_ms + MINUTE_MS + by_ms)


def test_old_news_begins_nothing_ends_nothing_and_is_counted() -> None:
    memory = learned()
    set_limits(memory, 0, [Limit("heart_rate", Direction.ABOVE, 75, 5, Level.CHECK_NOW)])
    tense = minutes_of(60, heart_rate=tense_from(0, 60, 60), steps=0)
    _, late = run(memory, delivered_late(tense, 15 * MINUTE_MS + 1))
    assert late.found == []
    assert late.withheld[WithheldReason.OLD_NEWS] == 41 + 56
    after = minutes_of(1, heart_rate=82, steps=0, from_ms=MONDAY_MS + 60 * MINUTE_MS)
    assert {one.kind.value for one in found(memory, after)} == {"acute_began", "limit_reached"}
    calm_ms = MONDAY_MS + 61 * MINUTE_MS
    calm = minutes_of(60, heart_rate=tense_from(0, 0, 60), steps=0, from_ms=calm_ms)
    assert found(memory, delivered_late(calm, HOUR_MS)) == []
    assert memory.acute_ms[0] > 0


def test_a_device_that_was_off_long_ago_is_not_off_now() -> None:
    memory = learned()
    off = minutes_of(60, heart_rate=taken_off(20, 60, 60), steps=0)
    late = run(memory, delivered_late(off, HOUR_MS))[1]
    assert late.found == []
    assert late.withheld[WithheldReason.OLD_NEWS] == 30
    now = minutes_of(1, heart_rate=NAN, steps=0, from_ms=MONDAY_MS + 60 * MINUTE_MS)
    assert told(found(memory, now)) == [("device_removed", 20, 60)]
    back_ms = MONDAY_MS + 61 * MINUTE_MS
    back = minutes_of(30, heart_rate=tense_from(0, 0, 30), steps=0, from_ms=back_ms)
    assert found(memory, delivered_late(back, HOUR_MS)) == []


def test_what_is_15_minutes_old_is_still_now() -> None:
    tense = minutes_of(60, heart_rate=tense_from(0, 60, 60), steps=0)
    assert [one.kind for one in found(learned(), delivered_late(tense, 15 * MINUTE_MS))] == [
        MomentKind.ACUTE_BEGAN
    ]


LIMITS = [
    Limit("heart_rate", Direction.ABOVE, 120, 5, Level.CHECK_NOW, while_resting=True),
    Limit("spo2", Direction.BELOW, 90, 2, Level.CHECK_TODAY),
]


def test_a_limit_is_decided_by_the_reading_that_completes_its_minutes() -> None:
    memory = Memory(1)
    set_limits(memory, 0, LIMITS)
    spo2 = np.array([95, 89, 95, 89, 88, 89, 95, *[96] * 70])
    got = found(memory, minutes_of(len(spo2), spo2=spo2))
    assert told(got) == [("limit_reached", 3, 4), ("limit_ended", 3, 63)]
    assert (got[0].value, got[0].usual_low, got[0].slot, got[0].minutes) == (88, 90, 1, 2)
    assert np.isnan(got[0].usual_high)
    assert limit_of(memory, 0, got[0].slot) == LIMITS[1]


def test_a_resting_limit_does_not_count_while_moving() -> None:
    for steps, expected in ((0, [("limit_reached", 0, 4)]), (30, [])):
        memory = Memory(1)
        set_limits(memory, 0, LIMITS)
        got = found(memory, minutes_of(30, heart_rate=130 + np.arange(30) % 2 / 2, steps=steps))
        assert told(got) == expected


def test_a_value_on_the_limit_is_within_it_and_a_hole_begins_anew() -> None:
    memory = Memory(1)
    set_limits(memory, 0, LIMITS)
    assert found(memory, minutes_of(30, spo2=90)) == []
    times = MONDAY_MS + HOUR_MS + np.array([0, 7, 8]) * MINUTE_MS
    got = found(memory, stream_of(times, values_of(3, spo2=80)))
    assert told(got, MONDAY_MS + HOUR_MS) == [("limit_reached", 7, 8)]


def low_at(*minutes: int, count: int) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    """Return oxygen that is below the limit in these minutes and above it in all others."""
    return np.where(np.isin(np.arange(count), minutes), 85.0, 96.0)


ONE_MINUTE = [Limit("spo2", Direction.BELOW, 90, 1, Level.CHECK_NOW)]


def test_a_limit_of_one_minute_is_told_once_an_hour_at_most_and_every_rise_is_said() -> None:
    memory = Memory(1)
    set_limits(memory, 0, ONE_MINUTE)
    often = np.arange(0, 1_440, 12)
    got = found(memory, minutes_of(1_440, spo2=low_at(*often, count=1_440)))
    kinds = [one.kind for one in got]
    assert kinds.count(MomentKind.LIMIT_REACHED) == 24
    said = {one.at_ms for one in got if one.kind is not MomentKind.LIMIT_ENDED}
    assert {(at_ms - MONDAY_MS) // MINUTE_MS for at_ms in said} >= {0, 12, 60, 72, 1_428}


def test_a_rise_within_the_hour_that_lasts_beyond_it_is_a_change_of_its_own() -> None:
    memory = Memory(1)
    set_limits(memory, 0, ONE_MINUTE)
    got = found(memory, minutes_of(80, spo2=low_at(0, *range(40, 80), count=80)))
    assert told(got) == [
        ("limit_reached", 0, 0),
        ("limit_again", 0, 40),
        ("limit_ended", 0, 60),
        ("limit_reached", 40, 60),
    ]


def test_what_was_told_before_days_without_data_does_not_hide_what_comes_after() -> None:
    memory = Memory(1)
    set_limits(memory, 0, ONE_MINUTE)
    assert told(found(memory, minutes_of(2, spo2=85))) == [("limit_reached", 0, 0)]
    for later_minutes, expected in ((239, []), (239 + 3 * 1_440, ["limit_ended", "limit_reached"])):
        from_ms = MONDAY_MS + later_minutes * MINUTE_MS
        got = found(memory, minutes_of(1, spo2=85, from_ms=from_ms))
        assert [one.kind.value for one in got] == expected
    assert memory.limit_ms[0, 0] == from_ms


def test_an_old_buffer_within_a_limit_does_not_hide_the_next_rise() -> None:
    memory = Memory(1)
    set_limits(memory, 0, ONE_MINUTE)
    found(memory, minutes_of(1, spo2=85))
    within = minutes_of(180, spo2=96, from_ms=MONDAY_MS + MINUTE_MS)
    assert found(memory, delivered_late(within, DAY_MS)) == [], "late data clears nothing"
    rise = minutes_of(1, spo2=85, from_ms=MONDAY_MS + 181 * MINUTE_MS)
    assert [one.kind.value for one in found(memory, rise)] == ["limit_ended", "limit_reached"]


def test_a_limit_keeps_what_it_counted_in_another_place_of_the_plan() -> None:
    memory = Memory(1)
    set_limits(memory, 0, LIMITS)
    found(memory, minutes_of(5, spo2=80))
    open_since_ms = memory.limit_ms[0, 1]
    assert open_since_ms == MONDAY_MS
    assert set_limits(memory, 0, LIMITS[1:]) == ()
    assert memory.limit_ms[0].tolist() == [open_since_ms, NEVER, NEVER, NEVER]
    more = minutes_of(5, spo2=80, from_ms=MONDAY_MS + 5 * MINUTE_MS)
    assert found(memory, more) == [], "it is told already"


def test_a_limit_that_leaves_the_plan_while_it_is_open_is_named() -> None:
    memory = Memory(1)
    set_limits(memory, 0, LIMITS)
    found(memory, minutes_of(5, spo2=80))
    changed = Limit("spo2", Direction.BELOW, 91, 2, Level.CHECK_TODAY)
    assert set_limits(memory, 0, [LIMITS[0], changed]) == (LIMITS[1],)
    assert set_limits(memory, 0, []) == (), "what was not open needs no end"


def test_the_same_limit_twice_is_one() -> None:
    memory = Memory(1)
    set_limits(memory, 0, [*ONE_MINUTE, *ONE_MINUTE])
    assert len(found(memory, minutes_of(5, spo2=80))) == 1


def test_a_limit_that_stays_keeps_what_it_counted_and_another_begins_anew() -> None:
    memory = Memory(1)
    set_limits(memory, 0, LIMITS)
    found(memory, minutes_of(1, spo2=80))
    set_limits(memory, 0, LIMITS)
    again = minutes_of(1, spo2=80, from_ms=MONDAY_MS + MINUTE_MS)
    assert told(found(memory, again)) == [("limit_reached", 0, 1)]
    set_limits(memory, 0, LIMITS[:1])
    assert memory.limit_ms[0].max() < 0
    assert found(memory, minutes_of(5, spo2=80, from_ms=MONDAY_MS + HOUR_MS)) == []
    with pytest.raises(ValueError, match="no limit in slot 1"):
        limit_of(memory, 0, 1)


@pytest.mark.parametrize(
    "wrong",
    [
        [LIMITS[0]] * 5,
        [Limit("mood", Direction.ABOVE, 1, 1, Level.CHECK_NOW)],
        [Limit("spo2", Direction.LATER, 1, 1, Level.CHECK_NOW)],
        [Limit("spo2", Direction.BELOW, NAN, 1, Level.CHECK_NOW)],
        [Limit("spo2", Direction.BELOW, 90, -1, Level.CHECK_NOW)],
        [Limit("spo2", Direction.BELOW, 90, 1_441, Level.CHECK_NOW)],
    ],
)
def test_a_limit_that_cannot_be_kept_is_refused_and_changes_nothing(wrong: list[Limit]) -> None:
    memory = Memory(1)
    with pytest.raises(ValueError, match="limit"):
        set_limits(memory, 0, wrong)
    assert memory.limit_count[0] == 0


def taken_off(at: int, back: int, count: int) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    place = np.arange(count)
    return np.where((place >= at) & (place < back), NAN, 70.0 + place % 7)


def test_a_device_taken_off_is_said_after_ten_minutes_and_ten_minutes_back_end_it() -> None:
    got = found(learned(), minutes_of(90, heart_rate=taken_off(20, 60, 90), steps=0))
    assert told(got) == [("device_removed", 20, 30), ("device_returned", 20, 70)]
    assert got[0].off is QualityReason.NO_HEART_RATE
    assert (got[0].minutes, got[1].minutes) == (10, 40)


def test_a_short_absence_is_not_said() -> None:
    assert found(learned(), minutes_of(90, heart_rate=taken_off(20, 30, 90), steps=0)) == []


def test_the_usual_charging_hour_is_not_said_until_it_is_over() -> None:
    memory = learned()
    memory.charging[0, 0] = 255
    stream = minutes_of(90, heart_rate=taken_off(20, 90, 90), steps=0)
    cleaned = clean(memory, stream)
    result = moments(memory, stream, cleaned)
    assert told(result.found) == [("device_removed", 20, 60)]
    assert result.withheld == {WithheldReason.OLD_NEWS: 0, WithheldReason.CHARGING: 30}


def test_steps_alone_never_say_that_a_device_was_taken_off() -> None:
    memory = Memory(1)
    assert found(memory, minutes_of(600, steps=np.arange(600) % 200 // 199.0)) == []


@pytest.mark.parametrize("temperature", [True, False])
@pytest.mark.parametrize("steps", [0.0, NAN])
@pytest.mark.parametrize("flag", [True, False])
def test_a_device_off_is_found_within_15_minutes(
    temperature: bool, steps: float, flag: bool
) -> None:
    rng = np.random.default_rng(11)
    in_time, tried = 0, 75
    for _ in range(tried):
        count, at = 240, int(rng.integers(30, 200))
        since = np.maximum(np.arange(count) - at, 0)
        values = values_of(count, heart_rate=taken_off(at, count, count))
        values[:, CHANNEL_INDEX["steps"]] = np.where(
            since > 0, steps, np.where(rng.random(count) < 0.3, 40, 0)
        )
        values[:, CHANNEL_INDEX["motion"]] = np.where(since > 0, 2, rng.integers(2, 90, count))
        if temperature:
            warm = (10 + rng.normal(0, 0.15, count)) * np.exp(-since / 15)
            values[:, CHANNEL_INDEX["skin_temperature"]] = 23 + warm
        if flag:
            values[:, CHANNEL_INDEX["worn"]] = since == 0
        seconds = int(rng.integers(0, 60))
        time_ms = NINE_MS + np.arange(count, dtype=np.int64) * MINUTE_MS + seconds * 1000
        got = [one for one in found(learned(), stream_of(time_ms, values)) if one.off is not None]
        delay = [one.at_ms + MINUTE_MS - int(time_ms[at]) for one in got]
        in_time += delay[:1] != [] and 0 < delay[0] <= 15 * MINUTE_MS
    assert in_time >= 0.99 * tried


def test_moments_come_in_the_order_of_their_readings() -> None:
    rows = np.tile(np.arange(3), 90)
    time_ms = NINE_MS + np.repeat(np.arange(90, dtype=np.int64), 3) * MINUTE_MS
    heart = np.repeat(taken_off(20, 60, 90), 3) + rows
    got = found(learned(3), stream_of(time_ms, values_of(270, heart_rate=heart, steps=0), row=rows))
    places = [one.position for one in got]
    assert len(places) == 6
    assert places == sorted(places)
    assert [one.row for one in got] == [0, 1, 2, 0, 1, 2]
