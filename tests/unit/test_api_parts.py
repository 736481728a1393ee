"""Parts of the interface for programs: pages of lists, the limit of requests, the document."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, get_args, get_type_hints

import pytest
from hypothesis import given
from hypothesis import strategies as st
from openapi_spec_validator import validate

from portal.api.catalogue import OPERATIONS
from portal.api.document import document_text, make_document
from portal.api.limits import BUCKETS_MAX, RateLimit
from portal.api.paging import PageQuery, page_of
from portal.api.problems import ProblemKind, status_of
from portal.application import ROUTES
from portal.context import API_PATH, Audience, Scope

DOCUMENT = Path(__file__).parents[2] / "docs" / "openapi.json"
NOW = datetime(2026, 11, 22, 14, tzinfo=UTC)


def test_the_committed_document_is_the_one_that_is_served() -> None:
    text = DOCUMENT.read_text(encoding="utf-8")
    assert text == document_text(), "run: python -m portal.api > docs/openapi.json"


def test_the_document_is_valid_openapi() -> None:
    validate(make_document())


def test_the_document_names_every_operation_and_nothing_else() -> None:
    described = {
        (method.upper(), path)
        for path, place in make_document()["paths"].items()
        for method in place
    }
    served = {
        (route.method, re.sub(r"\{(\w+):[^{}]*(?:\{[0-9,]+\})?\}", r"{\1}", route.path))
        for route in ROUTES
        if route.path.startswith(API_PATH)
    }
    assert described == served
    names = [one.name for one in OPERATIONS]
    assert len(set(names)) == len(names)


def references(part: object) -> set[str]:
    if isinstance(part, dict):
        found = {part["$ref"]} if "$ref" in part else set()
        return found.union(*(references(one) for one in part.values()))
    if isinstance(part, list):
        return set().union(*(references(one) for one in part))
    return set()


def test_every_reference_of_the_document_leads_somewhere() -> None:
    document: Any = make_document()
    for reference in references(document):
        place = document
        for part in reference.removeprefix("#/").split("/"):
            place = place[part]


def test_whoever_only_reads_changes_nothing() -> None:
    for one in OPERATIONS:
        assert one.audiences
        assert Audience.ANYONE not in one.audiences
        assert (one.scope is Scope.READ) == (one.method == "GET")
        assert (one.work is None) != (one.stream is None)


def test_what_is_shown_once_can_be_left_out_and_changes_something() -> None:
    secret = [one for one in OPERATIONS if one.shown_once]
    assert {one.name for one in secret} == {"pairDevice", "giveDeviceSecret"}
    for one in secret:
        assert one.scope is Scope.ACT
        assert one.answer is not None
        for name in one.shown_once:
            assert type(None) in get_args(get_type_hints(one.answer)[name])


def test_only_administrators_have_the_way_of_administrators_to_the_database() -> None:
    for one in OPERATIONS:
        if one.is_administration:
            assert one.audiences == {Audience.ADMIN}
    acting = [one for one in OPERATIONS if one.scope is Scope.ACT]
    assert all(one.is_administration == (one.audiences == {Audience.ADMIN}) for one in acting)


def test_every_problem_has_a_status_that_says_whose_fault_it_is() -> None:
    assert {kind for kind in ProblemKind if status_of(kind) >= 500} == {
        ProblemKind.UNEXPECTED,
        ProblemKind.NO_DATABASE,
        ProblemKind.TOO_MANY_STREAMS,
    }


@given(st.integers(0, 30), st.integers(1, 7))
def test_pages_together_are_the_whole_list_once(length: int, limit: int) -> None:
    items, seen, after = [f"p{number}" for number in range(length)], [], None
    for _ in range(length + 2):
        shown, after = page_of(items, str, PageQuery(limit=limit, after=after))
        seen += shown
        if after is None:
            break
    assert seen == items


def test_a_list_that_lost_its_place_goes_on_where_that_was() -> None:
    items = ["a", "b", "c", "d"]
    _, after = page_of(items, str, PageQuery(limit=2))
    assert page_of(["a", "c", "d"], str, PageQuery(limit=2, after=after))[0] == ["d"]
    assert page_of(["x", "a", "b", "c"], str, PageQuery(limit=2, after=after))[0] == ["c"]
    assert page_of(items, str, PageQuery(after="999999.z")) == ([], None)


def test_a_bucket_gives_a_burst_and_then_one_at_a_time() -> None:
    limit = RateLimit(60)
    waits = [limit.wait_s(b"a", NOW) for _ in range(13)]
    assert waits == [0.0] * 12 + [1.0]
    assert limit.wait_s(b"a", NOW + timedelta(seconds=0.5)) == pytest.approx(0.5)
    assert limit.wait_s(b"a", NOW + timedelta(seconds=1)) == 0.0
    assert limit.wait_s(b"a", NOW) > 0
    assert limit.wait_s(b"b", NOW) == 0.0


def test_waiting_longer_than_a_burst_gives_no_more_than_a_burst() -> None:
    limit = RateLimit(60)
    limit.wait_s(b"a", NOW)
    later = NOW + timedelta(hours=1)
    assert sum(limit.wait_s(b"a", later) == 0 for _ in range(50)) == 12


def test_buckets_are_bounded() -> None:
    limit = RateLimit(60)
    for number in range(BUCKETS_MAX + 10):
        limit.wait_s(number.to_bytes(4, "big"), NOW)
    assert len(limit._buckets) == BUCKETS_MAX


def test_the_document_holds_no_example_of_anybody() -> None:
    assert "Sam" not in json.dumps(make_document())
