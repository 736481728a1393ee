"""Where a device turns its code into its secret: `POST /pair`, JSON, no cookie.

Promises: a code that fits works once; every other one gets the same answer, and who tries again and
again has to wait longer and longer. The secret is in this one answer and nowhere else. Never says
which of the reasons it was.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil
from typing import Annotated, Final
from urllib.parse import urlsplit

from aiohttp import web
from pydantic import BaseModel, ConfigDict, StringConstraints, ValidationError

from portal.admin.door import pairing_transaction
from portal.admin.pairing import code_hash, plain_code
from portal.context import SETTINGS, first_row, now_of
from portal.forms import read_body
from portal.security import Refusal, log_refusal
from portal.sign_in_delay import SignInDelay
from portal.signing_in.known_devices import network_of_request
from tidewell.clock import monotonic_s
from tidewell.database import Queries
from tidewell.device_credentials import give_secrets
from tidewell.settings import Settings

PAIRING_DELAY: Final = web.AppKey("pairing_delay", SignInDelay)

_QUERIES: Final = Queries("portal.admin", "devices.sql")


class PairingRequest(BaseModel):
    """What a device sends."""

    model_config = ConfigDict(extra="forbid")

    code: Annotated[str, StringConstraints(min_length=1, max_length=40)]


@dataclass(frozen=True, slots=True)
class PairedRow:
    """The device that a code was made for."""

    name: str
    shard: int


async def pair_device(request: web.Request) -> web.Response:
    """Turn a code into the secret of its device, and say where the device sends."""
    if request.content_type != "application/json":
        raise web.HTTPUnsupportedMediaType
    key, delay = (network_of_request(request),), request.app[PAIRING_DELAY]
    wait_s = delay.wait_s(key, monotonic_s())
    if wait_s > 0:
        log_refusal(request, Refusal.WAIT_BEFORE_NEXT_TRY)
        return _waits(wait_s)
    broker = broker_address(request.app[SETTINGS])
    if broker is None:
        log_refusal(request, Refusal.NO_BROKER_ADDRESS)
        return _refused(503, "no_broker_address", "This site does not know where devices send.")
    # Counted before the look, so that many tries at the same time do not slip past the delay.
    delay.failed(key, monotonic_s())
    found = await _paired(request)
    if found is None:
        log_refusal(request, Refusal.WRONG_CODE)
        return _refused(403, "wrong_code", "This code does not fit, is used, or is too old.")
    delay.succeeded(key)
    device, secret = found
    answer = {"device": device.name, "shard": device.shard, "secret": secret, "broker": broker}
    return web.json_response(answer)


async def _paired(request: web.Request) -> tuple[PairedRow, str] | None:
    try:
        asked = PairingRequest.model_validate_json(await read_body(request))
    except ValidationError:
        return None
    code, now = plain_code(asked.code), now_of(request)
    if code is None:
        return None
    async with pairing_transaction(request) as connection:
        values = {"code_hash": code_hash(code), "now": now}
        device = await first_row(connection, PairedRow, _QUERIES["use_code"], values)
        if device is None:
            return None
        given = await give_secrets(connection, [device.name], now)
    return device, given[device.name]


def broker_address(settings: Settings) -> str | None:
    """Return where devices reach the broker, without any account of the service."""
    given = settings.device_broker_url or settings.broker_url
    if given is None:
        return None
    parts = urlsplit(given.get_secret_value())
    host = parts.hostname or ""
    host = f"[{host}]" if ":" in host else host
    return f"{parts.scheme}://{host}" + (f":{parts.port}" if parts.port else "")


def _refused(status: int, reason: str, words: str) -> web.Response:
    return web.json_response({"error": reason, "message": words}, status=status)


def _waits(wait_s: float) -> web.Response:
    seconds = ceil(wait_s)
    answer = _refused(429, "wait", f"Wait {seconds} seconds, then try again.")
    answer.headers["Retry-After"] = str(seconds)
    return answer
