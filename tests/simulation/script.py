"""What happens in a run: the trouble of a seed, the calm after it, and the reading of the books."""

from __future__ import annotations

import asyncio
import io
from collections.abc import Awaitable, Callable, Mapping
from typing import Final

import numpy as np

from ingest.leasing.service import SILENCE_GRACE_S
from ingest.service import DetectorScoring
from tests.simulation.invariants import Violation
from tests.simulation.scoring import Chain
from tests.simulation.world import CALM_MOST_S, TROUBLE_S, World, now, real_replay

MEASURES_EVERY_S: Final = 1.6
CLOCK_ERRORS_MS: Final = (-3_600_000, -5_000, 5_000, 600_000, 3_600_000)
YEAR_MS: Final = 31_536_000_000
"""Ingest and the database may be as far off as that, either way."""


async def whole_run(world: World) -> None:
    """Run trouble, calm and the reading of the books."""
    _start_all(world)
    await _trouble(world)
    await _calm_down(world)
    await _come_to_rest(world)
    world.referee.at_rest(now(), counting=world.counting)
    _compare_live_state(world)
    await _start_again(world)


def _start_all(world: World) -> None:
    world.start("ingest a")
    if world.rng.random() < 0.4:
        world.start("ingest b")
    world.start("alerts a")
    if world.rng.random() < 0.3:
        world.start("alerts b")
    for device in world.devices:
        device.connect()


# -- trouble


async def _trouble(world: World) -> None:
    rng = world.rng
    _let_things_go_wrong(world)
    faults = sorted(
        (rng.uniform(0.0, TROUBLE_S), place) for place in range(rng.choice((0, 2, 4, 8)))
    )
    loop = asyncio.get_running_loop()
    measuring = loop.create_task(_measure(world))
    happening = []
    for at_s, _ in faults:
        await asyncio.sleep(max(0.0, at_s - loop.time()))
        world.watch_over()
        fault = rng.choice(FAULTS)
        world.happens(fault.__name__.strip("_"))
        happening.append(loop.create_task(_as_task(fault, world)))
    for task in (measuring, *happening):
        await task


async def _as_task(fault: Callable[[World], Awaitable[None]], world: World) -> None:
    await fault(world)


def _let_things_go_wrong(world: World) -> None:
    """Choose how often each thing goes wrong in this run; often, not at all."""
    rng = world.rng

    def often(most: float) -> float:
        return rng.choice((0.0, 0.0, rng.uniform(0.0, most)))

    chances = world.broker.chances
    chances.lost, chances.twice = often(0.3), often(0.3)
    chances.late, chances.refused = often(0.4), often(0.3)
    trouble = world.trouble
    trouble.lost_at_statement = often(0.01)
    trouble.lost_before_commit, trouble.lost_after_commit = often(0.1), often(0.1)
    phones = world.phones
    phones.refuses, phones.loses_answer = often(0.4), often(0.3)
    phones.hangs, phones.accepts = often(0.2), rng.choice((0.0, 0.5, 1.0))


async def _measure(world: World) -> None:
    """Have each device measure now and then until the trouble is over."""
    rng, loop = world.chance("life"), asyncio.get_running_loop()
    heart_rate = {device.number: 70.0 for device in world.devices}
    while loop.time() < TROUBLE_S:
        for device in world.devices:
            if rng.random() < 0.25:
                heart_rate[device.number] = rng.choice((60.0, 75.0, 150.0, 185.0))
            device.measure(rng.choice((1, 1, 2, 5)), heart_rate[device.number])
        await asyncio.sleep(rng.uniform(0.2, 2 * MEASURES_EVERY_S))


def _some_process(world: World, kind: str = "") -> str | None:
    names = [name for name, wanted in world.wanted.items() if wanted and name.startswith(kind)]
    return world.rng.choice(names) if names else None


async def _kill(world: World) -> None:
    """Kill a part, and start it again after a while."""
    if (name := _some_process(world)) is None:
        return
    await world.kill(name)
    await asyncio.sleep(world.rng.choice((0.1, 1.0, 6.0)))
    if not world.wanted[name]:
        world.start(name)


async def _freeze(world: World) -> None:
    """Stop a part for longer than its lease, perhaps, and let it go on as if nothing had been."""
    if (name := _some_process(world)) is None:
        return
    process = world.processes[name]
    world.say(f"freeze {process.name}")
    process.freeze()
    world.phones.excuse(process)
    await asyncio.sleep(world.rng.uniform(0.5, 2.5 * world.settings.lease_s))
    world.phones.excuse(process)
    world.say(f"thaw {process.name}")
    process.thaw()


async def _second_worker(world: World) -> None:
    """Start another ingest, which waits for shards that come free."""
    if not world.wanted.get("ingest b"):
        world.start("ingest b")
    await asyncio.sleep(0)


async def _stop_broker(world: World) -> None:
    """Stop the broker, with or without its sessions."""
    world.broker.go_down(wiped=world.rng.random() < 0.4)
    await asyncio.sleep(world.rng.choice((0.1, 2.0, 6.0)))
    world.broker.come_back()


async def _stop_database(world: World) -> None:
    """Stop the database; what was not committed is gone."""
    world.database.is_up = False
    world.database.drop_all()
    await asyncio.sleep(world.rng.choice((0.1, 2.0, 7.0)))
    world.database.is_up = True


async def _cut_a_session(world: World) -> None:
    """Cut one session at the database."""
    sessions = sorted(world.database.sessions, key=lambda one: (one.application, one.number))
    if sessions:
        world.rng.choice(sessions).sever()
    await asyncio.sleep(0)


async def _cut_a_device(world: World) -> None:
    """Take the network away from a device."""
    world.rng.choice(world.devices).lose()
    await asyncio.sleep(0)


async def _switch_device(world: World) -> None:
    """Switch a device off and on: its numbers begin anew."""
    if world.counting:
        world.rng.choice(world.devices).switch_off_and_on()
    await asyncio.sleep(0)


async def _set_a_clock(world: World) -> None:
    """Set the wall clock of a part wrong for a while."""
    if (name := _some_process(world)) is None:
        return
    process = world.processes[name]
    world.phones.excuse()
    world.phones.wrong_clocks += 1
    years = (-YEAR_MS, YEAR_MS) if name.startswith("ingest") else ()
    process.clock_offset_ms = world.rng.choice((*CLOCK_ERRORS_MS, *years))
    world.say(f"clock of {process.name} is off by {process.clock_offset_ms} ms")
    await asyncio.sleep(world.rng.uniform(1.0, 15.0))
    world.phones.excuse()
    world.phones.wrong_clocks -= 1
    world.say(f"clock of {process.name} is right again")
    process.clock_offset_ms = 0


async def _set_the_clock_of_the_database(world: World) -> None:
    """Set the clock of the database's machine wrong for a while; all of ingest goes by it."""
    world.database_offset_ms = world.rng.choice((*CLOCK_ERRORS_MS, -YEAR_MS, YEAR_MS))
    world.say(f"clock of the database is off by {world.database_offset_ms} ms")
    machine = [one for name, one in world.processes.items() if name.startswith("ingest")]
    for process in machine if world.rng.random() < 0.5 else ():
        world.say(f"clock of {process.name} is that of the same machine")
        process.clock_offset_ms = world.database_offset_ms
    await asyncio.sleep(world.rng.uniform(1.0, 15.0))
    world.say("clock of the database is right again")
    world.database_offset_ms = 0
    for process in machine:
        process.clock_offset_ms = 0


FAULTS: Final = (
    _kill,
    _kill,
    _kill,
    _freeze,
    _freeze,
    _second_worker,
    _stop_broker,
    _stop_database,
    _cut_a_session,
    _cut_a_device,
    _switch_device,
    _set_a_clock,
    _set_the_clock_of_the_database,
)


# -- calm


async def _calm_down(world: World) -> None:
    """End all faults, and let every part run that a site has."""
    world.say("calm")
    chances, trouble, phones = world.broker.chances, world.trouble, world.phones
    chances.lost = chances.twice = chances.late = chances.refused = 0.0
    trouble.lost_at_statement = trouble.lost_before_commit = trouble.lost_after_commit = 0.0
    phones.refuses = phones.loses_answer = phones.hangs = 0.0
    world.watch_over()
    for name in ("ingest a", "alerts a"):
        if not world.wanted[name]:
            world.start(name)
    for device in world.devices:
        device.connect()
    await asyncio.sleep(0)


async def _come_to_rest(world: World) -> None:
    """Wait until nothing is left to be done."""
    loop = asyncio.get_running_loop()
    until_s = loop.time() + CALM_MOST_S
    while not (all(device.firmware.is_drained for device in world.devices) and _is_quiet(world)):
        if loop.time() > until_s:
            raise Violation(f"I2: there is no rest after {CALM_MOST_S:.0f} s of calm")
        await asyncio.sleep(1.0)
        world.watch_over()


def _is_settled(world: World) -> bool:
    """Return whether every shard has a holder that knows of it and has caught up with it."""
    return all(
        row["owner"] in world.leases
        and row["owner"] not in world.catching_up
        and world.leases[row["owner"]].epochs.get(shard) == row["epoch"]
        for (shard,), row in world.database.table("shard").items()
    )


def _is_quiet(world: World) -> bool:
    table = world.database.table
    folded = {row["alert_action_id"] for row in table("alert_event").values()}
    return (
        not any(one.unconfirmed for one in world.broker.sessions.values() if one.client)
        and _is_settled(world)
        and all(row["ended_at"] is not None for row in table("outage").values())
        and len(table("alert_intake")) == len(table("episode_event"))
        and all(key[0] in folded for key in table("alert_action"))
        and not any(row["state"] == "waiting" for row in table("delivery").values())
        and not any(
            row["state"] in ("raised", "notified") and row["wake_at"] <= now()
            for row in table("alert").values()
        )
    )


# -- the books


def _compare_live_state(world: World) -> None:
    """Hold what each worker remembers against a replay of what is stored."""
    state: dict[int, Mapping[str, Chain]] = {}
    for (shard,), row in world.database.table("shard").items():
        if row["owner"] is None:
            raise Violation(f"I2: nobody holds shard {shard}")
        people = [
            key[0] for key, one in world.database.table("person").items() if one["shard"] == shard
        ]
        scoring = world.scorings[row["owner"]]
        if world.counting:
            remembered = scoring.state()
            state |= {person: remembered.get(person, {}) for person in people}
        elif people and asyncio.get_running_loop().time() < SILENCE_GRACE_S:
            # Later, a day may have been closed by silence, which no stored reading tells.
            _compare_detectors(scoring, real_replay(world, shard), people)
    if world.counting:
        world.referee.compare_state(state, "the worker")


def _compare_detectors(
    scoring: DetectorScoring, replay: DetectorScoring, people: list[int]
) -> None:
    """Hold a real detector against a replay, array by array."""
    there, replayed = (np.load(io.BytesIO(one.snapshot(people))) for one in (scoring, replay))
    for name in sorted(there.files):
        if there[name].tobytes() != replayed[name].tobytes():
            raise Violation(f"I4: {name} in a detector is not that of a replay")


async def _start_again(world: World) -> None:
    """Kill every ingest; the next one must come to the same state from what is stored."""
    before, readings = _remembered(world), len(world.database.table("reading"))
    for name in [name for name, wanted in world.wanted.items() if wanted and "ingest" in name]:
        await world.kill(name)
    epochs = {key: row["epoch"] for key, row in world.database.table("shard").items()}
    world.start("ingest a")
    loop = asyncio.get_running_loop()
    until_s = loop.time() + CALM_MOST_S
    while not _is_settled(world) or any(
        row["epoch"] == epochs[key] or row["listening_since"] is None
        for key, row in world.database.table("shard").items()
    ):
        if loop.time() > until_s:
            raise Violation("I2: a worker that was started again does not listen")
        await asyncio.sleep(0.5)
    _compare_live_state(world)
    # The broker may have kept a frame of a device that was switched off, and bring it only now.
    is_as_before = len(world.database.table("reading")) == readings
    if is_as_before and _remembered(world) != before:
        raise Violation("I4: a detector that was brought back is not the one that was killed")


def _remembered(world: World) -> dict[int, bytes]:
    """Return what the holders of the shards remember of each person."""
    holder = {key[0]: row["owner"] for key, row in world.database.table("shard").items()}
    return {
        key[0]: world.scorings[holder[row["shard"]]].snapshot([key[0]])
        for key, row in world.database.table("person").items()
    }
