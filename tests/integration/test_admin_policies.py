"""Policies and rotas on the administrator's pages: checked, tried, switched on, gone back from."""

from __future__ import annotations

import asyncio
import re
from datetime import timedelta
from html import unescape
from typing import Final

import psycopg
import pytest
from aiohttp import ClientResponse, FormData

from portal.admin.trials import LOST, TrialRunner
from portal.admin.uploads import FIELD_BYTES_MOST
from tests.integration.test_portal_pages import NOW, OURS, Pages, pages
from tests.stored_histories import (
    DAYS,
    FIRST_DAY,
    quiet_days,
    store_days,
    store_people,
    with_fewer_steps,
)
from tidewell.clock import now_utc
from tidewell.local_time import day_date

__all__ = ["pages"]

GOOD: Final = 'name = "days and nights"\nchain = ["key_worker", "duty_line"]\nduty_line = ["pat"]\n'
BAD: Final = 'name = "x"\nchain = ["key_worker", "nobody"]\nduty_line = ["pat"]\n'
THRESHOLDS: Final = "[budgets]\ndrift = 0\n"
LIMIT_OF_ONE: Final = """[[limits]]
channel = "heart_rate"
direction = "above"
value = 120
for_minutes = 10
level = "for_review"
people = ["P-2"]
"""
ROTA: Final = """name = "nights"
holes = "allowed"
[[weekly]]
days = ["monday", "sunday"]
from = 18:00:00
until = 08:00:00
who = ["jo"]
"""


def form_of(fields: dict[str, str], content: bytes, file_name: str = "") -> FormData:
    form = FormData(default_to_multipart=True)
    for name, value in fields.items():
        form.add_field(name, value)
    form.add_field("file", content, filename=file_name, content_type="text/plain")
    return form


async def send(pages: Pages, path: str, form: FormData) -> ClientResponse:
    return await pages.client.post(path, data=form, headers=OURS, allow_redirects=False)


async def upload(pages: Pages, text: str, kind: str = "alerts") -> str:
    """Upload a policy and return the address of its page."""
    answer = await send(
        pages, "/service/policies/upload", form_of({"kind": kind}, text.encode(), "policy.toml")
    )
    assert answer.status == 303
    await finished(pages, answer.headers["Location"])
    return answer.headers["Location"]


async def finished(pages: Pages, address: str) -> str:
    """Return the page of a trial once it is over."""
    for _ in range(240):
        page = await pages.text(address)
        if "Refresh" not in page:
            return page
        await asyncio.sleep(0.5)
    raise AssertionError(page)


async def test_a_policy_is_checked_switched_on_and_gone_back_from(pages: Pages) -> None:
    await pages.sign_in("ade")
    draft = await upload(pages, GOOD)
    page = await pages.text(draft)
    assert "It can be used." in page
    assert "It has no working hours" in page
    assert pages.ask("SELECT count(*) FROM policy") == [(0,)]
    assert (await pages.post(draft + "/switch-on")).status == 303
    page = await pages.text("/service/policies")
    assert "days and nights" in page
    assert "switched on by Ade Virtual" in page
    assert "the key worker, then the duty line" in page
    assert "Pat Virtual" in page
    [(first,)] = pages.ask("SELECT policy_id FROM policy")
    pages.clock[0] = NOW + timedelta(minutes=5)
    other = await upload(pages, GOOD.replace("days and nights", "another"))
    assert (await pages.post(other + "/switch-on")).status == 303
    pages.clock[0] = NOW + timedelta(minutes=10)
    assert (await pages.post(f"/service/policies/{first}/again")).status == 303
    names = pages.ask("SELECT body ->> 'name' FROM policy ORDER BY valid_from")
    assert names == [("days and nights",), ("another",), ("days and nights",)]
    kinds = [kind for (kind,) in pages.ask("SELECT kind FROM admin_change ORDER BY 1")]
    assert kinds.count("policy_switched_on") == 3


async def test_what_is_wrong_with_a_policy_is_said_line_by_line_and_it_never_holds(
    pages: Pages,
) -> None:
    await pages.sign_in("ade")
    draft = await upload(pages, BAD)
    page = await pages.text(draft)
    assert "It cannot be used like this" in page
    assert "Line 2: chain" in page
    answer = await pages.post(draft + "/switch-on")
    assert answer.status == 409
    assert "It cannot hold now" in unescape(await answer.text())
    broken = await pages.text(await upload(pages, "name = \n"))
    assert "line 1" in broken
    unknown = await pages.text(await upload(pages, GOOD.replace('"pat"', '"ghost"')))
    assert "Line 3: duty_line: nobody here signs in as 'ghost'" in unknown
    assert pages.ask("SELECT count(*) FROM policy") == [(0,)]


async def test_a_policy_whose_people_left_meanwhile_is_not_switched_on(pages: Pages) -> None:
    await pages.sign_in("ade")
    draft = await upload(pages, GOOD)
    pages.write("UPDATE sign_in SET disabled_at = created_at WHERE username = 'pat'")
    answer = await pages.post(draft + "/switch-on")
    assert answer.status == 409
    assert pages.ask("SELECT count(*) FROM policy") == [(0,)]


async def test_a_policy_is_tried_on_alerts_of_the_past_and_changes_nothing(pages: Pages) -> None:
    await pages.sign_in("ade")
    draft = await upload(pages, GOOD)
    answer = await pages.post(draft + "/try", {"kind": "simulate", "days": "28"})
    assert answer.status == 303
    page = await finished(pages, answer.headers["Location"])
    assert "alerts in 28 days" in page
    assert "messages would have gone to people" in page
    wrong = await pages.post(draft + "/try", {"kind": "backtest", "days": "28"})
    assert wrong.status == 422
    assert (await pages.post(draft + "/try", {"kind": "simulate", "days": "5"})).status == 422


async def test_thresholds_are_tried_on_stored_days_with_progress_and_a_result(
    pages: Pages,
) -> None:
    await pages.sign_in("ade")
    draft = await upload(pages, THRESHOLDS, "detection")
    answer = await pages.post(draft + "/try", {"kind": "backtest", "days": "365"})
    assert answer.status == 303
    page = await finished(pages, answer.headers["Location"])
    assert "against the built-in policy" in page
    assert "Counted are episodes" in page
    [(done, total, state)] = pages.ask(
        "SELECT done, total, state FROM policy_trial WHERE kind = 'backtest'"
    )
    assert (done, state) == (total, "passed")
    assert total == 3
    assert (await pages.post(draft + "/switch-on")).status == 409
    wrong = await pages.text(await upload(pages, "[budgets]\ndrift = 99\n", "detection"))
    assert "Line 2: budgets.drift" in wrong


async def write_a_drop_of_steps(pages: Pages) -> None:
    """Store the days of two people until yesterday; one of them went out less for three days."""
    async with await psycopg.AsyncConnection.connect(pages.url, autocommit=True) as connection:
        ids = await store_people(connection, 2)
        await store_days(connection, ids, [quiet_days(), with_fewer_steps(80, 82, 0.7)])
        yesterday = now_utc().date() - timedelta(days=1)
        await connection.execute(
            "UPDATE daily_feature SET day = day + %s WHERE person_id = ANY (%s)",
            ((yesterday - day_date(FIRST_DAY + DAYS - 1)).days, ids),
        )


async def test_an_administrator_learns_numbers_from_a_trial_and_nothing_of_anybody(
    pages: Pages,
) -> None:
    await write_a_drop_of_steps(pages)
    await pages.sign_in("ade")
    draft = await upload(pages, "[budgets]\nwithdrawal = 3\n", "detection")
    answer = await pages.post(draft + "/try", {"kind": "backtest", "days": "90"})
    page = await finished(pages, answer.headers["Location"])
    told = "".join(re.findall(r'<p class="tw-line">.*', page))
    assert re.search(r"\d more alerts? for \d", told)
    assert "It rests on" in told
    [(kept,)] = pages.ask(
        "SELECT lines::text || body::text FROM policy_trial WHERE kind = 'backtest'"
    )
    for said in (told, str(kept)):
        assert re.search(r"P-\d", said) is None
        assert "withdrawal" not in said
        assert "check today" not in said
    assert '"changes":' not in str(kept)


async def test_a_limit_is_not_tried_on_the_pages_for_it_would_say_how_one_person_is(
    pages: Pages,
) -> None:
    await write_a_drop_of_steps(pages)
    await pages.sign_in("ade")
    draft = await upload(pages, LIMIT_OF_ONE, "detection")
    said = "Line 1: limits: a limit is agreed with a person"
    assert said in await pages.text(draft)
    answer = await pages.post(draft + "/try", {"kind": "backtest", "days": "365"})
    page = await finished(pages, answer.headers["Location"])
    assert said in page
    assert "It rests on" not in page


async def test_a_trial_that_nobody_looks_after_any_more_is_said_to_have_failed(
    pages: Pages,
) -> None:
    await pages.sign_in("ade")
    draft = await upload(pages, GOOD)
    pages.write(
        "UPDATE policy_trial SET state = 'running', ended_at = NULL, beat_at = %s",
        NOW - timedelta(minutes=5),
    )
    assert LOST in await pages.text(draft)


async def test_a_process_that_cannot_answer_is_told_and_none_is_left(
    pages: Pages, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        TrialRunner, "_environment", lambda _: {"TIDEWELL_DATABASE_URL": "postgresql://127.0.0.1:1"}
    )
    await pages.sign_in("ade")
    page = await pages.text(await upload(pages, GOOD))
    assert "did not come to an end" in page
    assert "It ended without an answer" in page


@pytest.mark.parametrize(
    ("content", "status"), [(b"", 422), (b"\xff\xfe", 422), (b"a\0b", 422), (b"x" * 70_000, 413)]
)
async def test_what_is_no_text_or_too_large_is_not_taken(
    pages: Pages, content: bytes, status: int
) -> None:
    await pages.sign_in("ade")
    form = form_of({"kind": "alerts"}, content, "policy.toml")
    answer = await send(pages, "/service/policies/upload", form)
    assert answer.status == status
    long = form_of({"kind": "a" * (FIELD_BYTES_MOST + 1)}, b"x")
    assert (await send(pages, "/service/policies/upload", long)).status == 413
    plain = await pages.post("/service/policies/upload", {"kind": "alerts", "text": GOOD})
    assert plain.status == 415
    assert pages.ask("SELECT count(*) FROM policy_draft") == [(1,)]


async def test_a_rota_is_checked_saved_and_shown_with_its_holes(pages: Pages) -> None:
    await pages.sign_in("ade")
    wrong = form_of({}, ROTA.replace('"jo"', '"ghost"').encode(), "nights.toml")
    answer = await send(pages, "/service/rotas/upload", wrong)
    assert answer.status == 422
    assert "'ghost' does not work here" in unescape(await answer.text())
    assert pages.ask("SELECT name FROM rota") == [("out-of-hours",)]
    odd = form_of({}, ROTA.replace('"nights"', '"Night shift!"').encode(), "nights.toml")
    assert (await send(pages, "/service/rotas/upload", odd)).status == 422
    answer = await send(pages, "/service/rotas/upload", form_of({}, ROTA.encode(), "nights.toml"))
    assert answer.status == 303
    page = await pages.text(answer.headers["Location"])
    assert "Jo Virtual" in page
    assert "Nobody" in page
    assert "nights" in await pages.text("/service/rotas")
    found = re.findall("rota_saved", str(pages.ask("SELECT kind FROM admin_change")))
    assert len(found) == 1
