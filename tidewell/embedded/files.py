"""The small files of an embedded server: its secrets, what it remembers, the end of its log.

Secrets are readable by their owner alone from the moment they exist. What is remembered only makes
the next start easier: where such a file is damaged, it counts as not there. A secret that is
damaged is an error, because a new one would lock us out of the data.
"""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import socket
from typing import TYPE_CHECKING, Any, Final

from tidewell.errors import ServerError

if TYPE_CHECKING:
    from pathlib import Path

SECRET_BYTES: Final = 32
"""256 bits: nobody guesses it, and no slow hash is needed to protect it."""

LOG_BYTES: Final = 8 * 1_024 * 1_024
"""Weeks of an ordinary log, and small enough to open in an editor; one older part is kept too."""

LAST_LINES: Final = 12
"""A server's own account of why it did not start fits in these."""

LAST_BYTES: Final = 65_536
"""Enough for the last lines however long they are."""

LOOPBACK: Final = "127.0.0.1"


def write_private(path: Path, text: str) -> None:
    """Write a file that only its owner can read, whole or not at all."""
    draft = path.with_name(path.name + ".new")
    draft.unlink(missing_ok=True)
    file = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(file, "w", encoding="utf-8") as stream:
        stream.write(text)
        stream.flush()
        os.fsync(stream.fileno())
    draft.replace(path)
    sync_folder(path.parent)


def sync_folder(folder: Path) -> None:
    """Make sure that a rename in `folder` outlives a power cut."""
    file = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(file)
    finally:
        os.close(file)


def secret(path: Path) -> str:
    """Return the secret in a file, made at first use.

    Raises:
        ServerError: the file is there but cannot be read, or is empty.
    """
    if not path.exists():
        write_private(path, secrets.token_urlsafe(SECRET_BYTES))
    return known_secret(path)


def known_secret(path: Path) -> str:
    """Return the secret in a file that must be there.

    Raises:
        ServerError: it is missing, cannot be read, or is empty.
    """
    try:
        text = path.read_text(encoding="utf-8").strip()
    except OSError as error:
        raise ServerError(
            f"cannot read the password in {path}: {error.strerror}; bring it back from a backup, "
            "or start as the account that the data folder belongs to"
        ) from error
    if not text:
        raise ServerError(f"the password file {path} is empty; bring it back from a backup")
    return text


def remember(path: Path, facts: dict[str, Any]) -> None:
    """Keep facts for the next start; in place, so that the file keeps its owner."""
    file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(file, "w", encoding="utf-8") as stream:
        json.dump(facts, stream)


def remembered(path: Path) -> dict[str, Any]:
    """Return the facts of the last start, or none where there are none that can be read."""
    with contextlib.suppress(OSError, ValueError):
        facts = json.loads(path.read_text(encoding="utf-8"))
        if isinstance(facts, dict):
            return facts
    return {}


def free_port(wanted: int | None) -> int:
    """Return `wanted` if nobody listens there, else a free port of the loopback address."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if wanted is not None:
            with contextlib.suppress(OSError, OverflowError):
                probe.bind((LOOPBACK, wanted))
                return wanted
    with socket.socket() as probe:
        probe.bind((LOOPBACK, 0))
        port: int = probe.getsockname()[1]
        return port


def open_log(path: Path) -> int:
    """Open a log at its end, cut short first; whoever writes to it needs no right to the folder."""
    keep_short(path)
    return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)


def keep_short(path: Path) -> None:
    """Move a log that grew too long aside, while its writer goes on with an emptied file."""
    if path.exists() and path.stat().st_size > LOG_BYTES:
        write_private(path.with_name(path.name + ".1"), text_since(path, 0, LOG_BYTES))
        os.truncate(path, 0)


def text_since(path: Path, start: int, most: int = LAST_BYTES) -> str:
    """Return what a log holds after byte `start`, at most its last `most` bytes."""
    with path.open("rb") as stream:
        end = stream.seek(0, os.SEEK_END)
        stream.seek(max(min(start, end), end - most))
        return stream.read().decode("utf-8", errors="replace")


def last_lines(text: str) -> str:
    """Return the last lines of a log, for a message."""
    return " | ".join(line.strip() for line in text.splitlines()[-LAST_LINES:] if line.strip())
