"""My information: what is collected, who sees it, how long it is kept, and how it is written.

How long is read from the very settings by which things are deleted; `kept.toml` says which.
"""

from __future__ import annotations

import tomllib
from functools import cache
from importlib import resources
from typing import Final, Literal

from aiohttp import web
from pydantic import BaseModel, ConfigDict, Field

from portal.context import SETTINGS, now_of, transaction, viewer_of
from portal.forms import read_form
from portal.words import counted
from portal.young.texts import LEVELS, say
from portal.young_person_pages import my_page, read_mine
from tidewell.database import Connection, Queries
from tidewell.settings import Settings

DOWNLOAD_PATH: Final = "/me/download"
"""Where everything about somebody can be had as files, in a service that offers it."""

_QUERIES: Final = Queries("portal", "young_person.sql")


class Kept(BaseModel):
    """One kind of what is kept."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    what: Literal["readings", "days", "record", "looks"]
    setting: str = ""
    otherwise: Literal["for_the_record", "a_person_deletes"]

    def words(self, level: str, settings: Settings) -> str:
        """Return for how long, as these settings have it."""
        days = getattr(settings, self.setting, None) if self.setting else None
        if days is None:
            return say(f"about.{self.otherwise}", level)
        return say("about.for_days", level, length=counted(days, "day"))


class KeptFile(BaseModel):
    """All kinds, in the order in which they are shown."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    kept: tuple[Kept, ...] = Field(min_length=4)


@cache
def load_kept() -> tuple[Kept, ...]:
    """Read the file that lies beside this module."""
    text = resources.files("portal.young").joinpath("kept.toml").read_text(encoding="utf-8")
    return KeptFile.model_validate(tomllib.loads(text)).kept


class LevelForm(BaseModel):
    """How somebody wants to be spoken to."""

    level: str = ""


async def show_information(request: web.Request) -> web.Response:
    """Show what is collected, who sees it, for how long, and what one can do about it."""
    async with transaction(request) as connection:
        mine = await read_mine(connection, request)
    paths = {resource.canonical for resource in request.app.router.resources()}
    values: dict[str, object] = {
        "kept": [(one.what, one.words(mine.level, request.app[SETTINGS])) for one in load_kept()],
        "download_path": DOWNLOAD_PATH if DOWNLOAD_PATH in paths else "",
    }
    return my_page(request, "young/information.jinja", mine, values)


async def show_level(request: web.Request) -> web.Response:
    """Show the three ways in which the pages can be written."""
    return await _level_page(request)


async def choose_level(request: web.Request) -> web.Response:
    """Keep how somebody wants to be spoken to."""
    form = await read_form(request, LevelForm)
    if form is None:
        raise web.HTTPBadRequest
    if form.level not in LEVELS:
        return await _level_page(request, has_error=True, status=422)
    async with transaction(request) as connection:
        await write_level(connection, request, form.level)
    raise web.HTTPSeeOther("/me/reading")


async def write_level(connection: Connection, request: web.Request, level: str) -> None:
    """Keep how the young person who is looking wants to be spoken to."""
    values = {
        "person_id": viewer_of(request).known_person_id,
        "reading_level": level,
        "now": now_of(request),
    }
    await connection.execute(_QUERIES["my_choice_of_words"], values)


async def _level_page(
    request: web.Request, *, has_error: bool = False, status: int = 200
) -> web.Response:
    async with transaction(request) as connection:
        mine = await read_mine(connection, request)
    names = dict(zip(LEVELS, ("short", "middle", "long"), strict=True))
    values: dict[str, object] = {"levels": names, "has_error": has_error}
    return my_page(request, "young/level.jinja", mine, values, status)
