"""Remember in memory who fails at a place."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from email_router.core.circuits import AFTERMATH, Circuit
from email_router.core.errors import RouterError


class MemoryCircuits:
    """The circuits of one organisation; `writes` counts what a real store would be asked to write, `reads` what to read."""

    def __init__(self) -> None:
        self._rows: dict[str, Circuit] = {}
        self.writes = 0
        self.reads = 0

    def read(self, place: str) -> Circuit:
        """Return the circuit."""
        self.reads += 1
        return self._rows.get(place, Circuit(place=place))

    def failed(self, place: str, name: str, now: datetime) -> Circuit:
        """Note the failure."""
        self.writes += 1
        before = self._rows.get(place, Circuit(place=place))
        failing = {**before.failing, name: now} if name else before.failing
        self._rows[place] = replace(before, failing=failing, failed=now)
        return self._rows[place]

    def open(self, circuit: Circuit, error: RouterError, now: datetime) -> bool:
        """Open it unless another did."""
        self.writes += 1
        before = self._rows.get(circuit.place, Circuit(place=circuit.place))
        if before.opened != circuit.opened:
            return False
        kept = {name: at for name, at in before.failing.items() if name not in circuit.failing or now - at <= AFTERMATH}
        self._rows[circuit.place] = replace(
            before, failing=kept, failed=now, opened=now, kind=error.kind, text=str(error), mend=error.mend
        )
        return True

    def close(self, circuit: Circuit, now: datetime) -> bool:
        """Close it unless another did."""
        self.writes += 1
        before = self._rows.get(circuit.place, Circuit(place=circuit.place))
        if before.opened != circuit.opened:
            return False
        self._rows[circuit.place] = replace(before, opened=None, closed=now)
        return True

    def all_open(self) -> Sequence[Circuit]:
        """Return those that were opened and not closed."""
        return [one for one in self._rows.values() if one.opened]
