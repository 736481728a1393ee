"""Takes the pictures of the pages that the documents show, so that they never rot.

python -m tests.browser.take_screenshots --url URL --username U --password P --out docs/images
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Final

from playwright.sync_api import Browser, Page

from tests.browser.browsers import open_browser

WIDTHS_PX: Final = (390, 1280)
HEIGHTS_PX: Final = {390: 844, 1280: 900}


def take_screenshots(browser: Browser, url: str, username: str, password: str, out: Path) -> None:
    """Sign in as a practitioner and take each page at each width."""
    out.mkdir(parents=True, exist_ok=True)
    for width in WIDTHS_PX:
        context = browser.new_context(viewport={"width": width, "height": HEIGHTS_PX[width]})
        page = context.new_page()
        sign_in(page, url, username, password)
        page.wait_for_selector("text=Live")
        page.screenshot(path=out / f"practitioner-list-{width}.png")
        page.click(".tw-card__who a >> nth=0")
        page.wait_for_selector("text=Live")
        page.screenshot(path=out / f"alert-{width}.png")
        page.click("text=days and nights")
        page.wait_for_selector("text=Live")
        page.screenshot(path=out / f"person-{width}.png", full_page=True)
        context.close()


def sign_in(page: Page, url: str, username: str, password: str) -> None:
    """Sign in through the form."""
    page.goto(f"{url}/sign-in")
    page.fill("#username", username)
    page.fill("#password", password)
    page.click("main button:has-text('Sign in')")
    page.wait_for_url(lambda address: "/sign-in" not in address)


def main() -> None:
    """Read the command line and take the pictures."""
    parser = argparse.ArgumentParser(description="Take the pictures of the pages.")
    for name in ("--url", "--username", "--password"):
        parser.add_argument(name, required=True)
    parser.add_argument("--out", type=Path, required=True)
    given = parser.parse_args()
    with open_browser() as browser:
        take_screenshots(browser, given.url, given.username, given.password, given.out)


if __name__ == "__main__":
    main()
