"""A site with programs in it: a client that shows the tokens of different people."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
from aiohttp import ClientResponse, CookieJar, web
from aiohttp.test_utils import TestClient, TestServer

from portal.api.tokens import make_token
from portal.application import build_application
from portal.service import make_pool
from tests.browser.virtual_site import Site, SiteWriter, write_site
from tidewell.database import Role, connect
from tidewell.settings import load_settings

NOW = datetime(2026, 11, 22, 14, 2, 30, tzinfo=UTC)
BASE = "/api/v1"


@dataclass
class Programs:
    """A client, its site, its clock, and a token for each name."""

    client: TestClient[web.Request, web.Application]
    site: Site
    url: str
    clock: list[datetime]
    tokens: dict[str, str] = field(default_factory=dict)

    async def token(self, username: str, *, may_act: bool = True) -> str:
        key = f"{username} {may_act}"
        if key not in self.tokens:
            async with await connect(self.url, Role.PORTAL, "test") as connection:
                made = await make_token(
                    connection,
                    username,
                    "a program",
                    may_act=may_act,
                    lasts=timedelta(days=30),
                    now=self.clock[0],
                )
            assert made is not None
            self.tokens[key] = made
        return self.tokens[key]

    async def ask(
        self,
        username: str,
        path: str,
        *,
        method: str = "GET",
        body: object = None,
        may_act: bool = True,
        headers: dict[str, str] | None = None,
    ) -> ClientResponse:
        token = await self.token(username, may_act=may_act)
        sent = {"Authorization": f"Bearer {token}"}
        if body is not None:
            sent["Content-Type"] = "application/json"
        data = None if body is None else json.dumps(body).encode()
        return await self.client.request(
            method, BASE + path, data=data, headers=sent | (headers or {}), allow_redirects=False
        )

    async def get(self, username: str, path: str) -> Any:  # noqa: ANN401 -- whatever JSON it is
        answer = await self.ask(username, path)
        text = await answer.text()
        assert answer.status == 200, (path, answer.status, text)
        return json.loads(text)

    async def post(
        self,
        username: str,
        path: str,
        body: object = None,
        headers: dict[str, str] | None = None,
    ) -> ClientResponse:
        return await self.ask(username, path, method="POST", body=body, headers=headers)

    def write(self, statement: str, *values: object) -> None:
        with closing(SiteWriter(self.url, self.clock[0])) as writer:
            writer.run(statement, *values)

    def rows(self, query: str) -> list[tuple[object, ...]]:
        with psycopg.connect(self.url) as connection:
            return connection.execute(query.encode()).fetchall()


@asynccontextmanager
async def programs_of(database_url: str, **settings: str) -> AsyncIterator[Programs]:
    """Write a virtual site and serve it to programs; `settings` are further settings."""
    site = write_site(database_url, NOW)
    clock = [NOW]
    async with make_pool(database_url) as pool:
        given = load_settings({"TIDEWELL_DEMO": "true", **settings})
        application = build_application(given, database_url, pool, now=lambda: clock[0])
        client = TestClient(TestServer(application), cookie_jar=CookieJar(unsafe=True))
        async with client:
            yield Programs(client, site, database_url, clock)
