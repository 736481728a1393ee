"""The administrator's pages on a real database: what is written, by whom, and what is refused."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from datetime import timedelta
from html import unescape
from typing import Final

import pytest
from aiohttp import ClientResponse

from portal.admin.routes import ADMIN_ROUTES
from tests.integration.test_portal_pages import NOW, OURS, Pages, open_pages, pages
from tidewell.database import Role, connect
from tidewell.enrolment import enrol_device

__all__ = ["pages"]

ENROL: Final = {
    "label": "P-100",
    "name": "Mo",
    "birth_month": "4",
    "birth_year": "2013",
    "timezone": "Europe/London",
    "key_worker": "1",
}


@pytest.fixture
async def pages_with_broker(database_url: str) -> AsyncIterator[Pages]:
    broker = {"TIDEWELL_DEVICE_BROKER_URL": "mqtts://them:secret@devices.example:8883"}
    async with open_pages(database_url, broker) as opened:
        yield opened


@pytest.fixture
async def pages_that_need_agreement(database_url: str) -> AsyncIterator[Pages]:
    async with open_pages(database_url, {"TIDEWELL_WITHOUT_AGREEMENT": "no_device"}) as opened:
        yield opened


async def text_of(answer: ClientResponse) -> str:
    return unescape(await answer.text())


def changes(pages: Pages) -> list[str]:
    return [str(kind) for (kind,) in pages.ask("SELECT kind FROM admin_change ORDER BY 1")]


async def with_text(pages: Pages) -> None:
    answer = await pages.post("/service/agreements/text", {"body": "We look at sleep and steps."})
    assert answer.status == 303


async def test_nobody_but_an_administrator_opens_or_changes_anything(pages: Pages) -> None:
    for username in ("jo", "kim", "sam"):
        await pages.sign_in(username)
        for method, path, _ in ADMIN_ROUTES:
            address = re.sub(r"\{[^/]*\}", "1", path)
            answer = await pages.client.request(method, address, headers=OURS, data={})
            assert answer.status == 404, (username, method, address)
    assert changes(pages) == []


async def test_a_young_person_is_enrolled_with_a_key_worker_and_a_reading_level(
    pages: Pages,
) -> None:
    await pages.sign_in("ade")
    answer = await pages.post("/service/people/new", ENROL)
    assert answer.status == 303
    page = await pages.text(answer.headers["Location"])
    assert "Mo" in page
    assert "April 2013" in page
    [row] = pages.ask(
        "SELECT label, reading_level, preferred_name, birth_month::text, display_name, kind"
        " FROM person JOIN identity USING (person_id) JOIN assignment USING (person_id)"
        " JOIN staff USING (staff_id) WHERE label = 'P-100'"
    )
    assert row == ("P-100", "12-15", "Mo", "2013-04-01", "Jo Virtual", "key_worker")
    assert changes(pages) == ["person_enrolled"]


@pytest.mark.parametrize(
    ("field", "value", "words"),
    [
        ("label", "Ünal", "Enter a code that is not a name"),
        ("label", "p-sam", "enrolled under this code already"),
        ("name", "", "Enter what they like to be called"),
        ("birth_year", "1960", "Check the year"),
        ("birth_month", "13", "Enter the month and the year"),
        ("timezone", "Mars", "Enter a time zone"),
        ("key_worker", "", "Choose a key worker"),
        ("key_worker", "3", "does not work here as a practitioner"),
        ("key_worker", "999", "does not work here as a practitioner"),
    ],
)
async def test_what_cannot_be_enrolled_is_said_and_writes_nothing(
    pages: Pages, field: str, value: str, words: str
) -> None:
    clinician = str(pages.site.clinician)
    await pages.sign_in("ade")
    form = ENROL | {field: clinician if (field, value) == ("key_worker", "3") else value}
    answer = await pages.post("/service/people/new", form)
    assert answer.status == 422
    assert words in await text_of(answer)
    assert pages.ask("SELECT count(*) FROM person WHERE label = 'P-100'") == [(0,)]
    assert changes(pages) == []


async def test_a_look_at_somebody_is_written_down_and_they_can_read_it(pages: Pages) -> None:
    await pages.sign_in("ade")
    await pages.text(f"/service/people/{pages.site.sam}")
    await pages.sign_in("sam")
    assert "looked at your device and at what you agreed to" in await pages.text("/me/who-looked")


async def test_the_list_of_people_holds_no_names(pages: Pages) -> None:
    await pages.sign_in("ade")
    page = await pages.text("/service/people")
    assert "p-sam" in page
    assert "Robin" not in page


async def code_for(pages: Pages, person_id: int) -> str:
    answer = await pages.post(f"/service/people/{person_id}/device/pair")
    assert answer.status == 200
    found = re.search(r"<strong>([A-Z]{4}-[A-Z]{4})</strong>", await answer.text())
    assert found is not None
    return found[1]


async def try_code(pages: Pages, code: str) -> ClientResponse:
    # A device sends no cookie and no word about where it comes from.
    return await pages.client.post("/pair", json={"code": code})


async def test_a_code_pairs_a_device_once_and_the_secret_is_kept_by_nobody(
    pages_with_broker: Pages,
) -> None:
    pages = pages_with_broker
    await pages.sign_in("ade")
    answer = await pages.post("/service/people/new", ENROL)
    person_id = int(answer.headers["Location"].rsplit("/", 1)[1])
    code = await code_for(pages, person_id)
    paired = await try_code(pages, code.lower())
    assert paired.status == 200
    told = await paired.json()
    assert told["device"] == "band-p-100"
    assert told["broker"] == "mqtts://devices.example:8883"
    assert set(told) == {"device", "shard", "secret", "broker"}
    again = await try_code(pages, code)
    assert again.status == 403
    [(stored,)] = pages.ask("SELECT code_hash FROM pairing_code")
    assert isinstance(stored, bytes)
    assert code.replace("-", "").encode() not in stored
    assert pages.ask("SELECT count(*) FROM device_credential") == [(1,)]
    assert told["secret"] not in str(pages.ask("SELECT * FROM device_credential"))
    assert changes(pages) == ["device_pairing_started", "person_enrolled"]


async def test_a_newer_code_ends_the_one_before_and_a_code_ends_by_itself(
    pages_with_broker: Pages,
) -> None:
    pages = pages_with_broker
    await pages.sign_in("ade")
    first = await code_for(pages, pages.site.sam)
    second = await code_for(pages, pages.site.sam)
    assert (await try_code(pages, first)).status == 403
    pages.clock[0] = NOW + timedelta(minutes=15)
    assert (await try_code(pages, second)).status == 403
    pages.clock[0] = NOW + timedelta(minutes=14)
    assert (await try_code(pages, second)).status == 200


async def test_guessing_codes_gets_slower_and_every_no_is_the_same(
    pages_with_broker: Pages,
) -> None:
    pages = pages_with_broker
    answers = [await try_code(pages, guess) for guess in ("BCDFGHJK", "zz", "", "MMMMMMMM")]
    assert [one.status for one in answers] == [403] * 4
    assert len({await one.text() for one in answers}) == 1
    slowed = await try_code(pages, "BCDFGHJK")
    assert slowed.status == 429
    assert int(slowed.headers["Retry-After"]) >= 1


async def test_pairing_takes_json_and_nothing_that_a_form_could_send(pages: Pages) -> None:
    answer = await pages.client.post("/pair", data={"code": "BCDFGHJK"})
    assert answer.status == 415
    # Without the address of a broker nothing is paired.
    assert (await try_code(pages, "BCDFGHJK")).status == 503


async def test_a_device_is_given_back_and_its_next_wearer_gets_nothing_of_the_first(
    pages: Pages,
) -> None:
    await pages.sign_in("ade")
    sam = f"/service/people/{pages.site.sam}"
    assert (await pages.post(sam + "/device/end", {"how": "returned"})).status == 303
    rows = pages.ask(
        "SELECT revoked_at, valid_until IS NOT NULL FROM device JOIN device_assignment"
        f" USING (device_id) WHERE person_id = {pages.site.sam}"
    )
    assert rows == [(None, True)]
    assert pages.ask("SELECT count(*) FROM device_credential") == [(0,)]
    # The same device by another road: whoever wears it next begins now.
    pages.clock[0] = NOW + timedelta(minutes=10)
    answer = await pages.post("/service/people/new", ENROL)
    mo = int(answer.headers["Location"].rsplit("/", 1)[1])
    async with await connect(pages.url, Role.ENROL, "test") as connection:
        await enrol_device(connection, "d-sam", mo, pages.clock[0], model="unknown")
    [(begins,)] = pages.ask(f"SELECT valid_from FROM device_assignment WHERE person_id = {mo}")
    assert begins == NOW + timedelta(minutes=10)


async def test_a_band_that_is_paired_again_under_another_name_begins_with_its_new_wearer(
    pages_with_broker: Pages,
) -> None:
    pages = pages_with_broker
    await pages.sign_in("ade")
    await pages.post(f"/service/people/{pages.site.sam}/device/end", {"how": "returned"})
    pages.clock[0] = NOW + timedelta(minutes=10)
    answer = await pages.post("/service/people/new", ENROL)
    mo = int(answer.headers["Location"].rsplit("/", 1)[1])
    paired = await (await try_code(pages, await code_for(pages, mo))).json()
    assert paired["device"] == "band-p-100"
    # The band still holds what Sam's days left in it, and may send that as Mo's device.
    [(begins,)] = pages.ask(f"SELECT valid_from FROM device_assignment WHERE person_id = {mo}")
    assert begins == NOW + timedelta(minutes=10)


async def test_a_lost_device_is_revoked_and_the_next_one_gets_another_name(pages: Pages) -> None:
    await pages.sign_in("ade")
    answer = await pages.post("/service/people/new", ENROL)
    here = answer.headers["Location"]
    await pages.post(here + "/device/pair")
    assert (await pages.post(here + "/device/end", {"how": "lost"})).status == 303
    await pages.post(here + "/device/pair")
    names = pages.ask("SELECT name, revoked_at IS NULL FROM device WHERE name LIKE 'band-p-100%'")
    assert sorted(names) == [("band-p-100", False), ("band-p-100-2", True)]
    answer = await pages.post(here + "/device/end", {"how": "eaten"})
    assert answer.status == 422


async def test_a_secret_by_hand_is_shown_once_and_ends_a_waiting_code(
    pages_with_broker: Pages,
) -> None:
    pages = pages_with_broker
    await pages.sign_in("ade")
    code = await code_for(pages, pages.site.sam)
    answer = await pages.post(f"/service/people/{pages.site.sam}/device/secret")
    assert answer.status == 200
    assert answer.headers["Cache-Control"] == "no-store"
    assert "shown once" in await text_of(answer)
    assert (await try_code(pages, code)).status == 403


async def test_a_no_ends_what_the_device_may_send_and_no_other_is_paired(pages: Pages) -> None:
    await pages.sign_in("ade")
    await with_text(pages)
    sam = f"/service/people/{pages.site.sam}"
    assert "d-sam" in await pages.text(sam)
    said = {"said_by": "young_person", "decision": "withdrawn", "decided_on": "2026-11-22"}
    assert (await pages.post(sam + "/agreement", said)).status == 303
    assert "Given back" in await pages.text(sam)
    answer = await pages.post(sam + "/device/pair")
    assert answer.status == 409
    assert "no agreement that allows it" in await text_of(answer)
    assert changes(pages) == ["agreement_recorded", "device_taken_back", "text_set"]


async def test_an_agreement_is_written_down_asked_again_and_listed(pages: Pages) -> None:
    await pages.sign_in("ade")
    sam = f"/service/people/{pages.site.sam}"
    said = {"said_by": "young_person", "decision": "agreed", "decided_on": "2026-11-20"}
    answer = await pages.post(sam + "/agreement", said)
    assert answer.status == 409
    assert "no text yet" in await text_of(answer)
    await with_text(pages)
    basis = {
        "basis": "public_task",
        "nation": "england",
        "explanation": "Section 17.",
        "review_on": "2027-11-01",
    }
    assert (await pages.post("/service/agreements/basis", basis)).status == 303
    assert "Nobody has agreed" in await pages.text("/service/agreements")
    await pages.post(sam + "/agreement", said)
    assert "The month of birth is missing" in await pages.text(sam)
    await pages.post(sam + "/birth-month", {"birth_month": "5", "birth_year": "2012"})
    assert "A parent has to agree too" in await pages.text(sam)
    judged = {
        "outcome": "can_decide",
        "judged_by": str(pages.site.practitioner),
        "judged_on": "2026-11-20",
        "review_on": "2027-05-01",
    }
    assert (await pages.post(sam + "/competence", judged)).status == 303
    page = await pages.text(sam)
    assert "Agreed." in page
    assert "Jo Virtual" in page
    await pages.post("/service/agreements/text", {"body": "Another text."})
    assert "Agreed to an earlier text. Ask again" in await pages.text("/service/agreements")
    assert pages.ask("SELECT count(*) FROM agreement_text") == [(2,)]


@pytest.mark.parametrize(
    ("path", "form", "status"),
    [
        ("agreement", {"said_by": "aunt", "decision": "agreed", "decided_on": "2026-11-20"}, 422),
        ("agreement", {"said_by": "parent", "decision": "agreed", "decided_on": "2026-12-24"}, 422),
        ("competence", {"outcome": "can_decide", "judged_by": "1"}, 422),
        (
            "competence",
            {
                "outcome": "can_decide",
                "judged_by": "999",
                "judged_on": "2026-11-20",
                "review_on": "2027-05-01",
            },
            409,
        ),
        ("birth-month", {"birth_month": "5", "birth_year": "2031"}, 422),
        ("key-worker", {"staff": "1", "first_day": "2026-11-01"}, 422),
        ("key-worker", {"staff": "999"}, 409),
        ("clinician", {"staff": "", "first_day": ""}, 422),
        ("clinician", {"staff": "2", "first_day": "2026-12-02", "last_day": "2026-12-01"}, 422),
    ],
)
async def test_what_makes_no_sense_about_somebody_is_refused_in_words(
    pages: Pages, path: str, form: dict[str, str], status: int
) -> None:
    await pages.sign_in("ade")
    answer = await pages.post(f"/service/people/{pages.site.sam}/{path}", form)
    assert answer.status == status
    assert "Nothing has changed yet" in await text_of(answer)
    assert changes(pages) == []


async def test_collecting_without_an_agreement_is_said_and_the_setting_decides(
    pages_that_need_agreement: Pages,
) -> None:
    pages = pages_that_need_agreement
    await pages.sign_in("ade")
    for path in ("/service/people", "/service/agreements"):
        assert "without a valid agreement" in await pages.text(path)
    assert "without a valid agreement" in await pages.text(f"/service/people/{pages.site.sam}")
    answer = await pages.post(f"/service/people/{pages.site.sam}/device/pair")
    assert answer.status == 409


async def test_a_key_worker_changes_on_a_day_and_nobody_is_without_one(pages: Pages) -> None:
    await pages.sign_in("ade")
    sam = f"/service/people/{pages.site.sam}"
    form = {"staff": str(pages.site.stranger), "first_day": "2026-12-01"}
    assert (await pages.post(sam + "/key-worker", form)).status == 303
    rows = pages.ask(
        "SELECT staff_id, valid_from, valid_until FROM assignment"
        f" WHERE person_id = {pages.site.sam} AND kind = 'key_worker' ORDER BY valid_from"
    )
    assert rows[0][2] == rows[1][1]
    assert (rows[0][0], rows[1][0]) == (pages.site.practitioner, pages.site.stranger)
    again = await pages.post(sam + "/key-worker", {"staff": "1", "first_day": "2026-11-25"})
    assert again.status == 409
    assert "planned for a later day" in await text_of(again)


async def test_a_clinician_is_assigned_for_days_and_not_against_their_wish(pages: Pages) -> None:
    await pages.sign_in("ade")
    answer = await pages.post("/service/people/new", ENROL)
    here = answer.headers["Location"]
    form = {
        "staff": str(pages.site.clinician),
        "first_day": "2026-11-22",
        "last_day": "2026-11-30",
    }
    assert (await pages.post(here + "/sharing", {})).status == 303
    refused = await pages.post(here + "/clinician", form)
    assert refused.status == 409
    assert "do not share with a clinician" in await text_of(refused)
    await pages.post(here + "/sharing", {"clinician": "yes"})
    assert (await pages.post(here + "/clinician", form)).status == 303
    assert (await pages.post(here + "/clinician", form)).status == 409
    [(number, until)] = pages.ask(
        "SELECT assignment_id, valid_until::text FROM assignment WHERE kind = 'clinician'"
        f" AND person_id = {here.rsplit('/', 1)[1]}"
    )
    assert str(until).startswith("2026-12-01")
    pages.clock[0] = NOW + timedelta(hours=1)
    await pages.sign_in("ade")
    assert (await pages.post(f"{here}/assignments/{number}/end")).status == 303
    assert (await pages.post(f"{here}/assignments/{number}/end")).status == 409


async def test_every_change_is_shown_with_who_and_when(pages: Pages) -> None:
    await pages.sign_in("ade")
    await pages.post("/service/people/new", ENROL)
    page = await pages.text("/service/changes")
    assert "Ade Virtual" in page
    assert "enrolled a young person: P-100" in page


async def test_how_long_things_are_kept_is_shown_with_the_last_run(pages: Pages) -> None:
    await pages.sign_in("ade")
    assert "It has not run yet" in await pages.text("/service/retention")
    pages.write(
        "CREATE TABLE IF NOT EXISTS retention_run (retention_run_id bigint GENERATED ALWAYS AS"
        " IDENTITY, at timestamptz, class text, before timestamptz, gone jsonb,"
        " people_on_hold integer, seconds real)"
    )
    pages.write("GRANT SELECT ON retention_run TO tidewell_enrol")
    for hour, gone in ((1, 7), (2, 5)):
        pages.write(
            "INSERT INTO retention_run (at, class, before, gone, people_on_hold, seconds)"
            " VALUES (%s, 'readings', %s, %s, 1, 0.5)",
            NOW.replace(hour=hour),
            NOW - timedelta(days=90),
            f'{{"reading": {gone}}}',
        )
    page = await pages.text("/service/retention")
    assert "5 rows went; 1 person on hold left out" in page
    assert "7 rows" not in page
