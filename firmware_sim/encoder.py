"""The device's side of `docs/wire-format.md`: frames, status and topics as bytes, answers read.

Numbers leave as the shortest text that is the same float32 again; NaN leaves as `null`. A channel
without any value is left out, and a frame without any channel is not made. Nothing larger than a
frame may be is ever returned. The service's decoder is written separately and never imported here.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Final

import numpy as np
import orjson
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from tidewell.vocabulary import CHANNEL_NAMES, SHARD_COUNT

if TYPE_CHECKING:
    from numpy.typing import NDArray

FRAME_BYTES_MAX: Final = 16_384
"""The limit of the wire format, for the whole payload."""
HEAD_BYTES_MAX: Final = 96
"""`boot`, `seq` and `oldest` at their longest take 78 bytes; the body keeps this much free."""
EPOCHS_MAX: Final = 1_440
"""The limit of the wire format on the length of an array: one day of minutes."""
ANSWER_BYTES_MAX: Final = 4_096
"""32 ranges of the longest numbers take 1.1 KiB; a longer answer is not from our service."""
NUMBER_MAX: Final = 2**53 - 1
BOOT_MAX: Final = 2**31 - 1

_DEVICE_NAME: Final = re.compile(r"[a-z0-9][a-z0-9-]{0,62}")


class TopicKind(StrEnum):
    """The four topics of a device."""

    FRAME = "frame"
    STATUS = "status"
    ACK = "ack"
    CONFIG = "config"


@dataclass(frozen=True, slots=True)
class Ack:
    """How far the service has committed, and what it misses below what it has."""

    boot: int
    upto: int
    missing: tuple[tuple[int, int], ...]
    time_ms: int


@dataclass(frozen=True, slots=True)
class Config:
    """What the service asks of a device; None leaves it as it is."""

    period_s: int | None
    channels: frozenset[str] | None
    paused_until_ms: int | None


def topic(shard: int, device_name: str, kind: TopicKind) -> str:
    """Return the topic of a device.

    Example:
        >>> topic(7, "band-1", TopicKind.FRAME)
        'tidewell/v1/7/band-1/frame'
    """
    if not 0 <= shard < SHARD_COUNT or not _DEVICE_NAME.fullmatch(device_name):
        raise ValueError(f"no topic for shard {shard} and device {device_name!r}")
    return f"tidewell/v1/{shard}/{device_name}/{kind.value}"


def encode_body(start_ms: int, period_s: int, values: NDArray[np.float32]) -> bytes | None:
    """Return the part of a frame that never changes, without its opening brace.

    None stands for "no channel has a value: there is nothing to send".
    """
    if not 1 <= len(values) <= EPOCHS_MAX:
        raise ValueError(f"a frame holds 1 to {EPOCHS_MAX} epochs, not {len(values)}")
    if np.isinf(values).any():
        raise ValueError("a value is infinite: the source of these readings is broken")
    columns = np.ascontiguousarray(values.T, dtype=np.float32)
    there = ~np.isnan(columns).all(axis=1)
    if not there.any():
        return None
    body: dict[str, int | NDArray[np.float32]] = {"start": start_ms, "period": period_s}
    for index in np.flatnonzero(there):
        body[CHANNEL_NAMES[index]] = columns[index]
    return orjson.dumps(body, option=orjson.OPT_SERIALIZE_NUMPY)[1:]


def fits(body: bytes) -> bool:
    """Return whether a body leaves room for the longest head within the limit."""
    return len(body) + HEAD_BYTES_MAX <= FRAME_BYTES_MAX


def encode_frame(boot: int, seq: int, oldest: int | None, body: bytes) -> bytes:
    """Return a whole frame: a head that says which it is, before a body of `encode_body`.

    The head stands apart because `oldest` may have risen when the same frame is sent again.
    """
    if not (0 <= boot <= BOOT_MAX and 0 <= seq <= NUMBER_MAX):
        raise ValueError(f"boot {boot} or seq {seq} is out of the wire format's range")
    if oldest is not None and not 0 <= oldest <= seq:
        raise ValueError(f"oldest {oldest} is not within 0 to seq {seq}")
    held = b"" if oldest is None else b'"oldest":%d,' % oldest
    return b'{"boot":%d,"seq":%d,%s%s' % (boot, seq, held, body)


def encode_status(
    *, online: bool, time_ms: int, battery_percent: int, firmware: str, boot: int
) -> bytes:
    """Return a status message, for the retained topic and for the last will."""
    return orjson.dumps(
        {
            "online": online,
            "time": time_ms,
            "battery": battery_percent,
            "firmware": firmware,
            "boot": boot,
        }
    )


class _Answer(BaseModel):
    model_config = ConfigDict(strict=True, frozen=True)


class _AckMessage(_Answer):
    boot: Annotated[int, Field(ge=0, le=BOOT_MAX)]
    upto: Annotated[int, Field(ge=-1, le=NUMBER_MAX)]
    missing: Annotated[list[tuple[int, int]], Field(max_length=32)] = Field(default_factory=list)
    time: int


class _ConfigMessage(_Answer):
    period: Annotated[int, Field(ge=1, le=3_600)] | None = None
    channels: list[str] | None = None
    paused_until: int | None = None


def decode_ack(payload: bytes) -> Ack | None:
    """Return the service's answer, or None when it is not one: a device must not fall over it.

    Example:
        >>> decode_ack(b'{"boot":7,"upto":3,"missing":[[5,6]],"time":1762000000000}').missing
        ((5, 6),)
    """
    if len(payload) > ANSWER_BYTES_MAX:
        return None
    try:
        message = _AckMessage.model_validate_json(payload)
    except ValidationError:
        return None
    ordered = [0, *(number for pair in message.missing for number in pair), NUMBER_MAX]
    if ordered != sorted(ordered):
        return None
    return Ack(message.boot, message.upto, tuple(message.missing), message.time)


def decode_config(payload: bytes) -> Config | None:
    """Return what the service asks of the device, or None when it is not such a message."""
    if len(payload) > ANSWER_BYTES_MAX:
        return None
    try:
        message = _ConfigMessage.model_validate_json(payload)
    except ValidationError:
        return None
    channels = None if message.channels is None else frozenset(message.channels)
    if channels is not None and not channels & set(CHANNEL_NAMES):
        return None
    return Config(message.period, channels, message.paused_until)
