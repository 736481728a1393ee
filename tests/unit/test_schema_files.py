"""The files of the schema: numbered, explained, alike in both modes unless their name says so."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tidewell.schema import Migration, StorageMode, migrations

FOLDER = Path(__file__).parents[2] / "tidewell" / "migrations"
PLAIN, TIMESCALE = (migrations(mode) for mode in StorageMode)


def test_every_file_of_the_folder_belongs_to_a_mode() -> None:
    used = {one.text for one in (*PLAIN, *TIMESCALE)}
    files = sorted(FOLDER.iterdir())
    assert [file.name for file in files if file.read_text(encoding="utf-8") not in used] == []


def test_the_modes_differ_in_files_that_say_so_and_in_nothing_else() -> None:
    differing = [
        one.number for one, other in zip(PLAIN, TIMESCALE, strict=True) if one.text != other.text
    ]
    named = {int(file.name[:4]) for file in FOLDER.glob("*.timescale.sql")}
    assert differing == sorted(named)
    assert named == {int(file.name[:4]) for file in FOLDER.glob("*.plain.sql")}


@pytest.mark.parametrize("file", sorted(FOLDER.iterdir()), ids=lambda file: file.name)
def test_a_file_opens_with_what_it_is_for(file: Path) -> None:
    assert re.match(r"(-- .*\n)*-- .*\.\n", file.read_text(encoding="utf-8"))


@pytest.mark.parametrize("file", sorted(FOLDER.iterdir()), ids=lambda file: file.name)
def test_the_schema_only_moves_forward(file: Path) -> None:
    # An index, a constraint, a default or NOT NULL holds no row, so a wider one may take its place.
    losing = r"\bDROP\b(?! (INDEX|CONSTRAINT|NOT) | DEFAULT;)|\bIF NOT EXISTS\b(?! \()"
    assert not re.search(losing, file.read_text(encoding="utf-8"))


def test_a_file_is_known_by_its_content() -> None:
    one, other = Migration(1, "one", "SELECT 1"), Migration(1, "one", "SELECT 2")
    assert one.checksum != other.checksum == Migration(9, "x", "SELECT 2").checksum
