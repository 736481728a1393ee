"""Two alerts of the demo's past days, each told by the service itself and not written by hand.

What people did is invented (`moments_of`); everything that followed, who was asked, when, and
why, is decided by the code that serves real alerts, walked through at the times at which it would
have happened. It runs before the demo's stages start, and never on a site that is not a demo.
Messages of the past are marked as handed over to the console and are not printed again.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from typing import TYPE_CHECKING, Any, Final
from zoneinfo import ZoneInfo

from psycopg.types.json import Jsonb

from tidewell.database import Connection, Queries, Role, connect
from tidewell.demo_people import DEMO_TIMEZONE
from tidewell.viewing import look_as

if TYPE_CHECKING:
    import random
    from collections.abc import Iterator

    from alerts.policy import PolicyDocument
    from alerts.store import Desk

CONSOLE: Final = "console"
STEPS_MOST: Final = 1_000
"""Two alerts over two days take about thirty."""
BACK_DAYS_MOST: Final = 21
"""The longest stretch without two working days, Christmas, is shorter."""

_QUERIES: Final = Queries("tidewell.commands", "demo_past.sql")


@dataclass(frozen=True, slots=True)
class DemoNumbers:
    """The numbers of those who take part, as they were enrolled."""

    key_worker: int
    cover: int
    clinician: int
    manager: int
    worried_about: int
    asks_at_night: int


@dataclass(frozen=True, slots=True)
class Moment:
    """Something that somebody did: a query of `demo_past.sql`, as the writer of its table."""

    at: datetime
    role: Role
    query: str
    values: dict[str, Any]


def past_policy(numbers: DemoNumbers) -> dict[str, Any]:
    """Return the policy of the demo's past: a team that works on weekdays, and who comes last."""
    hours = {"opens": "09:00", "closes": "17:00"}
    weekdays = ("monday", "tuesday", "wednesday", "thursday", "friday")
    return {
        "name": "weekdays from 9 to 5",
        "service_managers": [numbers.manager],
        "working_hours": {
            "timezone": DEMO_TIMEZONE,
            "bank_holidays": "england-and-wales",
            "days": dict.fromkeys(weekdays, hours),
        },
    }


def live_policy(numbers: DemoNumbers) -> dict[str, Any]:
    """Return the policy of the demo from now on: no hours, so that it tells at any time."""
    return {"name": "demo, at any time of the day", "service_managers": [numbers.manager]}


def moments_of(numbers: DemoNumbers, earlier: datetime, later: datetime) -> Iterator[Moment]:
    """Yield what people did; `earlier` and `later` are the mornings of two working days at 9."""
    to = timedelta

    # Nobody answers at first: from the key worker to who covers for them.
    worry = {"person": numbers.worried_about, "staff": numbers.clinician, "level": "check_today"}
    note = "Quiet in our session today, and left early."
    yield Moment(earlier + to(hours=1, minutes=5), Role.PORTAL, "worry", {**worry, "note": note})
    away = {"away": numbers.key_worker, "cover": numbers.cover, "end": later}
    yield Moment(earlier + to(hours=3, minutes=30), Role.ENROL, "cover", away)
    answer = {"person": numbers.worried_about, "staff": numbers.cover}
    accepted = {**answer, "kind": "accept", "outcome": None, "note": ""}
    yield Moment(earlier + to(hours=5, minutes=21), Role.PORTAL, "answer", accepted)
    found = "Rang after school. Wants somebody to come along to the new club next week; I will."
    closed = {**answer, "kind": "close", "outcome": "support_needed", "note": found}
    yield Moment(earlier + to(hours=7, minutes=10), Role.PORTAL, "answer", closed)

    # Asked in the evening: held until the team is at work.
    asks = {"person": numbers.asks_at_night, "choice": "talk"}
    yield Moment(earlier + to(hours=9, minutes=40), Role.PORTAL, "ask", asks)
    answer = {"person": numbers.asks_at_night, "staff": numbers.key_worker}
    yield Moment(later + to(minutes=11), Role.PORTAL, "look", answer)
    accepted = {**answer, "kind": "accept", "outcome": None, "note": ""}
    yield Moment(later + to(minutes=12), Role.PORTAL, "answer", accepted)
    found = "Walked the dog together. A row with a friend; they want to sort it out themselves."
    closed = {**answer, "kind": "close", "outcome": "all_fine", "note": found}
    yield Moment(later + to(hours=6, minutes=45), Role.PORTAL, "answer", closed)


def working_mornings(policy: PolicyDocument, now: datetime) -> tuple[datetime, datetime]:
    """Return when the last two whole working days before a moment began, the earlier one first."""
    working_time = policy.as_policy().working_time
    if working_time is None:
        raise AssertionError("the demo's past has working hours")
    zone = ZoneInfo(DEMO_TIMEZONE)
    mornings: list[datetime] = []
    for back in range(1, BACK_DAYS_MOST):
        day = now.astimezone(zone).date() - timedelta(days=back)
        morning = datetime.combine(day, time(9), zone).astimezone(UTC)
        if working_time.is_open(morning):
            mornings.append(morning)
        if len(mornings) == 2:
            return mornings[1], mornings[0]
    raise AssertionError("there are two working days in three weeks")


async def play_past(
    database_url: str, numbers: DemoNumbers, now: datetime, rng: random.Random
) -> None:
    """Walk through the demo's past: what people did, and whatever followed from it."""
    from alerts.policy import PolicyDocument  # noqa: PLC0415 -- other commands start without it

    past = PolicyDocument.model_validate(past_policy(numbers))
    live = PolicyDocument.model_validate(live_policy(numbers))
    earlier, later = working_mornings(past, now)
    async with (
        await connect(database_url, Role.ENROL, "tidewell demo", autocommit=True) as enrol,
        await connect(database_url, Role.PORTAL, "tidewell demo", autocommit=True) as portal,
        await connect(database_url, Role.ALERTS, "tidewell demo", autocommit=True) as alerts,
    ):
        by_role = {Role.ENROL: enrol, Role.PORTAL: portal}
        await _hold(enrol, past, earlier - timedelta(days=1))
        walk = _Walk(alerts, rng, earlier)
        for moment in moments_of(numbers, earlier, later):
            await walk.until(moment.at)
            await _do(by_role[moment.role], moment)
            await walk.settle()
        await _hold(enrol, live, now)


async def _do(connection: Connection, moment: Moment) -> None:
    """Do what somebody did; on the pages they see at that moment whom they may see then."""
    values = {**moment.values, "at": moment.at}
    async with connection.transaction():
        if moment.role is Role.PORTAL:
            staff = values.get("staff")
            themselves = values["person"] if staff is None else None
            await look_as(connection, staff, themselves, moment.at)
        await connection.execute(_QUERIES[moment.query], values)


async def _hold(connection: Connection, policy: PolicyDocument, since: datetime) -> None:
    """Let a policy hold from a moment on."""
    body = Jsonb(policy.model_dump(mode="json"))
    await connection.execute(_QUERIES["hold_policy"], {"body": body, "since": since})


class _Walk:
    """The work of alerts at moments that are over, in their order."""

    def __init__(self, connection: Connection, rng: random.Random, start: datetime) -> None:
        from alerts.store import Site  # noqa: PLC0415 -- other commands start without it

        self._connection = connection
        self._rng = rng
        self._site = Site("", None, frozenset({CONSOLE}), fresh_within_h=36)
        self._now = start

    async def until(self, moment: datetime) -> None:
        """Do whatever is due before a moment, each at its own time, and come to that moment."""
        for _ in range(STEPS_MOST):
            row = await (await self._connection.execute(_QUERIES["next_wake"])).fetchone()
            if row is None or row[0] is None or row[0] > moment:
                self._now = moment
                return
            self._now = max(self._now, row[0])
            await self.settle()
        raise AssertionError("the demo's past does not come to rest")

    async def settle(self) -> None:
        """Do everything that is to be done at this moment."""
        from alerts.answers import store as answers  # noqa: PLC0415 -- as above
        from alerts.concerns import store as concerns  # noqa: PLC0415 -- as above
        from alerts.sending.store import claim, mark_handed_over  # noqa: PLC0415 -- as above
        from alerts.store import due_alerts, wake  # noqa: PLC0415 -- as above

        desk = self._desk()
        for action in await answers.unfolded_actions(self._connection, ()):
            await answers.fold(desk, action)
        for concern in await concerns.unhandled_concerns(self._connection, ()):
            await concerns.take_in(desk, concern, self._rng)
        for alert_id in await due_alerts(desk, ()):
            await wake(desk, alert_id)
        for claimed in await claim(desk, CONSOLE, "demo"):
            await mark_handed_over(desk, claimed)

    def _desk(self) -> Desk:
        from alerts.store import Desk  # noqa: PLC0415 -- as above

        return Desk(self._connection, self._site, self._now)
