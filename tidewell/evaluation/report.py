"""Writes what was measured as a page that a clinician can read in three minutes.

Limits come first, chance stands beside every figure, and no label of a recorded person is in it.
The same data give the same bytes: no time of writing, no path, no name of a machine.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from math import isnan
from pathlib import Path
from typing import Final

from tidewell.errors import UsageError
from tidewell.evaluation.figures import InjectionResult, Policy, Recall, Study
from tidewell.evaluation.metrics import Share
from tidewell.evaluation.people import Half
from tidewell.evaluation.plots import draw
from tidewell.evaluation.report_texts import LIMITS, METHOD
from tidewell.local_time import day_date

NONE: Final = "-"


def write_report(study: Study, out: Path) -> list[Path]:
    """Write the report, and its plots into a folder of its name beside it.

    Raises:
        UsageError: a file cannot be written.
    """
    plots = draw(study)
    folder = out.with_suffix("")
    files = {folder / name: text for name, text in plots.items()}
    files[out] = report(study, {name: f"{folder.name}/{name}" for name in plots})
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        folder.mkdir(exist_ok=True)
        for path, text in files.items():
            path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise UsageError(f"cannot write {out}: {error.strerror}") from None
    return list(files)


def report(study: Study, plots: dict[str, str]) -> str:
    """Return the page; `plots` maps the name of each plot to its link."""
    parts = [_head(study), LIMITS, _people(study)]
    parts += [_recall(one) for one in study.recalls if one.results]
    if link := plots.get("recall.svg"):
        parts.append(f"![Share of illnesses found at each budget, beside chance]({link})\n")
    parts += [_quiet(study)]
    if link := plots.get("rates.svg"):
        parts.append(f"![Episodes per quiet month of each person, most first]({link})\n")
    parts += [_injections(name, results) for name, results in study.injections if results]
    if link := plots.get("injections.svg"):
        parts.append(f"![Share of laid-over changes that were found, beside chance]({link})\n")
    parts += [_minutes(study), _stress(study), METHOD]
    return "\n".join(part for part in parts if part)


def _head(study: Study) -> str:
    warning = (
        "\n**These are the people on whom weights were chosen. Not for publication.**\n"
        if study.half == Half.TUNE
        else ""
    )
    return f"""\
# How good detection is

Written by `tidewell evaluate`; do not edit. Detector version {study.version}, the half of the
people called *{study.half}*.
{warning}"""


def _people(study: Study) -> str:
    rows = [
        (
            one.name,
            str(one.people_in_all),
            str(one.people),
            str(one.results[0].around.of if one.results else 0),
            f"{one.scored_days:,}",
            f"{one.quiet_days:,}",
            _span(one),
        )
        for one in study.recalls
    ]
    head = ("set", "people", "in this half", "known onset", "scored days", "quiet days", "dates")
    return "## Who was measured\n\n" + table(head, rows)


def _span(one: Recall) -> str:
    if one.first_day > one.last_day:
        return NONE
    return f"{day_date(one.first_day)} to {day_date(one.last_day)}"


def _recall(one: Recall) -> str:
    rows = []
    for result in one.results:
        rows += [
            (
                f"{result.budget:g}",
                "**found**",
                shown(result.around),
                shown(result.before),
                number(result.first_day_median, "+.1f"),
                number(result.rate),
                number(result.rate_p90),
            ),
            ("", "chance", percent(result.chance_around), percent(result.chance_before), *_BLANK),
            ("", "other days", percent(result.placebo_around), NONE, *_BLANK),
        ]
    policy = one.policy
    rows += [
        (
            "shipped",
            "**found**",
            shown(policy.around),
            NONE,
            NONE,
            number(policy.rate),
            number(policy.rate_p90),
        ),
        ("", "chance", percent(policy.chance_around), NONE, *_BLANK),
    ]
    head = (
        "false episodes per person-month",
        "",
        "7 days before to 7 after onset",
        "7 days before to onset",
        "median first day",
        "false, reached",
        "person at 90 %",
    )
    return f"""\
## Illness: {one.name}

"Shipped" is what Tidewell does as it is delivered: the episodes that it opened by itself. "Person
at 90 %": nine of ten people have fewer false episodes a month than this.

{table(head, rows)}"""


_BLANK: Final = ("", "", "")


def _quiet(study: Study) -> str:
    rows = [_policy_row(one.name, one.policy) for one in study.recalls]
    rows += [
        _policy_row(f"{name}, half of the days removed", policy) for name, policy in study.halved
    ]
    head = (
        "set",
        "episodes",
        "per month scored",
        "per month watched",
        "person at 90 %",
        "families",
    )
    return f"""\
## How quiet it is on quiet days

Episodes that the shipped policy opened, all families together, about devices left out.

{table(head, rows)}"""


def _policy_row(name: str, policy: Policy) -> tuple[str, ...]:
    families = ", ".join(
        f"{family.value.replace('_', ' ')} {count}" for family, count in policy.by_family if count
    )
    return (
        name,
        str(policy.opened),
        number(policy.rate),
        number(policy.rate_watched),
        number(policy.rate_p90),
        families or NONE,
    )


def _injections(name: str, results: Sequence[InjectionResult]) -> str:
    rows = []
    for one in results:
        kind = one.injection
        rows += [
            (
                kind.words,
                f"{one.people} / {one.overall.of}",
                f"{kind.budget:g}",
                "**found**",
                shown(one.overall),
                shown(one.own),
                shown(one.policy),
            ),
            (
                "",
                "",
                "",
                "chance",
                percent(one.overall_chance.value),
                percent(one.own_chance.value if one.own_chance else float("nan")),
                percent(one.policy_chance.value),
            ),
        ]
    head = (
        "change",
        "people / changes",
        "budget",
        "",
        "score of the day",
        "score of its family",
        "shipped",
    )
    return f"""\
## Changes laid over real quiet days: {name}

Budget: false episodes per person-month. Chance: the same windows of the same people, without the
change.

{table(head, rows)}"""


def _minutes(study: Study) -> str:
    if not study.minutes:
        return ""
    rows = [
        (
            one.words,
            str(one.people),
            shown(one.found),
            shown(one.by_chance),
            NONE if one.delay_minutes is None else f"{one.delay_minutes:.0f} min",
        )
        for one in study.minutes
    ]
    head = ("change", "people", "found by the shipped policy", "chance", "median delay")
    return f"""\
## Changes laid over real minutes

A device that comes off counts as found when it is named within 15 minutes. Heart rate and steps are
real; where temperature and movement are marked as made up, the recordings have none.

{table(head, rows)}"""


def _stress(study: Study) -> str:
    if not study.stress:
        return ""
    rows = [
        (
            one.name,
            str(len(one.areas)),
            number(sum(one.areas) / len(one.areas) if one.areas else float("nan")),
            "0.50",
        )
        for one in study.stress
    ]
    head = ("set", "people", "mean area under the curve", "chance")
    return f"""\
## Stress in a laboratory

How well heart rate alone, minute by minute, tells a stressful task from rest within one person.
This is what the sensor gives, before any detection: too little to ring by itself.

{table(head, rows)}"""


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a Markdown table."""
    lines = [head, ["---"] * len(head), *rows]
    return "".join(f"| {' | '.join(cells)} |\n" for cells in lines)


def shown(share: Share | None) -> str:
    """Return a share with its count and interval.

    Example:
        >>> shown(Share(8, 10))
        '80 % (8 of 10; 49-94)'
    """
    if share is None or not share.of:
        return NONE
    low, high = share.interval
    return f"{percent(share.value)} ({share.found} of {share.of}; {100 * low:.0f}-{100 * high:.0f})"


def percent(value: float) -> str:
    """Return a share in percent, a dash for none."""
    return NONE if isnan(value) else f"{100 * value:.0f} %"


def number(value: float, form: str = ".2f") -> str:
    """Return a number, a dash for none."""
    return NONE if isnan(value) else format(value, form)
