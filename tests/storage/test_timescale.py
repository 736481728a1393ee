"""The timescale mode works, and answers as the plain mode does: tried on a real TimescaleDB.

What this cannot show: background workers that run the policy by themselves (here it is
called), several connections at once, and COPY as the ingest role (see `engines`).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import psycopg
import pytest

from tests.storage import scenario
from tests.storage.engines import Answer, Answers, Step, run_on_plain, run_on_timescale
from tidewell.clock import now_ms
from tidewell.database import Queries, Role
from tidewell.lawful import erasing, retention

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tidewell.embedded.postgres import PostgresServer

CHUNKS = """
SELECT range_start::date, is_compressed, (SELECT count(*) FROM reading
    WHERE reading.time >= chunks.range_start AND reading.time < chunks.range_end)
FROM timescaledb_information.chunks AS chunks WHERE hypertable_name = 'reading' ORDER BY 1
"""
HOURS = Queries("ingest.summing", "hours.sql")
JOBS = """
SELECT proc_name, config ->> 'compress_after', config ->> 'drop_after', scheduled
FROM timescaledb_information.jobs WHERE hypertable_name = 'reading' ORDER BY 1
"""
RUN = """
DO $$ DECLARE wanted integer; BEGIN
    SELECT job_id INTO STRICT wanted FROM timescaledb_information.jobs
    WHERE hypertable_name = 'reading' AND proc_name = '{policy}';
    CALL run_job(wanted);
END $$
"""


@dataclass(frozen=True, slots=True)
class Story:
    """What both modes answered, and the days that it was about."""

    days: scenario.Days
    plain: Answers
    timescale: Answers

    @property
    def shared(self) -> list[str]:
        """Return the labels of the steps that both modes went through."""
        return list(self.plain)


def told(days: scenario.Days, *, in_columns: bool) -> Iterator[Step]:
    """Return the steps; only TimescaleDB has policies to run and chunks to look at."""
    yield from scenario.enrolment(days.now)
    yield from scenario.batch("first", scenario.first_batch(days))
    if in_columns:
        yield Step("policies", JOBS)
        yield Step("chunks before", CHUNKS)
        yield Step("to columns", RUN.format(policy="policy_compression"))
        yield Step("chunks in columns", CHUNKS)
    yield from scenario.batch("second", scenario.second_batch(days))
    yield from scenario.cursors(days.now)
    yield from scenario.reads(days)
    yield from scenario.every_query()
    if in_columns:
        before = {"before": (datetime.fromisoformat(days.now) - timedelta(days=90)).isoformat()}
        for name in ("old_readings", "drop_old_chunks"):
            yield Step(name, scenario.query(retention.QUERIES, name), before)
        yield Step("chunks kept", CHUNKS)
        for name in ("allow_old_chunks", "reading"):
            yield Step(f"erase: {name}", scenario.query(erasing.QUERIES, name), {"person_id": 2})
        yield Step("rest", "SELECT person_id, count(*) FROM reading GROUP BY 1 ORDER BY 1")
        yield from made_and_cut(days.now)


def made_and_cut(now: str) -> Iterator[Step]:
    """Make hours and packed days of chunks in columns, and let the minutes of one person go."""
    which = {"person_id": 3, "first_time": "2015-01-01Z", "end_time": now}
    for name in ("make_hours", "make_days"):
        yield Step(name, scenario.query(HOURS, name), which, Role.INGEST)
    yield Step("allow: old chunks", scenario.query(erasing.QUERIES, "allow_old_chunks"))
    cut = {"person_id": 3, "before": now}
    yield Step("cut: reading", scenario.query(retention.QUERIES, "reading"), cut)
    yield Step("packed left", "SELECT count(*) FROM reading_day")
    yield Step("to make again", "SELECT count(*) FROM hours_again")


@pytest.fixture(scope="module")
def story(postgres: PostgresServer) -> Story:
    """The same story, lived through by both."""
    days = scenario.Days.before(now_ms())
    timescale = run_on_timescale(list(told(days, in_columns=True)))
    with psycopg.connect(postgres.url, autocommit=True) as connection:
        connection.execute("CREATE DATABASE test_storage TEMPLATE template_tidewell")
        url = postgres.url.rsplit("/", 1)[0] + "/test_storage"
        plain = run_on_plain(url, list(told(days, in_columns=False)))
        connection.execute("DROP DATABASE test_storage WITH (FORCE)")
    return Story(days, plain, timescale)


def test_the_policies_stand_as_the_migration_says(story: Story) -> None:
    assert story.timescale["policies"].rows == (("policy_compression", "7 days", None, "t"),)


def test_a_chunk_is_a_day_and_turns_to_columns_with_its_readings_in_it(story: Story) -> None:
    stored = str(len(scenario.PEOPLE) * (1_440 - 206))
    before = story.timescale["chunks before"].rows
    assert [row[1:] for row in before] == [("f", stored)] * 3
    assert [row[1:] for row in story.timescale["chunks in columns"].rows] == [
        ("t", stored),
        ("t", stored),
        ("f", stored),
    ]


def test_what_is_older_than_the_retention_goes_and_nothing_else(story: Story) -> None:
    assert story.timescale["old_readings"].rows == ((str(3 * (1_440 - 206)),),)
    assert story.timescale["drop_old_chunks"].rows == (("1",),)
    kept = story.timescale["chunks kept"].rows
    assert kept == tuple(
        (day, columns, str(3 * 1_440))
        for day, columns, _ in story.timescale["chunks in columns"].rows[1:]
    )


def test_both_modes_store_new_readings_and_leave_known_ones(story: Story) -> None:
    for label, rows in (("first", 9 * (1_440 - 206)), ("second", 6 * 206)):
        for answers in (story.plain, story.timescale):
            assert answers[f"{label}: insert"] == Answer(affected=rows)
    differing = [row for row in story.timescale["second: known"].rows if row[-1] == "t"]
    assert 0 < len(differing) < len(story.timescale["second: known"].rows)


def test_every_read_gives_the_same_rows_in_both_modes(story: Story) -> None:
    labels = [label for label in story.shared if label.startswith("read: ")]
    assert len(labels) == 13
    for label in labels:
        assert story.timescale[label] == story.plain[label], label
    for label in ("read: held", "read: scored", "read: hours of 1 columns", "read: own"):
        assert len(story.plain[label].rows) >= 24, label


def test_readings_stay_hidden_from_staff_who_are_not_assigned(story: Story) -> None:
    for answers in (story.plain, story.timescale):
        assert answers["read: hours of 3 columns"] == Answer()
        assert answers["read: not by portal"].error == "42501"


def test_ingest_can_neither_change_nor_lose_a_reading(story: Story) -> None:
    for answers in (story.plain, story.timescale):
        assert answers["read: no change"].error == answers["read: no loss"].error == "42501"


def test_every_query_of_every_stage_is_planned_and_permitted_in_both_modes(story: Story) -> None:
    labels = [label for label in story.shared if label.startswith("plan: ")]
    assert len(labels) > 100
    for answers in (story.plain, story.timescale):
        failed = {label: answers[label].error for label in labels if answers[label].error}
        assert failed == {}


def test_a_person_can_be_taken_out_of_columns_and_rows_alike(story: Story) -> None:
    assert story.timescale["erase: reading"] == Answer(affected=2 * 1_440)
    assert [row[0] for row in story.timescale["rest"].rows] == ["1", "3"]


def test_hours_are_made_of_columns_and_minutes_go_from_them(story: Story) -> None:
    assert story.timescale["make_days"] == Answer(affected=2)
    assert story.timescale["make_hours"].affected >= 48
    assert story.timescale["cut: reading"].rows == ((str(2 * 1_440),),)
    assert story.timescale["packed left"].rows == (("0",),)
    assert story.timescale["to make again"].rows == (("2",),)


def test_nothing_else_failed(story: Story) -> None:
    refused = {"read: not by portal", "read: no change", "read: no loss"}
    for answers in (story.plain, story.timescale):
        failed = {label for label, answer in answers.items() if answer.error}
        assert failed == refused
