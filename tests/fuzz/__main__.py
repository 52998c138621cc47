"""Read broken mails until time or number runs out: `python -m tests.fuzz --n 200000 --seconds 3600 --seed 1`.

Each mutant rests on seed and number alone, so `--first NUMBER --n 1` reads a reported one again, and `--workers` or several machines
with other `--first` share a run.  Uncaught exceptions, more than two seconds of CPU for one mail and more than 512 MB of memory for a worker
are reported, and make the exit code 1.
"""

from __future__ import annotations

import argparse
import multiprocessing
import sys
from collections import Counter

from tests.fuzz.mutants import seeds
from tests.fuzz.shares import MEGABYTES, SECONDS, Report, run, together

_SHOWN = 20


def tell(report: Report) -> None:
    """Print the figures, then each kind of trouble once with the mutants that show it."""
    out = sys.stdout.write
    out(f"seed {report.seed}: {report.read} mutants of {len(seeds())} mails, {report.bytes / 1e6:.0f} MB, ")
    out(f"{report.cpu:.0f} s of CPU, {1000 * report.cpu / max(1, report.read):.1f} ms each\n")
    out(f"uncaught exceptions: {len(report.wrong)}\nover {SECONDS:g} s of CPU: {len(report.slow)}, ")
    out(
        f"the slowest {report.worst[0]:.2f} s (mutant {report.worst[1]})\npeak memory: {report.megabytes} MB of {MEGABYTES}\n"
    )
    kinds = Counter(report.wrong.values())
    for text, times in kinds.most_common(_SHOWN):
        numbers = [number for number, wrong in report.wrong.items() if wrong == text][:5]
        out(f"\n{times} times, mutants {', '.join(map(str, numbers))}:\n{text}\n")


def main() -> int:
    """Run as the arguments say."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.fuzz", description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--n", type=int, default=10_000, help="how many mutants")
    parser.add_argument("--seconds", type=float, default=3600, help="stop after so many seconds")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--first", type=int, default=0, help="number of the first mutant")
    parser.add_argument("--workers", type=int, default=1, help="processes that share the run")
    given = parser.parse_args()
    last = given.first + given.n
    shares = [(given.seed, given.first + own, given.workers, last, given.seconds) for own in range(given.workers)]
    with multiprocessing.get_context("spawn").Pool(given.workers) as pool:
        report = together(pool.starmap(run, shares))
    tell(report)
    return 0 if report.passed else 1


if __name__ == "__main__":
    sys.exit(main())
