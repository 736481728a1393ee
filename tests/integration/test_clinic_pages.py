"""The clinician's desk on a real database: who sees it, what is written down, what it says."""

from __future__ import annotations

import csv
import io
import json
from collections import defaultdict
from contextlib import closing
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
import pytest

from portal.clinic.explorer_pages import _QUERIES
from tests.browser.virtual_site import SiteWriter
from tests.integration.test_portal_pages import NOW, Pages, pages

__all__ = ["pages"]  # a fixture that pytest finds by its name

ABOUT_A_PERSON = (
    "/explore",
    "/explore/series.json",
    "/explore/table.csv",
    "/rhythm",
    "/weeks",
    "/weeks.csv",
    "/before-after",
)
LOOKS = "SELECT looked_at, count(*)::int FROM access_log GROUP BY 1 ORDER BY 1"


async def series(pages: Pages, query: str = "days=7") -> dict[str, Any]:
    answer = await pages.client.get(f"/people/{pages.site.sam}/explore/series.json?{query}")
    assert answer.status == 200
    found: dict[str, Any] = json.loads(await answer.text())
    return found


async def table(pages: Pages, path: str) -> list[list[str]]:
    answer = await pages.client.get(path)
    assert answer.status == 200
    assert answer.content_type == "text/csv"
    return list(csv.reader(io.StringIO(await answer.text())))


@pytest.mark.parametrize("username", ["jo", "pat", "sam", "ade"])
async def test_only_a_clinician_opens_the_desk(pages: Pages, username: str) -> None:
    await pages.sign_in(username)
    for path in ABOUT_A_PERSON:
        answer = await pages.client.get(f"/people/{pages.site.sam}{path}", allow_redirects=False)
        assert answer.status == 404, path
    answer = await pages.client.get("/people.csv", allow_redirects=False)
    assert answer.status == 404
    assert pages.ask(LOOKS) == []


async def test_a_clinician_who_is_not_assigned_any_more_sees_nothing(pages: Pages) -> None:
    pages.write(
        "UPDATE assignment SET valid_until = %s WHERE staff_id = %s AND person_id = %s",
        NOW - timedelta(minutes=1),
        pages.site.clinician,
        pages.site.sam,
    )
    await pages.sign_in("kim")
    for path in ABOUT_A_PERSON:
        answer = await pages.client.get(f"/people/{pages.site.sam}{path}")
        assert answer.status == 404, path
        assert "Sam" not in await answer.text()
    answer = await pages.post(f"/people/{pages.site.sam}/before-after", {"measure": "steps"})
    assert answer.status == 404
    assert pages.ask(LOOKS) == []
    assert "p-sam" not in str(await table(pages, "/people.csv"))


async def test_the_functions_show_nothing_to_whoever_did_not_say_who_looks(pages: Pages) -> None:
    ask = (
        "SELECT count(*)::int FROM channel_steps_for_staff(%s, %s, %s, %s, %s, '1 hour')",
        "SELECT minutes::int FROM minutes_packed_for_staff(%s, %s, %s, %s, %s, 'heart_rate', 9999)",
        "SELECT count(*)::int FROM channel_for_staff(%s, %s, %s, %s, %s, 'heart_rate')",
    )
    kim, sam = pages.site.clinician, pages.site.sam
    values = (kim, sam, NOW, NOW - timedelta(days=7), NOW)
    with psycopg.connect(pages.url) as connection:
        connection.execute("SET ROLE tidewell_portal")
        for one in ask:
            assert connection.execute(one.encode(), values).fetchone() == (0,)
        connection.execute("SELECT look_as(%s, NULL, %s)", (pages.site.practitioner, NOW))
        for one in ask:
            assert connection.execute(one.encode(), values).fetchone() == (0,)
        connection.execute("SELECT look_as(%s, NULL, %s)", (kim, NOW))
        for one in ask:
            [number] = connection.execute(one.encode(), values).fetchone() or (0,)
            assert number > 0


@pytest.mark.parametrize("role", ["tidewell_ingest", "tidewell_alerts", "tidewell_enrol"])
def test_no_other_process_may_ask_them(database_url: str, role: str) -> None:
    asked = (
        "SELECT * FROM channel_steps_for_staff(1, 1, %(now)s, %(now)s, %(now)s, '1 hour')",
        "SELECT * FROM minutes_packed_for_staff(1, 1, %(now)s, %(now)s, %(now)s, 'steps', 9)",
        "SELECT * FROM channel_for_staff(1, 1, %(now)s, %(now)s, %(now)s, 'steps')",
        "SELECT * FROM people_counted_by_team(%(now)s, %(now)s, 240, 15)",
    )
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute(f"SET ROLE {role}".encode())
        for one in asked:
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                connection.execute(one.encode(), {"now": NOW})


async def test_every_look_is_written_down_and_said_to_the_young_person(pages: Pages) -> None:
    await pages.sign_in("kim")
    for path in ABOUT_A_PERSON:
        assert (await pages.client.get(f"/people/{pages.site.sam}{path}")).status == 200
    assert pages.ask(LOOKS) == [("detail", 3), ("downloaded", 2), ("trends", 2)]
    await table(pages, "/people.csv")
    assert ("downloaded", 5) in pages.ask(LOOKS)
    await pages.sign_in("sam")
    text = await pages.text("/me/who-looked")
    assert "looked closely at your measurements over time" in text
    assert "saved your measurements as a table on their computer" in text


async def test_the_series_equals_a_slow_twin_on_the_raw_minutes(pages: Pages) -> None:
    await pages.sign_in("kim")
    found = await series(pages)
    raw = pages.ask("SELECT time, heart_rate, worn FROM reading WHERE heart_rate IS NOT NULL")
    twin: dict[int, list[float]] = defaultdict(list)
    for time, value, worn in raw:
        assert isinstance(time, datetime)
        assert isinstance(value, float)
        if worn != 0 and time < NOW:
            twin[int((time.timestamp() - found["first"]) // found["step"])].append(value)
    panel = next(one for one in found["panels"] if one["name"] == "heart_rate")
    assert found["count"] == len(panel["middle"]) <= 512
    for place in range(found["count"]):
        values = twin.get(place)
        if values is None:
            assert panel["middle"][place] is None
            continue
        assert panel["low"][place] == pytest.approx(min(values), abs=0.06)
        assert panel["middle"][place] == pytest.approx(sum(values) / len(values), abs=0.06)
        assert panel["high"][place] == pytest.approx(max(values), abs=0.06)


async def test_a_gap_stays_open_and_minutes_off_the_body_are_no_values(pages: Pages) -> None:
    since = NOW.replace(hour=6, minute=0, second=0)
    pages.write("UPDATE reading SET worn = 0 WHERE time >= %s AND time < %s", since, NOW)
    await pages.sign_in("kim")
    found = await series(pages)
    panel = next(one for one in found["panels"] if one["name"] == "heart_rate")
    first_off = int((since.timestamp() - found["first"]) / found["step"])
    assert panel["middle"][first_off - 1] is not None
    assert panel["middle"][first_off:] == [None] * (found["count"] - first_off)
    off = [one for one in found["stretches"] if one[2]]
    assert [one[0] for one in off] == [first_off]
    assert off[0][1] >= found["count"] - 1
    assert [0, False] in [[one[0], one[2]] for one in found["stretches"]]


async def test_what_happened_stands_on_the_axis_with_its_words(pages: Pages) -> None:
    pages.write(
        "INSERT INTO context_note (person_id, kind, first_day, last_day, own_words, created_at)"
        " VALUES (%s, 'exams', '2026-11-18', '2026-11-19', 'maths', %s)",
        pages.site.sam,
        NOW,
    )
    pages.write(
        "INSERT INTO pause (person_id, paused_from, paused_until) VALUES (%s, %s, %s)",
        pages.site.sam,
        NOW - timedelta(days=3),
        NOW - timedelta(days=2),
    )
    pages.write(
        "UPDATE alert SET state = 'closed', closed_at = %s, outcome = 'all_fine'",
        NOW - timedelta(hours=1),
    )
    await pages.sign_in("kim")
    marks = {one["letter"]: one["words"] for one in (await series(pages))["marks"]}
    assert marks == {
        "N": "Note: Exams or tests. “maths”",
        "P": "Paused.",
        "A": "Alert: Body measures (check today).",
        "C": "Contact: Checked in, all fine.",
    }
    text = await pages.text(f"/people/{pages.site.sam}/explore?days=7")
    assert all(words in text for words in marks.values())
    assert (await series(pages, "days=1&until=2026-11-01"))["marks"] == []


async def test_contacts_that_were_written_down_are_marks_and_corrections_are_not(
    pages: Pages,
) -> None:
    add = (
        "INSERT INTO contact_log (person_id, staff_id, kind, at, note, corrects, written_at)"
        " VALUES (%s, %s, %s, %s, %s, (SELECT min(contact_id) FROM contact_log WHERE %s), %s)"
    )
    contacts = (("spoke", 3), ("visited", 2), ("tried", 1), ("correction", 0))
    for kind, days in contacts:
        at, corrects = NOW - timedelta(days=days), kind == "correction"
        who = (pages.site.sam, pages.site.practitioner)
        pages.write(add, *who, kind, at, "private words", corrects, NOW)
    await pages.sign_in("kim")
    found = [one for one in (await series(pages))["marks"] if one["letter"] == "C"]
    assert [one["words"] for one in found] == [
        "Contact: tried to reach them.",
        "Contact: visited them.",
        "Contact: spoke to them.",
    ]
    assert found[1]["at"] == (NOW - timedelta(days=2)).timestamp()
    text = await pages.text(f"/people/{pages.site.sam}/explore?days=7")
    assert "Contact: visited them." in text
    assert "private words" not in text
    assert "Contact: visited them." in await pages.text(f"/people/{pages.site.sam}/before-after")


async def test_without_a_script_there_are_pictures_and_tables(pages: Pages) -> None:
    await pages.sign_in("kim")
    page = f"/people/{pages.site.sam}/explore?days=7"
    answer = await pages.client.get(page)
    assert '<noscript><meta http-equiv="refresh"' in await answer.text()
    text = await pages.text(page + "&plain=1")
    assert "explore.mjs" not in text
    assert 'class="tw-chart__line" d="M' in text
    assert "Heart rate for Sam, newest first" in text
    assert "Usual at night for Sam: 54 to 58." in text


async def test_a_file_has_numbers_and_no_name(pages: Pages) -> None:
    await pages.sign_in("kim")
    lines = await table(pages, f"/people/{pages.site.sam}/explore/table.csv?days=7")
    assert lines[0][:5] == [
        "time",
        "minutes_worn",
        "heart_rate_lowest",
        "heart_rate_average",
        "heart_rate_highest",
    ]
    assert any(line[2] for line in lines[1:])
    assert "Sam" not in str(lines)
    lines = await table(pages, f"/people/{pages.site.sam}/weeks.csv")
    assert {"night_heart_rate", "steps"} <= {line[0] for line in lines}
    assert "Sam" not in str(lines)


async def test_the_rhythm_shows_hours_and_nights(pages: Pages) -> None:
    pages.write("UPDATE reading SET sleep_state = (date_part('hour', time) < 7)::int")
    await pages.sign_in("kim")
    text = await pages.text(f"/people/{pages.site.sam}/rhythm")
    assert "Lowest around" in text
    assert "Saturday and Sunday as a table" in text
    assert "100 is every day alike, 0 is chance." in text
    assert text.count("tw-chart__asleep") >= 2
    assert "Not enough steps on these days." in await pages.text(
        f"/people/{pages.site.sam}/rhythm?channel=steps"
    )


async def test_the_weeks_say_what_lies_beside_usual(pages: Pages) -> None:
    await pages.sign_in("kim")
    text = await pages.text(f"/people/{pages.site.sam}/weeks?measure=sleep_minutes")
    assert "▼ below usual" in text
    assert "Time asleep, Monday to Sunday" in text


async def test_before_and_after_answers_and_keeps_nothing(pages: Pages) -> None:
    await pages.sign_in("kim")
    path = f"/people/{pages.site.sam}/before-after"
    form = {"measure": "sleep_minutes", "happened": "", "start": "2026-10-25", "what": "Sleep club"}
    answer = await pages.post(path, form)
    text = await answer.text()
    assert answer.status == 200
    assert "This does not show what caused it." in text
    assert "This rests on" in text
    assert "Sleep club" in text
    tables = pages.ask(
        "SELECT table_name FROM information_schema.columns WHERE table_schema = 'public'"
        " AND data_type = 'text' GROUP BY 1"
    )
    for (name,) in tables:
        found = pages.ask(f"SELECT count(*)::int FROM {name} t WHERE t::text LIKE '%Sleep club%'")
        assert found == [(0,)], name


async def test_before_and_after_refuses_with_what_to_do(pages: Pages) -> None:
    await pages.sign_in("kim")
    path = f"/people/{pages.site.sam}/before-after"
    answer = await pages.post(path, {"measure": "", "start": "soon"})
    text = await answer.text()
    assert answer.status == 422
    assert "Nothing is compared yet" in text
    assert "Choose a measure" in text
    answer = await pages.post(path, {"measure": "steps", "start": "2026-11-18"})
    text = await answer.text()
    assert answer.status == 200
    assert "Too little to say" in text
    assert "Fewer than 14 days from the start on have a value." in text


async def test_the_caseload_says_what_changed_and_its_file_has_codes(pages: Pages) -> None:
    await pages.sign_in("kim")
    text = await pages.text("/people")
    assert "Body measures since Thursday 19 November: Night heart rate 63 bpm" in text
    assert "7 of 7 days, 21 hours 50 minutes a day" in text
    assert text.index("cannot say") < text.index("nothing noticed")
    lines = await table(pages, "/people.csv")
    assert [line[0] for line in lines] == ["code", "p-sam", "p-alex", "p-robin"]
    assert lines[1][1:3] == ["1", "check_today"]


async def test_numbers_of_teams_hide_small_ones_from_whoever_may_see_them(pages: Pages) -> None:
    with closing(SiteWriter(pages.url, NOW)) as writer:
        for number in range(20):
            person = writer.person(f"p-{number}", f"Person {number}")
            writer.assign(pages.site.practitioner, person, "key_worker")
            for day in range(20):
                writer.day(person, datetime(2026, 10, 2 + day, tzinfo=UTC).date(), 60, 8000)
    await pages.sign_in("ade")
    text = await pages.text("/counts?month=2026-10")
    assert "October 2026: people by the team of their key worker" in text
    lines = await table(pages, "/counts.csv?month=2026-10")
    assert lines[0][0] == "team"
    assert lines[1][:3] == ["Harbour team", "23", "0"]
    assert lines[1][4] == "hidden"
    assert lines[-1][0] == "All teams"
    assert pages.ask(LOOKS) == []
    await pages.sign_in("kim")
    assert (await pages.client.get("/counts")).status == 200
    await pages.sign_in("jo")
    assert (await pages.client.get("/counts")).status == 404


def test_the_explorer_asks_for_steps_and_never_for_single_readings() -> None:
    assert "channel_steps_for_staff" in _QUERIES["steps"]
    assert not any("readings_for_staff" in query for query in _QUERIES.values())
