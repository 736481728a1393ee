"""`python -m bench detect|write|ingest|alerts|api|recovery|portal|nab|faults [--json]`: figures.

A figure of one machine says little, so each is also given as a ratio to a plain piece of work that
was timed in the same run, on one core. A slow machine is no defect; only `nab`, whose figures are
the same everywhere, ends with 1 when one of them is not as it should be; `faults`, which breaks a
whole site of its own on purpose (`--seed N --seconds S`), when a promise was broken with it; and
`ingest`, when a frame was lost or memory grew (`--part overload --seconds 600` alone).
"""

from __future__ import annotations

import argparse
import importlib
import json
import os
import sys
from pathlib import Path
from typing import Any, Final

from bench.measuring import Figures, pin_to_one_core, table
from tidewell.errors import TidewellError
from tidewell.logs import configure_logs

BENCHES: Final = {
    "detect": "bench.detecting",
    "write": "bench.writing",
    "ingest": "bench.ingesting",
    "alerts": "bench.alerting",
    "api": "bench.asking",
    "recovery": "bench.recovering",
    "portal": "bench.paging",
    "nab": "bench.nab",
    "faults": "bench.faults",
}
OPTIONS: Final = {
    "ingest": ("quick", "part", "seconds", "workers"),
    "faults": ("seed", "seconds", "plant", "only", "calm_s", "logs"),
}
"""What they are told; of the others `quick`. What is not given has its default there."""
PARTS_OF_INGEST: Final = ("runs", "growth", "overload", "backfill")
HAVE_PROCESSES: Final = frozenset(
    {"write", "ingest", "alerts", "api", "recovery", "portal", "faults"}
)
"""Benchmarks of several processes, which need all cores."""
THREAD_LIMITS: Final = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")


def main() -> int:
    """Run one benchmark; return 0, 1 for figures that are not as they should be, or 2."""
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("bench", choices=BENCHES)
    parser.add_argument("--json", action="store_true", help="one JSON object, not a table")
    parser.add_argument("--quick", action="store_true", help="few people: does it run at all")
    parser.add_argument("--seed", type=int, default=1, help="faults: which faults, and when")
    parser.add_argument("--seconds", type=float, help="faults and ingest's overload: for how long")
    parser.add_argument("--part", choices=PARTS_OF_INGEST, help="ingest: this alone")
    parser.add_argument(
        "--workers", type=int, default=1, help="ingest: so many processes take frames in"
    )
    parser.add_argument("--plant", help="faults: put this one into the service first")
    parser.add_argument("--only", help="faults: these and no others, with commas between")
    parser.add_argument(
        "--calm-s", type=float, default=150.0, help="faults: wait at most so long after"
    )
    parser.add_argument("--logs", type=Path, help="faults: a folder to keep all logs in")
    chosen = parser.parse_args()
    options = {name: getattr(chosen, name) for name in OPTIONS.get(chosen.bench, ("quick",))}
    if chosen.seconds is None:
        options.pop("seconds", None)
    configure_logs("info", "console", "bench")  # to standard error: the answer stands alone
    try:
        figures = _run(chosen.bench, options)
    except TidewellError as error:
        print(error, file=sys.stderr)
        return 2
    print(json.dumps(figures, indent=2) if chosen.json else table(figures))
    return 1 if figures.get("failures") else 0


def _run(name: str, options: dict[str, Any]) -> Figures:
    """Run a benchmark on one core and one thread.

    NumPy's libraries read their limits when they are loaded, so the modules come after them.
    """
    os.environ.update(dict.fromkeys(THREAD_LIMITS, "1"))
    core = None if name in HAVE_PROCESSES else pin_to_one_core()
    figures: Figures = importlib.import_module(BENCHES[name]).run(**options)
    return {"core": "any" if core is None else core} | figures


if __name__ == "__main__":
    sys.exit(main())
