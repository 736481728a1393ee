"""What somebody still has to do between their password and their pages. Pure.

Staff need a second factor, outside of the demo. A young person is never asked for one: a passkey is
theirs to use instead of the password. Whoever set a factor up is asked for it, in the demo too.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Final

from aiohttp import web

from portal.context import Audience, SessionLevel, Viewer


class Step(StrEnum):
    """What is missing before somebody's pages open."""

    SECOND_FACTOR = "second_factor"
    SET_UP = "set_up"


STEP: Final = web.RequestKey("step", Step)
"""What whoever is looking has to do before their pages open; not there when they are open."""

STEP_PAGES: Final[dict[Step, str]] = {
    Step.SECOND_FACTOR: "/sign-in/second",
    Step.SET_UP: "/security/set-up",
}
"""Where each is done."""

_OPEN_MEANWHILE: Final[dict[Step, tuple[str, ...]]] = {
    Step.SECOND_FACTOR: ("/sign-in/second",),
    Step.SET_UP: ("/security/set-up", "/security/app", "/security/passkey", "/sign-in/again"),
}
"""Setting up asks again when the password was long ago, so that page has to be open too."""


def step_of(viewer: Viewer, *, demo: bool) -> Step | None:
    """Return what somebody has to do first, or None when their pages are open."""
    if viewer.audience is Audience.YOUNG_PERSON:
        return None
    if viewer.has_second_factor:
        return None if viewer.level is SessionLevel.SECOND_FACTOR else Step.SECOND_FACTOR
    return None if demo else Step.SET_UP


def is_open_during(step: Step, path: str) -> bool:
    """Return whether a page belongs to a step.

    Example:
        >>> is_open_during(Step.SET_UP, "/security/app"), is_open_during(Step.SET_UP, "/security")
        (True, False)
    """
    return any(path == one or path.startswith(one + "/") for one in _OPEN_MEANWHILE[step])
