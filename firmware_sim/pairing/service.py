"""Pairing, from the device's side: a code becomes its name, its secret and where it sends.

docs/wire-format.md says what goes over the line. Promises: the answer is checked before it is used;
a code that does not fit is said as it is. Never: keeps or logs the code or the secret.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Annotated, Final
from urllib.parse import urlsplit

import aiohttp
from pydantic import BaseModel, Field, ValidationError

from tidewell.errors import ServerUnavailableError, UsageError
from tidewell.vocabulary import SHARD_COUNT

PAIR_WITHIN_S: Final = 15.0
"""The site looks a code up and makes two hashes; a device with bad reception needs the rest."""

ANSWER_BYTES_MOST: Final = 4_096


class _Answer(BaseModel):
    device: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]{0,62}$")]
    shard: Annotated[int, Field(ge=0, lt=SHARD_COUNT)]
    secret: Annotated[str, Field(min_length=20, max_length=200)]
    broker: Annotated[str, Field(pattern=r"^mqtts?://", max_length=300)]


@dataclass(frozen=True, slots=True)
class Paired:
    """What a device knows once it is paired."""

    device_name: str
    shard: int
    broker_url: str
    secret: str = field(repr=False)


def where_to_pair(given: str, code: str | None) -> tuple[str, str]:
    """Return the address to ask and the code; a scanned picture holds both.

    Raises:
        UsageError: there is no code, or no address.

    Example:
        >>> where_to_pair("https://site.example/pair#BCDFGHJK", None)
        ('https://site.example/pair', 'BCDFGHJK')
    """
    parts = urlsplit(given)
    code = code or parts.fragment
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise UsageError(f"{given[:60]!r} is no address of a site; give one like https://…")
    if not code:
        raise UsageError("there is no code; an administrator makes one on the page of the person")
    base = given.partition("#")[0].rstrip("/")
    return (base if base.endswith("/pair") else f"{base}/pair"), code


async def pair(site: str, code: str) -> Paired:
    """Turn a code into what the device needs.

    Raises:
        UsageError: the code does not fit; the site's own words are in the message.
        ServerUnavailableError: the site did not answer, or not as it should.
    """
    address, code = where_to_pair(site, code)
    timeout = aiohttp.ClientTimeout(total=PAIR_WITHIN_S)
    try:
        async with (
            aiohttp.ClientSession(timeout=timeout) as session,
            session.post(address, json={"code": code}, allow_redirects=False) as answer,
        ):
            content = await answer.content.read(ANSWER_BYTES_MOST)
            status = answer.status
    except (aiohttp.ClientError, TimeoutError) as error:
        raise ServerUnavailableError(f"the site did not answer: {error}") from None
    if status in {403, 429}:
        raise UsageError(f"the site did not pair this device: {content.decode(errors='replace')}")
    try:
        found = _Answer.model_validate_json(content)
    except ValidationError:
        raise ServerUnavailableError(
            f"the site answered with status {status} and not with a secret; see its log"
        ) from None
    return Paired(found.device, found.shard, found.broker, found.secret)
