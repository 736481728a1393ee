"""Signing in without a database: addresses, passwords, codes, whose mistakes count."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pyotp
import pytest
from hypothesis import given
from hypothesis import strategies as st

from portal.context import Audience, SessionLevel, Viewer
from portal.passwords import PASSWORD_CHARACTERS_MAX
from portal.signing_in.attempts import NETWORK_FREE_FAILURES, Attempt, Attempts
from portal.signing_in.client_address import client_address, network_of, trusted_networks
from portal.signing_in.codes import (
    new_recovery_codes,
    plain_code,
    qr_picture,
    recovery_hash,
    step_of_digits,
)
from portal.signing_in.passkeys import relying_party
from portal.signing_in.password_rules import (
    PASSWORD_CHARACTERS_MIN,
    PROBLEM_WORDS,
    PasswordProblem,
    common_passwords,
    password_problem,
)
from portal.signing_in.steps import STEP_PAGES, Step, is_open_during, step_of
from tidewell.errors import SettingsError
from tidewell.settings import load_settings

NOW = datetime(2026, 11, 22, 14, 2, 30, tzinfo=UTC)
OURS = trusted_networks("127.0.0.1, 10.0.0.0/8, fd00::/8")
VIEWER = Viewer(
    token_hash=b"",
    username="jo",
    audience=Audience.PRACTITIONER,
    name="Jo",
    staff_id=1,
    person_id=None,
    session_id=1,
    level=SessionLevel.PASSWORD,
    proved_at=NOW,
    has_second_factor=False,
)


@pytest.mark.parametrize(
    ("peer", "forwarded", "found"),
    [
        ("203.0.113.9", "", "203.0.113.9"),
        ("203.0.113.9", "198.51.100.1", "203.0.113.9"),
        ("127.0.0.1", "198.51.100.1", "198.51.100.1"),
        ("127.0.0.1", "6.6.6.6, 198.51.100.1, 10.1.1.1", "198.51.100.1"),
        ("::ffff:127.0.0.1", "198.51.100.1", "198.51.100.1"),
        ("fd00::1", "2001:db8::7", "2001:db8::7"),
        ("127.0.0.1", "10.1.1.1", "10.1.1.1"),
        ("127.0.0.1", "unknown", "127.0.0.1"),
        ("127.0.0.1", "198.51.100.1, nonsense", "127.0.0.1"),
        ("", "198.51.100.1", ""),
    ],
)
def test_the_address_is_the_last_that_no_proxy_of_ours_has(
    peer: str, forwarded: str, found: str
) -> None:
    assert client_address(peer, forwarded, OURS) == found


@given(st.text(max_size=60), st.text(max_size=60))
def test_nothing_that_somebody_writes_makes_them_another_network(peer: str, written: str) -> None:
    assert client_address("203.0.113.9", written, OURS) == "203.0.113.9"
    client_address(peer, written, OURS)
    assert len(network_of(peer)) <= 64


def test_a_house_is_one_network() -> None:
    assert network_of("203.0.113.9") == network_of("203.0.113.200") != network_of("203.0.114.9")
    assert network_of("2001:db8:1:2::9") == network_of("2001:db8:1:fff:ffff::1")
    assert network_of("2001:db8:1:2::9") != network_of("2001:db8:2:2::9")
    assert network_of("::ffff:203.0.113.9") == network_of("203.0.113.9")


@pytest.mark.parametrize("text", ["", ",", "proxy", "10.0.0.0/33", "0.0.0.0/0", "::/0"])
def test_proxies_that_cannot_be_meant_are_refused(text: str) -> None:
    with pytest.raises(SettingsError, match="TIDEWELL_TRUSTED_PROXIES"):
        load_settings({"TIDEWELL_TRUSTED_PROXIES": text})


@pytest.mark.parametrize(
    ("password", "problem"),
    [
        ("short", PasswordProblem.TOO_SHORT),
        ("x" * (PASSWORD_CHARACTERS_MAX + 1), PasswordProblem.TOO_LONG),
        ("PASSWORD-1234", PasswordProblem.TOO_COMMON),
        ("Password12345", PasswordProblem.TOO_COMMON),
        ("qwerty uiop 123", PasswordProblem.TOO_COMMON),
        ("Tidewell 2026", PasswordProblem.HOLDS_THE_NAME),
        ("my-jo.virtual-password", PasswordProblem.HOLDS_THE_NAME),
        ("aaaaaaaaaaaaaaaa", PasswordProblem.TOO_REGULAR),
        ("1 2 1 2 1 2 1 2", PasswordProblem.TOO_REGULAR),
    ],
)
def test_what_a_guesser_tries_first_is_refused(password: str, problem: PasswordProblem) -> None:
    assert password_problem(password, "jo.virtual") is problem


@pytest.mark.parametrize(
    "password",
    [
        "three small boats",
        "drei kleine Böötchen",
        "        boats",
        "🐟🐠🐡🦈🐙🐚🦀🦐🦑🐳🐋🐬",
    ],
)
def test_a_password_is_judged_by_its_length_and_not_by_its_kinds(password: str) -> None:
    assert password_problem(password, "jo") is None


def test_the_list_holds_only_what_the_length_lets_through() -> None:
    found = common_passwords()
    assert len(found) > 90
    assert {one for one in found if len(one) < PASSWORD_CHARACTERS_MIN} == set()
    assert {one for one in found if one != one.lower() or not one.isalnum()} == set()
    assert set(PROBLEM_WORDS) == set(PasswordProblem)


def test_recovery_codes_are_many_different_ones_and_typed_as_one_likes() -> None:
    codes = new_recovery_codes()
    assert len(set(codes)) == 8
    for code in codes:
        assert re.fullmatch(r"(?:[A-HJ-NP-Z2-9]{4}-){5}[A-HJ-NP-Z2-9]{4}", code)
        assert recovery_hash("jo", code.lower().replace("-", " ")) == recovery_hash("jo", code)
        assert recovery_hash("kim", code) != recovery_hash("jo", code)


def test_digits_fit_for_a_minute_and_a_half() -> None:
    app = pyotp.TOTP(pyotp.random_base32())
    digits = app.at(NOW)
    fits = [
        step_of_digits(app.secret, digits, NOW + timedelta(seconds=30 * by)) is not None
        for by in range(-3, 4)
    ]
    assert fits == [False, False, True, True, True, False, False]
    assert step_of_digits(app.secret, digits, NOW) == int(NOW.timestamp()) // 30


@given(st.text(max_size=70))
def test_whatever_is_typed_as_a_code_is_no_mishap(typed: str) -> None:
    assert plain_code(plain_code(typed)) == plain_code(typed) or not typed.isascii()
    step_of_digits("JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP", plain_code(typed), NOW)


def test_the_picture_needs_no_style_and_leaves_a_quiet_zone() -> None:
    picture = qr_picture("otpauth://totp/Tidewell:jo?secret=JBSWY3DPEHPK3PXP&issuer=Tidewell")
    places = [int(one) for one in re.findall(r"M(\d+) ", picture.path)]
    assert min(places) == 4
    assert max(places) == picture.size - 5
    assert re.fullmatch(r"(?:M\d+ \d+h1v1h-1z)+", picture.path)


@pytest.mark.parametrize(
    ("public_url", "host", "origin"),
    [
        ("https://Tidewell.example/", "x", "https://tidewell.example"),
        ("https://tidewell.example:8443", "x", "https://tidewell.example:8443"),
        ("http://tidewell.example", "x", None),
        ("https://203.0.113.9", "x", None),
        ("https://[2001:db8::1]", "x", None),
        (None, "localhost:8470", "http://localhost:8470"),
        (None, "127.0.0.1:8470", None),
        (None, "elsewhere.example", None),
        (None, "", None),
    ],
)
def test_passkeys_work_under_a_name_over_https_or_on_this_machine(
    public_url: str | None, host: str, origin: str | None
) -> None:
    party = relying_party(public_url, host)
    assert (party.origin if party else None) == origin


@pytest.mark.parametrize("audience", [one for one in Audience if one is not Audience.ANYONE])
@pytest.mark.parametrize("has_factor", [False, True])
@pytest.mark.parametrize("level", SessionLevel)
@pytest.mark.parametrize("demo", [False, True])
def test_the_step_that_is_missing(
    audience: Audience, has_factor: bool, level: SessionLevel, demo: bool
) -> None:
    viewer = replace(VIEWER, audience=audience, has_second_factor=has_factor, level=level)
    step = step_of(viewer, demo=demo)
    if audience is Audience.YOUNG_PERSON or (has_factor and level is SessionLevel.SECOND_FACTOR):
        assert step is None
    elif has_factor:
        assert step is Step.SECOND_FACTOR
    else:
        assert step is (None if demo else Step.SET_UP)


def test_a_step_opens_its_own_pages_only() -> None:
    for step, page in STEP_PAGES.items():
        assert is_open_during(step, page)
        assert not is_open_during(step, "/alerts")
        assert not is_open_during(step, page + "x")
    assert not is_open_during(Step.SECOND_FACTOR, "/security/set-up")


def test_mistakes_count_for_a_name_in_a_network_and_for_a_network_over_all_names() -> None:
    attempts, here = Attempts(), "203.0.113.0/24"
    for number in range(NETWORK_FREE_FAILURES + 1):
        attempts.begin(Attempt(f"name{number}", here), 0.0)
    assert attempts.wait_s(Attempt("jo", here), 0.0) == 1.0
    assert attempts.wait_s(Attempt("jo", "198.51.100.0/24"), 0.0) == 0.0
    assert attempts.wait_s(Attempt("jo", here, "known"), 0.0) == 0.0


def test_getting_in_forgets_ones_own_mistakes_and_not_those_of_neighbours() -> None:
    attempts, here = Attempts(), "203.0.113.0/24"
    for _ in range(NETWORK_FREE_FAILURES + 1):
        attempts.begin(Attempt("other", here), 0.0)
    attempts.begin(Attempt("jo", here), 0.0)
    attempts.succeeded(Attempt("jo", here))
    assert attempts.wait_s(Attempt("other", here), 0.0) == 60.0
    assert attempts.wait_s(Attempt("jo", here), 0.0) == 1.0


def test_a_try_that_was_not_checked_does_not_count() -> None:
    attempts, jo = Attempts(), Attempt("jo", "203.0.113.0/24")
    for _ in range(100):
        attempts.begin(jo, 0.0)
        attempts.not_checked(jo)
    assert attempts.wait_s(jo, 0.0) == 0.0
