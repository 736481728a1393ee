"""The clinician's desk: spans, steps against a slow twin, weeks, words, files."""

from __future__ import annotations

import csv
import io
import math
from datetime import UTC, date, datetime, timedelta

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from portal.clinic.before_after import SupportForm, amount_words, answer
from portal.clinic.marks import MarkKind, MarkRow, mark_of
from portal.clinic.pictures import letters_of, panel_picture
from portal.clinic.series import (
    STEP_CHANNELS,
    Explored,
    StepRow,
    explore,
    panel_sentence,
    table_lines,
)
from portal.clinic.spans import SIZES_DAYS, STEPS_MOST, ZOOMS_DAYS, Span, read_span
from portal.clinic.tables import csv_answer
from portal.clinic.weeks import mondays, week_lines, week_pictures
from portal.daily import DayRow
from tidewell.vocabulary import FEATURES

TODAY = date(2026, 11, 22)
NOW = datetime(2026, 11, 22, 14, 0, tzinfo=UTC)
ZONE = "Europe/London"
FEATURE = {feature.name: feature for feature in FEATURES}


@given(st.sampled_from(ZOOMS_DAYS), st.dates(date(2014, 1, 1), date(2027, 1, 1)))
def test_a_channel_never_has_more_steps_than_a_screen(days: int, until: date) -> None:
    span = read_span({"days": str(days), "until": until.isoformat()}, TODAY)
    assert span.days == days
    assert span.last_day <= TODAY
    first, end = span.limits(ZONE, NOW)
    assert first <= end <= NOW
    assert (end - first) / span.step <= STEPS_MOST + 4  # a change of the clocks adds an hour


@pytest.mark.parametrize("query", [{}, {"days": "5"}, {"days": "x", "until": "never"}])
def test_what_an_address_says_wrongly_counts_as_not_said(query: dict[str, str]) -> None:
    assert read_span(query, TODAY) == Span(TODAY - timedelta(days=27), TODAY, TODAY)


def test_everything_that_dragging_would_do_is_an_address() -> None:
    span = read_span({"days": "28", "until": "2026-09-30"}, TODAY)
    assert span.moved(-28).query == "days=28&until=2026-09-02"
    assert span.moved(28).last_day == date(2026, 10, 28)
    assert span.moved(900).last_day == TODAY
    nearer, further = span.zoomed(1), span.zoomed(-1)
    assert nearer is not None
    assert further is not None
    assert (nearer.days, further.days) == (14, 56)
    assert nearer.first_day > span.first_day
    assert nearer.last_day < span.last_day
    assert read_span({"days": "365"}, TODAY).zoomed(-1) is None
    assert read_span({"days": "1"}, TODAY).zoomed(1) is None
    assert SIZES_DAYS == (7, 28, 90, 365)


def step_row(at: datetime, values: list[float | None], *, is_off: bool = False) -> StepRow:
    return StepRow(at, is_off, 1200, 0.5, values, values, values)


def day_of_steps() -> tuple[Span, Explored, dict[int, float]]:
    """Return two days with random steps, one stretch off the body and one without any data."""
    rng, span = np.random.default_rng(3), Span(TODAY - timedelta(days=6), TODAY, TODAY)
    first, _ = span.limits(ZONE, NOW)
    rows, heart = [], {}
    for place in range(500):
        if 100 <= place < 110:
            continue
        is_off = 200 <= place < 206
        value = rng.uniform(50, 90)
        at = first + span.step * place
        rows.append(step_row(at, [value] + [None] * (len(STEP_CHANNELS) - 1), is_off=is_off))
        if at < NOW and not is_off:
            heart[place] = value
    usual = {"night_heart_rate": [56, 54, 58]}
    days = [DayRow(TODAY - timedelta(days=2), 1300, usual, {})]
    return span, explore(rows, days, span, ZONE, NOW), heart


def test_steps_are_placed_and_what_is_missing_stays_missing() -> None:
    _, view, heart = day_of_steps()
    panel = view.panels[0]
    assert panel.kind.name == "heart_rate"
    twin = [heart.get(place, math.nan) for place in range(view.count)]
    assert panel.middle == pytest.approx(twin, nan_ok=True)
    gaps = {(one.first, one.end, one.is_off) for one in view.stretches}
    assert {(100, 110, False), (200, 206, True)} <= gaps


def test_what_is_usual_stands_on_its_own_day_only() -> None:
    _, view, _ = day_of_steps()
    low = view.panels[0].usual_low
    days = {view.dates[place] for place in np.flatnonzero(np.isfinite(low))}
    assert days == {TODAY - timedelta(days=2)}
    assert "Usual at night for Sam: 54 to 58." in panel_sentence(view.panels[0], view, "Sam")
    assert panel_sentence(view.panels[3], view, "Sam").startswith("No heart rate variability")


def test_the_table_says_what_the_picture_shows() -> None:
    _, view, heart = day_of_steps()
    lines = table_lines(view.panels[0], view)
    assert [line.first_day for line in lines] == sorted({*view.dates})
    for line in lines:
        twin = [value for place, value in heart.items() if view.dates[place] == line.first_day]
        assert line.low == pytest.approx(min(twin))
        assert line.high == pytest.approx(max(twin))
        assert line.middle == pytest.approx(sum(twin) / len(twin))


def test_a_picture_breaks_its_line_where_nothing_was_measured() -> None:
    _, view, _ = day_of_steps()
    picture = panel_picture(view.panels[0], view, ())
    assert picture.chart is not None
    assert picture.chart.line.count("M") == 3
    assert [one.is_off for one in picture.hatches][:2] == [False, True]
    assert panel_picture(view.panels[3], view, ()).chart is None


def test_letters_that_would_touch_are_left_to_the_list() -> None:
    _, view, _ = day_of_steps()
    rows = [
        MarkRow("note", view.first + timedelta(hours=hour), None, "ill", "", "")
        for hour in (10, 11, 60)
    ]
    letters = letters_of([mark_of(row, ZONE) for row in rows], view)
    assert [letter.text for letter in letters] == ["N", "", "N"]


def test_every_kind_of_mark_has_its_words() -> None:
    whats = {"note": "exams", "contact": "all_fine", "alert": "sleep", "pause": "", "worry": ""}
    words = {
        kind: mark_of(MarkRow(kind, NOW, None, what, "check_today", "maths"), ZONE).words
        for kind, what in whats.items()
    }
    assert set(words) == {kind.value for kind in MarkKind}
    assert words["note"] == "Note: Exams or tests. “maths”"
    assert words["contact"] == "Contact: Checked in, all fine."
    spoken = mark_of(MarkRow("contact", NOW, NOW, "spoke", "", ""), ZONE)
    assert spoken.words == "Contact: spoke to them."
    assert words["alert"] == "Alert: Sleep (check today)."


def week_days(values: dict[date, float], name: str) -> list[DayRow]:
    usual = {name: [500, 455, 570]} if name == "sleep_minutes" else {name: [10.7, 10.2, 11.3]}
    return [DayRow(day, 1300, usual, {name: value}) for day, value in values.items()]


def test_a_week_with_few_days_says_so_and_is_never_called_higher() -> None:
    monday = mondays(TODAY)[-1]
    days = week_days({monday + timedelta(days=place): 300.0 for place in range(3)}, "sleep_minutes")
    [line] = week_lines(days, TODAY)
    assert (line.cells[-1].words, line.cells[-1].note) == ("5 h", "3 days only")
    assert line.cells[0].words == "no value"
    days += week_days({monday + timedelta(days=3): 300.0}, "sleep_minutes")
    assert week_lines(days, TODAY)[0].cells[-1].note == "▼ below usual"


def test_a_time_of_day_is_later_and_not_above() -> None:
    monday = mondays(TODAY)[-1]
    days = week_days({monday + timedelta(days=place): 13.0 for place in range(5)}, "sleep_onset_h")
    assert week_lines(days, TODAY)[0].cells[-1].note == "▲ later than usual"
    charts = [one.chart for one in week_pictures(FEATURE["sleep_onset_h"], days, TODAY)]
    assert charts[0] is None
    assert charts[-1] is not None


@pytest.mark.parametrize(
    ("form", "field"),
    [
        (SupportForm(measure="steps"), "start"),
        (SupportForm(measure="love", start="2026-10-01"), "measure"),
        (SupportForm(measure="steps", start="2026-12-01"), "start"),
        (SupportForm(measure="steps", start="2020-01-01"), "start"),
        (SupportForm(measure="steps", happened="2026-10-01", what="x" * 81), "what"),
    ],
)
def test_a_form_that_cannot_be_answered_says_what_to_do(form: SupportForm, field: str) -> None:
    assert list(form.errors(TODAY)) == [field]


def days_with_a_step(step: float) -> list[DayRow]:
    rng = np.random.default_rng(5)
    first = date(2026, 9, 1)
    return [
        DayRow(
            first + timedelta(days=place),
            1300,
            {},
            {"sleep_minutes": 480 + rng.normal(0, 10) + (step if place >= 40 else 0)},
        )
        for place in range(80)
    ]


def test_an_answer_says_its_range_and_what_it_rests_on() -> None:
    start = date(2026, 9, 1) + timedelta(days=40)
    found = answer(FEATURE["sleep_minutes"], days_with_a_step(-60), start, TODAY, "Sam")
    assert found.headline.startswith("Time asleep: about ")
    assert found.headline.endswith("shorter")
    assert "somewhere between" in found.sentences[0]
    assert found.rests_on.startswith("This rests on 40 of 40 days before and 40 of 43 days after.")
    assert found.chart is not None
    assert found.expected


def test_no_clear_change_is_an_answer_and_too_little_is_none() -> None:
    start = date(2026, 9, 1) + timedelta(days=40)
    nothing = answer(FEATURE["sleep_minutes"], days_with_a_step(0), start, TODAY, "Sam")
    assert nothing.headline == "No clear change"
    assert not nothing.is_refused
    early = answer(FEATURE["sleep_minutes"], days_with_a_step(0)[:45], start, TODAY, "Sam")
    assert early.is_refused
    assert "Fewer than 14 days from the start on" in early.sentences[0]
    yesterday = TODAY - timedelta(days=1)
    ahead = answer(FEATURE["sleep_minutes"], days_with_a_step(0), TODAY, yesterday, "Sam")
    assert "no full day after the start" in ahead.sentences[0]


@pytest.mark.parametrize(
    ("name", "change", "words"),
    [
        ("sleep_onset_h", 1.5, "1 hour 30 minutes later"),
        ("sleep_minutes", -30, "30 minutes shorter"),
        ("night_heart_rate", 4.26, "4.3 bpm higher"),
        ("steps", -1200, "1,200 fewer"),
        ("night_spo2", -1.04, "1.0% lower"),
        ("sleep_regularity", 5, "5.0 higher"),
    ],
)
def test_a_change_is_said_in_the_words_of_its_measure(name: str, change: float, words: str) -> None:
    assert amount_words(FEATURE[name], change) == words


def test_a_file_runs_nothing_in_a_spreadsheet() -> None:
    sent = csv_answer("x", ["a"], [["=1+1"], [-3.5], ["@b"], [None], ["plain"]])
    assert sent.text is not None
    rows = list(csv.reader(io.StringIO(sent.text)))
    assert rows == [["a"], ["'=1+1"], ["-3.5"], ["'@b"], [""], ["plain"]]
    assert 'filename="x.csv"' in sent.headers["Content-Disposition"]
