"""Where a young person can get help at once: read from `help_lines.toml`, checked when it is read.

The numbers are data with a review date, because a wrong number on this page can hurt somebody.
"""

from __future__ import annotations

import tomllib
from datetime import date
from importlib import resources
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field


class HelpLine(BaseModel):
    """One way to reach help."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    when: str
    contact: str
    address: Annotated[str, Field(pattern=r"^(tel|sms):[0-9]{3,15}$")]
    more: str


class HelpLines(BaseModel):
    """All ways to reach help, in the order in which they are shown."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    reviewed: date
    review_by: date
    leave_to: Annotated[str, Field(pattern=r"^https://[a-z0-9.-]+/[a-z0-9/-]*$")]
    """A page of somebody else that nobody wonders about, for who has to leave in a hurry."""
    line: Annotated[tuple[HelpLine, ...], Field(min_length=1)]


def load_help_lines() -> HelpLines:
    """Read the file that lies beside this module."""
    text = resources.files("portal").joinpath("help_lines.toml").read_text(encoding="utf-8")
    return HelpLines.model_validate(tomllib.loads(text))
