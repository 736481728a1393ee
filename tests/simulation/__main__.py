"""Run the simulation by hand: many seeds, or one again.

`python -m tests.simulation --seeds 2000` runs many and prints the seeds that fail;
`python -m tests.simulation --seed 17` runs one again, step for step as before.
"""

from __future__ import annotations

import argparse
import gc
import sys
import time
from collections import Counter
from collections.abc import Sequence
from typing import Final

from tests.simulation.script import whole_run
from tests.simulation.world import Outcome, installed, run_seed

SEEDS_BETWEEN_COLLECTIONS: Final = 20


def run_seeds(seeds: Sequence[int]) -> list[Outcome]:
    """Run seeds one after the other."""
    outcomes = []
    with installed():
        for place, seed in enumerate(seeds):
            if place % SEEDS_BETWEEN_COLLECTIONS == 0:
                gc.collect()
            gc.disable()  # a run is full of circles, and looking for them takes a fifth of its time
            outcomes.append(run_seed(seed, whole_run))
            gc.enable()
    return outcomes


def say(line: str) -> None:
    """Write a line for whoever runs this by hand."""
    sys.stdout.write(line + "\n")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run what is asked for; return 0 if every promise held."""
    parser = argparse.ArgumentParser(prog="python -m tests.simulation", description=__doc__)
    parser.add_argument("--seed", type=int, help="run this seed only")
    parser.add_argument("--seeds", type=int, default=300, help="how many seeds (default: 300)")
    parser.add_argument("--first", type=int, default=0, help="the first seed (default: 0)")
    given = parser.parse_args(arguments)
    seeds = (
        [given.seed] if given.seed is not None else range(given.first, given.first + given.seeds)
    )
    started_s, started_cpu_s = time.perf_counter(), time.process_time()
    results = run_seeds(seeds)
    took_s, cpu_s = time.perf_counter() - started_s, time.process_time() - started_cpu_s
    failed = [one for one in results if one.problem is not None]
    for one in failed:
        say(f"seed {one.seed}: {one.problem}")
        say(f"    again: python -m tests.simulation --seed {one.seed}")
    total: Counter[str] = Counter()
    for one in results:
        total.update(one.counts)
    if given.seed is not None:
        say("\n".join(results[0].story))
        say(f"trace {results[0].trace}")
    say(", ".join(f"{what} {count}" for what, count in sorted(total.items())))
    say(f"{len(results)} seeds, {len(failed)} failed, {took_s:.1f} s, {cpu_s:.1f} s of one core")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
