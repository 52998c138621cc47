"""What the simulated tenant holds: applications, mailboxes, folders, messages, and what happened to them."""

from __future__ import annotations

import base64
import hashlib
import threading
import uuid
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email import message_from_bytes, policy
from email.message import EmailMessage
from functools import cached_property, lru_cache
from typing import Any

from tests.simulators.graph.http import GraphFailure
from tests.simulators.graph.subscriptions import Subscriptions

TENANT = "5b0c1f0e-3b0a-4a57-9f55-0c8a8a3f4c11"
CLIENT = "0d6e7a52-7c35-4d0e-9d0e-6b1f6b5f8c22"
SECRET = "graph~simulator~secret"

WELL_KNOWN = {
    "msgfolderroot": "Top of Information Store",
    "inbox": "Inbox",
    "archive": "Archive",
    "deleteditems": "Deleted Items",
    "drafts": "Drafts",
    "junkemail": "Junk Email",
    "outbox": "Outbox",
    "sentitems": "Sent Items",
}


@lru_cache(maxsize=100_000)
def opaque(kind: str, *parts: object) -> str:
    """Return an id that looks like Exchange's: `kind` tells default (AAMk), immutable (AAkA) and folder (AQMk) ids apart."""
    digest = hashlib.sha256("/".join(str(part) for part in parts).encode()).digest() * 3
    return kind + base64.urlsafe_b64encode(digest[:86]).decode().rstrip("=") + "A="


@dataclass
class Application:
    """A registered application: its secrets, those that have expired, and its certificates (PEM)."""

    client_id: str
    secrets: set[str] = field(default_factory=set)
    expired: set[str] = field(default_factory=set)
    certificates: list[str] = field(default_factory=list)
    enabled: bool = True


@dataclass
class Folder:
    """A mail folder."""

    id: str
    name: str
    parent: str | None
    well_known: str = ""


RECEIPTS = ("isDeliveryReceiptRequested", "isReadReceiptRequested")


@dataclass
class Item:
    """A message in a folder.  `moves` changes its default id, never the immutable one; numbers are of the mailbox's change log.

    `asks` names the receipts that its sender asked for.
    """

    mailbox: str
    number: int
    raw: bytes
    folder: str
    received: datetime
    arrived: int
    changed: int
    is_read: bool = False
    is_draft: bool = False
    moves: int = 0
    extended: dict[str, str] = field(default_factory=dict)
    written: dict[str, Any] = field(default_factory=dict)
    asks: set[str] = field(default_factory=set)
    attachments: list[dict[str, Any]] = field(default_factory=list)

    @property
    def id(self) -> str:
        return opaque("AAMk", self.mailbox, self.number, self.moves)

    @property
    def immutable_id(self) -> str:
        return opaque("AAkA", self.mailbox, self.number)

    @cached_property
    def message(self) -> EmailMessage:
        return message_from_bytes(self.raw, policy=policy.default)

    def rewrite(self, raw: bytes) -> None:
        """Replace the message's bytes."""
        self.raw = raw
        self.__dict__.pop("message", None)


@dataclass(frozen=True)
class Removal:
    """A message that left a folder."""

    at: int
    folder: str
    id: str
    immutable_id: str


class Mailbox:
    """One mailbox.  `state` is ok, denied, disabled, missing or full."""

    def __init__(self, address: str) -> None:
        self.address = address
        self.user = str(uuid.uuid5(uuid.NAMESPACE_DNS, address.lower()))
        self.state = "ok"
        self.clock = 0
        self.items: list[Item] = []
        self.removals: list[Removal] = []
        self.folders: list[Folder] = []
        self.rules: list[dict[str, Any]] = []
        root = self._root()
        for name, shown in WELL_KNOWN.items():
            if name != "msgfolderroot":
                self.folders.append(Folder(opaque("AQMk", address, name), shown, root, name))

    def _root(self) -> str:
        root = Folder(opaque("AQMk", self.address, "root"), WELL_KNOWN["msgfolderroot"], None, "msgfolderroot")
        self.folders.append(root)
        return root.id

    def folder(self, name: str) -> Folder:
        """Find a folder by id or well-known name."""
        for folder in self.folders:
            if folder.id == name or (folder.well_known and folder.well_known == name.lower()):
                return folder
        raise GraphFailure(404, "ErrorItemNotFound", "The specified object was not found in the store.")

    def item(self, item_id: str) -> Item:
        """Find a message by its default or immutable id (both are case-sensitive)."""
        for item in self.items:
            if item_id in {item.id, item.immutable_id}:
                return item
        raise GraphFailure(
            404,
            "ErrorItemNotFound",
            "The specified object was not found in the store., The process failed to get the correct properties.",
        )

    def tick(self) -> int:
        """Return the next number of the change log."""
        self.clock += 1
        return self.clock

    def add(
        self,
        raw: bytes,
        folder: str = "inbox",
        received: datetime | None = None,
        *,
        is_read: bool = False,
        is_draft: bool = False,
    ) -> Item:
        """Put a message into a folder."""
        now = self.tick()
        moment = (received or datetime.now(UTC)).replace(microsecond=0)
        item = Item(self.address, now, raw, self.folder(folder).id, moment, now, now, is_read, is_draft)
        self.items.append(item)
        return item

    def remove(self, item: Item) -> None:
        """Remove a message for good."""
        self.items.remove(item)
        self._left(item)

    def move(self, item: Item, folder: str) -> None:
        """Move a message: its default id changes."""
        destination = self.folder(folder).id
        self._left(item)
        item.folder = destination
        item.moves += 1
        item.arrived = item.changed = self.tick()

    def touch(self, item: Item) -> None:
        """Note that a message changed."""
        item.changed = self.tick()

    def _left(self, item: Item) -> None:
        self.removals.append(Removal(self.tick(), item.folder, item.id, item.immutable_id))

    def listed(self, folder: str) -> Iterable[Item]:
        """Return the messages of a folder in the order of their arrival."""
        return sorted((item for item in self.items if item.folder == folder), key=lambda item: item.arrived)


class World:
    """Everything, under one lock."""

    def __init__(self) -> None:
        self.lock = threading.RLock()
        self.tenant = TENANT
        self.token_seconds = 3599
        self.applications = {CLIENT: Application(CLIENT, {SECRET})}
        self.mailboxes: dict[str, Mailbox] = {}
        self.tokens: dict[str, float] = {}
        self.sync_floor = 0
        """Delta tokens of rounds numbered lower have expired."""
        self.sync_round = 0
        self.filter_limit = 5000
        self.sends_a_minute = 30
        self.sends: dict[str, list[float]] = {}
        self.outside: list[tuple[str, bytes]] = []
        """What left for addresses that have no mailbox here, each with its address."""
        self.uploads: dict[str, dict[str, Any]] = {}
        self.quirks: set[str] = set()
        self.subscriptions = Subscriptions()

    def open(self, address: str) -> Mailbox:
        """Return the mailbox for a control call, made where it is new."""
        return self.mailboxes.setdefault(address.lower(), Mailbox(address))

    def mailbox(self, user: str) -> Mailbox:
        """Return the mailbox that a request means, by address or user id, with Exchange's refusals."""
        found = self.mailboxes.get(user.lower())
        if found is None:
            found = next((box for box in self.mailboxes.values() if box.user == user.lower()), None)
        if found is None or found.state == "missing":
            raise GraphFailure(404, "ErrorInvalidUser", f"The requested user '{user}' is invalid.")
        if found.state == "denied":
            raise GraphFailure(403, "ErrorAccessDenied", "Access is denied. Check credentials and try again.")
        if found.state == "disabled":
            raise GraphFailure(
                404,
                "MailboxNotEnabledForRESTAPI",
                "The mailbox is either inactive, soft-deleted, or is hosted on-premise.",
            )
        return found
