"""Gives the wheel the very dependencies that `runtime.in` holds, so that there is one list."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from hatchling.metadata.plugin.interface import MetadataHookInterface


class RuntimeDependencies(MetadataHookInterface):
    """Reads `requirements/runtime.in` into the wheel's metadata."""

    def update(self, metadata: dict[str, Any]) -> None:
        """Fill `dependencies` from the lines that are neither blank nor comments."""
        lines = (Path(self.root) / "requirements" / "runtime.in").read_text().splitlines()
        metadata["dependencies"] = [line for line in lines if line and not line.startswith("#")]
