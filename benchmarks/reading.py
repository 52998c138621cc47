"""CPU time of reading a message, as a part of the standard library's with policy.default, and how much each reader finds.

Method of ../shared/performance.md: readers take turns on one core, the median over the rounds of the ratio of each round
counts, and a ratio passes the gate below 1.3 times its target.
"""

from __future__ import annotations

import gc
import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from benchmarks.mails import GENERATOR, foreign, generated, met, met_of_corpora
from benchmarks.readers import BASELINE, READERS, Reader
from email_router.core.limits import Limits
from email_router.core.parse import parse

_ROUNDS = 5
_MAILS = 500
_GATE = 1.3
TARGETS = {"small": 0.20, "full": 0.15}
"""Class of generated mails -> our CPU time, as a part of the baseline's, that is to be reached."""

_LARGE = 60 * 1024 * 1024
_MOST_MEMORY = 4.0


def ratios(mails: Sequence[bytes], readers: Sequence[Reader] = READERS, rounds: int = _ROUNDS) -> dict[str, float]:
    """Return each reader's CPU time divided by the baseline's: the median over the rounds, all on the same mails in turn."""
    measured: dict[str, list[float]] = {one.name: [] for one in readers}
    for _ in range(rounds):
        spent = {one.name: _cpu(one, mails) for one in readers}
        for name, found in measured.items():
            found.append(spent[name] / spent[BASELINE.name])
    return {name: statistics.median(found) for name, found in measured.items()}


def _cpu(reader: Reader, mails: Sequence[bytes]) -> float:
    gc.collect()  # nobody pays for what another left behind
    began = time.process_time()
    for raw in mails:
        reader.read(raw)
    return time.process_time() - began


def peak_memory() -> float:
    """Return how many times its size a mail of 60 MB takes at most, itself included, above what the imports took."""
    done = subprocess.run([sys.executable, "-m", "benchmarks.reading"], capture_output=True, text=True, check=True)
    return float(json.loads(done.stdout)) / _LARGE


def _measure_memory() -> int:
    """Read one mail of 60 MB in this process; return by how many bytes its peak rose."""
    parse(b"From: a@example.com\n\nwarm\n")
    before = _peak()
    parse(_large_mail(), Limits(bytes=_LARGE))
    return _peak() - before


def _large_mail() -> bytes:
    """Make the mail of 60 MB in place: what its making took would count as well."""
    head = b"From: a@example.com\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\ntext\r\n--b\r\n"
    head += b"Content-Type: application/pdf; name=a.pdf\r\nContent-Transfer-Encoding: base64\r\n\r\n"
    line = b"QUJD" * 19 + b"\r\n"
    return b"".join((head, line * ((_LARGE - 1_000) // len(line)), b"--b--\r\n"))


def _peak() -> int:
    status = Path("/proc/self/status").read_text("ascii")
    return int(status.partition("VmHWM:")[2].split()[0]) * 1024


def _pin() -> str:
    """Stay on one core, where the system can do that; return which."""
    if not hasattr(os, "sched_setaffinity"):
        return "any core"
    core = max(os.sched_getaffinity(0))
    os.sched_setaffinity(0, {core})
    return f"core {core}"


def run() -> None:
    """Print the table, the gates and the peak memory."""
    if not GENERATOR.exists():
        print("reading: ../shared/benchmark is not here, it lies beside the project's own checkouts only")
        return
    mails = generated(_MAILS)
    small = [one.raw for one in mails if one.small]
    classes = {"small": small, "full": [one.raw for one in mails], "corpora": foreign()}
    print(f"reading on {_pin()}, {_ROUNDS} rounds: CPU time as a part of policy.default's, expected values found")
    measured = {name: ratios(raws) for name, raws in classes.items()}
    counts = ", ".join(
        f"{name} {len(raws)} mails of {sum(map(len, raws)) / 1e6:.0f} MB" for name, raws in classes.items()
    )
    print(counts)
    print("| reader | small | full | found of generated | corpora | found of corpora |\n|---|---|---|---|---|---|")
    of_corpora = {one.name: met_of_corpora(one) for one in READERS}
    asked = max(wanted for _, wanted in of_corpora.values())  # of a mail that a reader gave up, fewer are counted
    for one in READERS:
        found, wanted = met(one, mails)
        told = of_corpora[one.name][0]
        times = {name: f"{of[one.name]:.3f}" for name, of in measured.items()}
        print(
            f"| {one.name} | {times['small']} | {times['full']} | {found} of {wanted} | {times['corpora']} | {told} of {asked} |"
        )
    for name, target in TARGETS.items():
        print(_verdict(name, measured[name][READERS[0].name], target))
    memory = peak_memory()
    bound = f"bound {_MOST_MEMORY:.0f}: {'within' if memory <= _MOST_MEMORY else 'OVER'}"
    print(f"peak memory of a mail of 60 MB: {memory:.1f} times its size, {bound}")


def _verdict(name: str, ours: float, target: float) -> str:
    reached = "reached" if ours <= target else "missed"
    passed = "within" if ours <= target * _GATE else "OVER"
    return f"{name}: {ours:.3f}, target {target:.2f} {reached}, {passed} the gate of {target * _GATE:.3f}"


if __name__ == "__main__":
    print(json.dumps(_measure_memory()))
