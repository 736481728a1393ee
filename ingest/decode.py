"""From bytes to a frame, or to a named refusal: nothing else, whatever the bytes.

The second implementation of `docs/wire-format.md`; the first is `firmware_sim.encoder`. They share
the vectors in `tests/vectors/` and no code, because a shared codec agrees with its own mistakes.
Never raises for input. Never looks at who sent it: that is `ingest.admit`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final, NamedTuple

from pydantic_core import SchemaValidator, ValidationError, core_schema, from_json

from ingest.frames import Frame, Values, block_of
from ingest.reasons import Refusal
from tidewell.vocabulary import CHANNELS, Channel

LARGEST_FRAME_BYTES: Final = 16_384
"""A day of two channels or an hour of all; far above what a device sends, far below harm."""
MOST_EPOCHS: Final = 1_440
"""A day of minutes."""
LONGEST_DETAIL: Final = 200
"""Characters of a refusal's detail: enough to find the fault, too few to carry the data."""
LONGEST_FRAME_TOPIC: Final = 84
"""Characters: of a shard of two digits and the longest name. What is longer is of another shape."""
MOST_TOPICS: Final = 32_768
"""Topics whose parts are remembered: those of three times the devices of a large site, 10 MB."""
EARLIEST_MS: Final = 1_420_070_400_000
"""2015-01-01: an earlier time comes from a clock that was never set."""

_TOPIC: Final = re.compile(r"tidewell/v1/(0|[1-9][0-9]?)/([a-z0-9][a-z0-9-]{0,62})/frame")
_BOOT: Final = re.compile(rb'"boot"\s*:\s*(\d{1,10})\s*[,}]')
_SEQ: Final = re.compile(rb'"seq"\s*:\s*(\d{1,16})\s*[,}]')
_SALVAGED_BYTES: Final = 256
"""Devices write `boot` and `seq` first; further inside, the same letters may be anything."""
HIGHEST_BOOT: Final = 2**31 - 1
HIGHEST_SEQ: Final = 2**53 - 1


class Address(NamedTuple):
    """Where a frame came from, by its topic."""

    shard: int
    device: str


@dataclass(frozen=True, slots=True)
class Refused:
    """A frame that will not be stored, why, and its number where that could still be read."""

    reason: Refusal
    detail: str
    boot: int | None = None
    seq: int | None = None


def _channel_field(channel: Channel) -> core_schema.TypedDictField:
    """Return an array of numbers within bounds; absent is allowed, `null` in its place is not."""
    high = None if channel.per_minute else channel.high
    value = core_schema.float_schema(ge=channel.low, le=high, allow_inf_nan=False)
    values = core_schema.list_schema(
        core_schema.nullable_schema(value), min_length=1, max_length=MOST_EPOCHS
    )
    return core_schema.typed_dict_field(values, required=False)


def _number_field(low: int, high: int, *, required: bool = True) -> core_schema.TypedDictField:
    return core_schema.typed_dict_field(core_schema.int_schema(ge=low, le=high), required=required)


WIRE_SCHEMA: Final = core_schema.typed_dict_schema(
    {
        "boot": _number_field(0, HIGHEST_BOOT),
        "seq": _number_field(0, HIGHEST_SEQ),
        "oldest": _number_field(0, HIGHEST_SEQ, required=False),
        "start": _number_field(0, 2**53),
        "period": _number_field(1, 3_600),
        **{channel.name: _channel_field(channel) for channel in CHANNELS},
    },
    extra_behavior="forbid",
)
_WIRE: Final = SchemaValidator(WIRE_SCHEMA)
"""pydantic's own validator, without a model: the dictionary that it returns is what is needed."""
_COUNTED: Final = tuple(one for one in CHANNELS if one.per_minute)
"""Channels whose bound grows with the length of an epoch."""

_REASON_OF_ERROR: Final[dict[str, Refusal]] = {
    "json_invalid": Refusal.BAD_JSON,
    "dict_type": Refusal.NOT_AN_OBJECT,
    "missing": Refusal.MISSING_KEY,
    "finite_number": Refusal.NOT_FINITE,
    "greater_than_equal": Refusal.OUT_OF_RANGE,
    "less_than_equal": Refusal.OUT_OF_RANGE,
    "too_short": Refusal.EMPTY,
    "too_long": Refusal.TOO_MANY_EPOCHS,
}


def parse_topic(topic: str) -> Address | None:
    """Return shard and device of a frame's topic, or None for a topic of another shape.

    Example:
        >>> parse_topic("tidewell/v1/7/band-12/frame")
        Address(shard=7, device='band-12')
    """
    return _parsed(topic) if len(topic) <= LONGEST_FRAME_TOPIC else None


@lru_cache(maxsize=MOST_TOPICS)
def _parsed(topic: str) -> Address | None:
    match = _TOPIC.fullmatch(topic)
    if match is None or int(match[1]) > 63:
        return None
    return Address(int(match[1]), match[2])


def decode(payload: bytes) -> Frame | Refused:
    """Return the frame in a payload, or why there is none.

    Example:
        >>> frame = decode(b'{"boot":1,"seq":0,"start":1762000000000,"period":60,"steps":[3]}')
        >>> frame.spelled_out()
        {'steps': [3.0]}
        >>> decode(b'[]').reason
        <Refusal.NOT_AN_OBJECT: 'not_an_object'>
    """
    if len(payload) > LARGEST_FRAME_BYTES:
        detail = f"{len(payload)} bytes; the most is {LARGEST_FRAME_BYTES}"
        return Refused(Refusal.TOO_LARGE, detail, *_salvage(payload))
    try:
        wire = _WIRE.validate_json(payload, strict=True)
    except ValidationError as error:
        reason, detail = _explain(error)
        return Refused(reason, detail, *_salvage(payload))
    return _checked(wire)


def _checked(wire: dict[str, Any]) -> Frame | Refused:
    """Check what one field alone cannot say; what is left of `wire` are its channels."""
    boot, seq, oldest = wire.pop("boot"), wire.pop("seq"), wire.pop("oldest", None)
    start_ms, period_s, channels = wire.pop("start"), wire.pop("period"), wire
    if oldest is not None and oldest > seq:
        return Refused(Refusal.OUT_OF_RANGE, f"oldest {oldest} is above seq {seq}", boot, seq)
    if not channels:
        return Refused(Refusal.NO_CHANNEL, "a frame carries at least one channel", boot, seq)
    lengths = set(map(len, channels.values()))
    if len(lengths) > 1:
        detail = f"arrays of {sorted(lengths)} values; all must be of one length"
        return Refused(Refusal.WRONG_LENGTH, detail, boot, seq)
    if start_ms < EARLIEST_MS:
        detail = f"start {start_ms} is before 2015; the clock of the device was never set"
        return Refused(Refusal.TOO_OLD, detail, boot, seq)
    if detail := _too_many_counts(channels, period_s):
        return Refused(Refusal.OUT_OF_RANGE, detail, boot, seq)
    # The validator returns channels in the order of its schema, which is that of the vocabulary.
    block = block_of(channels.values())
    return Frame(boot, seq, oldest, start_ms, period_s, lengths.pop(), tuple(channels), block)


def _too_many_counts(channels: Mapping[str, Values], period_s: int) -> str:
    for channel in _COUNTED:
        if values := channels.get(channel.name):
            most = channel.high * max(1.0, period_s / 60)
            if max([value for value in values if value is not None], default=0.0) > most:
                return f"{channel.name}: too many in {period_s} s; the most is {most:g}"
    return ""


def _explain(error: ValidationError) -> tuple[Refusal, str]:
    """Return reason and place of the first fault; the value itself is not repeated."""
    first = error.errors(include_url=False, include_context=True)[0]
    kind, place = first["type"], ".".join(str(part) for part in first["loc"])
    if kind == "extra_forbidden":
        is_channel = isinstance(first["input"], list)
        reason = Refusal.UNKNOWN_CHANNEL if is_channel else Refusal.UNKNOWN_KEY
        return reason, f"{place[:60]!r} is not in the wire format"
    reason = _REASON_OF_ERROR.get(kind, Refusal.WRONG_TYPE)
    detail = f"{place}: {first['msg']}" if place else first["msg"]
    return reason, detail[:LONGEST_DETAIL]


def _salvage(payload: bytes) -> tuple[int | None, int | None]:
    """Return boot and seq of a frame that is refused.

    Without them the frame could never be acknowledged, and would block its device for ever. What
    is JSON is asked for its own two keys, in any order; of anything else only the start is read.
    """
    try:
        whole = from_json(payload[: LARGEST_FRAME_BYTES + 1])
    except ValueError:
        boot = _BOOT.search(payload, 0, _SALVAGED_BYTES)
        seq = _SEQ.search(payload, 0, _SALVAGED_BYTES)
        return _in_range(int(boot[1]), int(seq[1])) if boot and seq else (None, None)
    if not isinstance(whole, dict):
        return None, None
    return _in_range(whole.get("boot"), whole.get("seq"))


def _in_range(boot: object, seq: object) -> tuple[int | None, int | None]:
    if type(boot) is not int or type(seq) is not int:
        return None, None
    if not (0 <= boot <= HIGHEST_BOOT and 0 <= seq <= HIGHEST_SEQ):
        return None, None
    return boot, seq
