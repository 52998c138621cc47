"""Find in the table `router` what is about a person, and how each row is erased.

The whole table is read: a person may stand in any row, no key leads from an address to all of them, and an index that did would be one
more place that names people.  It is an operator's rare command, on no road of mail.  Each row is changed on condition that it is as it was
read, so a worker that is at it wins and the row is looked at again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

from email_router.core.activity import EmailStatus
from email_router.core.erasing import Fate, Piece, Wanted
from email_router.core.ledger import Quarantined, Retry
from email_router.core.packed import unpacked
from email_router.core.person import ERASED_ADDRESS, mail_names
from email_router.core.sending import OutgoingState
from email_router.edge.connect import outgoing_rows
from email_router.edge.connect.compact import expand, micros
from email_router.edge.connect.dynamodb import ConditionFailed, Table
from email_router.edge.connect.expressions import assignment
from email_router.edge.connect.keys import Keys
from email_router.edge.connect.ledger_rows import CLAIM, STATE, is_claim, known_of, stripped
from email_router.edge.connect.opened import opened
from email_router.edge.connect.row_kinds import kind_of
from email_router.edge.connect.transactions import Place
from email_router.edge.connect.values import Item, Value
from email_router.edge.stores.blob_versions import BlobVersions
from email_router.edge.stores.mailbox_passwords import mark_of

if TYPE_CHECKING:
    from types_boto3_dynamodb import DynamoDBClient

_RESTS = frozenset({EmailStatus.SENT, EmailStatus.FAILED, EmailStatus.CANCELLED})
_IN_FLIGHT = "it is still being sent: run the command again when it has ended (`email-router outgoing list`)"
_HELD = "a worker serves the mailbox: run the command again"
_UNKNOWN = "a row of a kind that this version does not know: update the router, then run the command again"


class RouterErasing:
    """The rows of one organisation in the table `router`."""

    def __init__(self, client: DynamoDBClient, table: str, organisation: str, blobs: BlobVersions) -> None:
        self._table = Table(client, table)
        self._keys = Keys(organisation)
        self._blobs = blobs

    def pieces(self, wanted: Wanted) -> Iterator[Piece]:
        """Yield what is about the person, by reading the whole table once."""
        own = self._keys.own
        seen: set[str] = set()
        for item in self._table.scan("#pk = :own OR begins_with(#pk, :rest)", {":own": own, ":rest": f"{own}#"}):
            name = _name(item)
            if name == "published configuration":
                yield from self._version(item, wanted, seen)
            elif name in _BY_KIND:
                yield from _BY_KIND[name](self, item, wanted)
            elif wanted.person.named_in(opened(item)) or self._is_of_the_mailbox(item, wanted):
                yield self._removed(name, item) if name else Piece("unknown row", Fate.LEFT, why=_UNKNOWN)

    def _removed(self, kind: str, item: Item, *blobs: str) -> Piece:
        def act() -> bool:
            for blob in blobs:
                self._blobs.remove(blob)
            self._table.delete(_place(item))
            return True

        return Piece(kind, Fate.REMOVED, act)

    def _changed(self, kind: str, item: Item, fields: Mapping[str, Value], *blobs: str) -> Piece:
        """Return the piece that sets these attributes while those that were read still stand."""
        setting, values = assignment(fields)
        same = " AND ".join(f"#{name} = :was_{name}" for name in fields)
        was = {f":was_{name}": item[name] for name in fields}

        def act() -> bool:
            try:
                self._table.update(_place(item), setting, {**values, **was}, condition=same)
            except ConditionFailed:
                return False
            for blob in blobs:
                self._blobs.remove(blob)
            return True

        return Piece(kind, Fate.REPLACED, act)

    def _in_mail(self, wanted: Wanted, blob: str) -> bool:
        """Tell whether a mail names the person.  One that ended its worker is searched as it stands and never read."""
        return mail_names(wanted.person, self._blobs.read(blob), read=not blob.startswith("unread/"))

    def _is_of_the_mailbox(self, item: Item, wanted: Wanted) -> bool:
        return bool(item["pk"] == self._keys.mailbox(wanted.person.address))

    def _version(self, item: Item, wanted: Wanted, seen: set[str]) -> Iterator[Piece]:
        """An earlier version of the configuration goes whole; the one in force names the person never: the command refuses that."""
        version = item["sk"].rpartition("#")[0]
        if not version or version in seen:
            return
        seen.add(version)
        parts = list(
            self._table.query("#pk = :pk AND begins_with(#sk, :sk)", {":pk": item["pk"], ":sk": f"{version}#"})
        )
        whole = opened({"whole": b"".join(part["part"] for part in parts)})
        if wanted.person.named_in(whole):

            def act() -> bool:
                for part in parts:
                    self._table.delete(_place(part))
                return True

            yield Piece("published configuration", Fate.REMOVED, act)

    def state(self, item: Item, wanted: Wanted) -> Iterator[Piece]:
        """The person's own mailbox goes with its cursor; of another one's state the words of its last error."""
        if self._is_of_the_mailbox(item, wanted):
            if item.get("lease_until", 0) > micros(wanted.now):
                yield Piece("mailbox state", Fate.LEFT, why=_HELD)
            else:
                yield self._removed("mailbox state", item, *filter(None, [item.get("cursor_blob")]))
            return
        texts = {name: item[name] for name in ("error_text", "error_mend") if wanted.person.named_in(item.get(name))}
        if texts:
            yield self._changed(
                "mailbox state", item, {one: wanted.person.in_words(text) for one, text in texts.items()}
            )

    def retry(self, item: Item, wanted: Wanted) -> Iterator[Piece]:
        """A mail that waits for another try goes with its bytes when they name the person."""
        retry = expand(Retry, item["retry"])
        whole = retry.blob.removesuffix("/head")
        if self._in_mail(wanted, retry.blob):
            yield self._removed("retry", item)  # its bytes go among the raw mails
        elif self._is_of_the_mailbox(item, wanted) or wanted.person.named_in(retry):
            yield self._removed("retry", item, whole, f"{whole}/head")

    def quarantined(self, item: Item, wanted: Wanted) -> Iterator[Piece]:
        """So does one that was set aside."""
        entry = expand(Quarantined, item["entry"])
        if self._in_mail(wanted, entry.blob):
            yield self._removed("quarantined message", item)
        elif wanted.person.named_in(entry):
            yield self._removed("quarantined message", item, entry.blob, f"{entry.blob}/head")

    def claim(self, item: Item, wanted: Wanted) -> Iterator[Piece]:
        """The claim itself stays, so that no copy of an erased mail is taken for a new one: its keys are digests."""
        if wanted.person.has(item.get("mailbox", "")):
            yield self._changed("claim", item, {"mailbox": ERASED_ADDRESS})
        yield from self.way(item, wanted)

    def way(self, item: Item, wanted: Wanted) -> Iterator[Piece]:
        """A way back to an erased e-mail goes; from one to another e-mail goes the person's hash among the participants."""
        if "email" not in item:
            return
        known = known_of(item)
        kind = _name(item) if is_claim(item) or item["sk"] != CLAIM else "way back"
        if known.activity in wanted.emails:
            yield self._changed(kind, item, {"email": None}) if is_claim(item) else self._removed(kind, item)
        elif wanted.person.mark in known.participants:
            yield self._changed(kind, item, {"email": stripped(known, wanted.person.mark)})

    def trace(self, item: Item, wanted: Wanted) -> Iterator[Piece]:
        """A trace goes with its e-mail, and wherever it names the person."""
        plain = opened(item)
        of_the_mailbox = wanted.person.has(item["sk"].split("#")[1])
        if of_the_mailbox or plain["trace"].get("activity") in wanted.emails or wanted.person.named_in(plain):
            yield self._removed("trace", item)

    def receipt(self, item: Item, wanted: Wanted) -> Iterator[Piece]:
        """The receipts of the person's own mailbox go."""
        if wanted.person.has(item["mailbox"]):
            yield self._removed("receipt", item)

    def outgoing(self, item: Item, wanted: Wanted) -> Iterator[Piece]:
        """The state of an erased e-mail goes with its bytes; others' bytes go too, since they cannot be changed, and the words are."""
        state = outgoing_rows.state_of(item)
        if state.activity in wanted.emails:
            yield self._ended(item, state, Fate.REMOVED)
        elif wanted.person.named_in(state):
            yield self._ended(item, state, Fate.REPLACED, wanted.person.without(state))

    def _ended(self, item: Item, state: OutgoingState, fate: Fate, after: OutgoingState | None = None) -> Piece:
        if state.status not in _RESTS:
            return Piece("outgoing state", Fate.LEFT, why=_IN_FLIGHT)
        if after is None:
            return self._without_bytes(item, self._removed("outgoing state", item, f"outgoing/{state.activity}/"))
        written = outgoing_rows.fields(after)
        kept: Item = {name: written.get(name) for name in ("composed", "reason", "results", "history") if name in item}
        changed = replace(self._changed("outgoing state", item, kept, f"outgoing/{state.activity}/"), fate=fate)
        return self._without_bytes(item, changed)

    def _without_bytes(self, item: Item, piece: Piece) -> Piece:
        """Return the piece that removes what was composed beside the state, too."""

        def act() -> bool:
            done = piece.act()
            if done:
                self._table.delete((item["pk"], outgoing_rows.PACKED))
            return done

        return replace(piece, act=act)

    def composed(self, item: Item, wanted: Wanted) -> Iterator[Piece]:
        """What was composed goes with its state; here goes what a command that died between the two has left."""
        if not mail_names(wanted.person, unpacked(item["packed"])):
            return
        row = self._table.get((item["pk"], STATE))
        state = outgoing_rows.state_of(row) if row else None
        if state is None or (state.status in _RESTS and not wanted.person.named_in(state)):
            yield self._removed("composed mail", item)

    def marked(self, item: Item, wanted: Wanted) -> Iterator[Piece]:
        """The mailbox's mark among those that have a password goes with its password."""
        mark = mark_of(wanted.person.address)
        if mark in item.get("mailboxes", ()):

            def act() -> bool:
                self._table.update(_place(item), "DELETE #mailboxes :mailboxes", {":mailboxes": frozenset({mark})})
                return True

            yield Piece("mailboxes with a password", Fate.REPLACED, act)

    def user_number(self, item: Item, wanted: Wanted) -> Iterator[Piece]:
        """The number is given to nobody else: the count of all goes on."""
        if wanted.person.has(item["sk"].partition("#")[2]):
            yield self._removed("user number", item)


def _name(item: Item) -> str:
    kind = kind_of(item["pk"], item["sk"])
    return kind.name if kind else ""


def _place(item: Item) -> Place:
    return item["pk"], item["sk"]


_BY_KIND: Mapping[str, Callable[[RouterErasing, Item, Wanted], Iterator[Piece]]] = {
    "mailbox state": RouterErasing.state,
    "retry": RouterErasing.retry,
    "quarantined message": RouterErasing.quarantined,
    "claim": RouterErasing.claim,
    "way back": RouterErasing.way,
    "smart matching": RouterErasing.way,
    "receipt": RouterErasing.receipt,
    "outgoing state": RouterErasing.outgoing,
    "composed mail": RouterErasing.composed,
    "trace": RouterErasing.trace,
    "user number": RouterErasing.user_number,
    "mailboxes with a password": RouterErasing.marked,
}
"""What is done with rows of these kinds; those of every other kind go whole when they name the person."""
