"""Whoever covers does the work: pages open and take what they write, while the cover lasts."""

from __future__ import annotations

from datetime import timedelta

import pytest

from tests.integration.test_portal_pages import NOW, Pages, pages

__all__ = ["pages"]


@pytest.fixture
def covered(pages: Pages) -> Pages:
    """Pat covers for Jo from now on for two days, and accepted it."""
    pages.write(
        "INSERT INTO cover (away_staff_id, cover_staff_id, valid_from, valid_until, accepted_at)"
        " VALUES (%s, %s, %s, %s, %s)",
        *(pages.site.practitioner, pages.site.stranger, NOW, NOW + timedelta(days=2), NOW),
    )
    return pages


async def test_whoever_covers_opens_the_page_and_records(covered: Pages) -> None:
    await covered.sign_in("pat")
    text = await covered.text("/alerts")
    for name in ("Sam", "Robin", "Alex"):
        assert name in text
    here = f"/people/{covered.site.sam}"
    assert "You cover for their worker." in await covered.text(here)
    spoke = await covered.post(here + "/contacts", {"kind": "spoke", "note": "On the phone"})
    assert spoke.status == 303
    columns = {"worried": "Sleep", "scale": "4"}
    assert (await covered.post(here + "/three-columns", columns)).status == 303
    assert "On the phone" in await covered.text(here + "/timeline")
    worry = {"level": "check_today", "source": "staff", "note": ""}
    assert (await covered.post(here + "/worry", worry)).status == 303
    written = covered.ask(
        "SELECT staff_id FROM contact_log UNION ALL SELECT staff_id FROM support_note"
        " UNION ALL SELECT staff_id FROM concern"
    )
    assert written == [(covered.site.stranger,)] * 3
    await covered.sign_in("sam")
    assert "Pat Virtual" in await covered.text("/me/who-looked")


async def test_it_ends_with_the_cover(covered: Pages) -> None:
    here = f"/people/{covered.site.sam}"
    for after, status in ((timedelta(days=2, microseconds=-1), 200), (timedelta(days=2), 404)):
        covered.clock[0] = NOW + after
        await covered.sign_in("pat")
        assert (await covered.client.get(here)).status == status
        assert (await covered.post(here + "/contacts", {"kind": "spoke"})).status == (
            303 if status == 200 else 404
        )
    assert "Sam" not in await covered.text("/alerts")


async def test_it_ends_when_whoever_was_away_is_back(covered: Pages) -> None:
    await covered.sign_in("jo")
    covered.clock[0] = NOW + timedelta(minutes=1)
    [(number,)] = covered.ask("SELECT cover_id FROM cover")
    assert (await covered.post(f"/away/{number}/end")).status == 303
    await covered.sign_in("pat")
    assert (await covered.client.get(f"/people/{covered.site.sam}")).status == 404


async def test_a_cover_that_nobody_accepted_opens_nothing(covered: Pages) -> None:
    covered.write("UPDATE cover SET accepted_at = NULL")
    await covered.sign_in("pat")
    assert (await covered.client.get(f"/people/{covered.site.sam}")).status == 404
    assert "Sam" not in await covered.text("/alerts")
