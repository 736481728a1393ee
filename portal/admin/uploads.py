"""Files that an administrator uploads: small, plain text, read within limits.

Nothing is written to a disk. A form has one file and a few fields; a file that was chosen goes
before a text that was pasted.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from aiohttp import BodyPartReader, web

from portal.security import Refusal, log_refusal

UPLOAD_WAIT_S: Final = 20.0
"""A page of text takes a second on a bad line."""

FIELDS_MOST: Final = 8
FIELD_BYTES_MOST: Final = 1_000
CHUNK_BYTES: Final = 16_384


@dataclass(frozen=True, slots=True)
class Upload:
    """What came: the content, what its file was called, and the fields beside it."""

    content: bytes
    file_name: str
    fields: Mapping[str, str]


async def read_upload(request: web.Request, most_bytes: int) -> Upload | None:
    """Return what was uploaded or pasted, or None when it does not have the shape that it should.

    Raises:
        HTTPUnsupportedMediaType: it is not a form with a file.
        HTTPRequestTimeout: it did not arrive in time.
        HTTPRequestEntityTooLarge: it is larger than any file of this kind.
    """
    if request.content_type != "multipart/form-data":
        raise web.HTTPUnsupportedMediaType
    try:
        async with asyncio.timeout(UPLOAD_WAIT_S):
            found = await _parts(request, most_bytes)
    except TimeoutError:
        raise web.HTTPRequestTimeout from None
    except (ValueError, AssertionError):
        # What aiohttp says of a body that is no proper form.
        found = None
    if found is None:
        log_refusal(request, Refusal.UNUSABLE_FORM)
    return found


async def _parts(request: web.Request, most_bytes: int) -> Upload | None:
    reader = await request.multipart()
    fields: dict[str, str] = {}
    content, pasted, file_name = b"", b"", ""
    for _ in range(FIELDS_MOST):
        part = await reader.next()
        if part is None:
            break
        if not isinstance(part, BodyPartReader) or not part.name:
            return None
        if part.name == "file":
            content, file_name = await _read(part, most_bytes), part.filename or ""
        elif part.name == "text":
            pasted = (await _read(part, most_bytes)).replace(b"\r\n", b"\n")
        else:
            fields[part.name] = (await _read(part, FIELD_BYTES_MOST)).decode().strip()
    whole = content or pasted
    if b"\0" in whole or any("\0" in value for value in fields.values()):
        return None
    return Upload(whole, file_name[:200], fields)


async def _read(part: BodyPartReader, most_bytes: int) -> bytes:
    found = bytearray()
    while chunk := await part.read_chunk(CHUNK_BYTES):
        found += chunk
        if len(found) > most_bytes:
            raise web.HTTPRequestEntityTooLarge(most_bytes, len(found))
    return bytes(found)
