"""Put a backup back, part by part: objects, then rows, then mailboxes' positions.

The file is proven whole before anything is changed.  Every write is conditional on what stands, so the command may be broken off and given
again, and may run while the functions do.  Rows come before positions: no pass ever stands at a position whose ledger is still on its way.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from email_router.cli.recovery.archive import Archive
from email_router.cli.recovery.mailboxes import CURSORS, Mailboxes
from email_router.cli.recovery.merging import Merging, Outcome, Wishes
from email_router.cli.recovery.objects_back import ObjectsBack
from email_router.cli.recovery.records import CRM_ROW, MAILBOX_ROW, OBJECT, PIECE, ROUTER_ROW, object_key, row_of
from email_router.cli.recovery.rows_back import Missing, RowsBack
from email_router.cli.recovery.secrets_back import put_secrets_back
from email_router.cli.recovery.stores import Stores, stores_of
from email_router.core.errors import ConfigurationError
from email_router.core.mailbox import Direction
from email_router.core.restoring import CursorRuling, RowKind
from email_router.core.settings import Configuration
from email_router.edge.connect.backup_kinds import kind_of
from email_router.edge.connect.keys import Keys
from email_router.edge.connect.values import Item
from email_router.edge.stores.configurations import decode_configuration
from email_router.wiring.services import Services


@dataclass(slots=True, kw_only=True)
class Restored:
    """What a restore did, or a dry run would have done; `configuration` is the one that was in force when the file was made.

    `unscheduled` are the partition keys of mailboxes that are on no schedule.
    """

    organisation: str
    made: datetime
    rows: Mapping[tuple[RowKind, Outcome], int]
    objects: Mapping[Outcome, int]
    cursors: Mapping[str, CursorRuling]
    held: tuple[str, ...]
    missing: tuple[Missing, ...]
    unscheduled: frozenset[str]
    configuration: Configuration | None
    secrets: Mapping[str, Outcome]


class Restore:
    """Puts one file back into one organisation's stores; `dry` changes nothing."""

    def __init__(self, stores: Stores, archive: Archive, wishes: Wishes, now: datetime, *, dry: bool = False) -> None:
        about = archive.about()
        self._stores, self._archive, self._keys = stores, archive, stores.keys
        self._made, self._version = datetime.fromisoformat(about["at"]), int(about["configuration"])
        self._objects = ObjectsBack(stores.objects, stores.blobs, dry)
        merging = Merging(wishes, self._made, now)
        self._rows = RowsBack(self._keys, merging, stores.blobs.get, self._objects.holds, dry)
        self._mailboxes = Mailboxes(stores.router, stores.blobs, self._keys, wishes, now, dry)
        self._parts: list[bytes] = []

    def run(self, tell: Callable[[str], object] = lambda _text: None) -> Restored:
        """Put everything back.  Raises ConfigurationError, before the first change, where the file is not whole."""
        tell("reading the file")
        self._archive.check()
        tell("objects")
        self._objects.put_back(one for one in self._archive.objects() if not one[0].startswith(CURSORS))
        tell("rows")
        self._ledger()
        self._rows.put_back(self._stores.crm, self._items(CRM_ROW))
        tell("mailboxes")
        self._positions()
        retries = {(RowKind.RETRY, outcome): count for outcome, count in self._mailboxes.retries.items()}
        return Restored(
            organisation=self._stores.organisation,
            made=self._made,
            rows=Counter(self._rows.counts) + Counter(retries),
            objects=self._objects.counts,
            cursors=self._mailboxes.cursors,
            held=tuple(sorted(self._rows.held)),
            missing=tuple(self._rows.missing),
            unscheduled=frozenset(self._mailboxes.unscheduled),
            configuration=decode_configuration(b"".join(self._parts)) if self._parts else None,
            secrets={},
        )

    def _items(self, record: bytes) -> Iterator[Item]:
        return (row_of(content) for _, content in self._archive.records(record))

    def _ledger(self) -> None:
        """Put back the table router, all but the mailboxes; the pointer, which is its first row, is written before the others."""
        items = self._noted(self._items(ROUTER_ROW))
        first = next(items, None)
        if first is not None:
            self._rows.put_back(self._stores.router, [first])
        self._rows.put_back(self._stores.router, items)

    def _noted(self, items: Iterator[Item]) -> Iterator[Item]:
        """Yield the rows, and keep the parts of the configuration that was in force."""
        start = f"CONFIGURATION#{self._version:08d}#"
        for item in items:
            if item["pk"] == self._keys.own and item["sk"].startswith(start):
                self._parts.append(item["part"])
            yield item

    def _positions(self) -> None:
        """Put mailboxes back one after the other."""
        key = ""
        for record, content in self._archive.records(MAILBOX_ROW, OBJECT, PIECE):
            if record == MAILBOX_ROW:
                self._of_mailbox(row_of(content))
            elif record == OBJECT:
                key = object_key(content)
            elif key.startswith(CURSORS):
                self._mailboxes.piece(key, content)
        self._mailboxes.finish()

    def _of_mailbox(self, item: Item) -> None:
        if kind_of(self._keys, item["pk"], item["sk"]) is RowKind.MAILBOX:
            self._mailboxes.state(item)
        elif self._mailboxes.retry(item):
            self._rows.look(item)


def put_back(
    services: Services,
    archive: Archive,
    wishes: Wishes,
    now: datetime,
    *,
    dry: bool = False,
    tell: Callable[[str], object] = lambda _text: None,
) -> Restored:
    """Put a file back into a stack: the stores, the schedule of mailboxes that are polled there, and secrets where they are asked for."""
    name = str(archive.about()["organisation"])
    done = Restore(stores_of(services, name), archive, wishes, now, dry=dry).run(tell)
    if not dry:
        _schedule(services, done)
    if not wishes.secrets:
        return done
    return replace(done, secrets=put_secrets_back(services, name, archive, passwords=wishes.passwords, dry=dry))


def _schedule(services: Services, done: Restored) -> None:
    """Put mailboxes on the schedule that came back without it, where they are polled."""
    try:
        configuration = services.configurations.current(done.organisation)
    except ConfigurationError:
        return  # nothing is published here yet: publishing schedules
    states, keys = services.states(done.organisation), Keys(done.organisation)
    for box in configuration.mailboxes:
        profile = configuration.profile(box.incoming, Direction.INCOMING)
        if profile and keys.mailbox(box.key) in done.unscheduled:
            states.schedule(box.key, profile.minimum_polling_interval, profile.maximum_polling_interval)
