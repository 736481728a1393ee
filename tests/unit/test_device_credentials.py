"""A device's secret: what is made of it for brokers, and what a client does with it."""

from __future__ import annotations

import base64
import hashlib
import ssl
from typing import TYPE_CHECKING

import bcrypt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from firmware_sim.mqtt import parse_broker_url as parse_for_devices
from ingest.mqtt import parse_broker_url as parse_for_ingest
from tidewell.broker_access import client_context, client_id_of
from tidewell.device_credentials import new_secret, password_lines, verifiers_of
from tidewell.embedded.broker_users import FLEET, SERVICE, users_text
from tidewell.errors import SettingsError
from tidewell.settings import load_settings
from tidewell.small_site import broker_authority, open_to_devices

if TYPE_CHECKING:
    from pathlib import Path


def test_secrets_have_256_bits_and_differ() -> None:
    made = {new_secret() for _ in range(100)}
    assert len(made) == 100
    assert all(len(base64.urlsafe_b64decode(one + "=")) == 32 for one in made)


def test_each_broker_can_compare_the_secret_and_neither_form_holds_it() -> None:
    secret = new_secret()
    made = verifiers_of(secret)
    assert bcrypt.checkpw(secret.encode(), made.bcrypt.encode())
    assert not bcrypt.checkpw(new_secret().encode(), made.bcrypt.encode())
    _, kind, rounds, salt, digest = made.pbkdf2.split("$")
    assert kind == "7"
    expected = hashlib.pbkdf2_hmac(
        "sha512", secret.encode(), base64.b64decode(salt), int(rounds), 64
    )
    assert base64.b64decode(digest) == expected
    assert secret not in made.bcrypt + made.pbkdf2
    assert verifiers_of(secret) != made, "equal secrets must not look equal"


def test_lines_of_a_password_file_stand_in_the_order_of_names() -> None:
    verifiers = verifiers_of("a secret")
    lines = password_lines({"band-b": verifiers, "band-a": verifiers}).splitlines()
    assert lines == [f"band-a:{verifiers.pbkdf2}", f"band-b:{verifiers.pbkdf2}"]


@given(st.text(min_size=1), st.text(min_size=1))
@settings(max_examples=50)
def test_a_client_id_fits_every_broker_and_belongs_to_one_secret(one: str, other: str) -> None:
    made = client_id_of(one)
    assert len(made) == 23
    assert made.isalnum()
    assert made.isascii()
    assert (made == client_id_of(other)) == (one == other)


def test_a_device_user_has_its_own_topics_and_what_every_session_needs() -> None:
    text = users_text({SERVICE: "x"}, {"band-a": "hash-a", "band-b": "hash-b"})
    (line,) = [one for one in text.splitlines() if '"band-a"' in one]
    assert "band-b" not in line
    assert "hash-a" in line
    assert "tidewell.v1.*.band-a.frame" in line
    assert "*.*" not in line
    assert FLEET not in text


def test_the_account_that_speaks_for_all_is_there_only_when_it_was_asked_for() -> None:
    text = users_text({SERVICE: "x", FLEET: "y"}, {})
    assert text.count('"user"') == 2
    assert '"tidewell.v1.*.*.frame"' in text


@pytest.mark.parametrize("parse", [parse_for_devices, parse_for_ingest])
def test_an_encrypted_address_gets_a_context_that_checks(parse: object) -> None:
    assert callable(parse)
    plain, encrypted = parse("mqtt://u:p@h"), parse("mqtts://u:p@h")
    assert (plain.port, plain.context) == (1883, None)
    assert encrypted.port == 8883
    assert encrypted.context.verify_mode is ssl.CERT_REQUIRED
    assert encrypted.context.check_hostname
    assert encrypted.context.minimum_version is ssl.TLSVersion.TLSv1_2


@pytest.mark.parametrize("content", [None, "not a certificate"])
def test_an_authority_that_cannot_be_read_is_said(tmp_path: Path, content: str | None) -> None:
    path = tmp_path / "ca.pem"
    if content is not None:
        path.write_text(content)
    with pytest.raises(SettingsError, match="TIDEWELL_BROKER_CA"):
        client_context("broker.example", path)


def test_a_small_site_listens_for_others_only_with_a_certificate(tmp_path: Path) -> None:
    certificate, key = tmp_path / "certificate.pem", tmp_path / "key.pem"
    assert open_to_devices(load_settings({})) is None
    given = {"TIDEWELL_BROKER_LISTEN": "broker.test:8883"}
    with pytest.raises(SettingsError, match="go together"):
        open_to_devices(load_settings(given))
    given["TIDEWELL_BROKER_CERTIFICATE"] = str(certificate)
    given["TIDEWELL_BROKER_KEY"] = str(key)
    with pytest.raises(SettingsError, match="cannot be read"):
        open_to_devices(load_settings(given))
    certificate.write_text("x")
    key.write_text("x")
    open_to = open_to_devices(load_settings(given))
    assert open_to is not None
    assert (open_to.host, open_to.port) == ("broker.test", 8883)
    assert broker_authority(load_settings(given)) == certificate


def test_a_broker_of_yours_is_checked_against_your_authority() -> None:
    given = {"TIDEWELL_BROKER_URL": "mqtts://u:p@broker.example", "TIDEWELL_BROKER_CA": "ca.pem"}
    assert str(broker_authority(load_settings(given))) == "ca.pem"
    del given["TIDEWELL_BROKER_CA"]
    assert broker_authority(load_settings(given)) is None
