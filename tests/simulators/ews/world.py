"""What the simulated Exchange holds: mailboxes, folders, items, and a log of changes that sync states point into."""

from __future__ import annotations

import itertools
import threading
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email import message_from_bytes
from email.utils import getaddresses
from typing import Any

from tests.simulators.ews import rules

PASSWORD = "Correct-Horse-9"
SERVICE = "CONTOSO\\router"
TOKEN = "token-of-the-simulator"
WELL_KNOWN = {
    "root": "",
    "msgfolderroot": "Top of Information Store",
    "inbox": "Inbox",
    "drafts": "Drafts",
    "sentitems": "Sent Items",
    "deleteditems": "Deleted Items",
    "outbox": "Outbox",
    "junkemail": "Junk Email",
}
_numbers = itertools.count(1)


class EwsFailure(Exception):
    """An answer with ResponseClass Error."""

    def __init__(self, code: str, text: str = "", values: dict[str, str] | None = None) -> None:
        super().__init__(code)
        self.code = code
        self.text = text or f"The request failed with {code}."
        self.values = values or {}


@dataclass
class Item:
    """A message; its id changes when it is moved."""

    raw: bytes
    received: datetime
    id: str = field(default_factory=lambda: f"AAMkAD+/{next(_numbers):07d}=")
    version: int = 1
    is_read: bool = False
    is_draft: bool = False
    properties: dict[str, str] = field(default_factory=dict)
    created: datetime = field(default_factory=lambda: datetime.now(UTC))

    @property
    def key(self) -> str:
        return f"CQAAA{self.version:04d}"

    @property
    def message_id(self) -> str:
        return str(message_from_bytes(self.raw).get("message-id", ""))

    @property
    def subject(self) -> str:
        return str(message_from_bytes(self.raw).get("subject", ""))


@dataclass
class Folder:
    """A folder with its items in their order and every change that was made to it."""

    name: str
    known: str = ""
    parent: str = "msgfolderroot"
    id: str = field(default_factory=lambda: f"AAMkFO{next(_numbers):06d}=")
    items: list[Item] = field(default_factory=list)
    log: list[tuple[str, str]] = field(default_factory=list)
    """(Create | Update | Delete | ReadFlagChange, item id)."""

    def add(self, item: Item) -> Item:
        self.items.append(item)
        self.log.append(("Create", item.id))
        return item

    def take(self, item: Item) -> None:
        self.items.remove(item)
        self.log.append(("Delete", item.id))


@dataclass
class Box:
    """One mailbox."""

    address: str
    state: str = ""
    """An error code that every request for it gets, or nothing."""
    folders: list[Folder] = field(default_factory=lambda: [Folder(name, known) for known, name in WELL_KNOWN.items()])
    rules: list[rules.Rule] = field(default_factory=list)
    outlook_rules: bool = False
    """Whether Outlook keeps rules of its own here."""

    def folder(self, name: str) -> Folder:
        """Find by well-known name, id or display name."""
        for one in self.folders:
            if name in {one.known, one.id}:
                return one
        for one in self.folders:
            if one.name == name:
                return one
        raise EwsFailure("ErrorFolderNotFound", "The specified folder could not be found in the store.")

    def find(self, item_id: str) -> tuple[Folder, Item]:
        for folder in self.folders:
            for item in folder.items:
                if item.id == item_id:
                    return folder, item
        raise EwsFailure("ErrorItemNotFound", "The specified object was not found in the store.")

    def move(self, item_id: str, target: Folder) -> Item:
        folder, item = self.find(item_id)
        folder.take(item)
        moved = Item(item.raw, item.received, is_read=item.is_read, is_draft=item.is_draft, properties=item.properties)
        return target.add(moved)


class World:
    """All mailboxes, what left for elsewhere, and how the server behaves."""

    def __init__(self) -> None:
        self.lock = threading.RLock()
        self.boxes: dict[str, Box] = {}
        self.outside: list[tuple[str, bytes]] = []
        self.epoch = 1
        self.unique_priorities = False
        self.schema = "Exchange2016"
        self.tokens = {TOKEN}
        self.impersonators = {"router", "app"}
        self.faults: list[dict[str, Any]] = []
        self.exchanges: list[dict[str, Any]] = []
        self.witnessed: list[dict[str, Any]] | None = None
        """What was said since a test held it to the schema; None where no test does."""

    def takes(self, token: str) -> bool:
        """Tell whether a token is good; one that is known with * at its end stands for all that begin so."""
        return any(token == one or (one.endswith("*") and token.startswith(one[:-1])) for one in self.tokens)

    def box(self, address: str, *, make: bool = False) -> Box:
        found = self.boxes.get(address.lower())
        if found is None:
            if not make:
                raise EwsFailure("ErrorNonExistentMailbox", "The SMTP address has no mailbox associated with it.")
            found = self.boxes[address.lower()] = Box(address.lower())
        if found.state and not make:
            raise EwsFailure(found.state)
        return found

    def put(self, address: str, raw: bytes, folder: str = "inbox", received: str = "") -> Item:
        moment = datetime.fromisoformat(received) if received else datetime.now(UTC)
        box = self.box(address, make=True)
        item = box.folder(folder).add(Item(raw, moment))
        if folder == "inbox":
            rules.arrive(self, box, item)
        return item

    def deliver(self, item: Item) -> None:
        """Send a draft to whom its header names; the blind copies are taken out, as Exchange does."""
        mail = message_from_bytes(item.raw)
        named = [text for name in ("to", "cc", "bcc") for text in mail.get_all(name, [])]
        recipients = [address.lower() for _, address in getaddresses(named) if address]
        if not recipients:
            raise EwsFailure("ErrorInvalidRecipients", "At least one recipient isn't valid.")
        lines = item.raw.partition(b"\r\n\r\n")
        header, skipping = [], False
        for line in lines[0].split(b"\r\n"):
            skipping = line.lower().startswith(b"bcc:") or (skipping and line[:1] in b" \t")
            if not skipping:
                header.append(line)
        raw = b"\r\n".join(header) + lines[1] + lines[2]
        for address in recipients:
            if address in self.boxes:
                self.put(address, raw)
            else:
                self.outside.append((address, raw))
