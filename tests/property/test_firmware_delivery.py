"""A device against any network: whatever is lost, everything arrives once it is acknowledged."""

from __future__ import annotations

import json
from dataclasses import dataclass, field

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from firmware_sim.blocks import MINUTE_MS, Block, BlockKind
from firmware_sim.device_clock import ClockError, DeviceClock
from firmware_sim.encoder import encode_body, encode_frame
from firmware_sim.firmware import Firmware
from firmware_sim.intentions import DeviceIdentity, FullPolicy, Publish, PublishKind, WaitUntil
from firmware_sim.people import build_virtual_people
from firmware_sim.physiology import generate
from firmware_sim.scenarios import ScenarioName, usual_scenario
from tidewell.vocabulary import CHANNEL_NAMES

T0 = 1_762_000_020_000
BOOT = 9


@dataclass
class Service:
    """A service that commits what reaches it, and answers as the wire format says."""

    payloads: dict[int, bytes] = field(default_factory=dict)
    given_up_below: int = 0

    def receive(self, payload: bytes) -> None:
        frame = json.loads(payload)
        self.payloads.setdefault(frame["seq"], payload)
        self.given_up_below = max(self.given_up_below, frame.get("oldest", 0))

    def answer(self) -> bytes:
        upto = self.given_up_below - 1
        while upto + 1 in self.payloads:
            upto += 1
        above = [seq for seq in sorted(self.payloads) if seq > upto]
        missing = [[upto + 1, above[0] - 1]] if above else []
        return json.dumps({"boot": BOOT, "upto": upto, "missing": missing, "time": T0}).encode()

    def starts(self) -> list[int]:
        """Return the minute of every epoch that arrived."""
        minutes: list[int] = []
        for payload in self.payloads.values():
            frame = json.loads(payload)
            first = (frame["start"] - T0) // MINUTE_MS
            minutes += range(first, first + len(frame["heart_rate"]))
        return minutes


def device(policy: FullPolicy, capacity: int, seed: int) -> Firmware:
    clock = DeviceClock(ClockError(), T0)
    identity = DeviceIdentity("band-1", 0, BOOT)
    return Firmware(identity, policy, clock, np.random.default_rng(seed), capacity)


def minute(number: int, kind: BlockKind) -> Block:
    values = np.full((1, len(CHANNEL_NAMES)), np.nan, dtype=np.float32)
    values[0, 0] = 60 + number % 50
    return Block(np.array([T0 + number * MINUTE_MS]), values, kind)


events = st.lists(
    st.sampled_from(["minute", "gap", "lose", "send", "send", "answer", "cut", "connect", "wait"]),
    max_size=150,
)


class World:
    """One device, one service and a network in between that does what it is told."""

    def __init__(self, policy: FullPolicy, capacity: int, seed: int) -> None:
        self.device = device(policy, capacity, seed)
        self.service = Service()
        self.now_s = 0.0
        self.number = 0
        self.measured: list[int] = []
        self.first_published: list[int] = []
        self.connected = False

    def happen(self, event: str) -> None:
        if event in {"minute", "gap"} and self.device.wants_more:
            self.number += 1 if event == "minute" else 3
            self.measured.append(self.number)
            self.device.take(minute(self.number, BlockKind.LIVE))
        elif event in {"send", "lose"}:
            self.step(arrives=event == "send")
        elif event == "answer" and self.connected:
            self.device.answered(self.service.answer(), T0, self.now_s)
        elif event == "cut" and self.connected:
            self.device.disconnected(self.now_s)
            self.connected = False
        elif event == "connect" and not self.connected:
            self.device.connected(T0, self.now_s)
            self.connected = True
        elif event == "wait":
            self.now_s += 40.0

    def step(self, *, arrives: bool) -> None:
        for intention in self.device.step(T0, self.now_s, 8):
            if isinstance(intention, WaitUntil) or intention.kind is PublishKind.STATUS:
                continue
            if intention.kind is PublishKind.FIRST:
                self.first_published.append(json.loads(intention.payload)["seq"])
            if arrives:
                self.service.receive(intention.payload)

    def calm_down(self) -> None:
        """Let a network that works again carry everything."""
        self.happen("connect")
        for _ in range(400):
            self.step(arrives=True)
            self.happen("answer")
            self.now_s += 6.0
            if self.device.is_drained:
                return
        raise AssertionError("the device never came to rest")


@given(events, st.integers(2, 12), st.integers(0, 99))
def test_a_replay_delivers_every_minute_once_whatever_the_network_does(
    story: list[str], capacity: int, seed: int
) -> None:
    world = World(FullPolicy.HOLD_SOURCE, capacity, seed)
    for event in story:
        world.happen(event)
        held = world.device.counts.frames_acknowledged
        assert all(seq in world.service.payloads for seq in range(held))
    world.calm_down()
    assert sorted(world.service.starts()) == world.measured
    assert world.device.counts.frames_acknowledged == len(world.service.payloads)
    assert sorted(world.first_published) == sorted(set(world.first_published))


@given(events, st.integers(2, 6), st.integers(0, 99))
def test_a_device_loses_only_what_it_says_it_dropped(
    story: list[str], capacity: int, seed: int
) -> None:
    world = World(FullPolicy.DROP_OLDEST, capacity, seed)
    for event in story:
        world.happen(event)
    world.calm_down()
    arrived = world.service.starts()
    assert len(arrived) == len(set(arrived))
    assert set(arrived) <= set(world.measured)
    lost = set(range(max(world.service.payloads, default=-1) + 1)) - set(world.service.payloads)
    assert len(lost) <= world.device.counts.frames_dropped
    if not world.device.counts.frames_dropped:
        assert sorted(arrived) == world.measured


@given(st.binary(max_size=200))
def test_no_answer_whatsoever_frees_a_frame_that_was_not_sent(payload: bytes) -> None:
    one = device(FullPolicy.DROP_OLDEST, 5, 1)
    one.connected(T0, 0.0)
    one.take(minute(1, BlockKind.LIVE))
    one.answered(payload, T0, 1.0)
    one.configured(payload)
    assert one.counts.frames_acknowledged == 0


@given(
    st.lists(
        st.one_of(st.none(), st.floats(width=32, allow_nan=False, allow_infinity=False)),
        min_size=1,
        max_size=30,
    )
)
def test_every_value_comes_back_as_the_same_float32(column: list[float | None]) -> None:
    values = np.full((len(column), len(CHANNEL_NAMES)), np.nan, dtype=np.float32)
    values[:, 3] = [np.nan if value is None else value for value in column]
    body = encode_body(T0, 60, values)
    if body is None:
        assert set(column) == {None}
        return
    frame = json.loads(encode_frame(0, 0, None, body))
    back = [None if value is None else float(np.float32(value)) for value in frame["eda"]]
    assert back == column


PERSON = build_virtual_people(3, 2)[2]
STORIES = tuple(
    usual_scenario(name, T0 + 86_400_000, 3.0)
    for name in (ScenarioName.ILLNESS, ScenarioName.HOLIDAY, ScenarioName.BATTERY_DYING)
)
WHOLE = T0 + np.arange(5 * 1_440, dtype=np.int64) * MINUTE_MS
ALL = generate(PERSON, WHOLE, "Europe/London", STORIES, 2)


@given(st.integers(0, len(WHOLE) - 1), st.integers(1, 3_000), st.integers(1, 7))
def test_a_minute_of_a_life_is_the_same_however_time_is_cut(
    start: int, length: int, every: int
) -> None:
    part = slice(start, start + length, every)
    again = generate(PERSON, WHOLE[part], "Europe/London", STORIES, 2)
    assert np.array_equal(again, ALL[part], equal_nan=True)


def test_publishes_never_exceed_the_limit_of_the_wire_format() -> None:
    one = device(FullPolicy.HOLD_SOURCE, 500, 1)
    one.connected(T0, 0.0)
    one.take(Block(WHOLE, ALL, BlockKind.HISTORY))
    sizes = [len(s.payload) for s in one.step(T0, 0.0, 500) if isinstance(s, Publish)]
    assert len(sizes) > 50
    assert max(sizes) <= 16_384
