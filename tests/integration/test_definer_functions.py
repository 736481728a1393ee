"""Functions with the rights of their owner, on a real PostgreSQL: nobody lends them a table."""

from __future__ import annotations

from typing import Final, LiteralString

import psycopg

from tests.integration import looking
from tests.integration.looking import NOW, Place

place = looking.place

SEARCHED: Final = "search_path=pg_catalog, public, pg_temp"
"""Where such a function looks for tables: without it in words, pg_temp comes first."""

DEFINERS: Final[LiteralString] = """
    SELECT pg_proc.oid::regprocedure::text, coalesce(proconfig, '{}')
    FROM pg_proc
    WHERE prosecdef AND pronamespace = 'public'::regnamespace AND NOT EXISTS (
        SELECT FROM pg_depend
        WHERE classid = 'pg_proc'::regclass AND objid = pg_proc.oid AND deptype = 'e'
    )
    ORDER BY 1
"""


def test_a_function_with_the_rights_of_its_owner_looks_for_temporary_tables_last(
    database_url: str,
) -> None:
    with psycopg.connect(database_url) as connection:
        found = connection.execute(DEFINERS).fetchall()
    open_ones = [name for name, settings in found if SEARCHED not in settings]
    assert len(found) > 30
    assert open_ones == [], (
        "CREATE FUNCTION needs SET search_path = pg_catalog, public, pg_temp; CREATE OR REPLACE"
        " takes away what an ALTER FUNCTION of a migration gave"
    )


def test_a_temporary_table_gets_no_row_of_a_function_of_the_owner(place: Place) -> None:
    with place.eyes.of(staff=place.site.practitioner) as connection:
        connection.execute("CREATE TEMPORARY TABLE access_waiting (access_id bigint)")
        connection.execute("GRANT ALL ON pg_temp.access_waiting TO PUBLIC")
        connection.execute(
            "INSERT INTO access_log (at, person_id, staff_id, looked_at)"
            " VALUES (%s, %s, %s, 'list')",
            (NOW, place.site.sam, place.site.practitioner),
        )
        row = connection.execute("SELECT count(*) FROM pg_temp.access_waiting").fetchone()
        assert row == (0,)
