"""Where the recorded data is; it is not part of the project."""

from __future__ import annotations

import os
from pathlib import Path

import pytest


def recorded_folder() -> Path:
    """Return the folder of recorded data; without it a test is skipped by name, and fails in CI."""
    default = Path(__file__).parents[2] / "shared" / "data"
    folder = Path(os.environ.get("TIDEWELL_DATA") or default)
    if not folder.is_dir():
        pytest.skip(f"no recorded data in {folder}; TIDEWELL_DATA says where it is")
    return folder


def stanford_folder() -> Path:
    """Return the folder of the recordings of Mishra et al. 2020."""
    return recorded_folder() / "stanford_covid_phase1"
