"""The files of a larger site name only what exists. No container is started here."""

from __future__ import annotations

import re
import subprocess
import sys
from ipaddress import ip_address, ip_network
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from portal.signing_in.client_address import client_address, trusted_networks
from tests.unit.strict_yaml import Node, NotInTheSubsetError, read_yaml
from tidewell.commands import app
from tidewell.device_credentials import new_secret, password_lines, verifiers_of
from tidewell.settings import FILE_SUFFIX, PREFIX, Settings, load_settings

if TYPE_CHECKING:
    from collections.abc import Iterator

TOP = Path(__file__).parents[2]
COMPOSE = read_yaml((TOP / "docker-compose.yml").read_text(encoding="utf-8"))
DOCKERFILE = (TOP / "Dockerfile").read_text(encoding="utf-8")
STAGES = ("ingest", "alerts", "portal")
OURS = (*STAGES, "migrate")


def mapping(node: Node) -> dict[str, Node]:
    assert isinstance(node, dict)
    return node


def items(node: Node) -> list[str]:
    assert isinstance(node, list)
    texts_of_list = [one for one in node if isinstance(one, str)]
    assert len(texts_of_list) == len(node)
    return texts_of_list


SERVICES = {name: mapping(node) for name, node in mapping(COMPOSE["services"]).items()}


def texts(node: Node) -> Iterator[str]:
    if isinstance(node, dict):
        for value in node.values():
            yield from texts(value)
    elif isinstance(node, list):
        for item in node:
            yield from [item] if isinstance(item, str) else item.values()
    elif node is not None:
        yield node


def command_names() -> set[str]:
    return {one.name for one in app.registered_commands if one.name}


def test_there_is_one_service_for_each_process_and_server() -> None:
    assert set(SERVICES) == {"database", "broker", *OURS}
    assert set(OURS) <= command_names()


@pytest.mark.parametrize("name", OURS)
def test_a_service_runs_a_command_of_tidewell(name: str) -> None:
    assert items(SERVICES[name]["command"]) == [name]
    assert re.findall(r"^ENTRYPOINT (.*)$", DOCKERFILE, re.MULTILINE) == ['["tidewell"]']


@pytest.mark.parametrize("name", OURS)
def test_the_settings_of_a_service_exist_and_are_valid(name: str, tmp_path: Path) -> None:
    environment = {}
    for key, value in mapping(SERVICES[name]["environment"]).items():
        assert isinstance(value, str)
        setting = key.removesuffix(FILE_SUFFIX).removeprefix(PREFIX).lower()
        assert setting in Settings.model_fields, key
        if key.endswith(FILE_SUFFIX):
            secret = value.removeprefix("/run/secrets/")
            assert secret in items(SERVICES[name]["secrets"])
            path = tmp_path / secret
            path.write_text("a secret")
            environment[key] = str(path)
        elif value.startswith("${"):
            environment[key] = "https://tidewell.example"  # what the site fills in
        else:
            environment[key] = value
    load_settings(environment)


@pytest.mark.parametrize("name", OURS)
def test_no_secret_is_given_in_clear(name: str) -> None:
    hidden = {
        field
        for field, info in Settings.model_fields.items()
        if "SecretStr" in str(info.annotation)
    }
    assert len(hidden) == 11
    given = {key.removeprefix(PREFIX).lower() for key in mapping(SERVICES[name]["environment"])}
    assert given.isdisjoint(hidden)


def test_every_secret_is_made_by_the_recipe(tmp_path: Path) -> None:
    made = tmp_path / "secrets"
    recipe = [sys.executable, str(TOP / "deploy" / "make_secrets.py"), "--folder", str(made)]
    subprocess.run(recipe, check=True, capture_output=True)
    files = {str(mapping(one)["file"]) for one in mapping(COMPOSE["secrets"]).values()}
    mounted = {text.split(":")[0] for text in texts(SERVICES["broker"]) if "/secrets/" in text}
    for name in files | mounted:
        assert name.startswith("./deploy/secrets/")
        assert (made / Path(name).name).is_file()
    assert (made.stat().st_mode & 0o777) == 0o700


def run_recipe(folder: Path, *options: str) -> subprocess.CompletedProcess[str]:
    recipe = [sys.executable, str(TOP / "deploy" / "make_secrets.py"), "--folder", str(folder)]
    return subprocess.run([*recipe, *options], check=False, capture_output=True, text=True)


def test_a_second_run_of_the_recipe_changes_nothing(tmp_path: Path) -> None:
    assert run_recipe(tmp_path).returncode == 0
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    assert len({path for path in before.values() if len(path) > 40}) == len(before) - 1
    assert run_recipe(tmp_path).returncode == 0
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before


def run_with_devices(folder: Path, text: str) -> subprocess.CompletedProcess[str]:
    recipe = [sys.executable, str(TOP / "deploy" / "make_secrets.py"), "--folder", str(folder)]
    return subprocess.run(
        [*recipe, "--devices"], check=False, capture_output=True, text=True, input=text
    )


def users_of(folder: Path) -> list[str]:
    lines = (folder / "broker_passwords").read_text().splitlines()
    return [line.split(":")[0] for line in lines]


def test_the_broker_gets_the_devices_that_come_in_and_no_others(tmp_path: Path) -> None:
    run_recipe(tmp_path)
    place = (tmp_path / "broker_passwords").stat().st_ino
    service = (tmp_path / "broker_passwords").read_text()
    first, second = (
        password_lines({name: verifiers_of(new_secret())}) for name in ("band-a", "band-b")
    )
    assert run_with_devices(tmp_path, first + second).returncode == 0
    assert users_of(tmp_path) == ["tidewell_ingest", "band-a", "band-b"]
    assert run_with_devices(tmp_path, second).returncode == 0
    assert (tmp_path / "broker_passwords").read_text() == service + second
    assert (tmp_path / "broker_passwords").stat().st_ino == place, (
        "a container that mounts the file would not see a new one"
    )


@pytest.mark.parametrize(
    "line",
    ["", "tidewell_ingest:$7$1$YQ==$YQ==", "Band:$7$1$YQ==$YQ==", "band-a:a secret", "band-a"],
)
def test_what_is_no_device_changes_nothing_at_the_broker(tmp_path: Path, line: str) -> None:
    run_recipe(tmp_path)
    before = (tmp_path / "broker_passwords").read_text()
    good = password_lines({"band-b": verifiers_of(new_secret())}) if line else ""
    ended = run_with_devices(tmp_path, f"{good}{line}\n" if line else "")
    assert ended.returncode == 1
    assert "nothing was changed" in ended.stderr
    assert (tmp_path / "broker_passwords").read_text() == before


def test_every_secret_that_a_service_takes_is_declared() -> None:
    declared = mapping(COMPOSE["secrets"])
    taken = {one for service in SERVICES.values() for one in items(service.get("secrets", []))}
    assert taken == set(declared)


def test_every_file_that_a_container_mounts_exists() -> None:
    mounts = [one for service in SERVICES.values() for one in items(service.get("volumes", []))]
    volumes = mapping(COMPOSE["volumes"])
    for mount in mounts:
        source = mount.split(":")[0]
        if source.startswith("./deploy/secrets/"):
            continue  # made by the recipe, which has a test of its own
        assert source in volumes or (TOP / source).is_file(), mount
    assert len(mounts) == 7


def test_the_listener_with_tls_takes_files_that_exist_or_that_the_operator_brings() -> None:
    more = read_yaml((TOP / "docker-compose.tls.yml").read_text(encoding="utf-8"))
    broker = mapping(mapping(more["services"])["broker"])
    assert items(broker["ports"]) == ["8883:8883"]
    listener = (TOP / "deploy/mosquitto/encrypted.conf").read_text(encoding="utf-8")
    mounts = dict(one.split(":")[:2] for one in items(broker["volumes"]))
    assert mounts.pop("./deploy/secrets/tls") == "/mosquitto/config/tls"
    assert list(mounts) == ["./deploy/mosquitto/encrypted.conf"]
    for name in re.findall(r"^(?:cert|key)file (\S+)$", listener, re.MULTILINE):
        assert name.startswith("/mosquitto/config/tls/")
    assert "\ntls_version tlsv1.2\n" in listener


def test_a_device_cannot_reach_the_listener_on_which_ids_are_free() -> None:
    published = {one.split(":")[-1] for one in items(SERVICES["broker"]["ports"])} | {"8883"}
    for path in (TOP / "deploy/mosquitto").glob("*.conf"):
        for part in re.split(r"^listener ", path.read_text(encoding="utf-8"), flags=re.MULTILINE)[
            1:
        ]:
            port = part.split()[0]
            assert (port in published) == ("\nuse_username_as_clientid true\n" in part), port


def test_every_file_that_the_image_copies_exists_and_is_sent_to_the_build() -> None:
    ignored = (TOP / ".dockerignore").read_text(encoding="utf-8").splitlines()
    assert "*" in ignored
    sent = {line.removeprefix("!") for line in ignored if line.startswith("!")}
    copies = re.findall(r"^COPY (?!--from)(.+) \S+$", DOCKERFILE, re.MULTILINE)
    sources = [source for line in copies for source in line.split()]
    assert len(sources) >= 12
    for source in sources:
        assert (TOP / source).exists(), source
        assert source in sent or source.split("/")[0] in sent, source
    assert all((TOP / one).exists() for one in sent)
    assert not any("secret" in one for one in sent)


def test_every_package_is_in_the_image() -> None:
    packages = {path.parent.name for path in TOP.glob("*/__init__.py")} - {"tests", "bench"}
    assert len(packages) == 6
    for package in packages:
        assert f"COPY {package} {package}\n" in DOCKERFILE


def test_what_is_published_is_reached_from_this_machine_only() -> None:
    ports = [one for service in SERVICES.values() for one in items(service.get("ports", []))]
    assert sorted(ports) == ["127.0.0.1:1883:1883", "127.0.0.1:8470:8470"]


def test_only_the_gateway_of_the_containers_may_say_who_asks() -> None:
    default = mapping(mapping(COMPOSE["networks"])["default"])
    config = mapping(default["ipam"])["config"]
    assert isinstance(config, list)
    [network] = config
    assert isinstance(network, dict)
    assert ip_address(network["gateway"]) in ip_network(network["subnet"])
    said = mapping(SERVICES["portal"]["environment"])["TIDEWELL_TRUSTED_PROXIES"]
    assert said == network["gateway"]
    # Somebody on the site's own network writes a header; the proxy adds what it sees.
    written = "1.2.3.4, 192.168.1.50"
    assert client_address(network["gateway"], written, trusted_networks(said)) == "192.168.1.50"


def test_the_port_of_the_pages_is_the_same_everywhere() -> None:
    port = str(Settings.model_fields["portal_port"].default)
    assert f"\nEXPOSE {port}\n" in DOCKERFILE
    assert mapping(SERVICES["portal"]["environment"])["TIDEWELL_PORTAL_PORT"] == port
    assert items(SERVICES["portal"]["ports"]) == [f"127.0.0.1:{port}:{port}"]


@pytest.mark.parametrize("name", SERVICES)
def test_a_container_cannot_change_its_own_programs(name: str) -> None:
    assert SERVICES[name]["read_only"] == "true"


@pytest.mark.parametrize("name", [*OURS, "broker"])
def test_a_process_has_no_rights_of_the_machine(name: str) -> None:
    assert items(SERVICES[name]["cap_drop"]) == ["ALL"]
    assert items(SERVICES[name]["security_opt"]) == ["no-new-privileges:true"]


def test_the_image_runs_as_an_ordinary_account() -> None:
    assert re.findall(r"^USER (\d+):\d+$", DOCKERFILE, re.MULTILINE) == ["10001"]


def test_every_image_has_a_fixed_version() -> None:
    images = re.findall(r"^FROM (\S+)", DOCKERFILE, re.MULTILINE)
    images += [str(SERVICES[name]["image"]) for name in ("database", "broker")]
    assert len(images) == 5
    for image in images:
        assert re.fullmatch(r"[a-z/-]+:\d+[a-z0-9.-]+", image), image


@pytest.mark.parametrize("name", [*STAGES, "database", "broker"])
def test_what_runs_for_long_is_restarted_and_watched(name: str) -> None:
    assert SERVICES[name]["restart"] == "unless-stopped"
    check = items(mapping(SERVICES[name]["healthcheck"])["test"])
    assert check[0] == "CMD"
    if name in STAGES:
        assert check[1:] == ["python", "/opt/tidewell/lib/healthy.py", name]
        assert "COPY deploy/healthy.py deploy/healthy.sql /opt/tidewell/lib/\n" in DOCKERFILE


@pytest.mark.parametrize("name", STAGES)
def test_a_stage_waits_for_the_schema(name: str) -> None:
    waits = mapping(SERVICES[name]["depends_on"])
    assert mapping(waits["migrate"])["condition"] == "service_completed_successfully"


def test_dependencies_are_installed_by_hash_and_without_scripts() -> None:
    installs = re.findall(r"pip install .*", DOCKERFILE)
    assert len(installs) == 3
    assert sum("--require-hashes" in one for one in installs) == 2
    assert "--no-deps /wheel" in installs[2]
    assert "npm ci --omit=dev --ignore-scripts" in DOCKERFILE


def test_the_broker_keeps_less_unconfirmed_than_ingest_takes() -> None:
    from ingest.receiving.service import MOST_WAITING

    said = dict(
        line.split(None, 1)
        for line in (TOP / "deploy/mosquitto/mosquitto.conf").read_text().splitlines()
        if line and not line.startswith("#") and not line.startswith("log_type")
    )
    batch_frames = Settings.model_fields["batch_frames"].default
    assert batch_frames < int(said["max_inflight_messages"]) <= MOST_WAITING
    assert int(said["max_queued_messages"]) > int(said["max_inflight_messages"])
    assert said["allow_anonymous"] == "false"
    assert said["per_listener_settings"] == "false"


@pytest.mark.parametrize(
    "text",
    [
        "a: &b c\n",
        "a: {b: c}\n",
        "a:\n - b\n",
        "a: b\na: c\n",
        "a:\n  - b: c\n  d: e\n",
        "a:\n  - b: c\n    b: e\n",
        "a:\n  - b: c\n    d:\n      e: f\n",
        "- a\n",
        "a: *b\n",
    ],
)
def test_the_reader_refuses_what_it_does_not_understand(text: str) -> None:
    with pytest.raises((NotInTheSubsetError, ValueError)):
        read_yaml(text)
