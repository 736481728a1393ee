"""What `bench portal` measures: every page of the portal, in every role that it is for."""

from __future__ import annotations

from bench.pages import ALSO, NEEDS_MORE, NOT_MEASURED, WHO, pages, plain
from portal.application import ROUTES
from portal.context import API_PATH, Audience

READ = [route for route in ROUTES if route.method == "GET" and not route.path.startswith(API_PATH)]


def test_every_page_is_measured_in_every_role_or_says_why_not() -> None:
    measured = {page.name.split("?")[0] for page in pages()}
    for route in READ:
        path = plain(route.path)
        if path in NOT_MEASURED or path == "/health":
            continue
        for audience in route.audiences - {Audience.SERVICE_MANAGER}:
            assert f"{audience.value} {path}" in measured


def test_what_is_said_of_pages_is_about_pages_that_there_are() -> None:
    served = {plain(route.path) for route in READ}
    assert set(NOT_MEASURED) | set(ALSO) | NEEDS_MORE <= served
    assert set(WHO) == set(Audience) - {Audience.SERVICE_MANAGER}


def test_no_page_is_measured_twice_and_none_has_a_place_left_open() -> None:
    found = pages()
    assert len({page.name for page in found}) == len(found) > 80
    assert [page for page in found if "{" in page.path] == []
