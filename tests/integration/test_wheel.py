"""The wheel holds all that is needed: built, installed into a clean environment, run from `/`."""

from __future__ import annotations

import os
import subprocess
import sys
import venv
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
COMMANDS = (
    "up",
    "staff",
    "enrol",
    "demo",
    "doctor",
    "ingest",
    "alerts",
    "portal",
    "migrate",
    "simulate",
    "replay",
    "score",
)


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    run = [
        sys.executable,
        "-m",
        "build",
        "--wheel",
        "--no-isolation",
        "--outdir",
        str(folder),
        str(ROOT),
    ]
    subprocess.run(run, check=True, capture_output=True)
    (wheel,) = folder.glob("tidewell-*.whl")
    venv.create(folder / "venv", with_pip=True)
    python = folder / "venv" / "bin" / "python"
    pip = [str(python), "-m", "pip", "install", "--quiet"]
    runtime = str(ROOT / "requirements" / "runtime.txt")
    subprocess.run([*pip, "--require-hashes", "-r", runtime], check=True, capture_output=True)
    subprocess.run([*pip, "--no-deps", str(wheel)], check=True, capture_output=True)
    return folder / "venv" / "bin"


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_explains_itself_from_anywhere(installed: Path, command: str) -> None:
    environment = {"PATH": "/usr/bin:/bin", "HOME": "/nonexistent", "LANG": "C.UTF-8"}
    answer = subprocess.run(
        [str(installed / "tidewell"), command, "--help"],
        cwd="/",
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert answer.returncode == 0, answer.stderr
    assert "Usage" in answer.stdout


def test_every_module_of_the_wheel_imports_and_finds_its_files(installed: Path) -> None:
    code = """
import importlib, pkgutil
from importlib import resources
count = 0
for name in ("alerts", "detect", "firmware_sim", "ingest", "portal", "tidewell"):
    package = importlib.import_module(name)
    for module in pkgutil.walk_packages(package.__path__, name + "."):
        if not module.name.endswith("__main__"):
            importlib.import_module(module.name)
            count += 1
assert resources.files("tidewell").joinpath("migrations", "0001_people.sql").is_file()
assert resources.files("portal").joinpath("static", "vendor", "nhsuk-frontend.css").is_file()
print(count)
"""
    answer = subprocess.run(
        [str(installed / "python"), "-I", "-c", code],
        cwd="/",
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "PYTHONPATH": ""},
    )
    assert answer.returncode == 0, answer.stderr
    assert int(answer.stdout) > 80
