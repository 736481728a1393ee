"""`tidewell evaluate`: how good detection is on recorded people, beside what chance would reach."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import numpy as np
import typer
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from tidewell.commands.shared import console
from tidewell.evaluation.datasets import DataSet, find_sets, load_set
from tidewell.evaluation.figures import Study
from tidewell.evaluation.people import Half, Opened, PersonDays, PersonMinutes, Scored
from tidewell.evaluation.study import (
    day_of,
    halved_policy,
    injections_on,
    late_nights_on,
    recall_on,
    removals_on,
    score,
    stress_on,
)
from tidewell.local_time import zone_table
from tidewell.settings import load_settings

if TYPE_CHECKING:
    from detect import EpisodeChange, Findings

DEFAULT_DATA: Final = Path("../shared/data")
DEFAULT_OUT: Final = Path("docs/evaluation.md")
ZONE: Final = "UTC"
"""Days of the recordings are local already, and their minutes are local times without a zone."""
PERIOD_S: Final = 60


def register(app: typer.Typer) -> None:
    """Add this command."""
    app.command("evaluate")(evaluate)


def evaluate(
    data: Annotated[
        Path | None, typer.Option("--data", help="Folder of recorded data, or of one set of it.")
    ] = None,
    half: Annotated[
        Half, typer.Option(help="Which half of the people; only `report` is for publishing.")
    ] = Half.REPORT,
    out: Annotated[
        Path, typer.Option("--out", help="Where the report is written, as Markdown.")
    ] = DEFAULT_OUT,
) -> None:
    """Measure the detector on recorded people, beside what chance would reach."""
    # Imported here because other commands start without the detector and without plots.
    from tidewell.evaluation.plots import require_plots  # noqa: PLC0415
    from tidewell.evaluation.report import write_report  # noqa: PLC0415

    require_plots()
    settings = load_settings()
    found = find_sets(data or settings.data or DEFAULT_DATA)
    engine = DetectorEngine(settings.silence_after_s)
    with _step("Reading recorded people"):
        sets = [load_set(one, half, read_minute_people) for one in found]
    study = run(engine, sets, half)
    with _step("Writing the report"):
        written = write_report(study, out)
    console.print(f"Written: {', '.join(str(path) for path in written)}")


def run(engine: DetectorEngine, sets: Sequence[DataSet], half: Half) -> Study:
    """Measure everything that these sets allow."""
    recalls, halved, injections, minutes, stress = [], [], [], [], []
    for data in sets:
        with _step(f"Measuring on {data.name}"):
            if data.stress:
                stress.append(stress_on(data.name, data.stress))
            if not (data.days or data.minutes):
                continue
            scored = score(engine, data)
            recalls.append(recall_on(data, scored))
            if data.days and all(one.onset is None for one in data.days):
                halved.append((data.name, halved_policy(engine, data.days)))
                injections.append((data.name, injections_on(engine, data.days, scored)))
            if data.minutes:
                minutes += removals_on(engine, data.minutes)
                minutes += late_nights_on(engine, data.minutes)
    return Study(
        engine.version,
        half,
        tuple(recalls),
        tuple(halved),
        tuple(injections),
        tuple(minutes),
        tuple(stress),
    )


class DetectorEngine:
    """The detector that runs on what devices send; each call starts with nothing learned."""

    def __init__(self, silence_after_s: int) -> None:
        self._silence_after_s = silence_after_s

    @property
    def version(self) -> str:
        """Return the version of the detector."""
        from detect.detector import VERSION  # noqa: PLC0415 -- other commands start without it

        return VERSION

    def score_days(self, people: Sequence[PersonDays]) -> Scored:
        """Score daily features: the first day of everybody, then the second, and so on."""
        from detect import Detector  # noqa: PLC0415 -- other commands start without it

        detector = Detector(self._silence_after_s)
        for person in range(len(people)):
            detector.add_person(person, zone_table(ZONE))
        longest = max((len(one.day) for one in people), default=0)
        return _scored([_one_round(detector, people, place) for place in range(longest)])

    def score_minutes(self, people: Sequence[PersonMinutes]) -> Scored:
        """Score minutes through `update`, received as they were measured."""
        from detect import Detector, ReadingBatch  # noqa: PLC0415 -- other commands start without it

        findings = []
        for person, one in enumerate(people):
            detector = Detector(self._silence_after_s)
            detector.add_person(person, zone_table(ZONE))
            count = len(one.time_ms)
            findings.append(
                detector.update(
                    ReadingBatch(
                        np.full(count, person, np.int64),
                        one.time_ms,
                        one.time_ms + PERIOD_S * 1000,
                        np.full(count, PERIOD_S, np.int64),
                        one.values,
                    )
                )
            )
        return _scored(findings)


def read_minute_people(paths: Sequence[Path]) -> list[PersonMinutes]:
    """Read files of minutes as `tidewell replay` does."""
    from firmware_sim.store import load_recordings  # noqa: PLC0415 -- other commands start without it

    return [
        PersonMinutes(one.person_label, one.time_ms, one.values)
        for one in load_recordings(paths, ZONE)
    ]


def _one_round(detector: object, people: Sequence[PersonDays], place: int) -> Findings:
    from detect import Detector  # noqa: PLC0415 -- other commands start without it

    assert isinstance(detector, Detector)  # made by the caller
    there = [person for person, one in enumerate(people) if len(one.day) > place]
    return detector.score_days(
        np.array(there, np.int64),
        np.array([people[person].day[place] for person in there], np.int64),
        np.stack([people[person].features[place] for person in there]),
    )


def _scored(findings: Sequence[Findings]) -> Scored:
    from detect import DayResults  # noqa: PLC0415 -- other commands start without it

    days = DayResults.joined([one.days for one in findings])
    families = getattr(days, "family_scores", None)
    return Scored(
        days.person_id,
        days.day,
        days.score.astype(np.float64),
        None if families is None else families.astype(np.float64),
        tuple(_opened(change) for one in findings for change in one.changes if _opens(change)),
    )


def _opens(change: EpisodeChange) -> bool:
    from detect import EpisodeKind  # noqa: PLC0415 -- other commands start without it

    return change.kind is EpisodeKind.OPENED


def _opened(change: EpisodeChange) -> Opened:
    return Opened(change.person_id, change.family, day_of(change.at_ms), change.at_ms)


@contextmanager
def _step(words: str) -> Iterator[None]:
    """Show that something long is going on."""
    columns = (SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn())
    with Progress(*columns, console=console) as progress:
        task = progress.add_task(words, total=1)
        yield
        progress.update(task, completed=1)
