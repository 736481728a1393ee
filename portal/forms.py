"""Reading forms: small, plain, and checked before a page uses them.

Nothing that a browser sends is trusted: its size, its type, its time and its words have limits.
"""

from __future__ import annotations

import asyncio
from typing import Final, TypeVar
from urllib.parse import parse_qsl

from aiohttp import web
from pydantic import BaseModel, ValidationError

from portal.security import Refusal, log_refusal

FORM_BYTES_MAX: Final = 24_576
"""A note of 500 characters and three columns of 300, percent-encoded, with room to spare."""

FORM_FIELDS_MAX: Final = 20
"""Four times what our largest form has."""

FORM_WAIT_S: Final = 10.0
"""A form arrives in one packet; ten seconds allow for a phone at the edge of reception."""

FormModel = TypeVar("FormModel", bound=BaseModel)


async def read_body(request: web.Request) -> bytes:
    """Return what was sent.

    Raises:
        HTTPRequestTimeout: it did not arrive in time.
        HTTPRequestEntityTooLarge: it is larger than any form of ours.
    """
    try:
        async with asyncio.timeout(FORM_WAIT_S):
            return await request.read()
    except TimeoutError:
        raise web.HTTPRequestTimeout from None


async def read_form(request: web.Request, shape: type[FormModel]) -> FormModel | None:
    """Return the form that was sent, or None when it does not have the shape that it should.

    Raises:
        HTTPUnsupportedMediaType: it is not a form.
        HTTPRequestTimeout: it did not arrive in time.
        HTTPRequestEntityTooLarge: it is larger than any form of ours.
    """
    if request.content_type != "application/x-www-form-urlencoded":
        raise web.HTTPUnsupportedMediaType
    body = await read_body(request)
    try:
        fields = parse_qsl(body.decode(), keep_blank_values=True, max_num_fields=FORM_FIELDS_MAX)
        form = shape.model_validate(dict(fields))
    except (ValidationError, ValueError):
        log_refusal(request, Refusal.UNUSABLE_FORM)
        return None
    # PostgreSQL keeps no text with a null character, and no person types one.
    if any("\0" in value for _, value in fields):
        log_refusal(request, Refusal.UNUSABLE_FORM)
        return None
    return form
