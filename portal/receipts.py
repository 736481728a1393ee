"""Receipts: what GOV.UK Notify reports about texts, taken from it alone and stored as it is.

Who calls shows a bearer token, not a cookie. Only the reference and the status are kept: the number
that a receipt names is never stored and never logged. Storing is all that happens here; a receipt
accepts nothing and closes nothing.
"""

from __future__ import annotations

import hmac
from typing import Annotated, Final, Literal

from aiohttp import web
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from portal.context import SETTINGS, now_of, transaction
from portal.forms import read_body
from portal.security import Refusal, log_refusal, not_found
from tidewell.database import Queries

_QUERIES: Final = Queries("portal", "receipts.sql")

_REFERENCE: Final = r"^(?:bundle-)?[0-9a-f]{40}$"


class NotifyReceipt(BaseModel):
    """What we read of a receipt; Notify sends more, and may send more still one day."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    reference: Annotated[str, Field(pattern=_REFERENCE)]
    status: Annotated[str, Field(pattern=r"^[a-z][a-z-]{0,39}$")]
    notification_type: Literal["sms"]


async def take_notify_receipt(request: web.Request) -> web.Response:
    """Store what became of a text."""
    token = request.app[SETTINGS].notify_receipt_token
    if token is None:
        raise not_found(request, Refusal.NOT_FOUND)
    shown = request.headers.get("Authorization", "").removeprefix("Bearer ")
    # A header may hold bytes that are no text; they are compared like any others.
    given = shown.encode(errors="surrogateescape")
    if not hmac.compare_digest(given, token.get_secret_value().encode()):
        log_refusal(request, Refusal.WRONG_TOKEN)
        raise web.HTTPUnauthorized
    try:
        receipt = NotifyReceipt.model_validate_json(await read_body(request))
    except ValidationError:
        # Nothing that it said: a number may stand in it.
        log_refusal(request, Refusal.UNUSABLE_RECEIPT)
        raise web.HTTPBadRequest from None
    what = {"reference": receipt.reference, "status": receipt.status, "now": now_of(request)}
    async with transaction(request) as connection:
        await connection.execute(_QUERIES["store_receipt"], {"channel": "sms", **what})
    return web.Response(status=204)
