"""What administrators change: in the sealed log of a real database, and on their audit page."""

from __future__ import annotations

from typing import Final

import psycopg
import pytest

from tests.conftest import with_name
from tests.integration.test_admin_pages import with_text
from tests.integration.test_portal_pages import NOW, Pages, pages
from tidewell.commands.audit import verified
from tidewell.schema import migrate

__all__ = ["pages"]


async def change_things(pages: Pages) -> None:
    """Change who works with Sam, what was agreed, and something about nobody young."""
    here = f"/service/people/{pages.site.sam}"
    await pages.sign_in("ade")
    await with_text(pages)
    worker = {"staff": str(pages.site.stranger), "first_day": ""}
    assert (await pages.post(here + "/key-worker", worker)).status == 303
    said = {"said_by": "young_person", "decision": "agreed", "decided_on": "2026-11-22"}
    assert (await pages.post(here + "/agreement", said)).status == 303


async def test_each_change_is_an_entry_in_the_name_of_whoever_made_it(pages: Pages) -> None:
    await change_things(pages)
    entries = pages.ask(
        "SELECT looked_at, person_id, staff.display_name, length(content_hash)"
        " FROM access_log JOIN staff USING (staff_id) WHERE admin_change_id IS NOT NULL"
        " ORDER BY access_id"
    )
    sam, ade = pages.site.sam, "Ade Virtual"
    assert entries == [
        ("changed", None, ade, 32),
        ("changed_workers", sam, ade, 32),
        ("changed_agreement", sam, ade, 32),
    ]
    await pages.sign_in("sam")
    text = await pages.text("/me/who-looked")
    assert "Ade Virtual (administrator) changed who works with you" in text
    assert "Ade Virtual (administrator) wrote down what you agreed to" in text


async def test_the_audit_page_shows_who_may_see_whom_since_when_and_counts_no_change_as_a_look(
    pages: Pages,
) -> None:
    await change_things(pages)
    text = await pages.text("/service/audit")
    assert "changed a key worker: p-sam, Pat Virtual: from today" in text
    assert "wrote down what was agreed: p-sam" in text
    assert "set the text of the agreement" not in text, "that is on the page of all changes"
    lines = (await (await pages.client.get("/service/audit.csv")).text()).splitlines()
    looks = pages.ask("SELECT count(*)::text FROM access_log WHERE looked_at = 'enrolment'")
    assert [line.split(",")[3] for line in lines[1:] if "p-sam" in line] in ([], [looks[0][0]])


TAMPERED: Final = {
    "another key worker": (
        "UPDATE admin_change SET about_staff_id = 1 WHERE kind = 'key_worker_changed'",
        "what entry {changed_workers} is about was changed",
    ),
    "agreed instead of declined": (
        "UPDATE admin_change SET detail = 'x' WHERE kind = 'agreement_recorded'",
        "what entry {changed_agreement} is about was changed",
    ),
    "taken out": (
        "DELETE FROM admin_change WHERE kind = 'key_worker_changed'",
        "what entry {changed_workers} is about is gone",
    ),
    "put in": (
        "INSERT INTO admin_change (at, staff_id, kind) VALUES ('2026-01-01', 1, 'staff_changed')",
        "change 4 has no entry",
    ),
}


@pytest.mark.parametrize("how", TAMPERED)
async def test_whatever_the_owner_does_to_a_change_is_found(pages: Pages, how: str) -> None:
    await change_things(pages)
    pages.write("SELECT seal_looks(1000)")
    followed, _ = await verified(pages.url, None)
    assert followed.problem == ""
    numbers = {
        str(what): number
        for what, number in pages.ask("SELECT looked_at, max(access_id) FROM access_log GROUP BY 1")
    }
    statement, problem = TAMPERED[how]
    with psycopg.connect(pages.url) as owner:
        owner.execute("SET LOCAL session_replication_role = replica")
        owner.execute(statement.encode())
    followed, _ = await verified(pages.url, None)
    assert followed.problem == problem.format(**numbers)


async def test_a_change_is_written_once(pages: Pages) -> None:
    await change_things(pages)
    with pytest.raises(psycopg.errors.InsufficientPrivilege, match="written once"):
        pages.write("UPDATE admin_change SET detail = ''")


async def test_what_was_changed_about_an_erased_person_may_be_gone(pages: Pages) -> None:
    await change_things(pages)
    pages.write("SELECT seal_looks(1000)")
    pages.write("DELETE FROM admin_change WHERE person_id = %s", pages.site.sam)
    assert (await verified(pages.url, None))[0].problem != ""
    pages.write(
        "INSERT INTO erasure (person_id, shard, label_hash, device_ids, device_name_hashes, reason,"
        " done_by, begun_at) VALUES (%s, 3, 'x', '{}', '{}', 'asked for it', 'the office', %s)",
        *(pages.site.sam, NOW),
    )
    assert (await verified(pages.url, None))[0].problem == ""


async def test_changes_from_before_are_sealed_by_the_migration(database_url: str) -> None:
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute("CREATE DATABASE older_changes")
        older = with_name(database_url, "older_changes")
        try:
            await migrate(older, "plain", last=30)
            with psycopg.connect(older, autocommit=True) as owner:
                owner.execute(
                    "INSERT INTO staff (role, display_name, created_at) VALUES ('admin', 'A', %s)",
                    (NOW,),
                )
                for kind in ("key_worker_changed", "staff_changed"):
                    owner.execute(
                        "INSERT INTO admin_change (at, staff_id, kind, detail)"
                        " VALUES (%s, 1, %s, 'é|x')",
                        (NOW, kind),
                    )
            await migrate(older, "plain")
            followed, waiting = await verified(older, None)
            assert (followed.problem, followed.head.number, waiting) == ("", 2, 0)
        finally:
            connection.execute("DROP DATABASE older_changes WITH (FORCE)")
