"""Pages opened in need are told to whoever should know: once, through the real tables."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Iterator
from contextlib import closing
from datetime import timedelta

import pytest

from alerts.deliveries import CONSOLE
from alerts.openings.store import tell_of_openings
from alerts.operations.service import Operations
from alerts.store import Desk
from tests.browser.virtual_site import Site, SiteWriter, write_site
from tests.integration.pipeline import rows
from tests.integration.test_outages_told import SITE, Telephone
from tidewell.clock import now_utc
from tidewell.database import Role, connect

TOLD = "SELECT staff_id FROM operations_delivery ORDER BY staff_id"


class Ground:
    """A site, and somebody who writes to its database."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.site: Site = write_site(url, now_utc())
        self.writer = SiteWriter(url, self.site.now)
        self.admin = int(self.writer.one("SELECT staff_id FROM staff WHERE role = 'admin'"))

    def close(self) -> None:
        self.writer.close()

    def open_sam(self, staff_id: int, ago: timedelta = timedelta(minutes=1)) -> None:
        opened = self.site.now - ago
        self.writer.run(
            "INSERT INTO opening (person_id, staff_id, reason, opened_at, ends_at)"
            " VALUES (%s, %s, 'Sam says something worrying.', %s, %s)",
            *(self.site.sam, staff_id, opened, opened + timedelta(hours=1)),
        )

    def manager(self, name: str) -> int:
        staff_id = self.writer.staff("practitioner", name, name.lower())
        self.writer.run("UPDATE staff SET is_service_manager = true WHERE staff_id = %s", staff_id)
        return staff_id

    async def look(self, telephone: Telephone) -> None:
        operations = Operations({CONSOLE: telephone}, SITE, random.Random(1))  # noqa: S311 -- chance of a test
        async with await connect(self.url, Role.ALERTS, "tests", autocommit=True) as connection:
            await operations.look_once(connection)


@pytest.fixture
def ground(database_url: str) -> Iterator[Ground]:
    with closing(Ground(database_url)) as opened:
        yield opened


async def test_key_worker_cover_and_managers_are_told_once_and_no_name_leaves(
    ground: Ground,
) -> None:
    site = ground.site
    manager, left = ground.manager("Max"), ground.manager("Lou")
    ground.writer.run("UPDATE sign_in SET disabled_at = %s WHERE username = 'lou'", site.now)
    covering = ground.writer.staff("practitioner", "Bo", "bo")
    day = timedelta(days=1)
    ground.writer.run(
        "INSERT INTO cover (away_staff_id, cover_staff_id, valid_from, valid_until, accepted_at)"
        " VALUES (%s, %s, %s, %s, %s)",
        *(site.practitioner, covering, site.now - day, site.now + day, site.now - day),
    )
    ground.open_sam(site.stranger)
    telephone = Telephone(failures=1)
    for _ in range(3):
        await ground.look(telephone)
        await asyncio.sleep(2.5)
    told = sorted((site.practitioner, manager, covering))
    assert await rows(ground.url, TOLD) == [(one,) for one in told]
    assert left not in told
    assert sorted(one.staff_id for one in telephone.took) == told
    for message in telephone.took:
        assert message.link == "http://127.0.0.1:8080/openings"
        assert message.text == f"Wellbeing: a colleague opened pages in need. Open: {message.link}"


async def test_whoever_opened_is_not_told_and_where_nobody_else_is_the_administrators_are(
    ground: Ground,
) -> None:
    ground.writer.run("UPDATE assignment SET valid_until = %s", ground.site.now)
    ground.open_sam(ground.manager("Max"))
    await ground.look(Telephone(failures=0))
    assert await rows(ground.url, TOLD) == [(ground.admin,)]


async def test_several_processes_of_alerts_tell_it_once(ground: Ground) -> None:
    ground.open_sam(ground.site.stranger)
    now = ground.site.now

    async def one_look() -> None:
        async with await connect(ground.url, Role.ALERTS, "tests", autocommit=True) as connection:
            await tell_of_openings(Desk(connection, SITE, now))

    await asyncio.gather(*(one_look() for _ in range(4)))
    assert await rows(ground.url, TOLD) == [(ground.site.practitioner,)]


async def test_an_opening_whose_notice_went_by_age_is_not_told_again(ground: Ground) -> None:
    ground.open_sam(ground.site.stranger, ago=timedelta(days=8))
    await ground.look(Telephone(failures=0))
    assert await rows(ground.url, TOLD) == []
