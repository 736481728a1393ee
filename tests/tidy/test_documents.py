"""Documents and code say the same: settings, reasons, channels, folders, versions, decisions."""

from __future__ import annotations

import ast
import importlib
import json
import re
from enum import StrEnum
from pathlib import Path
from typing import Final

import pytest

import tidewell
from tests.tidy.repository import (
    PACKAGES,
    TOP,
    files,
    python_files,
    section,
    table_rows,
    text_of,
    tree_of,
)
from tidewell.settings import PREFIX, Settings
from tidewell.vocabulary import CHANNELS, FEATURES, Channel

OPERATIONS: Final = text_of(Path("docs/operations.md"))
DECISIONS: Final = sorted((TOP / "docs" / "decisions").glob("*.md"))
HEADINGS_OF_A_DECISION: Final = ["Context", "Options", "Choice", "Price"]
DECISION_LINES_MOST: Final = 70

NOT_REASONS: Final = {
    "alerts.bank_holidays.Division": "whose bank holidays a team keeps: a word of its policy",
    "detect.findings.EpisodeKind": "the words of alerts.reasons.EpisodeEventKind, described there",
    "firmware_sim.blocks.BlockKind": "how a virtual device came by its readings",
    "firmware_sim.encoder.TopicKind": "parts of topics: docs/wire-format.md",
    "firmware_sim.recordings.RecordingFormat": "forms of files",
    "firmware_sim.scenarios.ScenarioName": "stories for virtual people: `tidewell simulate --help`",
    "portal.admin.changes.ChangeKind": "what an administrator did: names in admin_change",
    "portal.alert_words.AlertState": "the words of alerts.reasons.AlertState, described there",
    "portal.alert_words.Outcome": "the words of alerts.reasons.Outcome, described there",
    "portal.alert_words.SnoozeReason": "the words of alerts.reasons.SnoozeReason, described there",
    "portal.alert_forms.SnoozeUntil": "choices of a form",
    "portal.alerts_pages.ActionKind": "the words of alerts.reasons.ActionKind, described there",
    "portal.clinic.marks.MarkKind": "signs on a picture",
    "portal.context.Audience": "who a page is for",
    "portal.context.SessionLevel": "what was proved in a session: docs/security.md",
    "portal.api.alerts.SeenLevel": "the words of tidewell.vocabulary.Level that ask for something",
    "portal.context.Scope": "what a token may do: docs/api.md",
    "portal.context_notes.NoteKind": "the words of detect.words.NoteKind, described there",
    "portal.my_week.MyDayKind": "how a day is drawn for a young person",
    "portal.pauses.PauseFor": "choices of a form",
    "portal.people.LookedAt": "names of pages in access_log",
    "portal.signing_in.passkeys.ChallengeFor": "what a challenge may be used for",
    "portal.young.requests.RequestKind": "choices of a form",
    "portal.young.requests.RequestOutcome": "choices of a form",
    "portal.young.today_rows.Face": "choices of a form",
    "tidewell.database.Role": "accounts: the table of writers",
    "tidewell.evaluation.datasets.Form": "forms of recorded sets",
    "tidewell.evaluation.minute_injections.OffKind": "what a device measures once it is off",
    "tidewell.evaluation.people.Half": "which people of a recording are looked at",
    "tidewell.lawful.tables.Copy": "words of tables.toml: docs/record-of-processing.md",
    "tidewell.lawful.tables.Erase": "words of tables.toml: docs/record-of-processing.md",
    "tidewell.lawful.tables.KeepClass": "classes of retention: docs/data-protection.md",
    "tidewell.metrics.MeasureKind": "words of a text format that others defined",
    "tidewell.vocabulary.SleepState": "values of a channel: docs/wire-format.md",
}
"""Enumerations that give no reason for anything, and what they are instead."""

SAME_WORDS: Final = {
    "detect.findings.EpisodeKind": "alerts.reasons.EpisodeEventKind",
    "portal.alert_words.AlertState": "alerts.reasons.AlertState",
    "portal.alert_words.Outcome": "alerts.reasons.Outcome",
    "portal.alert_words.SnoozeReason": "alerts.reasons.SnoozeReason",
    "portal.context_notes.NoteKind": "detect.words.NoteKind",
    "portal.alerts_pages.ActionKind": "alerts.reasons.ActionKind",
}
"""Stages import no other stage, so two of them may spell out the same words; they stay the same."""


def enumerations() -> dict[str, list[str]]:
    """Return every StrEnum of the packages with its members, from the source and not by import."""
    found: dict[str, list[str]] = {}
    for path in python_files(*PACKAGES):
        module = ".".join(path.with_suffix("").parts)
        for node in ast.walk(tree_of(path)):
            if isinstance(node, ast.ClassDef) and any(
                isinstance(base, ast.Name) and base.id == "StrEnum" for base in node.bases
            ):
                found[f"{module}.{node.name}"] = members(module, node.name)
    return found


def members(module: str, name: str) -> list[str]:
    kind = getattr(importlib.import_module(module), name)
    assert issubclass(kind, StrEnum)
    return [member.value for member in kind]


ENUMERATIONS: Final = enumerations()
REASONS: Final = sorted(set(ENUMERATIONS) - set(NOT_REASONS))


def test_every_enumeration_is_known_to_be_a_reason_or_not() -> None:
    assert set(NOT_REASONS) <= set(ENUMERATIONS)
    assert len(ENUMERATIONS) == 107
    assert len(REASONS) == 73
    headings = re.findall(r"^### `([\w.]+)`$", OPERATIONS, re.MULTILINE)
    assert sorted(headings) == REASONS


@pytest.mark.parametrize("name", REASONS)
def test_every_reason_is_described_and_nothing_else_is(name: str) -> None:
    rows = table_rows(section(OPERATIONS, f"### `{name}`"))
    assert [row[0].strip("`") for row in rows] == ENUMERATIONS[name]
    assert all(len(row) == 2 and row[1].endswith((".", "?", '."')) for row in rows)


@pytest.mark.parametrize(("name", "other"), SAME_WORDS.items())
def test_two_stages_that_share_words_share_all_of_them(name: str, other: str) -> None:
    assert ENUMERATIONS[name] == ENUMERATIONS[other]


def test_every_setting_is_described_with_its_default() -> None:
    rows = table_rows(section(OPERATIONS, "## Settings"))
    described = {row[0].strip("`"): row[1].strip("`") for row in rows}
    names = {PREFIX + name.upper(): field for name, field in Settings.model_fields.items()}
    assert list(described) == list(names)
    for name, field in names.items():
        if field.default is not None:
            assert described[name] == str(field.default).lower(), name


def test_every_secret_setting_is_called_one() -> None:
    rows = {row[0].strip("`"): row[2] for row in table_rows(section(OPERATIONS, "## Settings"))}
    for name, field in Settings.model_fields.items():
        is_secret = "SecretStr" in str(field.annotation)
        assert rows[PREFIX + name.upper()].startswith("secret") is is_secret, name


def columns(table: str, after: str, before: str) -> list[str]:
    """Return the columns of type real between two others of a table."""
    text = text_of(Path("tidewell/migrations/0002_readings.sql"))
    match = re.search(rf"CREATE TABLE {table} \((.*?)\n\);", text, re.DOTALL)
    assert match is not None
    inside = match[1].split(f"\n    {after} ", 1)[1].split(f"\n    {before}", 1)[0]
    return re.findall(r"^    (\w+) real,$", inside, re.MULTILINE)


def test_the_channels_are_the_columns_of_a_reading() -> None:
    names = [channel.name for channel in CHANNELS]
    assert columns("reading", "received_at", "PRIMARY KEY") == names


@pytest.mark.parametrize("channel", CHANNELS, ids=lambda channel: channel.name)
def test_a_channel_stands_in_the_wire_format_with_its_limits(channel: Channel) -> None:
    rows = {row[0].strip("`"): row for row in table_rows(text_of(Path("docs/wire-format.md")))}
    most = f"{channel.high:,}" + (" a minute" if channel.per_minute else "")
    assert rows[channel.name][1:4] == [f"`{channel.ucum}`", f"{channel.low:,}", most]


def test_the_wire_format_has_no_other_channel() -> None:
    text = text_of(Path("docs/wire-format.md"))
    table = text.split("| channel | unit (UCUM) ", 1)[1].split("\n\n", 1)[0]
    assert re.findall(r"^\| `(\w+)`", table, re.MULTILINE) == [one.name for one in CHANNELS]


def test_the_features_are_the_columns_of_a_day() -> None:
    added = text_of(Path("tidewell/migrations/0007_detection.sql"))
    found = columns("daily_feature", "day", "worn_minutes")
    found += re.findall(r"^    ADD COLUMN (\w+) real,$", added, re.MULTILINE)
    assert sorted(found) == sorted(feature.name for feature in FEATURES)


def test_every_folder_of_the_top_is_explained() -> None:
    folders = {path.parts[0] for path in files() if len(path.parts) > 1}
    explained = set(re.findall(r"^\| `([\w.]+)/`", text_of(Path("ARCHITECTURE.md")), re.MULTILINE))
    assert folders - {".ci"} - explained == set()
    assert {name for name in explained if not (TOP / name).is_dir()} == set()


def test_every_file_that_the_architecture_names_exists() -> None:
    named = re.findall(
        r"`([\w./-]+/[\w.-]+\.(?:py|sql|md|mjs|yml))`", text_of(Path("ARCHITECTURE.md"))
    )
    assert named
    assert [name for name in named if not (TOP / name).is_file()] == []


def test_the_version_is_the_same_everywhere() -> None:
    project = re.search(r'^version = "([^"]+)"$', text_of(Path("pyproject.toml")), re.MULTILINE)
    assert project is not None
    assert project[1] == tidewell.__version__
    for name in ("package.json", "package-lock.json"):
        assert json.loads(text_of(Path(name)))["version"] == tidewell.__version__


def test_the_changelog_has_its_form() -> None:
    text = text_of(Path("CHANGELOG.md"))
    assert text.startswith("# Changelog\n")
    versions = re.findall(r"^## (.*)$", text, re.MULTILINE)
    assert versions[0] == "[Unreleased]"
    for version in versions[1:]:
        assert re.fullmatch(r"\[\d+\.\d+\.\d+\] - \d{4}-\d{2}-\d{2}", version)
    kinds = {"Added", "Changed", "Deprecated", "Removed", "Fixed", "Security", "Known gaps"}
    assert set(re.findall(r"^### (.*)$", text, re.MULTILINE)) <= kinds


def test_decisions_are_numbered_without_holes() -> None:
    numbers = [int(path.name[:4]) for path in DECISIONS]
    assert numbers == list(range(1, len(DECISIONS) + 1))
    assert len(numbers) >= 4


@pytest.mark.parametrize("path", DECISIONS, ids=lambda path: path.name)
def test_a_decision_is_a_page_with_four_headings(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert re.match(rf"# 0*{int(path.name[:4])}\. [A-Z]", text)
    assert re.findall(r"^## (.*)$", text, re.MULTILINE) == HEADINGS_OF_A_DECISION
    for heading in HEADINGS_OF_A_DECISION:
        assert len(section(text, f"## {heading}").strip()) > 100
    assert len(text.splitlines()) <= DECISION_LINES_MOST


def direct_dependencies() -> set[str]:
    lines = [
        line
        for path in (TOP / "requirements").glob("*.in")
        for line in path.read_text(encoding="utf-8").splitlines()
    ]
    named = {re.split(r"[\[<>=~! ]", line)[0] for line in lines if re.match(r"[a-z]", line)}
    package = json.loads(text_of(Path("package.json")))
    return named | set(package["dependencies"]) | set(package["devDependencies"])


def test_every_direct_dependency_is_justified() -> None:
    text = text_of(Path("docs/dependencies.md"))
    rows = [row for row in table_rows_of_all(text) if row[0].startswith("`")]
    assert sorted(row[0].strip("`") for row in rows) == sorted(direct_dependencies())
    for row in rows:
        assert len(row) == 5, row[0]
        assert all(len(cell) > 1 for cell in row), row[0]


def table_rows_of_all(text: str) -> list[list[str]]:
    """Return the rows of every table of a document."""
    return [
        [cell.strip() for cell in line.strip().strip("|").split(" | ")]
        for line in text.splitlines()
        if line.startswith("|")
    ]
