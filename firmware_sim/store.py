"""Reads recordings from files and folders. It opens files, and does nothing else."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from firmware_sim.recordings import Recording, recordings_from_tables
from tidewell.errors import UsageError
from tidewell.minute_files import read_table

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

FILES_MAX: Final = 1_000
"""Cells are held as text until they are minutes: a folder with more files is not one study."""
_ENDINGS: Final = (".csv", ".csv.gz", ".zip")


def load_recordings(paths: Iterable[Path], timezone: str | None = None) -> list[Recording]:
    """Return what these files, and the files of these folders, recorded about each person.

    Raises:
        UsageError: a file is missing or is not as it should be; the message says where.
    """
    files = [file for path in paths for file in _files_of(path)]
    unique = list(dict.fromkeys(file.resolve() for file in files))
    if len(unique) > FILES_MAX:
        raise UsageError(f"{len(unique)} files are more than {FILES_MAX}; name fewer of them")
    return recordings_from_tables([read_table(file) for file in unique], timezone)


def _files_of(path: Path) -> list[Path]:
    if not path.is_dir():
        return [path]
    found = sorted(file for file in path.iterdir() if file.name.lower().endswith(_ENDINGS))
    if not found:
        raise UsageError(f"{path}: expected {', '.join(_ENDINGS)} files in this folder, found none")
    return found
