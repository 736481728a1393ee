"""A stretch without data is shown as that, with its reason in words."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from ingest.silence.reasons import SilenceReason
from portal.data_state import DataFacts, DataState, data_state_words
from portal.hourly import HourRow, hourly_trend
from portal.no_data import (
    NoDataKind,
    NoDataRow,
    because_words,
    joined,
    no_data_lines,
    no_data_sentence,
)

NOW = datetime(2026, 11, 22, 14, 0, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


def stretch(start: int, length: int, kind: str = "not_worn") -> NoDataRow:
    begin = NOW - start * MINUTE
    return NoDataRow(begin, begin + length * MINUTE, kind)


def facts(**changes: object) -> DataFacts:
    known: dict[str, object] = {
        "name": "Sam",
        "timezone": "UTC",
        "paused_from": None,
        "paused_until": None,
        "heard_at": NOW - 300 * MINUTE,
        "last_day": None,
        "last_worn_minutes": None,
        "usual_is_known": True,
    }
    return DataFacts(**{**known, **changes})  # type: ignore[arg-type] # the fields are those of the test


@pytest.mark.parametrize(
    ("reason", "battery", "words"),
    [
        ("flat_battery", 7, "No data since today at 09:00: the device's battery was low (7%)."),
        ("no_network", 80, "No data since today at 09:00: the device has no connection."),
        ("our_outage", 80, "No data since today at 09:00: our own service could not hear devices."),
        ("device_revoked", None, "No data since today at 09:00: the device was taken out of use."),
        ("unknown", 80, "No data since today at 09:00."),
        (None, None, "No data since today at 09:00."),
        ("of_another_version", None, "No data since today at 09:00."),
    ],
)
def test_a_silence_is_said_with_its_reason(
    reason: str | None, battery: int | None, words: str
) -> None:
    known = facts(no_data_reason=reason, battery_percent=battery)
    assert data_state_words(known, DataState.SILENT, NOW) == words


def test_somebody_who_has_no_device_is_not_said_to_have_one() -> None:
    known = facts(heard_at=None, no_data_reason="not_assigned")
    assert data_state_words(known, DataState.NEVER, NOW) == "No data yet: no device is handed out."
    known = facts(heard_at=None, no_data_reason="never_heard")
    assert data_state_words(known, DataState.NEVER, NOW) == (
        "No data yet: the device has not sent anything since it was handed out."
    )


def test_every_reason_of_ingest_has_its_words_and_none_says_fine() -> None:
    assert {one.value for one in SilenceReason} <= {one.value for one in NoDataKind}
    for kind in NoDataKind:
        [line] = no_data_lines([stretch(60, 30, kind.value)], "UTC", NOW)
        assert line.why
        assert not {"fine", "well", "usual"} & set(line.why.split())
        assert "fine" not in because_words(kind.value)


def test_stretches_are_listed_latest_first_and_short_ones_left_out() -> None:
    rows = [stretch(2_000, 600, "paused"), stretch(200, 9), stretch(120, 120, "flat_battery")]
    lines = no_data_lines(rows, "UTC", NOW)
    assert [(one.when, one.why) for one in lines] == [
        ("Since today at 12:00 (2 hours)", "the device's battery was low"),
        ("From yesterday at 04:40 to 14:40 (10 hours)", "paused"),
    ]
    assert no_data_sentence(rows) == "No data for 12 hours 9 minutes of this time."
    assert no_data_sentence([]) == ""


def test_the_chart_shades_what_is_missing_whatever_its_kind() -> None:
    rows = [stretch(720, 60), stretch(660, 300, "unknown"), stretch(100, 29)]
    assert [(last - first) // MINUTE for first, last in joined(rows)] == [360]
    hours = [HourRow(NOW - timedelta(hours=2), 60.0, 70.0, 80.0, NOW - timedelta(hours=1))]
    trend = hourly_trend(hours, NOW, 24, "UTC", rows)
    assert trend.chart is not None
    [shade] = trend.chart.shades
    assert (shade.first_percent, shade.width_percent, shade.text) == (50.0, 25.0, "no data")
