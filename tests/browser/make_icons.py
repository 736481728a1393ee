"""Makes the icons of the installed application from `portal/static/icon.svg`: `./dev icons`.

A phone cuts an icon to its own shape, so the whole one fills its square and keeps the sign in the
middle; the others have the round corners of the drawing.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

from playwright.sync_api import Browser

from tests.browser.browsers import open_browser

FOLDER: Final = Path(__file__).parents[2] / "portal" / "static"
ROUND_PX: Final = {"icon-192.png": 192, "icon-512.png": 512}
WHOLE_PX: Final = {"icon-180.png": 180, "icon-whole-512.png": 512}
SIGN_PART: Final = 0.8
"""A phone may cut away a tenth on each side."""


def draw(browser: Browser, name: str) -> bytes:
    """Return one icon as PNG."""
    drawing = (FOLDER / "icon.svg").read_text(encoding="utf-8")
    pixels = ROUND_PX.get(name) or WHOLE_PX[name]
    if name in WHOLE_PX:
        shift = (1 - SIGN_PART) / 2 * 32
        moved = f'<path transform="translate({shift} {shift}) scale({SIGN_PART})"'
        drawing = drawing.replace('rx="6"', "").replace("<path", moved)
    page = browser.new_page(viewport={"width": pixels, "height": pixels})
    page.set_content(
        f"<style>body{{margin:0;background:transparent}}svg{{display:block;width:{pixels}px}}</style>"
        + drawing
    )
    picture = page.screenshot(omit_background=True)
    page.close()
    return picture


def main() -> None:
    """Write every icon."""
    with open_browser() as browser:
        for name in (*ROUND_PX, *WHOLE_PX):
            (FOLDER / name).write_bytes(draw(browser, name))


if __name__ == "__main__":
    main()
