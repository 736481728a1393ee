"""Who holds a data folder: a lock of the system, which ends with its process however that ends.

It promises that two Tidewells never work in one folder, and that the second one is told which
process holds it and since when. The file's content is only for that message; the lock decides.
"""

from __future__ import annotations

import fcntl
import json
import os
from typing import TYPE_CHECKING, Final, Self

from tidewell.clock import now_utc
from tidewell.errors import DataFolderInUseError, UsageError

if TYPE_CHECKING:
    from pathlib import Path
    from types import TracebackType

LOCK_NAME: Final = "lock"

HOLDER_BYTES: Final = 4_096
"""Far more than the content ever has; a file that somebody else wrote is not read whole."""


class DataFolderLock:
    """The right to work in a folder, held by one process at a time."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._file: int | None = None

    @property
    def is_held(self) -> bool:
        """Return whether this object holds the folder."""
        return self._file is not None

    def acquire(self) -> None:
        """Take the folder, or say who has it.

        Raises:
            DataFolderInUseError: another process holds it; the message names it and since when.
            UsageError: the folder cannot be made or written.
        """
        path = self._folder / LOCK_NAME
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            file = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
        except OSError as error:
            raise UsageError(
                f"cannot write in the data folder {self._folder}: {error.strerror}; choose another"
            ) from error
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = _holder(os.read(file, HOLDER_BYTES))
            os.close(file)
            raise DataFolderInUseError(
                f"the data folder {self._folder} is in use by {holder}; "
                "stop that one first or use another folder"
            ) from None
        content = json.dumps({"pid": os.getpid(), "since": now_utc().isoformat(timespec="seconds")})
        os.ftruncate(file, 0)
        os.pwrite(file, content.encode(), 0)
        self._file = file

    def release(self) -> None:
        """Give the folder back; does nothing when it is not held."""
        if self._file is not None:
            os.close(self._file)
            self._file = None

    def __enter__(self) -> Self:
        self.acquire()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.release()


def _holder(content: bytes) -> str:
    """Put the content of a lock file in words; whoever holds it may just be writing it."""
    try:
        held = json.loads(content)
        return f"process {int(held['pid'])} since {held['since']}"
    except (ValueError, KeyError, TypeError):
        return "another process"
