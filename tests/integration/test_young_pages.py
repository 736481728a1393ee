"""The young person's pages on a real database: what they say, choose and ask, who hears of it."""

from __future__ import annotations

import random
import re
from datetime import datetime, timedelta
from typing import Final

import pytest

from alerts.concerns import store as concerns
from alerts.reasons import ConcernReason
from alerts.store import Desk
from portal.application import ROUTES
from portal.young.information_pages import DOWNLOAD_PATH, load_kept
from portal.young.request_pages import ASKED_A_DAY_MOST
from portal.young.texts import LEVELS, say
from portal.young.today_pages import WRITTEN_AN_HOUR_MOST
from tests.integration.test_alert_intake import SITE
from tests.integration.test_portal_pages import NOW, Pages, pages
from tidewell.database import Role, connect
from tidewell.settings import Settings, load_settings

__all__ = ["pages"]

SAID: Final = (
    "SELECT face, going_well, worries, hopes, read_soon FROM check_in ORDER BY check_in_id"
)
TOLD: Final = (
    "SELECT level, check_in_id IS NOT NULL, context_note_id IS NOT NULL,"
    " data_request_id IS NOT NULL FROM concern ORDER BY concern_id"
)
MY_PAGES: Final = (
    "/me",
    "/me/today",
    "/me/check-in",
    "/me/notes",
    "/me/pause",
    "/me/measures",
    "/me/who-looked",
    "/me/information",
    "/me/requests",
    "/me/reading",
)
HELP: Final = re.compile(r'<a class="tw-header__help" href="/help"')
NUMBERS: Final = ("0800 1111", "85258", "999")


async def take_in(pages: Pages, now: datetime = NOW) -> list[ConcernReason | None]:
    """Do what the alerts process does with what people asked."""
    async with await connect(pages.url, Role.ALERTS, "test", autocommit=True) as connection:
        pending = await concerns.unhandled_concerns(connection, [])
        desk = Desk(connection, SITE, now)
        return [await concerns.take_in(desk, one, random.SystemRandom()) for one in pending]


async def test_a_face_is_one_tap_skipping_is_too_and_nobody_is_asked_twice(pages: Pages) -> None:
    await pages.sign_in("sam")
    prompt = say("today.prompt", "12-15")
    text = await pages.text("/me")
    assert prompt in text
    assert text.count('class="tw-faces__button"') == 6, "five faces and skipping, all alike"
    answer = await pages.post("/me/today", {"skip": "yes"})
    assert (answer.status, answer.headers["Location"]) == (303, "/me/today")
    assert pages.ask(SAID) == [(None, "", "", "", False)]
    assert prompt not in await pages.text("/me")
    pages.clock[0] = NOW + timedelta(hours=10)
    await pages.sign_in("sam")
    assert prompt in await pages.text("/me"), "the next day, by the clock of the young person"
    await pages.post("/me/today", {"face": "okay"})
    assert prompt not in await pages.text("/me")
    assert pages.ask(SAID)[1:] == [("okay", "", "", "", False)]
    assert pages.ask(TOLD) == [], "a face asks for nothing"


@pytest.mark.parametrize(
    ("fields", "level"),
    [
        ({"worries": "Somebody scares me."}, "check_now"),
        ({"hopes": "That he stops.", "read_soon": "yes"}, "check_now"),
        ({"read_soon": "yes", "face": "bad"}, "check_now"),
        ({"going_well": "Football."}, "check_today"),
        ({"hopes": "A dog."}, "check_today"),
    ],
)
async def test_whatever_somebody_writes_shows_help_and_reaches_the_key_worker(
    pages: Pages, fields: dict[str, str], level: str
) -> None:
    await pages.sign_in("sam")
    before = await pages.text("/me/today")
    assert all(number in before for number in NUMBERS)
    assert "Jo Virtual" in before[before.index("Before you write") :], "who can read it, said first"
    answer = await pages.post("/me/today", fields)
    assert answer.status == 303
    after = await pages.text(answer.headers["Location"].split("#")[0])
    assert all(number in after for number in NUMBERS)
    key = "today.sent_now" if level == "check_now" else "today.sent_today"
    assert say(key, "12-15", worker="Jo Virtual") in after
    await pages.post("/me/today", fields)
    assert pages.ask(TOLD) == [(level, True, False, False)], (
        "a form that is sent twice is told once"
    )
    assert await take_in(pages) == [ConcernReason.RAISED]
    [(public_id, raised, sentence)] = pages.ask(
        "SELECT public_id, level, explanation ->> 'sentence' FROM alert"
        " WHERE cause = 'check_in_asked'"
    )
    assert (raised, sentence) == (level, "Wrote in their own words. Read that first.")
    told = pages.ask(
        "SELECT staff_id FROM delivery JOIN alert USING (alert_id) WHERE cause <> 'illness'"
    )
    assert told == [(pages.site.practitioner,)]
    words = [text for name, text in fields.items() if name in ("worries", "hopes", "going_well")]
    await pages.sign_in("jo")
    page = await pages.text(f"/a/{public_id}")
    assert "Sam wrote in their own words" in page
    assert all(one in page for one in words)
    everywhere = str(pages.ask("SELECT alert::text FROM alert")) + str(
        pages.ask("SELECT delivery::text FROM delivery")
    )
    assert not any(one in everywhere for one in words), "the words stay where they were written"
    await pages.sign_in("pat")
    assert (await pages.client.get(f"/a/{public_id}")).status == 404


async def test_a_worry_after_a_request_makes_the_open_alert_as_urgent(pages: Pages) -> None:
    await pages.sign_in("sam")
    await pages.post("/me/check-in", {"choice": "talk"})
    await pages.post("/me/today", {"going_well": "School."})
    await pages.post("/me/today", {"worries": "Not safe at home."})
    assert await take_in(pages) == [
        ConcernReason.RAISED,
        ConcernReason.JOINED,
        ConcernReason.LEVEL_ROSE,
    ]
    assert pages.ask("SELECT level FROM alert WHERE cause = 'check_in_asked'") == [("check_now",)]
    assert "your own words" in await pages.text("/me/check-in")


async def test_notes_and_questions_are_free_texts_like_any_other(pages: Pages) -> None:
    await pages.sign_in("sam")
    note = {"kind": "other", "first_day": "2026-11-20", "last_day": ""}
    await pages.post("/me/notes", note)
    assert pages.ask(TOLD) == [], "days without words are told to nobody"
    answer = await pages.post("/me/notes", {**note, "own_words": "I could not sleep at dad's."})
    text = await pages.text("/me/notes?sent=words")
    assert all(number in text for number in NUMBERS)
    assert say("notes.sent", "12-15", worker="Jo Virtual") in text
    assert answer.headers["Location"] == "/me/notes?sent=words"
    await pages.post("/me/requests", {"kind": "question", "words": "Who told him?"})
    await pages.post("/me/requests", {"kind": "delete", "words": ""})
    assert pages.ask(TOLD) == [
        ("check_today", False, True, False),
        ("check_today", False, False, True),
    ]
    await take_in(pages)
    [(public_id,)] = pages.ask("SELECT public_id FROM alert WHERE cause = 'check_in_asked'")
    await pages.sign_in("jo")
    page = await pages.text(f"/a/{public_id}")
    assert "I could not sleep at dad's." in page
    assert "Who told him?" in page


async def test_what_cannot_be_kept_says_so_and_loses_no_word(pages: Pages) -> None:
    await pages.sign_in("sam")
    empty = await pages.post("/me/today", {"face": "angry"})
    assert empty.status == 422
    long = await pages.post("/me/today", {"worries": "x" * 1_001})
    text = await long.text()
    assert (long.status, "x" * 1_001 in text) == (422, True)
    assert all(number in text for number in NUMBERS)
    pages.write(
        "INSERT INTO check_in (person_id, day, at) SELECT %s, %s, %s FROM generate_series(1, %s)",
        pages.site.sam,
        NOW.date(),
        NOW,
        WRITTEN_AN_HOUR_MOST,
    )
    often = await pages.post("/me/today", {"worries": "Again."})
    text = await often.text()
    assert (often.status, "Again." in text) == (429, True)
    assert all(number in text for number in NUMBERS)
    assert pages.ask(TOLD) == []


async def test_staff_read_check_ins_and_the_young_person_sees_that_they_did(pages: Pages) -> None:
    await pages.sign_in("sam")
    await pages.post("/me/today", {"face": "not_great", "going_well": "Football."})
    await pages.sign_in("pat")
    path = f"/people/{pages.site.sam}/check-ins"
    assert (await pages.client.get(path)).status == 404
    await pages.sign_in("kim")
    text = await pages.text(path)
    assert "Not great" in text
    assert "Football." in text
    await pages.sign_in("sam")
    assert "read how you said you are" in await pages.text("/me/who-looked")
    week = await pages.text("/me")
    assert week.index("Football.") < week.index("tw-week__day"), "good things first"


async def test_how_the_pages_are_written_is_their_choice_and_kept(pages: Pages) -> None:
    await pages.sign_in("sam")
    assert say("pause.you_can", "12-15") in await pages.text("/me/pause")
    assert (await pages.post("/me/reading", {"level": "no such"})).status == 422
    for level in LEVELS:
        assert (await pages.post("/me/reading", {"level": level})).status == 303
        for path, key in {"/me/pause": "pause.you_can", "/me": "week.introduction"}.items():
            assert say(key, level) in await pages.text(path)
        for path in MY_PAGES:
            await pages.text(path)
    await pages.sign_in("sam")
    assert say("pause.you_can", LEVELS[-1]) in await pages.text("/me/pause")
    assert pages.ask("SELECT reading_level FROM person WHERE label = 'p-sam'") == [("12-15",)]


async def test_help_and_the_way_out_are_at_the_same_place_on_every_page(pages: Pages) -> None:
    await pages.sign_in("sam")
    places = set()
    for path in (*MY_PAGES, "/help"):
        text = await pages.text(path)
        assert len(HELP.findall(text)) == 1, path
        header = text[text.index("<header") : text.index("<nav")]
        places.add(re.sub(r' aria-current="page"', "", header))
        assert "Nobody" in text[text.index("<footer") :], path
    assert len(places) == 1
    answer = await pages.post("/leave")
    text = await answer.text()
    assert answer.status == 200
    assert "Tidewell" not in text
    assert "Sam" not in text
    assert pages.ask("SELECT count(*) FROM session WHERE ended_at IS NULL") == [(0,)]
    assert (await pages.client.get("/me", allow_redirects=False)).status == 303


async def test_the_pages_say_truthfully_who_looks_and_when(pages: Pages) -> None:
    await pages.sign_in("sam")
    assert "Jo Virtual looks here in working hours" in await pages.text("/me")
    stretch = "INSERT INTO working_stretch (begins_at, ends_at, has_duty_line, reckoned_at)"
    monday = NOW.replace(day=23, hour=9, minute=0, second=0)
    pages.write(f"{stretch} VALUES (%s, %s, false, %s)", monday, monday + timedelta(hours=8), NOW)
    text = await pages.text("/me")
    assert "Jo Virtual can look again tomorrow at 09:00" in text
    assert "Nobody is on duty at night" in text
    pages.write("UPDATE working_stretch SET has_duty_line = true")
    assert "goes to the people on duty, at night too" in await pages.text("/me")
    cover = "INSERT INTO cover (away_staff_id, cover_staff_id, valid_from, valid_until) VALUES"
    values = (pages.site.practitioner, pages.site.stranger, NOW, NOW + timedelta(days=2))
    pages.write(f"{cover} (%s, %s, %s, %s)", *values)
    text = await pages.text("/me")
    assert "Jo Virtual is away until Tuesday 24 November at 14:02" in text
    assert "Nobody has agreed to do their work yet" in text
    pages.write("UPDATE cover SET accepted_at = %s", NOW)
    assert "Pat Virtual does their work until then." in await pages.text("/me")


async def test_switching_off_is_one_tap_each_way_and_staff_see_it(pages: Pages) -> None:
    await pages.sign_in("sam")
    off = {"group": "heart", "use": "off"}
    assert (await pages.post("/me/measures", off)).status == 303
    await pages.post("/me/measures", off)
    rows = "SELECT channel, off_until IS NULL FROM channel_off ORDER BY 1"
    assert pages.ask(rows) == [("heart_rate", True), ("hrv_rmssd", True)]
    assert "My heart: Not used" in await pages.text("/me/measures")
    await pages.sign_in("jo")
    page = await pages.text(f"/people/{pages.site.sam}")
    assert "Sam has switched off: heart." in page
    await pages.sign_in("sam")
    assert (await pages.post("/me/measures", {"group": "heart", "use": "on"})).status == 303
    assert pages.ask(rows) == [("heart_rate", False), ("hrv_rmssd", False)]
    pages.clock[0] += timedelta(seconds=1)
    for wrong in ({"group": "worn", "use": "off"}, {"group": "heart", "use": "maybe"}):
        assert (await pages.post("/me/measures", wrong)).status == 400
    await pages.sign_in("jo")
    assert "switched off" not in await pages.text(f"/people/{pages.site.sam}")


async def test_a_request_is_answered_by_the_worker_and_due_for_the_administrator(
    pages: Pages,
) -> None:
    await pages.sign_in("sam")
    assert (await pages.post("/me/requests", {"kind": "", "words": "?"})).status == 422
    asked = {"kind": "correct", "words": "I was not ill, I was away."}
    assert (await pages.post("/me/requests", asked)).status == 303
    await pages.post("/me/requests", asked)
    await pages.post("/me/requests", {"kind": "delete", "words": ""})
    numbers = [number for (number,) in pages.ask("SELECT data_request_id FROM data_request")]
    assert len(numbers) == 2
    await pages.post(f"/me/requests/{numbers[1]}/take-back")
    await pages.sign_in("ade")
    due = await pages.text("/service/requests")
    assert "p-sam asks that something is corrected" in due
    assert "I was not ill" not in due
    assert "Sam" not in re.sub("p-sam", "", due)
    await pages.sign_in("pat")
    answer = {"outcome": "done", "answer": "Your note says away now."}
    assert "Sam" not in await pages.text("/requests")
    assert (await pages.post(f"/requests/{numbers[0]}/answer", answer)).status == 404
    await pages.sign_in("jo")
    assert "I was not ill, I was away." in await pages.text("/requests")
    assert (await pages.post(f"/requests/{numbers[0]}/answer", {"outcome": "done"})).status == 422
    assert (await pages.post(f"/requests/{numbers[0]}/answer", answer)).status == 303
    assert (await pages.post(f"/requests/{numbers[0]}/answer", answer)).status == 404
    await pages.sign_in("sam")
    text = await pages.text("/me/requests")
    assert "Jo Virtual answered today at 14:02: Done." in text
    assert "Your note says away now." in text
    assert "You took it back." in text
    assert "read what you asked about your information" in await pages.text("/me/who-looked")
    pages.write(
        "INSERT INTO data_request (person_id, kind, asked_at)"
        " SELECT %s, 'question', %s FROM generate_series(1, %s)",
        pages.site.sam,
        NOW,
        ASKED_A_DAY_MOST,
    )
    assert (await pages.post("/me/requests", {"kind": "object", "words": "x"})).status == 429


def test_how_long_is_read_from_the_settings_by_which_things_are_deleted() -> None:
    named = {one.setting for one in load_kept() if one.setting}
    assert named & set(Settings.model_fields) in (set(), named), "all of them or none"
    settings = load_settings({})
    for one in load_kept():
        days = getattr(settings, one.setting or "none", None)
        key = f"about.{one.otherwise}" if days is None else "about.for_days"
        assert one.words("12-15", settings) == say(key, "12-15", length=f"{days or 0:,} days")


async def test_what_is_collected_who_sees_it_and_how_long_stands_on_one_page(pages: Pages) -> None:
    await pages.sign_in("sam")
    text = await pages.text("/me/information")
    for one in load_kept():
        assert say(f"about.kept_{one.what}", "12-15") in text
        assert one.words("12-15", load_settings({})) in text
    assert "Your family and carers cannot see anything here." in text
    offered = any(route.path == DOWNLOAD_PATH for route in ROUTES)
    assert (DOWNLOAD_PATH in text) is offered, "no link to what this service does not offer"


@pytest.mark.parametrize("path", [path for path in MY_PAGES if path != "/me"])
async def test_a_page_of_theirs_opens_for_nobody_else(pages: Pages, path: str) -> None:
    await pages.sign_in("jo")
    assert (await pages.client.get(path, allow_redirects=False)).status == 404
