"""`tidewell policy check|save|simulate|reach`: who is told of alerts, as a file.

The file names people by what they sign in with. It is read strictly: an unknown key, a chain that
ends in nobody, or somebody who left refuses the whole file, and nothing is saved.
"""

from __future__ import annotations

import asyncio
import tomllib
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer
from psycopg.rows import kwargs_row
from psycopg.types.json import Jsonb

from tidewell.clock import now_utc
from tidewell.commands.reach import reach
from tidewell.commands.shared import DataDir, say, start_command
from tidewell.database import Connection, Queries, Role, connect
from tidewell.errors import UsageError
from tidewell.small_site import find_site
from tidewell.vocabulary import Level

if TYPE_CHECKING:
    from alerts.policy import PolicyDocument

PROBLEMS_MOST: Final = 8
"""More than fit on a screen are found again with the next run."""

FILE_BYTES_MOST: Final = 65_536
"""A hundred times what a policy needs."""

_NAMED: Final = ("duty_line", "service_managers")
_ROTAS: Final = ("duty_rota", "service_manager_rota")
_QUERIES: Final = Queries("tidewell.commands", "policy.sql")

File = Annotated[Path, typer.Argument(help="The policy, a TOML file.")]


@dataclass(frozen=True, slots=True)
class _Past:
    person_id: int
    level: str
    raised_at: datetime
    answered_at: datetime | None
    told_at: datetime | None
    people_asked: int


@dataclass(frozen=True, slots=True)
class PolicyFile:
    """The content of a file, and what it is called."""

    name: str
    text: str


class RefusedPolicyError(UsageError):
    """A file that cannot be a policy here; each problem says where, what, and what to do."""

    def __init__(self, file_name: str, problems: list[str]) -> None:
        super().__init__(f"{file_name}: {'; '.join(problems[:PROBLEMS_MOST])}")
        self.problems = problems


def register(app: typer.Typer) -> None:
    """Add these commands."""
    policy = typer.Typer(help="Who is told of alerts, when, and how often.", no_args_is_help=True)
    policy.command("check")(check)
    policy.command("save")(save)
    policy.command("simulate")(simulate)
    policy.command("reach")(reach)
    app.add_typer(policy, name="policy")


def check(file: File, data_dir: DataDir = None) -> None:
    """Say whether a policy can be saved, and change nothing; works without a running site."""
    settings, given = start_command("policy", data_dir), open_policy(file)
    try:
        url = find_site(settings).database_url
    except UsageError:
        document = _checked_alone(given)
        say(f"{file.name} is a policy: {document.name}, {len(document.chain)} steps.")
        say("No site runs here, so no name of a person or rota was looked up.")
    else:
        document = asyncio.run(checked_policy(url, given))
        say(f"{file.name} can be saved: {document.name}, {len(document.chain)} steps.")
        say("Every name of a person and of a rota was looked up on the site.")
    for line in what_to_know(document):
        say(line)


def what_to_know(document: PolicyDocument) -> list[str]:
    """Return what a policy leaves open, which is no fault."""
    lines = []
    if document.working_hours is None:
        lines.append("It has no working hours, so that nothing is held at night.")
    if not document.duty_line and document.duty_rota is None:
        lines.append("It has no duty line: out of hours nobody is watching, and the pages say so.")
    return lines


def save(file: File, data_dir: DataDir = None) -> None:
    """Check a policy and let it hold for alerts that are raised from now on."""
    settings = start_command("policy", data_dir)
    url = find_site(settings).database_url

    async def work() -> str:
        document = await checked_policy(url, open_policy(file))
        async with await connect(url, Role.ENROL, "tidewell policy") as connection:
            body = Jsonb(document.model_dump(mode="json"))
            await connection.execute(_QUERIES["save"], {"body": body, "now": now_utc()})
        return document.name

    say(f"{asyncio.run(work())} holds for alerts that are raised from now on.")


def simulate(
    file: File,
    days: Annotated[int, typer.Option(min=1, max=366, help="How far to look back.")] = 28,
    data_dir: DataDir = None,
) -> None:
    """Try a policy on the alerts of the last days, and say what would have been different."""
    settings = start_command("policy", data_dir)
    for line in asyncio.run(simulated(find_site(settings).database_url, open_policy(file), days)):
        say(line)


async def checked_policy(url: str, file: PolicyFile) -> PolicyDocument:
    """Return the policy of a file with every name in it looked up.

    Raises:
        UsageError: it cannot be saved; the message says all that is wrong.
    """
    async with await connect(url, Role.ENROL, "tidewell policy") as connection:
        staff = await _staff_at_work(connection)
        cursor = await connection.execute(_QUERIES["rotas"])
        rotas = {str(name): int(number) for name, number in await cursor.fetchall()}
    document = read_policy(file, staff, rotas)
    _refuse_what_cannot_hold(file.name, document, frozenset(staff.values()))
    return document


async def checked_again(url: str, body: dict[str, Any]) -> PolicyDocument:
    """Return a policy that held before, with everybody whom it names looked up again.

    Raises:
        UsageError: it cannot hold any more; the message says why.
    """
    from alerts.policy import PolicyDocument  # noqa: PLC0415 -- as above

    document = PolicyDocument.model_validate(body)
    async with await connect(url, Role.ENROL, "tidewell policy") as connection:
        staff = await _staff_at_work(connection)
    _refuse_what_cannot_hold("the policy", document, frozenset(staff.values()))
    return document


async def _staff_at_work(connection: Connection) -> dict[str, int]:
    cursor = await connection.execute(_QUERIES["staff_at_work"], {"now": now_utc()})
    return {str(name): int(number) for name, number in await cursor.fetchall()}


def _checked_alone(file: PolicyFile) -> PolicyDocument:
    """Return the policy of a file, checked as far as the file goes: every name is taken for good.

    Raises:
        UsageError: it cannot be saved on any site.
    """
    body = _read_toml(file)
    staff = {
        name: number for number, name in enumerate(sorted(_names(file, body, _NAMED)), start=1)
    }
    rotas = {name: number for number, name in enumerate(sorted(_rota_names(file, body)), start=1)}
    document = read_policy(file, staff, rotas)
    _refuse_what_cannot_hold(file.name, document, frozenset(staff.values()))
    return document


def _refuse_what_cannot_hold(name: str, document: PolicyDocument, at_work: frozenset[int]) -> None:
    from alerts.policy import chain_problems, hours_problems  # noqa: PLC0415 -- as above

    if problems := [*chain_problems(document, at_work), *hours_problems(document, now_utc())]:
        raise RefusedPolicyError(name, problems)


def _names(file: PolicyFile, body: dict[str, Any], keys: tuple[str, ...]) -> set[str]:
    found: set[str] = set()
    for key in keys:
        names = body.get(key, [])
        if not isinstance(names, list) or not all(isinstance(one, str) for one in names):
            raise UsageError(f"{file.name}: {key} is a list of names that people sign in with")
        found.update(names)
    return found


def _rota_names(file: PolicyFile, body: dict[str, Any]) -> set[str]:
    found = {key: body[key] for key in _ROTAS if key in body}
    for key, name in found.items():
        if not isinstance(name, str):
            raise UsageError(f"{file.name}: {key} is the name of a rota")
    return set(found.values())


def read_policy(file: PolicyFile, staff: dict[str, int], rotas: dict[str, int]) -> PolicyDocument:
    """Return the policy of a file; `staff` are those at work, by what they sign in with.

    Raises:
        UsageError: it is not a policy; the message says where and why.
    """
    from pydantic import ValidationError  # noqa: PLC0415 -- as above

    from alerts.policy import PolicyDocument  # noqa: PLC0415 -- as above

    body = _read_toml(file)
    for key in _NAMED:
        if unknown := sorted(_names(file, body, (key,)) - set(staff)):
            raise UsageError(f"{file.name}: {key}: nobody here signs in as {unknown[0][:60]!r}")
        body[key] = [staff[one] for one in body.get(key, [])]
    if unknown := sorted(_rota_names(file, body) - set(rotas)):
        raise UsageError(
            f"{file.name}: there is no rota {unknown[0][:60]!r}; `tidewell rota import` makes one"
        )
    body |= {key: rotas[body[key]] for key in _ROTAS if key in body}
    try:
        return PolicyDocument.model_validate(body)
    except ValidationError as error:
        problems = [
            f"{'.'.join(map(str, one['loc'])) or 'chain'}: {one['msg']}" for one in error.errors()
        ]
        raise RefusedPolicyError(file.name, problems) from None


def open_policy(path: Path) -> PolicyFile:
    """Read a file.

    Raises:
        UsageError: it cannot be read, is no text, or is far too large.
    """
    try:
        if path.stat().st_size > FILE_BYTES_MOST:
            raise UsageError(f"{path.name} is larger than {FILE_BYTES_MOST} bytes; is it a policy?")
        return PolicyFile(path.name, path.read_text(encoding="utf-8"))
    except OSError as error:
        raise UsageError(f"{path.name} cannot be read: {error.strerror}") from None
    except UnicodeDecodeError as error:
        raise UsageError(f"{path.name} is not TOML: {error}") from None


def _read_toml(file: PolicyFile) -> dict[str, Any]:
    try:
        return tomllib.loads(file.text)
    except tomllib.TOMLDecodeError as error:
        raise UsageError(f"{file.name} is not TOML: {error}") from None


async def simulated(url: str, file: PolicyFile, days: int) -> list[str]:
    """Return what a policy would have done with the alerts of the last days, line by line."""
    from alerts.replaying import PastAlert, replay  # noqa: PLC0415 -- as above
    from alerts.store import Desk, Site, recipients_of  # noqa: PLC0415 -- as above

    document, now = await checked_policy(url, file), now_utc()
    site = Site("", None, frozenset(), document.fresh_within_h)
    asked = later = held = escalations = 0
    async with await connect(url, Role.ALERTS, "tidewell policy", autocommit=True) as connection:
        past = await _past_alerts(connection, now - timedelta(days=days))
        for one in past:
            desk = Desk(connection, site, one.raised_at)
            people = await recipients_of(desk, one.person_id, document)
            was = PastAlert(Level(one.level), one.raised_at, one.answered_at)
            would = replay(was, people, document.as_policy(), now)
            asked += would.people_asked
            held += would.was_held
            escalations += would.escalations
            later += would.told_at is None or would.told_at > (one.told_at or would.told_at)
    before = sum(one.people_asked for one in past)
    return [
        f"{len(past)} alerts in {days} days. With {document.name!r}, until somebody answered:",
        f"  {asked} messages would have gone to people; as it was, {before} went.",
        f"  {later} alerts would have been told later; {held} would have waited for work to begin.",
        f"  {escalations} times somebody further along the chain would have been asked.",
        "Nobody can know whether somebody else would have answered sooner, so that is not counted.",
    ]


async def _past_alerts(connection: Connection, since: datetime) -> list[_Past]:
    async with connection.cursor(row_factory=kwargs_row(_Past)) as cursor:
        await cursor.execute(_QUERIES["past_alerts"], {"since": since})
        return await cursor.fetchall()
