"""`python -m bench portal` opens every page, and a browser that was never here opens some."""

from __future__ import annotations

import os

import pytest

from bench.browsing import QUICK_PAGES, chromium_path
from bench.pages import BARE, pages
from bench.paging import AGREED_KILOBYTES, run

pytestmark = [
    pytest.mark.skipif(
        chromium_path() is None and "CI" not in os.environ, reason="chromium is not on this machine"
    ),
    pytest.mark.timeout(600),
]


def test_every_page_is_measured_and_a_first_view_stays_at_home_and_light() -> None:
    figures = run(quick=True)
    assert set(figures["pages"]) == {BARE.name, *(page.name for page in pages())}
    for name, one in figures["pages"].items():
        assert 0 < one["p50_ms"] <= one["p95_ms"], name
        assert one["kilobytes"] > 0 or name == BARE.name, name
    assert figures["pages"][BARE.name]["times_bare"] == 1
    assert figures["requests_to_other_hosts"] == "none"
    assert figures[f"heavier_than_{AGREED_KILOBYTES}_kilobytes"] == "none"
    assert len(figures["first_views"]) >= QUICK_PAGES
    for name, one in figures["first_views"].items():
        assert one["kilobytes"] > 20, name  # the style sheet alone is more
        assert one["requests"] >= 8, name
    assert figures["explorer_of_a_year"]["on_the_screen_ms"] > 0
