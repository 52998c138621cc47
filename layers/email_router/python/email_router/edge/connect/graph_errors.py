"""Translate what Microsoft Graph refuses into what happens next (learn.microsoft.com/graph/errors)."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any

from email_router.core.errors import MailboxBlocked, MessageRefused, RouterError, TryLater

if TYPE_CHECKING:
    from collections.abc import Mapping

JsonObject = dict[str, Any]

NOT_FOUND = 404
CONFLICT = 409
GONE = 410
THROTTLED = 429
_UNAUTHORIZED = 401
_FORBIDDEN = 403
_SERVER_ERROR = 500
_LONGEST_WAIT = 24 * 3600.0
_WORDS = 160
_CODE = 80


@dataclass(frozen=True, slots=True)
class GraphReply:
    """An answer read whole; header names are in lower case.  `decoded` tells that the body stood in base64 and is what that meant."""

    status: int
    headers: Mapping[str, str]
    body: bytes = field(repr=False)
    decoded: bool = False

    def json(self) -> JsonObject:
        """Return the body as a JSON object.  Raises TryLater when it is none."""
        try:
            found = json.loads(self.body)
        except ValueError:
            found = None
        if not isinstance(found, dict):
            raise TryLater(
                f"Graph answered {self.status} with something else than JSON", kind="graph_answer", shared=True
            )
        return found

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
        except (ValueError, KeyError, TypeError):
            return {}
        return error if isinstance(error, dict) else {}


_MEND_ROLE = (
    "Give the application the Exchange role for this mailbox: New-ManagementRoleAssignment -App {client_id} "
    '-Role "Application Mail.ReadWrite" -CustomResourceScope ... ("Application Mail.Send" for sending); '
    "it takes 30 minutes to 2 hours.  Test-ServicePrincipalAuthorization tells what holds."
)
_MEND_ODATA = (
    "Exchange Web Services and REST are closed to this application: look at EwsApplicationAccessPolicy of "
    "Get-OrganizationConfig and Get-CASMailbox."
)
_MEND_MAILBOX = (
    "Check the address, and that the mailbox has an Exchange Online licence and is not on an Exchange Server."
)


def _printable(text: object) -> str:
    return "".join(character if character.isprintable() else " " for character in str(text or ""))


_BY_CODE: dict[str, tuple[str, str]] = {
    "erroraccessdenied": ("access_denied", _MEND_ROLE),
    "authorization_requestdenied": ("access_denied", _MEND_ROLE),
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
            after=patience if after is None else after,
            shared=True,
        )
    if code in _BY_CODE:
        kind, mend = _BY_CODE[code]
        if "odata is disabled" in reply.words.lower():
            mend = _MEND_ODATA
        return MailboxBlocked(f"{address}: {seen}", kind=kind, mend=mend.format(client_id=client_id))
    if reply.status == _UNAUTHORIZED:
        mend = "Check that tenant_id, cloud and endpoint of the profile belong together and that consent still stands."
        return MailboxBlocked(f"{address}: Graph refuses the token ({seen})", kind="login_refused", mend=mend)
    if reply.status == _FORBIDDEN:
        return MailboxBlocked(f"{address}: {seen}", kind="access_denied", mend=_MEND_ROLE.format(client_id=client_id))
    if reply.status >= _SERVER_ERROR:
        after = retry_after(reply, datetime.now(UTC))
        return TryLater(f"{address}: Graph has trouble ({seen})", kind="unavailable", after=after or 0, shared=True)
    if reply.status == NOT_FOUND:
        return MessageRefused(f"{address}: {seen}", kind="vanished")
    return TryLater(f"{address}: Graph refused the request ({seen})", kind="graph_refused")


def retry_after(reply: GraphReply, now: datetime) -> float | None:
    """Return the seconds of a Retry-After header (RFC 9110 10.2.3: seconds or a date), at most a day; None where there is none."""
    text = reply.headers.get("retry-after", "").strip()
    if not text:
        return None
    try:
        seconds = float(text)
    except ValueError:
        try:
            moment = parsedate_to_datetime(text)
        except (ValueError, TypeError, IndexError):
            return None
        seconds = ((moment if moment.tzinfo else moment.replace(tzinfo=UTC)) - now).total_seconds()
    return min(max(seconds, 0.0), _LONGEST_WAIT) if seconds == seconds else None  # noqa: PLR0124 - not a number
