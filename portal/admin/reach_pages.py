"""Who would not be reached this week: for administrators and service managers.

It says which duty or team has a gap, and never opens a young person's page.
"""

from __future__ import annotations

from typing import Final

from aiohttp import web

from portal.admin_pages import ReachRow
from portal.context import first_row, transaction
from portal.rendering import page
from portal.words import age_words
from tidewell.database import Queries

_QUERIES: Final = Queries("portal", "admin.sql")


async def show_reach(request: web.Request) -> web.Response:
    """Show what the last look ahead found."""
    async with transaction(request) as connection:
        reach = await first_row(connection, ReachRow, _QUERIES["last_reach"], {})
    return page(request, "admin/reach.jinja", {"reach": reach, "age": age_words})
