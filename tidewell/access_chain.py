"""The chain of the access log: each entry vouches for the one before it.

An entry is a look, or what an administrator changed, or an opening in need; of these two it holds
the hash of what was written. Promises: whoever follows it gets the first seal that does not hold,
whatever was changed, taken out, put in or put elsewhere. The seals are worked out here once more,
and not by the database that holds them. It cannot know what was cut off at the end: for that, the
head is kept elsewhere.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from tidewell.errors import UsageError

_HEAD: Final = re.compile(r"^(?P<number>[0-9]{1,18}):(?P<hash>[0-9a-f]{64})$")


@dataclass(frozen=True, slots=True)
class Entry:
    """An entry, as the log holds it.

    Attributes:
        content_hash: of what was changed or opened; None for a look.
        content: that in plain characters, as it stands elsewhere; None where it is gone.
        may_be_gone: the person was erased, and the words with them.
    """

    at_us: int
    person_id: int | None
    staff_id: int | None
    looked_at: str
    content_hash: bytes | None = None
    content: str | None = None
    may_be_gone: bool = False


@dataclass(frozen=True, slots=True)
class Seal:
    """A seal, and the entry that it is about; None where there is no such entry any more."""

    number: int
    access_id: int
    hash: bytes
    entry: Entry | None


@dataclass(frozen=True, slots=True)
class Head:
    """The last seal at some moment: whoever keeps it elsewhere can tell whether it still stands.

    Example:
        >>> str(Head(2, bytes(32)))[:6]
        '2:0000'
    """

    number: int
    hash: bytes

    def __str__(self) -> str:
        return f"{self.number}:{self.hash.hex()}"


NO_HEAD: Final = Head(0, b"")
"""Where nothing was sealed yet."""


@dataclass(frozen=True, slots=True)
class Followed:
    """How far a chain holds, and what is wrong with the first seal that does not."""

    head: Head
    problem: str = ""


def head_from(text: str) -> Head:
    """Return the head that somebody kept.

    Raises:
        UsageError: it is not one.
    """
    found = _HEAD.match(text.strip())
    if found is None:
        raise UsageError(
            f"{text[:80]!r} is not a head; give what `tidewell audit head` printed, NUMBER:HASH"
        )
    return Head(int(found["number"]), bytes.fromhex(found["hash"]))


def seal_of(before: bytes, access_id: int, entry: Entry) -> bytes:
    """Return the seal of an entry that comes after another one."""
    person, staff = ("-" if one is None else one for one in (entry.person_id, entry.staff_id))
    text = f"{access_id}|{entry.at_us}|{person}|{staff}|{entry.looked_at}"
    if entry.content_hash is not None:
        text += f"|{entry.content_hash.hex()}"
    return hashlib.sha256(before + text.encode()).digest()


class Follower:
    """Follows a chain from its beginning, seal by seal, however long it is.

    With a head that was kept, the chain has to lead there.
    """

    def __init__(self, kept: Head | None = None) -> None:
        self._kept = kept
        self._head = NO_HEAD
        self._problem = ""

    def take(self, seal: Seal) -> bool:
        """Take the next seal, and return whether the chain holds so far."""
        self._problem = self._problem or _problem_of(seal, self._head)
        if self._problem:
            return False
        self._head = Head(seal.number, seal.hash)
        kept = self._kept
        if kept is not None and kept.number == seal.number and kept.hash != seal.hash:
            self._problem = f"seal {seal.number} is not the one that was kept"
        return not self._problem

    def end(self) -> Followed:
        """Return how far the chain holds, once there are no more seals."""
        kept, head = self._kept, self._head
        if not self._problem and kept is not None and kept.number > head.number:
            problem = f"it ends at seal {head.number}, before {kept.number} that was kept"
            return Followed(head, problem)
        return Followed(head, self._problem)


def follow(seals: Iterable[Seal], kept: Head | None = None) -> Followed:
    """Follow a chain that is all there."""
    follower = Follower(kept)
    for seal in seals:
        if not follower.take(seal):
            break
    return follower.end()


def _problem_of(seal: Seal, before: Head) -> str:
    if seal.number != before.number + 1:
        return f"seal {before.number + 1} is gone"
    if seal.entry is None:
        return f"entry {seal.access_id} of seal {seal.number} is gone"
    if seal_of(before.hash, seal.access_id, seal.entry) != seal.hash:
        return f"entry {seal.access_id} is not what seal {seal.number} was set on"
    return _problem_of_content(seal.access_id, seal.entry)


def _problem_of_content(access_id: int, entry: Entry) -> str:
    if entry.content_hash is None or (entry.content is None and entry.may_be_gone):
        return ""
    if entry.content is None:
        return f"what entry {access_id} is about is gone"
    if hashlib.sha256(entry.content.encode()).digest() != entry.content_hash:
        return f"what entry {access_id} is about was changed"
    return ""
