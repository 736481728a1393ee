"""What a provider's answer means, how a site sets a channel up, and what an address may bear."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr

from alerts.burden import CHANNEL_WINDOWS, Push, place, windows_of
from alerts.channels import mail, open_channels, web_push
from alerts.channels.posting import Answer, retry_after_s
from alerts.deliveries import ATTEMPTS_MOST, RETRY_LONGEST, after_failure
from alerts.policy import PolicyDocument
from alerts.reasons import DeliveryReason
from alerts.texts import anybodys_text, bundle_text, text_for, trial_text
from tidewell.channel_examination import (
    judge_channels,
    judge_dead,
    judge_messages,
    judge_unreached,
)
from tidewell.contact_addresses import APPRISE, EMAIL, SMS, WEB_PUSH
from tidewell.errors import (
    ChannelError,
    ChannelSettingsError,
    ChannelUnavailableError,
    DeadAddressError,
    SettingsError,
)
from tidewell.examination import Verdict
from tidewell.push_key import new_push_key
from tidewell.settings import Settings
from tidewell.vocabulary import Level

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
RNG = random.SystemRandom()
LEVELS = (Level.CHECK_NOW, Level.CHECK_TODAY, Level.FOR_REVIEW)
LINK = "https://pages.example/a/7K2Q"
LONG_KEY = SecretStr(
    "test-26785a09-ab16-4eb0-8407-a37497a57506-3d844edf-8d35-48ac-975b-e847b4f122b0"
)
TEMPLATE = "f33517ff-2a88-4f6e-b855-c550268ce08a"


@pytest.mark.parametrize(
    ("code", "words", "expected"),
    [
        (421, "4.3.2 going down", ChannelUnavailableError),
        (450, "4.2.1 greylisted", ChannelUnavailableError),
        (452, "4.2.2 mailbox full", ChannelUnavailableError),
        (552, "5.2.2 mailbox full", ChannelUnavailableError),
        (554, "5.3.2 not now", ChannelUnavailableError),
        (530, "5.7.0 sign in first", ChannelSettingsError),
        (535, "5.7.8 no", ChannelSettingsError),
        (550, "5.7.1 relaying denied", ChannelSettingsError),
        (553, "5.1.8 bad sender", ChannelSettingsError),
        (550, "5.1.1 no such user", DeadAddressError),
        (551, "5.1.6 moved", DeadAddressError),
        (550, "5.2.1 disabled", DeadAddressError),
        (550, "no", ChannelError),
        (553, "5.1.3 syntax", ChannelError),
        (554, "5.6.0 content", ChannelError),
        (200, "what?", ChannelUnavailableError),
    ],
)
def test_an_answer_of_a_mail_server_has_its_meaning(
    code: int, words: str, expected: type[ChannelError]
) -> None:
    error = mail.judge(code, words)
    assert type(error) is expected
    assert str(code) in str(error)


def test_what_a_mail_server_says_is_not_repeated() -> None:
    assert "robin" not in str(mail.judge(550, "5.1.1 <robin@council.example> unknown"))


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        (404, DeadAddressError),
        (410, DeadAddressError),
        (429, ChannelUnavailableError),
        (500, ChannelUnavailableError),
        (401, ChannelSettingsError),
        (403, ChannelSettingsError),
        (302, ChannelError),
        (400, ChannelError),
        (413, ChannelError),
    ],
)
def test_an_answer_of_a_push_service_has_its_meaning(
    status: int, expected: type[ChannelError]
) -> None:
    with pytest.raises(ChannelError) as refused:
        web_push.judge(Answer(status))
    assert type(refused.value) is expected


def test_a_moment_to_come_back_is_read_in_both_forms() -> None:
    assert retry_after_s("7") == 7
    assert retry_after_s("Sun, 22 Nov 2020 12:00:00 GMT") == 0
    assert (retry_after_s("Sun, 22 Nov 2099 12:00:00 GMT") or 0) > 1_000_000
    for nonsense in (None, "", "soon", "-5", "1.5", "٣", "Sun, 99 Nov"):
        assert retry_after_s(nonsense) is None


@pytest.mark.parametrize(
    "far", [f"Sun, 22 Nov {'9' * 30} 12:00:00 GMT", f"Sun, 22 Nov 2099 12:00:00 +{'9' * 30}"]
)
def test_a_moment_that_no_calendar_has_is_no_moment(far: str) -> None:
    assert retry_after_s(far) is None


@given(st.floats(allow_nan=False), st.integers(1, ATTEMPTS_MOST - 1))
def test_whatever_a_provider_asks_the_wait_has_bounds(asked_s: float, attempts: int) -> None:
    error = ChannelUnavailableError("busy", retry_after_s=asked_s)
    failure = after_failure(error, attempts, NOW, RNG)
    assert failure.attempt_at is not None
    assert NOW < failure.attempt_at <= NOW + RETRY_LONGEST


@pytest.mark.parametrize(
    ("error", "reason", "is_tried_again"),
    [
        (ChannelError("x"), DeliveryReason.REFUSED_BY_CHANNEL, False),
        (DeadAddressError("x"), DeliveryReason.ADDRESS_IS_DEAD, False),
        (ChannelUnavailableError("x"), DeliveryReason.TRY_AGAIN, True),
        (ChannelSettingsError("x"), DeliveryReason.OURS_TO_PUT_RIGHT, True),
    ],
)
def test_the_kind_of_an_error_says_what_follows(
    error: ChannelError, reason: DeliveryReason, is_tried_again: bool
) -> None:
    failure = after_failure(error, 1, NOW, RNG)
    assert failure.reason is reason
    assert (failure.attempt_at is not None) is is_tried_again


def test_what_is_ours_to_put_right_has_an_end_too() -> None:
    failure = after_failure(ChannelSettingsError("x"), ATTEMPTS_MOST, NOW, RNG)
    assert (failure.reason, failure.attempt_at) == (DeliveryReason.ATTEMPTS_USED_UP, None)


# ---- What an address may bear ------------------------------------------------------


LOOSE = PolicyDocument.model_validate(
    {"push_budget": {"in_15_minutes": 100, "in_1_hour": 400, "in_3_hours": 1000}}
)


@pytest.mark.parametrize("channel", sorted(CHANNEL_WINDOWS))
def test_a_channel_keeps_its_limits_under_the_loosest_policy(channel: str) -> None:
    windows = windows_of(channel, LOOSE.as_policy().push_windows)
    pushes: list[Push] = []
    for number in range(60):
        slot = place(pushes, windows, Level.CHECK_TODAY, NOW, f"b{number}")
        if slot.bundle is None or slot.bundle == f"b{number}":
            # As if each bundle had been closed: the densest that a channel ever gets.
            pushes.append(Push(slot.attempt_at, slot.bundle, is_unsent=False))
    moments = sorted(push.at for push in pushes)
    for span, most in CHANNEL_WINDOWS[channel]:
        for start in moments:
            assert sum(start <= one < start + span for one in moments) <= most


@given(st.lists(st.integers(0, 179), max_size=60), st.sampled_from(sorted(CHANNEL_WINDOWS)))
def test_no_limit_holds_back_what_is_to_be_checked_now(minutes: list[int], channel: str) -> None:
    pushes = [Push(NOW - timedelta(minutes=one), None, is_unsent=False) for one in minutes]
    windows = windows_of(channel, PolicyDocument().as_policy().push_windows)
    slot = place(pushes, windows, Level.CHECK_NOW, NOW, "b")
    assert (slot.attempt_at, slot.bundle) == (NOW, None)


def test_the_limits_are_of_channels_that_there_are() -> None:
    assert set(CHANNEL_WINDOWS) == {APPRISE, EMAIL, SMS, WEB_PUSH}


def test_texts_have_the_limits_of_paging_systems() -> None:
    minutes = [(span.total_seconds() / 60, most) for span, most in CHANNEL_WINDOWS[SMS]]
    assert minutes == [(1, 1), (15, 5), (60, 11)]


# ---- Settings ----------------------------------------------------------------------


MAIL = {"smtp_host": "mail.council.example", "smtp_from": "wellbeing@council.example"}


@pytest.mark.parametrize(
    ("settings", "why"),
    [
        ({"smtp_host": "mail.council.example"}, "SMTP_FROM"),
        ({**MAIL, "smtp_from": "not an address"}, "SMTP_FROM"),
        ({**MAIL, "smtp_user": "tidewell"}, "SMTP_PASSWORD"),
        ({**MAIL, "smtp_password": SecretStr("x")}, "SMTP_USER"),
        ({**MAIL, "smtp_security": "none"}, "on this machine"),
        ({**MAIL, "smtp_ca": "/no/such/file.pem"}, "SMTP_CA"),
        ({"push_key": SecretStr(new_push_key())}, "PUSH_CONTACT"),
        ({"push_key": SecretStr("x"), "push_contact": "mailto:a@b.example"}, "PUSH_KEY"),
        ({"push_test_service": "https://push.example"}, "PUSH_TEST_SERVICE"),
        ({"notify_key": SecretStr("short")}, "NOTIFY_KEY"),
        ({"notify_key": LONG_KEY}, "NOTIFY_TEMPLATE"),
        (
            {
                "notify_key": LONG_KEY,
                "notify_template": TEMPLATE,
                "notify_url": "http://api.example",
            },
            "NOTIFY_URL",
        ),
    ],
)
def test_a_channel_that_is_set_up_by_halves_stops_the_start(
    settings: dict[str, object], why: str
) -> None:
    with pytest.raises(SettingsError, match=why):
        open_channels(Settings.model_validate(settings))


async def test_every_channel_is_there_when_it_is_set_up() -> None:
    settings = Settings(
        smtp_host="mail.council.example",
        smtp_from="wellbeing@council.example",
        push_key=SecretStr(new_push_key()),
        push_contact="mailto:it@council.example",
        notify_key=LONG_KEY,
        notify_template=TEMPLATE,
        apprise=True,
    )
    channels = open_channels(settings)
    assert set(channels) == {"console", EMAIL, WEB_PUSH, SMS, APPRISE}
    for channel in channels.values():
        await channel.close()


# ---- Words -------------------------------------------------------------------------


@given(st.text(max_size=200), st.sampled_from(LEVELS))
def test_a_pilot_gets_fixed_sentences_whatever_the_text(text: str, level: Level) -> None:
    passed = anybodys_text(text, level, LINK)
    assert passed in {f"Wellbeing: please look. Open: {LINK}", text}
    if passed == text:
        assert text in {text_for(level, LINK), trial_text(LINK)} or text.startswith("Wellbeing: ")


@pytest.mark.parametrize(
    "text",
    [
        *(text_for(level, LINK) for level in LEVELS),
        bundle_text(1, LINK),
        bundle_text(4, LINK),
        trial_text(LINK),
    ],
)
def test_the_fixed_sentences_themselves_get_through(text: str) -> None:
    level = next((one for one in LEVELS if text_for(one, LINK) == text), Level.CHECK_TODAY)
    assert anybodys_text(text, level, LINK) == text


@pytest.mark.parametrize(
    "text", ["Wellbeing: 4 people to check. Open: https://elsewhere.example", "Wellbeing: Robin"]
)
def test_another_link_or_name_does_not(text: str) -> None:
    assert anybodys_text(text, Level.CHECK_TODAY, LINK) != text


# ---- What `tidewell doctor` says -----------------------------------------------------


def test_the_doctor_says_what_is_missing_about_the_ways_to_people() -> None:
    [nothing] = judge_channels(Settings())
    assert (nothing.verdict, "console only" in nothing.what) == (Verdict.LOOK, True)
    texts = Settings(notify_key=LONG_KEY, notify_receipt_token=SecretStr("guess"), apprise=True)
    found = list(judge_channels(texts))
    assert [one.verdict for one in found] == [Verdict.WELL, Verdict.LOOK, Verdict.ACT]
    assert "sms, apprise" in found[0].what
    assert all(one.remedy for one in found[1:])
    [_, no_receipts] = judge_channels(Settings(notify_key=LONG_KEY))
    assert "no receipts" in no_receipts.what


def test_the_doctor_says_how_a_channel_does() -> None:
    well = judge_messages("sms", NOW, 0, 0, None)
    failing = judge_messages("sms", None, 3, 1, "GOV.UK Notify answered 403")
    given_up = judge_messages("sms", NOW, 0, 2, None)
    assert [one.verdict for one in (well, failing, given_up)] == [
        Verdict.WELL,
        Verdict.ACT,
        Verdict.LOOK,
    ]
    assert "none yet" in failing.what
    assert failing.remedy == "GOV.UK Notify answered 403"


def test_the_doctor_names_whose_addresses_died() -> None:
    assert list(judge_dead([])) == list(judge_unreached(0)) == []
    [finding] = judge_dead([(f"worker{number}", "sms") for number in range(7)])
    assert "sms of worker0" in finding.what
    assert finding.what.endswith("and 2 more")
    assert "1 practitioner has" in next(judge_unreached(1)).what
