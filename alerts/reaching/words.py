"""What a look ahead found, in plain words: what would go wrong, when, and what to do about it.

Names are of staff and rotas only; of young people there is a number and nothing else.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from alerts.policy import Step
from alerts.reaching.preflight import Finding, Key, ReachReason
from tidewell.local_time import local_moment, zone_table
from tidewell.rota import Span

STEP_WORDS: Final = {Step.DUTY_LINE: "duty line", Step.SERVICE_MANAGER: "service managers"}


@dataclass(frozen=True, slots=True)
class Names:
    """What people and rotas are called, and by whose clock times are told."""

    staff: Mapping[int, str]
    rotas: Mapping[int, str]
    timezone: str


@dataclass(frozen=True, slots=True)
class Told:
    """A finding as people read it; `people` is how many young people it is about, 0 for all."""

    reason: ReachReason
    what: str
    when: str
    remedy: str
    people: int

    def line(self) -> str:
        """Return it as one line."""
        return f"{self.what}, {self.when}; {self.remedy}"


def told(finding: Finding, week: Span, names: Names) -> Told:
    """Return a finding as people read it."""
    what, remedy = _WORDS[finding.key.reason]
    people = len(finding.people)
    who = "1 person" if people == 1 else f"{people} people"
    values = {
        "people": who,
        "staff": names.staff.get(finding.key.staff_id or 0, "somebody"),
        "rota": names.rotas.get(finding.key.rota_id or 0, "a rota"),
        "step": _step_words(finding.key),
        "for_whom": f" ({who})" if people else "",
    }
    when = when_words(finding.spans, week, names.timezone)
    reason = finding.key.reason
    return Told(reason, what.format(**values), when, remedy.format(**values), people)


def when_words(spans: tuple[Span, ...], week: Span, timezone: str) -> str:
    """Return when it would happen: the first time in full, the others as a number."""
    if spans == (week,):
        return "all the time"
    first = spans[0]
    starts, ends = (_clock(at, timezone) for at in (first.starts_at, first.ends_at))
    begin = "until" if first.starts_at == week.starts_at else f"from {starts} until"
    words = f"{begin} {ends}" if first.ends_at != week.ends_at else f"from {starts} on"
    more = len(spans) - 1
    return words + (f" and {more} more {'time' if more == 1 else 'times'}" if more else "")


def _clock(moment: datetime, timezone: str) -> str:
    local = local_moment(zone_table(timezone), round(moment.timestamp() * 1_000))
    return f"{local:%a} {local.day} {local:%b %H:%M}"


def _step_words(key: Key) -> str:
    return STEP_WORDS.get(key.step, "") if key.step is not None else ""


_WORDS: Final[dict[ReachReason, tuple[str, str]]] = {
    ReachReason.NOBODY: (
        "nobody at all would be reached about {people}",
        "assign a key worker, and name somebody in the policy as the end of the chain",
    ),
    ReachReason.ONLY_EVERYBODY: (
        "about {people} no step of the chain has anybody, and everybody would be asked at once",
        "add the steps to the chain in which people are, or assign a key worker",
    ),
    ReachReason.NO_KEY_WORKER: (
        "{people} without a key worker",
        "assign one",
    ),
    ReachReason.KEY_WORKER_LEFT: (
        "{staff} is key worker of {people} and has left",
        "assign somebody else",
    ),
    ReachReason.AWAY_WITHOUT_COVER: (
        "{staff}, key worker of {people}, is away and nobody covers",
        "ask a colleague to cover; until then alerts still go to {staff}",
    ),
    ReachReason.COVER_NOT_ACCEPTED: (
        "{staff}, key worker of {people}, is away and the cover is not accepted yet",
        "ask the one who is to cover to accept on their page; until then alerts go to {staff}",
    ),
    ReachReason.COVER_IS_NOT_THERE: (
        "{staff} is to cover for the key worker of {people} and is not there either",
        "arrange cover with somebody who is there",
    ),
    ReachReason.NO_WORKING_ADDRESS: (
        "no message can be sent to {staff}{for_whom}",
        "give them an address that works",
    ),
    ReachReason.STEP_EMPTY: (
        "the {step} of the policy are people who do not work here any more",
        "name others in the policy and save it",
    ),
    ReachReason.ROTA_HOLE: (
        "nobody is on duty for the rota {rota}",
        "put somebody on duty, or name somebody in the policy who stands in",
    ),
    ReachReason.NOBODY_AT_NIGHT: (
        "out of hours nobody is watching",
        "give the policy a duty line or a rota that covers nights and weekends",
    ),
}
