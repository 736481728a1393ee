"""Everything about one person as one zip: a table as CSV and as JSON each, and a page of words.

Promises: it is made as it is read, a few thousand rows in memory however much there is; no secret
is in it; what is left out is named in it with the reason. Whoever calls decides who may have it and
writes down that they got it.
"""

from __future__ import annotations

import csv
import io
import json
import textwrap
import zipfile
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping, Sequence
from datetime import date, datetime
from typing import IO, Any, Final

from tidewell.database import Connection, Queries
from tidewell.lawful.tables import Copy, Erase, tables, tables_in

QUERIES: Final = Queries("tidewell.lawful", "export.sql")

FOR_THEMSELVES: Final = frozenset({Copy.THEIRS})
"""What a young person gets from their own page."""
EVERYTHING: Final = frozenset({Copy.THEIRS, Copy.CHECKED})
"""What somebody reads before it is handed over: others may be named in it."""

ROWS_AT_ONCE: Final = 2_000
"""Half a megabyte of readings."""
_STARTS_A_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r")


class _Pipe(io.RawIOBase):
    """Where the archive is written to: what is taken out of it is gone."""

    def __init__(self) -> None:
        super().__init__()
        self._parts: list[bytes] = []

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:  # noqa: ANN401 -- any buffer, as its base class has it
        part = bytes(data)
        self._parts.append(part)
        return len(part)

    def take(self) -> bytes:
        """Return what was written since the last time."""
        taken = b"".join(self._parts)
        self._parts.clear()
        return taken


async def export_of(
    connection: Connection, person_id: int, copies: frozenset[Copy], now: datetime
) -> AsyncGenerator[bytes, None]:
    """Yield the archive in parts, within the transaction that is open."""
    pipe = _Pipe()
    names = tables_in(copies)
    counts: dict[str, int] = {}
    with zipfile.ZipFile(pipe, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in names:
            for ending, begin in _FORMS.items():
                with archive.open(f"{ending}/{name}.{ending}", "w") as member:
                    counts[name] = 0
                    write = begin(member)
                    async for columns, batch in _batches(connection, name, person_id):
                        write(columns, batch)
                        counts[name] += len(batch)
                        yield pipe.take()
                    write([], None)
                yield pipe.take()
        archive.writestr("README.txt", readme(counts, copies, now))
    yield pipe.take()


async def _batches(
    connection: Connection, name: str, person_id: int
) -> AsyncIterator[tuple[list[str], Sequence[tuple[Any, ...]]]]:
    """Yield the rows of a table that are about a person; the first batch comes even if empty."""
    async with connection.cursor(name=f"export_{name}") as cursor:
        await cursor.execute(QUERIES[name], {"person_id": person_id})
        columns = [column.name for column in cursor.description or ()]
        batch = await cursor.fetchmany(ROWS_AT_ONCE)
        yield columns, batch
        while batch := await cursor.fetchmany(ROWS_AT_ONCE):
            yield columns, batch


_Write = Callable[[list[str], Sequence[tuple[Any, ...]] | None], None]
"""Takes the names of columns and some rows; no rows at all end the file."""


def _as_csv(member: IO[bytes]) -> _Write:
    text = io.TextIOWrapper(member, encoding="utf-8", newline="", write_through=True)
    writer = csv.writer(text)
    is_begun = False

    def write(columns: list[str], batch: Sequence[tuple[Any, ...]] | None) -> None:
        nonlocal is_begun
        if batch is None:
            text.flush()
            text.detach()
            return
        if not is_begun:
            writer.writerow(columns)
            is_begun = True
        writer.writerows([_cell(value) for value in row] for row in batch)

    return write


def _as_json(member: IO[bytes]) -> _Write:
    separator = b"["

    def write(columns: list[str], batch: Sequence[tuple[Any, ...]] | None) -> None:
        nonlocal separator
        if batch is None:
            member.write(b"]\n" if separator == b",\n" else b"[]\n")
            return
        for row in batch:
            record = dict(zip(columns, row, strict=True))
            member.write(separator + json.dumps(record, default=_plain).encode())
            separator = b",\n"

    return write


_FORMS: Final[Mapping[str, Callable[[IO[bytes]], _Write]]] = {"csv": _as_csv, "json": _as_json}


def _plain(value: object) -> str:
    """Return what JSON has no type for."""
    if isinstance(value, datetime | date):
        return value.isoformat()
    return value.hex() if isinstance(value, bytes) else str(value)


def _cell(value: object) -> object:
    """Return a cell that a spreadsheet shows and does not reckon with."""
    if value is None or isinstance(value, int | float):
        return value
    text = (
        json.dumps(value, default=_plain)
        if isinstance(value, dict | list)
        else (value if isinstance(value, str) else _plain(value))
    )
    return f"'{text}" if text.startswith(_STARTS_A_FORMULA) else text


_YOURS: Final = "It is yours. Keep it where you would keep a diary: whoever opens it can read it."
_FORMS_IN_WORDS: Final = (
    "Each kind of information is there twice, with the same content: in the folder csv, which "
    "opens as a table, and in the folder json, for programs. Times are in UTC: in summer your "
    "clock is an hour ahead. An empty cell means that there was no value. In csv, a text that "
    "begins with a sign such as = has a ' before it, so that no computer takes it for a sum."
)
_END: Final = (
    "Is something wrong, or do you want something deleted? Tell your worker. Tidewell is not "
    "an emergency service and not a medical device."
)


def readme(counts: Mapping[str, int], copies: frozenset[Copy], now: datetime) -> str:
    """Return the page of words that lies in the archive."""
    made = f"This copy was made on {now:%d %B %Y at %H:%M} UTC. {_YOURS}"
    paragraphs = [
        made,
        _FORMS_IN_WORDS,
        "What is in it:",
        *(f"- {name} ({counts[name]:,}): {tables()[name].about}." for name in counts),
        "What is not in it, and why:",
        *_left_out(copies),
        _END,
    ]
    filled = (
        textwrap.fill(one, 96, subsequent_indent="  " if one.startswith("-") else "")
        for one in paragraphs
    )
    return "\n\n".join(["What Tidewell keeps about you", *filled]) + "\n"


def _left_out(copies: frozenset[Copy]) -> list[str]:
    """Return what is not in the archive, with the reason."""
    lines = [
        f"- {table.about}: {table.copy_why}."
        for table in tables().values()
        if table.copy_why and table.erase is not Erase.NOBODY
    ]
    if Copy.CHECKED not in copies:
        lines += [
            f"- {tables()[name].about}: other people may be named there, so somebody reads it "
            "first. Ask your worker for it."
            for name in tables_in(frozenset({Copy.CHECKED}))
        ]
    return lines
