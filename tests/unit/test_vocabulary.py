"""One table of words: channels as the wire format, the database and the rows have them."""

from __future__ import annotations

import re
from importlib import resources
from pathlib import Path

import numpy as np

from ingest.rows import _FIELDS
from tidewell.vocabulary import (
    CHANNEL_INDEX,
    CHANNEL_NAMES,
    CHANNELS,
    FEATURE_NAMES,
    FEATURES,
    LOINC,
    Family,
    Level,
    SleepState,
)

WIRE_FORMAT = Path(__file__).parents[2] / "docs" / "wire-format.md"


def table_of_the_document() -> dict[str, tuple[str, float, float]]:
    """Return unit and bounds of each channel as `docs/wire-format.md` has them."""
    row = re.compile(
        r"^\| `(\w+)` \| `([^`]+)` \| ([\d,]+) \| ([\d,]+)( a minute)? \|", re.MULTILINE
    )
    found = row.findall(WIRE_FORMAT.read_text(encoding="utf-8"))
    return {
        name: (unit, float(low.replace(",", "")), float(high.replace(",", "")))
        for name, unit, low, high, _ in found
    }


def test_the_wire_format_lists_the_channels_with_their_units_and_bounds() -> None:
    table = table_of_the_document()
    assert list(table) == list(CHANNEL_NAMES)
    assert table == {one.name: (one.ucum, one.low, one.high) for one in CHANNELS}


def test_every_channel_has_a_column_in_the_database_and_in_the_copy() -> None:
    folder = resources.files("tidewell").joinpath("migrations")
    text = folder.joinpath("0002_readings.sql").read_text(encoding="utf-8")
    body = text.split("CREATE TABLE reading (")[1].split("PRIMARY KEY")[0]
    columns = re.findall(r"^    (\w+) real,$", body, re.MULTILINE)
    assert columns == list(CHANNEL_NAMES)
    assert [name for name, kind in _FIELDS if kind == ">f4"] == list(CHANNEL_NAMES)


def test_there_is_no_channel_for_a_place_a_picture_a_sound_or_a_text() -> None:
    words = "location latitude longitude position gps audio sound image photo text message"
    assert not set(words.split()) & set("_".join(CHANNEL_NAMES).split("_"))


def test_every_channel_is_whole() -> None:
    assert len(set(CHANNEL_NAMES)) == len(CHANNELS) == len(CHANNEL_INDEX)
    for one in CHANNELS:
        assert one.low < one.high
        assert 0 < one.resolution < one.high - one.low or one.name == "worn"
        assert one.label
        assert one.ucum
        assert one.unit
        assert re.fullmatch(r"[a-z][a-z0-9_]*", one.name)


def test_the_bounds_of_a_channel_are_single_precision_numbers() -> None:
    for one in CHANNELS:
        assert float(np.float32(one.low)) == one.low
        assert float(np.float32(one.high)) == one.high


def test_codes_of_loinc_have_their_check_digit() -> None:
    codes = [one.code for one in CHANNELS if one.code_system == LOINC]
    assert len(codes) >= 4
    for code in codes:
        number, check = code.split("-")
        odd = str(2 * int(number[::-1][::2][::-1]))
        total = sum(map(int, odd + number[::-1][1::2]))
        assert (10 - total % 10) % 10 == int(check), code


def test_sleep_states_are_as_many_as_the_channel_can_say() -> None:
    channel = CHANNELS[CHANNEL_INDEX["sleep_state"]]
    assert len(SleepState) == channel.high - channel.low + 1


def test_levels_are_ranked_from_usual_to_check_now() -> None:
    assert [one.rank for one in Level] == [0, 1, 2, 3]
    assert [one.words for one in Level] == ["Usual", "For review", "Check today", "Check now"]


def test_features_and_families_have_plain_names() -> None:
    assert len(set(FEATURE_NAMES)) == len(FEATURES)
    for name in (*FEATURE_NAMES, *Family, *Level):
        assert re.fullmatch(r"[a-z][a-z0-9_]*", name)
