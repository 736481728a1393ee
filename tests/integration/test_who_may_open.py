"""Every address of the portal, asked in every role and relation to one young person.

The numbers in it are the real ones and guessed ones.

What is expected stands in `who_may_open.txt` and not in the code that is tested.
"""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any, Final

import psycopg
import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer

from portal.application import ROUTES, build_application
from portal.context import Audience
from portal.service import make_pool
from tests.browser.virtual_site import SiteWriter
from tests.integration import looking
from tests.integration.looking import DAY, NOW, Place
from tidewell.secret_tokens import token_hash
from tidewell.settings import load_settings

place = looking.place

TABLE: Final = Path(__file__).with_name("who_may_open.txt")
ADD_A_LINE: Final = (
    "add a line `METHOD /path | who | of whom` to tests/integration/who_may_open.txt; its head says"
    " what the words mean"
)
PLACEHOLDER: Final = re.compile(r"\{(\w+)(?::(?:[^{}]|\{[^{}]*\})*)?\}")
OF_WHOM: Final = frozenset({"-", "assigned", "seen", "own", "named", "reviewed", "secret"})
GUESSED: Final = {
    "person_id": "987654",
    "public_id": "guessed",
    "token": "guessed-guessed-guessed-guessed",
}
"""What somebody who tries numbers would try; every other number is the first one."""
GUESSED_NUMBER: Final = "987654"


@dataclass(frozen=True, slots=True)
class Line:
    """What is expected of one address."""

    method: str
    path: str
    who: frozenset[str]
    of_whom: str

    def address(self, values: Mapping[str, str]) -> str:
        return PLACEHOLDER.sub(lambda found: values.get(found[1], GUESSED_NUMBER), self.path)

    def is_for(self, audiences: frozenset[str]) -> bool:
        wanted = self.who - {"anyone", "signed_in"}
        return (
            "anyone" in self.who
            or ("signed_in" in self.who and bool(audiences))
            or bool(wanted & audiences)
        )


def lines() -> dict[tuple[str, str], Line]:
    found = {}
    for text in TABLE.read_text(encoding="utf-8").splitlines():
        if not text or text.startswith("#"):
            continue
        where, who, of_whom = (part.strip() for part in text.split("|"))
        method, path = where.split()
        found[method, path.split("?")[0]] = Line(method, path, frozenset(who.split()), of_whom)
    return found


LINES: Final = lines()


def plain(path: str) -> str:
    """Return a path as the table writes it, without what its parts may consist of."""
    return PLACEHOLDER.sub(r"{\1}", path)


def test_every_address_has_a_line_and_every_line_an_address() -> None:
    served = {(route.method, plain(route.path)) for route in ROUTES}
    assert sorted(served - LINES.keys()) == [], ADD_A_LINE
    assert sorted(LINES.keys() - served) == [], "these addresses are gone: take their lines out"


def test_the_table_says_only_what_its_head_explains() -> None:
    words = {audience.value for audience in Audience} | {"signed_in"}
    for line in LINES.values():
        assert line.who, line
        assert line.who <= words, line
        assert line.of_whom in OF_WHOM, line
        assert (line.of_whom == "-") == ("{" not in line.path), line


@pytest.mark.parametrize("route", ROUTES, ids=lambda route: f"{route.method} {plain(route.path)}")
def test_an_address_is_registered_for_whom_the_table_says(route: Any) -> None:  # noqa: ANN401 -- pytest's own
    expected = LINES[route.method, plain(route.path)].who
    if "signed_in" in expected:
        expected = frozenset(Audience) - {Audience.ANYONE}
    assert {audience.value for audience in route.audiences} == set(expected)


@dataclass(frozen=True, slots=True)
class Looker:
    """Somebody, and what they are to Sam."""

    audiences: frozenset[str]
    relation: str
    """assigned, covering, opened, asked, themselves, admin or none."""
    owns: str = ""
    """What the rows are called that are theirs, beside those that follow from the relation."""


def looker(relation: str, *audiences: str, owns: str = "") -> Looker:
    return Looker(frozenset(audiences), relation, owns)


LOOKERS: Final = {
    "nobody": looker("none"),
    "switched_off": looker("none"),
    "assigned": looker("assigned", "practitioner", owns="cover_id"),
    "clinician": looker("assigned", "clinician"),
    "covering": looker("covering", "practitioner", owns="cover_id"),
    "opened": looker("opened", "practitioner", owns="opening_id"),
    "opened_clinician": looker("opened", "clinician"),
    "asked": looker("asked", "practitioner"),
    "formerly": looker("none", "practitioner"),
    "covered_before": looker("none", "practitioner"),
    "covers_unaccepted": looker("none", "practitioner"),
    "opened_before": looker("none", "practitioner"),
    "finished": looker("none", "clinician"),
    "other_team": looker("none", "practitioner"),
    "other_clinician": looker("none", "clinician"),
    "manager": looker("none", "practitioner", "service_manager"),
    "themselves": looker("themselves", "young_person", owns="context_note_id data_request_id"),
    "other_young": looker("none", "young_person"),
    "administrator": looker("admin", "admin"),
}
USERNAMES: Final = {
    "assigned": "jo",
    "clinician": "kim",
    "covering": "bo",
    "asked": "cy",
    "other_team": "pat",
    "themselves": "sam",
    "administrator": "ade",
}
"""The others have their own name."""


OPEN_PAGES: Final = frozenset({"assigned", "covering", "opened"})
"""Relations to whom a young person's pages open."""


def may_open(line: Line, who: Looker) -> bool:
    """Say what the table expects of an address that names what is really there."""
    if not line.is_for(who.audiences):
        return False
    opens = {
        "-": True,
        "assigned": who.relation in OPEN_PAGES,
        "seen": who.relation in {*OPEN_PAGES, "asked"},
        "own": bool(set(PLACEHOLDER.findall(line.path)) & set(who.owns.split())),
        "named": who.relation == "admin",
        "reviewed": "service_manager" in who.audiences,
        "secret": False,
    }
    return opens[line.of_whom]


def write_lookers(place: Place) -> None:
    """Write those whom the site lacks, and who covers and who no longer looks after Sam."""
    writer = SiteWriter(place.url, NOW)
    try:
        formerly = writer.staff("practitioner", "Fay Virtual", "formerly")
        writer.staff("clinician", "Dr Lee Virtual", "other_clinician")
        manager = writer.staff("practitioner", "Max Virtual", "manager")
        writer.run("UPDATE staff SET is_service_manager = true WHERE staff_id = %s", manager)
        off = writer.staff("practitioner", "Uri Virtual", "switched_off")
        writer.assign(off, place.site.sam, "clinician")
        writer.run("UPDATE sign_in SET disabled_at = %s WHERE username = 'switched_off'", NOW - DAY)
        writer.sign_in("other_young", person_id=place.site.robin)
        writer.assign(formerly, place.site.sam, "clinician")
        writer.run(
            "UPDATE assignment SET valid_until = %s WHERE staff_id = %s", NOW - DAY, formerly
        )
        write_covers(writer, place)
        write_openings(writer, place)
    finally:
        writer.close()


def write_covers(writer: SiteWriter, place: Place) -> None:
    """Write a cover that lasts, one that is over, and one that nobody accepted."""
    before = writer.staff("practitioner", "Cal Virtual", "covered_before")
    unaccepted = writer.staff("practitioner", "Una Virtual", "covers_unaccepted")
    for staff, until, accepted in (
        (place.coverer, NOW + DAY, NOW - DAY),
        (before, NOW, NOW - DAY),
        (unaccepted, NOW + DAY, None),
    ):
        writer.run(
            "INSERT INTO cover"
            " (away_staff_id, cover_staff_id, valid_from, valid_until, accepted_at)"
            " VALUES (%s, %s, %s, %s, %s)",
            *(place.site.practitioner, staff, NOW - DAY, until, accepted),
        )


def write_openings(writer: SiteWriter, place: Place) -> None:
    """Write openings in need that last, one that is over, and one that was finished with."""
    hour = timedelta(hours=1)
    for role, username, opened, finished in (
        ("practitioner", "opened", NOW - hour, None),
        ("clinician", "opened_clinician", NOW - 4 * hour + timedelta(seconds=1), None),
        ("practitioner", "opened_before", NOW - 4 * hour, None),
        ("clinician", "finished", NOW - hour, NOW),
    ):
        staff = writer.staff(role, f"Oz {username} Virtual", username)
        writer.run(
            "INSERT INTO opening (person_id, staff_id, reason, opened_at, ends_at, finished_at)"
            " VALUES (%s, %s, 'Nobody who is assigned answers.', %s, %s, %s)",
            *(place.site.sam, staff, opened, opened + 4 * hour, finished),
        )


@dataclass(frozen=True, slots=True)
class Answered:
    """An answer without the numbers that were asked for, so that two can be compared."""

    status: int
    leads_to: str
    text: str


FORM: Final = {"words": "x", "kind": "spoke", "outcome": "done", "answer": "x", "note": "x"}
"""What some forms take, so that not all of them are refused for being empty."""
ALWAYS_NEW: Final = re.compile(r'nonce="[^"]+"')
REFUSED_UNSEEN: Final = frozenset({303, 400, 403, 409, 415, 422})
"""A request that is refused for its own sake, before anybody looked for the one whom it names."""


@dataclass
class Asking:
    """A client with a session of its own, and the numbers of what is about Sam."""

    place: Place
    client: TestClient[web.Request, web.Application]
    real: dict[str, str]

    def sign_in(self, name: str) -> dict[str, str]:
        """Open a session and return what a browser would send."""
        headers = {"Sec-Fetch-Site": "same-origin"}
        if name == "nobody":
            return headers
        token = f"a token of {name}"
        self.place.run(
            "INSERT INTO session (token_hash, username, created_at, seen_at, proved_at, level)"
            " VALUES (%s, %s, %s, %s, %s, 'second_factor')",
            *(token_hash(token.replace(" ", "-")), USERNAMES.get(name, name), NOW, NOW, NOW),
        )
        return headers | {"Cookie": f"tidewell={token.replace(' ', '-')}"}

    async def ask(self, line: Line, values: Mapping[str, str], headers: dict[str, str]) -> Answered:
        """Ask an address with these numbers in it; of a stream only its beginning is read."""
        address = line.address(values)
        sent: dict[str, Any] = {"headers": headers, "allow_redirects": False}
        if line.method != "GET":
            is_api = address.startswith("/api/")
            sent |= {"json": {}} if is_api else {"data": FORM}
        async with self.client.request(line.method, address, **sent) as answer:
            stream = answer.content_type == "text/event-stream"
            body = b"" if stream else await answer.read()
            text = ALWAYS_NEW.sub("", body.decode(errors="replace"))
            leads_to = answer.headers.get("Location", "")
            return Answered(
                answer.status,
                leads_to.replace(address, line.path),
                text.replace(address, line.path),
            )

    def about_sam(self) -> list[Any]:
        """Return everything in the guarded tables, to see that nothing of it changed."""
        with psycopg.connect(self.place.url) as connection:
            return [
                sorted(map(repr, connection.execute(f"SELECT * FROM {table}".encode()).fetchall()))
                for table in looking.CHANGED_BY_PAGES
            ]


@pytest.fixture
async def asking(place: Place) -> AsyncIterator[Asking]:
    write_lookers(place)
    real = {"person_id": str(place.site.sam), "public_id": place.site.public_id}
    writer = SiteWriter(place.url, NOW)
    try:
        for name, table in (
            ("context_note_id", "context_note"),
            ("data_request_id", "data_request"),
            ("cover_id", "cover"),
            ("contact_id", "contact_log"),
            ("opening_id", "opening"),
        ):
            real[name] = str(writer.one(f"SELECT min({name}) FROM {table}"))
        real["assignment_id"] = str(
            writer.one(
                "SELECT min(assignment_id) FROM assignment WHERE person_id = %s", place.site.sam
            )
        )
        real["staff_id"] = str(place.site.practitioner)
        real["rota_id"] = str(writer.one("SELECT min(rota_id) FROM rota"))
        real["draft_id"] = str(writer.one("SELECT min(policy_draft_id) FROM policy_draft"))
        real["trial_id"] = str(writer.one("SELECT min(policy_trial_id) FROM policy_trial"))
        real["policy_id"] = GUESSED_NUMBER
        real["token"] = GUESSED["token"]
    finally:
        writer.close()
    settings = load_settings({"TIDEWELL_DEMO": "true", "TIDEWELL_API_REQUESTS_A_MINUTE": "100000"})
    async with make_pool(place.url) as pool:
        application = build_application(settings, place.url, pool, now=lambda: NOW)
        async with TestClient(TestServer(application)) as client:
            yield Asking(place, client, real)


def is_closed(line: Line, answer: Answered, *, is_somebody: bool) -> bool:
    """Say whether an answer is the one that is given for what is not there."""
    if answer.status == 404:
        return True
    if is_somebody:
        return False
    is_api = line.path.startswith("/api/")
    return answer.status == 401 if is_api else answer.leads_to.startswith("/sign-in")


SAM: Final = re.compile(r"\bSam\b|p-sam")
NAME: Final = re.compile(r"\bSam\b")
KNOW_OF_OPENINGS: Final = frozenset({"manager", "opened_before", "finished"})
"""They read on the page of openings whose pages were opened, by label."""


@pytest.mark.parametrize("name", LOOKERS)
async def test_an_address_opens_to_whom_the_table_says_and_tells_nobody_else_a_thing(
    asking: Asking, name: str
) -> None:
    who = LOOKERS[name]
    is_somebody = bool(who.audiences)
    headers = asking.sign_in(name)
    before = asking.about_sam()
    wrong = []
    for line in LINES.values():
        expected = may_open(line, who)
        # What may be done is shown elsewhere; here it would change what is asked next.
        if "anyone" in line.who or (expected and line.method != "GET"):
            continue
        real = await asking.ask(line, asking.real, headers)
        problem = ""
        if is_closed(line, real, is_somebody=is_somebody) == expected or real.status >= 500:
            problem = "is open" if not expected else "is closed"
        if "{" in line.path:
            guessed = await asking.ask(line, GUESSED, headers)
            tells_nothing = not expected and line.method != "GET" and guessed == real
            if problem and tells_nothing and real.status in REFUSED_UNSEEN:
                problem = ""
            if not is_closed(line, guessed, is_somebody=is_somebody) and not tells_nothing:
                problem = f"takes a guessed number: {guessed.status}"
        by_label = line.path == "/openings" and name in KNOW_OF_OPENINGS
        if who.relation == "none" and (NAME if by_label else SAM).search(real.text):
            problem = "names Sam"
        if problem:
            wrong.append(f"{line.method} {line.path} {problem}: {real.status} {real.leads_to}")
    assert wrong == []
    assert asking.about_sam() == before
