"""Write incoming e-mails to Dataverse, each exactly once, a page's in one batch.

An e-mail's id is made of its message, so whoever writes it finds it when it stands (412).  One without attachments is made and brought
to Received in one change set: wholly or not at all.  One with attachments is made open and marked incomplete; its attachments follow
under ids of their own, then it is brought to Received.  Whoever dies in between leaves an e-mail that says it is incomplete, and the next
one, of the same mailbox or another, goes on at the first attachment that is missing.  All of it may be repeated at will.
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

from email_router.core.activity import EmailActivity
from email_router.core.errors import MessageRefused
from email_router.core.grouping import groups_within
from email_router.core.ports import BlobStore
from email_router.edge.connect.dataverse_batch import ChangeSet, Item, Request
from email_router.edge.connect.dataverse_errors import CHANGED, NOT_FOUND, DataverseReply, JsonObject
from email_router.edge.crm import dataverse_rows as rows
from email_router.edge.crm.dataverse_attachments import REFUSED, note
from email_router.edge.crm.dataverse_lengths import fitting
from email_router.edge.crm.dataverse_organisation import Organisation

T = TypeVar("T")

_ERROR = 400
_FORBIDDEN = 403
_CREATE_ONLY = {"If-None-Match": "*"}
_CHANGE_ONLY = {"If-Match": "*"}
_BYTES = 8 * 1024 * 1024
"""About what one batch may hold: a page's e-mails are sent without holding more than that twice."""

_MOST = 300
_OWNER = "ownerid_email@odata.bind"
_STANDS = "?$select=statecode&$expand=email_activity_mime_attachment($select=activitymimeattachmentid)"


@dataclass(slots=True)
class Work:
    """One e-mail under way: its row, the numbers of its attachments that are still to be saved, why others are not, what refused it."""

    activity: EmailActivity
    row: JsonObject
    waiting: list[int] = field(default_factory=list)
    blocked: dict[int, str] = field(default_factory=dict)
    noted: int = 0
    refusal: MessageRefused | None = None
    trouble: DataverseReply | None = None

    @property
    def place(self) -> str:
        """Where the e-mail stands."""
        return f"emails({self.activity.id})"

    @property
    def size(self) -> int:
        """About how many bytes its row has as JSON."""
        return 4096 + len(self.row["description"]) + 200 * len(self.activity.parties)


class Writing:
    """Writes e-mails of one organisation."""

    def __init__(self, organisation: Organisation, blobs: BlobStore) -> None:
        self._organisation = organisation
        self._client = organisation.client
        self._blobs = blobs

    def write(self, activities: Sequence[EmailActivity]) -> dict[str, MessageRefused]:
        """Write all; return by id those that Dataverse refuses, and why: they are absent, or stand there incomplete and say so.

        Raises what the client raises; what was written before stays, and the same call may simply be made again.
        """
        works = self._planned(activities)
        standing, open_ones = self._made(works)
        open_ones += self._resumed(standing)
        self._attach(open_ones)
        self._close([work for work in open_ones if not (work.refusal or work.trouble)])
        self._judge([work for work in open_ones if work.trouble])
        return {work.activity.id: work.refusal for work in works if work.refusal}

    def _planned(self, activities: Sequence[EmailActivity]) -> list[Work]:
        owners = self._organisation.users(activity.owner for activity in activities) if activities else {}
        regarding = {one.regarding.kind for one in activities if one.regarding} - {*rows.SETS, *rows.TABLES}
        sets = self._organisation.sets(regarding) if regarding else {}
        works = []
        for activity in activities:
            blocked = self._blocked(activity)
            waiting = [number for number in range(len(activity.attachments)) if number not in blocked]
            owner = owners.get(activity.owner.casefold(), "")
            row = rows.email_row(activity, owner=owner, note=note(activity.attachments, blocked), sets=sets)
            if waiting:
                row["category"] = rows.INCOMPLETE
            works.append(Work(activity, row, waiting, blocked, len(blocked)))
        return works

    def _blocked(self, activity: EmailActivity) -> dict[int, str]:
        if not activity.attachments:
            return {}
        blocking = self._organisation.blocking()
        reasons = {number: blocking.reason(one) for number, one in enumerate(activity.attachments)}
        return {number: why for number, why in reasons.items() if why}

    def _made(self, works: Sequence[Work]) -> tuple[list[Work], list[Work]]:
        """Make the e-mails; return those that stand already, and those that are made and open.

        One whose row leads to something that is gone, or whose owner may not have it, is made without that.
        """
        standing, lacking = self._create(works)
        if lacking:
            gone = self._gone({place for work, _ in lacking for place in rows.bound(work.row)})
            for work, reply in lacking:
                work.row = rows.without(work.row, gone)
                if reply.status == _FORBIDDEN:
                    work.row.pop(_OWNER, None)
            again, refused = self._create([work for work, _ in lacking])
            standing += again
            for work, reply in refused:
                self._refuse(work, reply)
        met = {id(work) for work in standing}
        return standing, [one for one in works if one.waiting and not one.refusal and id(one) not in met]

    def _create(self, works: Sequence[Work]) -> tuple[list[Work], list[tuple[Work, DataverseReply]]]:
        standing: list[Work] = []
        lacking: list[tuple[Work, DataverseReply]] = []
        for group in _groups(works, lambda work: work.size):
            for work, replies in zip(group, self._client.batch([_making(work) for work in group]), strict=True):
                reply = replies[-1]
                if reply.status == CHANGED:
                    standing.append(work)
                elif (reply.status == NOT_FOUND and reply.code) or (reply.status == _FORBIDDEN and _OWNER in work.row):
                    lacking.append((work, reply))
                elif reply.status >= _ERROR:
                    self._refuse(work, reply)
        return standing, lacking

    def _refuse(self, work: Work, reply: DataverseReply) -> None:
        """Note that Dataverse takes no such row.  Raises what else its answer means."""
        try:
            self._client.checked(reply)
        except MessageRefused as refusal:
            work.refusal = refusal

    def _gone(self, places: Iterable[str]) -> frozenset[str]:
        """Return which of these places lead nowhere."""
        asked = sorted(places)
        requests = [Request("GET", f"{place.lstrip('/')}?$select=createdon") for place in asked]
        answers = self._client.batch(requests)
        return frozenset(
            place for place, (reply,) in zip(asked, answers, strict=True) if reply.status == NOT_FOUND and reply.code
        )

    def _resumed(self, works: Sequence[Work]) -> list[Work]:
        """Look how far those have come that stand already; return the open ones, with what is missing."""
        found = []
        for work, reply in self._states(works):
            if reply.status >= _ERROR:
                self._refuse(work, reply)
                continue
            row = reply.json()
            if row.get("statecode") == 0:
                there = {str(one["activitymimeattachmentid"]).lower() for one in _attachments(row)}
                work.waiting = [one for one in work.waiting if rows.attachment_id(work.activity.id, one) not in there]
                found.append(work)
        return found

    def _states(self, works: Sequence[Work]) -> Iterator[tuple[Work, DataverseReply]]:
        answers = self._client.batch([Request("GET", f"{work.place}{_STANDS}") for work in works])
        for work, (reply,) in zip(works, answers, strict=True):
            yield work, reply

    def _attach(self, works: Sequence[Work]) -> None:
        """Save the attachments that are missing, in batches; one that Dataverse blocks after all is noted."""
        for group in _groups(self._bodies(works), lambda one: len(one[2].content["body"]) if one[2].content else 0):
            answers = self._client.batch([request for _, _, request in group])
            for (work, number, _), (reply,) in zip(group, answers, strict=True):
                if reply.code in REFUSED:
                    work.blocked[number] = REFUSED[reply.code]
                elif reply.status >= _ERROR and reply.status != CHANGED:
                    work.trouble = work.trouble or reply

    def _bodies(self, works: Sequence[Work]) -> Iterator[tuple[Work, int, Request]]:
        for work in works:
            for number in work.waiting:
                one = work.activity.attachments[number]
                try:
                    body = base64.b64encode(self._blobs.get(one.blob)).decode("ascii")
                except KeyError:
                    text = f"e-mail {work.activity.id}: the content of attachment {number + 1} is no longer kept"
                    work.refusal = MessageRefused(text, kind="attachment", mend="Retry the message from its raw bytes.")
                    break
                key = rows.attachment_id(work.activity.id, number)
                row = rows.attachment_row(work.activity.id, number, one, body)
                yield work, number, Request("PATCH", f"activitymimeattachments({key})", row, _CREATE_ONLY)

    def _close(self, works: Sequence[Work]) -> None:
        """Bring the e-mails to Received, their incomplete mark taken away."""
        answers = self._client.batch([_closing(work) for work in works])
        for work, (reply,) in zip(works, answers, strict=True):
            if reply.status >= _ERROR:
                work.trouble = reply

    def _judge(self, works: Sequence[Work]) -> None:
        """Another worker may have brought an e-mail to its end meanwhile: then what it refused of ours is well."""
        for work, reply in self._states(works):
            closed = reply.status < _ERROR and reply.json().get("statecode") != 0
            if not closed and work.trouble:
                self._refuse(work, work.trouble)


def _making(work: Work) -> Item:
    create = Request("PATCH", work.place, work.row, _CREATE_ONLY)
    if work.waiting:
        return create
    return ChangeSet((create, Request("PATCH", work.place, rows.closing(work.activity, after_attachments=False))))


def _closing(work: Work) -> Request:
    row = rows.closing(work.activity, after_attachments=True)
    if len(work.blocked) > work.noted:
        text = rows.body_of(work.activity) + note(work.activity.attachments, work.blocked)
        row |= {"description": fitting("email", "description", text), "notifications": rows.SAVED_WITHOUT}
    return Request("PATCH", work.place, row, _CHANGE_ONLY)


def _attachments(row: JsonObject) -> list[JsonObject]:
    found = row.get("email_activity_mime_attachment")
    return [one for one in found if isinstance(one, dict)] if isinstance(found, list) else []


def _groups(things: Iterable[T], size_of: Callable[[T], int]) -> Iterator[list[T]]:
    """Yield the things in lists of about 8 MB at most."""
    return groups_within(things, lambda one: (1, size_of(one)), (_MOST, _BYTES))
