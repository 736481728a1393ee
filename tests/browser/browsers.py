"""One way to start the browser of this machine, without anything that would leave it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from playwright.sync_api import Browser, sync_playwright

from bench.browsing import FLAGS, chromium_path

__all__ = ["FLAGS", "chromium_path", "open_browser"]


@contextmanager
def open_browser() -> Iterator[Browser]:
    """Lend a browser for a block."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium_path(), args=list(FLAGS))
        try:
            yield browser
        finally:
            browser.close()
