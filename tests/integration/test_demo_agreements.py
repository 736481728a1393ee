"""The demo's people have agreed before a reading of theirs comes in."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest

from portal.admin.agreements import AgreementStanding, age_on, reading_level_of
from portal.admin.people_pages import agreement_of
from tidewell.commands import demo_agreements
from tidewell.commands.demo_agreements import TURNED_16, birth_of
from tidewell.database import Role, connect
from tidewell.demo_people import DEMO_DAYS, DEMO_TIMEZONE, STORIES
from tidewell.enrolment import add_staff, add_team, enrol_person

DAYS = [
    datetime(2026, 11, 29, 9, tzinfo=UTC),
    datetime(2027, 1, 1, 12, tzinfo=UTC),
    datetime(2028, 2, 29, 0, tzinfo=UTC),
]


@pytest.mark.parametrize("now", DAYS, ids=str)
async def test_everybody_agreed_and_one_who_turned_16_is_to_be_asked_again(
    database_url: str, now: datetime
) -> None:
    since = now - timedelta(days=DEMO_DAYS)
    async with await connect(database_url, Role.ENROL, "test") as connection:
        team = await add_team(connection, "Harbour team", since)
        admin = await add_staff(connection, "admin", "Administrator", team, since)
        people = []
        for story in STORIES:
            name, zone = story.preferred_name, DEMO_TIMEZONE
            person = await enrol_person(connection, name, since, preferred_name=name, timezone=zone)
            people.append(person.person_id)
        await demo_agreements.agree(connection, admin, people, since, now)
        found = [(await agreement_of(connection, one)).standing(now.date()) for one in people]
    assert found.pop(TURNED_16) is AgreementStanding.NEW_AGE
    assert set(found) == {AgreementStanding.AGREED}


@pytest.mark.parametrize("today", [one.date() for one in DAYS], ids=str)
def test_how_their_pages_are_written_fits_their_age(today: date) -> None:
    for place, story in enumerate(STORIES):
        month, _ = birth_of(place, today)
        assert reading_level_of(age_on(month, today)) == story.reading_level
