"""No table is forgotten: what is said about each, against the catalogue of a real database."""

from __future__ import annotations

from pathlib import Path

import psycopg
import pytest

from tests.integration.record_of_processing import PAGE, columns_and_readers, page_of
from tidewell.lawful import erasing, exporting, retention
from tidewell.lawful.tables import Copy, Erase, KeepClass, tables, tables_in, tables_that

ADD_IT = "say in tidewell/lawful/tables.toml what it holds and what becomes of it"
ABOUT_A_PERSON = {"person_id", "alert_id", "episode_id", "concern_id", "device_id", "username"}
"""Columns that lead to a young person, so that saying `nobody` of their table needs a reason."""


def catalogue(database_url: str) -> dict[str, set[str]]:
    with psycopg.connect(database_url) as connection:
        rows = connection.execute(
            "SELECT table_name, column_name FROM information_schema.columns "
            "JOIN information_schema.tables USING (table_schema, table_name) "
            "WHERE table_schema = 'public' AND table_type = 'BASE TABLE'"
        ).fetchall()
    found: dict[str, set[str]] = {}
    for table, column in rows:
        found.setdefault(table, set()).add(column)
    return found


def test_every_table_is_named(database_url: str) -> None:
    found = catalogue(database_url)
    assert dict.fromkeys(found.keys() - tables().keys(), ADD_IT) == {}
    assert tables().keys() - found.keys() == set(), "these tables are gone: take their entry out"


def test_a_table_that_leads_to_a_person_is_never_said_to_be_about_nobody(
    database_url: str,
) -> None:
    wrong = [
        name
        for name, columns in catalogue(database_url).items()
        if tables()[name].erase is Erase.NOBODY and columns & ABOUT_A_PERSON
    ]
    assert wrong == [], "these have a column that leads to a person; say what is erased of them"


def test_every_table_that_is_deleted_has_its_statement_and_no_other_has() -> None:
    assert set(tables_that(Erase.DELETED)) == tables().keys() & erasing.QUERIES.keys()


def test_every_table_of_a_copy_has_its_statement_and_no_other_has() -> None:
    everything = set(tables_in(exporting.EVERYTHING))
    assert everything == tables().keys() & exporting.QUERIES.keys()
    about_people = {name for name, table in tables().items() if table.erase is not Erase.NOBODY}
    assert about_people - everything == {
        name for name in about_people if tables()[name].copy_ is Copy.WITHOUT
    }


@pytest.mark.parametrize("keep", retention.CUT)
def test_every_table_that_goes_by_age_has_its_statement(keep: KeepClass) -> None:
    of_class = {name for name, table in tables().items() if table.keep is keep}
    assert of_class
    assert of_class == of_class & retention.QUERIES.keys()


def test_a_table_with_a_statement_by_age_is_of_a_class_that_goes_by_age() -> None:
    by_age = tables().keys() & retention.QUERIES.keys()
    assert {tables()[name].keep for name in by_age} == set(retention.CUT)


def test_the_page_says_how_long_each_class_is_kept() -> None:
    text = (Path(__file__).parents[2] / "docs" / "data-protection.md").read_text(encoding="utf-8")
    assert {one.value for one in KeepClass if f"| `{one.value}` |" not in text} == set()


def test_the_record_of_processing_is_that_of_the_schema(database_url: str) -> None:
    page = page_of(*columns_and_readers(database_url))
    assert page == PAGE.read_text(encoding="utf-8"), (
        "run `python -m tests.integration.record_of_processing`"
    )
