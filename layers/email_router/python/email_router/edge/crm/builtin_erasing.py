"""Find in the table `crm` what is about a person, and how each e-mail and note is erased.

The whole table is read, as in edge/stores/erasing.py.  An e-mail goes in two steps: first its row is emptied to what is still to be removed
(`erasing`), at the end that goes, and the row with it.  So whoever reads meanwhile finds an empty e-mail and no gap, and a command that died
goes on where it stood.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from email_router.core.activity import EmailActivity, EmailStatus
from email_router.core.erasing import Erasable, Fate, Found, FoundEmail, Judge, Piece
from email_router.core.grouping import groups
from email_router.core.mailbox import Direction
from email_router.core.person import Person, names_of
from email_router.core.ports import BlobStore
from email_router.edge.connect.compact import expand, squeeze
from email_router.edge.connect.dynamodb import ConditionFailed, Table
from email_router.edge.connect.keys import Keys
from email_router.edge.connect.opened import opened
from email_router.edge.connect.row_kinds import kind_of
from email_router.edge.connect.values import Item, Value
from email_router.edge.crm import builtin_erasing_records as records
from email_router.edge.crm import builtin_rows

if TYPE_CHECKING:
    from types_boto3_dynamodb import DynamoDBClient

_PAGE = 64
_READS = 8
_OF_THE_TEXT = ("subject", "reason", "message_id")
_OF_THE_DATA = ("data", "blob", "owner", "sender", "regarding")
_IN_FLIGHT = "it is being sent: run the command again when it has ended (`email-router outgoing list`)"
_ATTACHED = "it has attachments that were stored in the last minutes: run the command again in a quarter of an hour"
_UNKNOWN = "a row of a kind that this version does not know: update the router, then run the command again"


class BuiltinErasing:
    """The e-mails and records of one organisation in the table `crm`."""

    def __init__(self, client: DynamoDBClient, table: str, organisation: str, blobs: BlobStore, all_: Erasable) -> None:
        self._table = Table(client, table)
        self._keys = Keys(organisation)
        self._blobs = blobs
        self._all = all_

    def search(self, judge: Judge) -> Found:
        """Read the person's records, then the whole table once."""
        mine = records.of_person(self._table, self._keys, judge.person.address)
        person = replace(judge.person, records=mine.idents)
        found = Found(person=person, names=set(mine.names), also=mine.further)
        judge = replace(judge, person=person)
        for page in groups(self._rows(), _PAGE):
            emails = [item for item in page if item["sk"] == builtin_rows.EMAIL]
            for item, email in zip(emails, self._read(emails), strict=True):
                self._note_email(found, judge, item, email)
            found.rows += [one for one in page if one["sk"] != builtin_rows.EMAIL and self._is_about(found, one)]
        found.person = replace(person, names=frozenset(found.names))
        return found

    def pieces(self, found: Found) -> Iterator[Piece]:
        """Yield what comes first: e-mails are emptied or written anew, notes too."""
        for one in found.emails:
            if one.fate is Fate.REMOVED:
                yield Piece("e-mail", Fate.REMOVED, partial(self._empty, one.activity, found.person), counted=False)
            elif one.fate is Fate.REPLACED:
                yield Piece("e-mail", Fate.REPLACED, partial(self._write_anew, one.activity, found.person))
            else:
                yield Piece("e-mail", Fate.LEFT, why=_IN_FLIGHT)
        for item in found.rows:
            yield from self._row(found, item)

    def last(self, found: Found, left: frozenset[str]) -> Iterator[Piece]:
        """Yield what comes when nothing leads to the removed e-mails any more: what is left of them, and the person's records.

        `left` are attachments that could not be removed yet: the e-mails that have them stay, emptied, until another time.
        """
        for one in found.emails:
            if one.fate is Fate.REMOVED and left & one.attachments:
                yield Piece("e-mail", Fate.LEFT, why=_ATTACHED)
            elif one.fate is Fate.REMOVED:
                yield Piece("e-mail", Fate.REMOVED, partial(self._remove, one))
        yield from records.pieces(self._table, self._keys, found.person.address)

    def _rows(self) -> Iterator[Item]:
        own = self._keys.own
        return self._table.scan("#pk = :own OR begins_with(#pk, :rest)", {":own": own, ":rest": f"{own}#"})

    def _read(self, items: Sequence[Item]) -> list[EmailActivity]:
        """Return the e-mails of these rows, several bodies at a time; of one whose body is gone, what its row tells."""
        with ThreadPoolExecutor(_READS) as reading:
            return list(reading.map(self._email, items))

    def _email(self, item: Item) -> EmailActivity:
        try:
            return builtin_rows.activity_of(item, self._blobs)
        except KeyError:
            empty = _emptied(item["id"], EmailStatus(item["status"]))
            return replace(empty, subject=item.get("subject", ""), reason=item.get("reason"))

    def _note_email(self, found: Found, judge: Judge, item: Item, email: EmailActivity) -> None:
        fate = Fate.REMOVED if "erasing" in item else judge.fate_of(email)
        digests = frozenset(one.sha256 for one in email.attachments) | frozenset(item.get("attachments", ()))
        if fate is not None:
            found.names |= names_of(judge.person, email)
            fate = Fate.LEFT if email.status is EmailStatus.SENDING else fate
            found.emails.append(FoundEmail(email.id, fate, digests, item.get("raw") or email.raw or ""))
        if fate is not Fate.REMOVED:
            found.attached |= {digest[:16] for digest in digests}

    def _is_about(self, found: Found, item: Item) -> bool:
        """Tell whether a row that is no e-mail is changed: the person's own records are not, they come last."""
        kind = kind_of(item["pk"], item["sk"])
        if kind is not None and kind.name in records.KINDS:
            return records.names_as_owner(found.person, self._keys, item)
        return found.person.named_in(opened(item)) or item["pk"] == self._keys.address(found.person.address)

    def _row(self, found: Found, item: Item) -> Iterator[Piece]:
        kind = kind_of(item["pk"], item["sk"])
        if kind is None:
            yield Piece("unknown row", Fate.LEFT, why=_UNKNOWN)
        elif item["pk"] == self._keys.address(found.person.address):
            yield Piece(kind.name, Fate.REMOVED, partial(self._delete, item))
        elif kind.name in records.KINDS:
            after = Person(found.person.address).without(item)
            yield Piece(kind.name, Fate.REPLACED, partial(self._put, item, {**after, "version": item["version"] + 1}))
        elif item["pk"].rpartition("#")[2] not in found.removed:  # else it goes with its e-mail
            yield Piece(kind.name, Fate.REPLACED, partial(self._put, item, found.person.without(item)))

    def _delete(self, item: Item) -> bool:
        self._table.delete((item["pk"], item["sk"]))
        return True

    def _put(self, before: Item, after: Item) -> bool:
        same = {name: value for name, value in before.items() if name not in {"pk", "sk"}}
        condition = " AND ".join(f"#{name} = :{name}" for name in same)
        try:
            self._table.put(after, condition, {f":{name}": value for name, value in same.items()})
        except ConditionFailed:
            return False
        return True

    def _empty(self, activity: str, person: Person) -> bool:
        """Leave nothing of the row but what the end needs.  One that waits to be sent is cancelled by it."""
        item = self._table.get(builtin_rows.place_of(self._keys, activity))
        if item is None or "erasing" in item:
            return True
        status = EmailStatus(item["status"])
        if status is EmailStatus.SENDING:
            return False
        email = self._email(item)
        cancelled = EmailStatus.CANCELLED if status in builtin_rows.WAITING else status
        empty: Item = {
            **{name: item[name] for name in ("pk", "sk", "id")},
            "status": cancelled.value,
            "data": squeeze(replace(_emptied(activity, cancelled), direction=email.direction)),
            "erasing": True,
            "attachments": [one.sha256 for one in email.attachments],
            "raw": email.raw,
            "reason": person.in_words(item["reason"])
            if "reason" in item
            else None,  # as it was, it is no news to anybody
        }
        try:
            self._table.put(empty, "#status = :status", {":status": status.value})
        except ConditionFailed:
            return False
        return True

    def _remove(self, email: FoundEmail) -> bool:
        """Remove all that hangs on an emptied e-mail, and its row last."""
        for blobs in (f"email/{email.activity}/", f"outgoing/{email.activity}/", f"body/{email.activity}.json"):
            self._all.remove(blobs)
        if email.raw:
            self._all.remove(email.raw)
        place = builtin_rows.place_of(self._keys, email.activity)
        for item in self._table.query("#pk = :pk", {":pk": place[0]}, fields="#pk, #sk"):
            if item["sk"] != place[1]:
                self._delete(item)
        self._table.delete(place)
        return True

    def _write_anew(self, activity: str, person: Person) -> bool:
        """Write an e-mail of others without the person: its texts, parties and records, in the row and in the blob."""
        item = self._table.get(builtin_rows.place_of(self._keys, activity))
        if item is None:
            return True
        if item["status"] == EmailStatus.SENDING.value:
            return False
        data = self._blobs.get(item["blob"]) if "blob" in item else item["data"]
        after = person.without(expand(EmailActivity, data))
        regarding = person.without(builtin_rows.regarding_of(item))
        made = builtin_rows.written(self._keys, replace(after, regarding=regarding))
        if made.blob:
            self._blobs.put(*made.blob)
        row = {name: value for name, value in item.items() if name not in _OF_THE_DATA}
        row |= {name: made.item[name] for name in _OF_THE_DATA if made.item.get(name) is not None}
        row |= {name: person.in_words(item[name]) for name in _OF_THE_TEXT if name in item}
        if not self._written(item, row):
            return False
        old = [one for one in self._all.versions(f"email/{activity}/") if one.key != row.get("blob")]
        self._all.remove_versions(old)
        self._all.remove(f"body/{activity}.json")
        return True

    def _written(self, before: Item, after: Item) -> bool:
        held = "blob" if "blob" in before else "data"
        seen: dict[str, Value] = {":status": before["status"], ":held": before[held]}
        try:
            self._table.put(after, f"#status = :status AND #{held} = :held", seen)
        except ConditionFailed:
            return False
        return True


def _emptied(activity: str, status: EmailStatus) -> EmailActivity:
    return EmailActivity(id=activity, direction=Direction.INCOMING, status=status)
