"""Help at once, and the way out: both work for anybody, signed in or not.

The page with the help lines needs no sign-in and is kept by the browser, so that it is there
without a network. Leaving ends the session and puts a page of somebody else in the place of ours.
"""

from __future__ import annotations

from aiohttp import web

from portal.context import SETTINGS, VIEWER, now_of, transaction
from portal.rendering import HELP_LINES, page
from portal.sessions import drop_cookie, end_session


async def show_help(request: web.Request) -> web.Response:
    """Show where to get help at once; this page needs no sign-in."""
    return page(request, "help.jinja")


async def leave(request: web.Request) -> web.Response:
    """End the session and lead to a page that says nothing about us.

    It is no redirect: a browser lets a form of ours lead to ours only.
    """
    viewer = request.get(VIEWER)
    if viewer is not None:
        async with transaction(request) as connection:
            await end_session(connection, viewer.token_hash, now_of(request))
    response = page(request, "leave.jinja", {"leave_to": request.app[HELP_LINES].leave_to})
    drop_cookie(response, request.app[SETTINGS])
    return response
