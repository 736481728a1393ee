"""Row security on a real PostgreSQL: who sees which rows."""

from __future__ import annotations

from datetime import timedelta
from itertools import product
from typing import Any, Final, LiteralString

import psycopg
import pytest
from psycopg import sql

from tests.integration import looking
from tests.integration.looking import DAY, NOW, Place
from tidewell.database import Role

place = looking.place

UNGUARDED: Final = {
    "hours_again": "no role of the pages has a right to it",
    "hours_upto": "no role of the pages has a right to it",
    "reading": "a hypertable cannot have row security; no role of the pages has a right to it",
    "reading_day": "it is made of readings; no role of the pages has a right to it",
    "reading_hour": "it is made of readings; no role of the pages has a right to it",
    "sign_in": "the gate reads it before it knows who looks; it says nothing of how anybody is",
}
"""Tables about people without row security, and why."""

WITH_A_PERSON: Final[LiteralString] = """
    SELECT relname, relrowsecurity AND relforcerowsecurity
    FROM pg_class JOIN pg_attribute ON attrelid = pg_class.oid
    WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p') AND attname = 'person_id'
    ORDER BY relname
"""
GUARDED: Final[LiteralString] = """
    SELECT relname FROM pg_class
    WHERE relnamespace = 'public'::regnamespace AND relrowsecurity
"""
READ_BY_PAGES: Final[LiteralString] = (
    " AND has_table_privilege('tidewell_portal', pg_class.oid, 'SELECT') ORDER BY relname"
)
HOW_SOMEBODY_IS: Final = (
    "daily_feature",
    "episode",
    "episode_event",
    "silence",
    "alert",
    "alert_event",
    "alert_action",
    "delivery",
    "concern",
    "concern_intake",
    "context_note",
    "plan_limit",
    "repair",
    "detector_signal",
    "own_choice",
    "channel_off",
    "check_in",
    "data_request",
    "contact_log",
    "support_note",
)
"""What no administrator sees a row of."""


def guarded_tables(url: str) -> list[str]:
    """Return the tables with row security that the pages read at all."""
    with psycopg.connect(url) as connection:
        return [name for (name,) in connection.execute(GUARDED + READ_BY_PAGES).fetchall()]


def test_every_table_about_a_person_is_guarded_or_says_why_not(database_url: str) -> None:
    with psycopg.connect(database_url) as connection:
        found = connection.execute(WITH_A_PERSON).fetchall()
    open_tables = sorted(name for name, is_guarded in found if not is_guarded)
    assert open_tables == sorted(UNGUARDED), (
        "a table with a person_id needs ENABLE and FORCE ROW LEVEL SECURITY, a policy for the"
        " portal and one for the other roles, as in migration 0023; or a line in UNGUARDED that"
        " says why not"
    )


def test_whoever_works_on_everybody_is_named_at_every_guarded_table(database_url: str) -> None:
    with psycopg.connect(database_url) as connection:
        open_policies = connection.execute(
            "SELECT tablename, roles::text[] FROM pg_policies WHERE qual = 'true'"
        ).fetchall()
        tables = [name for (name,) in connection.execute(GUARDED).fetchall()]
        rights = {
            (table, role.value)
            for table, role in product(tables, Role)
            if connection.execute(
                "SELECT has_table_privilege(%s, %s, 'SELECT, INSERT, UPDATE')", (role.value, table)
            ).fetchone()
            == (True,)
        }
        [(owner,)] = connection.execute("SELECT current_user").fetchall()
    named = {(table, role) for table, roles in open_policies for role in roles}
    working = {(table, role) for table, role in rights if role != Role.PORTAL}
    assert len(tables) > 20
    assert sorted(working - named) == []
    assert sorted({(table, owner) for table in tables} - named) == []
    assert [pair for pair in named if pair[1] == Role.PORTAL] == []


def test_where_nobody_was_said_to_look_there_is_no_row(place: Place) -> None:
    with psycopg.connect(place.url) as owner:
        for table in guarded_tables(place.url):
            query = sql.SQL("SELECT count(*) FROM {}").format(sql.Identifier(table))
            found = owner.execute(query).fetchone()
            assert found != (0,), f"nothing to see in {table}: add a row to ROWS_ABOUT_SAM"
            assert place.eyes.count(table) == 0, table


def test_who_is_assigned_sees_everything_about_their_people_and_a_stranger_nothing(
    place: Place,
) -> None:
    for table in guarded_tables(place.url):
        assert place.eyes.count(table, staff=place.site.practitioner) > 0, table
        assert place.eyes.count(table, staff=place.site.stranger) == 0, table
    assert place.eyes.people(staff=place.site.clinician) == {
        place.site.sam,
        place.site.robin,
        place.site.alex,
    }
    assert place.eyes.people(staff=999_999) == set()


def test_a_young_person_sees_themselves(place: Place) -> None:
    assert place.eyes.people(person=place.site.sam) == {place.site.sam}
    for table in guarded_tables(place.url):
        assert place.eyes.count(table, person=place.site.sam) > 0, table
        expected = table in ("person", "identity", "assignment", "device_assignment")
        seen = place.eyes.count(table, person=place.site.alex) > 0
        assert seen == expected, table


def test_an_administrator_sees_who_there_is_and_not_how_anybody_is(place: Place) -> None:
    assert len(place.eyes.people(staff=place.admin)) == 3
    for table in HOW_SOMEBODY_IS:
        assert place.eyes.count(table, staff=place.admin) == 0, table
    shown = set(guarded_tables(place.url)) - set(HOW_SOMEBODY_IS)
    assert shown == {
        *("person", "identity", "assignment", "device_assignment"),
        *("pause", "access_log"),
    }


def test_an_assignment_shows_from_its_beginning_to_its_end(place: Place) -> None:
    place.run(
        "INSERT INTO assignment (staff_id, person_id, kind, valid_from, valid_until)"
        " VALUES (%s, %s, 'clinician', %s, %s)",
        place.site.stranger,
        place.site.alex,
        NOW - DAY,
        NOW + DAY,
    )
    moments = (NOW - 2 * DAY, NOW - DAY, NOW, NOW + DAY - timedelta(microseconds=1), NOW + DAY)
    seen = [place.eyes.people(staff=place.site.stranger, at=at) for at in moments]
    assert [bool(people) for people in seen] == [False, True, True, True, False]


def test_cover_shows_once_it_is_accepted_and_while_it_lasts(place: Place) -> None:
    place.run(
        "INSERT INTO cover (away_staff_id, cover_staff_id, valid_from, valid_until)"
        " VALUES (%s, %s, %s, %s)",
        place.site.practitioner,
        place.coverer,
        NOW - DAY,
        NOW + DAY,
    )
    assert place.eyes.people(staff=place.coverer) == set()
    place.run("UPDATE cover SET accepted_at = %s", NOW - timedelta(hours=1))
    assert place.eyes.people(staff=place.coverer) == {
        place.site.sam,
        place.site.robin,
        place.site.alex,
    }
    assert place.eyes.people(staff=place.coverer, at=NOW + DAY) == set()


def test_who_was_asked_about_an_alert_sees_the_person_until_a_day_after_its_end(
    place: Place,
) -> None:
    assert place.eyes.people(staff=place.asked) == {place.site.sam}
    place.run(
        "UPDATE alert SET state = 'closed', closed_at = %s, outcome = 'all_fine'",
        NOW - timedelta(hours=23),
    )
    assert place.eyes.people(staff=place.asked) == {place.site.sam}
    assert place.eyes.people(staff=place.asked, at=NOW + timedelta(hours=1)) == set()


HOUR: Final = timedelta(hours=1)
JUST: Final = timedelta(microseconds=1)
OPENED: Final = (
    "INSERT INTO opening (person_id, staff_id, reason, opened_at, ends_at)"
    " VALUES (%s, %s, 'Nobody who is assigned answers.', %s, %s)"
)


def test_an_opening_in_need_shows_one_person_from_its_beginning_to_its_end(place: Place) -> None:
    stranger, began = place.site.stranger, NOW - HOUR
    place.run(OPENED, place.site.sam, stranger, began, began + 4 * HOUR)
    moments = (began - JUST, began, NOW, began + 4 * HOUR - JUST, began + 4 * HOUR)
    seen = [place.eyes.people(staff=stranger, at=at) for at in moments]
    sam = {place.site.sam}
    assert seen == [set(), sam, sam, sam, set()]
    assert place.eyes.people(staff=place.coverer) == set(), "it is for whoever opened"
    for table in set(guarded_tables(place.url)) - {"access_log"}:
        assert place.eyes.count(table, staff=stranger) > 0, table
    place.run("UPDATE opening SET finished_at = %s", NOW)
    assert place.eyes.people(staff=stranger, at=NOW - JUST) == sam
    assert place.eyes.people(staff=stranger) == set()


def test_no_opening_lasts_longer_than_four_hours_whoever_writes_it(place: Place) -> None:
    with pytest.raises(psycopg.errors.CheckViolation):
        place.run(OPENED, place.site.sam, place.site.stranger, NOW, NOW + 4 * HOUR + JUST)


def test_whoever_became_an_administrator_sees_nobody_whom_they_opened(place: Place) -> None:
    place.run(OPENED, place.site.sam, place.site.stranger, NOW, NOW + HOUR)
    place.run("UPDATE staff SET role = 'admin' WHERE staff_id = %s", place.site.stranger)
    assert place.eyes.count("alert", staff=place.site.stranger) == 0


PAGES_OF: Final[LiteralString] = "SELECT person_id, because FROM people_open_to(%s, %s) ORDER BY 1"


def test_pages_open_to_who_is_assigned_covers_or_opened_them_and_the_database_says_why(
    place: Place,
) -> None:
    site = place.site
    place.run(
        "INSERT INTO cover (away_staff_id, cover_staff_id, valid_from, valid_until, accepted_at)"
        " VALUES (%s, %s, %s, %s, %s)",
        *(site.practitioner, place.coverer, NOW - DAY, NOW + DAY, NOW - DAY),
    )
    place.run(OPENED, site.sam, site.stranger, NOW, NOW + HOUR)
    place.run(OPENED, site.sam, place.coverer, NOW, NOW + HOUR)
    expected = {
        site.practitioner: [(one, "assigned") for one in (site.sam, site.robin, site.alex)],
        place.coverer: [(one, "covering") for one in (site.sam, site.robin, site.alex)],
        site.stranger: [(site.sam, "opened")],
        place.asked: [],
    }
    for staff, pages in expected.items():
        with place.eyes.of(staff=staff) as connection:
            assert connection.execute(PAGES_OF, (staff, NOW)).fetchall() == pages
            other = site.clinician
            assert connection.execute(PAGES_OF, (other, NOW)).fetchall() == [], "of the viewer only"


def test_the_three_ways_to_ask_who_sees_whom_agree(place: Place) -> None:
    """A rule that is said thrice is one rule."""
    place.run(OPENED, place.site.sam, place.site.stranger, NOW - HOUR, NOW + HOUR)
    place.run(OPENED, place.site.alex, place.admin, NOW - HOUR, NOW + HOUR)
    place.run(OPENED, place.site.robin, place.site.stranger, NOW - HOUR, NOW + HOUR)
    place.run("UPDATE opening SET finished_at = %s WHERE person_id = %s", NOW, place.site.robin)
    place.run(
        "INSERT INTO cover (away_staff_id, cover_staff_id, valid_from, valid_until, accepted_at)"
        " VALUES (%s, %s, %s, %s, %s)",
        *(place.site.practitioner, place.coverer, NOW - DAY, NOW + DAY, NOW - DAY),
    )
    place.run(
        "UPDATE assignment SET valid_until = %s WHERE person_id = %s AND kind = 'key_worker'",
        NOW,
        place.site.alex,
    )
    pairs: set[bool] = set()
    with psycopg.connect(place.url) as owner:
        staff = [one for (one,) in owner.execute("SELECT staff_id FROM staff").fetchall()]
        people = [one for (one,) in owner.execute("SELECT person_id FROM person").fetchall()]
        for at in (NOW - 2 * DAY, NOW - timedelta(seconds=1), NOW, NOW + 2 * DAY):
            for viewer, viewed in product(staff, people):
                row = owner.execute(
                    "SELECT staff_may_see(%(staff)s, %(person)s, %(at)s),"
                    " %(person)s IN (SELECT people_seen_by(%(staff)s, %(at)s)),"
                    " %(staff)s IN (SELECT staff_who_see(%(person)s, %(at)s))",
                    {"staff": viewer, "person": viewed, "at": at},
                ).fetchone()
                assert row is not None
                assert len(set(row)) == 1, (viewer, viewed, at, row)
                pairs.add(row[0])
    assert pairs == {True, False}


WRITES: Final = {
    "an action in another's name": (
        "INSERT INTO alert_action (alert_id, staff_id, kind, at)"
        " VALUES (%(alert)s, %(other)s, 'accept', %(now)s)"
    ),
    "a note in another's name": (
        "INSERT INTO context_note (person_id, kind, first_day, last_day, staff_id, created_at)"
        " VALUES (%(sam)s, 'ill', %(now)s, %(now)s, %(other)s, %(now)s)"
    ),
    "a note as the young person": (
        "INSERT INTO context_note (person_id, kind, first_day, last_day, created_at)"
        " VALUES (%(sam)s, 'ill', %(now)s, %(now)s, %(now)s)"
    ),
    "a worry in another's name": (
        "INSERT INTO concern (person_id, kind, source, staff_id, level, at)"
        " VALUES (%(sam)s, 'raise', 'staff', %(other)s, 'check_now', %(now)s)"
    ),
    "an ask as the young person": (
        "INSERT INTO concern (person_id, kind, source, choice, at)"
        " VALUES (%(sam)s, 'raise', 'young_person', 'talk', %(now)s)"
    ),
    "a pause of somebody else": (
        "INSERT INTO pause (person_id, paused_from) VALUES (%(sam)s, %(now)s)"
    ),
    "a check-in as the young person": (
        "INSERT INTO check_in (person_id, day, at, face) VALUES (%(sam)s, %(now)s, %(now)s, 'good')"
    ),
    "a request as the young person": (
        "INSERT INTO data_request (person_id, kind, asked_at) VALUES (%(sam)s, 'delete', %(now)s)"
    ),
    "a measure switched off as the young person": (
        "INSERT INTO channel_off (person_id, channel, off_from) VALUES (%(sam)s, 'eda', %(now)s)"
    ),
    "a choice of words as the young person": (
        "INSERT INTO own_choice VALUES (%(sam)s, '8-11', %(now)s)"
    ),
    "a contact in another's name": (
        "INSERT INTO contact_log (person_id, staff_id, kind, at, written_at)"
        " VALUES (%(sam)s, %(other)s, 'spoke', %(now)s, %(now)s)"
    ),
    "a support note in another's name": (
        "INSERT INTO support_note (person_id, staff_id, scale, written_at)"
        " VALUES (%(sam)s, %(other)s, 5, %(now)s)"
    ),
    "a download as the young person": (
        "INSERT INTO access_log (at, person_id, looked_at) VALUES (%(now)s, %(sam)s, 'download')"
    ),
    "a look in another's name": (
        "INSERT INTO access_log (at, person_id, staff_id, looked_at)"
        " VALUES (%(now)s, %(sam)s, %(other)s, 'list')"
    ),
}


@pytest.mark.parametrize("what", WRITES)
def test_nobody_writes_in_the_name_of_another(place: Place, what: str) -> None:
    values = {
        "alert": place.site.alert_id,
        "sam": place.site.sam,
        "other": place.site.clinician,
        "now": NOW,
    }
    viewers: tuple[dict[str, Any], ...] = (
        {"staff": place.site.practitioner},
        {"person": place.site.robin},
        {},
    )
    for who in viewers:
        with (
            pytest.raises(psycopg.errors.InsufficientPrivilege, match="row-level security"),
            place.eyes.of(**who) as connection,
        ):
            connection.execute(WRITES[what].encode(), values)


def test_nobody_changes_what_is_not_theirs(place: Place) -> None:
    changes: tuple[LiteralString, ...] = (
        "UPDATE context_note SET removed_at = now()",
        "UPDATE pause SET paused_until = now()",
        "UPDATE own_choice SET reading_level = '8-11'",
        "UPDATE channel_off SET off_until = now()",
    )
    for change in changes:
        with place.eyes.of(staff=place.site.practitioner) as connection:
            assert connection.execute(change).rowcount == 0
        with place.eyes.of(person=place.site.sam) as connection:
            assert connection.execute(change).rowcount == 1


def test_readings_are_shown_to_the_viewer_and_not_to_a_number_that_was_passed(place: Place) -> None:
    staff: LiteralString = (
        "SELECT count(*) FROM readings_for_staff(%s, %s, %s, '-infinity', 'infinity')"
    )
    own: LiteralString = "SELECT count(*) FROM readings_for_themselves(%s, '-infinity', 'infinity')"
    gaps: LiteralString = "SELECT count(*) FROM no_data_for_staff(%s, %s, %s, %s, %s)"
    told = (place.site.practitioner, place.site.sam, NOW)
    span = (NOW - DAY, NOW)
    answers = []
    for viewer in (place.site.practitioner, place.site.stranger, None):
        with place.eyes.of(staff=viewer) as connection:
            answers.append(
                (
                    connection.execute(staff, told).fetchone() != (0,),
                    connection.execute(gaps, (*told, *span)).fetchone() != (0,),
                    connection.execute(own, (place.site.sam,)).fetchone() != (0,),
                )
            )
    assert answers == [(True, True, False), (False, False, False), (False, False, False)]
    with place.eyes.of(person=place.site.sam) as connection:
        assert connection.execute(own, (place.site.sam,)).fetchone() != (0,)
        assert connection.execute(own, (place.site.robin,)).fetchone() == (0,)


def test_a_refused_frame_is_counted_and_never_shown(place: Place) -> None:
    with place.eyes.of(staff=place.admin) as connection:
        assert connection.execute("SELECT * FROM service_refusals()").fetchall() == []
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            connection.execute("SELECT FROM dead_letter")


def test_an_event_is_handed_to_whoever_may_see_it_at_that_moment(place: Place) -> None:
    with place.eyes.of() as connection:
        found = connection.execute("SELECT * FROM alert_events_after(0, %s, 10)", (NOW,)).fetchall()
        none = connection.execute("SELECT * FROM alert_events_after(0, %s, 0)", (NOW,)).fetchall()
    [(_, public_id, kind, staff_ids)] = found
    assert (public_id, kind, none) == (place.site.public_id, "created", [])
    assert sorted(staff_ids) == sorted((place.site.practitioner, place.site.clinician, place.asked))


BY_WAY_OF_ANOTHER: Final = frozenset(
    {"episode_event", "alert_event", "delivery", "alert_action", "concern_intake"}
)
"""Seen with the row of the table to which they belong."""


def test_people_of_a_large_caseload_are_looked_up_and_not_gone_through(place: Place) -> None:
    asked = set(guarded_tables(place.url)) - BY_WAY_OF_ANOTHER - {"access_log"}
    assert len(asked) > 15
    for table in sorted(asked):
        with place.eyes.of(staff=place.site.practitioner) as connection:
            query = sql.SQL("EXPLAIN SELECT FROM {}").format(sql.Identifier(table))
            plan = "\n".join(line for (line,) in connection.execute(query).fetchall())
        assert "hashed SubPlan" in plan, (table, plan)
