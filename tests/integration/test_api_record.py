"""Programs of staff and young people: the record, check-ins, switches, what was asked."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from datetime import timedelta

import pytest

from portal.record.contacts import CONTACTS_A_DAY_MOST
from portal.young.today_pages import WRITTEN_AN_HOUR_MOST
from tests.integration.api_site import NOW, Programs, programs_of

COLUMNS = {"worried": "Not sleeping", "working_well": "Football", "needs": "School", "scale": 6}


@pytest.fixture
async def programs(database_url: str) -> AsyncIterator[Programs]:
    async with programs_of(database_url) as running:
        yield running


def of_sam(programs: Programs, path: str) -> str:
    return f"/people/{programs.site.sam}/{path}"


async def test_a_contact_is_written_listed_and_told_in_the_timeline(programs: Programs) -> None:
    path = of_sam(programs, "contacts")
    today = await programs.post("jo", path, {"kind": "spoke", "note": "Is better."})
    assert today.status == 201
    earlier = await programs.post("jo", path, {"kind": "visited", "day": "2026-11-20"})
    assert json.loads(await earlier.text()) == {"is_new": True}
    found = await programs.get("jo", path)
    assert [(one["kind"], one["is_whole_day"]) for one in found["items"]] == [
        ("spoke", False),
        ("visited", True),
    ]
    assert found["items"][0]["words"] == "Jo Virtual spoke to Sam"
    timeline = await programs.get("kim", of_sam(programs, "timeline?theme=contacts"))
    assert [one["day"] for one in timeline["items"]] == ["2026-11-22", "2026-11-20"]
    [line] = timeline["items"][0]["lines"]
    assert (line["words"], line["note"]) == ("Jo Virtual spoke to Sam", "Is better.")
    whole = await programs.get("kim", of_sam(programs, "timeline"))
    themes = {line["theme"] for day in whole["items"] for line in day["lines"]}
    assert themes == {"alerts", "contacts"}
    looks = programs.rows("SELECT looked_at FROM access_log")
    assert set(looks) == {("record",)}


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"kind": "spoke", "day": "2026-11-23"}, "day"),
        ({"kind": "spoke", "day": "2026-01-01"}, "day"),
    ],
)
async def test_a_contact_that_breaks_a_rule_of_the_page_is_refused_in_its_words(
    programs: Programs, body: dict[str, str], field: str
) -> None:
    answer = await programs.post("jo", of_sam(programs, "contacts"), body)
    assert answer.status == 422
    [error] = json.loads(await answer.text())["errors"]
    assert error == {"field": field, "remedy": "The day can be today or up to 90 days ago"}
    assert programs.rows("SELECT count(*) FROM contact_log") == [(0,)]


async def test_a_day_has_as_many_contacts_for_a_program_as_for_a_page(programs: Programs) -> None:
    for number in range(CONTACTS_A_DAY_MOST):
        programs.write(
            "INSERT INTO contact_log (person_id, staff_id, kind, at, note, written_at)"
            " VALUES (%s, %s, 'spoke', %s, %s, %s)",
            *(programs.site.sam, programs.site.practitioner, NOW, str(number), NOW),
        )
    answer = await programs.post("jo", of_sam(programs, "contacts"), {"kind": "spoke"})
    assert answer.status == 422


async def test_a_correction_stands_beside_what_it_puts_right(programs: Programs) -> None:
    await programs.post("jo", of_sam(programs, "contacts"), {"kind": "spoke"})
    [contact] = (await programs.get("jo", of_sam(programs, "contacts")))["items"]
    path = of_sam(programs, "timeline/corrections")
    body = {"contact_id": contact["contact_id"], "note": "It was the sister."}
    assert (await programs.post("kim", path, body)).status == 201
    [contact] = (await programs.get("jo", of_sam(programs, "contacts")))["items"]
    assert [one["note"] for one in contact["corrections"]] == ["It was the sister."]
    for wrong, status in (
        ({"note": "Nothing"}, 422),
        ({"note": " ", "contact_id": contact["contact_id"]}, 422),
        ({"note": "x", "contact_id": 1, "public_id": "q7K2Qtest"}, 422),
        ({"note": "x", "public_id": "q7K2Qtest"}, 404),
        ({"note": "x", "contact_id": 987654}, 404),
    ):
        assert (await programs.post("jo", path, wrong)).status == status, wrong
    assert programs.rows("SELECT count(*) FROM contact_log") == [(2,)]


async def test_three_columns_keep_every_version(programs: Programs) -> None:
    path = of_sam(programs, "three-columns")
    assert (await programs.post("jo", path, COLUMNS)).status == 201
    await programs.post("jo", path, COLUMNS)
    assert len((await programs.get("jo", path))["items"]) == 1
    await programs.post("kim", path, {**COLUMNS, "scale": 0})
    versions = (await programs.get("jo", path))["items"]
    assert [(one["scale"], one["written_by"]) for one in versions] == [
        (0, "Dr Kim Virtual"),
        (6, "Jo Virtual"),
    ]
    assert (await programs.post("jo", path, {})).status == 422
    assert (await programs.post("jo", path, {"scale": 11})).status == 400
    assert (await programs.post("jo", path, {"worried": "x" * 301})).status == 400


async def test_an_alert_is_closed_with_the_three_columns(programs: Programs) -> None:
    body = {"outcome": "all_fine", "columns": COLUMNS}
    assert (await programs.post("jo", "/alerts/q7K2Qtest/close", body)).status == 202
    assert programs.rows("SELECT worried, scale, alert_id IS NOT NULL FROM support_note") == [
        ("Not sleeping", 6, True)
    ]


async def test_a_face_or_a_skip_is_an_answer_and_nothing_is_told(programs: Programs) -> None:
    before = await programs.get("sam", "/me/today")
    assert not before["is_answered_today"]
    assert before["help"][0]["address"].startswith(("tel:", "sms:"))
    for body in ({"face": "okay"}, {"skip": True}):
        said = json.loads(await (await programs.post("sam", "/me/today", body)).text())
        assert said["told"] is None
        assert said["today"]["is_answered_today"]
    faces = (await programs.get("sam", "/me/today"))["items"]
    assert [(one["face"], one["is_skipped"]) for one in faces] == [(None, True), ("okay", False)]
    assert programs.rows("SELECT count(*) FROM concern") == [(0,)]


@pytest.mark.parametrize(
    ("body", "level"),
    [
        ({"worries": "Something at home"}, "check_now"),
        ({"face": "bad", "read_soon": True}, "check_now"),
        ({"going_well": "Football"}, "check_today"),
    ],
)
async def test_words_of_their_own_are_told_to_somebody(
    programs: Programs, body: dict[str, object], level: str
) -> None:
    answer = await programs.post("sam", "/me/today", body)
    assert answer.status == 201
    assert json.loads(await answer.text())["told"] == level
    assert programs.rows("SELECT level FROM concern") == [(level,)]
    [said] = (await programs.get("jo", of_sam(programs, "check-ins")))["items"]
    assert said["worries"] == body.get("worries", "")
    assert programs.rows("SELECT looked_at FROM access_log") == [("check_ins",)]


async def test_nothing_said_and_too_much_said_are_refused_as_on_the_page(
    programs: Programs,
) -> None:
    nothing = await programs.post("sam", "/me/today", {})
    assert nothing.status == 422
    assert "Choose a face" in await nothing.text()
    for number in range(WRITTEN_AN_HOUR_MOST):
        programs.write(
            "INSERT INTO check_in (person_id, day, at, going_well) VALUES (%s, %s, %s, %s)",
            *(programs.site.sam, NOW.date(), NOW, str(number)),
        )
    answer = await programs.post("sam", "/me/today", {"worries": "x"})
    assert answer.status == 429
    assert answer.headers["Retry-After"] == "3600"
    assert programs.rows("SELECT count(*) FROM concern") == [(0,)]


async def test_a_group_of_channels_is_switched_off_and_on(programs: Programs) -> None:
    body = {"group": "heart", "is_used": False}
    off = json.loads(await (await programs.post("sam", "/me/measures", body)).text())
    assert {one["group"]: one["is_used"] for one in off["items"]}["heart"] is False
    assert programs.rows("SELECT channel FROM channel_off ORDER BY 1") == [
        ("heart_rate",),
        ("hrv_rmssd",),
    ]
    programs.clock[0] += timedelta(minutes=1)
    await programs.post("sam", "/me/measures", {**body, "is_used": True})
    on = await programs.get("sam", "/me/measures")
    assert all(one["is_used"] for one in on["items"])
    assert (await programs.post("sam", "/me/measures", {**body, "group": "worn"})).status == 400


async def test_how_texts_are_written_is_their_choice(programs: Programs) -> None:
    assert await programs.get("sam", "/me/reading") == {"level": "12-15"}
    chosen = await programs.post("sam", "/me/reading", {"level": "8-11"})
    assert json.loads(await chosen.text()) == {"level": "8-11"}
    assert (await programs.post("sam", "/me/reading", {"level": "4-7"})).status == 400
    week = await programs.get("sam", "/me/week")
    assert week["went_well"] == []


async def test_what_is_asked_about_ones_information_is_answered_or_taken_back(
    programs: Programs,
) -> None:
    for words in ("Who reads this?", ""):
        body = {"kind": "question", "words": words}
        assert (await programs.post("sam", "/me/requests", body)).status == 201
    assert programs.rows("SELECT level FROM concern") == [("check_today",)]
    asked = (await programs.get("jo", "/requests"))["items"]
    assert {one["name"] for one in asked} == {"Sam"}
    [first] = [one["request_id"] for one in asked if one["words"]]
    [other] = [one["request_id"] for one in asked if not one["words"]]
    answer = {"outcome": "done", "answer": "Jo and Dr Kim."}
    assert (await programs.post("pat", f"/requests/{first}/answer", answer)).status == 404
    assert (await programs.post("jo", f"/requests/{first}/answer", answer)).status == 201
    assert (await programs.post("jo", f"/requests/{first}/answer", answer)).status == 404
    back = await programs.post("sam", f"/me/requests/{other}/take-back")
    mine = {one["request_id"]: one for one in json.loads(await back.text())["items"]}
    assert mine[first]["answer"] == "Jo and Dr Kim."
    assert not mine[other]["is_open"]
    assert (await programs.post("sam", f"/me/requests/{other}/take-back")).status == 404


async def test_help_is_there_for_everybody_with_a_token(programs: Programs) -> None:
    for username in ("sam", "jo", "ade"):
        assert len((await programs.get(username, "/help"))["items"]) >= 3


async def test_nobody_writes_or_reads_the_record_of_somebody_else(programs: Programs) -> None:
    for path in ("timeline", "contacts", "three-columns", "check-ins"):
        assert (await programs.ask("pat", of_sam(programs, path))).status == 404, path
    for path, body in (
        ("contacts", {"kind": "spoke"}),
        ("three-columns", COLUMNS),
        ("timeline/corrections", {"contact_id": 1, "note": "x"}),
    ):
        assert (await programs.post("pat", of_sam(programs, path), body)).status == 404, path
        assert (await programs.post("sam", of_sam(programs, path), body)).status == 404, path
    for table in ("contact_log", "support_note", "access_log"):
        assert programs.rows(f"SELECT count(*) FROM {table}") == [(0,)], table
