"""The page that says who sees what, against the rights and the rows of a real database."""

from __future__ import annotations

import re
from itertools import product
from pathlib import Path
from typing import Final, LiteralString

import psycopg

from tests.integration import looking
from tests.integration.looking import Place
from tidewell.database import Role

place = looking.place

PAGE: Final = Path(__file__).parents[2] / "docs" / "who-sees-what.md"
RIGHTS_ROW: Final = re.compile(
    r"^\| `([a-z_]+)` \| ([^|]+) \| ([^|]+) \| ([^|]+) \| ([^|]+) \|$", re.MULTILINE
)
ADMIN_ROW: Final = re.compile(r"^\| `([a-z_]+)` \| (yes|no) \|$", re.MULTILINE)
ROLES: Final = (Role.INGEST, Role.ALERTS, Role.PORTAL, Role.ENROL)
RIGHTS: Final = {
    "SELECT": "read",
    "INSERT": "add",
    "UPDATE": "change",
    "DELETE": "delete",
    "TRUNCATE": "empty",
}
TABLES: Final[LiteralString] = """
    SELECT relname FROM pg_class
    WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p', 'v', 'm')
"""
OF_COLUMNS: Final[LiteralString] = """
    SELECT relname, attname, attacl::text FROM pg_attribute
    JOIN pg_class ON pg_class.oid = attrelid
    WHERE relnamespace = 'public'::regnamespace AND attacl IS NOT NULL
"""


def documented() -> dict[str, dict[Role, set[str]]]:
    found = {}
    for table, *cells in RIGHTS_ROW.findall(PAGE.read_text(encoding="utf-8")):
        words = [set() if cell == "-" else set(cell.split(", ")) for cell in cells]
        found[table] = dict(zip(ROLES, words, strict=True))
    return found


def test_every_role_has_the_rights_to_every_table_that_the_page_says(database_url: str) -> None:
    said = documented()
    with psycopg.connect(database_url) as connection:
        tables = {name for (name,) in connection.execute(TABLES).fetchall()}
        assert sorted(tables - said.keys()) == [], (
            "say in docs/who-sees-what.md, under Processes, which role may do what with these"
        )
        assert sorted(said.keys() - tables) == [], "these are gone: take their lines out"
        wrong = []
        for table, role, (right, word) in product(sorted(tables), ROLES, RIGHTS.items()):
            row = connection.execute(
                "SELECT has_table_privilege(%s, %s, %s)", (role.value, f"public.{table}", right)
            ).fetchone()
            if row != (word in said[table][role],):
                wrong.append(f"{role.value} may {word} {table}: {row}")
        assert wrong == []
        assert connection.execute(OF_COLUMNS).fetchall() == [], "rights are given to whole tables"


def test_nobody_but_the_roles_has_a_right_to_a_table(database_url: str) -> None:
    with psycopg.connect(database_url) as connection:
        found = connection.execute(
            "SELECT relname FROM pg_class, aclexplode(relacl) AS given"
            " WHERE relnamespace = 'public'::regnamespace AND given.grantee = 0"
        ).fetchall()
    assert found == []


def test_a_guarded_function_is_called_by_the_roles_it_was_given_to_and_by_nobody_else(
    database_url: str,
) -> None:
    with psycopg.connect(database_url) as connection:
        found = connection.execute(
            "SELECT proname FROM pg_proc WHERE pronamespace = 'public'::regnamespace AND prosecdef"
            " AND prorettype <> 'trigger'::regtype"
            " AND (proacl IS NULL OR EXISTS (SELECT FROM aclexplode(proacl) WHERE grantee = 0))"
        ).fetchall()
    assert found == [], "REVOKE EXECUTE … FROM PUBLIC: it works with the rights of the owner"


def test_no_process_reads_both_names_and_readings() -> None:
    said = documented()
    for role in ROLES:
        assert not ("read" in said["identity"][role] and "read" in said["reading"][role])
    assert "read" in said["identity"][Role.PORTAL]
    assert "read" in said["reading"][Role.INGEST]


def test_an_administrator_sees_rows_of_the_tables_that_the_page_says_and_of_no_other(
    place: Place,
) -> None:
    said = dict(ADMIN_ROW.findall(PAGE.read_text(encoding="utf-8")))
    place.run(
        "INSERT INTO access_log (at, person_id, staff_id, looked_at) VALUES (%s, %s, %s, 'list')",
        *(looking.NOW, place.site.sam, place.admin),
    )
    with psycopg.connect(place.url) as connection:
        guarded = {
            name
            for (name,) in connection.execute(
                TABLES + " AND relrowsecurity"
                " AND has_table_privilege('tidewell_portal', pg_class.oid, 'SELECT')"
            ).fetchall()
        }
    assert guarded == said.keys(), "docs/who-sees-what.md lists every guarded table of the pages"
    seen = {
        table: "yes" if place.eyes.count(table, staff=place.admin) else "no" for table in guarded
    }
    assert seen == said
