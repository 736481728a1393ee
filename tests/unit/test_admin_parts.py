"""Small pure parts of the administrator's pages: codes, policies in words, lines of a file."""

from __future__ import annotations

import pytest

from firmware_sim.pairing.service import where_to_pair
from portal.admin.agreements import AgreementStanding
from portal.admin.changes import CHANGE_WORDS, ChangeKind
from portal.admin.pairing import (
    CODE_LETTERS,
    LETTERS,
    code_hash,
    new_code,
    pairing_address,
    picture,
    plain_code,
    shown_code,
)
from portal.admin.pairing_pages import broker_address
from portal.admin.people import may_have_a_device
from portal.admin.policies import lines_of
from tidewell.commands.trying import with_line
from tidewell.errors import UsageError
from tidewell.settings import load_settings

POLICY = """# who is told
name = "weekdays"
chain = ["key_worker", "nobody"]

[accept_within_s]
check_now = 5

[working_hours.days]
monday = {opens = "09:00", closes = "08:00"}
"""


def test_a_code_has_no_letter_that_is_mixed_up_and_no_vowel() -> None:
    assert not set(LETTERS) & set("AEIOULSZ0125")
    for _ in range(200):
        code = new_code()
        assert len(code) == CODE_LETTERS
        assert plain_code(shown_code(code).lower()) == code
        assert plain_code(f" {code[:3]} {code[3:]} ") == code


@pytest.mark.parametrize("typed", ["", "BCDF", "BCDFGHJKM", "BCDFGHJO", "ÄCDFGHJK"])
def test_what_cannot_be_a_code_is_none(typed: str) -> None:
    assert plain_code(typed) is None


def test_the_hash_of_a_code_does_not_hold_it() -> None:
    assert b"BCDFGHJK" not in code_hash("BCDFGHJK")
    assert code_hash("BCDFGHJK") != code_hash("BCDFGHJM")


def test_the_picture_is_a_drawing_without_style_or_script() -> None:
    drawing = picture(pairing_address("https://site.example/", "BCDFGHJK"))
    assert drawing.startswith("<svg")
    assert "style" not in drawing
    assert "<script" not in drawing
    assert "BCDFGHJK" not in drawing


def test_a_scanned_picture_says_where_and_with_which_code() -> None:
    address = pairing_address("https://site.example/", "BCDFGHJK")
    assert where_to_pair(address, None) == ("https://site.example/pair", "BCDFGHJK")
    assert where_to_pair("http://127.0.0.1:8470", "X") == ("http://127.0.0.1:8470/pair", "X")
    with pytest.raises(UsageError, match="no code"):
        where_to_pair("https://site.example", None)
    with pytest.raises(UsageError, match="no address"):
        where_to_pair("site.example", "BCDFGHJK")


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({}, None),
        ({"TIDEWELL_BROKER_URL": "mqtt://svc:pw@127.0.0.1:1883"}, "mqtt://127.0.0.1:1883"),
        (
            {
                "TIDEWELL_BROKER_URL": "mqtt://svc:pw@inside:1883",
                "TIDEWELL_DEVICE_BROKER_URL": "mqtts://devices.example",
            },
            "mqtts://devices.example",
        ),
        ({"TIDEWELL_BROKER_URL": "mqtts://u:p@[::1]:8883"}, "mqtts://[::1]:8883"),
    ],
)
def test_a_device_is_told_the_broker_and_no_account(
    given: dict[str, str], expected: str | None
) -> None:
    assert broker_address(load_settings(given)) == expected


def test_the_setting_decides_about_missing_agreements_and_never_about_a_no() -> None:
    assert may_have_a_device(AgreementStanding.NOBODY_ASKED, "tell")
    assert not may_have_a_device(AgreementStanding.NOBODY_ASKED, "no_device")
    assert may_have_a_device(AgreementStanding.NEW_TEXT, "no_device")
    assert not may_have_a_device(AgreementStanding.DECLINED, "tell")


@pytest.mark.parametrize(
    ("problem", "line"),
    [
        ("chain.1: not a step", 3),
        ("accept_within_s.check_now: too short", 6),
        ("accept_within_s.check_later: unknown", 5),
        ("working_hours.days.monday.0: it closes before it opens", 9),
        ("duty_line: nobody here signs in so", None),
    ],
)
def test_a_problem_names_the_line_of_the_file(problem: str, line: int | None) -> None:
    expected = problem if line is None else f"Line {line}: {problem}"
    assert with_line(POLICY, problem) == expected


def test_a_policy_is_read_with_names_in_place_of_numbers() -> None:
    body = {
        "name": "weekdays",
        "chain": ["key_worker", "duty_line"],
        "duty_line": [4],
        "duty_rota": 2,
        "accept_within_s": {"check_now": 900},
        "service_managers": [],
    }
    found = {one.key: one.value for one in lines_of(body, {4: "Pat"}, {2: "nights"})}
    assert found == {
        "name": "weekdays",
        "chain": "the key worker, then the duty line",
        "duty line": "Pat",
        "duty rota": "nights",
        "accept within s check now": "15 minutes",
    }


def test_every_change_has_its_words() -> None:
    assert set(CHANGE_WORDS) == set(ChangeKind)
