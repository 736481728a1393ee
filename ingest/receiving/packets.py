"""PUBLISH at QoS 1 read in bulk, PUBACK and PUBLISH at QoS 0 written: MQTT 3.1.1 as bytes.

Promises: reads just what it understands and leaves every other packet, and the rest of one that is
not whole yet, where it is. A payload is passed on whatever it holds, and so is a topic that is no
UTF-8, with marks in its place: a device's mistake is refused by name further in, where it cannot
stop others. Only what no broker may send is malformed.
Source: OASIS, MQTT Version 3.1.1, 2.2 (fixed header), 3.3 (PUBLISH), 3.4 (PUBACK).
"""

from __future__ import annotations

from typing import Final

from ingest.batch import Arrival

_KIND_AND_QOS: Final = 0xF6
"""Without DUP and RETAIN, which change nothing for us: a frame is known by its numbers."""
_PUBLISH_AT_LEAST_ONCE: Final = 0x32
_PUBLISH_AT_MOST_ONCE: Final = b"\x30"
_PUBACK: Final = b"\x40\x02"
_MORE: Final = 0x80
"""The bit of a byte of a length that says that another follows."""
_LENGTH_BYTES_MOST: Final = 4
_NO_NUMBER: Final = b"\x00\x00"


class MalformedPacketError(Exception):
    """The broker sent what MQTT does not allow; nothing after it can be trusted."""


def packet_at(data: bytes, place: int) -> tuple[int, int] | None:
    """Return where the body of the packet at `place` starts and ends, or None of a part of one.

    Example:
        >>> packet_at(bytes([0x40, 2, 0, 7]), 0), packet_at(bytes([0x40, 2, 0]), 0)
        ((2, 4), None)

    Raises:
        MalformedPacketError: its length has more than four bytes.
    """
    size = 0
    for count in range(_LENGTH_BYTES_MOST):
        at = place + 1 + count
        if at >= len(data):
            return None
        size |= (data[at] & ~_MORE) << 7 * count
        if not data[at] & _MORE:
            return (at + 1, at + 1 + size) if at + 1 + size <= len(data) else None
    raise MalformedPacketError("the length of a packet has more than four bytes")


def take_frames(data: bytes, place: int) -> tuple[list[Arrival], int]:
    """Read publishes at QoS 1 from `place` on, up to a packet of another kind or one not whole.

    Return them with the place behind the last one.

    Raises:
        MalformedPacketError: one has no room for its topic, or no number.
    """
    frames: list[Arrival] = []
    while place < len(data) and data[place] & _KIND_AND_QOS == _PUBLISH_AT_LEAST_ONCE:
        found = packet_at(data, place)
        if found is None:
            break
        start, place = found
        topic_end = start + 2 + int.from_bytes(data[start : start + 2], "big")
        number = data[topic_end : topic_end + 2]
        if topic_end + 2 > place or number == _NO_NUMBER:
            raise MalformedPacketError("a frame came without its topic or its number")
        topic = data[start + 2 : topic_end].decode("utf-8", "replace")
        frames.append(Arrival(topic, data[topic_end + 2 : place], _PUBACK + number))
    return frames, place


def publish_at_most_once(topic: str, payload: bytes) -> bytes:
    """Return PUBLISH at QoS 0.

    Example:
        >>> publish_at_most_once("a", b"{}").hex(" ")
        '30 05 00 01 61 7b 7d'
    """
    name = topic.encode()
    size = 2 + len(name) + len(payload)
    length = bytearray()
    while size >= _MORE:
        length.append(size % _MORE | _MORE)
        size >>= 7
    length.append(size)
    return b"".join((_PUBLISH_AT_MOST_ONCE, length, len(name).to_bytes(2, "big"), name, payload))
