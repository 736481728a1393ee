"""The record of a person on a real database: who writes, who reads, nothing overwritten."""

from __future__ import annotations

from datetime import timedelta

import pytest

from portal.record.contacts import CONTACTS_A_DAY_MOST
from tests.integration.test_portal_pages import NOW, Pages
from tests.integration.test_portal_pages import pages as pages  # noqa: PLC0414 -- the fixture

COLUMNS = {"worried": "Not sleeping", "working_well": "Football", "needs": "School", "scale": "6"}


def of_sam(pages: Pages, path: str) -> str:
    return f"/people/{pages.site.sam}/{path}"


async def test_a_contact_takes_one_form_and_stands_in_the_timeline(pages: Pages) -> None:
    await pages.sign_in("jo")
    answer = await pages.post(of_sam(pages, "contacts"), {"kind": "spoke", "note": "Is better."})
    assert answer.status == 303
    text = await pages.text(answer.headers["Location"])
    assert "Written down: you spoke to them." in text
    assert "Jo Virtual spoke to Sam" in text
    assert "Is better." in text


async def test_the_same_tap_twice_is_one_contact_and_later_it_is_another(pages: Pages) -> None:
    await pages.sign_in("jo")
    for seconds in (0, 3, 90):
        pages.clock[0] = NOW + timedelta(seconds=seconds)
        await pages.post(of_sam(pages, "contacts"), {"kind": "tried"})
    assert pages.ask("SELECT count(*) FROM contact_log") == [(2,)]


async def test_a_contact_that_cannot_be_kept_keeps_what_was_typed(pages: Pages) -> None:
    await pages.sign_in("jo")
    answer = await pages.post(
        of_sam(pages, "contacts"), {"kind": "spoke", "note": "Is better.", "day": "2026-11-23"}
    )
    assert answer.status == 422
    text = await answer.text()
    assert "It is not written down yet" in text
    assert "up to 90 days ago" in text
    assert "Is better." in text
    assert pages.ask("SELECT count(*) FROM contact_log") == [(0,)]


async def test_a_day_has_a_limited_number_of_contacts(pages: Pages) -> None:
    await pages.sign_in("jo")
    for number in range(CONTACTS_A_DAY_MOST):
        pages.write(
            "INSERT INTO contact_log (person_id, staff_id, kind, at, note, written_at)"
            " VALUES (%s, %s, 'spoke', %s, %s, %s)",
            pages.site.sam,
            pages.site.practitioner,
            NOW,
            str(number),
            NOW,
        )
    assert (await pages.post(of_sam(pages, "contacts"), {"kind": "spoke"})).status == 422
    pages.clock[0] = NOW + timedelta(hours=25)
    await pages.sign_in("jo")
    assert (await pages.post(of_sam(pages, "contacts"), {"kind": "spoke"})).status == 303


async def test_what_was_written_is_put_right_by_another_line(pages: Pages) -> None:
    await pages.sign_in("jo")
    await pages.post(of_sam(pages, "contacts"), {"kind": "visited", "note": "On Monday."})
    [(contact_id,)] = pages.ask("SELECT contact_id FROM contact_log")
    path = of_sam(pages, f"timeline/correct?contact={contact_id}")
    assert "What was written stays" in await pages.text(path)
    right = {"contact": str(contact_id), "alert": "", "note": "It was Tuesday."}
    assert (
        await pages.post(of_sam(pages, "timeline/correct"), {**right, "note": ""})
    ).status == 422
    assert (await pages.post(of_sam(pages, "timeline/correct"), right)).status == 303
    await pages.post(of_sam(pages, "timeline/correct"), right)
    text = await pages.text(of_sam(pages, "timeline"))
    assert text.index("On Monday.") < text.index("It was Tuesday.")
    assert text.count("It was Tuesday.") == 1
    assert pages.ask("SELECT count(*) FROM contact_log") == [(2,)]


async def test_nothing_of_somebody_else_is_put_right(pages: Pages) -> None:
    await pages.sign_in("jo")
    await pages.post(f"/people/{pages.site.robin}/contacts", {"kind": "spoke"})
    [(contact_id,)] = pages.ask("SELECT contact_id FROM contact_log")
    wrong = {"contact": str(contact_id), "alert": "", "note": "No."}
    assert (await pages.post(of_sam(pages, "timeline/correct"), wrong)).status == 404
    for query in ("", "?contact=0", f"?contact={contact_id}", "?alert=q7K2Qtest", "?contact=x"):
        answer = await pages.client.get(of_sam(pages, "timeline/correct" + query))
        assert answer.status == 404, query


async def test_closing_keeps_three_columns_that_nobody_types_again(pages: Pages) -> None:
    await pages.sign_in("jo")
    await pages.post("/a/q7K2Qtest/accept")
    pages.fold_in()
    closing = {"outcome": "all_fine", "note": "Had a cold.", **COLUMNS}
    assert (await pages.post("/a/q7K2Qtest/close", closing)).status == 303
    pages.fold_in()
    found = pages.ask("SELECT alert_id, worried, working_well, needs, scale FROM support_note")
    assert found == [(pages.site.alert_id, "Not sleeping", "Football", "School", 6)]
    form = await pages.text(of_sam(pages, "three-columns"))
    assert form.count("Not sleeping") == 2
    assert "Last time: 6" in form
    for path in ("/a/q7K2Qtest", "/a/q7K2Qtest/hand-over", of_sam(pages, "timeline")):
        assert "Not sleeping" in await pages.text(path), path
    record = await pages.text(of_sam(pages, "timeline"))
    assert "Closed by Jo Virtual: checked in, all fine" in record
    assert "Had a cold." in record
    path = of_sam(pages, "timeline/correct?alert=q7K2Qtest")
    assert "Put it right" in await pages.text(path)


async def test_a_mistake_in_closing_costs_no_column(pages: Pages) -> None:
    await pages.sign_in("jo")
    await pages.post("/a/q7K2Qtest/accept")
    pages.fold_in()
    answer = await pages.post("/a/q7K2Qtest/close", {**COLUMNS, "scale": "11"})
    assert answer.status == 422
    text = await answer.text()
    assert "Choose what you found" in text
    assert "Choose a number from 0 to 10" in text
    assert "Football" in text
    assert pages.ask("SELECT count(*) FROM support_note") == [(0,)]


async def test_each_version_is_kept_and_the_same_words_are_no_version(pages: Pages) -> None:
    await pages.sign_in("jo")
    path = of_sam(pages, "three-columns")
    for change in ({}, {"scale": ""}, {"scale": "7"}, {"worried": "Nothing now"}):
        assert (await pages.post(path, {**COLUMNS, **change})).status == 303
    found = pages.ask("SELECT worried, scale FROM support_note ORDER BY support_note_id")
    assert found == [("Not sleeping", 6), ("Not sleeping", 7), ("Nothing now", 6)]
    assert (await pages.post(path, dict.fromkeys(COLUMNS, ""))).status == 422
    text = await pages.text(path)
    assert text.index("Nothing now") < text.index("Earlier") < text.index("Not sleeping")


async def test_a_contact_after_the_alert_is_context_on_it(pages: Pages) -> None:
    await pages.sign_in("jo")
    assert "Jo Virtual spoke to Sam" not in await pages.text("/a/q7K2Qtest")
    await pages.post(of_sam(pages, "contacts"), {"kind": "spoke"})
    assert "Jo Virtual spoke to Sam, today at 14:02." in await pages.text("/a/q7K2Qtest")


async def test_the_filter_and_the_window_are_links(pages: Pages) -> None:
    await pages.sign_in("jo")
    await pages.post(of_sam(pages, "contacts"), {"kind": "spoke"})
    only = await pages.text(of_sam(pages, "timeline?show=contacts"))
    assert "Jo Virtual spoke to Sam" in only
    assert "alert raised" not in only
    before = await pages.text(of_sam(pages, "timeline?until=2026-08-01"))
    assert "Nothing is written down for this time." in before
    assert "alert raised" in await pages.text(of_sam(pages, "timeline?until=nonsense&show=x"))


@pytest.mark.parametrize("path", ["timeline", "three-columns", "timeline/correct?contact=1"])
async def test_somebody_who_is_not_assigned_reaches_no_record(pages: Pages, path: str) -> None:
    await pages.sign_in("pat")
    assert (await pages.client.get(of_sam(pages, path))).status == 404
    for form in ("contacts", "three-columns"):
        fields = {"kind": "spoke", **COLUMNS}
        assert (await pages.post(of_sam(pages, form), fields)).status == 404
    counts = "SELECT (SELECT count(*) FROM contact_log) + (SELECT count(*) FROM support_note)"
    assert pages.ask(counts) == [(0,)]


async def test_looking_at_the_record_is_told_to_the_young_person(pages: Pages) -> None:
    await pages.sign_in("kim")
    await pages.text(of_sam(pages, "timeline"))
    await pages.sign_in("sam")
    assert "looked at what is written down" in await pages.text("/me/who-looked")


@pytest.mark.parametrize("table", ["contact_log", "support_note"])
async def test_the_pages_can_add_to_the_record_and_change_nothing(pages: Pages, table: str) -> None:
    rights = {"SELECT": True, "INSERT": True, "UPDATE": False, "DELETE": False, "TRUNCATE": False}
    for right, expected in rights.items():
        query = f"SELECT has_table_privilege('tidewell_portal', '{table}', '{right}')"
        assert pages.ask(query) == [(expected,)], right


async def test_the_list_finds_names_and_leads_to_a_worry_in_one_tap(pages: Pages) -> None:
    await pages.sign_in("jo")
    text = await pages.text("/alerts")
    assert "Find by name" not in text
    for person_id in (pages.site.sam, pages.site.robin, pages.site.alex):
        assert f'href="/people/{person_id}/worry"' in text
        assert f'href="/people/{person_id}"' in text
    only = await pages.text("/alerts?find=ROB")
    assert "Robin" in only
    assert "Alex" not in only
    assert "Nobody of yours" in await pages.text("/alerts?find=%3Cb%3E")
    for number in range(12):
        pages.write(
            "INSERT INTO person (label, shard, timezone, reading_level, created_at)"
            " VALUES (%s, 3, 'Europe/London', '12-15', %s)",
            f"p-{number}",
            NOW,
        )
    pages.write(
        "INSERT INTO assignment (staff_id, person_id, kind, valid_from)"
        " SELECT %s, person_id, 'key_worker', %s FROM person WHERE label ~ '^p-[0-9]'",
        pages.site.practitioner,
        NOW - timedelta(days=1),
    )
    assert "Find by name" in await pages.text("/alerts")
