"""What the administrator's forms share: texts, days, choices, and errors by field. Pure.

Every form is checked twice: its shape when it is read, its sense in `errors`, in words that say
what to do.
"""

from __future__ import annotations

import re
from datetime import date
from typing import Annotated, Final

from pydantic import BaseModel, StringConstraints

Short = Annotated[str, StringConstraints(strip_whitespace=True, max_length=80)]
Long = Annotated[str, StringConstraints(strip_whitespace=True, max_length=8_000)]

Errors = dict[str, str]

NUMBER: Final = re.compile(r"[0-9]{1,9}")
FIRST_YEAR: Final = 1900


class Form(BaseModel):
    """A form whose fields may all be missing: what is missing is said in words."""


class OneNumber(Form):
    """A form that names one row."""

    number: Short = ""

    @property
    def chosen(self) -> int:
        """Return the number, or 0 where there is none."""
        return number_of(self.number)


def number_of(text: str) -> int:
    """Return a chosen number, or 0 where nothing was chosen."""
    return int(text) if NUMBER.fullmatch(text) else 0


def day_of(text: str) -> date | None:
    """Return a day that was typed or chosen, or None where it is none.

    Example:
        >>> day_of("2026-11-30"), day_of("30.11.")
        (datetime.date(2026, 11, 30), None)
    """
    try:
        day = date.fromisoformat(text)
    except ValueError:
        return None
    return day if day.year >= FIRST_YEAR else None


def month_of(month: str, year: str) -> date | None:
    """Return the first day of a month that was typed as two numbers.

    Example:
        >>> month_of("4", "2012"), month_of("13", "2012")
        (datetime.date(2012, 4, 1), None)
    """
    if not NUMBER.fullmatch(month) or not NUMBER.fullmatch(year):
        return None
    if not 1 <= int(month) <= 12 or not FIRST_YEAR <= int(year) <= 9_999:
        return None
    return date(int(year), int(month), 1)
