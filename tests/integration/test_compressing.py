"""What is compressed, for whom, and what never is."""

from __future__ import annotations

import asyncio
import gzip
from collections.abc import AsyncIterator

import pytest
from aiohttp import ClientResponse

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


async def test_a_file_that_did_not_change_is_answered_without_a_single_byte(
    programs: Programs,
) -> None:
    path = "/static/tidewell.css"
    etag = (await ask(programs, path)).headers["ETag"]
    server = programs.client.server
    reader, writer = await asyncio.open_connection(server.host, server.port)
    asked = f"GET {path} HTTP/1.1\r\nHost: {server.host}:{server.port}\r\nAccept-Encoding: gzip\r\n"
    writer.write(f"{asked}If-None-Match: {etag}\r\n\r\n".encode())
    head = await reader.readuntil(b"\r\n\r\n")
    writer.write(f"{asked}Connection: close\r\n\r\n".encode())
    following = await reader.read()
    writer.close()
    assert head.startswith(b"HTTP/1.1 304 ")
    assert following.startswith(b"HTTP/1.1 200 ")
