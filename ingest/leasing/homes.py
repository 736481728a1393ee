"""Which worker moves the cursor of a device: the holder of its home shard, and nobody else.

A device's home is the shard of whoever was given it last. Two workers that both moved one cursor
would each undo what the other remembers; so what came to the wrong one is left to the right one.
"""

from __future__ import annotations

from collections.abc import Container, Sequence

from ingest.admit import Registry
from ingest.batch import DeadLetter, Decoded
from ingest.decode import Refused
from ingest.reasons import Refusal


def home_shard(registry: Registry, device_name: str) -> int | None:
    """Return the home of a device, None where it is not enrolled or nobody ever wore it."""
    device = registry.devices.get(device_name)
    if device is None or not device.wearings:
        return None
    return registry.people[device.wearings[-1].person_id].shard


def for_holder(
    messages: Sequence[Decoded], registry: Registry, held: Container[int]
) -> tuple[list[Decoded], list[DeadLetter]]:
    """Return what the holder of these shards takes in, and what is set up wrongly.

    A frame of a shard that moved away is in neither: its device sends it again, to the holder. One
    on a topic of ours whose device belongs elsewhere is kept as refused and never answered, because
    only the holder of its home may move its cursor. Nothing of its content is kept: whether it lies
    in a pause is for the holder to say.
    """
    ours: list[Decoded] = []
    wrong: list[DeadLetter] = []
    for one in messages:
        address = one.address
        if address is None:
            ours.append(one)
            continue
        is_here = address.shard in held
        if is_here and address in registry.usual:
            ours.append(one)  # nearly all: the topic of who was given it last
            continue
        home = home_shard(registry, address.device)
        if is_here and (home is None or home in held):
            ours.append(one)
        elif is_here:
            detail = f"shard {address.shard} is not that of the device's person"
            refused = Refused(Refusal.WRONG_SHARD, detail, one.content.boot, one.content.seq)
            device_id = registry.devices[address.device].device_id
            letter = DeadLetter(
                one.arrival.topic, device_id, refused, one.arrival.payload, may_be_unwanted=True
            )
            wrong.append(letter)
    return ours, wrong
