"""A served site for the browser tests: real pages on a real database."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.browser.served_site import ServedSite, serve


@pytest.fixture
def served(database_url: str) -> Iterator[ServedSite]:
    with serve(database_url) as site:
        yield site
