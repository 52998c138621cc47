"""Translate what Dataverse refuses into what happens next (learn.microsoft.com, Web service error codes)."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from email_router.core.errors import ConfigurationError, MailboxBlocked, MessageRefused, RouterError, TryLater
from email_router.edge.connect import waits

if TYPE_CHECKING:
    from collections.abc import Mapping

JsonObject = dict[str, Any]

NOT_FOUND = 404
CHANGED = 412
"""A row that stands already (If-None-Match: *), or has another version (If-Match)."""

THROTTLED = 429
"""Service protection asks to wait."""

_UNAUTHORIZED = 401
_FORBIDDEN = 403
_SERVER_ERROR = 500
_PATIENCE = 60.0
_LONGEST_WAIT = 3600.0
_WORDS = 240

_PRIVILEGE = re.compile(r"missing (prv\w+) privilege")
_NO_MEMBER = frozenset({"0x80072560", "0x80072561", "0x80040225", "0x80042f06"})
"""No user of the organisation, no licence or role, a disabled user."""

_SPEAKING = frozenset(
    {
        "0x80044331",
        "0x80044330",
        "0x80048408",
        "0x80040217",
        "0x80040237",
        "0x80060882",
        "0x80072321",
        "0x80072322",
        "0x80072326",
    }
)
"""Errors whose words name tables, columns, ids and limits only; those of all others may quote what was written."""

_MEND_USER = (
    "Make the application a user of the environment with the router's security role: Power Platform admin center, Environments, Settings, "
    "Users + permissions, Application users; application id {who}."
)


@dataclass(frozen=True, slots=True)
class DataverseReply:
    """An answer read whole; header names are in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes = field(repr=False)

    def json(self) -> JsonObject:
        """Return the body as a JSON object.  Raises TryLater when it is none."""
        try:
            found = json.loads(self.body)
        except ValueError:
            found = None
        if not isinstance(found, dict):
            raise TryLater(
                f"Dataverse answered {self.status} with something else than JSON", kind="crm_answer", shared=True
            )
        return found

    def rows(self) -> list[JsonObject]:
        """Return the rows of a collection."""
        found = self.json().get("value")
        return [row for row in found if isinstance(row, dict)] if isinstance(found, list) else []

    @property
    def code(self) -> str:
        """The error's code in lower case, or an empty string."""
        return _printable(self._error().get("code"))[:20].lower()

    @property
    def words(self) -> str:
        """The error's own words where they hold nothing of a message, fit for a log."""
        return _printable(self._error().get("message"))[:_WORDS].strip() if self.code in _SPEAKING else ""

    @property
    def missing_privilege(self) -> str:
        """The privilege that a 403 names, or an empty string."""
        found = _PRIVILEGE.search(str(self._error().get("message") or ""))
        return found[1] if found else ""

    def _error(self) -> JsonObject:
        try:
            error = json.loads(self.body)["error"]
        except (ValueError, KeyError, TypeError):
            return {}
        return error if isinstance(error, dict) else {}


def _printable(text: object) -> str:
    return "".join(character if character.isprintable() else " " for character in str(text or ""))


def failure(reply: DataverseReply, organisation: str, who: str) -> RouterError | ConfigurationError:
    """Return the error for an answer that is none of the expected ones; `who` is whom we are signed in as."""
    seen = f"HTTP {reply.status} {reply.code}".strip() + (f": {reply.words}" if reply.words else "")
    if reply.status == THROTTLED or reply.status >= _SERVER_ERROR:
        return _later(reply, organisation, seen)
    if reply.status == _UNAUTHORIZED:
        mend = "Check that url, tenant_id and client_id of organisation.crm belong together."
        return MailboxBlocked(f"{organisation}: Dataverse refuses the token ({seen})", kind="login_refused", mend=mend)
    if reply.status == _FORBIDDEN:
        return _forbidden(reply, organisation, who, seen)
    if reply.status == CHANGED:
        return TryLater(f"{organisation}: the row was changed or made meanwhile ({seen})", kind="busy")
    if reply.status == NOT_FOUND and not reply.code:
        return ConfigurationError(
            f"organisation.crm: url: expected a Dataverse organisation, found a server that answers {seen}"
        )
    if reply.status == NOT_FOUND:
        return MessageRefused(f"{organisation}: {seen}", kind="vanished")
    return MessageRefused(
        f"{organisation}: Dataverse refuses the row ({seen})",
        kind="crm_refused",
        mend="Look up the code in Microsoft's list of web service error codes; a plug-in of the organisation may have its own.",
    )


def _later(reply: DataverseReply, organisation: str, seen: str) -> TryLater:
    """Tell to wait: as long as Retry-After says, an hour at most; service protection names it in seconds."""
    wait = waits.retry_after(reply.headers.get("retry-after", ""), datetime.now(UTC))
    if reply.status == THROTTLED:
        after = min(_PATIENCE if wait is None else wait, _LONGEST_WAIT)
        return TryLater(f"{organisation}: Dataverse asks to wait ({seen})", kind="throttled", after=after, shared=True)
    return TryLater(
        f"{organisation}: Dataverse has trouble ({seen})",
        kind="unavailable",
        after=min(wait or 0, _LONGEST_WAIT),
        shared=True,
    )


def _forbidden(reply: DataverseReply, organisation: str, who: str, seen: str) -> MailboxBlocked:
    if reply.missing_privilege:
        mend = f"Add the privilege {reply.missing_privilege} to a security role of the application user {who}."
        return MailboxBlocked(
            f"{organisation}: {seen}: {reply.missing_privilege} is missing", kind="access_denied", mend=mend
        )
    mend = _MEND_USER.format(who=who)
    if reply.code not in _NO_MEMBER:
        mend = f"Look at the state of the environment in the Power Platform admin center.  {mend}"
    return MailboxBlocked(f"{organisation}: Dataverse refuses {who} ({seen})", kind="access_denied", mend=mend)
