"""How shards are shared among workers, and which worker a frame is for."""

from __future__ import annotations

from itertools import pairwise

import hypothesis.strategies as st
from hypothesis import given

from ingest.admit import FOREVER_MS, Device, Person, Registry, Wearing
from ingest.batch import Arrival, decode_arrival
from ingest.leasing.homes import for_holder, home_shard
from ingest.leasing.shares import fair_share, room, session_name, surplus
from ingest.reasons import Refusal
from tidewell.vocabulary import SHARD_COUNT

SECRET = "ingest-0123456789abcdef0123456789abcdef"
REGISTRY = Registry(
    {
        "band-1": Device(1, revoked=False, wearings=(Wearing(0, FOREVER_MS, 11),)),
        "band-2": Device(
            2, revoked=False, wearings=(Wearing(0, 5, 11), Wearing(5, FOREVER_MS, 12))
        ),
        "band-3": Device(3, revoked=False, wearings=()),
    },
    {11: Person(11, 7, "UTC"), 12: Person(12, 40, "UTC")},
)


@given(st.integers(1, 64), st.data())
def test_workers_that_come_and_go_end_with_every_shard_held_once(
    first: int, data: st.DataObject
) -> None:
    held: dict[int, set[int]] = {worker: set() for worker in range(first)}
    for workers in (first, data.draw(st.integers(1, 64))):
        held = {worker: held.get(worker, set()) for worker in range(workers)}
        for _ in range(SHARD_COUNT):
            free = set(range(SHARD_COUNT)) - set().union(*held.values())
            for mine in held.values():
                mine -= set(surplus(mine, workers))
                taken = sorted(free)[: room(len(mine), workers)]
                mine |= set(taken)
                free -= set(taken)
        assert set().union(*held.values()) == set(range(SHARD_COUNT))
        assert sum(len(mine) for mine in held.values()) == SHARD_COUNT
        assert max(len(mine) for mine in held.values()) <= fair_share(workers)


def test_more_workers_never_have_a_larger_share_and_never_none() -> None:
    shares = [fair_share(workers) for workers in range(1, 200)]
    assert all(more >= fewer for more, fewer in pairwise(shares))
    assert min(shares) == 1
    assert surplus([5], 64) == []


def test_each_slot_has_a_session_of_its_own_that_stays_and_gives_nothing_away() -> None:
    names = [session_name(SECRET, slot) for slot in range(1, SHARD_COUNT + 1)]
    assert names == [session_name(SECRET, slot) for slot in range(1, SHARD_COUNT + 1)]
    assert len(set(names)) == SHARD_COUNT
    assert names[0] == SECRET
    assert not any(SECRET in name for name in names[1:])
    assert names[1] != session_name(SECRET[:-1] + "0", 2)


def test_the_home_of_a_device_is_that_of_whoever_was_given_it_last() -> None:
    assert home_shard(REGISTRY, "band-1") == 7
    assert home_shard(REGISTRY, "band-2") == 40
    assert home_shard(REGISTRY, "band-3") is None
    assert home_shard(REGISTRY, "nobody's") is None


def test_a_worker_leaves_to_others_what_is_theirs() -> None:
    def on(shard: int, device: str) -> Arrival:
        return Arrival(f"tidewell/v1/{shard}/{device}/frame", b'{"boot":1,"seq":2}')

    ours = [on(7, "band-1"), on(7, "band-3"), on(7, "nobodys"), Arrival("odd", b"")]
    moved_away = [on(40, "band-2"), on(8, "band-1")]
    set_up_wrongly = [on(7, "band-2")]
    arrivals = [*ours, *moved_away, *set_up_wrongly]
    taken, wrong = for_holder([decode_arrival(one) for one in arrivals], REGISTRY, {7})
    assert [one.arrival for one in taken] == ours
    assert [(one.device_id, one.refused.reason) for one in wrong] == [(2, Refusal.WRONG_SHARD)]
    assert wrong[0].payload is None
    assert (wrong[0].refused.boot, wrong[0].refused.seq) == (1, 2)
