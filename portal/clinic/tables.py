"""Tables as files: CSV that a spreadsheet opens without running anything in it.

A cell that a spreadsheet would take for a formula gets an apostrophe before it. A file carries
codes and never names: it is copied and mailed where no page is.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence
from typing import Final

from aiohttp import web

_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r")


def csv_answer(name: str, header: Sequence[str], lines: Iterable[Sequence[object]]) -> web.Response:
    """Return a table as a file to keep."""
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(header)
    writer.writerows([cell(one) for one in line] for line in lines)
    return web.Response(
        text=text.getvalue(),
        content_type="text/csv",
        charset="utf-8",
        headers={"Content-Disposition": f'attachment; filename="{name}.csv"'},
    )


def cell(value: object) -> object:
    """Return what stands in a cell; a number stays one, a text never becomes a formula.

    Example:
        >>> cell("=1+1"), cell(-2.5), cell(None)
        ("'=1+1", -2.5, '')
    """
    if value is None:
        return ""
    if isinstance(value, str) and value.startswith(_FORMULA):
        return "'" + value
    return value
