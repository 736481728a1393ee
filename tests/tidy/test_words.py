"""The words of the repository: nothing that names a machine, and nothing that promises too much."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

import pytest

from tests.tidy.repository import TOP, text_files, text_of, with_ending

ME: Final = Path("tests/tidy/test_words.py")
MACHINE_PATHS: Final = re.compile(r"(?<![\w.}-])/(?:wor[k]|root|home/\w+|Users/\w+)/")
REGISTRIES: Final = re.compile(
    r"\b(?:files\.pythonhoste[d]|pyp[i]|registry\.\w+)\.(?:org|com)\b|\bnpm[j]s\.(?:org|com)\b"
    r"|\"resolve[d]\":|--(?:extra-)?index-url \S+",
    re.IGNORECASE,
)
ABOUT_PEOPLE: Final = re.compile(r"\b(?:patients?|diagnos\w+|detects)\b", re.IGNORECASE)
NOT_WHAT_WE_ARE: Final = re.compile(r"\b(?:emergency services?|medical devices?)\b", re.IGNORECASE)
SAYS_NO: Final = re.compile(r"\b(?:not|no|never|neither|nor|none)\b", re.IGNORECASE)
LINK: Final = re.compile(r"\[[^\]]*\]\((?P<target>[^)\s]*)\)")
HEADING: Final = re.compile(r"^#+ (.*)$", re.MULTILINE)

READ_BY_PEOPLE: Final = [
    path
    for path in text_files()
    if path.suffix in {".md", ".jinja", ".toml", ".py", ".mjs"} and path.parts[0] != "tests"
]
MARKDOWN: Final = with_ending(".md")


def sentences(text: str) -> list[str]:
    """Return the sentences of a text, put together again where lines were broken."""
    paragraphs = re.split(r"\n\s*\n|\n[#|>*-] ?|<[^>]+>", text)
    joined = (re.sub(r"\s+", " ", one) for one in paragraphs)
    return [sentence for one in joined for sentence in re.split(r"(?<=[.!?:;]) ", one)]


def test_nothing_names_a_folder_of_somebodys_machine() -> None:
    found = {str(path) for path in text_files() if MACHINE_PATHS.search(text_of(path))}
    assert found == set()


def test_nothing_names_the_place_that_packages_come_from() -> None:
    found = {str(path) for path in text_files() if REGISTRIES.search(text_of(path))}
    assert found == set()


@pytest.mark.parametrize("path", READ_BY_PEOPLE, ids=str)
def test_people_are_not_spoken_of_as_cases(path: Path) -> None:
    wrong = [
        one
        for one in sentences(text_of(path))
        if ABOUT_PEOPLE.search(one) and not SAYS_NO.search(one)
    ]
    assert wrong == []


@pytest.mark.parametrize("path", [path for path in text_files() if path != ME], ids=str)
def test_tidewell_never_claims_to_be_what_it_is_not(path: Path) -> None:
    wrong = [
        one
        for one in sentences(text_of(path))
        if NOT_WHAT_WE_ARE.search(one) and not SAYS_NO.search(one)
    ]
    assert wrong == []


@pytest.mark.parametrize(
    "name", ["README.md", "docs/operations.md", "portal/templates/layout.jinja"]
)
def test_whoever_comes_in_reads_what_tidewell_is_not(name: str) -> None:
    text = re.sub(r"\s+", " ", text_of(Path(name)))
    assert "not an emergency service and not a medical device" in text


def slug(heading: str) -> str:
    """Return the anchor of a heading."""
    kept = re.sub(r"[^\w\- ]", "", heading.lower())
    return kept.strip().replace(" ", "-")


@pytest.mark.parametrize("path", MARKDOWN, ids=str)
def test_every_link_leads_somewhere(path: Path) -> None:
    for match in LINK.finditer(text_of(path)):
        target, _, anchor = match["target"].partition("#")
        if target.startswith(("https://", "mailto:")):
            continue
        there = (TOP / path).parent / target if target else TOP / path
        assert there.exists(), f"{path}: {match['target']}"
        if anchor:
            headings = HEADING.findall(there.read_text(encoding="utf-8"))
            assert anchor in {slug(one) for one in headings}, f"{path}: {match['target']}"


def test_the_rules_find_what_they_are_for() -> None:
    assert MACHINE_PATHS.search("see /" + "work/main")
    assert REGISTRIES.search('"resol' + 'ved": "x"')
    assert not SAYS_NO.search(sentences("It is a medical\ndevice. It is not.")[0])
    assert slug("`ingest.reasons.Refusal`") == "ingestreasonsrefusal"
