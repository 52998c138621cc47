"""Make e-mails of Dataverse that are to be sent, as a user does who writes one and presses Send, and cancel them.

An e-mail is made as a draft, its attachments are added, then SendEmail lets it wait (Pending Send), where the router finds it as it finds
those of users.  Without attachments all of it is one change set.  Whoever dies in between leaves a draft; the same call goes on with it.
"""

from __future__ import annotations

import base64
from collections.abc import Iterator
from typing import TYPE_CHECKING

from email_router.core.activity import EmailStatus, Role
from email_router.core.errors import ConfigurationError, MessageRefused, TryLater
from email_router.edge.connect.dataverse_batch import ChangeSet, Request
from email_router.edge.connect.dataverse_errors import CHANGED, NOT_FOUND
from email_router.edge.crm import dataverse_reading as reading
from email_router.edge.crm import dataverse_rows as rows

if TYPE_CHECKING:
    from email_router.core.activity import EmailActivity
    from email_router.core.ports import BlobStore
    from email_router.edge.connect.dataverse import DataverseClient
    from email_router.edge.crm.dataverse_organisation import Organisation

_CREATE_ONLY = {"If-None-Match": "*"}
_ERROR = 400
_ROUNDS = 6
_DRAFT, _WAITS = 1, 6
_SENDERS = frozenset({"user", "queue"})


def create(organisation: Organisation, email: EmailActivity, blobs: BlobStore) -> None:
    """Make the e-mail; one whose status is Draft is not let off.  Repeatable: one that stands already and is no draft stays as it is.

    Raises ConfigurationError when its sender is no user or queue, MessageRefused when the organisation blocks an attachment.
    """
    _refuse_senders(organisation, email)
    _refuse_attachments(organisation, email)
    owner = organisation.users([email.owner]).get(email.owner.casefold(), "")
    made = Request("PATCH", _place(email.id), rows.outgoing_row(email, owner=owner), _CREATE_ONLY)
    client = organisation.client
    if email.attachments or email.status is EmailStatus.DRAFT:
        reply = client.batch([made])[0][-1]
    else:
        reply = client.batch([ChangeSet((made, _pressed(email.id)))])[0][-1]
    if reply.status == CHANGED:
        _go_on(client, email, blobs)
        return
    client.checked(reply)
    if email.attachments:
        _complete(client, email, blobs)


def cancel(client: DataverseClient, activity: str) -> bool:
    """Cancel an e-mail that waits to be sent; False when it does not wait any more.

    Raises TryLater when others change it all the time.
    """
    for _ in range(_ROUNDS):
        row = reading.read(client, activity)
        if row is None or row.get("statuscode") != _WAITS:
            return False
        state, status = rows.STATUSES[EmailStatus.CANCELLED]
        content, version = {"statecode": state, "statuscode": status}, {"If-Match": str(row["@odata.etag"])}
        reply = client.call("PATCH", _place(activity), content, headers=version, accept=(CHANGED, NOT_FOUND))
        if reply.status < _ERROR:
            return True
    raise TryLater(f"{client.organisation}: e-mail {activity} is changed by others all the time", kind="busy")


def _refuse_senders(organisation: Organisation, email: EmailActivity) -> None:
    for party in email.parties:
        if party.role is Role.FROM and (party.record is None or party.record.kind not in _SENDERS):
            name = organisation.client.organisation
            raise ConfigurationError(
                f"{party.address} sends no e-mail from Dynamics 365 of {name}: expected the address of an enabled user or a queue there"
            )


def _refuse_attachments(organisation: Organisation, email: EmailActivity) -> None:
    blocking = organisation.blocking() if email.attachments else None
    for one in email.attachments if blocking else ():
        why = blocking.reason(one) if blocking else ""
        if why:
            raise MessageRefused(f"{one.name} cannot be attached: {why}", kind="attachment", mend="Leave it out.")


def _go_on(client: DataverseClient, email: EmailActivity, blobs: BlobStore) -> None:
    """Complete a draft that an earlier call left."""
    row = reading.read(client, email.id)
    if row is not None and row.get("statuscode") == _DRAFT:
        _complete(client, email, blobs)


def _complete(client: DataverseClient, email: EmailActivity, blobs: BlobStore) -> None:
    """Add the attachments that are missing, one at a time, then press Send."""
    for request in _files(email, blobs):
        client.call(request.method, request.target, request.content, headers=request.headers, accept=(CHANGED,))
    if email.status is not EmailStatus.DRAFT:
        pressed = _pressed(email.id)
        client.call(pressed.method, pressed.target, pressed.content)


def _files(email: EmailActivity, blobs: BlobStore) -> Iterator[Request]:
    for number, one in enumerate(email.attachments):
        body = base64.b64encode(blobs.get(one.blob)).decode("ascii")
        place = f"activitymimeattachments({rows.attachment_id(email.id, number)})"
        yield Request("PATCH", place, rows.attachment_row(email.id, number, one, body), _CREATE_ONLY)


def _pressed(activity: str) -> Request:
    """Return the action of the button Send; the token is the router's to give."""
    action = f"{_place(activity)}/Microsoft.Dynamics.CRM.SendEmail"
    return Request("POST", action, {"IssueSend": True, "TrackingToken": ""})


def _place(activity: str) -> str:
    return f"emails({activity})"
