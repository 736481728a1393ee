"""Rows and forms about those who work here. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date, datetime
from typing import Annotated, Final

from pydantic import StringConstraints

from portal.admin.forms import Errors, Form, Short, day_of, number_of
from portal.words import zone_of
from tidewell.contact_addresses import shown

ROLE_WORDS: Final = {
    "practitioner": "Practitioner",
    "clinician": "Clinician",
    "admin": "Administrator",
}
CHANNEL_WORDS: Final = {
    "email": "E-mail",
    "sms": "Text message",
    "webhook": "Webhook",
    "apprise": "Apprise",
    "web_push": "A phone with notifications",
}
CONTACTS_MOST: Final = 10
"""Each of them rings for each alert; whoever has more looks at none of them."""

USERNAME: Final = re.compile(r"[a-z0-9][a-z0-9._-]{0,62}")


@dataclass(frozen=True, slots=True)
class StaffLine:
    """Somebody who works here or did."""

    staff_id: int
    name: str
    role: str
    is_service_manager: bool
    team: str | None
    team_id: int | None
    username: str | None
    disabled_at: datetime | None
    addresses: int
    people: int

    @property
    def role_words(self) -> str:
        """Return what they do here."""
        words = ROLE_WORDS[self.role]
        return f"{words}, service manager" if self.is_service_manager else words

    @property
    def is_here(self) -> bool:
        """Return whether they can sign in."""
        return self.username is not None and self.disabled_at is None


@dataclass(frozen=True, slots=True)
class TeamLine:
    """A team."""

    team_id: int
    name: str
    members: int


@dataclass(frozen=True, slots=True)
class KeyPerson:
    """A young person whose key worker somebody is, by label."""

    person_id: int
    label: str


@dataclass(frozen=True, slots=True)
class ContactLine:
    """A way to reach somebody, not shown whole."""

    contact_method_id: int | None
    channel: str
    address: str
    is_dead: bool

    @property
    def words(self) -> str:
        """Return the way so that its owner knows it again and nobody else learns it."""
        kind = CHANNEL_WORDS.get(self.channel, self.channel)
        hidden = "" if self.channel == "web_push" else f" {shown(self.channel, self.address)}"
        return kind + hidden + (": nothing arrives there any more" if self.is_dead else "")


@dataclass(frozen=True, slots=True)
class CoverLine:
    """A cover that holds or is to come."""

    cover_id: int
    giver: str
    receiver: str
    valid_from: datetime
    valid_until: datetime
    accepted_at: datetime | None

    def days(self, zone: str) -> tuple[date, date]:
        """Return the first and the last day."""
        where = zone_of(zone)
        last = self.valid_until.astimezone(where)
        first = self.valid_from.astimezone(where).date()
        return first, date.fromordinal(last.toordinal() - (last.hour == last.minute == 0))


class StaffForm(Form):
    """What an administrator enters to add somebody."""

    username: Annotated[
        str, StringConstraints(strip_whitespace=True, to_lower=True, max_length=80)
    ] = ""
    name: Short = ""
    role: Short = ""
    team: Short = ""

    @property
    def team_id(self) -> int:
        """Return the number of the team that was chosen."""
        return number_of(self.team)

    def errors(self) -> Errors:
        """Return what has to be corrected, by field."""
        found: Errors = {}
        if not USERNAME.fullmatch(self.username):
            found["username"] = "Enter up to 63 of a-z, 0-9 and . _ -, a letter or digit first"
        if not self.name:
            found["name"] = "Enter what people call them"
        if self.role not in ROLE_WORDS:
            found["role"] = "Choose what they do here"
        if not self.team_id:
            found["team"] = "Choose a team"
        return found


class ChangeForm(Form):
    """What changes about somebody who works here."""

    role: Short = ""
    team: Short = ""
    service_manager: Short = ""

    @property
    def team_id(self) -> int:
        """Return the number of the team that was chosen."""
        return number_of(self.team)


class ContactForm(Form):
    """A way to reach somebody."""

    channel: Short = ""
    address: Annotated[str, StringConstraints(strip_whitespace=True, max_length=1_000)] = ""


class TeamForm(Form):
    """A team to add."""

    team_name: Short = ""


class CoverForm(Form):
    """Who covers for whom, and in which days."""

    giver: Short = ""
    receiver: Short = ""
    first_day: Short = ""
    last_day: Short = ""

    def errors(self) -> Errors:
        """Return what has to be corrected, by field."""
        found: Errors = {}
        if not number_of(self.giver):
            found["giver"] = "Choose who is away"
        if not number_of(self.receiver):
            found["receiver"] = "Choose who covers"
        if day_of(self.first_day) is None:
            found["first_day"] = "Enter the first day"
        if self.last_day and day_of(self.last_day) is None:
            found["last_day"] = "Enter the last day, or leave it empty if it is one day"
        return found
