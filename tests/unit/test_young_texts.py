"""Every text of the young person's pages: three versions, easy enough for each, no pressure."""

from __future__ import annotations

import re
import string
from pathlib import Path
from statistics import fmean
from typing import Final

import pytest

from portal.pauses import PauseFor
from portal.people import LookedAt
from portal.rendering import make_templates
from portal.young.measures import ALWAYS_KEPT, GROUPS
from portal.young.requests import RequestKind, RequestOutcome
from portal.young.texts import LEVELS, MIDDLE, OLDEST, YOUNGEST, Versions, all_texts, say
from portal.young.today_rows import Face
from tests.unit.test_explain import grade, sentences_of, words_of
from tidewell.vocabulary import CHANNEL_NAMES, FEATURE_NAMES

TOP: Final = Path(__file__).parents[2]
TEXTS: Final = all_texts()
LONG: Final = {name: one for name, one in TEXTS.items() if len(set(vars(one).values())) > 1}
PAGES: Final = sorted({name.split(".")[0] for name in TEXTS} - {"changes"})
MEAN_GRADE_MOST: Final = {YOUNGEST: 4.5, MIDDLE: 6.5, OLDEST: 9.0}
"""Flesch-Kincaid: years of school in America, a year less than an English school year."""
GRADE_MOST: Final = {YOUNGEST: 8.0, MIDDLE: 10.0, OLDEST: 13.5}
"""One text alone says little: two long words in a short one are five grades."""
WORDS_A_SENTENCE_MOST: Final = {YOUNGEST: 21, MIDDLE: 27, OLDEST: 31}
PRESSURE: Final = re.compile(
    r"\b(?:scores?|points?|goals?|targets?|streaks?|badges?|levels?|steps a day|calories|weight"
    r"|diet|well done|good job|great job|congratulations|keep (?:it )?up|better than|worse than"
    r"|should|must"
    r"|fail\w*|missed|lazy|too (?:much|little)|don't forget|remember to|we miss you|are you sure"
    r"|warning|alarms?|symptoms?|diagnos\w*|patients?|detect\w*|normal|abnormal)\b",
    re.IGNORECASE,
)
FOLDER: Final = TOP / "portal" / "templates"
TEMPLATES: Final = [
    *sorted(
        path
        for path in FOLDER.rglob("*.jinja")
        if '{% extends "young.jinja" %}' in path.read_text(encoding="utf-8")
    ),
    FOLDER / "young.jinja",
    FOLDER / "young" / "parts.jinja",
]
USED: Final = re.compile(r"""say\(\s*f?"([a-z_]+\.[a-z_]+)["{]""")


def filled(text: str) -> str:
    """Return a text with a name, a day or a time wherever one is put in."""
    given = {"ends": "17:00", "begins": "on Monday", "until": "Monday", "days": "Monday"}
    given |= {"when": "today", "day": "Monday", "change": "you slept more", "count": "2 days"}
    names = [name for _, name, _, _ in string.Formatter().parse(text) if name]
    return text.format(**{name: given.get(name, "Jo") for name in names})


def test_every_file_of_texts_is_there_in_three_versions() -> None:
    assert len(TEXTS) > 200
    assert len(PAGES) >= 11
    for name, versions in TEXTS.items():
        names = [set(re.findall(r"\{(\w+)\}", versions.at(level))) for level in LEVELS]
        assert names[0] <= names[1] | names[2], f"{name}: it names what the others do not"
        assert all(versions.at(level).strip() for level in LEVELS), name
    with pytest.raises(ValueError, match="Field required"):
        Versions.model_validate({YOUNGEST: "one", MIDDLE: "two"})


def test_a_level_that_nobody_knows_is_spoken_to_like_the_middle_one() -> None:
    assert say("pause.you_can", "no such level") == say("pause.you_can", MIDDLE)
    assert say("pause.you_can", YOUNGEST) != say("pause.you_can", OLDEST)


def test_whatever_the_program_can_need_is_written() -> None:
    needed = {f"changes.{name}_{side}" for name in FEATURE_NAMES for side in ("less", "more")}
    needed |= {f"looked.{one.value}" for one in LookedAt} | {f"today.{one.value}" for one in Face}
    needed |= {f"pause.{one.value}" for one in PauseFor}
    needed |= {f"requests.{one.value}" for kind in (RequestKind, RequestOutcome) for one in kind}
    needed |= {f"measures.{group}{end}" for group in GROUPS for end in ("", "_hint")}
    assert needed - set(TEXTS) == set()


def test_each_channel_can_be_switched_off_but_the_one_that_says_nothing_about_somebody() -> None:
    named = [name for names in GROUPS.values() for name in names]
    assert sorted([*named, ALWAYS_KEPT]) == sorted(CHANNEL_NAMES)


@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize("page", PAGES)
def test_a_page_can_be_read_at_its_level(page: str, level: str) -> None:
    texts = {name: filled(one.at(level)) for name, one in LONG.items() if name.startswith(page)}
    for name, text in texts.items():
        assert grade(text) <= GRADE_MOST[level], (name, grade(text))
        longest = max(len(words_of(one)) for one in sentences_of(text))
        assert longest <= WORDS_A_SENTENCE_MOST[level], (name, longest)
    if texts:
        assert fmean(map(grade, texts.values())) <= MEAN_GRADE_MOST[level]


def test_the_three_versions_grow_with_their_readers() -> None:
    means = [fmean(grade(filled(one.at(level))) for one in LONG.values()) for level in LEVELS]
    assert means == sorted(means)
    assert means[2] - means[0] > 2


@pytest.mark.parametrize("name", sorted(TEXTS))
def test_no_text_presses_counts_or_frightens(name: str) -> None:
    for level in LEVELS:
        assert not PRESSURE.search(TEXTS[name].at(level)), TEXTS[name].at(level)


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda path: path.name)
def test_a_page_of_theirs_holds_no_words_of_its_own(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    shown = "".join(what for _, kind, what in make_templates().lex(text) if kind == "data")
    assert re.findall(r"[A-Za-z]{2,}", re.sub(r"<[^>]*>", " ", shown)) == []


def test_what_a_template_or_a_program_says_is_written_somewhere() -> None:
    sources = [*TEMPLATES, *(TOP / "portal").rglob("*.py")]
    used = {name for path in sources for name in USED.findall(path.read_text(encoding="utf-8"))}
    assert len(used) > 80
    lacking = {name for name in used if not any(one.startswith(name) for one in TEXTS)}
    assert lacking == set()
