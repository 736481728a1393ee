"""Takes the pictures of the documents from a real demo: `./dev screenshots`.

Starts the demo, waits until its history is in and its first alert was handed over, and lets
`take_screenshots` look at the pages. The README's picture is the phone's list, alert and person,
side by side.
"""

from __future__ import annotations

import base64
import signal
import subprocess
import sys
from pathlib import Path
from typing import Final

from playwright.sync_api import Browser

from tests.browser.browsers import open_browser
from tests.browser.take_screenshots import take_screenshots
from tidewell.demo_people import DEMO_PASSWORD

FOLDER: Final = Path(__file__).parents[2] / "docs" / "images"
SIDE_BY_SIDE: Final = ("practitioner-list-390", "alert-390", "person-390")
PHONE_PX: Final = 390
SHOWN_HEIGHT_PX: Final = 844
GAP_PX: Final = 24


def main() -> None:
    """Run the demo and take every picture."""
    command = [sys.executable, "-m", "tidewell", "demo", "--port", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as demo:
        try:
            url = _address_after_first_alert(demo)
            with open_browser() as browser:
                take_screenshots(browser, url, "worker", DEMO_PASSWORD, FOLDER)
                _side_by_side(browser)
        finally:
            demo.send_signal(signal.SIGINT)


def _address_after_first_alert(demo: subprocess.Popen[str]) -> str:
    assert demo.stdout is not None
    url = ""
    for line in demo.stdout:
        if "demo is at " in line:
            url = line.split()[-1]
        if line.startswith("To staff"):
            return url
    raise AssertionError("the demo ended without an alert")


def _side_by_side(browser: Browser) -> None:
    """Put the phone's pictures beside each other, cut to one screen."""
    width = len(SIDE_BY_SIDE) * PHONE_PX + (len(SIDE_BY_SIDE) + 1) * GAP_PX
    page = browser.new_page(viewport={"width": width, "height": SHOWN_HEIGHT_PX + 2 * GAP_PX})
    pictures = "".join(
        f'<div style="background-image:url({_data(name)})"></div>' for name in SIDE_BY_SIDE
    )
    page.set_content(
        f"<style>body{{margin:{GAP_PX}px;display:flex;gap:{GAP_PX}px;background:#d8dde0}}"
        f"div{{width:{PHONE_PX}px;height:{SHOWN_HEIGHT_PX}px;background-size:{PHONE_PX}px auto;"
        f"background-repeat:no-repeat;background-color:#f0f4f5}}</style>{pictures}"
    )
    page.screenshot(path=FOLDER / "readme.png")
    page.close()


def _data(name: str) -> str:
    content = base64.b64encode((FOLDER / f"{name}.png").read_bytes()).decode()
    return f"data:image/png;base64,{content}"


if __name__ == "__main__":
    main()
