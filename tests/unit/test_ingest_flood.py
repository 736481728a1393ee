"""One device that floods is set aside; the others, and a device that catches up, are not."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from firmware_sim.encoder import EPOCHS_MAX
from firmware_sim.ring import RING_FRAMES
from ingest.flood import (
    BURST_TOKENS,
    CROWDED_FROM,
    MOST_DEVICES,
    TOKENS_PER_S,
    FloodGate,
    cost_of,
    device_of,
)
from ingest.reasons import Passage

MINUTE = (
    b'{"boot":1,"seq":1,"start":1762000000000,"period":60,'
    + b",".join(b'"channel_%d":[61.5]' % number for number in range(9))
    + b"}"
)
HOUR = (
    b'{"boot":1,"seq":1,"start":1762000000000,"period":60,'
    + b",".join(b'"channel_%d":[%s]' % (number, b",".join([b"61.5"] * 60)) for number in range(9))
    + b"}"
)
TOPIC = "tidewell/v1/7/band-1/frame"


def let_through(gate: FloodGate, payload: bytes, count: int, now_s: float = 0.0) -> int:
    return sum(
        gate.passage(TOPIC, payload, now_s, waiting=CROWDED_FROM) is Passage.WITHIN_RATE
        for _ in range(count)
    )


def test_a_device_that_comes_back_after_72_hours_passes_at_once() -> None:
    gate = FloodGate()
    assert let_through(gate, MINUTE, 2 * RING_FRAMES) == 2 * RING_FRAMES
    assert gate.turned_away == 0


def test_eight_weeks_in_frames_of_an_hour_pass_at_once() -> None:
    assert let_through(FloodGate(), HOUR, 56 * 24) == 56 * 24


def test_a_flood_is_cut_to_its_rate_and_the_cut_is_counted() -> None:
    gate = FloodGate()
    passed = sum(let_through(gate, MINUTE, 5_000, float(second)) for second in range(60))
    assert passed == BURST_TOKENS + 59 * TOKENS_PER_S
    assert gate.turned_away == 60 * 5_000 - passed


def test_a_device_that_was_cut_off_passes_again_when_it_has_rested() -> None:
    gate = FloodGate(tokens_per_s=10, burst_tokens=20)
    assert let_through(gate, MINUTE, 30) == 20
    assert let_through(gate, MINUTE, 30, now_s=1.0) == 10
    assert let_through(gate, MINUTE, 30, now_s=100.0) == 20


def test_nobody_is_cut_while_nobody_waits() -> None:
    gate = FloodGate(tokens_per_s=1, burst_tokens=1)
    for _ in range(1_000):
        assert gate.passage(TOPIC, MINUTE, 0.0, waiting=CROWDED_FROM - 1) is Passage.WITHIN_RATE
    assert gate.passage(TOPIC, MINUTE, 0.5, waiting=CROWDED_FROM) is Passage.TOO_FAST
    assert gate.passage(TOPIC, MINUTE, 1.5, waiting=CROWDED_FROM) is Passage.WITHIN_RATE


def test_others_do_not_pay_for_a_flood() -> None:
    gate = FloodGate(tokens_per_s=1, burst_tokens=1)
    let_through(gate, MINUTE, 100)
    other = gate.passage("tidewell/v1/7/band-2/frame", MINUTE, 0.0, waiting=CROWDED_FROM)
    assert other is Passage.WITHIN_RATE


def test_a_device_has_one_allowance_under_whatever_shard_it_publishes() -> None:
    gate = FloodGate(tokens_per_s=1, burst_tokens=3)
    verdicts = [
        gate.passage(f"tidewell/v1/{shard}/band-1/frame", MINUTE, 0.0, waiting=CROWDED_FROM)
        for shard in ("1", "2", "63", "99", "not-a-shard")
    ]
    assert verdicts == [Passage.WITHIN_RATE] * 3 + [Passage.TOO_FAST] * 2


def test_what_a_frame_costs_grows_with_the_values_in_it() -> None:
    assert cost_of(MINUTE) == 1
    assert cost_of(HOUR) == 9
    single_channel = b'{"worn":[' + b",".join([b"1"] * EPOCHS_MAX) + b"]}"
    assert cost_of(single_channel) == 23


def test_devices_that_rested_are_forgotten() -> None:
    gate = FloodGate()
    for number in range(MOST_DEVICES):
        gate.passage(f"tidewell/v1/7/band-{number}/frame", MINUTE, 0.0, waiting=CROWDED_FROM)
    gate.passage("tidewell/v1/7/another/frame", MINUTE, 1_000.0, waiting=0)
    assert len(gate._whole_at) == 1


@given(
    st.lists(
        st.tuples(st.floats(0, 5, allow_nan=False), st.integers(0, 2_000), st.sampled_from("abc")),
        max_size=60,
    )
)
def test_no_device_ever_gets_more_than_its_burst_and_its_rate(
    messages: list[tuple[float, int, str]],
) -> None:
    gate = FloodGate(tokens_per_s=5, burst_tokens=50)
    now_s, spent = 0.0, {"a": 0, "b": 0, "c": 0}
    for pause_s, values, device in messages:
        now_s += pause_s
        payload = b"," * values
        passage = gate.passage(
            f"tidewell/v1/7/{device}/frame", payload, now_s, waiting=CROWDED_FROM
        )
        if passage is Passage.WITHIN_RATE:
            spent[device] += cost_of(payload)
        assert spent[device] <= 50 + 5 * now_s + 1e-6


@given(st.text(max_size=200))
def test_any_topic_belongs_to_something(topic: str) -> None:
    assert isinstance(device_of(topic), str)
