"""A site outside of the demo, with people who sign in, for the tests of signing in."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from dataclasses import dataclass, field
from datetime import UTC, datetime
from html import unescape
from typing import Any

import psycopg
import pyotp
import pytest
from aiohttp import ClientResponse, CookieJar, web
from aiohttp.test_utils import TestClient, TestServer

from portal.application import build_application
from portal.service import make_pool
from tests.authenticator import Authenticator
from tests.browser.virtual_site import PASSWORD, SiteWriter
from tidewell.settings import load_settings

NOW = datetime(2026, 11, 22, 14, 2, 30, tzinfo=UTC)
ORIGIN = "http://localhost:8470"
STRANGER = "203.0.113.9"
OURS = {"Sec-Fetch-Site": "same-origin"}

Client = TestClient[web.Request, web.Application]


@dataclass
class Browser:
    """One browser with its cookies, somewhere on the net."""

    client: Client
    clock: list[datetime]
    address: str = "198.51.100.7"

    async def post(
        self, path: str, fields: dict[str, str] | None = None, **headers: str
    ) -> ClientResponse:
        return await self.client.post(
            path,
            data=fields or {},
            headers={**OURS, "X-Forwarded-For": self.address, **headers},
            allow_redirects=False,
        )

    async def get(self, path: str) -> ClientResponse:
        return await self.client.get(
            path, headers={"X-Forwarded-For": self.address}, allow_redirects=False
        )

    async def ask(self, method: str, path: str) -> ClientResponse:
        """Ask as a page of ours would: with a form where a form goes out."""
        if method == "GET":
            return await self.get(path)
        headers = {**OURS, "X-Forwarded-For": self.address}
        return await self.client.request(
            method, path, data={}, headers=headers, allow_redirects=False
        )

    async def text(self, path: str) -> str:
        answer = await self.get(path)
        assert answer.status == 200, (path, answer.status, answer.headers.get("Location"))
        return unescape(await answer.text())

    async def sign_in(self, username: str, password: str = PASSWORD) -> ClientResponse:
        return await self.post("/sign-in", {"username": username, "password": password})

    async def set_up_app(self) -> tuple[pyotp.TOTP, list[str]]:
        """Set an app up as its page says and return it with the recovery codes."""
        key = re.search(r"Key: <strong>([A-Z2-7 ]+)</strong>", await self.text("/security/app"))
        assert key is not None
        app = pyotp.TOTP(key[1].replace(" ", ""))
        answer = await self.post("/security/app", {"code": app.at(self.clock[0])})
        assert answer.status == 200
        return app, codes_in(await answer.text())

    async def options(self, path: str) -> dict[str, Any]:
        answer = await self.post(path)
        assert answer.status == 200, (path, answer.status)
        found: dict[str, Any] = await answer.json()
        return found

    async def set_up_passkey(self) -> Authenticator:
        key = Authenticator(ORIGIN, "localhost")
        made = key.make(await self.options("/security/passkey/options"))
        answer = await self.post("/security/passkey", {"credential": made})
        assert answer.status in (200, 303), answer.status
        return key

    async def sign_in_with(self, key: Authenticator) -> ClientResponse:
        signed = key.sign(await self.options("/sign-in/passkey/options"))
        return await self.post("/sign-in/passkey", {"credential": signed})


def codes_in(html: str) -> list[str]:
    return re.findall(r"\b(?:[A-Z2-9]{4}-){5}[A-Z2-9]{4}\b", html)


def leads_to(answer: ClientResponse) -> tuple[int, str]:
    return answer.status, answer.headers.get("Location", "").partition("?")[0]


@dataclass
class SignInSite:
    """The application, and as many browsers as a test wants."""

    url: str
    server: TestServer
    clock: list[datetime]
    browsers: list[Client] = field(default_factory=list)

    def browser(self, address: str = "198.51.100.7") -> Browser:
        client = TestClient(self.server, cookie_jar=CookieJar(unsafe=True))
        self.browsers.append(client)
        return Browser(client, self.clock, address)

    def ask(self, query: str) -> list[tuple[Any, ...]]:
        with psycopg.connect(self.url, autocommit=True) as connection:
            cursor = connection.execute(query.encode())
            return cursor.fetchall() if cursor.description else []


CLOCKS = (
    "portal.signing_in.checking.monotonic_s",
    "portal.signing_in.passkey_asking.monotonic_s",
    "portal.signing_in.second_step_pages.monotonic_s",
)
"""What delays are counted by: a slow machine must not wait them out while it hashes."""


@asynccontextmanager
async def sign_in_site(
    url: str, monkeypatch: pytest.MonkeyPatch, **more: str
) -> AsyncIterator[SignInSite]:
    """Serve a site with jo, kim and ade on its staff, and the young person sam."""
    with closing(SiteWriter(url, NOW)) as writer:
        for role, username in (("practitioner", "jo"), ("clinician", "kim"), ("admin", "ade")):
            writer.staff(role, f"{username.title()} Virtual", username)
        writer.person("p-sam", "Sam", "sam")
    clock = [NOW]

    def seconds() -> float:
        return clock[0].timestamp()

    for name in CLOCKS:
        monkeypatch.setattr(name, seconds)
    settings = load_settings(
        {
            "TIDEWELL_PUBLIC_URL": ORIGIN,
            "TIDEWELL_TRUSTED_PROXIES": "127.0.0.1",
            **{f"TIDEWELL_{name.upper()}": value for name, value in more.items()},
        }
    )
    async with make_pool(url) as pool:
        application = build_application(settings, url, pool, now=lambda: clock[0])
        server = TestServer(application)
        await server.start_server()
        site = SignInSite(url, server, clock)
        try:
            yield site
        finally:
            for client in site.browsers:
                await client.close()
            await server.close()
