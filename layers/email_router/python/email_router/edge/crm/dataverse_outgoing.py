"""Find the e-mails of Dataverse that are to be sent, put them off, and write back what became of them.

What the table does not hold lies in our row `ORG#o#EMAIL#id | OUTGOING`: when the e-mail is due again, the whole reason, and what
"Failed" and "Pending Send" mean there (unknown, deferred).  Our row is written first: whoever dies in between leaves an e-mail that is
collected again.  Every change of an e-mail is made on condition of its version, so that a user who cancels it wins or comes too late.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from email_router.core.activity import EmailActivity, EmailStatus
from email_router.core.errors import TryLater
from email_router.core.ports import BlobStore
from email_router.edge.connect import transactions
from email_router.edge.connect.compact import instant, micros
from email_router.edge.connect.dataverse import DataverseClient
from email_router.edge.connect.dataverse_batch import ChangeSet, Item, Request
from email_router.edge.connect.dataverse_errors import CHANGED, NOT_FOUND, JsonObject
from email_router.edge.connect.dynamodb import Table
from email_router.edge.connect.expressions import assignment
from email_router.edge.connect.keys import Keys
from email_router.edge.connect.transactions import Place
from email_router.edge.connect.values import Item as Row
from email_router.edge.connect.values import Value
from email_router.edge.crm import dataverse_reading as reading
from email_router.edge.crm import dataverse_rows as rows
from email_router.edge.crm.dataverse_lengths import fitting

OUTGOING = "OUTGOING"

_PAGE = 500
_ROUNDS = 6
_ERROR = 400
_MARK = "E-mail Router: "
_SENDING = 7
_FINAL = frozenset({EmailStatus.SENT, EmailStatus.FAILED, EmailStatus.UNKNOWN})
_MEANT = {
    EmailStatus.PENDING: frozenset({EmailStatus.DEFERRED}),
    EmailStatus.FAILED: frozenset({EmailStatus.UNKNOWN}),
}
"""What our row may say that the table's status stands for."""

_TO_SEND = frozenset({EmailStatus.PENDING, EmailStatus.DEFERRED, EmailStatus.SENDING})
_COLUMNS = "activityid,statuscode,sender,createdon,delayedemailsendtime"
_SENDER = "email_activity_parties($select=addressused;$filter=participationtypemask eq 1)"
_FIELDS = "#pk, #sk, #due"


@dataclass(frozen=True, slots=True)
class Change:
    """What is to be written back; fields that are None stay."""

    status: EmailStatus
    reason: str | None = None
    subject: str | None = None
    message_id: str | None = None
    tracking_token: str | None = None
    attempts: int | None = None
    due: datetime | None = None
    sent: datetime | None = None


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
        self._keys = keys
        self._blobs = blobs
        self._senders = senders

    def pending(self, now: datetime, limit: int) -> Iterator[tuple[str, str]]:
        """Yield (activity, sender) of e-mails that are due, longest due first; one request when none waits.

        What others send is left alone: e-mails of senders that the router does not serve, and those under way of which our row knows nothing.
        """
        waiting = f"(statuscode eq 6 or statuscode eq {_SENDING}) and directioncode eq true"
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
        places = {str(row["activityid"]): self._place(str(row["activityid"])) for row in page}
        ours = {item["pk"]: item for item in self._table.get_all(places.values(), _FIELDS)} if places else {}
        for row in page:
            activity, sender = str(row["activityid"]), _sender(row)
            item: Row | None = ours.get(places[activity][0])
            due = max(int(item.get("due", 0)) if item else 0, _later(row))
            others = self._senders is not None and sender.casefold() not in self._senders
            if due <= now and not others and (item is not None or row.get("statuscode") != _SENDING):
                yield due, activity, sender

    def postpone(self, activities: Sequence[str], until: datetime) -> None:
        """Keep these e-mails from being collected before then."""
        for group in transactions.groups(dict.fromkeys(activities), transactions.MOST_ACTIONS):
            expression, values = assignment({"due": micros(until)})
            name = self._table.name
            actions = [transactions.update(name, self._place(activity), expression, values) for activity in group]
            transactions.write(self._table.client, actions)

    def read(self, email: EmailActivity) -> EmailActivity:
        """Return an e-mail that leaves with what our row adds; one that is to be sent with its attachments."""
        whole = told(email, self._ours(email.id))
        return reading.with_content(self._client, whole, self._blobs) if whole.status in _TO_SEND else whole

    def write_back(self, activity: str, change: Change) -> bool:
        """Write where an e-mail stands; False when it is cancelled or gone.  Repeatable.

        Raises TryLater when others change the e-mail all the time.
        """
        for _ in range(_ROUNDS):
            row = reading.read(self._client, activity)
            if row is None or row.get("statuscode") == rows.CANCELLED:
                return False
            self._keep(activity, change)
            target = f"emails({row['activityid']})"
            item = _written(target, row, change)
            replies = self._client.batch([item])[0] if item else ()
            if not replies or replies[-1].status < _ERROR:
                return True
            if replies[-1].status not in {CHANGED, NOT_FOUND}:
                self._client.checked(replies[-1])
        text = f"{self._client.organisation}: e-mail {activity} is changed by others all the time"
        raise TryLater(text, kind="busy")

    def _keep(self, activity: str, change: Change) -> None:
        """Keep what the table does not hold."""
        fields: dict[str, Value] = {"status": change.status.value}
        if change.reason is not None:
            fields["reason"] = change.reason
        if change.sent is not None:
            fields["date"] = micros(change.sent)
        if change.due is not None:
            fields["due"] = micros(change.due)
        expression, values = assignment(fields)
        self._table.update(self._place(activity), expression, values)

    def _ours(self, activity: str) -> Row:
        return next(iter(self._table.get_all([self._place(activity)])), {})

    def _place(self, activity: str) -> Place:
        return self._keys.email(activity.lower()), OUTGOING


def told(email: EmailActivity, item: Row) -> EmailActivity:
    """Return an e-mail that leaves with what our row adds."""
    whole = replace(email, date=instant(item["date"])) if "date" in item else email
    said = EmailStatus(item["status"]) if "status" in item else email.status
    if said is email.status or said in _MEANT.get(email.status, ()):
        whole = replace(whole, status=said, reason=item.get("reason"), due=instant(item.get("due")))
    return whole


def _sender(row: JsonObject) -> str:
    parties = row.get("email_activity_parties") or ()
    return next((str(one["addressused"]) for one in parties if one.get("addressused")), str(row.get("sender") or ""))


def _later(row: JsonObject) -> int:
    """Return before when its author does not want it sent (send later)."""
    later = row.get("delayedemailsendtime")
    return micros(datetime.fromisoformat(later)) if isinstance(later, str) and later else 0


def _written(target: str, row: JsonObject, change: Change) -> Item | None:
    """Return what brings an e-mail there: sent by SendEmail, which only notes it; None where it says so already."""
    fields = _fields(row, change)
    versioned = {"If-Match": str(row["@odata.etag"])}
    state, status = rows.STATUSES[change.status]
    if change.status is not EmailStatus.SENT:
        return Request("PATCH", target, {**fields, "statecode": state, "statuscode": status}, versioned)
    if row.get("statuscode") == rows.SENT:
        return None
    action = f"{target}/Microsoft.Dynamics.CRM.SendEmail"
    noted = Request("POST", action, {"IssueSend": False, "TrackingToken": ""})
    return ChangeSet((Request("PATCH", target, fields or {"directioncode": True}, versioned), noted))


def _fields(row: JsonObject, change: Change) -> JsonObject:
    """Return the columns that change; of an e-mail that has come to its end none is written but its state."""
    if row.get("statuscode") == rows.SENT:
        return {}
    given: Mapping[str, str | None] = {
        "subject": change.subject,
        "messageid": change.message_id,
        "trackingtoken": change.tracking_token,
    }
    fields: JsonObject = {name: fitting("email", name, text) for name, text in given.items() if text is not None}
    if change.attempts is not None:
        fields["deliveryattempts"] = change.attempts
    if change.reason:
        fields["category"] = fitting("email", "category", _MARK + change.reason)
    elif change.status in _FINAL and str(row.get("category") or "").startswith(_MARK):
        fields["category"] = None
    return fields
