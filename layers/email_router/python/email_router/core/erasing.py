"""Say what becomes of what is about a person: the words in which `erase` thinks, and the ports that it asks."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any, Protocol

from email_router.core.activity import EmailActivity, Party, Role
from email_router.core.person import Person

_OURS = frozenset({"user", "queue"})


class Fate(StrEnum):
    """What becomes of something that is about a person."""

    REMOVED = "removed"
    REPLACED = "replaced"
    LEFT = "left"


@dataclass(frozen=True, slots=True)
class Piece:
    """One row or object that is about the person.  `act` does what `fate` says; False when somebody was faster and it is to be done anew.

    `why` says of one that is left what keeps it.  Steps that only prepare others are not counted.
    """

    kind: str
    fate: Fate
    act: Callable[[], bool] = field(default=lambda: True, repr=False, compare=False)
    why: str = ""
    counted: bool = True


@dataclass(frozen=True, slots=True)
class Judge:
    """Decides what becomes of an e-mail.  `internal` tells the organisation's own addresses; `whole`: whatever names the person goes."""

    person: Person
    internal: Callable[[str], bool]
    whole: bool = False

    def fate_of(self, email: EmailActivity) -> Fate | None:
        """Return what becomes of an e-mail; None when it is not about the person.

        It goes where the person wrote it, or is the only one outside who took part.  Where others take part the person is replaced, and so
        is a user of the organisation itself: his e-mails are his customers', too.
        """
        if not self.person.named_in(email):
            return None
        if self.whole:
            return Fate.REMOVED
        takes_part = any(self.person.has(party.address) for party in email.parties)
        if not takes_part or self._is_ours(email):
            return Fate.REPLACED
        author = any(self.person.has(party.address) for party in email.parties if party.role is Role.FROM)
        others = [party for party in email.parties if self._outside(party)]
        return Fate.REPLACED if others and not author else Fate.REMOVED

    def _is_ours(self, email: EmailActivity) -> bool:
        """Tell whether the person is, or was, a user or queue of the organisation itself."""
        mine = {party.record.kind for party in email.parties if party.record and self.person.has(party.address)}
        return self.internal(self.person.address) or bool(_OURS & (mine | {kind for kind, _ in self.person.records}))

    def _outside(self, party: Party) -> bool:
        """Tell whether this is somebody else, and not of the organisation."""
        own = party.record is not None and party.record.kind in _OURS
        return not (own or self.internal(party.address) or self.person.has(party.address))


@dataclass(frozen=True, slots=True)
class FoundEmail:
    """An e-mail that is about the person: what becomes of it, the digests of its attachments, the blob of its raw bytes or nothing."""

    activity: str
    fate: Fate
    attachments: frozenset[str] = frozenset()
    raw: str = ""


@dataclass(slots=True)
class Found:
    """What one reading of the CRM's table has found.

    `attached` are the beginnings of the digests of what other e-mails have attached, `rows` what else is about the person, `also` further
    addresses of the person's records.
    """

    person: Person
    names: set[str] = field(default_factory=set)
    also: frozenset[str] = frozenset()
    emails: list[FoundEmail] = field(default_factory=list)
    attached: set[str] = field(default_factory=set)
    rows: list[dict[str, Any]] = field(default_factory=list)

    @property
    def removed(self) -> frozenset[str]:
        """The e-mails that go."""
        return frozenset(one.activity for one in self.emails if one.fate is Fate.REMOVED)

    @property
    def attachments(self) -> frozenset[str]:
        """The attachments that only e-mails have that go."""
        going = {digest for one in self.emails if one.fate is Fate.REMOVED for digest in one.attachments}
        return frozenset(digest for digest in going if digest[:16] not in self.attached)


@dataclass(frozen=True, slots=True)
class Wanted:
    """What the router's own rows are searched for: the person, and the e-mails that go, whose rows go with them."""

    person: Person
    emails: frozenset[str]
    now: datetime


@dataclass(frozen=True, slots=True)
class Version:
    """One version of a blob: `key` is the blob's as the router names it, `marker` tells that it says only that the blob is deleted."""

    key: str
    place: str
    id: str
    written: datetime
    marker: bool


class Erasable(Protocol):
    """The blobs of one organisation with all their versions, to be removed for good."""

    def versions(self, start: str) -> Iterator[Version]:
        """Yield every version of the blobs whose key begins so; `start` holds at least their kind and its slash."""

    def read_version(self, version: Version) -> bytes:
        """Return the first 40 MB of this version; nothing of a marker, or where it is gone."""

    def remove(self, key: str) -> None:
        """Remove every version of the blob, or, of a key that ends in a slash, of all blobs below it.  Repeatable."""

    def remove_versions(self, versions: Sequence[Version]) -> None:
        """Remove exactly these versions.  Raises TryLater where one is not removed."""
