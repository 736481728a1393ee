"""The interface for programs on a real database: who gets what, what is written and refused."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from datetime import timedelta

import pytest

from portal.api.problems import PROBLEM_TYPE
from tests.browser.virtual_site import PASSWORD
from tests.integration.api_site import BASE, NOW, Programs, programs_of
from tidewell.lawful import erasing

OURS = {"Sec-Fetch-Site": "same-origin"}


@pytest.fixture
async def programs(database_url: str) -> AsyncIterator[Programs]:
    async with programs_of(database_url) as running:
        yield running


async def test_a_program_sees_its_owners_people_and_each_look_is_written_down(
    programs: Programs,
) -> None:
    people = await programs.get("jo", "/people")
    assert [one["name"] for one in people["items"]] == ["Alex", "Robin", "Sam"]
    assert people["next"] is None
    sam = people["items"][2]
    assert sam["data_state"] == "changed"
    assert sam["open_alerts"] == 1
    one = await programs.get("jo", f"/people/{sam['person_id']}")
    assert one["person"]["name"] == "Sam"
    looks = programs.rows("SELECT looked_at, count(*) FROM access_log GROUP BY 1 ORDER BY 1")
    assert looks == [("list", 3), ("trends", 1)]


async def test_days_are_numbers_with_what_was_usual_and_gaps_stay_gaps(programs: Programs) -> None:
    days = await programs.get("jo", f"/people/{programs.site.sam}/days?days=40")
    assert (days["first_day"], days["last_day"]) == ("2026-10-14", "2026-11-22")
    by_day = {one["day"]: one for one in days["items"]}
    assert "2026-10-21" not in by_day
    last = by_day["2026-11-21"]
    assert last["measured"]["night_heart_rate"] == pytest.approx(63.4)
    assert last["usual"]["night_heart_rate"] == [54.0, 58.0]
    assert last["changed"]
    assert "night_spo2" not in last["measured"]


async def test_trends_hours_episodes_and_alerts_say_what_the_page_says(programs: Programs) -> None:
    sam = f"/people/{programs.site.sam}"
    trends = await programs.get("jo", sam + "/trends")
    first = trends["items"][0]
    assert "63 bpm on Saturday 21 November (usual for Sam: 54 to 58)." in first["sentence"]
    hours = await programs.get("kim", sam + "/hours")
    assert 30 < len(hours["items"]) < 72
    assert all(one["lowest"] <= one["middle"] <= one["highest"] for one in hours["items"])
    [episode] = (await programs.get("jo", sam + "/episodes"))["items"]
    assert (episode["family"], episode["closed_at"]) == ("illness", None)
    [alert] = (await programs.get("jo", sam + "/alerts"))["items"]
    assert alert["public_id"] == "q7K2Qtest"


async def test_an_alert_is_read_whole_and_reading_accepts_nothing(programs: Programs) -> None:
    [line] = (await programs.get("jo", "/alerts"))["items"]
    assert (line["public_id"], line["level"], line["is_waiting"]) == (
        "q7K2Qtest",
        "check_today",
        False,
    )
    whole = await programs.get("jo", "/alerts/q7K2Qtest")
    assert whole["moved"][0]["feature"] == "night_heart_rate"
    assert whole["story"]
    drafted = await programs.get("jo", "/alerts/q7K2Qtest/hand-over")
    assert [one["letter"] for one in drafted["parts"]] == ["S", "B", "A", "R"]
    assert programs.rows("SELECT count(*) FROM alert_action") == [(0,)]


@pytest.mark.parametrize(
    ("action", "body", "stored"),
    [
        ("accept", {"level": "check_today"}, ("accept", None, "check_today")),
        (
            "close",
            {"outcome": "all_fine", "note": "Spoke on the phone"},
            ("close", "all_fine", None),
        ),
        ("snooze", {"reason": "at_school", "until": "one_hour"}, ("snooze", None, None)),
    ],
)
async def test_what_is_asked_of_an_alert_is_written_once(
    programs: Programs, action: str, body: dict[str, str], stored: tuple[object, ...]
) -> None:
    for is_new in (True, False):
        answer = await programs.post("jo", f"/alerts/q7K2Qtest/{action}", body)
        assert answer.status == 202
        assert await answer.json() == {"is_new": is_new}
    found = programs.rows("SELECT kind, outcome, seen_level FROM alert_action")
    assert found == [stored]


async def test_an_alert_is_passed_on_to_a_colleague(programs: Programs) -> None:
    whole = await programs.get("jo", "/alerts/q7K2Qtest")
    [colleague] = [one for one in whole["colleagues"] if one["name"] == "Dr Kim Virtual"]
    body = {"to": colleague["staff_id"]}
    assert (await programs.post("jo", "/alerts/q7K2Qtest/pass-on", body)).status == 202
    assert programs.rows("SELECT kind, to_staff_id FROM alert_action") == [
        ("hand_over", programs.site.clinician)
    ]


async def test_nobody_reaches_a_person_who_is_not_theirs(programs: Programs) -> None:
    sam = f"/people/{programs.site.sam}"
    paths = [sam + end for end in ("", "/days", "/trends", "/hours", "/episodes", "/alerts")]
    for path in [*paths, sam + "/notes", "/alerts/q7K2Qtest", "/alerts/q7K2Qtest/hand-over"]:
        answer = await programs.ask("pat", path)
        assert answer.status == 404, path
        assert answer.content_type == PROBLEM_TYPE
        assert "Sam" not in await answer.text()
    for path, body in (
        ("/alerts/q7K2Qtest/accept", {}),
        ("/alerts/q7K2Qtest/close", {"outcome": "all_fine"}),
        (sam + "/worries", {"level": "check_now"}),
        (sam + "/notes", {"kind": "ill", "first_day": "2026-11-20"}),
    ):
        assert (await programs.post("pat", path, body)).status == 404, path
    assert (await programs.get("pat", "/people"))["items"] == []
    assert (await programs.get("pat", "/alerts"))["items"] == []
    for table in ("alert_action", "concern", "context_note", "access_log"):
        assert programs.rows(f"SELECT count(*) FROM {table}") == [(0,)], table


async def test_an_operation_of_another_audience_is_not_there(programs: Programs) -> None:
    for username, path in (
        ("sam", "/people"),
        ("sam", "/service"),
        ("jo", "/me/week"),
        ("ade", "/people"),
        ("ade", f"/people/{programs.site.sam}"),
        ("kim", "/alerts"),
    ):
        assert (await programs.ask(username, path)).status == 404, (username, path)
    accepted = await programs.post("kim", "/alerts/q7K2Qtest/accept", {})
    assert accepted.status == 404


async def test_a_token_that_may_only_read_changes_nothing(programs: Programs) -> None:
    answer = await programs.ask(
        "jo", "/alerts/q7K2Qtest/accept", method="POST", body={}, may_act=False
    )
    assert answer.status == 403
    problem = json.loads(await answer.text())
    assert problem["type"] == "urn:tidewell:problem:scope_missing"
    assert "act" in problem["remedy"]
    assert problem["object"].startswith("POST /api/v1/alerts/")
    assert "q7K2Qtest" not in problem["object"]
    assert programs.rows("SELECT count(*) FROM alert_action") == [(0,)]


async def test_without_a_token_that_holds_there_is_no_answer(programs: Programs) -> None:
    token = await programs.token("jo")
    other = token[:-1] + ("B" if token[-1] == "A" else "A")
    wrong = ["", "Bearer", "Bearer x", f"Basic {token}", f"Bearer {other}", f"Bearer {token}x"]
    for shown in wrong:
        answer = await programs.client.get(BASE + "/me", headers={"Authorization": shown})
        assert answer.status == 401, shown
        assert answer.headers["WWW-Authenticate"].startswith("Bearer")
        assert answer.content_type == PROBLEM_TYPE
    assert (await programs.client.get(BASE + "/me", allow_redirects=False)).status == 401


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE api_token SET revoked_at = made_at",
        "UPDATE api_token SET expires_at = made_at + interval '1 second'",
        "UPDATE sign_in SET disabled_at = created_at",
    ],
)
async def test_a_token_ends_when_it_is_revoked_expired_or_its_owner_leaves(
    programs: Programs, statement: str
) -> None:
    assert (await programs.ask("jo", "/me")).status == 200
    programs.clock[0] += timedelta(seconds=2)
    programs.write(statement)
    assert (await programs.ask("jo", "/me")).status == 401


async def test_the_database_keeps_only_a_hash_and_when_it_was_used(programs: Programs) -> None:
    token = await programs.token("jo")
    await programs.get("jo", "/me")
    [(stored, used_at)] = programs.rows("SELECT token_hash, used_at FROM api_token")
    assert isinstance(stored, bytes)
    assert token.encode() not in stored
    assert used_at == NOW


async def test_a_cookie_counts_only_from_our_own_pages(programs: Programs) -> None:
    form = {"username": "jo", "password": PASSWORD}
    await programs.client.post("/sign-in", data=form, headers=OURS)
    assert (await programs.client.get(BASE + "/me")).status == 200
    path = BASE + "/alerts/q7K2Qtest/accept"
    for headers in ({}, {"Sec-Fetch-Site": "cross-site"}, {"Origin": "https://elsewhere.example"}):
        answer = await programs.client.post(path, json={}, headers=headers)
        assert answer.status == 403
        assert answer.content_type == PROBLEM_TYPE
    assert (await programs.client.post(path, json={}, headers=OURS)).status == 202
    wrong = {"Authorization": "Bearer tidewell_" + "x" * 43, **OURS}
    assert (await programs.client.post(path, json={}, headers=wrong)).status == 401


async def test_a_request_that_comes_again_is_done_once_and_answered_the_same(
    programs: Programs,
) -> None:
    path, body = f"/people/{programs.site.sam}/notes", {"kind": "ill", "first_day": "2026-11-20"}
    first = await programs.post("jo", path, body, {"Idempotency-Key": "one"})
    assert first.status == 201
    programs.write("UPDATE context_note SET removed_at = created_at")
    again = await programs.post("jo", path, body, {"Idempotency-Key": "one"})
    assert again.status == 201
    assert again.headers["Idempotency-Replayed"] == "true"
    assert await again.text() == await first.text()
    assert programs.rows("SELECT count(*) FROM context_note") == [(1,)]
    other = {**body, "kind": "exams"}
    answer = await programs.post("jo", path, other, {"Idempotency-Key": "one"})
    assert answer.status == 422
    assert "key_used_differently" in await answer.text()
    assert (await programs.post("kim", path, body, {"Idempotency-Key": "one"})).status == 404
    programs.clock[0] += timedelta(hours=25)
    assert (await programs.post("jo", path, body, {"Idempotency-Key": "one"})).status == 201
    assert programs.rows("SELECT count(*) FROM context_note") == [(2,)]


async def test_what_is_kept_for_a_repeated_request_holds_no_note(programs: Programs) -> None:
    said = {"kind": "other", "first_day": "2026-11-20", "own_words": "my gran is ill"}
    await programs.post("sam", "/me/notes", said)
    body = {"kind": "exams", "first_day": "2026-11-20", "own_words": "mocks all week"}
    path = f"/people/{programs.site.sam}/notes"
    answer = await programs.post("jo", path, body, {"Idempotency-Key": "three"})
    assert json.loads(await answer.text()) == {"is_new": True}
    assert programs.rows("SELECT username, body FROM api_answer") == [("jo", '{"is_new":true}')]


async def test_an_erasure_empties_what_is_kept_for_others_and_nothing_is_done_twice(
    programs: Programs, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("DOOR_S", "LOOK_AGAIN_S"):
        monkeypatch.setattr(erasing, name, 0.0)
    path, body = f"/people/{programs.site.sam}/notes", {"kind": "ill", "first_day": "2026-11-20"}
    first = await programs.post("jo", path, body, {"Idempotency-Key": "four"})
    own = await programs.post("sam", "/me/notes", body, {"Idempotency-Key": "five"})
    assert (first.status, own.status) == (201, 201), await first.text()
    programs.write(
        "INSERT INTO admin_answer SELECT 'ade', 'six', '', 200, label, %s FROM person"
        " WHERE person_id = %s",
        NOW,
        programs.site.robin,
    )
    [(label,)] = programs.rows(f"SELECT label FROM person WHERE person_id = {programs.site.robin}")
    asked = erasing.Asked("asked", "ade", 30, broker_is_ours=False)
    await erasing.erase(programs.url, str(label), asked, lambda state, _: state)
    kept = "SELECT idempotency_key, body FROM {} ORDER BY 1"
    assert programs.rows(kept.format("api_answer")) == [("five", ""), ("four", "")]
    assert programs.rows(kept.format("admin_answer")) == [("six", "")]
    again = await programs.post("jo", path, body, {"Idempotency-Key": "four"})
    assert (again.status, await again.text()) == (201, "")
    assert programs.rows("SELECT count(*) FROM context_note WHERE staff_id IS NOT NULL") == [(1,)]


async def test_a_refusal_is_decided_anew(programs: Programs) -> None:
    path = f"/people/{programs.site.sam}/notes"
    wrong = {"kind": "ill", "first_day": "1999-01-01"}
    for _ in range(2):
        answer = await programs.post("jo", path, wrong, {"Idempotency-Key": "two"})
        assert answer.status == 422
        assert "Idempotency-Replayed" not in answer.headers
        assert json.loads(await answer.text())["errors"][0]["field"] == "first_day"
    assert programs.rows("SELECT count(*) FROM api_answer") == [(0,)]


async def test_two_of_one_key_at_once_do_it_once(programs: Programs) -> None:
    await programs.token("sam")
    asked = [
        programs.post("sam", "/me/pause", {"choice": "hour"}, {"Idempotency-Key": "p"})
        for _ in range(5)
    ]
    answers = await asyncio.gather(*asked)
    assert {answer.status for answer in answers} == {200}
    assert len({await answer.text() for answer in answers}) == 1
    assert programs.rows("SELECT count(*) FROM pause") == [(1,)]


@pytest.mark.parametrize("key", ["", "two words", "x" * 201, "é"])
async def test_a_key_that_is_none_is_refused(programs: Programs, key: str) -> None:
    answer = await programs.post("sam", "/me/resume", None, {"Idempotency-Key": key})
    assert answer.status == 400


async def test_whoever_asks_without_end_waits_and_others_do_not(database_url: str) -> None:
    async with programs_of(database_url, TIDEWELL_API_REQUESTS_A_MINUTE="60") as programs:
        statuses = [(await programs.ask("jo", "/me")).status for _ in range(13)]
        assert statuses == [200] * 12 + [429]
        answer = await programs.ask("jo", "/me")
        assert answer.headers["Retry-After"] == "1"
        assert (await programs.ask("kim", "/me")).status == 200
        programs.clock[0] += timedelta(seconds=1)
        assert (await programs.ask("jo", "/me")).status == 200


async def test_what_does_not_have_its_shape_is_refused_and_never_repeated(
    programs: Programs,
) -> None:
    close = "/alerts/q7K2Qtest/close"
    bodies: tuple[object, ...] = (
        {"outcome": "secret words"},
        {"outcome": "all_fine", "secret words": 1},
        {"outcome": 1},
        {},
        [],
        "secret words",
        {"outcome": "all_fine", "note": "\0"},
    )
    for body in bodies:
        answer = await programs.post("jo", close, body)
        assert answer.status == 400, body
        problem = json.loads(await answer.text())
        assert problem["errors"]
        assert "outcome': " not in str(problem)
    answer = await programs.client.post(
        BASE + close,
        data="outcome=all_fine",
        headers={
            "Authorization": f"Bearer {await programs.token('jo')}",
            "Content-Type": "application/x-www-form-urlencoded",
        },
    )
    assert answer.status == 415
    for query in ("limit=0", "limit=201", "limit=x", "limit=1&limit=2", "what=1", "after=x"):
        assert (await programs.ask("jo", f"/people?{query}")).status == 400, query
    too_long = {"outcome": "all_fine", "note": "x" * 501}
    assert (await programs.post("jo", close, too_long)).status == 400
    assert (await programs.post("jo", close, {**too_long, "note": "x" * 30_000})).status == 413
    assert programs.rows("SELECT count(*) FROM alert_action") == [(0,)]


async def test_an_address_that_is_not_there_and_a_method_that_is_not_get_problems(
    programs: Programs,
) -> None:
    answer = await programs.ask("jo", "/nowhere")
    assert (answer.status, answer.content_type) == (404, PROBLEM_TYPE)
    answer = await programs.ask("jo", "/people", method="PUT")
    assert (answer.status, answer.content_type) == (405, PROBLEM_TYPE)
    assert answer.headers["Allow"] == "GET"


async def test_lists_come_in_pages(programs: Programs) -> None:
    first = await programs.get("jo", "/people?limit=2")
    assert [one["name"] for one in first["items"]] == ["Alex", "Robin"]
    second = await programs.get("jo", f"/people?limit=2&after={first['next']}")
    assert [one["name"] for one in second["items"]] == ["Sam"]
    assert second["next"] is None
    assert programs.rows("SELECT count(*) FROM access_log") == [(3,)]


async def test_staff_say_worries_and_see_them_wait(programs: Programs) -> None:
    path = f"/people/{programs.site.robin}/worries"
    body = {"level": "check_today", "source": "carer", "note": "Did not sleep", "takes_it": True}
    assert await (await programs.post("jo", path, body)).json() == {"is_new": True}
    assert await (await programs.post("jo", path, body)).json() == {"is_new": False}
    one = await programs.get("kim", f"/people/{programs.site.robin}")
    assert [said["level"] for said in one["waiting_worries"]] == ["check_today"]
    assert programs.rows("SELECT source, takes_it FROM concern") == [("carer", True)]


async def test_notes_are_seen_by_both_and_taken_back_by_their_writer(programs: Programs) -> None:
    note = {"kind": "holiday", "first_day": "2026-11-18", "last_day": "2026-11-20"}
    added = await programs.post("sam", "/me/notes", note)
    assert added.status == 201
    path = f"/people/{programs.site.sam}/notes"
    [seen] = (await programs.get("jo", path))["items"]
    assert (seen["kind"], seen["is_own"], seen["written_by"]) == ("holiday", False, None)
    number = seen["note_id"]
    assert (await programs.ask("jo", f"{path}/{number}", method="DELETE")).status == 404
    assert (await programs.ask("sam", f"/me/notes/{number}", method="DELETE")).status == 204
    assert (await programs.ask("sam", f"/me/notes/{number}", method="DELETE")).status == 404
    assert (await programs.get("sam", "/me/notes"))["items"] == []


async def test_cover_is_arranged_accepted_and_ended(programs: Programs) -> None:
    seen = await programs.get("jo", "/cover")
    [colleague] = [one for one in seen["colleagues"] if one["name"] == "Pat Virtual"]
    body = {"first_day": "2026-11-25", "staff_id": colleague["staff_id"]}
    assert await (await programs.post("jo", "/cover", body)).json() == {"result": "arranged"}
    again = await programs.post("jo", "/cover", body)
    assert again.status == 409
    assert "already" in json.loads(await again.text())["fact"]
    [asked] = (await programs.get("pat", "/cover"))["covers"]
    path = f"/cover/{asked['cover_id']}"
    assert await (await programs.post("pat", path + "/accept")).json() == {"result": "accepted"}
    assert (await programs.post("jo", path + "/hand-over")).status == 202
    assert await (await programs.post("jo", path + "/end")).json() == {"result": "ended"}
    assert (await programs.post("pat", path + "/accept")).status == 409


async def test_a_young_person_has_their_own_and_nothing_else(programs: Programs) -> None:
    week = await programs.get("sam", "/me/week")
    assert len(week["days"]) == 7
    assert week["helpers"] == ["Jo Virtual, your worker (Harbour team)", *week["helpers"][1:]]
    paused = await programs.post("sam", "/me/pause", {"choice": "until_i_say"})
    assert (await paused.json())["is_paused"]
    programs.clock[0] += timedelta(minutes=1)
    resumed = await programs.post("sam", "/me/resume")
    assert not (await resumed.json())["is_paused"]
    asked = await programs.post("sam", "/me/check-in", {"choice": "talk"})
    assert await asked.json() == {"is_new": True}
    [ask] = (await programs.get("sam", "/me/check-in"))["items"]
    assert (ask["choices"], ask["status"]) == (["talk"], "on_its_way")
    taken_back = await (await programs.post("sam", "/me/check-in/take-back")).json()
    assert not taken_back["items"][0]["may_take_back"]
    await programs.get("jo", f"/people/{programs.site.sam}")
    looks = (await programs.get("sam", "/me/who-looked"))["items"]
    assert [(one["name"], one["looked_at"]) for one in looks] == [("Jo Virtual", "trends")]


async def test_an_administrator_gets_numbers_and_nobody(programs: Programs) -> None:
    service = await programs.get("ade", "/service")
    assert service["people"] == 3
    health = await programs.get("ade", "/service/alerts?days=90")
    assert health["days"] == 90
    for name in ("Sam", "Robin", "p-sam", "d-sam"):
        assert name not in json.dumps([service, health])
    assert (await programs.ask("ade", "/service/alerts?days=31")).status == 400


async def test_whoever_asks_learns_whose_token_it_is(programs: Programs) -> None:
    myself = await programs.get("jo", "/me")
    assert (myself["name"], myself["audience"]) == ("Jo Virtual", "practitioner")
    assert myself["scopes"] == ["act", "read"]
