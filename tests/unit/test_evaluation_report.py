"""The study with an engine of known answers, and the page that comes of it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from tidewell.commands import evaluate as command
from tidewell.errors import UsageError
from tidewell.evaluation.datasets import DataSet, Form
from tidewell.evaluation.figures import Study
from tidewell.evaluation.injections import INJECTIONS
from tidewell.evaluation.people import (
    FAMILIES,
    Half,
    Opened,
    PersonDays,
    PersonMinutes,
    Scored,
)
from tidewell.evaluation.plots import require_plots
from tidewell.evaluation.published import StressRun
from tidewell.evaluation.report import write_report
from tidewell.evaluation.study import (
    area_under_curve,
    day_of,
    halved_policy,
    injections_on,
    recall_on,
    removals_on,
    stress_on,
)
from tidewell.local_time import DAY_MS
from tidewell.vocabulary import CHANNEL_INDEX, CHANNELS, FEATURE_NAMES, Family

HEART = FEATURE_NAMES.index("night_heart_rate")


class HeartEngine:
    """Scores a day by its night heart rate; opens an episode at 70 and when a heart stops."""

    version = "test"

    def score_days(self, people: Sequence[PersonDays]) -> Scored:
        person = np.repeat(np.arange(len(people)), [len(one.day) for one in people])
        day = np.concatenate([one.day for one in people])
        score = np.concatenate([one.features[:, HEART] for one in people]).astype(np.float64)
        families = np.zeros((len(day), len(FAMILIES)))
        families[:, FAMILIES.index(Family.ILLNESS)] = score
        opened = tuple(
            Opened(int(person[at]), Family.ILLNESS, int(day[at]), int(day[at] + 1) * DAY_MS)
            for at in np.flatnonzero(score >= 70).tolist()
        )
        return Scored(person, day, score, families, opened)

    def score_minutes(self, people: Sequence[PersonMinutes]) -> Scored:
        opened = []
        for person, one in enumerate(people):
            stopped = np.isnan(one.values[:, CHANNEL_INDEX["heart_rate"]])
            opened += [
                Opened(person, Family.DEVICE, 0, int(at) + 5 * 60_000)
                for at in one.time_ms[stopped][:1]
            ]
        nothing = np.empty(0, np.int64)
        return Scored(nothing, nothing, np.empty(0), None, tuple(opened))


def one_person(label: str, ill: bool) -> PersonDays:
    features = np.full((120, len(FEATURE_NAMES)), np.nan, np.float32)
    features[:, HEART] = 60 + np.arange(120) % 3
    features[:, FEATURE_NAMES.index("steps")] = 8000
    if ill:
        features[80:84, HEART] = 75
    return PersonDays(
        label, np.arange(120, dtype=np.int64) + 18_000, features, 18_080 if ill else None
    )


def data(ill: bool) -> DataSet:
    people = tuple(one_person(f"secret-{number}", ill) for number in range(4))
    return DataSet("ill people" if ill else "quiet people", Form.DAYS, 9, days=people)


def study(half: Half = Half.REPORT) -> Study:
    engine, sets = HeartEngine(), [data(ill=True), data(ill=False)]
    scored = [engine.score_days(one.days) for one in sets]
    run = StressRun("secret-2", np.array([60.0, 90.0]), np.array([False, True]))
    return Study(
        "test",
        half,
        tuple(recall_on(one, said) for one, said in zip(sets, scored, strict=True)),
        (("quiet people", halved_policy(engine, sets[1].days)),),
        (("quiet people", injections_on(engine, sets[1].days, scored[1])),),
        (),
        (stress_on("laboratory", [run]),),
    )


def test_a_score_that_knows_finds_everybody() -> None:
    ill, quiet = study().recalls
    assert [one.around.value for one in ill.results] == [1.0] * 4
    assert ill.results[0].first_day_median == 0
    assert (ill.people, ill.people_in_all, ill.scored_days) == (4, 9, 480)
    assert ill.policy.around.value == 1.0
    assert (ill.policy.opened, ill.policy.chance_around) == (0, 0.0)
    assert quiet.results == ()
    assert quiet.policy.around.of == 0


def test_episodes_on_quiet_days_are_counted_by_person_month() -> None:
    people = [one_person("a", ill=True), one_person("b", ill=False)]
    people[0] = PersonDays("a", people[0].day, people[0].features)  # nobody wrote the illness down
    found = recall_on(
        DataSet("x", Form.DAYS, 2, days=tuple(people)), HeartEngine().score_days(people)
    )
    assert found.policy.opened == 4
    assert found.policy.rate == pytest.approx(4 / (240 / (365.25 / 12)))
    assert found.policy.by_family[0] == (Family.ILLNESS, 4)


def test_an_injection_is_found_by_the_score_that_sees_it_and_no_other() -> None:
    results = {one.injection.name: one for one in study().injections[0][1]}
    assert set(results) == {"body_step", "heart_step", "body_ramp", "heart_ramp", "step_cut"}
    assert results["heart_step"].overall.value == 1.0
    assert results["heart_step"].overall_chance.value == 0.0
    own, own_chance = results["heart_step"].own, results["heart_step"].own_chance
    assert own is not None
    assert own_chance is not None
    assert (own.value, own_chance.value) == (1.0, 0.0)
    assert results["step_cut"].overall.value == results["step_cut"].overall_chance.value == 0.0
    assert len({one.name for one in INJECTIONS}) == len(INJECTIONS)


def test_a_removal_named_after_five_minutes_is_found() -> None:
    values = np.full((25 * 1440, len(CHANNELS)), np.nan, np.float32)
    values[:, CHANNEL_INDEX["heart_rate"]] = 70
    person = PersonMinutes("a", np.arange(len(values), dtype=np.int64) * 60_000, values)
    for result in removals_on(HeartEngine(), [person]):
        assert (result.found.value, result.by_chance.value, result.delay_minutes) == (1.0, 0.0, 5.0)


def test_the_page_says_limits_first_and_names_nobody(tmp_path: Path) -> None:
    out = tmp_path / "docs" / "page.md"
    files = write_report(study(), out)
    text = out.read_text()
    assert text.index("## Limits first") < text.index("## Who was measured")
    assert "Detector version test" in text
    assert "Not for publication" not in text
    everything = "".join(path.read_text() for path in files)
    assert "secret" not in everything
    assert str(tmp_path) not in everything
    for link in re.findall(r"\]\((.*?)\)", text):
        assert (out.parent / link).exists()
    assert {path.name for path in files} == {"page.md", "recall.svg", "injections.svg", "rates.svg"}


def test_every_table_of_found_has_chance_in_it(tmp_path: Path) -> None:
    write_report(study(), tmp_path / "page.md")
    lines = (tmp_path / "page.md").read_text().splitlines()
    for number, line in enumerate(lines):
        if "**found**" in line:
            assert "| chance |" in lines[number + 1]


def test_the_same_figures_give_the_same_bytes(tmp_path: Path) -> None:
    first, second = (write_report(study(), tmp_path / name / "page.md") for name in ("a", "b"))
    assert [one.read_bytes() for one in first] == [one.read_bytes() for one in second]


def test_figures_of_the_tune_half_say_that_they_are_not_for_publishing(tmp_path: Path) -> None:
    write_report(study(Half.TUNE), tmp_path / "page.md")
    assert "Not for publication" in (tmp_path / "page.md").read_text()


def test_a_page_that_cannot_be_written_is_said_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(UsageError, match=r"cannot write .*page\.md: "):
        write_report(study(), tmp_path / "file" / "page.md")


def test_missing_plots_are_said_before_the_work(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tidewell.evaluation.plots.find_spec", lambda _: None)
    with pytest.raises(UsageError, match=r"matplotlib is missing; .*install the extra"):
        require_plots()


def test_area_under_curve_counts_ties_as_half() -> None:
    value, stressed = np.array([1.0, 2.0, 2.0, 3.0]), np.array([False, False, True, True])
    assert area_under_curve(value, stressed) == 0.875
    assert np.isnan(area_under_curve(value, stressed & False))


def test_the_end_of_a_day_belongs_to_that_day() -> None:
    assert day_of(3 * DAY_MS) == 2
    assert day_of(3 * DAY_MS + 1) == 3


def test_the_command_measures_the_detector_that_runs_on_devices(tmp_path: Path) -> None:
    rng = np.random.default_rng(1)
    lines = ["person,day,night_heart_rate,steps"]
    lines += [
        f"{name},{day},{60 + rng.normal():.1f},{8000 + 900 * rng.normal():.0f}"
        for name in "adeh"
        for day in np.arange("2026-01-01", "2026-03-01", dtype="datetime64[D]")
    ]
    (tmp_path / "days.csv").write_text("\n".join(lines))
    (tmp_path / "onsets.csv").write_text("person,onset\na,2026-02-10\n")
    out = tmp_path / "out" / "page.md"
    command.evaluate(data=tmp_path, out=out)
    text = out.read_text()
    assert f"Detector version {command.DetectorEngine(3600).version}" in text
    assert "| found |" not in text
    assert "| **found** |" in text
