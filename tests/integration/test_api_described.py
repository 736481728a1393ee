"""What the document describes is what is answered: generated requests on a real database.

No answer is a fault of ours, and none is one that the document does not name. People, alerts and
covers are real ones as often as guessed ones, so that the inside is reached as well.
"""

from __future__ import annotations

import asyncio
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final

import psycopg
import pytest
import schemathesis
from hypothesis import HealthCheck, seed, settings
from schemathesis import Case
from schemathesis.checks import CHECKS, load_all_checks

from portal.api.catalogue import OPERATIONS
from portal.api.document import make_document
from portal.api.operations import Operation
from portal.api.tokens import make_token
from portal.context import Audience
from tests.browser.served_site import ServedSite, serve
from tests.conftest import with_name
from tidewell.clock import now_utc
from tidewell.database import Role, connect
from tidewell.embedded.postgres import PostgresServer

EXAMPLES: Final = int(os.environ.get("API_EXAMPLES", "6"))
"""Of each operation; more are worth running by hand after a change."""

SEED: Final = int(os.environ.get("API_SEED", "20261129"))
"""Where generated requests begin; printed with the run, so that a run can be had again."""

WHO: Final = {
    Audience.PRACTITIONER: "jo",
    Audience.CLINICIAN: "kim",
    Audience.YOUNG_PERSON: "sam",
    Audience.ADMIN: "ade",
}
DATABASE: Final = "described"


def for_whom_shows_a_token() -> dict[str, Any]:
    """Return the document without its tokens: each request shows one that holds."""
    document = make_document()
    del document["security"], document["components"]["securitySchemes"]
    return document


SCHEMA: Final = schemathesis.openapi.from_dict(for_whom_shows_a_token())


@dataclass(frozen=True, slots=True)
class Described:
    """A served site with a token for each audience."""

    served: ServedSite
    tokens: dict[Audience, str]

    def token(self, operation: Operation) -> str:
        """Return a token of somebody for whom an operation is."""
        return next(self.tokens[who] for who in WHO if who in operation.audiences)

    def known(self, name: str, value: str) -> str:
        """Return something that is there, as often as what was made up and has its shape."""
        if not re.fullmatch("[A-Za-z0-9_-]{1,64}" if name == "public_id" else "[0-9]{1,9}", value):
            return value
        site, place = self.served.site, sum(map(ord, value)) % 4
        known = {
            "person_id": [str(site.sam), str(site.robin), str(site.alex)],
            "public_id": [site.public_id] * 2,
        }.get(name, [str(number) for number in range(1, 4)])
        return known[place] if place < len(known) else value


@pytest.fixture(scope="module")
def described(postgres: PostgresServer) -> Iterator[Described]:
    with psycopg.connect(postgres.url, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {DATABASE} TEMPLATE template_tidewell".encode())
        url = with_name(postgres.url, DATABASE)
        with serve(url, {"TIDEWELL_API_REQUESTS_A_MINUTE": "100000"}) as served:
            yield Described(served, asyncio.run(make_tokens(url)))
        connection.execute(f"DROP DATABASE {DATABASE} WITH (FORCE)".encode())


async def make_tokens(url: str) -> dict[Audience, str]:
    made = {}
    async with await connect(url, Role.PORTAL, "test") as connection:
        for audience, username in WHO.items():
            token = await make_token(
                connection,
                username,
                "generated",
                may_act=True,
                lasts=timedelta(days=1),
                now=now_utc(),
            )
            assert token is not None
            made[audience] = token
    return made


load_all_checks()
NOT_ASKED: Final[list[Any]] = [
    # A note may have its shape and lie outside the days that a note can be about.
    CHECKS.get_one("positive_data_acceptance"),
]


@SCHEMA.exclude(operation_id="streamEvents").parametrize()
@seed(SEED)
@settings(
    max_examples=EXAMPLES,
    database=None,
    print_blob=False,
    suppress_health_check=list(HealthCheck),
)
def test_every_answer_is_one_that_the_document_names(case: Case[Any], described: Described) -> None:
    described_by = case.operation.definition.raw["operationId"]
    operation = next((one for one in OPERATIONS if one.name == described_by), OPERATIONS[0])
    for name, value in (case.path_parameters or {}).items():
        case.path_parameters[name] = described.known(name, str(value))
    case.call_and_validate(
        base_url=described.served.url,
        headers={"Authorization": f"Bearer {described.token(operation)}"},
        excluded_checks=NOT_ASKED,
    )
