"""What makes the pages an application of a phone: the worker, and pages for no network.

The page for no network is the same for everybody: it names nobody, and the help lines on it can be
called without the network. The worker's text changes whenever that page or its files do, because a
phone fetches a worker again only when its text is another one.
"""

from __future__ import annotations

import hashlib
from importlib import resources
from typing import Final

from aiohttp import web

from portal.help_lines import HelpLines
from portal.rendering import HELP_LINES, page

WORKER: Final = web.AppKey("worker", str)
_VERSION_MARK: Final = "@VERSION@"
_VERSION_CHARACTERS: Final = 16
"""Enough that two versions never share a name."""
_BEHIND_THE_PAGE: Final = (
    "static/tidewell.css",
    "static/icon.svg",
    "templates/help.jinja",
    "templates/offline.jinja",
    "templates/layout.jinja",
)


def prepare_worker(application: web.Application) -> None:
    """Put the version into the worker, once the templates and help lines are loaded."""
    text = resources.files("portal").joinpath("static/worker.mjs").read_text(encoding="utf-8")
    application[WORKER] = text.replace(_VERSION_MARK, _version(application[HELP_LINES]))


async def show_worker(request: web.Request) -> web.Response:
    """Return the worker; from here it may stand before any of our pages."""
    return web.Response(text=request.app[WORKER], content_type="text/javascript", charset="utf-8")


async def show_offline(request: web.Request) -> web.Response:
    """Return what a phone shows when there is no network, the same for everybody."""
    return page(request, "offline.jinja", {"viewer": None})


def _version(help_lines: HelpLines) -> str:
    digest = hashlib.sha256(help_lines.model_dump_json().encode())
    for name in _BEHIND_THE_PAGE:
        digest.update(resources.files("portal").joinpath(name).read_bytes())
    return f"tidewell-{digest.hexdigest()[:_VERSION_CHARACTERS]}"
