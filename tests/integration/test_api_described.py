"""What the document describes is what is answered: generated requests on a real database.

No answer is a fault of ours, and none is one that the document does not name. People, alerts and
covers are real ones as often as guessed ones, so that the inside is reached as well.

Each operation gets `API_EXAMPLES` requests by chance, from `API_SEED`, and besides them everything
that follows from its shapes one by one: each limit from both sides, each field left out, each type
wrong. Of these there are six times as many, and a number of examples does not bound them; what does
is RUN_MOST_S, for the whole document.
"""

from __future__ import annotations

import asyncio
import os
import re
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
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
from tidewell.clock import monotonic_s, now_utc
from tidewell.database import Role, connect
from tidewell.embedded.postgres import PostgresServer

EXAMPLES: Final = int(os.environ.get("API_EXAMPLES", "6"))
"""Requests by chance to each operation; more are worth running by hand after a change."""

SEED: Final = int(os.environ.get("API_SEED", "20261129"))
"""Where generated requests begin; printed with the run, so that a run can be had again."""

RUN_MOST_S: Final = 240 + 6 * EXAMPLES
"""For the whole document: three times what it takes on two cores that do nothing else."""

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
    answers: Counter[int] = field(default_factory=Counter)

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
def described(request: pytest.FixtureRequest, postgres: PostgresServer) -> Iterator[Described]:
    say = saying(request)
    say(f"generated requests: API_SEED={SEED} API_EXAMPLES={EXAMPLES}, at most {RUN_MOST_S} s")
    with psycopg.connect(postgres.url, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {DATABASE} TEMPLATE template_tidewell".encode())
        url = with_name(postgres.url, DATABASE)
        with serve(url, {"TIDEWELL_API_REQUESTS_A_MINUTE": "100000"}) as served:
            started_s = monotonic_s()
            found = Described(served, asyncio.run(make_tokens(url)))
            yield found
            taken_s = monotonic_s() - started_s
        connection.execute(f"DROP DATABASE {DATABASE} WITH (FORCE)".encode())
    statuses = ", ".join(f"{count} of {status}" for status, count in sorted(found.answers.items()))
    say(f"{found.answers.total()} answers in {taken_s:.0f} s: {statuses}")
    assert taken_s < RUN_MOST_S


def saying(request: pytest.FixtureRequest) -> Callable[[str], None]:
    """Return what writes a line for whoever watches the run, beside what pytest keeps to itself."""
    plugins = request.config.pluginmanager
    reporter, capturing = (
        plugins.get_plugin("terminalreporter"),
        plugins.get_plugin("capturemanager"),
    )
    if reporter is None or capturing is None:
        return lambda _: None

    def say(line: str) -> None:
        with capturing.global_and_fixture_disabled():
            reporter.write_line(line)

    return say


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
    suppress_health_check=list(HealthCheck),
)
def test_every_answer_is_one_that_the_document_names(case: Case[Any], described: Described) -> None:
    described_by = case.operation.definition.raw["operationId"]
    operation = next((one for one in OPERATIONS if one.name == described_by), OPERATIONS[0])
    for name, value in (case.path_parameters or {}).items():
        case.path_parameters[name] = described.known(name, str(value))
    answer = case.call_and_validate(
        base_url=described.served.url,
        headers={"Authorization": f"Bearer {described.token(operation)}"},
        excluded_checks=NOT_ASKED,
    )
    described.answers[answer.status_code] += 1
    assert answer.status_code < 500
