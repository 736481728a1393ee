"""The risky steps of administrators ask who it is when that was proved long ago."""

from __future__ import annotations

from datetime import timedelta

import pytest

from tests.browser.virtual_site import PASSWORD
from tests.integration.test_admin_pages import changes
from tests.integration.test_portal_pages import OURS, Pages, pages

__all__ = ["pages"]

RISKY = (
    "/service/staff/new",
    "/service/staff/4/change",
    "/service/staff/1/stop",
    "/service/staff/1/allow",
    "/service/staff/1/invite",
    "/service/people/1/device/pair",
    "/service/people/1/device/secret",
    "/service/people/1/device/end",
    "/service/policies/drafts/1/switch-on",
    "/service/policies/1/again",
    "/tokens/make",
)
"""What lets somebody in, gives them more, or changes who is asked in an alert."""


@pytest.mark.parametrize("path", RISKY)
async def test_a_risky_step_of_an_administrator_asks_who_it_is(pages: Pages, path: str) -> None:
    await pages.sign_in("ade")
    pages.clock[0] += timedelta(minutes=10, seconds=1)
    page = str(pages.client.make_url("/service/staff"))
    answer = await pages.client.post(
        path, data={}, headers=OURS | {"Referer": page}, allow_redirects=False
    )
    assert (answer.status, answer.headers["Location"]) == (
        303,
        "/sign-in/again?next=/service/staff",
    )
    assert changes(pages) == []
    await pages.post("/sign-in/again", {"password": PASSWORD})
    answer = await pages.post(path, {})
    assert not answer.headers.get("Location", "").startswith("/sign-in/again")


async def test_the_form_to_add_somebody_asks_before_anything_is_typed(pages: Pages) -> None:
    await pages.sign_in("ade")
    assert (await pages.client.get("/service/staff/new")).status == 200
    pages.clock[0] += timedelta(minutes=10, seconds=1)
    answer = await pages.client.get("/service/staff/new", allow_redirects=False)
    assert answer.headers["Location"] == "/sign-in/again?next=/service/staff/new"
