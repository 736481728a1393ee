"""`python -m bench nab`: a robust detector on the Numenta Anomaly Benchmark, scored as standard.

A regression figure and nothing more: the corpus is machines, not people, and thresholds are fitted
to it. In the same run stand detectors whose scores are known: no alarm (0), the first point of
every window (100), chance, and Windowed Gaussian, whose published figures our scoring has to
repeat. The run fails when it does not, or when a figure falls below its bar.

The series are not part of the project: setting `TIDEWELL_DATA` says where the folder is that holds
`nab/nab_data.tar.gz`.
"""

from __future__ import annotations

import json
import os
import tarfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from bench.measuring import Figures
from bench.nab_detectors import robust, windowed_gaussian
from bench.nab_scoring import PROFILES, Result, Series, score_corpus
from tidewell.clock import monotonic_s
from tidewell.errors import UsageError

ARCHIVE: Final = Path("nab", "nab_data.tar.gz")
LABELS: Final = "labels/combined_windows.json"
SECOND_LETTERS: Final = len("2014-02-26 22:05:00")
"""Labels are written to the microsecond, points to the second."""

BARS: Final = {"standard": 45.0, "reward_low_fp": 38.0, "reward_low_fn": 50.0}
PUBLISHED_GAUSSIAN: Final = {"standard": 39.6, "reward_low_fp": 20.9, "reward_low_fn": 47.4}
"""The scoreboard of the benchmark's own repository; one digit behind the point is all it says."""
PUBLISHED_WITHIN: Final = 0.1
CHANCE_SEED: Final = 1

Scores = list[NDArray[np.float64]]


def run(*, quick: bool = False) -> Figures:
    """Return the scores of all detectors, and what is wrong with them under `failures`.

    Args:
        quick: leave out chance, which says nothing about a regression.
    """
    corpus = load_corpus(data_folder())
    detectors: dict[str, Callable[[Sequence[Series]], Scores]] = {
        "robust": lambda known: robust([one.values for one in known]),
        "windowed_gaussian": lambda known: [windowed_gaussian(one.values) for one in known],
        "null": lambda known: [np.zeros(len(one.values)) for one in known],
        "perfect": _perfect,
    }
    if not quick:
        detectors["chance"] = _chance
    rows = {name: _row(corpus, detector) for name, detector in detectors.items()}
    return {
        "corpus": {
            "series": len(corpus),
            "points": sum(len(one.values) for one in corpus),
            "windows": sum(len(one.windows) for one in corpus),
        },
        **rows,
        "published_windowed_gaussian": PUBLISHED_GAUSSIAN,
        "bars": BARS,
        "failures": _failures(rows),
    }


def data_folder() -> Path:
    """Return the folder of recorded data: `TIDEWELL_DATA`, or `shared/data` beside the checkout."""
    default = Path(__file__).parents[2] / "shared" / "data"
    return Path(os.environ.get("TIDEWELL_DATA") or default)


def load_corpus(folder: Path) -> list[Series]:
    """Return the series of the benchmark with their labelled windows.

    Raises:
        UsageError: the archive is not there, or is not one.
    """
    path = folder / ARCHIVE
    try:
        with tarfile.open(path) as archive:
            labels = json.loads(_member(archive, LABELS))
            return [
                _series(name, _member(archive, f"data/{name}"), labels[name]) for name in labels
            ]
    except (OSError, tarfile.TarError, KeyError, ValueError) as error:
        raise UsageError(
            f"cannot read the benchmark in {path} ({type(error).__name__});"
            f" TIDEWELL_DATA names the folder that holds {ARCHIVE}"
        ) from None


def _member(archive: tarfile.TarFile, name: str) -> str:
    file = archive.extractfile(name)
    if file is None:
        raise KeyError(name)
    return file.read().decode()


def _series(name: str, text: str, windows: list[list[str]]) -> Series:
    points = [line.split(",") for line in text.splitlines()[1:]]
    place: dict[str, int] = {}
    for number, (time, _) in enumerate(points):
        place.setdefault(time, number)  # an hour that was lived twice counts from its first time
    return Series(
        name,
        np.array([float(value) for _, value in points]),
        tuple(
            (place[first[:SECOND_LETTERS]], place[last[:SECOND_LETTERS]]) for first, last in windows
        ),
    )


def _perfect(corpus: Sequence[Series]) -> Scores:
    scores = [np.zeros(len(one.values)) for one in corpus]
    for one, score in zip(corpus, scores, strict=True):
        score[[first for first, _ in one.windows]] = 1.0
    return scores


def _chance(corpus: Sequence[Series]) -> Scores:
    rng = np.random.default_rng(CHANCE_SEED)
    return [rng.random(len(one.values)) for one in corpus]


def _row(corpus: Sequence[Series], detector: Callable[[Sequence[Series]], Scores]) -> Figures:
    started_s = monotonic_s()
    scores = detector(corpus)
    took_s = monotonic_s() - started_s
    results = {profile.name: score_corpus(corpus, scores, profile) for profile in PROFILES}
    row: Figures = {name: round(result.score, 2) for name, result in results.items()}
    return row | _found(results["standard"]) | {"seconds": round(took_s, 2)}


def _found(result: Result) -> Figures:
    return {"windows_found": result.windows_found, "false_alarms": result.false_alarms}


def _failures(rows: dict[str, Figures]) -> list[str]:
    """Return what must not be: a score below its bar, or a known score that is not repeated."""
    known = {
        "windowed_gaussian": PUBLISHED_GAUSSIAN,
        "null": dict.fromkeys(BARS, 0.0),
        "perfect": dict.fromkeys(BARS, 100.0),
    }
    low = [
        f"robust, {profile}: {rows['robust'][profile]} is below {bar}"
        for profile, bar in BARS.items()
        if rows["robust"][profile] < bar
    ]
    unlike = [
        f"{name}, {profile}: {rows[name][profile]} is not the known {score}"
        for name, scores in known.items()
        for profile, score in scores.items()
        if abs(rows[name][profile] - score) > PUBLISHED_WITHIN
    ]
    return low + unlike
