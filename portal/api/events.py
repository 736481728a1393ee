"""The stream of events for programs: the same one that keeps open pages fresh.

An event says that something happened to an alert, never what: a program asks for the alert, so that
it is let in and written down as always. At least once: after a lost connection some come again.
"""

from __future__ import annotations

from typing import Annotated

from aiohttp import web
from pydantic import Field

from portal.api.operations import Request
from portal.api.problems import ProblemError, ProblemKind
from portal.live import stream_events


class EventsQuery(Request):
    """From where to go on; the header `Last-Event-ID` says the same and wins."""

    after: Annotated[
        int | None, Field(ge=0, le=2**63 - 1, description="The last `id` that was heard.")
    ] = None


async def stream(request: web.Request) -> web.StreamResponse:
    """Send events for as long as somebody listens and the token holds."""
    try:
        return await stream_events(request)
    except web.HTTPServiceUnavailable:
        raise ProblemError(ProblemKind.TOO_MANY_STREAMS) from None
