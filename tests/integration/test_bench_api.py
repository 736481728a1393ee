"""`python -m bench api` asks every operation that reads, beside a bare request."""

from __future__ import annotations

import pytest

from bench.asking import run
from bench.pages import BARE
from portal.api.catalogue import OPERATIONS


@pytest.mark.timeout(600)
def test_every_operation_that_reads_is_measured_beside_a_bare_request() -> None:
    figures = run(quick=True)
    reading = {one.name for one in OPERATIONS if one.method == "GET" and one.stream is None}
    assert set(figures["operations"]) == {BARE.name, *reading}
    for name, one in figures["operations"].items():
        assert 0 < one["p50_ms"] <= one["p95_ms"], name
