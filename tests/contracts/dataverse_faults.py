"""Every fault at every call of a delivery to Dataverse, whichever way it is delivered: what a run must still be."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from tests.contracts.dataverse_page import Run
from tests.faults.seam import Fault, faults_of

_ODD = frozenset({Fault.CLOCK_FORWARD, Fault.CLOCK_BACK})
"""The adapter looks at no clock."""


@dataclass(frozen=True)
class Enumeration:
    """All runs of one way to deliver; `make` gives a run with these faults planted."""

    make: Callable[[Mapping[int, Fault]], Run]

    def calls(self) -> list[str]:
        """The calls of a run in which nothing goes wrong."""
        run = self.make({})
        run.play()
        assert list(run.broken_rules()) == []
        return run.seam.calls

    def once(self, prepare: Callable[[Run, Fault], object] = lambda _run, _fault: None) -> tuple[list[str], int]:
        """Play one run for each fault at each call; return what is broken, and how many were played."""
        found, runs = [], 0
        for site, name in enumerate(self.calls()):
            for fault in faults_of(name):
                if fault in _ODD or (fault is Fault.DIES_BEFORE and site):  # it is to die after the call before
                    continue
                run = self.make({site: fault})
                prepare(run, fault)
                run.play()
                runs += 1
                found += [f"{fault.value}, at call {site} ({name}): {one}" for one in run.broken_rules()]
        return found, runs

    def two_deaths(self) -> list[str]:
        """Let a worker die after each call, and the next one half-way there; return what is broken."""
        found = []
        for site in range(len(self.calls())):
            run = self.make({site: Fault.DIES_AFTER})
            run.play_until_death()
            run.play_again({site // 2: Fault.DIES_AFTER})
            found += [f"calls {site} and {site // 2}: {one}" for one in run.broken_rules()]
        return found

    def carried_out_in_part(self, *faults: str) -> tuple[list[str], int]:
        """Let Dataverse refuse everything from each request on; return what is broken, and how many requests a run takes."""
        asked = self.make({})
        asked.play()
        dataverse, found = asked.rig.process, []
        requests = len(dataverse.requests("/api/data/"))
        for done in range(requests):
            run = self.make({})
            dataverse.fault("/api/data/", faults[done % len(faults)], skip=done, times=1000)
            run.play_until_death()
            dataverse.clear_faults()
            run.play_again({})
            found += [f"after {done} requests: {one}" for one in run.broken_rules()]
        return found, requests
