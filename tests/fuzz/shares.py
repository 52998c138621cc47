"""Read a share of the mutants of a seed and note what was found."""

from __future__ import annotations

import resource
import time
from dataclasses import dataclass, field

from tests.fuzz.mutants import mutant
from tests.fuzz.readers import outcome

SECONDS = 2.0
MEGABYTES = 512


@dataclass(slots=True)
class Report:
    """What a run found; `wrong` is number of the mutant -> what went wrong."""

    seed: int
    read: int = 0
    bytes: int = 0
    cpu: float = 0.0
    worst: tuple[float, int] = (0.0, 0)
    megabytes: int = 0
    wrong: dict[int, str] = field(default_factory=dict)
    slow: dict[int, float] = field(default_factory=dict)

    @property
    def passed(self) -> bool:
        """Tell whether nothing was found."""
        return not self.wrong and not self.slow and self.megabytes < MEGABYTES


def run(seed: int, first: int, step: int, last: int, seconds: float) -> Report:
    """Read the mutants first, first + step … below last; stop early when the seconds are over."""
    report = Report(seed)
    until = time.monotonic() + seconds
    for number in range(first, last, step):
        if time.monotonic() > until:
            break
        raw = mutant(seed, number)
        found = outcome(raw)
        report.read += 1
        report.bytes += len(raw)
        report.cpu += found.seconds
        report.worst = max(report.worst, (found.seconds, number))
        if found.wrong:
            report.wrong[number] = found.wrong
        if found.seconds > SECONDS:
            report.slow[number] = found.seconds
    report.megabytes = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    return report


def together(reports: list[Report]) -> Report:
    """Return one report of all workers; memory is that of the largest."""
    whole = Report(reports[0].seed)
    for one in reports:
        whole.read += one.read
        whole.bytes += one.bytes
        whole.cpu += one.cpu
        whole.worst = max(whole.worst, one.worst)
        whole.megabytes = max(whole.megabytes, one.megabytes)
        whole.wrong |= one.wrong
        whole.slow |= one.slow
    return whole
