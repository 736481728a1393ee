"""Who looked at whom, as administrators see it, on a real database."""

from __future__ import annotations

from datetime import timedelta

import pytest

from portal.admin.audit_pages import LooksRow, by_staff
from tests.integration.test_portal_pages import NOW, Pages, pages

__all__ = ["pages"]

SUNDAY = NOW
"""A Sunday afternoon."""
MONDAY_MORNING = NOW - timedelta(days=6, hours=4)


def look(pages: Pages, staff_id: int, person_id: int, at: object) -> None:
    pages.write(
        "INSERT INTO access_log (at, person_id, staff_id, looked_at) VALUES (%s, %s, %s, 'alert')",
        *(at, person_id, staff_id),
    )


@pytest.fixture
def looked(pages: Pages) -> Pages:
    site = pages.site
    look(pages, site.practitioner, site.sam, MONDAY_MORNING)
    look(pages, site.practitioner, site.sam, SUNDAY - timedelta(hours=1))
    look(pages, site.stranger, site.sam, MONDAY_MORNING)
    look(pages, site.practitioner, site.robin, NOW - timedelta(days=31))
    return pages


async def test_what_is_unusual_comes_first_and_young_people_have_no_name(looked: Pages) -> None:
    await looked.sign_in("ade")
    text = await looked.text("/service/audit")
    assert "p-sam" in text
    assert "Sam" not in text.replace("p-sam", "")
    assert "p-robin" not in text, "longer ago than a month"
    assert text.index("Pat Virtual") < text.index("Jo Virtual")
    answer = await looked.client.get("/service/audit.csv")
    assert answer.content_type == "text/csv"
    lines = (await answer.text()).split()
    assert [line.split(",")[-5:-1] for line in lines if "p-sam" in line] == [
        ["p-sam", "1", "1", "0"],
        ["p-sam", "2", "0", "1"],
    ]


async def test_nobody_but_an_administrator_gets_a_number(looked: Pages) -> None:
    for username in ("jo", "kim", "sam"):
        await looked.sign_in(username)
        for path in ("/service/audit", "/service/audit.csv"):
            assert (await looked.client.get(path)).status == 404


def pair(name: str, label: int) -> LooksRow:
    return LooksRow(name, "practitioner", f"p-{label}", 1, 0, 0, NOW)


def test_who_looked_at_far_more_people_than_others_is_named() -> None:
    usual = [pair(f"Usual {who}", label) for who in range(3) for label in range(4)]
    many = [pair("Many", label) for label in range(13)]
    found = {one.name: one.is_many for one in by_staff([*usual, *many])}
    assert found == {"Usual 0": False, "Usual 1": False, "Usual 2": False, "Many": True}
    assert not any(one.is_many for one in by_staff([*usual, *many[:9]]))
