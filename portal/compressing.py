"""Fewer bytes for a phone at the edge of reception, and no way to guess at a page by its length.

The length of a compressed answer says a little about what is in it. Whoever could make somebody's
browser ask for a page with words of their own in the address, and watch the line, could guess at
the rest of the page bit by bit (BREACH). So a page is compressed only where its own reader asked
for it: the browser says in Sec-Fetch-Site that the request came from a page of ours or from the
person themselves, or a program shows its token, which no browser adds by itself. An older browser
that does not say so gets plain pages. Never compressed are the answers to forms, which may show a
secret once. Files that are the same for everybody are compressed for all.
"""

from __future__ import annotations

from typing import Final

from aiohttp import web

from portal.context import API_PATH
from portal.security import STATIC_PATH, Handler

LEAST_BYTES: Final = 1_000
"""One packet has room for about as much; less would not arrive any sooner."""

_TEXT_TYPES: Final = frozenset(
    {"text/html", "text/csv", "text/calendar", "application/json", "image/svg+xml"}
)
_TEXT_FILES: Final = (".css", ".js", ".json", ".mjs", ".svg")
_CONDITIONS: Final = ("If-None-Match", "If-Modified-Since", "If-Range", "Range")
_OWN_READERS: Final = frozenset({"same-origin", "none"})


@web.middleware
async def compress(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Compress what is text, long enough, and asked for by its own reader."""
    answer = await handler(request)
    if request.method == "GET" and _takes_gzip(request) and _is_safe(request, answer):
        answer.enable_compression(web.ContentCoding.gzip)
        answer.headers["Vary"] = "Accept-Encoding, Sec-Fetch-Site"
    return answer


def _takes_gzip(request: web.Request) -> bool:
    said = request.headers.get("Accept-Encoding", "").lower().replace(" ", "")
    parts = said.split(",")
    return any(one == "gzip" or (one.startswith("gzip;q=") and one != "gzip;q=0") for one in parts)


def _is_safe(request: web.Request, answer: web.StreamResponse) -> bool:
    if isinstance(answer, web.FileResponse):
        is_text = request.path.startswith(STATIC_PATH) and request.path.endswith(_TEXT_FILES)
        return is_text and not _may_be_nothing_new(request)
    if not isinstance(answer, web.Response) or answer.status != 200:
        return False
    is_long_text = answer.content_type in _TEXT_TYPES and len(answer.body or b"") >= LEAST_BYTES  # type: ignore[arg-type]
    return is_long_text and _is_asked_by_its_reader(request)


def _may_be_nothing_new(request: web.Request) -> bool:
    """Return whether the answer may turn out to have no content.

    A compressed nothing is twenty bytes, which a browser takes for the answer to its next request.
    """
    return any(name in request.headers for name in _CONDITIONS)


def _is_asked_by_its_reader(request: web.Request) -> bool:
    if request.path.startswith(API_PATH) and "Authorization" in request.headers:
        return True
    return request.headers.get("Sec-Fetch-Site") in _OWN_READERS
