"""How every benchmark measures: on one core, the best of some runs, told as figures and a table."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from typing import Any, Final

from tidewell.clock import monotonic_s

Figures = dict[str, Any]
"""What a benchmark says: names to numbers, words, lists of words, or more of the same."""

RUNS: Final = 5
"""The best of five: what disturbs a run only ever makes it slower."""


def pin_to_one_core() -> int | None:
    """Keep this process on one core; return which, or None where the machine cannot do that."""
    if not hasattr(os, "sched_setaffinity"):
        return None
    core = max(os.sched_getaffinity(0))  # the first one often serves interrupts
    os.sched_setaffinity(0, {core})
    return core


def seconds_of(work: Callable[[], object]) -> float:
    """Return how long `work` takes, once."""
    started_s = monotonic_s()
    work()
    return monotonic_s() - started_s


def best_s(work: Callable[[], object], runs: int = RUNS) -> float:
    """Return how long `work` takes at its best."""
    return min(seconds_of(work) for _ in range(runs))


def table(figures: Figures) -> str:
    """Return figures as lines for people, one figure each, sections by a blank line."""
    return "\n".join(_lines(figures, ""))


def _lines(figures: Figures, indent: str) -> Iterator[str]:
    width = max((len(name) for name in figures), default=0)
    for name, figure in figures.items():
        if isinstance(figure, dict):
            yield f"{indent}{name.replace('_', ' ')}"
            yield from _lines(figure, indent + "  ")
        else:
            yield f"{indent}{name.replace('_', ' '):<{width}}  {_words(figure)}"


def _words(figure: object) -> str:
    if isinstance(figure, list):
        return "; ".join(str(one) for one in figure) or "none"
    if isinstance(figure, int | float):
        return f"{figure:>14,}"
    return str(figure)
