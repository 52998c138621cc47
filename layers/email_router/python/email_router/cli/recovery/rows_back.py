"""Put the rows of a file back, a hundred at a time: read what stands, decide, write what changes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

from email_router.cli.recovery.merging import Merged, Merging, Outcome
from email_router.cli.recovery.named import named_by
from email_router.cli.recovery.stores import Rows
from email_router.core.grouping import groups
from email_router.core.restoring import RowKind
from email_router.edge.connect.backup_kinds import kind_of
from email_router.edge.connect.dynamodb import ConditionFailed
from email_router.edge.connect.keys import Keys
from email_router.edge.connect.values import Item

AT_ONCE = 16
_BATCH = 100
_ROUNDS = 5
_MOST_MISSING = 1000
_SENT = frozenset({RowKind.OUTGOING, RowKind.EMAIL})


@dataclass(frozen=True, slots=True)
class Missing:
    """A row that names an object which is neither in the bucket nor in the file."""

    kind: RowKind
    row: str
    object: str


@dataclass(slots=True)
class RowsBack:
    """Takes the rows of a file.  `read` returns an object's bytes, `holds` tells whether one is there or will be."""

    keys: Keys
    merging: Merging
    read: Callable[[str], bytes]
    holds: Callable[[str], bool]
    dry: bool
    counts: Counter[tuple[RowKind, Outcome]] = field(default_factory=Counter)
    held: set[str] = field(default_factory=set)
    """Outgoing e-mails of which nobody knows whether they have left, by activity."""

    missing: list[Missing] = field(default_factory=list)

    def put_back(self, rows: Rows, items: Iterable[Item]) -> None:
        """Put these rows of one table back, in their order but for those of one batch."""
        with ThreadPoolExecutor(AT_ONCE) as threads:
            for batch in groups(items, _BATCH):
                stands = rows.several((item["pk"], item["sk"]) for item in batch)
                work = [(item, stands.get((item["pk"], item["sk"]))) for item in batch]
                planned = [(item, there, self._merged(item, there)) for item, there in work]
                for item, merged, lacking in threads.map(lambda one: self._settled(rows, *one), planned):
                    self._note(item, merged)
                    self.missing += lacking[: _MOST_MISSING - len(self.missing)]

    def look(self, item: Item) -> None:
        """Look whether the objects are there that a row names which was put back elsewhere."""
        self.missing += self._lacking(item, None, Merged(Outcome.ADDED))

    def _merged(self, item: Item, stands: Item | None) -> Merged:
        return self.merging.merge(self._kind(item), item, stands)

    def _settled(
        self, rows: Rows, item: Item, stands: Item | None, merged: Merged
    ) -> tuple[Item, Merged, list[Missing]]:
        """Write what was decided; where somebody else wrote the row meanwhile, decide anew.  Return also which objects lack."""
        for _ in range(0 if self.dry else _ROUNDS):
            try:
                self._write(rows, item, merged)
                break
            except ConditionFailed as failed:
                stands = failed.item or rows.get((item["pk"], item["sk"]))
                merged = self._merged(item, stands)
        else:
            merged = merged if self.dry else Merged(Outcome.KEPT)
        return item, merged, self._lacking(item, stands, merged)

    def _write(self, rows: Rows, item: Item, merged: Merged) -> None:
        if merged.new is not None:
            rows.add(merged.new)
        elif merged.fields is not None and merged.guard is not None:
            rows.change((item["pk"], item["sk"]), merged.fields, merged.guard)

    def _note(self, item: Item, merged: Merged) -> None:
        kind = self._kind(item)
        self.counts[kind, merged.outcome] += 1
        if merged.held and kind in _SENT:
            self.held.add(item["pk"].rpartition("#")[2])

    def _lacking(self, item: Item, stands: Item | None, merged: Merged) -> list[Missing]:
        """Return which objects lack that the row names, as it stands now."""
        if merged.outcome is Outcome.SKIPPED:
            return []
        row = stands if stands is not None and merged.outcome in {Outcome.SAME, Outcome.KEPT} else item
        kind = self._kind(item)
        names = named_by(kind, row, self.read)
        return [Missing(kind, f"{item['pk']} {item['sk']}", key) for key in names if not self.holds(key)]

    def _kind(self, item: Item) -> RowKind:
        return kind_of(self.keys, item["pk"], item["sk"])
