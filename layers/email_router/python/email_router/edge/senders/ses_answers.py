"""Tell what an answer of Amazon SES means, and what the lack of one does."""

from __future__ import annotations

import re
import ssl
import traceback
from typing import TYPE_CHECKING

from botocore.exceptions import (
    ConnectTimeoutError,
    CredentialRetrievalError,
    EndpointConnectionError,
    NoCredentialsError,
    PartialCredentialsError,
    ProxyConnectionError,
    SSLError,
)

from email_router.core.errors import MailboxBlocked, MessageRefused, RouterError, TryLater
from email_router.core.sending import SendOutcome, SendResult

if TYPE_CHECKING:
    from botocore.exceptions import ClientError

_THROTTLED_SECONDS, _QUOTA_SECONDS = 60.0, 3600.0
_SERVER_ERROR = 500
_THROTTLED = frozenset({"TooManyRequestsException", "LimitExceededException", "ThrottlingException", "Throttling"})
_NOT_SENT = (
    ConnectTimeoutError,
    CredentialRetrievalError,
    EndpointConnectionError,
    NoCredentialsError,
    PartialCredentialsError,
    ProxyConnectionError,
)
_LOGIN = frozenset({"ExpiredTokenException", "ExpiredToken", "UnrecognizedClientException", "InvalidClientTokenId"})
_NOT_LOGGED_IN = frozenset({401, 403})
"""AWS refuses who asks, and not what: a signature, an expired token, a clock that is wrong ("Common errors", API reference)."""

_REFUSED = {
    "MessageRejected": "Look at the content: SES refuses mail in which it finds malware.",
    "BadRequestException": "Correct the e-mail's addresses or attachments.",
}
_NAMED = re.compile(r"[^\s,:;<>]+@[^\s,:;<>]+[A-Za-z0-9]")
_MEND_UNVERIFIED = (
    "Verify the address or its domain as an identity in SES, in the region of the stack; its e-mails wait meanwhile."
)
_MEND_SANDBOX = (
    "The account is in the SES sandbox, where every recipient must be verified as well: ask AWS for production access "
    "(SES console, Account dashboard), then `email-router outgoing retry`."
)
_BLOCKED = {
    "AccountSuspendedException": "Ask AWS Support to lift the suspension of SES.",
    "SendingPausedException": "Resume sending in SES, for the account or the configuration set.",
    "MailFromDomainNotVerifiedException": "Verify the identity's MAIL FROM domain in SES (its MX record).",
    "NotFoundException": "Create the configuration set, or deploy the stack again.",
    "AccessDeniedException": "Give the function's role ses:SendEmail and ses:SendRawEmail on the identity and the configuration set.",
}


def certainly_not_sent(error: BaseException) -> bool:
    """Tell whether the request was never written: no line, no credentials to sign it with, or TLS that never came about.

    TLS that breaks later is the same error of the SDK: whether it was during the handshake its cause alone tells.
    """
    if isinstance(error, _NOT_SENT):
        return True
    cause: BaseException | None = error if isinstance(error, SSLError) else None
    while cause is not None and not isinstance(cause, ssl.SSLError):
        cause = cause.__cause__ or cause.__context__
    frames = traceback.walk_tb(cause.__traceback__) if cause else ()
    return any(frame.f_code.co_name == "do_handshake" for frame, _ in frames)


def judged(error: ClientError, address: str) -> SendResult:
    """Translate an answer of SES that is an error, to a mail that this address sends.

    Raises TryLater where AWS refuses who asks, MailboxBlocked for what a person must mend, MessageRefused for a recipient in the sandbox.
    """
    code = error.response["Error"].get("Code", "")
    said = f"{code}: {error.response['Error'].get('Message', '')}"
    status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
    if code in _THROTTLED:
        wait = _QUOTA_SECONDS if "daily" in said.lower() else _THROTTLED_SECONDS
        return SendResult(outcome=SendOutcome.DEFERRED, evidence=said, after=wait, uncounted=True)
    if code in _BLOCKED:
        raise MailboxBlocked(f"{address}: Amazon SES: {said}", kind="ses", mend=_BLOCKED[code]) from error
    if code in _LOGIN or status in _NOT_LOGGED_IN:
        raise TryLater(f"{address}: Amazon SES: {said}", kind="login_refused", shared=True) from error
    if status >= _SERVER_ERROR:
        return SendResult(outcome=SendOutcome.UNKNOWN, evidence=f"HTTP {status} {said}")
    if code == "MessageRejected" and "not verified" in said.lower():
        raise _unverified(said, address) from error
    return SendResult(outcome=SendOutcome.REFUSED, evidence=f"{said} {_REFUSED.get(code, '')}".strip())


def _unverified(said: str, address: str) -> RouterError:
    """Tell a sender that SES does not know, which a person mends while its e-mails wait, from a recipient in the sandbox."""
    named = [one.casefold() for one in _NAMED.findall(said)]
    own = {address.casefold(), address.casefold().rpartition("@")[2]}
    if named and not own & set(named):
        return MessageRefused(f"{address}: Amazon SES: {said}", kind="ses_sandbox", mend=_MEND_SANDBOX)
    return MailboxBlocked(f"{address}: Amazon SES: {said}", kind="ses_unverified", mend=_MEND_UNVERIFIED)
