"""Pages opened in need, on a real database: opened, seen, told, finished, reviewed."""

from __future__ import annotations

from datetime import timedelta
from typing import Final

import pytest

from portal.openings.rows import OPEN_FOR, OPENINGS_A_DAY, TRIES_AN_HOUR
from tests.browser.virtual_site import PASSWORD
from tests.integration.test_portal_pages import Pages, pages
from tidewell.commands.audit import verified

__all__ = ["pages"]

REASON: Final = "Says that they cannot go home. Jo and the duty line do not answer."
JUST: Final = timedelta(microseconds=1)


def form(called: str = "p-sam", **changes: str) -> dict[str, str]:
    return {"called": called, "reason": REASON, "confirmed": "yes"} | changes


async def open_sam(pages: Pages, username: str = "pat") -> None:
    """Open Sam's pages as somebody who is not assigned."""
    await pages.sign_in(username)
    answer = await pages.post("/openings/new", form())
    assert answer.status == 303
    assert answer.headers["Location"] == f"/people/{pages.site.sam}"


def make_manager(pages: Pages, username: str) -> None:
    pages.write(
        "UPDATE staff SET is_service_manager = true FROM sign_in"
        " WHERE sign_in.staff_id = staff.staff_id AND username = %s",
        username,
    )


def looks(pages: Pages) -> list[object]:
    found = pages.ask("SELECT looked_at, person_id FROM access_log ORDER BY access_id")
    return [one for one, person_id in found if person_id == pages.site.sam]


async def test_pages_open_for_four_hours_to_whoever_opened_them(pages: Pages) -> None:
    await pages.sign_in("pat")
    here = f"/people/{pages.site.sam}"
    assert (await pages.client.get(here)).status == 404
    await open_sam(pages)
    assert looks(pages) == ["opened"], "it is written down before anything is shown"
    text = await pages.text(here)
    assert "You opened their pages in need." in text
    assert "Sam" in await pages.text("/alerts")
    spoke = await pages.post(here + "/contacts", {"kind": "spoke", "note": "Safe"})
    assert spoke.status == 303
    assert (await pages.client.get(f"/people/{pages.site.robin}")).status == 404
    for ago in (JUST, timedelta(0)):
        pages.clock[0] = pages.site.now + OPEN_FOR - ago
        await pages.sign_in("pat")
        assert (await pages.client.get(here)).status == (200 if ago else 404)


async def test_whoever_has_finished_sees_nothing_more(pages: Pages) -> None:
    await open_sam(pages)
    assert "I have finished" in await pages.text("/openings")
    assert (await pages.post("/openings/1/finish")).status == 303
    assert (await pages.client.get(f"/people/{pages.site.sam}")).status == 404
    assert (await pages.client.get(f"/a/{pages.site.public_id}")).status == 404
    assert (await pages.post("/openings/1/finish")).status == 404
    assert looks(pages)[-1] == "finished"
    text = await pages.text("/openings")
    assert "p-sam" in text
    assert "Sam" not in text.replace("p-sam", "")


async def test_nobody_else_ends_an_opening(pages: Pages) -> None:
    await open_sam(pages)
    await pages.sign_in("kim")
    assert (await pages.post("/openings/1/finish")).status == 404
    assert pages.ask("SELECT finished_at FROM opening") == [(None,)]


async def test_a_clinician_opens_by_the_name_whatever_its_case(pages: Pages) -> None:
    lee = "INSERT INTO staff (role, display_name, created_at) VALUES ('clinician', 'Lee', %s)"
    pages.write(lee, pages.site.now)
    pages.write(
        "UPDATE sign_in SET staff_id = (SELECT max(staff_id) FROM staff) WHERE username = 'pat'"
    )
    await pages.sign_in("pat")
    answer = await pages.post("/openings/new", form(" sAM "))
    assert answer.headers["Location"] == f"/people/{pages.site.sam}"
    assert (await pages.client.get(f"/people/{pages.site.sam}/explore")).status == 200


@pytest.mark.parametrize("change", [{"reason": "urgent"}, {"confirmed": ""}, {"called": ""}])
async def test_nothing_opens_without_a_name_a_reason_and_a_confirmation(
    pages: Pages, change: dict[str, str]
) -> None:
    await pages.sign_in("pat")
    answer = await pages.post("/openings/new", form(**change))
    assert answer.status == 422
    text = await answer.text()
    assert "Nothing is opened yet" in text
    assert change.get("reason", REASON) in text, "what was typed is kept"
    assert pages.ask("SELECT FROM opening UNION ALL SELECT FROM opening_try") == []


async def test_a_name_that_is_not_here_and_one_of_several_get_the_same_answer_and_count(
    pages: Pages,
) -> None:
    pages.write(
        "UPDATE identity SET preferred_name = 'Robin' WHERE person_id = %s", pages.site.alex
    )
    await pages.sign_in("pat")
    texts = []
    for called in ("Nobodyhere", "Robin", "p-sa", "%", "p-sam%"):
        answer = await pages.post("/openings/new", form(called))
        assert answer.status == 422
        text = await answer.text()
        texts.append(text.split("<main")[1].replace(f'value="{called}"', ""))
    assert len(set(texts)) == 1
    for called in ("p-sam", "Nobodyhere"):
        assert (await pages.post("/openings/new", form(called))).status == 429
    assert pages.ask("SELECT count(*) FROM opening_try") == [(TRIES_AN_HOUR,)]
    assert pages.ask("SELECT FROM opening") == []
    pages.clock[0] += timedelta(hours=1)
    await open_sam(pages)


async def test_ten_wrong_names_are_enough_for_a_day(pages: Pages) -> None:
    statuses = []
    for hour in (0, 1, 2):
        pages.clock[0] = pages.site.now + timedelta(hours=hour)
        await pages.sign_in("pat")
        statuses += [
            (await pages.post("/openings/new", form("Nobodyhere"))).status for _ in range(5)
        ]
    assert statuses == [422] * 10 + [429] * 5
    pages.clock[0] = pages.site.now + timedelta(days=1)
    await open_sam(pages)


async def test_three_openings_are_enough_for_a_day(pages: Pages) -> None:
    pages.write(
        "INSERT INTO person (label, shard, timezone, reading_level, created_at)"
        " VALUES ('p-fourth', 3, 'Europe/London', '12-15', %s)",
        pages.site.now,
    )
    await pages.sign_in("pat")
    labels = ("p-sam", "p-robin", "p-alex", "p-fourth")
    answers = [await pages.post("/openings/new", form(label)) for label in labels]
    assert [answer.status for answer in answers] == [303] * OPENINGS_A_DAY + [429]
    assert "service manager" in await answers[-1].text()
    pages.clock[0] += timedelta(days=1)
    await pages.sign_in("pat")
    assert (await pages.post("/openings/new", form("p-fourth"))).status == 303


async def test_who_is_assigned_is_led_to_the_page_and_opens_nothing(pages: Pages) -> None:
    await pages.sign_in("jo")
    answer = await pages.post("/openings/new", form())
    assert answer.headers["Location"] == f"/people/{pages.site.sam}"
    assert pages.ask("SELECT FROM opening") == []
    await open_sam(pages)
    await open_sam(pages)
    assert pages.ask("SELECT count(*) FROM opening") == [(1,)]


async def test_it_asks_who_it_is_when_that_was_proved_long_ago(pages: Pages) -> None:
    await pages.sign_in("pat")
    pages.clock[0] += timedelta(minutes=11)
    asked = await pages.client.get("/openings/new", allow_redirects=False)
    assert asked.headers["Location"] == "/sign-in/again?next=/openings/new"
    refused = await pages.post("/openings/new", form())
    assert refused.headers["Location"].startswith("/sign-in/again")
    assert pages.ask("SELECT FROM opening") == []
    proof = {"password": PASSWORD, "next": "/openings/new"}
    answer = await pages.post("/sign-in/again", proof)
    assert answer.headers["Location"] == "/openings/new"
    assert (await pages.post("/openings/new", form())).status == 303


async def test_no_administrator_opens_anything_nor_reads_why(pages: Pages) -> None:
    await open_sam(pages)
    await pages.sign_in("ade")
    assert (await pages.client.get("/openings/new")).status == 404
    assert (await pages.post("/openings/new", form())).status == 404
    for path in ("/openings", "/service/audit"):
        text = await pages.text(path)
        assert "Pat Virtual" in text
        assert "p-sam" in text
        assert REASON not in text
        assert "Sam" not in text.replace("p-sam", "")
    assert (await pages.post("/openings/1/review", {"verdict": "in_order"})).status == 404


async def test_the_key_worker_and_the_young_person_see_who_opened_and_why(pages: Pages) -> None:
    await open_sam(pages)
    await pages.sign_in("jo")
    text = await pages.text("/openings")
    assert "Pat Virtual" in text
    assert "Sam" in text.replace("p-sam", "")
    assert REASON in text
    await pages.sign_in("sam")
    text = await pages.text("/me/who-looked")
    assert "Pat Virtual (worker) opened your pages for a few hours" in text
    assert REASON not in text
    assert (await pages.client.get("/openings")).status == 404


async def test_a_service_manager_reviews_what_is_over_and_never_their_own(pages: Pages) -> None:
    make_manager(pages, "jo")
    make_manager(pages, "pat")
    make_manager(pages, "ade")
    await open_sam(pages)
    verdict = {"verdict": "to_talk_about"}
    await pages.sign_in("jo")
    assert (await pages.post("/openings/1/review", verdict)).status == 404, "still open"
    pages.clock[0] += OPEN_FOR
    for username in ("pat", "ade", "kim"):
        await pages.sign_in(username)
        assert (await pages.post("/openings/1/review", verdict)).status == 404, username
    await pages.sign_in("jo")
    assert "Not reviewed yet" in await pages.text("/openings")
    assert (await pages.post("/openings/1/review", {"verdict": "fine"})).status == 400
    assert (await pages.post("/openings/1/review", verdict)).status == 303
    assert (await pages.post("/openings/1/review", verdict)).status == 404, "once"
    assert "It has to be talked about: Jo Virtual" in await pages.text("/openings")
    assert {"opened", "reason_read", "reviewed"} <= set(looks(pages))
    await pages.sign_in("sam")
    assert "checked whether it was right to open your pages" in await pages.text("/me/who-looked")


async def test_what_nobody_reviewed_stands_first_and_stays(pages: Pages) -> None:
    for person, ago in ((pages.site.robin, 200), (pages.site.sam, 1), (pages.site.alex, 200)):
        opened = pages.site.now - timedelta(days=ago)
        pages.write(
            "INSERT INTO opening (person_id, staff_id, reason, opened_at, ends_at)"
            " VALUES (%s, %s, %s, %s, %s)",
            *(person, pages.site.stranger, REASON, opened, opened + OPEN_FOR),
        )
    pages.write(
        "UPDATE opening SET reviewed_at = %s, reviewed_by = %s, verdict = 'in_order'"
        " WHERE person_id <> %s",
        *(pages.site.now, pages.site.practitioner, pages.site.robin),
    )
    await pages.sign_in("ade")
    for path in ("/openings", "/service/audit"):
        text = await pages.text(path)
        assert text.index("p-robin") < text.index("p-sam")
        assert "p-alex" not in text, "longer ago than a term, and reviewed"


async def test_the_reading_of_a_reason_is_written_down_once_a_day(pages: Pages) -> None:
    await open_sam(pages)
    pages.write("UPDATE staff SET is_service_manager = true WHERE display_name = 'Dr Kim Virtual'")
    pages.write("UPDATE assignment SET valid_until = %s WHERE kind = 'clinician'", pages.site.now)
    await pages.sign_in("kim")
    for _ in range(2):
        assert REASON in await pages.text("/openings")
    assert looks(pages).count("reason_read") == 1
    pages.clock[0] += timedelta(days=1)
    await pages.sign_in("kim")
    await pages.text("/openings")
    assert looks(pages).count("reason_read") == 2


TAMPERED: Final = {
    "another reason": (
        "UPDATE opening SET reason = 'Because it was agreed so.'",
        "what entry 1 is about was changed",
    ),
    "a longer time": (
        "UPDATE opening SET ends_at = ends_at - interval '1 hour'",
        "what entry 1 is about was changed",
    ),
    "not opened at all": ("DELETE FROM opening", "what entry 1 is about is gone"),
    "not finished": (
        "UPDATE opening SET finished_at = NULL",
        "what entry {finished} is about was changed",
    ),
    "another verdict": (
        "UPDATE opening SET verdict = 'in_order'",
        "what entry {reviewed} is about was changed",
    ),
    "one more that nobody saw": (
        """INSERT INTO opening (person_id, staff_id, reason, opened_at, ends_at)
        SELECT person_id, staff_id, reason, opened_at, ends_at FROM opening""",
        "opening 2 has no entry",
    ),
}


@pytest.mark.parametrize("how", TAMPERED)
async def test_whatever_the_owner_does_to_an_opening_is_found(pages: Pages, how: str) -> None:
    make_manager(pages, "jo")
    await open_sam(pages)
    await pages.post("/openings/1/finish")
    await pages.sign_in("jo")
    await pages.post("/openings/1/review", {"verdict": "to_talk_about"})
    pages.write("SELECT seal_looks(1000)")
    followed, _ = await verified(pages.url, None)
    assert followed.problem == ""
    numbers = {
        str(what): number
        for what, number in pages.ask("SELECT looked_at, max(access_id) FROM access_log GROUP BY 1")
    }
    statement, problem = TAMPERED[how]
    pages.write(statement)
    followed, _ = await verified(pages.url, None)
    assert followed.problem == problem.format(**numbers)
