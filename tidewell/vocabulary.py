"""The words of Tidewell: channels, daily features, families, levels, what people ask for.

One table for the device format, the database, the detector, the pages and the exports. To add a
channel: add it here, add its column in a migration, describe it in `docs/wire-format.md`; tests
hold the three together. A channel never holds a place, a picture, a sound or a text: `location`
will not be added.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

LOINC: Final = "http://loinc.org"
LOCAL_CODES: Final = "urn:tidewell:channel"
"""Where neither LOINC nor another public system has a code for a wearable's quantity."""


@dataclass(frozen=True, slots=True)
class Channel:
    """One quantity that a device measures.

    `low` and `high` bound what the sensor can truthfully report, not what is healthy: a value
    outside is a fault of the device. `per_minute` marks counts, whose bound grows with the period.
    `resolution` is the step in which firmware reports.
    """

    name: str
    label: str
    unit: str
    ucum: str
    code_system: str
    code: str
    low: float
    high: float
    resolution: float
    per_minute: bool = False


CHANNELS: Final[tuple[Channel, ...]] = (
    Channel("heart_rate", "Heart rate", "bpm", "/min", LOINC, "8867-4", 20, 250, 0.1),
    Channel(
        "hrv_rmssd",
        "Heart rate variability (RMSSD)",
        "ms",
        "ms",
        LOCAL_CODES,
        "hrv_rmssd",
        0,
        400,
        0.1,
    ),
    Channel(
        "skin_temperature",
        "Skin temperature",
        "°C",
        "Cel",
        LOCAL_CODES,
        "skin_temperature",
        10,
        45,
        0.01,
    ),
    Channel("eda", "Skin conductance", "µS", "uS", LOCAL_CODES, "eda", 0, 100, 0.01),
    Channel("steps", "Steps", "steps", "{steps}", LOINC, "55423-8", 0, 400, 1, per_minute=True),
    Channel("spo2", "Blood oxygen", "%", "%", LOINC, "59408-5", 50, 100, 0.1),
    Channel("respiratory_rate", "Breathing rate", "/min", "/min", LOINC, "9279-1", 3, 80, 0.1),
    Channel("motion", "Movement", "mg", "m[g]", LOCAL_CODES, "motion", 0, 16_000, 1),
    Channel("sleep_state", "Sleep state", "0-3", "1", LOCAL_CODES, "sleep_state", 0, 3, 1),
    Channel("worn", "Worn", "0-1", "1", LOCAL_CODES, "worn", 0, 1, 1),
)
CHANNEL_NAMES: Final[tuple[str, ...]] = tuple(channel.name for channel in CHANNELS)
CHANNEL_INDEX: Final[dict[str, int]] = {name: index for index, name in enumerate(CHANNEL_NAMES)}


class SleepState(StrEnum):
    """What `sleep_state` 0, 1, 2 and 3 mean, in this order."""

    AWAKE = "awake"
    LIGHT = "light"
    DEEP = "deep"
    REM = "rem"


@dataclass(frozen=True, slots=True)
class Feature:
    """One number a day that says how a person's day or night was."""

    name: str
    label: str
    unit: str
    decimals: int


FEATURES: Final[tuple[Feature, ...]] = (
    Feature("night_heart_rate", "Night heart rate", "bpm", 0),
    Feature("resting_heart_rate", "Resting heart rate by day", "bpm", 0),
    Feature("night_hrv_rmssd", "Heart rate variability at night", "ms", 0),
    Feature("night_skin_temperature", "Skin temperature at night", "°C", 1),
    Feature("night_respiratory_rate", "Breathing rate at night", "/min", 1),
    Feature("night_spo2", "Blood oxygen at night", "%", 0),
    Feature("heart_rate_per_step", "Rise of heart rate when walking", "bpm", 0),
    Feature("circadian_amplitude", "Difference between day and night heart rate", "bpm", 0),
    Feature("circadian_phase_h", "Time of day when heart rate is highest", "h", 1),
    Feature("sleep_minutes", "Time asleep", "minutes", 0),
    Feature("sleep_efficiency", "Share of the night asleep", "%", 0),
    Feature("sleep_onset_h", "Falling asleep", "h", 1),
    Feature("sleep_regularity", "Regularity of sleep", "index", 0),
    Feature("steps", "Steps", "steps", 0),
    Feature("longest_still_minutes", "Longest time still while awake", "minutes", 0),
    Feature("first_activity_h", "First activity of the day", "h", 1),
    Feature("eda_level", "Skin conductance", "µS", 1),
    Feature("aroused_minutes", "Time tense while still", "minutes", 0),
)
FEATURE_NAMES: Final[tuple[str, ...]] = tuple(feature.name for feature in FEATURES)


class Family(StrEnum):
    """What kind of change a finding is about. None of them is a diagnosis."""

    ILLNESS = "illness"
    SLEEP = "sleep"
    WITHDRAWAL = "withdrawal"
    ACUTE_LOAD = "acute_load"
    DRIFT = "drift"
    DEVICE = "device"


class Level(StrEnum):
    """How soon somebody should look, least urgent first. `USUAL` asks for nothing."""

    USUAL = "usual"
    FOR_REVIEW = "for_review"
    CHECK_TODAY = "check_today"
    CHECK_NOW = "check_now"

    @property
    def rank(self) -> int:
        """Return 0 for usual up to 3 for check now."""
        return list(Level).index(self)

    @property
    def words(self) -> str:
        """Return the level as people read it, such as "Check today"."""
        return self.value.replace("_", " ").capitalize()


class Asking(StrEnum):
    """What kind of alert somebody raised; the others are raised by a family of changes."""

    CHECK_IN_ASKED = "check_in_asked"
    WORRY = "worry"


class Source(StrEnum):
    """Who asked, or is worried."""

    YOUNG_PERSON = "young_person"
    STAFF = "staff"
    CARER = "carer"


class CheckInChoice(StrEnum):
    """Why a young person asks for a check-in. There is no box for words of their own."""

    TALK = "talk"
    WORRIED = "worried"
    UNWELL = "unwell"
    DEVICE = "device"
    IN_PERSON = "in_person"

    @property
    def words(self) -> str:
        """Return the choice as the young person reads it, and their worker too."""
        return _CHOICE_WORDS[self]


_CHOICE_WORDS: Final[dict[CheckInChoice, str]] = {
    CheckInChoice.TALK: "I'd like to talk",
    CheckInChoice.WORRIED: "Something is worrying me",
    CheckInChoice.UNWELL: "I don't feel well",
    CheckInChoice.DEVICE: "Something about my device",
    CheckInChoice.IN_PERSON: "I'd rather say it in person",
}

SHARD_COUNT: Final = 64
"""Shards are fixed at enrolment so that workers can be added later without moving people."""
