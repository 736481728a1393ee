"""Asking again: before a risky step somebody proves that it is still them.

Other pages call `require_recent_proof(request)` first thing, on the page with the form and on the
form itself. It never lets a step through that was not proved within the last ten minutes.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Final
from urllib.parse import quote, urlsplit

from aiohttp import web

from portal.context import SETTINGS, now_of, viewer_of
from portal.security import Refusal, log_refusal, safe_next

PROOF_HOLDS: Final = timedelta(minutes=10)
"""Long enough for the step that it was asked for, too short for a screen that was left open."""


def require_recent_proof(request: web.Request) -> None:
    """Let a step go on only when its owner proved who they are within the last ten minutes.

    A page that was asked for comes back after the question. A form cannot: it leads back to the
    page that it was on.

    Raises:
        HTTPSeeOther: it was longer ago; it leads to the page that asks again.
    """
    if now_of(request) - viewer_of(request).proved_at <= PROOF_HOLDS:
        return
    log_refusal(request, Refusal.PROOF_TOO_OLD)
    raise web.HTTPSeeOther("/sign-in/again?next=" + quote(_page_of(request), safe=""))


def _page_of(request: web.Request) -> str:
    if request.method in {"GET", "HEAD"}:
        return safe_next(request.path_qs)
    referer = urlsplit(request.headers.get("Referer", ""))
    own_hosts = {request.host, urlsplit(request.app[SETTINGS].public_url or "").netloc}
    if referer.netloc not in own_hosts:
        return "/"
    return safe_next(referer.path + (f"?{referer.query}" if referer.query else ""))
