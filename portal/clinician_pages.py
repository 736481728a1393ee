"""The clinician's list: everybody assigned to them, a row each.

The person's page and the alert's page are the same as the practitioner's; a clinician reads alerts
and leaves accepting them to the practitioner who knows the person.
"""

from __future__ import annotations

from datetime import timedelta

from aiohttp import web

from portal.context import SETTINGS, now_of, transaction, viewer_of
from portal.data_state import worn_words
from portal.people import log_list_look, people_of_staff, person_card
from portal.rendering import page


async def show_people(request: web.Request) -> web.Response:
    """Show the people of a clinician, those with something open first."""
    viewer, now = viewer_of(request), now_of(request)
    async with transaction(request) as connection:
        people = await people_of_staff(connection, viewer.known_staff_id, now)
        shown = [person.person_id for person in people]
        await log_list_look(connection, viewer.known_staff_id, shown, now)
    silence_after = timedelta(seconds=request.app[SETTINGS].silence_after_s)
    cards = [person_card(person, now, silence_after) for person in people]
    cards.sort(key=lambda card: (not card.person.open_families, not card.has_no_data))
    return page(request, "people.jinja", {"cards": cards, "worn": worn_words})
