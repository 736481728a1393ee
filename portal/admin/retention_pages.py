"""How long things are kept: the settings, and what went by age at the last run.

Nothing is set or erased here: whoever runs the servers sets it, and a job does it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from aiohttp import web

from portal.admin.door import administration
from portal.context import SETTINGS, first_row, rows
from portal.rendering import page
from portal.words import counted
from tidewell.database import Queries
from tidewell.settings import PREFIX, Settings

KEEP: Final = "keep_"
"""How the settings begin that say how long something is kept; they are in days."""

_QUERIES: Final = Queries("portal.admin", "retention.sql")


@dataclass(frozen=True, slots=True)
class FlagRow:
    """Whether something is so."""

    number: bool


@dataclass(frozen=True, slots=True)
class RunRow:
    """What went of one class at its last run; without `before` all of it is kept."""

    name: str
    at: datetime
    before: datetime | None
    gone: Mapping[str, int]
    people_on_hold: int

    @property
    def words(self) -> str:
        """Return what went."""
        if self.before is None and not self.gone:
            return "all of it is kept"
        rows_gone = sum(self.gone.values())
        held = self.people_on_hold
        whom = "1 person" if held == 1 else f"{held} people"
        return f"{counted(rows_gone, 'row')} went" + (f"; {whom} on hold left out" if held else "")


@dataclass(frozen=True, slots=True)
class KeptFor:
    """A setting that says how long something is kept."""

    setting: str
    meaning: str
    value: str


async def show_retention(request: web.Request) -> web.Response:
    """Show the settings and the last run."""
    async with administration(request) as connection:
        is_there = await first_row(connection, FlagRow, _QUERIES["has_runs"], {})
        runs: list[RunRow] = []
        if is_there is not None and is_there.number:
            runs = await rows(connection, RunRow, _QUERIES["last_runs"], {})
    kept = kept_for(request.app[SETTINGS])
    return page(request, "admin/retention.jinja", {"kept": kept, "runs": runs})


def kept_for(settings: Settings) -> list[KeptFor]:
    """Return what the settings say, in their order."""
    found = []
    for name, field in Settings.model_fields.items():
        if name.startswith(KEEP):
            days = getattr(settings, name)
            value = "until erased" if days is None else counted(days, "day")
            found.append(KeptFor(PREFIX + name.upper(), field.description or "", value))
    return found
