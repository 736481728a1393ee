"""Addresses of staff: what a channel can use, what it refuses, and how one is shown."""

from __future__ import annotations

from urllib.parse import urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidewell.contact_addresses import (
    PUSH_HOSTS,
    WRITTEN_DOWN,
    checked_address,
    push_endpoint_problem,
    shown,
)
from tidewell.errors import UsageError


@pytest.mark.parametrize(
    ("channel", "given_address", "stored"),
    [
        ("email", " Jo.Smith@Council.Example ", "Jo.Smith@council.example"),
        ("email", "o'neil+duty@a-b.gov.example", "o'neil+duty@a-b.gov.example"),
        ("sms", "07700 900123", "+447700900123"),
        ("sms", "+44 (7700) 900-123", "+447700900123"),
        ("sms", "00353861234567", "+353861234567"),
        ("webhook", "https://on-call.example/hook", "https://on-call.example/hook"),
        ("webhook", "http://127.0.0.1:9000/hook", "http://127.0.0.1:9000/hook"),
        ("apprise", "ntfys://wellbeing-pilot", "ntfys://wellbeing-pilot"),
    ],
)
def test_an_address_is_stored_in_one_form(channel: str, given_address: str, stored: str) -> None:
    assert checked_address(channel, given_address) == stored
    assert checked_address(channel, stored) == stored


@pytest.mark.parametrize(
    ("channel", "address"),
    [
        ("email", ""),
        ("email", "jo"),
        ("email", "jo@localhost"),
        ("email", ".jo@council.example"),
        ("email", "jo..s@council.example"),
        ("email", "jo@council.example, pat@council.example"),
        ("email", "jo@council.example\r\nBcc: everyone@council.example"),
        ("email", "jo@-council.example"),
        ("email", "j" * 65 + "@council.example"),
        ("email", "jo@" + "c" * 250 + ".example"),
        ("sms", "999"),
        ("sms", "01632 960000"),
        ("sms", "+44 7700 90012"),
        ("sms", "0770 CALL-ME-NOW"),
        ("webhook", "hooks.example/wellbeing"),
        ("webhook", "http://on-call.example/hook"),
        ("webhook", "http://127.0.0.1.example/hook"),
        ("webhook", "https://user:password@on-call.example/hook"),
        ("webhook", "https://on-call.example:0/hook"),
        ("webhook", "https://on-call.example/a hook"),
        ("webhook", "file:///etc/passwd"),
        ("apprise", "wellbeing"),
        ("apprise", "file:///tmp/alerts"),
        ("apprise", "ntfys://a b"),
        ("web_push", "https://fcm.googleapis.com/x"),
        ("pigeon", "loft 4"),
    ],
)
def test_an_address_that_cannot_work_is_refused_and_not_repeated(
    channel: str, address: str
) -> None:
    with pytest.raises(UsageError) as refused:
        checked_address(channel, address)
    assert not address or address not in str(refused.value)
    assert ";" in str(refused.value) or "choose" in str(refused.value)


@given(st.sampled_from(WRITTEN_DOWN), st.text(max_size=300))
def test_whatever_somebody_types_is_refused_in_words_or_stored_once(
    channel: str, address: str
) -> None:
    try:
        stored = checked_address(channel, address)
    except UsageError:
        return
    assert checked_address(channel, stored) == stored
    assert not any(character in stored for character in "\r\n\0 ")


@pytest.mark.parametrize(
    ("channel", "address", "hidden"),
    [
        ("email", "jo@council.example", "j…@council.example"),
        ("sms", "+447700900123", "+44…123"),
        ("webhook", "https://on-call.example/secret-path", "https://on-call.example/…"),
        ("apprise", "slack://token-a/token-b", "slack://…"),
        ("web_push", '{"endpoint": "https://fcm.googleapis.com/x"}', "a phone"),
        ("pigeon", "loft 4", "…"),
    ],
)
def test_an_address_is_shown_so_that_its_owner_alone_knows_it(
    channel: str, address: str, hidden: str
) -> None:
    assert shown(channel, address) == hidden


@pytest.mark.parametrize(
    "endpoint",
    [
        "https://fcm.googleapis.com/fcm/send/abc",
        "https://updates.push.services.mozilla.com/wpush/v2/abc",
        "https://web.push.apple.com/abc",
        "https://wns2-db5p.notify.windows.com/w/?token=abc",
    ],
)
def test_the_services_of_browsers_may_be_called(endpoint: str) -> None:
    assert push_endpoint_problem(endpoint) is None


@given(st.text(max_size=80))
def test_no_other_text_is_a_push_service(text: str) -> None:
    for endpoint in (text, f"https://{text}/x"):
        if push_endpoint_problem(endpoint) is None:
            assert (urlsplit(endpoint).hostname or "").endswith(PUSH_HOSTS)


@pytest.mark.parametrize(
    "endpoint",
    ["http://127.0.0.1:9000.evil.example/x", "http://127.0.0.1:90001/x", "http://127.0.0.1:900/x"],
)
def test_a_push_service_for_tests_opens_no_other_door(endpoint: str) -> None:
    assert push_endpoint_problem("http://127.0.0.1:9000/x", "http://127.0.0.1:9000") is None
    assert push_endpoint_problem(endpoint, "http://127.0.0.1:9000") is not None


@pytest.mark.parametrize(
    "name", ["", "a.", "a" * 64, "-", "evil.example%2f", "127.0.0.1%00", "a_b"]
)
def test_a_push_service_whose_name_cannot_be_looked_up_is_none(name: str) -> None:
    assert push_endpoint_problem(f"https://{name}.fcm.googleapis.com/x") is not None
