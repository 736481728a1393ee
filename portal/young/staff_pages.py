"""What staff see of what a young person said and switched off.

For who may see the person, and every look is written down.
"""

from __future__ import annotations

from datetime import datetime
from typing import Final

from aiohttp import web

from portal.context import now_of, rows, transaction, viewer_of
from portal.people import LookedAt, PersonRow, find_person, log_look
from portal.rendering import page
from portal.words import sentence_case
from portal.young.measures import ChannelRow, switched_off_words
from portal.young.today_rows import QUERIES, CheckInRow
from tidewell.database import Connection, Queries

SHOWN_MOST: Final = 90
"""A school term of them; older ones are in the record."""

_MEASURES: Final = Queries("portal.young", "measures.sql")


async def show_check_ins(request: web.Request) -> web.Response:
    """Show somebody who may see the person how they said that they are."""
    async with transaction(request) as connection:
        person, said = await look_at_check_ins(connection, request)
    shown: dict[str, object] = {"person": person, "said": said, "face_words": sentence_case}
    return page(request, "young/check_ins.jinja", shown)


async def look_at_check_ins(
    connection: Connection, request: web.Request
) -> tuple[PersonRow, list[CheckInRow]]:
    """Return the person in the address and what they said, once the look is written down."""
    staff_id, now = viewer_of(request).known_staff_id, now_of(request)
    person = await find_person(connection, request, staff_id, now)
    await log_look(connection, staff_id, person.person_id, LookedAt.CHECK_INS, now)
    values = {"person_id": person.person_id, "staff_id": staff_id, "now": now, "limit": SHOWN_MOST}
    return person, await rows(connection, CheckInRow, QUERIES["check_ins_for_staff"], values)


async def what_is_off(
    connection: Connection, person: PersonRow, staff_id: int, now: datetime
) -> str:
    """Return what a person has switched off, in words for staff; empty where they use it all."""
    values = {"person_id": person.person_id, "staff_id": staff_id, "now": now}
    off = await rows(connection, ChannelRow, _MEASURES["channels_off_for_staff"], values)
    return switched_off_words(person.name, off)
