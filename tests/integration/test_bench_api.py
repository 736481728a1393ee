"""`python -m bench api` asks every operation that reads, and weighs every first view."""

from __future__ import annotations

import pytest

from bench.asking import FIRST_VIEWS, run
from bench.paging import BARE
from portal.api.catalogue import OPERATIONS


@pytest.mark.timeout(600)
def test_every_operation_that_reads_is_measured_and_no_first_view_is_heavy() -> None:
    figures = run(quick=True)
    reading = {one.name for one in OPERATIONS if one.method == "GET" and one.stream is None}
    assert set(figures["operations"]) == {BARE.name, *reading}
    assert set(figures["first_views"]) == {name for name, _, _ in FIRST_VIEWS}
    assert figures["heavier_than_150_kilobytes"] == "none"
    for name, one in figures["first_views"].items():
        assert (
            one["page_kilobytes"] < one["with_files_kilobytes"] < one["uncompressed_kilobytes"]
        ), name
        assert one["files"] >= 5, name
