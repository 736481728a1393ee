"""Staff on the administrator's pages: added, stopped, reached, made a service manager, covered."""

from __future__ import annotations

import re
from datetime import timedelta
from html import unescape
from typing import Final

import pytest
from aiohttp import ClientResponse, ClientSession
from yarl import URL

from tests.integration.test_admin_pages import changes, text_of
from tests.integration.test_portal_pages import NOW, Pages, pages

__all__ = ["pages"]

FIRST_PASSWORD: Final = "seven slow ferries"
OTHER_PASSWORD: Final = "eleven grey herons"


async def signed_in_elsewhere(pages: Pages, password: str) -> str:
    """Sign in as the new colleague in another browser and return its token."""
    answer = await pages.sign_in("ray.new", password)
    assert answer.status == 303
    pages.client.session.cookie_jar.clear()
    return answer.cookies["tidewell"].value


async def opens(pages: Pages, token: str) -> bool:
    """Return whether a token opens a page of practitioners."""
    async with ClientSession() as browser:
        cookie = {"Cookie": f"tidewell={token}"}
        address = pages.client.make_url("/alerts")
        answer = await browser.get(address, headers=cookie, allow_redirects=False)
        return answer.status == 200


async def link_on(answer: ClientResponse) -> str:
    """Return the path of the link that a page shows once."""
    found = re.search(r'<dd class="tw-to-type tw-long">([^<]+)</dd>', await answer.text())
    assert found is not None
    return URL(unescape(found[1])).path


async def choose(pages: Pages, link: str, password: str) -> int:
    """Choose a password with a link in a browser where nobody is signed in."""
    pages.client.session.cookie_jar.clear()
    status = (await pages.post(link, {"chosen": password})).status
    pages.client.session.cookie_jar.clear()
    return status


async def test_somebody_is_added_chooses_a_password_and_is_stopped(pages: Pages) -> None:
    await pages.sign_in("ade")
    await pages.post("/service/teams", {"team_name": "River team"})
    [(team,)] = pages.ask("SELECT team_id FROM team WHERE name = 'River team'")
    form = {
        "username": "Ray.New",
        "name": "Ray",
        "role": "practitioner",
        "team": str(team),
    }
    answer = await pages.post("/service/staff/new", form)
    assert answer.status == 200
    link = await link_on(answer)
    assert (await pages.post("/service/staff/new", form)).status == 409
    [(ray,)] = pages.ask("SELECT staff_id FROM sign_in WHERE username = 'ray.new'")
    here = f"/service/staff/{ray}"
    assert (await pages.sign_in("ray.new", "")).status != 303, "no password was chosen yet"
    assert await choose(pages, link, FIRST_PASSWORD) == 303
    assert await choose(pages, link, OTHER_PASSWORD) != 303, "a link works once"
    token = await signed_in_elsewhere(pages, FIRST_PASSWORD)
    assert await opens(pages, token)
    await pages.sign_in("ade")
    assert (await pages.post(here + "/stop")).status == 303
    assert not await opens(pages, token)
    assert (await pages.post(here + "/allow")).status == 303
    assert not await opens(pages, token), "what was ended stays so"
    token = await signed_in_elsewhere(pages, FIRST_PASSWORD)
    assert await opens(pages, token)
    await pages.sign_in("ade")
    answer = await pages.post(here + "/invite")
    assert answer.status == 200
    assert not await opens(pages, token)
    link = await link_on(answer)
    assert (await pages.sign_in("ray.new", FIRST_PASSWORD)).status == 401
    assert await choose(pages, link, OTHER_PASSWORD) == 303
    assert await opens(pages, await signed_in_elsewhere(pages, OTHER_PASSWORD))
    assert changes(pages) == sorted(
        ["team_added", "staff_added", "staff_disabled", "staff_enabled", "staff_invited"]
    )


async def test_a_link_that_waits_is_void_when_somebody_is_stopped(pages: Pages) -> None:
    await pages.sign_in("ade")
    here = f"/service/staff/{pages.site.practitioner}"
    link = await link_on(await pages.post(here + "/invite"))
    await pages.post(here + "/stop")
    await pages.post(here + "/allow")
    assert await choose(pages, link, OTHER_PASSWORD) != 303


@pytest.mark.parametrize("ways", [("stop", "allow"), ("invite",)], ids=["stopped", "invited"])
async def test_programs_and_calendars_end_when_somebody_is_stopped_or_gets_another_password(
    pages: Pages, ways: tuple[str, ...]
) -> None:
    pages.write(
        "INSERT INTO api_token (token_hash, username, name, may_act, made_at, expires_at)"
        " SELECT sha256(username::bytea), username, 'a program', true, %s, %s"
        " FROM sign_in WHERE username IN ('jo', 'kim')",
        *(NOW, NOW + timedelta(days=365)),
    )
    pages.write(
        "INSERT INTO calendar_feed (token_hash, staff_id, made_at)"
        " SELECT username::bytea, staff_id, %s FROM sign_in WHERE username IN ('jo', 'kim')",
        NOW,
    )
    await pages.sign_in("ade")
    for way in ways:
        answer = await pages.post(f"/service/staff/{pages.site.practitioner}/{way}")
        assert answer.status in (200, 303)
    assert pages.ask("SELECT username FROM api_token WHERE revoked_at IS NULL") == [("kim",)]
    assert pages.ask(
        "SELECT username FROM calendar_feed JOIN sign_in USING (staff_id) WHERE revoked_at IS NULL"
    ) == [("kim",)]


async def test_an_administrator_cannot_shut_themselves_out(pages: Pages) -> None:
    await pages.sign_in("ade")
    [(ade, team)] = pages.ask(
        "SELECT staff_id, (SELECT min(team_id) FROM team) FROM sign_in WHERE username = 'ade'"
    )
    assert (await pages.post(f"/service/staff/{ade}/stop")).status == 409
    form = {"role": "clinician", "team": str(team)}
    assert (await pages.post(f"/service/staff/{ade}/change", form)).status == 409
    assert changes(pages) == []


async def test_a_key_worker_keeps_their_role_until_somebody_else_is_there(pages: Pages) -> None:
    await pages.sign_in("ade")
    form = {"role": "clinician", "team": "1"}
    answer = await pages.post(f"/service/staff/{pages.site.practitioner}/change", form)
    assert answer.status == 409
    assert "another key worker first" in await text_of(answer)


async def test_how_somebody_is_reached_is_written_down_and_never_shown_whole(
    pages: Pages,
) -> None:
    await pages.sign_in("ade")
    jo = f"/service/staff/{pages.site.practitioner}"
    wrong = await pages.post(jo + "/contacts/add", {"channel": "email", "address": "jo"})
    assert wrong.status == 422
    form = {"channel": "email", "address": "jo.virtual@council.example"}
    assert (await pages.post(jo + "/contacts/add", form)).status == 303
    page = await pages.text(jo)
    assert "j…@council.example" in page
    assert "jo.virtual@" not in page
    assert "jo.virtual" not in str(pages.ask("SELECT detail FROM admin_change"))
    [(number,)] = pages.ask("SELECT contact_method_id FROM contact_method")
    assert (await pages.post(jo + "/contacts/remove", {"number": str(number)})).status == 303
    assert (await pages.post(jo + "/contacts/remove", {"number": str(number)})).status == 409


async def test_a_service_manager_sees_how_alerts_are_doing_and_no_more(pages: Pages) -> None:
    await pages.sign_in("jo")
    assert (await pages.client.get("/service/alerts")).status == 404
    await pages.sign_in("ade")
    form = {"role": "practitioner", "team": "1", "service_manager": "yes"}
    jo = f"/service/staff/{pages.site.practitioner}"
    assert (await pages.post(jo + "/change", form)).status == 303
    await pages.sign_in("jo")
    assert "How alerts are doing" in await pages.text("/alerts")
    await pages.text("/service/alerts")
    await pages.text("/service/reach")
    for path in ("/service", "/service/people", "/service/staff", "/service/policies"):
        assert (await pages.client.get(path)).status == 404, path


async def test_cover_for_somebody_who_is_ill_waits_for_the_one_who_covers(pages: Pages) -> None:
    await pages.sign_in("ade")
    form = {
        "giver": str(pages.site.practitioner),
        "receiver": str(pages.site.stranger),
        "first_day": "2026-11-22",
        "last_day": "2026-11-24",
    }
    assert (await pages.post("/service/cover", form)).status == 303
    assert "Not accepted yet" in await pages.text("/service/cover")
    again = await pages.post("/service/cover", form)
    assert again.status == 409
    self_cover = form | {"receiver": form["giver"], "first_day": "2026-12-22", "last_day": ""}
    assert (await pages.post("/service/cover", self_cover)).status == 409
    assert (await pages.post("/service/cover", {})).status == 422
    [(number,)] = pages.ask("SELECT cover_id FROM cover")
    await pages.sign_in("pat")
    assert (await pages.post(f"/away/{number}/accept")).status == 303
    await pages.sign_in("ade")
    assert "Accepted." in await pages.text("/service/cover")
    assert (await pages.post(f"/service/cover/{number}/end")).status == 303
    assert (await pages.post(f"/service/cover/{number}/end")).status == 404
