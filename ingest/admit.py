"""May this frame be stored, and whose is it?

The person comes from the assignment of the device at the time of the reading, never from the
payload. Readings of a pause are dropped here, before anything keeps them, and so are the values of
a channel that its young person switched off.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Container, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Final, NamedTuple

from ingest.decode import Address, Refused
from ingest.frames import Frame
from ingest.reasons import Refusal

FUTURE_TOLERANCE_MS: Final = 5 * 60_000
"""A device's clock may be five minutes fast; further ahead, its times would be invented."""
FOREVER_MS: Final = 2**62


@dataclass(frozen=True, slots=True)
class Span:
    """From `start_ms` on, before `end_ms`."""

    start_ms: int
    end_ms: int


@dataclass(frozen=True, slots=True)
class Wearing(Span):
    """A time during which a device belonged to a person."""

    person_id: int


@dataclass(frozen=True, slots=True)
class ChannelOff(Span):
    """A time during which a young person does not want a channel to be used."""

    channel: str


@dataclass(frozen=True, slots=True)
class Device:
    """What is known of a device; `wearings` are in order and do not overlap."""

    device_id: int
    revoked: bool
    wearings: tuple[Wearing, ...]
    model: str = "unknown"
    enrolled_ms: int = 0
    """What it recorded before is its wearer's; only from then on is anything expected of it."""

    def worn_by(self, people: Container[int]) -> Device:
        """Return this device as worn by these people alone."""
        if all(wearing.person_id in people for wearing in self.wearings):
            return self
        known = tuple(wearing for wearing in self.wearings if wearing.person_id in people)
        return replace(self, wearings=known)


@dataclass(frozen=True, slots=True)
class Person:
    """What ingest has to know of a person."""

    person_id: int
    shard: int
    timezone: str
    pauses: tuple[Span, ...] = ()
    channels_off: tuple[ChannelOff, ...] = ()

    @property
    def drops_nothing(self) -> bool:
        """Return whether everything that their device sends is kept."""
        return not self.pauses and not self.channels_off


class Usual(NamedTuple):
    """What holds for nearly every frame on a topic: whose it is, within which times.

    There is one where `admit` looks at nothing else than times: a device that is not revoked, on
    the topic of its wearer, who wears it last and for whom nothing is dropped.
    """

    device_id: int
    start_ms: int
    end_ms: int
    owner: tuple[int]


@dataclass(frozen=True, slots=True)
class Registry:
    """Devices by name and people by number, as they were when it was read."""

    devices: Mapping[str, Device] = field(default_factory=dict)
    people: Mapping[int, Person] = field(default_factory=dict)
    usual: Mapping[Address, Usual] = field(init=False, compare=False, repr=False)
    """By topic, where there is one: looked up for each frame in place of all that leads to it."""

    def __post_init__(self) -> None:
        """Find what is usual."""
        object.__setattr__(self, "usual", dict(self._usual()))

    def _usual(self) -> Iterator[tuple[Address, Usual]]:
        for name, device in self.devices.items():
            if device.revoked or not device.wearings:
                continue
            last = device.wearings[-1]
            person = self.people.get(last.person_id)
            if person is not None and person.drops_nothing:
                owner = (last.person_id,)
                found = Usual(device.device_id, last.start_ms, last.end_ms, owner)
                yield Address(person.shard, name), found

    def wearers(self, device_ids: Container[int]) -> dict[int, set[int]]:
        """Return who wears or wore each of these devices."""
        return {
            one.device_id: {wearing.person_id for wearing in one.wearings}
            for one in self.devices.values()
            if one.device_id in device_ids
        }


class Admitted(NamedTuple):
    """A frame that will be stored.

    `person_of_epoch` holds the person of each epoch, or None where the epoch is not to be kept, or
    one person for them all; `paused_epochs` says how many were dropped because of a pause, and
    `values_switched_off` how many values of channels that are not used.
    """

    frame: Frame
    device_id: int
    person_of_epoch: tuple[int | None, ...]
    paused_epochs: int
    values_switched_off: int = 0


def admit(frame: Frame, address: Address, registry: Registry, now_ms: int) -> Admitted | Refused:
    """Decide about one frame.

    Example:
        >>> frame = Frame.of(0, 0, None, 1_762_000_000_000, 60, {"steps": [1.0]})
        >>> admit(frame, Address(0, "band-1"), Registry(), 1_762_000_060_000).reason
        <Refusal.UNKNOWN_DEVICE: 'unknown_device'>
    """
    device = registry.devices.get(address.device)
    if device is None:
        return _refused(frame, Refusal.UNKNOWN_DEVICE, f"{address.device} was never enrolled")
    if device.revoked:
        return _refused(frame, Refusal.DEVICE_REVOKED, f"{address.device} was revoked")
    last_ms = frame.start_ms + (frame.epochs - 1) * frame.period_s * 1000
    if last_ms > now_ms + FUTURE_TOLERANCE_MS:
        ahead_s = (last_ms - now_ms) // 1000
        detail = f"an epoch starts {ahead_s} s ahead of our clock"
        return _refused(frame, Refusal.FROM_THE_FUTURE, detail)
    owners = _owners(frame, device.wearings)
    people = {owner for owner in owners if owner is not None}
    if not people:
        detail = f"{address.device} belonged to nobody at that time"
        return _refused(frame, Refusal.NOT_ASSIGNED, detail)
    if any(registry.people[one].shard != address.shard for one in people):
        detail = f"shard {address.shard} is not that of the device's person"
        return _refused(frame, Refusal.WRONG_SHARD, detail)
    if all(registry.people[one].drops_nothing for one in people):
        return Admitted(frame, device.device_id, owners, 0)
    return _without_unwanted(frame, device.device_id, owners, registry)


def _without_unwanted(
    frame: Frame, device_id: int, owners: tuple[int | None, ...], registry: Registry
) -> Admitted | Refused:
    """Leave out what its person asked to be dropped."""
    every = owners * frame.epochs if len(owners) == 1 else owners
    kept = _without_pauses(frame, every, registry)
    if all(owner is None for owner in kept):
        return _refused(frame, Refusal.PAUSED, "all of its readings lie in a pause")
    used, dropped = _without_channels(frame, kept, registry)
    if dropped and not _has_values(used):
        return _refused(frame, Refusal.SWITCHED_OFF, "it has only channels that are switched off")
    paused = sum(owner is not None for owner in every) - sum(owner is not None for owner in kept)
    return Admitted(used, device_id, kept if paused else owners, paused, dropped)


def _refused(frame: Frame, reason: Refusal, detail: str) -> Refused:
    return Refused(reason, detail, frame.boot, frame.seq)


def silence_counts_from(registry: Registry, now_ms: int) -> dict[int, int]:
    """Return, per person, the moment before which silence is not their device's.

    A pause and a time without a device are no silence: the count begins when they end, and
    lies in the future while they last. A second device does not begin the count anew.
    """
    worn_from: dict[int, int] = {}
    for device in registry.devices.values():
        for wearing in device.wearings:
            if not device.revoked and wearing.start_ms <= now_ms < wearing.end_ms:
                from_ms = max(wearing.start_ms, device.enrolled_ms)
                before_ms = worn_from.get(wearing.person_id, FOREVER_MS)
                worn_from[wearing.person_id] = min(from_ms, before_ms)
    return {
        person.person_id: max(
            [worn_from.get(person.person_id, FOREVER_MS)]
            + [pause.end_ms for pause in person.pauses if pause.start_ms <= now_ms]
        )
        for person in registry.people.values()
    }


def _owners(frame: Frame, wearings: tuple[Wearing, ...]) -> tuple[int | None, ...]:
    """Return whose each epoch is, or one person for all of them where one wearing covers them."""
    step_ms = frame.period_s * 1000
    first_ms, last_ms = frame.start_ms, frame.start_ms + (frame.epochs - 1) * step_ms
    place = bisect_right(wearings, first_ms, key=lambda wearing: wearing.start_ms) - 1
    if place >= 0 and last_ms < wearings[place].end_ms:
        return (wearings[place].person_id,)
    return tuple(
        next((one.person_id for one in wearings if one.start_ms <= time_ms < one.end_ms), None)
        for time_ms in range(first_ms, last_ms + 1, step_ms)
    )


def _without_pauses(
    frame: Frame, owners: tuple[int | None, ...], registry: Registry
) -> tuple[int | None, ...]:
    pauses = {owner: registry.people[owner].pauses for owner in set(owners) if owner is not None}
    step_ms = frame.period_s * 1000
    return tuple(
        None
        if owner is None or _paused(pauses[owner], frame.start_ms + place * step_ms, step_ms)
        else owner
        for place, owner in enumerate(owners)
    )


def _without_channels(
    frame: Frame, owners: tuple[int | None, ...], registry: Registry
) -> tuple[Frame, int]:
    """Return the frame without the values of channels that are switched off, and their number."""
    off: dict[str, list[tuple[int, ChannelOff]]] = {}
    for owner in sorted({owner for owner in owners if owner is not None}):
        for span in registry.people[owner].channels_off:
            if span.channel in frame.channels:
                off.setdefault(span.channel, []).append((owner, span))
    if not off:
        return frame, 0
    channels, dropped = frame.spelled_out(), 0
    step_ms = frame.period_s * 1000
    for name, spans in off.items():
        values = [
            None
            if any(
                owners[place] == owner
                and _overlaps(span, frame.start_ms + place * step_ms, step_ms)
                for owner, span in spans
            )
            else value
            for place, value in enumerate(channels[name])
        ]
        before = sum(value is not None for value in channels[name])
        dropped += before - sum(value is not None for value in values)
        channels[name] = values
    return (frame.with_values(channels) if dropped else frame), dropped


def _has_values(frame: Frame) -> bool:
    return any(value is not None for values in frame.spelled_out().values() for value in values)


def _paused(pauses: tuple[Span, ...], time_ms: int, length_ms: int) -> bool:
    """Return whether any part of an epoch lies in a pause."""
    return any(_overlaps(one, time_ms, length_ms) for one in pauses)


def _overlaps(span: Span, time_ms: int, length_ms: int) -> bool:
    return span.start_ms < time_ms + length_ms and time_ms < span.end_ms
