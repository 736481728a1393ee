"""What the demo's people agreed to: nobody's readings come in that nobody agreed to, also here.

Everybody has an age that fits how their pages are written, and whoever is under 16 has a parent who
agreed too. One of them turned 16 since then, so that there is somebody to be asked again.
"""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import Final

from tidewell.database import Connection, Queries
from tidewell.demo_people import STORIES

EXPLANATION: Final = (
    "A council has the duty to promote the wellbeing of children in its area."
    " In this demo nobody's real information is used."
)
TEXT: Final = (
    "You wear a device. It measures things like your heart rate, your sleep and how much you move."
    " A computer looks for days that are not like your usual. If it finds some, your worker is told"
    " and asks how you are.\n\n"
    "Your worker and your clinician can see it. You can see it too, and who looked. Measurements by"
    " the minute are deleted after 90 days.\n\n"
    "You can pause it at any time. No is a fine answer, and so is changing your mind."
)
REVIEW_AFTER: Final = timedelta(days=365)
AGES: Final = {"8-11": 10, "12-15": 14, "16-18": 17}
DECIDES_FROM: Final = 16
TURNED_16: Final = len(STORIES) - 1
"""Whose birthday was this month; they agreed when they were 15."""
HALF_A_YEAR: Final = timedelta(days=183)

_SQL: Final = Queries("tidewell.commands", "demo_agreements.sql")


async def agree(
    connection: Connection, staff_id: int, people: list[int], since: datetime, now: datetime
) -> None:
    """Write down the lawful basis, the text, and what each young person and their parents said."""
    by = {"staff_id": staff_id, "at": since}
    review_on = (now + REVIEW_AFTER).date()
    await connection.execute(
        _SQL["basis"], {**by, "explanation": EXPLANATION, "review_on": review_on}
    )
    await connection.execute(_SQL["text"], {**by, "body": TEXT})
    for place, person_id in enumerate(people):
        month, age = birth_of(place, now.date())
        said_by = ["young_person"] if age >= DECIDES_FROM else ["young_person", "parent"]
        person = {**by, "person_id": person_id}
        await connection.execute(_SQL["birth_month"], {**person, "birth_month": month})
        await connection.execute(_SQL["agree"], {**person, "said_by": said_by})
        await connection.execute(_SQL["share"], person)


def birth_of(place: int, today: date) -> tuple[date, int]:
    """Return the month of birth of a virtual person, and how old they were when they agreed.

    Example:
        >>> birth_of(0, date(2026, 11, 29))  # Sam, whose pages are for those from 12 to 15
        (datetime.date(2012, 5, 1), 14)
        >>> birth_of(TURNED_16, date(2026, 11, 29))
        (datetime.date(2010, 11, 1), 15)
    """
    if place == TURNED_16:
        return date(today.year - DECIDES_FROM, today.month, 1), DECIDES_FROM - 1
    age, month = AGES[STORIES[place].reading_level], today - HALF_A_YEAR
    return date(month.year - age, month.month, 1), age
