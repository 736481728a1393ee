"""The schema: numbered `.sql` files, applied once, forward only, by one process at a time.

A file is `NNNN_what.sql`, or `NNNN_what.plain.sql` and `NNNN_what.timescale.sql` where the storage
modes differ. A file that was applied is never edited: its hash is kept and compared, and a
difference stops the start, because two sites with one version number must have one schema.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from importlib import resources
from typing import Final

import psycopg
from psycopg import sql

from tidewell.clock import now_utc
from tidewell.database import Connection, Queries, Role, connect
from tidewell.errors import ServerError

LOCK_KEY: Final = 0x71DE_3E11
"""Any fixed number: it names the advisory lock under which migrations run."""

_FILE_NAME: Final = re.compile(
    r"^(?P<number>\d{4})_(?P<what>[a-z_]+)(?:\.(?P<mode>plain|timescale))?\.sql$"
)
_QUERIES: Final = Queries("tidewell", "schema.sql")


class StorageMode(StrEnum):
    """How readings are kept; the queries are the same in both."""

    PLAIN = "plain"
    TIMESCALE = "timescale"


@dataclass(frozen=True, slots=True)
class Migration:
    """One file of the schema."""

    number: int
    name: str
    text: str

    @property
    def checksum(self) -> str:
        """Return the hash that an applied file must keep."""
        return hashlib.sha256(self.text.encode()).hexdigest()


def migrations(mode: StorageMode) -> tuple[Migration, ...]:
    """Return the files of a storage mode in the order in which they apply."""
    found: list[Migration] = []
    for file in resources.files("tidewell").joinpath("migrations").iterdir():
        match = _FILE_NAME.match(file.name)
        if match and match["mode"] in (None, mode.value):
            text = file.read_text(encoding="utf-8")
            found.append(Migration(int(match["number"]), match["what"], text))
    found.sort(key=lambda migration: migration.number)
    if len({migration.number for migration in found}) != len(found):
        raise AssertionError("two migrations have one number; give the later one the next number")
    return tuple(found)


async def migrate(url: str, mode: str = "auto", *, last: int | None = None) -> StorageMode:
    """Bring the database to the newest schema (or to number `last`) and return its storage mode.

    `mode` is `plain`, `timescale` or `auto`. A database keeps the mode that it started with.

    Raises:
        ServerUnavailableError: the database did not answer.
        ServerError: it is not ours to migrate: an applied file differs, or the mode cannot be had.
    """
    async with await connect(url, None, "tidewell migrate", autocommit=True) as connection:
        await connection.execute(_QUERIES["lock"], {"key": LOCK_KEY})
        try:
            await connection.execute(_QUERIES["create_schema_migration"])
            chosen = await _choose_mode(connection, mode)
            await _create_roles(connection)
            wanted = [one for one in migrations(chosen) if last is None or one.number <= last]
            await _apply(connection, wanted, chosen)
        finally:
            await connection.execute(_QUERIES["unlock"], {"key": LOCK_KEY})
    return chosen


async def storage_mode(connection: Connection) -> StorageMode | None:
    """Return the mode that a database was migrated with, or None for a database without schema."""
    row = await (await connection.execute(_QUERIES["applied_mode"])).fetchone()
    return StorageMode(row[0]) if row else None


async def _choose_mode(connection: Connection, wanted: str) -> StorageMode:
    applied = await storage_mode(connection)
    if applied and wanted not in ("auto", applied.value):
        raise ServerError(
            f"this database keeps readings as {applied}; it cannot turn to {wanted}: "
            "start an empty one"
        )
    if applied:
        return applied
    if wanted == "plain":
        return StorageMode.PLAIN
    row = await (await connection.execute(_QUERIES["timescale_licence"])).fetchone()
    if row and row[0] == "timescale":
        return StorageMode.TIMESCALE
    if wanted == "timescale":
        raise ServerError(
            "the database has no TimescaleDB under its Timescale licence; "
            "install it or set TIDEWELL_STORAGE_MODE=plain"
        )
    return StorageMode.PLAIN


async def _create_roles(connection: Connection) -> None:
    """Create the roles of the processes and let the present user work as each of them."""
    for role in Role:
        found = await (
            await connection.execute(_QUERIES["role_exists"], {"role": role.value})
        ).fetchone()
        if not found:
            await connection.execute(
                sql.SQL("CREATE ROLE {} NOLOGIN").format(sql.Identifier(role.value))
            )
        await connection.execute(
            sql.SQL("GRANT {} TO CURRENT_USER").format(sql.Identifier(role.value))
        )


async def _apply(connection: Connection, files: Sequence[Migration], mode: StorageMode) -> None:
    rows = await (await connection.execute(_QUERIES["applied"])).fetchall()
    applied = {int(number): str(checksum) for number, checksum in rows}
    for migration in files:
        if migration.number in applied:
            if applied[migration.number] != migration.checksum:
                raise ServerError(
                    f"migration {migration.number:04} was changed after this database applied it; "
                    "run the version of Tidewell that made this database, or restore the file"
                )
            continue
        await _apply_one(connection, migration, mode)


async def _apply_one(connection: Connection, migration: Migration, mode: StorageMode) -> None:
    record = {
        "number": migration.number,
        "name": migration.name,
        "mode": mode.value,
        "checksum": migration.checksum,
        "at": now_utc(),
    }
    try:
        async with connection.transaction():
            await connection.execute(migration.text.encode())
            await connection.execute(_QUERIES["record"], record)
    except psycopg.Error as error:
        raise ServerError(
            f"migration {migration.number:04}_{migration.name} failed: {str(error).strip()}"
        ) from error
