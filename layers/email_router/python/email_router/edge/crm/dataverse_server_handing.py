"""Hand messages to Dataverse (DeliverIncomingEmail), each once, and read back what it made of them.

The action goes in batches of at most ten, without change sets: each message stands for itself, ten take one request, and a batch whose answer
is lost leaves no more than ten to be asked for.  A batch with a POST is never sent twice; what became of it the next attempt learns by the
Message-IDs, before it hands anything over.
"""

from __future__ import annotations

import base64
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from email_router.core.crm_rulings import id_there, made_id
from email_router.core.errors import MessageRefused, RouterError, TryLater
from email_router.core.grouping import groups_within
from email_router.edge.connect.dataverse_batch import Request
from email_router.edge.crm import dataverse_rows
from email_router.edge.crm import dataverse_server_rows as rows
from email_router.edge.crm.dataverse_attachments import note
from email_router.edge.crm.dataverse_records import among, groups

if TYPE_CHECKING:
    from email_router.core.ledger import Delivery
    from email_router.core.ports import BlobStore
    from email_router.edge.connect.dataverse_errors import DataverseReply, JsonObject
    from email_router.edge.crm.dataverse_organisation import Organisation
    from email_router.edge.crm.dataverse_server_attempts import Attempts

_ACTION = "emails/Microsoft.Dynamics.CRM.DeliverIncomingEmail"
_ANNOTATED = {"Prefer": 'odata.include-annotations="*"'}
_ERROR = 400
_MOST = 10
_BYTES = 8 * 1024 * 1024
_WAIT = 60.0


@dataclass(slots=True)
class Work:
    """One message under way: the id by which Dataverse knows it, the e-mail that it is there, or why it is none yet."""

    delivery: Delivery
    message_id: str
    activity: str = ""
    row: JsonObject | None = None
    reply: DataverseReply | None = None
    trouble: RouterError | None = None

    @property
    def key(self) -> str:
        """The message's key."""
        return self.delivery.claim.key

    @property
    def size(self) -> int:
        """About how many bytes it has as JSON."""
        activity = self.delivery.activity
        files = sum(4 * one.size // 3 for one in activity.attachments)
        return 4096 + len(activity.html or activity.text) + files


@dataclass(frozen=True, slots=True)
class Handing:
    """Hands messages of one organisation over."""

    organisation: Organisation
    attempts: Attempts
    blobs: BlobStore

    def hand_over(self, deliveries: Sequence[Delivery]) -> list[Work]:
        """Have all be e-mails there; return for each what it is, or its trouble: MessageRefused, or TryLater where another is at it.

        Raises what the client and the notes raise; what was handed over before stays, and the same call may simply be made again.
        """
        works = [Work(one, id_there(one.claim.key, one.activity.message_id)) for one in deliveries]
        busy = self.attempts.begin(deliveries)
        self._adopt(works)
        for work in works:
            if work.key in busy and not work.activity:
                work.trouble = _busy(work)
        for group in _batches([work for work in works if not (work.activity or work.trouble)]):
            self._deliver(group)
        doubtful = [work for work in works if work.reply]
        self._adopt(doubtful)
        for work in doubtful:
            if work.reply and not work.activity:
                work.trouble = self._refusal(work.reply)
        self._read_back([work for work in works if work.activity and not work.row])
        return works

    def _adopt(self, works: Sequence[Work]) -> None:
        """Ask which of the messages are e-mails there; where another message bears the id, by the one made of the key."""
        taken = self._found(works)
        if taken:
            for work in taken:
                work.message_id = made_id(work.key)
            self._found(taken)

    def _found(self, works: Sequence[Work]) -> list[Work]:
        """Take note of the e-mails that are there; return the works whose id is another message's."""
        there: dict[str, list[JsonObject]] = {}
        for row in self._rows("directioncode eq false and ", "messageid", [work.message_id for work in works]):
            there.setdefault(str(row.get("messageid") or "").casefold(), []).append(row)
        taken = []
        for work in works:
            standing = there.get(work.message_id.casefold(), [])
            own = next((row for row in standing if _is(work, row)), None)
            if own:
                work.activity, work.row = str(own["activityid"]).lower(), own
            elif standing:
                taken.append(work)
        return taken

    def _deliver(self, works: Sequence[Work]) -> None:
        asked = [(work, content) for work in works if (content := self._parameters(work)) is not None]
        client = self.organisation.client
        answers = client.batch([Request("POST", _ACTION, content) for _, content in asked])
        for (work, _), (reply,) in zip(asked, answers, strict=True):
            work.activity = str(reply.json().get("EmailId") or "").lower() if reply.status < _ERROR else ""
            work.reply = None if work.activity else reply

    def _refusal(self, reply: DataverseReply) -> RouterError:
        """Return why Dataverse refuses the message.  Raises what its answer means for all: it throttles, has trouble, lets nobody in."""
        client = self.organisation.client
        try:
            client.checked(reply)
        except MessageRefused as refusal:
            return refusal
        return TryLater(f"{client.organisation}: DeliverIncomingEmail named no e-mail", kind="crm_answer", shared=True)

    def _parameters(self, work: Work) -> JsonObject | None:
        """Return what the action takes; None, with the trouble noted, when the content of an attachment is no longer kept."""
        activity = work.delivery.activity
        blocking = self.organisation.blocking() if activity.attachments else None
        reasons = {number: blocking.reason(one) for number, one in enumerate(activity.attachments)} if blocking else {}
        blocked = {number: why for number, why in reasons.items() if why}
        files = []
        for number, one in enumerate(activity.attachments):
            if number in blocked:
                continue
            try:
                body = base64.b64encode(self.blobs.get(one.blob)).decode("ascii")
            except KeyError:
                text = f"message {work.key[:16]}: the content of attachment {number + 1} is no longer kept"
                work.trouble = MessageRefused(text, kind="attachment", mend="Retry the message from its raw bytes.")
                return None
            files.append(rows.file_row(number, one, body))
        return rows.parameters(activity, work.message_id, note(activity.attachments, blocked), files)

    def _read_back(self, works: Sequence[Work]) -> None:
        """Read what Dataverse made of the e-mails; one that is gone again by now stays without."""
        ids = [work.activity for work in works]
        found = {str(row["activityid"]).lower(): row for row in self._rows("", "activityid", ids)}
        for work in works:
            work.row = found.get(work.activity)

    def _rows(self, condition: str, column: str, values: Sequence[str]) -> Iterator[JsonObject]:
        """Yield the e-mails that have these values, oldest first; all in one batch."""
        client = self.organisation.client
        targets = [
            f"{rows.COLUMNS}&$filter={condition}{among(column, group)}&$orderby=createdon,activityid"
            for group in groups(dict.fromkeys(values))
        ]
        for (reply,) in client.batch([Request("GET", target, headers=_ANNOTATED) for target in targets]):
            yield from client.checked(reply).rows()


def _is(work: Work, row: JsonObject) -> bool:
    """Tell whether an e-mail that bears the id is the message: from the same sender, and wholly there."""
    sender = str(row.get("sender") or "").strip().casefold()
    same = sender in {"", rows.sender_of(work.delivery.activity).strip().casefold()}
    return same and row.get("messageid") == work.message_id and row.get("category") != dataverse_rows.INCOMPLETE


def _busy(work: Work) -> TryLater:
    text = (
        f"{work.delivery.activity.mailbox}: the worker of another mailbox is just handing the same mail to Dynamics 365"
    )
    return TryLater(text, kind="busy", after=_WAIT, shared=True)


def _batches(works: Sequence[Work]) -> Iterator[list[Work]]:
    """Yield the works in groups of at most ten, and of about 8 MB."""
    return groups_within(works, lambda work: (1, work.size), (_MOST, _BYTES))
