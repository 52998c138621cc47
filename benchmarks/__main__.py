"""Measure and print ratios, each taken in one run: `make bench`, or `python -m benchmarks reading`."""

from __future__ import annotations

import sys

from benchmarks import counts, dataverse, graph, imap, reading, scale, sending, store

BENCHMARKS = {
    "counts": counts.run,
    "dataverse": dataverse.run,
    "graph": graph.run,
    "imap": imap.run,
    "reading": reading.run,
    "scale": scale.run,
    "sending": sending.run,
    "store": store.run,
}


def main() -> int:
    """Run the named benchmarks, or all."""
    wanted = sys.argv[1:] or list(BENCHMARKS)
    unknown = [name for name in wanted if name not in BENCHMARKS]
    if unknown:
        print(f"no benchmark {', '.join(unknown)}; there are {', '.join(BENCHMARKS)}", file=sys.stderr)
        return 2
    for name in wanted:
        BENCHMARKS[name]()
    return 0


if __name__ == "__main__":
    sys.exit(main())
