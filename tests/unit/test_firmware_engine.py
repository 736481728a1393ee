"""The device engine: what frees a frame, what is sent again, what happens when it is full."""

from __future__ import annotations

import json
import math
from typing import Any

import numpy as np
import pytest

from firmware_sim.blocks import MINUTE_MS, Block, BlockKind
from firmware_sim.device_clock import ClockError, DeviceClock
from firmware_sim.firmware import (
    RETRY_FIRST_S,
    RETRY_MAX_S,
    STATUS_EVERY_S,
    STEADY_AFTER_S,
    Firmware,
)
from firmware_sim.intentions import (
    AckOutcome,
    ConfigOutcome,
    DeviceIdentity,
    FullPolicy,
    Publish,
    PublishKind,
    WaitUntil,
)
from tidewell.vocabulary import CHANNEL_INDEX, CHANNEL_NAMES

T0 = 1_762_000_020_000
BOOT = 7


def firmware(
    policy: FullPolicy = FullPolicy.DROP_OLDEST,
    capacity: int = 10,
    error: ClockError | None = None,
) -> Firmware:
    clock = DeviceClock(error or ClockError(), T0)
    identity = DeviceIdentity("band-1", 3, BOOT)
    return Firmware(identity, policy, clock, np.random.default_rng(1), capacity)


def block(
    minutes: list[int], kind: BlockKind = BlockKind.HISTORY, heart_rate: float = 70.5
) -> Block:
    time_ms = T0 + np.array(minutes, dtype=np.int64) * MINUTE_MS
    values = np.full((len(minutes), len(CHANNEL_NAMES)), np.nan, dtype=np.float32)
    values[:, CHANNEL_INDEX["heart_rate"]] = heart_rate
    return Block(time_ms, values, kind)


def scattered(count: int, first: int = 0) -> Block:
    """Return epochs with gaps between them, so that each becomes a frame of its own."""
    return block([first + 2 * index for index in range(count)])


def ack(upto: int, missing: list[list[int]] | None = None, boot: int = BOOT) -> bytes:
    answer = {"boot": boot, "upto": upto, "missing": missing or [], "time": T0}
    return json.dumps(answer).encode()


def sent(device: Firmware, at_s: float, at_most: int = 100) -> list[tuple[PublishKind, Any]]:
    steps = device.step(T0, at_s, at_most)
    return [
        (step.kind, json.loads(step.payload))
        for step in steps
        if isinstance(step, Publish) and step.kind is not PublishKind.STATUS
    ]


def wants_more(device: Firmware) -> bool:
    return device.wants_more


def seqs(device: Firmware, at_s: float, at_most: int = 100) -> list[int]:
    return [frame["seq"] for _, frame in sent(device, at_s, at_most)]


def test_an_hour_of_history_is_one_frame_and_a_live_minute_is_one() -> None:
    device = firmware()
    device.connected(T0, 0.0)
    device.take(block([*range(61)]))
    device.take(block([61, 62], BlockKind.LIVE))
    lengths = [len(frame["heart_rate"]) for _, frame in sent(device, 0.0)]
    assert lengths == [60, 1, 1, 1]


def test_a_frame_is_freed_only_by_an_ack() -> None:
    device = firmware()
    device.connected(T0, 0.0)
    device.take(scattered(3))
    assert seqs(device, 0.0) == [0, 1, 2]
    assert not device.is_drained
    assert device.answered(ack(1), T0, 1.0) is AckOutcome.ADVANCED
    assert device.counts.frames_acknowledged == 2
    assert not device.is_drained
    assert device.answered(ack(2), T0, 2.0) is AckOutcome.ADVANCED
    assert device.is_drained


@pytest.mark.parametrize(
    ("payload", "outcome"),
    [
        (ack(2, boot=BOOT - 1), AckOutcome.OTHER_BOOT),
        (ack(3), AckOutcome.BEYOND_SENT),
        (b"upto 2", AckOutcome.UNREADABLE),
        (ack(-1), AckOutcome.REPEATED),
    ],
)
def test_an_answer_that_is_not_for_these_frames_frees_none(
    payload: bytes, outcome: AckOutcome
) -> None:
    device = firmware()
    device.connected(T0, 0.0)
    device.take(scattered(3))
    seqs(device, 0.0)
    assert device.answered(payload, T0, 1.0) is outcome
    assert device.counts.frames_acknowledged == 0


def test_what_is_missing_is_sent_again_but_not_while_it_may_still_be_on_its_way() -> None:
    device = firmware()
    device.connected(T0, 0.0)
    device.take(scattered(5))
    seqs(device, 0.0)
    device.answered(ack(0, [[1, 2]]), T0, 1.0)
    assert seqs(device, 1.0) == []
    device.answered(ack(0, [[1, 2]]), T0, 6.0)
    assert sent(device, 6.0)[0][0] is PublishKind.AGAIN
    device.answered(ack(0, [[1, 2]]), T0, 7.0)
    assert seqs(device, 7.0) == []


def test_a_gap_beyond_what_is_held_is_no_trouble() -> None:
    device = firmware()
    device.connected(T0, 0.0)
    device.take(scattered(2))
    seqs(device, 0.0)
    assert device.answered(ack(-1, [[0, 10**15]]), T0, 10.0) is AckOutcome.REPEATED
    assert seqs(device, 10.0) == [0, 1]


def test_silence_is_met_with_retries_that_double_up_to_ten_minutes() -> None:
    device = firmware()
    device.connected(T0, 0.0)
    device.take(scattered(1))
    now_s, waits = 0.0, []
    assert seqs(device, now_s) == [0]
    for _ in range(9):
        wait = [step for step in device.step(T0, now_s, 9) if isinstance(step, WaitUntil)][-1]
        waits.append(wait.elapsed_s - now_s)
        now_s = wait.elapsed_s
        assert seqs(device, now_s) in ([0], [])
    assert waits[0] == pytest.approx(RETRY_FIRST_S, rel=0.21)
    assert waits[1] == pytest.approx(2 * RETRY_FIRST_S, rel=0.21)
    assert max(waits) <= RETRY_MAX_S
    assert waits[6] > 0.75 * RETRY_MAX_S


def test_an_answer_that_frees_something_starts_the_retry_time_anew() -> None:
    device = firmware()
    device.connected(T0, 0.0)
    device.take(scattered(2))
    seqs(device, 0.0)
    device.answered(ack(0), T0, RETRY_FIRST_S * 0.7)
    assert seqs(device, RETRY_FIRST_S * 1.3) == []
    assert seqs(device, RETRY_FIRST_S * 2.5) == [1]


def test_a_connection_begins_with_the_status_and_everything_not_acknowledged() -> None:
    device = firmware()
    device.connected(T0, 0.0)
    device.take(scattered(3))
    seqs(device, 0.0)
    device.answered(ack(0), T0, 1.0)
    device.disconnected(2.0)
    assert device.step(T0, 2.5, 9) == [WaitUntil(math.inf)]
    hello = device.connected(T0, 3.0)
    assert json.loads(hello.payload)["online"] is True
    assert hello.retain
    assert [kind for kind, _ in sent(device, 3.0)] == [PublishKind.AGAIN] * 2


def test_no_more_is_sent_than_there_is_room_for_and_oldest_goes_first() -> None:
    device = firmware()
    device.take(scattered(5))
    device.connected(T0, 0.0)
    assert seqs(device, 0.0, at_most=2) == [0, 1]
    assert device.step(T0, 0.0, 0)[-1] == WaitUntil(0.0)
    assert seqs(device, 0.0) == [2, 3, 4]


def test_a_full_device_drops_its_oldest_frame_and_says_which_it_still_has() -> None:
    device = firmware(capacity=3)
    device.take(scattered(5))
    device.connected(T0, 0.0)
    frames = [frame for _, frame in sent(device, 0.0)]
    assert [(frame["seq"], frame["oldest"]) for frame in frames] == [(2, 2), (3, 2), (4, 2)]
    assert device.counts.frames_dropped == 2


def test_nobody_hears_of_oldest_while_nothing_was_dropped() -> None:
    device = firmware()
    device.take(scattered(1))
    device.connected(T0, 0.0)
    assert "oldest" not in sent(device, 0.0)[0][1]


def test_a_full_replay_lets_its_source_wait_and_drops_nothing() -> None:
    device = firmware(FullPolicy.HOLD_SOURCE, capacity=3)
    device.connected(T0, 0.0)
    device.take(scattered(5))
    assert not wants_more(device)
    assert seqs(device, 0.0) == [0, 1, 2]
    device.answered(ack(0), T0, 1.0)
    assert not wants_more(device)
    device.answered(ack(2), T0, 2.0)
    assert seqs(device, 2.0) == [3, 4]
    assert wants_more(device)
    assert device.counts.frames_dropped == 0


def test_live_minutes_without_a_connection_are_gathered_by_the_hour() -> None:
    device = firmware()
    for minute in range(130):
        device.take(block([minute], BlockKind.LIVE))
    assert not device.is_drained
    device.connected(T0, 0.0)
    lengths = [len(frame["heart_rate"]) for _, frame in sent(device, 0.0)]
    assert lengths == [60, 60, 10]


def test_a_gap_in_the_gathered_minutes_starts_another_frame() -> None:
    device = firmware()
    for minute in (0, 1, 5):
        device.take(block([minute], BlockKind.LIVE))
    device.connected(T0, 0.0)
    starts = [(frame["start"] - T0) // MINUTE_MS for _, frame in sent(device, 0.0)]
    assert starts == [0, 5]


def test_no_minute_is_stamped_twice_even_when_the_clock_steps_back() -> None:
    device = firmware(error=ClockError(offset_ms=-90_000))
    device.connected(T0, 0.0)
    device.take(block([0, 1, 2]))
    device.take(block([3, 4, 5], BlockKind.LIVE))
    starts = [(frame["start"] - T0) // MINUTE_MS for _, frame in sent(device, 0.0)]
    assert starts == [0, 3]
    assert device.counts.epochs_skipped == 2


def test_epochs_without_any_value_are_not_sent() -> None:
    device = firmware()
    device.connected(T0, 0.0)
    device.take(block([0, 1], heart_rate=math.nan))
    assert seqs(device, 0.0) == []
    assert device.is_drained


def test_a_frame_that_would_be_too_large_is_split() -> None:
    device = firmware(capacity=100)
    device.connected(T0, 0.0)
    rng = np.random.default_rng(2)
    device._pack(T0, rng.uniform(20, 21, (1_000, len(CHANNEL_NAMES))).astype(np.float32))
    publishes = [step for step in device.step(T0, 0.0, 99) if isinstance(step, Publish)]
    assert len(publishes) == 8
    assert all(len(publish.payload) <= 16_384 for publish in publishes)
    starts = [json.loads(publish.payload)["start"] for publish in publishes]
    assert starts == [T0 + 125 * MINUTE_MS * index for index in range(8)]


def test_a_pause_of_the_young_person_stops_live_readings_until_it_ends() -> None:
    device = firmware()
    device.connected(T0, 0.0)
    until = json.dumps({"paused_until": T0 + 2 * MINUTE_MS}).encode()
    assert device.configured(until) is ConfigOutcome.TAKEN
    device.take(block([0, 1, 2], BlockKind.LIVE))
    assert [(f["start"] - T0) // MINUTE_MS for _, f in sent(device, 0.0)] == [2]
    assert device.counts.epochs_paused == 2


def test_only_the_channels_that_were_asked_for_are_sent() -> None:
    device = firmware()
    device.connected(T0, 0.0)
    device.configured(b'{"channels":["steps"]}')
    both = block([0])
    both.values[:, CHANNEL_INDEX["steps"]] = 4
    device.take(both)
    frame = sent(device, 0.0)[0][1]
    assert "steps" in frame
    assert "heart_rate" not in frame


@pytest.mark.parametrize(
    ("payload", "outcome"),
    [(b'{"period":30}', ConfigOutcome.OTHER_PERIOD), (b"{", ConfigOutcome.UNREADABLE)],
)
def test_a_request_that_cannot_be_met_is_told_apart(payload: bytes, outcome: ConfigOutcome) -> None:
    assert firmware().configured(payload) is outcome


def test_reconnecting_backs_off_to_two_minutes_and_starts_anew_after_a_steady_connection() -> None:
    device = firmware()
    waits = [device.disconnected(0.0).elapsed_s for _ in range(12)]
    assert waits[0] == pytest.approx(1.0, rel=0.21)
    assert waits[3] == pytest.approx(8.0, rel=0.21)
    assert 96.0 <= waits[-1] <= 120.0
    device.connected(T0, 1_000.0)
    dropped_s = 1_000.0 + STEADY_AFTER_S
    assert device.disconnected(dropped_s).elapsed_s - dropped_s <= 1.3


def test_the_status_comes_again_every_hour_with_the_battery() -> None:
    device = firmware()
    device.connected(T0, 0.0)
    device.battery_percent = 41
    first = device.step(T0, STATUS_EVERY_S, 9)[0]
    assert isinstance(first, Publish)
    assert json.loads(first.payload)["battery"] == 41


def test_the_last_will_says_offline() -> None:
    will = firmware().status(online=False, now_ms=T0)
    assert will.topic == "tidewell/v1/3/band-1/status"
    assert json.loads(will.payload)["online"] is False
