"""PostgreSQL's binary COPY read field by field, by its documentation and without our own writer."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import Final

HEADER: Final = b"PGCOPY\n\xff\r\n\x00" + struct.pack(">ii", 0, 0)
TRAILER: Final = struct.pack(">h", -1)


def fields_of(data: bytes) -> Iterator[list[bytes | None]]:
    """Yield the fields of each row; None is NULL."""
    assert data.startswith(HEADER)
    at = len(HEADER)
    while data[at : at + 2] != TRAILER:
        (count,) = struct.unpack_from(">h", data, at)
        at += 2
        row: list[bytes | None] = []
        for _ in range(count):
            (length,) = struct.unpack_from(">i", data, at)
            at += 4
            row.append(None if length < 0 else data[at : at + length])
            at += max(length, 0)
        yield row
    assert at == len(data) - len(TRAILER)
