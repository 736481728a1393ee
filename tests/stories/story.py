"""The words in which a story is told, and how it is lived through.

    story.at("Fri 17:05").opens("check_now").expects("duty", "check now")
    story.at("Fri 17:10").accepts("duty")
    ending = await story.until("Mon 09:05")

Whatever is not expected fails, whatever is expected and does not come fails, and the timeline is
printed. It steps from one thing that happens, or is due, to the next, and never sleeps.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

import pytest

from alerts.store import Site
from tests.stories.moments import moment, span, told
from tests.stories.service import ASIDE_FOR, CONSOLE, SOON, Channel, Mode, Service
from tests.stories.timeline import Expected, Line, compare, printed
from tests.stories.town import NAME, Town

if TYPE_CHECKING:
    from tidewell.database import Connection

PHONE: Final = "webhook"
STEPS_MOST: Final = 4_000
"""Many weeks of an alert that nobody answers; more means that something turns in a circle."""

OFFICE: Final[dict[str, Any]] = {
    "days": {
        day: {"opens": "09:00", "closes": "17:00"}
        for day in ("monday", "tuesday", "wednesday", "thursday", "friday")
    },
    "bank_holidays": "england-and-wales",
}
OUTGOING: Final = re.compile(
    r"Wellbeing: (?:1 person (?:to check now|to check today|for review)|\d+ people to check)\."
    r" Open: https://pages\.example/(?:a/[0-9A-HJKMNP-TV-Z]{10}|alerts)"
)

Happening = Callable[[datetime], Awaitable[None]]


@dataclass
class Ending:
    """What there is when the story is over."""

    town: Town
    timeline: list[Line]
    arrived: list[str]

    async def alerts(self) -> list[str]:
        """Return each alert as "who cause level state", and who has it."""
        rows = await self.town.rows(
            "SELECT person_id, cause, level, state, accepted_by FROM alert ORDER BY alert_id"
        )
        people = {number: label for label, number in self.town.people.items()}
        return [
            f"{people[row['person_id']]} {row['cause']} {row['level']} {row['state']}"
            + (f" by {self.town.who(row['accepted_by'])}" if row["state"] == "accepted" else "")
            for row in rows
        ]

    async def log(self) -> list[str]:
        """Return every line of every history with its reason."""
        rows = await self.town.rows("SELECT kind, reason FROM alert_event ORDER BY alert_event_id")
        return [f"{row['kind']}:{row['reason']}" for row in rows]

    async def intake(self) -> list[str]:
        """Return what became of each event of an episode, in the order in which they happened."""
        rows = await self.town.rows("SELECT reason FROM alert_intake ORDER BY episode_event_id")
        return [row["reason"] for row in rows]

    async def is_back_to_usual(self) -> list[bool]:
        """Return for each alert whether it says "back to usual"."""
        rows = await self.town.rows("SELECT back_to_usual_at FROM alert ORDER BY alert_id")
        return [row["back_to_usual_at"] is not None for row in rows]


@dataclass
class Moment:
    """A moment of a story; whatever follows happens then, or is expected from then on."""

    story: Story
    at: datetime

    def _then(self, words: str, happening: Happening) -> Moment:
        self.story.happenings.append((self.at, words, happening))
        return self

    def after(self, words: str) -> Moment:
        """Return a moment that is so much later."""
        return self.story.at(f"+{words}")

    # ---- What the measurements say -------------------------------------------

    def opens(
        self, level: str = "check_today", about: str = "A", cause: str = "illness", ago: str = "0 s"
    ) -> Moment:
        """An episode opens; its deciding reading may lie some time back."""

        async def happen(at: datetime) -> None:
            await self.story.enrol(about)
            await self.story.town.opens(about, cause, level, at - span(ago), at)

        return self._then(f"{about}: {cause} opens, {level}, {ago} ago", happen)

    def rises(self, level: str, about: str = "A", cause: str = "illness") -> Moment:
        """The open episode becomes worse."""
        return self._then(
            f"{about}: {cause} rises to {level}",
            lambda at: self.story.town.goes_on(about, cause, "worsened", level, at, at),
        )

    def goes_on(
        self,
        level: str = "check_today",
        about: str = "A",
        cause: str = "illness",
        ago: str = "0 s",
    ) -> Moment:
        """The open episode goes on as it was."""
        return self._then(
            f"{about}: {cause} goes on",
            lambda at: self.story.town.goes_on(
                about, cause, "continued", level, at - span(ago), at
            ),
        )

    def ends(self, about: str = "A", cause: str = "illness", ago: str = "0 s") -> Moment:
        """The open episode ends."""
        return self._then(
            f"{about}: {cause} ends",
            lambda at: self.story.town.ends(about, cause, at - span(ago), at),
        )

    # ---- What people ask and say ---------------------------------------------

    def asks(self, about: str = "A") -> Moment:
        """A young person asks for a check-in."""

        async def happen(at: datetime) -> None:
            await self.story.enrol(about)
            await self.story.town.ask(about, at)

        return self._then(f"{about} asks for a check-in", happen)

    def worries(self, who: str, level: str = "check_today", about: str = "A") -> Moment:
        """A member of staff is worried."""

        async def happen(at: datetime) -> None:
            await self.story.enrol(about)
            await self.story.town.worry(who, about, level, at)

        return self._then(f"{who} is worried about {about}, {level}", happen)

    # ---- What people do ------------------------------------------------------

    def _acts(self, who: str, kind: str, about: str, cause: str, **asked: object) -> Moment:
        async def happen(at: datetime) -> None:
            by_the_page = at + self.story.service_ahead
            await self.story.town.act(who, kind, about, cause, by_the_page, **asked)

        return self._then(f"{who}: {kind} about {about} {cause}", happen)

    def accepts(
        self, who: str, about: str = "A", cause: str = "illness", seen: str | None = None
    ) -> Moment:
        """Somebody says "I'm on it"; `seen` is the level on a page that is out of date."""
        return self._acts(who, "accept", about, cause, seen_level=seen)

    def closes(
        self, who: str, outcome: str = "all_fine", about: str = "A", cause: str = "illness"
    ) -> Moment:
        """Somebody closes it and says what they found."""
        return self._acts(who, "close", about, cause, outcome=outcome)

    def snoozes(self, who: str, until: str, about: str = "A", cause: str = "illness") -> Moment:
        """Somebody puts it off."""
        end = moment(until, self.at)
        asked = {"snooze_reason": "visit_planned", "snooze_until": end}
        return self._acts(who, "snooze", about, cause, **asked)

    def passes_on(self, who: str, to: str, about: str = "A", cause: str = "illness") -> Moment:
        """Somebody offers it to a colleague."""

        async def happen(at: datetime) -> None:
            town = self.story.town
            await town.act(who, "hand_over", about, cause, at, to_staff_id=town.staff[to])

        return self._then(f"{who}: passes on to {to}", happen)

    def leaves(self, who: str) -> Moment:
        """Somebody leaves the service for good."""
        return self._then(f"{who} leaves", lambda at: self.story.town.leave(who, at))

    # ---- What breaks ---------------------------------------------------------

    def channel(self, does: str, name: str = PHONE) -> Moment:
        """A channel from then on "works", "hangs", "drops", or "answers 429"."""

        async def happen(_at: datetime) -> None:
            self.story.channels[name].does = does

        return self._then(f"the channel {name} {does}", happen)

    def service(self, *, runs: bool) -> Moment:
        """The process of alerts stops, or starts with nothing in its memory."""

        async def happen(_at: datetime) -> None:
            self.story.run_service(runs=runs)

        return self._then(f"the service {'starts' if runs else 'stops'}", happen)

    def clock(self, ahead: str) -> Moment:
        """The clock of the service is set to be so far ahead, or behind with a minus."""

        async def happen(_at: datetime) -> None:
            self.story.set_clock(span(ahead))

        return self._then(f"the clock is {ahead} ahead", happen)

    def does(self, words: str, query: str, *parameters: object) -> Moment:
        """Something that has no word of its own happens."""
        return self._then(words, lambda _at: self.story.town.do(query, *parameters))

    # ---- What is expected ----------------------------------------------------

    def expects(
        self, who: str, what: str = "check today", within: str = "1 min", channel: str = PHONE
    ) -> Moment:
        """Somebody gets a message from then on, within so long."""
        until = self.at + span(within) + self.story.patience
        self.story.expected.append(Expected(who, what, self.at, until, channel))
        return self


@dataclass
class Story:
    """A story: its people and policy, what happens, what is expected, and how it ends."""

    town: Town
    connection: Connection
    mode: Mode
    policy: dict[str, Any] = field(default_factory=lambda: {"working_hours": OFFICE})
    channels: dict[str, Channel] = field(
        default_factory=lambda: {name: Channel(name) for name in (CONSOLE, PHONE)}
    )
    happenings: list[tuple[datetime, str, Happening]] = field(default_factory=list)
    expected: list[Expected] = field(default_factory=list)
    violations_expected: int = 0
    key_workers: dict[str, str | None] = field(default_factory=dict)
    _prepared: list[Callable[[], Awaitable[None]]] = field(default_factory=list)
    _service: Service | None = None

    def __post_init__(self) -> None:
        self._last = self.town.begins

    @property
    def patience(self) -> timedelta:
        """Return how much later a message may come when the process dies on the way."""
        return span("2 min") if self.mode is Mode.RESTARTED else span("0 s")

    @property
    def service_ahead(self) -> timedelta:
        """Return how far the clock of the site is ahead."""
        return self._service.ahead if self._service else timedelta(0)

    # ---- Who is there --------------------------------------------------------

    def set(self, **policy: object) -> None:
        """Change the policy; `working_hours=None` means always at work."""
        self.policy |= policy

    def begins(self, words: str) -> None:
        """Say when it begins, where that matters."""
        self._last = self.town.begins = moment(words, self._last)

    def has(
        self, *who: str, channels: tuple[str, ...] = (PHONE,), about: str | None = None
    ) -> None:
        """Add staff; a "clinician" is assigned to A, a "colleague" is in the key worker's team."""

        async def prepare() -> None:
            for one in who:
                await self.town.hire(one, channels)
                if about is not None:
                    await self.enrol(about)
                    since = self.town.begins - timedelta(days=9)
                    await self.town.assign(about, one, "clinician", since)

        self._prepared.append(prepare)

    def with_team(self, *who: str) -> None:
        """Add colleagues in one team with the key worker."""

        async def prepare() -> None:
            team = await self.town.value(
                "INSERT INTO team (name, created_at) VALUES ('a team', %s) RETURNING team_id",
                self.town.begins,
            )
            for one in who:
                await self.town.hire(one, (PHONE,))
            names = [self.town.staff[one] for one in (*who, "key worker")]
            await self.town.do(
                "UPDATE staff SET team_id = %s WHERE staff_id = ANY (%s)", team, names
            )

        self._prepared.append(prepare)

    def with_channel(self, name: str) -> None:
        """Add a second way to reach people."""
        self.channels[name] = Channel(name)

    def away(self, who: str, by: str, since: str, until: str, *, is_accepted: bool = True) -> None:
        """Arrange cover."""
        start = moment(since, self._last)
        end = moment(until, start)

        async def prepare() -> None:
            await self.town.hire(by, (PHONE,))
            accepted_at = self.town.begins - timedelta(days=1) if is_accepted else None
            await self.town.cover(who, by, start, end, accepted_at)

        self._prepared.append(prepare)

    async def enrol(self, label: str) -> None:
        """Add a young person when the story first speaks of them."""
        key_worker = self.key_workers.get(label, "key worker")
        if key_worker is not None:
            await self.town.hire(key_worker, (PHONE,))
        await self.town.enrol(label, key_worker)

    # ---- What happens --------------------------------------------------------

    def at(self, words: str) -> Moment:
        """Return a moment to hang things on; moments are told in their order."""
        self._last = moment(words, self._last)
        return Moment(self, self._last)

    def run_service(self, *, runs: bool) -> None:
        """Stop the process, or start it afresh."""
        service = self._running()
        service.is_running = runs
        if runs:
            service.memory = type(service.memory)()

    def set_clock(self, ahead: timedelta) -> None:
        """Set the clock of the service."""
        self._running().ahead = ahead

    async def until(self, words: str) -> Ending:
        """Live through it, hold it against what was expected, and return how it ended."""
        end = moment(words, self._last)
        await self._prepare()
        service = self._running()
        waiting = sorted(self.happenings, key=lambda one: one[0])
        lines: list[Line] = []
        at = self.town.begins
        for _ in range(STEPS_MOST):
            is_audit_only = True
            while waiting and waiting[0][0] <= at:
                happened_at, happening, happen = waiting.pop(0)
                await happen(happened_at)
                lines.append(Line(happened_at, f"* {happening}"))
                is_audit_only = False
            await self._step(service, at, is_audit_only=is_audit_only)
            soonest = await self._next(service, at, waiting[0][0] if waiting else None)
            if soonest is None or soonest > end:
                break
            at = soonest
        else:
            pytest.fail(f"the story turns in a circle at {told(at)}")
        lines += await self._told(service)
        await self._judge(service, lines)
        arrived = [f"{one.who}: {one.what}" for one in service.arrived]
        return Ending(self.town, sorted(lines, key=lambda line: line.at), arrived)

    async def _prepare(self) -> None:
        for who in ("key worker", "duty", "manager"):
            await self.town.hire(who, tuple(set(self.channels) - {CONSOLE}))
        for prepare in self._prepared:
            await prepare()
        named = {
            "duty_line": [self.town.staff["duty"]],
            "service_managers": [self.town.staff["manager"]],
        }
        await self.town.save_policy(named | self.policy)
        site = Site("https://pages.example", None, frozenset(self.channels), 36)
        self._service = Service(self.connection, site, self.channels, self.mode, self.town.who)

    def _running(self) -> Service:
        if self._service is None:
            raise AssertionError("the story has not begun")
        return self._service

    async def _step(self, service: Service, at: datetime, *, is_audit_only: bool) -> None:
        if not service.is_running:
            return
        due_at = await self._due_at(service)
        if not is_audit_only or service.is_anything_aside or (due_at is not None and due_at <= at):
            await service.turn(at)
        if any(one <= at for one in service.audits):
            await service.audit(at)

    async def _next(
        self, service: Service, at: datetime, happening: datetime | None
    ) -> datetime | None:
        """Return when something happens next, is due, or is audited."""
        moments = [happening] if happening else []
        if service.is_running:
            due = await self._due_at(service)
            moments += [max(due, at + SOON)] if due else []
            moments += sorted(service.audits)[:1]
            moments += [at + ASIDE_FOR] if service.is_anything_aside else []
        return min(moments, default=None)

    async def _due_at(self, service: Service) -> datetime | None:
        found: datetime | None = await self.town.value(
            "SELECT least((SELECT min(wake_at) FROM alert WHERE state <> 'closed'),"
            " (SELECT min(greatest(attempt_at, coalesce(lease_until, attempt_at))) FROM delivery"
            "  WHERE state = 'waiting' AND channel = ANY (%s)))",
            list(service.channels),
        )
        return found - service.ahead if found else None

    async def _told(self, service: Service) -> list[Line]:
        rows = await self.town.rows(
            "SELECT at, kind, reason, staff_id, detail FROM alert_event ORDER BY alert_event_id"
        )
        lines = [
            Line(
                row["at"],
                f"    {row['kind']}: {row['reason']} {row['detail']}"
                + (f" ({self.town.who(row['staff_id'])})" if row["staff_id"] else ""),
            )
            for row in rows
        ]
        return lines + [
            Line(one.at, f"  > {one.who}: {one.what} ({one.channel})") for one in service.arrived
        ]

    async def _judge(self, service: Service, lines: list[Line]) -> None:
        """Fail with the timeline when anything is not as it was told or must always be."""
        missing, unexpected = compare(self.expected, service.arrived)
        if missing or unexpected:
            pytest.fail(printed(lines, missing, unexpected), pytrace=False)
        if len(service.violations) != self.violations_expected:
            pytest.fail(printed(lines, [], []) + f"\nauditor: {service.violations}", pytrace=False)
        for one in service.arrived:
            assert OUTGOING.fullmatch(one.text), one.text
            assert NAME not in one.text
        forgotten = await self.town.value(
            "SELECT count(*) FROM alert WHERE state <> 'closed' AND wake_at IS NULL"
        )
        assert forgotten == 0, "an open alert without a next step"
