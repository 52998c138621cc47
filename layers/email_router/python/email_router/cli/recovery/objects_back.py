"""Put objects back into the data bucket where they lack: those that stand are never written over."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import chain

from email_router.cli.recovery.merging import Outcome
from email_router.cli.recovery.stores import Objects
from email_router.core.ports import BlobStore

AT_ONCE = 16
SMALL = 1024 * 1024
"""Objects up to this size are put back several at a time; a larger one streams through alone."""


@dataclass(slots=True)
class ObjectsBack:
    """Takes the objects of a file.  `lacking` are keys that a dry run would have put back."""

    objects: Objects
    blobs: BlobStore
    dry: bool
    counts: Counter[Outcome] = field(default_factory=Counter)
    lacking: set[str] = field(default_factory=set)

    def put_back(self, found: Iterable[tuple[str, Iterator[bytes]]]) -> None:
        """Put back what lacks, in constant memory."""
        held: list[tuple[str, bytes]] = []
        with ThreadPoolExecutor(AT_ONCE) as threads:
            for key, pieces in found:
                start = next(pieces, b"")
                more = next(pieces, b"") if len(start) < SMALL else b""
                if len(start) < SMALL and not more:
                    held.append((key, start))
                else:
                    self._note(key, self._put(key, chain([start, more], pieces)))
                if len(held) == AT_ONCE:
                    self._small(threads, held)
            self._small(threads, held)

    def holds(self, key: str) -> bool:
        """Tell whether the object is there, or would be."""
        return key in self.lacking or self.objects.holds(key)

    def _small(self, threads: ThreadPoolExecutor, held: list[tuple[str, bytes]]) -> None:
        for (key, _), outcome in zip(held, threads.map(lambda one: self._put(one[0], [one[1]]), held), strict=True):
            self._note(key, outcome)
        held.clear()

    def _put(self, key: str, pieces: Iterable[bytes]) -> Outcome:
        if self.objects.holds(key):
            return Outcome.SAME
        if not self.dry:
            self.blobs.put_stream(key, pieces)
        return Outcome.ADDED

    def _note(self, key: str, outcome: Outcome) -> None:
        self.counts[outcome] += 1
        if self.dry and outcome is Outcome.ADDED:
            self.lacking.add(key)
