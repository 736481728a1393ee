"""A data folder has one holder at a time, who is known by name."""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING

import pytest

from tests.integration.embedded_help import number_from, parent
from tidewell.embedded.lock import DataFolderLock
from tidewell.errors import DataFolderInUseError, UsageError

if TYPE_CHECKING:
    from pathlib import Path


def test_a_second_start_is_told_who_holds_the_folder_and_since_when(tmp_path: Path) -> None:
    with DataFolderLock(tmp_path), pytest.raises(DataFolderInUseError) as refusal:
        DataFolderLock(tmp_path).acquire()
    assert re.search(rf"process {os.getpid()} since \d{{4}}-\d\d-\d\dT", str(refusal.value))
    assert str(tmp_path) in str(refusal.value)


def test_a_folder_is_free_again_when_its_holder_lets_go_or_is_killed(tmp_path: Path) -> None:
    with DataFolderLock(tmp_path):
        pass
    script = (
        "import os, pathlib, time; from tidewell.embedded.lock import DataFolderLock\n"
        f"DataFolderLock(pathlib.Path({str(tmp_path)!r})).acquire()\n"
        "print('pid', os.getpid(), flush=True); time.sleep(600)\n"
    )
    with parent(script) as holder:
        pid = number_from(holder)
        with pytest.raises(DataFolderInUseError, match=f"process {pid} since"):
            DataFolderLock(tmp_path).acquire()
        holder.kill()
    with DataFolderLock(tmp_path) as lock:
        assert lock.is_held


def test_a_holder_that_just_writes_its_name_still_holds(tmp_path: Path) -> None:
    with DataFolderLock(tmp_path):
        (tmp_path / "lock").write_text("")
        with pytest.raises(DataFolderInUseError, match="in use by another process"):
            DataFolderLock(tmp_path).acquire()


def test_a_folder_that_cannot_be_made_is_a_clear_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(UsageError, match=r"cannot write in the data folder .*file/D: Not a dir"):
        DataFolderLock(tmp_path / "file" / "D").acquire()
