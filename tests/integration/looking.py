"""A site with a row of everything about a person, and eyes of the portal's role to look at it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import psycopg
import pytest
from psycopg import sql

from tests.browser.virtual_site import Site, SiteWriter, write_site
from tidewell.database import Role, conninfo

NOW: Final = datetime(2026, 11, 22, 14, 2, 30, tzinfo=UTC)
DAY: Final = timedelta(days=1)

ROWS_ABOUT_SAM: Final = (
    """INSERT INTO delivery
        (alert_id, staff_id, channel, address, idempotency_key, state, attempt_at)
    VALUES (%(alert)s, %(asked)s, 'console', '-', 'k', 'handed_over', %(now)s)""",
    """INSERT INTO episode_event (episode_id, kind, at, recorded_at, level, score, explanation)
    SELECT episode_id, 'opened', opened_at, %(now)s, level, score, '{}' FROM episode""",
    """INSERT INTO silence (episode_id, person_id, silent_from, noticed_at, reason, classified_at)
    SELECT episode_id, person_id, %(now)s, %(now)s, 'not_worn', %(now)s FROM episode""",
    """INSERT INTO concern (person_id, kind, source, choice, at)
    VALUES (%(sam)s, 'raise', 'young_person', 'talk', %(now)s)""",
    """INSERT INTO concern_intake
    SELECT concern_id, %(now)s, 'joined', %(alert)s FROM concern""",
    """INSERT INTO context_note (person_id, kind, first_day, last_day, created_at)
    VALUES (%(sam)s, 'ill', %(now)s, %(now)s, %(now)s)""",
    """INSERT INTO plan_limit VALUES (
        %(sam)s, 0, 'heart_rate', 'above', 120, 5, 'check_now', false, %(now)s, %(worker)s, %(now)s
    )""",
    """INSERT INTO repair (person_id, first_day, last_day, reason, readings, noted_at, widened_at)
    VALUES (%(sam)s, %(now)s, %(now)s, 'asked_for', 1, %(now)s, %(now)s)""",
    """INSERT INTO detector_signal (person_id, kind, heard_at, content, verdict)
    VALUES (%(sam)s, 'limits', %(now)s, '[]', 'applied')""",
    """INSERT INTO alert_action (alert_id, staff_id, kind, at)
    VALUES (%(alert)s, %(worker)s, 'accept', %(now)s)""",
    "INSERT INTO pause (person_id, paused_from) VALUES (%(sam)s, %(now)s)",
    """INSERT INTO access_log (at, person_id, staff_id, looked_at)
    VALUES (%(now)s, %(sam)s, %(worker)s, 'alert')""",
    "INSERT INTO own_choice VALUES (%(sam)s, '12-15', %(now)s)",
    """INSERT INTO channel_off (person_id, channel, off_from)
    VALUES (%(sam)s, 'heart_rate', %(now)s)""",
    """INSERT INTO check_in (person_id, day, at, face)
    VALUES (%(sam)s, %(now)s, %(now)s, 'good')""",
    """INSERT INTO data_request (person_id, kind, asked_at)
    VALUES (%(sam)s, 'question', %(now)s)""",
    """INSERT INTO contact_log (person_id, staff_id, kind, at, written_at)
    VALUES (%(sam)s, %(worker)s, 'spoke', %(now)s, %(now)s)""",
    """INSERT INTO support_note (person_id, staff_id, scale, written_at)
    VALUES (%(sam)s, %(worker)s, 5, %(now)s)""",
)
"""A row about Sam in each table that `write_site` leaves empty, new tables too."""

CHANGED_BY_PAGES: Final = (
    *("person", "identity", "assignment", "device_assignment", "pause", "alert_action", "concern"),
    *("context_note", "own_choice", "channel_off", "check_in", "data_request", "contact_log"),
    *("support_note", "agreement", "competence", "sharing_preference", "cover", "opening"),
)
"""What the pages write about people."""


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
        values = {
            "alert": site.alert_id,
            "asked": asked,
            "sam": site.sam,
            "worker": site.practitioner,
            "now": NOW,
        }
        for row in ROWS_ABOUT_SAM:
            writer.connection.execute(row.encode(), values)
    with psycopg.connect(conninfo(database_url, Role.PORTAL, "test")) as connection:
        yield Place(site, database_url, Eyes(connection), admin, coverer, asked)
