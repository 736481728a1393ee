"""The few MQTT 3.1.1 packets that a load process needs, built and read as bytes.

A client library costs more for each message than the broker does, and it is the broker and what
lies behind it that are measured here. Source: OASIS, MQTT Version 3.1.1.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import Final

CONNACK: Final = 2
PUBLISH: Final = 3
PUBACK: Final = 4
SUBACK: Final = 9
LONGEST_ID: Final = 65_535
_KEEP_ALIVE_S: Final = 0
"""Never: the load process ends with the benchmark."""


def connect(client_id: str, user: str | None, password: str | None) -> bytes:
    """Return CONNECT for a clean session."""
    texts = [client_id] + [one for one in (user, password) if one is not None]
    flags = 0x02 | (0x80 if user is not None else 0) | (0x40 if password is not None else 0)
    body = b"\x00\x04MQTT\x04" + bytes([flags]) + struct.pack(">H", _KEEP_ALIVE_S)
    return packet(0x10, body + b"".join(prefixed(one) for one in texts))


def subscribe(number: int, topics: list[str]) -> bytes:
    """Return SUBSCRIBE at QoS 0."""
    body = struct.pack(">H", number) + b"".join(prefixed(topic) + b"\x00" for topic in topics)
    return packet(0x82, body)


def publish(topic: bytes, number: int, payload: bytes) -> bytes:
    """Return PUBLISH at QoS 1; `topic` is already prefixed with its length."""
    return packet(0x32, topic + number.to_bytes(2, "big") + payload)


def packet(first: int, body: bytes) -> bytes:
    """Return a packet with its length before it."""
    size, length = len(body), bytearray()
    while True:
        size, digit = divmod(size, 128)
        length.append(digit | (0x80 if size else 0))
        if not size:
            return bytes([first]) + bytes(length) + body


def prefixed(text: str) -> bytes:
    """Return a text as MQTT writes it."""
    data = text.encode()
    return struct.pack(">H", len(data)) + data


def split(buffer: bytearray) -> Iterator[tuple[int, bytes]]:
    """Yield type and body of each whole packet, and take them out of the buffer.

    Example:
        >>> data = bytearray([0x40, 2, 0, 5, 0x40])
        >>> list(split(data)), data
        ([(4, b'\\x00\\x05')], bytearray(b'@'))
    """
    place = 0
    while (found := _next(buffer, place)) is not None:
        start, end = found
        yield buffer[place] >> 4, bytes(buffer[start:end])
        place = end
    del buffer[:place]


def _next(buffer: bytearray, place: int) -> tuple[int, int] | None:
    """Return where the body of the packet at `place` starts and ends, if all of it is there."""
    size, shift, at = 0, 0, place + 1
    while at < len(buffer):
        size |= (buffer[at] & 0x7F) << shift
        shift, at = shift + 7, at + 1
        if not buffer[at - 1] & 0x80:
            return (at, at + size) if at + size <= len(buffer) else None
    return None
