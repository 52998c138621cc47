"""Ask Amazon SES whether the account may send, and for this mailbox."""

from __future__ import annotations

from typing import TYPE_CHECKING

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from email_router.core.errors import MailboxBlocked, TryLater

if TYPE_CHECKING:
    from types_boto3_sesv2 import SESV2Client

    from email_router.core.mailbox import Mailbox, Profile
    from email_router.core.ports import Reach

_ABSENT = "NotFoundException"
_MEND_RIGHTS = "The command asks with your own credentials: they need ses:GetAccount and ses:GetEmailIdentity."
_MEND_IDENTITY = "Verify the address or its domain as an identity in SES, in the region of the stack."


def log_in(profile: Profile, mailbox: Mailbox, secret: str, reach: Reach, *, client: SESV2Client | None = None) -> str:
    """Return what SES says of the account and of the sender's identity.  Raises MailboxBlocked "ses" or TryLater.  Changes nothing.

    The caller's own credentials are used, so secret and reach are not; whether the function's role may send shows its first e-mail.
    """
    del secret, reach
    asked = client or _client(profile.endpoint)
    try:
        account = asked.get_account()
        verified = _verified(asked, mailbox.address)
    except ClientError as error:
        said = f"{error.response['Error'].get('Code', '')}: {error.response['Error'].get('Message', '')}"
        raise MailboxBlocked(f"{mailbox.address}: Amazon SES: {said}", kind="ses", mend=_MEND_RIGHTS) from error
    except BotoCoreError as error:
        raise TryLater(
            f"{mailbox.address}: Amazon SES was not reached: {error}",
            kind="unreachable",
            mend=_MEND_RIGHTS,
            shared=True,
        ) from error
    if not account.get("SendingEnabled"):
        raise MailboxBlocked(
            f"{mailbox.address}: Amazon SES: sending is paused for this account",
            kind="ses",
            mend="Resume sending in SES.",
        )
    if not verified:
        raise MailboxBlocked(
            f"{mailbox.address}: Amazon SES: neither the address nor its domain is a verified identity",
            kind="ses",
            mend=_MEND_IDENTITY,
        )
    sandbox = (
        "" if account.get("ProductionAccessEnabled") else "; the account is in the sandbox: only verified recipients"
    )
    return f"{verified} is verified{sandbox}"


def _verified(client: SESV2Client, address: str) -> str:
    """Return the identity that the address may send by, or nothing."""
    for identity in (address, address.rpartition("@")[2]):
        try:
            found = client.get_email_identity(EmailIdentity=identity)
        except ClientError as error:
            if error.response["Error"].get("Code") != _ABSENT:
                raise
            continue
        if found.get("VerifiedForSendingStatus"):
            return identity
    return ""


def _client(endpoint: str) -> SESV2Client:
    config = Config(retries={"total_max_attempts": 2, "mode": "standard"}, connect_timeout=10, read_timeout=30)
    return boto3.client("sesv2", endpoint_url=endpoint or None, config=config)
