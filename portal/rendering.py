"""From a template and its values to a page.

Everything that comes from outside is escaped. The NHS.UK frontend gives the components; the
header, the footer and the icons are our own, because its own carry the NHS brand.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from aiohttp import web
from jinja2 import ChainableUndefined, ChoiceLoader, Environment, PackageLoader

from portal import words
from portal.context import EVENTS_BEFORE, NONCE, SETTINGS, VIEWER, Audience, now_of
from portal.help_lines import HelpLines, load_help_lines
from portal.signing_in.steps import STEP

TEMPLATES: Final = web.AppKey("templates", Environment)
HELP_LINES: Final = web.AppKey("help_lines", HelpLines)


def make_templates() -> Environment:
    """Return the templates with the words that they may use.

    ChainableUndefined is what the NHS.UK components are written for.
    """
    environment = Environment(
        loader=ChoiceLoader([PackageLoader("portal"), PackageLoader("nhsuk_frontend_jinja")]),
        autoescape=True,
        undefined=ChainableUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(
        date=words.date_words,
        day=words.day_words,
        moment=words.moment_words,
        clock=words.clock_words,
        number=words.number_words,
        minutes=words.minutes_words,
        level=words.level_words,
        family=words.family_words,
        isotime=words.iso_words,
    )
    return environment


def prepare_rendering(application: web.Application) -> None:
    """Load templates and help lines once, when the application is built."""
    application[TEMPLATES] = make_templates()
    application[HELP_LINES] = load_help_lines()


def page(
    request: web.Request,
    template: str,
    values: Mapping[str, object] | None = None,
    status: int = 200,
) -> web.Response:
    """Return a page."""
    everywhere: dict[str, object] = {
        "cspNonce": request.get(NONCE, ""),
        "assetPath": "/static",
        "demo": request.app[SETTINGS].demo,
        "viewer": request.get(VIEWER),
        "pages_are_open": VIEWER in request and STEP not in request,
        "Audience": Audience,
        "now": now_of(request),
        "path": request.path,
        "own_address": request.path_qs,
        "events_before": request.get(EVENTS_BEFORE, -1),
        "help_lines": request.app[HELP_LINES],
    }
    text = request.app[TEMPLATES].get_template(template).render({**everywhere, **(values or {})})
    return web.Response(text=text, content_type="text/html", charset="utf-8", status=status)
