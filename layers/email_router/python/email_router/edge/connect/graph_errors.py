"""Translate what Microsoft Graph refuses into what happens next (learn.microsoft.com/graph/errors)."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from email_router.core.errors import MailboxBlocked, MessageRefused, RouterError, TryLater
from email_router.edge.connect import waits
from email_router.edge.connect.graph_reading import rows_in, strange

if TYPE_CHECKING:
    from collections.abc import Mapping

JsonObject = dict[str, Any]

BAD_REQUEST = 400
NOT_FOUND = 404
CONFLICT = 409
GONE = 410
THROTTLED = 429
_UNAUTHORIZED = 401
_FORBIDDEN = 403
_SERVER_ERROR = 500
_WORDS = 160
_CODE = 80


@dataclass(frozen=True, slots=True)
class GraphReply:
    """An answer read whole; header names are in lower case.  `decoded` tells that the body stood in base64 and is what that meant.

    `address` is the mailbox that asked, for the errors.
    """

    status: int
    headers: Mapping[str, str]
    body: bytes = field(repr=False)
    decoded: bool = False
    address: str = ""

    @property
    def done(self) -> bool:
        """Tell whether Graph did what it was asked: 2xx, and nothing else."""
        return 200 <= self.status < 300  # noqa: PLR2004 - HTTP's own border

    def json(self) -> JsonObject:
        """Return the body as a JSON object.  Raises TryLater when it is none."""
        try:
            found = json.loads(self.body)
        except (ValueError, RecursionError):
            found = None
        if not isinstance(found, dict):
            raise strange(self.address, f"HTTP {self.status} with something else than JSON")
        return found

    def rows(self, name: str = "value") -> list[JsonObject]:
        """Return the objects of a list in the body, without what is none; no list where there is none of that name.

        Raises TryLater when the body is no JSON object, or has something else than a list under that name.
        """
        return rows_in(self.json(), self.address, name)

    @property
    def code(self) -> str:
        """The error's code, or an empty string."""
        return _printable(self._error().get("code"))[:_CODE]

    @property
    def words(self) -> str:
        """The error's own words, fit for a log."""
        return _printable(self._error().get("message"))[:_WORDS].strip()

    def _error(self) -> JsonObject:
        try:
            error = json.loads(self.body)["error"]
        except (ValueError, KeyError, TypeError, RecursionError):
            return {}
        return error if isinstance(error, dict) else {}


_MEND_ROLE = (
    "Give the application the Exchange role for this mailbox, in Exchange Online PowerShell: New-ManagementRoleAssignment -App {client_id} "
    '-Role "Application Mail.ReadWrite" -CustomResourceScope SCOPE ("Application Mail.Send" for sending), the application registered by '
    "New-ServicePrincipal and the scope made by New-ManagementScope; where it has the role, let its scope select the mailbox.  It takes 30 "
    "minutes to 2 hours.  Test-ServicePrincipalAuthorization {client_id} -Resource {address} tells what holds."
)
_MEND_CONSENT = (
    "The application lacks a permission, or no administrator has consented to it.  Entra admin center, App registrations, {client_id}, API "
    "permissions: add the application permission Mail.ReadWrite (and Mail.Send to send) of Microsoft Graph, then Grant admin consent; or "
    "give it Exchange roles for single mailboxes in its place (New-ManagementRoleAssignment -App {client_id})."
)
_MEND_THROTTLED = (
    "Microsoft asks to go slower, and it passes by itself; if it lasts, raise minimum_polling_interval in the profile, and see what else "
    "uses the application or the mailbox."
)
_MEND_TROUBLE = "It passes by itself; see Microsoft's service health (admin.microsoft.com, Health, Service health)."
_MEND_ODATA = (
    "Exchange Web Services and REST are closed to this application: look at EwsApplicationAccessPolicy of "
    "Get-OrganizationConfig and Get-CASMailbox."
)
_MEND_MAILBOX = (
    "Check the address (Get-EXOMailbox {address}), and that the mailbox has an Exchange Online licence and is not on an Exchange "
    "Server."
)


def _printable(text: object) -> str:
    return "".join(character if character.isprintable() else " " for character in str(text or ""))


_BY_CODE: dict[str, tuple[str, str]] = {
    "erroraccessdenied": ("access_denied", _MEND_ROLE),
    "authorization_requestdenied": ("access_denied", _MEND_CONSENT),
    "accessdenied": ("access_denied", _MEND_ROLE),
    "errorquotaexceeded": ("mailbox_full", "The mailbox is over its quota: make room in it, or raise the quota."),
    "mailboxnotenabledforrestapi": ("mailbox_unavailable", _MEND_MAILBOX),
    "mailboxnotsupportedforrestapi": ("mailbox_unavailable", _MEND_MAILBOX),
    "errorinvaliduser": ("mailbox_unknown", _MEND_MAILBOX),
    "errornonexistentmailbox": ("mailbox_unknown", _MEND_MAILBOX),
    "request_resourcenotfound": ("mailbox_unknown", _MEND_MAILBOX),
    "resourcenotfound": ("mailbox_unknown", _MEND_MAILBOX),
    "erroraccountdisabled": ("mailbox_unavailable", "The mailbox's account is disabled: enable it in Entra."),
    "errormailboxlocked": ("mailbox_unavailable", "The mailbox is locked: ask the Exchange administrator."),
}
_PASSING = frozenset(
    {
        "errormailboxmoveinprogress",
        "errormailboxstoreunavailable",
        "errorserverbusy",
        "errortimeoutexpired",
        "mailboxinfostale",
        "errorconnectionfailed",
    }
)


def means_mailbox(reply: GraphReply) -> bool:
    """Tell whether an error is about the mailbox as a whole, not about the message or folder that was asked for."""
    return reply.code.lower() in _BY_CODE


def failure(reply: GraphReply, address: str, client_id: str, patience: float) -> RouterError:
    """Return the error for an answer that is none of the expected ones; `patience` is the wait where Graph names none, in seconds."""
    code = reply.code.lower()
    seen = f"HTTP {reply.status} {reply.code}".strip() + (f": {reply.words}" if reply.words else "")
    if reply.status == THROTTLED or code in _PASSING:
        after = retry_after(reply, datetime.now(UTC))
        return TryLater(
            f"{address}: Graph asks to wait ({seen})",
            kind="throttled" if reply.status == THROTTLED else "busy",
            mend=_MEND_THROTTLED if reply.status == THROTTLED else _MEND_TROUBLE,
            after=patience if after is None else after,
            shared=True,
        )
    if code in _BY_CODE:
        kind, mend = _BY_CODE[code]
        if "odata is disabled" in reply.words.lower():
            mend = _MEND_ODATA
        return MailboxBlocked(f"{address}: {seen}", kind=kind, mend=mend.format(client_id=client_id, address=address))
    if reply.status == _UNAUTHORIZED:
        mend = "Check that tenant_id, cloud and endpoint of the profile belong together and that consent still stands."
        return MailboxBlocked(f"{address}: Graph refuses the token ({seen})", kind="login_refused", mend=mend)
    if reply.status == _FORBIDDEN:
        mend = _MEND_ROLE.format(client_id=client_id, address=address)
        return MailboxBlocked(f"{address}: {seen}", kind="access_denied", mend=mend)
    if reply.status >= _SERVER_ERROR:
        after = retry_after(reply, datetime.now(UTC))
        trouble = f"{address}: Graph has trouble ({seen})"
        return TryLater(trouble, kind="unavailable", mend=_MEND_TROUBLE, after=after or 0, shared=True)
    if reply.status == NOT_FOUND:
        return MessageRefused(f"{address}: {seen}", kind="vanished")
    if reply.status < BAD_REQUEST:
        return strange(address, f"HTTP {reply.status}, which is neither done nor refused")
    return TryLater(f"{address}: Graph refused the request ({seen})", kind="graph_refused", shared=reply.status == GONE)


def retry_after(reply: GraphReply, now: datetime) -> float | None:
    """Return the seconds of the Retry-After header, at most a day; None where there is none."""
    return waits.retry_after(reply.headers.get("retry-after", ""), now)
