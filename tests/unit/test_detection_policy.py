"""A policy file is taken as a whole or refused with file, key, what was expected and found."""

from __future__ import annotations

from pathlib import Path

import pytest

from detect.plan_limits import LIMITS_MOST
from detect.policy import DEFAULT_BUDGETS, Policy
from tests.tidy.repository import TOP
from tidewell.detection_policy import (
    BUDGETED,
    LARGEST_FILE_BYTES,
    MOST_LIMITS_OF_A_PERSON,
    DetectionPolicy,
    parse_policy,
    policy_in_use,
    read_policy,
)
from tidewell.errors import UsageError
from tidewell.settings import load_settings
from tidewell.vocabulary import Family, Level

LIMIT = """
[[limits]]
channel = "heart_rate"
direction = "above"
value = 120
for_minutes = 10
level = "check_today"
"""


def refused(text: str) -> str:
    with pytest.raises(UsageError) as caught:
        parse_policy("what-if.toml", text.encode())
    message = str(caught.value)
    assert message.startswith("what-if.toml")
    assert "\n" not in message
    return message


def policy(text: str) -> Policy:
    return Policy(**parse_policy("what-if.toml", text.encode()).keywords(DEFAULT_BUDGETS))


def test_an_empty_file_changes_nothing() -> None:
    assert policy("") == Policy()


def test_what_a_file_names_is_changed_and_nothing_else() -> None:
    changed = policy("rest_days = 3\nmost_open = 1\n[budgets]\nillness = 0.4\ndrift = 0\n")
    usual = dict(zip(Family, Policy().budgets, strict=True))
    wanted = usual | {Family.ILLNESS: 0.4, Family.DRIFT: 0.0}
    assert dict(zip(Family, changed.budgets, strict=True)) == wanted
    assert (changed.rest_days, changed.most_open) == (3, 1)
    assert changed.check_today_share == Policy().check_today_share
    assert changed.freeze_days == Policy().freeze_days


def test_every_key_reaches_the_detector() -> None:
    changed = policy("check_today_share = 0.25\nfreeze_days = 14\nrest_days = 0\nmost_open = 3")
    kept = (changed.check_today_share, changed.freeze_days, changed.rest_days, changed.most_open)
    assert kept == (0.25, 14, 0, 3)


def test_every_family_with_a_default_budget_can_be_set() -> None:
    assert set(BUDGETED) == set(DEFAULT_BUDGETS)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[budgets]\nillness = 11", "budgets.illness: expected a number from 0 to 10, found '11'"),
        ("[budgets]\nsleep = -1", "budgets.sleep: expected a number from 0 to 10, found '-1'"),
        ("[budgets]\nsleep = nan", "budgets.sleep: expected a number from 0 to 10, found 'nan'"),
        ("[budgets]\nsleep = '1'", "budgets.sleep: expected a number from 0 to 10, found '1'"),
        ("[budgets]\nsleep = true", "budgets.sleep: expected a number from 0 to 10, found 'True'"),
        ("[budgets]\nsleeep = 1", "budgets.sleeep: unknown; expected one of illness, sleep, "),
        ("[budgets]\ndevice = 1", "budgets.device: whether a device is silent or off is decided"),
        ("budgets = 4", "budgets: expected a table of families, found '4'"),
        ("rest = 7", "rest: unknown; expected one of budgets, check_today_share, rest_days"),
        ("rest_days = 1.5", "rest_days: expected whole days from 0 to 60, found '1.5'"),
        ("freeze_days = 0", "freeze_days: expected whole days from 1 to 60, found '0'"),
        ("most_open = 9", "most_open: expected a whole number from 1 to 5, found '9'"),
        ("check_today_share = 1.0", "check_today_share: expected a number above 0 and below 1"),
        (LIMIT.replace("heart_rate", "location"), "limits[1].channel: expected one of heart_rate"),
        (LIMIT.replace("above", "over"), 'limits[1].direction: expected "above" or "below"'),
        (LIMIT.replace("120", "300"), "limits[1].value: expected 20 to 250, which is what "),
        (LIMIT.replace("= 10", "= 1441"), "limits[1].for_minutes: expected whole minutes from 0"),
        (LIMIT.replace("check_today", "usual"), 'limits[1].level: expected "for_review", "che'),
        (
            LIMIT + "people = []",
            "limits[1].people: expected \"all\" or a list of labels, found '[]'",
        ),
        (LIMIT + LIMIT.replace("value = 120\n", ""), "limits[2].value: missing; expected a number"),
        ("rest_days = ", "expected TOML: "),
    ],
)
def test_a_fault_is_named_with_its_key(text: str, said: str) -> None:
    assert said in refused(text)


def test_every_fault_of_a_few_is_named_once() -> None:
    message = refused("rest_days = -1\nfreeze_days = 0\n" + LIMIT + "people = [1, 2]")
    assert message.count(";") == 2
    assert message.count("limits[1].people") == 1


def test_more_limits_than_a_plan_has_room_for_are_refused() -> None:
    assert MOST_LIMITS_OF_A_PERSON == LIMITS_MOST
    for_one = LIMIT + 'people = ["P-1"]\n'
    assert "expected at most 4 for one person, found 5 for everybody" in refused(LIMIT * 5)
    assert "found 5 for P-1" in refused(LIMIT * 3 + for_one * 2)
    other = LIMIT + 'people = ["P-2"]\n'
    several = parse_policy("x.toml", (LIMIT * 3 + for_one + other).encode())
    assert [len(several.limits_for(who) or ()) for who in ("P-1", "P-2", "P-3")] == [4, 4, 3]


def test_limits_that_a_file_does_not_mention_stay_as_agreed() -> None:
    assert parse_policy("x.toml", b"").limits_for("P-1") is None
    assert parse_policy("x.toml", b"limits = []").limits_for("P-1") == ()
    named = parse_policy("x.toml", (LIMIT + 'people = ["P-2"]').encode())
    assert named.limits_for("P-1") is None
    (limit,) = named.limits_for("P-2") or ()
    assert (limit.value, limit.level, limit.while_resting) == (120.0, Level.CHECK_TODAY, False)


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"gone\.toml: No such file or directory; check the path"):
        read_policy(tmp_path / "gone.toml")
    path = tmp_path / "big.toml"
    path.write_bytes(b"#" * (LARGEST_FILE_BYTES + 1))
    with pytest.raises(UsageError, match=r"big\.toml is larger than 65,536 bytes"):
        read_policy(path)
    path.write_bytes(b"# \xff")
    with pytest.raises(UsageError, match=r"big\.toml: expected text in UTF-8"):
        read_policy(path)


def test_the_service_takes_budgets_from_a_file_and_limits_only_from_plans(tmp_path: Path) -> None:
    assert policy_in_use(load_settings({})) == DetectionPolicy("the built-in policy")
    path = tmp_path / "in-use.toml"
    settings = load_settings({"TIDEWELL_DETECTION_POLICY": str(path)})
    path.write_text("rest_days = 9")
    assert policy_in_use(settings).rest_days == 9
    path.write_text("limits = []")
    with pytest.raises(UsageError, match="the service takes limits from people's agreed plans"):
        policy_in_use(settings)


def test_the_example_says_what_the_defaults_are() -> None:
    example = read_policy(TOP / "docs" / "examples" / "detection-policy.toml")
    assert Policy(**example.keywords({})) == Policy()
    assert example.limits is None
    assert set(example.budgets) == set(DEFAULT_BUDGETS)
