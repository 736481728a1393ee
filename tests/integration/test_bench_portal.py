"""`python -m bench portal` opens every page of its list, beside a bare request."""

from __future__ import annotations

from bench.paging import BARE, PAGES, run


def test_every_page_of_the_list_is_measured_beside_a_bare_request() -> None:
    figures = run(quick=True)
    assert set(figures["pages"]) == {BARE.name, *(page.name for page in PAGES)}
    for name, one in figures["pages"].items():
        assert 0 < one["p50_ms"] <= one["p95_ms"], name
        assert one["kilobytes"] > 0, name
    assert figures["pages"][BARE.name]["times_bare"] == 1
