"""The error tree: whose fault it is, and whether trying again can help.

Rules of this file:

1. The class says whose fault it is; `worth_a_retry` says whether the same call may succeed later.
2. A message says fact, object, remedy, in that order, and can be shown to a person as it is.
3. A frame that is refused is not an error: refusals are values (`ingest.reasons`), because one bad
   frame must never stop the next one.
"""

from __future__ import annotations

from typing import ClassVar


class TidewellError(Exception):
    """Something went wrong in Tidewell; the subclasses say whose fault it is."""

    worth_a_retry: ClassVar[bool] = False


class UsageError(TidewellError):
    """What a person gave us cannot be used: a file, an option, a setting."""


class SettingsError(UsageError):
    """A setting is missing, unknown or wrong."""


class ServerError(TidewellError):
    """A server that we depend on (database, broker) is not as it should be."""


class ServerUnavailableError(ServerError):
    """A server that we depend on did not answer; it may answer later."""

    worth_a_retry = True


class DataFolderInUseError(ServerError):
    """Another Tidewell holds this data folder."""


class LeaseLostError(TidewellError):
    """Another worker took over a shard; what this worker holds in memory is void."""

    worth_a_retry = True


class ChannelError(TidewellError):
    """A message could not be handed to a channel."""


class DeadAddressError(ChannelError):
    """Nobody is behind this address any more; no message should go there again."""


class ChannelUnavailableError(ChannelError):
    """The channel may take the same message later.

    `retry_after_s` is what the provider asked for, if it asked; the caller puts bounds on it.
    """

    worth_a_retry = True

    def __init__(self, message: str, *, retry_after_s: float | None = None) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s


class ChannelSettingsError(ChannelUnavailableError):
    """The provider refuses us and not the message: our key, password or settings are wrong.

    Worth a retry, because somebody may put it right meanwhile; said aloud, because somebody must.
    """
