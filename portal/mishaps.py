"""When something goes wrong: a page that a person can read, with what to do next.

Never shows a traceback, a query or a value; those go to the log.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import psycopg
from aiohttp import web
from psycopg_pool import PoolTimeout, TooManyRequests

from portal.api.problems import problem_of_status
from portal.context import is_for_programs
from portal.rendering import page
from portal.security import Handler
from tidewell.logs import get_logger


@dataclass(frozen=True, slots=True)
class Mishap:
    """What went wrong, as people read it."""

    heading: str
    sentence: str


MISHAPS: Final[dict[int, Mishap]] = {
    400: Mishap("We could not read that", "Please go back and try again."),
    403: Mishap(
        "That did not come from one of our pages",
        "Nothing was changed. Open Tidewell in your browser and try again there.",
    ),
    404: Mishap(
        "There is nothing here for you",
        "The page does not exist, or it is about somebody who is not assigned to you.",
    ),
    405: Mishap("That cannot be done here", "Please go back and try again."),
    408: Mishap("That took too long to arrive", "Nothing was changed. Please try again."),
    413: Mishap("That was too long", "Nothing was changed. Please shorten it and try again."),
    415: Mishap("We could not read that", "Nothing was changed. Please go back and try again."),
    503: Mishap(
        "Tidewell cannot reach its data right now",
        "We are not showing you anything old instead. Please try again in a minute. "
        "If you are worried about somebody, contact them as you would without Tidewell.",
    ),
}
UNEXPECTED: Final = Mishap(
    "Something went wrong on our side",
    "Please try again in a minute. If you are worried about somebody, contact them as you would "
    "without Tidewell.",
)

_KEPT_HEADERS: Final = ("Allow", "Retry-After", "WWW-Authenticate")
_DATABASE_IS_AWAY: Final = (psycopg.OperationalError, PoolTimeout, TooManyRequests, TimeoutError)


@web.middleware
async def explain_mishaps(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Turn every error into a page."""
    try:
        return await handler(request)
    except web.HTTPException as answer:
        if answer.status < 400:
            raise
        if is_for_programs(request):
            kept = {name: answer.headers[name] for name in _KEPT_HEADERS if name in answer.headers}
            return problem_of_status(request, answer.status, kept)
        return mishap_page(request, answer.status)
    except _DATABASE_IS_AWAY:
        get_logger().warning("page without database", path=_route_of(request), exc_info=True)
        return mishap_page(request, 503)
    except Exception:  # noqa: BLE001 -- the last door: what nobody foresaw is logged and explained
        get_logger().exception("page failed", path=_route_of(request))
        return mishap_page(request, 500)


def mishap_page(request: web.Request, status: int) -> web.Response:
    """Return the page for a status, or the problem document where a program asks."""
    if is_for_programs(request):
        return problem_of_status(request, status)
    mishap = MISHAPS.get(status, UNEXPECTED)
    return page(request, "mishap.jinja", {"mishap": mishap}, status=status)


def _route_of(request: web.Request) -> str:
    """Return which page it was, without whom it was about."""
    resource = request.match_info.route.resource
    return resource.canonical if resource else "?"
