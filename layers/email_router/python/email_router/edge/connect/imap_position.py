"""How far the folders of an IMAP mailbox have been read, and which message a source id names."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from hashlib import blake2b

_MARK = 12


@dataclass(frozen=True, slots=True)
class Folder:
    """What the server tells of a folder: UIDVALIDITY, the UID that the next message will get (None: not told), how many messages."""

    name: str
    validity: int
    next: int | None
    messages: int


@dataclass(frozen=True, slots=True)
class Place:
    """One message: its folder, the folder's UIDVALIDITY, its UID.  As text it is the source id: folder/UIDVALIDITY.UID."""

    folder: str
    validity: int
    uid: int

    @classmethod
    def of(cls, source_id: str) -> Place | None:
        """Read a source id; None for one that is no IMAP source's."""
        folder, _, numbers = source_id.rpartition("/")
        validity, _, uid = numbers.partition(".")
        if not (folder and validity.isascii() and validity.isdigit() and uid.isascii() and uid.isdigit()):
            return None
        return cls(folder, int(validity), int(uid))

    def __str__(self) -> str:
        return f"{self.folder}/{self.validity}.{self.uid}"


@dataclass(frozen=True, slots=True)
class Cursor:
    """UIDVALIDITY and highest UID read of each folder."""

    folders: Mapping[str, tuple[int, int]] = field(default_factory=dict)

    @classmethod
    def of(cls, cursor: bytes) -> Cursor:
        """Read a position's cursor; one of another kind of source means: never read (the ledger knows what was delivered)."""
        try:
            table = json.loads(cursor or b"{}")
            return cls({str(name): (int(validity), int(highest)) for name, (validity, highest) in table.items()})
        except (ValueError, TypeError, AttributeError):
            return cls()

    def encode(self) -> bytes:
        """Return the bytes that a position keeps."""
        return json.dumps(self.folders, ensure_ascii=False, separators=(",", ":")).encode()

    def highest(self, folder: Folder) -> int:
        """Return the highest UID read of a folder, 0 when it was never read under this UIDVALIDITY."""
        validity, highest = self.folders.get(folder.name, (0, 0))
        return highest if validity == folder.validity else 0

    def at(self, folder: Folder, highest: int) -> Cursor:
        """Return the cursor with this folder read up to this UID."""
        return Cursor({**self.folders, folder.name: (folder.validity, highest)})


def mark_of(folders: Iterable[Folder]) -> str:
    """Return a digest of what changes when mail comes; empty, which always means news, where a server does not tell the next UID."""
    told = [(folder.name, folder.validity, folder.next) for folder in folders]
    if any(upcoming is None for _, _, upcoming in told):
        return ""
    return blake2b(repr(told).encode(), digest_size=_MARK).hexdigest()
