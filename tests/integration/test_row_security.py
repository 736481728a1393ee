"""Row security on a real PostgreSQL: who sees which rows, and that nothing is left afterwards."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import product
from typing import TYPE_CHECKING, Any, Final, LiteralString

import psycopg
import pytest
from aiohttp.test_utils import make_mocked_request
from psycopg import sql
from psycopg_pool import AsyncConnectionPool

from portal.application import build_application
from portal.context import VIEWER, Audience, Viewer, transaction
from tests.browser.virtual_site import Site, SiteWriter, explanation_of, write_site
from tests.conftest import with_name
from tidewell.database import Role, conninfo
from tidewell.schema import migrate
from tidewell.settings import load_settings

if TYPE_CHECKING:
    from tidewell.embedded.postgres import PostgresServer

NOW: Final = datetime(2026, 11, 22, 14, 2, 30, tzinfo=UTC)
DAY: Final = timedelta(days=1)

UNGUARDED: Final = {
    "reading": "a hypertable cannot have row security; no role of the pages has a right to it",
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
)
"""What no administrator sees a row of."""


class Eyes:
    """A connection of the portal's role, each look a transaction of its own."""

    def __init__(self, connection: psycopg.Connection[Any]) -> None:
        self._connection = connection

    @contextmanager
    def of(
        self, staff: int | None = None, person: int | None = None, at: datetime = NOW
    ) -> Iterator[psycopg.Connection[Any]]:
        """Look as somebody and take back whatever was written."""
        with self._connection.transaction(force_rollback=True):
            if staff is not None or person is not None:
                self._connection.execute("SELECT look_as(%s, %s, %s)", (staff, person, at))
            yield self._connection

    def count(self, table: str, **who: Any) -> int:  # noqa: ANN401 -- as `of` takes it
        """Return how many rows of a table somebody sees."""
        with self.of(**who) as connection:
            query = sql.SQL("SELECT count(*) FROM {}").format(sql.Identifier(table))
            row = connection.execute(query).fetchone()
        return int(row[0]) if row else -1

    def people(self, **who: Any) -> set[int]:  # noqa: ANN401 -- as `of` takes it
        """Return the people whom somebody sees."""
        with self.of(**who) as connection:
            return {one for (one,) in connection.execute("SELECT person_id FROM person").fetchall()}


@dataclass
class Place:
    """A site with a row of everything, and somebody to look at it."""

    site: Site
    url: str
    eyes: Eyes
    admin: int
    coverer: int
    asked: int

    def run(self, statement: str, *values: object) -> None:
        with psycopg.connect(self.url, autocommit=True) as connection:
            connection.execute(statement.encode(), values)


@pytest.fixture
def place(database_url: str) -> Iterator[Place]:
    site = write_site(database_url, NOW)
    with closing(SiteWriter(database_url, NOW)) as writer:
        coverer = writer.staff("practitioner", "Bo Virtual", "bo")
        asked = writer.staff("practitioner", "Cy Virtual", "cy")
        admin = int(writer.one("SELECT staff_id FROM staff WHERE role = 'admin'"))
        _write_rows(writer, site, asked)
    with psycopg.connect(conninfo(database_url, Role.PORTAL, "test")) as connection:
        yield Place(site, database_url, Eyes(connection), admin, coverer, asked)


def _write_rows(writer: SiteWriter, site: Site, asked: int) -> None:
    """Write a row about Sam in each table that says how somebody is."""
    sam, alert = site.sam, site.alert_id
    writer.run(
        "INSERT INTO delivery (alert_id, staff_id, channel, address, idempotency_key, state,"
        " attempt_at) VALUES (%s, %s, 'console', '-', 'k', 'handed_over', %s)",
        alert,
        asked,
        NOW,
    )
    event = writer.one(
        "INSERT INTO episode_event (episode_id, kind, at, recorded_at, level, score, explanation)"
        " SELECT episode_id, 'opened', opened_at, %s, level, score, '{}' FROM episode"
        " RETURNING episode_event_id",
        NOW,
    )
    writer.run(
        "INSERT INTO silence (episode_id, person_id, silent_from, noticed_at, reason,"
        " classified_at) SELECT episode_id, person_id, %s, %s, 'not_worn', %s FROM episode",
        *[NOW] * 3,
    )
    writer.run("INSERT INTO alert_intake VALUES (%s, %s, 'raised', %s)", event, NOW, alert)
    concern = writer.one(
        "INSERT INTO concern (person_id, kind, source, choice, at)"
        " VALUES (%s, 'raise', 'young_person', 'talk', %s) RETURNING concern_id",
        sam,
        NOW,
    )
    writer.run("INSERT INTO concern_intake VALUES (%s, %s, 'joined', %s)", concern, NOW, alert)
    writer.run(
        "INSERT INTO context_note (person_id, kind, first_day, last_day, created_at)"
        " VALUES (%s, 'ill', %s, %s, %s)",
        sam,
        *[NOW] * 3,
    )
    writer.run(
        "INSERT INTO plan_limit VALUES"
        " (%s, 0, 'heart_rate', 'above', 120, 5, 'check_now', false, %s, %s, %s)",
        sam,
        NOW,
        site.practitioner,
        NOW,
    )
    writer.run(
        "INSERT INTO repair (person_id, first_day, last_day, reason, readings, noted_at,"
        " widened_at) VALUES (%s, %s, %s, 'asked_for', 1, %s, %s)",
        sam,
        *[NOW] * 4,
    )
    writer.run(
        "INSERT INTO detector_signal (person_id, kind, heard_at, content, verdict)"
        " VALUES (%s, 'limits', %s, '[]', 'applied')",
        sam,
        NOW,
    )
    writer.run(
        "INSERT INTO alert_action (alert_id, staff_id, kind, at) VALUES (%s, %s, 'accept', %s)",
        alert,
        site.practitioner,
        NOW,
    )
    writer.run("INSERT INTO pause (person_id, paused_from) VALUES (%s, %s)", sam, NOW)
    writer.run(
        "INSERT INTO access_log (at, person_id, staff_id, looked_at) VALUES (%s, %s, %s, 'alert')",
        NOW,
        sam,
        site.practitioner,
    )


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


def test_the_processes_that_work_on_everybody_are_named_at_every_guarded_table(
    database_url: str,
) -> None:
    with psycopg.connect(database_url) as connection:
        found = connection.execute(
            "SELECT tablename, roles::text[] FROM pg_policies WHERE qual = 'true'"
        ).fetchall()
    named = {table: set(roles) for table, roles in found}
    with psycopg.connect(database_url) as connection:
        tables = sorted(name for (name,) in connection.execute(GUARDED).fetchall())
    others = {role.value for role in Role if role is not Role.PORTAL}
    assert sorted(named) == tables
    assert len(tables) > 20
    assert [table for table in tables if not others <= named[table]] == []
    assert [table for table in tables if Role.PORTAL.value in named[table]] == []


def test_where_nobody_was_said_to_look_there_is_no_row(place: Place) -> None:
    with psycopg.connect(place.url) as owner:
        for table in guarded_tables(place.url):
            query = sql.SQL("SELECT count(*) FROM {}").format(sql.Identifier(table))
            assert owner.execute(query).fetchone() != (0,), f"nothing to see in {table}"
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


def test_the_three_ways_to_ask_who_sees_whom_agree(place: Place) -> None:
    """A rule that is said thrice is one rule."""
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


# ---- The one door -------------------------------------------------------------


@pytest.fixture
async def one_connection(place: Place) -> AsyncIterator[Any]:
    """A pool that lends the same connection to everybody."""
    async with AsyncConnectionPool(
        conninfo(place.url, Role.PORTAL, "test"), min_size=1, max_size=1, open=False
    ) as pool:
        yield pool


def request_of(place: Place, pool: Any, viewer: Viewer | None) -> Any:  # noqa: ANN401 -- aiohttp's own
    application = build_application(load_settings({}), place.url, pool, now=lambda: NOW)
    request = make_mocked_request("GET", "/", app=application)
    if viewer is not None:
        request[VIEWER] = viewer
    return request


SEEN: Final[LiteralString] = "SELECT person_id FROM person"
SETTINGS: Final[LiteralString] = (
    "SELECT coalesce(current_setting('tidewell.viewer_' || what, true), '')"
    " FROM unnest(ARRAY['staff_id', 'person_id', 'at', 'people', 'role']) AS what"
)


async def test_nothing_is_left_for_whoever_borrows_the_connection_next(
    place: Place,
    one_connection: Any,  # noqa: ANN401 -- a pool of connections of any row
) -> None:
    jo = Viewer(b"", "jo", Audience.PRACTITIONER, "Jo", place.site.practitioner, None)
    with_jo, with_nobody = (request_of(place, one_connection, who) for who in (jo, None))
    for ends_badly in (False, True):
        try:
            async with transaction(with_jo) as connection:
                assert len(await (await connection.execute(SEEN)).fetchall()) == 3
                pid = connection.info.backend_pid
                if ends_badly:
                    await connection.execute("SELECT 1 / 0")
        except psycopg.errors.DivisionByZero:
            assert ends_badly
        async with transaction(with_nobody) as connection:
            assert connection.info.backend_pid == pid
            assert await (await connection.execute(SEEN)).fetchall() == []
            assert set(await (await connection.execute(SETTINGS)).fetchall()) == {("",)}


async def test_a_page_that_commits_too_early_sees_nothing_more(
    place: Place,
    one_connection: Any,  # noqa: ANN401 -- a pool of connections of any row
) -> None:
    jo = Viewer(b"", "jo", Audience.PRACTITIONER, "Jo", place.site.practitioner, None)
    async with transaction(request_of(place, one_connection, jo)) as connection:
        await connection.commit()
        assert await (await connection.execute(SEEN)).fetchall() == []


# ---- An owner who is no superuser ---------------------------------------------


@pytest.fixture
async def plain_owner(postgres: PostgresServer) -> AsyncIterator[str]:
    """A database whose owner is an ordinary role, as managed servers have it."""
    name = f"owned_{uuid.uuid4().hex}"
    owner, database = sql.Identifier(name), sql.Identifier(name)
    with psycopg.connect(postgres.url, autocommit=True) as connection:
        connection.execute(sql.SQL("CREATE ROLE {} LOGIN CREATEROLE PASSWORD 'x'").format(owner))
        for role in Role:
            grant = sql.SQL("GRANT {} TO {} WITH ADMIN OPTION")
            connection.execute(grant.format(sql.Identifier(role.value), owner))
        connection.execute(sql.SQL("CREATE DATABASE {} OWNER {}").format(database, owner))
        yield with_name(postgres.url, name).replace(
            postgres.url.split("@")[0], f"postgresql://{name}:x"
        )
        connection.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(database))
        connection.execute(sql.SQL("DROP OWNED BY {}").format(owner))
        connection.execute(sql.SQL("DROP ROLE {}").format(owner))


async def test_an_owner_who_is_no_superuser_guards_as_well(plain_owner: str) -> None:
    await migrate(plain_owner, "plain")
    site = write_site(plain_owner, NOW)
    with psycopg.connect(conninfo(plain_owner, Role.PORTAL, "test")) as connection:
        eyes = Eyes(connection)
        assert eyes.people() == set()
        assert eyes.people(staff=site.practitioner) == {site.sam, site.robin, site.alex}
        assert eyes.people(staff=site.stranger) == set()
        assert eyes.count("alert_event", staff=site.practitioner) == 1
        with eyes.of(staff=site.practitioner):
            told = (site.practitioner, site.sam, NOW)
            query: LiteralString = (
                "SELECT count(*) FROM readings_for_staff(%s, %s, %s, '-infinity', 'infinity')"
            )
            assert connection.execute(query, told).fetchone() != (0,)


def test_the_explanations_of_the_site_are_worth_hiding() -> None:
    """What the rows above hold is what nobody else may see."""
    assert "heart" in str(explanation_of(NOW.date())).lower()
