"""A clinician's caseload, before and after a day, and counts of teams, for programs.

Numbers of teams are hidden exactly where the page hides them: small ones, and others with them, so
that no difference gives one away. Nothing is summed over months.
"""

from __future__ import annotations

from datetime import date
from typing import Annotated, Final

from pydantic import AfterValidator, Field

from portal.api.choices import one_of
from portal.api.clinic import MarkAnswer, mark_answer
from portal.api.operations import Answer, Call, Day, Request, broken_rules
from portal.api.paging import PageQuery, page_of
from portal.api.people import Person, person_answer
from portal.clinic.asking import ask
from portal.clinic.before_after import NO_CAUSE, SupportForm
from portal.clinic.before_after_pages import read_comparison
from portal.clinic.caseload import CaseRow
from portal.clinic.caseload_pages import read_caseload
from portal.clinic.counts import ShownTeam, months_over, shown_teams
from portal.clinic.counts_pages import ZONE, read_teams
from portal.clinic.explorer_pages import read_marks
from portal.clinic.interrupted import Change, Compared, TooLittle
from portal.people import LookedAt, log_list_look
from portal.words import local_day
from tidewell.vocabulary import FEATURES, Level

MONTH: Final = r"^[0-9]{4}-(0[1-9]|1[0-2])$"
MONTH_IS_NOT_SHOWN: Final = "Choose one of `months`: a month is shown once it is over, for a year"
_MEASURES: Final = [feature.name for feature in FEATURES]
MeasureName = Annotated[
    str, AfterValidator(one_of(_MEASURES)), Field(json_schema_extra={"enum": [*_MEASURES]})
]


class ChangeNow(Answer):
    """Something that is different for a person now."""

    name: str
    since: date
    sentence: str


class Case(Answer):
    """One person of the caseload; nobody is ever called well."""

    person: Person
    code: str
    open_levels: list[Level] = Field(description="Of the open alerts.")
    changes: list[ChangeNow]
    nothing: str = Field(description="What to show where no change is known.")
    days_worn_of_7: int
    worn_minutes_a_day: float | None


class Caseload(Answer):
    """A page of a clinician's people, those who need a look first."""

    items: list[Case]
    next: str | None


class CompareQuery(Request):
    """Which measure, and from which day on."""

    measure: MeasureName
    start: Annotated[Day, Field(description="The first day after.")]


class Estimate(Answer):
    """A change with the range that holds it 95 times in 100."""

    estimate: float
    low: float
    high: float
    is_clear: bool = Field(description="No change at all lies outside the range.")


class Difference(Answer):
    """What is different from the start on, beside what the days before would have led to."""

    average: Estimate
    on_the_first_day: Estimate
    slope_a_week: Estimate
    mean_before: float
    mean_after: float
    values_before: int
    values_after: int


class ComparisonAnswer(Answer):
    """Before and after a day, in one measure. It shows no cause and raises nothing."""

    measure: str
    unit: str
    start: date
    headline: str
    sentences: list[str]
    rests_on: str
    no_cause: str
    too_little: TooLittle | None = Field(description="Why there are no numbers.")
    difference: Difference | None
    happened: list[MarkAnswer] = Field(description="What happened in the last weeks.")


class CountsQuery(Request):
    """Which month."""

    month: Annotated[str | None, Field(pattern=MONTH)] = None


class TeamCounts(Answer):
    """A team, or all of them. Null is a number that is not shown."""

    name: str
    people: int | None
    with_an_alert: int | None
    no_alert_enough_data: int | None
    no_alert_too_little_data: int | None


class CountsAnswer(Answer):
    """Numbers of a month by team. Each person is in one of the three groups."""

    month: str
    months: list[str]
    items: list[TeamCounts]


async def list_caseload(call: Call) -> Caseload:
    """Return the people of a clinician in the order of need."""
    found = await read_caseload(call.connection, call.request)
    shown, following = page_of(found, _number_of, call.query_as(PageQuery))
    looked_at = [one.card.person.person_id for one in shown]
    await log_list_look(call.connection, call.viewer.known_staff_id, looked_at, call.now)
    return Caseload(items=[_case(one) for one in shown], next=following)


async def compare(call: Call) -> ComparisonAnswer:
    """Compare the days from one on with those before."""
    query = call.query_as(CompareQuery)
    asked = await ask(call.connection, call.request, LookedAt.TRENDS)
    form = SupportForm(measure=query.measure, start=query.start.isoformat())
    if errors := form.errors(asked.span.today):
        raise broken_rules(errors)
    answer = await read_comparison(call.connection, asked, form, query.start)
    feature = next(one for one in FEATURES if one.name == query.measure)
    return ComparisonAnswer(
        measure=feature.name,
        unit=feature.unit,
        start=query.start,
        headline=answer.headline,
        sentences=list(answer.sentences),
        rests_on=answer.rests_on,
        no_cause=NO_CAUSE,
        too_little=answer.found if isinstance(answer.found, TooLittle) else None,
        difference=None if isinstance(answer.found, TooLittle) else _difference(answer.found),
        happened=[mark_answer(one) for one in await read_marks(call.connection, asked)],
    )


async def show_counts(call: Call) -> CountsAnswer:
    """Return the numbers of a month that is over."""
    months = months_over(local_day(call.now, ZONE))
    chosen = call.query_as(CountsQuery).month or months[0].key
    month = next((one for one in months if one.key == chosen), None)
    if month is None:
        raise broken_rules({"month": MONTH_IS_NOT_SHOWN})
    found = shown_teams(await read_teams(call.connection, month))
    return CountsAnswer(
        month=month.key, months=[one.key for one in months], items=[_team(one) for one in found]
    )


def _number_of(row: CaseRow) -> str:
    return str(row.card.person.person_id)


def _case(row: CaseRow) -> Case:
    return Case(
        person=person_answer(row.card),
        code=row.week.label,
        open_levels=[Level(one) for one in row.week.alert_levels],
        changes=[
            ChangeNow(name=one.name, since=one.since, sentence=one.sentence) for one in row.changes
        ],
        nothing="" if row.changes else row.nothing_words,
        days_worn_of_7=row.week.days_worn,
        worn_minutes_a_day=row.week.worn_minutes,
    )


def _difference(found: Compared) -> Difference:
    return Difference(
        average=_estimate(found.average),
        on_the_first_day=_estimate(found.step),
        slope_a_week=_estimate(found.slope_a_week),
        mean_before=round(found.mean_before, 3),
        mean_after=round(found.mean_after, 3),
        values_before=found.values_before,
        values_after=found.values_after,
    )


def _estimate(change: Change) -> Estimate:
    return Estimate(
        estimate=round(change.estimate, 3),
        low=round(change.low, 3),
        high=round(change.high, 3),
        is_clear=change.is_clear,
    )


def _team(team: ShownTeam) -> TeamCounts:
    with_alert, enough, too_little = team.groups
    return TeamCounts(
        name=team.name,
        people=team.people,
        with_an_alert=with_alert,
        no_alert_enough_data=enough,
        no_alert_too_little_data=too_little,
    )
