"""Every page of every role, as the routes of the portal have them: what `bench portal` opens.

A page that is added to the routes is measured without anybody adding it here. What is not measured
says why. Pure.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from portal.application import ROUTES, Route
from portal.context import API_PATH, Audience

TOKEN: Final = "bench-bench-bench-bench-bench"  # noqa: S105 -- of a database that is gone after the run
VALUES: Final[Mapping[str, str]] = {
    "person_id": "1",
    "public_id": "BENCH1",
    "staff_id": "1",
    "draft_id": "1",
    "trial_id": "1",
    "rota_id": "1",
    "token": TOKEN,
}
"""What stands in an address for whom or what it is about."""

WHO: Final[Mapping[Audience, str]] = {
    Audience.ANYONE: "",
    Audience.PRACTITIONER: "jo",
    Audience.CLINICIAN: "kim",
    Audience.YOUNG_PERSON: "sam",
    Audience.ADMIN: "ade",
}
"""Who opens the pages of an audience; what service managers see, administrators do."""

NOT_MEASURED: Final[Mapping[str, str]] = {
    "/": "leads on to another page",
    "/live": "a stream without an end",
    "/sign-in/second": "there only between a password and a second step",
}
"""Addresses that are no page to wait for, and why."""

ALSO: Final[Mapping[str, tuple[str, ...]]] = {
    "/people/{person_id}": ("?days=90",),
    "/people/{person_id}/days": ("?days=90&measure=steps",),
    "/people/{person_id}/explore": ("?days=90", "?days=28&plain=1"),
    "/people/{person_id}/explore/series.json": ("?days=7", "?days=90", "?days=365"),
    "/people/{person_id}/explore/table.csv": ("?days=365",),
    "/people/{person_id}/rhythm": ("?days=90",),
    "/people/{person_id}/timeline/correct": ("?contact=1",),
    "/people/{person_id}/weeks": ("?days=90",),
    "/service/alerts": ("?days=90",),
}
"""How a page is asked for besides, or only, where it needs to be told of what."""
NEEDS_MORE: Final = frozenset({"/people/{person_id}/timeline/correct"})

_PLACE: Final = re.compile(r"\{(\w+)(?::(?:[^{}]|\{[^{}]*\})*)?\}")
_FILES: Final = (".csv", ".json", ".ics", ".mjs")


@dataclass(frozen=True, slots=True)
class Page:
    """A page to measure: who opens it, and what is sent with it where it is a form."""

    name: str
    username: str
    path: str
    form: Mapping[str, str] | None = None

    @property
    def is_seen(self) -> bool:
        """Return whether a browser shows it, and not a program that reads a file or an answer."""
        is_file = self.path.split("?")[0].endswith(_FILES)
        return self.form is None and not is_file and self.path != BARE.path


BARE: Final = Page("bare SELECT 1", "", "/health")

FORMS: Final = (
    Page(
        "clinician /people/{person_id}/before-after, answer",
        "kim",
        "/people/1/before-after",
        {"measure": "sleep_minutes", "start": "{start}"},
    ),
)
"""Forms that are answered with a page, and not with a way to one."""

OF_A_THOUSAND: Final = (
    Page("practitioner of 1,000 /alerts", "max", "/alerts"),
    Page("clinician of 1,000 /people", "lou", "/people"),
    Page("clinician of 1,000 /people.csv", "lou", "/people.csv"),
    Page("clinician of 1,000 /people/{person_id}?days=90", "lou", "/people/1?days=90"),
)
"""What a caseload costs that nobody should have."""


def plain(path: str) -> str:
    """Return the path of a route without what its parts may consist of."""
    return _PLACE.sub(r"{\1}", path)


def pages() -> tuple[Page, ...]:
    """Return every page of every role, then forms, then what a large caseload costs."""
    found = [page for route in ROUTES if _is_page(route) for page in _pages_of(route)]
    return (*found, *FORMS, *OF_A_THOUSAND)


def _is_page(route: Route) -> bool:
    is_for_programs = route.path.startswith(API_PATH)
    return route.method == "GET" and not is_for_programs and plain(route.path) not in NOT_MEASURED


def _pages_of(route: Route) -> list[Page]:
    path = plain(route.path)
    address = _PLACE.sub(lambda place: VALUES[place[1]], path)
    ways = ("",) * (path not in NEEDS_MORE) + ALSO.get(path, ())
    audiences = [audience for audience in WHO if audience in route.audiences]
    return [
        Page(f"{audience.value} {path}{way}", WHO[audience], address + way)
        for audience in audiences
        for way in ways
        if address + way != BARE.path
    ]
