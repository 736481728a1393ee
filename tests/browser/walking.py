"""Follows a script of `docs/walkthroughs.md` in a browser, by pointing or with a keyboard alone.

A script is read as its reader reads it: what is bold is tapped, what is code is typed into the
field that follows, what is slanted has to be there then. With a keyboard only Tab, the arrows,
Space, Enter and letters are used, and wherever something is done, the focus has to be seen.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Final

from playwright.sync_api import ElementHandle, FloatRect, Locator, Page, expect

from tidewell.clock import now_utc

WALKTHROUGHS: Final = Path(__file__).parents[2] / "docs" / "walkthroughs.md"
LINES: Final = 5
AROUND_PX: Final = 8
"""A focus may be drawn around something."""
TABS_MOST: Final = 120
"""Longer than any page of ours; a focus that is caught fails."""
SEEN_WITHIN_MS: Final = 3_000
LOOKS_MOST: Final = 5
"""A page without a script is asked again by hand, as its reader would."""

_MARKS: Final = re.compile(
    r"`(?P<value>[^`]+)` in \*\*(?P<field>[^*]+)\*\*"
    r"|\*\*(?P<tap>[^*]+)\*\*"
    r"|(?<!\*)\*(?P<see>[^*]+)\*"
)
_ROLES: Final = ("link", "button", "radio", "checkbox")


@dataclass(frozen=True, slots=True)
class Step:
    """One thing to do or to see: exactly one of tap, field and see is not empty."""

    tap: str = ""
    field: str = ""
    value: str = ""
    see: str = ""


def script_of(heading: str) -> list[list[Step]]:
    """Return the lines of a role's script, each as its steps."""
    section = (
        WALKTHROUGHS.read_text(encoding="utf-8").split(f"\n## {heading}\n")[1].split("\n## ")[0]
    )
    lines = re.findall(r"^[0-9]\. (.+)$", section, re.MULTILINE)
    return [[Step(**_filled(match)) for match in _MARKS.finditer(line)] for line in lines]


def headings() -> list[str]:
    """Return the roles that have a script."""
    return re.findall(r"^## (.+)$", WALKTHROUGHS.read_text(encoding="utf-8"), re.MULTILINE)


def _filled(match: re.Match[str]) -> dict[str, str]:
    return {name: text for name, text in match.groupdict().items() if text is not None}


def follow(page: Page, lines: list[list[Step]], *, keyboard: bool) -> None:
    """Do what a script says from where the page is."""
    for step in (step for line in lines for step in line):
        if step.see:
            see(page, step.see)
        elif step.tap:
            target = find(page, step.tap)
            if keyboard:
                press(page, target)
            else:
                target.click()
        elif keyboard:
            type_into(page, page.get_by_label(step.field, exact=True), step.value)
        else:
            page.get_by_label(step.field, exact=True).fill(_value(step.value))


def see(page: Page, words: str) -> None:
    """Look until the words are there; a page that does not refresh itself is asked again."""
    place = page.locator("main").get_by_text(words).locator("visible=true").first
    for _ in range(LOOKS_MOST):
        try:
            expect(place).to_be_visible(timeout=SEEN_WITHIN_MS)
        except AssertionError:
            page.reload()
        else:
            return
    expect(place).to_be_visible(timeout=SEEN_WITHIN_MS)


def find(page: Page, name: str) -> Locator:
    """Return what somebody would tap who reads this name."""
    candidates = page.locator("summary").filter(has_text=re.compile(rf"^\s*{re.escape(name)}\s*$"))
    for role in _ROLES:
        candidates = candidates.or_(page.get_by_role(role, name=name, exact=True))
    expect(candidates.first).to_be_attached()
    return candidates.first


def press(page: Page, target: Locator) -> None:
    """Reach something by keyboard and do what it is for."""
    handle = target.element_handle()
    kind = handle.evaluate("(one) => one.type || one.tagName.toLowerCase()")
    reached = _tab_to(page, handle, is_radio=kind == "radio")
    assert_focus_is_seen(page)
    if not reached:
        _arrow_to(page, handle)
    else:
        page.keyboard.press("Space" if kind in ("radio", "checkbox") else "Enter")


def type_into(page: Page, field: Locator, value: str) -> None:
    """Reach a field by keyboard and type."""
    handle = field.element_handle()
    _tab_to(page, handle, is_radio=False)
    assert_focus_is_seen(page)
    is_day = handle.evaluate("(one) => one.type") == "date"
    # The order of the parts is that of the browser's language, which is American in a test.
    page.keyboard.type(_today().strftime("%m%d%Y") if is_day else value)


def _tab_to(page: Page, target: ElementHandle, *, is_radio: bool) -> bool:
    """Press Tab until the focus is there; of a group of radios, until it is on one of them."""
    for _ in range(TABS_MOST):
        page.keyboard.press("Tab")
        if target.evaluate("(one) => one === document.activeElement"):
            return True
        if is_radio and target.evaluate("(one) => one.name === document.activeElement.name"):
            return False
    raise AssertionError("the keyboard does not reach it")


def _arrow_to(page: Page, target: ElementHandle) -> None:
    for _ in range(TABS_MOST):
        page.keyboard.press("ArrowDown")
        if target.evaluate("(one) => one === document.activeElement && one.checked"):
            return
    raise AssertionError("the arrows do not reach it")


def assert_focus_is_seen(page: Page) -> None:
    """Fail where what has the focus is not on the screen, or looks the same without it."""
    left, top, width, height = page.evaluate(
        "() => { const box = document.activeElement.getBoundingClientRect();"
        " return [box.x, box.y, box.width, box.height] }"
    )
    size = page.viewport_size
    assert size is not None
    assert 0 <= top < size["height"], f"the focus is not on the screen: {top}"
    around: FloatRect = {
        "x": max(left - AROUND_PX, 0),
        "y": max(top - AROUND_PX, 0),
        "width": width + 2 * AROUND_PX,
        "height": height + 2 * AROUND_PX,
    }
    with_focus = page.screenshot(clip=around)
    page.evaluate("window.walked = document.activeElement; document.activeElement.blur()")
    without_focus = page.screenshot(clip=around)
    page.evaluate("window.walked.focus({ focusVisible: true })")
    assert with_focus != without_focus, "nothing shows where the focus is"


def _value(value: str) -> str:
    return _today().isoformat() if value == "today" else value


def _today() -> date:
    return now_utc().date()
