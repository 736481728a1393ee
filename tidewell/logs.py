"""Structured logs: one event, in words, with its facts as keys.

Never logged: names of people, values of readings, secrets. People and devices appear by number.
So an exception is told as its plain traceback, without the values that its functions held: those
may be all of that, and printing long lists of them would stop a server for half a minute.
"""

from __future__ import annotations

import logging
import sys
from typing import Final, Literal

import structlog

Logger = structlog.stdlib.BoundLogger

_BEFORE_WORDS: Final[tuple[structlog.typing.Processor, ...]] = (
    structlog.contextvars.merge_contextvars,
    structlog.processors.add_log_level,
    structlog.processors.TimeStamper(fmt="iso", utc=True),
    structlog.processors.format_exc_info,
)


def configure_logs(level: str, log_format: Literal["console", "json"], part: str) -> None:
    """Send every log line of this process to standard error, marked with the part of Tidewell."""
    renderer: structlog.typing.Processor = (
        structlog.processors.JSONRenderer() if log_format == "json" else _console()
    )
    structlog.configure(
        processors=[*_BEFORE_WORDS, renderer],
        wrapper_class=structlog.make_filtering_bound_logger(
            logging.getLevelNamesMapping()[level.upper()]
        ),
        logger_factory=structlog.WriteLoggerFactory(file=sys.stderr),
        cache_logger_on_first_use=True,
    )
    structlog.contextvars.bind_contextvars(part=part)
    logging.basicConfig(
        level=logging.WARNING,
        stream=sys.stderr,
        format=f"%(levelname)s {part} %(name)s: %(message)s",
    )


def get_logger() -> Logger:
    """Return the logger of this process."""
    logger: Logger = structlog.get_logger()
    return logger


def _console() -> structlog.typing.Processor:
    return structlog.dev.ConsoleRenderer(
        colors=False, exception_formatter=structlog.dev.plain_traceback
    )


def reset_logs() -> None:
    """Log as whoever has not said how: a script, a test, a process before `configure_logs`.

    They tell an exception as plainly; structlog by itself would print all that the functions held.
    """
    structlog.reset_defaults()
    structlog.configure(processors=[*_BEFORE_WORDS, _console()], cache_logger_on_first_use=False)


reset_logs()
