"""What one batch of frames amounts to, before the database is asked anything.

Works on copies: the cursors that the service holds are replaced only after the commit, so a batch
that failed can be taken again as if it had never been.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final, NamedTuple

from ingest.admit import FUTURE_TOLERANCE_MS, Admitted, Device, Registry, Span, admit
from ingest.cursors import Cursor, Gap, Kept, advance
from ingest.decode import LARGEST_FRAME_BYTES, Address, Refused, decode, parse_topic
from ingest.frames import Frame
from ingest.reasons import Progress, Refusal

NOT_KEPT: Final = frozenset({Refusal.PAUSED, Refusal.SWITCHED_OFF})
"""Refusals whose payload is not kept: the young person asked that it be dropped."""

DeviceBoot = tuple[int, int]
_NEVER_SEEN: Final = Cursor()


class Arrival(NamedTuple):
    """A message as it came in; `receipt` is what its broker hears when it is committed."""

    topic: str
    payload: bytes
    receipt: bytes = b""
    """Empty where it came at QoS 0, which nobody confirms."""


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """A refusal to be kept; `content` is what came, of which not all may be kept.

    `may_be_unwanted` says that readings of a pause, or of a channel that is switched off, may be
    inside, whatever the reason is.
    """

    topic: str
    device_id: int | None
    refused: Refused
    content: bytes
    whole_frame: bool = True
    may_be_unwanted: bool = False

    @property
    def payload(self) -> bytes | None:
        """Return what is kept: nothing of a pause, and no more than a frame may hold."""
        if self.may_be_unwanted or self.refused.reason in NOT_KEPT:
            return None
        return self.content[:LARGEST_FRAME_BYTES]


@dataclass(slots=True)
class Tally:
    """What a batch adds to the counts of one boot of a device."""

    committed: int = 0
    dead_lettered: int = 0
    repeated: int = 0
    lost: tuple[Gap, ...] = ()


@dataclass(slots=True)
class Plan:
    """What to store for a batch.

    `admitted[i]` came from the message at `arrival_of[i]`. `cursors` holds the boots that moved,
    `before` where they were. `told` are the devices to acknowledge. `unknown` are boots whose
    cursors were not at hand, and `holed` those of which frames are or were missing.
    """

    admitted: list[Admitted] = field(default_factory=list)
    arrival_of: list[int] = field(default_factory=list)
    dead_letters: list[DeadLetter] = field(default_factory=list)
    cursors: dict[DeviceBoot, Cursor] = field(default_factory=dict)
    before: dict[DeviceBoot, Cursor] = field(default_factory=dict)
    tallies: dict[DeviceBoot, Tally] = field(default_factory=dict)
    told: dict[DeviceBoot, Address] = field(default_factory=dict)
    unknown: set[DeviceBoot] = field(default_factory=set)
    holed: set[DeviceBoot] = field(default_factory=set)


class Decoded(NamedTuple):
    """A message after decoding; `address` is None where the topic has another shape."""

    arrival: Arrival
    address: Address | None
    content: Frame | Refused


def decode_arrival(arrival: Arrival) -> Decoded:
    """Decode one message."""
    address = parse_topic(arrival.topic)
    if address is None:
        return Decoded(
            arrival, None, Refused(Refusal.BAD_TOPIC, "the topic is not that of a frame")
        )
    return Decoded(arrival, address, decode(arrival.payload))


def plan(
    messages: Sequence[Decoded],
    registry: Registry,
    kept: Mapping[DeviceBoot, Kept],
    now_ms: int,
) -> Plan:
    """Decide what becomes of each message, in order.

    Args:
        kept: boots that are at hand. One that is not is planned as one that was never seen, and
            named in `unknown`: where it is stored after all, this plan is wrong.
    """
    made = Plan()
    for place, message in enumerate(messages):
        if not _plan_usual(made, place, message, registry, kept, now_ms):
            _plan_one(made, place, message, registry, kept, now_ms)
    return made


def _plan_usual(
    made: Plan,
    place: int,
    message: Decoded,
    registry: Registry,
    kept: Mapping[DeviceBoot, Kept],
    now_ms: int,
) -> bool:
    """Plan what nearly every message is, and say so: the next frame of its device, as expected.

    The short way to what `_plan_one` does with it; a test holds them to one another.
    """
    _, address, content = message
    if address is None or not isinstance(content, Frame):
        return False
    usual = registry.usual.get(address)
    if usual is None:
        return False
    boot, seq, _, start_ms, period_s, epochs, _, _ = content
    key = (usual.device_id, boot)
    known = kept.get(key)
    last_ms = start_ms + (epochs - 1) * period_s * 1000
    if (
        known is None
        or key in made.cursors
        or seq != known.cursor.highest + 1
        or known.cursor.gaps
        or not usual.start_ms <= start_ms <= last_ms < usual.end_ms
        or last_ms > now_ms + FUTURE_TOLERANCE_MS
    ):
        return False
    made.before[key] = known.cursor
    made.cursors[key] = Cursor(seq, seq)
    made.tallies[key] = Tally(1)
    made.told[key] = address
    made.admitted.append(Admitted(content, usual.device_id, usual.owner, 0))
    made.arrival_of.append(place)
    return True


def _plan_one(
    made: Plan,
    place: int,
    message: Decoded,
    registry: Registry,
    kept: Mapping[DeviceBoot, Kept],
    now_ms: int,
) -> None:
    address, content = message.address, message.content
    device = registry.devices.get(address.device) if address else None
    if address and isinstance(content, Frame):
        verdict: Admitted | Refused = admit(content, address, registry, now_ms)
    else:
        assert isinstance(content, Refused)
        verdict = content
    boot, seq = content.boot, content.seq
    if address is None or device is None or boot is None or seq is None:
        # Who is unknown has no cursor and gets no ack: anybody could make up a name.
        if isinstance(verdict, Refused):
            made.dead_letters.append(_dead_letter(message, device, verdict, registry))
        return
    key = (device.device_id, boot)
    if not _move(made, key, seq, address, content, kept):
        return
    tally = made.tallies[key]
    if isinstance(verdict, Refused):
        tally.dead_lettered += 1
        made.dead_letters.append(_dead_letter(message, device, verdict, registry))
        return
    tally.committed += 1
    made.admitted.append(verdict)
    made.arrival_of.append(place)
    if verdict.paused_epochs:
        detail = f"{verdict.paused_epochs} of {verdict.frame.epochs} readings lie in a pause"
        letter = _dead_letter(message, device, Refused(Refusal.PAUSED, detail, boot, seq), registry)
        made.dead_letters.append(replace(letter, whole_frame=False))


def _move(
    made: Plan,
    key: DeviceBoot,
    seq: int,
    address: Address,
    content: Frame | Refused,
    kept: Mapping[DeviceBoot, Kept],
) -> bool:
    """Move the cursor of a boot and return whether its frame is new."""
    before = made.cursors.get(key)
    if before is None:
        known = kept.get(key)
        if known is None:
            made.unknown.add(key)
        before = made.before[key] = _NEVER_SEEN if known is None else known.cursor
        made.tallies[key] = Tally()
    oldest = content.oldest if isinstance(content, Frame) else None
    progress, after, lost = advance(before, seq, oldest)
    made.cursors[key] = after
    made.told[key] = address
    if before.gaps or after.gaps or lost:
        made.holed.add(key)
    made.tallies[key].lost += lost
    made.tallies[key].repeated += progress is Progress.REPEATED
    return progress is Progress.NEW


def _dead_letter(
    message: Decoded, device: Device | None, refused: Refused, registry: Registry
) -> DeadLetter:
    return DeadLetter(
        message.arrival.topic,
        device.device_id if device else None,
        refused,
        message.arrival.payload,
        may_be_unwanted=device is not None and _may_be_unwanted(message.content, device, registry),
    )


def _may_be_unwanted(content: Frame | Refused, device: Device, registry: Registry) -> bool:
    """Return whether a frame of this device may hold what its person asked to be dropped.

    Where its times cannot be read, any pause counts and any channel that was ever switched off:
    what was asked to be dropped comes first.
    """
    people = [
        registry.people[person_id]
        for person_id in {wearing.person_id for wearing in device.wearings}
    ]
    if isinstance(content, Refused):
        return any(not person.drops_nothing for person in people)
    end_ms = content.start_ms + content.epochs * content.period_s * 1000
    spans: list[Span] = [pause for person in people for pause in person.pauses]
    spans += [
        one for person in people for one in person.channels_off if one.channel in content.channels
    ]
    return any(span.start_ms < end_ms and content.start_ms < span.end_ms for span in spans)
