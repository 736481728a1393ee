"""The short way through planning does what the long one does, whatever comes.

`ingest.batch` plans nearly every frame without asking all that it asks of the others. Here each
batch is planned twice, the second time with a registry in which nothing is usual. A batch begins as
what its devices would send next, and is then spoilt in a few places.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any, Final

from hypothesis import example, given, settings
from hypothesis import strategies as st

from ingest.admit import FOREVER_MS, ChannelOff, Device, Person, Registry, Span, Wearing
from ingest.batch import Arrival, DeviceBoot, Plan, decode_arrival, plan
from ingest.cursors import Cursor, Gap, Kept

MINUTE_MS: Final = 60_000
START_MS: Final = 1_762_000_000_000
NOW_MS: Final = START_MS + 20 * MINUTE_MS
SHARD: Final = 3
NUMBERS: Final = (0, 1, 2)
"""Of people and of the devices that they wear."""
USUAL: Final = Kept(Cursor(4, 4), 4)

Sent = dict[str, Any]
"""A frame, with its topic's `shard` and `device` beside its own keys."""
Site = tuple[Registry, dict[DeviceBoot, Kept]]


def a_site(
    *, people: dict[int, Person] | None = None, devices: dict[str, Device] | None = None
) -> Site:
    """Return people who each wear a device, all as usual but those that are given."""
    usual = {
        f"band-{one}": Device(10 + one, revoked=False, wearings=(Wearing(0, FOREVER_MS, one),))
        for one in NUMBERS
    }
    known = {one: Person(one, SHARD, "UTC") for one in NUMBERS}
    kept = {(10 + one, boot): USUAL for one in NUMBERS for boot in (7, 8)}
    return Registry(usual | (devices or {}), known | (people or {})), kept


def a_frame(number: int, /, **changed: object) -> Sent:
    """Return what a device sends next, but for what is changed."""
    head = {"boot": 7, "seq": 5, "start": START_MS, "period": 60, "steps": [1, 2, 3]}
    return {"shard": SHARD, "device": f"band-{number}", **head, **changed}


EDGES_MS = st.sampled_from([START_MS + place * MINUTE_MS for place in (-1, 0, 1, 2, 3, 4)])
SPANS = st.tuples(EDGES_MS, EDGES_MS | st.just(FOREVER_MS)).filter(lambda one: one[0] < one[1])


@st.composite
def sites(draw: st.DrawFn) -> Site:
    """A site in which up to three things are not as usual."""
    people: dict[int, Person] = {}
    devices: dict[str, Device] = {}
    strange: dict[DeviceBoot, Kept | None] = {}

    def pause(number: int) -> None:
        people[number] = Person(number, SHARD, "UTC", (Span(*draw(SPANS)),))

    def switch_off(number: int) -> None:
        off = ChannelOff(*draw(SPANS), draw(st.sampled_from(["steps", "spo2"])))
        people[number] = Person(number, SHARD, "UTC", (), (off,))

    def move(number: int) -> None:
        people[number] = Person(number, SHARD + 1, "UTC")

    def revoke(number: int) -> None:
        always = (Wearing(0, FOREVER_MS, number),)
        devices[f"band-{number}"] = Device(10 + number, revoked=True, wearings=always)

    def give(number: int) -> None:
        at_ms, other = draw(EDGES_MS), draw(st.sampled_from(NUMBERS))
        until = Wearing(0, at_ms, number)
        wearings = draw(st.sampled_from([(until,), (until, Wearing(at_ms, FOREVER_MS, other)), ()]))
        devices[f"band-{number}"] = Device(10 + number, revoked=False, wearings=wearings)

    def change_cursor(number: int) -> None:
        hole = Cursor(2, 4, (Gap(3, 3),))
        cursors = [None, Kept(Cursor(), -1), Kept(hole, 2), Kept(hole, 4, 3)]
        strange[10 + number, 7] = draw(st.sampled_from(cursors))

    ways: list[Callable[[int], None]] = [pause, switch_off, move, revoke, give, change_cursor]
    for way in draw(st.lists(st.sampled_from(ways), max_size=3)):
        way(draw(st.sampled_from(NUMBERS)))
    registry, kept = a_site(people=people, devices=devices)
    return registry, {key: one for key, one in (kept | strange).items() if one is not None}


SPOILT: st.SearchStrategy[dict[str, Any]] = st.sampled_from(
    [
        {"seq": 6},
        {"seq": 4},
        {"seq": 3},
        {"seq": 9, "oldest": 9},
        {"oldest": 4},
        {"boot": 8},
        {"boot": 9},
        {"shard": SHARD + 1},
        {"device": "band-9"},
        {"start": START_MS + MINUTE_MS},
        {"start": START_MS + 1},
        {"start": NOW_MS + 3 * MINUTE_MS},
        {"start": NOW_MS + 3 * MINUTE_MS + 1},
        {"period": 1},
        {"steps": [1]},
        {"steps": [1, None]},
        {"spo2": [96, 97, 98]},
        {"spo2": [400]},
    ]
)
BATCHES = st.lists(
    st.tuples(st.sampled_from(NUMBERS), st.lists(SPOILT, max_size=2)), min_size=1, max_size=6
).map(
    lambda drawn: [
        a_frame(number, **{name: value for one in spoilt for name, value in one.items()})
        for number, spoilt in drawn
    ]
)


def arrival_of(sent: Sent) -> Arrival:
    """Return a frame as it comes in."""
    frame = {name: value for name, value in sent.items() if name not in ("shard", "device")}
    topic = f"tidewell/v1/{sent['shard']}/{sent['device']}/frame"
    return Arrival(topic, json.dumps(frame).encode())


CHANGE = START_MS + 2 * MINUTE_MS


@given(sites(), BATCHES)
@example(a_site(), [a_frame(0), a_frame(1), a_frame(2, boot=8)])
@example(a_site(), [a_frame(0), a_frame(0, seq=6), a_frame(0)])
@example(a_site(people={0: Person(0, SHARD, "UTC", (Span(0, FOREVER_MS),))}), [a_frame(0)])
@example(
    a_site(people={0: Person(0, SHARD, "UTC", (), (ChannelOff(0, CHANGE, "steps"),))}), [a_frame(0)]
)
@example(
    a_site(devices={"band-0": Device(10, revoked=True, wearings=(Wearing(0, FOREVER_MS, 0),))}),
    [a_frame(0)],
)
@example(
    a_site(devices={"band-0": Device(10, revoked=False, wearings=(Wearing(0, CHANGE, 0),))}),
    [a_frame(0)],
)
@example(
    a_site(
        devices={"band-0": Device(10, revoked=False, wearings=(Wearing(CHANGE, FOREVER_MS, 0),))}
    ),
    [a_frame(0)],
)
@settings(max_examples=500)
def test_what_is_usual_is_planned_as_everything_else(site: Site, batch: list[Sent]) -> None:
    registry, kept = site
    messages = [decode_arrival(arrival_of(one)) for one in batch]
    long_way = Registry(registry.devices, registry.people)
    object.__setattr__(long_way, "usual", {})
    made = plan(messages, registry, kept, NOW_MS)
    assert made == plan(messages, long_way, kept, NOW_MS)
    check(made, kept)


def check(made: Plan, kept: dict[DeviceBoot, Kept]) -> None:
    """Assert what the worker relies on when it looks at `unknown` and `holed` alone."""
    assert made.unknown == made.cursors.keys() - kept.keys()
    for key, cursor in made.cursors.items():
        if key not in made.holed:
            assert not made.before[key].gaps
            assert not cursor.gaps
            assert not made.tallies[key].lost
