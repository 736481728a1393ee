"""Settings: read once at start-up from the environment, checked, then never changed.

Every name starts with `TIDEWELL_`. An unknown name is refused, because a misspelt setting that is
ignored is worse than none. A secret may come from a file instead: `TIDEWELL_DATABASE_URL_FILE`
names a file that holds what `TIDEWELL_DATABASE_URL` would. Secrets print as stars.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from ipaddress import ip_network
from pathlib import Path
from typing import Annotated, Final, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, SecretStr, ValidationError, field_validator
from pydantic_core import PydanticCustomError
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from tidewell.errors import SettingsError

PREFIX: Final = "TIDEWELL_"
FILE_SUFFIX: Final = "_FILE"


def is_web_address(text: str) -> bool:
    """Return whether a text is an http(s) address with a host."""
    try:
        parts = urlsplit(text)
        is_usable = parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0
    except ValueError:
        is_usable = False
    return is_usable and not any(character.isspace() for character in text)


def _web_address(text: str) -> str:
    """Return the text if it is an address; the message never repeats it."""
    if not is_web_address(text):
        raise PydanticCustomError(
            "web_address", "expected an address with a host, such as https://tidewell.example"
        )
    return text


def _networks(text: str) -> str:
    """Return the text if it is a list of addresses or networks; a wrong one would trust nobody."""
    try:
        found = [ip_network(one.strip()) for one in text.split(",") if one.strip()]
    except ValueError:
        found = []
    if not found or any(one.prefixlen == 0 for one in found):
        raise PydanticCustomError(
            "networks",
            "expected the proxies themselves, as addresses or networks with commas between them, "
            "such as 127.0.0.1 or 10.0.0.0/8",
        )
    return text


WebAddress = Annotated[str, AfterValidator(_web_address)]


class Settings(BaseSettings):
    """What a site can set; `tidewell doctor` prints it."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, extra="forbid", frozen=True)

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Take what `load_settings` read and nothing else, so that there is one way in."""
        del settings_cls, env_settings, dotenv_settings, file_secret_settings
        return (init_settings,)

    @field_validator("*")
    @classmethod
    def _refuse_blank_secrets(cls, value: object) -> object:
        """Refuse a secret without a character: whoever knows nothing would know it."""
        if isinstance(value, SecretStr) and not value.get_secret_value().strip():
            raise PydanticCustomError("blank_secret", "is empty; give it its value, or unset it")
        return value

    data_dir: Path | None = Field(
        default=None, description="Folder of a small site's own servers and secrets."
    )
    database_url: SecretStr | None = Field(
        default=None,
        description="A PostgreSQL of yours, as postgresql://user:password@host:port/name.",
    )
    broker_url: SecretStr | None = Field(
        default=None,
        description="An MQTT broker of yours for the service, as mqtt://user:password@host:port.",
    )
    device_broker_url: SecretStr | None = Field(
        default=None,
        description="The same broker as virtual devices reach it, with their own account.",
    )
    broker_ca: Path | None = Field(
        default=None,
        description="A certificate that the broker's has to come from, where it is mqtts://.",
    )
    broker_listen: str | None = Field(
        default=None,
        pattern=r"^[0-9a-zA-Z.:-]+:[0-9]{1,5}$",
        description="Where a small site's broker listens for devices elsewhere, as host:port.",
    )
    broker_certificate: Path | None = Field(
        default=None, description="The certificate of that broker, in PEM form; with its chain."
    )
    broker_key: Path | None = Field(
        default=None, description="The private key of that certificate, in PEM form."
    )
    ingest_client_id: SecretStr | None = Field(
        default=None,
        description="The MQTT client id of ingest. Secret: who knows it can take the session.",
    )
    storage_mode: Literal["auto", "plain", "timescale"] = Field(
        default="auto",
        description="How readings are stored; auto takes timescale where the extension is there.",
    )
    batch_frames: Annotated[int, Field(ge=1, le=20_000)] = Field(
        default=2_000, description="Most frames in one transaction."
    )
    batch_wait_ms: Annotated[int, Field(ge=1, le=5_000)] = Field(
        default=10,
        description="Longest that a frame waits for others before its transaction starts.",
    )
    lease_s: Annotated[int, Field(ge=5, le=600)] = Field(
        default=10, description="How long a worker holds a shard without renewing it."
    )
    ingest_workers: Annotated[int, Field(ge=1, le=64)] = Field(
        default=1, description="Processes that take frames in; each holds a share of the shards."
    )
    metrics_port: Annotated[int, Field(ge=0, le=65_471)] = Field(
        default=0,
        description="First port of /metrics and /health on loopback, one for a process; 0 is off.",
    )
    silence_after_s: Annotated[int, Field(ge=60, le=7 * 86_400)] = Field(
        default=4 * 3_600, description="A device that sent nothing for this long is called silent."
    )
    fresh_within_h: Annotated[int, Field(ge=1, le=14 * 24)] = Field(
        default=36,
        description="A change decided longer ago than this is history and does not page.",
    )
    detection_policy: Path | None = Field(
        default=None,
        description="A file with other budgets of detection; docs/detection-policy.md.",
    )
    webhook_url: WebAddress | None = Field(
        default=None, description="Where alerts are posted, beside the console."
    )
    webhook_secret: SecretStr | None = Field(
        default=None, description="Signs what is posted to webhook_url."
    )
    smtp_host: str | None = Field(
        default=None,
        pattern=r"^[0-9A-Za-z:][0-9A-Za-z.:-]{0,252}$",
        description="Mail server that takes our e-mail; without it there is none.",
    )
    smtp_port: Annotated[int, Field(ge=1, le=65_535)] = Field(
        default=587, description="Port of the mail server; usually 587 for starttls, 465 for tls."
    )
    smtp_security: Literal["starttls", "tls", "none"] = Field(
        default="starttls",
        description="How the way to it is encrypted; none only for a mail server on this machine.",
    )
    smtp_ca: Path | None = Field(
        default=None,
        description="A certificate that the mail server's has to come from, if it is your own.",
    )
    smtp_user: str | None = Field(default=None, description="Account at the mail server, if any.")
    smtp_password: SecretStr | None = Field(
        default=None, description="The password of that account."
    )
    smtp_from: str | None = Field(
        default=None, description="The address that our e-mail comes from."
    )
    push_key: SecretStr | None = Field(
        default=None,
        description="The private key that signs notifications; `tidewell push keys` makes one.",
    )
    push_contact: str | None = Field(
        default=None,
        pattern=r"^(?:mailto:[^\s@]+@[^\s@]+|https://\S+)$",
        description="Whom a push service asks when something is wrong, as mailto: or https:.",
    )
    push_test_service: WebAddress | None = Field(
        default=None, description="A push service on this machine, for tests only."
    )
    notify_key: SecretStr | None = Field(
        default=None, description="The API key of GOV.UK Notify; without it there are no texts."
    )
    notify_template: str | None = Field(
        default=None,
        pattern=r"^[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$",
        description="The number of the text message template at GOV.UK Notify.",
    )
    notify_url: WebAddress = Field(
        default="https://api.notifications.service.gov.uk",
        description="Where GOV.UK Notify is; another one only on this machine, for tests.",
    )
    notify_receipt_token: SecretStr | None = Field(
        default=None,
        description="The bearer token with which GOV.UK Notify reports what became of a text.",
    )
    apprise: bool = Field(
        default=False, description="Pilots only: people may also be told through Apprise."
    )
    heartbeat_url: SecretStr | None = Field(
        default=None,
        description="An outside watcher that hears from alerts each minute that none is lost.",
    )
    heartbeat_fail_url: SecretStr | None = Field(
        default=None, description="Where the watcher is told at once that one may be."
    )
    probe_every_s: Annotated[int, Field(ge=0, le=600)] = Field(
        default=300, description="How often a probe goes the way of an alert; 0 sends none."
    )
    portal_host: str = Field(default="127.0.0.1", description="Address that the pages listen on.")
    portal_port: Annotated[int, Field(ge=0, le=65_535)] = Field(
        default=8470, description="Port that the pages listen on; 0 takes a free one."
    )
    public_url: WebAddress | None = Field(
        default=None, description="How people reach the pages, for links in messages."
    )
    trusted_proxies: Annotated[str, AfterValidator(_networks)] | None = Field(
        default=None,
        description="Proxies in front of the pages that name who asks, as networks with commas.",
    )
    without_agreement: Literal["tell", "no_device"] = Field(
        default="tell",
        description="Without a valid agreement: tell says so; no_device also pairs no device.",
    )
    keep_readings_d: Annotated[int, Field(ge=30, le=3_660)] = Field(
        default=90, description="How many days readings are kept, minute by minute."
    )
    keep_days_d: Annotated[int, Field(ge=120, le=3_660)] = Field(
        default=730, description="How many days the figures of whole days are kept."
    )
    keep_record_d: Annotated[int, Field(ge=365, le=36_600)] | None = Field(
        default=None,
        description="How many days alerts, notes and what was asked are kept; unset: until erased.",
    )
    keep_ledger_d: Annotated[int, Field(ge=90, le=3_660)] = Field(
        default=400, description="How many days it is known what was missing, and of our own work."
    )
    keep_dead_letters_d: Annotated[int, Field(ge=7, le=400)] = Field(
        default=30, description="How many days refused frames are kept."
    )
    keep_sessions_d: Annotated[int, Field(ge=1, le=400)] = Field(
        default=30, description="How many days it is known who was signed in."
    )
    keep_backups_d: Annotated[int, Field(ge=0, le=3_660)] = Field(
        default=35, description="How many days you keep backups; stands on certificates of erasure."
    )
    api_requests_a_minute: Annotated[int, Field(ge=10, le=100_000)] = Field(
        default=300, description="How many requests each token gets answered in a minute."
    )
    log_level: Literal["debug", "info", "warning", "error"] = Field(
        default="info", description="Least level logged."
    )
    log_format: Literal["console", "json"] = Field(
        default="console", description="Logs for people or machines."
    )
    demo: bool = Field(default=False, description="A demo: virtual people, a banner on every page.")
    data: Path | None = Field(
        default=None, description="Folder of recorded data, for tests and evaluation only."
    )
    fault_tests: bool = Field(
        default=False, description="This site exists to be broken; allows crash_at and freeze_at."
    )
    crash_at: str | None = Field(
        default=None, description="Where a process kills itself, such as after_claim:3."
    )
    freeze_at: str | None = Field(
        default=None, description="Where a process stops itself, such as before_transaction:3."
    )


def load_settings(environment: Mapping[str, str] | None = None) -> Settings:
    """Read and check the settings.

    Raises:
        SettingsError: a name is unknown, a value is wrong or a secret's file cannot be read; the
            message names every one of them.

    Example:
        >>> load_settings({"TIDEWELL_PORTAL_PORT": "9000"}).portal_port
        9000
    """
    given = dict(os.environ if environment is None else environment)
    _refuse_other_cases(given)
    values = {
        name.removeprefix(PREFIX): value for name, value in given.items() if name.startswith(PREFIX)
    }
    values = {name.lower(): value for name, value in _with_files_read(values).items()}
    if unknown := sorted(set(values) - set(Settings.model_fields)):
        names = ", ".join(PREFIX + name.upper() for name in unknown)
        raise SettingsError(f"unknown setting: {names}; docs/operations.md lists the known ones")
    try:
        return Settings.model_validate(values)
    except ValidationError as error:
        problems = "; ".join(
            f"{PREFIX}{'_'.join(str(part) for part in item['loc']).upper()}: {item['msg']}"
            for item in error.errors()
        )
        raise SettingsError(f"wrong setting: {problems}") from None


def _refuse_other_cases(given: Mapping[str, str]) -> None:
    """Refuse a name that is ours but for its case, which would otherwise be ignored."""
    wrong = [name for name in given if name.upper().startswith(PREFIX) and name != name.upper()]
    if wrong:
        raise SettingsError(
            f"unknown setting: {', '.join(sorted(wrong))}; write it in capital letters"
        )


def _with_files_read(values: Mapping[str, str]) -> dict[str, str]:
    """Replace `X_FILE` by `X` with the file's content, without its last line end."""
    read = {name: value for name, value in values.items() if not name.endswith(FILE_SUFFIX)}
    for name, value in values.items():
        if not name.endswith(FILE_SUFFIX):
            continue
        target = name.removesuffix(FILE_SUFFIX)
        if target in read:
            raise SettingsError(f"{PREFIX}{target} and {PREFIX}{name} are both set; keep one")
        try:
            read[target] = Path(value).read_text(encoding="utf-8").rstrip("\n")
        except (OSError, ValueError) as error:
            # Never the value: somebody may have put the secret itself there.
            why = (
                error.strerror if isinstance(error, OSError) else None
            ) or "it is not text in UTF-8"
            raise SettingsError(
                f"{PREFIX}{name}: the file that it names cannot be read: {why}"
            ) from None
    return read
