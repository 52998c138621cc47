"""Remove a person from all that the router keeps, or only tell what would be removed.

Repeatable, and whole only when it has said so: what somebody was at meanwhile is counted as left and falls to the next run.  The order makes
a command that died one that goes on: e-mails are emptied first and stay known, the router's rows and the bytes go, then the e-mails' rows,
and last the person's records, by which e-mails are found that do not bear the address.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from typing import Protocol

from email_router.core.erasing import Erasable, Fate, Found, Judge, Piece, Version, Wanted
from email_router.core.person import mail_names

SETTLED = timedelta(minutes=15)
"""A pass stores an attachment before the e-mail that has it: one younger than this may belong to an e-mail that is being written."""

_WHOLE_MAILS = ("raw", "unread", "quarantine")
_TOLD = "body"
_JUST_STORED = (
    "it was stored in the last minutes and may be another e-mail's: run the command again in a quarter of an hour"
)
_OVERTAKEN = "somebody changed it meanwhile: run the command again"


class CrmErasing(Protocol):
    """The e-mails and records that the router keeps itself."""

    def search(self, judge: Judge) -> Found:
        """Read everything once."""

    def pieces(self, found: Found) -> Iterator[Piece]:
        """Yield what comes first."""

    def last(self, found: Found, left: frozenset[str]) -> Iterator[Piece]:
        """Yield what comes at the end; e-mails with one of the attachments `left` stay, emptied."""


class RowErasing(Protocol):
    """All else that the router remembers of messages, mailboxes and people."""

    def pieces(self, wanted: Wanted) -> Iterator[Piece]:
        """Yield what is about the person, by reading everything once."""


@dataclass(slots=True)
class Tally:
    """How many pieces of each kind were (or would be) removed and replaced, and why others are left.

    `also` are further addresses of the person's records.
    """

    counts: dict[Fate, Counter[str]] = field(default_factory=lambda: defaultdict(Counter))
    left: Counter[tuple[str, str]] = field(default_factory=Counter)
    also: frozenset[str] = frozenset()

    def add(self, piece: Piece, fate: Fate, why: str = "") -> None:
        """Count one."""
        if fate is Fate.LEFT:
            self.left[piece.kind, why or piece.why] += 1
        elif piece.counted:
            self.counts[fate][piece.kind] += 1

    @property
    def nothing(self) -> bool:
        """Tell whether nothing at all is about the person."""
        return not self.left and not any(one.total() for one in self.counts.values())


@dataclass(frozen=True, slots=True, kw_only=True)
class Erase:
    """Erases one person from one organisation.  `progress` is told in words how far it has come."""

    judge: Judge
    crm: CrmErasing
    rows: RowErasing
    blobs: Erasable
    now: datetime
    progress: Callable[[str], None] = lambda _text: None

    def look(self) -> Tally:
        """Return what would be done; nothing is changed."""
        return self._go(lambda _piece: True)

    def erase(self) -> Tally:
        """Do it, and return what was done."""
        return self._go(lambda piece: piece.act())

    def _go(self, act: Callable[[Piece], bool]) -> Tally:
        self.progress("reading e-mails")
        found = self.crm.search(self.judge)
        tally, kept = Tally(also=found.also), set[str]()
        for piece in self._pieces(found, kept):
            if piece.fate is Fate.LEFT:
                tally.add(piece, Fate.LEFT)
            elif act(piece):
                tally.add(piece, piece.fate)
            else:
                tally.add(piece, Fate.LEFT, _OVERTAKEN)
        return tally

    def _pieces(self, found: Found, kept: set[str]) -> Iterator[Piece]:
        yield from self.crm.pieces(found)
        self.progress("reading what is remembered of messages")
        yield from self.rows.pieces(Wanted(found.person, found.removed, self.now))
        self.progress("reading raw mail")
        for kind in _WHOLE_MAILS:
            yield from self._mails(found, kind)
        yield from self._bodies(found)
        yield from self._attachments(found, kept)
        yield from self.crm.last(found, frozenset(kept))

    def _mails(self, found: Found, kind: str) -> Iterator[Piece]:
        """Yield raw mails that name the person, in any version; a mail cannot be changed, so it goes whole."""
        for version in self.blobs.versions(f"{kind}/"):
            if not version.marker and mail_names(found.person, self.blobs.read_version(version), read=kind != "unread"):
                yield Piece("raw mail", Fate.REMOVED, partial(self._removed, [version]))

    def _bodies(self, found: Found) -> Iterator[Piece]:
        """Yield the copies of bodies that other CRMs were told of."""
        for version in self.blobs.versions(f"{_TOLD}/"):
            activity = version.key.removeprefix(f"{_TOLD}/").removesuffix(".json")
            if not version.marker and (
                activity in found.removed or found.person.named_in(self.blobs.read_version(version))
            ):
                yield Piece("body told to other CRMs", Fate.REMOVED, partial(self._removed, [version]))

    def _attachments(self, found: Found, kept: set[str]) -> Iterator[Piece]:
        """Yield the attachments that no other e-mail has; those just stored are kept, and `kept` says which."""
        for digest in sorted(found.attachments):
            versions = list(self.blobs.versions(f"attachment/{digest}"))
            if any(self.now - one.written < SETTLED for one in versions):
                kept.add(digest)
                yield Piece("attachment", Fate.LEFT, why=_JUST_STORED)
            elif versions:
                yield Piece("attachment", Fate.REMOVED, partial(self._removed, versions))

    def _removed(self, versions: list[Version]) -> bool:
        self.blobs.remove_versions(versions)
        return True
