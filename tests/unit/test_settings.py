"""Settings: every wrong one is named, secrets come from files and are never shown."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import SecretStr, ValidationError

from tidewell.errors import SettingsError
from tidewell.settings import PREFIX, Settings, load_settings

SECRETS = [
    name for name, field in Settings.model_fields.items() if "SecretStr" in str(field.annotation)
]


def said(environment: dict[str, str]) -> str:
    with pytest.raises(SettingsError) as caught:
        load_settings(environment)
    message = str(caught.value)
    assert "\n" not in message
    return message


def test_without_anything_set_every_setting_has_its_default() -> None:
    settings = load_settings({})
    assert (settings.batch_frames, settings.batch_wait_ms) == (2_000, 10)
    assert settings.portal_host == "127.0.0.1"
    assert all(getattr(settings, name) is None for name in SECRETS)


def test_every_setting_says_what_it_is_for() -> None:
    for name, field in Settings.model_fields.items():
        assert field.description, name


def test_a_setting_is_read_and_other_programs_settings_are_left_alone() -> None:
    given = {"TIDEWELL_PORTAL_PORT": "9000", "TIDEWELL_DEMO": "true", "HOME": "/", "OTHER": "1"}
    settings = load_settings(given)
    assert (settings.portal_port, settings.demo) == (9_000, True)


def test_every_unknown_name_is_refused_by_name() -> None:
    message = said({"TIDEWELL_PORTAL_PROT": "1", "TIDEWELL_COLOUR": "red", "TIDEWELL_DEMO": "true"})
    assert message.startswith("unknown setting: TIDEWELL_COLOUR, TIDEWELL_PORTAL_PROT;")
    assert "TIDEWELL_DEMO" not in message


def test_the_remedy_for_an_unknown_name_works_without_right_settings() -> None:
    message = said({"TIDEWELL_COLOUR": "red"})
    assert "docs/operations.md" in message
    assert "doctor" not in message


@pytest.mark.parametrize("name", ["tidewell_demo", "Tidewell_Demo", "TIDEWELL_demo"])
def test_a_name_in_small_letters_is_refused_by_name(name: str) -> None:
    assert f"unknown setting: {name}; write it in capital letters" in said({name: "true"})


@pytest.mark.parametrize("name", ["WEBHOOK_URL", "PUBLIC_URL"])
@pytest.mark.parametrize(
    "address",
    ["", "pages", "ftp://a.example", "https://", "http:///x", "http://a:x/", "http://[", "//a"],
)
def test_what_is_no_web_address_is_refused_and_not_repeated(name: str, address: str) -> None:
    message = said({PREFIX + name: address})
    expected = "expected an address with a host, such as https://tidewell.example"
    assert message == f"wrong setting: TIDEWELL_{name}: {expected}"


def test_a_web_address_stays_as_it_was_written() -> None:
    settings = load_settings({"TIDEWELL_PUBLIC_URL": "http://[::1]:8470/pages?x"})
    assert settings.public_url == "http://[::1]:8470/pages?x"


def test_a_file_of_an_unknown_name_is_refused_by_name(tmp_path: Path) -> None:
    path = tmp_path / "colour"
    path.write_text("red")
    assert "TIDEWELL_COLOUR" in said({"TIDEWELL_COLOUR_FILE": str(path)})


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("PORTAL_PORT", "70000"),
        ("PORTAL_PORT", "-1"),
        ("PORTAL_PORT", "http"),
        ("BATCH_FRAMES", "0"),
        ("BATCH_WAIT_MS", "5001"),
        ("LEASE_S", "4"),
        ("SILENCE_AFTER_S", "59"),
        ("STORAGE_MODE", "sqlite"),
        ("LOG_LEVEL", "loud"),
        ("DEMO", "perhaps"),
    ],
)
def test_a_wrong_value_is_refused_by_name(name: str, value: str) -> None:
    message = said({PREFIX + name: value})
    assert message.startswith(f"wrong setting: TIDEWELL_{name}: ")


def test_every_wrong_value_is_named_at_once() -> None:
    message = said({"TIDEWELL_PORTAL_PORT": "x", "TIDEWELL_LEASE_S": "y"})
    assert "TIDEWELL_PORTAL_PORT" in message
    assert "TIDEWELL_LEASE_S" in message


def test_the_secrets_are_known_to_be_secrets() -> None:
    assert set(SECRETS) >= {
        "database_url",
        "broker_url",
        "device_broker_url",
        "ingest_client_id",
        "webhook_secret",
    }


@pytest.mark.parametrize("name", SECRETS)
def test_a_secret_comes_from_a_file_without_its_last_line_end(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    path.write_text("postgresql://user:hunter2 @host/name\n", encoding="utf-8")
    settings = load_settings({f"{PREFIX}{name.upper()}_FILE": str(path)})
    value = getattr(settings, name)
    assert isinstance(value, SecretStr)
    assert value.get_secret_value() == "postgresql://user:hunter2 @host/name"


@pytest.mark.parametrize("name", SECRETS)
def test_a_secret_is_never_shown(name: str) -> None:
    settings = load_settings({PREFIX + name.upper(): "hunter2"})
    shown = [
        repr(settings),
        str(settings),
        repr(getattr(settings, name)),
        f"{settings.model_dump()}",
    ]
    shown.append(settings.model_dump_json())
    for text in shown:
        assert "hunter2" not in text
        assert name in text or text == repr(getattr(settings, name))


def test_a_wrong_value_beside_a_secret_does_not_show_the_secret() -> None:
    message = said({"TIDEWELL_DATABASE_URL": "hunter2", "TIDEWELL_PORTAL_PORT": "hunter3"})
    assert "hunter" not in message


def test_a_secret_and_its_file_together_are_refused_by_name(tmp_path: Path) -> None:
    path = tmp_path / "url"
    path.write_text("one")
    given = {"TIDEWELL_BROKER_URL": "hunter2", "TIDEWELL_BROKER_URL_FILE": str(path)}
    for environment in (given, dict(reversed(given.items()))):
        message = said(environment)
        assert "TIDEWELL_BROKER_URL and TIDEWELL_BROKER_URL_FILE are both set; keep one" in message
        assert "hunter2" not in message


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    for path in (tmp_path / "absent", tmp_path):
        message = said({"TIDEWELL_BROKER_URL_FILE": str(path)})
        assert "TIDEWELL_BROKER_URL_FILE: the file that it names cannot be read" in message
        assert str(path) not in message


def test_settings_do_not_change_once_they_are_read() -> None:
    settings = load_settings({})
    with pytest.raises(ValidationError, match="frozen"):
        settings.demo = True  # type: ignore[misc] # this is what must not work


@pytest.mark.parametrize("name", SECRETS)
@pytest.mark.parametrize("blank", ["", " ", "\t"])
def test_an_empty_secret_is_refused_by_name_and_opens_no_door(name: str, blank: str) -> None:
    setting = PREFIX + name.upper()
    assert f"{setting}: is empty; give it its value, or unset it" in said({setting: blank})
