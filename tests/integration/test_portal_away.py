"""Being away, handing over, the calendar and the look ahead, on the pages and a real database."""

from __future__ import annotations

import asyncio
import json
import re
from datetime import UTC, datetime, timedelta

import icalendar
import psycopg
import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient

from alerts.reaching.preflight import ReachReason
from alerts.reaching.words import Told
from portal.away import CoverAnswer
from tests.integration.test_portal_pages import NOW, Pages, pages

__all__ = ["pages"]

CLIENT = TestClient[web.Request, web.Application]
FIRST, LAST = "2026-12-01", "2026-12-04"


async def arrange(pages: Pages, first: str = FIRST, last: str = LAST) -> int:
    """Let Jo ask Pat to cover; return the number of the cover."""
    await pages.sign_in("jo")
    form = {"first_day": first, "last_day": last, "receiver": str(pages.site.stranger)}
    answer = await pages.post("/away", form)
    assert (answer.status, answer.headers["Location"]) == (303, "/away")
    [(number,)] = pages.ask("SELECT max(cover_id) FROM cover")
    assert isinstance(number, int)
    return number


async def test_until_the_receiver_accepts_alerts_stay_with_the_giver_and_both_pages_say_so(
    pages: Pages,
) -> None:
    number = await arrange(pages)
    mine = await pages.text("/away")
    assert "Tuesday 1 December to Friday 4 December" in mine
    assert "Waiting for Pat Virtual to accept. Until then alerts stay with you." in mine
    assert pages.ask("SELECT accepted_at FROM cover") == [(None,)]
    assert (await pages.post(f"/away/{number}/accept")).status == 409
    await pages.sign_in("pat")
    theirs = await pages.text("/away")
    assert "Jo Virtual asks you. Until you accept, alerts stay with Jo Virtual." in theirs
    assert "&lt;" not in await (await pages.client.get("/away")).text()
    assert (await pages.post(f"/away/{number}/accept")).status == 303
    assert "You accepted. The alerts of Jo Virtual come to you" in await pages.text("/away")
    await pages.sign_in("jo")
    assert "Pat Virtual accepted. Alerts go there" in await pages.text("/away")
    [(first, end)] = pages.ask("SELECT valid_from, valid_until FROM cover")
    assert (first, end) == (datetime(2026, 12, 1, tzinfo=UTC), datetime(2026, 12, 5, tzinfo=UTC))


async def test_cover_that_the_receiver_cannot_give_is_said_and_somebody_else_can_be_asked(
    pages: Pages,
) -> None:
    number = await arrange(pages)
    await pages.sign_in("pat")
    assert (await pages.post(f"/away/{number}/end")).status == 303
    assert "asks you" not in await pages.text("/away")
    await pages.sign_in("jo")
    assert "Pat Virtual cannot cover. Alerts stay with you." in await pages.text("/away")
    again = await arrange(pages)
    text = await pages.text("/away")
    assert "cannot cover" not in text
    assert (await pages.post(f"/away/{again}/end")).status == 303
    assert pages.ask("SELECT count(*) FROM cover WHERE ended_at IS NULL") == [(0,)]


@pytest.mark.parametrize(
    ("fields", "status", "says"),
    [
        ({"first_day": "soon"}, 422, "Enter the first day you are away"),
        ({"receiver": "0"}, 422, "Choose who is asked to cover"),
        ({"last_day": "2026-11-30"}, 409, "The last day is before the first one"),
        ({"last_day": "2027-06-30"}, 409, "more than three months later"),
        ({"receiver": "99999"}, 409, "That colleague cannot cover"),
        ({"first_day": "2026-11-20", "last_day": "2026-11-21"}, 409, "over already"),
    ],
)
async def test_days_or_a_colleague_that_do_not_fit_change_nothing_and_keep_what_was_typed(
    pages: Pages, fields: dict[str, str], status: int, says: str
) -> None:
    await pages.sign_in("jo")
    usual = {"first_day": FIRST, "last_day": LAST, "receiver": str(pages.site.stranger)}
    answer = await pages.post("/away", usual | fields)
    assert answer.status == status
    text = await answer.text()
    assert says in text
    assert (usual | fields)["last_day"] in text
    assert pages.ask("SELECT count(*) FROM cover") == [(0,)]


async def test_the_same_days_twice_and_somebody_who_is_away_are_refused(pages: Pages) -> None:
    await arrange(pages)
    form = {"first_day": LAST, "last_day": "", "receiver": str(pages.site.stranger)}
    assert "arranged cover for some of these days" in await (await pages.post("/away", form)).text()
    await pages.sign_in("pat")
    form["receiver"] = str(pages.site.practitioner)
    assert "is away then too" in await (await pages.post("/away", form)).text()


async def test_everything_in_hand_is_offered_at_once_and_taken_one_by_one(pages: Pages) -> None:
    await pages.sign_in("jo")
    await pages.post("/a/q7K2Qtest/accept")
    pages.fold_in()
    number = await arrange(pages)
    text = await pages.text("/away")
    assert "You are handing over 1 open alert." in text
    assert "Offer all of it to Pat Virtual" in text
    assert (await pages.post(f"/away/{number}/hand-over")).status == 303
    assert (await pages.post(f"/away/{number}/hand-over")).status == 303
    asked = pages.ask("SELECT staff_id, to_staff_id FROM alert_action WHERE kind = 'hand_over'")
    assert asked == [(pages.site.practitioner, pages.site.stranger)]
    assert "Sent, being saved." in await pages.text("/away")
    pages.write("UPDATE alert SET offered_to = %s", pages.site.stranger)
    pages.write(
        "INSERT INTO alert_event (alert_id, at, kind, reason, alert_action_id)"
        " SELECT alert_id, at, 'passed_on', 'offered', alert_action_id FROM alert_action"
        " WHERE kind = 'hand_over'"
    )
    pages.write(
        "INSERT INTO delivery (alert_id, staff_id, channel, address, idempotency_key, state,"
        " attempt_at) SELECT alert_id, %s, 'console', '', 'offer', 'handed_over', %s FROM alert",
        pages.site.stranger,
        NOW,
    )
    assert "Offered to Pat Virtual. It stays with you until" in await pages.text("/away")
    await pages.sign_in("pat")
    theirs = await pages.text("/away")
    assert "Offered to you" in theirs
    assert 'href="/a/q7K2Qtest"' in theirs
    assert (await pages.post(f"/away/{number}/hand-over")).status == 404


async def test_what_is_put_off_is_counted_apart(pages: Pages) -> None:
    await pages.sign_in("jo")
    await pages.post("/a/q7K2Qtest/accept")
    pages.fold_in()
    pages.write(
        "UPDATE alert SET snoozed_until = %s, snooze_reason = 'at_school'", NOW + timedelta(hours=1)
    )
    assert "You are handing over 1 put off." in await pages.text("/away")


def test_the_database_and_the_pages_use_the_same_answers(pages: Pages) -> None:
    [(text,)] = pages.ask(
        "SELECT string_agg(pg_get_functiondef(oid), ' ') FROM pg_proc"
        " WHERE proname IN ('arrange_cover', 'accept_cover', 'end_cover')"
    )
    said = set(re.findall(r"(?:RETURN|THEN|ELSE) '(\w+)'", str(text)))
    assert said == {one.value for one in CoverAnswer}


# ---- The calendar -------------------------------------------------------------


async def made_address(pages: Pages) -> str:
    text = await (await pages.post("/calendar/make")).text()
    match = re.search(r'value="https?://[^/]+(/calendar/feed/[\w-]+\.ics)"', text)
    assert match is not None
    return match[1]


def put_on_duty(pages: Pages, staff_id: int) -> None:
    pages.write("INSERT INTO rota (name, created_at) VALUES ('nights', %s)", NOW)
    pages.write(
        "INSERT INTO rota_shift (rota_id, staff_id, timezone, weekday, starts_minute, ends_minute,"
        " holds_from) SELECT rota_id, %s, 'Europe/London', 4, 1320, 1920, %s FROM rota",
        staff_id,
        NOW - timedelta(days=100),
    )


async def test_a_calendar_has_ones_own_shifts_and_covers_and_no_name(pages: Pages) -> None:
    put_on_duty(pages, pages.site.stranger)
    number = await arrange(pages)
    await pages.sign_in("pat")
    address = await made_address(pages)
    await pages.post("/sign-out")
    answer = await pages.client.get(address)
    assert (answer.status, answer.content_type) == (200, "text/calendar")
    content = await answer.read()
    assert content.endswith(b"\r\n")
    assert max(len(line) for line in content.split(b"\r\n")) <= 75
    calendar = icalendar.Calendar.from_ical(content)
    events = list(calendar.walk("VEVENT"))
    assert all(event.get(key) for event in events for key in ("UID", "DTSTAMP", "DTSTART", "DTEND"))
    assert len({str(event["UID"]) for event in events}) == len(events) > 15
    shift = next(one for one in events if str(one["SUMMARY"]) == "On duty: nights")
    assert (shift.decoded("DTEND") - shift.decoded("DTSTART")) == timedelta(hours=10)
    [cover] = [one for one in events if "cover" in str(one["SUMMARY"])]
    assert (str(cover["SUMMARY"]), str(cover["STATUS"])) == (
        "Asked to cover for a colleague, not accepted yet",
        "TENTATIVE",
    )
    for name in (b"Sam", b"Jo", b"Pat", b"p-sam"):
        assert name not in content
    assert number


async def test_a_calendar_can_be_kept_and_asked_for_again_without_being_sent(pages: Pages) -> None:
    await pages.sign_in("pat")
    address = await made_address(pages)
    answer = await pages.client.get(address)
    assert answer.headers["Cache-Control"] == "private, max-age=900"
    etag = answer.headers["ETag"]
    pages.clock[0] = NOW + timedelta(hours=2)
    again = await pages.client.get(address, headers={"If-None-Match": etag})
    assert (again.status, await again.read()) == (304, b"")
    put_on_duty(pages, pages.site.stranger)
    changed = await pages.client.get(address, headers={"If-None-Match": etag})
    assert changed.status == 200


async def test_an_address_is_kept_as_a_hash_and_stops_when_it_is_revoked_replaced_or_its_owner_left(
    pages: Pages,
) -> None:
    await pages.sign_in("pat")
    first = await made_address(pages)
    token = first.rsplit("/", 1)[1].removesuffix(".ics")
    [(stored,)] = pages.ask("SELECT token_hash FROM calendar_feed")
    assert isinstance(stored, bytes)
    assert len(stored) == 32
    assert token.encode() not in stored
    assert token not in await pages.text("/calendar")
    second = await made_address(pages)
    assert (await pages.client.get(first)).status == 404
    assert (await pages.client.get(second)).status == 200
    await pages.post("/calendar/revoke")
    gone, never = await pages.client.get(second), await pages.client.get(second[:-8] + "AAAA.ics")
    assert gone.status == never.status == 404
    assert gone.headers["Cache-Control"] == "no-store"
    assert "You have no address yet" in await pages.text("/calendar")
    third = await made_address(pages)
    pages.write("UPDATE sign_in SET disabled_at = %s WHERE username = 'pat'", NOW)
    assert (await pages.client.get(third)).status == 404


# ---- The look ahead -----------------------------------------------------------


async def test_the_service_page_says_who_would_not_be_reached_and_what_to_do(pages: Pages) -> None:
    await pages.sign_in("ade")
    assert "Nobody has looked yet" in await pages.text("/service")
    keep = "INSERT INTO reach_run (at, until, people, findings) VALUES (%s, %s, 3, %s)"
    week = (NOW - timedelta(minutes=5), NOW + timedelta(days=7))
    pages.write(keep, *week, "[]")
    assert "Everybody would be reached, by day and by night: 3 people" in await pages.text(
        "/service"
    )
    found = Told(ReachReason.NO_KEY_WORKER, "2 people without a key worker", "all the time", "x", 2)
    shaped = {name: getattr(found, name) for name in ("reason", "what", "when", "remedy", "people")}
    pages.write(keep, *week, json.dumps([shaped]))
    text = await pages.text("/service")
    assert "2 people without a key worker, all the time." in text
    assert "found 5 minutes ago" in text


# ---- Two at once -----------------------------------------------------------------


async def test_two_who_ask_each_other_at_once_do_not_both_go_away(pages: Pages) -> None:
    jo, pat = pages.site.practitioner, pages.site.stranger
    await pages.sign_in("jo")
    first, end = datetime(2026, 12, 1, tzinfo=UTC), datetime(2026, 12, 5, tzinfo=UTC)
    async with await psycopg.AsyncConnection.connect(pages.url) as theirs:
        ask = "SELECT arrange_cover(%s, %s, %s, %s, %s)"
        await theirs.execute(ask, (pat, jo, first, end, NOW))
        form = {"first_day": FIRST, "last_day": LAST, "receiver": str(pat)}
        mine = asyncio.create_task(pages.post("/away", form))
        waiting = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"
        while not mine.done() and pages.ask(waiting) == [(0,)]:
            await asyncio.sleep(0.01)
        await theirs.commit()
    answer = await mine
    assert answer.status == 409
    assert "is away then too" in await answer.text()
    assert pages.ask("SELECT away_staff_id FROM cover") == [(pat,)]
