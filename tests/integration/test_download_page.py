"""What young people take with them from their own page, on the real pages and a real database."""

from __future__ import annotations

import asyncio
import io
import json
import re
import zipfile
from datetime import timedelta

import pytest

from portal.download_pages import AT_ONCE_MOST, DOWNLOADS
from tests.integration.test_portal_pages import Pages, pages
from tidewell.database import connect
from tidewell.lawful.exporting import FOR_THEMSELVES, export_of
from tidewell.lawful.tables import Copy, tables, tables_in
from tidewell.viewing import look_as

__all__ = ["pages"]


async def downloaded(pages: Pages) -> zipfile.ZipFile:
    answer = await pages.post("/me/download")
    assert answer.status == 200
    assert answer.content_type == "application/zip"
    return zipfile.ZipFile(io.BytesIO(await answer.read()))


def parsed(archive: zipfile.ZipFile) -> dict[str, list[dict[str, object]]]:
    return {
        name: json.loads(archive.read(f"json/{name}.json")) for name in tables_in(FOR_THEMSELVES)
    }


async def test_the_copy_holds_what_the_owner_of_the_database_sees_about_them(pages: Pages) -> None:
    await pages.sign_in("sam")
    mine = parsed(await downloaded(pages))
    async with await connect(pages.url, None, "tests") as connection:
        await look_as(connection, None, pages.site.sam, pages.clock[0])
        parts = export_of(connection, pages.site.sam, FOR_THEMSELVES, pages.clock[0])
        whole = parsed(zipfile.ZipFile(io.BytesIO(b"".join([part async for part in parts]))))
    assert mine == whole
    assert all(mine[name] for name in ("reading", "daily_feature", "episode", "identity"))
    assert mine["identity"] == [
        {"person_id": pages.site.sam, "preferred_name": "Sam", "birth_month": None}
    ]


async def test_the_copy_is_of_whoever_is_signed_in_and_of_nobody_else(pages: Pages) -> None:
    await pages.sign_in("sam")
    mine = parsed(await downloaded(pages))
    for name, rows in mine.items():
        assert {row["person_id"] for row in rows if "person_id" in row} <= {pages.site.sam}, name
    assert "password_hash" not in str(mine)
    assert "token_hash" not in str(mine)


async def test_what_was_refused_is_theirs_only_where_it_is_from_their_time(pages: Pages) -> None:
    handed_on, sam = pages.clock[0] - timedelta(days=3), pages.site.sam
    pages.write("UPDATE device_assignment SET valid_from = %s WHERE person_id = %s", handed_on, sam)
    begins_ms = int(handed_on.timestamp() * 1000)
    mine = f'{{"boot": 1, "seq": 2, "start": {begins_ms}, "heart_rate": [81]}}'
    for place, payload in enumerate(
        (
            f'{{"boot": 1, "seq": 1, "start": {begins_ms - 60_000}, "heart_rate": [187]}}',
            '{"boot": 1, "heart_rate": [187',
            mine,
        )
    ):
        pages.write(
            "INSERT INTO dead_letter (received_at, topic, device_id, reason, detail, whole_frame,"
            " payload, payload_bytes, payload_hash) SELECT %s, 'tidewell/v1/1/x/frame', device_id,"
            " 'wrong_shard', '', true, %s, 1, %s FROM device_assignment WHERE person_id = %s",
            pages.clock[0] + timedelta(seconds=place),
            payload.encode(),
            bytes([place]),
            sam,
        )
    await pages.sign_in("sam")
    letters = parsed(await downloaded(pages))["dead_letter"]
    # The band came from somebody else, who may not have sent everything before it was handed on.
    assert [row["payload"] for row in letters] == [None, None, mine]


async def test_staff_cannot_take_it(pages: Pages) -> None:
    await pages.sign_in("jo")
    assert (await pages.post("/me/download")).status == 404


async def test_that_it_was_taken_is_written_down_and_shown(pages: Pages) -> None:
    await pages.sign_in("sam")
    await downloaded(pages)
    query = f"SELECT looked_at, staff_id FROM access_log WHERE person_id = {pages.site.sam}"
    assert ("download", None) in pages.ask(query)
    pages.clock[0] += timedelta(minutes=1)
    shown = " ".join(re.sub("<[^>]+>", " ", await pages.text("/me/who-looked")).split())
    assert "You took a copy of everything" in shown


async def test_while_others_download_somebody_is_asked_to_wait(pages: Pages) -> None:
    await pages.sign_in("sam")
    places: asyncio.Semaphore = pages.client.app[DOWNLOADS]
    for _ in range(AT_ONCE_MOST):
        await places.acquire()
    answer = await pages.post("/me/download")
    assert answer.status == 503
    assert "There is a problem" not in await answer.text()
    assert "try again in a minute" in await answer.text()
    places.release()
    await downloaded(pages)


async def test_a_copy_that_cannot_be_finished_is_no_whole_one(
    pages: Pages, monkeypatch: pytest.MonkeyPatch
) -> None:
    await pages.sign_in("sam")

    def broken(*_: object) -> str:
        raise RuntimeError("broken on purpose")

    monkeypatch.setattr("tidewell.lawful.exporting.readme", broken)
    with pytest.raises(Exception, match=r"."):
        await (await pages.post("/me/download")).read()


async def test_the_page_in_the_copy_names_what_is_in_it_and_what_is_not(pages: Pages) -> None:
    await pages.sign_in("sam")
    text = " ".join((await downloaded(pages)).read("README.txt").decode().split())
    for name, table in tables().items():
        if name in tables_in(FOR_THEMSELVES):
            assert f"{name} (" in text
        elif name in tables_in(frozenset({Copy.CHECKED})) or table.copy_why:
            assert f"- {table.about}: " in text
    assert text.startswith("What Tidewell keeps about you This copy was made on ")


async def test_a_text_that_a_spreadsheet_would_reckon_with_is_made_plain(pages: Pages) -> None:
    pages.write(
        "INSERT INTO context_note (person_id, kind, first_day, last_day, own_words, created_at)"
        " VALUES (%s, 'ill', '2026-01-01', '2026-01-02', %s, %s)",
        pages.site.sam,
        "=HYPERLINK(1)",
        pages.clock[0],
    )
    await pages.sign_in("sam")
    archive = await downloaded(pages)
    assert "'=HYPERLINK(1)" in archive.read("csv/context_note.csv").decode()
    assert "=HYPERLINK(1)" in {row["own_words"] for row in parsed(archive)["context_note"]}


async def test_a_long_history_is_sent_in_small_parts(pages: Pages) -> None:
    pages.write(
        "INSERT INTO reading"
        " (person_id, time, device_id, period_s, boot, seq, received_at, heart_rate)"
        " SELECT %s, timestamptz '2025-01-01' + make_interval(mins => n), 99, 60, 1, n,"
        " '2025-06-01', n %% 90 + 50 FROM generate_series(1, 50000) AS n",
        pages.site.sam,
    )
    async with await connect(pages.url, None, "tests") as connection:
        await look_as(connection, None, pages.site.sam, pages.clock[0])
        parts = export_of(connection, pages.site.sam, FOR_THEMSELVES, pages.clock[0])
        sizes = [len(part) async for part in parts]
    assert max(sizes) < 200_000 < sum(sizes)
