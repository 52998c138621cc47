"""Say what an answer of Exchange Web Services means for a mailbox."""

from __future__ import annotations

from email_router.core.errors import MailboxBlocked, RouterError, TryLater

ONLINE_MEND = (
    "Since 2026-10-01 Exchange Online answers EWS only to applications in the organisation's EWSAllowedAppIDs, and from 2027-04-01 to "
    "none.  See Get-OrganizationConfig | Format-List EwsEnabled, EWSAllowedAppIDs, and have client_id added: Set-OrganizationConfig "
    "-EwsEnabled $true -EWSAllowedAppIDs with the whole list (it takes up to a day); EWS must be on for the mailbox, too (Set-CASMailbox "
    '{address} -EwsEnabled $true).  Better: move the profile to Graph with protocol = "graph".'
)
_FORBIDDEN_MEND = (
    "Check that EWS is enabled for the mailbox (Get-CASMailbox: EwsEnabled) and that no IIS rule denies the router."
)
_BUSY_SECONDS = 60.0

BUSY = frozenset(
    {
        "ErrorServerBusy",
        "ErrorExceededConnectionCount",
        "ErrorExceededFindCountLimit",
        "ErrorTooManyObjectsOpened",
        "ErrorTimeoutExpired",
        "ErrorInternalServerTransientError",
        "ErrorMailboxMoveInProgress",
        "ErrorInsufficientResources",
    }
)
GONE = frozenset({"ErrorItemNotFound", "ErrorInvalidIdMalformed", "ErrorInvalidIdEmpty", "ErrorMessageDeleted"})
UNREADABLE = frozenset(
    {"ErrorMimeContentConversionFailed", "ErrorContentConversionFailed", "ErrorItemCorrupt", "ErrorCorruptData"}
)
"""Exchange has the message and cannot render it."""

STALE_STATE = "ErrorInvalidSyncStateData"

_BLOCKED = {
    "ErrorNonExistentMailbox": (
        "mailbox_missing",
        "Check the address; the mailbox may have been removed or moved to another server.",
    ),
    "ErrorMissingEmailAddress": ("mailbox_missing", "Check the address; it must be that of a mailbox."),
    "ErrorImpersonateUserDenied": (
        "access_denied",
        "Give the service account the role ApplicationImpersonation over this mailbox (New-ManagementRoleAssignment).",
    ),
    "ErrorImpersonationDenied": (
        "access_denied",
        "Give the service account the role ApplicationImpersonation over this mailbox (New-ManagementRoleAssignment).",
    ),
    "ErrorAccessDenied": (
        "access_denied",
        "Give the account full access to the mailbox (Add-MailboxPermission), or impersonation.",
    ),
    "ErrorSendAsDenied": ("access_denied", "Give the account Send As on the mailbox (Add-ADPermission)."),
    "ErrorQuotaExceeded": ("mailbox_full", "The mailbox is over its quota: have it cleared or the quota raised."),
    "ErrorFolderNotFound": (
        "folder_missing",
        "Check the names in folders; they are case-sensitive below the mailbox's root.",
    ),
    "ErrorAccountDisabled": ("login_refused", "The account is disabled: have it enabled."),
    "ErrorPasswordExpired": (
        "login_refused",
        "The account's password has run out: change it, and set the new one (`email-router set-password MAILBOX`, or publish).",
    ),
}


class EwsError(Exception):
    """A response code of EWS with the server's words, and how long it asks to be left alone (seconds)."""

    def __init__(self, code: str, words: str = "", back_off: float = 0.0) -> None:
        super().__init__(code, words)
        self.code = code
        self.words = words
        self.back_off = back_off

    def __str__(self) -> str:
        return f"{self.code}: {self.words}"[:300]


def failure(error: EwsError, address: str) -> RouterError:
    """Return the error that a response code means, for `raise`; a code that is not known may pass later."""
    if error.code in BUSY:
        mend = "The server throttles or is busy; the next pass tries again.  See the throttling policy in docs/exchange.md."
        after = error.back_off or _BUSY_SECONDS
        return TryLater(f"{address}: {error}", kind="throttled", mend=mend, after=after, shared=True)
    if error.code in _BLOCKED:
        kind, mend = _BLOCKED[error.code]
        return MailboxBlocked(f"{address}: {error}", kind=kind, mend=mend)
    mend = "The next pass tries again; if it stays, ask the administrator of the Exchange server for this code."
    return TryLater(f"{address}: {error}", kind="ews_answer", mend=mend, after=error.back_off, shared=True)


def unexpected(address: str, seen: str) -> TryLater:
    """Return the error of an answer that is not what the schema of EWS says, for `raise`."""
    mend = "The next pass tries again; if it stays, look at what answers at the profile's host, and at this mailbox."
    return TryLater(f"{address}: an answer of Exchange has an unexpected shape ({seen})", kind="ews_answer", mend=mend)


def refused_status(status: int, address: str, host: str, *, online: bool, wait: float = 0.0) -> RouterError:
    """Return the error that an HTTP status without SOAP means."""
    said = f"{address}: {host} answers HTTP {status}"
    if status == 401:  # noqa: PLR2004 - as RFC 9110 names it
        mend = (
            "Check username, credentials and authentication of the profile (or the mailbox's own password: `email-router set-password "
            "MAILBOX`), and that the account is not locked."
        )
        return MailboxBlocked(f"{said}: the login is refused", kind="login_refused", mend=mend)
    if status == 403:  # noqa: PLR2004
        mend = ONLINE_MEND.format(address=address) if online else _FORBIDDEN_MEND
        return MailboxBlocked(f"{said}: EWS is forbidden", kind="access_denied", mend=mend)
    if 300 <= status < 400:  # noqa: PLR2004
        mend = "Redirects are not followed: name the server itself as host or endpoint of the profile."
        return MailboxBlocked(f"{said}: it wants to send us elsewhere", kind="foreign_link", mend=mend)
    if status == 404:  # noqa: PLR2004
        mend = "Check host or endpoint of the profile: EWS lies at /EWS/Exchange.asmx."
        return MailboxBlocked(f"{said}: no EWS there", kind="not_available", mend=mend)
    return TryLater(
        said, kind="ews_answer", mend="Check the server; the next pass tries again.", after=wait, shared=True
    )
