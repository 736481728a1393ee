"""Looks at lists of alerts on a real database: who is shown on one learns that somebody looked."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import closing
from datetime import timedelta

import pytest

from tests.browser.virtual_site import SiteWriter
from tests.integration.api_site import NOW, Programs, programs_of
from tests.integration.test_portal_pages import Pages, pages

__all__ = ["pages"]

DAY = timedelta(days=1)


def cover_for_jo(writer: SiteWriter, practitioner: int) -> None:
    """Let bo cover for jo, who looks after everybody."""
    coverer = writer.staff("practitioner", "Bo Virtual", "bo")
    writer.run(
        "INSERT INTO cover (away_staff_id, cover_staff_id, valid_from, valid_until, accepted_at)"
        " VALUES (%s, %s, %s, %s, %s)",
        *(practitioner, coverer, NOW - DAY, NOW + DAY, NOW - DAY),
    )


def ask_about_sam(writer: SiteWriter, _practitioner: int) -> None:
    """Ask bo about the alert of Sam, and about nothing else."""
    asked = writer.staff("practitioner", "Bo Virtual", "bo")
    writer.run(
        "INSERT INTO delivery"
        " (alert_id, staff_id, channel, address, idempotency_key, state, attempt_at)"
        " SELECT alert_id, %s, 'console', '-', 'k', 'handed_over', %s FROM alert",
        *(asked, NOW),
    )


def close_alert(writer: SiteWriter) -> None:
    writer.run(
        "UPDATE alert SET state = 'closed', closed_at = %s, outcome = 'all_fine'",
        NOW - timedelta(hours=2),
    )


LOOKED = (
    "SELECT label, display_name, looked_at, count(*) FROM access_log JOIN person USING (person_id)"
    " JOIN staff USING (staff_id) WHERE label = 'p-sam' GROUP BY 1, 2, 3"
)
BO_LOOKED = [("p-sam", "Bo Virtual", "list", 1)]

Shown = Callable[[SiteWriter, int], None]


@pytest.mark.parametrize("is_closed", [False, True], ids=["open", "closed"])
@pytest.mark.parametrize("shown", [cover_for_jo, ask_about_sam])
async def test_the_list_of_alerts_writes_down_everybody_on_it(
    pages: Pages, shown: Shown, *, is_closed: bool
) -> None:
    with closing(SiteWriter(pages.url, NOW)) as writer:
        shown(writer, pages.site.practitioner)
        if is_closed:
            close_alert(writer)
    await pages.sign_in("bo")
    assert "Sam" in await pages.text("/alerts")
    await pages.text("/alerts")
    assert pages.ask(LOOKED) == BO_LOOKED
    await pages.sign_in("sam")
    assert "Bo Virtual" in await pages.text("/me/who-looked")


@pytest.fixture
async def programs(database_url: str) -> AsyncIterator[Programs]:
    async with programs_of(database_url) as running:
        yield running


@pytest.mark.parametrize("shown", [cover_for_jo, ask_about_sam])
async def test_a_program_that_lists_closed_alerts_writes_down_everybody_on_it(
    programs: Programs, shown: Shown
) -> None:
    with closing(SiteWriter(programs.url, NOW)) as writer:
        shown(writer, programs.site.practitioner)
        close_alert(writer)
    [line] = (await programs.get("bo", "/alerts-closed-lately"))["items"]
    assert line["name"] == "Sam"
    await programs.get("bo", "/alerts-closed-lately")
    assert programs.rows(LOOKED) == BO_LOOKED
