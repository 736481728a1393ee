"""`python -m bench detect|write|nab [--json] [--quick]`: figures, and what they stand beside.

A figure of one machine says little, so each is also given as a ratio to a plain piece of work that
was timed in the same run, on one core. A slow machine is no defect; only `nab`, whose figures are
the same everywhere, ends with 1 when one of them is not as it should be.
"""

from __future__ import annotations

import argparse
import importlib
import json
import os
import sys
from typing import Final

from bench.measuring import Figures, pin_to_one_core, table
from tidewell.errors import TidewellError

BENCHES: Final = {
    "detect": "bench.detecting",
    "write": "bench.writing",
    "nab": "bench.nab",
}
THREAD_LIMITS: Final = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")


def main() -> int:
    """Run one benchmark; return 0, 1 for figures that are not as they should be, or 2."""
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("bench", choices=BENCHES)
    parser.add_argument("--json", action="store_true", help="one JSON object, not a table")
    parser.add_argument("--quick", action="store_true", help="few people: does it run at all")
    chosen = parser.parse_args()
    try:
        figures = _run(chosen.bench, quick=chosen.quick)
    except TidewellError as error:
        print(error, file=sys.stderr)
        return 2
    print(json.dumps(figures, indent=2) if chosen.json else table(figures))
    return 1 if figures.get("failures") else 0


def _run(name: str, *, quick: bool) -> Figures:
    """Run a benchmark on one core and one thread.

    NumPy's libraries read their limits when they are loaded, so the modules come after them.
    """
    os.environ.update(dict.fromkeys(THREAD_LIMITS, "1"))
    core = pin_to_one_core() if name != "write" else None  # PostgreSQL has processes of its own
    figures: Figures = importlib.import_module(BENCHES[name]).run(quick=quick)
    return {"core": "any" if core is None else core} | figures


if __name__ == "__main__":
    sys.exit(main())
