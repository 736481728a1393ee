"""Requests about somebody's own information on a real database: which staff answer them."""

from __future__ import annotations

from contextlib import closing
from datetime import timedelta
from typing import Final, LiteralString

from tests.browser.virtual_site import SiteWriter
from tests.integration import looking
from tests.integration.looking import DAY, NOW, Place
from tests.integration.test_looks_at_lists import ask_about_sam, cover_for_jo
from tests.integration.test_portal_pages import Pages, pages

__all__ = ["pages"]

place = looking.place

WORDS: Final = "I was not ill, I was away."
ANSWER: Final = {"outcome": "done", "answer": "Your note says away now."}
ANSWERING: Final[LiteralString] = (
    "UPDATE data_request SET outcome = 'done', answer = 'x', answered_by = %s, answered_at = %s"
)


def sam_asks(writer: SiteWriter, sam: int) -> int:
    number = writer.one(
        "INSERT INTO data_request (person_id, kind, words, asked_at)"
        " VALUES (%s, 'correct', %s, %s) RETURNING data_request_id",
        *(sam, WORDS, NOW),
    )
    return int(number)


async def test_whoever_was_asked_about_an_alert_neither_reads_nor_answers_requests(
    pages: Pages,
) -> None:
    with closing(SiteWriter(pages.url, NOW)) as writer:
        ask_about_sam(writer, pages.site.practitioner)
        number = sam_asks(writer, pages.site.sam)
    await pages.sign_in("bo")
    assert "Sam" in await pages.text("/a/q7K2Qtest")
    assert WORDS not in await pages.text("/requests")
    assert (await pages.post(f"/requests/{number}/answer", ANSWER)).status == 404
    assert pages.ask("SELECT answered_at FROM data_request") == [(None,)]
    assert pages.ask("SELECT count(*) FROM access_log WHERE looked_at = 'requests'") == [(0,)]


async def test_whoever_covers_reads_and_answers_requests_while_it_lasts(pages: Pages) -> None:
    with closing(SiteWriter(pages.url, NOW)) as writer:
        cover_for_jo(writer, pages.site.practitioner)
        number = sam_asks(writer, pages.site.sam)
    await pages.sign_in("bo")
    assert WORDS in await pages.text("/requests")
    pages.clock[0] = NOW + DAY
    await pages.sign_in("bo")
    assert WORDS not in await pages.text("/requests")
    assert (await pages.post(f"/requests/{number}/answer", ANSWER)).status == 404
    pages.clock[0] = NOW + DAY - timedelta(minutes=1)
    await pages.sign_in("bo")
    assert (await pages.post(f"/requests/{number}/answer", ANSWER)).status == 303
    assert pages.ask("SELECT answer FROM data_request") == [(ANSWER["answer"],)]


def test_the_database_takes_an_answer_from_those_to_whom_the_pages_open(place: Place) -> None:
    place.run(
        "INSERT INTO cover (away_staff_id, cover_staff_id, valid_from, valid_until, accepted_at)"
        " VALUES (%s, %s, %s, %s, %s)",
        *(place.site.practitioner, place.coverer, NOW - DAY, NOW + DAY, NOW - DAY),
    )
    changed = {}
    for staff in (place.site.practitioner, place.coverer, place.asked, place.site.stranger):
        with place.eyes.of(staff=staff) as connection:
            changed[staff] = connection.execute(ANSWERING, (staff, NOW)).rowcount
    assert list(changed.values()) == [1, 1, 0, 0]
    with place.eyes.of(person=place.site.sam) as connection:
        taken_back = connection.execute("UPDATE data_request SET taken_back_at = %s", (NOW,))
        assert taken_back.rowcount == 1
