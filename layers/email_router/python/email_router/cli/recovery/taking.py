"""Take a backup of one organisation, in an order that keeps it whole although the stack goes on.

Each mailbox's position is read first, then what waits for another try, then the ledger, then the CRM, then the objects.  So whatever a
position of the file has passed, the file knows: as claim or receipt, as a message that waits, or as one set aside.  And every claim of the
file has its e-mail in it, and every row its objects, but those that were removed meanwhile.  What is done while the backup runs may be in it
or not.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from itertools import chain

from email_router.cli.recovery.archiving import ArchiveWriter
from email_router.cli.recovery.named import named_by
from email_router.cli.recovery.records import ABOUT, CRM_ROW, MAILBOX_ROW, ROUTER_ROW, SECRET
from email_router.cli.recovery.stores import stores_of
from email_router.core.errors import ConfigurationError, MailboxBlocked
from email_router.core.restoring import RowKind
from email_router.core.settings import Configuration
from email_router.edge.connect.backup_kinds import kind_of
from email_router.edge.connect.ledger_rows import STATE
from email_router.edge.connect.values import Item
from email_router.edge.stores.retries import PREFIX as RETRY
from email_router.wiring.services import Services

_OF_A_MAILBOX = frozenset({RowKind.MAILBOX, RowKind.RETRY})
_LEFT_OUT = frozenset({RowKind.UNKNOWN, RowKind.PASSING, RowKind.PASSWORD})
_TOLD_EVERY = 500
_TRIES = 3


@dataclass(slots=True)
class Taken:
    """What a backup holds: rows by kind, objects, secrets by name; and what it lacks."""

    organisation: str
    at: datetime
    version: int
    rows: Counter[RowKind] = field(default_factory=Counter)
    objects: int = 0
    secrets: list[str] = field(default_factory=list)
    secrets_missing: list[str] = field(default_factory=list)
    unknown: Counter[str] = field(default_factory=Counter)
    """Rows of kinds that this version does not know, by the first word of their sort keys: they are left out."""


class Backup:
    """Writes one organisation into a file.  Reads only: it may be broken off at any point, and leaves nothing behind."""

    def __init__(
        self, services: Services, configuration: Configuration, writer: ArchiveWriter, tell: Callable[[str], object]
    ) -> None:
        self._services = services
        self._configuration = configuration
        self._writer = writer
        self._tell = tell
        self._stores = stores_of(services, configuration.organisation)
        self._keys = self._stores.keys
        self._written: set[str] = set()

    def take(self, at: datetime, *, with_secrets: bool) -> Taken:
        """Write everything; secrets only when asked for."""
        version = self._configuration
        self._taken = Taken(version.organisation, at, version.version)
        self._writer.json(
            ABOUT, {"organisation": version.organisation, "at": at.isoformat(), "configuration": version.version}
        )
        for mailbox in self._mailboxes():
            self._mailbox(mailbox)
        self._rows(ROUTER_ROW, self._own())
        others = (item for item in self._stores.router.scan() if item["pk"] != self._keys.own)
        self._rows(ROUTER_ROW, (item for item in others if self._kind(item) not in _OF_A_MAILBOX))
        self._rows(CRM_ROW, self._stores.crm.scan())
        for key in self._stores.objects.listed():
            if key not in self._written:
                self._object(key)
        if with_secrets:
            self._secrets()
        return self._taken

    def _mailboxes(self) -> Iterable[str]:
        """Return the mailboxes of every version: what was once served has a position."""
        stored, name = self._services.configurations, self._configuration.organisation
        known = (stored.version(name, number) for number in stored.versions(name))
        return dict.fromkeys(box.key for version in known for box in version.mailboxes)

    def _mailbox(self, mailbox: str) -> None:
        """Write a position, and then what waits in its mailbox: what was settled in between is in the ledger, which comes later."""
        pk = self._keys.mailbox(mailbox)
        state = self._state(pk)
        if state is not None:
            self._rows(MAILBOX_ROW, [state])
            self._rows(MAILBOX_ROW, self._waiting(pk))

    def _state(self, pk: str) -> Item | None:
        """Return a mailbox's state once its position is written, where that is an object: a pass replaces object and row together."""
        state = None
        for _ in range(_TRIES):
            state = self._stores.router.get((pk, STATE))
            if state is None or all(map(self._object, named_by(RowKind.MAILBOX, state))):
                break
        return state

    def _waiting(self, pk: str) -> Iterator[Item]:
        """Yield what waits for another try, each after its bytes were written: these may be gone before their turn."""
        for row in self._stores.router.partition(pk, RETRY):
            self._written |= {key for key in named_by(RowKind.RETRY, row) if self._object(key)}
            yield row

    def _own(self) -> Iterator[Item]:
        """Yield the organisation's own rows, the pointer first: whoever reads the file must know it before the versions."""
        pointer = self._stores.router.get((self._keys.own, "ORG"))
        rest = (item for item in self._stores.router.partition(self._keys.own) if item["sk"] != "ORG")
        return chain([pointer] if pointer else [], rest)

    def _rows(self, record: bytes, rows: Iterable[Item]) -> None:
        for row in rows:
            kind = self._kind(row)
            if kind is RowKind.UNKNOWN:
                self._taken.unknown[row["sk"].partition("#")[0]] += 1
            if kind in _LEFT_OUT:
                continue
            self._writer.row(record, row)
            self._taken.rows[kind] += 1
            if self._taken.rows.total() % _TOLD_EVERY == 0:
                self._tell(f"{self._taken.rows.total()} rows")

    def _object(self, key: str) -> bool:
        """Write an object; False where it was removed meanwhile."""
        pieces = self._stores.objects.pieces(key)
        try:
            first = next(pieces, b"")
        except KeyError:
            return False
        self._writer.object(key, chain([first], pieces))
        self._taken.objects += 1
        if self._taken.objects % _TOLD_EVERY == 0:
            self._tell(f"{self._taken.rows.total()} rows, {self._taken.objects} objects")
        return True

    def _secrets(self) -> None:
        """Write the secrets that the configuration names, and the passwords of single mailboxes."""
        stored, passwords = self._services.secrets, self._services.mailbox_passwords(self._configuration.organisation)
        for name in sorted(_named_secrets(self._configuration)):
            self._secret({"name": name}, name, partial(stored.get, name))
        for box in self._configuration.mailboxes:
            if passwords.has(box.key):
                self._secret({"mailbox": box.key}, f"password of {box.key}", partial(passwords.get, box.key))

    def _secret(self, whose: dict[str, str], called: str, read: Callable[[], str | None]) -> None:
        try:
            text = read()
        except (ConfigurationError, MailboxBlocked):
            text = None
        if text is None:
            self._taken.secrets_missing.append(called)
            return
        self._writer.json(SECRET, {**whose, "text": text})
        self._taken.secrets.append(called)

    def _kind(self, row: Item) -> RowKind:
        return kind_of(self._keys, row["pk"], row["sk"])


def _named_secrets(configuration: Configuration) -> set[str]:
    """Return the names of the secrets that a configuration names."""
    found = {profile.secret for profile in configuration.profiles} | {configuration.crm.options.get("secret", "")}
    return found - {""}
