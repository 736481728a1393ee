"""Notes about days on a real database: who writes, who reads, who takes back."""

from __future__ import annotations

from contextlib import closing
from datetime import timedelta

import psycopg
import pytest

from portal.note_pages import NOTES_A_DAY_MOST, TOO_MANY
from tests.browser.virtual_site import SiteWriter, explanation_of_removal
from tests.integration.test_portal_pages import NOW, Pages, pages

__all__ = ["pages"]  # a fixture that pytest finds by its name

ILL = {"kind": "ill", "first_day": "2026-11-19", "last_day": "2026-11-20", "own_words": " A cold. "}
KEPT = (
    "SELECT kind, first_day::text, last_day::text, own_words, staff_id, removed_at IS NOT NULL"
    " FROM context_note ORDER BY context_note_id"
)


async def test_a_young_person_writes_reads_and_removes_a_note(pages: Pages) -> None:
    await pages.sign_in("sam")
    answer = await pages.post("/me/notes", ILL)
    assert (answer.status, answer.headers["Location"]) == (303, "/me/notes?sent=words")
    await pages.post("/me/notes", ILL)
    assert pages.ask(KEPT) == [("ill", "2026-11-19", "2026-11-20", "A cold.", None, False)]
    text = await pages.text("/me/notes")
    assert "I was ill, Thursday 19 November to Friday 20 November" in text
    assert "“A cold.”" in text
    [(number,)] = pages.ask("SELECT context_note_id FROM context_note")
    assert (await pages.post(f"/me/notes/{number}/remove")).status == 303
    assert pages.ask(KEPT) == [("ill", "2026-11-19", "2026-11-20", "", None, True)]
    assert "A cold." not in await pages.text("/me/notes")


async def test_a_mistake_keeps_what_was_typed(pages: Pages) -> None:
    await pages.sign_in("sam")
    answer = await pages.post("/me/notes", {**ILL, "first_day": "", "own_words": "A cold."})
    text = await answer.text()
    assert answer.status == 422
    assert "Enter the first day" in text
    assert "A cold." in text
    assert pages.ask(KEPT) == []


async def test_staff_and_young_person_read_each_others_notes_and_remove_only_their_own(
    pages: Pages,
) -> None:
    sam = pages.site.sam
    await pages.sign_in("sam")
    await pages.post("/me/notes", ILL)
    await pages.sign_in("jo")
    exams = {"kind": "exams", "first_day": "2026-11-23", "last_day": ""}
    assert (await pages.post(f"/people/{sam}/notes/add", exams)).status == 303
    text = await pages.text(f"/people/{sam}/notes")
    assert "Ill, Thursday 19 November to Friday 20 November" in text
    assert "Written by Sam." in text
    assert "A cold." in await pages.text(f"/people/{sam}")
    numbers = [
        number for (number,) in pages.ask("SELECT context_note_id FROM context_note ORDER BY 1")
    ]
    assert text.count("/remove") == 1
    await pages.post(f"/people/{sam}/notes/{numbers[0]}/remove")
    await pages.sign_in("sam")
    assert "Written by Jo Virtual." in await pages.text("/me/notes")
    await pages.post(f"/me/notes/{numbers[1]}/remove")
    assert [row[-1] for row in pages.ask(KEPT)] == [False, False]
    assert "looked at the notes about your days" in await pages.text("/me/who-looked")


async def test_a_stranger_reaches_no_note(pages: Pages) -> None:
    sam = pages.site.sam
    await pages.sign_in("sam")
    await pages.post("/me/notes", ILL)
    [(number,)] = pages.ask("SELECT context_note_id FROM context_note")
    await pages.sign_in("pat")
    assert (await pages.client.get(f"/people/{sam}/notes")).status == 404
    assert (await pages.post(f"/people/{sam}/notes/add", ILL)).status == 404
    assert (await pages.post(f"/people/{sam}/notes/{number}/remove")).status == 404
    assert len(pages.ask(KEPT)) == 1
    assert pages.ask("SELECT count(*) FROM access_log") == [(0,)]


async def test_a_clinician_reads_notes_and_writes_none(pages: Pages) -> None:
    sam = pages.site.sam
    await pages.sign_in("kim")
    assert "Save the note" not in await pages.text(f"/people/{sam}/notes")
    assert (await pages.post(f"/people/{sam}/notes/add", ILL)).status == 404
    assert pages.ask(KEPT) == []


async def test_another_site_writes_no_note(pages: Pages) -> None:
    await pages.sign_in("sam")
    for path in ("/me/notes", "/me/notes/1/remove"):
        headers = {"Sec-Fetch-Site": "cross-site"}
        answer = await pages.client.post(path, data=ILL, headers=headers)
        assert answer.status == 403
    assert pages.ask(KEPT) == []


async def test_a_day_has_a_limited_number_of_notes(pages: Pages) -> None:
    await pages.sign_in("sam")
    for number in range(NOTES_A_DAY_MOST):
        assert (await pages.post("/me/notes", {**ILL, "own_words": f"{number}"})).status == 303
    answer = await pages.post("/me/notes", ILL)
    assert (answer.status, TOO_MANY in await answer.text()) == (422, True)
    pages.clock[0] = NOW + timedelta(hours=25)
    await pages.sign_in("sam")
    assert (await pages.post("/me/notes", ILL)).status == 303


async def test_the_accounts_of_the_pages_may_do_what_the_pages_do(pages: Pages) -> None:
    for role, expected in (("tidewell_portal", True), ("tidewell_ingest", False)):
        for action in ("SELECT", "INSERT", "UPDATE"):
            query = f"SELECT has_table_privilege('{role}', 'context_note', '{action}')"
            assert pages.ask(query) == [(expected,)]


async def test_a_device_that_came_off_is_a_fact_and_no_alert(pages: Pages) -> None:
    with closing(SiteWriter(pages.url, NOW)) as writer:
        why = explanation_of_removal(NOW - timedelta(minutes=31))
        since = NOW - timedelta(minutes=20)
        for person in (pages.site.robin, pages.site.sam):
            writer.episode(person, since, why, family="device", level="usual")
    await pages.sign_in("jo")
    text = await pages.text(f"/people/{pages.site.robin}")
    assert "Not worn since today at 13:42." in text
    assert "The device was taken off" not in text
    assert "Something has changed" not in text
    listed = await pages.text("/alerts")
    assert "No change noticed up to Saturday 21 November. Not worn since today at 13:42." in listed
    await pages.sign_in("sam")
    assert "Your device has been off since Sunday at 13:31. That is okay." in await pages.text(
        "/me"
    )


async def test_the_young_person_reads_what_was_noticed_in_their_own_words(pages: Pages) -> None:
    await pages.sign_in("sam")
    text = await pages.text("/me")
    assert (
        "Since Thursday 19 November, your heart beat faster at night than your usual and you moved"
        " less than your usual." in text
    )
    assert text.count("Lots of things can do that") == 1
    pages.write("UPDATE episode SET opened_at = %s, closed_at = %s", *[NOW - timedelta(days=8)] * 2)
    assert "What we noticed" not in await pages.text("/me")


@pytest.mark.parametrize("kind", ["unheard_of", ""])
def test_the_database_knows_the_kinds_too(database_url: str, kind: str) -> None:
    with psycopg.connect(database_url) as connection, pytest.raises(psycopg.errors.CheckViolation):
        connection.execute(
            "INSERT INTO context_note (person_id, kind, first_day, last_day, created_at)"
            " VALUES (1, %s, '2026-11-19', '2026-11-20', '2026-11-22Z')",
            (kind,),
        )
