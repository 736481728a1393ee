"""Programs of clinicians: series, rhythm, weeks, before and after, caseload, counts of teams."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from datetime import date, timedelta

import pytest

from tests.browser.virtual_site import PASSWORD
from tests.integration.api_site import Programs, programs_of

ABOUT_A_PERSON = ("series", "rhythm", "weeks", "before-after?measure=steps&start=2026-11-19")


@pytest.fixture
async def programs(database_url: str) -> AsyncIterator[Programs]:
    async with programs_of(database_url) as running:
        yield running


def of_sam(programs: Programs, path: str) -> str:
    return f"/people/{programs.site.sam}/{path}"


async def test_a_series_has_equal_steps_bands_gaps_and_marks(programs: Programs) -> None:
    await programs.post("jo", of_sam(programs, "contacts"), {"kind": "visited"})
    programs.clock[0] += timedelta(minutes=1)
    found = await programs.get("kim", of_sam(programs, "series?days=7"))
    assert (found["first_day"], found["last_day"]) == ("2026-11-16", "2026-11-22")
    by_name = {one["name"]: one for one in found["series"]}
    heart = by_name["heart_rate"]
    for column in ("lowest", "average", "highest", "usual_low", "usual_high"):
        assert len(heart[column]) == found["steps"] <= 512
    assert None in heart["average"]
    seen = zip(heart["lowest"], heart["average"], heart["highest"], strict=True)
    assert all(low <= middle <= high for low, middle, high in seen if middle is not None)
    assert heart["usual_low"][0] == 54
    assert by_name["spo2"]["average"] == []
    assert found["stretches"][0] == {
        "first": 0,
        "end": found["stretches"][0]["end"],
        "is_off": False,
    }
    marks = {(one["kind"], one["words"]) for one in found["marks"]}
    assert marks == {
        ("contact", "Contact: visited them."),
        ("alert", "Alert: Body measures (check today)."),
    }
    year = await programs.get("kim", of_sam(programs, "series?days=365"))
    assert year["steps"] <= 512
    assert year["step_s"] == 86_400


async def test_a_series_of_a_program_is_that_of_the_page(programs: Programs) -> None:
    found = await programs.get("kim", of_sam(programs, "series?days=28"))
    form = {"username": "kim", "password": PASSWORD}
    ours = {"Sec-Fetch-Site": "same-origin"}
    await programs.client.post("/sign-in", data=form, headers=ours)
    page = await programs.client.get(of_sam(programs, "explore/series.json?days=28"))
    drawn = json.loads(await page.text())
    assert (found["steps"], found["step_s"]) == (drawn["count"], drawn["step"])
    for one, panel in zip(found["series"], drawn["panels"], strict=True):
        assert one["sentence"] == panel["sentence"]
        assert (one["lowest"], one["average"]) == (panel["low"], panel["middle"])
        assert (one["usual_low"], one["usual_high"]) == (panel["usual_low"], panel["usual_high"])


async def test_the_rhythm_has_hours_nights_and_what_is_missing(programs: Programs) -> None:
    programs.write("UPDATE reading SET sleep_state = (date_part('hour', time) < 7)::int")
    found = await programs.get("kim", of_sam(programs, "rhythm"))
    assert (found["channel"], found["unit"]) == ("heart_rate", "bpm")
    names = [one["name"] for one in found["profiles"]]
    assert names == ["Monday to Friday", "Saturday and Sunday"]
    hours = [one for profile in found["profiles"] for one in profile["half_hours"]]
    assert hours
    assert all(one["p10"] <= one["p25"] <= one["p50"] <= one["p75"] <= one["p90"] for one in hours)
    assert len(found["nights"]) == 28
    asleep = [one for one in found["nights"] if one["asleep_minutes"]]
    assert asleep
    for night in found["nights"]:
        assert sum(one["length"] for one in night["asleep"]) == night["asleep_minutes"]
        assert sum(one["length"] for one in night["without_data"]) <= 1_440
    assert found["regularity"]["usual"] == [66.0, 90.0]
    assert "100 is every day alike" in found["regularity"]["sentence"]
    assert (await programs.get("kim", of_sam(programs, "rhythm?channel=steps")))["unit"]
    assert (await programs.ask("kim", of_sam(programs, "rhythm?channel=worn"))).status == 400


async def test_weeks_say_what_lies_beside_usual(programs: Programs) -> None:
    found = await programs.get("kim", of_sam(programs, "weeks"))
    by_name = {one["name"]: one for one in found["items"]}
    weeks = by_name["sleep_minutes"]["weeks"]
    assert [date.fromisoformat(one["monday"]).weekday() for one in weeks] == [0] * 6
    assert weeks[-1]["against_usual"] == "▼ below usual"
    assert weeks[-1]["days"] <= 7


async def test_before_and_after_gives_numbers_or_says_why_not(programs: Programs) -> None:
    path = of_sam(programs, "before-after?measure=steps&start=")
    found = await programs.get("kim", path + "2026-11-01")
    assert found["too_little"] is None
    average = found["difference"]["average"]
    assert average["low"] <= average["estimate"] <= average["high"]
    assert "does not show what caused it" in found["no_cause"]
    refused = await programs.get("kim", path + "2026-11-20")
    assert (refused["too_little"], refused["difference"]) == ("few_days_after", None)
    assert (await programs.ask("kim", path + "2026-11-23")).status == 422
    assert (await programs.ask("kim", path + "soon")).status == 400
    assert (await programs.ask("kim", of_sam(programs, "before-after"))).status == 400


async def test_the_caseload_comes_in_the_order_of_need(programs: Programs) -> None:
    first = await programs.get("kim", "/caseload?limit=1")
    [sam] = first["items"]
    assert (sam["person"]["name"], sam["code"]) == ("Sam", "p-sam")
    assert sam["open_levels"] == ["check_today"]
    assert sam["changes"]
    rest = await programs.get("kim", f"/caseload?after={first['next']}")
    assert {one["person"]["name"] for one in rest["items"]} == {"Alex", "Robin"}
    assert all(one["nothing"] for one in rest["items"])
    assert programs.rows("SELECT looked_at, count(*) FROM access_log GROUP BY 1") == [("list", 3)]


async def test_small_numbers_of_teams_are_hidden_from_programs_too(programs: Programs) -> None:
    for username in ("kim", "ade"):
        found = await programs.get(username, "/counts")
        assert found["month"] == "2026-10"
        assert len(found["months"]) == 12
        assert found["items"]
        numbers = [
            one[name]
            for one in found["items"]
            for name in ("people", "with_an_alert", "no_alert_enough_data")
        ]
        assert set(numbers) <= {None, 0}
    for month, status in (("2026-11", 422), ("2024-01", 422), ("October", 400)):
        assert (await programs.ask("kim", f"/counts?month={month}")).status == status
    assert (await programs.ask("jo", "/counts")).status == 404


async def test_every_look_of_a_program_is_written_down_as_that_of_the_page(
    programs: Programs,
) -> None:
    for path in ABOUT_A_PERSON:
        await programs.get("kim", of_sam(programs, path))
    looks = programs.rows("SELECT looked_at, count(*) FROM access_log GROUP BY 1 ORDER BY 1")
    assert looks == [("detail", 2), ("trends", 2)]


@pytest.mark.parametrize("username", ["jo", "pat", "sam", "ade"])
async def test_only_a_clinician_asks_what_the_desk_shows(programs: Programs, username: str) -> None:
    for path in (*(of_sam(programs, one) for one in ABOUT_A_PERSON), "/caseload"):
        answer = await programs.ask(username, path)
        assert answer.status == 404, path
        assert "Sam" not in json.loads(await answer.text())["detail"]
    assert programs.rows("SELECT count(*) FROM access_log") == [(0,)]
