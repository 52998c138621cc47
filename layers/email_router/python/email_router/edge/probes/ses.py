"""Ask Amazon SES whether the account may send, and for this mailbox."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError, NoRegionError

from email_router.core.access_steps import StepName
from email_router.core.errors import MailboxBlocked, TryLater
from email_router.edge.connect.network import connect
from email_router.edge.connect.tls import secure

if TYPE_CHECKING:
    from types_boto3_sesv2 import SESV2Client

    from email_router.core.mailbox import Mailbox, Profile
    from email_router.core.ports import Reach, Witness

_ABSENT = "NotFoundException"
_MEND_RIGHTS = "The command asks with your own credentials: they need ses:GetAccount and ses:GetEmailIdentity."
_MEND_REGION = "Set AWS_REGION, or a region in your AWS profile: that of the stack."
_MEND_CERTIFICATE = (
    "Who stands between this machine and Amazon shows a certificate of its own: name the bundle of its CA in AWS_CA_BUNDLE, as for every "
    "program with the AWS SDK."
)
_MEND_IDENTITY = "Verify the address or its domain as an identity in SES, in the region of the stack."


def log_in(profile: Profile, mailbox: Mailbox, secret: str, reach: Reach, *, client: SESV2Client | None = None) -> str:
    """Return what SES says of the account and of the sender's identity.  Raises MailboxBlocked "ses" or TryLater.  Changes nothing.

    The caller's own credentials are used, so the secret is not; whether the function's role may send shows its first e-mail.  The SDK makes
    its own connections: a witness sees one to the same place, on which nothing is said.
    """
    del secret
    asked = client or _client(profile.endpoint, mailbox.address)
    if reach.witness is not None:
        _look(asked.meta.endpoint_url, reach, reach.witness)
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
    seen = f"{verified} is verified{sandbox}"
    if reach.witness is not None:
        reach.witness.authenticated(f"your own AWS credentials (GetAccount: sending is enabled); {seen}")
    return seen


def _look(endpoint: str, reach: Reach, witness: Witness) -> None:
    """Resolve, connect and secure a line to the place that the SDK speaks to, and hang up."""
    parts = urlsplit(endpoint)
    host, secured = parts.hostname or "", parts.scheme == "https"
    if parts.scheme in getproxies() and not proxy_bypass(host):
        for name in (StepName.RESOLVE, StepName.CONNECT, StepName.TLS):
            witness.left_out(name, f"the SDK speaks to {host} through a proxy of your environment")
        return
    with connect(host, parts.port or (443 if secured else 80), reach) as line:
        if not secured:
            witness.left_out(StepName.TLS, f"{endpoint} is plain http")
            return
        try:
            secure(line, host, _authorities(), witness).close()
        except MailboxBlocked as refused:
            if refused.kind != "certificate":
                raise
            raise MailboxBlocked(str(refused), kind="certificate", mend=_MEND_CERTIFICATE) from refused


def _authorities() -> str:
    """Return the CA bundle that the SDK is told to trust, empty for the public ones."""
    bundle = os.environ.get("AWS_CA_BUNDLE", "")
    return Path(bundle).read_text("utf-8") if bundle else ""


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


def _client(endpoint: str, address: str) -> SESV2Client:
    config = Config(retries={"total_max_attempts": 2, "mode": "standard"}, connect_timeout=10, read_timeout=30)
    try:
        return boto3.client("sesv2", endpoint_url=endpoint or None, config=config)
    except NoRegionError as missing:
        raise MailboxBlocked(f"{address}: Amazon SES: {missing}", kind="ses", mend=_MEND_REGION) from missing
