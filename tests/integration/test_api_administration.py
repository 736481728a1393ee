"""Programs of administrators: enrolment, devices, agreements, staff, policies, looks."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any, Final

import psycopg
import pytest

from portal.admin.device_pages import NO_AGREEMENT
from tests.integration.api_site import NOW, Programs, programs_of

ENROL: Final = {"label": "P-100", "name": "Mo", "birth_month": "2013-04", "key_worker": 1}
TEXT: Final = (
    "INSERT INTO agreement_text (version, body, set_at, set_by) SELECT 1, 'We look.', %s, staff_id"
    " FROM staff WHERE role = 'admin'"
)
POLICY: Final = (
    'name = "days and nights"\nchain = ["key_worker", "duty_line"]\nduty_line = ["pat"]\n'
)


@pytest.fixture
async def programs(database_url: str) -> AsyncIterator[Programs]:
    async with programs_of(database_url) as running:
        yield running


def changes(programs: Programs) -> list[str]:
    return [str(kind) for (kind,) in programs.rows("SELECT kind FROM admin_change ORDER BY 1")]


def of_sam(programs: Programs, path: str = "") -> str:
    return f"/service/people/{programs.site.sam}{path}"


async def post(programs: Programs, path: str, body: object, status: int) -> Any:  # noqa: ANN401 -- whatever JSON it is
    answer = await programs.post("ade", path, body)
    text = await answer.text()
    assert answer.status == status, (path, text)
    return json.loads(text)


async def test_a_young_person_is_enrolled_as_on_the_page(programs: Programs) -> None:
    body = ENROL | {"key_worker": programs.site.practitioner}
    number = (await post(programs, "/service/people", body, 201))["person_id"]
    enrolled = await programs.get("ade", f"/service/people/{number}")
    assert (enrolled["label"], enrolled["birth_month"]) == ("P-100", "2013-04")
    assert enrolled["reading_level"] == "12-15"
    assert [one["name"] for one in enrolled["assignments"]] == ["Jo Virtual"]
    assert changes(programs) == ["person_enrolled"]
    people = await programs.get("ade", "/service/people")
    assert [one["label"] for one in people["items"]] == ["P-100", "p-alex", "p-robin", "p-sam"]
    assert "Mo" not in json.dumps(people)
    assert "Sam" not in json.dumps(people)


@pytest.mark.parametrize(
    ("field", "value", "status"),
    [
        ("label", "Ünal", 422),
        ("label", "p-sam", 422),
        ("name", "", 422),
        ("birth_month", "1960-01", 422),
        ("birth_month", "2013-13", 400),
        ("timezone", "Mars", 422),
        ("key_worker", 999, 422),
        ("key_worker", 0, 400),
    ],
)
async def test_what_cannot_be_enrolled_writes_nothing(
    programs: Programs, field: str, value: object, status: int
) -> None:
    body = ENROL | {"key_worker": programs.site.practitioner, field: value}
    found = await post(programs, "/service/people", body, status)
    assert [one["field"] for one in found["errors"]] == [field]
    assert programs.rows("SELECT count(*) FROM person WHERE person_id > 0") == [(3,)]
    assert changes(programs) == []


async def test_a_request_of_an_administrator_that_comes_again_is_done_once(
    programs: Programs,
) -> None:
    body, key = ENROL | {"key_worker": programs.site.practitioner}, {"Idempotency-Key": "one"}
    answers = await asyncio.gather(
        *(programs.post("ade", "/service/people", body, key) for _ in range(3))
    )
    assert [answer.status for answer in answers] == [201] * 3
    assert len({await answer.text() for answer in answers}) == 1
    assert changes(programs) == ["person_enrolled"]
    assert programs.rows("SELECT count(*) FROM admin_answer") == [(1,)]
    assert programs.rows("SELECT count(*) FROM api_answer") == [(0,)]


@pytest.mark.parametrize(("path", "field"), [("secret", "secret"), ("pair", "code")])
async def test_a_secret_is_shown_once_and_kept_nowhere(
    programs: Programs, path: str, field: str
) -> None:
    address, key = of_sam(programs, f"/device/{path}"), {"Idempotency-Key": "one"}
    first = await programs.post("ade", address, None, key)
    shown = json.loads(await first.text())
    assert first.status == 201
    assert len(shown[field]) >= 9
    before = programs.rows("SELECT * FROM device_credential") + programs.rows(
        "SELECT * FROM pairing_code"
    )
    again = await programs.post("ade", address, None, key)
    assert again.status == 201
    assert again.headers["Idempotency-Replayed"] == "true"
    repeated = json.loads(await again.text())
    assert repeated[field] is None
    assert repeated["device"] == shown["device"] == "d-sam"
    after = programs.rows("SELECT * FROM device_credential") + programs.rows(
        "SELECT * FROM pairing_code"
    )
    assert after == before
    with psycopg.connect(programs.url) as connection:
        tables = [
            str(name)
            for (name,) in connection.execute(
                "SELECT tablename FROM pg_tables WHERE schemaname = 'public'"
            ).fetchall()
        ]
    for table in tables:
        for row in programs.rows(f"SELECT * FROM {table}"):
            assert shown[field] not in repr(row), table
    other = await post(programs, f"/service/people/{programs.site.sam}/device/{path}", None, 201)
    assert other[field] not in (None, shown[field])


async def test_a_device_is_taken_back_and_the_next_one_paired(programs: Programs) -> None:
    await post(programs, of_sam(programs, "/device/end"), {"how": "returned"}, 200)
    ended = await programs.get("ade", of_sam(programs))
    assert [one["is_worn"] for one in ended["devices"]] == [False]
    again = await post(programs, of_sam(programs, "/device/end"), {"how": "lost"}, 409)
    assert "no device" in again["fact"]
    paired = await post(programs, of_sam(programs, "/device/pair"), None, 201)
    assert paired["device"] == "band-p-sam"
    assert paired["address"].endswith("/pair#" + paired["code"].replace("-", ""))
    assert changes(programs) == ["device_pairing_started", "device_taken_back"]


async def test_without_an_agreement_no_device_where_the_site_decided_so(
    database_url: str,
) -> None:
    rule = {"TIDEWELL_WITHOUT_AGREEMENT": "no_device"}
    async with programs_of(database_url, **rule) as programs:
        for path in ("pair", "secret"):
            refused = await post(programs, of_sam(programs, f"/device/{path}"), None, 409)
            assert refused["fact"] == f"{NO_AGREEMENT}."
        assert changes(programs) == []


async def test_somebody_is_assigned_and_their_assignment_ended(programs: Programs) -> None:
    programs.write("UPDATE assignment SET valid_until = %s WHERE kind = 'clinician'", NOW)
    body = {"staff_id": programs.site.clinician}
    await post(programs, of_sam(programs, "/clinician"), body, 200)
    found = await programs.get("ade", of_sam(programs))
    [clinician] = [
        one for one in found["assignments"] if one["kind"] == "clinician" and not one["valid_until"]
    ]
    twice = await post(programs, of_sam(programs, "/clinician"), body, 409)
    assert "assigned in these days already" in twice["fact"]
    worker = {"staff_id": programs.site.stranger, "first_day": "2026-12-01"}
    await post(programs, of_sam(programs, "/key-worker"), worker, 200)
    late = {"staff_id": programs.site.stranger, "first_day": "2026-11-01"}
    await post(programs, of_sam(programs, "/key-worker"), late, 422)
    programs.clock[0] = NOW.replace(hour=15)
    end = of_sam(programs, f"/assignments/{clinician['assignment_id']}/end")
    await post(programs, end, None, 200)
    await post(programs, end, None, 409)
    assert changes(programs) == ["assignment_ended", "clinician_assigned", "key_worker_changed"]


async def test_what_was_agreed_is_written_down_and_a_no_takes_the_device(
    programs: Programs,
) -> None:
    said = {"said_by": "young_person", "decision": "agreed", "decided_on": "2026-11-20"}
    await post(programs, of_sam(programs, "/agreement"), said, 409)
    programs.write(TEXT, NOW)
    await post(programs, of_sam(programs, "/birth-month"), {"birth_month": "2010-01"}, 200)
    await post(programs, of_sam(programs, "/agreement"), said, 201)
    agreed = await programs.get("ade", of_sam(programs))
    assert (agreed["agreement"], agreed["said"][0]["decision"]) == ("agreed", "agreed")
    judged = {
        "outcome": "can_decide",
        "judged_by": programs.site.practitioner,
        "judged_on": "2026-11-20",
        "review_on": "2027-11-20",
    }
    await post(programs, of_sam(programs, "/competence"), judged, 201)
    await post(programs, of_sam(programs, "/competence"), judged | {"judged_by": 999}, 422)
    await post(programs, of_sam(programs, "/sharing"), {"school": True}, 201)
    shared = await programs.get("ade", of_sam(programs))
    assert shared["shares_with"] == ["school"]
    withdrawn = said | {"decision": "withdrawn"}
    await post(programs, of_sam(programs, "/agreement"), withdrawn, 201)
    declined = await programs.get("ade", of_sam(programs))
    assert declined["agreement"] == "declined"
    assert [one["is_worn"] for one in declined["devices"]] == [False]
    await post(programs, of_sam(programs, "/agreement"), said | {"decided_on": "2026-12-24"}, 422)
    due = await programs.get("ade", "/service/agreements")
    assert {one["label"]: one["standing"] for one in due["items"]}["p-sam"] == "declined"


async def test_a_look_of_an_administrator_is_told_to_the_young_person(programs: Programs) -> None:
    one = await programs.get("ade", of_sam(programs))
    assert one["devices"][0]["name"] == "d-sam"
    looks = (await programs.get("sam", "/me/who-looked"))["items"]
    assert [(look["name"], look["looked_at"]) for look in looks] == [("Ade Virtual", "enrolment")]
    assert (await programs.ask("ade", "/service/people/987654")).status == 404


async def test_staff_looks_and_changes_are_listed_without_a_name_of_a_young_person(
    programs: Programs,
) -> None:
    await programs.get("jo", f"/people/{programs.site.sam}")
    programs.clock[0] += timedelta(minutes=1)
    staff = await programs.get("ade", "/service/staff?limit=2")
    assert len(staff["items"]) == 2
    assert staff["next"]
    assert [one["name"] for one in staff["teams"]] == ["Harbour team"]
    audit = await programs.get("ade", "/service/audit")
    assert [(one["name"], one["label"], one["looks"]) for one in audit["items"]] == [
        ("Jo Virtual", "p-sam", 1)
    ]
    assert audit["staff"][0]["people"] == 1
    await post(programs, of_sam(programs, "/sharing"), {}, 201)
    changed = await programs.get("ade", "/service/changes")
    assert [(one["kind"], one["label"]) for one in changed["items"]] == [
        ("sharing_recorded", "p-sam")
    ]
    for found in (staff, audit, changed):
        assert '"Sam"' not in json.dumps(found)


async def over(programs: Programs, trial_id: int) -> Any:  # noqa: ANN401 -- whatever JSON it is
    """Return a trial once it is over."""
    for _ in range(240):
        trial = await programs.get("ade", f"/service/policies/trials/{trial_id}")
        if trial["is_over"]:
            return trial
        await asyncio.sleep(0.5)
    raise AssertionError(trial)


@pytest.mark.timeout(300)
async def test_a_policy_is_uploaded_checked_and_tried_and_holds_nowhere(
    programs: Programs,
) -> None:
    body = {"kind": "alerts", "source": POLICY}
    draft = await post(programs, "/service/policies/drafts", body, 202)
    [check] = draft["trials"]
    assert (await over(programs, check["trial_id"]))["state"] == "passed"
    path = f"/service/policies/drafts/{draft['draft_id']}"
    tried = await post(programs, path + "/trials", {"kind": "simulate", "days": 7}, 202)
    assert (await over(programs, tried["trial_id"]))["state"] == "passed"
    await post(programs, path + "/trials", {"kind": "backtest", "days": 7}, 422)
    await post(programs, path + "/trials", {"kind": "simulate", "days": 8}, 400)
    assert len((await programs.get("ade", path))["trials"]) == 2
    listed = await programs.get("ade", "/service/policies")
    assert listed["drafts"][0]["draft_id"] == draft["draft_id"]
    assert listed["items"] == []
    assert (await programs.ask("ade", "/service/policies/trials/987654")).status == 404


async def test_a_service_manager_reads_how_alerts_are_doing_and_nothing_else_of_it(
    programs: Programs,
) -> None:
    assert (await programs.ask("jo", "/service/alerts")).status == 404
    programs.write(
        "UPDATE staff SET is_service_manager = true WHERE staff_id = %s",
        programs.site.practitioner,
    )
    assert (await programs.ask("jo", "/service/alerts")).status == 200
    assert (await programs.ask("jo", "/service")).status == 404


async def test_nobody_but_an_administrator_has_any_of_it(programs: Programs) -> None:
    body = ENROL | {"key_worker": programs.site.practitioner}
    for username in ("jo", "kim", "sam"):
        for path in ("/service/people", "/service/staff", "/service/audit", "/service/policies"):
            assert (await programs.ask(username, path)).status == 404, (username, path)
        assert (await programs.post(username, "/service/people", body)).status == 404
        assert (await programs.post(username, of_sam(programs, "/device/secret"))).status == 404
    assert changes(programs) == []
