"""Find the e-mails of Dataverse that are to be sent, put them off, and write back what became of them.

What the table does not hold lies in our row `ORG#o#EMAIL#id | OUTGOING`: when the e-mail is due again, the whole reason, and what
"Failed" and "Pending Send" mean there (unknown, deferred).  Our row is written first: whoever dies in between leaves an e-mail that is
collected again.  Every change of an e-mail is made on condition of its version, so that a user who cancels it wins or comes too late.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta

from email_router.core.activity import EmailActivity, EmailStatus
from email_router.core.grouping import groups
from email_router.core.ports import BlobStore
from email_router.core.write_back import TO_SEND, WAITING, WriteBack
from email_router.edge.connect import transactions
from email_router.edge.connect.compact import micros
from email_router.edge.connect.dataverse import DataverseClient
from email_router.edge.connect.dataverse_errors import JsonObject
from email_router.edge.connect.dynamodb import Table
from email_router.edge.connect.expressions import assignment
from email_router.edge.connect.keys import Keys
from email_router.edge.connect.values import Item as Row
from email_router.edge.crm import dataverse_reading as reading
from email_router.edge.crm import dataverse_rows as rows
from email_router.edge.crm.dataverse_files import with_content
from email_router.edge.crm.dataverse_write_back import OUTGOING, WritingBack, told

__all__ = ["OUTGOING", "OutgoingEmails", "told"]

_PAGE = 500
_FETCHED = 25 * 1024 * 1024
"""Bytes of attachments that are fetched before the first e-mail leaves."""

_CANCELLED_LATELY = timedelta(hours=1)
_SENDING = 7
_COLUMNS = "activityid,statuscode,sender,createdon,delayedemailsendtime"
_SENDER = "email_activity_parties($select=addressused;$filter=participationtypemask eq 1)"
_FIELDS = "#pk, #sk, #due, #status"


class OutgoingEmails:
    """The e-mails of one organisation that leave."""

    def __init__(
        self,
        client: DataverseClient,
        table: Table,
        keys: Keys,
        blobs: BlobStore,
        senders: frozenset[str] | None = None,
    ) -> None:
        """Take what is needed; `senders` are the addresses (case folded) whose e-mails are ours to send, None: all."""
        self._client = client
        self._table = table
        self._writing = WritingBack(client, table, keys)
        self._blobs = blobs
        self._senders = senders

    def pending(self, now: datetime, limit: int) -> Iterator[tuple[str, str]]:
        """Yield (activity, sender) of e-mails that are due, longest due first; one request when none waits.

        What others send is left alone: e-mails of senders that the router does not serve, and those under way of which our row knows nothing.
        Those that we knew to wait, and that a user has cancelled lately, are among them, so that their end is told.
        """
        cancelled = f"(statuscode eq {rows.CANCELLED} and modifiedon ge {rows.written(now - _CANCELLED_LATELY)})"
        waiting = f"(statuscode eq 6 or statuscode eq {_SENDING} or {cancelled}) and directioncode eq true"
        later = f"(delayedemailsendtime eq null or delayedemailsendtime le {rows.written(now)})"
        target = (
            f"emails?$select={_COLUMNS}&$expand={_SENDER}&$filter={waiting} and {later}&$orderby=createdon,activityid"
        )
        found: list[tuple[int, str, str]] = []
        for page in self._client.pages(target, _PAGE):
            found += self._due(page, micros(now))
            if len(found) >= limit:
                break
        for _, activity, sender in sorted(found, key=lambda one: one[0])[:limit]:
            yield activity, sender

    def _due(self, page: Sequence[JsonObject], now: int) -> Iterator[tuple[int, str, str]]:
        places = {str(row["activityid"]): self._writing.place(str(row["activityid"])) for row in page}
        ours = {item["pk"]: item for item in self._table.get_all(places.values(), _FIELDS)} if places else {}
        for row in page:
            activity, sender = str(row["activityid"]), _sender(row)
            item: Row | None = ours.get(places[activity][0])
            due = _due_at(row, item, now)
            others = self._senders is not None and sender.casefold() not in self._senders
            if due is not None and due <= now and not others:
                yield due, activity, sender

    def postpone(self, activities: Sequence[str], until: datetime) -> None:
        """Keep these e-mails from being collected before then."""
        for group in groups(dict.fromkeys(activities), transactions.MOST_ACTIONS):
            expression, values = assignment({"due": micros(until)})
            name = self._table.name
            actions = [
                transactions.update(name, self._writing.place(activity), expression, values) for activity in group
            ]
            transactions.write(self._table.client, actions)

    def read(self, emails: Sequence[EmailActivity]) -> Mapping[str, EmailActivity]:
        """Return e-mails that leave with what our rows add, by their ids; those that are to be sent with their attachments.

        Once the attachments come to 25 MB those behind are left out.
        """
        ours = self._writing.ours(email.id for email in emails)
        whole = [told(email, ours.get(self._writing.place(email.id), {})) for email in emails]
        files = reading.attachments(self._client, [one.id for one in whole if one.status in TO_SEND])
        found: dict[str, EmailActivity] = {}
        size = 0
        for one in whole:
            own = files.get(one.id.lower(), ())
            size += sum(int(row.get("filesize") or 0) for row in own)
            if not (found and own and size > _FETCHED):
                found[one.id] = with_content(self._client, one, own, self._blobs)
        return found

    def write_back(self, change: WriteBack) -> bool:
        """Write where an e-mail stands; False when it is cancelled or gone."""
        return self._writing.one(change)

    def write_back_all(self, changes: Sequence[WriteBack]) -> Mapping[str, EmailStatus | None]:
        """Write where these e-mails stand; return those that stand otherwise, and how (None: gone)."""
        return self._writing.several(changes)


def _due_at(row: JsonObject, item: Row | None, now: int) -> int | None:
    """Return when an e-mail is to be collected, or None for one of which our row knows nothing more to do.

    One that a user has cancelled while we knew it to wait is so at once, that its end is told.
    """
    due = max(int(item.get("due", 0)) if item else 0, _later(row))
    if row.get("statuscode") != rows.CANCELLED:
        return None if item is None and row.get("statuscode") == _SENDING else due
    known = item.get("status", EmailStatus.PENDING) if item else None
    if known in WAITING:
        return now
    return due if known == EmailStatus.SENDING else None


def _sender(row: JsonObject) -> str:
    parties = row.get("email_activity_parties") or ()
    return next((str(one["addressused"]) for one in parties if one.get("addressused")), str(row.get("sender") or ""))


def _later(row: JsonObject) -> int:
    """Return before when its author does not want it sent (send later)."""
    later = row.get("delayedemailsendtime")
    return micros(datetime.fromisoformat(later)) if isinstance(later, str) and later else 0
