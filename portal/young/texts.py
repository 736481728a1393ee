"""The texts of the young person's pages, each in three versions: one for each reading level.

Read once from the TOML files in `texts/`, checked when they are read. A text is named by its file
and its key, such as `pause.title`. Never: a text of these pages anywhere else.
"""

from __future__ import annotations

import tomllib
from functools import cache
from importlib import resources
from typing import Annotated, Final

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter

YOUNGEST: Final = "8-11"
MIDDLE: Final = "12-15"
OLDEST: Final = "16-18"
LEVELS: Final = (YOUNGEST, MIDDLE, OLDEST)

NAME_WORDS_MOST: Final = 8
"""A name or a button reads the same at every level; whatever is longer is written three times."""


class Versions(BaseModel):
    """A text in its three versions."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    youngest: Annotated[str, Field(alias=YOUNGEST, min_length=1)]
    middle: Annotated[str, Field(alias=MIDDLE, min_length=1)]
    oldest: Annotated[str, Field(alias=OLDEST, min_length=1)]

    def at(self, level: str) -> str:
        """Return the version of a level; of one that we do not know, the middle one."""
        return {YOUNGEST: self.youngest, OLDEST: self.oldest}.get(level, self.middle)


_FILE: Final = TypeAdapter(dict[str, Versions | str])


@cache
def all_texts() -> dict[str, Versions]:
    """Return every text by its name."""
    found: dict[str, Versions] = {}
    for file in sorted(resources.files("portal.young").joinpath("texts").iterdir(), key=str):
        stem = file.name.removesuffix(".toml")
        content = _FILE.validate_python(tomllib.loads(file.read_text(encoding="utf-8")))
        for key, text in content.items():
            found[f"{stem}.{key}"] = _same(text) if isinstance(text, str) else text
    return found


def _same(name: str) -> Versions:
    if len(name.split()) > NAME_WORDS_MOST:
        raise ValueError(f"write three versions of “{name}”: only a short name may have one")
    return Versions.model_validate(dict.fromkeys(LEVELS, name))


def say(key: str, level: str, **values: object) -> str:
    """Return a text at a reading level, with what has to be put in.

    Example:
        >>> say("pause.until", "12-15", until="tomorrow at 07:00")
        'Paused by you, until tomorrow at 07:00.'
    """
    text = all_texts()[key].at(level)
    said = text.format(**values)
    # A name opens a sentence as it is written; "your worker" does not.
    return said[:1].upper() + said[1:] if text.startswith("{") else said
