"""Every table of the database, and what the law asks about it: read from `tables.toml`.

Promises: an entry is whole or the start fails; a test compares the entries with the catalogue of a
real database, so no table is forgotten. Never reads a table itself.
"""

from __future__ import annotations

import tomllib
from enum import StrEnum
from functools import cache
from importlib import resources

from pydantic import BaseModel, ConfigDict, model_validator


class Erase(StrEnum):
    """What becomes of a table when a person is erased."""

    DELETED = "deleted"
    CLEANED = "cleaned"
    KEPT = "kept"
    NOBODY = "nobody"


class Copy(StrEnum):
    """Which copy of a person's information has the table in it."""

    THEIRS = "theirs"
    CHECKED = "checked"
    WITHOUT = "without"


class KeepClass(StrEnum):
    """How long something is kept: by a setting, or by what it belongs to."""

    READINGS = "readings"
    DAYS = "days"
    RECORD = "record"
    DEAD_LETTERS = "dead_letters"
    SESSIONS = "sessions"
    LEDGER = "ledger"
    ACCESS_LOG = "access_log"
    ENROLLED = "enrolled"
    SERVICE = "service"


class Table(BaseModel):
    """What is said about one table."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    about: str
    erase: Erase
    why: str = ""
    copy_: Copy = Copy.WITHOUT
    copy_why: str = ""
    keep: KeepClass

    @model_validator(mode="after")
    def _gives_reasons(self) -> Table:
        if (self.erase is Erase.KEPT) != bool(self.why):
            raise ValueError("`why` says why something is kept, and nothing else")
        is_left_out = self.erase is not Erase.NOBODY and self.copy_ is Copy.WITHOUT
        if is_left_out != bool(self.copy_why):
            raise ValueError("`copy_why` says why something about people is in no copy")
        return self


@cache
def tables() -> dict[str, Table]:
    """Return what is said about each table, by its name.

    Example:
        >>> tables()["reading"].keep
        <KeepClass.READINGS: 'readings'>
    """
    text = resources.files("tidewell.lawful").joinpath("tables.toml").read_text(encoding="utf-8")
    return {
        name: Table.model_validate(
            {("copy_" if key == "copy" else key): entry[key] for key in entry}
        )
        for name, entry in tomllib.loads(text).items()
    }


def tables_that(erase: Erase) -> list[str]:
    """Return the names of the tables of which this becomes."""
    return [name for name, table in tables().items() if table.erase is erase]


def tables_in(copies: frozenset[Copy]) -> list[str]:
    """Return the names of the tables that are in these copies."""
    return [
        name
        for name, table in tables().items()
        if table.erase is not Erase.NOBODY and table.copy_ in copies
    ]
