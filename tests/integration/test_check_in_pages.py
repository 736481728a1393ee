"""Asking for a check-in without end: what is asked stands, and others are not held up."""

from __future__ import annotations

from portal.check_in_pages import ASKED_AN_HOUR_MOST
from tests.integration.test_portal_pages import NOW, Pages, pages
from tidewell.vocabulary import CheckInChoice

__all__ = ["pages"]

CHOICES = list(CheckInChoice)


async def ask(pages: Pages, choice: CheckInChoice) -> int:
    """Ask, and let the request be taken in."""
    status = (await pages.post("/me/check-in", {"choice": choice.value})).status
    pages.write(
        "INSERT INTO concern_intake (concern_id, decided_at, reason)"
        " SELECT concern_id, %s, 'joined' FROM concern ON CONFLICT DO NOTHING",
        NOW,
    )
    return status


def how_many(pages: Pages, kind: str = "raise") -> int:
    [(count,)] = pages.ask(f"SELECT count(*) FROM concern WHERE kind = '{kind}'")
    assert isinstance(count, int)
    return count


async def test_who_asks_without_end_has_asked_and_fills_nothing(pages: Pages) -> None:
    await pages.sign_in("sam")
    for number in range(ASKED_AN_HOUR_MOST + 10):
        assert await ask(pages, CHOICES[number % len(CHOICES)]) == 303
    assert how_many(pages) == ASKED_AN_HOUR_MOST
    assert "What you asked" in await pages.text("/me/check-in")
    pages.clock[0] = NOW.replace(hour=NOW.hour + 2)
    await pages.sign_in("sam")
    await ask(pages, CHOICES[0])
    assert how_many(pages) == ASKED_AN_HOUR_MOST + 1


async def test_taking_back_without_end_stops_and_leaves_what_was_asked(pages: Pages) -> None:
    await pages.sign_in("sam")
    answers = []
    for _ in range(ASKED_AN_HOUR_MOST):
        await ask(pages, CHOICES[0])
        answer = await pages.post("/me/check-in/take-back")
        answers.append(answer.status)
    assert {*answers} == {303, 429}
    assert "You pressed this many times" in await answer.text()
    assert how_many(pages) == how_many(pages, "withdraw") + 1  # one stands: a person decides on it
    assert how_many(pages) <= ASKED_AN_HOUR_MOST // 2 + 1


async def test_who_took_everything_back_is_heard_however_often_they_asked(pages: Pages) -> None:
    await pages.sign_in("sam")
    for number in range(ASKED_AN_HOUR_MOST - 1):
        await ask(pages, CHOICES[number % len(CHOICES)])
    await pages.post("/me/check-in/take-back")
    before = how_many(pages)
    assert await ask(pages, CHOICES[0]) == 303
    assert how_many(pages) == before + 1
