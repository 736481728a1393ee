"""What is certified, what doctor says of age and erasures, and what is said about each table."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import pytest
from pydantic import ValidationError

from detect.state import State, block_without
from tidewell.lawful.certificate import Certificate, certificate_text
from tidewell.lawful.erasing import hash_of
from tidewell.lawful.examining import erasure_trouble, retention_trouble
from tidewell.lawful.exporting import EVERYTHING, FOR_THEMSELVES, readme
from tidewell.lawful.tables import Erase, Table, tables, tables_in, tables_that
from tidewell.local_time import zone_table

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)


def a_certificate(emptied_at: datetime | None = NOW) -> Certificate:
    rows = {"reading": 129_600, "alert": 2, "pause": 0}
    return Certificate(
        17, hash_of("p-sam"), "asked for it", "the office", NOW, NOW, emptied_at, NOW, rows, 35
    )


def test_a_certificate_says_what_went_what_stays_and_what_was_not_reached() -> None:
    text = certificate_text(a_certificate().as_record())
    assert "Person number 17 " in text
    assert "  129,600  reading" in text
    assert "  pause" not in text
    for name in tables_that(Erase.KEPT):
        assert f"  {name}: {tables()[name].why}" in text
    assert "gone by 2026-12-27; whoever restores one repeats this erasure first" in text
    assert "the site's own broker was emptied" in text
    assert "VACUUM FULL" in text


def test_a_certificate_holds_no_word_about_the_person() -> None:
    record = json.dumps(a_certificate().as_record())
    assert "p-sam" not in record
    assert hash_of("p-sam").hex() in record


def test_a_broker_that_is_not_ours_is_said_to_be_somebody_elses_work() -> None:
    text = certificate_text(a_certificate(emptied_at=None).as_record())
    assert "the broker is not the site's own" in text


def test_a_certificate_of_somebody_without_a_row_says_so() -> None:
    record = a_certificate().as_record() | {"rows_deleted": {}}
    assert "none: nothing was stored about the person" in certificate_text(record)


def test_doctor_speaks_up_two_days_after_the_last_run() -> None:
    assert retention_trouble(None, None, NOW) is None
    assert retention_trouble(NOW - timedelta(days=2), None, NOW) is None
    late = retention_trouble(NOW - timedelta(days=3), None, NOW)
    assert late is not None
    assert late[0] == "what is too old has not gone since 2026-11-19"
    assert retention_trouble(None, NOW - timedelta(days=1), NOW) is None
    never = retention_trouble(None, NOW - timedelta(days=3), NOW)
    assert never is not None
    assert never[0] == "what is too old has not gone ever"


def test_doctor_names_erasures_that_were_not_finished() -> None:
    assert erasure_trouble(0) is None
    assert erasure_trouble(2) == (
        "2 erasures were begun and have no certificate",
        "run the same `tidewell erase` again: it goes on",
    )


@pytest.mark.parametrize(
    "wrong",
    [
        {"erase": "kept", "copy_": "theirs"},
        {"erase": "deleted", "copy_": "theirs", "why": "no reason is needed"},
        {"erase": "deleted", "copy_": "without"},
        {"erase": "nobody", "copy_": "without", "copy_why": "nobody is in it"},
        {"erase": "deleted", "copy_": "theirs", "other": "x"},
    ],
    ids=["kept without why", "a needless why", "left out without why", "nobody", "unknown"],
)
def test_an_entry_about_a_table_that_gives_no_reason_stops_the_start(wrong: dict[str, str]) -> None:
    with pytest.raises(ValidationError):
        Table.model_validate({"about": "x", "keep": "record"} | wrong)


def test_the_page_of_words_has_no_line_that_is_too_long_and_says_whom_to_ask() -> None:
    for copies in (FOR_THEMSELVES, EVERYTHING):
        text = readme(dict.fromkeys(tables_in(copies), 3), copies, NOW)
        assert max(map(len, text.splitlines())) <= 96
        assert ("Ask your worker for it" in " ".join(text.split())) is (copies == FOR_THEMSELVES)


def test_a_person_is_taken_out_of_what_the_detector_remembers_and_others_stay_as_they_were() -> (
    None
):
    state = State()
    for person_id in (7, 8, 9):
        row = state.add(person_id, zone_table("UTC"))
        state.open_day[row] = 20_000 + person_id
    block = state.to_bytes([7, 8, 9])
    rest = block_without(block, 8)
    loaded = State()
    loaded.load(rest, dict.fromkeys((7, 8, 9), zone_table("UTC")))
    assert sorted(loaded.row_of) == [7, 9]
    assert loaded.to_bytes([7, 9]) == state.to_bytes([7, 9])
    assert block_without(rest, 8) == rest
