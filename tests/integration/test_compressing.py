"""What is compressed, for whom, and what never is."""

from __future__ import annotations

import asyncio
import gzip
from collections.abc import AsyncIterator

import pytest
from aiohttp import ClientResponse, web
from aiohttp.test_utils import TestServer

from portal.application import STATIC_FOLDER
from portal.compressing import compress
from tests.browser.virtual_site import PASSWORD
from tests.integration.api_site import BASE, Programs, programs_of

GZIP = {"Accept-Encoding": "gzip"}
OWN = {"Sec-Fetch-Site": "same-origin"}


@pytest.fixture
async def programs(database_url: str) -> AsyncIterator[Programs]:
    async with programs_of(database_url) as running:
        running.client.session._auto_decompress = False
        form = {"username": "jo", "password": PASSWORD}
        await running.client.post("/sign-in", data=form, headers=OWN)
        yield running


async def ask(programs: Programs, path: str, **headers: str) -> ClientResponse:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return await programs.client.get(path, headers=GZIP | named)


async def test_a_page_is_compressed_for_its_own_reader_and_for_nobody_else(
    programs: Programs,
) -> None:
    plain = await ask(programs, "/alerts?words=of+somebody+else", Sec_Fetch_Site="cross-site")
    assert "Content-Encoding" not in plain.headers
    assert b"Sam" in await plain.read()
    for other in ({"Sec_Fetch_Site": "same-site"}, {}):
        assert "Content-Encoding" not in (await ask(programs, "/alerts", **other)).headers
    for own in ("same-origin", "none"):
        small = await ask(programs, "/alerts", Sec_Fetch_Site=own)
        assert small.headers["Content-Encoding"] == "gzip"
        assert "Sec-Fetch-Site" in small.headers["Vary"]
        body = await small.read()
        assert b"Sam" in gzip.decompress(body)
        assert len(body) < len(await plain.read()) / 2


async def test_a_program_that_shows_its_token_gets_less_to_read(programs: Programs) -> None:
    token = await programs.token("jo")
    path = f"{BASE}/people/{programs.site.sam}/days"
    answer = await ask(programs, path, Authorization=f"Bearer {token}")
    assert answer.headers["Content-Encoding"] == "gzip"
    by_cookie = await ask(programs, path, Sec_Fetch_Site="cross-site")
    assert "Content-Encoding" not in by_cookie.headers


async def test_what_shows_a_secret_once_is_never_compressed(programs: Programs) -> None:
    form = {"name": "x" * 60, "scope": "read", "days": "30"}
    answer = await programs.client.post("/tokens/make", data=form, headers=GZIP | OWN)
    assert "Content-Encoding" not in answer.headers
    assert b'value="tidewell_' in await answer.read()


async def test_files_are_compressed_for_everybody_and_short_answers_for_nobody(
    programs: Programs,
) -> None:
    style = await ask(programs, "/static/tidewell.css")
    assert style.headers["Content-Encoding"] == "gzip"
    assert b".tw-" in gzip.decompress(await style.read())
    assert "Content-Encoding" not in (await ask(programs, "/health")).headers
    refused = await programs.client.get(
        "/static/tidewell.css", headers={"Accept-Encoding": "gzip;q=0"}
    )
    assert "Content-Encoding" not in refused.headers


async def test_what_has_not_changed_is_an_answer_without_a_byte_of_content() -> None:
    """A byte too many is taken for the answer to the next question on the same line."""
    application = web.Application(middlewares=[compress])
    application.router.add_static("/static/", STATIC_FOLDER)
    async with TestServer(application) as server:
        for file in ("tidewell.css", "vendor/nhsuk-frontend.css"):
            reader, writer = await asyncio.open_connection(server.host, server.port)
            asked = f"GET /static/{file} HTTP/1.1\r\nHost: x\r\nAccept-Encoding: gzip\r\n"
            now = "If-Modified-Since: Fri, 31 Dec 2100 00:00:00 GMT\r\n"
            end = "Connection: close\r\n\r\n"
            writer.write((asked + now + "\r\n" + asked + now + end).encode())
            said = await reader.read()
            writer.close()
            first, second, rest = said.split(b"\r\n\r\n")
            assert first.startswith(b"HTTP/1.1 304"), file
            assert second.startswith(b"HTTP/1.1 304"), file
            assert rest == b"", file
