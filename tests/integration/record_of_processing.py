"""Writes docs/record-of-processing.md from the schema and from what is said about each table.

After a change of either run `python -m tests.integration.record_of_processing`; a test compares.
"""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

import psycopg

from tidewell.embedded.postgres import PostgresServer
from tidewell.lawful.tables import Copy, Erase, KeepClass, tables
from tidewell.schema import migrate

PAGE: Final = Path(__file__).parents[2] / "docs" / "record-of-processing.md"
COLUMNS: Final = (
    "SELECT table_name, array_agg(column_name::text ORDER BY ordinal_position)"
    " FROM information_schema.columns"
    " JOIN information_schema.tables USING (table_schema, table_name)"
    " WHERE table_schema = 'public' AND table_type = 'BASE TABLE' GROUP BY 1 ORDER BY 1"
)
READERS: Final = (
    "SELECT tablename, array_agg(replace(rolname, 'tidewell_', '') ORDER BY rolname)"
    " FROM pg_tables CROSS JOIN pg_roles"
    " WHERE schemaname = 'public' AND rolname LIKE 'tidewell\\_%'"
    " AND has_table_privilege(rolname, 'public.' || quote_ident(tablename), 'SELECT') GROUP BY 1"
)
HEAD: Final = """# Record of processing

Written by `python -m tests.integration.record_of_processing` from the schema; do not edit. It is
what Article 30 of the UK GDPR asks for as far as software knows it. The deployer adds: name and
contact of the controller and its data protection officer, the lawful basis, and recipients
outside.

**Purpose:** to notice that something has changed for a young person, tell the practitioner who
knows them, and record what was done. **Whose data:** young people who agreed, and the staff who
work with them. **Recipients:** staff who are assigned; providers of messages, who get neither
name nor health detail. **Transfers abroad:** none by the software. **How long:**
[data-protection.md](data-protection.md#how-long-what-is-kept). **Security:** each process reads
and writes what it needs, by the rights of the database, as listed here.
"""
ERASED_IN_WORDS: Final[Mapping[Erase, str]] = {
    Erase.DELETED: "deleted",
    Erase.CLEANED: "taken out",
    Erase.KEPT: "kept",
    Erase.NOBODY: "",
}
COPY_IN_WORDS: Final[Mapping[Copy, str]] = {
    Copy.THEIRS: "yes",
    Copy.CHECKED: "once somebody read it",
    Copy.WITHOUT: "no",
}


def columns_and_readers(url: str) -> tuple[dict[str, list[str]], dict[str, list[str]]]:
    with psycopg.connect(url) as connection:
        columns = connection.execute(COLUMNS.encode()).fetchall()
        readers = connection.execute(READERS.encode()).fetchall()
    return dict(columns), dict(readers)


def page_of(columns: Mapping[str, Sequence[str]], readers: Mapping[str, Sequence[str]]) -> str:
    """Return the page: first what is about young people, by how long it is kept, then the rest."""
    parts = [HEAD]
    for keep in KeepClass:
        names = [name for name in columns if name in tables() and tables()[name].keep is keep]
        if names:
            parts.append(f"## `{keep.value}`\n")
            parts += [_entry(name, columns[name], readers.get(name, ())) for name in names]
    return "\n".join(parts)


def _entry(name: str, columns: Sequence[str], readers: Sequence[str]) -> str:
    table = tables()[name]
    about_people = table.erase is not Erase.NOBODY
    lines = [
        f"### `{name}`\n",
        f"{table.about}.\n",
        f"- columns: {', '.join(columns)}",
        f"- read by: {', '.join(readers) or 'the owner of the database alone'}",
    ]
    if about_people:
        why = f": {table.why}" if table.why else ""
        left_out = f": {table.copy_why}" if table.copy_why else ""
        lines += [
            f"- when a person is erased: {ERASED_IN_WORDS[table.erase]}{why}",
            f"- in the person's copy: {COPY_IN_WORDS[table.copy_]}{left_out}",
        ]
    else:
        lines.append("- about a young person: nothing")
    return "\n".join(lines) + "\n"


def main() -> None:
    with tempfile.TemporaryDirectory(prefix="tw-") as folder:
        Path(folder).chmod(0o711)
        server = PostgresServer(Path(folder) / "postgres")
        server.start()
        try:
            asyncio.run(migrate(server.url, "plain"))
            PAGE.write_text(page_of(*columns_and_readers(server.url)), encoding="utf-8")
        finally:
            server.stop()


if __name__ == "__main__":
    main()
