"""The demo's people and their stories. All of them are made up, and the passwords are no secret.

A site that is not a demo never has these sign-ins.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

DEMO_PASSWORD: Final = "tidewell-demo"  # noqa: S105 -- printed on purpose; the demo listens on loopback only
DEMO_TIMEZONE: Final = "Europe/London"
DEMO_DAYS: Final = 56
"""Two windows of what is usual: four weeks to learn from, four in which something happens."""
DEMO_SEED: Final = 7


@dataclass(frozen=True, slots=True)
class DemoSignIn:
    """Somebody who can sign in to the demo.

    `story` is the number of a young person; `knows` says as what they are assigned to everybody.
    """

    who: str
    username: str
    role: str
    display_name: str
    story: int | None = None
    knows: str | None = None
    is_service_manager: bool = False


DEMO_SIGN_INS: Final = (
    DemoSignIn("Key worker (Jamie)", "worker", "practitioner", "Jamie", knows="key_worker"),
    DemoSignIn("Clinician (Rowan)", "clinician", "clinician", "Rowan", knows="clinician"),
    DemoSignIn("Young person (Sam)", "sam", "person", "Sam", story=0),
    DemoSignIn("Colleague (Alex)", "colleague", "practitioner", "Alex"),
    DemoSignIn(
        "Service manager (Morgan)", "manager", "practitioner", "Morgan", is_service_manager=True
    ),
    DemoSignIn("Administrator", "admin", "admin", "Administrator"),
)


@dataclass(frozen=True, slots=True)
class Chapter:
    """What happens in a story: a scenario of `firmware_sim`, days before now, days long."""

    scenario: str
    days_ago: float
    days_long: float
    strength: float = 1.0


@dataclass(frozen=True, slots=True)
class Story:
    """A virtual young person of the demo."""

    preferred_name: str
    reading_level: str
    chapters: tuple[Chapter, ...]


WORRIED_ABOUT: Final = 1
"""Whose story has an alert that went on to a colleague, two working days ago."""
ASKS_AT_NIGHT: Final = 2
"""Who asked for a check-in in the evening after, and got it in the morning."""

STORIES: Final = (
    Story("Sam", "12-15", (Chapter("illness", days_ago=4.2, days_long=8, strength=1.7),)),
    Story("Robin", "16-18", ()),
    Story("Kit", "12-15", (Chapter("illness", days_ago=24, days_long=6, strength=1.2),)),
    Story("Ash", "12-15", (Chapter("withdrawal", days_ago=20, days_long=9, strength=1.2),)),
    Story("Jo", "16-18", (Chapter("exam_stress", days_ago=18, days_long=8),)),
    Story("Lee", "8-11", (Chapter("holiday", days_ago=15, days_long=7),)),
    Story("Max", "12-15", (Chapter("device_off", days_ago=10, days_long=2.5),)),
    Story("Nell", "16-18", (Chapter("broken_sleep", days_ago=22, days_long=7),)),
)
