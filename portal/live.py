"""Server-sent events: an open page hears that something happened, and asks for it again itself.

An event carries the number and the kind, never a name or a value: the page fetches what changed
through the same door as always, so that every look is checked and recorded. This keeps an open page
fresh; it is not how anybody is told of an alert, because phones put pages to sleep.
"""

from __future__ import annotations

import asyncio
import json
from typing import Final

from aiohttp import web

from portal.api.tokens import viewer_of_hash
from portal.context import Viewer, now_of, transaction, viewer_of
from portal.live_feed import EVENTS_AT_ONCE, FEED, FeedEvent, FeedState, Stream, missed_events
from portal.security import Refusal, log_refusal
from portal.sessions import find_viewer
from tidewell.clock import monotonic_s

PING_S: Final = 15.0
"""Proxies close a silent connection after 30 to 60 seconds."""

GONE_WITHIN_S: Final = 1.0
"""Whoever turns pages quickly must not use up their streams with pages that they left."""

RETRY_MS: Final = 3_000
"""How long a browser waits before it connects again."""

WRITE_WAIT_S: Final = 20.0
"""A browser that takes nothing for this long is gone."""

EVENT_ID_MAX: Final = 2**63 - 1


async def stream_events(request: web.Request) -> web.StreamResponse:
    """Send a page what happens to the alerts that its viewer may see."""
    viewer, feed = viewer_of(request), request.app[FEED]
    stream = feed.open_stream(viewer.token_hash, viewer.username, viewer.known_staff_id)
    if stream is None:
        log_refusal(request, Refusal.TOO_MANY_STREAMS)
        raise web.HTTPServiceUnavailable
    try:
        return await _serve(request, viewer, stream)
    finally:
        feed.close_stream(stream)


async def _serve(request: web.Request, viewer: Viewer, stream: Stream) -> web.StreamResponse:
    response = web.StreamResponse(
        headers={"Content-Type": "text/event-stream", "X-Accel-Buffering": "no"}
    )
    try:
        await response.prepare(request)
        await _write(response, f"retry: {RETRY_MS}\n\n")
        await _write(response, state_text(request.app[FEED].state))
        await _replay(request, response, viewer)
        await _follow(request, response, stream)
    except (ConnectionError, TimeoutError):
        return response
    return response


async def _replay(request: web.Request, response: web.StreamResponse, viewer: Viewer) -> None:
    """Send what the page missed since the last event that it says it has.

    A browser that reconnects says so itself; a page that was just drawn has it in the address, so
    that nothing is lost between drawing and listening.
    """
    given = request.headers.get("Last-Event-ID") or request.query.get("after", "")
    if not (given.isascii() and given.isdigit()) or int(given) > EVENT_ID_MAX:
        return
    after = int(given)
    late = request.app[FEED].late_after(after)
    async with transaction(request) as connection:
        missed = await missed_events(
            connection, viewer.known_staff_id, after, late, now_of(request)
        )
    if len(missed) == EVENTS_AT_ONCE:
        await _write(response, state_text(FeedState.CATCH_UP))
    for event in missed:
        await _write(response, event_text(event))


async def _follow(request: web.Request, response: web.StreamResponse, stream: Stream) -> None:
    """Send events as they come, and a sign of life in between, for as long as the session holds."""
    checked_s = monotonic_s()
    while True:
        item = await _next_item(request, stream, checked_s + PING_S)
        # However much happens, whoever was let in is asked again who they are.
        if monotonic_s() - checked_s >= PING_S:
            if not await _session_holds(request, stream):
                await _write(response, state_text(FeedState.SIGNED_OUT))
                return
            await _write(response, ": ping\n" + state_text(request.app[FEED].state))
            checked_s = monotonic_s()
        if item is FeedState.CLOSING:
            return
        if item is not None:
            await _write(
                response, state_text(item) if isinstance(item, FeedState) else event_text(item)
            )


async def _next_item(
    request: web.Request, stream: Stream, until_s: float
) -> FeedEvent | FeedState | None:
    """Wait for an item until a moment; the page being left shows only when somebody asks for it."""
    while (left_s := until_s - monotonic_s()) > 0:
        try:
            return await asyncio.wait_for(stream.queue.get(), timeout=min(GONE_WITHIN_S, left_s))
        except TimeoutError:
            if request.transport is None or request.transport.is_closing():
                raise ConnectionError("the page was left") from None
    return None


async def _session_holds(request: web.Request, stream: Stream) -> bool:
    now = now_of(request)
    async with transaction(request) as connection:
        if viewer_of(request).is_program:
            return await viewer_of_hash(connection, stream.session, now) is not None
        return await find_viewer(connection, stream.session, now, keep_alive=False) is not None


async def _write(response: web.StreamResponse, text: str) -> None:
    await asyncio.wait_for(response.write(text.encode()), timeout=WRITE_WAIT_S)


def state_text(state: FeedState) -> str:
    """Return the message that says whether the page is up to date."""
    return f"event: state\ndata: {json.dumps({'state': state})}\n\n"


def event_text(event: FeedEvent) -> str:
    """Return the message for one event."""
    data = json.dumps({"id": event.public_id, "kind": event.kind})
    return f"event: alert\nid: {event.alert_event_id}\ndata: {data}\n\n"
