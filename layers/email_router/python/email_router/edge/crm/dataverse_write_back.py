"""Write back to Dataverse what became of e-mails, one by itself or many by a batch, each on condition of its version.

What the table does not hold lies in our row `ORG#o#EMAIL#id | OUTGOING`, which is written first: whoever dies in between leaves an e-mail
that is collected again.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from email_router.core.activity import EmailActivity, EmailStatus
from email_router.core.errors import RouterError, TryLater
from email_router.core.grouping import groups
from email_router.core.write_back import REPLACED, WriteBack
from email_router.edge.connect import transactions
from email_router.edge.connect.compact import instant, micros
from email_router.edge.connect.dataverse import DataverseClient
from email_router.edge.connect.dataverse_batch import ChangeSet, Item, Request
from email_router.edge.connect.dataverse_errors import CHANGED, NOT_FOUND, DataverseReply, JsonObject
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

_ROUNDS = 6
_ERROR = 400
_MARK = "E-mail Router: "
_OVERTAKEN = frozenset({CHANGED, NOT_FOUND})
_FINAL = frozenset({EmailStatus.SENT, EmailStatus.FAILED, EmailStatus.UNKNOWN})
_MEANT = {
    EmailStatus.PENDING: frozenset({EmailStatus.DEFERRED}),
    EmailStatus.FAILED: frozenset({EmailStatus.UNKNOWN}),
}
"""What our row may say that the table's status stands for."""


class WritingBack:
    """Writes to the e-mails of one organisation that leave, and to our rows of them."""

    def __init__(self, client: DataverseClient, table: Table, keys: Keys) -> None:
        self._client = client
        self._table = table
        self._keys = keys

    def place(self, activity: str) -> Place:
        """Return where our row of an e-mail stands."""
        return self._keys.email(activity.lower()), OUTGOING

    def ours(self, activities: Iterable[str]) -> dict[Place, Row]:
        """Return our rows of these e-mails, by their places."""
        return {(item["pk"], item["sk"]): item for item in self._table.get_all(map(self.place, activities))}

    def one(self, change: WriteBack) -> bool:
        """Write where an e-mail stands; False when it is cancelled or gone.  Repeatable.

        That its user has cancelled it is kept in our row, whose change is told to other CRMs.
        Raises TryLater when others change the e-mail all the time.
        """
        for _ in range(_ROUNDS):
            row = reading.read(self._client, change.activity)
            if row is None or row.get("statuscode") == rows.CANCELLED:
                if row is not None and change.status is EmailStatus.CANCELLED:
                    self._keep([change])
                return False
            self._keep([change])
            item = _written(row, change)
            replies = self._client.batch([item])[0] if item else ()
            if not replies or replies[-1].status < _ERROR:
                return True
            if replies[-1].status not in _OVERTAKEN:
                self._client.checked(replies[-1])
        raise self._busy(change.activity)

    def several(self, changes: Sequence[WriteBack]) -> Mapping[str, EmailStatus | None]:
        """Write where these e-mails stand, by two batches; return those that stand otherwise, and how (None: gone).  Repeatable.

        What Dataverse refuses of one keeps no other back, and is raised at the end.
        """
        left = {one.activity.lower(): one for one in changes}
        others: dict[str, EmailStatus | None] = {}
        refused: list[RouterError] = []
        for _ in range(_ROUNDS):
            left = self._written_now(left, others, refused) if left else left
        if left:
            raise self._busy(next(iter(left)))
        if refused:
            raise refused[0]
        return others

    def _written_now(
        self, left: Mapping[str, WriteBack], others: dict[str, EmailStatus | None], refused: list[RouterError]
    ) -> dict[str, WriteBack]:
        """Write what may be written; return what others have changed between reading and writing."""
        found = {str(row["activityid"]).lower(): row for row in reading.read_all(self._client, list(left))}
        ours = self.ours(left)
        items: dict[str, Item | None] = {}
        for name, change in left.items():
            row = found.get(name)
            status = told(reading.activity_of(row), ours.get(self.place(name), {})).status if row else None
            if row is None or status not in REPLACED[change.status]:
                others[change.activity] = status
            else:
                items[name] = _written(row, change)
        self._keep([left[name] for name in items])
        sent = {name: item for name, item in items.items() if item}
        replies = zip(sent, self._client.batch(list(sent.values())), strict=True)
        return {name: left[name] for name, answers in replies if self._overtaken(answers[-1], refused)}

    def _overtaken(self, reply: DataverseReply, refused: list[RouterError]) -> bool:
        """Tell whether the e-mail was changed since it was read; an error of another kind is added to `refused`."""
        try:
            return self._client.checked(reply, _OVERTAKEN).status in _OVERTAKEN
        except RouterError as trouble:
            refused.append(trouble)
            return False

    def _keep(self, changes: Sequence[WriteBack]) -> None:
        """Keep what the table does not hold."""
        updates = []
        for change in changes:
            fields: dict[str, Value] = {"status": change.status.value}
            if change.reason is not None:
                fields["reason"] = change.reason
            if change.sent is not None:
                fields["date"] = micros(change.sent)
            if change.due is not None:
                fields["due"] = micros(change.due)
            updates.append((self.place(change.activity), *assignment(fields)))
        if len(updates) == 1:
            place, expression, values = updates[0]
            self._table.update(place, expression, values)
            return
        for group in groups(updates, transactions.MOST_ACTIONS):
            transactions.write(self._table.client, [transactions.update(self._table.name, *one) for one in group])

    def _busy(self, activity: str) -> TryLater:
        text = f"{self._client.organisation}: e-mail {activity} is changed by others all the time"
        return TryLater(text, kind="busy")


def told(email: EmailActivity, item: Row) -> EmailActivity:
    """Return an e-mail that leaves with what our row adds."""
    whole = replace(email, date=instant(item["date"])) if "date" in item else email
    said = EmailStatus(item["status"]) if "status" in item else email.status
    if said is email.status or said in _MEANT.get(email.status, ()):
        whole = replace(whole, status=said, reason=item.get("reason"), due=instant(item.get("due")))
    return whole


def _written(row: JsonObject, change: WriteBack) -> Item | None:
    """Return what brings an e-mail there: sent by SendEmail, which only notes it; None where it says so already."""
    target = f"emails({row['activityid']})"
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


def _fields(row: JsonObject, change: WriteBack) -> JsonObject:
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
